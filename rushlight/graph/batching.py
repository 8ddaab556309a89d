"""The rules of vmap: how each primitive is recorded for all samples at once.

A rule takes a primitive as it would be recorded for one sample, some of whose inputs are batched,
and records it on all samples: the result has the levels' dimensions in front.  Most primitives just
have their axes moved on by as many dimensions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

from rushlight.graph import movement as m
from rushlight.graph import recorder
from rushlight.graph.batched import Batched, Level, Levels, all_samples, batched, levels_of, union
from rushlight.graph.contraction import contract
from rushlight.graph.creation import iota, literal
from rushlight.graph.dtype import bool_
from rushlight.graph.elementwise import where
from rushlight.graph.fragment import Fragment
from rushlight.graph.node import Node, Origin, Primitive
from rushlight.graph.recorder import record
from rushlight.graph.reduction import sum_
from rushlight.graph.spec import Spec


# ------------------------------------------------------------------------------ leading dimensions
def sizes_of(levels: Levels) -> tuple[int, ...]:
    """The leading dimensions that these levels make."""
    return tuple([level.size for level in levels])


def aligned(node: Node, levels: Levels) -> Node:
    """All samples of a value, with a leading dimension for each of these levels."""
    have = levels_of(node)
    value = all_samples(node)
    if have == levels:
        return value
    count = len(levels)
    places = [levels.index(level) for level in have]
    axes = (*places, *range(count, count + node.spec.rank))
    return m.expand(value, (*sizes_of(levels), *node.spec.shape), axes)


def alike(node: Node, model: Node) -> Node:
    """The value, batched at least as the model is."""
    levels = union(levels_of(node), levels_of(model))
    return batched(aligned(node, levels), levels)


def moved(value: Node, source: int, target: int) -> Node:
    """One dimension taken out and put in at another place."""
    axes = [*range(value.spec.rank)]
    axes.insert(target, axes.pop(source))
    return value if source == target else m.permute(value, tuple(axes))


def separate(node: Node, dim: int, level: Level) -> Node:
    """A value with the samples of a level along `dim`, as that of one sample."""
    have = levels_of(node)
    levels = union(have, (level,))
    value = all_samples(node)
    return Batched(moved(value, len(have) + dim, levels.index(level)), levels)


def join(node: Node, dim: int, level: Level) -> Node:
    """The samples of a level along a new dimension `dim`."""
    levels = union(levels_of(node), (level,))
    value = moved(aligned(node, levels), levels.index(level), len(levels) - 1 + dim)
    return batched(value, tuple([each for each in levels if each is not level]))


def sum_over(node: Node, levels: Levels) -> Node:
    """The sum of a value over the samples of these levels, at which it is batched."""
    have = levels_of(node)
    axes = tuple([axis for axis, level in enumerate(have) if level in levels])
    value = sum_(aligned(node, have), axes)
    return batched(value, tuple([level for level in have if level not in levels]))


# -------------------------------------------------------------------------------------- the rules
class Call(NamedTuple):
    """A primitive as it would be recorded for one sample."""

    primitive: Primitive
    inputs: tuple[Node, ...]
    attributes: tuple
    numbers: tuple
    spec: Spec
    origin: Origin | None
    levels: Levels

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading dimensions."""
        return sizes_of(self.levels)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the leading dimensions."""
        return tuple(range(len(self.levels)))

    def whole(self) -> list[Node]:
        """All samples of all inputs."""
        return [aligned(node, self.levels) for node in self.inputs]

    def shifted(self, axes: Sequence[int]) -> tuple[int, ...]:
        """Axes of one sample as axes of all."""
        return tuple([axis + len(self.levels) for axis in axes])

    def record(
        self,
        inputs: Sequence[Node],
        attributes: tuple | None = None,
        numbers: tuple | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Node:
        """Record the primitive on these inputs; by default with the leading dimensions in front."""
        shape = (*self.lead, *self.spec.shape) if shape is None else shape
        attributes = self.attributes if attributes is None else attributes
        numbers = self.numbers if numbers is None else numbers
        spec = self.spec.with_shape(shape)
        return record(self.primitive, tuple(inputs), attributes, numbers, spec, self.origin)


def _leading(call: Call) -> Node:
    """Leading dimensions go through by the primitive's own definition."""
    return call.record(call.whole())


def _elementwise(call: Call) -> Node:
    """Places correspond; an operand of rank 0 counts for every place of its sample."""
    shape = (*call.lead, *call.spec.shape)
    inputs = []
    for node in call.inputs:
        if node.spec.rank or type(node) is Batched:
            value = aligned(node, call.levels)
            node = value if node.spec.rank else m.expand(value, shape, call.axes)
        inputs.append(node)
    return call.record(inputs)


