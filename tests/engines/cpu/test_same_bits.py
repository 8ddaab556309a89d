"""Fusion, threads and sizes never change a bit (rule 6): random graphs, fused and one by one."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from rushlight.engines.cpu import ENGINE, host, pool
from rushlight.graph.buffer import Buffer
from rushlight.graph.program import Binding, Equation, Graph, Leaf
from rushlight.graph.recorder import recorder
from tests.engines import random_graphs
from tests.engines.harness import using

RELAXED = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Small graphs are compiled too."""
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)


def one_by_one(graph: Graph, binding: Binding) -> dict[int, Buffer]:
    """Every value of a graph, each equation computed by a program of its own."""
    values = dict(enumerate(binding.buffers))
    count = len(graph.leaves)
    for value, equation in enumerate(graph.equations, count):
        sources = list(dict.fromkeys(equation.inputs))
        leaves = [
            Leaf(binding.specs[s], graph.leaves[s].literal if s < count else None) for s in sources
        ]
        inputs = tuple(sources.index(s) for s in equation.inputs)
        spec = binding.specs[value]
        alone = Equation(
            equation.primitive, equation.attributes, inputs, spec, 0, equation.number_count
        )
        single = Graph(tuple(leaves), (alone,), (len(leaves),))
        first = equation.first_number
        numbers = binding.numbers[first : first + equation.number_count]
        specs = (*[leaf.spec for leaf in leaves], spec)
        buffers = tuple(values[s] for s in sources)
        values[value] = ENGINE.plan(single).run(Binding(buffers, numbers, specs))[0]
    return values


def bits(buffer: Buffer, spec) -> bytes:
    """The bytes of a value, with all NaN alike."""
    array = buffer.stored(spec.shape, spec.dtype).copy()
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    return array.tobytes()


class Checking:
    """An engine that computes each graph in several ways and compares the bits."""

    name = "checking"

    def plan(self, graph):
        return _CheckingProgram(graph)


class _CheckingProgram:
    def __init__(self, graph):
        kept = tuple([leaf._replace(donated=False) for leaf in graph.leaves])
        self.graph = graph._replace(leaves=kept)
        self.program = ENGINE.plan(self.graph)

    def run(self, binding):
        results = self.program.run(binding)
        alone = one_by_one(self.graph, binding)
        again = self.with_threads(1, binding)
        for number, fused, serial in zip(self.graph.results, results, again, strict=True):
            spec = binding.specs[number]
            words = f"%{number} in\n{self.graph}"
            assert bits(fused, spec) == bits(alone[number], spec), f"fused: {words}"
            assert bits(fused, spec) == bits(serial, spec), f"one thread: {words}"
        return results

    def with_threads(self, count, binding):
        threads = pool.get_num_threads()
        pool.set_num_threads(count)
        try:
            return self.program.run(binding)
        finally:
            pool.set_num_threads(threads)


@RELAXED
@given(choices=random_graphs.choices(), sizes=random_graphs.sizes(), other=random_graphs.sizes())
def test_fused_and_unfused_graphs_have_the_same_bits(choices, sizes, other):
    with using(Checking()):
        for shape in (sizes, other):
            survivors = random_graphs.build(choices, shape)
            recorder().compute()
            del survivors
