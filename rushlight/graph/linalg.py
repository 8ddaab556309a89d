"""Primitives on matrices, which are the last two dimensions; those before them are batches.

A decomposition has several results.  They lie behind each other in the last dimension of one
packed value, which is computed once; `decompose` cuts it.  Whole numbers among them (pivots,
ranks, where it failed) are packed as numbers of the matrix's dtype.

Where `checks` is the name of an operation, a matrix that it cannot take is an error when the
primitive runs; where it is "", `info` tells: 0, or the place of the failure counted from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from rushlight.graph.dtype import complex64, complex128, float32, int64
from rushlight.graph.movement import cut, reshape
from rushlight.graph.node import Node, Origin, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec, spec_of

Shape = tuple[int, ...]
Parts = Callable[..., tuple[Shape, ...]]


class LinAlgError(RuntimeError):
    """A matrix that is singular or not positive-definite, or a method that did not converge."""


def batch_of(shapes: tuple[Shape, ...]) -> Shape:
    """The shape of batches that all operands' batches broadcast to."""
    batches = [shape[:-2] for shape in shapes]
    rank = max(len(batch) for batch in batches)
    filled = [(1,) * (rank - len(batch)) + batch for batch in batches]
    return tuple([next((n for n in sizes if n != 1), 1) for sizes in zip(*filled, strict=True)])


def _parts_of(primitive: Primitive, shapes: tuple[Shape, ...], attributes: tuple) -> tuple:
    rows, columns = shapes[0][-2:]
    return PARTS[primitive](rows, columns, shapes[-1][-1], *attributes)


