"""Recurrent layers over whole sequences, each direction of each layer one scan."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from numbers import Number
from typing import Any, NoReturn

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.creation import empty
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.ops import FUNCTIONS
from rushlight.ops.recurrent import gru_gates, lstm_gates
from rushlight.ops.scan import scan
from rushlight.tensor import Tensor, modes

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What the recurrent layers have in common: their weights, checks, layers and directions."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_kinds(bias, batch_first, input_size, hidden_size)
        _check_sizes(num_layers, proj_size, hidden_size)
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _state_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _add_weights(self, layer: int, suffix: str, device: Any, dtype: Any) -> None:
        rows = _GATES[self.mode] * self.hidden_size
        inner = self._state_size * self._directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inner),
            "weight_hh": (rows, self._state_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
        for name, shape in names.items():
            setattr(self, name, Parameter(empty(shape, device, dtype)))
        self._all_weights.append(list(names))

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each direction of each layer."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: weights are packed when they are used."""

    def reset_parameters(self) -> None:
        """Draw new first values, evenly from ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        for name, default in {**defaults, "dropout": 0, "bidirectional": False}.items():
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text

    # ------------------------------------------------------------------------------------- checks
    def _check_input(self, input: Tensor) -> None:
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype and modes.autocast is None:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if input.size(-1) != self.input_size:
            self._fail(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.size(-1)}"
            )

    def _check_state(self, state: Tensor, batch: int, size: int, name: str = "hidden") -> None:
        expected = (self.num_layers * self._directions, batch, size)
        if tuple(state.shape) != expected:
            self._fail(f"Expected {name} size {expected}, got {list(state.shape)}")

    def _fail(self, words: str) -> NoReturn:
        raise RuntimeError(f"{words}\nIn {type(self).__name__}({self.extra_repr()}).")

    def _zeros(self, batch: int, size: int, like: Tensor) -> Tensor:
        shape = (self.num_layers * self._directions, batch, size)
        return FUNCTIONS["zeros"](shape, dtype=like.dtype)

    # ------------------------------------------------------------------------------------ running
    def _run(self, input: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """All layers over (length, batch, features); states hold those of all layers.

        Under `autocast` everything is computed in its dtype.
        """
        casting, modes.autocast = modes.autocast, None
        try:
            if casting is None:
                return self._run_layers(input, states, lambda tensor: tensor)
            lower = partial(casting.cast, dtype=casting.dtype)
            return self._run_layers(lower(input), lower(states), lower)
        finally:
            modes.autocast = casting

    def _run_layers(
        self, input: Tensor, states: list[Tensor], lower: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        last: list[list[Tensor]] = [[] for _ in states]
        x = input
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self._directions):
                place = layer * self._directions + direction
                weights = [lower(getattr(self, name)) for name in self._all_weights[place]]
                first = tuple([state[place] for state in states])
                carry, output = self._scan(x, first, weights, direction == 1)
                outputs.append(output)
                for found, state in zip(last, carry, strict=True):
                    found.append(state)
            x = outputs[0] if len(outputs) == 1 else FUNCTIONS["cat"](outputs, 2)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        return x, [FUNCTIONS["stack"](found) for found in last]

    def _scan(
        self, x: Tensor, first: tuple[Tensor, ...], weights: list[Tensor], reverse: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """One direction of one layer."""
        raise NotImplementedError

    def _biases(self, weights: list[Tensor]) -> tuple[Tensor | None, Tensor | None]:
        return (weights[2], weights[3]) if self.bias else (None, None)

    def _whole(self, x: Tensor, weights: list[Tensor]) -> Tensor:
        """The input's share of all steps at once, with both biases."""
        first, second = self._biases(weights)
        return F.linear(x, weights[0], None if first is None else first + second)

    def _to_steps(self, input: Tensor) -> tuple[Tensor, bool]:
        """The input as (length, batch, features), and whether it has a batch dimension."""
        batched = input.dim() == 3
        if not batched:
            return input.unsqueeze(1), False
        return (input.transpose(0, 1) if self.batch_first else input), True

    def _from_steps(self, output: Tensor, batched: bool) -> Tensor:
        if not batched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output


