"""Reading and writing at places, by functions: index_select, index_add, take, nonzero, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.graph import elementwise as e
from rushlight.graph import reduction as r
from rushlight.graph.creation import number
from rushlight.graph.dtype import bool_, int64
from rushlight.graph.spec import spec_of
from rushlight.ops.autocast import promoted
from rushlight.ops.check import broadcast, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, filled
from rushlight.ops.index import put, resolve
from rushlight.ops.indexed import Index, IndexPut
from rushlight.ops.operands import NUMBERS
from rushlight.ops.places import check_integer_index, check_places, origin
from rushlight.ops.scatter import scatter_reduce
from rushlight.tensor import Tensor, from_array, node_of, wrap


def _vector(operation: str, input: Tensor, dim: int, index: Any) -> tuple[Tensor, int, Tensor]:
    """The input with at least one dimension, the dimension, and an index checked against it."""
    check_tensor(operation, "input", input)
    index = check_integer_index(operation, index)
    if index.dim() > 1:
        fail(
            IndexError,
            operation,
            f"{operation}(): Index is supposed to be a vector",
            "an index of 0 or 1 dimensions",
            describe(index),
        )
    axis = check_axis(operation, dim, input.dim())
    wide = input if input.dim() else input.reshape((1,))
    index = index if index.dim() else index.reshape((1,))
    check_places(index, wide.shape[axis], axis, operation)
    return wide, axis, index


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """input at the places of a vector `index` along one dimension; IndexError for one outside.

    >>> import rushlight as rl
    >>> rl.index_select(rl.tensor([[1, 2, 3]]), 1, rl.tensor([2, 0]))
    tensor([[3, 1]])
    """
    wide, axis, index = _vector("index_select", input, dim, index)
    result = Index.apply((wide, index), (axis,), origin("index_select"))
    return result if input.dim() else result.reshape(())


def _index_write(
    name: str, input: Tensor, dim: int, index: Tensor, source: Tensor, mode: str
) -> Tensor:
    """input with `source` written or added at places along one dimension."""
    wide, axis, index = _vector(name, input, dim, index)
    if source._spec.dtype is not input._spec.dtype:
        fail(
            RuntimeError,
            name,
            f"{name}(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype.name} and (source) {source.dtype.name}",
            f"a source of dtype {input.dtype.name}",
            describe(source),
        )
    shape = wide.shape
    want = (*shape[:axis], index.numel(), *shape[axis + 1 :])
    if source.dim() == 0 and want.count(1) == len(want):
        source = source.reshape(want)
    if tuple(source.shape) != want:
        words = f"{name}(): Source/destination tensor must have same slice shapes."
        fail(RuntimeError, name, words, f"a source of shape {list(want)}", describe(source))
    result = IndexPut.apply((wide, source, index), (axis,), mode, origin(name))
    return result if input.dim() else result.reshape(())


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """input + alpha * source at the places of `index` along one dimension; repeated places add up.

    >>> import rushlight as rl
    >>> rl.index_add(rl.zeros(3), 0, rl.tensor([0, 2, 2]), rl.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    if alpha != 1:
        source = source * alpha
    return _index_write("index_add", input, dim, index, source, "add")


@promoted
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input with the slices at `index` along one dimension replaced by those of `source`."""
    return _index_write("index_copy", input, dim, index, source, "set")


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """input with the slices at `index` along one dimension filled with one value."""
    wide, axis, index = _vector("index_fill", input, dim, index)
    if not isinstance(value, Tensor):
        value = wrap(number(value, input._spec.dtype))
    if value.dim():
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.dim()} dimension(s)."
        )
    chosen = occurring(index, wide.shape[axis], "index_fill")
    chosen = chosen.reshape((-1, *(1,) * (wide.dim() - axis - 1)))
    result = where(chosen, value.to(input.dtype), wide)
    return result if input.dim() else result.reshape(())


def occurring(index: Tensor, size: int, operation: str) -> Tensor:
    """Which numbers below `size` occur in a vector, as bool."""
    never = filled(False, spec_of((size,), bool_))
    return IndexPut.apply((never, constant(True, bool_), index), (0,), "set", origin(operation))


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """input with `values` written, or added, where `input[indices]` would read.

    `indices` is a tuple of integer or bool tensors, and of None for dimensions taken whole.
    """
    key = tuple([slice(None) if index is None else index for index in indices])
    view, axes, places = resolve(input, key)
    if not places:
        raise IndexError("index_put(): Expected at least one index tensor in `indices`.")
    return put(view, axes, places, values, "add" if accumulate else "set", "index_put")


def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """input combined with the slices of source at `index`: "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        words = "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
        raise RuntimeError(f"{words}{reduce}.")
    wide, axis, index = _vector("index_reduce", input, dim, index)
    source = source if source.dim() else source.reshape((1,))
    places = index.reshape((-1, *(1,) * (wide.dim() - axis - 1))).expand(source.shape)
    result = scatter_reduce(wide, axis, places, source, reduce, include_self=include_self)
    return result if input.dim() else result.reshape(())


def put_flat(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input, read as if it had one dimension, with `source` written or added at `index`."""
    index = check_integer_index("put", index)
    flat = input.reshape((-1,))
    check_places(index, flat.shape[0], 0, "put_", -flat.shape[0])
    if index.numel() != source.numel():
        words = "put_(): Expected source and index to have the same number of elements, but got "
        raise RuntimeError(f"{words}source.numel() = {source.numel()}, {index.numel()}")
    mode = "add" if accumulate else "set"
    values = source.reshape(index.shape)
    return put(flat, (0,), [index], values, mode, "put_").reshape(input.shape)


def take(input: Tensor, index: Tensor) -> Tensor:
    """input, read as if it had one dimension, at the places of `index`, in the shape of `index`."""
    index = check_integer_index("take", index)
    flat = input.reshape((-1,))
    check_places(index, flat.shape[0], 0, "take", -flat.shape[0])
    return Index.apply((flat, index), (0,), origin("take"))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the bool mask holds, in one dimension (a sync point)."""
    check_tensor("masked_select", "mask", mask)
    if mask._spec.dtype is not bool_:
        fail(
            RuntimeError,
            "masked_select",
            "masked_select: expected BoolTensor for mask",
            "a bool mask",
            describe(mask),
        )
    shape = broadcast(input._spec.shape, mask._spec.shape, "masked_select")
    wide = input.expand(shape) if shape else input.reshape((1,))
    mask = mask.expand(shape) if shape else mask.reshape((1,))
    return wide[mask]


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input with the elements where the mask holds replaced by those of `source`, in order."""
    shape = broadcast(input._spec.shape, mask._spec.shape, "masked_scatter")
    if mask._spec.dtype is not bool_:
        raise RuntimeError("masked_scatter_ only supports boolean masks")
    if not mask.numel() or not source.numel():
        return input.expand(shape).clone()
    flat = mask.expand(shape).reshape((-1,))
    counted = wrap(r.running(r.CUMSUM, e.cast(node_of(flat), int64), 0))
    places = where(flat, counted - 1, 0).reshape(shape)
    found = Index.apply((source.reshape((-1,)), places), (0,), origin("masked_scatter"))
    return where(mask, found, input)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of all elements that are not 0, in C order (a sync point).

    One row for each, or with `as_tuple` one tensor for each dimension.

    >>> import rushlight as rl
    >>> rl.nonzero(rl.tensor([0, 3, 0, 4]))
    tensor([[1],
            [3]])
    """
    values = check_tensor("nonzero", "input", input)._values()
    if as_tuple:
        values = values if values.ndim else values.reshape(1)
        return tuple([from_array(each) for each in np.nonzero(values)])
    return from_array(np.argwhere(values))


def argwhere(input: Tensor) -> Tensor:
    """The places of all elements that are not 0, one row for each (a sync point)."""
    return nonzero(input)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element repeated in place, `repeats` times or by a tensor of counts.

    Without `dim` the input is read as one dimension.  A tensor of counts is a sync point.

    >>> import rushlight as rl
    >>> rl.repeat_interleave(rl.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        counts = input._values()
        return from_array(np.repeat(np.arange(len(counts)), counts))
    if dim is None:
        input, dim = input.reshape((-1,)), 0
    axis = check_axis("repeat_interleave", dim, input.dim())
    wide = input if input.dim() else input.reshape((1,))
    shape = wide.shape
    if isinstance(repeats, Tensor) and repeats.numel() == 1:
        repeats = int(repeats.item())
    if isinstance(repeats, NUMBERS):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        raised = wide.unsqueeze(axis + 1)
        raised = raised.expand((*shape[: axis + 1], repeats, *shape[axis + 1 :]))
        return raised.reshape((*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))
    counts = repeats._values() if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.shape != (shape[axis],):
        fail(
            RuntimeError,
            "repeat_interleave",
            "repeats must have the same size as input along dim, but got "
            f"repeats.size(0) = {len(counts)} and input.size({axis}) = {shape[axis]}",
            f"{shape[axis]} counts",
            f"counts of shape {list(counts.shape)}",
        )
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    places = from_array(np.repeat(np.arange(shape[axis]), counts))
    return Index.apply((wide, places), (axis,), origin("repeat_interleave"))


FUNCTIONS = {
    **{f.__name__: f for f in (index_select, index_add, index_copy, index_fill, index_put)},
    **{f.__name__: f for f in (take, masked_select, masked_scatter, nonzero, argwhere)},
    **{f.__name__: f for f in (repeat_interleave, index_reduce)},
    "put": put_flat,
}
METHODS = FUNCTIONS
INPLACE = ("index_add", "index_copy", "index_fill", "index_put", "index_reduce", "masked_scatter")
INPLACE += ("put",)
