"""Where in a model an error arose: the path of the module, what it is, what it was called with."""

from __future__ import annotations

import sys
import weakref
from typing import Any

from rushlight.tensor import Tensor

_REWORDED = {RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, ArithmeticError}


class _Place:
    """The innermost module in which an exception arose, and its path as far as it is known."""

    def __init__(self, module: Any, inputs: str, words: str | None):
        self.module = module
        self.path = ""
        self.inputs = inputs
        self.words = words
        self.description = _describe_module(module)

    def line(self) -> str:
        called = f", called with {self.inputs}" if self.inputs else ""
        named = f"{self.path} ({self.description})" if self.path else self.description
        return f"In module {named}{called}."


def note_module(error: Exception, module: Any, args: tuple, kwargs: dict) -> None:
    """Say in the error in which module it arose; called on its way out of every module.

    The words of our own and Python's plain errors get a last line, other exceptions a note.
    """
    place = getattr(error, "_rushlight_place", None)
    if place is None:
        plain = type(error) in _REWORDED or type(error).__module__.startswith("rushlight")
        plain = plain and len(error.args) == 1 and isinstance(error.args[0], str)
        words = error.args[0] if plain else None
        try:
            place = _Place(module, _describe_inputs(args, kwargs), words)
            error._rushlight_place = place
        except (AttributeError, TypeError, ValueError):
            return  # an exception that takes no attribute, or a repr that fails: leave it as it is
    else:
        path = _find_path(module, place.module)
        if path is None:
            return
        place.path = f"{path}.{place.path}" if place.path else path
        place.module = module
    _write(error, place)


def _write(error: Exception, place: _Place) -> None:
    line = place.line()
    if place.words is not None:
        error.args = (f"{place.words}\n{line}",)
        return
    notes = [note for note in getattr(error, "__notes__", []) if not note.startswith("In module ")]
    error.__notes__ = [*notes, line]


def _find_path(parent: Any, child: Any) -> str | None:
    """The name by which a module holds another one somewhere below it."""
    for name, module in parent.named_modules():
        if module is child and name:
            return name
    return None


def _describe_module(module: Any) -> str:
    name = module._get_name()
    if module._modules:
        return name
    return f"{name}({' '.join(module.extra_repr().split())})"


def _describe_inputs(args: tuple, kwargs: dict) -> str:
    parts = [_describe_value(value) for value in args]
    parts += [f"{name}={_describe_value(value)}" for name, value in kwargs.items()]
    return ", ".join(parts)


def _describe_value(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_describe_value(item) for item in value[:4])
        return f"{type(value).__name__} of {len(value)} ({inner}{', ...' * (len(value) > 4)})"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    return type(value).__name__


class RunningModules:
    """The modules whose forwards are running, innermost first; their path is found when asked.

    Refers to them weakly: an error's origin keeps no module alive.
    """

    __slots__ = ("_modules", "_name")

    def __init__(self, modules: list[Any]):
        self._name = modules[0]._get_name() if modules else ""
        self._modules = [weakref.ref(module) for module in modules]

    def __bool__(self) -> bool:
        return bool(self._name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunningModules) and self._modules == other._modules

    def __hash__(self) -> int:
        return hash(tuple(self._modules))

    def __str__(self) -> str:
        modules = [held() for held in self._modules]
        if None in modules:
            return self._name
        parts: list[str] = []
        child = modules[0]
        for parent in modules[1:]:
            path = _find_path(parent, child)
            if path is not None:
                parts.insert(0, path)
                child = parent
        description = _describe_module(modules[0])
        return f"{'.'.join(parts)} ({description})" if parts else description


def running_modules(code: Any) -> RunningModules:
    """The modules that are running: the frames of `code`, found by looking up the stack.

    For operations that may fail after their recording; it costs nothing elsewhere.
    """
    modules = []
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is code:
            modules.append(frame.f_locals["self"])
        frame = frame.f_back
    return RunningModules(modules)
