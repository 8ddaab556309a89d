"""Places of extremes, running values and writes in halves: kernels against the reference."""

import numpy as np
import pytest

from rushlight.engines.cpu import ENGINE, host, plan, program
from rushlight.engines.reference.engine import ENGINE as REFERENCE
from rushlight.graph import dtype as dtypes
from rushlight.graph import indexing, reduction
from tests.engines.harness import HERE, given, using, value

SHAPES = ((7, 1003), (1003, 7), (2, 40000), (5, 40, 9), (33, 8))
TOLERANCES = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 1e-2}
RUNNING = (reduction.CUMSUM, reduction.CUMPROD, reduction.CUMMAX, reduction.CUMMIN)


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Small graphs are compiled too, and nothing is left to NumPy."""

    def planned(fusion):
        made = plan.make_plan(fusion)
        hosts = [step for step in made.steps if isinstance(step, plan.HostStep)]
        assert all(step.is_check for step in hosts)
        return made

    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)
    monkeypatch.setattr(program, "make_plan", planned)


def on_both(build):
    found = []
    for engine in (ENGINE, REFERENCE):
        with using(engine):
            found.append(value(build()))
    return found


def numbers(name, shape):
    """Few different ones, some NaN, zeros of both signs."""
    random, dtype = np.random.default_rng(0), dtypes.find_dtype(name)
    if dtype.kind == "b":
        return random.random(shape) < 0.01
    if dtype.kind != "f":
        return random.integers(0, 100, shape).astype(dtype.compute)
    made = np.rint(random.normal(size=shape) * 3).astype(dtype.compute)
    made[random.random(shape) < 3e-4] = np.nan
    made[random.random(shape) < 0.1] = -0.0
    return made


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int8", "uint32", "bool"])
def test_places(name, shape):
    x = numbers(name, shape)
    for axis in range(len(shape)):
        for primitive in (reduction.ARGMAX, reduction.ARGMIN):
            got, wanted = on_both(
                lambda p=primitive, a=axis: reduction.reduce(p, given(x, name), (a,))
            )
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16", "int64", "uint8"])
def test_running_values(name, shape):
    x = numbers(name, shape)
    near_one = 1 + np.nan_to_num(x) / 1000 if x.dtype.kind == "f" else x
    for axis in range(len(shape)):
        for primitive in RUNNING:
            operand = near_one if primitive is reduction.CUMPROD else x
            got, wanted = on_both(
                lambda p=primitive, o=operand, a=axis: reduction.running(p, given(o, name), a)
            )
            np.testing.assert_allclose(got, wanted, TOLERANCES.get(name, 1e-12))


@pytest.mark.parametrize("mode", ["add", "multiply", "maximum", "minimum", "set"])
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_writes_that_meet_in_halves_round_once(name, mode):
    random = np.random.default_rng(1)
    x, part = random.normal(size=(50, 20)), random.normal(size=(3000, 20))
    part = 1 + part / 100 if mode == "multiply" else part
    places = random.integers(-50, 50, 3000)
    got, wanted = on_both(
        lambda: indexing.put(given(x, name), given(part, name), (given(places),), mode, HERE)
    )
    np.testing.assert_allclose(got, wanted, TOLERANCES[name])
