"""`scan`: a loop whose body is recorded once, whatever its length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.autograd.node import Edge, edge_of, next_sequence
from rushlight.autograd.operation import Operation
from rushlight.graph.batched import active_levels
from rushlight.graph.node import Node
from rushlight.graph.scan import close
from rushlight.graph.scan import scan as record_scan
from rushlight.ops.check import describe, fail
from rushlight.ops.join import stack
from rushlight.ops.nested import flatten, rebuild, text
from rushlight.ops.scan_body import Body, record_body, recording, stand_in
from rushlight.ops.scan_gradient import Gradient, differentiate, zeros
from rushlight.tensor import Tensor, modes, node_of, wrap

_Nest = Any


class Scan(Operation):
    """A body run step by step; inputs are carried values, sequences and what lies outside."""

    @classmethod
    def over(
        cls, body: Body, carries: list[Tensor], sequences: list[Tensor], length: int, reverse: bool
    ) -> list[Tensor]:
        """The last carried values and the stacked results."""
        edges = [edge_of(tensor) for tensor in (*carries, *sequences)]
        outside = body.outside_edges() if modes.grad else []
        results = [node_of(tensor) for tensor in body.results]
        first = [node_of(tensor) for tensor in carries]
        stacks = body.trace.stacks([node_of(tensor) for tensor in sequences], length)
        if modes.grad and (outside or any(edges)):
            ctx = object.__new__(cls)
            ctx.sequence = next_sequence()
            ctx.edges = (*edges, *outside)
            return ctx._record(body, first, stacks, length, reverse)
        body.trace.lift(results)
        trace = body.trace
        closed = close(trace.nodes, trace.carries, trace.sequences, results)
        return [wrap(node) for node in record_scan(closed, first, stacks, length, reverse)]

    def _record(
        self, body: Body, first: list[Node], stacks: list[Node], length: int, reverse: bool
    ) -> list[Tensor]:
        outside: list[Edge] = list(self.edges[len(first) + len(body.elements) :])
        gradient = Gradient(body, outside, length)
        self.body, self.gradient, self.reverse = body, gradient, reverse
        self.length, self.first = length, len(first)
        results = [node_of(tensor) for tensor in body.results]
        count = len(results)
        results += gradient.residuals
        body.trace.lift(results)
        trace = body.trace
        closed = close(trace.nodes, trace.carries, trace.sequences, results)
        found = record_scan(closed, first, stacks, length, reverse)
        places = [*range(len(first) + len(body.elements))]
        places += [None] * (len(stacks) - len(body.elements))
        self.save([*first, *stacks], places)
        self.save_values(*found[count:], *gradient.closed.constants)
        self.output_specs = tuple([node.spec for node in found[:count]])
        return self.link(found[:count])

    def backward(self, *grads: Tensor) -> tuple:
        """The gradients of the first carried values, of the sequences and of what is outside."""
        if modes.grad:
            return self._differentiably(list(grads))
        saved = list(self._saved[self.first :])
        needs = [edge is not None for edge in self.edges]
        nodes = [node_of(grad) for grad in grads]
        found = self.gradient.run(saved, nodes, self.reverse, needs)
        return tuple([None if node is None else wrap(node) for node in found])

    def _differentiably(self, grads: list[Tensor]) -> tuple:
        """The same by scans that can be differentiated again; the forward pass is done anew."""
        body, count = self.body, self.first
        given = self.saved[: count + len(body.elements)]
        carries, sequences = given[:count], given[count:]
        again = body.with_results(body.carries)
        before = Scan.over(again, carries, sequences, self.length, self.reverse)[count:]
        back = ReverseBody(body, list(self.edges[len(given) :]))
        held = [wrap(zeros(tensor._spec)) for tensor in back.held]
        arrived = [grad for grad, used in zip(grads[count:], back.uses, strict=True) if used]
        stacks = [*before, *sequences, *arrived]
        first = [*grads[:count], *held]
        found = Scan.over(back.body, first, stacks, self.length, not self.reverse)
        totals, of_elements = iter(found[count : len(first)]), iter(found[len(first) :])
        result = list(found[:count])
        result += [next(of_elements) if g is not None else None for g in back.of_elements]
        result += [next(totals) if g is not None else None for g in back.of_outside]
        return tuple(result)

    def release(self) -> None:
        """Give everything back that the forward kept."""
        if self._saved:
            self.body = self.gradient = None
        super().release()


class ReverseBody:
    """The body of a backward that can be differentiated: it computes the forward's step anew.

    It carries the gradients of the carried values, and the sums of those of what is outside.
    """

    def __init__(self, body: Body, outside: list[Edge]):
        count = len(body.carries)
        since = body.since
        with recording() as nodes:
            arriving, of_sources, self.of_outside = differentiate(body, outside, True)
            carries = [
                stand_in(tensor._spec, True) if grad is None else grad
                for tensor, grad in zip(body.carries, arriving, strict=False)
            ]
            next_carries = [
                wrap(zeros(tensor._spec)) if grad is None else grad
                for tensor, grad in zip(body.carries, of_sources, strict=False)
            ]
            self.of_elements = of_sources[count:]
            sums = [grad for grad in self.of_outside if grad is not None]
            self.held = [stand_in(grad._spec, True) for grad in sums]
            next_carries += [a + b for a, b in zip(self.held, sums, strict=True)]
        self.uses = [grad is not None for grad in arriving[count:]]
        elements = [*body.carries, *body.elements]
        elements += [grad for grad in arriving[count:] if grad is not None]
        stacked = [grad for grad in self.of_elements if grad is not None]
        results = next_carries, stacked
        parts = [*carries, *self.held], elements, results, body.trace.every + nodes
        self.body = Body(*parts, since, body.trace.lifted, body.borders)


def scan(
    body: Callable[[_Nest, _Nest], tuple[_Nest, _Nest]],
    carry: _Nest,
    xs: _Nest = None,
    length: int | None = None,
    *,
    reverse: bool = False,
) -> tuple[_Nest, _Nest]:
    """Call `body(carry, x) -> (carry, y)` for each element of `xs`; the last carry and all y.

    `carry`, `xs` and `y` are tensors, also nested in tuples, lists and dicts, or None.  The leading
    dimension of all of `xs` is the number of steps (`length` says it where there are no `xs`); a
    step gets `x` without it, and what the steps return as `y` is stacked along a new one.  With
    `reverse` the last element comes first; each y still stands where its x stood.

    The body is called once, with tensors that stand for the values of every step, and compiled
    once for all lengths: it can neither look at values nor write to tensors from outside.  Other
    tensors that it reads are the same in every step; gradients flow to them, too.  Random numbers
    are drawn anew in each step.  What does not depend on the carry (such as the product of the
    inputs and their weights) is faster before the scan, for all steps at once.

    PyTorch has no such function; it is JAX's `lax.scan`.
    Raises TypeError for anything else than tensors, RuntimeError where sizes differ, or where the
    body's carry has other shapes, dtypes or nesting than the first.

    >>> import rushlight as rl
    >>> rl.scan(lambda total, x: (total + x, total * x), rl.tensor(0.0), rl.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    carries, carry_structure = flatten(carry, "scan", "carry")
    sequences, structure = flatten(xs, "scan", "xs")
    length = _length_of(sequences, length)
    structures: list[Any] = []

    def step(first: list[Tensor], elements: list[Tensor]) -> tuple[list, list]:
        result = body(rebuild(carry_structure, first), rebuild(structure, elements))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                "scan(): the body must return a pair\nExpected: (carry, y).\n"
                f"Actual: {type(result).__name__}."
            )
        following, found = flatten(result[0], "scan", "the body's carry")
        _check_carry(carries, carry_structure, following, found)
        stacked, of_stacked = flatten(result[1], "scan", "the body's y")
        structures.append(of_stacked)
        return following, stacked

    if active_levels() and length:
        last, found = _unrolled(step, carries, sequences, length, reverse)
        return rebuild(carry_structure, last), rebuild(structures[0], found)
    grads = modes.grad
    recorded = record_body(
        step,
        [(tensor._spec, grads) for tensor in carries],
        [(t._spec.with_shape(t._spec.shape[1:]), grads and t.requires_grad) for t in sequences],
    )
    results = Scan.over(recorded, carries, sequences, length, bool(reverse))
    last = rebuild(carry_structure, results[: len(carries)])
    return last, rebuild(structures[0], results[len(carries) :])


