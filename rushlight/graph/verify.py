"""The verifier: checks a graph between passes by each primitive's own rule."""

from __future__ import annotations

from rushlight.graph.program import Graph


class InvalidGraphError(AssertionError):
    """A pass broke the graph."""


def verify(graph: Graph, after: str = "recording") -> Graph:
    """Check that every equation reads earlier values and has the spec its primitive infers."""
    count = len(graph.leaves)
    for position, equation in enumerate(graph.equations, count):
        name = f"after {after}: %{position} = {equation.primitive.name}{list(equation.inputs)}"
        if any(not 0 <= source < position for source in equation.inputs):
            raise InvalidGraphError(f"{name} reads a value that is not there yet")
        if equation.number_count:
            continue  # their sizes depend on run-time numbers
        specs = tuple(graph.spec(source) for source in equation.inputs)
        try:
            spec = equation.primitive.infer(specs, equation.attributes, (), equation.spec)
        except (ValueError, IndexError) as error:
            raise InvalidGraphError(f"{name}: {error}") from None
        if (spec.shape, spec.dtype) != (equation.spec.shape, equation.spec.dtype):
            raise InvalidGraphError(f"{name} has {equation.spec}, its rule says {spec}")
    for value in graph.results:
        if not 0 <= value < count + len(graph.equations):
            raise InvalidGraphError(f"after {after}: result %{value} does not exist")
    return graph
