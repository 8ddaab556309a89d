"""Steps of random graphs: attention, its gradient, and scans."""

from __future__ import annotations

import math

import rushlight as rl
from rushlight.graph import attention as a
from rushlight.graph import creation
from rushlight.graph.dtype import bfloat16, bool_, float16, float32, float64, int64
from rushlight.tensor import node_of, wrap
from tests.engines.random_elementwise import literal
from tests.engines.random_graphs import ROUNDOFF, Builder, Value

_FLOATS = (float32, float32, float64, float16, bfloat16)
_LENGTHS = (1, 2, 3, 17, 31, 33, 65)
_SLACK = 16


def attend(b: Builder) -> Value:
    """Attention, or one of its gradients, with a mask or none."""
    dtype, size, values = b.pick(_FLOATS), b.pick((1, 3, 8, 16)), b.pick((1, 4, 8))
    batch = b.pick(((), (1,), (2,), (2, 3), (5, 1)))
    queries, keys = b.pick(_LENGTHS), b.pick(_LENGTHS)
    causal = b.number(2) == 1
    if causal:
        keys = queries
    q, k, v = (
        b.leaf((*batch, length, width), dtype)
        for length, width in ((queries, size), (keys, size), (keys, values))
    )
    kind = b.pick((None, None, bool_, dtype))
    mask = None if kind is None else b.leaf((*batch, queries, keys), kind).node
    scale = creation.number(1 / math.sqrt(size), a.wide(dtype))
    wanted = b.number(5)
    result, total = a.attention(q.node, k.node, v.node, scale, mask, causal, wanted > 1)
    fine = ROUNDOFF[a.wide(dtype).name]
    scores = 9 * math.sqrt(size) + (3 if mask is not None else 0)
    relative = _SLACK * (fine * (size + scores + keys) + q.roundoff)
    if wanted < 2:
        return Value(result, 3.0, 3.0 * relative, False)
    gradient = b.leaf((*batch, queries, values), dtype)
    nodes = q.node, k.node, v.node, scale, result, total, gradient.node, mask, causal
    found = a.attention_gradient(*nodes)
    which = wanted - 2
    most = 27.0 * values / math.sqrt(size) * 2  # scale * (weights) * (gradient . value) * 3
    bound = (most, most * queries, 3.0 * queries)[which]
    return Value(found[which], bound, 4 * bound * relative, False)


def loop(b: Builder) -> Value:
    """A scan: a running maximum, a decaying sum, or a small recurrent network."""
    kind, reverse = b.number(3), b.number(2) == 1
    dtype = b.pick((float32, float64, float16, bfloat16, int64) if kind == 0 else _FLOATS)
    shape = b.pick(((), (3,), (2, 5))) if kind < 2 else (b.pick((1, 4, 7)), 5)
    length = b.pick((0, 1, 2, 7, 33, 70))
    start, xs = b.leaf(shape, dtype), b.leaf((length, *shape), dtype)
    half, weight = wrap(literal(0.5, start)) if kind else None, None
    if kind == 2:
        weight = wrap(b.leaf((5, 5), dtype).node) * wrap(creation.literal(0.0625, dtype))
    bodies = (
        lambda c, x: (rl.maximum(c, x), c + x),
        lambda c, x: (c * half + x, c - x),
        lambda c, x: ((c @ weight + x).tanh(), x + c),
    )
    last, stacked = rl.scan(bodies[kind], wrap(start.node), wrap(xs.node), reverse=reverse)
    which = b.number(2)
    node = node_of((last, stacked)[which])
    bound = (3.0, 6.0, 3.0)[kind] + 3.0 * which
    exact = kind == 0 and start.is_exact and (start.whole and xs.whole)
    if exact or (kind == 0 and not which):
        return Value(node, bound, 0.0, start.whole and xs.whole)
    return Value(node, bound, _SLACK * 4 * bound * start.roundoff, False)


COMPOSITE = (attend, loop)
