"""What a function being built can compute: constants, variables, arithmetic, lanes."""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu import casts
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.values import HALVES, Operand, Value, constant_text, register_type
from rushlight.graph.dtype import DType, int32, int64


class Variable:
    """A place in a register that loops and branches may set anew: read and set `value`."""

    def __init__(self, initial: Value):
        self._function = initial.function
        self._like = initial
        self._place = self._function.reserve(initial.type)
        self.value = initial

    @property
    def value(self) -> Value:
        """What it holds at this point of the code."""
        like = self._like
        text = f"load {like.type}, ptr {self._place}"
        return self._function.emit(like.dtype, like.lanes, text)

    @value.setter
    def value(self, value: Operand) -> None:
        value = self._function.like(value, self._like)
        self._function.line(f"store {value.typed}, ptr {self._place}")


class Arithmetic:
    """The part of `Function` that computes; it needs `emit`, `line`, `reserve` and `module`."""

    def constant(self, value: Operand, dtype: DType, lanes: int = 1) -> Value:
        """A Python number as a value, or a value as it is (repeated, if it must be)."""
        if isinstance(value, Value):
            if value.dtype is not dtype:
                raise TypeError(f"expected {dtype.name}, not {value!r}")
            return self.splat(value, lanes) if value.lanes < lanes else value
        return Value(self, dtype, lanes, constant_text(value, dtype, lanes))

    def like(self, value: Operand, other: Value) -> Value:
        """`value` with the dtype and the lanes of `other`."""
        return self.constant(value, other.dtype, other.lanes)

    def matched(self, left: Operand, right: Operand) -> tuple[Value, Value]:
        """Two operands brought to one number of lanes; a Python number takes the other's dtype."""
        pattern = left if isinstance(left, Value) else right
        lanes = max(getattr(left, "lanes", 1), getattr(right, "lanes", 1))
        return (
            self.constant(left, pattern.dtype, lanes),
            self.constant(right, pattern.dtype, lanes),
        )

    def splat(self, value: Value, lanes: int) -> Value:
        """A vector with one number in all lanes."""
        if lanes == 1:
            return value
        kind = register_type(value.dtype, lanes)
        text = f"insertelement {kind} poison, {value.typed}, i32 0"
        one = self.emit(value.dtype, lanes, text)
        return self.shuffle(one, one, [0] * lanes)

    def iota(self, dtype: DType, lanes: int) -> Value:
        """0, 1, 2, ... in the lanes of an integer vector."""
        if lanes == 1:
            return self.constant(0, dtype)
        kind = register_type(dtype)
        numbers = ", ".join([f"{kind} {i}" for i in range(lanes)])
        return Value(self, dtype, lanes, f"<{numbers}>")

    def mask(self, count: Value, lanes: int) -> Value:
        """True in the first `count` lanes (an int64, which may exceed the lanes)."""
        if lanes == 1:
            return count > 0
        limited = self.select(count < lanes, count, self.constant(lanes, int64))
        return self.iota(int32, lanes) < self.splat(limited.cast(int32), lanes)

    def variable(self, initial: Value) -> Variable:
        """A place in a register, to be set anew inside loops and branches."""
        return Variable(initial)

    def select(self, condition: Value, left: Operand, right: Operand) -> Value:
        """`left` where the condition holds, else `right`."""
        left, right = self.matched(left, right)
        if condition.lanes < left.lanes:
            condition = self.splat(condition, left.lanes)
        elif left.lanes < condition.lanes:
            left, right = (self.splat(side, condition.lanes) for side in (left, right))
        text = f"select {condition.typed}, {left.typed}, {right.typed}"
        return self.emit(left.dtype, left.lanes, text)

    def rounded(self, value: Value) -> Value:
        """A result of float32 arithmetic rounded to its dtype, if that is narrower."""
        return casts.round_half(value) if value.dtype in HALVES else value

    def fma(self, a: Operand, b: Operand, c: Operand) -> Value:
        """A * b + c rounded once, where the host can; twice on a host without the instruction."""
        pattern = next(x for x in (a, b, c) if isinstance(x, Value))
        lanes = max(getattr(x, "lanes", 1) for x in (a, b, c))
        a, b, c = (self.constant(x, pattern.dtype, lanes) for x in (a, b, c))
        if not machine().has_fma:
            return a * b + c
        return self.intrinsic("fma", a, b, c)

    def dot_of_pairs(self, a: Value, b: Value, total: Value) -> Value:
        """A float32 total plus two products a lane, of bfloat16 pairs in int32 lanes.

        The processor takes denormals as zero and rounds in its own way: Intel's after each product,
        the upper one first.
        """
        kind = f"<{2 * a.lanes} x bfloat>"
        pairs = [self.emit(x.dtype, x.lanes, f"bitcast {x.typed} to {kind}").name for x in (a, b)]
        name, result = f"llvm.x86.avx512bf16.dpbf16ps.{32 * a.lanes}", total.type
        declared = f"declare {result} @{name}({result}, {kind}, {kind})"
        self.module.declarations[name] = declared
        rest = ", ".join([f"{kind} {pair}" for pair in pairs])
        return self.emit(total.dtype, total.lanes, f"call {result} @{name}({total.typed}, {rest})")

    def maximum(self, a: Value, b: Operand) -> Value:
        """The larger; NaN if either is."""
        a, b = self.matched(a, b)
        larger = self.select(a > b, a, b)
        return self.select(a.is_nan(), a, larger) if a.dtype.is_floating_point else larger

    def minimum(self, a: Value, b: Operand) -> Value:
        """The smaller; NaN if either is."""
        a, b = self.matched(a, b)
        smaller = self.select(a < b, a, b)
        return self.select(a.is_nan(), a, smaller) if a.dtype.is_floating_point else smaller

    def absolute(self, x: Value) -> Value:
        """The size of a number without its sign."""
        if x.dtype.is_floating_point:
            return self.intrinsic("fabs", x)
        return self.select(x < 0, -x, x) if x.dtype.kind == "i" else x

    def sqrt(self, x: Value) -> Value:
        """The square root, rounded right."""
        return self.rounded(self.intrinsic("sqrt", x))

    def copysign(self, size: Value, sign: Value) -> Value:
        """A number of that size with the sign of the other."""
        size, sign = self.matched(size, sign)
        return self.intrinsic("copysign", size, sign)

    def shuffle(self, left: Value, right: Value, lanes: list[int]) -> Value:
        """Lanes picked from two vectors, numbered through."""
        picks = ", ".join([f"i32 {lane}" for lane in lanes])
        text = f"shufflevector {left.typed}, {right.typed}, <{len(lanes)} x i32> <{picks}>"
        return self.emit(left.dtype, len(lanes), text)

    def lane(self, vector: Value, index: int) -> Value:
        """One lane as a scalar."""
        if vector.lanes == 1:
            return vector
        return self.emit(vector.dtype, 1, f"extractelement {vector.typed}, i32 {index}")

    def any(self, mask: Value) -> Value:
        """One bit: whether a lane of the mask is true."""
        if mask.lanes == 1:
            return mask
        bits = self.emit(int64, 1, f"bitcast {mask.typed} to i{mask.lanes}")
        wide = self.emit(int64, 1, f"zext i{mask.lanes} {bits.name} to i64")
        return wide.differs(0)

    def fold(self, vector: Value, combine: Callable[[Value, Value], Value]) -> Value:
        """All lanes combined to a scalar by halves: `combine(lower half, upper half)`."""
        while vector.lanes > 2:
            half = vector.lanes // 2
            lower = self.shuffle(vector, vector, list(range(half)))
            upper = self.shuffle(vector, vector, list(range(half, 2 * half)))
            vector = combine(lower, upper)
        if vector.lanes == 1:
            return vector
        return combine(self.lane(vector, 0), self.lane(vector, 1))

    def intrinsic(self, name: str, *operands: Value, dtype: DType | None = None) -> Value:
        """Call an LLVM intrinsic overloaded on its first operand's type."""
        first = operands[0]
        dtype = dtype or first.dtype
        suffix = {"float": "f32", "double": "f64"}.get(register_type(first.dtype))
        suffix = suffix or register_type(first.dtype)
        if first.lanes > 1:
            suffix = f"v{first.lanes}{suffix}"
        full = f"llvm.{name}.{suffix}"
        result = register_type(dtype, first.lanes)
        types = ", ".join([operand.type for operand in operands])
        self.module.declarations[full] = f"declare {result} @{full}({types})"
        texts = ", ".join([operand.typed for operand in operands])
        return self.emit(dtype, first.lanes, f"call {result} @{full}({texts})")
