"""Operations: one file a family, each with forward, backward, checks and docstring side by side.

Every family lists what it gives: FUNCTIONS (for `rl.`), METHODS (for Tensor), and INPLACE (the
functions that also exist with an underscore, writing their result into their first argument).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from rushlight.autograd.backward import METHODS as _BACKWARD
from rushlight.autograd.hooks import METHODS as _HOOKS
from rushlight.autograd.inplace import check_inplace, write
from rushlight.ops.elements import INPLACE_FUNCTIONS, function_of
from rushlight.ops.promotion import can_cast
from rushlight.tensor import Tensor

FAMILIES = (
    "compare",
    "elementwise",
    "ternary",
    "unary",
    "movement",
    "parts",
    "join",
    "several",
    "reduce",
    "matmul",
    "index",
    "lookup",
    "scatter",
    "arrange",
    "sort",
)
FAMILIES += ("extremes", "running", "moments", "norms", "softmax", "counting", "creation", "ranges")
FAMILIES += ("statistics", "joint", "random", "refill", "convert", "python", "printing", "memory")
FAMILIES += ("einsum", "activation", "rectifier", "conv", "pool", "adaptive", "norm", "margin")
FAMILIES += ("padding", "dropout", "image", "grid", "ctc", "scan")
FAMILIES += ("complex", "spectra", "tapers", "special")
FAMILIES += ("pieces", "diagonals", "strided", "reseated", "pairs", "signs", "gamma")
FAMILIES += ("distances", "integrals", "histograms", "linalg", "draws", "elements")

FUNCTIONS: dict[str, Callable] = {}


def inplace(name: str, function: Callable) -> Callable:
    """The method `name_` that writes the function's result into its first argument."""

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        label = f"{name}_"
        check_inplace(self, label)
        result = function(self, *args, **kwargs)
        have, want = result._spec, self._spec
        if have.shape != want.shape:
            raise RuntimeError(
                f"output with shape {list(want.shape)} doesn't match the broadcast shape "
                f"{list(have.shape)}\nIn {label}: the result must fit the tensor written to."
            )
        if have.dtype is not want.dtype:
            if not can_cast(have.dtype, want.dtype):
                raise RuntimeError(
                    f"result type {have.dtype.name} can't be cast to the desired output type "
                    f"{want.dtype.name}\nIn {label}."
                )
            result = result.to(want.dtype)
        return write(self, result, label)

    method.__name__ = f"{name}_"
    method.__doc__ = f"In-place form of `{name}`: the tensor itself gets the result."
    return method


_OPERATORS = {"add": "iadd", "sub": "isub", "mul": "imul", "div": "itruediv", "pow": "ipow"}
_OPERATORS |= {"floor_divide": "ifloordiv", "remainder": "imod", "bitwise_and": "iand"}
_OPERATORS |= {"bitwise_or": "ior", "bitwise_xor": "ixor", "bitwise_left_shift": "ilshift"}
_OPERATORS |= {"bitwise_right_shift": "irshift"}


def bind() -> None:
    """Give Tensor its methods, and collect the functions for `rl.`."""
    for name, method in {**_BACKWARD, **_HOOKS}.items():
        setattr(Tensor, name, method)
    for family in FAMILIES:
        table = importlib.import_module(f"rushlight.ops.{family}")
        for name, method in table.METHODS.items():
            setattr(Tensor, name, method)
        FUNCTIONS.update(table.FUNCTIONS)
        for name in getattr(table, "INPLACE", ()):
            method = inplace(name, table.FUNCTIONS[name])
            setattr(Tensor, f"{name}_", method)
            if name in _OPERATORS:
                setattr(Tensor, f"__{_OPERATORS[name]}__", method)
    for name in INPLACE_FUNCTIONS:
        FUNCTIONS.setdefault(name, function_of(getattr(Tensor, name)))


bind()
