"""The sides of the comparison: how each is called, and how it makes the step of a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from networks.rows import Row, find

SIDES = {
    "rushlight": "Rushlight",
    "torch": "PyTorch",
    "compile": "torch.compile",
    "jax": "JAX",
    "tinygrad": "tinygrad",
}
_PACKAGES = {"compile": "torch"}
_NETWORKS = {"tinygrad": ("gpt", "mnist", "multilayer")}  # where not all of them are written
_compiled = 0


def package_of(side: str) -> str:
    """The package that a side needs."""
    return _PACKAGES.get(side, side)


def is_written(side: str, row: Row) -> bool:
    """Whether there is a program of this row for a side."""
    return row.network in _NETWORKS.get(side, (row.network,))


def step_of(side: str, name: str) -> Callable[..., float]:
    """A function that makes one step; this process is then bound to that side."""
    row = find(name)
    if side in ("jax", "tinygrad"):
        return import_module(f"networks.by_{side}").make_step(row)
    os.environ["BENCHMARK_FRAMEWORK"] = package_of(side)
    from networks.loop import make_step

    if side == "compile":
        import torch

        return make_step(row, torch.compile)
    return make_step(row)


def count_kernels() -> None:
    """From now on count how often Rushlight compiles."""
    from rushlight.engines.cpu import build

    compile_object = build.compile_object

    def counted(text: str) -> bytes:
        global _compiled
        _compiled += 1
        return compile_object(text)

    build.compile_object = counted


def compiled_kernels() -> int:
    """How often Rushlight has compiled since `count_kernels`."""
    return _compiled
