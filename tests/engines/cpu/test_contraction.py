"""Contractions against NumPy: shapes of every kind, views, tables, epilogues, threads."""

import numpy as np
import pytest

from rushlight.engines.cpu import arrange as arranging
from rushlight.engines.cpu import build, pool
from rushlight.engines.cpu.builder import POINTER
from rushlight.engines.cpu.contraction import Contraction, Slot, arrange, kernel_requests
from rushlight.graph.dtype import (
    bfloat16,
    float16,
    float32,
    float64,
    from_bfloat16_bits,
    int64,
    to_bfloat16_bits,
    uint8,
)

SHAPES = [(1, 1, 1, 1), (1, 6, 16, 8), (1, 7, 17, 9), (1, 128, 10, 512), (1, 100, 100, 100)]
SHAPES += [(3, 65, 33, 70), (9, 12, 40, 30), (1, 70, 70, 1100), (2, 80, 90, 0), (1, 1, 300, 200)]
SHAPES += [(1, 300, 1, 200), (1, 500, 300, 60), (1, 128, 200, 300)]


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = pool.get_num_threads()
    pool.set_num_threads(request.param)
    yield request.param
    pool.set_num_threads(before)


def elements(array):
    return [stride // array.itemsize for stride in array.strides]


def run(dtype, a, b, c, tables=False, prepare=None, extra=()):
    """c = a @ b for arrays of rank 3, through the compiled kernels."""
    batch, rows, depth = a.shape
    columns = b.shape[2]
    work = arrange(dtype, batch, rows, columns, depth)
    strides = elements(a), elements(b), elements(c)
    batches = np.array([[i * s[0] for s in strides] for i in range(batch)], np.int64)
    sides = [strides[0][1], strides[0][2], strides[1][2], strides[1][1]]
    if tables:
        sizes = rows, depth, columns, depth
        held = [np.arange(n) * side for n, side in zip(sizes, sides, strict=True)]
        sides = [table.ctypes.data for table in held]
    workspace = np.empty(work.workspace_bytes, np.uint8)
    operands = [a.ctypes.data, *sides[:2], b.ctypes.data, *sides[2:], c.ctypes.data, strides[2][1]]
    operands += [batches.ctypes.data, workspace.ctypes.data]
    block = np.array([*operands, *work.numbers, *extra], np.int64)
    epilogue = None if prepare is None else id(prepare)
    shape = Contraction(dtype, tables, tables, epilogue)
    addresses = build.kernel_addresses(kernel_requests(shape, work.variant, prepare))
    pairs = zip(addresses, work.chunks, strict=True)
    steps = np.array([[address, block.ctypes.data, n] for address, n in pairs], np.int64)
    pool.require_scratch(work.scratch_bytes)
    pool.run_list(steps.ctypes.data, len(steps))


def operand(random, kind, shape, transposed):
    shape = (shape[0], shape[2], shape[1]) if transposed else shape
    if np.issubdtype(kind, np.integer):
        array = random.integers(0, 100, shape).astype(kind)
    else:
        array = random.normal(size=shape).astype(kind)
    return array.transpose(0, 2, 1) if transposed else array


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [float32, float64, int64, uint8], ids=lambda dtype: dtype.name)
def test_all_layouts(dtype, shape, tables):
    batch, rows, columns, depth = shape
    random, results = np.random.default_rng(0), []
    a = operand(random, dtype.storage, (batch, rows, depth), False)
    b = operand(random, dtype.storage, (batch, depth, columns), False)
    wide = np.float64 if dtype.is_floating_point else dtype.storage
    wanted = a.astype(wide) @ b.astype(wide)
    for left in (a, a.transpose(0, 2, 1).copy().transpose(0, 2, 1)):
        for right in (b, b.transpose(0, 2, 1).copy().transpose(0, 2, 1)):
            around = np.full((batch, rows + 1, columns + 3), 77, dtype.storage)
            run(dtype, left, right, around[:, :rows, :columns], tables)
            assert (around[:, rows:] == 77).all()
            assert (around[:, :, columns:] == 77).all()
            results.append(around[:, :rows, :columns])
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])  # the layout changes no bit
    if dtype.is_floating_point:
        bound = np.finfo(dtype.storage).eps * 40 * (depth**0.5 + 1)
        np.testing.assert_allclose(results[0], wanted, rtol=0, atol=bound)
    else:
        np.testing.assert_array_equal(results[0], wanted)


