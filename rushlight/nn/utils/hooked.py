"""Hooks that compute a module's tensor before each forward: how they are put and taken."""

from __future__ import annotations

from typing import Any

from rushlight.nn.module import Module


def hooks_of(module: Module, kind: type) -> list[tuple[int, Any]]:
    """The hooks of this kind before the module's forward, with their numbers."""
    hooks = module._forward_pre_hooks.items()
    return [(number, hook.call) for number, hook in hooks if isinstance(hook.call, kind)]


def add_hook(module: Module, hook: Any, what: str) -> Any:
    """Call the hook before each forward; RuntimeError if there is one for its tensor already."""
    if any(other.name == hook.name for _, other in hooks_of(module, type(hook))):
        raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {hook.name}")
    module.register_forward_pre_hook(hook)
    return hook


def remove_hook(module: Module, kind: type, name: str, what: str) -> Module:
    """Take the hook of a tensor away, and let it clean up; ValueError if there is none."""
    for number, hook in hooks_of(module, kind):
        if hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(f"{what} of '{name}' not found in {module}")
