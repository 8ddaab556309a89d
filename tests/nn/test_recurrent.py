"""Recurrent layers: against cells step by step, shapes, keys, repr, errors."""

import gc
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.graph.recorder import PROGRAMS

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
KIND = pytest.mark.parametrize("kind", KINDS)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def in_numpy(kind, x, weights, state):
    """One step by its formula; state is (h,) or (h, c)."""
    w_ih, w_hh, b_ih, b_hh = weights
    left, right = x @ w_ih.T + b_ih, state[0] @ w_hh.T + b_hh
    if kind == "RNN":
        return (np.tanh(left + right),)
    if kind == "LSTM":
        i, f, g, o = np.split(left + right, 4, -1)
        cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(cell), cell
    (r, z, n), (hr, hz, hn) = np.split(left, 3, -1), np.split(right, 3, -1)
    z, n = sigmoid(z + hz), np.tanh(n + sigmoid(r + hr) * hn)
    return ((1 - z) * n + z * state[0],)


def numpy_of(tensors):
    return [tensor.detach().numpy() for tensor in tensors]


def state_of(kind, hidden):
    return hidden if kind == "LSTM" else (hidden,)


@KIND
@pytest.mark.parametrize("shape", [(3, 5), (5,)])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(kind, shape, bias):
    cell = CELLS[kind](5, 6, bias=bias, dtype=rl.float64)
    x = rl.randn(*shape, dtype=rl.float64)
    states = [rl.randn(*shape[:-1], 6, dtype=rl.float64) for _ in range(1 + (kind == "LSTM"))]
    result = cell(x, tuple(states) if kind == "LSTM" else states[0])
    weights = numpy_of(cell.parameters()) + ([] if bias else [0, 0])
    expected = in_numpy(kind, x.numpy(), weights, numpy_of(states))
    for left, right in zip(state_of(kind, result), expected, strict=True):
        np.testing.assert_allclose(left.detach().numpy(), right, rtol=1e-10)
    first = state_of(kind, cell(x))[0]
    zeros = [np.zeros((*shape[:-1], 6))] * 2
    expected = in_numpy(kind, x.numpy(), weights, zeros)[0]
    np.testing.assert_allclose(first.detach().numpy(), expected, rtol=1e-10)


def layer_in_numpy(kind, layer, x, states):
    """All layers and directions over (length, batch, features)."""
    last = []
    names = [f"{name}_l{{}}{{}}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    for depth in range(layer.num_layers):
        outputs = []
        for direction in range(2 if layer.bidirectional else 1):
            suffix = "_reverse" if direction else ""
            weights = numpy_of(getattr(layer, name.format(depth, suffix)) for name in names)
            state = tuple(s[len(last)] for s in states)
            steps = range(len(x))[::-1] if direction else range(len(x))
            found = {}
            for step in steps:
                state = in_numpy(kind, x[step], weights, state)
                found[step] = state[0]
            outputs.append(np.stack([found[step] for step in range(len(x))]))
            last.append(state)
        x = np.concatenate(outputs, -1)
    return x, [np.stack(parts) for parts in zip(*last, strict=True)]


@KIND
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("form", ["length first", "batch first", "unbatched"])
def test_layers(kind, layers, bidirectional, form):
    options = {"num_layers": layers, "bidirectional": bidirectional, "dtype": rl.float64}
    layer = KINDS[kind](4, 3, batch_first=form == "batch first", **options)
    batch = 1 if form == "unbatched" else 2
    places = layers * (1 + bidirectional)
    generator = np.random.default_rng(0)
    x = generator.standard_normal((5, batch, 4))
    states = generator.standard_normal((1 + (kind == "LSTM"), places, batch, 3))
    given, first = x, list(states)
    if form == "batch first":
        given = x.transpose(1, 0, 2)
    elif form == "unbatched":
        given, first = x[:, 0], [state[:, 0] for state in states]
    first = tuple(rl.tensor(state) for state in first)
    output, last = layer(rl.tensor(given), first if kind == "LSTM" else first[0])
    expected, expected_last = layer_in_numpy(kind, layer, x, states)
    if form == "batch first":
        expected = expected.transpose(1, 0, 2)
    elif form == "unbatched":
        expected, expected_last = expected[:, 0], [state[:, 0] for state in expected_last]
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=1e-9)
    for left, right in zip(state_of(kind, last), expected_last, strict=True):
        np.testing.assert_allclose(left.detach().numpy(), right, rtol=1e-9)


