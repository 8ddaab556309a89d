"""Elements written one by one, or along a diagonal; and PyTorch's functions that end in `_`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.operands import NUMBERS
from rushlight.tensor import Tensor, from_array

# Methods that PyTorch offers as functions too.
INPLACE_FUNCTIONS = ("abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_")
INPLACE_FUNCTIONS += ("arcsinh_", "arctan_", "arctanh_", "as_strided_", "asin_", "asinh_")
INPLACE_FUNCTIONS += ("atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_")
INPLACE_FUNCTIONS += ("conj_physical_", "cos_", "cosh_", "deg2rad_", "detach_", "erf_", "erfc_")
INPLACE_FUNCTIONS += ("exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_")
INPLACE_FUNCTIONS += ("i0_", "index_put_", "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_")
INPLACE_FUNCTIONS += ("logit_", "nan_to_num_", "neg_", "negative_", "rad2deg_", "reciprocal_")
INPLACE_FUNCTIONS += ("relu_", "resize_as_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_")
INPLACE_FUNCTIONS += ("sinh_", "sqrt_", "square_", "tan_", "tanh_", "trunc_", "xlogy_", "zero_")


def function_of(method: Callable) -> Callable:
    """A method that changes its tensor, as a function of it."""

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return method(check_tensor(function.__name__, "input", input), *args, **kwargs)

    function.__name__ = function.__qualname__ = method.__name__
    function.__doc__ = method.__doc__
    return function


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number to the places whose indices are all equal.

    A matrix may have any sizes; with `wrap` the diagonal of a tall one starts anew after a gap
    of one row.  RuntimeError for other sizes that are not equal.

    >>> import rushlight as rl
    >>> rl.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    if not isinstance(fill_value, NUMBERS):
        raise TypeError(
            "fill_diagonal_(): argument 'fill_value' (position 1) must be Number, not "
            f"{type(fill_value).__name__}"
        )
    shape = self.shape
    if len(shape) < 2:
        words = "dimensions must larger than 1"
        fail(RuntimeError, "fill_diagonal_", words, "2 or more dimensions", describe(self))
    if len(shape) > 2 and len(set(shape)) > 1:
        words = "all dimensions of input must be of equal length"
        fail(RuntimeError, "fill_diagonal_", words, "equal sizes", describe(self))
    if len(shape) > 2:
        self.as_strided((shape[0],), (sum(self.stride()),)).fill_(fill_value)
        return self
    rows, columns = shape
    step = columns + 1
    for start in range(0, rows, step) if wrap else (0,):
        self.narrow(0, start, min(step, rows - start)).diagonal().fill_(fill_value)
    return self


def _check_no_grad(name: str, tensor: Tensor) -> None:
    if tensor.requires_grad:
        raise TypeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )


def apply_(self: Tensor, callable: Callable) -> Tensor:
    """Write callable(element) to every element; slow, a sync point."""
    _check_no_grad("apply_", self)
    values = self._values()
    found = np.frompyfunc(callable, 1, 1)(values).astype(values.dtype)
    return self.copy_(from_array(np.asarray(found)))


def map_(self: Tensor, tensor: Tensor, callable: Callable) -> Tensor:
    """Write callable(element, the other's element) to every element; slow, a sync point."""
    _check_no_grad("map_", self)
    values = self._values()
    others = check_tensor("map_", "tensor", tensor).detach()._values()
    found = np.frompyfunc(callable, 2, 1)(values, others).astype(values.dtype)
    return self.copy_(from_array(np.asarray(found)))


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return check_tensor("is_same_size", "input", input).shape == other.shape


FUNCTIONS: dict[str, Any] = {
    "is_same_size": is_same_size,
    "detach": lambda input: check_tensor("detach", "input", input).detach(),
}
METHODS: dict[str, Any] = {
    "fill_diagonal_": fill_diagonal_,
    "apply_": apply_,
    "map_": map_,
    "is_same_size": is_same_size,
}
