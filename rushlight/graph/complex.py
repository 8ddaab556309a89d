"""Primitives between complex numbers and the real ones that they are made of."""

from __future__ import annotations

from rushlight.graph.dtype import DType, complex64, complex128, float32, float64
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec

REAL_OF = {complex64: float32, complex128: float64}
COMPLEX_OF = {real: dtype for dtype, real in REAL_OF.items()}


def real_dtype(dtype: DType) -> DType:
    """The dtype of the parts of a complex number; of a real one, itself."""
    return REAL_OF.get(dtype, dtype)


def _infer_part(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_dtype(REAL_OF[specs[0].dtype])


def _infer_same(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0]


def _infer_complex(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    real, imaginary = specs
    if real.dtype is not imaginary.dtype or real.shape != imaginary.shape:
        raise ValueError(f"complex numbers of {real} and {imaginary}")
    return real.with_dtype(COMPLEX_OF[real.dtype])


def _infer_pairs(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0].with_shape((*specs[0].shape, 2)).with_dtype(REAL_OF[specs[0].dtype])


def _infer_from_pairs(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    if specs[0].shape[-1:] != (2,):
        raise ValueError(f"pairs in {specs[0]}")
    return specs[0].with_shape(specs[0].shape[:-1]).with_dtype(COMPLEX_OF[specs[0].dtype])


REAL = Primitive("real", "complex", _infer_part, exact=True)
IMAG = Primitive("imag", "complex", _infer_part, exact=True)
MODULUS = Primitive("modulus", "complex", _infer_part)
CONJ = Primitive("conj", "complex", _infer_same, exact=True)
COMPLEX = Primitive("complex", "complex", _infer_complex, exact=True)
PAIRS = Primitive("pairs", "complex", _infer_pairs, exact=True)
FROM_PAIRS = Primitive("from_pairs", "complex", _infer_from_pairs, exact=True)


def part(primitive: Primitive, x: Node) -> Node:
    """The real or imaginary part, or the size, of complex numbers."""
    return record(primitive, (x,), (), (), x.spec.with_dtype(REAL_OF[x.spec.dtype]))


def conj(x: Node) -> Node:
    """Complex numbers with the sign of their imaginary part turned."""
    return record(CONJ, (x,), (), (), x.spec)


def complex_(real: Node, imaginary: Node) -> Node:
    """real + imaginary * i, of two values of one spec."""
    spec = real.spec.with_dtype(COMPLEX_OF[real.spec.dtype])
    return record(COMPLEX, (real, imaginary), (), (), spec)


def pairs(x: Node) -> Node:
    """Each complex number as its two parts, in a new last dimension."""
    spec = x.spec.with_shape((*x.spec.shape, 2)).with_dtype(REAL_OF[x.spec.dtype])
    return record(PAIRS, (x,), (), (), spec)


def from_pairs(x: Node) -> Node:
    """The complex numbers whose parts lie in the last dimension, of size 2."""
    spec = x.spec.with_shape(x.spec.shape[:-1]).with_dtype(COMPLEX_OF[x.spec.dtype])
    return record(FROM_PAIRS, (x,), (), (), spec)
