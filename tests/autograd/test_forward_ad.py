"""Dual tensors: tangents of results, several inputs, what has none, errors."""

import pytest

import rushlight as rl
from rushlight.autograd import forward_ad as fw
from rushlight.func import jvp
from tests.func.test_derivatives import X, Y, close, mixed


def test_tangents_are_those_of_jvp():
    _, want = jvp(mixed, (X, Y), (Y.sum() * X, 2 * Y))
    with fw.dual_level():
        x, y = fw.make_dual(X, Y.sum() * X), fw.make_dual(Y, 2 * Y)
        primal, tangent = fw.unpack_dual(mixed(x, y))
        assert fw.unpack_dual(X).tangent is None
        assert fw.unpack_dual(mixed(X, Y)).tangent is None
        assert fw.unpack_dual(x).tangent.tolist() == (Y.sum() * X).tolist()
    close(primal, mixed(X, Y))
    close(tangent, want)
    assert not primal.requires_grad
    assert not tangent.requires_grad


def test_tangents_can_be_differentiated():
    x = X.clone().requires_grad_()
    with fw.dual_level():
        fw.unpack_dual(fw.make_dual(x, Y[0] * rl.ones_like(X)).sin()).tangent.sum().backward()
    close(x.grad, -X.sin() * Y[0])


def test_errors():
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(X, X)
    with fw.dual_level():
        with pytest.raises(RuntimeError, match="Nested forward mode"):
            fw.enter_dual_level()
        with pytest.raises(ValueError, match="floating point"):
            fw.make_dual(rl.arange(3), rl.arange(3))
        with pytest.raises(RuntimeError, match=r"(?s)Expected: float64\[4\].*float64\[3\]"):
            fw.make_dual(X, Y)
    assert fw.unpack_dual(X).primal is X
