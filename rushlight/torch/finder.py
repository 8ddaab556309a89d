"""`import torch` and `import torchvision`, answered by Rushlight."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_ROOTS = {"torch": "rushlight", "torchvision": "rushlight.vision"}
_OTHERS = {
    "safetensors.torch": "rushlight.io.safetensors",
    "torch.utils.data": "rushlight.data",
}


class Facade(ModuleType):
    """A module with names of its own in front of those of another module.

    `standing` is what a name becomes that neither has, if that is not an AttributeError.
    """

    def __init__(self, name: str, behind: str | None, own: dict[str, Any], standing: Any = None):
        super().__init__(name, f"{name}, as Rushlight answers it.")
        self.__path__: list[str] = []
        self._behind = behind
        self._standing = standing
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        if name == "__all__":
            return [name for name in dir(self) if not name.startswith("_")]
        path = f"{self.__name__}.{name}"
        if sys.modules.get(path) is not None or _has_facade(path):
            return importlib.import_module(path)
        behind = importlib.import_module(self._behind) if self._behind else None
        if behind is not None and hasattr(behind, name):
            return getattr(behind, name)
        if self._standing is not None:
            return self._standing(path)
        if behind is not None:
            return getattr(behind, name)  # whose error says where to look
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} in Rushlight")

    def __dir__(self) -> list[str]:
        behind = dir(importlib.import_module(self._behind)) if self._behind else []
        return sorted({*self.__dict__, *behind} - {"_behind", "_standing"})


class Finder(MetaPathFinder, Loader):
    """Finds Rushlight's module for a name of torch or torchvision."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for names below torch and torchvision; None for all others."""
        if fullname.partition(".")[0] not in _ROOTS and fullname not in _OTHERS:
            return None
        if _has_facade(fullname):
            return ModuleSpec(fullname, self, is_package=True)
        behind = module_behind(fullname)
        if behind is None:
            return None
        return ModuleSpec(fullname, self, loader_state=behind, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A facade, or the very module that Rushlight has."""
        if spec.loader_state is None:
            from rushlight.torch.names import facade

            return facade(spec.name)
        module = importlib.import_module(spec.loader_state)
        spec.loader_state = (module, module.__spec__)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run; a module of Rushlight keeps the spec that it has."""
        state = module.__spec__.loader_state
        if state is not None:
            _, module.__spec__ = state


def module_behind(name: str) -> str | None:
    """Rushlight's module for one of torch's or torchvision's; None if there is none."""
    if name in _OTHERS:
        return _OTHERS[name]
    for theirs, ours in (*_OTHERS.items(), *_ROOTS.items()):
        if name.startswith(f"{theirs}."):
            found = ours + name[len(theirs) :]
            try:
                return found if find_spec(found) is not None else None
            except ModuleNotFoundError:
                return None
    return _ROOTS.get(name)


def _has_facade(name: str) -> bool:
    from rushlight.torch.names import FACADES

    return name in FACADES


def install() -> None:
    """Answer `import torch` and `import torchvision` by Rushlight from now on.

    RuntimeError if the real torch is loaded already.
    """
    if any(type(finder) is Finder for finder in sys.meta_path):
        return
    if "torch" in sys.modules:
        raise RuntimeError(
            "Expected a process in which torch is not imported yet.\nActual: it is.\n"
            "In rushlight.torch.install."
        )
    sys.meta_path.insert(0, Finder())


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Within a `with`, `import torch` is answered by Rushlight."""
    before = any(type(finder) is Finder for finder in sys.meta_path)
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()


def uninstall() -> None:
    """Take everything back: the finder, and the modules that it answered with."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder) is not Finder]
    found = [name for name in sys.modules if name.partition(".")[0] in _ROOTS or name in _OTHERS]
    for name in found:
        _forget(name, sys.modules[name])
    for name in found:
        del sys.modules[name]


def _forget(name: str, module: ModuleType) -> None:
    """Take a facade out of the module of Rushlight that the import system put it into."""
    parent, _, child = name.rpartition(".")
    holder = sys.modules.get(parent)
    if type(module) is not Facade or type(holder) in (Facade, type(None)):
        return
    if getattr(holder, child, None) is module:
        delattr(holder, child)
        own = sys.modules.get(f"{holder.__name__}.{child}")
        if own is not None:
            setattr(holder, child, own)
