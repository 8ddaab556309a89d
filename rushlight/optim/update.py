"""What updates are recorded with: numbers shared by all parameters, counts of steps, checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.autograd.inplace import write_value
from rushlight.graph import elementwise as p
from rushlight.graph.creation import number
from rushlight.graph.dtype import DType, float32
from rushlight.graph.node import Node
from rushlight.graph.recorder import value_of
from rushlight.tensor import Tensor, from_array, node_of, wrap


class Numbers:
    """The run-time numbers of one step: one node for each name and dtype, shared by parameters.

    So a learning rate that changes at each step is an input of the program, not part of it.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, DType], Node] = {}

    def get(self, name: Any, value: float | Callable[[], float], dtype: DType) -> Node:
        """The node of a number, recorded when first asked for."""
        key = name, dtype
        found = self._nodes.get(key)
        if found is None:
            value = value() if callable(value) else value
            found = self._nodes[key] = number(float(value), dtype)
        return found


class Counts:
    """The "step" tensors of one step: read, raised by one and written back, without computing.

    Parameters updated equally often share the value, not the tensor.
    """

    def __init__(self) -> None:
        self._raised: dict[Node, tuple[int, Node]] = {}
        self._values: dict[int, Node] = {}

    def start(self) -> Tensor:
        """A count of 0."""
        return wrap(self._value(0))

    def advance(self, count: Tensor) -> int:
        """Raise a count; returns it."""
        node = node_of(count)
        found = self._raised.get(node)
        if found is None:
            steps = int(value_of(node).values(node.spec).item()) + 1
            found = self._raised[node] = steps, self._value(steps)
        write_value(count, found[1])
        return found[0]

    def _value(self, count: int) -> Node:
        if count not in self._values:
            self._values[count] = node_of(filled((), count, float32))
        return self._values[count]


def filled(shape: tuple[int, ...], value: float, dtype: DType) -> Tensor:
    """A tensor of one number, whose memory is there at once."""
    return from_array(np.full(shape, value, dtype.compute), dtype)


def zeros_like(parameter: Tensor) -> Tensor:
    """Zeros of a parameter's shape and dtype, to keep state in."""
    return filled(parameter._spec.shape, 0, parameter.dtype)


def gradient_of(parameter: Tensor, group: dict[str, Any]) -> Node:
    """The direction to go against: the gradient, or its opposite to maximise."""
    grad = node_of(parameter._grad)
    return p.neg(grad) if group["maximize"] else grad


def multiply_add(a: Node, scale: Node, b: Node) -> Node:
    """a + scale · b."""
    return p.add(a, p.mul(scale, b))


def check_number(name: str, value: float, valid: bool) -> None:
    """ValueError for a hyper-parameter out of range."""
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


def check_options(name: str, options: dict[str, Any]) -> None:
    """Errors for implementations that make no sense here.

    `foreach` and `fused` are accepted: every step is one fused program anyway.
    """
    for option in ("capturable", "differentiable"):
        if options.get(option):
            raise NotImplementedError(
                f"{name}({option}=True) is not built\n"
                f"Expected: {option}=False. Every step is recorded and compiled by itself."
            )
    if options.get("foreach") and options.get("fused"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
