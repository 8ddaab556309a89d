"""Pass 2, first half: which values are roots, computed in a place of their own.

In: a normalised graph.  Out: `Roots`, found backwards from the results.  Reductions, contractions
and host steps are roots; an elementwise value or a view is computed wherever it is read, unless
that would repeat costly work or something needs it in memory.
"""

from __future__ import annotations

from rushlight.engines.cpu.division import DIVISIONS
from rushlight.engines.cpu.expressions import cost_of
from rushlight.engines.cpu.roles import IN_MEMORY, LOOKUPS, REDUCTIONS, Role, find_roles, is_plain
from rushlight.engines.cpu.sizes import Sizes
from rushlight.graph.movement import AROUND, WHOLE
from rushlight.graph.program import Equation, Graph

Index = tuple[int, ...] | None
"""For each atom of a value, the reader's dimension that runs along it; None: something else."""

_CHEAP = 3
_MOST_READERS = 4
_LONGEST_CHAIN = 64


class Roots:
    """The backward sweep, and what it finds.

    `values` are the roots; `forced` must be in memory; `owners` says for each value in whose
    memory it is, if it is in memory; `checks` are the values that read or write at places which
    other values name, with the values whose numbers must be within bounds.
    """

    def __init__(self, graph: Graph, sizes: Sizes):
        self.graph = graph
        self.sizes = sizes
        self.roles = find_roles(graph, sizes)
        self.values: set[int] = set()
        self.count = len(graph.leaves)
        self.readers: list[set[int]] = [set() for _ in self.roles]
        self.owners = list(range(len(self.roles)))
        self.forced: set[int] = set()
        self.wanted: set[int] = set()
        self.ends: set[int] = set()
        """The last values of chains that are long enough for a kernel."""
        self.checks: dict[int, list[int]] = {}
        self.costs = self.find_costs()
        self.find()

    def find_costs(self) -> list[int]:
        """What computing each value in place costs, with what it is computed of."""
        costs = [0] * len(self.roles)
        depths = [0] * len(self.roles)
        for value, equation in enumerate(self.graph.equations, self.count):
            if self.roles[value] not in (Role.MAP, Role.VIEW):
                continue
            if self.sizes.flat[value]:
                below = sum([costs[source] for source in equation.inputs])
                costs[value] = min(cost_of(equation.primitive) + below, 1000)
            depths[value] = 1 + max([depths[source] for source in equation.inputs], default=0)
            # a view may be in the memory of what it shows, which would have to be there
            if depths[value] >= _LONGEST_CHAIN and self.roles[value] is Role.MAP:
                self.ends.add(value)
                depths[value] = 0
        return costs

    def find(self) -> None:
        """Go through the values from the last to the first."""
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
                self.visit(value)

    def force(self, value: int) -> None:
        """The value must be in memory."""
        owner = self.owners[value]
        if self.roles[owner] is not Role.LEAF:
            self.forced.add(owner)

    def visit(self, value: int) -> None:
        """Decide on one value, whose readers are known."""
        equation = self.graph.equations[value - self.count]
        role, readers = self.roles[value], self.readers[value]
        if role in (Role.MAP, Role.VIEW) and not self.is_root(value):
            if role is Role.VIEW:
                self.look_through(equation, value)
            self.require_places(value, equation)
            for source in equation.inputs:
                self.readers[source] |= readers
            return
        self.values.add(value)
        self.require_places(value, equation)
        for source in equation.inputs:
            self.readers[source].add(value)
            padded = equation.primitive.name == "pad" and source == equation.inputs[0]
            if role is Role.HOST or (padded and self.cuts_products(equation)):
                self.force(source)
            if role is Role.CRAFTED:
                whole = equation.primitive.name in IN_MEMORY
                self.force(source if whole else self.base(source))
        if role is Role.ALIAS:
            self.force(equation.inputs[0])
        if role is Role.VIEW:
            self.look_through(equation, value)

    def require_places(self, value: int, equation: Equation) -> None:
        """What a take or gather reads is in memory, and its places where they can be checked."""
        name = equation.primitive.name
        if name in DIVISIONS and equation.spec.dtype.kind in "iu":
            self.require_divisor(value, equation)
            return
        if name in LOOKUPS and self.roles[value] is Role.MAP:
            self.force(equation.inputs[0])
        elif name not in ("put", "scatter") or self.roles[value] is not Role.WRITE:
            return
        self.checks[value] = [self.place_base(place) for place in places_of(equation)]
        for place in self.checks[value]:
            if not is_number(self.graph, place):
                self.force(place)

    def require_divisor(self, value: int, equation: Equation) -> None:
        """A divisor is where it can be checked; literals are ours, and never zero."""
        base = self.place_base(equation.inputs[1])
        if self.roles[self.inner(base)] is Role.LITERAL:
            return
        self.checks[value] = [base]
        if not is_number(self.graph, base):
            self.force(base)

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
        inner = self.inner(value)
        return value if self.roles[inner] is Role.LITERAL else inner

    def inner(self, value: int) -> int:
        """The value behind views."""
        while self.roles[value] is Role.VIEW:
            value = self.graph.equations[value - self.count].inputs[0]
        return value

    def is_root(self, value: int) -> bool:
        """Whether an elementwise value or a view gets a place of its own."""
        if value in self.forced or value in self.ends:
            return True
        if self.roles[value] is Role.VIEW:
            return value in self.wanted
        if value in self.wanted and self.costs[value] > 1:
            return True
        readers = self.readers[value]
        if len(readers) < 2 or not self.sizes.flat[value]:
            return False
        return self.costs[value] > _CHEAP or len(readers) > _MOST_READERS

    def cuts_products(self, equation: Equation) -> bool:
        """Whether a slice, window or pad takes apart a dimension that is a product of atoms."""
        axes = self.sizes.axes[equation.inputs[0]]
        if equation.primitive.name == "window":
            return any(len(atoms) > 1 for atoms in axes)
        through = (WHOLE, AROUND)
        kinds = zip(equation.attributes, axes, strict=True)
        return any(len(atoms) > 1 for kind, atoms in kinds if kind not in through)

    def look_through(self, equation: Equation, value: int) -> None:
        """A view that repeats elements or cuts products of atoms wants its operand computed."""
        source = equation.inputs[0]
        name = equation.primitive.name
        repeats = name == "window" or (
            name == "expand" and 0 < len(self.sizes.flat[source]) < len(self.sizes.flat[value])
        )
        cuts = name in ("slice", "window") and self.cuts_products(equation)
        if cuts:
            self.force(source)
        elif repeats and self.costs[source] > _CHEAP:
            self.wanted.add(self.inner(source))


def is_number(graph: Graph, value: int) -> bool:
    """Whether a value is a run-time number."""
    count = len(graph.leaves)
    return value >= count and graph.equations[value - count].primitive.name == "number"


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
