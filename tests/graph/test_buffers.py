"""Buffers: alignment, the pool, memory that NumPy still looks into, bfloat16."""

import gc
import pickle

import numpy as np
import pytest

from rushlight.graph import buffer as module
from rushlight.graph.buffer import ALIGNMENT, Buffer, Pool
from rushlight.graph.dtype import (
    bfloat16,
    bool_,
    float16,
    float32,
    from_bfloat16_bits,
    from_numpy_dtype,
    int64,
    to_bfloat16_bits,
)
from rushlight.graph.spec import spec_of


@pytest.mark.parametrize("nbytes", [0, 1, 255, 256, 257, 5000, 1 << 20])
def test_memory_is_aligned_and_large_enough(nbytes):
    buffer = Buffer(nbytes)
    assert buffer.address % ALIGNMENT == 0
    assert buffer.nbytes == nbytes <= buffer.capacity
    start = buffer.memory.ctypes.data
    assert start <= buffer.address
    assert buffer.address + buffer.capacity <= start + buffer.memory.nbytes


def test_rounding_up_wastes_an_eighth_at_most():
    for nbytes in range(512, 20_000, 37):
        assert nbytes <= module._round_up(nbytes) <= nbytes * 1.125 + ALIGNMENT


def test_freed_memory_is_used_again():
    buffer = Buffer(123_456)
    address = buffer.address
    del buffer
    assert Buffer(123_000).address == address


def test_memory_that_an_array_looks_into_is_not_used_again():
    buffer = Buffer.holding(np.arange(40_000.0), float32)
    array = buffer.stored((40_000,), float32)
    address = buffer.address
    del buffer
    others = [Buffer(160_000) for _ in range(3)]
    assert all(other.address != address for other in others)
    for other in others:
        other.stored((40_000,), float32)[...] = -1
    np.testing.assert_array_equal(array, np.arange(40_000))


def test_exports_are_noticed():
    buffer = Buffer(64)
    assert not buffer.is_exported
    array = buffer.stored((16,), float32)
    assert buffer.is_exported
    part = array[2:]
    del array
    assert buffer.is_exported
    del part
    assert not buffer.is_exported


def test_foreign_memory_is_used_in_place():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    buffer = Buffer.around(array)
    assert buffer.is_exported
    assert buffer.address == array.ctypes.data
    seen = buffer.stored((2, 3), from_numpy_dtype(array.dtype))
    assert np.shares_memory(seen, array)
    assert not seen.flags.writeable


def test_foreign_memory_does_not_enter_the_pool():
    array = np.zeros(1000)
    address = array.ctypes.data
    buffer = Buffer.around(array)
    del buffer, array
    gc.collect()
    pooled = [block for each in module.POOL._free.values() for block in list(each)]
    assert all(address != other for _, other, _ in pooled)


def test_the_pool_keeps_no_more_than_its_limit(monkeypatch):
    monkeypatch.setattr(module, "_MOST_POOLED_BYTES", 1024)
    pool = Pool()
    taken = [pool.take(512) for _ in range(4)]
    for each in taken:
        pool.give(*each)
    assert sum(len(each) for each in pool._free.values()) == 2
    pool.clear()
    assert not pool._free


def test_a_full_machine_empties_the_pool(monkeypatch):
    pool = Pool()
    pool.give(*pool.take(1 << 16))
    empty, calls = np.empty, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise MemoryError
        return empty(*arguments)

    monkeypatch.setattr(module.np, "empty", failing)
    pool.take(1 << 20)
    assert len(calls) == 2
    assert not pool._free


def test_values_are_copied_in():
    source = np.arange(4, dtype=np.float32)[::-1]
    buffer = Buffer.holding(source, float32)
    source[...] = 9
    np.testing.assert_array_equal(buffer.values(spec_of((4,), float32)), [3, 2, 1, 0])
    np.testing.assert_array_equal(
        Buffer.holding(np.array([1.7, -1.7]), int64).values(spec_of((2,), int64)), [1, -1]
    )


def test_empty_and_scalar_buffers():
    assert Buffer.holding(np.zeros((0, 3)), float32).values(spec_of((0, 3), float32)).size == 0
    assert Buffer.holding(np.array(True), bool_).values(spec_of((), bool_))
    assert Buffer.around(np.zeros((0, 3))).stored((0, 3), float32).shape == (0, 3)


BFLOAT16 = [
    (1.0, 0x3F80),
    (-0.0, 0x8000),
    (1.00390625, 0x3F80),  # half way: to even
    (1.01171875, 0x3F82),
    (3.3961776e38, 0x7F80),  # rounds up to infinity
    (float("inf"), 0x7F80),
    (1e-40, 0x0001),
]


@pytest.mark.parametrize(("number", "bits"), BFLOAT16)
def test_bfloat16_rounds_to_nearest_even(number, bits):
    assert to_bfloat16_bits(np.array([number], np.float32)) == [bits]


def test_bfloat16_storage():
    every = np.arange(1 << 16, dtype=np.uint16)
    wide = from_bfloat16_bits(every)
    back = to_bfloat16_bits(wide)
    same = ~np.isnan(wide)
    np.testing.assert_array_equal(back[same], every[same])
    assert np.isnan(from_bfloat16_bits(back[~same])).all()
    buffer = Buffer.holding(np.array([0.1, 2.0]), bfloat16)
    assert buffer.nbytes == 4
    assert buffer.values(spec_of((2,), bfloat16)).dtype == np.float32
    copy = Buffer.holding(buffer.stored((2,), bfloat16), bfloat16)
    np.testing.assert_array_equal(
        copy.values(spec_of((2,), bfloat16)), np.array([0.10009765625, 2], np.float32)
    )


def test_dtypes_from_numpy():
    assert from_numpy_dtype(np.dtype(">f4")) is float32
    assert from_numpy_dtype(np.dtype("e")) is float16
    with pytest.raises(TypeError, match="NumPy dtype object"):
        from_numpy_dtype(np.dtype(object))
    assert pickle.loads(pickle.dumps(bfloat16)) is bfloat16  # noqa: S301
