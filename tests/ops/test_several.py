"""Parts of a tensor at once: one node of the graph, whose gradients come back together."""

import pytest

import rushlight as rl


@pytest.mark.parametrize(
    ("cut", "name"),
    [
        (lambda x: x.split(2, 1), "SplitBackward0"),
        (lambda x: x.split([1, 5], 1), "SplitBackward0"),
        (lambda x: x.chunk(3, 1), "SplitBackward0"),
        (lambda x: x.unbind(0), "UnbindBackward0"),
    ],
)
def test_parts_share_one_node(cut, name):
    x = rl.randn(4, 6, requires_grad=True)
    parts = cut(x)
    assert {part.grad_fn.name() for part in parts} == {name}
    assert len({part.grad_fn for part in parts}) == 1
    sum((i + 1) * part.sum() for i, part in enumerate(parts)).backward()
    whole = cut(x.grad)
    for i, part in enumerate(whole):
        assert part.eq(i + 1).all()


def test_unused_parts_get_zeros():
    x = rl.randn(4, 6, requires_grad=True)
    x.split(2, 1)[1].sum().backward()
    assert x.grad.tolist() == [[0, 0, 1, 1, 0, 0]] * 4


def test_parts_are_views():
    x = rl.zeros(2, 4)
    right = x.split(2, 1)[1]
    right.add_(1)
    assert x.tolist() == [[0, 0, 1, 1]] * 2
    x.mul_(3)
    assert right.tolist() == [[3, 3]] * 2
    x.unbind(0)[1].zero_()
    assert x.tolist() == [[0, 0, 3, 3], [0, 0, 0, 0]]


def test_a_written_part_of_a_recorded_tensor():
    leaf = rl.ones(2, 4, requires_grad=True)
    x = leaf * 1
    left = x.split(2, 1)[0]
    left.mul_(5)
    (x * x).sum().backward()
    assert leaf.grad.tolist() == [[50, 50, 2, 2]] * 2
