"""Hooks of forward: the order they run in, what they see and what they may replace."""

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.modules import module as everywhere


class Add(nn.Module):
    def forward(self, a, b=0, times=1):
        return (a + b) * times


def test_order_and_arguments():
    seen = []
    m = Add()
    m.register_forward_pre_hook(lambda m, args: seen.append(("pre 1", args)))
    m.register_forward_pre_hook(
        lambda m, args, kwargs: seen.append(("pre 2", args, kwargs)), with_kwargs=True
    )
    m.register_forward_pre_hook(lambda m, args: seen.append(("pre 0", args)), prepend=True)
    m.register_forward_hook(lambda m, args, out: seen.append(("post 1", args, out)))
    m.register_forward_hook(
        lambda m, args, kwargs, out: seen.append(("post 0", kwargs, out)),
        with_kwargs=True,
        prepend=True,
    )
    assert m(1, 2, times=3) == 9
    assert seen == [
        ("pre 0", (1, 2)),
        ("pre 1", (1, 2)),
        ("pre 2", (1, 2), {"times": 3}),
        ("post 0", {"times": 3}, 9),
        ("post 1", (1, 2), 9),
    ]


def test_hooks_may_replace():
    m = Add()
    m.register_forward_pre_hook(lambda m, args: args[0] * 10)
    m.register_forward_pre_hook(
        lambda m, args, kwargs: ((*args, 5), {"times": 2}), with_kwargs=True
    )
    m.register_forward_hook(lambda m, args, out: out + 1)
    m.register_forward_hook(lambda m, args, out: out * 100)
    assert m(1) == 3100


def test_handles_remove():
    m = Add()
    handle = m.register_forward_hook(lambda m, args, out: out + 1)
    assert m(1) == 2
    handle.remove()
    handle.remove()
    assert m(1) == 1
    with m.register_forward_pre_hook(lambda m, args: (7,)):
        assert m(1) == 7
    assert m(1) == 1


def test_global_hooks_come_first():
    seen = []
    m = nn.Sequential(nn.ReLU())
    m[0].register_forward_pre_hook(lambda m, args: seen.append("own pre"))
    m[0].register_forward_hook(lambda m, args, out: seen.append("own post"))
    with (
        everywhere.register_module_forward_pre_hook(
            lambda m, args: seen.append(f"pre {type(m).__name__}")
        ),
        everywhere.register_module_forward_hook(
            lambda m, args, out: seen.append(f"post {type(m).__name__}")
        ),
    ):
        m(rl.ones(1))
    assert seen == [
        *("pre Sequential", "pre ReLU", "own pre"),
        *("post ReLU", "own post", "post Sequential"),
    ]
    m[0](rl.ones(1))
    assert len(seen) == 8


def test_always_call_after_an_error():
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("broken")

    seen = []
    m = Broken()
    m.register_forward_hook(lambda m, args, out: seen.append("never"))
    m.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(KeyError, match="broken"):
        m(1)
    assert seen == [None]


def test_always_call_is_called_once():
    seen = []
    m = Add()
    m.register_forward_hook(lambda m, args, out: seen.append("one"), always_call=True)

    def fail(m, args, out):
        raise ValueError("second")

    m.register_forward_hook(fail)
    with pytest.raises(ValueError, match="second"):
        m(1)
    assert seen == ["one"]


def test_bad_results_and_hooks():
    m = Add()
    m.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="tuple of"):
        m(1)
    with pytest.raises(TypeError, match="can be called"):
        m.register_forward_hook(3)
