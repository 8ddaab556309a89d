"""Gradients in shape and dtype of the values that they belong to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rushlight.autograd.errors import explain_shape
from rushlight.autograd.node import Edge, GradNode
from rushlight.graph.movement import reshape
from rushlight.graph.reduction import sum_
from rushlight.graph.spec import Spec
from rushlight.tensor import Tensor, modes, node_of, wrap


def fit(grad: Any, want: Spec, edge: Edge, source: GradNode | None) -> Tensor:
    """The gradient that goes along an edge in the form that is wanted there.

    Where broadcasting or promotion made an operation's result larger or wider than its input, the
    gradient is summed and cast back here, once for all operations.
    """
    have = grad._spec if isinstance(grad, Tensor) else None
    if have is want:
        return grad
    if have is None:
        maker = source.name() if source is not None else "backward"
        raise RuntimeError(
            f"expected Variable or None (got {type(grad).__name__})\n"
            f"Expected each gradient that {maker} returns to be a Tensor or None."
        )
    if have.shape != want.shape:
        axes = repeated_axes(want.shape, have.shape)
        if axes is None:
            raise RuntimeError(explain_shape(source, edge, have, want))
        if modes.grad:
            grad = grad.sum_to_size(want.shape)
        else:
            grad = wrap(reshape(sum_(node_of(grad), axes), want.shape))
    if have.dtype is not want.dtype:
        if have.dtype.is_complex and not want.dtype.is_complex:
            grad = grad.real
        grad = grad.to(want.dtype)
    return grad


@lru_cache(maxsize=4096)
def repeated_axes(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...] | None:
    """Over which axes of `large` to sum to undo a broadcast of `small`; None if it was none."""
    added = len(large) - len(small)
    if added < 0 or any(a not in (1, b) for a, b in zip(small, large[added:], strict=True)):
        return None
    repeated = [i for i, a in enumerate(small, added) if a == 1 and large[i] != 1]
    return (*range(added), *repeated)
