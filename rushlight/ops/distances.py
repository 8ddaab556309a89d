"""Distances between rows, covariances, cross products, and rows kept within a norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.ops.check import broadcast, check_axis, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.complex import complex
from rushlight.ops.diagonals import diagonal
from rushlight.ops.movement import expand
from rushlight.ops.norms import Norm
from rushlight.ops.operands import operands
from rushlight.ops.places import holds_anywhere
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor, from_array


# --------------------------------------------------------------------------------------- distances
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """The p-norms of the differences of every row of x1 and every row of x2.

    Shapes (..., P, M) and (..., R, M) give (..., P, R).  All ways to compute are one here.
    RuntimeError for other than floats, for rows of unequal length and for a negative p.

    >>> import rushlight as rl
    >>> rl.cdist(rl.tensor([[0.0, 0.0]]), rl.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        dtype = check_tensor("cdist", name.lower(), x)._spec.dtype
        if not dtype.is_floating_point:
            words = f"cdist only supports floating-point dtypes, {name} got: {dtype.name}"
            fail(RuntimeError, "cdist", words, "a floating point tensor", describe(x))
        if x.dim() < 2:
            words = "cdist only supports at least 2D tensors, "
            fail(RuntimeError, "cdist", f"{words}{name} got: {x.dim()}D", "matrices", describe(x))
    if x1.shape[-1] != x2.shape[-1]:
        words = f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} "
        words += f"X2: {x2.shape[-1]}"
        fail(RuntimeError, "cdist", words, describe(x1), describe(x2))
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist"
    if compute_mode not in (*modes, "donot_use_mm_for_euclid_dist", None):
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    broadcast(x1._spec.shape[:-2], x2._spec.shape[:-2], "cdist")
    return _norms(x1.unsqueeze(-2) - x2.unsqueeze(-3), float(p))


