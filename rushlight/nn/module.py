"""Module: what every layer and every network is made from."""

from __future__ import annotations

import threading
from typing import Any

from rushlight.graph.recorder import recorder
from rushlight.nn.convert import Converts
from rushlight.nn.hooks import GLOBAL, Hooks, call_with_hooks, replaced_by_hooks
from rushlight.nn.members import Members
from rushlight.nn.parameter import Buffer, Parameter
from rushlight.nn.place import note_module, running_modules
from rushlight.nn.state import State
from rushlight.ops import places
from rushlight.tensor import Tensor, modes

_HOOK_TABLES = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks")
_HOOK_TABLES += ("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks")
_HOOK_TABLES += ("_load_state_dict_post_hooks",)


class _Running(threading.local):
    without_grad = False


_running = _Running()


class Module(Hooks, State, Members, Converts):
    """Base class of all networks: parameters, buffers and modules become members when assigned.

    Define `forward`, call the module like a function.

    >>> from rushlight import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = nn.Linear(4, 2)
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> Net()
    Net(
      (fc): Linear(in_features=4, out_features=2, bias=True)
    )
    """

    training: bool

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_non_persistent_buffers_set", set())
        put(self, "_modules", {})
        for table in _HOOK_TABLES:
            put(self, table, {})

    # ------------------------------------------------------------------------------------ calling
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output from the inputs; to be defined by every subclass."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            hooked = (
                self._forward_hooks
                or self._forward_pre_hooks
                or self._backward_hooks
                or self._backward_pre_hooks
                or GLOBAL.any
            )
            if not hooked and modes.grad:
                return self.forward(*args, **kwargs)
            if modes.grad or _running.without_grad:
                return self._call(hooked, args, kwargs)
            _running.without_grad = True
            try:
                result = self._call(hooked, args, kwargs)
            finally:
                _running.without_grad = False
            recorder().soft_cut()
            return result
        except Exception as error:
            note_module(error, self, args, kwargs)
            raise

    def _call(self, hooked: Any, args: tuple, kwargs: dict) -> Any:
        if hooked:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # -------------------------------------------------------------------------------- registering
    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter by name, or None to keep its place.

        Raises AttributeError before `super().__init__()`, TypeError for what is no Parameter,
        KeyError for a name that is taken, empty or has a dot, ValueError for a computed tensor.
        """
        self._check_name("parameter", "_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                "(rushlight.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = replaced_by_hooks("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is no parameter; in `state_dict` if it is persistent.

        Raises as `register_parameter` does, TypeError for what is no Tensor.
        """
        self._check_name("buffer", "_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' "
                "(rushlight Tensor or None required)"
            )
        self._buffers[name] = replaced_by_hooks("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module by name, or None to keep its place.

        Raises TypeError for what is no Module, KeyError for a name that is taken, empty or has a
        dot.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name)
        self._modules[name] = replaced_by_hooks("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, table: str, name: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    # --------------------------------------------------------------------------------- attributes
    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module, Buffer)):
            self._set_member(name, value)
            return
        members = self.__dict__
        for table, kind, wanted in _TABLES:
            if name in members.get(table, ()):
                if table == "_buffers" and (value is None or isinstance(value, Tensor)):
                    members[table][name] = replaced_by_hooks("buffer", self, name, value)
                elif value is None:
                    members[table][name] = None
                else:
                    raise TypeError(
                        f"cannot assign '{_typename(value)}' as {kind} '{name}' ({wanted} expected)"
                    )
                return
        object.__setattr__(self, name, value)

    def _set_member(self, name: str, value: Any) -> None:
        """An assigned parameter, buffer or module replaces whatever had this name."""
        members = self.__dict__
        if isinstance(value, Parameter):
            table, kind = "_parameters", "parameters"
        elif isinstance(value, Module):
            table, kind = "_modules", "module"
        else:
            table, kind = "_buffers", "buffer"
        if table not in members:
            raise AttributeError(
                f"cannot assign {kind} before Module.__init__() call\n"
                f"Expected: `super().__init__()` as the first line of {type(self).__name__}'s own."
            )
        persistent = name not in members["_non_persistent_buffers_set"]
        for other in (members, members["_parameters"], members["_buffers"], members["_modules"]):
            if other is not members[table]:
                other.pop(name, None)
        if table == "_parameters":
            members["_non_persistent_buffers_set"].discard(name)
            self.register_parameter(name, value)
        elif table == "_modules":
            members["_non_persistent_buffers_set"].discard(name)
            members[table][name] = replaced_by_hooks("module", self, name, value)
        else:
            known = name in members[table]
            self.register_buffer(name, value, persistent if known else value.persistent)

    def __getattr__(self, name: str) -> Any:
        members = self.__dict__
        try:
            return members["_parameters"][name]
        except KeyError:
            pass
        for table in ("_modules", "_buffers"):
            if name in members.get(table, ()):
                return members[table][name]
        hint = ""
        if "_parameters" not in members and name.startswith("_"):
            hint = "\nExpected: `super().__init__()` is called before the module is used."
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

    def __delattr__(self, name: str) -> None:
        for table in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__[table]:
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        names |= {*self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[:1].isdigit())

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        for table in _HOOK_TABLES:
            self.__dict__.setdefault(table, {})

    # --------------------------------------------------------------------------------------- mode
    def train(self, mode: bool = True) -> Any:
        """Switch this module and all below to training (or evaluation); returns itself.

        Dropout and batch normalisation behave differently.  ValueError if `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Switch this module and all below to evaluation; returns itself."""
        return self.train(False)

    # ------------------------------------------------------------------------------------ showing
    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the repr says between the brackets; to be defined by layers."""
        return ""

    def __repr__(self) -> str:
        lines = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        return enclose(self._get_name(), lines, children)


def enclose(name: str, lines: list[str], children: list[str]) -> str:
    """A name with lines in brackets behind it, on one line if there is only one."""
    if not lines and not children:
        return f"{name}()"
    if len(lines) == 1 and not children:
        return f"{name}({lines[0]})"
    inner = "\n  ".join([*lines, *children])
    return f"{name}(\n  {inner}\n)"


def indent(text: str) -> str:
    """All lines but the first moved in by two."""
    return text.replace("\n", "\n  ")


def _typename(value: Any) -> str:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


_TABLES = (
    ("_parameters", "parameter", "rushlight.nn.Parameter or None"),
    ("_modules", "child module", "rushlight.nn.Module or None"),
    ("_buffers", "buffer", "rushlight.nn.Buffer, rushlight.Tensor or None"),
)

places.find_module = lambda: running_modules(Module.__call__.__code__)
