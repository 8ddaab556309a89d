"""Arguments that many functions share: layout, device, out; and NumPy's names for others."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rushlight.device import check_device
from rushlight.dtypes import memory_format, strided
from rushlight.tensor import Tensor

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input"}


def numpy_names(function: Callable) -> Callable:
    """Let a function take `axis` for dim and `keepdims` for keepdim, as PyTorch does."""

    @functools.wraps(function)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for name, ours in _NUMPY_NAMES.items():
                if name in kwargs:
                    kwargs[ours] = kwargs.pop(name)
        return function(*args, **kwargs)

    return accepting


def check_options(
    operation: str,
    *,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    memory_format: Any = None,
    out: Any = None,
    names: Any = None,
) -> None:
    """An error for what is not built: other devices and layouts, named dimensions, `out`."""
    if device is not None:
        check_device(device)
    if layout is not None and layout is not strided:
        raise NotImplementedError(
            f"{operation}: expected layout rushlight.strided, the only one there is, got {layout}"
        )
    if memory_format is not None:
        check_memory_format(operation, memory_format)
    if names is not None:
        raise NotImplementedError(f"{operation}: named dimensions are not built")
    if out is not None:
        raise NotImplementedError(
            f"{operation}: `out` is not built; assign the result, or use out.copy_(result)"
        )


def check_memory_format(operation: str, wanted: Any) -> None:
    """TypeError unless it is a memory format; each is accepted, none changes the result."""
    if not isinstance(wanted, memory_format):
        raise TypeError(
            f"{operation}(): argument 'memory_format' must be rushlight.memory_format, not "
            f"{type(wanted).__name__}"
        )


def finish(tensor: Tensor, requires_grad: bool) -> Tensor:
    """A tensor just made, as a leaf that requires grad if that was asked for."""
    if not requires_grad:
        return tensor
    if requires_grad is not True:
        raise TypeError(f"'requires_grad' must be bool, not {type(requires_grad).__name__}")
    dtype = tensor._spec.dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients\n"
            f"Expected: a floating point dtype.\nActual: {dtype.name}."
        )
    return tensor.requires_grad_()
