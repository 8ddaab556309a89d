"""Splitting along one dimension by other names, and tensors put together by rule."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.join import cat, stack
from rushlight.ops.parts import narrow
from rushlight.ops.promotion import promote_types
from rushlight.ops.ranges import arange, meshgrid
from rushlight.ops.several import chunk, split, tensor_split
from rushlight.tensor import Tensor, from_array


# ---------------------------------------------------------- splitting
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of the given sizes, as views.

    >>> import rushlight as rl
    >>> rl.split_with_sizes(rl.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    check_tensor("split_with_sizes", "input", input)
    return split(input, list(split_sizes), dim)


def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `split`; writing to a part in place is safe here."""
    return split(tensor, split_size, dim)


def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `split_with_sizes`; writing to a part in place is safe here."""
    return split_with_sizes(input, split_sizes, dim)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Like `chunk`; writing to a part in place is safe here."""
    return chunk(input, chunks, dim)


def _split_along(name: str, input: Tensor, least: int, axis: int, sections: Any) -> Any:
    check_tensor(name, "input", input)
    rank = input._spec.rank
    if rank < least:
        words = f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
        words += f"with {rank} dimensions!"
        fail(RuntimeError, name, words, f"{least} or more dimensions", describe(input))
    if isinstance(sections, int):
        size = input._spec.shape[axis]
        if sections <= 0 or size % sections:
            words = f"torch.{name} attempted to split along dimension {axis}, but the size of the "
            words += f"dimension {size} is not divisible by the split_size {sections}!"
            fail(RuntimeError, name, words, f"a divisor of {size}", str(sections))
    return tensor_split(input, sections, axis)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts of the columns (of the elements of a vector): a count of equal parts, or places.

    >>> import rushlight as rl
    >>> rl.hsplit(rl.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    axis = 0 if isinstance(input, Tensor) and input._spec.rank == 1 else 1
    return _split_along("hsplit", input, 1, axis, indices_or_sections)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts of the rows: a count of equal parts, or the places to cut at."""
    return _split_along("vsplit", input, 2, 0, indices_or_sections)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Parts of the third dimension: a count of equal parts, or the places to cut at."""
    return _split_along("dsplit", input, 3, 2, indices_or_sections)


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `length` places of one dimension from `start` on."""
    return narrow(input, dim, start, length).clone()


# ---------------------------------------------------------- putting together
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one that is 0 elsewhere; vectors count as rows.

    >>> import rushlight as rl
    >>> rl.block_diag(rl.tensor([[1, 2]]), rl.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    blocks = []
    for position, tensor in enumerate(tensors):
        check_tensor("block_diag", "tensors", tensor)
        if tensor.dim() > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{position} has {tensor.dim()} dimensions"
            )
        blocks.append(tensor if tensor.dim() == 2 else tensor.reshape(1, -1))
    if not blocks:
        return from_array(np.zeros((1, 0), np.float32))
    dtype = blocks[0].dtype
    for block in blocks:
        dtype = promote_types(dtype, block.dtype)
    width = sum(block.shape[1] for block in blocks)
    rows, before = [], 0
    for block in blocks:
        height, size = block.shape
        around = block.new_zeros(height, before), block.new_zeros(height, width - before - size)
        parts = [part for part in (around[0], block, around[1]) if part.shape[1]]
        rows.append((cat(parts, 1) if parts else block).to(dtype))
        before += size
    return cat(rows, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each vector, a row each; one vector is itself.

    >>> import rushlight as rl
    >>> rl.cartesian_prod(rl.tensor([1, 2]), rl.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in given:
        _check_vector("cartesian_prod", tensor)
    if len(given) == 1:
        return given[0]
    return stack([grid.reshape(-1) for grid in meshgrid(*given, indexing="ij")], 1)


def _check_vector(name: str, tensor: Any) -> None:
    if check_tensor(name, "input", tensor).dim() != 1:
        words = f"Expect a 1D vector, but got shape {list(tensor.shape)}"
        fail(RuntimeError, name, words, "a 1-d tensor", describe(tensor))


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector in their order, a row each.

    >>> import rushlight as rl
    >>> rl.combinations(rl.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    _check_vector("combinations", input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if not r:
        return input.new_zeros(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    found = np.array(list(choose(range(input.numel()), r)), np.int64).reshape(-1, r)
    return input[from_array(found)] if len(found) else input.new_zeros((0, r))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803
    """The powers of a vector's elements, N (as many as elements) of them, a row each.

    >>> import rushlight as rl
    >>> rl.vander(rl.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if check_tensor("vander", "x", x).dim() != 1:
        words = "x must be a one-dimensional tensor."
        fail(RuntimeError, "vander", words, "a vector", describe(x))
    count = x.numel() if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    powers = x.unsqueeze(-1) ** arange(count)
    return powers if increasing else powers.flip(-1)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels dealt out to `groups` in turn: channel i of each group one behind the other.

    >>> import rushlight as rl
    >>> rl.channel_shuffle(rl.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = check_tensor("channel_shuffle", "input", input).shape
    if len(shape) < 3:
        words = f"channel_shuffle expects input with > 2 dims, but got input with sizes {shape}"
        fail(RuntimeError, "channel_shuffle", words, "3 or more dimensions", describe(input))
    if groups <= 0:
        words = "Number of groups to divide channels in must be positive. Value of groups:"
        raise RuntimeError(f"{words}{groups}")
    if shape[1] % groups:
        words = f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
        words += f"{groups} groups."
        fail(RuntimeError, "channel_shuffle", words, f"a multiple of {groups}", describe(input))
    grouped = input.reshape((shape[0], groups, shape[1] // groups, *shape[2:]))
    return grouped.transpose(1, 2).reshape(shape)


_METHODS = (split_with_sizes, unsafe_split, unsafe_split_with_sizes, unsafe_chunk, narrow_copy)
_METHODS += (hsplit, vsplit, dsplit)
FUNCTIONS: dict[str, Any] = {f.__name__: f for f in _METHODS}
METHODS = dict(FUNCTIONS)
FUNCTIONS |= {
    f.__name__: f for f in (block_diag, cartesian_prod, combinations, channel_shuffle, vander)
}
