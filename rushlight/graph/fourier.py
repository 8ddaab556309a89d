"""Primitives of the discrete Fourier transform, without any factor."""

from __future__ import annotations

from rushlight.graph.complex import COMPLEX_OF, REAL_OF
from rushlight.graph.node import Node, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec


def _infer_same(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0]


def _infer_real(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return half_spec(specs[0], attributes[0])


def _infer_to_real(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    if half_spec(spec, attributes[0]) is not specs[0]:
        raise ValueError(f"Fourier transform of {specs[0]} to real {spec}")
    return spec


FOURIER = Primitive("fourier", "fourier", _infer_same)
REAL_FOURIER = Primitive("real_fourier", "fourier", _infer_real)
FOURIER_TO_REAL = Primitive("fourier_to_real", "fourier", _infer_to_real)


def half_spec(spec: Spec, axis: int) -> Spec:
    """What is kept of the transform of real numbers: the rest are conjugates of these."""
    shape = spec.shape
    kept = (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :])
    return spec.with_shape(kept).with_dtype(COMPLEX_OF[spec.dtype])


def fourier(x: Node, axes: tuple[int, ...], inverse: bool) -> Node:
    """sum over k of x[k] exp(-2 pi i j k / n) along each axis; the sign turns with `inverse`."""
    return record(FOURIER, (x,), (axes, inverse), (), x.spec)


def real_fourier(x: Node, axis: int) -> Node:
    """The first half, with its end, of `fourier` of real numbers along one axis."""
    return record(REAL_FOURIER, (x,), (axis,), (), half_spec(x.spec, axis))


def fourier_to_real(x: Node, axis: int, size: int) -> Node:
    """`fourier`, inverse, of what half of it tells, along one axis of `size` real numbers."""
    shape = x.spec.shape
    spec = x.spec.with_shape((*shape[:axis], size, *shape[axis + 1 :]))
    return record(FOURIER_TO_REAL, (x,), (axis,), (), spec.with_dtype(REAL_OF[x.spec.dtype]))
