"""Pass 2: values are gathered into groups, each of which becomes one kernel or a host step.

In: a normalised graph with its sizes.  Out: a `Fusion`.  It is found in three sweeps:

1. Backwards: which values are *roots*, computed in a place of their own.  Results, reductions,
   contractions and host steps are; an elementwise value or a view is computed wherever it is
   read, unless that would repeat costly work.
2. Forwards, in recorded order: each root joins an earlier group over the same loops that it reads
   from or shares a reading with, if everything else it needs is there by then; or begins a group.
3. A root that only its own group reads, at the same place, lives in registers and is not stored.
"""

from __future__ import annotations

from typing import NamedTuple

from rushlight.engines.cpu.expressions import cost_of
from rushlight.engines.cpu.roles import LOOKUPS, REDUCTIONS, Role, find_roles, is_plain
from rushlight.engines.cpu.sizes import Atoms, Sizes
from rushlight.graph.program import Equation, Graph

Index = tuple[int, ...] | None
"""For each atom of a value, the dimension of the reader that runs along it; None: something else."""

_CHEAP = 3
_MOST_READERS = 4
_MOST_MEMBERS = 48
_MOST_FOLLOWERS = 3


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
    lookups: dict[int, list[int]]
    """For each take or gather, the values whose numbers must be within bounds."""
    """Numbers that follow from sizes and other numbers; see `regions.py`."""

    def equation(self, value: int) -> Equation:
        """The equation that computes a value."""
        return self.graph.equations[value - len(self.graph.leaves)]


def fuse(graph: Graph, sizes: Sizes) -> Fusion:
    """Gather the values of a graph into groups."""
    roles = find_roles(graph, sizes)
    found = _Roots(graph, sizes, roles)
    roots, forced, owners = found.find()
    return _Grouping(graph, sizes, roles, roots, forced, owners, found.lookups).run()


class _Roots:
    """The backward sweep."""

    def __init__(self, graph: Graph, sizes: Sizes, roles: list[Role]):
        self.graph = graph
        self.sizes = sizes
        self.roles = roles
        self.count = len(graph.leaves)
        self.readers: list[set[int]] = [set() for _ in roles]
        self.owners = list(range(len(roles)))
        self.forced: set[int] = set()
        self.wanted: set[int] = set()
        self.lookups: dict[int, list[int]] = {}
        self.costs = self.find_costs()

    def find_costs(self) -> list[int]:
        costs = [0] * len(self.roles)
        for value, equation in enumerate(self.graph.equations, self.count):
            if self.roles[value] in (Role.MAP, Role.VIEW) and self.sizes.flat[value]:
                below = sum([costs[source] for source in equation.inputs])
                costs[value] = min(cost_of(equation.primitive) + below, 1000)
        return costs

    def find(self) -> tuple[frozenset[int], set[int], list[int]]:
        roots: set[int] = set()
        for value, role in enumerate(self.roles):
            plain = role is Role.VIEW and is_plain(self.graph, self.sizes, value)
            if plain or role is Role.ALIAS:
                owner = self.owners[self.graph.equations[value - self.count].inputs[0]]
                self.owners[value] = value if self.roles[owner] is Role.LITERAL else owner
        for result in self.graph.results:
            self.force(result)
            self.readers[self.owners[result]].add(-1)
            self.readers[result].add(-1)
        for value in range(len(self.roles) - 1, self.count - 1, -1):
            if self.readers[value] or value in self.forced:
                self.visit(value, roots)
        return frozenset(roots), self.forced, self.owners

    def force(self, value: int) -> None:
        """The value must be in memory."""
        owner = self.owners[value]
        if self.roles[owner] is not Role.LEAF:
            self.forced.add(owner)

    def visit(self, value: int, roots: set[int]) -> None:
        equation = self.graph.equations[value - self.count]
        role, readers = self.roles[value], self.readers[value]
        if role in (Role.MAP, Role.VIEW) and not self.is_root(value):
            if role is Role.VIEW:
                self.look_through(equation, value)
            self.require_places(value, equation)
            for source in equation.inputs:
                self.readers[source] |= readers
            return
        roots.add(value)
        self.require_places(value, equation)
        for source in equation.inputs:
            self.readers[source].add(value)
            composite = any(len(atoms) > 1 for atoms in self.sizes.axes[source])
            if role is Role.HOST or (equation.primitive.name == "pad" and composite):
                self.force(source)
            if role is Role.CONTRACT:
                self.force(self.base(source))
        if role is Role.ALIAS:
            self.force(equation.inputs[0])
        if role is Role.VIEW:
            self.look_through(equation, value)

    def require_places(self, value: int, equation: Equation) -> None:
        """What a take or gather reads is in memory, and its places where they can be checked."""
        name = equation.primitive.name
        if name in LOOKUPS and self.roles[value] is Role.MAP:
            self.force(equation.inputs[0])
        elif name not in ("put", "scatter") or self.roles[value] is not Role.WRITE:
            return
        self.lookups[value] = [self.place_base(place) for place in places_of(equation)]
        for place in self.lookups[value]:
            self.force(place)

    def place_base(self, value: int) -> int:
        """A value with the same numbers as these places, maybe in another order."""
        while self.roles[value] is Role.VIEW:
            equation = self.graph.equations[value - self.count]
            if equation.primitive.name not in ("reshape", "permute", "expand"):
                break
            inner = equation.inputs[0]
            if self.roles[inner] is Role.LITERAL:
                break
            value = inner
        return value

    def base(self, value: int) -> int:
        """The value behind views; a view of a literal is materialised itself."""
        inner = value
        while self.roles[inner] is Role.VIEW:
            inner = self.graph.equations[inner - self.count].inputs[0]
        return value if self.roles[inner] is Role.LITERAL else inner

    def is_root(self, value: int) -> bool:
        if value in self.forced:
            return True
        if self.roles[value] is Role.VIEW:
            return value in self.wanted
        if value in self.wanted and self.costs[value] > 1:
            return True
        readers = self.readers[value]
        if len(readers) < 2 or not self.sizes.flat[value]:
            return False
        return self.costs[value] > _CHEAP or len(readers) > _MOST_READERS

    def look_through(self, equation: Equation, value: int) -> None:
        """A view that repeats elements or cuts products of atoms wants its operand computed."""
        source = equation.inputs[0]
        name = equation.primitive.name
        repeats = name == "window" or (
            name == "expand" and 0 < len(self.sizes.flat[source]) < len(self.sizes.flat[value])
        )
        cuts = name in ("slice", "window") and any(len(a) > 1 for a in self.sizes.axes[source])
        if cuts:
            self.force(source)
        elif repeats and self.costs[source] > _CHEAP:
            inner = source
            while self.roles[inner] is Role.VIEW:
                inner = self.graph.equations[inner - self.count].inputs[0]
            self.wanted.add(inner)


