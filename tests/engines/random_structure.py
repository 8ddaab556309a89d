"""Steps of random graphs: movements, reductions, contractions, indexing."""

from __future__ import annotations

import math
from math import prod

from rushlight.graph import contraction, creation, indexing
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.dtype import bool_, int64
from tests.engines.harness import HERE
from tests.engines.random_elementwise import combined, has_axes, is_exact, is_float, is_integer
from tests.engines.random_graphs import MOST_ELEMENTS, Builder, Value

_MOST_OPERATIONS = 3_000_000


# ------------------------------------------------------------------------------------- movement


def reshape(b: Builder) -> Value | None:
    x = b.value()
    axis = b.number(len(x.shape) + 1)
    if b.number(2) and axis < len(x.shape) - 1:
        shape = (*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :])
    elif axis < len(x.shape) and x.shape[axis] % 2 == 0:
        shape = (*x.shape[:axis], 2, x.shape[axis] // 2, *x.shape[axis + 1 :])
    else:
        shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return x._replace(node=m.reshape(x.node, shape)) if len(shape) < 6 else None


def permute(b: Builder) -> Value | None:
    x = b.value(has_axes)
    if x is None:
        return None
    axes, left = [], list(range(len(x.shape)))
    while left:
        axes.append(left.pop(b.number(len(left))))
    return x._replace(node=m.permute(x.node, tuple(axes)))


def expand(b: Builder) -> Value | None:
    x = b.value(lambda value: len(value.shape) < 4)
    place = b.number(len(x.shape) + 1)
    size = b.sizes[b.pick("abc")]
    shape = (*x.shape[:place], size, *x.shape[place:])
    axes = tuple(axis + (axis >= place) for axis in range(len(x.shape)))
    if prod(shape) > MOST_ELEMENTS:
        return None
    return x._replace(node=m.expand(x.node, shape, axes))


def pad(b: Builder) -> Value | None:
    x = b.value(has_axes)
    if x is None:
        return None
    axis, rank = b.axis(x), len(x.shape)
    low, high, interior = [0] * rank, [0] * rank, [0] * rank
    low[axis], high[axis], interior[axis] = b.number(4), b.number(4), b.number(3)
    if b.number(4) == 0 and x.shape[axis] >= 2:
        low[axis] = -1
    fill = creation.number(b.number(2), x.dtype)
    node = m.pad(x.node, fill, tuple(low), tuple(high), tuple(interior))
    return x._replace(node=node, bound=max(x.bound, 1.0))


def _part(b: Builder, x: Value) -> tuple[tuple, tuple, tuple]:
    """Starts, sizes and steps of a part of x."""
    starts, sizes, steps = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
    if x.spec.size:
        axis = b.axis(x)
        whole = x.shape[axis]
        starts[axis] = b.number(whole)
        if b.number(2):
            steps[axis] = 1 + b.number(3)
            sizes[axis] = (whole - 1 - starts[axis]) // steps[axis] + 1
        else:
            steps[axis] = -1 - b.number(2)
            sizes[axis] = starts[axis] // -steps[axis] + 1
    return tuple(starts), tuple(sizes), tuple(steps)


def slice_(b: Builder) -> Value | None:
    x = b.value(has_axes)
    return None if x is None else x._replace(node=m.slice_(x.node, *_part(b, x)))


def update(b: Builder) -> Value | None:
    x = b.value(has_axes)
    if x is None:
        return None
    starts, sizes, steps = _part(b, x)
    y = (
        b.leaf(sizes, x.dtype)
        if b.number(2)
        else x._replace(
            node=e.unary(e.ABS, m.slice_(x.node, starts, sizes, steps))
            if x.dtype is not bool_
            else m.slice_(x.node, starts, sizes, steps)
        )
    )
    node = m.update(x.node, y.node, starts, steps)
    return Value(node, max(x.bound, y.bound), max(x.error, y.error), x.whole and y.whole)


def window(b: Builder) -> Value | None:
    x = b.value(lambda value: 0 < len(value.shape) < 4)
    if x is None:
        return None
    axis, size, stride, dilation = b.axis(x), 1 + b.number(3), 1 + b.number(3), 1 + b.number(2)
    if x.shape[axis] < dilation * (size - 1) + 1:
        return None
    windows = m.window(x.node, axis, size, stride, dilation)
    if b.number(2):
        return x._replace(node=windows)
    if x.dtype is bool_:
        return None
    back = m.fold(windows, axis, x.shape[axis], stride, dilation)
    return combined(x, back, size)


def concat(b: Builder) -> Value | None:
    x = b.value(has_axes)
    if x is None:
        return None
    y, axis = b.like(x), b.axis(x)
    if not y.shape:
        return None
    node = m.concat((x.node, y.node, x.node)[b.number(2) :], axis)
    return Value(node, max(x.bound, y.bound), max(x.error, y.error), x.whole and y.whole)


# ------------------------------------------------------------------------------------ combining


def sum_(b: Builder) -> Value | None:
    x = b.value(lambda value: value.dtype is not bool_)
    if x is None:
        return None
    axes = b.axes(x)
    return combined(x, r.sum_(x.node, axes), prod(x.shape[axis] for axis in axes))


def product(b: Builder) -> Value | None:
    x = b.value(lambda value: is_integer(value) and has_axes(value))
    if x is None:
        return None
    if b.number(2):
        return Value(r.running(r.CUMPROD, x.node, b.axis(x)), math.inf)
    return Value(r.reduce(r.PROD, x.node, b.axes(x)), math.inf)


def extreme(b: Builder) -> Value | None:
    x = b.value(has_axes)
    axes = () if x is None else b.axes(x)
    if x is None or any(x.shape[axis] == 0 for axis in axes):
        return None
    return x._replace(node=r.reduce(b.pick((r.MAX, r.MIN)), x.node, axes))


def place(b: Builder) -> Value | None:
    x = b.value(lambda value: is_exact(value) and has_axes(value))
    axis = 0 if x is None else b.axis(x)
    if x is None or x.shape[axis] == 0:
        return None
    if b.number(3) == 0:
        return Value(r.argsort(x.node, axis, bool(b.number(2))), x.shape[axis])
    return Value(r.reduce(b.pick((r.ARGMAX, r.ARGMIN)), x.node, (axis,)), x.shape[axis])


def running(b: Builder) -> Value | None:
    x = b.value(lambda value: has_axes(value) and value.dtype is not bool_)
    if x is None:
        return None
    axis, primitive = b.axis(x), b.pick((r.CUMSUM, r.CUMMAX, r.CUMMIN))
    node = r.running(primitive, x.node, axis)
    return combined(x, node, x.shape[axis]) if primitive is r.CUMSUM else x._replace(node=node)


def centre(b: Builder) -> Value | None:
    """x less its largest or its sum along some axes: the shape of softmax and of norms."""
    x = b.value(lambda value: has_axes(value) and is_float(value))
    axes = () if x is None else b.axes(x)
    if x is None or any(x.shape[axis] == 0 for axis in axes):
        return None
    left = tuple(axis for axis in range(len(x.shape)) if axis not in axes)
    if b.number(2):
        middle = x._replace(node=r.reduce(r.MAX, x.node, axes))
    else:
        middle = combined(x, r.sum_(x.node, axes), prod(x.shape[axis] for axis in axes))
    node = e.sub(x.node, m.expand(middle.node, x.shape, left))
    bound = x.bound + middle.bound
    if x.is_exact and middle.is_exact:
        return Value(node, bound, 0.0, x.whole and middle.whole)
    return Value(node, bound, x.error + middle.error + x.roundoff * bound, False)


def contract(b: Builder) -> Value | None:
    x = b.value(has_axes)
    if x is None or x.dtype is bool_:
        return None
    over, batch = b.axis(x), b.axis(x)
    extra = b.sizes[b.pick("abc")]
    shape = (x.shape[over], extra) if b.number(2) else (extra, x.shape[over])
    over_b, batch_a, batch_b = shape.index(x.shape[over]), (), ()
    if batch != over:
        shape, batch_a, batch_b = (*shape, x.shape[batch]), (batch,), (2,)
    operations = x.spec.size * extra
    if operations > _MOST_OPERATIONS or prod(shape) > MOST_ELEMENTS:
        return None
    y = b.leaf(shape, x.dtype)
    node = contraction.contract(x.node, y.node, (over,), (over_b,), batch_a, batch_b)
    error = x.error * y.bound + (0.0 if x.is_exact else x.roundoff * x.bound * y.bound)
    products = Value(node, x.bound * y.bound, error, x.whole and y.whole)
    return combined(products, node, x.shape[over])


# ------------------------------------------------------------------------------------- indexing


def _places(b: Builder, shape: tuple[int, ...], size: int):
    """Whole numbers from 0 to size - 1: computed ones."""
    x = b.leaf(shape, int64)
    spread = e.mul(x.node, creation.number(1 + b.number(50), int64))
    return e.binary(e.REMAINDER, spread, creation.number(size, int64))


def take(b: Builder) -> Value | None:
    x = b.value(lambda value: has_axes(value) and value.shape[0] > 0)
    if x is None:
        return None
    count = b.sizes[b.pick("bc")] % 50
    if count * prod(x.shape[1:]) > MOST_ELEMENTS:
        return None
    places = _places(b, (count,), x.shape[0])
    if b.number(2):
        return x._replace(node=indexing.take(x.node, (places,), HERE))
    part = b.leaf((count, *x.shape[1:]), x.dtype)
    return _written(
        b, x, part, count, lambda mode: indexing.put(x.node, part.node, (places,), mode, HERE)
    )


def gather(b: Builder) -> Value | None:
    x = b.value(lambda value: has_axes(value) and value.spec.size > 0)
    if x is None:
        return None
    axis = b.axis(x)
    count = 1 + b.number(9)
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if prod(shape) > MOST_ELEMENTS:
        return None
    places = _places(b, shape, x.shape[axis])
    if b.number(2):
        return x._replace(node=indexing.gather(x.node, places, axis, HERE))
    part = b.leaf(shape, x.dtype)
    return _written(
        b,
        x,
        part,
        count,
        lambda mode: indexing.scatter(x.node, places, part.node, axis, mode, HERE),
    )


def _written(b: Builder, x: Value, part: Value, count: int, record) -> Value:
    modes = ("set", "maximum", "minimum", "add", "multiply")
    mode = b.pick(modes[:3] if x.dtype is bool_ else modes[: 5 if is_integer(x) else 4])
    node = record(mode)
    whole, bound = x.whole and part.whole, max(x.bound, part.bound)
    both = Value(node, bound, max(x.error, part.error), whole)
    return combined(both, node, count + 1) if mode in ("add", "multiply") else both


def fence(b: Builder) -> Value | None:
    x = b.value()
    return x._replace(node=indexing.fence(x.node, b.value().node))


STRUCTURAL = (
    *(reshape, permute, expand, expand, pad, slice_, update, window, concat),
    *(sum_, sum_, product, extreme, place, running, centre, contract, contract),
    *(take, gather, fence),
)
