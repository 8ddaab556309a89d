"""The node: one primitive applied to values, recorded and perhaps not computed yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn

from rushlight.graph.buffer import Buffer
from rushlight.graph.spec import Spec


class Primitive:
    """One of the steps of which operations are made.

    `infer(specs, attributes, numbers, spec)` says which spec the result has, given those of the
    inputs; `spec` is the one recorded, from which primitives that take sizes (reshape, slice)
    read theirs.  The verifier calls it between passes.  Three flags steer the engines: `exact`
    primitives have one right answer by IEEE 754 or integer arithmetic, so NumPy's bits are
    anyone's bits; `can_fail` ones may raise when they run (an index out of range).  Equations of a
    primitive with `siblings` that differ in their first attribute only are several results of one
    computation, which engines do once; their run-time numbers are inputs of rank 0.
    """

    __slots__ = ("can_fail", "exact", "family", "infer", "name", "siblings")

    def __init__(
        self,
        name: str,
        family: str,
        infer: Callable[..., Spec],
        *,
        exact: bool = False,
        can_fail: bool = False,
        siblings: bool = False,
    ):
        self.name = name
        self.family = family
        self.infer = infer
        self.exact = exact
        self.can_fail = can_fail
        self.siblings = siblings
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}


class Origin(NamedTuple):
    """Where a primitive that can fail was recorded, for the error that it may raise later."""

    operation: str
    place: str
    module: str = ""

    def __str__(self) -> str:
        inside = f" in module {self.module}" if self.module else ""
        return f"{self.operation}{inside}, recorded at {self.place}"


NOT_LIVE = -1


class Node:
    """One primitive applied to input nodes; immutable but for receiving its value once.

    `attributes` are structure (axes, flags, literals); `numbers` are run-time inputs (scalars,
    slice bounds, random keys) that never make a new program.  `buffer` holds the value when it is
    computed, or a `Failure` when computing it failed.  `uses` and `slot` are scratch space of the
    recorder.
    """

    __slots__ = ("__weakref__", "attributes", "buffer", "inputs", "numbers", "origin")
    __slots__ += ("primitive", "slot", "spec", "uses")

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Node, ...],
        attributes: tuple,
        numbers: tuple,
        spec: Spec,
        origin: Origin | None = None,
    ):
        self.primitive = primitive
        self.inputs = inputs
        self.attributes = attributes
        self.numbers = numbers
        self.spec = spec
        self.origin = origin
        self.buffer: Buffer | Failure | None = None
        self.slot: int | None = NOT_LIVE
        self.uses = 0

    def __repr__(self) -> str:
        state = "computed" if self.buffer is not None else "pending"
        return f"<{self.primitive.name} {self.spec} {state}>"


class Failure:
    """Stands where a buffer would, for a value whose program failed.

    Keeps the error's type and words, not the error: its traceback would hold the graph alive.
    """

    __slots__ = ("kind", "words")

    def __init__(self, error: BaseException):
        self.kind = type(error)
        self.words = error.args

    def reraise(self, *_: object) -> NoReturn:
        """Raise the error that the program raised."""
        raise self.kind(*self.words)

    values = stored = reraise


def _infer_leaf(specs: tuple, attributes: tuple, numbers: tuple, spec: Spec) -> Spec:
    return spec


INPUT = Primitive("input", "leaf", _infer_leaf, exact=True)


def input_node(buffer: Buffer, spec: Spec) -> Node:
    """A node whose value is there already."""
    node = Node(INPUT, (), (), (), spec)
    node.buffer = buffer
    return node
