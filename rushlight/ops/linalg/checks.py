"""What functions on matrices ask of their arguments, and tensors that several of them need."""

from __future__ import annotations

from typing import Any

from rushlight.graph.dtype import DType
from rushlight.ops.check import broadcast, check_tensor, describe, fail
from rushlight.ops.movement import expand
from rushlight.ops.options import check_options
from rushlight.ops.ranges import eye
from rushlight.tensor import Tensor, modes

_EPSILON = {"float32": 2.0**-23, "complex64": 2.0**-23, "float64": 2.0**-52, "complex128": 2.0**-52}


def check_matrix(
    name: str, matrix: Any, out: Any = None, argument: str = "A", low_precision: bool = False
) -> Tensor:
    """The argument if it holds matrices of floating point or complex numbers; else an error."""
    check_tensor(name, argument, matrix)
    check_options(name, out=out)
    spec = matrix._spec
    if spec.rank < 2:
        words = f"{name}: The input tensor {argument} must have at least 2 dimensions."
        fail(RuntimeError, name, words, "a matrix, or a batch of matrices", describe(matrix))
    return check_numbers(name, matrix, low_precision)


def check_numbers(name: str, tensor: Tensor, low_precision: bool = False) -> Tensor:
    """RuntimeError unless it holds floating point or complex numbers, of 32 bits or more."""
    dtype = tensor._spec.dtype
    if not dtype.is_differentiable:
        words = f"{name}: Expected a floating point or complex tensor as input. Got {dtype.name}"
        fail(RuntimeError, name, words, "floating point or complex numbers", describe(tensor))
    if dtype.itemsize < 4 and not low_precision:
        words = f"{name}: Low precision dtypes not supported. Got {dtype.name}"
        fail(RuntimeError, name, words, "float32 or float64", describe(tensor))
    return tensor


def check_square(
    name: str, matrix: Any, out: Any = None, argument: str = "A", low_precision: bool = False
) -> Tensor:
    """The argument if it holds square matrices; else an error."""
    check_matrix(name, matrix, out, argument, low_precision)
    rows, columns = matrix._spec.shape[-2:]
    if rows != columns:
        words = f"{name}: {argument} must be batches of square matrices, but they are {rows} by "
        words += f"{columns} matrices"
        fail(RuntimeError, name, words, "as many rows as columns", describe(matrix))
    return matrix


def check_same_dtype(name: str, a: Tensor, b: Tensor, first: str = "A", second: str = "B") -> None:
    """RuntimeError unless both have one dtype."""
    left, right = a._spec.dtype, b._spec.dtype
    if left is not right:
        words = f"{name}: Expected {first} and {second} to have the same dtype, but found "
        words += f"{first} of type {left.name} and {second} of type {right.name} instead"
        fail(RuntimeError, name, words, "two tensors of one dtype", f"{left.name}, {right.name}")


def check_system(name: str, a: Any, b: Any, left: bool, out: Any = None) -> None:
    """An error unless a @ x = b (or x @ a = b) can be solved for matrices x."""
    check_square(name, a, out)
    check_matrix(name, b, argument="B")
    check_same_dtype(name, a, b)
    axis = -2 if left else -1
    if a._spec.shape[axis] != b._spec.shape[axis]:
        rows, columns = a._spec.shape[-2:]
        height, width = b._spec.shape[-2:]
        form = "AX = B" if left else "XA = B"
        words = f"{name}: Incompatible shapes of A and B for the equation {form} ({rows}x{columns} "
        words += f"and {height}x{width})"
        fail(RuntimeError, name, words, f"size {rows} in B's dimension {axis}", describe(b))
    broadcast(a._spec.shape[:-2], b._spec.shape[:-2], name)


def epsilon_of(dtype: DType) -> float:
    """The distance from 1 to the next number of this dtype."""
    return _EPSILON[dtype.name]


def identity_like(x: Tensor, size: int | None = None) -> Tensor:
    """The identity matrix of x's rows, or of this size, in x's dtype."""
    return eye(x._spec.shape[-2] if size is None else size, dtype=x._spec.dtype)


def is_differentiated(tensor: Tensor) -> bool:
    """Whether a gradient can be asked for of what is made from this tensor."""
    return modes.grad and tensor.requires_grad


def batched(tensor: Tensor, batch: tuple[int, ...], trailing: int = 2) -> Tensor:
    """The tensor with its leading dimensions expanded to `batch`, those at its end as they are."""
    shape = tensor._spec.shape
    return expand(tensor, (*batch, *shape[len(shape) - trailing :]))
