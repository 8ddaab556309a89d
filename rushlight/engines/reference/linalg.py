"""Primitives on matrices, through NumPy's linalg in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from rushlight.engines.reference import factor
from rushlight.engines.reference.rounding import Rule, widened
from rushlight.graph import linalg as p
from rushlight.graph.node import Primitive

_ERRORS = {
    "cholesky": "The factorization could not be completed because the input is not "
    "positive-definite (the leading minor of order {0} is not positive-definite).",
    "inverse": "The diagonal element {0} is zero, the inversion could not be completed because the "
    "input matrix is singular.",
    "solve": "The solver failed because the input matrix is singular.",
    "lu": "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero.",
}
_SPECTRAL = "The algorithm failed to converge because the input matrix {0}."
_PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000)
_PADE += (10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)
_PADE_BOUND = 5.371920351148152


def _pack(batch: tuple[int, ...], *parts: np.ndarray) -> np.ndarray:
    """The results of a decomposition behind each other."""
    flat = []
    for part in parts:
        part = np.broadcast_to(part, (*batch, *part.shape[len(batch) :]))
        flat.append(part.reshape(*batch, math.prod(part.shape[len(batch) :])))
    return np.concatenate(flat, axis=-1)


def _check(info: np.ndarray, checks: str, kind: str) -> None:
    """LinAlgError for the first matrix that failed."""
    if not checks or not info.any():
        return
    place = np.unravel_index(np.flatnonzero(info)[0], info.shape)
    flat = int(np.ravel_multi_index(place, info.shape)) if info.ndim else 0
    element = f" (Batch element {flat}):" if info.ndim else ""
    raise p.LinAlgError(f"{checks}:{element} {_ERRORS[kind].format(info[place])}")


def _converged(name: str, compute: Callable, *arrays: np.ndarray, **options: object) -> tuple:
    """What NumPy's function returns; its error, if it did not converge, in our words."""
    try:
        return compute(*arrays, **options)
    except np.linalg.LinAlgError:
        finite = np.isfinite(arrays[0]).all()
        why = "is ill-conditioned" if finite else "contained non-finite values"
        raise p.LinAlgError(f"linalg.{name}: {_SPECTRAL.format(why)}") from None


def _cholesky(arrays, attributes, numbers, spec):
    a, (checks,) = widened(arrays[0]), attributes
    info = np.zeros(a.shape[:-2])
    try:
        result = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        result, info = factor.cholesky(a)
        _check(info, checks, "cholesky")
    return _pack(a.shape[:-2], result, info)


def _lu(arrays, attributes, numbers, spec):
    a, (pivot, checks) = widened(arrays[0]), attributes
    packed, pivots, info = factor.lu(a, pivot)
    _check(info, checks, "lu")
    return _pack(a.shape[:-2], packed, pivots, info)


def _ldl(arrays, attributes, numbers, spec):
    a, (hermitian,) = widened(arrays[0]), attributes
    *batch, n, _ = a.shape
    results = [factor.ldl(each, hermitian) for each in a.reshape(math.prod(batch), n, n)]
    packed = np.empty((len(results), n * n + n + 1), a.dtype)
    for row, (factors, pivots, info) in zip(packed, results, strict=True):
        row[...] = np.concatenate((factors.ravel(), pivots, [info]))
    return packed.reshape(spec.shape)


def _ldl_solve(arrays, attributes, numbers, spec):
    factors, pivots, b = widened(arrays[0]), arrays[1], widened(arrays[2])
    *batch, n, columns = spec.shape
    count = math.prod(batch)
    factors = np.broadcast_to(factors, (*batch, n, n)).reshape(count, n, n)
    pivots = np.broadcast_to(pivots, (*batch, n)).reshape(count, n)
    b = np.broadcast_to(b, spec.shape).reshape(count, n, columns)
    result = np.empty_like(b)
    for i in range(count):
        result[i] = factor.ldl_solve(factors[i], pivots[i], b[i], *attributes)
    return result.reshape(spec.shape)


def _inverse(arrays, attributes, numbers, spec):
    a, (checks,) = widened(arrays[0]), attributes
    info = np.zeros(a.shape[:-2])
    try:
        result = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        info = _singular(a)
        _check(info, checks, "inverse")
        result = _where_regular(info, np.linalg.inv(_made_regular(a, info)))
    return _pack(a.shape[:-2], result, info)


