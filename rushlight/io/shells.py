"""Tensors of a pickle: empty shells first, filled once their storages are known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType, bool_
from rushlight.graph.node import input_node
from rushlight.graph.spec import spec_of
from rushlight.io.budget import Budget
from rushlight.io.file import Damaged, Refused, check_bools
from rushlight.io.plain import show
from rushlight.size import contiguous_strides
from rushlight.tensor import Tensor, alias_of, wrap

_SHELL = 2000  # about what a tensor takes beside its numbers
_MOST_DIMENSIONS, _MOST_ELEMENTS = 64, 1 << 62


class Storage:
    """A run of numbers that tensors look into; `dtype` is None if each tensor says its own."""

    def __init__(self, key: str, dtype: DType | None, length: int):
        self.key = key
        self.dtype = dtype
        self.length = length
        self.whole: Tensor | None = None

    def nbytes(self) -> int:
        """How many bytes it takes."""
        return self.length * (1 if self.dtype is None else self.dtype.itemsize)

    def __repr__(self) -> str:
        return f"the storage {show(self.key)}"


class Layout(NamedTuple):
    """Where in its storage a tensor's elements lie."""

    dtype: DType
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool


class Tensors:
    """The tensors of one file."""

    def __init__(self, budget: Budget):
        self._spend = budget.spend
        self._users: dict[Storage, list[tuple[Tensor, Layout]]] = defaultdict(list)
        self._parameters: list[tuple[Tensor, Tensor, bool]] = []

    def tensor(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, dtype: DType | None
    ) -> Tensor:
        """A tensor whose numbers come later; Damaged if it does not lie within its storage."""
        if not isinstance(storage, Storage):
            raise Damaged("a tensor without a storage.")
        layout = _checked(storage, offset, size, stride, grad, dtype or storage.dtype)
        self._spend(_SHELL)
        shell = object.__new__(Tensor)
        self._users[storage].append((shell, layout))
        return shell

    def parameter(self, data: Any, requires_grad: bool) -> Any:
        """A parameter around a tensor; both get their numbers later."""
        from rushlight.nn.parameter import Parameter

        if type(data) is not Tensor:
            raise Damaged("a parameter around something that is no tensor.")
        self._spend(_SHELL)
        shell = object.__new__(Parameter)
        self._parameters.append((shell, data, requires_grad))
        return shell

    def complete(self, read: Callable[[Storage, int], Buffer]) -> None:
        """Give every tensor its numbers, by `read(storage, alignment)`."""
        for storage, users in self._users.items():
            alignment = max(layout.dtype.itemsize for _, layout in users)
            memory = read(storage, alignment)
            filled = _Filled(storage, memory, self._spend, shared=len(users) > 1)
            for shell, layout in users:
                _become(shell, filled.tensor(layout), layout.requires_grad)
        self._complete_parameters()

    def _complete_parameters(self) -> None:
        from rushlight.nn.parameter import Parameter

        for shell, data, requires_grad in self._parameters:
            _become(shell, Parameter(data, requires_grad=False), requires_grad)


def _become(shell: Tensor, made: Tensor, requires_grad: bool) -> None:
    shell.__dict__.update(made.__dict__)
    try:
        shell.requires_grad_(requires_grad)
    except (RuntimeError, NotImplementedError):
        raise Damaged(f"a tensor of {shell.dtype.name} that requires a gradient.") from None


def _checked(
    storage: Storage, offset: Any, size: Any, stride: Any, grad: Any, dtype: DType | None
) -> Layout:
    if dtype is None:
        raise Damaged(f"a tensor of no dtype in {storage!r}.")
    if storage.dtype is not None and storage.dtype is not dtype:
        raise Refused(f"{storage!r} is seen as {storage.dtype.name} and as {dtype.name}.")
    numbers_only = isinstance(size, tuple) and isinstance(stride, tuple)
    if not numbers_only or len(size) != len(stride) or len(size) > _MOST_DIMENSIONS:
        raise Damaged("a tensor whose sizes and strides do not match.")
    if any(type(n) is not int or n < 0 for n in (*size, *stride, offset)):
        raise Damaged(
            f"a tensor of sizes {show(size)}, strides {show(stride)}, offset {show(offset)}."
        )
    if math.prod(n for n in size if n) >= _MOST_ELEMENTS or type(grad) is not bool:
        raise Damaged(f"a tensor of sizes {show(size)}.")
    layout = Layout(dtype, offset, tuple(size), tuple(stride), grad)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and (last + 1) * dtype.itemsize > storage.length * _unit(storage):
        raise Damaged(
            f"a tensor of sizes {show(size)}, strides {show(stride)} and offset {offset} reaches "
            f"past the end of {storage!r}, which has {storage.length:,} elements."
        )
    return layout


