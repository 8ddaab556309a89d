"""Pass 5: the order of the steps, and in which memory each value is.

In: a `Fusion`.  Out: a `Plan`: kernels and host steps in order, the memory that each value lives
in, and what every slot of the kernels' argument blocks holds.  All of it is structure; sizes come
when the program is bound.

A value that survives gets memory of its own, or that of an input which nothing else holds, if the
kernel that writes it is the last to read that input, at the same places, and nothing that can fail
comes later.  A temporary takes the memory of an earlier one that is not needed any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rushlight.engines.cpu.attention.step import make_attention, make_attention_gradient
from rushlight.engines.cpu.convolution.making import make_convolution
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import STILL, Access, Filler, Kernel
from rushlight.engines.cpu.pooling import make_max_pool, make_spread, make_sum_pool
from rushlight.engines.cpu.products import make_product
from rushlight.engines.cpu.regions import trace_regions
from rushlight.engines.cpu.roles import Role
from rushlight.engines.cpu.trace import split_reduced, trace
from rushlight.graph.scan import SCAN

if TYPE_CHECKING:
    from rushlight.engines.cpu.scans import Loop


class NativeStep(NamedTuple):
    """A kernel and what its slots hold."""

    kernel: Kernel
    fillers: list[Filler]
    group: Group | None
    """The group with reductions whose number of parts the kernel needs."""
    reads: tuple
    writes: tuple


class HostStep(NamedTuple):
    """One equation that NumPy computes, or whose places it checks."""

    value: int
    reads: tuple
    writes: tuple
    is_check: bool = False
    loop: Loop | None = None
    """The scan whose results it computes."""


Step = NativeStep | Crafted | HostStep

MAKERS = {
    "contract": make_product,
    "max_pool": make_max_pool,
    "sum_pool": make_sum_pool,
    "spread_sum": make_sum_pool,
    "spread": make_spread,
    "attention": make_attention,
    "attention_gradient": make_attention_gradient,
    **dict.fromkeys(("convolve", "convolve_input", "convolve_filter"), make_convolution),
}
"""For each primitive with hand-made kernels, what makes the step of a group; it also says which
members of the group it leaves to a kernel of their own."""


class Plan(NamedTuple):
    """What a program does, whatever the sizes."""

    fusion: Fusion
    steps: list[Step]
    results: list[int]
    """For each result, the value whose memory it has."""
    inherited: dict[int, int]
    """Results written over a leaf."""
    places: dict[Any, int]
    """For each temporary (a value, or partial results), a place shared with others over time."""


def make_plan(fusion: Fusion) -> Plan:
    """Order the work and give memory to each value."""
    steps: list[Step] = []
    for group in fusion.groups:
        steps += _steps_of(fusion, group)
    results = [fusion.owners[value] for value in fusion.graph.results]
    inherited = _find_inherited(fusion, steps, results)
    return Plan(fusion, steps, results, inherited, _share(steps, results))


def _steps_of(fusion: Fusion, group: Group) -> list[Step]:
    if group.role in (Role.MAP, Role.WRITE):
        return _native_steps(fusion, group)
    if group.role is Role.CRAFTED:
        make = MAKERS[fusion.equation(group.members[0]).primitive.name]
        step, others = make(fusion, group)
        return [step, *_native_steps(fusion, rest(fusion, group, others))]
    if group.role is Role.CHECK:
        (value,) = group.members
        reads = [fusion.owners[place] for place in fusion.checks[value]]
        return [HostStep(value, tuple(reads), (), is_check=True)]
    if group.members and fusion.equation(group.members[0]).primitive is SCAN:
        from rushlight.engines.cpu.scans import Loop

        loop, reads = Loop(fusion, group.members), fusion.equation(group.members[0]).inputs
        owners = tuple([fusion.owners[source] for source in reads])
        return [HostStep(group.members[0], owners, tuple(group.members), loop=loop)]
    steps: list[Step] = []
    for value in group.members:
        sources = fusion.equation(value).inputs
        reads = [fusion.owners[source] for source in sources]
        steps.append(HostStep(value, tuple(reads), (value,)))
    return steps


def rest(fusion: Fusion, group: Group, members: list[int]) -> Group | None:
    """What a hand-made kernel left: a group of elementwise values that read its result."""
    if not members:
        return None
    after = Group(Role.MAP, group.flat, None)
    after.members += members
    fusion.stored.add(group.members[0])
    return after


def _native_steps(fusion: Fusion, group: Group | None) -> list[Step]:
    """The kernels of a group."""
    steps: list[Step] = []
    if group is None:
        return steps
    tracing = trace if group.role is Role.MAP else trace_regions
    for draft in tracing(fusion, group):
        kernel, fillers = draft.settle()
        reading = ("load", "partials", "lookup")
        reads = [op.detail[0].storage for op in draft.ops if op.name in reading]
        writes = [place.storage for _, place in draft.stores]
        writes += [op.detail[0].storage for op in draft.ops if op.name == "write"]
        reduced = group if group.kept is not None else None
        steps.append(NativeStep(kernel, fillers, reduced, tuple(reads), tuple(writes)))
    return steps


def reduction_shape(group: Group) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The atoms of a reduction that are kept, reduced before the innermost run, and in it."""
    outer, inner = split_reduced(group)
    return (
        group.kept_flat,
        tuple([group.flat[position] for position in outer]),
        tuple([group.flat[position] for position in inner]),
    )


