"""Tensors of constants that our own source names: part of a graph's structure, not its inputs."""

from __future__ import annotations

from rushlight.graph.creation import literal
from rushlight.graph.dtype import DType
from rushlight.graph.movement import expand
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor, wrap


def constant(value: bool | int | float, dtype: DType) -> Tensor:
    """A 0-d tensor of a number in our source."""
    return wrap(literal(value, dtype))


def filled(value: bool | int | float, spec: Spec) -> Tensor:
    """A tensor of this shape and dtype full of a number in our source."""
    return wrap(expand(literal(value, spec.dtype), spec.shape))


def constants_like(x: Tensor, *values: float) -> list[Tensor]:
    """Numbers in our source as 0-d tensors of x's dtype."""
    return [constant(value, x._spec.dtype) for value in values]
