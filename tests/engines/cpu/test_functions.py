"""Mathematical functions against NumPy in a wider type, in units of the last place."""

import math

import numpy as np
import pytest

from rushlight.engines.cpu import functions
from rushlight.graph.dtype import bfloat16, float32, float64, from_bfloat16_bits, to_bfloat16_bits
from tests.engines.cpu.kernels import elementwise

NUMPY = {"round": np.rint, "abs": np.abs, "neg": np.negative, "erf": np.vectorize(math.erf)}
NUMPY |= {name: getattr(np, f"arc{name[1:]}") for name in ("asin", "acos", "atan")}
NUMPY |= {name: getattr(np, f"arc{name[1:]}") for name in ("asinh", "acosh", "atanh")}
TWO_OPERANDS = ("pow", "atan2")
BOUNDS = {"expm1": 2.0, "tanh": 2.6, "log10": 2.0}

# extended precision is what NumPy's longdouble has on x86, but not everywhere
HAS_LONG_DOUBLES = np.finfo(np.longdouble).nmant > 60


def points(numpy_type):
    """Numbers of every size, many near the places where functions change, and special ones."""
    random = np.random.default_rng(0)
    unsigned = np.uint32 if numpy_type == np.float32 else np.uint64
    anything = random.integers(0, np.iinfo(unsigned).max, 30_000, unsigned).view(numpy_type)
    spread = [random.uniform(-size, size, 20_000) for size in (1, 10, 110, 1100)]
    near_one = 1 + random.uniform(-0.01, 0.01, 10_000)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 1e-45, -1e-45, 1e-38, 1e30]
    parts = [anything, *spread, near_one, special]
    with np.errstate(all="ignore"):
        return np.concatenate([np.asarray(part).astype(numpy_type) for part in parts])


def ulps(got, wanted):
    """The error of each number in units of the last place; 0 where both are the same."""
    with np.errstate(all="ignore"):
        rounded = wanted.astype(got.dtype)
        unit = np.spacing(np.minimum(np.abs(rounded), np.finfo(got.dtype).max))
        error = np.abs(got.astype(wanted.dtype) - wanted) / unit
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        return np.where(same, 0, np.where(np.isfinite(error), error, np.inf))


def reference(name):
    return NUMPY.get(name) or getattr(np, name)


@pytest.mark.parametrize("name", sorted(functions.EMITTED[float32] - set(TWO_OPERANDS)))
def test_float32(name):
    x = points(np.float32)
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float32, float32], 8)
    with np.errstate(all="ignore"):
        wanted = reference(name)(x.astype(np.float64))
    error = ulps(result, wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS.get(name, 1.6), f"{name}({x[worst]}) = {result[worst]}"


@pytest.mark.skipif(not HAS_LONG_DOUBLES, reason="needs a type wider than float64")
@pytest.mark.parametrize("name", sorted(functions.EMITTED[float64]))
def test_float64(name):
    x = points(np.float64)
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    elementwise(compute, [x], result, [float64, float64], 4)
    with np.errstate(all="ignore"):
        wanted = reference(name)(x.astype(np.longdouble))
    error = ulps(result, wanted)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS.get(name, 1.6), f"{name}({x[worst]}) = {result[worst]}"


@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_two_operands(name):
    random = np.random.default_rng(1)
    x = points(np.float32)
    whole = np.rint(random.uniform(-9, 9, x.size)).astype(np.float32)
    for y in (random.permutation(x), random.uniform(-20, 20, x.size).astype(np.float32), whole):
        result = np.empty_like(x)
        compute = lambda f, v, w: functions.emit_binary(f, name, v, w)  # noqa: E731
        elementwise(compute, [x, y], result, [float32] * 3, 8)
        with np.errstate(all="ignore"):
            wide = x.astype(np.float64), y.astype(np.float64)
            wanted = np.power(*wide) if name == "pow" else np.arctan2(*wide)
        error = ulps(result, wanted)
        worst = int(np.argmax(error))
        assert error[worst] <= 1, f"{name}({x[worst]}, {y[worst]}) = {result[worst]}"


@pytest.mark.parametrize("name", ["exp", "tanh", "sin"])
def test_results_do_not_depend_on_position(name):
    """A number gives the same bits in a vector, in a masked tail and as a scalar."""
    x = np.random.default_rng(2).normal(size=1003).astype(np.float32)
    compute = lambda f, v: functions.emit_unary(f, name, v)  # noqa: E731
    results = []
    for lanes, shift in ((8, 0), (8, 3), (1, 0)):
        result = np.empty(x.size - shift, np.float32)
        elementwise(compute, [x[shift:].copy()], result, [float32, float32], lanes)
        results.append(np.concatenate([results[0][:shift] if shift else result[:0], result]))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_bfloat16_is_computed_as_float32_and_rounded():
    x = to_bfloat16_bits(np.linspace(-5, 5, 999, dtype=np.float32))
    result = np.empty_like(x)
    compute = lambda f, v: functions.emit_unary(f, "exp", v)  # noqa: E731
    elementwise(compute, [x], result, [bfloat16, bfloat16], 8)
    wanted = to_bfloat16_bits(np.exp(from_bfloat16_bits(x).astype(np.float64)).astype(np.float32))
    assert np.abs(result.astype(int) - wanted.astype(int)).max() <= 1
