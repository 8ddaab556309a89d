"""The Tensor: what it knows of itself, and no operation.

A tensor is a storage cell, a chain of movements from the cell's value to its own (empty unless it
is a view), and its place in the autograd graph.  The cell holds the current value as a graph node
and a version; writing in place gives the cell a new node, and views re-derive theirs when they
are next read.  `detach()`, `.data` and views share the cell.  A tensor that nothing aliases has no
cell: it holds its node itself.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.graph.batched import Batched
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType, bfloat16, from_numpy_dtype
from rushlight.graph.node import Node, input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.shaped import Shaped, layout_of
from rushlight.size import contiguous_strides
from rushlight.storage import Cell

if TYPE_CHECKING:
    from rushlight.autograd.node import GradNode


class Modes(threading.local):
    """This thread's autograd modes."""

    grad = True
    inference = False
    anomaly = False
    anomaly_checks_nan = True
    walks = 0
    transforms = 0
    """In how many functions of `func` that are differentiated this thread is."""
    watchers: tuple = ()
    autocast: Any = None
    """What `autocast` casts to, while it is on; see `ops/autocast.py`."""


modes = Modes()


class Tensor(Shaped):
    """An n-dimensional array of one dtype whose operations are recorded and differentiated.

    Made by `rl.tensor`, `rl.zeros`, ... and by operations; `Tensor(data)` and `Tensor(2, 3)` make
    float32 tensors as in PyTorch.
    """

    _seen: int = 0
    _base: Tensor | None = None
    _requires_grad: bool = False
    _grad_fn: GradNode | None = None
    _output_number: int = 0
    _grad: Tensor | None = None
    _accumulator: Any = None
    _hooks: dict | None = None
    _post_accumulate_hooks: dict | None = None
    _retains: bool = False
    _untracked: bool = False
    _inference: bool = False

    def __new__(cls, *data: Any, **options: Any) -> Tensor:  # noqa: D102
        return cls._construct(cls, *data, **options)

    def __hash__(self) -> int:
        return id(self)

    # --------------------------------------------------------------------------------- autograd
    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self._base is not None:
            refresh(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch whether gradients are computed for this leaf; returns the tensor itself.

        Raises RuntimeError for integers and for switching a non-leaf off.
        """
        dtype = self._spec.dtype
        if isinstance(requires_grad, str):
            raise TypeError("requires_grad_(): argument 'requires_grad' must be bool, not str")
        if requires_grad and not dtype.is_differentiable:
            raise RuntimeError(
                "only Tensors of floating point dtype can require gradients\n"
                f"Expected a floating point or complex tensor.\nActual: {dtype.name}."
            )
        if not requires_grad and not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def grad_fn(self) -> GradNode | None:
        """The node of the autograd graph that made this tensor; None for a leaf."""
        if self._base is not None:
            refresh(self)
        return self._grad_fn

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, or needs no gradient."""
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which output of its grad_fn it is."""
        return self._output_number

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` accumulated here; None before, and for non-leaves."""
        if self._grad is None and self._grad_fn is not None and not self._retains:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                "non-leaf Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _check_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf keeps its gradient, by `retain_grad`."""
        return self._retains

    @property
    def data(self) -> Tensor:
        """The same storage without the autograd graph."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Expected a tensor for .data.\nActual: {type(value).__name__}.")
        source = value.detach()
        self._node, self._cell, self._chain = None, source._cell, source._chain
        self._seen, self._node = source._seen, source._node
        self._base, self._strides = None, source._strides

    def detach(self) -> Tensor:
        """A tensor that shares this one's storage and is no part of the autograd graph."""
        result = alias_of(self)
        result._untracked = False
        return result

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph that made it; RuntimeError for a view."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._requires_grad, self._grad_fn, self._output_number = False, None, 0
        self._accumulator = None
        return self

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self._inference

    # ------------------------------------------------------------------------- values for Python
    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array that shares memory with this tensor; a sync point.

        The next operation on the tensor, in place or not, gives the tensor memory of its own: the
        array keeps what it shows.
        Raises RuntimeError for a tensor that requires grad (unless `force`), and TypeError for
        bfloat16, which NumPy lacks.
        """
        if self.requires_grad and not force and modes.grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        spec = self._spec
        if spec.dtype is bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16: call .float() first")
        return _shared_array(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def _values(self) -> np.ndarray:
        """The values as an array to look at, bfloat16 widened to float32; a sync point."""
        if self._cell is not None and self._cell.foreign is not None:
            foreign = self._cell.foreign
            plain = type(foreign) is np.ndarray and not self._chain
            return foreign if plain else _shared_array(self)
        node = node_of(self)
        return value_of(node).values(node.spec)

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers, or one number; a sync point."""
        return self._values().tolist()

    def item(self) -> bool | int | float | complex:
        """The one value as a Python number; a sync point.

        Raises RuntimeError if the tensor has more or fewer elements than one.
        """
        values = self._values()
        if values.size != 1:
            raise RuntimeError(
                f"a Tensor with {values.size} elements cannot be converted to Scalar\n"
                f"Expected one element.\nActual: shape {list(values.shape)}."
            )
        return values.item()


# ------------------------------------------------------------------------------ making and reading
def wrap(node: Node) -> Tensor:
    """A tensor that holds this value and nothing else does."""
    tensor = object.__new__(Tensor)
    tensor._node = node
    return tensor


def from_array(array: np.ndarray, dtype: DType | None = None, owned: bool = False) -> Tensor:
    """A tensor with a copy of the array; `owned`: over its memory, C-contiguous and not shared."""
    dtype = dtype or from_numpy_dtype(array.dtype)
    buffer = Buffer.around(array) if owned else Buffer.holding(array, dtype)
    return wrap(input_node(buffer, spec_of(array.shape, dtype)))


def around_array(array: np.ndarray) -> Tensor:
    """A tensor over an array's own memory; copied when an operation first reads it, if writable."""
    if type(array) is np.memmap:  # of which every look into it makes another
        array = np.asarray(array)
    dtype = from_numpy_dtype(array.dtype)
    if not array.flags.c_contiguous or not array.dtype.isnative:
        return from_array(array, dtype)
    tensor = object.__new__(Tensor)
    node = input_node(Buffer.around(array), spec_of(array.shape, dtype))
    tensor._cell = Cell(node, array if array.flags.writeable else None)
    return tensor


def node_of(tensor: Tensor) -> Node:
    """The current value of a tensor, as a node for an operation to read."""
    cell = tensor._cell
    if cell is None:
        return tensor._node
    if cell.foreign is not None:
        cell.adopt()
    if not tensor._chain:
        return cell.node
    if tensor._seen != cell.version:
        refresh(tensor)
    return tensor._node


def refresh(view: Tensor) -> None:
    """Derive a view's value, and its place in the graph, anew if its storage was written."""
    cell = view._cell
    if cell.foreign is not None:
        cell.adopt()
    if view._seen == cell.version:
        return
    view._seen = cell.version
    if not view._chain:
        return
    base = root_of(view)
    if base is not None and not view._untracked and base.requires_grad:
        derived = base
        with_grad, modes.grad = modes.grad, True
        try:
            for operation, arguments in view._chain[len(base._chain) :]:
                derived = operation.apply((derived,), *arguments)
        finally:
            modes.grad = with_grad
        if view._retains and derived._grad_fn is not None:
            if view._grad_fn is not None and view._grad_fn.retained is not None:
                view._grad_fn.retained.pop(view._output_number, None)
            derived._grad_fn.retained = {derived._output_number: weakref.ref(view)}
        view._node, view._grad_fn = derived._node, derived._grad_fn
        view._output_number = derived._output_number
        view._requires_grad = True
        return
    node = cell.node
    for operation, arguments in view._chain:
        node = operation.forward(operation.idle, node, *arguments)
    view._node = node


def root_of(view: Tensor) -> Tensor | None:
    """What a tensor is a view of, or None; where that took a view of itself in place, its root."""
    base = view._base
    while base is not None and base._base is not None:
        base = view._base = base._base
    return base


def ensure_cell(tensor: Tensor) -> Cell:
    """The tensor's cell, made now if nothing aliased it before."""
    cell = tensor._cell
    if cell is None:
        cell = tensor._cell = Cell(tensor._node)
        cell.strides = tensor._strides
        tensor._node = None
    return cell


def _shared_array(tensor: Tensor) -> np.ndarray:
    """An array over the storage's memory, laid out as the tensor's view of it."""
    if type(tensor._node) is Batched:
        value_of(tensor._node)
    cell, spec = ensure_cell(tensor), tensor._spec
    buffer = cell.export()
    if not tensor._chain:
        return buffer.stored(spec.shape, spec.dtype)
    strides, offset = layout_of(tensor, contiguous_strides(cell.node.spec.shape))
    if strides is None or not spec.size:
        return value_of(node_of(tensor)).stored(spec.shape, spec.dtype).copy()
    size = spec.dtype.itemsize
    steps = tuple([size * step for step in strides])
    first = buffer.offset + size * offset
    return np.ndarray(spec.shape, spec.dtype.storage, buffer.memory, first, steps)


def alias_of(tensor: Tensor) -> Tensor:
    """A tensor that shares cell and movements with this one, outside the autograd graph."""
    result = object.__new__(Tensor)
    result._cell = ensure_cell(tensor)
    if tensor._chain:
        result._node = node_of(tensor)
        result._chain = tensor._chain
    result._seen = tensor._seen
    result._strides = tensor._strides
    return result


def _check_grad(tensor: Tensor, grad: Any) -> None:
    if not isinstance(grad, Tensor):
        raise TypeError(
            f"assigned grad expected to be a Tensor or None but got grad of type {type(grad)}"
        )
    have, want = grad._spec, tensor._spec
    if have.shape != want.shape or have.dtype is not want.dtype:
        raise RuntimeError(
            "assigned grad has data of a different size or type\n"
            f"Expected: {want.dtype.name}{list(want.shape)}, like the tensor.\n"
            f"Actual: {have.dtype.name}{list(have.shape)}."
        )
