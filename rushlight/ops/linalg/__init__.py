"""Linear algebra: functions of matrices, which are the last two dimensions of a tensor.

`rushlight.linalg` hands on those of its files; FUNCTIONS here are the older names that `rl.` and
Tensor have.
"""

from __future__ import annotations

from typing import Any

from rushlight.ops.linalg import (
    cholesky,
    determinant,
    inexact,
    lowrank,
    lu,
    orthogonal,
    products,
    singular,
    solve,
    triangular,
)

_FILES: tuple[Any, ...] = (cholesky, determinant, inexact, lowrank, lu, orthogonal, products)
_FILES += (singular, solve, triangular)

FUNCTIONS = {name: function for file in _FILES for name, function in file.FUNCTIONS.items()}
METHODS = {name: method for file in _FILES for name, method in file.METHODS.items()}