def _linear_solve(arrays, attributes, numbers, spec):
    (a, b), (checks,) = map(widened, arrays), attributes
    info = np.zeros(a.shape[:-2])
    try:
        result = np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        info = _singular(a)
        _check(info, checks, "solve")
        result = _where_regular(info, np.linalg.solve(_made_regular(a, info), b))
    return _pack(spec.shape[:-1], result, np.broadcast_to(info, spec.shape[:-1]))


def _singular(a: np.ndarray) -> np.ndarray:
    """For each matrix that LAPACK finds singular the place of the pivot, else 0."""
    *batch, n, _ = a.shape
    info = factor.lu(a, True)[2].reshape(-1)
    for place, each in enumerate(a.reshape(-1, n, n)):
        try:
            np.linalg.inv(each)
            info[place] = 0
        except np.linalg.LinAlgError:
            info[place] = info[place] or n
    return info.reshape(batch)


def _made_regular(a: np.ndarray, info: np.ndarray) -> np.ndarray:
    return np.where(info[..., None, None] != 0, np.eye(a.shape[-1]), a)


def _where_regular(info: np.ndarray, result: np.ndarray) -> np.ndarray:
    return np.where(info[..., None, None] != 0, np.nan, result)


def _triangular_solve(arrays, attributes, numbers, spec):
    (a, b), (upper, unit, adjoint) = map(widened, arrays), attributes
    if adjoint:
        return factor.substitute(a.conj().swapaxes(-1, -2), b, not upper, unit)
    return factor.substitute(a, b, upper, unit)


def _permutation(arrays, attributes, numbers, spec):
    return factor.permutation(arrays[0], spec.shape[-1])


def _qr(arrays, attributes, numbers, spec):
    a, (mode,) = widened(arrays[0]), attributes
    results = np.linalg.qr(a, mode=mode)
    return _pack(a.shape[:-2], *((results,) if mode == "r" else results))


def _reflectors(arrays, attributes, numbers, spec):
    a = widened(arrays[0])
    reflectors, scales = np.linalg.qr(a, mode="raw")
    return _pack(a.shape[:-2], reflectors.swapaxes(-1, -2), scales)


def _svd(arrays, attributes, numbers, spec):
    a, (vectors, full) = widened(arrays[0]), attributes
    if not min(a.shape[-2:]):
        return _empty_svd(a, vectors, full)
    compute = partial(_converged, "svd", np.linalg.svd, a)
    if vectors:
        return _pack(a.shape[:-2], *compute(full_matrices=full))
    return _pack(a.shape[:-2], compute(compute_uv=False))


def _empty_svd(a, vectors, full):
    *batch, m, n = a.shape
    if not (vectors and full):
        return np.zeros((*batch, 0))
    return _pack(tuple(batch), *[np.broadcast_to(np.eye(k), (*batch, k, k)) for k in (m, n)])


def _eigh(arrays, attributes, numbers, spec):
    a, (vectors, triangle) = widened(arrays[0]), attributes
    if not vectors:
        return _converged("eigvalsh", np.linalg.eigvalsh, a, UPLO=triangle)
    return _pack(a.shape[:-2], *_converged("eigh", np.linalg.eigh, a, UPLO=triangle))


def _eig(arrays, attributes, numbers, spec):
    a, (vectors,) = widened(arrays[0]), attributes
    if not np.isfinite(a).all():
        raise p.LinAlgError("linalg.eig: input tensor should not contain infs or NaNs.")
    if not vectors:
        return _converged("eigvals", np.linalg.eigvals, a)
    return _pack(a.shape[:-2], *_converged("eig", np.linalg.eig, a))


def _determinant(arrays, attributes, numbers, spec):
    return np.asarray(np.linalg.det(widened(arrays[0])))[..., None]


def _log_determinant(arrays, attributes, numbers, spec):
    return np.stack(np.linalg.slogdet(widened(arrays[0])), axis=-1)


