"""Packages that only some datasets need: imported where they are first used."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, user: str, extra: str) -> Any:
    """The module; without its package an ImportError says who needs it and how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f'{user} needs {package}: pip install "rushlight[{extra}]"', name=package
        ) from error
