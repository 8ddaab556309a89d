"""The primitives of convolution: their specs, and what fits together."""

import numpy as np
import pytest

from rushlight.graph import convolution as c
from rushlight.graph.convolution import Filters
from rushlight.graph.dtype import float32, float64
from rushlight.graph.spec import spec_of
from rushlight.graph.work import operations_of
from tests.engines.harness import given

FILTERS = Filters((3, 2), (2, 1), (1, 2))
X, W, Y = (2, 3, 4, 9, 8), (3, 5, 4, 3, 2), (2, 3, 5, 4, 6)


def leaf(shape, dtype="float32"):
    return given(np.ones(shape), dtype)


def nodes():
    x, w, g = leaf(X), leaf(W), leaf(Y)
    return (
        c.convolve(x, w, FILTERS, (0, 0), Y[3:]),
        c.convolve_input(g, w, FILTERS, (0, 0), X[3:]),
        c.convolve_filter(x, g, FILTERS, (0, 0)),
    )


def test_each_has_the_shape_of_the_third():
    assert [node.spec.shape for node in nodes()] == [Y, X, W]


def test_the_rule_agrees_with_what_is_recorded():
    for node in nodes():
        specs = tuple(source.spec for source in node.inputs)
        found = node.primitive.infer(specs, node.attributes, node.numbers, node.spec)
        assert (found.shape, found.dtype) == (node.spec.shape, node.spec.dtype)


def test_operands_that_do_not_fit_are_refused():
    x, g = (spec_of(shape, float32) for shape in (X, Y))
    double = spec_of(W, float64)
    for primitive, specs in (
        (c.CONVOLVE, (x, spec_of((3, 5, 3, 3, 2), float32))),
        (c.CONVOLVE, (x, spec_of((3, 5, 4, 3, 3), float32))),
        (c.CONVOLVE, (x, double)),
        (c.CONVOLVE_INPUT, (g, spec_of((3, 4, 4, 3, 2), float32))),
        (c.CONVOLVE_FILTER, (x, spec_of((2, 2, 5, 4, 6), float32))),
    ):
        with pytest.raises(ValueError, match="convolution of"):
            primitive.infer(specs, (FILTERS,), (0, 0), x)


def test_all_three_take_the_same_work():
    products = 2 * 2 * 3 * 5 * 4 * 6 * 4 * 6
    assert [operations_of(node) - node.spec.size for node in nodes()] == [products] * 3
