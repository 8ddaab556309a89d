"""Convolution and its gradients on the CPU engine, beside the reference engine."""

from typing import NamedTuple

import numpy as np
import pytest

import rushlight as rl
from rushlight.engines import load
from rushlight.engines.cpu import build, host
from rushlight.engines.cpu.convolution.family import Convolving
from rushlight.engines.cpu.convolution.shape import Structure
from rushlight.graph import convolution as c
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph.convolution import Filters
from rushlight.graph.dtype import float32
from tests.engines.harness import given, using, value

KINDS = ("convolve", "convolve_input", "convolve_filter")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8")


class Case(NamedTuple):
    """Sizes, as the primitives have them."""

    images: int
    groups: int
    channels: int
    outputs: int
    lengths: tuple
    filters: Filters
    low: tuple
    counts: tuple

    def shapes(self) -> tuple:
        """Of the input, the filters and the result."""
        return (
            (self.images, self.groups, self.channels, *self.lengths),
            (self.groups, self.outputs, self.channels, *self.filters.size),
            (self.images, self.groups, self.outputs, *self.counts),
        )


def case(sizes, lengths, size, stride=1, dilation=1, low=0, high=None):
    """Numbers stand for all dimensions."""
    rank = len(lengths)
    spread = [(n,) * rank if isinstance(n, int) else n for n in (size, stride, dilation, low)]
    size, stride, dilation, low = spread
    high = low if high is None else high
    axes = zip(lengths, size, stride, dilation, low, high, strict=True)
    counts = [(n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, d, a, b in axes]
    return Case(*sizes, lengths, Filters(size, stride, dilation), low, tuple(counts))


CASES = {
    "plain": case((2, 1, 5, 18), (9, 11), 3, low=1),
    "one place": case((2, 1, 7, 33), (1, 1), 1),
    "line": case((3, 1, 6, 20), (40,), 5, 2, 2, low=3),
    "long line": case((1, 1, 3, 20), (2500,), 4, 3, low=1),
    "volume": case((2, 1, 3, 17), (5, 6, 9), (2, 3, 2), (1, 2, 1), (2, 1, 1), low=1),
    "phases": case((2, 1, 9, 16), (13, 10), 3, 2, low=1),
    "phases left over": case((3, 1, 16, 5), (11, 8), (4, 2), (3, 2), (2, 3), low=(2, 1)),
    "strided points": case((2, 1, 12, 24), (9, 8), 1, 2),
    "stride beyond the filter": case((1, 1, 8, 16), (14, 14), 2, 3),
    "rows apart": case((2, 1, 8, 16), (60, 50), 3, low=1),
    "padding on one side": case((2, 1, 8, 16), (7, 9), 3, low=(0, 2), high=(2, 0)),
    "padding beyond the filter": case((1, 1, 8, 16), (3, 4), 3, 2, low=4),
    "cropped": case((2, 1, 8, 16), (9, 9), 3, low=0, high=(-2, -3)),
    "groups": case((2, 3, 4, 6), (9, 8), 3, low=1),
    "depthwise": case((2, 33, 1, 1), (9, 19), 3, low=1),
    "depthwise strided": case((2, 8, 1, 2), (9, 19), 3, 2, low=1),
    "three outputs": case((2, 1, 18, 3), (9, 19), 5, low=2),
    "one channel": case((3, 1, 1, 20), (12, 12), 3),
    "few places": case((1, 1, 128, 64), (4, 4), 3, low=1),
    "few places of two": case((2, 1, 96, 80), (7, 7), 3, 2, low=1),
    "many channels": case((2, 1, 70, 90), (10, 10), 3, low=1),
}


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Small graphs are compiled too."""
    monkeypatch.setattr(host, "MOST_EQUATIONS", -1)


def whole_numbers(shape, dtype, seed=0):
    low = 0 if dtype.startswith("u") else -2
    return np.random.default_rng(seed).integers(low, 3, shape).astype("float32")


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def recorded(kind, sizes, dtype="float32", values=whole_numbers, quick=False):
    """One of the primitives on values of these sizes."""
    x, w, g = (given(values(s, dtype, i), dtype) for i, s in enumerate(sizes.shapes()))
    filters = sizes.filters._replace(quick=quick)
    if kind == "convolve":
        return c.convolve(x, w, filters, sizes.low, sizes.counts)
    if kind == "convolve_input":
        return c.convolve_input(g, w, filters, sizes.low, sizes.lengths)
    return c.convolve_filter(x, g, filters, sizes.low)


def computed(engine, *arguments, **named):
    with using(load(engine)):
        return value(recorded(*arguments, **named))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *[(name, "float32") for name in CASES],
        *[(name, dtype) for name in list(CASES)[::3] for dtype in DTYPES[1:]],
    ],
)
def test_sums_of_whole_numbers_are_exact(name, kind, dtype):
    found, wanted = (computed(engine, kind, CASES[name], dtype) for engine in ("cpu", "reference"))
    np.testing.assert_array_equal(found, wanted, strict=True)


def way_of(kind, sizes, quick=False):
    """Which of its ways the engine takes."""
    structure = Structure(kind, float32, *sizes.filters._replace(quick=quick))
    return Convolving(structure).arrange(*sizes[:4], *sizes.lengths, *sizes.counts).variant


def test_every_way_is_taken():
    taken = {(kind, way_of(kind, sizes)) for kind in KINDS for sizes in CASES.values()}
    for way in ("direct", "few outputs"):
        assert {(kind, way) for kind in KINDS} <= taken
    assert ("convolve", "few places") in taken


QUICK = {
    "plain": case((4, 1, 17, 20), (9, 13), 3, low=1),
    "no padding": case((2, 1, 32, 24), (26, 26), 3),
    "padding on one side": case((3, 1, 16, 33), (12, 15), 3, low=(0, 2), high=(2, 0)),
    "small images": case((33, 1, 20, 48), (4, 4), 3, low=1),
    "groups": case((2, 2, 16, 16), (14, 14), 3, low=1),
    "wide": case((1, 1, 16, 16), (30, 70), 3, low=2),
    "many channels": case((5, 1, 130, 140), (7, 8), 3, low=1),
    "few tiles and large filters": case((19, 1, 300, 340), (4, 3), 3, low=1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", QUICK)
def test_winograd_stays_within_its_bound(name, kind):
    sizes = QUICK[name]
    assert way_of(kind, sizes, quick=True) == "winograd"
    assert way_of(kind, sizes) == "direct"
    found, wanted = (
        computed(engine, kind, sizes, "float32", normal, True) for engine in ("cpu", "reference")
    )
    assert np.abs(found - wanted).max() < 3e-4 * wanted.std()


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_no_bit(kind):
    threads = rl.get_num_threads()
    everything = [(s, False) for s in CASES.values()] + [(s, True) for s in QUICK.values()]
    results = []
    try:
        for count in (1, 3):
            rl.set_num_threads(count)
            results.append(
                [computed("cpu", kind, s, values=normal, quick=q) for s, q in everything]
            )
    finally:
        rl.set_num_threads(threads)
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "quick"), [("plain", False), ("phases", False), ("plain", True)])
def test_new_sizes_compile_nothing(name, quick, kind, monkeypatch):
    sizes = (QUICK if quick else CASES)[name]
    seen = computed("cpu", kind, sizes, values=normal, quick=quick)
    assert seen.size

    def refuse(text):
        raise AssertionError("compiled")

    monkeypatch.setattr(build, "compile_object", refuse)
    filters = sizes.filters
    for samples, more, length in ((1, 1, 20), (6, 5, 31), (3, 40, 12)):
        channels = sizes.channels + more, sizes.outputs + more
        lengths = tuple([n + length for n in sizes.lengths])
        other = case((samples, 1, *channels), lengths, *filters[:3], low=(1, 0), high=(1, 2))
        computed("cpu", kind, other, values=normal, quick=quick)


def test_what_follows_is_stored_at_once():
    """A bias, a scale that is recorded later, a residual and an activation join the kernel."""
    from rushlight.engines.cpu.program import plan_graph

    graphs = []

    class Watching:
        name = "watching"

        def plan(self, graph):
            graphs.append(graph)
            return load("cpu").plan(graph)

    sizes = CASES["many channels"]
    shape = sizes.shapes()[2]
    scale, around, zeros = np.arange(1.0, 91), normal(shape, "float32", 7), np.zeros(shape)
    held = [given(operand, "float32") for operand in (scale, around, zeros)]

    def build_graph():
        y = recorded("convolve", sizes, values=normal)
        y = e.mul(y, m.expand(e.unary(e.SQRT, held[0]), shape, (2,)))
        return e.binary(e.MAXIMUM, e.add(y, held[1]), held[2])

    with using(Watching()):
        found = value(build_graph())
    with using(load("reference")):
        wanted = value(build_graph())
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    steps = plan_graph(graphs[-1]).steps
    assert [type(step).__name__ for step in steps] == ["NativeStep", "Crafted"]
