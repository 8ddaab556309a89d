"""Ways to prune: at random or by size, single elements or whole channels, or by a given mask."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from rushlight.nn.utils.prune.method import BasePruningMethod
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor, from_array


def _check_amount(amount: Any) -> Any:
    """The amount if it is a number of elements or a share of them."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if amount < 0 or (not whole and amount > 1):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )
    return amount


def _count(amount: Any, size: int) -> int:
    """How many of `size` elements an amount is; ValueError if there are not as many."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={size}"
        )
    return int(amount)


def _smallest_cut(scores: Tensor, mask: Tensor, count: int) -> Tensor:
    """A mask without the elements of the `count` smallest scores; of equal ones, the first."""
    cut = np.ones(mask.numel(), bool)
    cut[np.argsort(scores._values().reshape(-1), kind="stable")[:count]] = False
    return mask * from_array(cut.reshape(tuple(mask.shape))).to(mask.dtype)


class Identity(BasePruningMethod):
    """Prunes nothing: a mask of ones."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask itself."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes an amount of elements at random: a number of them, or a share from 0 to 1."""

    def __init__(self, amount: float):
        self.amount = _check_amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without elements drawn at random."""
        count = _count(self.amount, t.numel())
        return _smallest_cut(FUNCTIONS["rand"](t.shape), default_mask, count)


class L1Unstructured(BasePruningMethod):
    """Prunes an amount of elements, those of the smallest size first.

    >>> import rushlight as rl
    >>> prune = rl.nn.utils.prune.L1Unstructured(amount=2).prune
    >>> prune(rl.tensor([3.0, -1.0, 2.0]))
    tensor([3., -0., 0.])
    """

    def __init__(self, amount: float):
        self.amount = _check_amount(amount)

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the smallest elements."""
        return _smallest_cut(t.abs(), default_mask, _count(self.amount, t.numel()))


class _Structured(BasePruningMethod):
    """Prunes an amount of channels, those of the smallest score first."""

    PRUNING_TYPE = "structured"
    amount: float
    dim: int

    def _scores(self, t: Tensor) -> Tensor:
        """How much each channel counts."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the least channels."""
        if t.dim() < 2:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {list(t.shape)} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {list(t.shape)}")
        size = t.shape[self.dim]
        shape = [1] * t.dim()
        shape[self.dim] = size
        ones = FUNCTIONS["ones"](shape, dtype=default_mask.dtype)
        count = _count(self.amount, size)
        return _smallest_cut(self._scores(t), ones, count) * default_mask


class RandomStructured(_Structured):
    """Prunes an amount of channels along a dimension at random."""

    def __init__(self, amount: float, dim: int = -1):
        self.amount = _check_amount(amount)
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        return FUNCTIONS["rand"](t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes an amount of channels along a dimension, those of the smallest n-norm first."""

    def __init__(self, amount: float, n: Any, dim: int = -1):
        self.amount = _check_amount(amount)
        self.n = n
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        axis = self.dim % t.dim()
        return FUNCTIONS["norm"](t, self.n, tuple([i for i in range(t.dim()) if i != axis]))


class CustomFromMask(BasePruningMethod):
    """Prunes what a given mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks together."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {list(default_mask.shape)} must match self.mask shape "
                f"{list(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)
