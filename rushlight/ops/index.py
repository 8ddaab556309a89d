"""Reading and writing at indices: `x[...]` and `x[...] = value` of every kind that NumPy has.

An index is taken apart in two steps.  Slices, integers and None make a view.  What is left are
tensors of places along some of the view's dimensions: these are looked up together, and the result
is a copy.  Their dimensions go where the indexed ones were if these lie side by side, else first.
"""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from rushlight.autograd.inplace import check_inplace, write
from rushlight.graph.creation import number
from rushlight.graph.dtype import bool_, int32, int64, uint8
from rushlight.graph.movement import BACKWARDS, RUN, STEPS, WHOLE
from rushlight.ops.check import describe, fail
from rushlight.ops.compare import Where
from rushlight.ops.indexed import Axes, CopyBackwards, Index, IndexPut, result_shape
from rushlight.ops.operands import NUMBERS
from rushlight.ops.places import as_index, check_places, is_unseen, origin
from rushlight.ops.views import Select, Slice, Unsqueeze, View
from rushlight.tensor import Tensor, from_array, wrap


# ---------------------------------------------------------------------------- taking an index apart
def _items(key: Any, tensor: Tensor) -> list:
    """One item for each dimension, and for each None: the ellipsis spelled out, arrays as tensors.

    0-d integer tensors become integers (a sync point) unless they differ between samples of vmap,
    and 0-d bool ones truth values.
    """
    items = [_item(item) for item in (key if isinstance(key, tuple) else (key,))]
    rank = tensor._spec.rank
    used = sum(_dimensions(item) for item in items)
    if used > rank:
        if not rank:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(
            f"too many indices for tensor of dimension {rank}\n"
            f"Expected: at most {rank} indices for shape {list(tensor.shape)}.\nActual: {used}."
        )
    result: list = []
    missing = [slice(None)] * (rank - used)
    for item in items:
        result += missing if item is Ellipsis else (item,)
        missing = [] if item is Ellipsis else missing
    return result + missing


def _item(item: Any) -> Any:
    if item is None or isinstance(item, (int, slice, EllipsisType)):
        return item
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, (list, tuple, range, np.ndarray)):
        item = as_index(item)
    if isinstance(item, Tensor):
        item = as_index(item)
        if item.dim():
            return item != 0 if item._spec.dtype is uint8 else item
        if is_unseen(item) and item._spec.dtype in (int64, int32):
            return item
        return item.item()
    if hasattr(item, "__index__"):
        return item.__index__()
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'\nExpected: an index.\nActual: a str.")
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {type(item).__name__})"
    )


