"""softmax and its kin with the arguments that `nn.functional` gives them."""

from __future__ import annotations

import warnings
from typing import Any

from rushlight.graph.dtype import DType
from rushlight.ops import softmax as plain
from rushlight.ops.random import rand_like
from rushlight.tensor import Tensor


def _implied(name: str, input: Tensor, dim: int | None) -> int:
    """The dimension that early PyTorch took where none is given, with a warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """exp(input) over its sum along a dimension."""
    return plain.softmax(input, _implied("softmax", input, dim), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """The logarithm of softmax, without underflow."""
    return plain.log_softmax(input, _implied("log_softmax", input, dim), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """softmax of minus the input."""
    return plain.softmax(-input, _implied("softmin", input, dim), dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A draw from a softened categorical distribution (Jang et al., 2017).

    With `hard` the result is one-hot, and the gradient that of the soft draw.
    """
    noise = -(-rand_like(logits).clamp_min(1e-20).log()).log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    place = soft.argmax(dim, keepdim=True)
    one_hot = soft.detach().mul(0).scatter(dim, place, 1.0)
    return one_hot - soft.detach() + soft


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