def _adjugate(arrays, attributes, numbers, spec):
    a = widened(arrays[0])
    if not a.size:
        return a
    left, sizes, right = _converged("det", np.linalg.svd, a)
    before = np.cumprod(sizes, axis=-1)[..., :-1]
    after = np.cumprod(sizes[..., ::-1], axis=-1)[..., -2::-1]
    one = np.ones((*a.shape[:-2], 1))
    others = np.concatenate((one, before), -1) * np.concatenate((after, one), -1)
    others = others * (np.linalg.det(left) * np.linalg.det(right))[..., None]
    return (right.conj().swapaxes(-1, -2) * others[..., None, :]) @ left.conj().swapaxes(-1, -2)


def _exponential(arrays, attributes, numbers, spec):
    """The [13/13] Padé approximant of a scaled matrix, squared (Higham 2005)."""
    a = widened(arrays[0])
    norm = np.abs(a).sum(-2).max(-1, initial=0)
    finite = np.isfinite(norm)
    safe = np.where(finite & (norm > _PADE_BOUND), norm, _PADE_BOUND)
    halvings = np.ceil(np.log2(safe / _PADE_BOUND)).astype(int)[..., None, None]
    x = np.where(finite[..., None, None], a, 0) * np.ldexp(1.0, -halvings)
    x = _pade(x)
    for i in range(halvings.max(initial=0)):
        x = np.where(i < halvings, x @ x, x)
    return np.where(finite[..., None, None], x, np.nan)


def _pade(x: np.ndarray) -> np.ndarray:
    one = np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    x2 = x @ x
    x4 = x2 @ x2
    powers = one, x2, x4, x4 @ x2

    def combine(first: int) -> np.ndarray:
        return sum(_PADE[first + 2 * i] * powers[i] for i in range(4))

    def high(first: int) -> np.ndarray:
        return powers[3] @ sum(_PADE[first + 2 * i] * powers[i + 1] for i in range(3))

    odd, even = x @ (high(9) + combine(1)), high(8) + combine(0)
    return np.linalg.solve(even - odd, even + odd)


def _pseudo_inverse(arrays, attributes, numbers, spec):
    a, absolute, relative = map(widened, arrays)
    (hermitian,) = attributes
    if not a.size:
        return np.zeros(spec.shape)
    if hermitian:
        values, left = _converged("pinv", np.linalg.eigh, a)
        right = left.conj().swapaxes(-1, -2)
    else:
        left, values, right = _converged("pinv", np.linalg.svd, a, full_matrices=False)
    sizes = np.abs(values)
    least = np.maximum(absolute, relative * sizes.max(-1))[..., None]
    inverse = np.where(sizes > least, 1 / np.where(sizes > least, values, 1), 0)
    return (right.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ left.conj().swapaxes(-1, -2)


def _least_squares(arrays, attributes, numbers, spec):
    (a, b), (relative,) = map(widened, arrays), numbers
    batch = spec.shape[:-1]
    *_, m, n = a.shape
    k, columns = min(m, n), b.shape[-1]
    if not k:
        return np.zeros(spec.shape)
    left, sizes, right = _converged("lstsq", np.linalg.svd, a, full_matrices=False)
    counted = sizes > relative * sizes[..., :1]
    inverse = np.where(counted, 1 / np.where(counted, sizes, 1), 0)[..., None]
    x = right.conj().swapaxes(-1, -2) @ (inverse * (left.conj().swapaxes(-1, -2) @ b))
    x = np.broadcast_to(x, (*batch, n, columns))
    rank = np.broadcast_to(counted.sum(-1), batch)
    return _pack(batch, x, rank, np.broadcast_to(sizes, (*batch, k)))


RULES: dict[Primitive, Rule] = {
    p.CHOLESKY: _cholesky,
    p.LU: _lu,
    p.LDL: _ldl,
    p.LDL_SOLVE: _ldl_solve,
    p.INVERSE: _inverse,
    p.LINEAR_SOLVE: _linear_solve,
    p.TRIANGULAR_SOLVE: _triangular_solve,
    p.PERMUTATION: _permutation,
    p.QR: _qr,
    p.REFLECTORS: _reflectors,
    p.SVD: _svd,
    p.EIGH: _eigh,
    p.EIG: _eig,
    p.DETERMINANT: _determinant,
    p.LOG_DETERMINANT: _log_determinant,
    p.ADJUGATE: _adjugate,
    p.EXPONENTIAL: _exponential,
    p.PSEUDO_INVERSE: _pseudo_inverse,
    p.LEAST_SQUARES: _least_squares,
}