def _packed(name: str, can_fail: bool = True) -> Primitive:
    def infer(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
        shapes = tuple([operand.shape for operand in specs])
        total = sum(map(prod, _parts_of(primitive, shapes, attributes)))
        return spec.with_shape((*batch_of(shapes), total))

    primitive = Primitive(name, "linalg", infer, can_fail=can_fail)
    return primitive


def _infer_first(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0]


def _infer_product(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    shapes = specs[0].shape, specs[-1].shape
    return specs[-1].with_shape((*batch_of(shapes), *specs[-1].shape[-2:]))


def _infer_inverse(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    *batch, rows, columns = specs[0].shape
    return specs[0].with_shape((*batch, columns, rows))


def _infer_permutation(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return spec_of((*specs[0].shape[:-1], spec.shape[-1]), int64)


CHOLESKY, LU, LDL = _packed("cholesky"), _packed("lu"), _packed("ldl")
QR, REFLECTORS = _packed("qr", False), _packed("reflectors", False)
SVD, EIGH, EIG = _packed("svd"), _packed("eigh"), _packed("eig")
INVERSE, LINEAR_SOLVE = _packed("inverse"), _packed("linear_solve")
LEAST_SQUARES = _packed("least_squares")
DETERMINANT = _packed("determinant", False)
LOG_DETERMINANT = _packed("log_determinant", False)
ADJUGATE = Primitive("adjugate", "linalg", _infer_first)
EXPONENTIAL = Primitive("exponential", "linalg", _infer_first)
PSEUDO_INVERSE = Primitive("pseudo_inverse", "linalg", _infer_inverse, can_fail=True)
TRIANGULAR_SOLVE = Primitive("triangular_solve", "linalg", _infer_product)
LDL_SOLVE = Primitive("ldl_solve", "linalg", _infer_product)
PERMUTATION = Primitive("permutation", "linalg", _infer_permutation)


def _svd_parts(m: int, n: int, _: int, vectors: bool, full: bool) -> tuple[Shape, ...]:
    k = min(m, n)
    if not vectors:
        return ((k,),)
    return ((m, m), (k,), (n, n)) if full else ((m, k), (k,), (k, n))


def _qr_parts(m: int, n: int, _: int, mode: str) -> tuple[Shape, ...]:
    k = m if mode == "complete" else min(m, n)
    return ((k, n),) if mode == "r" else ((m, k), (k, n))


PARTS: dict[Primitive, Parts] = {
    CHOLESKY: lambda m, n, r, checks: ((n, n), ()),
    LU: lambda m, n, r, pivot, checks: ((m, n), (min(m, n),), ()),
    LDL: lambda m, n, r, hermitian: ((n, n), (n,), ()),
    QR: _qr_parts,
    REFLECTORS: lambda m, n, r: ((m, n), (min(m, n),)),
    SVD: _svd_parts,
    EIGH: lambda m, n, r, vectors, triangle: ((n,), (n, n)) if vectors else ((n,),),
    EIG: lambda m, n, r, vectors: ((n,), (n, n)) if vectors else ((n,),),
    INVERSE: lambda m, n, r, checks: ((n, n), ()),
    LINEAR_SOLVE: lambda m, n, r, checks: ((n, r), ()),
    LEAST_SQUARES: lambda m, n, r: ((n, r), (), (min(m, n),)),
    DETERMINANT: lambda m, n, r: ((),),
    LOG_DETERMINANT: lambda m, n, r: ((), ()),
}
"""The shapes of a decomposition's results, of the rows and columns of the first operand, the
columns of the last one, and the attributes."""


def decompose(
    primitive: Primitive,
    inputs: tuple[Node, ...],
    attributes: tuple = (),
    origin: Origin | None = None,
    numbers: tuple = (),
) -> list[Node]:
    """Record a decomposition; its results."""
    shapes = tuple([source.spec.shape for source in inputs])
    batch, dtype = batch_of(shapes), inputs[0].spec.dtype
    if primitive is EIG and not dtype.is_complex:
        dtype = complex64 if dtype is float32 else complex128
    parts = _parts_of(primitive, shapes, attributes)
    spec = spec_of((*batch, sum(map(prod, parts))), dtype)
    packed = record(primitive, inputs, attributes, numbers, spec, origin)
    results, start = [], 0
    for shape in parts:
        size = prod(shape)
        part = packed if len(parts) == 1 else cut(packed, len(batch), start, size)
        results.append(reshape(part, (*batch, *shape)))
        start += size
    return results


def adjugate(x: Node) -> Node:
    """The matrix whose product with x is det(x) times the identity; there is one for singular x."""
    return record(ADJUGATE, (x,), (), (), x.spec)


def exponential(x: Node) -> Node:
    """The matrix exponential."""
    return record(EXPONENTIAL, (x,), (), (), x.spec)


def pseudo_inverse(
    x: Node, absolute: Node, relative: Node, hermitian: bool, origin: Origin | None
) -> Node:
    """The Moore-Penrose inverse.

    Singular values up to the greater of `absolute` and `relative` times the largest count as 0;
    these tolerances have the shape of the batches.
    """
    *batch, rows, columns = x.spec.shape
    spec = x.spec.with_shape((*batch, columns, rows))
    inputs = x, absolute, relative
    return record(PSEUDO_INVERSE, inputs, (hermitian,), (), spec, origin)


def triangular_solve(a: Node, b: Node, upper: bool, unit: bool, adjoint: bool = False) -> Node:
    """x with a @ x = b, or aᴴ @ x = b, of which one triangle of a is read.

    `unit`: what stands on the diagonal is not read and counts as 1.
    """
    shapes = a.spec.shape, b.spec.shape
    spec = b.spec.with_shape((*batch_of(shapes), *b.spec.shape[-2:]))
    return record(TRIANGULAR_SOLVE, (a, b), (upper, unit, adjoint), (), spec)


def ldl_solve(factors: Node, pivots: Node, b: Node, hermitian: bool) -> Node:
    """x with a @ x = b, of the packed factors of a and int64 pivots."""
    shapes = factors.spec.shape, b.spec.shape
    spec = b.spec.with_shape((*batch_of(shapes), *b.spec.shape[-2:]))
    return record(LDL_SOLVE, (factors, pivots, b), (hermitian,), (), spec)


def permutation(pivots: Node, rows: int) -> Node:
    """The order of rows that int64 pivots, counted from 1, lead to: row i comes from order[i]."""
    spec = spec_of((*pivots.spec.shape[:-1], rows), int64)
    return record(PERMUTATION, (pivots,), (), (), spec)
