"""The error function and its kin, and the gamma function's logarithm, in float64.

Polynomials interpolate at Chebyshev nodes.  Sources of the formulas: erfc(x) (1 + 2x) exp(x^2) as
a polynomial in (x - k) / (x + k) is Shepherd and Laframboise's (1981); the start of erfinv is
Winitzki's approximation, refined by Halley's method; lgamma and digamma are reduced by their
recurrences and reflected, then Stirling's series.
"""

from __future__ import annotations

import math

from rushlight.engines.cpu import angles
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.doubles import INFINITY, NAN, exp, log, log1p, polynomial
from rushlight.engines.cpu.exactly import exact_product
from rushlight.engines.cpu.values import Value

# (erf(x) / x - 2 / sqrt(pi)) / z, z = x * x up to 1
_ERF = (6.174097221305255e-11, -1.1500357159785296e-09, 1.4692484859133263e-08)
_ERF += (-1.6355118610877705e-07, 1.6461446656928561e-06, -1.4925622504489842e-05)
_ERF += (0.00012055332214716276, -0.0008548327010033328, 0.005223977625303518)
_ERF += (-0.026866170645123838, 0.11283791670955111, -0.37612638903183754)
_ERF_SLOPE = 0.1283791670955126  # 2 / sqrt(pi) - 1

_ERFC_CENTRE = 3.75
_ERFC = (-1.881654489021793e-09, 2.4400383726855472e-08, 1.9345116508296444e-08)
_ERFC += (-2.3982129862269504e-07, -5.29753058341645e-08, 1.7371763592838642e-06)
_ERFC += (-9.762657145445655e-07, -1.1437184601940448e-05, 2.2385310852576762e-05)
_ERFC += (5.164693848153324e-05, -0.0002901543468387234, 0.0002937140960700885)
_ERFC += (0.001755625893430372, -0.009746579611350373, 0.028362277415409323)
_ERFC += (-0.0586933985858041, 0.09230432116053428, -0.10880393014188905)
_ERFC += (0.08227673849014257, 0.0035854154854664086, -0.14024059858554697, 1.2375126308378275)

