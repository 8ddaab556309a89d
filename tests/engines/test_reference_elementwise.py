"""Every elementwise primitive of the reference engine, against values derived by hand."""

import math

import numpy as np
import pytest

from rushlight.graph import creation
from rushlight.graph import elementwise as e
from rushlight.graph.dtype import bfloat16, find_dtype, float32, int64
from rushlight.graph.node import PRIMITIVES
from tests.engines.harness import assert_same, given, value

pytestmark = pytest.mark.usefixtures("reference_engine")

NAN, INF = math.nan, math.inf

UNARY = [
    ("neg", "float32", [1.5, -0.0, INF], [-1.5, 0.0, -INF]),
    ("neg", "uint8", [1, 0], [255, 0]),
    ("neg", "int8", [-128, 5], [-128, -5]),
    ("abs", "float64", [-1.5, 0.0, -INF], [1.5, 0.0, INF]),
    ("abs", "int8", [-128, -5], [-128, 5]),
    ("sign", "float32", [NAN, -0.0, 3, -INF], [0, 0, 1, -1]),
    ("sign", "int32", [-7, 0, 7], [-1, 0, 1]),
    ("sign", "bool", [True, False], [True, False]),
    ("sqrt", "float32", [4, 2, -1], [2, np.float32(math.sqrt(2)), NAN]),
    ("floor", "float32", [1.5, -1.5, 2], [1, -2, 2]),
    ("floor", "int32", [3, -3], [3, -3]),
    ("ceil", "float32", [1.5, -1.5, 2], [2, -1, 2]),
    ("trunc", "float32", [1.5, -1.5, 2], [1, -1, 2]),
    ("round", "float32", [0.5, 1.5, 2.5, -0.5, -1.5, 0.4999], [0, 2, 2, 0, -2, 0]),
    ("round", "int64", [2**53 + 1], [2**53 + 1]),
    ("invert", "bool", [True, False], [False, True]),
    ("invert", "uint8", [0, 255, 170], [255, 0, 85]),
    ("invert", "int32", [0, -1], [-1, 0]),
    ("neg", "complex64", [1 + 2j], [-1 - 2j]),
    ("exp", "complex128", [0j], [1]),
]

BINARY = [
    ("add", "int8", [127, -128], [1, -1], [-128, 127]),
    ("add", "float16", [1, 2048], [0.5, 1], [1.5, 2048]),
    ("add", "bfloat16", [256, 1], [1, 0.5], [256, 1.5]),
    ("sub", "uint8", [0, 5], [1, 2], [255, 3]),
    ("mul", "int32", [2**16, 3], [2**16, -4], [0, -12]),
    ("mul", "bool", [True, True], [True, False], [True, False]),
    ("div", "float32", [1, -1, 0, 1], [0, 0, 0, 3], [INF, -INF, NAN, np.float32(1 / 3)]),
    ("div", "float16", [1], [3], [np.float16(1 / 3)]),
    ("floor_div", "int64", [7, -7, 7, -7], [2, 2, -2, -2], [3, -4, -4, 3]),
    ("floor_div", "float32", [5, -5, 5, 1, 0, 1, -1], [3, 3, -3, 0, 0, INF, INF],
     [1, -2, -2, INF, NAN, 0, -1]),
    ("remainder", "int64", [7, -7, 7, -7], [2, 2, -2, -2], [1, 1, -1, -1]),
    ("remainder", "float32", [5, -5, 5, -5, 1, 1, -1], [3, 3, -3, -3, 0, INF, INF],
     [2, 1, -1, -2, NAN, 1, INF]),
    ("fmod", "int64", [7, -7, 7, -7], [2, 2, -2, -2], [1, -1, 1, -1]),
    ("fmod", "float32", [5, -5, 5, -5, 1, 1], [3, 3, -3, -3, 0, INF], [2, -2, 2, -2, NAN, 1]),
    ("maximum", "float32", [1, NAN, 2], [NAN, 1, 3], [NAN, NAN, 3]),
    ("minimum", "float32", [1, NAN, 2], [NAN, 1, 3], [NAN, NAN, 2]),
    ("maximum", "uint8", [255, 0], [1, 1], [255, 1]),
    ("minimum", "bool", [True, True], [True, False], [True, False]),
    ("pow", "float32", [2, -2, 0, 4, -8], [3, 3, 0, 0.5, 1 / 3], [8, -8, 1, 2, NAN]),
    ("pow", "int64", [0, 1, -1, -1, 2, 3, -3], [-1, -2, -3, -2, -1, 2, 3],
     [0, 1, -1, 1, 0, 9, -27]),
    ("pow", "uint8", [2, 255], [9, 2], [0, 1]),
    ("atan2", "float64", [0, 1, 0, -1], [1, 0, -1, 0],
     [0, math.pi / 2, math.pi, -math.pi / 2]),
    ("and", "int32", [12, -1], [10, 7], [8, 7]),
    ("or", "bool", [True, False], [False, False], [True, False]),
    ("or", "int32", [12], [10], [14]),
    ("xor", "uint8", [12], [10], [6]),
    ("shift_left", "int32", [1, 1, 1, 3], [31, 32, -1, 2], [-(2**31), 0, 0, 12]),
    ("shift_right", "int32", [-8, -8, -8, 9], [1, 40, -1, 1], [-4, -1, -1, 4]),
]  # fmt: skip