def as_cells(kind, layer, x):
    """The first layer step by step through a cell with its weights."""
    cell = CELLS[kind](layer.input_size, layer.hidden_size, dtype=x.dtype)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(layer, f"{name}_l0"))
    state, outputs = None, []
    for element in x:
        state = cell(element) if state is None else cell(element, state)
        outputs.append(state_of(kind, state)[0])
    return rl.stack(outputs)


@KIND
def test_gradients_are_those_of_the_cells(kind):
    layer = KINDS[kind](4, 3, dtype=rl.float64)
    x = rl.randn(6, 2, 4, dtype=rl.float64, requires_grad=True)
    found = []
    for output in (layer(x)[0], as_cells(kind, layer, x)):
        loss = (output * output).sum()
        found.append(rl.autograd.grad(loss, [x, *layer.parameters()]))
    for left, right in zip(*found, strict=True):
        rl.testing.assert_close(left, right)


@KIND
def test_derivatives(kind):
    layer = KINDS[kind](2, 2, dtype=rl.float64)
    x = rl.randn(3, 2, 2, dtype=rl.float64, requires_grad=True)
    assert gradcheck(lambda x: layer(x)[0], (x,))
    assert gradgradcheck(lambda x: layer(x)[0], (x,))


def test_relu():
    layer = nn.RNN(3, 2, 1, "relu", dtype=rl.float64)
    output, _ = layer(rl.randn(4, 2, 3, dtype=rl.float64) * 5)
    assert layer.nonlinearity == "relu"
    assert (output >= 0).all()


def test_projection():
    layer = nn.LSTM(4, 5, 2, proj_size=3, bidirectional=True)
    output, (h, c) = layer(rl.randn(6, 2, 4))
    assert output.shape == (6, 2, 6)
    assert h.shape == (4, 2, 3)
    assert c.shape == (4, 2, 5)
    assert layer.weight_hr_l1_reverse.shape == (3, 5)
    output.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_dropout_is_between_layers_in_training():
    rl.manual_seed(0)
    layer = nn.GRU(3, 40, 2, dropout=0.5)
    x = rl.randn(2, 1, 3)
    first, second = layer(x)[0], layer(x)[0]
    assert (first != second).any()
    layer.eval()
    assert (layer(x)[0] == layer(x)[0]).all()
    assert (layer.train()(x)[0] != 0).all()  # not after the last


@KIND
def test_keys_in_order(kind):
    layer = KINDS[kind](2, 3, 2, bidirectional=True)
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    suffixes = ["_l0", "_l0_reverse", "_l1", "_l1_reverse"]
    assert list(layer.state_dict()) == [name + suffix for suffix in suffixes for name in names]
    assert [len(weights) for weights in layer.all_weights] == [4] * 4
    bound = 3**-0.5
    assert all((weight.abs() <= bound).all() for weight in layer.parameters())
    assert layer.flatten_parameters() is None


REPRS = {
    "LSTM(10, 20)": lambda: nn.LSTM(10, 20),
    "LSTM(10, 20, proj_size=5, num_layers=2, bias=False, batch_first=True, dropout=0.5, "
    "bidirectional=True)": lambda: nn.LSTM(10, 20, 2, False, True, 0.5, True, 5),
    "RNN(1, 2)": lambda: nn.RNN(1, 2, nonlinearity="relu"),
    "GRU(1, 2, num_layers=3)": lambda: nn.GRU(1, 2, 3),
    "LSTMCell(1, 2)": lambda: nn.LSTMCell(1, 2),
    "GRUCell(1, 2, bias=False)": lambda: nn.GRUCell(1, 2, bias=False),
    "RNNCell(1, 2, nonlinearity=relu)": lambda: nn.RNNCell(1, 2, nonlinearity="relu"),
}


@pytest.mark.parametrize("text", REPRS)
def test_reprs(text):
    assert repr(REPRS[text]()) == text


