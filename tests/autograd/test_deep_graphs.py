"""Graphs of a hundred thousand nodes: walked and dropped without a deep stack."""

import rushlight as rl
from rushlight.utils.checkpoint import checkpoint
from tests.semantics.fresh import run_fresh

DEPTH = 100_000


def chain(x, depth=DEPTH, function=lambda y: -y):
    for number in range(depth):
        x = function(x)
        if number % 50 == 49:
            rl.sync()  # it is the autograd graph that shall be deep
    return x


def test_a_deep_graph_is_walked_and_dropped():
    w = rl.ones(1, requires_grad=True)
    y = chain(w)
    y.sum().backward()
    assert w.grad.tolist() == [1]
    del y


ON_A_SMALL_STACK = """
import threading
import rushlight as rl
def work():
    w = rl.ones(1, requires_grad=True)
    y = w
    for number in range(100_000):
        y = y * y
        if number % 50 == 49:
            rl.sync()
    del y
    print("alive")
threading.stack_size(256 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_a_deep_graph_is_dropped_on_a_small_stack():
    assert run_fresh(ON_A_SMALL_STACK).strip() == "alive"


def test_a_deep_graph_of_views_and_writes():
    w = rl.ones(2, requires_grad=True)
    y = w * 1
    for _ in range(2000):
        y[0].mul_(-1)
    y.sum().backward()
    assert w.grad.tolist() == [1, 1]


def test_a_deep_chain_of_pending_nodes_is_dropped_uncomputed():
    x = rl.ones(1)
    for _ in range(15_000):
        x = -x
    del x
    rl.sync()


def test_second_gradients_of_a_deep_graph():
    w = rl.tensor([1.0], requires_grad=True)
    y = chain(w, 3000, lambda y: y * w)
    (first,) = rl.autograd.grad(y.sum(), w, create_graph=True)
    (second,) = rl.autograd.grad(first.sum(), w)
    assert (first.item(), second.item()) == (3001, 3001 * 3000)


def test_deep_graphs_of_functions_and_checkpoints():
    class Same(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    w = rl.ones(1, requires_grad=True)
    y = chain(w, 20_000, Same.apply)
    y.sum().backward()
    del y
    y = chain(w, 2000, lambda y: checkpoint(lambda z: z.neg().exp().log(), y))
    y.sum().backward()
    assert w.grad.item() == 2
