"""What optimisers share that update each element from its own gradient and state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rushlight.graph import elementwise as p
from rushlight.graph.dtype import float32
from rushlight.graph.node import Node
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import (
    Counts,
    Row,
    Rows,
    Rule,
    Scalars,
    check_options,
    filled,
    multiply_add,
    zeros_like,
)
from rushlight.tensor import Tensor


class ElementwiseOptimizer(Optimizer):
    """One fused program updates all parameters of a group.

    A subclass says which tensors of state it keeps (`_names`), what they begin as (`_first`),
    which numbers an update takes (`_numbers`) and how it is computed from them (`_rule`).
    """

    _rule: Rule
    _scalars: dict[str, float | str] = {}
    """State of one number each: its name, and what it begins as: a number or a group's key."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        check_options(type(self).__name__, defaults)
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state of a parameter's shape, in the order that the rule takes."""
        raise NotImplementedError

    def _first(self, name: str, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        """What this state begins as."""
        return zeros_like(parameter)

    def _numbers(self, group: dict[str, Any], count: int, *scalars: float) -> dict[str, float]:
        """The numbers of the update with this count of steps and these scalars."""
        raise NotImplementedError

    def _replaced(self, group: dict[str, Any], count: int, *scalars: float) -> tuple[float, ...]:
        """The scalars after the update, in their order."""
        raise NotImplementedError

    def _flags(self, group: dict[str, Any]) -> tuple[Any, ...]:
        """What the rule takes after the numbers."""
        return (group["maximize"],)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None if closure is None else closure()
        counts, scalars = Counts(), Scalars()
        for group in self.param_groups:
            rows = Rows()
            for parameter in group["params"]:
                if parameter._grad is not None:
                    row = self._row(parameter, group, counts)
                    rows.add(row, *self._kind(self.state[parameter], group, counts, scalars))
            rows.update(self._rule, partial(self._numbers, group), *self._flags(group))
        return loss

    def _row(self, parameter: Tensor, group: dict[str, Any], counts: Counts) -> Row:
        state = self.state[parameter]
        if not state:
            self._start(state, parameter, group, counts)
        for name in self._names(group):
            if name not in state:
                state[name] = self._first(name, parameter, group)
        return parameter, parameter._grad, *[state[name] for name in self._names(group)]

    def _start(self, state: dict, parameter: Tensor, group: dict, counts: Counts) -> None:
        if parameter.dtype.is_complex:
            raise NotImplementedError(f"{type(self).__name__} of complex parameters is not built")
        state["step"] = counts.start()
        for name, first in self._scalars.items():
            value = group[first] if isinstance(first, str) else first
            state[name] = filled((), float(value), float32)

    def _kind(self, state: dict, group: dict, counts: Counts, scalars: Scalars) -> tuple:
        """The count of steps and the scalars of an update, which then move on."""
        count = counts.advance(state["step"])
        if not self._scalars:
            return (count,)
        old = [scalars.read(state[name]) for name in self._scalars]
        for name, value in zip(self._scalars, self._replaced(group, count, *old), strict=True):
            scalars.replace(state[name], value)
        return count, *old


def given(grad: Node, value: Node, numbers: dict[str, Node], maximize: bool) -> Node:
    """The gradient to go down: turned round to maximise, plus λ θ for a weight decay λ."""
    if maximize:
        grad = p.neg(grad)
    return multiply_add(grad, numbers["decay"], value) if "decay" in numbers else grad


def decay_numbers(group: dict[str, Any], lr: float) -> dict[str, float]:
    """The number of a group's weight decay: for `given`, or decoupled from it for `decayed`."""
    decay = group["weight_decay"]
    if not decay:
        return {}
    return {"shrink": 1 - lr * decay} if group["decoupled_weight_decay"] else {"decay": decay}


def decayed(value: Node, numbers: dict[str, Node]) -> Node:
    """The parameter after a decoupled weight decay: (1 - lr λ) θ."""
    return p.mul(value, numbers["shrink"]) if "shrink" in numbers else value


def running(mean: Node, new: Node, part: Node) -> Node:
    """mean + part (new - mean): a running mean with its next value."""
    return multiply_add(mean, part, p.sub(new, mean))


def running_square(square: Node, old: Node, new: Node, grad: Node) -> Node:
    """old · square + new · grad²: a running mean of squares."""
    return p.add(p.mul(square, old), p.mul(new, p.mul(grad, grad)))


def add_quotient(value: Node, scale: Node, a: Node, b: Node) -> Node:
    """Value + scale · a / b."""
    return p.add(value, p.div(p.mul(scale, a), b))
