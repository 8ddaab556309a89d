"""Conversions between dtypes, and the rounding of bfloat16 and float16.

Floats become integers as NumPy's do on the same host: through int32 or int64, then cut to size.
"""

from __future__ import annotations

from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.values import HALVES, Value, register_type
from rushlight.graph.dtype import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
)


def convert(value: Value, instruction: str, dtype: DType) -> Value:
    """One LLVM conversion instruction."""
    target = register_type(dtype, value.lanes)
    return value.function.emit(dtype, value.lanes, f"{instruction} {value.typed} to {target}")


def cast(value: Value, dtype: DType) -> Value:
    """The same number in another dtype."""
    source = value.dtype
    if source is dtype:
        return value
    if dtype is bool_:
        return value.differs(0)
    if source.is_floating_point:
        return _from_float(value, dtype)
    if dtype.is_floating_point:
        instruction = "sitofp" if source.kind == "i" else "uitofp"
        if dtype in HALVES:
            return round_half(convert(value, instruction, float32).retyped(dtype))
        return convert(value, instruction, dtype)
    return _between_integers(value, dtype)


def _between_integers(value: Value, dtype: DType) -> Value:
    narrow = 0 if value.dtype is bool_ else value.dtype.itemsize
    if narrow == dtype.itemsize:
        return value.retyped(dtype)
    if narrow > dtype.itemsize:
        return convert(value, "trunc", dtype)
    return convert(value, "sext" if value.dtype.kind == "i" else "zext", dtype)


def _from_float(value: Value, dtype: DType) -> Value:
    if value.dtype in HALVES:
        value = value.retyped(float32)
    if dtype in HALVES:
        if value.dtype is float64:
            value = _to_odd(value) if dtype is float16 else convert(value, "fptrunc", float32)
        return round_half(value.retyped(dtype))
    if dtype.is_floating_point:
        if dtype is value.dtype:
            return value
        return convert(value, "fpext" if dtype is float64 else "fptrunc", dtype)
    if dtype is uint64:
        return convert(value, "fptoui", uint64)
    through = int64 if dtype in (int64, uint32) else int32
    return cast(convert(value, "fptosi", through), dtype)


def _to_odd(value: Value) -> Value:
    """float64 as float32 rounded to odd, so that rounding once more gives the nearest."""
    function = value.function
    near = convert(value, "fptrunc", float32)
    back = convert(near, "fpext", float64)
    away = function.absolute(back) > function.absolute(value)
    bits = near.bitcast(int32) - away.cast(int32)
    inexact = (back < value) | (back > value)
    return (bits | inexact.cast(int32)).bitcast(float32)


def round_half(value: Value) -> Value:
    """A float32 register marked float16 or bfloat16, rounded to that dtype's nearest even."""
    narrow = narrow_half(value)
    rounded = widen_half(narrow, value.dtype)
    rounded.narrow = narrow
    return rounded


def narrow_half(value: Value) -> Value:
    """The 16 bits to store for a float16 or bfloat16 value, as uint16."""
    if value.narrow is not None:
        return value.narrow
    wide = value.retyped(float32)
    if value.dtype is bfloat16:
        return _narrow_bfloat16(wide)
    if not machine().has_half:
        return _narrow_float16(wide)
    function, lanes = value.function, value.lanes
    kind = "half" if lanes == 1 else f"<{lanes} x half>"
    half = function.emit(float16, lanes, f"fptrunc {wide.typed} to {kind}")
    target = register_type(uint16, lanes)
    return function.emit(uint16, lanes, f"bitcast {kind} {half.name} to {target}")


def widen_half(bits: Value, dtype: DType) -> Value:
    """The value of dtype float16 or bfloat16 that 16 stored bits mean."""
    if dtype is bfloat16:
        return (bits.cast(uint32) << 16).bitcast(float32).retyped(bfloat16)
    if not machine().has_half:
        return _widen_float16(bits).retyped(float16)
    function, lanes = bits.function, bits.lanes
    kind = "half" if lanes == 1 else f"<{lanes} x half>"
    half = function.emit(float16, lanes, f"bitcast {bits.typed} to {kind}")
    target = register_type(float32, lanes)
    return function.emit(float16, lanes, f"fpext {kind} {half.name} to {target}")


def _narrow_bfloat16(wide: Value) -> Value:
    bits = wide.bitcast(uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    quiet_nan = (bits >> 16) | 0x40
    return wide.function.select(wide.is_nan(), quiet_nan, rounded).cast(uint16)


def _narrow_float16(wide: Value) -> Value:
    """Round to float16 in integer arithmetic, for hosts that have no instruction for it."""
    function = wide.function
    bits = wide.bitcast(uint32)
    sign = (bits >> 16) & 0x8000
    size = bits & 0x7FFFFFFF
    # adding 2^-1 * 2^(smallest exponent) makes the hardware round a denormal's last place
    small = (size.bitcast(float32) + 0.5).bitcast(uint32) - 0x3F000000
    normal = (size - 0x38000000 + 0xFFF + ((size >> 13) & 1)) >> 13
    result = function.select(size < 0x38800000, small, normal)
    result = function.select(size >= 0x47800000, function.like(0x7C00, size), result)
    nan = ((size >> 13) & 0x3FF) | 0x7E00
    result = function.select(size > 0x7F800000, nan, result)
    return (result | sign).cast(uint16)


def _widen_float16(bits: Value) -> Value:
    """float16 to float32 in integer arithmetic."""
    function = bits.function
    wide = bits.cast(uint32)
    size = (wide & 0x7FFF) << 13
    normal = size + 0x38000000
    special = size + 0x70000000
    small = ((size + 0x38800000).bitcast(float32) - 2.0**-14).bitcast(uint32)
    result = function.select(size < 0x00800000, small, normal)
    result = function.select(size >= 0x0F800000, special, result)
    return (result | ((wide & 0x8000) << 16)).bitcast(float32)
