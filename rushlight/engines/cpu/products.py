"""Pass 4, for contractions: what the slots of a matrix product's argument block hold.

An operand is a stored value behind any views, so a transposed, sliced, split or repeated operand
is read where it is.  Its axes fall into groups: batch, across (rows or columns) and along (the
contracted ones).  A group whose dimensions can be counted through with one stride has that
stride; otherwise the product reads tables of offsets, made when sizes are known.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from rushlight.engines.cpu.affine import (
    ONE,
    ZERO,
    Affine,
    Polynomial,
    counter,
    size_of,
    times,
)
from rushlight.engines.cpu.arrange import COLUMNS_SHARED, ROWS_SHARED, Slot, arrange
from rushlight.engines.cpu.build import Request
from rushlight.engines.cpu.contraction import Contraction, kernel_requests
from rushlight.engines.cpu.crafted import Arrangement, Crafted, Workspace
from rushlight.engines.cpu.epilogue import epilogue, trace_epilogue
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Filler, Kernel, Place
from rushlight.engines.cpu.trace import Tracer


class Run(NamedTuple):
    """Dimensions that are counted through together: their sizes and strides."""

    sizes: tuple[Polynomial, ...]
    strides: tuple[Polynomial, ...]

    @property
    def is_one(self) -> bool:
        """Whether one stride serves all."""
        pairs = pairwise(zip(self.sizes, self.strides, strict=True))
        return all(outer == times(inner, size) for (_, outer), (size, inner) in pairs)

    @property
    def stride(self) -> Polynomial:
        """The stride of the innermost dimension."""
        return self.strides[-1] if self.strides else ZERO


class Product(NamedTuple):
    """The family of contractions; sizes are those of batch, rows, columns and depth."""

    shape: Contraction

    @property
    def first_arranged(self) -> int:
        """Where the argument block holds what `arrange` finds."""
        return int(Slot.BATCH_COUNT)

    def arrange(self, *sizes: int) -> Arrangement:
        """How a contraction is cut into blocks and chunks."""
        return arrange(self.shape.dtype, *sizes)

    def arrange_fixed(self, second: bool, *sizes: int) -> Arrangement:
        """The same where one operand is packed once for many contractions."""
        return arrange(self.shape.dtype, *sizes, variant=COLUMNS_SHARED if second else ROWS_SHARED)

    def requests(self, variant: str) -> list[Request]:
        """The kernels of a variant."""
        kernel = self.shape.epilogue
        prepare = None if kernel is None else epilogue(kernel)
        return kernel_requests(self.shape, variant, prepare)


def make_product(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """Find the operands and their strides; also says which members it leaves to another kernel."""
    value, *others = group.members
    making = _Making(fusion, group, value)
    product = making.run()
    if not others:
        return product, []
    found = trace_epilogue(fusion, group, making.blocks)
    return (product, others) if found is None else (_with_epilogue(product, *found), [])


def _with_epilogue(product: Crafted, draft: Draft, kernel: Kernel, fillers: list) -> Crafted:
    """The product that stores what the epilogue computes."""
    written = tuple([place.storage for _, place in draft.stores])
    reading = [op.detail[0].storage for op in draft.ops if op.name in ("load", "lookup")]
    shape = product.family.shape
    target = Filler("pointer", written[0], ZERO, shape.dtype)
    own = [*product.fillers]
    own[Slot.C] = target
    return product._replace(
        family=Product(shape._replace(epilogue=kernel)),
        fillers=own + fillers,
        reads=(*product.reads, *reading),
        writes=(*written, product.writes[-1]),
    )


class Placing:
    """Finds where the elements of a hand-made kernel's operands are, whatever views they are."""

    def __init__(self, fusion: Fusion, group: Group, value: int):
        self.fusion, self.group, self.value = fusion, group, value
        self.equation = fusion.equation(value)
        self.tracer = Tracer(fusion, group, Draft("map", (0, 0, 0, 0), []))
        self.loops: list[int] = []

    def new_loops(self, source: int, axes: tuple[int, ...]) -> dict[int, list[int]]:
        """A loop for each atom of some axes of an operand."""
        made = {}
        for axis in axes:
            made[axis] = []
            for atom in self.fusion.sizes.axes[source][axis]:
                made[axis].append(len(self.loops))
                self.loops.append(atom)
        return made

    def place(self, source: int, loops: dict[int, list[int]]) -> Place:
        """Where an operand's elements are, by the loops of its axes."""
        index = [counter(loop) for axis in sorted(loops) for loop in loops[axis]]
        step = self.tracer.read(source, tuple(index))
        return self.tracer.draft.ops[step].detail[0]

    def run_of(self, index: Affine, loops: list[int]) -> Run:
        """Some loops with the strides that an index has for them."""
        strides = dict(index.strides)
        sizes = tuple([size_of((self.loops[loop],)) for loop in loops])
        return Run(sizes, tuple([strides.get(loop, ZERO) for loop in loops]))

    def size(self, loops: list[int]) -> Polynomial:
        """How many steps some loops have together."""
        return size_of(tuple([self.loops[loop] for loop in loops]))


