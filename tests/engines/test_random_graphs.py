"""Random graphs: what the generator promises, and the CPU engine against the reference."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from rushlight.engines import load
from rushlight.engines.cpu.roles import has_kernels
from rushlight.graph.node import PRIMITIVES
from rushlight.graph.recorder import recorder, value_of
from tests.engines import random_graphs
from tests.engines.harness import using

RELAXED = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Planning:
    """The reference engine, remembering which primitives it met."""

    name = "planning"

    def __init__(self):
        self.met = set()

    def plan(self, graph):
        self.met |= {equation.primitive for equation in graph.equations}
        return load("reference").plan(graph)


def built(count):
    for seed in range(count):
        yield random_graphs.build(*random_graphs.seeded(seed))


def test_values_stay_within_their_bounds():
    with using(load("reference")):
        for survivors in built(150):
            recorder().compute()
            for value in survivors:
                array = value_of(value.node).values(value.spec).astype(np.float64)
                assert np.isfinite(array).all(), value
                most = value.bound * (1 + 4 * value.roundoff) + value.error
                assert (np.abs(array) <= most).all() or value.dtype.kind in "iu", value
                if value.whole:
                    assert (array == np.rint(array)).all(), value


SIGNS_OF_ZERO = ("copysign", "signbit")
"""They tell zeros and NaNs apart that the engines may differ in; `tests/ops` has them in tables."""


def test_every_primitive_is_met():
    with using(Planning()) as planning:
        for _ in built(1500):
            recorder().compute()
    rare = {"input", "literal", "placeholder", *SIGNS_OF_ZERO}
    compiled = {name for name, primitive in PRIMITIVES.items() if has_kernels(primitive)}
    assert compiled - {primitive.name for primitive in planning.met} - rare == set()


class Wrong:
    """An engine that is a little wrong: it forgets the last element of long sums."""

    name = "wrong"

    def plan(self, graph):
        program = load("reference").plan(graph)

        class Forgetful:
            def run(self, binding):
                results = program.run(binding)
                for number, result in zip(graph.results, results, strict=True):
                    spec = binding.specs[number]
                    if spec.size and spec.dtype.name == "float32":
                        result.stored(spec.shape, spec.dtype).flat[-1] += 0.5
                return results

        return Forgetful()


def test_a_wrong_engine_is_found_out():
    found = 0
    for seed in range(50):
        try:
            random_graphs.compare(*random_graphs.seeded(seed), engine=Wrong())
        except AssertionError:
            found += 1
    assert found >= 4


@RELAXED
@given(random_graphs.choices(), random_graphs.sizes())
def test_the_reference_agrees_with_itself(choices, sizes):
    random_graphs.compare(choices, sizes, engine=load("reference"))


@pytest.fixture(scope="module")
def cpu_engine():
    try:
        return load("cpu")
    except (ImportError, AttributeError):
        pytest.skip("the CPU engine does not exist yet")


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_twenty_graphs_on_the_cpu_engine(cpu_engine, first):
    for seed in range(first, first + 20):
        try:
            random_graphs.compare(*random_graphs.seeded(seed), engine=cpu_engine)
        except Exception as error:
            error.add_note(f"random_graphs.seeded({seed})")
            raise


@RELAXED
@given(choices=random_graphs.choices(), sizes=random_graphs.sizes(), other=random_graphs.sizes())
def test_any_graph_on_the_cpu_engine(cpu_engine, choices, sizes, other):
    random_graphs.compare(choices, sizes, other, engine=cpu_engine)
