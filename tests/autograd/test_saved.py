"""Hooks on saved tensors."""

import pytest

import rushlight as rl
from rushlight.autograd.graph import Node, save_on_cpu, saved_tensors_hooks


def leaf(*values):
    return rl.tensor([*values], requires_grad=True)


def test_saved_tensors_go_through_the_hooks():
    packed, unpacked = [], []

    def pack(tensor):
        assert not rl.is_grad_enabled()
        packed.append(tensor.tolist())
        return tensor.numpy().copy()

    def unpack(array):
        unpacked.append(array.tolist())
        return rl.from_numpy(array)

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with saved_tensors_hooks(pack, unpack):
        product = x * y
    assert sorted(packed) == [[1, 2], [3, 4]]
    assert not unpacked
    product.sum().backward()
    assert sorted(unpacked) == [[1, 2], [3, 4]]
    assert (x.grad.tolist(), y.grad.tolist()) == ([3, 4], [1, 2])


def test_only_the_innermost_hooks_are_called():
    seen = []

    def hooks(name):
        return saved_tensors_hooks(lambda t: seen.append(name) or t, lambda t: t)

    x = leaf(1.0)
    with hooks("outer"):
        with hooks("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert seen == ["inner", "outer"]


def test_gradients_of_gradients_pass():
    x = leaf(2.0)
    with save_on_cpu():
        y = (x**3).sum()
    (first,) = rl.autograd.grad(y, x, create_graph=True)
    first.sum().backward()
    assert (first.tolist(), x.grad.tolist()) == ([12], [12])


def test_functions_of_the_user_are_hooked_too():
    class Cube(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, None)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            x, _ = ctx.saved_tensors
            return grad * 3 * x**2

    seen = []
    x = leaf(2.0)
    with saved_tensors_hooks(lambda t: seen.append(t.tolist()) or t, lambda t: t + 0):
        y = Cube.apply(x)
    y.sum().backward()
    assert seen == [[2]]
    assert x.grad.tolist() == [12]


def test_wrong_results_of_unpacking():
    for wrong, kind in ((lambda t: 3, TypeError), (lambda t: t[:1], RuntimeError)):
        with saved_tensors_hooks(lambda t: t, wrong):
            y = leaf(1.0, 2.0).exp()
        with pytest.raises(kind, match="unpack_hook"):
            y.sum().backward()


def test_nodes_are_nodes():
    assert isinstance(leaf(1.0).exp().grad_fn, Node)
