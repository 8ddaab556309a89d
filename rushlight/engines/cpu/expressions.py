"""Elementwise primitives as code: what each computes in one lane, and about what it costs.

The same code serves scalars and vectors, and what stands in a fused kernel has the same bits as
what stands alone: each primitive rounds to its own dtype.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.division import (
    DIVISIONS,
    divide,
    integer_power,
    is_division_compiled,
)
from rushlight.engines.cpu.functions import EMITTED, emit_binary, emit_unary
from rushlight.engines.cpu.values import Value
from rushlight.graph.dtype import DType, bool_, float32, int32, int64, uint8, uint16, uint32, uint64
from rushlight.graph.node import Primitive

Emit = Callable[..., Value]

_UNSIGNED = {1: uint8, 2: uint16, 4: uint32, 8: uint64}


def _sign(f: Function, x: Value) -> Value:
    if x.dtype is bool_:
        return x
    positive = f.select(x > 0, f.like(1, x), 0)
    return positive if not x.dtype.is_signed else f.select(x < 0, f.like(-1, x), positive)


def _to_whole(name: str) -> Emit:
    def emit(f: Function, x: Value) -> Value:
        return f.intrinsic(name, x) if x.dtype.is_floating_point else x

    return emit


def _add(f: Function, a: Value, b: Value) -> Value:
    return a | b if a.dtype is bool_ else a + b


def _shift(right: bool) -> Emit:
    """A shift by too many places gives zeros, or the sign."""

    def emit(f: Function, a: Value, b: Value) -> Value:
        bits = 8 * a.dtype.itemsize
        inside = b.retyped(_UNSIGNED[b.dtype.itemsize]) < bits
        most = bits - 1 if right and a.dtype.kind == "i" else 0
        places = f.select(inside, b, f.like(most, b))
        shifted = a >> places if right else a << places
        return shifted if most else f.select(inside, shifted, f.like(0, shifted))

    return emit


_RULES: dict[str, Emit] = {
    "neg": lambda f, x: -x,
    "abs": lambda f, x: f.absolute(x),
    "sign": _sign,
    "sqrt": lambda f, x: f.sqrt(x),
    "floor": _to_whole("floor"),
    "ceil": _to_whole("ceil"),
    "round": _to_whole("roundeven"),
    "trunc": _to_whole("trunc"),
    "invert": lambda f, x: ~x,
    "add": _add,
    "sub": lambda f, a, b: a - b,
    "mul": lambda f, a, b: a * b,
    "div": lambda f, a, b: a / b,
    "maximum": lambda f, a, b: f.maximum(a, b),
    "minimum": lambda f, a, b: f.minimum(a, b),
    "and": lambda f, a, b: a & b,
    "or": lambda f, a, b: a | b,
    "xor": lambda f, a, b: a ^ b,
    "shift_left": _shift(right=False),
    "shift_right": _shift(right=True),
    "eq": lambda f, a, b: a.equals(b),
    "ne": lambda f, a, b: a.differs(b),
    "lt": lambda f, a, b: a < b,
    "le": lambda f, a, b: a <= b,
    "gt": lambda f, a, b: a > b,
    "ge": lambda f, a, b: a >= b,
    "where": lambda f, c, a, b: f.select(c, a, b),
    "copysign": lambda f, a, b: f.copysign(a, b),
    "signbit": lambda f, x: f.copysign(f.like(1, x), x) < 0,
}
_CREATIONS = ("number", "iota", "random_bits")
_ALL_FUNCTIONS = frozenset().union(*EMITTED.values())
_FREE = ("cast", "number", "iota")
_COSTS = {"take": 6, "gather": 6, "div": 4, "sqrt": 4, "random_bits": 40}
_COSTS |= dict.fromkeys(DIVISIONS, 10)


def is_compiled(primitive: Primitive, operand: DType) -> bool:
    """Whether loops can compute the primitive of operands of this dtype."""
    name = primitive.name
    if primitive.family == "creation":
        return name in _CREATIONS
    if primitive.family != "elementwise":
        return False
    if name in _RULES or name == "cast":
        return operand.is_floating_point or name != "div"
    if name in DIVISIONS:
        return operand is not bool_ and is_division_compiled(operand)
    if name == "pow" and operand.kind in "iu":
        return True
    return name in EMITTED.get(operand, ())


def cost_of(primitive: Primitive) -> int:
    """What a primitive costs, in additions."""
    if primitive.family == "movement":
        return 0
    name = primitive.name
    return _COSTS.get(name, 1 if name in _RULES or name in _FREE else 20)


def is_costly(name: str) -> bool:
    """Whether a step costs so much that memory is the better place for its result."""
    return name in _ALL_FUNCTIONS and name not in _RULES


def has_key(dtype: DType) -> bool:
    """Whether an element and its place fit into 64 bits; see `_key`."""
    return not dtype.is_complex and (dtype is bool_ or dtype.itemsize <= 4)


def _key(f: Function, x: Value, place: Value, is_least: bool) -> Value:
    """An int64 that is largest for the first place of the largest (or least) element.

    The upper half orders elements as integers, NaN above all, -0.0 and 0.0 alike; the lower half
    is the place, counted downwards.  (An axis has less than 2^32 elements.)
    """
    if x.dtype.is_floating_point:
        wide = x.retyped(float32) + 0.0
        bits = wide.bitcast(int32)
        order = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    else:
        order = (x.cast(int32) ^ -(1 << 31)) if x.dtype is uint32 else x.cast(int32)
    order = ~order if is_least else order
    if x.dtype.is_floating_point:
        order = f.select(x.is_nan(), f.like((1 << 31) - 1, order), order)
    backwards = (~place) & 0xFFFFFFFF
    return (order.cast(int64) << 32) | backwards


_KEYS: dict[str, Emit] = {
    "argmax_key": lambda f, x, place: _key(f, x, place, is_least=False),
    "argmin_key": lambda f, x, place: _key(f, x, place, is_least=True),
    "place_of_key": lambda f, key: ~key & 0xFFFFFFFF,
}


def emit_map(f: Function, name: str, dtype: DType, operands: list[Value]) -> Value:
    """The code of one elementwise primitive."""
    if name == "cast":
        return operands[0].cast(dtype)
    if name in _KEYS:
        return _KEYS[name](f, *operands)
    if name in DIVISIONS:
        return divide(name, f, *f.matched(*operands))
    if name == "pow" and dtype.kind in "iu":
        return integer_power(f, *f.matched(*operands))
    if name not in _RULES:
        emit = emit_unary if len(operands) == 1 else emit_binary
        return emit(f, name, *operands)
    lanes = max([operand.lanes for operand in operands])
    return _RULES[name](f, *[f.splat(x, lanes) if x.lanes < lanes else x for x in operands])


def threefry(f: Function, key: tuple[Value, Value], low: Value, high: Value) -> tuple:
    """Threefry-2x32 with 20 rounds (see `graph/creation.py`): both words, as uint32."""
    words = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = low + words[0], high + words[1]
    for turn in range(5):
        for rotation in ((13, 15, 26, 6), (17, 29, 16, 24))[turn % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + words[(turn + 1) % 3]
        y = y + words[(turn + 2) % 3] + (turn + 1)
    return x, y
