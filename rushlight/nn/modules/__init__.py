"""Where PyTorch keeps its layers; here another way to `rushlight.nn`."""

from __future__ import annotations

import importlib
from typing import Any

from rushlight.nn.modules import module


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("rushlight.nn"), name)
