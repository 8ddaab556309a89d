"""Filling parameters with their first values.

Every function writes into its tensor outside autograd, and returns it.  `fan_in` is how many
inputs one output of a weight is computed from, `fan_out` how many outputs read one input.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rushlight.autograd.inplace import write_value
from rushlight.graph.recorder import recorder
from rushlight.tensor import Tensor, from_array, modes, node_of

_GAINS = {"sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, "linear": 1.0}
_GAINS |= {f"conv{n}d": 1.0 for n in (1, 2, 3)} | {f"conv_transpose{n}d": 1.0 for n in (1, 2, 3)}


class _Skipping(threading.local):
    now = False


_skipping = _Skipping()


@contextlib.contextmanager
def skipping() -> Iterator[None]:
    """Within, all functions here leave their tensors as they are."""
    before, _skipping.now = _skipping.now, True
    try:
        yield
    finally:
        _skipping.now = before


def _initializer(function: Callable) -> Callable:
    """Run outside autograd and compute at once, so that training steps begin with values."""

    @functools.wraps(function)
    def fill(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if _skipping.now:
            return tensor
        before, modes.grad = modes.grad, False
        try:
            result = function(tensor, *args, **kwargs)
        finally:
            modes.grad = before
        recorder().compute()
        return result

    return fill


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much a nonlinearity wants its weights larger, to keep variances equal.

    `param` is the negative slope of "leaky_relu".  ValueError for an unknown name.

    >>> from rushlight import nn
    >>> nn.init.calculate_gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        if isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions\n"
            f"Actual: shape {list(tensor.shape)}."
        )
    outputs, inputs, *window = tensor.shape
    field = math.prod(window)
    return inputs * field, outputs * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


@_initializer
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers drawn evenly from [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@_initializer
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers drawn from a normal distribution."""
    return tensor.normal_(mean, std, generator=generator)


@_initializer
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with numbers drawn from a normal distribution cut off at a and b.

    A uniform number between the cumulative probabilities of a and b, sent through the inverse of
    the cumulative distribution.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            stacklevel=3,
        )
    low = _normal_cdf((a - mean) / std)
    high = _normal_cdf((b - mean) / std)
    tensor.uniform_(2 * low - 1, 2 * high - 1, generator=generator)
    tensor.erfinv_().mul_(std * math.sqrt(2)).add_(mean)
    return tensor.clamp_(min=a, max=b)


def _normal_cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


@_initializer
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    return tensor.fill_(val)


@_initializer
def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return tensor.fill_(1)


@_initializer
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return tensor.fill_(0)


@_initializer
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity, so that a linear layer keeps its inputs."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _write(tensor, np.eye(*tensor.shape))


@_initializer
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight keep its inputs, as far as there are channels."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *window = tensor.shape
    if outputs % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tensor.shape)
    middle = tuple(size // 2 for size in window)
    for group in range(groups):
        for channel in range(min(outputs // groups, inputs)):
            values[(group * (outputs // groups) + channel, channel, *middle)] = 1
    return _write(tensor, values)


@_initializer
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill evenly from ±gain √(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@_initializer
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill normally with deviation gain √(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return tensor.normal_(0.0, _xavier_std(tensor, gain), generator=generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))


@_initializer
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill evenly from ±gain √(3 / fan) (He et al., 2015); `a` is the slope of leaky_relu."""
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)


@_initializer
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill normally with deviation gain / √fan (He et al., 2015); `a` is leaky_relu's slope."""
    if _is_empty(tensor):
        return tensor
    return tensor.normal_(0, _kaiming_std(tensor, a, mode, nonlinearity), generator=generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return True
    return False


@_initializer
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix times `gain` (Saxe et al., 2013)."""
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    tensor.normal_(0, 1, generator=generator)
    drawn = tensor.detach()._values().reshape(rows, -1).astype(np.float64)
    wide = drawn.shape[0] < drawn.shape[1]
    q, r = np.linalg.qr(drawn.T if wide else drawn)
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform
    q = q * signs
    return _write(tensor, gain * (q.T if wide else q).reshape(tensor.shape))


@_initializer
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix normally, with the given part of each column zero (Martens, 2010)."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    from rushlight.ops import FUNCTIONS

    tensor.normal_(0, std, generator=generator)
    values = np.array(tensor.detach()._values())
    rows, columns = values.shape
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        order = FUNCTIONS["randperm"](rows, generator=generator)._values()
        values[order[:zeros], column] = 0
    return _write(tensor, values)


def _write(tensor: Tensor, values: np.ndarray) -> Tensor:
    array = values.astype(tensor.dtype.compute)
    write_value(tensor, node_of(from_array(array, tensor.dtype)))
    return tensor


def _deprecated(function: Callable) -> Callable:
    """The function under its old name, without the underscore."""
    old, new = function.__name__.rstrip("_"), function.__name__

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    renamed.__name__ = old
    return renamed


uniform, normal, constant = (_deprecated(f) for f in (uniform_, normal_, constant_))
eye, dirac, orthogonal = (_deprecated(f) for f in (eye_, dirac_, orthogonal_))
sparse, xavier_uniform = _deprecated(sparse_), _deprecated(xavier_uniform_)
xavier_normal, kaiming_uniform = _deprecated(xavier_normal_), _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
