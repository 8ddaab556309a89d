"""Rule 10: nothing of ours is cyclic, and a steady loop has one steady program."""

import contextlib
import gc

import pytest

import rushlight as rl
from rushlight.graph.recorder import PROGRAMS
from rushlight.utils.checkpoint import checkpoint
from tests.semantics.watching import Network, batch


@contextlib.contextmanager
def no_garbage():
    gc.collect()
    gc.disable()
    try:
        yield
        assert gc.collect() == 0
        assert gc.garbage == []
    finally:
        gc.enable()


def mlp_step():
    network, (x, y) = Network(), batch()
    return lambda: network.step(x, y)


def module_step(make):
    model = rl.nn.Sequential(rl.nn.Linear(8, 16), rl.nn.ReLU(), rl.nn.Linear(16, 4))
    optimiser = make(model.parameters())
    x, y = batch()
    loss_of = rl.nn.MSELoss()

    def step():
        optimiser.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimiser.step()

    return step


def double_backward_step():
    network, (x, y) = Network(), batch()

    def step():
        grads = rl.autograd.grad(network.loss(x, y), network.parameters, create_graph=True)
        sum((g * g).sum() for g in grads).backward()
        network.update()

    return step


def checkpoint_step():
    network, (x, y) = Network(), batch()

    def step():
        checkpoint(network.loss, x, y).backward()
        network.update()

    return step


class Scale(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        result = x * factor
        ctx.save_for_backward(x, result)
        ctx.factor = factor
        return result

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.factor, None


class Twice(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        flag = x > 0
        ctx.mark_non_differentiable(flag)
        return x.mul_(2), flag

    @staticmethod
    def backward(ctx, grad, _):
        return grad * 2


def function_step():
    w = rl.ones(5, requires_grad=True)

    def step():
        y, _ = Twice.apply(Scale.apply(w, 3.0))
        y.sum().backward()
        w.grad = None

    return step


def hook_step():
    w = rl.ones(5, requires_grad=True)

    def step():
        y = w * 2
        y.retain_grad()
        y.register_hook(lambda grad: grad * 2)
        y.grad_fn.register_hook(lambda ins, outs: None)
        handle = w.register_post_accumulate_grad_hook(lambda p: None)
        y.sum().backward()
        handle.remove()
        w.grad = None

    return step


def inplace_step():
    w = rl.ones(4, 4, requires_grad=True)

    def step():
        y = w * 2
        y[1] = y[0] * 3
        y.t()[2].mul_(2)
        y.add_(1)
        y.sum().backward()
        w.grad = None

    return step


STEPS = {
    "network": mlp_step,
    "SGD": lambda: module_step(lambda p: rl.optim.SGD(p, lr=0.1, momentum=0.9)),
    "Adam": lambda: module_step(lambda p: rl.optim.Adam(p, lr=0.01)),
    "double backward": double_backward_step,
    "checkpoint": checkpoint_step,
    "Function": function_step,
    "hooks": hook_step,
    "in place": inplace_step,
}


@pytest.mark.parametrize("name", STEPS)
def test_a_hundred_steps_leave_no_garbage_and_one_steady_program(name):
    step = STEPS[name]()
    for _ in range(3):
        step()
        rl.sync()
    programs = len(PROGRAMS)
    with no_garbage():
        for _ in range(100):
            step()
            rl.sync()
    assert len(PROGRAMS) == programs


def test_a_failed_step_leaves_no_garbage():
    x = rl.ones(3)
    with no_garbage():
        for _ in range(5):
            with pytest.raises(IndexError):
                x[rl.tensor([1]) * 7].tolist()


def test_graphs_that_are_dropped_without_backward_leave_no_garbage():
    network, (x, y) = Network(), batch()
    network.loss(x, y).item()
    with no_garbage():
        for _ in range(5):
            network.loss(x, y).item()
            network.loss(x, y)
        rl.sync()
