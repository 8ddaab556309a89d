"""The graph as structure, without values, and the program an engine makes of it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from rushlight.graph.buffer import Buffer
from rushlight.graph.node import Primitive
from rushlight.graph.spec import Spec


class Leaf(NamedTuple):
    """A value that comes in from outside, or a literal that belongs to the structure."""

    spec: Spec
    literal: bool | int | float | complex | None = None
    donated: bool = False
    """Nothing else holds this input: the program may overwrite its buffer."""


class Equation(NamedTuple):
    """One primitive of a graph; values are numbered, leaves first, then equations in order."""

    primitive: Primitive
    attributes: tuple
    inputs: tuple[int, ...]
    spec: Spec
    first_number: int
    """Where this equation's run-time numbers begin in the flat list of all numbers."""
    number_count: int


class Graph(NamedTuple):
    """What a program computes; the specs are those of the recording that was planned.

    Two recordings with equal structure differ only in sizes, numbers and buffers, so a program
    planned from one serves the other.  A planner may read ranks, dtypes and which sizes are 0 or
    1 from the specs, never other sizes.
    """

    leaves: tuple[Leaf, ...]
    equations: tuple[Equation, ...]
    results: tuple[int, ...]
    """The values that survive, in recorded order."""

    def spec(self, value: int) -> Spec:
        """The spec of a numbered value."""
        count = len(self.leaves)
        return self.leaves[value].spec if value < count else self.equations[value - count].spec

    def __str__(self) -> str:
        count = len(self.leaves)
        lines = [f"%{i} = {_leaf_text(leaf)}" for i, leaf in enumerate(self.leaves)]
        for i, equation in enumerate(self.equations, count):
            sources = ", ".join(f"%{source}" for source in equation.inputs)
            extra = f" {list(equation.attributes)}" if equation.attributes else ""
            numbers = f" +{equation.number_count} numbers" if equation.number_count else ""
            text = f"%{i}: {equation.spec} = {equation.primitive.name}({sources}){extra}{numbers}"
            lines.append(text)
        lines.append("return " + ", ".join(f"%{value}" for value in self.results))
        return "\n".join(lines)


def _leaf_text(leaf: Leaf) -> str:
    if leaf.literal is not None:
        return f"literal {leaf.literal} {leaf.spec.dtype.name}"
    return f"input {leaf.spec}" + (" donated" if leaf.donated else "")


class Binding(NamedTuple):
    """One run of a program: the buffers and numbers that come in, and the sizes of every value."""

    buffers: tuple[Buffer | None, ...]
    """One for each leaf; None for a literal."""
    numbers: list
    specs: tuple[Spec, ...]
    """One for each value: leaves, then equations."""


class Program(Protocol):
    """A planned graph that can be run again, with new sizes too."""

    graph: Graph

    def run(self, binding: Binding) -> list[Buffer]:
        """Compute the results; on any error no buffer that existed before has changed.

        Raises EquationError for an error that belongs to one equation.
        """
        ...

    def peak_bytes(self, specs: tuple[Spec, ...]) -> int:
        """The most memory that values of this program use at one time, inputs left out."""
        ...


class Engine(Protocol):
    """Makes programs of graphs."""

    name: str

    def plan(self, graph: Graph) -> Program:
        """Find fusion, order and lifetimes, once for a structure."""
        ...


class EquationError(Exception):
    """An equation failed: which one, and with what error."""

    def __init__(self, equation: int, error: Exception):
        super().__init__(equation, error)
        self.equation = equation
        self.error = error


Numbers = list[Any]
