"""Anomaly mode names the operation that went wrong and the line that made it."""

import pytest

import rushlight as rl
from rushlight.autograd import Function, detect_anomaly, set_detect_anomaly
from rushlight.autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from tests.semantics.watching import here

pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection")


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        raise ValueError("it went wrong")


def test_nan_names_the_operation_and_the_line():
    x = rl.tensor([0.0], requires_grad=True)
    with detect_anomaly():
        y, line = x.sqrt(), here()
        with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan") as caught:
            (y * 0).sum().backward()
    assert line in str(caught.value)


def test_an_error_in_backward_names_the_line():
    x = rl.ones(1, requires_grad=True)
    with detect_anomaly():
        y, line = Wrong.apply(x), here()
        with pytest.raises(ValueError, match="it went wrong") as caught:
            y.sum().backward()
    (note,) = caught.value.__notes__
    assert "WrongBackward" in note
    assert line in note


def test_a_forward_outside_the_mode_has_no_line():
    x = rl.tensor([0.0], requires_grad=True)
    y = (x.sqrt() * 0).sum()
    with detect_anomaly(), pytest.raises(RuntimeError, match="No forward pass information"):
        y.backward()


def test_nan_may_be_let_through():
    x = rl.tensor([0.0], requires_grad=True)
    with detect_anomaly(check_nan=False):
        (x.sqrt() * 0).sum().backward()
    assert x.grad.isnan().all()


def test_infinity_is_let_through():
    x = rl.tensor([0.0], requires_grad=True)
    with detect_anomaly():
        x.sqrt().sum().backward()
    assert x.grad.tolist() == [float("inf")]


def test_the_mode_ends_with_the_block():
    assert not is_anomaly_enabled()
    with detect_anomaly(check_nan=False):
        assert is_anomaly_enabled()
        assert not is_anomaly_check_nan_enabled()
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
        assert is_anomaly_enabled()
    assert not is_anomaly_enabled()
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    set_detect_anomaly(False)
    assert rl.ones(1, requires_grad=True).exp().grad_fn.origin is None


def test_the_mode_warns_of_its_cost():
    with pytest.warns(UserWarning, match="increase the runtime"):
        detect_anomaly()


def test_the_mode_works_with_create_graph_and_checkpoints():
    from rushlight.utils.checkpoint import checkpoint

    x = rl.tensor([2.0], requires_grad=True)
    with detect_anomaly():
        (first,) = rl.autograd.grad(checkpoint(lambda x: x**3, x).sum(), x, create_graph=True)
        (second,) = rl.autograd.grad(first.sum(), x)
    assert second.tolist() == [12]
