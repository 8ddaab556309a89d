"""What pruning is: a mask on a parameter, computed once and multiplied in before each forward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rushlight.nn.module import Module
from rushlight.nn.utils.hooked import hooks_of
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor


class BasePruningMethod:
    """Base of all ways to prune: a subclass says in `compute_mask` what stays.

    `PRUNING_TYPE` is what a further mask looks at: "unstructured" (the elements that are left),
    "structured" (the channels along `dim` that are left) or "global" (everything).

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> class EverySecond(nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> layer = nn.Linear(3, 1)
    >>> _ = EverySecond.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[0., 1., 0.]])
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name: str | None = None

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for a tensor of importance, below `default_mask`; to be defined."""
        raise NotImplementedError(f"{type(self).__name__}.compute_mask")

    def apply_mask(self, module: Module) -> Tensor:
        """The module's tensor with its mask multiplied in."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, f"{self._tensor_name}_mask")
        original = getattr(module, f"{self._tensor_name}_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls,
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a parameter: `name_orig` becomes the parameter, `name_mask` a buffer.

        What was pruned before stays pruned.  The arguments are those of the class;
        `importance_scores` take the parameter's place in `compute_mask`.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        _check_scores(scores, original, f"parameter {name} of {module}")
        found = [pair for pair in hooks_of(module, BasePruningMethod) if pair[1].tensor == name]
        mask = FUNCTIONS["ones_like"](original.detach())
        if found:
            number, before = found[0]
            method = _together(before, method)
            mask = getattr(module, f"{name}_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), default_mask=mask)
        if found:
            del module._forward_pre_hooks[number]
        else:
            del module._parameters[name]
            module.register_parameter(f"{name}_orig", original)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    @property
    def tensor(self) -> str | None:
        """The name of the parameter that is pruned."""
        return self._tensor_name

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """A tensor times the mask for it, or for `importance_scores`."""
        scores = t if importance_scores is None else importance_scores
        _check_scores(scores, t, "tensor t")
        mask = FUNCTIONS["ones_like"](t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the pruned values a usual parameter."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        name = self._tensor_name
        pruned = self.apply_mask(module).detach()
        original = module._parameters.pop(f"{name}_orig")
        original.data = pruned
        del module._buffers[f"{name}_mask"]
        delattr(module, name)
        setattr(module, name, original)


def _together(before: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    """A container of what pruned a parameter so far, and one more."""
    held = PruningContainer()
    held._tensor_name = method._tensor_name
    for each in (*(before if isinstance(before, PruningContainer) else (before,)), method):
        held.add_pruning_method(each)
    return held


def _check_scores(scores: Tensor, tensor: Tensor, what: str) -> None:
    if scores.shape != tensor.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as {what}, got {list(scores.shape)} vs "
            f"{list(tensor.shape)}"
        )


class PruningContainer(BasePruningMethod):
    """Ways to prune one parameter, one after the other."""

    def __init__(self, *args: Any):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1 and isinstance(args[0], BasePruningMethod):
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one; TypeError for something else, ValueError if it prunes another parameter."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask so far with the last method's mask of what is left written into it."""
        method = self._pruning_methods[-1]
        key = _left(method, t, default_mask)
        mask = default_mask.to(t.dtype).clone()
        part = method.compute_mask(t[key], default_mask=default_mask[key])
        mask[key] = part.to(mask.dtype)
        return mask


def _left(method: BasePruningMethod, t: Tensor, mask: Tensor) -> Any:
    """An index of what the method shall look at."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.dim()
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError(
            'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
        )
    axis = method.dim + t.dim() if method.dim < 0 else method.dim
    if axis < 0:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
    others = tuple([i for i in range(t.dim()) if i != axis])
    return (*[slice(None)] * axis, mask.sum(others) != 0)