def _dimensions(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.dim() if isinstance(item, Tensor) and item._spec.dtype is bool_ else 1


def resolve(tensor: Tensor, key: Any) -> tuple[Tensor, Axes, list[Tensor]]:
    """The view that an index's slices, integers and None make, and the places left to look up."""
    items = _items(key, tensor)
    view = _sliced(tensor, items)
    axis, dimension = 0, 0
    axes: list[int] = []
    places: list[Tensor] = []
    for item in items:
        if isinstance(item, Tensor):
            found = _places_of(item, view, axis)
            for place in found:
                check_places(place, view.shape[axis], dimension, "index", -view.shape[axis])
                axes.append(axis)
                places.append(place)
                axis, dimension = axis + 1, dimension + 1
        elif isinstance(item, slice):
            axis, dimension = axis + 1, dimension + 1
        elif item is None or isinstance(item, bool):
            shape = view.shape
            view = Unsqueeze.apply((view,), (*shape[:axis], 1, *shape[axis:]))
            if item is not None:
                axes.append(axis)
                places.append(from_array(np.zeros(int(item), np.int64)))
            axis += 1
        else:
            view = select(view, axis, item, dimension)
            dimension += 1
    _check_together(places)
    return view, tuple(axes), places


def _sliced(tensor: Tensor, items: list) -> Tensor:
    """The tensor with the slices of an index taken, all at once."""
    if all(not isinstance(item, slice) or item == slice(None) for item in items):
        return tensor
    shape = tensor._spec.shape
    starts, sizes, steps, kinds = [], [], [], []
    for item in items:
        count = _dimensions(item)
        if not isinstance(item, slice):
            first = len(starts)
            starts += [0] * count
            sizes += shape[first : first + count]
            steps += [1] * count
            kinds += [WHOLE] * count
            continue
        start, size, step = bounds(item, shape[len(starts)])
        starts.append(start)
        sizes.append(size)
        steps.append(step)
        stepping = STEPS if step > 0 else BACKWARDS
        kinds.append(WHOLE if item == slice(None) else RUN if item.step is None else stepping)
    return Slice.apply((tensor,), *map(tuple, (starts, sizes, steps, kinds)))


def bounds(item: slice, size: int) -> tuple[int, int, int]:
    """Start, number of elements and step of a slice of `size` elements."""
    try:
        start, stop, step = item.indices(size)
    except ValueError:
        step = 0
    if step < 1:
        fail(
            ValueError, "index", "step must be greater than zero", "a step of 1 or more", str(item)
        )
    count = max(0, (stop - start + step - 1) // step)
    return (start if count else 0), count, step


def select(tensor: Tensor, axis: int, index: int, dimension: int) -> Tensor:
    """The view of one place of one dimension; IndexError if there is none."""
    size = tensor._spec.shape[axis]
    if not -size <= index < size:
        raise IndexError(
            f"index {index} is out of bounds for dimension {dimension} with size {size}\n"
            f"Expected: an index from {-size} to {size - 1}.\nActual: {index}, in a tensor of "
            f"shape {list(tensor.shape)}."
        )
    return Select.apply((tensor,), axis, index + size if index < 0 else index)


def _places_of(index: Tensor, view: Tensor, axis: int) -> list[Tensor]:
    """One tensor of integer places for each dimension that the index takes."""
    if index._spec.dtype is not bool_:
        return [index]
    mask, shape = index._spec.shape, view._spec.shape[axis:]
    for position, size in enumerate(mask):
        if size != shape[position]:
            raise IndexError(
                f"The shape of the mask {list(mask)} at index {position} does not match the shape "
                f"of the indexed tensor {list(view.shape)} at index {axis + position}"
            )
    return [from_array(each) for each in np.nonzero(index._values())]


def _check_together(places: list[Tensor]) -> None:
    if len(places) < 2:
        return
    shapes = [place._spec.shape for place in places]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            f"{', '.join(str(list(shape)) for shape in shapes)}"
        ) from None


# ------------------------------------------------------------------------------ reading and writing
def getitem(self: Tensor, key: Any) -> Tensor:
    """self[key]: a view where the index is made of integers, slices, ... and None, else a copy.

    Integer and bool tensors, arrays and lists look places up; a bool mask stands for the places
    where it holds, found at once (a sync point).  IndexError for a place outside, ValueError for
    a negative step.

    >>> import rushlight as rl
    >>> x = rl.arange(6).reshape(2, 3)
    >>> x[1, 1:], x[:, [0, 2]], x[x > 2]
    (tensor([4, 5]), tensor([[0, 2],
            [3, 5]]), tensor([3, 4, 5]))
    """
    if type(key) is int and self._spec.rank:
        return select(self, 0, key, 0)
    if isinstance(key, Tensor) and key._spec.dtype is int64 and key._spec.rank and self._spec.rank:
        check_places(key, self._spec.shape[0], 0, "index", -self._spec.shape[0])
        return Index.apply((self, key), (0,), origin("index"))
    view, axes, places = resolve(self, key)
    if places:
        return Index.apply((view, *places), axes, origin("index"))
    return View.apply((self,), self._spec.shape) if view is self else view


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """self[key] = value, in place; the value broadcasts to the shape of self[key].

    >>> import rushlight as rl
    >>> x = rl.zeros(2, 3)
    >>> x[:, 1] = 5
    >>> x[x == 0] = 2
    >>> x
    tensor([[2., 5., 2.],
            [2., 5., 2.]])
    """
    given = _value(self, value)
    if _is_mask(key, self) and given._spec.size == 1:
        _fill_masked(self, key, given)
        return
    view, axes, places = resolve(self, key)
    if places:
        result = put(view, axes, places, given, "set", "index_put_")
        write(view, result, "index_put_")
        return
    check_inplace(view, "copy_")
    given = _fitting(given, view)
    write(view, CopyBackwards.apply((view, given)), "copy_")


def _is_mask(key: Any, tensor: Tensor) -> bool:
    """Whether the index is one bool tensor over the first dimensions."""
    if not isinstance(key, Tensor) or key._spec.dtype is not bool_:
        return False
    return 0 < key._spec.rank <= tensor._spec.rank


def _value(tensor: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, NUMBERS):
        return wrap(number(value, tensor._spec.dtype))
    if isinstance(value, (np.ndarray, list, tuple)):
        return from_array(np.asarray(value, tensor._spec.dtype.compute), tensor._spec.dtype)
    raise TypeError(f"can't assign a {type(value).__name__} to a {describe(tensor)}")


def _fitting(value: Tensor, view: Tensor) -> Tensor:
    """The value without leading dimensions of size 1 that the view lacks."""
    have, want = value._spec.shape, view._spec.shape
    while len(have) > len(want) and have[0] == 1:
        have = have[1:]
    fits = len(have) <= len(want)
    for size, whole in zip(reversed(have), reversed(want), strict=False):
        fits = fits and size in (1, whole)
    if not fits:
        fail(
            RuntimeError,
            "copy_",
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to "
            f"indexing result of shape {list(want)}",
            f"a value that broadcasts to {list(want)}",
            describe(value),
        )
    return value if have == value._spec.shape else View.apply((value,), have)


def _fill_masked(tensor: Tensor, mask: Tensor, value: Tensor) -> None:
    """tensor[mask] = value for one value: a choice at each element, no places needed."""
    _check_mask(mask, tensor)
    check_inplace(tensor, "masked_fill_")
    rank = tensor._spec.rank
    mask = mask.reshape((*mask.shape, *(1,) * (rank - mask.dim())))
    value = value.reshape(())
    write(tensor, Where.apply((mask, value, tensor), tensor._spec.dtype), "masked_fill_")


def put(
    view: Tensor, axes: Axes, places: list[Tensor], values: Tensor, mode: str, name: str
) -> Tensor:
    """The view with values written ("set") or added ("add") at places along some dimensions."""
    have, want = values._spec, view._spec
    if have.dtype is not want.dtype:
        fail(
            RuntimeError,
            name,
            f"Index put requires the source and destination dtypes match, got {want.dtype.name} "
            f"for the destination and {have.dtype.name} for the source.",
            f"values of dtype {want.dtype.name}",
            describe(values),
        )
    shape = result_shape(want.shape, axes, [place._spec.shape for place in places])
    lead = len(have.shape) - len(shape)
    if lead > 0 and set(have.shape[:lead]) == {1}:
        values = View.apply((values,), have.shape[lead:])
    try:
        fits = np.broadcast_shapes(values._spec.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        fail(
            RuntimeError,
            name,
            f"shape mismatch: value tensor of shape {list(have.shape)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}",
            f"values that broadcast to {list(shape)}",
            describe(have),
        )
    return IndexPut.apply((view, values, *places), axes, mode, origin(name))


def _check_mask(mask: Tensor, tensor: Tensor) -> None:
    for position, (have, want) in enumerate(zip(mask.shape, tensor.shape, strict=False)):
        if have != want:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {position} does not match the "
                f"shape of the indexed tensor {list(tensor.shape)} at index {position}"
            )


FUNCTIONS: dict[str, Any] = {}
METHODS = {"__getitem__": getitem, "__setitem__": setitem}
