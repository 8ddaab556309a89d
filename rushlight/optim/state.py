"""An optimiser's state by number of parameter: `state_dict` out, `load_state_dict` in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from rushlight.autograd.handle import RemovableHandle
from rushlight.graph.dtype import float32
from rushlight.graph.elementwise import cast
from rushlight.optim.update import filled
from rushlight.tensor import Tensor, node_of, wrap


class OptimizerState:
    """The part of Optimizer that gives and takes its state."""

    def _make_state_hooks(self) -> None:
        self._state_dict_pre_hooks: dict[int, Callable] = {}
        self._state_dict_post_hooks: dict[int, Callable] = {}
        self._load_state_dict_pre_hooks: dict[int, Callable] = {}
        self._load_state_dict_post_hooks: dict[int, Callable] = {}

    def state_dict(self) -> dict[str, Any]:
        """State and groups, with parameters named by number: {"state": ..., "param_groups": ...}.

        Tensors are shared with the optimiser, as in a module's state_dict.
        """
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers.setdefault(id(parameter), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in list(self._state_dict_post_hooks.values()):
            replaced = hook(self, result)
            result = result if replaced is None else replaced
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take state and groups from `state_dict`, which is copied.

        ValueError if groups or their sizes differ; then nothing has changed.
        """
        state_dict = dict(state_dict)
        for hook in list(self._load_state_dict_pre_hooks.values()):
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved = state_dict["param_groups"]
        self._check_groups(saved)
        known: dict[int, Tensor] = {}
        groups = []
        for group, own in zip(saved, self.param_groups, strict=True):
            known |= dict(zip(group["params"], own["params"], strict=True))
            copied = {key: deepcopy(value) for key, value in group.items() if key != "params"}
            if "param_names" in own and "param_names" not in copied:
                copied["param_names"] = own["param_names"]
            groups.append({**copied, "params": own["params"]})
        state: defaultdict[Any, dict] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in known:
                state[known[key]] = _take_state(value, known[key])
            else:
                state[key] = deepcopy(value)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._load_state_dict_post_hooks.values()):
            hook(self)

    def _check_groups(self, saved: list[dict]) -> None:
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups\n"
                f"Expected: {len(self.param_groups)}.\nActual: {len(saved)}."
            )
        for place, (group, own) in enumerate(zip(saved, self.param_groups, strict=True)):
            if len(group["params"]) != len(own["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group\nExpected: {len(own['params'])} parameters in group "
                    f"{place}.\nActual: {len(group['params'])}."
                )

    # -------------------------------------------------------------------------------------- hooks
    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before the state is collected."""
        return RemovableHandle(self._state_dict_pre_hooks, hook, first=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after it was collected; it may return another."""
        return RemovableHandle(self._state_dict_post_hooks, hook, first=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before it is taken; it may return another."""
        return RemovableHandle(self._load_state_dict_pre_hooks, hook, first=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after a state was taken."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook, first=prepend)


_NUMBERS = ("step", "mu_product", "eta", "mu")
"""State that old files hold as plain numbers, and optimisers as tensors."""


def _take_state(value: Any, parameter: Tensor, name: str | None = None) -> Any:
    """A copy of saved state, in the parameter's dtype as far as it is floating point."""
    if isinstance(value, Tensor):
        node = node_of(value)
        floats = parameter.dtype.is_floating_point and value.dtype.is_floating_point
        if name != "step" and floats:
            node = cast(node, parameter.dtype)
        return wrap(node)
    if name in _NUMBERS and isinstance(value, (int, float)):
        return filled((), value, float32)
    if isinstance(value, dict):
        return {key: _take_state(item, parameter, key) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_take_state(item, parameter) for item in value)
    return deepcopy(value)
