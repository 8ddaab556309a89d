"""Modules without first values."""

from __future__ import annotations

import inspect
from typing import Any

from rushlight.nn import init
from rushlight.nn.module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters are left as they were made: zeros, where `nn.init` would draw.

    RuntimeError for what is no module, and for a class without a `device` argument.

    >>> from rushlight import nn
    >>> nn.utils.skip_init(nn.Linear, 2, 1).weight.tolist()
    [[0.0, 0.0]]
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with init.skipping():
        return module_cls(*args, **kwargs)
