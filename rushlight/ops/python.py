"""What Python asks of a tensor: truth, numbers, iteration, copying, pickling; and comparing two."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.dtypes import strided
from rushlight.graph.buffer import Buffer
from rushlight.graph.dtype import DType, find_dtype
from rushlight.graph.node import input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.operands import NUMBERS
from rushlight.shaped import Shaped
from rushlight.storage import Cell
from rushlight.tensor import Tensor, alias_of, from_array, node_of

_OWN_STATE = frozenset(Tensor.__annotations__) | frozenset(Shaped.__annotations__)


# ------------------------------------------------------------------------------------------ numbers
def __bool__(self: Tensor) -> bool:  # noqa: N807 - bound to Tensor
    spec = self._spec
    if spec.size != 1:
        amount = "more than one value" if spec.size else "no values"
        raise RuntimeError(
            f"Boolean value of Tensor with {amount} is ambiguous\n"
            f"Expected one element; use .any() or .all().\nActual: {describe(spec)}."
        )
    return bool(self._values().item())


def _one_number(self: Tensor) -> Any:
    values = self._values()
    if values.size != 1:
        raise ValueError(
            "only one element tensors can be converted to Python scalars\n"
            f"Expected one element.\nActual: {describe(self)}."
        )
    return values.item()


def __int__(self: Tensor) -> int:  # noqa: N807
    return int(_one_number(self))


def __float__(self: Tensor) -> float:  # noqa: N807
    return float(_one_number(self))


def __complex__(self: Tensor) -> complex:  # noqa: N807
    return complex(_one_number(self))


def __index__(self: Tensor) -> int:  # noqa: N807
    spec = self._spec
    if spec.size != 1 or spec.dtype.kind not in "iub":
        raise TypeError(
            "only integer tensors of a single element can be converted to an index\n"
            f"Expected one integer.\nActual: {describe(spec)}."
        )
    return int(self._values().item())


def __contains__(self: Tensor, element: Any) -> bool:  # noqa: N807
    if not isinstance(element, (Tensor, *NUMBERS)):
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )
    return bool((self == element).any())


def __iter__(self: Tensor) -> Iterator[Tensor]:  # noqa: N807
    if not self._spec.rank:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __reversed__(self: Tensor) -> Tensor:  # noqa: N807
    return self.flip(0) if self._spec.rank else self


def __array_wrap__(  # noqa: N807
    self: Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False
) -> Tensor:
    return from_array(np.asarray(array))


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0; RuntimeError for more or fewer elements."""
    return bool(input)


# ---------------------------------------------------------------------------------- copies, pickles
def __deepcopy__(self: Tensor, memo: dict) -> Tensor:  # noqa: N807
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment. If you were attempting to deepcopy a module, this may be "
            "because of a tensor that an operation computed: copy tensor.detach() instead.\n"
            f"Actual: {describe(self)} made by {self.grad_fn.name()}."
        )
    if id(self) in memo:
        return memo[id(self)]
    result = object.__new__(type(self))
    memo[id(self)] = result
    node = node_of(self)
    if self._cell is None:
        result._node = node
    else:
        result._cell = _copied_cell(self._cell, memo)
        result._node = node if self._chain else None
        result._chain, result._seen = self._chain, result._cell.version
    result._strides, result._requires_grad = self._strides, self._requires_grad
    if self._grad is not None:
        result._grad = copy.deepcopy(self._grad, memo)
    for name, value in _extras(self).items():
        result.__dict__[name] = copy.deepcopy(value, memo)
    return result


def _copied_cell(cell: Cell, memo: dict) -> Cell:
    """One new cell for all tensors that share this one, so that views of it stay views."""
    found = memo.get(id(cell))
    if found is None:
        found = memo[id(cell)] = Cell(cell.node)
        found.strides = cell.strides
        memo.setdefault(id(memo), []).append(cell)
    return found


def _extras(tensor: Tensor) -> dict:
    """The attributes that the user set."""
    return {name: value for name, value in tensor.__dict__.items() if name not in _OWN_STATE}


def __copy__(self: Tensor) -> Tensor:  # noqa: N807
    result = alias_of(self)
    result.__class__ = type(self)
    result._requires_grad = self.requires_grad
    result.__dict__.update(_extras(self))
    return result


def __reduce_ex__(self: Tensor, protocol: int) -> tuple:  # noqa: N807
    spec = self._spec
    stored = value_of(node_of(self)).stored(spec.shape, spec.dtype)
    state = type(self), stored, spec.dtype, self.requires_grad, _extras(self)
    return rebuild, state


def rebuild(
    cls: type, stored: np.ndarray, dtype: DType, requires_grad: bool, extras: dict
) -> Tensor:
    """A tensor of a pickle's parts: its class, its stored numbers, its dtype."""
    result = object.__new__(cls)
    result._node = input_node(Buffer.holding(stored, dtype), spec_of(stored.shape, dtype))
    result._requires_grad = requires_grad
    result.__dict__.update(extras)
    return result


# --------------------------------------------------------------------------- comparing tensors
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have one shape and equal elements; a sync point."""
    if input._spec.shape != other._spec.shape:
        return False
    return bool(np.array_equal(input.detach()._values(), other.detach()._values()))


def isclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:
    """Whether |input - other| <= atol + rtol * |other|, element by element.

    RuntimeError for different dtypes.
    """
    a = check_tensor("isclose", "input", input)._spec.dtype
    b = check_tensor("isclose", "other", other)._spec.dtype
    if a is not b:
        words = f"{a.name} did not match {b.name}"
        fail(RuntimeError, "isclose", words, "two tensors of one dtype", words)
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"rtol and atol must be 0 or more, but got {rtol} and {atol}")
    close = input == other
    if equal_nan and a.is_floating_point:
        close = close | ((input != input) & (other != other))
    if not rtol and not atol:
        return close
    if not a.is_floating_point:
        wide = find_dtype("float64")
        input, other = input.to(wide), other.to(wide)
    apart = (input - other).abs()
    return close | (apart.isfinite() & (apart <= atol + (rtol * other).abs()))


def allclose(
    input: Tensor,
    other: Tensor,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether all elements are close, by `isclose`; a sync point."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


FUNCTIONS = {f.__name__: f for f in (is_nonzero, equal, isclose, allclose)}
METHODS = {
    **FUNCTIONS,
    **{f.__name__: f for f in (__bool__, __int__, __float__, __complex__, __index__)},
    **{f.__name__: f for f in (__contains__, __iter__, __reversed__, __deepcopy__, __copy__)},
    "__reduce_ex__": __reduce_ex__,
    "__array_wrap__": __array_wrap__,
    "__array_priority__": 1000,
    "is_cuda": property(lambda self: False),
    "is_sparse": property(lambda self: False),
    "is_quantized": property(lambda self: False),
    "is_meta": property(lambda self: False),
    "layout": property(lambda self: strided),
}
