"""Kernels and plans as text for a reader: indices in loops, sizes in letters.

    step 1: map, reads %5 and %2, writes %9
      for i0 in a*b:
        $0 float32 = %5[i0]
        $1 float32 = %2[0]
        $2 float32 = add($0, $1)
        %9[i0] = $2

A letter is an atom: a dimension, or one of those that a dimension is the product of.  n3 is the
run-time number 3 of the program.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from rushlight.engines.cpu.affine import Polynomial
from rushlight.engines.cpu.crafted import Crafted
from rushlight.engines.cpu.kernel import NEXT, STILL, Access, Filler, Kernel
from rushlight.engines.cpu.plan import HostStep, NativeStep, Plan

_BLOCKS = ("parts", "kept", "outer, reduced", "inner, reduced")


def letter(atom: int) -> str:
    """The name of an atom: a, b, ..., z, a1, b1, ..."""
    turn, place = divmod(atom, 26)
    return ascii_lowercase[place] + (str(turn) if turn else "")


def polynomial_text(polynomial: Polynomial) -> str:
    """A polynomial as people write it.

    >>> polynomial_text((((), ()), ((4,), (0, 1))))
    '1 + n4*a*b'
    """
    terms = []
    for numbers, atoms in polynomial:
        factors = [*["parts" if n == -1 else f"n{n}" for n in numbers], *map(letter, atoms)]
        terms.append("*".join(factors) or "1")
    return " + ".join(terms) or "0"


def names_of(storages: tuple) -> str:
    """Values and other memory, each once."""
    return ", ".join(dict.fromkeys([storage_text(s) for s in storages])) or "nothing"


def storage_text(storage: Any) -> str:
    """A value by its number; partial results and workspaces by their kind and value."""
    if isinstance(storage, int):
        return f"%{storage}"
    return f"{type(storage).__name__.lower()} of %{storage.value}"


class KernelText:
    """One kernel with what its slots hold."""

    def __init__(self, kernel: Kernel, fillers: list[Filler]):
        self.kernel, self.fillers = kernel, fillers

    def slot(self, slot: int) -> str:
        """What a slot or a stride is."""
        if slot in (STILL, NEXT):
            return "0" if slot == STILL else "1"
        filler = self.fillers[slot]
        if filler.kind == "polynomial":
            return polynomial_text(filler.what)
        return f"n{filler.what}" if filler.kind == "number" else filler.kind

    def index(self, strides: tuple[int, ...], offset: str = "0") -> str:
        """Loop counters times strides, plus an offset."""
        terms = [] if offset == "0" else [offset]
        for loop, stride in enumerate(strides):
            if stride == NEXT:
                terms.append(f"i{loop}")
            elif stride != STILL:
                text = self.slot(stride)
                terms.append(f"i{loop}*({text})" if " " in text else f"i{loop}*{text}")
        return " + ".join(terms) or "0"

    def place(self, access: Access) -> str:
        """An element in memory."""
        filler = self.fillers[access.pointer]
        index = self.index(access.strides, polynomial_text(filler.offset))
        return f"{storage_text(filler.what)}[{index}]"

    def computation(self, op: Any) -> str:
        """The right side of a step."""
        sources = ", ".join([f"${source}" for source in op.inputs])
        if op.name == "load":
            return self.place(op.detail)
        if op.name in ("partials", "lookup", "write"):
            return f"{op.name}({', '.join(filter(None, [self.place(op.detail[0]), sources]))})"
        if op.name == "number":
            return self.slot(op.detail)
        if op.name == "literal":
            return str(op.detail)
        if op.name in ("iota", "random_bits"):
            offset, strides, *keys = op.detail
            parts = [self.index(strides, self.slot(offset)), *[self.slot(key) for key in keys]]
            return f"{op.name}({', '.join(parts)})"
        return f"{op.name}({sources})"

    def lines(self) -> list[str]:
        """The loops, the steps and the stores."""
        kernel, made, loop = self.kernel, [], 0
        for count, words in zip(kernel.blocks, _BLOCKS, strict=True):
            for _ in range(count):
                remark = "" if words == "kept" else f"   ({words})"
                made.append(f"for i{loop} in {self.slot(kernel.sizes[loop])}:{remark}")
                loop += 1
        for place, op in enumerate(kernel.ops):
            made.append(f"  ${place} {op.dtype.name} = {self.computation(op)}")
        made += [f"  {self.place(access)} = ${value}" for value, access in kernel.stores]
        return made


def step_text(step: Any) -> str:
    """One step of a plan, with its kernel."""
    lines = [step_head(step)]
    if isinstance(step, NativeStep):
        lines += KernelText(step.kernel, step.fillers).lines()
    elif isinstance(step, Crafted):
        lines += _crafted_lines(step)
    elif isinstance(step, HostStep) and step.loop is not None:
        lines += str(step.loop.graph).splitlines()
    return "\n  ".join(lines)


def step_head(step: Any) -> str:
    """What kind of step it is, what it reads and what it writes."""
    if isinstance(step, HostStep):
        kind = "check in NumPy" if step.is_check else "scan" if step.loop else "computed by NumPy"
    else:
        kind = step.kernel.form if isinstance(step, NativeStep) else type(step.family).__name__
    written = names_of(step.writes) if step.writes else f"(for %{getattr(step, 'value', '')})"
    return f"{kind}: reads {names_of(step.reads)}, writes {written}"


def _crafted_lines(step: Crafted) -> list[str]:
    """A hand-made kernel: its sizes and what its slots hold."""
    lines = [f"sizes {', '.join([polynomial_text(size) for size in step.sizes])}"]
    for slot, filler in enumerate(step.fillers):
        if filler.kind == "chunks":  # the epilogue's slots begin
            break
        if filler.kind == "pointer":
            lines.append(f"slot {slot}: {storage_text(filler.what)}[{_offset(filler)}]")
        elif filler.kind == "polynomial":
            lines.append(f"slot {slot}: {polynomial_text(filler.what)}")
        elif filler.kind != "arranged":
            lines.append(f"slot {slot}: {filler.kind}")
    epilogue = _epilogue_of(step.family)
    if epilogue is not None:
        lines.append("and of each result $0:")
        first = [filler.kind for filler in step.fillers].index("chunks")
        text = KernelText(epilogue, step.fillers[first:])
        lines += [line for line in text.lines() if not line.startswith("for ")]
    return lines


def _epilogue_of(family: Any) -> Kernel | None:
    """What a hand-made kernel does with its results before it stores them."""
    for holder in (family, getattr(family, "shape", None)):
        found = getattr(holder, "epilogue", None)
        if isinstance(found, Kernel):
            return found
    return None


def _offset(filler: Filler) -> str:
    return polynomial_text(filler.offset)


def groups_text(plan: Plan) -> str:
    """Which values are computed together."""
    lines = []
    for number, group in enumerate(plan.fusion.groups):
        loops = "*".join(map(letter, group.flat)) or "1"
        members = ", ".join([f"%{member}" for member in group.members])
        line = f"group {number} ({group.role.value}) over {loops}: {members}"
        if group.kept is not None:
            line += f"; reductions keep {'*'.join(map(letter, group.kept_flat)) or 'nothing'}"
        lines.append(line)
    return "\n".join(lines)


def sizes_text(plan: Plan) -> str:
    """The dimensions of values that have any, in letters."""
    lines = []
    for value, axes in enumerate(plan.fusion.sizes.axes):
        if axes:
            shape = ", ".join(["*".join(map(letter, atoms)) or "1" for atoms in axes])
            lines.append(f"%{value}: [{shape}]")
    return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """The steps in order, and in which memory each value is."""
    lines = [f"step {number}: {step_head(step)}" for number, step in enumerate(plan.steps)]
    kept = [f"{storage_text(name)} in {place}" for name, place in plan.places.items()]
    lines.append(f"temporaries share memory: {', '.join(kept) or 'there are none'}")
    over = [f"%{value} over %{leaf}" for value, leaf in plan.inherited.items()]
    return "\n".join([*lines, f"written over inputs: {', '.join(over) or 'none'}"])
