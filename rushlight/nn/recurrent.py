"""Recurrent layers over whole sequences, each direction of each layer one scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rushlight.nn.functional as F
from rushlight.nn.recurrent_base import RNNBase
from rushlight.nn.utils.rnn import PackedSequence
from rushlight.ops.recurrent import gru_gates, lstm_gates
from rushlight.tensor import Tensor


class _OneState(RNNBase):
    """A layer with a hidden state alone."""

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
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

    def _forward_packed(
        self, input: PackedSequence, hx: Tensor | None
    ) -> tuple[PackedSequence, Tensor]:
        self._check_input(input.data)
        batch = int(input.batch_sizes[0])
        state = self._zeros(batch, self.hidden_size, input.data) if hx is None else hx
        self._check_state(state, batch, self.hidden_size)
        output, (last,) = self._run_packed(input, [state])
        return output, last


class RNN(_OneState):
    """An Elman network: h = tanh(W_ih x + b_ih + W_hh h + b_hh) for each step, or relu.

    Takes (length, batch, input_size), (batch, length, input_size) if `batch_first`, (length,
    input_size), or a `PackedSequence`; gives the hidden states of the last layer for all steps, and
    the last ones of all layers and directions, (layers * directions, batch, hidden_size).  `hx` are
    the first ones, zeros if left out.  `dropout` is between layers, in training.

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

    def _loop(self, x: Tensor, weights: list[Tensor]) -> tuple[Callable, Tensor]:
        def step(carry: tuple[Tensor], of_input: Tensor) -> tuple:
            hidden = of_input + F.linear(carry[0], weights[1])
            hidden = hidden.tanh() if self.nonlinearity == "tanh" else hidden.relu()
            return (hidden,), hidden

        return step, self._whole(x, weights)


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

    def _loop(self, x: Tensor, weights: list[Tensor]) -> tuple[Callable, Tensor]:
        first_bias, second_bias = self._biases(weights)

        def step(carry: tuple[Tensor], of_input: Tensor) -> tuple:
            of_hidden = F.linear(carry[0], weights[1], second_bias)
            hidden = gru_gates(of_input, of_hidden, carry[0])
            return (hidden,), hidden

        return step, F.linear(x, weights[0], first_bias)


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
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
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
        given = None if hx is None else [h if batched else h.unsqueeze(1) for h in hx]
        states = self._states(given, x.size(1), input)
        output, (hidden, cell) = self._run(x, states)
        if not batched:
            hidden, cell = hidden.squeeze(1), cell.squeeze(1)
        return self._from_steps(output, batched), (hidden, cell)

    def _states(self, given: Any, batch: int, like: Tensor) -> list[Tensor]:
        """The first states: those that are given, or zeros."""
        sizes = self._state_size, self.hidden_size
        states = [self._zeros(batch, size, like) for size in sizes] if given is None else given
        for position, (state, size) in enumerate(zip(states, sizes, strict=True)):
            self._check_state(state, batch, size, f"hidden[{position}]")
        return list(states)

    def _forward_packed(
        self, input: PackedSequence, hx: tuple[Tensor, Tensor] | None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        self._check_input(input.data)
        states = self._states(hx, int(input.batch_sizes[0]), input.data)
        output, (hidden, cell) = self._run_packed(input, states)
        return output, (hidden, cell)

    def _loop(self, x: Tensor, weights: list[Tensor]) -> tuple[Callable, Tensor]:
        def step(carry: tuple[Tensor, Tensor], of_input: Tensor) -> tuple:
            hidden, cell = carry
            gates = of_input + F.linear(hidden, weights[1])
            hidden, cell = lstm_gates(gates, cell)
            if self.proj_size:
                hidden = F.linear(hidden, weights[-1])
            return (hidden, cell), hidden

        return step, self._whole(x, weights)
