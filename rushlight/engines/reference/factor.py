"""Factorisations of matrices that NumPy lacks, in double precision, a whole batch at a time.

LU and Cholesky go column by column, in blocks whose rest is one matrix product (Golub and Van
Loan, "Matrix Computations", 3.2 and 4.2); the symmetric indefinite LDL goes matrix by matrix.
"""

from __future__ import annotations

import math

import numpy as np

_BLOCK = 32
_GROWTH = (1 + math.sqrt(17)) / 8  # of Bunch and Kaufman: bounds how elements grow


def size_of(x: np.ndarray) -> np.ndarray:
    """What pivots are chosen by: |x|, or the sum of both parts of a complex number."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def lu(a: np.ndarray, pivot: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L below the diagonal and U; the row swapped with each, and the first zero pivot, from 1."""
    *batch, m, n = a.shape
    a, k = a.reshape(math.prod(batch), m, n).copy(), min(m, n)
    pivots = np.empty((len(a), k), np.int64)
    info = np.zeros(len(a), np.int64)
    for start in range(0, k, _BLOCK):
        stop = min(start + _BLOCK, k)
        for column in range(start, stop):
            _eliminate(a, column, stop, pivots, info, pivot)
        if stop < n:
            right = a[:, start:stop, stop:]
            right[...] = substitute(a[:, start:stop, start:stop], right, unit=True)
            a[:, stop:, stop:] -= a[:, stop:, start:stop] @ right
    return a.reshape(*batch, m, n), pivots.reshape(*batch, k), info.reshape(batch)


def _eliminate(a, column, stop, pivots, info, pivot):
    """One column of L, and what it takes from the block's later columns."""
    every = np.arange(len(a))
    below = size_of(a[:, column:, column])
    row = column + (np.argmax(below, axis=1) if pivot else np.zeros_like(every))
    pivots[:, column] = row + 1
    a[every, row], a[:, column] = a[:, column].copy(), a[every, row]
    divisor = a[:, column, column]
    info[(info == 0) & (divisor == 0)] = column + 1
    a[:, column + 1 :, column] /= np.where(divisor == 0, 1, divisor)[:, None]
    part = a[:, column + 1 :, column, None] * a[:, column, None, column + 1 : stop]
    a[:, column + 1 :, column + 1 : stop] -= part


def permutation(pivots: np.ndarray, rows: int) -> np.ndarray:
    """Where each row comes from after the swaps that `lu` made."""
    *batch, k = pivots.shape
    swapped = pivots.reshape(math.prod(batch), k) - 1
    order = np.tile(np.arange(rows), (len(swapped), 1))
    every = np.arange(len(order))
    for i in range(k):
        row = swapped[:, i]
        order[every, row], order[:, i] = order[:, i].copy(), order[every, row]
    return order.reshape(*batch, rows)


def substitute(a: np.ndarray, b: np.ndarray, upper: bool = False, unit: bool = False) -> np.ndarray:
    """x with a @ x = b for triangular a; a zero on the diagonal gives what the division gives."""
    if upper:  # read backwards, it is a lower triangle
        return substitute(a[..., ::-1, ::-1], b[..., ::-1, :], unit=unit)[..., ::-1, :]
    n = a.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.broadcast_to(b, (*batch, *b.shape[-2:])).copy()
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        for row in range(start, stop):
            known = a[..., row : row + 1, start:row] @ x[..., start:row, :]
            x[..., row, :] -= known[..., 0, :]
            if not unit:
                x[..., row, :] /= a[..., row, row, None]
        x[..., stop:, :] -= a[..., stop:, start:stop] @ x[..., start:stop, :]
    return x


