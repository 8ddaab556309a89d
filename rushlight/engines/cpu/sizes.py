"""Symbolic sizes: which dimensions of a graph are equal because an operation says so.

A program serves every size of its structure, so no pass may read a size other than 0 and 1.
Instead each dimension is a product of *atoms*.  Elementwise work, contractions and the like make
dimensions equal; a reshape that merges (B, T) into one dimension makes that one the product of
two atoms.  Dimensions of size 1 have no atoms at all.  In atoms a merge or a split is the
identity, which is why a fused kernel never divides an index.

>>> from rushlight.graph import elementwise, movement
>>> sizes = find_sizes(example_graph())
>>> sizes.flat  # the input (5, 7), its reshape to 35, and a negation of that
((0, 1), (0, 1), (0, 1))
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from rushlight.graph.attention import KEY, QUERY, RESULT, VALUE, has_mask
from rushlight.graph.movement import WHOLE
from rushlight.graph.program import Equation, Graph
from rushlight.graph.scan import Body

Atoms = tuple[int, ...]


class Sizes(NamedTuple):
    """The dimensions of every value in atoms."""

    axes: tuple[tuple[Atoms, ...], ...]
    """For each value, the atoms of each of its axes."""
    flat: tuple[Atoms, ...]
    """For each value, all its atoms in order."""
    origins: tuple[tuple[int, int], ...]
    """For each atom, a value and the axis of it that has the atom's size."""


class _Classes:
    """Dimensions that are known to be equal (union-find), and the products some of them are."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.origin: list[tuple[int, int]] = []
        self.factors: dict[int, list[int]] = {}

    def new(self, value: int, axis: int) -> int:
        self.parent.append(len(self.parent))
        self.origin.append((value, axis))
        return len(self.parent) - 1

    def find(self, item: int) -> int:
        parent = self.parent
        while parent[item] != item:
            parent[item] = item = parent[parent[item]]
        return item

    def unite(self, first: int | None, second: int | None) -> None:
        if first is None or second is None:
            return
        first, second = self.find(first), self.find(second)
        if first == second:
            return
        if second < first:
            first, second = second, first
        self.parent[second] = first
        product = self.factors.pop(second, None)
        if product is not None:
            self.factors.setdefault(first, product)

    def make_product(self, whole: int, parts: list[int]) -> None:
        if len(parts) == 1:
            self.unite(whole, parts[0])
        else:
            self.factors.setdefault(self.find(whole), parts)

    def atoms(self, item: int) -> Iterator[int]:
        root = self.find(item)
        for part in self.factors.get(root, ()):
            yield from self.atoms(part)
        if root not in self.factors:
            yield root


def find_sizes(graph: Graph) -> Sizes:
    """Find which dimensions are equal, and which are products."""
    classes = _Classes()
    dimensions: list[list[int | None]] = []
    count = len(graph.leaves)
    for value in range(count + len(graph.equations)):
        spec = graph.spec(value)
        own = [None if n == 1 else classes.new(value, i) for i, n in enumerate(spec.shape)]
        dimensions.append(own)
        if value >= count and 0 not in spec.shape:
            _relate(classes, graph.equations[value - count], dimensions, own)
    return _collect(classes, dimensions)


def _collect(classes: _Classes, dimensions: list[list[int | None]]) -> Sizes:
    numbers: dict[int, int] = {}
    found: dict[int | None, Atoms] = {None: ()}
    axes, flat = [], []
    for own in dimensions:
        described = []
        for item in own:
            root = None if item is None else classes.find(item)
            if root not in found:
                atoms = [numbers.setdefault(atom, len(numbers)) for atom in classes.atoms(root)]
                found[root] = tuple(atoms)
            described.append(found[root])
        axes.append(tuple(described))
        flat.append(tuple([atom for axis in described for atom in axis]))
    return Sizes(tuple(axes), tuple(flat), tuple([classes.origin[root] for root in numbers]))


def _relate(classes: _Classes, equation: Equation, dimensions: list, own: list) -> None:
    """Say which dimensions of an equation's operands and result are equal."""
    inputs = [dimensions[source] for source in equation.inputs]
    rule = _RULES.get(equation.primitive.name) or _FAMILIES.get(equation.primitive.family)
    if rule is not None:
        for first, second in rule(classes, equation, inputs, own):
            classes.unite(first, second)


def _elementwise(classes, equation, inputs, own):
    for other in inputs:
        if other:
            yield from zip(other, own, strict=True)


def _like_first(classes, equation, inputs, own):
    yield from zip(inputs[0], own, strict=True)


def _like_second(classes, equation, inputs, own):
    yield from zip(inputs[1], own, strict=True)


def _reduction(classes, equation, inputs, own):
    kept = [item for axis, item in enumerate(inputs[0]) if axis not in equation.attributes]
    yield from zip(kept, own, strict=True)


def _contraction(classes, equation, inputs, own):
    (a, b), (batch_a, batch_b, over_a, over_b) = inputs, equation.attributes
    for left, right in zip((*batch_a, *over_a), (*batch_b, *over_b), strict=True):
        yield a[left], b[right]
    result = [a[axis] for axis in batch_a]
    result += [item for axis, item in enumerate(a) if axis not in batch_a and axis not in over_a]
    result += [item for axis, item in enumerate(b) if axis not in batch_b and axis not in over_b]
    yield from zip(result, own, strict=True)


def _permute(classes, equation, inputs, own):
    for axis, item in zip(equation.attributes, own, strict=True):
        yield inputs[0][axis], item


def _expand(classes, equation, inputs, own):
    for axis, item in zip(equation.attributes, inputs[0], strict=True):
        yield item, own[axis]


