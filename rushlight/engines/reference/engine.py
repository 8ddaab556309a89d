"""Runs a graph one primitive at a time."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference import (
    attention,
    complex,
    contraction,
    convolution,
    creation,
    elementwise,
    fourier,
    indexing,
    linalg,
    movement,
    pooling,
    reduction,
    scan,
    special_rules,
)
from rushlight.engines.reference.rounding import Rule, cast, rounded
from rushlight.graph.buffer import Buffer
from rushlight.graph.interrupts import honour
from rushlight.graph.node import Node, Primitive
from rushlight.graph.program import Binding, Equation, EquationError, Graph
from rushlight.graph.scan import SCAN
from rushlight.graph.spec import Spec

RULES: dict[Primitive, Rule] = {
    **elementwise.RULES,
    **movement.RULES,
    **reduction.RULES,
    **contraction.RULES,
    **convolution.RULES,
    **attention.RULES,
    **indexing.RULES,
    **pooling.RULES,
    **creation.RULES,
    **complex.RULES,
    **fourier.RULES,
    **special_rules.RULES,
    **scan.RULES,
    **linalg.RULES,
}


def compute(
    primitive: Primitive, arrays: list[np.ndarray], attributes: tuple, numbers: tuple, spec: Spec
) -> np.ndarray:
    """The value of one primitive, as an array of `spec`'s compute dtype.

    Operands are arrays of their compute dtypes; the result may share memory with them.
    """
    with np.errstate(all="ignore"):
        result = rounded(RULES[primitive](arrays, attributes, numbers, spec), spec.dtype)
    if result.shape != spec.shape:
        raise ValueError(f"{primitive.name} gave the shape {result.shape}, recorded as {spec}")
    return result


def evaluate(node: Node) -> Buffer:
    """The value of one node whose inputs are computed, or literals."""
    if node.primitive is creation.LITERAL:
        return Buffer.holding(cast(node.attributes[0], node.spec.dtype), node.spec.dtype)
    arrays = [_value_of(source) for source in node.inputs]
    result = compute(node.primitive, arrays, node.attributes, node.numbers, node.spec)
    return Buffer.holding(result, node.spec.dtype)


def _value_of(source: Node) -> np.ndarray:
    return (source.buffer or evaluate(source)).values(source.spec)


class ReferenceProgram:
    """The equations of a graph in recorded order, and which values die after each."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.dying = _last_uses(graph)

    def run(self, binding: Binding) -> list[Buffer]:
        """Compute the results; every error names its equation."""
        graph = self.graph
        self.shared: dict[tuple, list[np.ndarray]] = {}
        values: list[np.ndarray | None] = [
            _leaf_value(leaf.literal, buffer, spec)
            for leaf, buffer, spec in zip(
                graph.leaves, binding.buffers, binding.specs[: len(graph.leaves)], strict=True
            )
        ]
        for position in range(len(graph.equations)):
            honour()
            try:
                values.append(self._compute(position, values, binding))
            except Exception as error:
                raise EquationError(position, error) from error
            for dead in self.dying[position]:
                values[dead] = None
        self.shared.clear()
        return [
            Buffer.holding(values[result], binding.specs[result].dtype) for result in graph.results
        ]

    def _compute(self, position: int, values: list, binding: Binding) -> np.ndarray:
        equation = self.graph.equations[position]
        arrays = [values[source] for source in equation.inputs]
        first = equation.first_number
        numbers = tuple(binding.numbers[first : first + equation.number_count])
        spec = binding.specs[len(self.graph.leaves) + position]
        if equation.primitive is SCAN:
            return self._share(equation, arrays, numbers)
        return compute(equation.primitive, arrays, equation.attributes, numbers, spec)

    def _share(self, equation: Equation, arrays: list, numbers: tuple) -> np.ndarray:
        """One result of a scan, all of which are computed when the first is wanted."""
        key = equation.inputs, equation.attributes[1:]
        if key not in self.shared:
            with np.errstate(all="ignore"):
                self.shared[key] = scan.run_scan(arrays, equation.attributes, numbers)
        return self.shared[key][equation.attributes[0]]

    def peak_bytes(self, specs: tuple[Spec, ...]) -> int:
        """The most memory that values use at one time, inputs left out."""
        count = len(self.graph.leaves)
        held = most = 0
        for position, dying in enumerate(self.dying):
            held += specs[count + position].nbytes
            most = max(most, held)
            held -= sum(specs[dead].nbytes for dead in dying if dead >= count)
        return most


def _leaf_value(literal: object, buffer: Buffer | None, spec: Spec) -> np.ndarray:
    return buffer.values(spec) if buffer is not None else cast(literal, spec.dtype)


def _last_uses(graph: Graph) -> list[list[int]]:
    """For each equation, the values that nothing needs after it."""
    count = len(graph.leaves)
    dying: list[list[int]] = [[] for _ in graph.equations]
    seen = set(graph.results)
    for position in reversed(range(len(graph.equations))):
        for value in (count + position, *graph.equations[position].inputs):
            if value not in seen:
                seen.add(value)
                dying[position].append(value)
    return dying


class ReferenceEngine:
    """Makes programs that NumPy interprets: right and readable, without any trick for speed."""

    name = "reference"

    def plan(self, graph: Graph) -> ReferenceProgram:
        """A program for this structure."""
        return ReferenceProgram(graph)


ENGINE = ReferenceEngine()
