"""How tensors print: as PyTorch prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rushlight.graph.batched import Batched
from rushlight.graph.dtype import bool_, complex64, complex128, float64, int64
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, node_of, wrap


@dataclass(frozen=True)
class Options:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
_options = Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print: digits, the size above which the middle is left out, line width.

    `profile` "default", "short" or "full" sets all of them first.

    >>> import rushlight as rl
    >>> rl.set_printoptions(precision=2)
    >>> rl.tensor([0.12345])
    tensor([0.12])
    >>> rl.set_printoptions(profile="default")
    """
    global _options
    chosen = _options if profile is None else _PROFILES[profile.lower()]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems}
    given["linewidth"] = linewidth
    changes = {name: value for name, value in given.items() if value is not None}
    _options = replace(chosen, **changes, sci_mode=sci_mode)


# ------------------------------------------------------------------------------------- one number
class Plain:
    """Shows integers and bools, all in the width of the longest."""

    def __init__(self, values: np.ndarray):
        self.width = max([len(str(value)) for value in values.reshape(-1).tolist()], default=1)

    def show(self, value: Any) -> str:
        return str(value).rjust(self.width)


class Decimal:
    """Shows floating point numbers: whole ones with a point, others with `precision` digits.

    All are shown with an exponent if they span more than three orders of magnitude.
    """

    def __init__(self, values: np.ndarray):
        finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        sizes = np.abs(finite)
        self.width = 1
        self.whole = bool((finite == np.ceil(finite)).all())
        self.scientific = False
        if finite.size:
            low, high = float(sizes.min()), float(sizes.max())
            self.scientific = high / low > 1000 or high > 1e8 or (not self.whole and low < 1e-4)
            if _options.sci_mode is not None:
                self.scientific = _options.sci_mode
            shown = [self._digits(value) for value in finite.tolist()]
            self.width = max(len(text) for text in shown)

    def _digits(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options.precision}f}"

    def show(self, value: float) -> str:
        return self._digits(value).rjust(self.width)


class Complex:
    """Shows complex numbers: the real and the imaginary part each in their width."""

    def __init__(self, values: np.ndarray):
        self.real, self.imaginary = Decimal(values.real), Decimal(values.imag)
        self.width = self.real.width + self.imaginary.width + 1

    def show(self, value: complex) -> str:
        imaginary = self.imaginary.show(value.imag).lstrip()
        sign = "" if imaginary.startswith("-") else "+"
        return f"{self.real.show(value.real)}{sign}{imaginary}j"


def _formatter(values: np.ndarray) -> Plain | Decimal | Complex:
    if values.dtype.kind == "c":
        return Complex(values)
    return Decimal(values) if values.dtype.kind == "f" else Plain(values)


# -------------------------------------------------------------------------------------- the numbers
def _edges(values: np.ndarray) -> np.ndarray:
    """The corners that are shown of a tensor too large to show whole."""
    edge = _options.edgeitems
    for axis, size in enumerate(values.shape):
        if size > 2 * edge:
            ends = np.r_[0:edge, size - edge : size]
            values = np.take(values, ends, axis)
    return values


def _row(values: np.ndarray, indent: int, shortened: bool, formatter: Any) -> str:
    edge = _options.edgeitems
    if shortened and len(values) > 2 * edge:
        shown = [formatter.show(value) for value in values[:edge].tolist()]
        shown.append(" ...")
        shown += [formatter.show(value) for value in values[-edge:].tolist()]
    else:
        shown = [formatter.show(value) for value in values.tolist()]
    count = max(1, (_options.linewidth - indent) // (formatter.width + 2))
    lines = [shown[start : start + count] for start in range(0, len(shown), count)]
    joined = [", ".join(line) for line in lines]
    return "[" + (",\n" + " " * (indent + 1)).join(joined) + "]"


def _nested(values: np.ndarray, indent: int, shortened: bool, formatter: Any) -> str:
    if not values.ndim:
        return formatter.show(values.item())
    if values.ndim == 1:
        return _row(values, indent, shortened, formatter)
    edge, size = _options.edgeitems, len(values)
    cut = shortened and size > 2 * edge
    places = [*range(edge), *range(size - edge, size)] if cut else range(size)
    parts = [_nested(values[place], indent + 1, shortened, formatter) for place in places]
    if cut:
        parts.insert(edge, "...")
    between = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
    return "[" + between.join(parts) + "]"


def _numbers(values: np.ndarray, indent: int) -> str:
    shortened = values.size > _options.threshold
    formatter = _formatter(_edges(values) if shortened else values)
    return _nested(values, indent, shortened, formatter)


# ------------------------------------------------------------------------------------------ tensors
def _suffixes(tensor: Tensor) -> list[str]:
    """What is said behind the numbers: size, dtype, and the tensor's place in autograd."""
    spec, default = tensor._spec, get_default_dtype()
    found = []
    obvious: tuple = (default,)
    if spec.size:
        obvious += (complex128 if default is float64 else complex64, int64, bool_)
    elif spec.rank != 1:
        found.append(f"size={tuple(spec.shape)}")
    if spec.dtype not in obvious:
        found.append(f"dtype={spec.dtype!r}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def show(tensor: Tensor) -> str:
    """The tensor as PyTorch prints it; a sync point.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.5]], dtype=rl.float64)
    tensor([[1.0000, 2.5000]], dtype=rushlight.float64)
    """
    shared = tensor._cell is not None and tensor._cell.foreign is not None
    value = None if shared else node_of(tensor)  # an array that looks in goes on doing so
    if type(value) is Batched:
        every = show(wrap(value.value)).replace("\n", "\n    ")
        return f"BatchedTensor(lvl={len(value.levels)}, bdim=0, value=\n    {every}\n)"
    prefix = "tensor("
    indent = len(prefix)
    text = prefix + (_numbers(tensor._values(), indent) if tensor._spec.size else "[]")
    last = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(tensor):
        if last + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"


def __format__(self: Tensor, specification: str) -> str:  # noqa: N807 - bound to Tensor
    if not self._spec.rank and type(self) is Tensor:
        return format(self.item(), specification)
    return object.__format__(self, specification)


FUNCTIONS = {"set_printoptions": set_printoptions}
METHODS = {"__repr__": show, "__format__": __format__}
