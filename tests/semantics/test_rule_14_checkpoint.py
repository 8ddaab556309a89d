"""Rule 14: a checkpoint computes again what it did not keep, and the planned peak falls."""

import pytest

import rushlight as rl
from rushlight.graph import recorder
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

WIDTH, LAYERS = 64, 8


@pytest.fixture(autouse=True)
def one_program(monkeypatch):
    """Forward and backward are planned together."""
    for limit in ("SOFT_NODES", "SOFT_BYTES", "SOFT_OPERATIONS"):
        monkeypatch.setattr(recorder, limit, 1 << 60)


def weights():
    random = rl.Generator().manual_seed(1)
    made = [rl.randn(WIDTH, WIDTH, generator=random) * WIDTH**-0.5 for _ in range(LAYERS)]
    rl.sync()
    return [weight.requires_grad_() for weight in made]


def block(first, second):
    def run(x):
        x = (x @ first).tanh().exp().sin()
        return (rl.nn.functional.dropout(x, 0.3) @ second).tanh()

    return run


def trained(wrap, rows=512):
    rl.manual_seed(4)
    layers, x = weights(), rl.randn(rows, WIDTH)
    rl.sync()
    for first, second in zip(layers[::2], layers[1::2], strict=True):
        x = wrap(block(first, second), x)
    x.sum().backward()
    rl.sync()
    return [layer.grad.numpy() for layer in layers]


def plain(function, x):
    return function(x)


def kept_back(function, x):
    return checkpoint(function, x, use_reentrant=False)


def test_the_planned_peak_falls(watched):
    peaks = []
    for wrap in (plain, kept_back):
        watched.forget()
        trained(wrap)
        peaks.append(max(program.peak_bytes(specs) for program, specs in watched.runs))
    assert peaks[1] < 0.7 * peaks[0]


def test_gradients_are_the_same_bits():
    for one, other in zip(trained(plain), trained(kept_back), strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_second_run_is_not_merged_with_the_first(watched):
    trained(plain)
    once = watched.computed("exp")
    watched.forget()
    trained(kept_back)
    assert watched.computed("exp") == 2 * once
    assert watched.computed("fence") == LAYERS // 2


def test_a_second_backward_runs_it_again(watched):
    w = rl.ones(3, requires_grad=True)
    loss = checkpoint(lambda x: x.exp().sin(), w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    expected = w.detach().clone().requires_grad_()
    expected.exp().sin().sum().backward()
    assert rl.allclose(w.grad, 2 * expected.grad)


def test_a_sequence_in_segments():
    steps = [rl.nn.Linear(4, 4), rl.nn.Tanh(), rl.nn.Linear(4, 4), rl.nn.Tanh(), rl.nn.Linear(4, 1)]
    model = rl.nn.Sequential(*steps)
    x = rl.ones(2, 4, requires_grad=True)
    model(x).sum().backward()
    expected = [x.grad.tolist(), model[0].weight.grad.tolist()]
    x.grad = None
    model.zero_grad()
    checkpoint_sequential(model, 2, x, use_reentrant=False).sum().backward()
    assert [x.grad.tolist(), model[0].weight.grad.tolist()] == expected


def test_a_checkpoint_inside_a_checkpoint(watched):
    def inner(x):
        return x.exp().sin()

    def outer(x):
        return checkpoint(inner, x * 2).cos()

    x = rl.tensor([0.1, 0.2], requires_grad=True)
    (gradient,) = rl.autograd.grad(checkpoint(outer, x).sum(), x)
    (expected,) = rl.autograd.grad(inner(x * 2).cos().sum(), x)
    assert gradient.tolist() == expected.tolist()


def test_a_second_run_that_does_something_else_is_an_error():
    runs = []

    def fickle(x):
        runs.append(1)
        return x.exp() if len(runs) == 1 else x.exp().exp()

    x = rl.ones(2, requires_grad=True)
    with pytest.raises(CheckpointError, match="different number of tensors"):
        checkpoint(fickle, x).sum().backward()