@pytest.mark.parametrize("shape", [(1, 300, 257, 530), (4, 90, 70, 50), (20, 9, 8, 7)])
def test_threads_change_no_bit(shape, threads):
    batch, rows, columns, depth = shape
    random = np.random.default_rng(3)
    a = operand(random, np.float32, (batch, rows, depth), False)
    b = operand(random, np.float32, (batch, depth, columns), True)
    result, serial = np.zeros((2, batch, rows, columns), np.float32)
    run(float32, a, b, result)
    pool.set_num_threads(1)
    run(float32, a, b, serial)
    np.testing.assert_array_equal(result, serial)


def test_variants_change_no_bit(monkeypatch):
    """Whichever way the operands are packed, each result is the same chain of multiply-adds."""
    random = np.random.default_rng(4)
    a = operand(random, np.float32, (1, 61, 1030), True)
    b = operand(random, np.float32, (1, 1030, 45), False)
    results = []
    for variant in arranging.VARIANTS:
        arrange.cache_clear()
        monkeypatch.setattr(arranging, "_variant", lambda *_, variant=variant: variant)
        results.append(np.zeros((1, 61, 45), np.float32))
        run(float32, a, b, results[-1])
    arrange.cache_clear()
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("depth", [20, 700])
def test_epilogue(depth):
    """A bias along the columns, and a second result."""
    random = np.random.default_rng(5)
    a = operand(random, np.float32, (1, 33, depth), False)
    b = operand(random, np.float32, (1, depth, 29), False)
    bias = random.normal(size=29).astype(np.float32)
    plain, shifted, again = np.zeros((3, 1, 33, 29), np.float32)

    def prepare(f):
        first, second = f.argument(POINTER, Slot.C), f.argument(POINTER, Slot.FIRST_FREE)
        row_of_biases = f.argument(POINTER, Slot.FIRST_FREE + 1)

        def store(place):
            added = f.load(float32, row_of_biases, place.column, place.lanes, place.mask)
            f.store(place.value + added, first, place.offset, place.mask)
            f.store(f.maximum(place.value, 0.0), second, place.offset, place.mask)

        return store

    run(float32, a, b, plain)
    run(float32, a, b, shifted, False, prepare, [again.ctypes.data, bias.ctypes.data])
    np.testing.assert_array_equal(shifted, plain + bias)
    np.testing.assert_array_equal(again, np.maximum(plain, 0))


@pytest.mark.parametrize("dtype", [float16, bfloat16], ids=lambda dtype: dtype.name)
def test_halves_accumulate_in_float32(dtype):
    random = np.random.default_rng(6)
    a = operand(random, np.float32, (1, 20, 600), False)
    b = operand(random, np.float32, (1, 600, 37), False)
    wide = np.zeros((1, 20, 37), np.float32)
    if dtype is bfloat16:
        small = to_bfloat16_bits(a), to_bfloat16_bits(b)
        run(float32, *[from_bfloat16_bits(x) for x in small], wide)
        wanted = to_bfloat16_bits(wide)
    else:
        small = a.astype(np.float16), b.astype(np.float16)
        run(float32, *[x.astype(np.float32) for x in small], wide)
        wanted = wide.astype(np.float16)
    result = np.zeros((1, 20, 37), dtype.storage)
    run(dtype, *small, result)
    np.testing.assert_array_equal(result, wanted)


def test_a_convolution_is_a_contraction_by_tables():
    """Windows of an image need no copy: the tables say where each product's factors lie."""
    random = np.random.default_rng(7)
    image = random.normal(size=(3, 10, 11)).astype(np.float32)
    filters = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(1, 2))
    wanted = np.einsum("oikl,ihwkl->ohw", filters, windows, dtype=np.float64)

    def offsets(shape, strides):
        return sum(np.indices(shape)[i] * s // 4 for i, s in enumerate(strides)).ravel()

    steps = windows.strides
    inner = (3, 3, 3), (steps[0], steps[3], steps[4])
    tables = [np.arange(4) * 27, np.arange(27), offsets((8, 9), steps[1:3]), offsets(*inner)]
    tables = [table.astype(np.int64) for table in tables]
    work = arrange(float32, 1, 4, 72, 27)
    result, batches = np.zeros((4, 72), np.float32), np.zeros(3, np.int64)
    pairs = [table.ctypes.data for table in tables]
    block = [filters.ctypes.data, *pairs[:2], image.ctypes.data, *pairs[2:], result.ctypes.data, 72]
    block = np.array([*block, batches.ctypes.data, 0, *work.numbers], np.int64)
    assert len(work.chunks) == 1
    shape = Contraction(float32, True, True)
    addresses = build.kernel_addresses(kernel_requests(shape, work.variant))
    steps = np.array([[addresses[0], block.ctypes.data, work.chunks[0]]], np.int64)
    pool.run_list(steps.ctypes.data, 1)
    np.testing.assert_allclose(result.reshape(4, 8, 9), wanted, rtol=0, atol=1e-5)
