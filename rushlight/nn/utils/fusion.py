"""A layer and the batch normalisation behind it as one layer, for evaluation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    statistics: tuple[Tensor, Tensor, float, Tensor | None, Tensor | None],
    shape: list[int],
) -> tuple[Parameter, Parameter]:
    """Weight and bias times what the normalisation multiplies by; `shape` is one of its kind."""
    mean, variance, eps, scale, shift = statistics
    factor = (variance.detach() + eps).rsqrt()
    factor = factor if scale is None else factor * scale.detach()
    moved = -mean.detach() if bias is None else bias.detach() - mean.detach()
    moved = moved * factor
    moved = moved if shift is None else moved + shift.detach()
    kind = weight.dtype if bias is None else bias.dtype
    learned = bias is not None and bias.requires_grad
    return (
        Parameter((weight.detach() * factor.reshape(shape)).to(weight.dtype), weight.requires_grad),
        Parameter(moved.to(kind), learned),
    )


def _check(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A new convolution that computes `bn(conv(x))`, both in evaluation mode.

    `transpose` is for transposed convolutions.  AssertionError while training, or without running
    statistics.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> conv, norm, x = nn.Conv2d(2, 3, 1).eval(), nn.BatchNorm2d(3).eval(), rl.ones(1, 2, 4, 4)
    >>> fused = nn.utils.fuse_conv_bn_eval(conv, norm)
    >>> bool(((fused(x) - norm(conv(x))).abs() < 1e-5).all())
    True
    """
    _check(conv, bn)
    fused = deepcopy(conv)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    weights = fuse_conv_bn_weights(fused.weight, fused.bias, *statistics, transpose)
    fused.weight, fused.bias = weights
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution with a normalisation in them."""
    shape = [1, -1] if transpose else [-1, 1]
    shape += [1] * (conv_w.dim() - 2)
    return _fused(conv_w, conv_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), shape)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A new linear layer that computes `bn(linear(x))`, both in evaluation mode."""
    _check(linear, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1"
        )
    fused = deepcopy(linear)
    statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    weights = fuse_linear_bn_weights(fused.weight, fused.bias, *statistics)
    fused.weight, fused.bias = weights
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer with a normalisation in them."""
    return _fused(linear_w, linear_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), [-1, 1])
