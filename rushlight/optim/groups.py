"""Parameter groups: what an optimiser is given, checked and completed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from rushlight.tensor import Tensor


def first_groups(params: Iterable[Any]) -> list[dict[str, Any]]:
    """The groups an optimiser begins with; a plain list of parameters is one group."""
    if isinstance(params, Tensor):
        raise TypeError(
            "params argument given to the optimizer should be an iterable of Tensors or dicts, "
            f"but got {type(params).__name__}\n"
            "Expected: a list, as in [tensor], or model.parameters()."
        )
    groups = list(params)
    if not groups:
        raise ValueError(
            "optimizer got an empty parameter list\n"
            "Expected: model.parameters() of a model that has some. An iterator such as "
            "model.parameters() gives its parameters once only."
        )
    return groups if isinstance(groups[0], dict) else [{"params": groups}]


def complete_group(
    group: dict[str, Any], others: list[dict], defaults: dict[str, Any], required: Any
) -> None:
    """Check a new group's parameters and fill in the defaults."""
    if not isinstance(group, dict):
        raise TypeError(f"param_group must be a dict, but got {type(group)}")
    _take_parameters(group)
    for parameter in group["params"]:
        _check_parameter(parameter)
    for name, value in defaults.items():
        if value is required and name not in group:
            raise ValueError(
                f"parameter group didn't specify a value of required optimization parameter {name}"
            )
        group.setdefault(name, value)
    _check_repeated(group, others)


def _take_parameters(group: dict[str, Any]) -> None:
    """Make "params" a list of tensors, and of their names if they came in pairs."""
    given = group["params"]
    if isinstance(given, (set, frozenset)):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering "
            "of tensors in sets will change between runs. Please use a list instead."
        )
    given = [given] if isinstance(given, Tensor) else list(given)
    named = [isinstance(item, tuple) for item in given]
    if any(named):
        if not all(named):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["param_names"] = [name for name, _ in given]
        given = [parameter for _, parameter in given]
    group["params"] = given


def _check_parameter(parameter: Any) -> None:
    if not isinstance(parameter, Tensor):
        raise TypeError(
            f"optimizer can only optimize Tensors, but one of the params is {type(parameter)}"
        )
    if not (parameter.is_leaf or parameter.retains_grad):
        made = parameter.grad_fn.name() if parameter.grad_fn is not None else "an operation"
        raise ValueError(
            "can't optimize a non-leaf Tensor\n"
            "Expected: tensors made by the user, such as a module's parameters.\n"
            f"Actual: a tensor of shape {list(parameter.shape)}, computed by {made}. A leaf that "
            "was cast or moved by .to() is one: make it, then call requires_grad_()."
        )


def _check_repeated(group: dict[str, Any], others: list[dict]) -> None:
    own = {id(parameter) for parameter in group["params"]}
    if len(own) != len(group["params"]):
        warnings.warn(
            "optimizer contains a parameter group with duplicate parameters; in future, this will "
            "cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
            stacklevel=4,
        )
    known = {id(parameter) for other in others for parameter in other["params"]}
    if own & known:
        raise ValueError("some parameters appear in more than one parameter group")
    if others and ("param_names" in group) != ("param_names" in others[0]):
        raise ValueError(
            "all optimizer param groups should be with/without names. "
            f"cannot add param group with {'' if 'param_names' in group else 'no '}names to the "
            "optimizer"
        )
