"""Running kernels from tests: arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from rushlight.engines.cpu import build, pool
from rushlight.engines.cpu.builder import POINTER, Function
from rushlight.graph.dtype import int64


def run_kernel(emit, *slots, chunks: int = 1) -> None:
    """Build a kernel and run it once; slots are arrays or integers."""
    key = object()  # always a new structure
    address = build.kernel_addresses([(key, emit)])[0]
    arguments = np.array(
        [slot.ctypes.data if isinstance(slot, np.ndarray) else slot for slot in slots], np.int64
    )
    steps = np.array([[address, arguments.ctypes.data, chunks]], np.int64)
    pool.run_list(steps.ctypes.data, len(steps), serial=chunks == 1)


def elementwise(compute, inputs, result, dtypes, lanes: int) -> None:
    """result[i] = compute(f, *inputs[i]) in vectors of so many lanes, with a masked tail."""

    def emit(f: Function) -> None:
        pointers = [f.argument(POINTER, i) for i in range(len(dtypes))]
        count = f.argument(int64, len(dtypes))
        with f.loop(0, count, lanes) as i:
            mask = f.mask(count - i, lanes)
            values = [
                f.load(dtype, pointer, i, lanes, mask)
                for dtype, pointer in zip(dtypes[:-1], pointers[:-1], strict=True)
            ]
            f.store(compute(f, *values), pointers[-1], i, mask)

    run_kernel(emit, *inputs, result, result.size)
