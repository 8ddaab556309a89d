"""A builder of LLVM IR text: functions with loops, branches, memory and vector arithmetic.

    def emit(f: Function) -> None:                     # a kernel: y = x + 1 over n numbers
        x, y, n = f.argument(POINTER, 0), f.argument(POINTER, 1), f.argument(int64, 2)
        lanes = machine().lanes(float32)
        with f.loop(0, n, lanes) as i:
            mask = f.mask(n - i, lanes)
            f.store(f.load(float32, x, i, lanes, mask) + 1.0, y, i, mask)

    address = build.kernel_addresses([("add one", emit)])[0]

A kernel is `void (ptr arguments, i64 chunk, ptr scratch)`: `arguments` is a block of 8-byte slots
that `f.argument` reads, `f.chunk` says which part of the work to do, `f.scratch` points to memory
of the running thread.  The same code serves scalars (lanes=1) and vectors.  Numbers of Python
become constants of the other operand's dtype; a scalar meets a vector by being repeated.

No operation is contracted or reordered: what is written here is rounded step by step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rushlight.engines.cpu.memory import Memory
from rushlight.engines.cpu.values import POINTER, Operand, Value, stored_type
from rushlight.graph.dtype import DType, int64

CACHE_LINE = 64


class Module:
    """The functions of one kernel, and what they call."""

    def __init__(self, name: str):
        self.name = name
        self.functions: dict[str, Function] = {}
        self.shared: dict[str, Function] = {}
        self.declarations: dict[str, str] = {}

    def kernel(self) -> Function:
        """The kernel itself, with `arguments`, `chunk` and `scratch`."""
        function = Function(self, self.name, (POINTER, int64, POINTER), public=True)
        function.arguments, function.chunk, function.scratch = function.parameters
        return function

    def helper(self, name: str, parameters: tuple[DType, ...]) -> Function:
        """A function that only this kernel calls, and that stays out of line."""
        return Function(self, f"{self.name}.{name}", parameters)

    def shared_helper(
        self, name: str, parameters: tuple[DType, ...], emit: Callable[[Function], None]
    ) -> Function:
        """A helper that many kernels call, written once in a process and compiled once a module.

        The name must say everything that the code depends on.
        """
        found = _shared.get(name)
        if found is None:
            alone = Module(name)
            function = Function(alone, f"shared.{name}", parameters)
            emit(function)
            found = _shared[name] = function, alone
        function, alone = found
        self.shared |= {**alone.shared, name: function}
        self.declarations |= alone.declarations
        return function

    def text(self) -> str:
        """The kernel's own functions as LLVM IR."""
        return "\n".join([function.text() for function in self.functions.values()])

    def shared_text(self) -> str:
        """The shared helpers as LLVM IR."""
        return "\n".join([function.text() for function in self.shared.values()])


_shared: dict[str, tuple[Function, Module]] = {}


class Branch:
    """What `when` gives: offers `otherwise`, right after the block."""

    def __init__(self, function: Function, other: str, end: str):
        self._function = function
        self._other, self._end = other, end
        self._lines = 0

    def close(self) -> None:
        """Write the end of the branch; `otherwise` may take it back and write the other one."""
        self._function.jump(self._end)
        self._function.label(self._end)
        self._lines = len(self._function.lines)

    @contextlib.contextmanager
    def otherwise(self) -> Iterator[None]:
        """The code for the other case."""
        lines = self._function.lines
        assert len(lines) == self._lines, "otherwise() must follow its when() at once"
        del lines[-2:]
        self._function.enter(self._other)
        yield
        self.close()


