"""Dual tensors: values that carry a tangent along, PyTorch's `torch.autograd.forward_ad`.

A dual tensor stands for its primal, and operations on it are recorded as for gradients.  Unpacking
differentiates twice: a vector-Jacobian product is linear in its vector, and its derivative by the
vector, times the tangents, is the tangent of the result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from rushlight.autograd.given import Given, differentiating, gradients, leave, stand_in, zeros
from rushlight.tensor import Tensor, modes

_levels: list[_Level] = []


class _Level:
    """The dual tensors made in one `dual_level`."""

    def __init__(self) -> None:
        self.nodes: list[Given] = []
        self.tangents: list[Tensor] = []

    def unpack(self, tensor: Tensor) -> UnpackedDualTensor:
        """The value of a tensor, and how it moves with the tangents."""
        before, modes.grad = modes.grad, True
        try:
            with differentiating([zeros(tensor._spec)]) as vectors:
                rows = gradients([tensor], vectors.tensors, self.nodes)
        finally:
            modes.grad = before
        with self._closed():
            if not any(row.requires_grad for row in rows):
                return UnpackedDualTensor(leave(tensor), None)
            found = gradients(rows, self.tangents, vectors.nodes)
            return UnpackedDualTensor(leave(tensor), found[0])

    @contextlib.contextmanager
    def _closed(self) -> Iterator[None]:
        """In this block nobody asks for gradients of the dual tensors."""
        for node in self.nodes:
            node.is_open = False
        try:
            yield
        finally:
            for node in self.nodes:
                node.is_open = True


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Begin a level of dual tensors; RuntimeError if one has begun already."""
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append(_Level())
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level of dual tensors: they are plain tensors now."""
    for node in _current().nodes:
        node.is_open = False
    _levels.clear()


class dual_level:  # noqa: N801 - PyTorch's name
    """A `with` block in which there are dual tensors.

    >>> import rushlight as rl
    >>> from rushlight.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     dual = forward_ad.make_dual(rl.tensor(3.0), rl.tensor(1.0))
    ...     forward_ad.unpack_dual(dual * dual).tangent
    tensor(6.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_: object) -> None:
        exit_dual_level()


def _current() -> _Level:
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return _levels[-1]


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor of the same value that moves along the tangent, of the same shape and dtype."""
    current = _current()
    if not tensor.dtype.is_differentiable:
        raise ValueError(
            f"Expected primal to be floating point or complex, but got: {tensor.dtype}"
        )
    have, want = tangent._spec, tensor._spec
    if have.shape != want.shape or have.dtype is not want.dtype:
        raise RuntimeError(
            f"the tangent must be like the primal\nExpected: {want}.\nActual: {have}. In make_dual."
        )
    dual, node = stand_in(tensor)
    current.nodes.append(node)
    current.tangents.append(tangent)
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value of a tensor, and its tangent: None if it depends on no dual tensor."""
    if not _levels:
        return UnpackedDualTensor(tensor, None)
    if not tensor.dtype.is_differentiable:
        return UnpackedDualTensor(tensor, None)
    return _levels[-1].unpack(tensor)
