"""The builder: casts between all dtypes, masked memory, control flow, lanes."""

import itertools

import numpy as np
import pytest

from rushlight.engines.cpu import build
from rushlight.engines.cpu.builder import POINTER
from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import bool_, float16, float32, float64, int32, int64
from tests.engines.cpu.kernels import elementwise, run_kernel

REAL = [dtype for dtype in dtypes.ALL if not dtype.is_complex]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -3.5, 100.25, 126.99, -127.5, 65504.0, 1e-7, 3e38]
SPECIAL += [65520.0, 6e-8, 5.9e-8, 2.98e-8, 2.99e-8, 1.0009765, 1.0014648]


def samples(dtype, target):
    """Numbers of `dtype` whose conversion to `target` is defined."""
    if dtype is bool_:
        return np.array([False, True] * 10)
    if dtype.kind in "iu":
        information = np.iinfo(dtype.storage)
        edges = [0, 1, 2, 3, 77, 127, information.max, information.max - 1, information.min]
        return np.array(edges + list(range(100, 113)), dtype.storage)
    values = np.array([*SPECIAL, np.inf, -np.inf, np.nan])
    if target.kind in "iu":
        low = -100.0 if target.kind == "i" else 0.0
        values = np.array([low, 0.0, 0.3, 0.99, 1.0, 1.5, 2.9, 63.7, 100.5, 126.9])
    with np.errstate(over="ignore"):
        return values.astype(dtype.compute)


def stored(values, dtype):
    if dtype is dtypes.bfloat16:
        return dtypes.to_bfloat16_bits(values)
    return np.ascontiguousarray(values, dtype.storage)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("source", REAL, ids=lambda dtype: dtype.name)
def test_casts_agree_with_numpy(source, lanes):
    for target in REAL:
        given = stored(samples(source, target), source)
        values = dtypes.from_bfloat16_bits(given) if source is dtypes.bfloat16 else given
        with np.errstate(over="ignore", invalid="ignore"):
            wanted = stored(values.astype(target.compute), target)
        result = np.zeros(given.shape, target.storage)
        elementwise(lambda f, x, to=target: x.cast(to), [given], result, [source, target], lanes)
        np.testing.assert_array_equal(result, wanted, err_msg=target.name)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=lambda dtype: dtype.name)
def test_halves_round_after_each_operation(dtype):
    random = np.random.default_rng(0)
    a, b = (stored(random.normal(size=1003).astype(np.float32), dtype) for _ in range(2))
    result = np.zeros_like(a)
    elementwise(lambda f, x, y: x * y + x, [a, b], result, [dtype] * 3, 8)
    if dtype is float16:
        wanted = a * b + a
    else:
        x, y = dtypes.from_bfloat16_bits(a), dtypes.from_bfloat16_bits(b)
        product = dtypes.from_bfloat16_bits(dtypes.to_bfloat16_bits(x * y))
        wanted = dtypes.to_bfloat16_bits(product + x)
    np.testing.assert_array_equal(result, wanted)


def test_float16_in_integer_arithmetic_keeps_every_number(monkeypatch):
    import dataclasses

    from rushlight.engines.cpu import casts

    plain = dataclasses.replace(casts.machine(), has_half=False)
    monkeypatch.setattr(casts, "machine", lambda: plain)
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide = np.zeros(every.size, np.float32)
    elementwise(lambda f, x: x.cast(float32), [every], wide, [float16, float32], 8)
    np.testing.assert_array_equal(wide, every.astype(np.float32))
    with np.errstate(all="ignore"):
        near = np.concatenate([wide, np.nextafter(wide, np.inf), wide * np.float32(1.0005)])
        wanted = near.astype(np.float16)
    narrow = np.zeros(near.size, np.float16)
    elementwise(lambda f, x: x.cast(float16), [near], narrow, [float32, float16], 8)
    np.testing.assert_array_equal(narrow, wanted)


@pytest.mark.parametrize("dtype", REAL, ids=lambda dtype: dtype.name)
def test_masked_tails_touch_nothing_else(dtype):
    given = np.ones(64, dtype.storage)
    for count in range(18):
        result = np.zeros(64, dtype.storage)
        elementwise(lambda f, x: x, [given], result[:count], [dtype, dtype], 8)
        assert result[:count].all()
        assert not result[count:].any()


def test_otherwise_may_hold_loops():
    def emit(f):
        result, flag = f.argument(POINTER, 0), f.argument(int64, 1)
        total = f.variable(f.constant(0, int64))
        with f.when(flag > 0) as positive, f.loop(0, 10) as i:
            total.value = total.value + i
        with positive.otherwise():
            with f.when(flag.equals(0)) as zero:
                total.value = -1
            with zero.otherwise(), f.loop(0, 3) as i:
                total.value = total.value - i
        f.store(total.value, result)

    for flag, wanted in ((1, 45), (0, -1), (-5, -3)):
        result = np.zeros(1, np.int64)
        run_kernel(emit, result, flag)
        assert result[0] == wanted


def test_gather_scatter_and_fold():
    source = np.arange(100, dtype=np.float64)
    places = np.array([3, 97, 50, 2, 8, 9, 1, 0], np.int64)
    result, total = np.zeros(100), np.zeros(1)

    def emit(f):
        index = f.load(int64, f.argument(POINTER, 1), 0, 8)
        mask = f.mask(f.constant(6, int64), 8)
        values = f.gather(float64, f.argument(POINTER, 0), index, mask)
        f.scatter(values, f.argument(POINTER, 2), index, mask)
        f.store(f.fold(values, lambda a, b: a + b), f.argument(POINTER, 3))

    run_kernel(emit, source, places, result, total)
    wanted = np.zeros(100)
    wanted[places[:6]] = places[:6]
    np.testing.assert_array_equal(result, wanted)
    assert total[0] == places[:6].sum()


def test_minimum_and_maximum_hand_nan_on():
    pairs = np.array(list(itertools.product([1.0, -2.0, np.nan, np.inf], repeat=2)))
    a, b = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    for name in ("minimum", "maximum"):
        result = np.zeros_like(a)
        compute = lambda f, x, y, name=name: getattr(f, name)(x, y)  # noqa: E731
        elementwise(compute, [a, b], result, [float64] * 3, 4)
        np.testing.assert_array_equal(result, getattr(np, name)(a, b))


def test_bool_adds_as_or_and_multiplies_as_and():
    a, b = np.array([[False, False, True, True], [False, True, False, True]])
    for compute in (lambda f, x, y: x + y, lambda f, x, y: x * y):
        result = np.zeros(4, bool)
        elementwise(compute, [a, b], result, [bool_] * 3, 8)
        np.testing.assert_array_equal(result, compute(None, a, b))


def test_mismatched_dtypes_are_refused():
    def emit(f):
        f.constant(1, int32) + f.constant(1, int64)

    with pytest.raises(TypeError, match="expected int32"):
        build.module_text(emit)
