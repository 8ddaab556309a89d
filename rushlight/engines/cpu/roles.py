"""What each value of a graph is to the compiler: work for loops, an index map, or a host step."""

from __future__ import annotations

from enum import Enum

from rushlight.engines.cpu.expressions import has_key, is_compiled
from rushlight.engines.cpu.sizes import Sizes
from rushlight.graph.dtype import bool_, float32, float64, int64
from rushlight.graph.node import Primitive
from rushlight.graph.program import Equation, Graph
from rushlight.graph.spec import Spec


class Role(Enum):
    """How a value is computed."""

    LEAF = "leaf"
    """It comes in from outside."""
    LITERAL = "literal"
    """A constant in the code."""
    MAP = "map"
    """Computed for each element by itself, so it can be computed wherever it is read."""
    VIEW = "view"
    """Another value's elements at other indices."""
    ALIAS = "alias"
    """Another value's memory under another shape."""
    REDUCE = "reduce"
    CRAFTED = "crafted"
    """Computed by kernels written by hand; see `crafted.py`."""
    WRITE = "write"
    """Put together of regions, each with a kernel that writes it."""
    CHECK = "check"
    """NumPy looks whether places are within bounds, before a kernel reads there."""
    HOST = "host"
    """Computed by NumPy between two native lists."""


LOOKUPS = ("take", "gather")
_MEETING = ("put", "scatter", "fold")
_RUNNING = ("cumsum", "cumprod", "cummax", "cummin")
_WRITES = ("pad", "update", "concat")
_VIEWS = ("permute", "expand", "slice", "window")
REDUCTIONS = ("sum", "prod", "max", "min")
PLACES = ("argmax", "argmin")


def _can_contract(equation: Equation, specs: list[Spec]) -> bool:
    return equation.spec.dtype is not bool_


def _can_pool(equation: Equation, specs: list[Spec]) -> bool:
    return equation.spec.dtype is not bool_


def _always(equation: Equation, specs: list[Spec]) -> bool:
    return True


_POOLING = ("max_pool", "sum_pool", "spread", "spread_sum")
_CONVOLUTIONS = ("convolve", "convolve_input", "convolve_filter")
CRAFTED = {
    **dict.fromkeys(("contract", *_CONVOLUTIONS), _can_contract),
    **dict.fromkeys(_POOLING, _can_pool),
}
CRAFTED |= dict.fromkeys(("attention", "attention_gradient"), _always)
"""For each primitive with hand-made kernels, whether they can compute an equation, given the specs
of the result and the operands."""

IN_MEMORY = (*_POOLING, *_CONVOLUTIONS)
"""Those that read operands as they lie in memory, not through views."""

WITH_EPILOGUES = ("contract", *_CONVOLUTIONS)
"""Those that take elementwise work on their results along while they store them."""


def has_kernels(primitive: Primitive) -> bool:
    """Whether some of its equations are computed by compiled code; the rest run the same rules."""
    named = (*LOOKUPS, *_MEETING, *_RUNNING, *_WRITES, *_VIEWS, *REDUCTIONS, *PLACES, *CRAFTED)
    if primitive.name in (*named, "fence", "reshape", "scan"):
        return True
    return any(is_compiled(primitive, dtype) for dtype in (float32, float64, int64))


def find_roles(graph: Graph, sizes: Sizes) -> list[Role]:
    """The role of every value."""
    roles = [Role.LEAF if leaf.literal is None else Role.LITERAL for leaf in graph.leaves]
    for value, equation in enumerate(graph.equations, len(graph.leaves)):
        roles.append(_role_of(graph, sizes, value, equation, roles))
    return roles


def _role_of(graph: Graph, sizes: Sizes, value: int, equation: Equation, roles: list) -> Role:
    specs = [equation.spec, *[graph.spec(source) for source in equation.inputs]]
    name, source = equation.primitive.name, next(iter(equation.inputs), None)
    compiled = not any(0 in spec.shape or spec.dtype.is_complex for spec in specs)
    if name in ("fence", "reshape"):
        if name == "reshape" and compiled and sizes.flat[value] == sizes.flat[source]:
            return Role.VIEW
        return Role.HOST if roles[source] is Role.LITERAL else Role.ALIAS
    if not compiled:
        return Role.HOST
    if name in _VIEWS:
        return Role.VIEW
    if name in _WRITES or name in _MEETING:
        literal = any(roles[operand] is Role.LITERAL for operand in equation.inputs[2:])
        return Role.HOST if literal else Role.WRITE
    if name in LOOKUPS and roles[source] is not Role.LITERAL:
        return Role.MAP
    if is_compiled(equation.primitive, specs[-1].dtype):
        return Role.MAP
    if name in REDUCTIONS:
        nothing_reduced = sizes.flat[value] == sizes.flat[source]
        return Role.VIEW if nothing_reduced else Role.REDUCE
    if name in PLACES and has_key(specs[1].dtype) and sizes.axes[source][equation.attributes[0]]:
        return Role.REDUCE
    if name in _RUNNING:
        plain = sizes.axes[source][equation.attributes[0]] and roles[source] is not Role.LITERAL
        return Role.WRITE if plain else Role.HOST
    if name in CRAFTED and CRAFTED[name](equation, specs):
        literal = any(roles[operand] is Role.LITERAL for operand in equation.inputs)
        return Role.HOST if literal else Role.CRAFTED
    return Role.HOST


def is_plain(graph: Graph, sizes: Sizes, value: int) -> bool:
    """Whether a view has its operand's elements in the same order, so that memory can be shared."""
    equation = graph.equations[value - len(graph.leaves)]
    source = equation.inputs[0]
    name = equation.primitive.name
    if name == "reshape" or name in REDUCTIONS:
        return True
    if name == "expand":
        return len(sizes.flat[value]) == len(sizes.flat[source])
    if name == "permute":
        moved = [axis for axis in equation.attributes if sizes.axes[source][axis]]
        return moved == sorted(moved)
    return False