def _check_dropout(dropout: Any, num_layers: Any) -> None:
    if not isinstance(dropout, Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            f"element being zeroed\nActual: {dropout!r}."
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_kinds(bias: Any, batch_first: Any, input_size: Any, hidden_size: Any) -> None:
    kinds: dict[str, tuple[Any, type]] = {"bias": (bias, bool), "batch_first": (batch_first, bool)}
    kinds |= {"input_size": (input_size, int), "hidden_size": (hidden_size, int)}
    for name, (value, kind) in kinds.items():
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero\nActual: {value}.")


def _check_sizes(num_layers: int, proj_size: int, hidden_size: int) -> None:
    if num_layers <= 0:
        raise ValueError(f"num_layers must be greater than zero\nActual: {num_layers}.")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class _OneState(RNNBase):
    """A layer with a hidden state alone."""

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        kind = "GRU" if self.mode == "GRU" else "RNN"
        if input.dim() not in (2, 3):
            words = " tensor" if kind == "RNN" else ""
            raise ValueError(
                f"{kind}: Expected input to be 2D or 3D, got {input.dim()}D{words} instead"
            )
        x, batched = self._to_steps(input)
        if hx is not None and hx.dim() != input.dim():
            which = "batched 3-D" if batched else "unbatched 2-D"
            self._fail(
                f"For {which} input, hx should also be {input.dim()}-D but got {hx.dim()}-D tensor"
            )
        self._check_input(input)
        batch = x.size(1)
        if hx is None:
            hx = self._zeros(batch, self.hidden_size, input)
        elif not batched:
            hx = hx.unsqueeze(1)
        self._check_state(hx, batch, self.hidden_size)
        output, (last,) = self._run(x, [hx])
        return self._from_steps(output, batched), last if batched else last.squeeze(1)


class RNN(_OneState):
    """An Elman network: h = tanh(W_ih x + b_ih + W_hh h + b_hh) for each step, or relu.

    Takes (length, batch, input_size), (batch, length, input_size) if `batch_first`, or (length,
    input_size); gives the hidden states of the last layer for all steps, and the last ones of all
    layers and directions, (layers * directions, batch, hidden_size).  `hx` are the first ones,
    zeros if left out.  `dropout` is between layers, in training.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> output, last = nn.RNN(10, 20, num_layers=2)(rl.ones(5, 3, 10))
    >>> output.shape, last.shape
    (rushlight.Size([5, 3, 20]), rushlight.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def _scan(
        self, x: Tensor, first: tuple[Tensor, ...], weights: list[Tensor], reverse: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        def step(carry: tuple[Tensor], of_input: Tensor) -> tuple:
            hidden = of_input + F.linear(carry[0], weights[1])
            hidden = hidden.tanh() if self.nonlinearity == "tanh" else hidden.relu()
            return (hidden,), hidden

        return scan(step, first, self._whole(x, weights), reverse=reverse)


class GRU(_OneState):
    """A gated recurrent unit over whole sequences; takes and gives what `RNN` does.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> output, last = nn.GRU(10, 20, bidirectional=True)(rl.ones(5, 3, 10))
    >>> output.shape, last.shape
    (rushlight.Size([5, 3, 40]), rushlight.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def _scan(
        self, x: Tensor, first: tuple[Tensor, ...], weights: list[Tensor], reverse: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        first_bias, second_bias = self._biases(weights)

        def step(carry: tuple[Tensor], of_input: Tensor) -> tuple:
            of_hidden = F.linear(carry[0], weights[1], second_bias)
            hidden = gru_gates(of_input, of_hidden, carry[0])
            return (hidden,), hidden

        return scan(step, first, F.linear(x, weights[0], first_bias), reverse=reverse)


class LSTM(RNNBase):
    """A long short-term memory over whole sequences.

    Takes and gives what `RNN` does, but the state is a pair (h, c); with `proj_size` h is
    projected to that size after each step.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> output, (h, c) = nn.LSTM(10, 20, batch_first=True)(rl.ones(3, 5, 10))
    >>> output.shape, h.shape
    (rushlight.Size([3, 5, 20]), rushlight.Size([1, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        x, batched = self._to_steps(input)
        if hx is not None and (hx[0].dim() != input.dim() or hx[1].dim() != input.dim()):
            which = "batched 3-D" if batched else "unbatched 2-D"
            self._fail(
                f"For {which} input, hx and cx should also be {input.dim()}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        self._check_input(input)
        sizes, batch = (self._state_size, self.hidden_size), x.size(1)
        if hx is None:
            states = [self._zeros(batch, size, input) for size in sizes]
        else:
            states = [state if batched else state.unsqueeze(1) for state in hx]
        for position, (state, size) in enumerate(zip(states, sizes, strict=True)):
            self._check_state(state, batch, size, f"hidden[{position}]")
        output, (hidden, cell) = self._run(x, states)
        if not batched:
            hidden, cell = hidden.squeeze(1), cell.squeeze(1)
        return self._from_steps(output, batched), (hidden, cell)

    def _scan(
        self, x: Tensor, first: tuple[Tensor, ...], weights: list[Tensor], reverse: bool
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        def step(carry: tuple[Tensor, Tensor], of_input: Tensor) -> tuple:
            hidden, cell = carry
            gates = of_input + F.linear(hidden, weights[1])
            hidden, cell = lstm_gates(gates, cell)
            if self.proj_size:
                hidden = F.linear(hidden, weights[-1])
            return (hidden, cell), hidden

        return scan(step, first, self._whole(x, weights), reverse=reverse)
