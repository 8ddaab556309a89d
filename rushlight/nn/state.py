"""A module's values by name: `state_dict` out, `load_state_dict` in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rushlight.autograd.handle import RemovableHandle
from rushlight.autograd.inplace import write_value
from rushlight.graph.elementwise import cast
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.nn.state_errors import explain, shape_mismatch
from rushlight.tensor import Tensor, modes, node_of

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found missing and unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class State:
    """The part of Module that gives and takes its values by name."""

    _version = 1

    # -------------------------------------------------------------------------------- giving out
    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by path, sharing their storage.

        Own parameters first, then own buffers, then each child's, in order of registration.  With
        `keep_vars` the entries are the parameters themselves, else detached.
        """
        names = ("destination", "prefix", "keep_vars")
        given = dict(zip(names, args, strict=False))
        destination = given.get("destination", destination)
        prefix, keep_vars = given.get("prefix", prefix), given.get("keep_vars", keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}{name}."
                module.state_dict(destination=destination, prefix=path, keep_vars=keep_vars)
        for hook in list(self._state_dict_hooks.values()):
            replaced = hook(self, destination, prefix, metadata)
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """Put this module's own values into `destination`; subclasses may add theirs."""
        for name, tensor in self._persistent_tensors().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _persistent_tensors(self) -> dict[str, Tensor]:
        """This module's own parameters and persistent buffers."""
        left_out = self._non_persistent_buffers_set
        tensors = {name: buffer for name, buffer in self._buffers.items() if name not in left_out}
        tensors = {**self._parameters, **tensors}
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def get_extra_state(self) -> Any:
        """What else `state_dict` shall hold; to be defined together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called."
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called."
        )

    # --------------------------------------------------------------------------------- taking in
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and buffers by path; with `assign`, take the tensors.

        Everything is checked: RuntimeError lists what is missing, unexpected (unless `strict` is
        false) and of another shape, and then nothing has changed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        values = OrderedDict(state_dict)
        if metadata is not None:
            values._metadata = metadata
        load = _Loading(metadata, assign)
        before = _Snapshot(self)
        try:
            load.visit(self, values, "")
            found = IncompatibleKeys(load.missing, load.unexpected)
            load.run_post_hooks(found)
            if load.errors or (strict and (found.missing_keys or found.unexpected_keys)):
                raise RuntimeError(explain(self, values, found, load.errors, strict))
        except BaseException:
            before.restore()
            raise
        return found

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take this module's own values from `state_dict`; subclasses may do more."""
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(
                *(self, state_dict, prefix, local_metadata, strict),
                *(missing_keys, unexpected_keys, error_msgs),
            )
        mine = self._persistent_tensors()
        for name, tensor in mine.items():
            key = prefix + name
            if key in state_dict:
                self._take(name, tensor, key, state_dict[key], local_metadata, error_msgs)
            elif strict:
                missing_keys.append(key)
        self._take_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys += self._unknown_keys(state_dict, prefix, mine)

    def _take(
        self, name: str, old: Tensor, key: str, new: Any, metadata: dict, errors: list[str]
    ) -> None:
        """Copy, or assign, one value; or say why not."""
        if not isinstance(new, Tensor):
            errors.append(
                f'While copying the parameter named "{key}", expected rushlight.Tensor or '
                f"Tensor-like object from checkpoint but received {type(new)}"
            )
            return
        if is_lazy(old) and is_lazy(new):
            return
        if old.dim() == 0 and tuple(new.shape) == (1,):
            new = new.detach().reshape(())
        if new.shape != old.shape:
            errors.append(shape_mismatch(key, new, old))
            return
        if not metadata.get("assign_to_params_buffers", False):
            write_value(old, cast(node_of(new), old.dtype))
            return
        taken = metadata.setdefault("taken", {})
        if id(old) not in taken:
            taken[id(old)] = _to_assign(old, new)
        setattr(self, name, taken[id(old)])

    def _take_extra_state(
        self, state_dict: dict, prefix: str, strict: bool, missing: list, unexpected: list
    ) -> None:
        key = prefix + _EXTRA
        if type(self).set_extra_state is not State.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing.append(key)
        elif strict and key in state_dict:
            unexpected.append(key)

    def _unknown_keys(self, state_dict: dict, prefix: str, mine: dict) -> list[str]:
        unknown = []
        for key in state_dict:
            if key.startswith(prefix) and key != prefix + _EXTRA:
                name, *deeper = key[len(prefix) :].split(".", 1)
                known = name in self._modules if deeper else name in mine
                if not known:
                    unknown.append(key)
        return unknown

    # -------------------------------------------------------------------------------------- hooks
    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before values are collected."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after they were collected."""
        return RemovableHandle(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, ...)` before this module takes its values.

        The rest is prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs.
        """
        return RemovableHandle(self._load_state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        if with_module:
            return RemovableHandle(self._load_state_dict_pre_hooks, hook)
        return RemovableHandle(self._load_state_dict_pre_hooks, lambda _, *rest: hook(*rest))

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after this module and those below were loaded."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)


class _Loading:
    """One `load_state_dict`: what it found on its way through the modules."""

    def __init__(self, metadata: Mapping | None, assign: bool):
        self.metadata = metadata or {}
        self.assign = assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []
        self.visited: list[Any] = []
        self.taken: dict[int, Tensor] = {}

    def visit(self, module: Any, values: dict, prefix: str) -> None:
        metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            metadata |= {"assign_to_params_buffers": True, "taken": self.taken}
        with_grad, modes.grad = modes.grad, False
        try:
            module._load_from_state_dict(
                *(values, prefix, metadata, True),
                *(self.missing, self.unexpected, self.errors),
            )
        finally:
            modes.grad = with_grad
        for name, child in module._modules.items():
            if child is not None:
                path = f"{prefix}{name}."
                below = {key: value for key, value in values.items() if key.startswith(path)}
                self.visit(child, below, path)
        self.visited.append(module)

    def run_post_hooks(self, found: IncompatibleKeys) -> None:
        for module in self.visited:
            for hook in list(module._load_state_dict_post_hooks.values()):
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )


class _Snapshot:
    """All values of a module, to go back to when loading fails.

    Values are immutable nodes, so this copies nothing.
    """

    def __init__(self, root: Any):
        self.members = [
            (module, dict(module._parameters), dict(module._buffers)) for module in root.modules()
        ]
        tensors = {
            id(tensor): tensor
            for _, *tables in self.members
            for table in tables
            for tensor in table.values()
            if tensor is not None and not is_lazy(tensor)
        }
        self.values = [(tensor, node_of(tensor)) for tensor in tensors.values()]

    def restore(self) -> None:
        for module, parameters, buffers in self.members:
            module._parameters.update(parameters)
            module._buffers.update(buffers)
        for tensor, node in self.values:
            if node_of(tensor) is not node:
                write_value(tensor, node)


def _to_assign(old: Tensor, new: Tensor) -> Tensor:
    """The tensor that takes a parameter's or buffer's place."""
    if not isinstance(old, Parameter):
        return new
    if isinstance(new, Parameter):
        return new.requires_grad_(old.requires_grad)
    return Parameter(new, requires_grad=old.requires_grad)