def _all_axes(call: Call) -> Node:
    return call.record(call.whole(), call.shifted(call.attributes))


def _first_axis(call: Call) -> Node:
    axis, *others = call.attributes
    return call.record(call.whole(), (*call.shifted([axis]), *others))


def _fourier(call: Call) -> Node:
    which, *others = call.attributes
    moved_on = call.shifted(which) if isinstance(which, tuple) else call.shifted([which])[0]
    return call.record(call.whole(), (moved_on, *others))


_INNER = {"ldl_solve": (2, 1, 2), "pseudo_inverse": (2, 0, 0), "permutation": (1,)}
"""How many dimensions of each operand are not batches, where these are not matrices."""


def _linalg(call: Call) -> Node:
    """Batches of operands are aligned at the right, so the levels come before the longest."""
    inner = _INNER.get(call.primitive.name, (2,) * len(call.inputs))
    pairs = [*zip(call.inputs, inner, strict=True)]
    most = max(node.spec.rank - own for node, own in pairs)
    inputs = []
    for node, own in pairs:
        missing = (1,) * (most - node.spec.rank + own)
        whole = aligned(node, call.levels)
        inputs.append(m.reshape(whole, (*call.lead, *missing, *node.spec.shape)))
    return call.record(inputs)


def _axes_in_front(call: Call) -> Node:
    return call.record(call.whole(), (*call.axes, *call.shifted(call.attributes)))


def _reshape(call: Call) -> Node:
    return m.reshape(call.whole()[0], (*call.lead, *call.spec.shape))


def _pad(call: Call) -> Node:
    x, fill = call.inputs
    kinds = ((m.WHOLE,) * len(call.levels)) + call.attributes
    numbers = _for_all(call, (0, 0, 0))
    whole = aligned(x, call.levels)
    if type(fill) is not Batched:
        return call.record([whole, fill], kinds, numbers)
    zero, no, yes = literal(0, x.spec.dtype), literal(False, bool_), literal(True, bool_)
    padded = call.record([whole, zero], kinds, numbers)
    known = m.expand(yes, whole.spec.shape)
    is_known = record(m.PAD, (known, no), kinds, numbers, padded.spec.with_dtype(bool_))
    return where(
        is_known, padded, m.expand(aligned(fill, call.levels), padded.spec.shape, call.axes)
    )


