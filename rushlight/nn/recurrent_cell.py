"""One step of a recurrent layer, as a module."""

from __future__ import annotations

import math
from typing import Any

import rushlight.nn.functional as F
from rushlight.nn import init
from rushlight.nn.creation import empty
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.ops import FUNCTIONS
from rushlight.ops.recurrent import gru_gates, lstm_gates
from rushlight.tensor import Tensor


class RNNCellBase(Module):
    """Two linear maps: of the input and of the hidden state."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device, dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device, dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(
                name, Parameter(empty((rows,), device, dtype)) if bias else None
            )
        self.reset_parameters()

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def reset_parameters(self) -> None:
        """Draw new first values, evenly from ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check(self, input: Tensor, state: Tensor | None, name: str = "hidden") -> None:
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if state is not None and state.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {state.dim()}D instead")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(-1)} expected "
                f"{self.input_size}\nExpected: (*, {self.input_size}).\n"
                f"Actual: {list(input.shape)}. In {kind}."
            )
        if state is not None and state.size(-1) != self.hidden_size:
            raise RuntimeError(
                f"hidden has inconsistent hidden_size: got {state.size(-1)}, expected "
                f"{self.hidden_size}\nExpected: (*, {self.hidden_size}).\n"
                f"Actual: {list(state.shape)}. In {kind}."
            )
        if state is not None and input.dim() == state.dim() == 2 and len(input) != len(state):
            raise RuntimeError(
                f"Input batch size {len(input)} doesn't match hidden batch size {len(state)}\n"
                f"In {kind}."
            )

    def _state(self, input: Tensor) -> Tensor:
        shape = (*input.shape[:-1], self.hidden_size)
        return FUNCTIONS["zeros"](shape, dtype=input.dtype)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    input is (batch, input_size) or (input_size,), the hidden state alike, zeros if left out.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.RNNCell(10, 20)(rl.ones(3, 10)).shape
    rushlight.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check(input, hx)
        hx = self._state(input) if hx is None else hx
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        of_input = F.linear(input, self.weight_ih, self.bias_ih)
        result = of_input + F.linear(hx, self.weight_hh, self.bias_hh)
        return result.tanh() if self.nonlinearity == "tanh" else result.relu()


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h', c') of an input and (h, c), zeros if left out.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> h, c = nn.LSTMCell(10, 20)(rl.ones(3, 10))
    >>> h.shape
    rushlight.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        for position, state in enumerate((None, None) if hx is None else hx):
            self._check(input, state, f"hx[{position}]")
        if hx is None:
            hx = (self._state(input),) * 2
        hidden, cell = hx
        gates = F.linear(input, self.weight_ih, self.bias_ih)
        gates = gates + F.linear(hidden, self.weight_hh, self.bias_hh)
        if input.dim() == 2:
            return lstm_gates(gates, cell)
        hidden, cell = lstm_gates(gates.unsqueeze(0), cell.unsqueeze(0))
        return hidden.squeeze(0), cell.squeeze(0)


class GRUCell(RNNCellBase):
    """One step of a GRU: h' of an input and h, zeros if left out.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> nn.GRUCell(10, 20)(rl.ones(3, 10)).shape
    rushlight.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check(input, hx)
        hx = self._state(input) if hx is None else hx
        of_input = F.linear(input, self.weight_ih, self.bias_ih)
        of_hidden = F.linear(hx, self.weight_hh, self.bias_hh)
        if input.dim() == 2:
            return gru_gates(of_input, of_hidden, hx)
        parts = [part.unsqueeze(0) for part in (of_input, of_hidden, hx)]
        return gru_gates(*parts).squeeze(0)
