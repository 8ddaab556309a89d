"""Winograd's transforms for 4x4 results of 3x3 filters, F(4x4, 3x3).

With B, G and A the matrices of Lavin and Gray (2015, arXiv 1509.09308), a tile of results is
A' [(G w G') * (B' x B)] A for a 6x6 tile x of the input; the gradient of the filter is the adjoint
in w, G' [(B' x B) * (A dy A')] G.  Everything here works on vectors, one channel in a lane.
"""

from __future__ import annotations

from collections.abc import Callable

from rushlight.engines.cpu.builder import Function
from rushlight.engines.cpu.values import Value

SIDE, RESULTS, TAPS = 6, 4, 3
POSITIONS = SIDE * SIDE

_B = [  # transposed
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_G = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_A = [  # transposed
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
Matrix = list[list[float]]
INPUT, FILTER, RESULT = _B, _G, _A
GRADIENT = [list(column) for column in zip(*_A, strict=True)]
FILTER_GRADIENT = [list(column) for column in zip(*_G, strict=True)]


def _row_times(f: Function, row: list[float], values: list[Value]) -> Value:
    total = None
    ordered = sorted(zip(row, values, strict=True), key=lambda pair: abs(pair[0]) != 1)
    for factor, value in ordered:
        if factor == 0:
            continue
        if total is None:
            total = value if factor == 1 else -value if factor == -1 else value * factor
        elif factor == 1:
            total = total + value
        elif factor == -1:
            total = total - value
        else:
            total = f.fma(value, factor, total)
    assert total is not None
    return total


def transform(f: Function, matrix: Matrix, load: Callable[[int, int], Value]) -> list[list[Value]]:
    """matrix x matrix' of the tile whose element (i, j) `load(i, j)` gives."""
    side = len(matrix[0])
    half = []
    for j in range(side):
        column = [load(i, j) for i in range(side)]
        half.append([_row_times(f, row, column) for row in matrix])
    return [
        [_row_times(f, row, [half[j][i] for j in range(side)]) for row in matrix]
        for i in range(len(matrix))
    ]
