"""A scan's body put at certain sizes: one argument block for each step of a block of steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rushlight.engines.cpu.binding import SERIAL_OPERATIONS, Bound, Tables
from rushlight.engines.cpu.crafted import Crafted, Workspace
from rushlight.engines.cpu.expressions import is_costly
from rushlight.engines.cpu.layout import find_lifetimes
from rushlight.engines.cpu.plan import HostStep, NativeStep, Plan
from rushlight.engines.cpu.products import Product
from rushlight.graph.scan import Counts

_CHUNK_COST = 1 << 17
_COSTLY = 10
_MOST_CHUNKS = 64


class _Whole(NamedTuple):
    """Stands for the whole run in which packed constants are used."""

    reads: tuple
    writes: tuple = ()


class BodyTables(Tables):
    """Where everything goes in a body, whatever the sizes.

    `fixed` are the contractions with an operand that all steps share: by the number of the step,
    whether it is the second one.
    """

    def __init__(self, plan: Plan, counts: Counts):
        self.counts = counts
        super().__init__(plan)
        constants = range(counts.constants)
        self.fixed = {
            position: step.reads[1] in constants
            for position, step in enumerate(self.native)
            if isinstance(step, Crafted)
            and isinstance(step.family, Product)
            and any(operand in constants for operand in step.reads[:2])
        }
        lasting = [s for i in self.fixed for s in self.native[i].writes if isinstance(s, Workspace)]
        whole = _Whole(tuple(lasting))
        self.lifetimes = find_lifetimes([whole, *plan.steps, whole], plan.places)

    @property
    def is_native(self) -> bool:
        """Whether the steps of the scan can follow each other without Python."""
        constants, carries, _ = self.counts
        owners = self.plan.results[:carries]
        leaves = len(self.plan.fusion.graph.leaves)
        moved = [o for i, o in enumerate(owners) if o < leaves and o != constants + i]
        hosted = any(isinstance(step, HostStep) for step in self.plan.steps)
        return not hosted and not moved and len(set(owners)) == len(owners)


class BodyBound(Bound):
    """A body at certain sizes."""

    tables: BodyTables
    prelude: tuple[int, int, bool] | None = None

    def arrange(self, position: int, sizes: list[int]) -> None:
        """How hand-made kernels divide their work; constants of a contraction are packed apart."""
        fixed = self.tables.fixed.get(position)
        if fixed is None:
            super().arrange(position, sizes)
            return
        family = self.tables.native[position].family
        self.take(position, family.arrange_fixed(fixed, *sizes))

    def make_lists(self, addresses: list[list[int]], most_steps: int) -> None:
        """The rows of all steps of a block, and those that come before all steps."""
        tables, width = self.tables, len(self.block)
        self.spread()
        self.blocks = np.zeros((most_steps, width), np.int64)
        prelude: list[tuple[int, int, int]] = []
        rows: list[tuple[int, int, int]] = []
        self.positions: list[int] = []
        begin = self.block.ctypes.data
        for position, start in enumerate(tables.starts):
            pairs = list(zip(addresses[position], self.chunks[position], strict=True))
            if position in tables.fixed and len(pairs) == 2:
                prelude.append((pairs[0][0], begin + 8 * start, pairs[0][1]))
                del pairs[0]
            rows += [(address, 8 * start, chunks) for address, chunks in pairs]
            self.positions += [position] * len(pairs)
        self.row_count = len(rows)
        every = np.tile(np.array(rows, np.int64).reshape(-1, 3), (most_steps, 1))
        steps = np.repeat(np.arange(most_steps), len(rows))
        every[:, 1] += self.blocks.ctypes.data + steps * 8 * width
        self.rows = every
        work = sum([n * _cost(s) for n, s in zip(self.work, tables.native, strict=True)])
        self.is_serial = work < SERIAL_OPERATIONS or all(row[2] == 1 for row in rows)
        if prelude:
            self.packing = np.array(prelude, np.int64)
            self.prelude = self.packing.ctypes.data, len(prelude), self.is_serial
        varying = np.array([a != tables.arena for a in tables.address_of_pointer.tolist()], bool)
        self.slots = tables.slot_of_pointer[varying]
        self.sources = tables.address_of_pointer[varying]
        self.varying = varying

    def spread(self) -> None:
        """Cut costly elementwise kernels into more chunks: other threads spin beside them."""
        for position, step in enumerate(self.tables.native):
            if isinstance(step, NativeStep) and step.kernel.form == "map":
                chunks = self.work[position] * _cost(step) // _CHUNK_COST
                chunks = max(self.chunks[position][0], min(chunks, _MOST_CHUNKS))
                self.chunks[position] = (chunks,)
                self.block[self.tables.starts[position]] = chunks

    def patch_steps(self, addresses: np.ndarray) -> None:
        """Put in the addresses of these steps."""
        blocks = self.blocks[: len(addresses)]
        blocks[:] = self.block
        blocks[:, self.slots] = addresses[:, self.sources] + self.pointer_offsets[self.varying]


def _cost(step: Any) -> int:
    """About how many operations each element takes."""
    if isinstance(step, Crafted):
        return 2
    return sum([_COSTLY if is_costly(op.name) else 1 for op in step.kernel.ops])
