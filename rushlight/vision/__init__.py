"""Images: datasets, models and transforms, where a user of torchvision looks for them."""

from __future__ import annotations

import importlib
from typing import Any

# A data worker asks for a dataset and its transforms, and has no use for networks.
_MODULES = ("datasets", "io", "models", "transforms", "utils")
_CLASSES = {"MNIST": "datasets", "Digits": "digits"}

__all__ = ["MNIST", "Digits", "datasets", "io", "models", "transforms", "utils"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rushlight.vision.{name}")
    if name in _CLASSES:
        return getattr(importlib.import_module(f"rushlight.vision.{_CLASSES[name]}"), name)
    raise AttributeError(f"module 'rushlight.vision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
