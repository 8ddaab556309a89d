"""Bodies as structure: equal ones are one object, and only what is structure makes them differ."""

import pytest

import rushlight as rl
from rushlight.graph.scan import SCAN
from rushlight.tensor import node_of


def body_of(function, carry, xs):
    node = node_of(rl.scan(function, carry, xs)[0])
    assert node.primitive is SCAN
    return node.attributes[1]


def decaying(h, x):
    return h * 0.5 + x, h


def first(**changes):
    options = {"function": decaying, "carry": rl.ones(3, 4), "xs": rl.ones(5, 3, 4)} | changes
    return body_of(**options)


SAME = {
    "again": {},
    "another length": {"xs": rl.ones(9, 3, 4)},
    "other sizes": {"carry": rl.ones(7, 2), "xs": rl.ones(5, 7, 2)},
    "another number": {"function": lambda h, x: (h * 0.25 + x, h)},
    "another function": {"function": lambda a, b: (a * 0.5 + b, a)},
}
OTHER = {
    "a size of 1": {"carry": rl.ones(1, 4), "xs": rl.ones(5, 1, 4)},
    "a dtype": {"carry": rl.ones(3, 4).double(), "xs": rl.ones(5, 3, 4).double()},
    "a rank": {"carry": rl.ones(3), "xs": rl.ones(5, 3)},
    "an order": {"function": lambda h, x: (x + h * 0.5, h)},
    "results": {"function": lambda h, x: (h * 0.5 + x, x)},
}


@pytest.mark.parametrize("name", SAME)
def test_one_body_for_one_structure(name):
    assert first(**SAME[name]) is first()


@pytest.mark.parametrize("name", OTHER)
def test_other_structures_have_other_bodies(name):
    assert first(**OTHER[name]) is not first()


def test_bounds_of_slices_do_not_mix_two_scans_up():
    xs = rl.arange(12).reshape(3, 4)
    scans = [
        rl.scan(lambda h, x, at=at: (h + x[at : at + 2], None), rl.zeros(2), xs)[0] for at in (0, 2)
    ]
    assert [last.tolist() for last in scans] == [[12, 15], [18, 21]]


def test_a_body_prints_as_a_graph():
    assert "mul(" in repr(first())
    assert "return" in repr(first())
