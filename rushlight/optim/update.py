"""What updates are recorded with: rows of tensors, counts of steps, checks."""

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
from rushlight.graph.repeat import repeated
from rushlight.tensor import Tensor, from_array, node_of, wrap

Row = tuple[Tensor, ...]
"""A parameter, its gradient, and the state that is updated with it."""

Rule = Callable[..., list[Node]]
"""What records an update: `rule(nodes of a row, numbers by name, *flags)` returns the new values
of the parameter and of its state."""


class Rows:
    """The rows of a group, by their dtype and by whatever else decides their numbers."""

    def __init__(self) -> None:
        self._rows: dict[tuple, list[Row]] = {}

    def add(self, row: Row, *kind: Any) -> None:
        """Add a row of this kind."""
        self._rows.setdefault((row[0]._spec.dtype, *kind), []).append(row)

    def update(self, rule: Rule, numbers: Callable[..., dict[str, float]], *flags: Any) -> None:
        """Record the updates of all rows; `numbers(*kind)` are those that rows of a kind share.

        Numbers are inputs of the program: a learning rate may change at each step.
        """
        for (dtype, *kind), rows in self._rows.items():
            named = numbers(*kind)
            nodes = [node_of(tensor) for row in rows for tensor in row]
            nodes += [number(float(value), dtype) for value in named.values()]
            arguments = rule, len(rows), tuple(named), flags
            results = iter(repeated(_record_rows, nodes, arguments))
            for parameter, _, *state in rows:
                for tensor in (parameter, *state):
                    write_value(tensor, next(results))


def _record_rows(*given: Any) -> list[Node]:
    """The new values of all rows, one behind the other."""
    *nodes, rule, count, names, flags = given
    width = (len(nodes) - len(names)) // count
    numbers = dict(zip(names, nodes[count * width :], strict=True))
    results = []
    for first in range(0, count * width, width):
        results += rule(nodes[first : first + width], numbers, *flags)
    return results


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


class Scalars:
    """Numbers in the state of one step, read and replaced without computing.

    Equal numbers share the value, not the tensor.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple, Node] = {}

    def read(self, tensor: Tensor) -> float:
        """The number that a tensor holds."""
        node = node_of(tensor)
        return float(value_of(node).values(node.spec).item())

    def replace(self, tensor: Tensor, value: float) -> None:
        """Write a number into a tensor."""
        key = value, tensor.dtype
        if key not in self._nodes:
            self._nodes[key] = node_of(filled((), *key))
        write_value(tensor, self._nodes[key])


def filled(shape: tuple[int, ...], value: float, dtype: DType) -> Tensor:
    """A tensor of one number, whose memory is there at once."""
    return from_array(np.full(shape, value, dtype.compute), dtype)


def zeros_like(parameter: Tensor) -> Tensor:
    """Zeros of a parameter's shape and dtype, to keep state in."""
    return filled(parameter._spec.shape, 0, parameter.dtype)


def multiply_add(a: Node, scale: Node, b: Node) -> Node:
    """a + scale · b."""
    return p.add(a, p.mul(scale, b))


def check_number(name: str, value: float, valid: bool) -> None:
    """ValueError for a hyper-parameter out of range."""
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


def check_rate(lr: Any) -> None:
    """ValueError for a negative learning rate, and for a tensor of several."""
    check_one_rate(lr)
    check_number("learning rate", lr, lr >= 0.0)


def check_betas(betas: tuple[float, float]) -> None:
    """ValueError for a running mean's share outside [0, 1)."""
    for place, beta in enumerate(betas):
        check_number(f"beta parameter at index {place}", beta, 0.0 <= beta < 1.0)


def check_one_rate(lr: Any) -> None:
    """ValueError for a tensor of more or fewer learning rates than one."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element\nActual: shape {list(lr.shape)}.")


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
