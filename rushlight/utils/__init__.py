"""Names where PyTorch's users look for them: `utils.data`, `utils.tensorboard` and so on."""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = ("archives", "checkpoint", "data", "dlpack", "download", "tensorboard")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"rushlight.utils.{name}")
    raise AttributeError(f"module 'rushlight.utils' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