def _for_all(call: Call, neutral: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers that come one for each dimension, with neutral ones for the leading dimensions."""
    rank = call.inputs[0].spec.rank
    found: list[int] = []
    for group, number in enumerate(neutral):
        found += [number] * len(call.levels)
        found += call.numbers[group * rank : (group + 1) * rank]
    return tuple(found)


def _slice(call: Call) -> Node:
    kinds = ((m.WHOLE,) * len(call.levels)) + call.attributes
    return call.record(call.whole(), kinds, _for_all(call, (0, 1)))


def _places(call: Call, places: Sequence[Node]) -> list[Node]:
    """Places in all samples: those of the leading dimensions are the samples' own numbers."""
    whole = [aligned(place, call.levels) for place in places]
    shape = whole[0].spec.shape
    numbers = [m.expand(iota(size), shape, (axis,)) for axis, size in enumerate(call.lead)]
    return [*numbers, *whole]


def _take(call: Call) -> Node:
    x, *places = call.inputs
    if type(x) is not Batched:
        return call.record([x, *[aligned(place, call.levels) for place in places]])
    return call.record([aligned(x, call.levels), *_places(call, places)])


def _put(call: Call) -> Node:
    x, part, *places = call.inputs
    whole = [aligned(x, call.levels), aligned(part, call.levels)]
    return call.record([*whole, *_places(call, places)])


def _fence(call: Call) -> Node:
    x, tie = call.inputs
    return call.record([aligned(x, call.levels), aligned(tie, levels_of(tie))])


def _contract(call: Call) -> Node:
    """Levels of both operands are batch axes; those of one are among its other axes."""
    a, b = call.inputs
    batch_a, batch_b, over_a, over_b = call.attributes
    count, batch = len(call.levels), len(batch_a)
    if type(a) is Batched and type(b) is Batched:
        a, b = call.whole()
        batch_a, batch_b = [(*call.axes, *call.shifted(each)) for each in (batch_a, batch_b)]
        return contract(a, b, call.shifted(over_a), call.shifted(over_b), batch_a, batch_b)
    if type(a) is Batched:
        over_a, batch_a, place = call.shifted(over_a), call.shifted(batch_a), batch
        a = aligned(a, call.levels)
    else:
        over_b, batch_b, place = call.shifted(over_b), call.shifted(batch_b), a.spec.rank
        place -= len(over_a)
        b = aligned(b, call.levels)
    found = contract(a, b, over_a, over_b, batch_a, batch_b)
    front = [*range(place, place + count)]
    others = [axis for axis in range(found.spec.rank) if axis not in front]
    return m.permute(found, (*front, *others))


def _convolve(call: Call) -> Node:
    """Samples are samples where they share the filters, else groups."""
    x, w = call.inputs
    count, size = len(call.levels), prod(call.lead)
    whole, shape = aligned(x, call.levels), call.spec.shape
    if type(w) is not Batched:
        merged = m.reshape(whole, (size * x.spec.shape[0], *x.spec.shape[1:]))
        found = call.record([merged, w], shape=(size * shape[0], *shape[1:]))
        return m.reshape(found, (*call.lead, *shape))
    found = call.record(
        [_in_groups(call, x), _grouped(aligned(w, call.levels), count)],
        shape=(shape[0], size * shape[1], *shape[2:]),
    )
    apart = m.reshape(found, (shape[0], *call.lead, *shape[1:]))
    return moved(apart, 0, count)


def _grouped(value: Node, count: int) -> Node:
    """The leading dimensions and the next one as one dimension."""
    shape = value.spec.shape
    return m.reshape(value, (prod(shape[: count + 1]), *shape[count + 1 :]))


def _in_groups(call: Call, node: Node) -> Node:
    """All samples of [samples, groups, ...], those of the levels as groups."""
    count, shape = len(call.levels), node.spec.shape
    inner = moved(aligned(node, call.levels), count, 0)
    return m.reshape(inner, (shape[0], prod(call.lead) * shape[1], *shape[2:]))


def _convolve_filter(call: Call) -> Node:
    shape = call.spec.shape
    inputs = [_in_groups(call, node) for node in call.inputs]
    found = call.record(inputs, shape=(prod(call.lead) * shape[0], *shape[1:]))
    return m.reshape(found, (*call.lead, *shape))


def _attention(call: Call) -> Node:
    scale = call.inputs[3]
    if type(scale) is Batched:
        raise NotImplementedError("vmap over the scale of an attention is not built")
    inputs = call.whole()
    inputs[3] = scale
    return call.record(inputs)


Rule = Callable[[Call], Node]
_FAMILIES: dict[str, Rule] = {
    "elementwise": _elementwise,
    "reduction": _all_axes,
    "running": _first_axis,
    "sorting": _first_axis,
    "pooling": _leading,
    "complex": _leading,
    "special": _leading,
    "fourier": _fourier,
    "linalg": _linalg,
    "attention": _attention,
}
_RULES: dict[str, Rule] = {
    "reshape": _reshape,
    "permute": _axes_in_front,
    "expand": _axes_in_front,
    "pad": _pad,
    "slice": _slice,
    "update": _slice,
    "window": _first_axis,
    "fold": _first_axis,
    "concat": _first_axis,
    "take": _take,
    "put": _put,
    "gather": _first_axis,
    "scatter": _first_axis,
    "fence": _fence,
    "contract": _contract,
    "convolve": _convolve,
    "convolve_input": _convolve,
    "convolve_filter": _convolve_filter,
}


def record_batched(
    primitive: Primitive,
    inputs: tuple[Node, ...],
    attributes: tuple,
    numbers: tuple,
    spec: Spec,
    origin: Origin | None,
) -> Node:
    """Record a primitive on inputs some of which are batched."""
    rule = _RULES.get(primitive.name) or _FAMILIES.get(primitive.family)
    if rule is None:
        raise NotImplementedError(f"vmap over the primitive {primitive.name} is not built")
    levels = union(*[levels_of(node) for node in inputs])
    return Batched(rule(Call(primitive, inputs, attributes, numbers, spec, origin, levels)), levels)


def record_steps(
    fragment: Fragment, inputs: tuple[Node, ...], results: Sequence[tuple[tuple, Spec]]
) -> list[Node]:
    """Record the primitives of a fragment one by one; the nodes of its results."""
    nodes: list[Node] = []
    for step in fragment.steps:
        sources = tuple([nodes[i] if i >= 0 else inputs[~i] for i in step.inputs])
        parts = step.attributes, step.numbers, step.spec, step.origin
        nodes.append(record(step.primitive, sources, *parts))
    return [nodes[place[0]] for place, _ in results]


recorder.provide_batching(sys.modules[__name__])
