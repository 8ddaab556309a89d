"""Rushlight: a deep-learning framework in Python that one person can read from top to bottom.

>>> import rushlight as rl
>>> x = rl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

from __future__ import annotations

import importlib
from typing import Any

from rushlight import autograd, cuda, dtypes, engines, feed, ops
from rushlight.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from rushlight.device import device
from rushlight.dtypes import *
from rushlight.graph import recorder as _recorder
from rushlight.ops.promotion import (
    can_cast,
    get_default_dtype,
    promote_types,
    result_type,
    set_default_dtype,
)
from rushlight.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from rushlight.size import Size
from rushlight.tensor import Tensor

__version__ = "0.1.0"

_LAZY = ("amp", "data", "engines", "examples", "io", "nn", "optim", "profiler", "testing", "utils")
_LAZY += ("vision", "fft", "func", "linalg", "signal", "special", "masked")
_LAZY += ("distributions", "text")
_ELSEWHERE = {
    **dict.fromkeys(
        (
            *("autocast", "clear_autocast_cache", "get_autocast_dtype"),
            *("is_autocast_cache_enabled", "is_autocast_enabled"),
        ),
        "rushlight.amp",
    ),
    "load": "rushlight.io",
    "vmap": "rushlight.func",
    "save": "rushlight.io",
    "get_num_threads": "rushlight.engines.cpu.pool",
    "set_num_threads": "rushlight.engines.cpu.pool",
}

globals().update(ops.FUNCTIONS)
dtype = dtypes.DType
strided = dtypes.strided
contiguous_format = dtypes.contiguous_format
preserve_format = dtypes.preserve_format
channels_last = dtypes.channels_last


def sync() -> None:
    """Compute everything that this thread has recorded; afterwards the results exist.

    >>> import rushlight as rl
    >>> x = rl.ones(3) * 2
    >>> rl.sync()
    """
    _recorder.recorder().compute()


def use_engine(name: str) -> None:
    """Compute by the engine of that name, "cpu" or "reference", from now on.

    Raises ValueError for any other name.  RUSHLIGHT_ENGINE in the environment does the same.
    """
    sync()
    engine = engines.load(name)
    _recorder.provide("engine", lambda: engine)


def _evaluate(node: Any) -> Any:
    return importlib.import_module("rushlight.engines.reference").evaluate(node)


_recorder.provide("engine", engines.load)
_recorder.provide("evaluate", lambda: _evaluate)
feed.register()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"rushlight.{name}")
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(
        f"module 'rushlight' has no attribute {name!r}: docs/differences.md lists what is not built"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ELSEWHERE})