def _unrolled(
    step: Callable, carries: list[Tensor], sequences: list[Tensor], length: int, reverse: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """The same step by step: inside vmap, where a body may read batched values from outside."""
    found: list[list[Tensor]] = [[]] * length
    for place in reversed(range(length)) if reverse else range(length):
        carries, found[place] = step(carries, [tensor[place] for tensor in sequences])
    return carries, [stack(column) for column in zip(*found, strict=True)]


def _length_of(sequences: list[Tensor], length: int | None) -> int:
    """The number of steps."""
    for tensor in sequences:
        if not tensor._spec.rank:
            words = "scan(): xs must have a leading dimension"
            fail(RuntimeError, "scan", words, "tensors of one or more dimensions", "a number")
    sizes = [tensor._spec.shape[0] for tensor in sequences]
    if length is not None:
        sizes.append(int(length.__index__()))
    if not sizes:
        words = "scan(): without xs it needs a length"
        fail(ValueError, "scan", words, "xs or length", "neither")
    if len(set(sizes)) > 1:
        words = "scan(): sizes of the leading dimension differ"
        given = ", ".join([describe(tensor) for tensor in sequences])
        actual = given + (f", length {length}" if length is not None else "")
        fail(RuntimeError, "scan", words, "one number of steps", actual)
    if sizes[0] < 0:
        raise ValueError(f"scan(): length must be non-negative, but got {sizes[0]}")
    return sizes[0]


def _check_carry(
    carries: list[Tensor], structure: Any, following: list[Tensor], found: Any
) -> None:
    """What a body returns as its carry is like the first one."""
    if found != structure:
        words = "scan(): the body's carry is nested otherwise than the first"
        fail(TypeError, "scan", words, text(structure), text(found))
    for position, (first, after) in enumerate(zip(carries, following, strict=True)):
        if first._spec is not after._spec:
            words = "scan(): the body changes the shape or dtype of the carry"
            actual = f"{describe(after)}, for tensor {position} of the carry"
            fail(RuntimeError, "scan", words, describe(first), actual)


_FUNCTIONS = (scan,)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
METHODS: dict[str, Callable] = {}
