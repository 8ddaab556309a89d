"""Guard mode: what kernels write beside a value, leave out, or read beyond it is noticed."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from rushlight.engines import load
from rushlight.engines.cpu import guard, host, running
from rushlight.graph import contraction, movement
from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from tests.engines import random_graphs
from tests.engines.harness import assert_same, given, using, value

MODES = ("1", "begin")


@pytest.fixture(params=MODES)
def guarded(request, monkeypatch):
    """Every run is guarded, that of a small graph too."""
    monkeypatch.setattr(running, "GUARD", request.param)
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)
    with using(load("cpu")):
        yield request.param


def doubled_sum():
    x = given(np.arange(1000.0, dtype=np.float32))
    y = e.add(x, x)
    return y, x, r.sum_(e.unary(e.EXP, e.neg(y)), (0,))


def test_results_are_as_without_guards(guarded):
    y, *_ = doubled_sum()
    assert_same(value(y), 2 * np.arange(1000, dtype=np.float32))


def test_an_input_that_is_written_over_gets_the_result(guarded):
    x = e.neg(given(np.ones(5000, np.float32)))
    value(x)
    buffer = x.buffer
    y = e.add(x, given(np.float32(1)))
    del x
    assert_same(value(y), np.zeros(5000, np.float32))
    del buffer


class Spoiling:
    """Writes one byte somewhere after each kernel."""

    def __init__(self, monkeypatch, name, place):
        self.name, self.place = name, place
        self.run_alone, self.regions = guard.run_alone, None
        make = guard.Regions

        def remember(sizes):
            self.regions = make(sizes)
            return self.regions

        monkeypatch.setattr(guard, "Regions", remember)
        monkeypatch.setattr(guard, "run_alone", self)

    def __call__(self, *arguments):
        self.run_alone(*arguments)
        region = self.regions.regions[self.name]
        place = region.first + self.place
        self.regions.memory[place if self.place < 0 else place + region.nbytes] = 7


def test_a_write_beside_a_value_is_noticed(guarded, monkeypatch):
    y, *held = doubled_sum()
    Spoiling(monkeypatch, 0, 0 if guarded == "begin" else -1)
    place = 4000 if guarded == "begin" else -1
    words = rf"step 0 wrote beside the memory of %0 \(float32\[1000\]\), at byte {place}"
    with pytest.raises(guard.GuardError, match=words):
        value(y)
    assert held


def test_a_write_into_an_input_is_noticed(guarded, monkeypatch):
    def spoil(self, *arguments):
        self.run_alone(*arguments)
        self.regions.bytes_of(self.name)[0] = 7

    y, *held = doubled_sum()
    Spoiling(monkeypatch, 0, 0)
    monkeypatch.setattr(Spoiling, "__call__", spoil)
    with pytest.raises(guard.GuardError, match=r"the input %0 .* was written over"):
        value(y)
    assert held


def test_what_is_left_unwritten_is_noticed(guarded, monkeypatch):
    y, *held = doubled_sum()
    monkeypatch.setattr(guard, "run_alone", lambda *arguments: None)
    with pytest.raises(guard.GuardError, match=r"step 0 left .* elements of .* unwritten"):
        value(y)
    assert held


READING = """
import ctypes, resource
from rushlight.engines.cpu import guard, running
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
running.GUARD = "{mode}"
regions = guard.Regions({{"a": (100, 4), "b": (100, 4)}})
place = regions.address_of("a")
read = ctypes.c_ubyte.from_address
assert read(place).value == read(place + 99).value == 255
print("now", flush=True)
read(place + {offset}).value
print("later")
"""


@pytest.mark.skipif(os.name != "posix", reason="pages are made unreadable by a call of POSIX")
@pytest.mark.parametrize(("mode", "offset"), [("1", 100), ("begin", -1)])
def test_a_read_beyond_the_end_is_a_fault(mode, offset):
    code = READING.format(mode=mode, offset=offset)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.stdout == "now\n"
    assert done.returncode < 0


def test_regions_of_nothing_and_of_many_pages(guarded):
    regions = guard.Regions({"none": (0, 4), "large": (3 * guard._PAGE, 64), "odd": (7, 1)})
    assert not regions.written_zones()
    for name, nbytes in (("none", 0), ("large", 3 * guard._PAGE), ("odd", 7)):
        regions.bytes_of(name)[:] = 1
        assert ctypes.string_at(regions.address_of(name), nbytes) == b"\1" * nbytes
    assert not regions.written_zones()


def test_a_step_of_many_kinds(guarded):
    x = given(np.random.default_rng(0).standard_normal((33, 17)).astype(np.float32))
    y = contraction.contract(x, x, (1,), (1,), (), ())
    centred = e.sub(y, movement.expand(r.reduce(r.MAX, y, (1,)), (33, 33), (0,)))
    expected = x.buffer.stored((33, 17), x.spec.dtype).astype(np.float64)
    expected = expected @ expected.T
    np.testing.assert_allclose(
        value(centred), expected - expected.max(1, keepdims=True), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("first", range(1000, 1060, 20))
def test_random_graphs_stay_inside_their_buffers(guarded, first):
    for seed in range(first, first + 20):
        try:
            random_graphs.compare(*random_graphs.seeded(seed), engine=load("cpu"))
        except Exception as error:
            error.add_note(f"random_graphs.seeded({seed}) with RUSHLIGHT_GUARD={guarded}")
            raise