class Function(Memory):
    """A function being built; see the module's docstring."""

    arguments: Value
    chunk: Value
    scratch: Value
    outlines = False
    """Whether it calls mathematical functions that it would otherwise hold itself."""

    def __init__(
        self, module: Module, name: str, parameters: tuple[DType, ...], *, public: bool = False
    ):
        self.module = module
        self.name = name
        self.public = public
        self.lines: list[str] = []
        self._places: list[str] = []
        self._passing: dict[tuple[int, DType, int], Value] = {}
        self._count = 0
        self._block = "entry"
        self.parameters = tuple(
            [Value(self, dtype, 1, f"%p{i}") for i, dtype in enumerate(parameters)]
        )
        module.functions[name] = self

    def line(self, text: str) -> None:
        """Write one instruction that has no result."""
        self.lines.append(f"  {text}")

    def emit(self, dtype: DType, lanes: int, text: str) -> Value:
        """Write one instruction and name its result."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, dtype, lanes, name)

    def reserve(self, kind: str, alignment: int = 0) -> str:
        """A place on the stack for a value of an LLVM type."""
        self._count += 1
        name = f"%s{self._count}"
        aligned = f", align {alignment}" if alignment else ""
        self._places.append(f"  {name} = alloca {kind}{aligned}")
        return name

    def stack(self, dtype: DType, count: int) -> Value:
        """An aligned array on the stack; a pointer to it."""
        place = self.reserve(f"[{count} x {stored_type(dtype)}]", CACHE_LINE)
        return Value(self, POINTER, 1, place)

    def place_for_calls(self, number: int, dtype: DType, lanes: int) -> Value:
        """A place on the stack by which numbers go to helpers and back, the same for all calls."""
        key = number, dtype, lanes
        found = self._passing.get(key)
        if found is None:
            found = self._passing[key] = self.stack(dtype, lanes)
        return found

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.enter(name)

    def enter(self, name: str) -> None:
        """Note that the lines to come belong to this block."""
        self._block = name

    def jump(self, name: str) -> None:
        """Go to a block."""
        self.line(f"br label %{name}")

    def branch(self, condition: Value, then: str, other: str) -> None:
        """Go to one of two blocks."""
        self.line(f"br {condition.typed}, label %{then}, label %{other}")

    def text(self) -> str:
        """The function as LLVM IR."""
        kind = "weak_odr " if self.public else "internal "
        parameters = ", ".join([parameter.typed for parameter in self.parameters])
        inline = "nounwind" if self.public else "noinline nounwind"
        head = f'define {kind}void @"{self.name}"({parameters}) {inline} {{\nentry:'
        return "\n".join([head, *self._places, *self.lines, "  ret void\n}\n"])

    @contextlib.contextmanager
    def loop(self, low: Operand, high: Operand, step: int = 1) -> Iterator[Value]:
        """Run the block for low, low + step, ... below high; gives the int64 counter."""
        low, high = self.constant(low, int64), self.constant(high, int64)
        self._count += 1
        head, body, end = (f"{part}{self._count}" for part in ("head", "body", "end"))
        before, counter, following = self._block, f"%i{self._count}", f"%j{self._count}"
        back = f"back{self._count}"
        self.jump(head)
        self.label(head)
        self.line(f"{counter} = phi i64 [{low.name}, %{before}], [{following}, %{back}]")
        index = Value(self, int64, 1, counter)
        self.branch(index < high, body, end)
        self.label(body)
        yield index
        self.jump(back)
        self.label(back)
        self.line(f"{following} = add i64 {counter}, {self.constant(step, int64).name}")
        self.jump(head)
        self.label(end)

    @contextlib.contextmanager
    def when(self, condition: Value) -> Iterator[Branch]:
        """Run the block if the condition (one bit) holds."""
        self._count += 1
        then, other, end = (f"{part}{self._count}" for part in ("then", "else", "done"))
        self.branch(condition, then, other)
        self.label(then)
        branch = Branch(self, other, end)
        yield branch
        self.jump(end)
        self.label(other)
        branch.close()

    def call(self, function: Function, *arguments: Operand) -> None:
        """Call a helper of this module."""
        pairs = zip(arguments, function.parameters, strict=True)
        texts = [self.constant(argument, to.dtype).typed for argument, to in pairs]
        self.line(f'call void @"{function.name}"({", ".join(texts)})')
