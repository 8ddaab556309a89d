"""Changing what all parameters and buffers of a module are: dtype, device, requires_grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.autograd.grads import clear_grad
from rushlight.device import check_device
from rushlight.graph.dtype import DType, bfloat16, find_dtype, float16, float32, float64
from rushlight.tensor import Tensor, modes, node_of


class Converts:
    """The part of Module that converts its tensors in place."""

    def _apply(self, fn: Callable, recurse: bool = True) -> Any:
        """Replace the value of every parameter, its gradient and every buffer by `fn` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        before, modes.grad = modes.grad, False
        try:
            for parameter in self._parameters.values():
                if parameter is not None:
                    _convert(parameter, fn)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        finally:
            modes.grad = before
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move or cast in place: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`.

        Only floating point parameters and buffers are cast.  TypeError for an integer dtype.
        Returns the module itself.
        """
        dtype = _parse_to(*args, **kwargs)
        if dtype is None:
            return self
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )
        return self._cast(dtype)

    def _cast(self, dtype: DType) -> Any:
        def cast(tensor: Tensor) -> Tensor:
            floats = tensor.dtype.is_floating_point or tensor.dtype.is_complex
            return tensor.to(dtype) if floats else tensor

        return self._apply(cast)

    def type(self, dst_type: DType | str) -> Any:
        """Cast all parameters and buffers, integer buffers too; returns the module itself."""
        dtype = find_dtype(dst_type.split(".")[-1]) if isinstance(dst_type, str) else dst_type
        return self._apply(lambda tensor: tensor.to(dtype))

    def float(self) -> Any:
        """Cast floating point parameters and buffers to float32; returns the module itself."""
        return self._cast_floats(float32)

    def double(self) -> Any:
        """Cast floating point parameters and buffers to float64; returns the module itself."""
        return self._cast_floats(float64)

    def half(self) -> Any:
        """Cast floating point parameters and buffers to float16; returns the module itself."""
        return self._cast_floats(float16)

    def bfloat16(self) -> Any:
        """Cast floating point parameters and buffers to bfloat16; returns the module itself."""
        return self._cast_floats(bfloat16)

    def _cast_floats(self, dtype: DType) -> Any:
        return self._apply(lambda t: t.to(dtype) if t.dtype.is_floating_point else t)

    def cpu(self) -> Any:
        """The module itself: it lives on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Any:
        """RuntimeError: this version has no accelerator engine."""
        check_device("cuda" if device is None else device)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Switch gradients of all parameters on or off; returns the module itself."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradient of every parameter."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    def share_memory(self) -> Any:
        """The module itself; accepted as in PyTorch, workers here get copies."""
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: every program is recorded, fused and compiled by itself."""


def _convert(parameter: Tensor, fn: Callable) -> None:
    changed = fn(parameter.detach())
    if changed is parameter or node_of(changed) is node_of(parameter):
        return
    grad = parameter.grad
    parameter._grad = None
    parameter.data = changed
    parameter._accumulator = None
    if grad is not None:
        parameter._grad = fn(grad.detach())


def _parse_to(*args: Any, **kwargs: Any) -> DType | None:
    """The dtype asked for; the device is checked here."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    kwargs.pop("non_blocking", None), kwargs.pop("copy", None), kwargs.pop("memory_format", None)
    tensor = kwargs.pop("tensor", None)
    if kwargs:
        raise TypeError(f"to() received an invalid argument: {', '.join(kwargs)}")
    for argument in args:
        if isinstance(argument, DType):
            dtype = argument
        elif isinstance(argument, Tensor):
            tensor = argument
        elif argument is not None and not isinstance(argument, bool):
            device = argument
    if tensor is not None:
        dtype = tensor.dtype
    check_device(device)
    return dtype
