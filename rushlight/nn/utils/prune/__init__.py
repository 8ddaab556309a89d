"""Pruning: parts of parameters kept at zero by masks.

Each function changes a module in place and returns it: the parameter becomes `name_orig`, the mask
a buffer `name_mask`, and `name` their product, computed before each forward.  `amount` is a number
of elements or channels, or a share of them from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.utils.convert_parameters import parameters_to_vector
from rushlight.nn.utils.hooked import hooks_of
from rushlight.nn.utils.prune.kinds import (
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    RandomStructured,
    RandomUnstructured,
)
from rushlight.nn.utils.prune.method import BasePruningMethod, PruningContainer
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor


def identity(module: Module, name: str) -> Module:
    """Prune nothing, so that there is a mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune an amount of elements at random.

    >>> from rushlight import nn
    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(2, 3), "weight", amount=1)
    >>> int((layer.weight_mask == 0).sum())
    1
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Tensor | None = None
) -> Module:
    """Prune an amount of elements, the smallest ones first."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune an amount of channels along a dimension at random."""
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: Module,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Module:
    """Prune an amount of channels along a dimension, those of the smallest n-norm first.

    >>> from rushlight import nn
    >>> layer = nn.utils.prune.ln_structured(nn.Linear(5, 3), "weight", amount=0.3, n=2, dim=1)
    >>> int(layer.weight_mask[0].sum())
    3
    """
    scores = importance_scores
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=scores)
    return module


def global_unstructured(
    parameters: Any, pruning_method: type, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune an amount of the elements of several (module, name) together.

    `importance_scores` may say for each (module, name) what counts instead.  TypeError for a
    method that does not prune single elements.

    >>> from rushlight import nn
    >>> net = nn.Sequential(nn.Linear(10, 4), nn.Linear(4, 1))
    >>> pairs = [(net[0], "weight"), (net[1], "weight")]
    >>> nn.utils.prune.global_unstructured(pairs, nn.utils.prune.L1Unstructured, amount=10)
    >>> sum(int((module.weight_mask == 0).sum()) for module, _ in pairs)
    10
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    tensors = [getattr(module, name).detach() for module, name in pairs]
    each = zip(pairs, tensors, strict=True)
    counted = [scores.get(pair, tensor) for pair, tensor in each]
    masks = [
        getattr(module, f"{name}_mask", FUNCTIONS["ones_like"](tensor))
        for (module, name), tensor in zip(pairs, tensors, strict=True)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "together"
    whole = parameters_to_vector([tensor.detach() for tensor in counted])
    mask = PruningContainer(method).compute_mask(whole, parameters_to_vector(masks))
    start = 0
    for (module, name), tensor in zip(pairs, tensors, strict=True):
        end = start + tensor.numel()
        custom_from_mask(module, name, mask[start:end].reshape(tensor.shape))
        start = end


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune what a given mask says.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.utils.prune.custom_from_mask(nn.Linear(5, 3), "bias", rl.tensor([0, 1, 0]))
    >>> layer.bias_mask
    tensor([0., 1., 0.])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Module:
    """Make the pruned values a usual parameter; ValueError for one that is not pruned."""
    for number, hook in hooks_of(module, BasePruningMethod):
        if hook.tensor == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Module) -> bool:
    """Whether anything in the module, or below it, is pruned."""
    return any(hooks_of(each, BasePruningMethod) for each in module.modules())