class _Grouping:
    """The forward sweep."""

    def __init__(self, graph, sizes, roles, roots, forced, owners, lookups):
        self.graph = graph
        self.sizes = sizes
        self.roles = roles
        self.roots = roots
        self.forced = forced
        self.owners = owners
        self.lookups = lookups
        self.checked: dict[int, int] = {}
        self.first: list[Group] = []
        self.count = len(graph.leaves)
        self.groups: list[Group] = []
        self.position = [-1] * len(roles)
        self.reads: dict[int, list[Read]] = {}
        self.read_by: dict[int, list[int]] = {}

    def run(self) -> Fusion:
        for value in sorted({*self.roots, *self.lookups}):
            if value in self.lookups:
                self.add_check(value)
            if value not in self.roots:
                continue
            if self.roles[value] is Role.ALIAS:
                self.add_alias(value)
            else:
                self.add(value)
        stored = self.find_stored()
        groups = self.first + self.groups
        parts = self.graph, self.sizes, self.roles, groups, self.roots, stored, self.owners
        return Fusion(*parts, self.reads, [], self.lookups)

    def add_check(self, value: int) -> None:
        """A step that checks the places of a take or gather: at once, if they come from outside."""
        group = Group(Role.CHECK, (), None)
        group.members.append(value)
        bases = [self.owners[place] for place in self.lookups[value]]
        if all(self.roles[base] in (Role.LEAF, Role.LITERAL) for base in bases):
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
        least = max(least, self.last_check)
        at = self.find_group(value, reads, least)
        if at is None:
            at = len(self.groups)
            self.groups.append(self.new_group(value))
        group = self.groups[at]
        if self.roles[value] is Role.REDUCE and group.kept is None:
            group.kept = self.kept_of(value)
        group.members.append(value)
        self.position[value] = at
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
        if self.roles[value] not in (Role.MAP, Role.VIEW, Role.REDUCE):
            return None
        places = {at for read in reads for at in self.read_by.get(read.value, ()) if at >= least}
        for at in sorted({least, *places} - {-1}, reverse=True):
            group = self.groups[at]
            if group.role is Role.CONTRACT and at == least and self.can_follow(value, group, reads):
                return at
            if group.role is not Role.MAP or len(group.members) >= _MOST_MEMBERS:
                continue
            inner = [read for read in reads if self.position[read.value] == at]
            if self.can_join(value, group, inner):
                return at
        return None

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
        flat = self.sizes.flat[value]
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
        self.last_check = self.checked.get(value, -1)
        pending: list[tuple[int, Index]] = []
        if value in self.lookups and role is Role.MAP:
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
            elif source in self.lookups:
                self.last_check = max(self.last_check, self.checked[source])
                equation = self.graph.equations[source - self.count]
                pending.append((equation.inputs[0], None))
                pending += place_indices(equation, self.sizes, index)
            elif self.roles[source] is Role.MAP:
                for inner in self.graph.equations[source - self.count].inputs:
                    pending.append((inner, index if self.sizes.flat[inner] else ()))
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


def places_of(equation: Equation) -> tuple[int, ...]:
    """The operands of an indexing primitive that name places."""
    name, inputs = equation.primitive.name, equation.inputs
    return inputs[1:2] if name == "scatter" else inputs[2:] if name == "put" else inputs[1:]


def place_indices(equation: Equation, sizes: Sizes, index: Index) -> list[tuple[int, Index]]:
    """The places that a take or gather reads at an index, each with its own index."""
    places = places_of(equation)
    count = len(sizes.flat[places[0]])
    return [(place, None if index is None else index[:count]) for place in places]


def move_index(equation: Equation, sizes: Sizes, view: int, index: Index) -> Index:
    """Where a permute, expand or reshape reads its operand, given where it is read itself."""
    if index is None:
        return None
    name, source = equation.primitive.name, equation.inputs[0]
    if name == "reshape" or name in REDUCTIONS:
        return index
    parts, position = [], 0
    for atoms in sizes.axes[view]:
        parts.append(index[position : position + len(atoms)])
        position += len(atoms)
    if name == "permute":
        order = sorted(range(len(parts)), key=lambda axis: equation.attributes[axis])
        return tuple([place for axis in order for place in parts[axis]])
    if name == "expand":
        moved: list[int] = []
        for axis, atoms in zip(equation.attributes, sizes.axes[source], strict=True):
            moved += parts[axis] if atoms else ()
        return tuple(moved)
    return None
