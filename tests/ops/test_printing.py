"""How tensors print, character by character."""

import numpy as np
import pytest

import rushlight as rl


@pytest.fixture(autouse=True)
def _default_options():
    yield
    rl.set_printoptions(profile="default")


ROW = "[0., 0., 0.,  ..., 0., 0., 0.]"
SHOWN = [
    (rl.tensor(1), "tensor(1)"),
    (rl.tensor(1.5), "tensor(1.5000)"),
    (rl.tensor(2.0), "tensor(2.)"),
    (rl.tensor(True), "tensor(True)"),
    (rl.tensor([1, -10]), "tensor([  1, -10])"),
    (rl.tensor([True, False]), "tensor([ True, False])"),
    (rl.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (rl.tensor([[1.0, 2.0]]), "tensor([[1., 2.]])"),
    (rl.tensor([np.nan, 1.0]), "tensor([nan, 1.])"),
    (rl.tensor([np.inf, -0.5]), "tensor([    inf, -0.5000])"),
    (rl.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (rl.tensor([1e9]), "tensor([1.0000e+09])"),
    (rl.tensor([1.0, 2000.0]), "tensor([1.0000e+00, 2.0000e+03])"),
    (rl.tensor([1 + 2j]), "tensor([1.+2.j])"),
    (rl.tensor([]), "tensor([])"),
    (rl.zeros(2, 0), "tensor([], size=(2, 0))"),
    (rl.zeros(0, dtype=rl.int64), "tensor([], dtype=rushlight.int64)"),
    (rl.tensor([1], dtype=rl.int8), "tensor([1], dtype=rushlight.int8)"),
    (rl.tensor([0.5], dtype=rl.bfloat16), "tensor([0.5000], dtype=rushlight.bfloat16)"),
    (rl.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
    (rl.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward0>)"),
    (rl.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (rl.tensor([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
    (rl.zeros(2, 1, 1), "tensor([[[0.]],\n\n        [[0.]]])"),
    (
        rl.zeros(40, 40),
        "tensor(["
        + f"{ROW},\n        " * 3
        + "...,\n"
        + f"        {ROW},\n" * 2
        + f"        {ROW}])",
    ),
    (
        rl.arange(30),
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
    ),
]


@pytest.mark.parametrize(("tensor", "text"), SHOWN)
def test_repr(tensor, text):
    assert repr(tensor) == text
    assert str(tensor) == text


def test_long_suffixes_go_to_a_line_of_their_own():
    x = rl.zeros(12, requires_grad=True) * 1
    text = repr(x)
    assert text.splitlines()[-1] == "       grad_fn=<MulBackward0>)"


OPTIONS = [
    ({"precision": 2}, [0.125, 1.0], "tensor([0.12, 1.00])"),
    ({"sci_mode": True}, [1.0, 2.0], "tensor([1.0000e+00, 2.0000e+00])"),
    ({"sci_mode": False}, [1.0, 1e-6], "tensor([1.0000, 0.0000])"),
    ({"threshold": 2, "edgeitems": 1}, [1, 2, 3], "tensor([1,  ..., 3])"),
    ({"linewidth": 14}, [1, 2, 3], "tensor([1, 2,\n        3])"),
    ({"profile": "short"}, [0.125], "tensor([0.12])"),
]


@pytest.mark.parametrize(("options", "data", "text"), OPTIONS)
def test_options(options, data, text):
    rl.set_printoptions(**options)
    assert repr(rl.tensor(data)) == text


def test_format():
    assert f"{rl.tensor(0.5):.2f}" == "0.50"
    assert f"{rl.tensor([0.5])}" == "tensor([0.5000])"