ERRORS = [
    (ValueError, "dropout should be a number in range", lambda: nn.LSTM(2, 3, dropout=2)),
    (TypeError, "hidden_size should be of type int", lambda: nn.LSTM(2, 3.0)),
    (TypeError, "bias should be of type bool", lambda: nn.LSTM(2, 3, bias=1)),
    (ValueError, "input_size must be greater", lambda: nn.GRU(0, 3)),
    (ValueError, "num_layers must be greater", lambda: nn.GRU(2, 3, 0)),
    (ValueError, "proj_size has to be smaller", lambda: nn.LSTM(2, 3, proj_size=3)),
    (ValueError, "proj_size should be a positive", lambda: nn.LSTM(2, 3, proj_size=-1)),
    (ValueError, "only supported for LSTM", lambda: nn.GRU(2, 3, proj_size=1)),
    (ValueError, "Unknown nonlinearity 'sin'", lambda: nn.RNN(2, 3, nonlinearity="sin")),
    (ValueError, "Expected input to be 2D or 3D, got 1D", lambda: nn.LSTM(2, 3)(rl.ones(2))),
    (RuntimeError, "Expected 2, got 4", lambda: nn.LSTM(2, 3)(rl.ones(5, 4))),
    (ValueError, "does not match weight dtype", lambda: nn.GRU(2, 3)(rl.ones(5, 2).double())),
    (
        RuntimeError,
        r"Expected hidden size \(1, 4, 3\), got \[1, 5, 3\]",
        lambda: nn.GRU(2, 3)(rl.ones(5, 4, 2), rl.ones(1, 5, 3)),
    ),
    (
        RuntimeError,
        r"Expected hidden\[1\] size \(1, 4, 3\), got \[2, 4, 3\]",
        lambda: nn.LSTM(2, 3)(rl.ones(5, 4, 2), (rl.ones(1, 4, 3), rl.ones(2, 4, 3))),
    ),
    (
        RuntimeError,
        "For unbatched 2-D input, hx should also be 2-D but got 3-D",
        lambda: nn.RNN(2, 3)(rl.ones(5, 2), rl.ones(1, 1, 3)),
    ),
    (
        RuntimeError,
        "For batched 3-D input, hx and cx should also be 3-D",
        lambda: nn.LSTM(2, 3)(rl.ones(5, 4, 2), (rl.ones(1, 3), rl.ones(1, 3))),
    ),
    (ValueError, "input to be 1D or 2D, got 3D", lambda: nn.RNNCell(2, 3)(rl.ones(1, 1, 2))),
    (RuntimeError, "got 4 expected 2", lambda: nn.GRUCell(2, 3)(rl.ones(1, 4))),
    (RuntimeError, "got 2, expected 3", lambda: nn.GRUCell(2, 3)(rl.ones(1, 2), rl.ones(1, 2))),
    (RuntimeError, "batch size 1 doesn't", lambda: nn.GRUCell(2, 3)(rl.ones(1, 2), rl.ones(4, 3))),
]


@pytest.mark.parametrize(("kind", "words", "call"), ERRORS, ids=[words for _, words, _ in ERRORS])
def test_errors(kind, words, call):
    with pytest.raises(kind, match=words):
        call()


def test_a_single_layer_with_dropout_warns():
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        nn.LSTM(2, 3, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LSTM(2, 3, 2, dropout=0.5)


def test_it_learns():
    rl.manual_seed(0)
    layer, head = nn.LSTM(1, 16), nn.Linear(16, 1)
    optimizer = rl.optim.Adam([*layer.parameters(), *head.parameters()], 0.02)
    x = rl.rand(8, 32, 1).round()
    wanted = x.cumsum(0)[-1] / 8  # how many ones there were
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = ((head(layer(x)[0][-1]) - wanted) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 20


@KIND
def test_training_leaves_no_garbage_and_one_program(kind):
    layer = KINDS[kind](3, 4, 2, bidirectional=True)
    optimizer = rl.optim.Adam(layer.parameters(), 0.01)
    x = rl.randn(6, 2, 3)

    def step():
        optimizer.zero_grad()
        (layer(x)[0] ** 2).mean().backward()
        optimizer.step()
        rl.sync()

    for _ in range(3):
        step()
    gc.collect()
    gc.disable()
    try:
        before = len(PROGRAMS)
        for _ in range(5):
            step()
        assert len(PROGRAMS) == before
        assert gc.collect() == 0
    finally:
        gc.enable()


@KIND
def test_autocast(kind):
    layer = KINDS[kind](4, 3, 2)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        output, _ = layer(rl.randn(5, 2, 4))
    assert output.dtype == rl.bfloat16
    output.float().sum().backward()
    assert all(weight.grad.dtype == rl.float32 for weight in layer.parameters())