class _Making(Placing):
    def __init__(self, fusion: Fusion, group: Group, value: int):
        super().__init__(fusion, group, value)
        self.blocks = (0, 0, 0, 0)

    def run(self) -> Crafted:
        a, b = self.equation.inputs
        batch_a, batch_b, over_a, over_b = self.equation.attributes
        axes = self.fusion.sizes.axes
        rows = [i for i in range(len(axes[a])) if i not in (*batch_a, *over_a)]
        columns = [i for i in range(len(axes[b])) if i not in (*batch_b, *over_b)]
        batch = self.new_loops(a, batch_a)
        across_a = self.new_loops(a, tuple(rows))
        across_b = self.new_loops(b, tuple(columns))
        along = self.new_loops(a, over_a)
        of_b = {right: batch[left] for left, right in zip(batch_a, batch_b, strict=True)}
        of_b |= {right: along[left] for left, right in zip(over_a, over_b, strict=True)}
        place_a = self.place(a, batch | across_a | along)
        place_b = self.place(b, of_b | across_b)
        groups = [_flat(part) for part in (batch, across_a, across_b, along)]
        self.blocks = (*[len(loops) for loops in groups[:3]], 0)
        return self.describe(place_a, place_b, *groups)

    def describe(
        self,
        a: Place,
        b: Place,
        batch: list[int],
        rows: list[int],
        columns: list[int],
        depth: list[int],
    ) -> Crafted:
        dtype, value = self.equation.spec.dtype, self.value
        fillers, tables = [], []
        for place, across in ((a, rows), (b, columns)):
            runs = [self.run_of(place.index, loops) for loops in (across, depth)]
            tables.append(not all(run.is_one for run in runs))
            fillers.append(Filler("pointer", place.storage, place.index.offset, place.dtype))
            for run in runs:
                kind = ("table", (run,)) if tables[-1] else ("polynomial", run.stride)
                fillers.append(Filler(*kind))
        sizes = tuple([self.size(loops) for loops in (batch, rows, columns, depth)])
        batches = [self.run_of(place.index, batch) for place in (a, b)]
        whole = times(sizes[1], sizes[2])
        inner = [self.size(batch[i + 1 :]) if batch[i + 1 :] else ONE for i in range(len(batch))]
        result = tuple([times(whole, stride) for stride in inner])
        batches.append(Run(batches[0].sizes, result))
        fillers.append(Filler("pointer", value, ZERO, dtype))
        fillers.append(Filler("polynomial", sizes[2]))
        fillers.append(Filler("table", tuple(batches)))
        fillers.append(Filler("pointer", Workspace(value), ZERO, dtype))
        fillers += [Filler("arranged", i) for i in range(9)]
        shape = Contraction(dtype, *tables)
        writes: tuple[Any, ...] = (value, Workspace(value))
        return Crafted(Product(shape), sizes, fillers, (a.storage, b.storage), writes)


def _flat(loops: dict[int, list[int]]) -> list[int]:
    return [loop for axis in loops for loop in loops[axis]]
