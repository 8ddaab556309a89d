"""Steps of random graphs: contractions of any rank, and convolutions of any kind."""

from __future__ import annotations

from math import prod

from rushlight.autograd.operation import IDLE
from rushlight.graph import contraction
from rushlight.graph.dtype import bfloat16, bool_, float16, float32, float64
from rushlight.ops.convolution import Convolution, ConvolutionInput, ConvolutionWeight, Setting
from rushlight.ops.windows import Sliding
from tests.engines.random_elementwise import combined, is_float
from tests.engines.random_graphs import MOST_ELEMENTS, Builder, Value

_MOST_OPERATIONS = 3_000_000
_WINOGRAD = 64  # about how many times the error of the direct way
_FLOATS = (float32, float32, float64, float16, bfloat16)


def product_of(x: Value, y: Value, node, count: int) -> Value:
    """The value of sums of `count` products."""
    error = 0.0
    if not (x.is_exact and y.is_exact):
        error = x.error * y.bound + y.error * x.bound + x.error * y.error
        error += x.roundoff * x.bound * y.bound
    elif not (x.whole and y.whole) and is_float(x):
        error = x.roundoff * x.bound * y.bound
    return combined(Value(node, x.bound * y.bound, error, x.whole and y.whole), node, count)


def contract_many(b: Builder) -> Value | None:
    """Any axes of x are batch or contracted; y has them in another order, with axes of its own."""
    x = b.value(lambda value: value.dtype is not bool_)
    if x is None:
        return None
    kinds = [b.pick(("batch", "over", "over", "row")) for _ in x.shape]
    batch = [axis for axis, kind in enumerate(kinds) if kind == "batch"]
    over = [axis for axis, kind in enumerate(kinds) if kind == "over"]
    axes: list = [*batch, *over, *[None] * b.number(3)]
    mixed = [axes.pop(b.number(len(axes))) for _ in range(len(axes))]
    shape = tuple(b.sizes[b.pick("abc")] if axis is None else x.shape[axis] for axis in mixed)
    columns = prod(size for size, axis in zip(shape, mixed, strict=True) if axis is None)
    if x.spec.size * columns > _MOST_OPERATIONS or prod(shape) > MOST_ELEMENTS:
        return None
    if len(x.shape) - len(over) + len(shape) - len(batch) - len(over) > 6:
        return None
    y = b.leaf(shape, x.dtype)
    pairs = [tuple(mixed.index(axis) for axis in part) for part in (over, batch)]
    node = contraction.contract(x.node, y.node, tuple(over), pairs[0], tuple(batch), pairs[1])
    if node.spec.size > MOST_ELEMENTS:
        return None
    return product_of(x, y, node, prod(x.shape[axis] for axis in over))


def convolve(b: Builder) -> Value | None:
    """A convolution of 1, 2 or 3 dimensions, or one of its two gradients."""
    rank, groups = b.pick((1, 2, 2, 3)), b.pick((1, 1, 2, 3))
    inputs, outputs = groups * b.pick((1, 2, 3, 5)), groups * b.pick((1, 2, 4, 17))
    lengths = tuple(b.pick((1, 3, 4, 7, 8, 13)) for _ in range(rank))
    size = tuple(b.pick((1, 2, 3, 3)) for _ in range(rank))
    stride, dilation = (tuple(b.pick((1, 1, 2, 3)) for _ in range(rank)) for _ in range(2))
    low, high = (tuple(b.number(4) for _ in range(rank)) for _ in range(2))
    slides = Sliding(size, stride, low, high, dilation)
    places = slides.counts(lengths)
    if min(places) < 1:
        return None
    samples, dtype = b.pick((1, 2, 5)), b.pick(_FLOATS)
    x = b.leaf((samples, inputs, *lengths), dtype)
    y = b.leaf((samples, outputs, *places), dtype)
    weight = b.leaf((outputs, inputs // groups, *size), dtype)
    work = y.spec.size * prod(weight.shape[1:])
    if work > _MOST_OPERATIONS or max(v.spec.size for v in (x, y, weight)) > MOST_ELEMENTS:
        return None
    slides = slides.closed(lengths, places)
    return _convolution(b.number(3), x, y, weight, Setting(slides, groups, b.number(2) == 0))


def _convolution(kind: int, x: Value, y: Value, weight: Value, setting: Setting) -> Value:
    window = prod(weight.shape[1:])
    if kind == 0:
        node = Convolution.forward(IDLE, x.node, weight.node, setting, y.shape[2:])
        made = product_of(x, weight, node, window)
    elif kind == 1:
        node = ConvolutionInput.forward(IDLE, y.node, weight.node, setting, x.shape[2:])
        made = product_of(y, weight, node, prod(weight.shape) // setting.groups)
    else:
        node = ConvolutionWeight.forward(IDLE, x.node, y.node, setting)
        made = product_of(x, y, node, y.shape[0] * prod(y.shape[2:]))
    if not setting.quick:
        return made
    return made._replace(error=made.error + _WINOGRAD * made.roundoff * made.bound, whole=False)


PRODUCTS = (contract_many, contract_many, convolve, convolve)
