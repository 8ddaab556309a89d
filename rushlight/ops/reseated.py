"""Views taken in place: `t_`, `squeeze_` and their kin change the tensor's own shape.

The tensor becomes a view of what it was: a hidden tensor takes over its place in the autograd
graph, and views that were made of it before go on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.autograd.inplace import check_leaf
from rushlight.ops.movement import squeeze, t, transpose, unsqueeze
from rushlight.ops.strided import as_strided
from rushlight.tensor import Tensor, alias_of, modes

_HISTORY = ("_cell", "_chain", "_seen", "_node", "_strides", "_base", "_requires_grad", "_grad_fn")
_HISTORY += ("_output_number", "_untracked")


def _former(tensor: Tensor) -> Tensor:
    """What the tensor was: the same storage, and its place in the graph unless it is a leaf."""
    if tensor.is_leaf:
        former = alias_of(tensor)
        former._base = tensor._base
        return former
    former = object.__new__(Tensor)
    own = tensor.__dict__
    former.__dict__.update({name: own[name] for name in _HISTORY if name in own})
    return former


def _reseat(tensor: Tensor, view: Callable, name: str, arguments: tuple, options: dict) -> Tensor:
    check_leaf(tensor, name)
    former = _former(tensor)
    leaf = tensor._requires_grad and tensor.is_leaf
    result = view(former, *arguments, **options)
    own = result.__dict__
    for field in _HISTORY:
        if field in own:
            tensor.__dict__[field] = own[field]
        else:
            tensor.__dict__.pop(field, None)
    if leaf:
        tensor._requires_grad, tensor._grad_fn = True, None
    if not modes.grad:
        tensor._untracked = former._untracked
    return tensor


def _inplace(name: str, view: Callable) -> Callable:
    def method(self: Tensor, *arguments: Any, **options: Any) -> Tensor:
        return _reseat(self, view, name, arguments, options)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of `{name[:-1]}`: the tensor itself gets the other shape."
    return method


_VIEWS = {"squeeze_": squeeze, "unsqueeze_": unsqueeze, "t_": t, "transpose_": transpose}
_VIEWS |= {"swapaxes_": transpose, "swapdims_": transpose, "as_strided_": as_strided}
FUNCTIONS: dict[str, Any] = {}
METHODS = {name: _inplace(name, view) for name, view in _VIEWS.items()}
