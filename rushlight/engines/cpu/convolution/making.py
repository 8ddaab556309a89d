"""Pass 4, for convolutions: what the slots of the argument block hold."""

from __future__ import annotations

from rushlight.engines.cpu.affine import ZERO, Polynomial, size_of, times
from rushlight.engines.cpu.convolution.family import Convolving
from rushlight.engines.cpu.convolution.shape import FILTER, FORWARD, Structure
from rushlight.engines.cpu.convolution.slots import MOST_NUMBERS, Slot
from rushlight.engines.cpu.crafted import Crafted, Workspace
from rushlight.engines.cpu.epilogue import trace_epilogue
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Draft, Filler, Kernel

_MOST_RANK = Slot.OUTPUTS - Slot.LOW


def make_convolution(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """Find sizes and pointers; also says which members are left to another kernel."""
    value, *others = group.members
    step = _step(fusion, value)
    if not others:
        return step, []
    axes = fusion.sizes.axes[value]
    counts = [sum(map(len, axes[first:last])) for first, last in ((0, 2), (2, 3), (3, None))]
    if fusion.equation(value).primitive.name == FILTER:
        counts = [sum(map(len, axes[first:last])) for first, last in ((0, 1), (1, 2), (2, None))]
    found = trace_epilogue(fusion, group, (*counts, 0))
    return (step, others) if found is None else (_with_epilogue(step, *found), [])


def _with_epilogue(step: Crafted, draft: Draft, kernel: Kernel, fillers: list) -> Crafted:
    """The step that stores what the epilogue computes."""
    written = tuple([place.storage for _, place in draft.stores])
    reading = [op.detail[0].storage for op in draft.ops if op.name in ("load", "lookup")]
    own = [*step.fillers]
    own[Slot.RESULT] = Filler("pointer", written[0], ZERO, step.family.structure.dtype)
    return step._replace(
        family=step.family._replace(epilogue=kernel),
        fillers=own + fillers,
        reads=(*step.reads, *reading),
        writes=(*written, step.writes[-1]),
    )


def _step(fusion: Fusion, value: int) -> Crafted:
    equation = fusion.equation(value)
    kind, (filters,), dtype = equation.primitive.name, equation.attributes, equation.spec.dtype
    left, right = (fusion.owners[source] for source in equation.inputs)
    pointers = left, right, value, Workspace(value)
    fillers = [Filler("pointer", storage, ZERO, dtype) for storage in pointers]
    for axis in range(_MOST_RANK):
        known = axis < equation.number_count
        number: Polynomial = (((equation.first_number + axis,), ()),)
        fillers.append(Filler("polynomial", number if known else ZERO))
    fillers += [Filler("arranged", i) for i in range(MOST_NUMBERS)]
    sizes, work = _sizes(fusion, value, kind)
    return Crafted(
        Convolving(Structure(kind, dtype, *filters)),
        sizes,
        fillers,
        (left, right),
        (value, Workspace(value)),
        work,
    )


def _sizes(fusion: Fusion, value: int, kind: str) -> tuple[tuple[Polynomial, ...], Polynomial]:
    """The sizes that `Convolving.arrange` gets, and how many multiply-adds there are."""
    first, second = fusion.equation(value).inputs
    if kind == FORWARD:
        x, w, g = first, second, value
    elif kind == FILTER:
        x, w, g = first, value, second
    else:
        x, w, g = value, second, first

    def sizes_of(source: int) -> list[Polynomial]:
        return [size_of(axis) for axis in fusion.sizes.axes[source]]

    samples, groups, channels, *lengths = sizes_of(x)
    _, _, outputs, *counts = sizes_of(g)
    work = size_of(())
    for size in (*sizes_of(g), channels, *sizes_of(w)[3:]):
        work = times(work, size)
    return (samples, groups, channels, outputs, *lengths, *counts), work
