"""The scan, step by step."""

from __future__ import annotations

import numpy as np

from rushlight.engines.reference.rounding import Rule, cast
from rushlight.graph.node import Primitive
from rushlight.graph.program import Graph
from rushlight.graph.scan import SCAN
from rushlight.graph.spec import Spec


def run_scan(arrays: list[np.ndarray], attributes: tuple, numbers: tuple) -> list[np.ndarray]:
    """All results of a scan: the last carried values, then the stacked ones."""
    _, body, reverse, counts = attributes
    length, specs, *body_numbers = numbers
    constants = arrays[: counts.constants]
    carries = list(arrays[counts.constants : counts.constants + counts.carries])
    sequences = arrays[counts.constants + counts.carries :]
    stacks = [
        np.empty((length, *specs[value].shape), specs[value].dtype.compute)
        for value in body.graph.results[counts.carries :]
    ]
    for step in reversed(range(length)) if reverse else range(length):
        elements = [sequence[step] for sequence in sequences]
        results = run_body(body.graph, [*constants, *carries, *elements], specs, body_numbers)
        carries = results[: counts.carries]
        for stack, element in zip(stacks, results[counts.carries :], strict=True):
            stack[step] = element
    return [*carries, *stacks]


def run_body(
    graph: Graph, values: list[np.ndarray], specs: tuple[Spec, ...], numbers: list
) -> list[np.ndarray]:
    """The results of a graph, one primitive at a time."""
    from rushlight.engines.reference.engine import compute

    values = [np.asarray(value) for value in values]
    values += [cast(leaf.literal, leaf.spec.dtype) for leaf in graph.leaves[len(values) :]]
    for position, equation in enumerate(graph.equations, len(values)):
        arrays = [values[source] for source in equation.inputs]
        first = equation.first_number
        used = tuple(numbers[first : first + equation.number_count])
        parts = equation.primitive, arrays, equation.attributes, used, specs[position]
        values.append(compute(*parts))
    return [values[result] for result in graph.results]


def _scan(arrays, attributes, numbers, spec):
    return run_scan(arrays, attributes, numbers)[attributes[0]]


RULES: dict[Primitive, Rule] = {SCAN: _scan}