# lgamma(x) / (x - 1) / (x - 2) by powers of x - 3 / 2, x from 1 to 2
_LGAMMA = (-1.804276273750087e-05, 2.8340547351058232e-05, -2.2062867871136606e-05)
_LGAMMA += (3.4988964640274815e-05, -6.765020809380933e-05, 0.00010771545393886628)
_LGAMMA += (-0.00016865016226225166, 0.0002708950296280356, -0.0004380224528708151)
_LGAMMA += (0.0007115650250304279, -0.0011644126224041502, 0.0019229132430031888)
_LGAMMA += (-0.003212074148968353, 0.005446457956850198, -0.009425622447061077)
_LGAMMA += (0.01679709862898276, -0.0313084875010217, 0.06291140107458168)
_LGAMMA += (-0.14595989591430608, 0.4831289505409809)
_LARGE = 8
_HALF_LOG_TWO_PI = 0.9189385332046728
# B(2k) / (2k (2k - 1)), and B(2k) / 2k, highest first
_STIRLING = (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
_ASYMPTOTIC = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
# x (x + 1) ... (x + 7), and its derivative
_RISING = (1.0, 28.0, 322.0, 1960.0, 6769.0, 13132.0, 13068.0, 5040.0, 0.0)
_RISING_SLOPE = (8.0, 196.0, 1932.0, 9800.0, 27076.0, 39396.0, 26136.0, 5040.0)


def _erf_near(f: Function, x: Value) -> Value:
    square = x * x
    return f.fma(f.fma(polynomial(f, square, _ERF), square, _ERF_SLOPE), x, x)


def _erfc_far(f: Function, size: Value) -> Value:
    """erfc of numbers from about 1/2 upwards."""
    limited = f.select(size < 28.0, size, f.like(28.0, size))
    ratio = (limited - _ERFC_CENTRE) / (limited + _ERFC_CENTRE)
    square, rest = exact_product(f, limited, limited)
    falling = exp(f, -square)
    falling = f.fma(falling, -rest, falling)
    return polynomial(f, ratio, _ERFC) * falling / (1.0 + 2.0 * limited)


def erf(f: Function, x: Value) -> Value:
    """The error function."""
    size = f.absolute(x)
    far = f.copysign(1.0 - _erfc_far(f, size), x)
    result = f.select(size < 1.0, _erf_near(f, x), far)
    return f.select(x.is_nan(), x, result)


def erfc(f: Function, x: Value) -> Value:
    """1 - erf(x), accurate where that is small."""
    far = _erfc_far(f, f.absolute(x))
    far = f.select(x < 0.0, 2.0 - far, far)
    result = f.select(f.absolute(x) < 0.5, 1.0 - _erf_near(f, x), far)
    return f.select(x.is_nan(), x, result)


def erfinv(f: Function, x: Value) -> Value:
    """The inverse of the error function."""
    size = f.absolute(x)
    inside = f.select(size < 1.0, size, f.like(0.0, x))
    shrinking = log1p(f, -(inside * inside))
    middle = shrinking * 0.5 + 2.0 / (math.pi * 0.147)
    root = f.intrinsic("sqrt", middle * middle - shrinking / 0.147) - middle
    y = f.variable(f.intrinsic("sqrt", f.select(root > 0.0, root, f.like(0.0, x))))
    # near zero the start has lost its digits
    y.value = f.select(inside < 1e-3, inside * 0.886226925452758, y.value)
    with f.loop(0, 2):
        before = y.value
        complement = erfc(f, before)
        near = _erf_near(f, before) - inside
        error = f.select(inside < 0.5, near, (1.0 - inside) - complement)
        step = error * exp(f, before * before) * (math.sqrt(math.pi) / 2)
        y.value = before - step / (1.0 + before * step)
    outside = f.select(size.equals(1.0), f.like(INFINITY, x), f.like(NAN, x))
    return f.copysign(f.select(size < 1.0, y.value, outside), x)


def _lgamma_of_positive(f: Function, x: Value) -> Value:
    """By recurrence to between 1 and 2, or Stirling's series from 8 upwards."""
    below, product = x, f.like(1.0, x)
    for _ in range(_LARGE - 2):
        above = below > 2.0
        lower = below - 1.0
        product = f.select(above, product * lower, product)
        below = f.select(above, lower, below)
    under = x < 1.0
    # from x below 1 to x + 1, all of whose differences are exact
    centred = f.select(under, x - 0.5, below - 1.5)
    factors = f.select(under, x, below - 1.0) * f.select(under, x - 1.0, below - 2.0)
    logarithm = log(f, f.select(under, x, f.select(x < _LARGE, product, x)))
    small = polynomial(f, centred, _LGAMMA) * factors
    small = f.select(under, small - logarithm, small + logarithm)
    inverse = 1.0 / x
    series = polynomial(f, inverse * inverse, _STIRLING) * inverse
    large = (x - 0.5) * (logarithm - 1.0) + ((_HALF_LOG_TWO_PI - 0.5) + series)
    large = f.select(x < 1e300, large, x * (logarithm - 1.0))
    return f.select(x < _LARGE, small, f.select(x.equals(INFINITY), x, large))


def lgamma(f: Function, x: Value) -> Value:
    """The logarithm of |gamma(x)|; infinite at 0, -1, -2, ..."""
    size = f.absolute(x)
    positive = _lgamma_of_positive(f, f.select(size.equals(0.0), f.like(1.0, x), size))
    fraction = x - f.intrinsic("roundeven", x)
    wave = f.absolute(angles.sin(f, fraction * math.pi)) * size
    mirrored = log(f, math.pi / wave) - positive
    # tiny numbers would overflow on the way
    mirrored = f.select(size < 1e-20, -log(f, size), mirrored)
    result = f.select(x > 0.0, positive, mirrored)
    pole = (x <= 0.0) & fraction.equals(0.0)
    result = f.select(pole | size.equals(INFINITY), f.like(INFINITY, x), result)
    return f.select(x.is_nan(), x, result)


def _digamma_of_positive(f: Function, x: Value) -> Value:
    small = x < _LARGE
    limited = f.select(small, x, f.like(1.0, x))
    rest = polynomial(f, limited, _RISING_SLOPE) / polynomial(f, limited, _RISING)
    raised = f.select(small, x + float(_LARGE), x)
    inverse = 1.0 / raised
    square = inverse * inverse
    series = polynomial(f, square, _ASYMPTOTIC) * square
    result = log(f, raised) - 0.5 * inverse - series
    return f.select(small, result - rest, result)


def digamma(f: Function, x: Value) -> Value:
    """The derivative of lgamma; infinite at 0, NaN at -1, -2, ..."""
    positive = _digamma_of_positive(f, f.select(x > 0.0, x, 1.0 - x))
    fraction = x - f.intrinsic("roundeven", x)
    mirrored = positive - math.pi / angles.tan(f, fraction * math.pi)
    mirrored = f.select(fraction.equals(0.0), f.like(NAN, x), mirrored)
    result = f.select(x > 0.0, positive, mirrored)
    result = f.select(x.equals(0.0), f.copysign(f.like(INFINITY, x), -x), result)
    return f.select(x.is_nan() | x.equals(-INFINITY), x - x, result)


FLOAT64 = {"erf": erf, "erfc": erfc, "erfinv": erfinv, "lgamma": lgamma, "digamma": digamma}
