"""Reductions and normalisations of the elements that a mask keeps, as `torch.masked` has them.

`mask` is a bool tensor that broadcasts to the input: True keeps an element.  Elements that are
left out count as the operation's identity (0 in a sum, -infinity in a maximum), so where nothing
is kept that is the result.  Without a mask all elements are kept.

>>> import rushlight as rl
>>> x, mask = rl.tensor([1.0, 2.0, 4.0]), rl.tensor([True, False, True])
>>> rl.masked.mean(x, 0, mask=mask)
tensor(2.5000)
"""

from __future__ import annotations

import math
from typing import Any

import rushlight as rl
from rushlight.dtypes import as_dtype, iinfo
from rushlight.graph.dtype import DType, bool_
from rushlight.ops.check import check_axes, check_tensor, describe, fail
from rushlight.tensor import Tensor

Dims = int | tuple[int, ...] | None
Mask = Tensor | None


# ------------------------------------------------------------------------------------------ masking
def _prepared(name: str, input: Tensor, dtype: DType | None) -> Tensor:
    """The input in the dtype that is asked for."""
    check_tensor(name, "input", input)
    dtype = as_dtype(name, dtype)
    return input if dtype is None else input.to(dtype)


def _broadcast(name: str, input: Tensor, mask: Tensor) -> Tensor:
    check_tensor(name, "mask", mask)
    if mask.dim() > input.dim():
        words = f"{name} expected broadcastable mask (got mask dimensionality higher than of the "
        words += "input)"
        fail(IndexError, name, words, f"at most {input.dim()} dimensions", describe(mask))
    return mask.to(bool_).expand(input.shape)


def _filled(name: str, input: Tensor, mask: Mask, value: float) -> Tensor:
    """The input with a value where the mask keeps nothing."""
    return input if mask is None else rl.where(_broadcast(name, input, mask), input, value)


def _least(dtype: DType) -> float:
    if dtype.is_floating_point:
        return -math.inf
    return 0 if dtype is bool_ else iinfo(dtype).min


def _most(dtype: DType) -> float:
    if dtype.is_floating_point:
        return math.inf
    return 1 if dtype is bool_ else iinfo(dtype).max


def _axes(name: str, input: Tensor, dim: Dims) -> tuple[int, ...]:
    return check_axes(name, None if dim == () else dim, input.dim())


def _counted(name: str, input: Tensor, mask: Mask, axes: tuple, keepdim: bool) -> Tensor:
    """How many elements each result is made of."""
    if mask is None:
        mask = rl.ones(input.shape, dtype=bool_)
    kept = _broadcast(name, input, mask)
    return kept.sum(axes, keepdim) if axes else kept.to(rl.int64)


