"""Spectral normalisation by a hook: the older form, whose keys are `weight_orig` and two more."""

from __future__ import annotations

from typing import Any

import rushlight.nn.functional as F
from rushlight.autograd.modes import no_grad
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.nn.utils.hooked import add_hook, remove_hook
from rushlight.nn.utils.parametrizations import check_iterations, matrix_of, outputs_of
from rushlight.tensor import Tensor


class SpectralNorm:
    """A hook that divides a weight by its largest singular value before each forward."""

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ):
        check_iterations(n_power_iterations)
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight as it is now, after more iterations if asked for."""
        weight, u, v = [getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v")]
        matrix = matrix_of(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(u @ matrix, dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix @ v, dim=0, eps=self.eps))
        return weight / (u.clone() @ (matrix @ v.clone()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, False)
        for name in (self.name, *[f"{self.name}_{part}" for part in ("u", "v", "orig")]):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Let a weight be divided by its largest singular value; returns the module.

    `nn.utils.parametrizations.spectral_norm` is the newer form.  RuntimeError for a second one.

    >>> from rushlight import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(20, 40))
    >>> layer.weight_u.shape
    rushlight.Size([40])
    """
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to "
            "run the dummy forward before applying spectral normalization"
        )
    dim = outputs_of(module) if dim is None else dim
    hook = add_hook(module, SpectralNorm(name, n_power_iterations, dim, eps), "spectral_norm")
    matrix = matrix_of(weight.detach(), dim)
    drawn = [matrix.new_empty((size,)).normal_(0, 1) for size in matrix.shape]
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    for part, vector in zip("uv", drawn, strict=True):
        module.register_buffer(f"{name}_{part}", F.normalize(vector, dim=0, eps=hook.eps))
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a parameter of its present value again; ValueError if it is not normed."""
    return remove_hook(module, SpectralNorm, name, "spectral_norm")