def _norms(apart: Tensor, p: float) -> Tensor:
    """Norms along the last dimension, 0 where there is nothing in it."""
    if not apart.shape[-1]:
        return apart.sum(-1)
    return Norm.apply((apart,), p, (apart.dim() - 1,), False)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows, in one dimension.

    >>> import rushlight as rl
    >>> rl.nn.functional.pdist(rl.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if check_tensor("pdist", "input", input).dim() != 2:
        words = f"pdist only supports 2D tensors, got: {input.dim()}D"
        fail(RuntimeError, "pdist", words, "a matrix", describe(input))
    if not input._spec.dtype.is_floating_point:
        words = "pdist only supports floating-point dtypes"
        fail(RuntimeError, "pdist", words, "a floating point tensor", describe(input))
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = np.triu_indices(input.shape[0], 1)
    if not len(first):
        return input.new_zeros(0)
    pairs = input[from_array(first.astype(np.int64))] - input[from_array(second.astype(np.int64))]
    return _norms(pairs, float(p))


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The slices along one dimension, those of a larger p-norm shrunk to `maxnorm`.

    >>> import rushlight as rl
    >>> rl.renorm(rl.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    rank = check_tensor("renorm", "input", input).dim()
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if rank < 2:
        words = f"renorm: input needs at least 2 dimensions, got {rank} dimensions"
        fail(RuntimeError, "renorm", words, "2 or more dimensions", describe(input))
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    axis = check_axis("renorm", dim, rank)
    axes = tuple([other for other in range(rank) if other != axis])
    sizes = input.abs() if input._spec.dtype.is_complex else input
    norm = Norm.apply((sizes,), float(p), axes, True)
    return input * where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)


# --------------------------------------------------------------------------------------- covariance
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables, one a row, whose observations are the columns.

    `fweights` say how often each observation occurs, `aweights` how much it counts; the sum of
    squares is divided by the total weight less the correction.

    >>> import rushlight as rl
    >>> rl.cov(rl.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    if check_tensor("cov", "input", input).dim() > 2:
        words = "cov(): expected input to have two or fewer dimensions but got an input with "
        fail(RuntimeError, "cov", f"{words}{input.dim()} dimensions", "a matrix", describe(input))
    if input._spec.dtype.name == "bool":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dim() == 2 else input.reshape(1, -1)
    if not x._spec.dtype.is_differentiable:
        x = x.to(get_default_dtype())
    count = x.shape[1]
    weights = _weights(x, fweights, aweights)
    total: Any = count if weights is None else weights.sum()
    if weights is not None and (not count or holds_anywhere(total == 0, unseen=False)):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    mean = (x if weights is None else x * weights).sum(1) / total
    freedom = _freedom(total, weights, aweights, correction)
    apart = x - mean.unsqueeze(1)
    found = (apart @ (apart if weights is None else apart * weights).t().conj()) / freedom
    return found.squeeze()


def _weights(x: Tensor, fweights: Any, aweights: Any) -> Tensor | None:
    """Both kinds of weights, checked, as one."""
    product = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if check_tensor("cov", name, weights).dim() > 1:
            words = f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            fail(RuntimeError, "cov", f"{words}{weights.dim()}", "a vector", describe(weights))
        floats = weights._spec.dtype.is_floating_point
        if floats is not (name == "aweights"):
            kind = "floating point" if name == "aweights" else "integral"
            words = f"cov(): expected {name} to have {kind} dtype but got {name} with "
            words += weights.dtype.name
            fail(RuntimeError, "cov", words, f"{kind} weights", describe(weights))
        if weights.numel() != x.shape[1]:
            words = f"cov(): expected {name} to have the same numel as there are observations in "
            words += f"the input but got {weights.numel()} != {x.shape[1]}"
            fail(RuntimeError, "cov", words, f"{x.shape[1]} weights", describe(weights))
        if weights.numel() and holds_anywhere(weights < 0, unseen=False):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        weights = weights.reshape(-1)
        product = weights if product is None else product * weights
    return product


def _freedom(total: Any, weights: Tensor | None, aweights: Any, correction: int) -> Any:
    """What the sums of squares are divided by; 0 at least."""
    if weights is None:
        return max(0, total - correction)
    if aweights is None:
        freedom = total - correction
    else:
        freedom = total - correction * (weights * aweights.reshape(-1)).sum() / total
    return where(freedom < 0, 0, freedom)


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables, one a row: their covariances over both deviations.

    >>> import rushlight as rl
    >>> rl.corrcoef(rl.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if check_tensor("corrcoef", "input", input).dim() > 2:
        words = "corrcoef(): expected input to have two or fewer dimensions but got an input with "
        words += f"{input.dim()} dimensions"
        fail(RuntimeError, "corrcoef", words, "a matrix", describe(input))
    found = cov(input)
    if not found.dim():
        return found / found
    deviation = diagonal(found).real.sqrt()
    found = found / deviation.unsqueeze(1) / deviation
    if found._spec.dtype.is_complex:
        return complex(found.real.clamp(-1, 1), found.imag.clamp(-1, 1))
    return found.clamp(-1, 1)


# ------------------------------------------------------------------------------------ cross product
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross products of vectors of 3 along a dimension, by default the first of size 3.

    >>> import rushlight as rl
    >>> rl.cross(rl.tensor([1, 0, 0]), rl.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    operands(input, other, "cross")
    check_tensor("cross", "input", input)
    check_tensor("cross", "other", other)
    if input.dim() != other.dim():
        words = "linalg.cross: inputs must have the same number of dimensions."
        fail(RuntimeError, "cross", words, describe(input), describe(other))
    if dim is None:
        sizes = list(input.shape)
        if 3 not in sizes:
            words = "no dimension of size 3 in input"
            fail(RuntimeError, "cross", words, "a dimension of 3", describe(input))
        dim = sizes.index(3)
    axis = check_axis("cross", dim, input.dim())
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        words = f"linalg.cross: inputs dimension {dim} must have length 3. Got "
        words += f"{input.shape[axis]} and {other.shape[axis]}"
        fail(RuntimeError, "cross", words, describe(input), describe(other))
    shape = broadcast(input._spec.shape, other._spec.shape, "cross")
    a, b = expand(input, shape), expand(other, shape)
    return a.roll(-1, axis) * b.roll(-2, axis) - a.roll(-2, axis) * b.roll(-1, axis)


_METHODS = (renorm, cov, corrcoef, cross)
FUNCTIONS: dict[str, Any] = {f.__name__: f for f in (*_METHODS, cdist, pdist)}
METHODS = {f.__name__: f for f in _METHODS}
INPLACE = ("renorm",)