# --------------------------------------------------------------------------------------- reductions
def sum(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The sum of what the mask keeps, over all or some dimensions; 0 where nothing is kept.

    >>> import rushlight as rl
    >>> rl.masked.sum(rl.tensor([1, 2, 4]), 0, mask=rl.tensor([True, False, True]))
    tensor(5)
    """
    input = _prepared("sum", input, dtype)
    axes = _axes("sum", input, dim)
    return _filled("sum", input, mask, 0).sum(axes, bool(keepdim))


def prod(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The product of what the mask keeps, over all or some dimensions; 1 where nothing is kept."""
    input = _prepared("prod", input, dtype)
    result = _filled("prod", input, mask, 1)
    for axis in reversed(_axes("prod", input, dim)):
        result = result.prod(axis, bool(keepdim))
    return result if result.dtype.is_differentiable else result.to(rl.int64)


def amax(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The largest of what the mask keeps, over all or some dimensions; -infinity if nothing is."""
    input = _prepared("amax", input, dtype)
    axes = _axes("amax", input, dim)
    filled = _filled("amax", input, mask, _least(input.dtype))
    return rl.amax(filled, axes, bool(keepdim))


def amin(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The smallest of what the mask keeps, over all or some dimensions; infinity if nothing is."""
    input = _prepared("amin", input, dtype)
    axes = _axes("amin", input, dim)
    return rl.amin(_filled("amin", input, mask, _most(input.dtype)), axes, bool(keepdim))


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The place of the largest element that the mask keeps, in the input's dtype as in PyTorch."""
    input = _prepared("argmax", input, dtype)
    return (
        _filled("argmax", input, mask, _least(input.dtype))
        .argmax(dim, bool(keepdim))
        .to(input.dtype)
    )


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The place of the smallest element that the mask keeps, in the input's dtype."""
    input = _prepared("argmin", input, dtype)
    return (
        _filled("argmin", input, mask, _most(input.dtype))
        .argmin(dim, bool(keepdim))
        .to(input.dtype)
    )


def mean(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The mean of what the mask keeps, over all or some dimensions; NaN where nothing is kept."""
    input = _prepared("mean", input, dtype)
    axes = _axes("mean", input, dim)
    total = (
        sum(input, axes, keepdim=keepdim, mask=mask) if axes else _filled("mean", input, mask, 0)
    )
    return total / _counted("mean", input, mask, axes, bool(keepdim))


def _nanmedian(input: Tensor, dim: int, keepdim: bool) -> Tensor:
    """The lower median of what is not NaN, which sorts to the end."""
    if not input.dim():
        return input
    kept = (input == input).sum(dim, True)
    middle = ((kept - 1) // 2).clamp(min=0)
    found = input.sort(dim)[0].gather(dim, middle)
    return found if keepdim else found.squeeze(dim)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The median, the lower of two, of what the mask keeps along a dimension.

    ValueError for integers where nothing is kept.
    """
    input = _prepared("median", input, dtype)
    floating = input if input.dtype.is_floating_point else input.to(rl.float32)
    if mask is None:
        return rl.median(floating, dim, bool(keepdim))[0].to(input.dtype)
    result = _nanmedian(_filled("median", floating, mask, math.nan), dim, bool(keepdim))
    if floating is not input and bool(result.isnan().any()):
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return result.to(input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The norm of what the mask keeps, over all or some dimensions."""
    input = _prepared("norm", input, dtype)
    order = 2.0 if ord is None else float(ord)
    filled = _filled("norm", input, mask, math.inf if order < 0 else 0)
    return rl.norm(filled, order, _axes("norm", input, dim), bool(keepdim))


def logsumexp(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """log(sum(exp(x))) of what the mask keeps; -infinity where nothing is."""
    input = _prepared("logsumexp", input, dtype)
    axes = _axes("logsumexp", input, dim)
    return rl.logsumexp(_filled("logsumexp", input, mask, -math.inf), axes, bool(keepdim))


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The variance of what the mask keeps: squared distances over count - correction (1)."""
    input = _prepared("var", input, dtype)
    input = input if input.dtype.is_differentiable else input.to(rl.float32)
    axes = _axes("var", input, dim)
    apart = input - mean(input, axes, keepdim=True, mask=mask)
    squares = apart * apart.conj()
    squares = sum(squares, axes, keepdim=keepdim, mask=mask) if axes else squares
    lost = (1 if unbiased is None or unbiased else 0) if correction is None else correction
    counted = _counted("var", input, mask, axes, bool(keepdim))
    return squares / (counted - lost).clamp(min=0).to(input.dtype)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """The standard deviation of what the mask keeps: the square root of `var`."""
    options: dict[str, Any] = {"keepdim": keepdim, "dtype": dtype, "mask": mask}
    return var(input, dim, unbiased, correction=correction, **options).sqrt()


# ---------------------------------------------------------------------------- along one dimension
def cumsum(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Mask = None) -> Tensor:
    """The sums, of what the mask keeps, up to each element."""
    input = _prepared("cumsum", input, dtype)
    return _filled("cumsum", input, mask, 0).cumsum(dim)


def cumprod(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Mask = None) -> Tensor:
    """The products, of what the mask keeps, up to each element."""
    input = _prepared("cumprod", input, dtype)
    return _filled("cumprod", input, mask, 1).cumprod(dim)


def softmax(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Mask = None) -> Tensor:
    """softmax over what the mask keeps, 0 elsewhere; NaN where nothing is kept.

    >>> import rushlight as rl
    >>> rl.masked.softmax(rl.zeros(3), 0, mask=rl.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    input = _prepared("softmax", input, dtype)
    return rl.softmax(_filled("softmax", input, mask, -math.inf), dim)


def log_softmax(
    input: Tensor, dim: int, *, dtype: DType | None = None, mask: Mask = None
) -> Tensor:
    """The logarithm of `softmax`."""
    input = _prepared("log_softmax", input, dtype)
    return rl.log_softmax(_filled("log_softmax", input, mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: DType | None = None, mask: Mask = None) -> Tensor:
    """`softmax` of -input."""
    return softmax(-_prepared("softmin", input, dtype), dim, mask=mask)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: DType | None = None,
    mask: Mask = None,
) -> Tensor:
    """What the mask keeps over its norm along a dimension, at least eps; 0 elsewhere."""
    input = _prepared("normalize", input, dtype)
    size = norm(input, ord, dim, keepdim=True, mask=mask)
    return _filled("normalize", input, mask, 0) / size.clamp(min=eps)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: DType | None = None,
    input_mask: Mask = None,
    other_mask: Mask = None,
) -> Tensor:
    """log(exp(input) + exp(other)) of what each mask keeps."""
    input, other = _prepared("logaddexp", input, dtype), _prepared("logaddexp", other, dtype)
    left = _filled("logaddexp", input, input_mask, -math.inf)
    return rl.logaddexp(left, _filled("logaddexp", other, other_mask, -math.inf))
