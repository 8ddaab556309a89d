"""Engines compute recorded graphs: `reference` in plain NumPy, `cpu` by compiled kernels."""

from __future__ import annotations

import importlib
import os
from typing import Any

NAMES = ("cpu", "reference")


def load(name: str | None = None) -> Any:
    """The engine of that name; by default the one named by RUSHLIGHT_ENGINE, else "cpu".

    >>> load("reference").name
    'reference'
    """
    name = name or os.environ.get("RUSHLIGHT_ENGINE") or NAMES[0]
    if name not in NAMES:
        raise ValueError(
            f"Expected an engine named one of {NAMES}.\n"
            f"Actual: {name!r} (set by RUSHLIGHT_ENGINE or rl.use_engine)."
        )
    return importlib.import_module(f"rushlight.engines.{name}").ENGINE
