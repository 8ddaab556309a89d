"""Values of the code being built: typed, scalar or vector, with Python's operators.

A value's dtype is one of `rushlight.graph.dtype`, or POINTER.  In a register, bool is one bit (a
mask, if it is a vector), and float16 and bfloat16 are float32 numbers: every operator rounds its
result to the value's own dtype.  Signedness comes from the dtype: `//`, `%`, `>>` and `<` on
uint8 are unsigned.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from rushlight.graph import dtype as dtypes
from rushlight.graph.dtype import DType, bool_, float32, float64, int32, int64

if TYPE_CHECKING:
    from rushlight.engines.cpu.builder import Function

POINTER = DType("pointer", "p", "uint64")
HALVES = (dtypes.float16, dtypes.bfloat16)

_INTEGERS = [dtype for dtype in dtypes.ALL if dtype.kind in "iu"]
_REGISTER = {
    bool_: "i1",
    POINTER: "ptr",
    float32: "float",
    float64: "double",
    **dict.fromkeys(HALVES, "float"),
    **{dtype: f"i{8 * dtype.itemsize}" for dtype in _INTEGERS},
}
_STORED = {**_REGISTER, bool_: "i8", dtypes.float16: "half", dtypes.bfloat16: "i16"}

Operand: TypeAlias = "Value | bool | int | float"


def register_type(dtype: DType, lanes: int = 1) -> str:
    """The LLVM type of a value in a register."""
    return _REGISTER[dtype] if lanes == 1 else f"<{lanes} x {_REGISTER[dtype]}>"


def stored_type(dtype: DType, lanes: int = 1) -> str:
    """The LLVM type of a value in memory."""
    return _STORED[dtype] if lanes == 1 else f"<{lanes} x {_STORED[dtype]}>"


def constant_text(value: bool | int | float, dtype: DType, lanes: int = 1) -> str:
    """A number as LLVM writes it; floats by their bits."""
    if dtype is POINTER:
        text = "null"
    elif dtype.is_floating_point:
        number = float(value)
        if dtype is not float64:
            number = float(dtype.compute.type(number))
        text = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    elif dtype is bool_:
        text = "true" if value else "false"
    else:
        text = str(int(value))
    return text if lanes == 1 else f"splat ({_REGISTER[dtype]} {text})"


class Value:
    """A number, a vector of numbers or a pointer that the built code computes."""

    __slots__ = ("dtype", "function", "lanes", "name", "narrow")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, function: Function, dtype: DType, lanes: int, name: str):
        self.function = function
        self.dtype = dtype
        self.lanes = lanes
        self.name = name
        self.narrow: Value | None = None
        """The 16 bits that a float16 or bfloat16 value was just rounded to."""

    def __repr__(self) -> str:
        return f"{self.typed} : {self.dtype.name}"

    @property
    def typed(self) -> str:
        """The value as an operand, with its type in front."""
        return f"{register_type(self.dtype, self.lanes)} {self.name}"

    @property
    def type(self) -> str:
        """The LLVM type."""
        return register_type(self.dtype, self.lanes)

    def _binary(self, other: Operand, integer: str, floating: str, swap: bool = False) -> Value:
        left, right = self.function.matched(self, other)
        if swap:
            left, right = right, left
        operation = floating if left.dtype.is_floating_point else integer
        if not operation:
            raise TypeError(f"no {integer or floating} of {left.dtype.name}")
        text = f"{operation} {left.type} {left.name}, {right.name}"
        return self.function.rounded(self.function.emit(left.dtype, left.lanes, text))

    def _signed(self, name: str) -> str:
        """The instruction's name with the letter for this value's signedness."""
        return ("s" if self.dtype.kind == "i" else "u") + name

    def __add__(self, other: Operand) -> Value:
        return self._binary(other, "or" if self.dtype is bool_ else "add", "fadd")

    def __radd__(self, other: Operand) -> Value:
        return self + other

    def __sub__(self, other: Operand) -> Value:
        return self._binary(other, "sub", "fsub")

    def __rsub__(self, other: Operand) -> Value:
        return self._binary(other, "sub", "fsub", True)

    def __mul__(self, other: Operand) -> Value:
        return self._binary(other, "and" if self.dtype is bool_ else "mul", "fmul")

    def __rmul__(self, other: Operand) -> Value:
        return self * other

    def __truediv__(self, other: Operand) -> Value:
        return self._binary(other, "", "fdiv")

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary(other, "", "fdiv", True)

    def __floordiv__(self, other: Operand) -> Value:
        """The quotient of integers, towards zero; the divisor must not be zero."""
        return self._binary(other, self._signed("div"), "")

    def __mod__(self, other: Operand) -> Value:
        """The remainder that goes with `//`."""
        return self._binary(other, self._signed("rem"), "")

    def __and__(self, other: Operand) -> Value:
        return self._binary(other, "and", "")

    def __or__(self, other: Operand) -> Value:
        return self._binary(other, "or", "")

    def __xor__(self, other: Operand) -> Value:
        return self._binary(other, "xor", "")

    def __lshift__(self, other: Operand) -> Value:
        """Shifted; the count must be below the number of bits."""
        return self._binary(other, "shl", "")

    def __rshift__(self, other: Operand) -> Value:
        return self._binary(other, "ashr" if self.dtype.kind == "i" else "lshr", "")

    def __neg__(self) -> Value:
        if self.dtype.is_floating_point:
            return self.function.emit(self.dtype, self.lanes, f"fneg {self.typed}")
        return 0 - self

    def __invert__(self) -> Value:
        return self ^ (True if self.dtype is bool_ else -1)

    def _compare(self, other: Operand, integer: str, floating: str) -> Value:
        left, right = self.function.matched(self, other)
        if left.dtype.is_floating_point:
            operation = f"fcmp {floating}"
        elif integer in ("eq", "ne"):
            operation = f"icmp {integer}"
        else:
            operation = f"icmp {left._signed(integer)}"
        text = f"{operation} {left.type} {left.name}, {right.name}"
        return self.function.emit(bool_, left.lanes, text)

    def __lt__(self, other: Operand) -> Value:
        return self._compare(other, "lt", "olt")

    def __le__(self, other: Operand) -> Value:
        return self._compare(other, "le", "ole")

    def __gt__(self, other: Operand) -> Value:
        return self._compare(other, "gt", "ogt")

    def __ge__(self, other: Operand) -> Value:
        return self._compare(other, "ge", "oge")

    def equals(self, other: Operand) -> Value:
        """Equality; false for NaN."""
        return self._compare(other, "eq", "oeq")

    def differs(self, other: Operand) -> Value:
        """Inequality; true for NaN."""
        return self._compare(other, "ne", "une")

    def is_nan(self) -> Value:
        """Whether this is NaN."""
        return self._compare(self, "ne", "uno")

    def cast(self, dtype: DType) -> Value:
        """The same number in another dtype; floats to integers towards zero, to bool by != 0."""
        from rushlight.engines.cpu.casts import cast

        return cast(self, dtype)

    def bitcast(self, dtype: DType) -> Value:
        """The same bits under another dtype of equal width."""
        target = register_type(dtype, self.lanes)
        if target == self.type:
            return Value(self.function, dtype, self.lanes, self.name)
        return self.function.emit(dtype, self.lanes, f"bitcast {self.typed} to {target}")

    def retyped(self, dtype: DType) -> Value:
        """The same register under another dtype; no code."""
        return Value(self.function, dtype, self.lanes, self.name)


def integer_like(dtype: DType) -> DType:
    """The signed integer as wide as a floating dtype's register."""
    return int64 if dtype is float64 else int32
