"""Hooks of modules: how they are registered, and the order in which a call runs them.

A call runs, global hooks before the module's own: forward-pre hooks, forward, forward hooks.  In
backward: backward-pre hooks on the gradients of the outputs, then full backward hooks on those
of the inputs (see `backward_hooks`).  Each hook may replace what it sees.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from rushlight.autograd.handle import RemovableHandle
from rushlight.nn.backward_hooks import BackwardCall
from rushlight.tensor import modes


class Registered:
    """A hook together with how it wants to be called."""

    __slots__ = ("__qualname__", "always", "call", "with_kwargs")

    def __init__(self, call: Callable, with_kwargs: bool = False, always: bool = False):
        if not callable(call):
            raise TypeError(f"Expected a hook that can be called.\nActual: {call!r}.")
        self.call = call
        self.with_kwargs = with_kwargs
        self.always = always
        self.__qualname__ = getattr(call, "__qualname__", repr(call))

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)

    def __getstate__(self) -> tuple:
        return self.call, self.with_kwargs, self.always

    def __setstate__(self, state: tuple) -> None:
        self.__init__(*state)


class GlobalHooks:
    """The hooks that every module runs."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, Registered] = {}
        self.forward: dict[int, Registered] = {}
        self.backward_pre: dict[int, Registered] = {}
        self.backward: dict[int, Registered] = {}
        self.any: dict[int, bool] = {}
        self.registration: dict[str, dict] = {"parameter": {}, "buffer": {}, "module": {}}


GLOBAL = GlobalHooks()


def _register(hooks: dict, hook: Callable, prepend: bool = False, **how: bool) -> RemovableHandle:
    return RemovableHandle(hooks, Registered(hook, **how), first=prepend)


def _register_global(hooks: dict, hook: Callable, **how: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, Registered(hook, **how), also=(GLOBAL.any,))
    GLOBAL.any[handle.id] = True
    return handle


class Hooks:
    """The part of Module that knows hooks."""

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward; it may return new arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)`, which may return (args, kwargs).
        """
        return _register(self._forward_pre_hooks, hook, prepend, with_kwargs=with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every forward; it may return a new output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`.  With `always_call` it runs
        even if the forward raises.
        """
        how = {"with_kwargs": with_kwargs, "always": always_call}
        return _register(self._forward_hooks, hook, prepend, **how)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradient passes; it may return a new one."""
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)`; it may return a new grad_input.

        `grad_input` has the structure of the positional arguments, `grad_output` that of the
        output (a tuple of one for a single tensor), with None for what has no gradient.
        """
        return _register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old name of `register_full_backward_hook`; here they are the same."""
        return self.register_full_backward_hook(hook)


def call_with_hooks(module: Any, args: tuple, kwargs: dict) -> Any:
    """Forward with all hooks around it."""
    after = (*GLOBAL.forward.values(), *module._forward_hooks.values())
    done: set[int] = set()
    state = {"result": None}
    try:
        return _call(module, args, kwargs, after, done, state)
    except Exception:
        _run_remaining(module, args, kwargs, after, done, state["result"])
        raise


def _call(module: Any, args: tuple, kwargs: dict, after: tuple, done: set, state: dict) -> Any:
    for hook in (*GLOBAL.forward_pre.values(), *module._forward_pre_hooks.values()):
        args, kwargs = _run_pre_hook(hook, module, args, kwargs)
    watch = _watch(module)
    if watch is None:
        result = module.forward(*args, **kwargs)
    else:
        try:
            watch.enter(args)
            result = module.forward(*args, **kwargs)
        except BaseException:
            watch.leave()
            raise
    try:
        for hook in after:
            done.add(id(hook))
            state["result"] = result
            inputs = (args, kwargs) if hook.with_kwargs else (args,)
            replaced = hook.call(module, *inputs, result)
            if replaced is not None:
                result = replaced
        return result if watch is None else watch.wrap_output(result)
    finally:
        if watch is not None:
            watch.leave()


def _watch(module: Any) -> BackwardCall | None:
    if not modes.grad:
        return None
    pre_hooks = [*GLOBAL.backward_pre.values(), *module._backward_pre_hooks.values()]
    hooks = [*GLOBAL.backward.values(), *module._backward_hooks.values()]
    if not pre_hooks and not hooks:
        return None
    return BackwardCall(module, pre_hooks, hooks)


def _run_pre_hook(hook: Registered, module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    if not hook.with_kwargs:
        replaced = hook.call(module, args)
        if replaced is None:
            return args, kwargs
        return (replaced if isinstance(replaced, tuple) else (replaced,)), kwargs
    replaced = hook.call(module, args, kwargs)
    if replaced is None:
        return args, kwargs
    if isinstance(replaced, tuple) and len(replaced) == 2:
        return replaced
    raise RuntimeError(
        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
        f"{replaced}."
    )


def _run_remaining(
    module: Any, args: tuple, kwargs: dict, after: tuple, done: set, result: Any
) -> None:
    """After an error: the hooks that want to be called in any case."""
    for hook in after:
        if not hook.always or id(hook) in done:
            continue
        inputs = (args, kwargs) if hook.with_kwargs else (args,)
        try:
            replaced = hook.call(module, *inputs, result)
        except Exception as error:  # noqa: BLE001 - the first error is the one to raise
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception that was "
                f"silenced as another error was raised in forward: {error!s}",
                stacklevel=2,
            )
        else:
            result = result if replaced is None else replaced


# --------------------------------------------------------------------------- hooks of all modules
def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module."""
    return _register_global(GLOBAL.forward_pre, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module."""
    return _register_global(GLOBAL.forward, hook, with_kwargs=with_kwargs, always=always_call)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the gradient passes any module."""
    return _register_global(GLOBAL.backward_pre, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` after the gradient passed any module."""
    return _register_global(GLOBAL.backward, hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The old name of `register_module_full_backward_hook`; here they are the same."""
    return register_module_full_backward_hook(hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when a parameter is registered; it may replace it."""
    return _register(GLOBAL.registration["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when a buffer is registered; it may replace it."""
    return _register(GLOBAL.registration["buffer"], hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(module, name, submodule)` when a module is registered; it may replace it."""
    return _register(GLOBAL.registration["module"], hook)


def replaced_by_hooks(kind: str, module: Any, name: str, value: Any) -> Any:
    """What the registration hooks make of a parameter, buffer or module."""
    for hook in GLOBAL.registration[kind].values():
        found = hook.call(module, name, value)
        if found is not None:
            value = found
    return value
