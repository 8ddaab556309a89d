"""Pass 4, for attention: from equations of a graph to a step with its slots."""

from __future__ import annotations

from rushlight.engines.cpu.affine import NOTHING, ZERO, times
from rushlight.engines.cpu.attention.families import Attention, AttentionGradient
from rushlight.engines.cpu.attention.slots import OPERANDS, Slot, Structure
from rushlight.engines.cpu.crafted import Crafted, Workspace
from rushlight.engines.cpu.fuse import Fusion, Group
from rushlight.engines.cpu.kernel import Filler, Place
from rushlight.engines.cpu.products import Placing
from rushlight.graph.attention import KEY, LOG_SUM_EXP, QUERY, RESULT, VALUE, has_mask, wide

_FORWARD = (Slot.QUERY, Slot.KEY, Slot.VALUE, Slot.SCALE)
_GRADIENT = (*_FORWARD, Slot.RESULT, Slot.LOG_SUM_EXP, Slot.GRADIENT)
_UNUSED = Filler("polynomial", ZERO)


def make_attention(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """The step of attention's result and log_sum_exp, or of one of them."""
    return _Making(fusion, group, _FORWARD, (RESULT, LOG_SUM_EXP)).run(Attention), []


def make_attention_gradient(fusion: Fusion, group: Group) -> tuple[Crafted, list[int]]:
    """The step of the gradients of query, key and value, or of some of them."""
    return _Making(fusion, group, _GRADIENT, (QUERY, KEY, VALUE)).run(AttentionGradient), []


class _Making(Placing):
    def __init__(
        self, fusion: Fusion, group: Group, slots: tuple[Slot, ...], results: tuple[str, ...]
    ):
        super().__init__(fusion, group, group.members[0])
        inputs = self.equation.inputs
        if has_mask(inputs):
            slots = (*slots, Slot.MASK)
        self.inputs = dict(zip(slots, inputs, strict=True))
        members = {fusion.equation(member).attributes[0]: member for member in group.members}
        self.results = [members.get(which) for which in results]
        fusion.stored.update(group.members)

    def run(self, family: type[Attention] | type[AttentionGradient]) -> Crafted:
        """Place the operands and fill the slots."""
        graph = self.fusion.graph
        query, value = self.inputs[Slot.QUERY], self.inputs[Slot.VALUE]
        rank = graph.spec(query).rank
        every = self.new_loops(query, tuple(range(rank)))
        self.batch = [loop for axis in range(rank - 2) for loop in every[axis]]
        queries, size = every[rank - 2], every[rank - 1]
        keys = self.new_loops(self.inputs[Slot.KEY], (rank - 2,))[rank - 2]
        values = self.new_loops(value, (rank - 1,))[rank - 1]
        axes = {Slot.QUERY: (queries, size), Slot.KEY: (keys, size), Slot.VALUE: (keys, values)}
        axes |= {Slot.MASK: (queries, keys), Slot.LOG_SUM_EXP: (queries, [])}
        axes |= dict.fromkeys((Slot.RESULT, Slot.GRADIENT), (queries, values))
        fillers, tables, reads = self.operands(axes)
        mask = self.inputs.get(Slot.MASK)
        structure = Structure(
            dtype=graph.spec(query).dtype,
            mask=None if mask is None else graph.spec(mask).dtype,
            causal=self.equation.attributes[1],
            tables=tables,
            wanted=tuple([result is not None for result in self.results]),
        )
        sizes = [self.size(loops) for loops in (self.batch, queries, keys, size, values)]
        fillers += [Filler("arranged", i) for i in range(Slot.FIRST_FREE - Slot.BATCH_COUNT)]
        work = times(times(sizes[0], sizes[1]), times(sizes[2], sizes[3]))
        writes = (*self.group.members, Workspace(self.value))
        return Crafted(family(structure), tuple(sizes), fillers, reads, writes, work)

    def operands(self, axes: dict) -> tuple[list[Filler], tuple[bool, ...], tuple]:
        """The fillers up to the results; which operands have tables; what is read."""
        fillers, tables, runs = [], [], []
        places: dict[Slot, Place] = {}
        for slot in OPERANDS:
            rows, inner = axes[slot]
            if slot not in self.inputs:
                fillers += [_UNUSED] * 3
                tables.append(False)
                runs.append(self.run_of(NOTHING, self.batch))
                continue
            place = places[slot] = self.operand(slot, [*self.batch, *rows, *inner])
            own = [self.run_of(place.index, loops) for loops in (rows, inner)]
            tables.append(not all(run.is_one for run in own))
            fillers.append(Filler("pointer", place.storage, place.index.offset, place.dtype))
            for run in own:
                kind = ("table", (run,)) if tables[-1] else ("polynomial", run.stride)
                fillers.append(Filler(*kind))
            runs.append(self.run_of(place.index, self.batch))
        scale = places[Slot.SCALE] = self.operand(Slot.SCALE, [])
        fillers.append(Filler("pointer", scale.storage, scale.index.offset, scale.dtype))
        fillers += [Filler("table", tuple(runs)), self.workspace()]
        fillers += [self.result(value) for value in self.results]
        fillers += [_UNUSED] * (3 - len(self.results))
        return fillers, tuple(tables), tuple([place.storage for place in places.values()])

    def operand(self, slot: Slot, loops: list[int]) -> Place:
        """Where an operand's elements are, by its loops in order of its axes."""
        sizes = self.fusion.sizes.axes[self.inputs[slot]]
        numbered, position = {}, 0
        for axis, atoms in enumerate(sizes):
            numbered[axis] = loops[position : position + len(atoms)]
            position += len(atoms)
        return self.place(self.inputs[slot], numbered)

    def workspace(self) -> Filler:
        dtype = wide(self.fusion.graph.spec(self.inputs[Slot.QUERY]).dtype)
        return Filler("pointer", Workspace(self.value), ZERO, dtype)

    def result(self, value: int | None) -> Filler:
        if value is None:
            return _UNUSED
        return Filler("pointer", value, ZERO, self.fusion.graph.spec(value).dtype)