def _last_reads(steps: list[Step]) -> dict[Any, int]:
    last: dict[Any, int] = {}
    for position, step in enumerate(steps):
        for storage in (*step.reads, *step.writes):
            last[storage] = position
    return last


def _share(steps: list[Step], results: list[int]) -> dict[Any, int]:
    """Places for temporaries: one that is free again is taken by the next."""
    last, surviving = _last_reads(steps), set(results)
    places: dict[Any, int] = {}
    free: list[int] = []
    count = 0
    for position, step in enumerate(steps):
        for storage in step.writes:
            if storage in surviving or storage in places:
                continue
            if free:
                places[storage] = free.pop()
            else:
                places[storage], count = count, count + 1
        for storage in {*step.reads, *step.writes}:
            if storage in places and last[storage] == position:
                free.append(places[storage])
    return places


def _find_inherited(fusion: Fusion, steps: list[Step], results: list[int]) -> dict[int, int]:
    """Which results may be written over which inputs that nothing else holds."""
    graph = fusion.graph
    last = _last_reads(steps)
    hosts = [i for i, step in enumerate(steps) if isinstance(step, HostStep)]
    safe_from = hosts[-1] + 1 if hosts else 0
    available = [
        leaf
        for leaf, given in enumerate(graph.leaves)
        if given.donated and given.literal is None and leaf not in results
    ]
    found: dict[int, int] = {}
    written: set[int] = set()
    for position, step in enumerate(steps):
        before = set(written)
        written.update(step.writes)
        if position < safe_from or not isinstance(step, NativeStep) or step.kernel.form != "map":
            continue
        for place, storage in enumerate(step.writes):
            if storage not in results or storage in found or storage in before:
                continue
            for leaf in available:
                if _can_inherit(fusion, step, position, place, leaf, last.get(leaf, -1)):
                    found[storage] = leaf
                    available.remove(leaf)
                    break
    return found


def _can_inherit(
    fusion: Fusion, step: NativeStep, position: int, place: int, leaf: int, last: int
) -> bool:
    storage = step.writes[place]
    spec, old = fusion.graph.spec(storage), fusion.graph.spec(leaf)
    same_size = sorted(fusion.sizes.flat[storage]) == sorted(fusion.sizes.flat[leaf])
    if spec.dtype.itemsize != old.dtype.itemsize or not same_size or last > position:
        return False
    if last < position:
        return True
    _, written = step.kernel.stores[place]
    for op in step.kernel.ops:
        if op.name not in ("load", "lookup", "write", "partials"):
            continue
        access = op.detail if op.name == "load" else op.detail[0]
        if step.fillers[access.pointer].what != leaf:
            continue
        if op.name != "load" or not _is_same_place(access, written, step.fillers):
            return False
    return True


def _is_same_place(read: Access, written: Access, fillers: list[Filler]) -> bool:
    """Whether each element is read only by the step that overwrites it."""
    whole = STILL not in written.strides
    offset = fillers[read.pointer].offset
    return whole and read.strides == written.strides and not offset