def cholesky(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower factors, and the order of the first leading minor that is not positive, or 0.

    From that column on, what is there of a factor is a's own lower triangle.
    """
    factor = np.tril(a)
    info = np.zeros(a.shape[:-2], np.int64)
    for j in range(a.shape[-1]):
        row = factor[..., j, :j].conj()
        column = factor[..., j:, j] - (factor[..., j:, :j] @ row[..., None])[..., 0]
        square = column[..., 0].real
        info[(info == 0) & ~(square > 0)] = j + 1
        good = (info == 0)[..., None]
        column = column / np.sqrt(np.where(good[..., 0], square, 1))[..., None]
        factor[..., j:, j] = np.where(good, column, factor[..., j:, j])
    return factor, info


def ldl(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """The factors of one symmetric (or Hermitian) matrix, of which the lower triangle is read.

    The diagonal pivoting of Bunch and Kaufman (1977): blocks of 1 or 2 on the diagonal.  Pivots
    are counted from 1 and negative for both columns of a block of 2, as in LAPACK's sytrf.
    """
    a, n, k, info = np.tril(a), a.shape[-1], 0, 0
    pivots = np.zeros(n, np.int64)
    while k < n:
        row, width, singular = _pivot(a, k, hermitian)
        if singular:
            info = info or k + 1
        else:
            _swap(a, k, k + width - 1, row, hermitian)
            _take_block(a, k, width, hermitian)
        pivots[k : k + width] = row + 1 if width == 1 else -(row + 1)
        k += width
    return np.tril(a), pivots, info


def _pivot(a, k, hermitian):
    """The row to swap with, the width of the block, and whether the whole column is 0."""
    diagonal = size_of(a[k, k].real if hermitian else a[k, k])
    below = size_of(a[k + 1 :, k])
    most = below.max(initial=0)
    if max(diagonal, most) == 0 or np.isnan(diagonal):
        return k, 1, True
    if diagonal >= _GROWTH * most:
        return k, 1, False
    row = k + 1 + int(np.argmax(below))
    across = max(size_of(a[row, k:row]).max(), size_of(a[row + 1 :, row]).max(initial=0))
    if diagonal * across >= _GROWTH * most * most:
        return k, 1, False
    other = size_of(a[row, row].real if hermitian else a[row, row])
    return (row, 1, False) if other >= _GROWTH * across else (row, 2, False)


def _swap(a, k, first, second, hermitian):
    """Rows and columns first and second of what is left, in its lower triangle."""
    if first == second:
        return
    below, between = slice(second + 1, None), slice(first + 1, second)
    a[below, first], a[below, second] = a[below, second].copy(), a[below, first].copy()
    column, row = a[between, first].copy(), a[second, between].copy()
    if hermitian:
        column, row = column.conj(), row.conj()
        a[second, first] = a[second, first].conj()
    a[between, first], a[second, between] = row, column
    a[first, first], a[second, second] = a[second, second], a[first, first]
    if first > k:  # the block's other column
        a[first, k], a[second, k] = a[second, k], a[first, k]


def _take_block(a, k, width, hermitian):
    """The columns of a block, and what it takes from the rest."""
    stop = k + width
    block = full_block(a, k, width, hermitian)
    left = a[stop:, k:stop].copy()
    scaled = np.linalg.solve(block.T, left.T).T
    product = scaled @ (left.conj() if hermitian else left).T
    a[stop:, stop:] -= product  # the upper triangle is not read
    a[stop:, k:stop] = scaled


def full_block(a: np.ndarray, k: int, width: int, hermitian: bool) -> np.ndarray:
    """A block of the diagonal, both its triangles."""
    block = a[k : k + width, k : k + width].copy()
    if width == 2:
        block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
    return block


def ldl_solve(a: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """x of one system, of the factors that `ldl` gave."""
    x, n, k = b.copy(), len(a), 0
    blocks = []
    while k < n:
        width = 2 if pivots[k] < 0 else 1
        swapped = [k + width - 1, abs(pivots[k]) - 1]
        blocks.append((k, width, swapped))
        x[swapped] = x[swapped[::-1]]
        stop = k + width
        x[stop:] -= a[stop:, k:stop] @ x[k:stop]
        x[k:stop] = _divide(full_block(a, k, width, hermitian), x[k:stop])
        k = stop
    for k, width, swapped in reversed(blocks):
        left = a[k + width :, k : k + width].T
        x[k : k + width] -= (left.conj() if hermitian else left) @ x[k + width :]
        x[swapped] = x[swapped[::-1]]
    return x


def _divide(block: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x / block if len(block) == 1 else np.linalg.solve(block, x)
