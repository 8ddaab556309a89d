"""Special functions, as `torch.special` has them.

Bessel functions, orthogonal polynomials, the normal distribution's functions and their kin are
computed by NumPy in double precision and rounded once.  Integers are taken in the default dtype.
Beyond PyTorch, the Bessel functions of J, Y and K have derivatives.

>>> import rushlight as rl
>>> rl.special.bessel_j0(rl.tensor([0.0, 1.0]))
tensor([1.0000, 0.7652])
"""

from __future__ import annotations

import math
from typing import Any

from rushlight import ops
from rushlight.ops.operands import Operand, operands
from rushlight.ops.options import check_options
from rushlight.ops.promotion import get_default_dtype
from rushlight.ops.special import (
    SpecialEntr,
    SpecialXlog1Py,
    floating,
    i0,
    polynomial,
    unary,
)
from rushlight.tensor import Tensor

_ELSEWHERE = {name: name for name in ("digamma", "erf", "erfc", "erfinv", "exp2", "expm1")}
_ELSEWHERE |= {name: name for name in ("log1p", "logit", "log_softmax", "logsumexp", "polygamma")}
_ELSEWHERE |= {name: name for name in ("round", "sinc", "softmax", "xlogy")}
_ELSEWHERE |= {"expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma"}
_ELSEWHERE |= {"gammainc": "igamma", "gammaincc": "igammac", "multigammaln": "mvlgamma"}
_ELSEWHERE |= {"zeta": "special_zeta"}


def __getattr__(name: str) -> Any:
    found = ops.FUNCTIONS.get(_ELSEWHERE.get(name, ""))
    if found is None:
        raise AttributeError(
            f"module 'rushlight.special' has no attribute {name!r}: docs/differences.md lists what "
            "is not built"
        )
    return found


airy_ai = unary("airy_ai", "Airy's function Ai.")
bessel_j0 = unary("bessel_j0", "The Bessel function of the first kind of order 0.")
bessel_j1 = unary("bessel_j1", "The Bessel function of the first kind of order 1.")
bessel_y0 = unary("bessel_y0", "The Bessel function of the second kind of order 0; NaN below 0.")
bessel_y1 = unary("bessel_y1", "The Bessel function of the second kind of order 1; NaN below 0.")
i1 = unary("i1", "The modified Bessel function of the first kind of order 1.")
i0e = unary("i0e", "exp(-|x|) i0(x), which does not overflow.")
i1e = unary("i1e", "exp(-|x|) i1(x), which does not overflow.")
modified_bessel_i0, modified_bessel_i1 = i0, i1
modified_bessel_k0 = unary(
    "modified_bessel_k0", "The modified Bessel function of the second kind of order 0."
)
modified_bessel_k1 = unary(
    "modified_bessel_k1", "The modified Bessel function of the second kind of order 1."
)
scaled_modified_bessel_k0 = unary("scaled_modified_bessel_k0", "exp(x) modified_bessel_k0(x).")
scaled_modified_bessel_k1 = unary("scaled_modified_bessel_k1", "exp(x) modified_bessel_k1(x).")
spherical_bessel_j0 = unary("spherical_bessel_j0", "sin(x) / x, and 1 at 0.")
erfcx = unary("erfcx", "exp(x^2) erfc(x), which does not vanish for large x.")
log_ndtr = unary("log_ndtr", "The logarithm of ndtr, accurate where that vanishes.")
ndtri = unary("ndtri", "The inverse of ndtr: infinite at 0 and 1, NaN outside.")

_KINDS = {"t": "first", "u": "second", "v": "third", "w": "fourth"}
_CHEBYSHEV = {
    f"chebyshev_polynomial_{key}": polynomial(
        f"chebyshev_polynomial_{key}", f"Chebyshev's polynomials of the {kind} kind, of degree n."
    )
    for key, kind in _KINDS.items()
}
_SHIFTED = {
    f"shifted_{name}": polynomial(f"shifted_{name}", f"{name}(2 x - 1, n).") for name in _CHEBYSHEV
}
globals().update(_CHEBYSHEV | _SHIFTED)
hermite_polynomial_h = polynomial(
    "hermite_polynomial_h", "Hermite's polynomials of degree n, the physicists': H1 is 2 x."
)
hermite_polynomial_he = polynomial(
    "hermite_polynomial_he", "Hermite's polynomials of degree n, the probabilists': He1 is x."
)
laguerre_polynomial_l = polynomial("laguerre_polynomial_l", "Laguerre's polynomials of degree n.")
legendre_polynomial_p = polynomial("legendre_polynomial_p", "Legendre's polynomials of degree n.")


def ndtr(input: Tensor, *, out: Any = None) -> Tensor:
    """The normal distribution function: the part of a standard normal variable below each element.

    >>> import rushlight as rl
    >>> rl.special.ndtr(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([0.1587, 0.5000, 0.8413])
    """
    check_options("ndtr", out=out)
    return (floating("ndtr", input) * -math.sqrt(0.5)).erfc() / 2


def entr(input: Tensor, *, out: Any = None) -> Tensor:
    """-x log(x): 0 at 0, -infinity below 0.

    >>> import rushlight as rl
    >>> rl.special.entr(rl.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """
    check_options("entr", out=out)
    return SpecialEntr.apply((floating("entr", input),))


def xlog1py(input: Operand, other: Operand, *, out: Any = None) -> Tensor:
    """input * log(1 + other): 0 where the input is 0, unless other is NaN.

    >>> import rushlight as rl
    >>> rl.special.xlog1py(rl.tensor([0.0, 2.0]), rl.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    check_options("xlog1py", out=out)
    a, b, dtype = operands(input, other, "xlog1py")
    return SpecialXlog1Py.apply((a, b), dtype if dtype.is_floating_point else get_default_dtype())


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE})
