"""Primitives that read and write at places which other values name."""

from __future__ import annotations

from rushlight.graph.dtype import int64
from rushlight.graph.node import Node, Origin, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.spec import Spec


class IndexOutOfRange(IndexError, RuntimeError):  # noqa: N818 - says what happened
    """A place outside its dimension.

    PyTorch raises IndexError when indexing and RuntimeError from gather and scatter: this is both.
    """


MODES = ("set", "add", "multiply", "maximum", "minimum")


def _infer_take(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    x, places = specs[0], specs[1:]
    if any(place.shape != places[0].shape for place in places):
        raise ValueError(f"take with indices of unequal shapes: {places}")
    _check_int64(places)
    return x.with_shape((*places[0].shape, *x.shape[len(places) :]))


def _infer_put(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    expected = _infer_take((specs[0], *specs[2:]), attributes, numbers, spec)
    if specs[1].shape != expected.shape or specs[1].dtype is not specs[0].dtype:
        raise ValueError(f"put of {specs[1]} where {expected} belongs")
    return specs[0]


def _infer_gather(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    x, places = specs
    _check_int64((places,))
    around = [*x.shape]
    around[attributes[0]] = places.shape[attributes[0]]
    sizes = zip(places.shape, around, strict=True)
    if any(size > whole for size, whole in sizes):
        raise ValueError(f"gather of {x} at {places} along {attributes[0]}")
    return places.with_dtype(x.dtype)


def _check_int64(places: tuple[Spec, ...]) -> None:
    if any(place.dtype is not int64 for place in places):
        raise ValueError(f"places are int64, not {places}")


def _infer_scatter(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    _infer_gather(specs[:2], attributes, numbers, spec)
    if specs[1].shape != specs[2].shape or specs[2].dtype is not specs[0].dtype:
        raise ValueError(f"scatter of {specs[2]} at {specs[1]} into {specs[0]}")
    return specs[0]


def _infer_fence(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return specs[0]


TAKE = Primitive("take", "indexing", _infer_take, exact=True, can_fail=True)
PUT = Primitive("put", "indexing", _infer_put, can_fail=True)
GATHER = Primitive("gather", "indexing", _infer_gather, exact=True, can_fail=True)
SCATTER = Primitive("scatter", "indexing", _infer_scatter, can_fail=True)
FENCE = Primitive("fence", "fence", _infer_fence, exact=True)


def take(x: Node, places: tuple[Node, ...], origin: Origin) -> Node:
    """x at int64 places along its first axes: result[s, r] = x[places[0][s], places[1][s], .., r].

    All places have one shape; negative ones count from the end; one outside fails at run time.
    """
    shape = (*places[0].spec.shape, *x.spec.shape[len(places) :])
    return record(TAKE, (x, *places), (), (), x.spec.with_shape(shape), origin)


def put(x: Node, part: Node, places: tuple[Node, ...], mode: str, origin: Origin) -> Node:
    """x with `part` (shaped as `take` would give) written at the places, in C order.

    "set" keeps the last of several writes to one place; "add" sums them up.
    """
    return record(PUT, (x, part, *places), (mode,), (), x.spec, origin)


def gather(x: Node, places: Node, axis: int, origin: Origin) -> Node:
    """result[i, j, k] = x[i, places[i, j, k], k] for axis 1, and so on.

    The places may be smaller than x in the other dimensions.  Negative places fail.
    """
    return record(GATHER, (x, places), (axis,), (), places.spec.with_dtype(x.spec.dtype), origin)


def scatter(x: Node, places: Node, part: Node, axis: int, mode: str, origin: Origin) -> Node:
    """x with part[i, j, k] written to [i, places[i, j, k], k] for axis 1, and so on, in C order."""
    return record(SCATTER, (x, places, part), (axis, mode), (), x.spec, origin)


def fence(x: Node, tie: Node) -> Node:
    """x, but not before `tie` is computed: keeps a recomputation from merging with the original."""
    return record(FENCE, (x, tie), (), (), x.spec)
