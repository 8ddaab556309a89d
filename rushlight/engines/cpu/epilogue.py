"""Pass 4, for what is computed of a contraction's results while they are in registers.

A bias, an activation, a residual or the derivative of an activation joins the contraction's group
when it reads the results place by place.  It is traced as a kernel of its own kind, "epilogue",
whose loops are batch, rows and columns, and written into the function that stores a tile.
"""

from __future__ import annotations

from rushlight.engines.cpu.arrange import Slot
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.kernel import Kernel
from rushlight.engines.cpu.steps import ONCE, ROW, VECTOR, Steps, Vector
from rushlight.engines.cpu.tile import Place, Prepare, Store

FIRST_SLOT = int(Slot.FIRST_FREE)


def epilogue(kernel: Kernel) -> Prepare:
    """What `contraction.kernel_requests` needs to write the kernel into its stores."""

    def prepare(f: Function) -> Store:
        return _Epilogue(f, kernel).store

    return prepare


class _Epilogue:
    def __init__(self, f: Function, kernel: Kernel):
        batch, rows, columns, _ = kernel.blocks
        loops = list(range(batch + rows + columns))
        self.batch, self.rows, columns = loops[:batch], loops[batch : batch + rows], loops[-1:]
        self.kernel = kernel
        self.steps = Steps(f, kernel, columns, [], FIRST_SLOT)
        self.known: dict = {}
        self.every = self.steps.needed([value for value, _ in kernel.stores], {})
        self.steps.compute(self.every, self.known, {}, None, (ONCE,))

    def store(self, place: Place) -> None:
        """Compute and store everything for one vector of results."""
        steps, known = self.steps, dict(self.known)
        counters = dict.fromkeys(self.batch, place.batch) | dict.fromkeys(self.rows, place.row)
        vector = Vector(place.column, place.lanes, place.mask)
        for step, op in enumerate(self.kernel.ops):
            if op.name == "result":
                known[step] = place.value.cast(op.dtype)
        steps.compute(self.every, known, counters, None, (ROW,))
        steps.compute(self.every, known, counters, vector, (VECTOR,))
        for value, access in self.kernel.stores:
            steps.store(known[value], access, counters, vector)
