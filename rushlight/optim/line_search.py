"""How far to go along a direction: the line search of L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rushlight.tensor import Tensor

DECREASE, CURVATURE = 1e-4, 0.9
"""The constants c1 and c2 of the Wolfe conditions, as is usual for quasi-Newton methods."""


@dataclass(frozen=True)
class Point:
    """A place on the line: how far along, the loss there, its gradient and its slope."""

    step: float
    loss: float
    grad: Tensor
    slope: float


class WolfeSearch:
    """A search for a point that satisfies the strong Wolfe conditions.

    These are f(t) ≤ f(0) + c1 t f'(0) and |f'(t)| ≤ c2 |f'(0)| (Nocedal and Wright, 2006,
    "Numerical optimization", 2nd edition, equation 3.7).  `evaluate(t)` gives the point at t;
    `width` is the largest element of the direction.
    """

    def __init__(self, evaluate: Callable[[float], Point], start: Point, most: int):
        self._evaluate = evaluate
        self.start = start
        self.evaluations = 0
        self.left = most

    def run(self, step: float, width: float, tolerance: float) -> Point:
        """The point found; the lowest seen if the conditions hold nowhere."""
        ends = self._bracket(self._next(step, counts=False))
        return ends[0] if len(ends) == 1 else self._zoom(ends, width, tolerance)

    def _next(self, step: float, counts: bool = True) -> Point:
        self.evaluations += 1
        self.left -= counts
        return self._evaluate(step)

    def _is_too_high(self, point: Point) -> bool:
        start = self.start
        return point.loss > start.loss + DECREASE * point.step * start.slope

    def _is_flat(self, point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * self.start.slope

    def _bracket(self, point: Point) -> list[Point]:
        """A point that satisfies the conditions, or two with one between them (algorithm 3.5)."""
        before, number = self.start, 0
        while self.left > 0:
            if self._is_too_high(point) or (number > 1 and point.loss >= before.loss):
                return [before, point]
            if self._is_flat(point):
                return [point]
            if point.slope >= 0:
                return [before, point]
            nearest = point.step + 0.01 * (point.step - before.step)
            step = cubic_minimum(before, point, (nearest, point.step * 10))
            before, point = point, self._next(step)
            number += 1
        return [self.start, point]

    def _zoom(self, ends: list[Point], width: float, tolerance: float) -> Point:
        """The best point between two, which come nearer to each other (algorithm 3.6)."""
        low = _lower(ends)
        is_stuck = False
        while self.left > 0 and abs(ends[1].step - ends[0].step) * width >= tolerance:
            step, is_stuck = _inside(cubic_minimum(*ends), ends, is_stuck)
            point = self._next(step)
            high = 1 - low
            if self._is_too_high(point) or point.loss >= ends[low].loss:
                ends[high] = point
                low = _lower(ends)
                continue
            if self._is_flat(point):
                return point
            if point.slope * (ends[high].step - ends[low].step) >= 0:
                ends[high] = ends[low]
            ends[low] = point
        return ends[low]


def _lower(ends: list[Point]) -> int:
    return 0 if ends[0].loss <= ends[1].loss else 1


def _inside(step: float, ends: list[Point], is_stuck: bool) -> tuple[float, bool]:
    """A step that is not again near an end, where the search would hardly move on."""
    first, last = sorted(end.step for end in ends)
    margin = 0.1 * (last - first)
    if min(last - step, step - first) >= margin:
        return step, False
    if not is_stuck and first < step < last:
        return step, True
    return (last - margin if abs(step - last) < abs(step - first) else first + margin), False


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with their slopes is lowest (equation 3.59).

    Between `bounds`, by default the points; their middle if the cubic has no minimum.
    """
    a, b = sorted((a, b), key=lambda point: point.step)
    first, last = bounds or (a.step, b.step)
    middle = (first + last) / 2
    if a.step == b.step:
        return middle
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return middle
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return middle
    step = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / below)
    return min(max(step, first), last)