def _unit(storage: Storage) -> int:
    return 1 if storage.dtype is None else storage.dtype.itemsize


class _Filled:
    """A storage with its numbers, from which the tensors that look into it are made.

    Alone in its storage, a tensor takes what it shows of it.  Several tensors go on sharing one
    as long as the elements of each lie close together, in whatever order; others are copied.
    """

    def __init__(self, storage: Storage, memory: Buffer, spend: Callable, shared: bool):
        self._memory = memory
        self._spend = spend
        self._shared = shared
        self._name = repr(storage)
        self._wholes: dict[tuple, Tensor] = {}

    def tensor(self, layout: Layout) -> Tensor:
        """A tensor of that layout."""
        count = math.prod(layout.size)
        covers = count * layout.dtype.itemsize == self._memory.nbytes and not layout.offset
        in_order = _strides_matter(layout) == _strides_matter(_contiguous(layout))
        if covers and in_order:
            return self._whole(layout.dtype, layout.size)
        if count and self._shared and (order := _dense_order(layout)) is not None:
            return self._part(layout, count, order)
        return self._copy(layout, count)

    def _whole(self, dtype: DType, size: tuple[int, ...]) -> Tensor:
        """All of the storage, under that shape."""
        for known, made in self._wholes.items():
            if known[0] is dtype:
                return alias_of(made) if known[1] == size else made.view(size).detach()
        self._check_bools(dtype)
        made = wrap(input_node(self._memory, spec_of(size, dtype)))
        if self._shared:
            self._wholes[dtype, size] = made
            return alias_of(made)
        return made

    def _part(self, layout: Layout, count: int, order: list[int]) -> Tensor:
        """A dense part of the storage, in memory shared with the other tensors."""
        flat = self._whole(layout.dtype, (self._memory.nbytes // layout.dtype.itemsize,))
        part = flat.narrow(0, layout.offset, count)
        part = part.view([layout.size[axis] for axis in order])
        return part.permute([order.index(axis) for axis in range(len(order))]).detach()

    def _copy(self, layout: Layout, count: int) -> Tensor:
        dtype = layout.dtype
        self._spend(count * dtype.itemsize)
        self._check_bools(dtype)
        memory = Buffer(count * dtype.itemsize)
        if count:
            length = self._memory.nbytes // dtype.itemsize
            numbers = self._memory.stored((length,), dtype)[layout.offset :]
            steps = [dtype.itemsize * step for step in layout.stride]
            seen = np.lib.stride_tricks.as_strided(numbers, layout.size, steps, writeable=False)
            memory.stored(layout.size, dtype)[...] = seen
        return wrap(input_node(memory, spec_of(layout.size, dtype)))

    def _check_bools(self, dtype: DType) -> None:
        if dtype is bool_:
            check_bools(self._memory.stored((self._memory.nbytes,), dtype), self._name)


def _contiguous(layout: Layout) -> Layout:
    return layout._replace(stride=contiguous_strides(layout.size))


def _strides_matter(layout: Layout) -> list[int]:
    return [step for n, step in zip(layout.size, layout.stride, strict=True) if n != 1]


def _dense_order(layout: Layout) -> list[int] | None:
    """The dimensions from the longest stride to the shortest, if no element is left out."""
    axes = sorted(
        range(len(layout.size)), key=lambda axis: (-layout.stride[axis], layout.size[axis] != 1)
    )
    expected = 1
    for axis in reversed(axes):
        if layout.size[axis] == 1:
            continue
        if layout.stride[axis] != expected:
            return None
        expected *= layout.size[axis]
    return axes
