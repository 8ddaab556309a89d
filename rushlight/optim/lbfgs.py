"""L-BFGS: steps shaped by the curvature that the last gradients show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rushlight.ops.join import cat
from rushlight.optim.line_search import Point, WolfeSearch
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.update import check_rate
from rushlight.tensor import Tensor


class LBFGS(Optimizer):
    """L-BFGS (Nocedal and Wright, 2006, "Numerical optimization", 2nd edition, algorithm 7.5).

    `step(closure)` makes up to `max_iter` steps, with at most `max_eval` (by default 5/4 of that)
    calls of the closure, which clears the gradients, computes the loss, calls `backward` and
    returns the loss.  The direction is -H g, where H approximates the inverse Hessian by the last
    `history_size` changes of g (algorithm 7.4).  Steps are `lr` long, or found by
    `line_search_fn="strong_wolfe"`.  It ends early when no element of g is above
    `tolerance_grad`, or when loss or parameters change by less than `tolerance_change`.  One group
    of parameters only: ValueError for more.

    >>> import rushlight as rl
    >>> from rushlight import nn, optim
    >>> w = nn.Parameter(rl.tensor([-1.0, 2.0]))
    >>> optimizer = optim.LBFGS([w], max_iter=30, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     _ = optimizer.step(closure)
    >>> w.data.round(decimals=2)
    tensor([1., 1.])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]
        if any(parameter.dtype.is_complex for parameter in self._params):
            raise NotImplementedError("LBFGS of complex parameters is not built")

    def step(self, closure: Callable[[], Any]) -> Any:
        """Make some steps; returns the loss before the first of them."""
        group = self.param_groups[0]
        state = self.state[self._params[0]]  # of all parameters: the first holds it
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = closure()
        state["func_evals"] += 1
        loss, grad, evaluations = float(first), self._gather_grad(), 1
        if _largest(grad) <= group["tolerance_grad"]:
            return first
        for number in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            _turn(state, grad, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = grad, loss
            state["t"] = float(group["lr"])
            if state["n_iter"] == 1:
                state["t"] *= min(1.0, 1.0 / grad.abs().sum().item())
            here = Point(0.0, loss, grad, grad.dot(state["d"]).item())
            if here.slope > -group["tolerance_change"]:
                break
            is_last = number == group["max_iter"]
            most = group["max_eval"] - evaluations
            loss, grad, used = self._move(closure, state, here, most, is_last)
            evaluations += used
            state["func_evals"] += used
            if is_last or evaluations >= group["max_eval"] or self._is_done(state, loss, grad):
                break
        return first

    def _move(
        self, closure: Callable, state: dict, here: Point, most: int, is_last: bool
    ) -> tuple[float, Tensor, int]:
        """Go along the direction; returns loss and gradient there, and how often they were asked.

        After the last step nobody needs them if there is no search.
        """
        group = self.param_groups[0]
        if group["line_search_fn"] is None:
            self._add(state["t"], state["d"])
            if is_last:
                return here.loss, here.grad, 0
            loss = float(closure())
            return loss, self._gather_grad(), 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        before = [parameter.clone() for parameter in self._params]

        def evaluate(step: float) -> Point:
            self._add(step, state["d"])
            loss, grad = float(closure()), self._gather_grad()
            for parameter, value in zip(self._params, before, strict=True):
                parameter.copy_(value)
            return Point(step, loss, grad, grad.dot(state["d"]).item())

        search = WolfeSearch(evaluate, here, most)
        found = search.run(state["t"], _largest(state["d"]), group["tolerance_change"])
        state["t"] = found.step
        self._add(found.step, state["d"])
        return found.loss, found.grad, search.evaluations

    def _is_done(self, state: dict, loss: float, grad: Tensor) -> bool:
        group = self.param_groups[0]
        change = group["tolerance_change"]
        return (
            _largest(grad) <= group["tolerance_grad"]
            or abs(state["t"]) * _largest(state["d"]) <= change
            or abs(loss - state["prev_loss"]) < change
        )

    def _gather_grad(self) -> Tensor:
        """All gradients in one row; zeros where there is none."""
        rows = [
            parameter.new_zeros(parameter.numel())
            if parameter._grad is None
            else parameter._grad.reshape(-1)
            for parameter in self._params
        ]
        return cat(rows)

    def _add(self, step: float, direction: Tensor) -> None:
        """Move all parameters by step · direction."""
        parts = direction.split([parameter.numel() for parameter in self._params])
        for parameter, part in zip(self._params, parts, strict=True):
            parameter.add_(part.view(parameter.shape), alpha=step)


def _largest(x: Tensor) -> float:
    return x.abs().max().item()


def _turn(state: dict, grad: Tensor, size: int) -> None:
    """Set the direction for this gradient, and remember what the last step showed."""
    if state["n_iter"] == 1:
        state["d"] = -grad
        state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1
        return
    changes, steps, scales = state["old_dirs"], state["old_stps"], state["ro"]
    change, step = grad - state["prev_flat_grad"], state["d"] * state["t"]
    product = change.dot(step).item()
    if product > 1e-10:
        if len(changes) == size:
            for remembered in (changes, steps, scales):
                remembered.pop(0)
        changes.append(change)
        steps.append(step)
        scales.append(1.0 / product)
        state["H_diag"] = product / change.dot(change).item()
    parts = state["al"] = [None] * size
    state["d"] = _direction(-grad, changes, steps, scales, parts, state["H_diag"])


def _direction(
    direction: Tensor, changes: list, steps: list, scales: list, parts: list, scale: float
) -> Tensor:
    """H times a vector, in two loops over what is remembered (algorithm 7.4).

    Each turn reads one number, so that all of them run the same program.
    """
    for i in reversed(range(len(changes))):
        parts[i] = float(scales[i]) * steps[i].dot(direction).item()
        direction = direction - changes[i] * parts[i]
    direction = direction * float(scale)
    for i, change in enumerate(changes):
        part = float(scales[i]) * change.dot(direction).item()
        direction = direction + steps[i] * (parts[i] - part)
    return direction
