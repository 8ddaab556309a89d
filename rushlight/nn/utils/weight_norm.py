"""Weight normalisation by a hook: the older form, whose keys are `weight_g` and `weight_v`."""

from __future__ import annotations

from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.nn.utils.hooked import add_hook, remove_hook
from rushlight.nn.utils.parametrizations import norm_except, scaled
from rushlight.tensor import Tensor


class WeightNorm:
    """A hook that computes g v / |v| before each forward."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight as it is now."""
        norm, direction = [getattr(module, f"{self.name}_{part}") for part in "gv"]
        return scaled(direction, norm, self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module)
        for name in (self.name, f"{self.name}_g", f"{self.name}_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.detach()))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Let a weight be `weight_g` times the direction of `weight_v`; returns the module.

    `nn.utils.parametrizations.weight_norm` is the newer form.  RuntimeError for a second one.

    >>> from rushlight import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (rushlight.Size([40, 1]), rushlight.Size([40, 20]))
    """
    weight = getattr(module, name)
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to "
            "run the dummy forward before applying weight normalization"
        )
    hook = add_hook(module, WeightNorm(name, dim), "weight_norm")
    del module._parameters[name]
    norm = norm_except(weight.detach(), hook.dim)
    module.register_parameter(f"{name}_g", Parameter(norm))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, None)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a parameter of its present value again; ValueError if it is not normed."""
    return remove_hook(module, WeightNorm, name, "weight_norm")
