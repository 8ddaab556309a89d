"""Pass 1: equal work is done once, and work that changes no bit is not done at all.

In: a graph.  Out: a graph with the same numbering, in which readers of a repeated or needless
equation read the other value instead.  What nobody reads any more is dead; later passes start
from the results and never see it.  Only rewrites that keep every bit are made: `x + 0.0` stays,
since it turns -0.0 into 0.0, while `x * 1`, `x - 0.0` and `x + -0.0` go.
"""

from __future__ import annotations

from math import copysign

from rushlight.engines.cpu.sizes import Sizes
from rushlight.graph.program import Equation, Graph
from rushlight.graph.scan import SCAN


def normalise(graph: Graph, sizes: Sizes) -> Graph:
    """Remove common subexpressions and exact identities."""
    return _Normaliser(graph, sizes).run()


class _Normaliser:
    def __init__(self, graph: Graph, sizes: Sizes):
        self.graph = graph
        self.sizes = sizes
        self.count = len(graph.leaves)
        self.same = list(range(self.count + len(graph.equations)))
        self.equations: list[Equation] = []

    def run(self) -> Graph:
        seen: dict[tuple, int] = {}
        for value, equation in enumerate(self.graph.equations, self.count):
            inputs = tuple([self.same[source] for source in equation.inputs])
            if inputs != equation.inputs:
                equation = equation._replace(inputs=inputs)
            self.equations.append(equation)
            equal = self.find_identity(equation, value)
            if equal is None and (not equation.number_count or equation.primitive is SCAN):
                equal = seen.setdefault(self.key(equation, value), value)
            if equal is not None:
                self.same[value] = equal
        results = tuple([self.same[value] for value in self.graph.results])
        return Graph(self.graph.leaves, tuple(self.equations), results)

    def key(self, equation: Equation, value: int) -> tuple:
        """Two equations without numbers, or two scans, and with this key in common are equal."""
        primitive, attributes, inputs, spec, *_ = equation
        return primitive, attributes, inputs, spec.pattern, self.sizes.axes[value]

    def equation(self, value: int) -> Equation | None:
        """The equation that computes a value; None for a leaf."""
        return self.equations[value - self.count] if value >= self.count else None

    def literal(self, value: int) -> bool | int | float | complex | None:
        """The literal that a value repeats, if it is one."""
        equation = self.equation(value)
        while equation is not None and equation.primitive.name in ("expand", "reshape"):
            value = equation.inputs[0]
            equation = self.equation(value)
        return self.graph.leaves[value].literal if equation is None else None

    def find_identity(self, equation: Equation, value: int) -> int | None:
        """An earlier value that has the same bits by the primitive's own nature."""
        rule = _IDENTITIES.get(equation.primitive.name)
        found = rule(self, equation) if rule else None
        if found is None or self.graph.spec(found).dtype is not equation.spec.dtype:
            return None
        same_pattern = self.graph.spec(found).pattern is equation.spec.pattern
        return found if same_pattern and self.sizes.axes[found] == self.sizes.axes[value] else None


def _is_one(number: object) -> bool:
    return number is not None and number == 1


def _is_zero(number: object, sign: float | None = None) -> bool:
    """Whether it is zero: for a float, the zero of that sign."""
    if number is None or number != 0 or isinstance(number, complex):
        return False
    return sign is None or not isinstance(number, float) or copysign(1.0, number) == sign


def _mul(known: _Normaliser, equation: Equation) -> int | None:
    a, b = equation.inputs
    if equation.spec.dtype.is_complex:
        return None
    if _is_one(known.literal(b)):
        return a
    return b if _is_one(known.literal(a)) else None


def _div(known: _Normaliser, equation: Equation) -> int | None:
    a, b = equation.inputs
    return a if _is_one(known.literal(b)) and not equation.spec.dtype.is_complex else None


def _add(known: _Normaliser, equation: Equation) -> int | None:
    a, b = equation.inputs
    exact = _is_zero if equation.spec.dtype.kind in "iu" else _is_negative_zero
    if exact(known.literal(b)):
        return a
    return b if exact(known.literal(a)) else None


def _is_negative_zero(number: object) -> bool:
    return isinstance(number, float) and _is_zero(number, -1.0)


def _sub(known: _Normaliser, equation: Equation) -> int | None:
    a, b = equation.inputs
    return a if not equation.spec.dtype.is_complex and _is_zero(known.literal(b), 1.0) else None


def _undo(known: _Normaliser, equation: Equation) -> int | None:
    """-(-x) and ~(~x)."""
    inner = known.equation(equation.inputs[0])
    return inner.inputs[0] if inner and inner.primitive is equation.primitive else None


def _cast(known: _Normaliser, equation: Equation) -> int | None:
    return equation.inputs[0]


def _where(known: _Normaliser, equation: Equation) -> int | None:
    _, a, b = equation.inputs
    return a if a == b else None


def _reshape(known: _Normaliser, equation: Equation) -> int | None:
    """A chain of reshapes back to a shape that was there before."""
    value = equation.inputs[0]
    shape = equation.spec.pattern
    inner = known.equation(value)
    while inner is not None and inner.primitive.name == "reshape":
        value = inner.inputs[0]
        if known.graph.spec(value).pattern is shape:
            return value
        inner = known.equation(value)
    return value


def _permute(known: _Normaliser, equation: Equation) -> int | None:
    axes, value = equation.attributes, equation.inputs[0]
    while axes != tuple(range(len(axes))):
        inner = known.equation(value)
        if inner is None or inner.primitive.name != "permute":
            return None
        axes = tuple([inner.attributes[axis] for axis in axes])
        value = inner.inputs[0]
    return value


def _expand(known: _Normaliser, equation: Equation) -> int | None:
    rank = equation.spec.rank
    return equation.inputs[0] if equation.attributes == tuple(range(rank)) else None


_IDENTITIES = {
    "mul": _mul,
    "div": _div,
    "add": _add,
    "sub": _sub,
    "neg": _undo,
    "invert": _undo,
    "cast": _cast,
    "where": _where,
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
}
