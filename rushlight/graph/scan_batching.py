"""vmap over a scan: a scan whose body computes all samples of a step."""

from __future__ import annotations

from typing import Any

from rushlight.graph.batched import batched, levels_of, union
from rushlight.graph.batching import aligned, moved, sizes_of
from rushlight.graph.creation import literal
from rushlight.graph.node import Node
from rushlight.graph.recorder import record
from rushlight.graph.scan import Closed, close, scan
from rushlight.graph.spec import Spec
from rushlight.graph.tracing import placeholder, tracing


def scan_batched(
    closed: Closed,
    carries: list[Node],
    sequences: list[Node],
    length: int,
    reverse: bool,
    wanted: list[int] | None,
) -> list[Any]:
    """Record a scan some of whose inputs are batched: then all carried values are."""
    given = [*closed.constants, *carries, *sequences]
    levels = union(*[levels_of(node) for node in given])
    specs = closed.specs[len(closed.constants) :]
    firsts = [_stand_in(spec, levels) for spec, _ in zip(specs, carries, strict=False)]
    of_elements = zip(specs[len(carries) :], sequences, strict=False)
    elements = [_stand_in(spec, levels_of(node)) for spec, node in of_elements]
    with tracing() as nodes:
        results = _run_body(closed, [*closed.constants, *firsts, *elements])
        following = [aligned(node, levels) for node in results[: len(carries)]]
        stacked = _wholes(results[len(carries) :])
    again = close(nodes, _wholes(firsts), _wholes(elements), [*following, *stacked])
    first = [aligned(node, levels) for node in carries]
    wholes = zip(_wholes(sequences), sequences, strict=True)
    stacks = [moved(whole, len(levels_of(node)), 0) for whole, node in wholes]
    found = scan(again, first, stacks, length, reverse, wanted)
    outputs: list[Any] = []
    for which, (value, result) in enumerate(zip(found, results, strict=True)):
        have = levels if which < len(carries) else levels_of(result)
        if value is not None and which >= len(carries):
            value = moved(value, 0, len(have))
        outputs.append(value if value is None else batched(value, have))
    return outputs


def _wholes(nodes: list[Node]) -> list[Node]:
    """All samples of values, at the levels where they differ."""
    return [aligned(node, levels_of(node)) for node in nodes]


def _stand_in(spec: Spec, levels: tuple) -> Node:
    """What stands for a value of every step, in all samples of some levels."""
    return batched(placeholder(spec.with_shape((*sizes_of(levels), *spec.shape))), levels)


def _run_body(closed: Closed, given: list[Node]) -> list[Node]:
    """Record the body once more, on these nodes; its results."""
    graph, numbers = closed.body.graph, closed.numbers
    values = list(given)
    for leaf in graph.leaves[len(given) :]:
        assert leaf.literal is not None
        values.append(literal(leaf.literal, leaf.spec.dtype))
    for equation in graph.equations:
        last = equation.first_number + equation.number_count
        inputs = tuple([values[source] for source in equation.inputs])
        own = numbers[equation.first_number : last]
        spec = closed.specs[len(values)]
        parts = equation.attributes, own, spec, closed.origin
        values.append(record(equation.primitive, inputs, *parts))
    return [values[result] for result in graph.results]