COMPARED = {
    "eq": [True, False, False, False, True],
    "ne": [False, True, True, True, False],
    "lt": [False, True, False, False, False],
    "le": [True, True, False, False, True],
    "gt": [False, False, True, False, False],
    "ge": [True, False, True, False, True],
}

ANALYTIC = {
    "exp": (math.exp, [-3.0, 0.0, 1.0, 10.5]),
    "expm1": (math.expm1, [-3.0, 1e-7, 1.0]),
    "exp2": (math.exp2, [-3.0, 0.5, 10.0]),
    "log": (math.log, [1e-3, 1.0, 7.0]),
    "log1p": (math.log1p, [-0.5, 1e-7, 7.0]),
    "log2": (math.log2, [0.125, 3.0]),
    "log10": (math.log10, [0.001, 3.0]),
    "sin": (math.sin, [-1.0, 0.5, 100.0]),
    "cos": (math.cos, [-1.0, 0.5, 100.0]),
    "tan": (math.tan, [-1.0, 0.5]),
    "asin": (math.asin, [-1.0, 0.5]),
    "acos": (math.acos, [-1.0, 0.5]),
    "atan": (math.atan, [-10.0, 0.5]),
    "sinh": (math.sinh, [-2.0, 0.5]),
    "cosh": (math.cosh, [-2.0, 0.5]),
    "tanh": (math.tanh, [-2.0, 1e-4, 9.0]),
    "asinh": (math.asinh, [-2.0, 0.5]),
    "acosh": (math.acosh, [1.0, 2.5]),
    "atanh": (math.atanh, [-0.5, 0.9]),
    "erf": (math.erf, [-0.5, 1e-5, 3.0]),
    "erfc": (math.erfc, [-0.5, 1e-5, 3.0, 9.0]),
    "lgamma": (math.lgamma, [0.5, 3.0, -0.5, 100.0]),
}


@pytest.mark.parametrize(("name", "dtype", "operand", "expected"), UNARY)
def test_of_one_operand(name, dtype, operand, expected):
    assert_same(value(e.unary(PRIMITIVES[name], given(operand, dtype))), expected)


@pytest.mark.parametrize(("name", "dtype", "left", "right", "expected"), BINARY)
def test_of_two_operands(name, dtype, left, right, expected):
    node = e.binary(PRIMITIVES[name], given(left, dtype), given(right, dtype))
    assert_same(value(node), expected)


@pytest.mark.parametrize("name", ["floor_div", "remainder", "fmod"])
@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_division_of_integers_by_zero(name, dtype):
    node = e.binary(PRIMITIVES[name], given([1, 2], dtype), given([1, 0], dtype))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        value(node)


def test_no_division_where_there_are_no_elements():
    node = e.binary(e.FLOOR_DIV, given(np.zeros(0, np.int64)), given(np.int64(0)))
    assert value(node).shape == (0,)


@pytest.mark.parametrize("name", COMPARED)
def test_comparisons(name):
    left, right = given([1.0, 1, 2, NAN, INF]), given([1.0, 2, 1, NAN, INF])
    assert_same(value(e.compare(PRIMITIVES[name], left, right)), COMPARED[name])


@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic_functions(name):
    function, points = ANALYTIC[name]
    primitive = PRIMITIVES[name]
    exact = [function(x) for x in points]
    double = value(e.unary(primitive, given(points, "float64")))
    np.testing.assert_allclose(double, exact, rtol=4e-15)
    single = value(e.unary(primitive, given(points, "float32")))
    of_rounded = [function(float(np.float32(x))) for x in points]
    np.testing.assert_allclose(single, of_rounded, rtol=6.1e-8)
    half = value(e.unary(primitive, given([points[1]], "bfloat16")))
    np.testing.assert_allclose(half, exact[1:2], rtol=2**-7)
    assert not (half.view(np.uint32) & 0xFFFF).any()


