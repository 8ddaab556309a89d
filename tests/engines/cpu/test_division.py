"""Quotients, remainders and powers: the same bits as the reference engine's, and no trap."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.engines.cpu import ENGINE, host
from rushlight.engines.reference.engine import ENGINE as REFERENCE
from rushlight.graph import dtype as dtypes
from rushlight.graph import elementwise as e
from tests.engines.harness import given, using, value

DIVISIONS = (e.FLOOR_DIV, e.REMAINDER, e.FMOD)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64", "float16", "bfloat16")
COUNT = 3001


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Small graphs are compiled too."""
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)


def on_both(primitive, a, b, dtype):
    found = []
    for engine in (ENGINE, REFERENCE):
        with using(engine), np.errstate(all="ignore"):
            found.append(value(e.binary(primitive, given(a, dtype), given(b, dtype))))
    return found


def integers(name):
    random, dtype = np.random.default_rng(0), np.dtype(name)
    info = np.iinfo(dtype)
    a, b = random.integers(info.min, info.max, (2, COUNT), dtype, endpoint=True)
    least = max(info.min, -7)
    b[:1000] = random.integers(least, 7, 1000, endpoint=True).astype(dtype)
    a[:20], b[:10] = info.min, info.max if dtype.kind == "u" else -1
    a[20:40] = info.max
    b[b == 0] = 3
    return a, b


@pytest.mark.parametrize("primitive", [*DIVISIONS, e.POW], ids=lambda p: p.name)
@pytest.mark.parametrize("name", INTEGERS)
def test_integers(name, primitive):
    got, wanted = on_both(primitive, *integers(name), name)
    np.testing.assert_array_equal(got, wanted)


def floats(name):
    random = np.random.default_rng(1)
    kind = dtypes.find_dtype(name).compute
    unsigned = {2: np.uint16, 4: np.uint32, 8: np.uint64}[kind.itemsize]
    a, b = random.integers(0, np.iinfo(unsigned).max, (2, COUNT), unsigned).view(kind).copy()
    a[:1000], b[:1000] = random.normal(size=(2, 1000)) * 10
    a[500:1000], b[500:1000] = np.rint(a[500:1000] * 10), np.rint(b[500:1000])
    a[:9] = [0, -0.0, np.inf, np.nan, 5, -5, 1, -1, 0]
    b[:9] = [-3, 3, 2, 1, np.inf, np.inf, 0, 0, 0]
    return a, b


@pytest.mark.parametrize("primitive", DIVISIONS, ids=lambda p: p.name)
@pytest.mark.parametrize("name", FLOATS)
def test_floats(name, primitive):
    with np.errstate(all="ignore"):
        got, wanted = on_both(primitive, *floats(name), name)
    np.testing.assert_array_equal(got, wanted)
    there = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got)[there], np.signbit(wanted)[there])


@pytest.mark.parametrize(
    "divide",
    [lambda x: x % 0, lambda x: x // (x - 5), lambda x: x % rl.tensor(0), lambda x: rl.fmod(x, 0)],
)
def test_division_by_zero_is_an_error(divide):
    x = rl.arange(10000)
    rl.sync()
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        divide(x).tolist()
    assert (x // 10).sum().item() == 4995000


def test_a_divisor_may_change_between_runs():
    x = rl.arange(9000)
    rl.sync()
    for divisor in (7, 8):
        assert (x % divisor).max().item() == divisor - 1
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        (x % 0).max().item()
