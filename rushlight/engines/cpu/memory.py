"""What a function being built can do with memory: loads, stores, gathers, scatters, masks."""

from __future__ import annotations

from rushlight.engines.cpu import casts
from rushlight.engines.cpu.arithmetic import Arithmetic, Variable
from rushlight.engines.cpu.values import (
    HALVES,
    POINTER,
    Operand,
    Value,
    register_type,
    stored_type,
)
from rushlight.graph.dtype import DType, bool_, int64, uint8, uint16


class Memory(Arithmetic):
    """The part of `Function` that reads and writes memory."""

    arguments: Value

    def argument(self, dtype: DType, slot: int) -> Value:
        """The number or pointer in a slot of the kernel's argument block."""
        return self.load(dtype, self.at(int64, self.arguments, slot))

    def at(self, dtype: DType, pointer: Value, index: Operand) -> Value:
        """A pointer to the element of that index in memory of `dtype`."""
        index = self.constant(index, int64)
        kind = stored_type(dtype)
        return self.emit(POINTER, 1, f"getelementptr {kind}, {pointer.typed}, {index.typed}")

    def load(
        self,
        dtype: DType,
        pointer: Value,
        index: Operand | None = None,
        lanes: int = 1,
        mask: Value | None = None,
    ) -> Value:
        """Consecutive numbers from memory; lanes that the mask leaves out are 0 and not read."""
        if index is not None:
            pointer = self.at(dtype, pointer, index)
        memory = _memory_dtype(dtype)
        if mask is None:
            kind = register_type(memory, lanes)
            text = f"load {kind}, {pointer.typed}, align {memory.itemsize}"
            return _from_memory(self.emit(memory, lanes, text), dtype)
        if lanes == 1:
            result = Variable(self.constant(0, dtype))
            with self.when(mask):
                result.value = self.load(dtype, pointer)
            return result.value
        return _from_memory(self._masked_load(memory, pointer, lanes, mask), dtype)

    def _masked_load(self, memory: DType, pointer: Value, lanes: int, mask: Value) -> Value:
        kind, suffix = register_type(memory, lanes), _suffix(memory, lanes)
        name = f"llvm.masked.load.{suffix}.p0"
        flags = register_type(bool_, lanes)
        self.module.declarations[name] = f"declare {kind} @{name}(ptr, i32, {flags}, {kind})"
        rest = f"i32 {memory.itemsize}, {mask.typed}, {kind} zeroinitializer"
        return self.emit(memory, lanes, f"call {kind} @{name}({pointer.typed}, {rest})")

    def store(
        self,
        value: Value,
        pointer: Value,
        index: Operand | None = None,
        mask: Value | None = None,
    ) -> None:
        """Write consecutive numbers; lanes that the mask leaves out are not touched."""
        if index is not None:
            pointer = self.at(value.dtype, pointer, index)
        value = _to_memory(value)
        size, lanes = value.dtype.itemsize, value.lanes
        if mask is None:
            self.line(f"store {value.typed}, {pointer.typed}, align {size}")
        elif lanes == 1:
            with self.when(mask):
                self.store(value, pointer)
        else:
            name = f"llvm.masked.store.{_suffix(value.dtype, lanes)}.p0"
            types = f"{value.type}, ptr, i32, {mask.type}"
            self.module.declarations[name] = f"declare void @{name}({types})"
            rest = f"{pointer.typed}, i32 {size}, {mask.typed}"
            self.line(f"call void @{name}({value.typed}, {rest})")

    def gather(
        self, dtype: DType, pointer: Value, offsets: Value, mask: Value | None = None
    ) -> Value:
        """Numbers from the places `offsets` (int64 or int32 lanes, in elements)."""
        if offsets.lanes == 1:
            return self.load(dtype, pointer, offsets.cast(int64), 1, mask)
        memory, lanes = _memory_dtype(dtype), offsets.lanes
        if mask is None:
            mask = self.constant(True, bool_, lanes)
        places = self._places_of(memory, pointer, offsets)
        kind, name = register_type(memory, lanes), f"llvm.masked.gather.{_suffix(memory, lanes)}"
        name = f"{name}.v{lanes}p0"
        types = f"<{lanes} x ptr>, i32, {mask.type}, {kind}"
        self.module.declarations[name] = f"declare {kind} @{name}({types})"
        rest = f"i32 {memory.itemsize}, {mask.typed}, {kind} zeroinitializer"
        text = f"call {kind} @{name}(<{lanes} x ptr> {places.name}, {rest})"
        return _from_memory(self.emit(memory, lanes, text), dtype)

    def scatter(
        self, value: Value, pointer: Value, offsets: Value, mask: Value | None = None
    ) -> None:
        """Write each lane to its own place; of equal places the last lane's stays."""
        if offsets.lanes == 1:
            self.store(value, pointer, offsets.cast(int64), mask)
            return
        if mask is None:
            mask = self.constant(True, bool_, offsets.lanes)
        value = _to_memory(value)
        places = self._places_of(value.dtype, pointer, offsets)
        lanes, size = value.lanes, value.dtype.itemsize
        name = f"llvm.masked.scatter.{_suffix(value.dtype, lanes)}.v{lanes}p0"
        types = f"{value.type}, <{lanes} x ptr>, i32, {mask.type}"
        self.module.declarations[name] = f"declare void @{name}({types})"
        rest = f"<{lanes} x ptr> {places.name}, i32 {size}, {mask.typed}"
        self.line(f"call void @{name}({value.typed}, {rest})")

    def _places_of(self, memory: DType, pointer: Value, offsets: Value) -> Value:
        kind = register_type(memory)
        text = f"getelementptr {kind}, {pointer.typed}, {offsets.typed}"
        return self.emit(POINTER, offsets.lanes, text)


def _memory_dtype(dtype: DType) -> DType:
    """The dtype whose register type has the width of this one in memory."""
    if dtype is bool_:
        return uint8
    return uint16 if dtype in HALVES else dtype


def _from_memory(stored: Value, dtype: DType) -> Value:
    if dtype is bool_:
        return stored.differs(0)
    if dtype not in HALVES:
        return stored.retyped(dtype)
    value = casts.widen_half(stored, dtype)
    value.narrow = stored
    return value


def _to_memory(value: Value) -> Value:
    if value.dtype is bool_:
        return value.cast(uint8)
    return casts.narrow_half(value) if value.dtype in HALVES else value


def _suffix(dtype: DType, lanes: int) -> str:
    name = {"float": "f32", "double": "f64", "ptr": "p0"}.get(register_type(dtype))
    return f"v{lanes}{name or register_type(dtype)}"