def test_analytic_functions_outside_their_domain():
    cases = {"log": [0, -1], "asin": [2], "acosh": [0.5], "atanh": [1], "erfinv": [1, -1, 2]}
    expected = {"log": [-INF, NAN], "asin": [NAN], "acosh": [NAN], "atanh": [INF]}
    expected["erfinv"] = [INF, -INF, NAN]
    for name, points in cases.items():
        assert_same(value(e.unary(PRIMITIVES[name], given(points, "float32"))), expected[name])


def test_special_values_of_gamma():
    points = given([0.0, -1.0, INF, -INF, NAN])
    assert_same(value(e.unary(e.LGAMMA, points)), [INF, INF, INF, INF, NAN])
    points = given([0.0, -0.0, -1.0, INF, -INF, NAN])
    assert_same(value(e.unary(e.DIGAMMA, points)), [-INF, INF, NAN, INF, NAN, NAN])


def test_digamma():
    known = {
        1.0: -0.5772156649015329,
        0.5: -1.9635100260214235,
        10.0: 2.251752589066721,
        -1.5: 0.7031566406452432,
        100.0: 4.600161852738087,
    }
    actual = value(e.unary(e.DIGAMMA, given(list(known))))
    np.testing.assert_allclose(actual, list(known.values()), rtol=2e-14)


def test_erfinv_inverts_erf():
    x = np.array([0, 1e-300, 1e-9, 0.3, -0.5, 0.9, -0.999, 1 - 1e-10])
    y = value(e.unary(e.ERFINV, given(x)))
    np.testing.assert_allclose(y[3], 0.27246271472675443, rtol=1e-14)
    np.testing.assert_allclose([math.erf(each) for each in y], x, rtol=2e-15)


def test_a_rank_0_operand_counts_for_every_place():
    x, one = given([[1.0, 2.0]]), creation.literal(1, find_dtype("float64"))
    assert_same(value(e.sub(one, x)), [[0, -1]])
    assert_same(value(e.sub(x, one)), [[0, 1]])
    assert_same(value(e.add(one, one)), 2)


def test_where():
    a, b = given([1.0, 2.0]), given([NAN, 4.0])
    assert_same(value(e.where(given([True, False]), a, b)), [1, 4])
    assert_same(value(e.where(given(False), a, b)), [NAN, 4])
    assert_same(value(e.where(given([True, False]), given(1.0), given(2.0))), [1, 2])


CASTS = [
    ("float32", "int32", [1.9, -1.9, 0.0], [1, -1, 0]),
    ("float32", "uint8", [-1.7, 300.5], [255, 44]),
    ("float64", "bool", [NAN, 0, -0.0, 0.1], [True, False, False, True]),
    ("complex64", "bool", [1j, 0], [True, False]),
    ("complex64", "float32", [1 + 2j], [1]),
    ("int64", "int8", [128, -129], [-128, 127]),
    ("int64", "float32", [2**24 + 1], [2**24]),
    ("bool", "float16", [True, False], [1, 0]),
    ("float32", "float16", [65519, 65520, 1e-8], [65504, INF, 0]),
    ("float32", "bfloat16", [1.00390625, 1.01171875, 3.4e38], [1, 1.015625, INF]),
    ("bfloat16", "float32", [1.015625], [1.015625]),
    ("float32", "complex128", [2.5], [2.5]),
]


@pytest.mark.parametrize(("source", "target", "operand", "expected"), CASTS)
def test_casts(source, target, operand, expected):
    assert_same(value(e.cast(given(operand, source), find_dtype(target))), expected)


@pytest.mark.filterwarnings("error")
def test_casts_of_what_no_integer_holds_warn_of_nothing():
    value(e.cast(given([NAN, INF, 1e30], "float32"), int64))


def test_bfloat16_rounds_after_each_primitive():
    one, small = given(1.0, bfloat16), given(2.0**-8, bfloat16)
    assert_same(value(e.add(e.add(one, small), small)), 1.0)
    wide = e.add(e.add(given(1.0, float32), given(2.0**-8, float32)), given(2.0**-8, float32))
    assert_same(value(wide), 1 + 2.0**-7)
