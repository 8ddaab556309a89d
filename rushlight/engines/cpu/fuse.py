"""Pass 2: values are gathered into groups, each of which becomes one kernel or a host step.

In: a normalised graph with its sizes.  Out: a `Fusion`.  It is found in three sweeps:

1. Backwards: which values are *roots*, computed in a place of their own (`roots.py`).
2. Forwards, in recorded order: each root joins an earlier group over the same loops that it reads
   from or shares a reading with, if everything else it needs is there by then; or begins a group.
3. A root that only its own group reads, at the same place, lives in registers and is not stored.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.engines.cpu.roles import LOOKUPS, WITH_EPILOGUES, Role
from rushlight.engines.cpu.roots import Index, Roots, is_number, move_index, place_indices
from rushlight.engines.cpu.sizes import Atoms, Sizes
from rushlight.engines.cpu.waiting import can_wait, wait
from rushlight.graph.program import Equation, Graph
from rushlight.graph.scan import SCAN

_MOST_MEMBERS = 48
_MOST_STEPS = 500
_MOST_FOLLOWERS = 3
_MOST_EARLY = 8


class Read(NamedTuple):
    """A root reads another root or a leaf."""

    value: int
    index: Index


class Group:
    """Roots that share one kernel, or a single contraction, fence or host step.

    `flat` are the atoms of the loops.  `kept` says which of them are left by the reductions in the
    group; it is None if there are none.
    """

    def __init__(self, role: Role, flat: Atoms, kept: tuple[int, ...] | None):
        self.role = role
        self.flat = flat
        self.kept = kept
        self.members: list[int] = []
        self.steps = 0
        """About how many primitives are computed in it."""

    @property
    def has_rows(self) -> bool:
        """Whether the reductions run along the last dimension, so that rows stay separate."""
        return bool(self.kept) and len(self.flat) - 1 not in self.kept

    @property
    def kept_flat(self) -> Atoms:
        """The atoms of what the reductions leave."""
        return tuple([self.flat[position] for position in self.kept or ()])


class Fusion(NamedTuple):
    """Which values are computed together, in order, and which are kept in memory."""

    graph: Graph
    sizes: Sizes
    roles: list[Role]
    groups: list[Group]
    roots: frozenset[int]
    stored: set[int]
    owners: list[int]
    """For each value, the value in whose memory it is if it is in memory."""
    reads: dict[int, list[Read]]
    derived: list
    """Numbers that follow from sizes and other numbers; see `regions.py`."""
    checks: dict[int, list[int]]
    """The values that need a check first (of places, or of a divisor), and of which values."""

    def equation(self, value: int) -> Equation:
        """The equation that computes a value."""
        return self.graph.equations[value - len(self.graph.leaves)]


def fuse(graph: Graph, sizes: Sizes) -> Fusion:
    """Gather the values of a graph into groups."""
    return _Grouping(Roots(graph, sizes)).run()


class _Grouping:
    """The forward sweep."""

    def __init__(self, found: Roots):
        self.graph = graph = found.graph
        self.sizes = found.sizes
        self.roles = found.roles
        self.roots = frozenset(found.values)
        self.forced = found.forced
        self.owners = found.owners
        self.checks = found.checks
        self.checked: dict[int, int] = {}
        self.checks_met: set[int] = set()
        self.steps_met = 0
        self.guards: dict[int, set[int]] = {}
        self.first: list[Group] = []
        self.count = len(graph.leaves)
        self.groups: list[Group] = []
        self.position = [-1] * len(self.roles)
        self.reads: dict[int, list[Read]] = {}
        self.read_by: dict[int, list[int]] = {}
        self.siblings: dict[tuple, int] = {}
        """Where the results of a computation that has several are."""

    def run(self) -> Fusion:
        for value in sorted({*self.roots, *self.checks}):
            if value in self.checks:
                self.add_check(value)
            if value not in self.roots:
                continue
            if self.roles[value] is Role.ALIAS:
                self.add_alias(value)
            else:
                self.add(value)
        stored = self.find_stored()
        groups = self.first + self.with_early_checks()
        parts = self.graph, self.sizes, self.roles, groups, self.roots, stored, self.owners
        return Fusion(*parts, self.reads, [], self.checks)

    def with_early_checks(self) -> list[Group]:
        """The groups, those first that lead to a check and are few: after it nothing can fail."""
        needed: list[frozenset[int] | None] = []  # None: many
        early: set[int] = set()
        for at, group in enumerate(self.groups):
            sources = (self.sources_of(group) | self.guards.get(at, set())) - {-1, at}
            before = [needed[source] for source in sources]
            every = None if None in before else frozenset([at]).union(*before)
            few = every is not None and len(every) <= _MOST_EARLY
            needed.append(every if few else None)
            if few and group.role is Role.CHECK:
                roles = {self.groups[other].role for other in every}
                if roles <= {Role.MAP, Role.CHECK}:
                    early |= every
        rest = [at for at in range(len(self.groups)) if at not in early]
        return [self.groups[at] for at in [*sorted(early), *rest]]

    def sources_of(self, group: Group) -> set[int]:
        """The groups that a group reads from."""
        if group.role is Role.CHECK:
            places = [place for member in group.members for place in self.checks[member]]
            return {self.position_of(place) for place in places}
        return {self.position[read.value] for m in group.members for read in self.reads.get(m, ())}

    def add_check(self, value: int) -> None:
        """A step that checks the places of a take or gather: at once, if they come from outside."""
        group = Group(Role.CHECK, (), None)
        group.members.append(value)
        bases = [self.owners[place] for place in self.checks[value]]
        outside = Role.LEAF, Role.LITERAL
        if all(self.roles[b] in outside or is_number(self.graph, b) for b in bases):
            self.first.append(group)
            self.checked[value] = -1
        else:
            self.groups.append(group)
            self.checked[value] = len(self.groups) - 1

    def add_alias(self, value: int) -> None:
        equation = self.graph.equations[value - self.count]
        at = [self.position_of(source) for source in equation.inputs]
        self.position[value] = max(at)
        if equation.primitive.name == "fence":
            # what reads a fence must come later than anything there is now
            self.groups.append(Group(Role.ALIAS, (), None))
            self.position[value] = len(self.groups) - 1
        self.reads[value] = [Read(equation.inputs[0], None)]

    def position_of(self, value: int) -> int:
        if value in self.roots or self.roles[value] in (Role.LEAF, Role.LITERAL):
            return self.position[value]
        equation = self.graph.equations[value - self.count]
        return max([self.position_of(source) for source in equation.inputs], default=-1)

    def add(self, value: int) -> None:
        reads = self.reads[value] = self.find_reads(value)
        least = max([self.position[read.value] for read in reads], default=-1)
        least = max([least, *self.checks_met])
        at = self.find_group(value, reads, least)
        if at is None:
            at = len(self.groups)
            self.groups.append(self.new_group(value))
        group = self.groups[at]
        if self.roles[value] is Role.REDUCE and group.kept is None:
            group.kept = self.kept_of(value)
        group.members.append(value)
        group.steps += self.steps_met
        self.position[value] = at
        self.guards.setdefault(at, set()).update(self.checks_met)
        for read in reads:
            self.read_by.setdefault(read.value, []).append(at)

    def new_group(self, value: int) -> Group:
        role = self.roles[value]
        if role is Role.REDUCE:
            source = self.graph.equations[value - self.count].inputs[0]
            return Group(Role.MAP, self.sizes.flat[source], self.kept_of(value))
        kind = Role.MAP if role is Role.VIEW else role
        return Group(kind, self.sizes.flat[value], None)

    def kept_of(self, value: int) -> tuple[int, ...]:
        """Which atoms of a reduction's operand it leaves."""
        equation = self.graph.equations[value - self.count]
        kept, position = [], 0
        for axis, atoms in enumerate(self.sizes.axes[equation.inputs[0]]):
            if axis not in equation.attributes:
                kept += range(position, position + len(atoms))
            position += len(atoms)
        return tuple(kept)

    def find_group(self, value: int, reads: list[Read], least: int) -> int | None:
        """The group that a root can join, preferably one that it reads from."""
        siblings = self.graph.equations[value - self.count].primitive.siblings
        if self.roles[value] is Role.CRAFTED or siblings:
            return self.find_sibling(value)
        if self.roles[value] not in (Role.MAP, Role.VIEW, Role.REDUCE):
            return None
        places = {at for read in reads for at in self.read_by.get(read.value, ()) if at >= least}
        for at in sorted({least, *places} - {-1}, reverse=True):
            group = self.groups[at]
            if group.role is Role.CRAFTED and at == least and self.can_follow(value, group, reads):
                return at
            full = len(group.members) >= _MOST_MEMBERS or group.steps >= _MOST_STEPS
            if group.role is not Role.MAP or full:
                continue
            inner = [read for read in reads if self.position[read.value] == at]
            if self.can_join(value, group, inner):
                return at
        return self.find_waiting(value, reads, least)

    def find_waiting(self, value: int, reads: list[Read], least: int) -> int | None:
        """A hand-made kernel's group that is moved to where a root can follow it."""
        for at in sorted({self.position[read.value] for read in reads} - {-1, least}, reverse=True):
            group = self.groups[at]
            follows = group.role is Role.CRAFTED and self.can_follow(value, group, reads)
            if follows and can_wait(self, at, least):
                wait(self, at, least)
                return least
        return None

    def find_sibling(self, value: int) -> int | None:
        """The group that has another result of the same computation."""
        equation = self.graph.equations[value - self.count]
        numbered = equation.number_count and equation.primitive is not SCAN
        if not equation.primitive.siblings or numbered:
            return None
        computation = equation.primitive, equation.inputs, equation.attributes[1:]
        found = self.siblings.get(computation)
        if found is None or self.has_result(self.groups[found], equation):
            self.siblings[computation] = len(self.groups)
            return None
        return found

    def has_result(self, group: Group, equation: Equation) -> bool:
        """Whether a group has this very result.

        Two poolings of one value have sizes of their own, which nobody knows to be equal.
        """
        members = [self.graph.equations[member - self.count] for member in group.members]
        return any(
            member.primitive is equation.primitive
            and member.attributes[0] == equation.attributes[0]
            for member in members
        )

    def can_join(self, value: int, group: Group, inner: list[Read]) -> bool:
        """Whether a root's loops are the group's, and all that it reads there is at hand."""
        everywhere = tuple(range(len(group.flat)))
        if self.roles[value] is Role.REDUCE:
            source = self.graph.equations[value - self.count].inputs[0]
            if self.sizes.flat[source] != group.flat:
                return False
            kept = self.kept_of(value)
            if group.kept not in (None, kept):
                return False
            rows = bool(kept) and len(group.flat) - 1 not in kept
            if not rows and (inner or self.has_full_maps(group)):
                return False
            return self.all_local(inner, group, everywhere, kept)
        flat = self.sizes.flat[value]
        if group.kept is not None and flat == group.kept_flat and self.is_row_level(inner, group):
            return True
        if flat != group.flat or (group.kept is not None and not group.has_rows):
            return False
        return self.all_local(inner, group, everywhere, group.kept)

    def can_follow(self, value: int, group: Group, reads: list[Read]) -> bool:
        """Whether an elementwise value can be computed of a contraction's results at once."""
        first = self.graph.equations[group.members[0] - self.count].primitive
        flat = self.sizes.flat[value] if first.name in WITH_EPILOGUES else ()
        if self.roles[value] is not Role.MAP or flat != group.flat or not flat:
            return False
        everywhere = tuple(range(len(flat)))
        others = [read for read in reads if read.value not in group.members]
        full = [read for read in others if read.index is None or len(read.index) == len(flat)]
        leaves = [read.value for read in full if self.roles[read.value] is Role.LEAF]
        if any(self.graph.leaves[leaf].donated for leaf in leaves):
            return False  # an optimiser's update goes better through memory in order
        return (
            len(full) <= _MOST_FOLLOWERS
            and len(group.members) <= _MOST_FOLLOWERS
            and all(read.index == everywhere for read in reads if read.value in group.members)
        )

    def has_full_maps(self, group: Group) -> bool:
        if group.kept is None:
            return True
        return any(
            self.roles[member] is not Role.REDUCE and self.sizes.flat[member] == group.flat
            for member in group.members
        )

    def level(self, member: int, group: Group) -> str:
        """Whether a member has all dimensions of its group, or those that reductions leave."""
        if self.roles[member] is Role.REDUCE:
            return "row"
        return "row" if member in self.row_members(group) else "full"

    def row_members(self, group: Group) -> set[int]:
        """The elementwise members that are computed once for each row."""
        if group.kept is None or len(group.kept) == len(group.flat):
            return set()
        return {m for m in group.members if self.sizes.flat[m] == group.kept_flat}

    def is_row_level(self, inner: list[Read], group: Group) -> bool:
        """Whether a value of the rows reads nothing but values of the same row."""
        everywhere = tuple(range(len(group.kept or ())))
        return all(
            self.level(read.value, group) == "row" and read.index == everywhere for read in inner
        )

    def all_local(self, inner: list[Read], group: Group, everywhere: tuple, kept: Index) -> bool:
        for read in inner:
            row = self.level(read.value, group) == "row"
            if read.index != (kept if row else everywhere):
                return False
        return True

    def find_reads(self, value: int) -> list[Read]:
        """Which roots and leaves a root reads, looking through what is computed in place."""
        equation = self.graph.equations[value - self.count]
        role, found, seen = self.roles[value], [], set()
        self.checks_met = {self.checked.get(value, -1)}
        pending: list[tuple[int, Index]] = []
        if equation.primitive.name in LOOKUPS and role is Role.MAP:
            places = place_indices(equation, self.sizes, self.everywhere(value))
            pending += [(equation.inputs[0], None), *places]
        elif role is Role.VIEW:
            pending.append((equation.inputs[0], self.moved(value, self.everywhere(value))))
        else:
            for source in equation.inputs:
                local = role in (Role.MAP, Role.REDUCE, Role.WRITE)
                pending.append((source, self.everywhere(source) if local else None))
        while pending:
            item = pending.pop()
            if item in seen:
                continue
            seen.add(item)
            source, index = item
            if source in self.roots or self.roles[source] is Role.LEAF:
                found.append(Read(source, index))
            elif self.roles[source] is Role.VIEW:
                inner = self.graph.equations[source - self.count].inputs[0]
                pending.append((inner, self.moved(source, index)))
            elif self.roles[source] is Role.MAP:
                if source in self.checks:
                    self.checks_met.add(self.checked[source])
                equation = self.graph.equations[source - self.count]
                if equation.primitive.name in LOOKUPS:
                    pending.append((equation.inputs[0], None))
                    pending += place_indices(equation, self.sizes, index)
                    continue
                for inner in equation.inputs:
                    pending.append((inner, index if self.sizes.flat[inner] else ()))
        self.steps_met = len(seen)
        return found

    def everywhere(self, value: int) -> Index:
        return tuple(range(len(self.sizes.flat[value])))

    def moved(self, view: int, index: Index) -> Index:
        """The index of a view's operand."""
        equation = self.graph.equations[view - self.count]
        return move_index(equation, self.sizes, view, index)

    def find_stored(self) -> set[int]:
        """The roots that must be in memory."""
        stored = set(self.forced)
        for value in self.roots:
            role = self.roles[value]
            if role in (Role.HOST, Role.WRITE):
                stored.add(value)
            for read in self.reads[value]:
                if self.position[read.value] != self.position[value] or role is Role.ALIAS:
                    stored.add(self.owners[read.value])
        return {v for v in stored if self.roles[v] not in (Role.LEAF, Role.ALIAS, Role.LITERAL)}
