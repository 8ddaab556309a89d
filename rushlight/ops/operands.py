"""Operands of elementwise operations: brought to one dtype and one shape."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from rushlight.graph import elementwise as p
from rushlight.graph.creation import number
from rushlight.graph.dtype import DType
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops import promotion
from rushlight.ops.check import broadcast
from rushlight.ops.promotion import promote_number, promote_tensors
from rushlight.tensor import Tensor, from_array, wrap

Operand = Tensor | bool | int | float | complex
NUMBERS = (bool, int, float, complex, np.number, np.bool_)
COMPARABLE = (Tensor, np.ndarray, *NUMBERS)


def align(a: Node, b: Node, dtype: DType, name: str) -> tuple[Node, Node]:
    """Both operands in one dtype, and in one shape unless one has rank 0."""
    left, right = a.spec, b.spec
    if left is right and left.dtype is dtype:
        return a, b
    if left.dtype is not dtype:
        a = p.cast(a, dtype)
    if right.dtype is not dtype:
        b = p.cast(b, dtype)
    left, right = left.shape, right.shape
    if left == right or not left or not right:
        return a, b
    shape = broadcast(left, right, name)
    return expand(a, shape), expand(b, shape)


Operands = tuple[Tensor, Tensor, DType]


def two_tensors(a: Tensor, b: Tensor, name: str) -> Operands:
    """As `operands`; TypeError for a number."""
    for place, (argument, value) in enumerate((("input", a), ("other", b)), 1):
        if isinstance(value, NUMBERS):
            kind = type(value).__name__
            words = f"{name}(): argument {argument!r} (position {place}) must be Tensor, not "
            raise TypeError(words + kind)
    return operands(a, b, name)


def tensor_first(a: Tensor, b: Operand, name: str) -> Operands:
    """As `operands`; TypeError if the first is a number."""
    if isinstance(a, NUMBERS):
        _fail_numbers(name, a, b)
    return operands(a, b, name)


def one_tensor(a: Operand, b: Operand, name: str) -> Operands:
    """As `operands`; TypeError for two numbers."""
    if isinstance(a, NUMBERS) and isinstance(b, NUMBERS):
        _fail_numbers(name, a, b)
    return operands(a, b, name)


def _fail_numbers(name: str, a: Operand, b: Operand) -> NoReturn:
    kinds = f"{type(a).__name__}, {type(b).__name__}"
    raise TypeError(
        f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
        "one of:\n * (Tensor input, Tensor other)\n * (Tensor input, Number other)"
    )


def operands(a: Operand, b: Operand, name: str) -> tuple[Tensor, Tensor, DType]:
    """Both operands as tensors, and the dtype to compute in; TypeError for anything else."""
    if isinstance(a, Tensor):
        if isinstance(b, Tensor):
            left = a._node.spec if a._cell is None else a._spec
            right = b._node.spec if b._cell is None else b._spec
            dtype = left.dtype
            return a, b, dtype if dtype is right.dtype else promote_tensors(a, b)
        if isinstance(b, NUMBERS):
            dtype = promote_number(a._spec.dtype, type(b))
            return a, wrap(number(b, dtype)), dtype
    elif isinstance(b, Tensor) and isinstance(a, NUMBERS):
        dtype = promote_number(b._spec.dtype, type(a))
        return wrap(number(a, dtype)), b, dtype
    if isinstance(a, NUMBERS) and isinstance(b, NUMBERS):
        dtype = promotion.result_type(a, b)
        return wrap(number(a, dtype)), wrap(number(b, dtype)), dtype
    wrong = b if isinstance(a, (Tensor, *NUMBERS)) else a
    if isinstance(wrong, np.ndarray):
        converted = from_array(wrong)
        return operands(*((a, converted) if wrong is b else (converted, b)), name)
    raise TypeError(
        f"{name}(): argument 'other' must be Tensor or a number, not {type(wrong).__name__}"
    )
