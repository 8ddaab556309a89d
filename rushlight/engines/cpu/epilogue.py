"""Pass 4, for what is computed of a contraction's results while they are in registers.

A bias, an activation, a residual or the derivative of an activation joins the contraction's group
when it reads the results place by place.  It is traced as a kernel of its own kind, "epilogue",
whose loops are batch, rows and columns, and written into the function that stores a tile.
"""

from __future__ import annotations

from rushlight.engines.cpu.affine import counter
from rushlight.engines.cpu.arrange import Slot
from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Filler, Kernel, sizes_of
from rushlight.engines.cpu.steps import ONCE, ROW, VECTOR, Steps, Vector
from rushlight.engines.cpu.tile import Place, Prepare, Store
from rushlight.engines.cpu.trace import Tracer

FIRST_SLOT = int(Slot.FIRST_FREE)


def epilogue(kernel: Kernel, first_slot: int = FIRST_SLOT) -> Prepare:
    """What a hand-made kernel needs to write this one, whose slots begin there, into its stores."""

    def prepare(f: Function) -> Store:
        return _Epilogue(f, kernel, first_slot).store

    return prepare


def trace_epilogue(
    fusion: Fusion, group: Group, blocks: tuple[int, int, int, int]
) -> tuple[Draft, Kernel, list[Filler]] | None:
    """The kernel of what a group computes of its first member's results.

    `blocks` counts the loops over batch, rows and columns; None if other loops are needed.
    """
    flat = fusion.sizes.flat[group.members[0]]
    draft = Draft("epilogue", blocks, sizes_of(flat))
    tracer = Tracer(fusion, group, draft)
    tracer.store_members(group.members, tuple(map(counter, range(len(flat)))))
    kernel, fillers = draft.settle()
    whole = kernel.blocks[2] == 1 and max(kernel.blocks) == 1
    return (draft, kernel, fillers) if whole and draft.stores else None


class _Epilogue:
    def __init__(self, f: Function, kernel: Kernel, first_slot: int):
        batch, rows, columns, _ = kernel.blocks
        loops = list(range(batch + rows + columns))
        self.batch, self.rows, columns = loops[:batch], loops[batch : batch + rows], loops[-1:]
        self.kernel = kernel
        self.steps = Steps(f, kernel, columns, [], first_slot)
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
