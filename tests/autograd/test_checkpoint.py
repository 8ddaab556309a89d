"""checkpoint: what may go in, what is restored, what is refused."""

import contextlib

import pytest

import rushlight as rl
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def leaf(*values):
    return rl.tensor([*values], requires_grad=True)


def gradients(function, *args, **kwargs):
    x = leaf(0.5, 2.0)
    (gradient,) = rl.autograd.grad(checkpoint(function, x, *args, **kwargs).sum(), x)
    (expected,) = rl.autograd.grad(function(x, *args, **kwargs).sum(), x)
    return gradient.tolist(), expected.tolist()


ARGUMENTS = {
    "tensor": (lambda x, y: (x * y).exp(), [rl.tensor([1.0, 2.0])], {}),
    "number": (lambda x, n: (x * n).exp(), [3], {}),
    "keyword": (lambda x, *, scale: (x * scale).exp(), [], {"scale": rl.tensor(2.0)}),
    "nested": (
        lambda x, parts: (x * parts["a"][0] + parts["b"]).exp(),
        [{"a": (rl.tensor([1.0, 2.0]), 3), "b": 0.5}],
        {},
    ),
    "none": (lambda x, nothing: x.exp().sin(), [None], {}),
    "transposed": (lambda x, y: (x @ y).exp(), [rl.tensor([[1.0, 2.0], [3.0, 4.0]]).t()], {}),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_any_arguments(name):
    function, args, kwargs = ARGUMENTS[name]
    gradient, expected = gradients(function, *args, **kwargs)
    assert gradient == expected


def test_parameters_read_from_outside_get_gradients():
    w, x = leaf(2.0, 3.0), rl.tensor([1.0, 2.0])
    checkpoint(lambda x: (x * w).exp(), x, use_reentrant=False).sum().backward()
    expected = (x * (x * w.detach()).exp()).tolist()
    assert w.grad.tolist() == expected


def test_several_outputs_of_which_some_are_used():
    x = leaf(1.0, 2.0)
    first, number, _ = checkpoint(lambda x: (x.exp(), 3, x.sin()), x)
    first.sum().backward()
    assert number == 3
    assert x.grad.tolist() == x.exp().tolist()


def test_random_numbers_are_drawn_again():
    x = rl.ones(100, requires_grad=True)
    rl.manual_seed(3)
    y = checkpoint(lambda x: (x * rl.rand(100)).exp(), x)
    after = rl.rand(1).item()
    (gradient,) = rl.autograd.grad(y.sum(), x)
    rl.manual_seed(3)
    (expected,) = rl.autograd.grad((x * rl.rand(100)).exp().sum(), x)
    assert gradient.tolist() == expected.tolist()
    assert rl.rand(1).item() == after


def test_random_numbers_may_be_drawn_anew():
    x = rl.ones(100, requires_grad=True)
    y = checkpoint(lambda x: (x * rl.rand(100)).exp(), x, preserve_rng_state=False)
    state = rl.get_rng_state().tolist()
    y.sum().backward()
    assert rl.get_rng_state().tolist() != state


def test_an_inplace_write_to_an_argument_afterwards_does_not_matter():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = checkpoint(lambda y: y.exp(), y)
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == x.exp().tolist()


def test_an_inplace_write_inside():
    def function(x):
        y = x * 2
        y.mul_(x)
        return y.exp()

    gradient, expected = gradients(function)
    assert gradient == expected


def test_without_gradients_it_is_a_plain_call():
    runs = []

    def function(x):
        runs.append(1)
        return x.exp()

    with rl.no_grad():
        assert not checkpoint(function, leaf(1.0)).requires_grad
    assert not checkpoint(function, rl.ones(1)).requires_grad
    assert runs == [1, 1]


def test_contexts_surround_both_runs():
    seen = []

    @contextlib.contextmanager
    def context(name):
        seen.append(name)
        yield
        seen.append(f"end of {name}")

    x = leaf(1.0)
    y = checkpoint(lambda x: x.exp(), x, context_fn=lambda: (context("first"), context("second")))
    y.sum().backward()
    assert seen == ["first", "end of first", "second", "end of second"]


def test_an_error_in_the_second_run_is_raised_and_modes_are_restored():
    runs = []

    def function(x):
        runs.append(1)
        if len(runs) == 2:
            raise ValueError("second run")
        return x.exp()

    y = checkpoint(function, leaf(1.0)).sum()
    with pytest.raises(ValueError, match="second run"):
        y.backward()
    with rl.no_grad():
        assert not rl.is_grad_enabled()
    assert rl.is_grad_enabled()
    assert leaf(1.0).exp().grad_fn.packed is None


def test_other_shapes_in_the_second_run_are_an_error():
    runs = []

    def function(x):
        runs.append(1)
        return x.repeat(len(runs)).exp().sum()

    y = checkpoint(function, leaf(1.0, 2.0))
    with pytest.raises(CheckpointError, match="different metadata"):
        y.backward()


def test_arguments_of_checkpoint_itself():
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(rl.exp, leaf(1.0), determinism_check="sometimes")
    with pytest.raises(ValueError, match="Unexpected keyword"):
        checkpoint_sequential([rl.exp], 1, leaf(1.0), speed=3)
