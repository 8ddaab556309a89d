"""The verifier: checks a graph between passes by each primitive's own rule."""

from __future__ import annotations

from rushlight.graph.program import Equation, Graph


class InvalidGraphError(AssertionError):
    """A pass broke the graph."""


def verify(graph: Graph, after: str = "recording") -> Graph:
    """Check that every equation reads earlier values and has the spec its primitive infers."""
    count = len(graph.leaves)
    for position, equation in enumerate(graph.equations, count):
        if equation.inputs and not 0 <= min(equation.inputs) <= max(equation.inputs) < position:
            raise InvalidGraphError(
                f"{_named(after, position, equation)} reads a value that is not there yet"
            )
        if equation.number_count:
            continue  # their sizes depend on run-time numbers
        wanted = equation.spec
        specs = tuple([graph.spec(source) for source in equation.inputs])
        try:
            spec = equation.primitive.infer(specs, equation.attributes, (), wanted)
        except (ValueError, IndexError) as error:
            raise InvalidGraphError(f"{_named(after, position, equation)}: {error}") from None
        if spec is not wanted and (spec.shape, spec.dtype) != (wanted.shape, wanted.dtype):
            raise InvalidGraphError(
                f"{_named(after, position, equation)} has {wanted}, its rule says {spec}"
            )
    for value in graph.results:
        if not 0 <= value < count + len(graph.equations):
            raise InvalidGraphError(f"after {after}: result %{value} does not exist")
    return graph


def _named(after: str, position: int, equation: Equation) -> str:
    return f"after {after}: %{position} = {equation.primitive.name}{list(equation.inputs)}"
