"""Ready parametrisations: weights by norm and direction, of spectral norm 1, orthogonal ones."""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight.autograd.modes import no_grad
from rushlight.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from rushlight.nn.module import Module
from rushlight.nn.utils.orthogonal import orthogonal  # noqa: F401 - handed on
from rushlight.nn.utils.parametrize import register_parametrization
from rushlight.tensor import Tensor

_TRANSPOSED = (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)


def norm_except(weight: Tensor, dim: int) -> Tensor:
    """The norm of each slice along a dimension, which stays beside ones; -1: of the whole."""
    if dim == -1:
        return weight.norm(2)
    moved = weight.movedim(dim, 0)
    shape = [1] * weight.dim()
    shape[dim] = weight.shape[dim]
    return moved.reshape((weight.shape[dim], -1)).norm(2, 1).reshape(shape)


def scaled(direction: Tensor, norm: Tensor, dim: int) -> Tensor:
    """norm direction / |direction|, slice by slice along a dimension."""
    return direction * (norm / norm_except(direction, dim))


def matrix_of(weight: Tensor, dim: int) -> Tensor:
    """A weight as a matrix whose rows are the slices along a dimension."""
    return weight.movedim(dim, 0).flatten(1)


class _WeightNorm(Module):
    """g v / |v|."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return scaled(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Norm and direction of a weight."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a weight be norm times direction: g v / |v| (Salimans and Kingma, 2016).

    Norms are of the slices along `dim`, or with None of the whole.  The norm is
    `parametrizations.weight.original0`, the direction `original1`; a `state_dict` of the older
    `nn.utils.weight_norm` can be loaded.  Returns the module.

    >>> from rushlight import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    rushlight.Size([40, 1])
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state: dict, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state for key in old):
            for place, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{place}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, as the power method knows it."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ):
        super().__init__()
        rank = weight.dim()
        if not -rank <= dim < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}] but got "
                f"{dim})"
            )
        check_iterations(n_power_iterations)
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = n_power_iterations
            matrix = matrix_of(weight.detach(), self.dim)
            for buffer, size in zip(("_u", "_v"), matrix.shape, strict=True):
                drawn = matrix.new_empty((size,)).normal_(0, 1)
                self.register_buffer(buffer, F.normalize(drawn, dim=0, eps=eps))
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix: Tensor, count: int) -> None:
        for _ in range(count):
            self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(F.normalize(self._u @ matrix, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = matrix_of(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        return weight / (self._u.clone() @ (matrix @ self._v.clone()))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: a weight that has this norm already stays as it is."""
        return value


def check_iterations(count: int) -> None:
    """ValueError for a number of power iterations that is not positive."""
    if count <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={count}"
        )


def outputs_of(module: Module) -> int:
    """The dimension of a module's weight that its outputs have."""
    return 1 if isinstance(module, _TRANSPOSED) else 0


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Let a weight be divided by its largest singular value (Miyato et al., 2018).

    That is found by the power method, which goes on by `n_power_iterations` at each use while
    training.  `dim` is the dimension of the outputs: 0, and 1 for transposed convolutions.  Returns
    the module; ValueError where there is no such tensor.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
    >>> layer.parametrizations.weight[0]._u.shape
    rushlight.Size([40])
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = outputs_of(module) if dim is None else dim
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
