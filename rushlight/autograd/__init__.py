"""Automatic differentiation: `backward`, `grad`, `Function`, modes, hooks, checks."""

from __future__ import annotations

import importlib
from typing import Any

from rushlight.autograd.anomaly import detect_anomaly, set_detect_anomaly
from rushlight.autograd.backward import backward, grad
from rushlight.autograd.function import Function, once_differentiable
from rushlight.autograd.gradcheck import gradcheck, gradgradcheck
from rushlight.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]

_LAZY = ("forward_ad", "functional", "graph")


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'rushlight.autograd' has no attribute {name!r}")
    return importlib.import_module(f"rushlight.autograd.{name}")
