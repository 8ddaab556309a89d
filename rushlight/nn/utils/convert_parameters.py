"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from rushlight.autograd.inplace import write_value
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, node_of


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters behind each other, as one vector."""
    return FUNCTIONS["cat"]([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector into parameters, one behind the other; TypeError for no tensor."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected rushlight.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        part = vec[start:end].reshape(parameter.shape).detach()
        write_value(parameter, node_of(part.to(parameter.dtype)))
        start = end
