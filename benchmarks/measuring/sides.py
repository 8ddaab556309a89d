"""The sides of the comparison: how each is started, and how it makes the step of a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

SIDES = {
    "rushlight": "Rushlight",
    "torch": "PyTorch",
    "compile": "torch.compile",
    "jax": "JAX, jitted",
    "tinygrad": "tinygrad",
}
PACKAGES = {"compile": "torch"}  # the package that a side needs, where its name is another


def step_of(side: str, name: str) -> Callable[[], float]:
    """A function that makes one step; this process is then bound to that side."""
    from networks.rows import find

    row = find(name)
    if side in ("jax", "tinygrad"):
        return import_module(f"networks.by_{side}").make_step(row)
    os.environ["BENCHMARK_FRAMEWORK"] = PACKAGES.get(side, side)
    from networks.loop import make_step

    if side == "compile":
        import torch

        return make_step(row, torch.compile)
    return make_step(row)
