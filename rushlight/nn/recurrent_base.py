"""What recurrent layers share: weights, checks, and each direction of each layer as one scan."""

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
from rushlight.nn.utils.rnn import PackedSequence, repacked, unpacked
from rushlight.ops import FUNCTIONS
from rushlight.ops.compare import where
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
    def _run(
        self, input: Tensor, states: list[Tensor], going: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """All layers over (length, batch, features); states hold those of all layers.

        `going` says which sequences have which step.  Under `autocast` everything is computed in
        its dtype.
        """
        casting, modes.autocast = modes.autocast, None
        try:
            if casting is None:
                return self._run_layers(input, states, lambda tensor: tensor, going)
            lower = partial(casting.cast, dtype=casting.dtype)
            return self._run_layers(lower(input), lower(states), lower, going)
        finally:
            modes.autocast = casting

    def _run_packed(
        self, input: PackedSequence, states: list[Tensor]
    ) -> tuple[PackedSequence, list[Tensor]]:
        """The same over packed sequences, padded for the loop: states wait at their ends."""
        steps, going = unpacked(input)
        if input.sorted_indices is not None:
            states = [state.index_select(1, input.sorted_indices) for state in states]
        output, last = self._run(steps, states, going)
        if input.unsorted_indices is not None:
            last = [state.index_select(1, input.unsorted_indices) for state in last]
        return repacked(output, input), last

    def _run_layers(
        self,
        input: Tensor,
        states: list[Tensor],
        lower: Callable[[Tensor], Tensor],
        going: Tensor | None,
    ) -> tuple[Tensor, list[Tensor]]:
        last: list[list[Tensor]] = [[] for _ in states]
        x = input
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self._directions):
                place = layer * self._directions + direction
                weights = [lower(getattr(self, name)) for name in self._all_weights[place]]
                first = tuple([state[place] for state in states])
                step, steps = self._loop(x, weights)
                carry, output = _scan(step, first, steps, direction == 1, going)
                outputs.append(output)
                for found, state in zip(last, carry, strict=True):
                    found.append(state)
            x = outputs[0] if len(outputs) == 1 else FUNCTIONS["cat"](outputs, 2)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        return x, [FUNCTIONS["stack"](found) for found in last]

    def _loop(self, x: Tensor, weights: list[Tensor]) -> tuple[Callable, Tensor]:
        """What one direction of one layer does at each step, and what it gets there."""
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


def _scan(
    step: Callable, first: tuple[Tensor, ...], steps: Tensor, reverse: bool, going: Tensor | None
) -> tuple[tuple[Tensor, ...], Tensor]:
    """A loop over all steps; the states of sequences that have not begun, or ended, stay."""
    if going is None:
        return scan(step, first, steps, reverse=reverse)

    def masked(carry: tuple[Tensor, ...], given: tuple[Tensor, Tensor]) -> tuple:
        of_input, now = given
        moved, output = step(carry, of_input)
        return tuple([where(now, *pair) for pair in zip(moved, carry, strict=True)]), output

    return scan(masked, first, (steps, going), reverse=reverse)


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