def _reshape(classes, equation, inputs, own):
    i = j = 0
    for old_count, new_count in equation.attributes:
        old = [item for item in inputs[0][i : i + old_count] if item is not None]
        new = [item for item in own[j : j + new_count] if item is not None]
        i, j = i + old_count, j + new_count
        if len(new) == 1 and old:
            classes.make_product(new[0], old)
        elif len(old) == 1 and new:
            classes.make_product(old[0], new)
    return ()


def _put(classes, equation, inputs, own):
    x, part, *places = inputs
    yield from zip(x, own, strict=True)
    for each in places:
        yield from zip((*each, *x[len(places) :]), part, strict=True)


def _scatter(classes, equation, inputs, own):
    yield from zip(inputs[0], own, strict=True)
    yield from zip(inputs[1], inputs[2], strict=True)


def _fold(classes, equation, inputs, own):
    for axis, (item, mine) in enumerate(zip(inputs[0], own, strict=False)):
        if axis != equation.attributes[0]:
            yield item, mine


def _cut(classes, equation, inputs, own):
    for axis, kind in enumerate(equation.attributes):
        if kind == WHOLE:
            yield inputs[0][axis], own[axis]


def _update(classes, equation, inputs, own):
    x, part = inputs
    yield from zip(x, own, strict=True)
    for axis, kind in enumerate(equation.attributes):
        if kind == WHOLE:
            yield x[axis], part[axis]


def _attention(classes, equation, inputs, own):
    query, key, value, _, *others = inputs
    yield from zip((*query[:-2], query[-1]), (*key[:-2], key[-1]), strict=True)
    yield from zip(key[:-1], value[:-1], strict=True)
    for other in others:
        yield from zip(query[:-1], other[: len(query) - 1], strict=True)
    if has_mask(equation.inputs):
        yield key[-2], others[-1][-1]
    which = equation.attributes[0]
    if equation.primitive.name == "attention":
        yield from zip(query[:-1], own[: len(query) - 1], strict=True)
        if which == RESULT:
            yield value[-1], own[-1]
        return
    for result in (others[0], others[2]):
        yield value[-1], result[-1]
    yield from zip({QUERY: query, KEY: key, VALUE: value}[which], own, strict=True)


def _pooling(classes, equation, inputs, own):
    name, last = equation.primitive.name, equation.attributes[-1]
    rank = last if name == "spread" else len(last.size)
    yield from zip(inputs[0][:-rank], own[:-rank], strict=True)
    if name == "spread":
        yield from zip(inputs[0], inputs[1], strict=True)


def _convolution(classes, equation, inputs, own):
    name, (first, second) = equation.primitive.name, inputs
    if name == "convolve_filter":
        x, g, w = first, second, own
    elif name == "convolve":
        x, w, g = first, second, own
    else:
        g, w, x = first, second, own
    yield x[0], g[0]
    yield x[1], g[1]
    yield x[1], w[0]
    yield g[2], w[1]
    yield x[2], w[2]


def _concat(classes, equation, inputs, own):
    for part in inputs:
        for axis, (item, mine) in enumerate(zip(part, own, strict=True)):
            if axis != equation.attributes[0]:
                yield item, mine


def _take(classes, equation, inputs, own):
    x, places = inputs[0], inputs[1:]
    for each in places:
        yield from zip((*each, *x[len(places) :]), own, strict=True)


_bodies: weakref.WeakKeyDictionary[Body, Sizes] = weakref.WeakKeyDictionary()


def _scan(classes, equation, inputs, own):
    """What is equal in the body is equal outside; sequences have one more dimension in front."""
    which, body, _, (constants, carries, _) = equation.attributes
    sizes = _bodies.get(body)
    if sizes is None:
        sizes = _bodies[body] = find_sizes(body.graph)
    places = [(leaf, dims, leaf >= constants + carries) for leaf, dims in enumerate(inputs)]
    places.append((body.graph.results[which], own, which >= carries))
    lengths = [dims[0] for _, dims, is_stacked in places if is_stacked]
    yield from pairwise(lengths)
    known = {}
    for value, dims, is_stacked in places:
        for atoms, item in zip(sizes.axes[value], dims[is_stacked:], strict=True):
            if len(atoms) == 1:
                yield known.setdefault(atoms[0], item), item


_FAMILIES = {"elementwise": _elementwise, "reduction": _reduction, "contraction": _contraction}
_FAMILIES["attention"] = _attention
_RULES = {
    **dict.fromkeys(("fence", "argsort"), _like_first),
    **dict.fromkeys(("slice", "pad"), _cut),
    "update": _update,
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin"), _like_first),
    "gather": _like_second,
    "permute": _permute,
    "expand": _expand,
    "reshape": _reshape,
    "put": _put,
    "scatter": _scatter,
    "fold": _fold,
    **dict.fromkeys(("max_pool", "sum_pool", "spread", "spread_sum"), _pooling),
    **dict.fromkeys(("convolve", "convolve_input", "convolve_filter"), _convolution),
    "concat": _concat,
    "take": _take,
    "scan": _scan,
}


def example_graph() -> Graph:
    """A graph of a reshape and a negation, for the examples in docstrings."""
    from rushlight.graph.dtype import float32
    from rushlight.graph.elementwise import NEG
    from rushlight.graph.movement import RESHAPE
    from rushlight.graph.program import Leaf
    from rushlight.graph.spec import spec_of

    merged = spec_of((35,), float32)
    equations = (
        Equation(RESHAPE, ((2, 1),), (0,), merged, 0, 0),
        Equation(NEG, (), (1,), merged, 0, 0),
    )
    return Graph((Leaf(spec_of((5, 7), float32)),), equations, (2,))
