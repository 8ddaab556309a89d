"""`checkpoint`: keep a function's inputs instead of what it saves, and run it again in backward.

The first run is recorded as usual, but its nodes give their saved values away.  When backward
reaches one of them, the function runs once more on its inputs, and what its nodes save then is
what the first ones get back.  The inputs of the second run go through the `fence` primitive, which
ties them to the gradient that arrived: no pass merges the second run with the first, whose values
can therefore die early.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rushlight.autograd.node import GradNode, attach, next_sequence
from rushlight.autograd.saved import Packing
from rushlight.graph.indexing import fence
from rushlight.graph.node import Node
from rushlight.graph.recorder import recorder
from rushlight.random import default_generator
from rushlight.tensor import Tensor, modes, node_of, wrap

Contexts = Callable[[], tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]]


class CheckpointError(RuntimeError):
    """The second run of a function did something else than the first."""


def noop_context_fn() -> tuple:
    """The default `context_fn` of `checkpoint`: two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Contexts = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose backward computes saved values anew to hold less memory.

    Tensors in `args` and `kwargs`, also in tuples, lists and dicts, are kept.  The second run draws
    the same random numbers if `preserve_rng_state`; the contexts of `context_fn` surround the first
    and the second run.  Raises CheckpointError if the second run saves other values, unless
    `determinism_check` is "none".  `use_reentrant`, `debug` and `early_stop` change nothing.

    >>> import rushlight as rl
    >>> from rushlight.utils.checkpoint import checkpoint
    >>> x = rl.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().exp(), x, use_reentrant=False).sum().backward()
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"Expected determinism_check to be 'default' or 'none'.\nActual: {determinism_check!r}."
        )
    first, second = context_fn()
    if not modes.grad:
        with first:
            return function(*args, **kwargs)
    run = _Run(function, (args, kwargs), second, preserve_rng_state, determinism_check != "none")
    for watcher in modes.watchers:
        watcher(run)
    with run, first:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Apply a Sequential or a list of functions in `segments` parts: all but the last checkpointed.

    >>> import rushlight as rl
    >>> from rushlight.utils.checkpoint import checkpoint_sequential
    >>> x = rl.ones(2, requires_grad=True)
    >>> checkpoint_sequential([rl.exp, rl.sin, rl.exp], 2, x).shape
    rushlight.Size([2])
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments
    for part in range(segments - 1):
        chosen = steps[part * size : (part + 1) * size]
        input = checkpoint(_in_turn(chosen), input, preserve_rng_state=preserve_rng_state)
    return _in_turn(steps[(segments - 1) * size :])(input)


def _in_turn(steps: Sequence[Callable]) -> Callable:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


class _Place(NamedTuple):
    """Stands for a tensor among the arguments."""

    index: int
    requires_grad: bool
    strides: tuple[int, ...] | None


class _Input(GradNode):
    """Where gradients in the second run would go: nobody asks for them."""

    def __init__(self, node: Node):
        self.sequence = next_sequence()
        self.output_specs = (node.spec,)


class _Run(Packing):
    """The first run of a checkpointed function, and what the second one needs.

    It is packed like a node of the graph itself when it happens inside another checkpoint, whose
    second run then gives the arguments back.
    """

    packed: Any = None

    def __init__(
        self,
        function: Callable,
        arguments: Any,
        second: contextlib.AbstractContextManager,
        keeps_random_state: bool,
        checks: bool,
    ):
        self.function = function
        self.second = second
        self.checks = checks
        self.casting = modes.autocast
        self.random_state = _random_state() if keeps_random_state else None
        self._saved: list[Node | None] = []
        self.arguments = self._without_tensors(arguments)
        self.specs: list[list] = []
        self.found: list[list | None] = []

    def _without_tensors(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            self._saved.append(node_of(value))
            strides = None if value.is_contiguous() else value.stride()
            return _Place(len(self._saved) - 1, value.requires_grad, strides)
        return _mapped(self._without_tensors, value)

    def take_saved(self) -> list[Node | None]:
        """Give the arguments away until `put_saved`."""
        saved, self._saved = self._saved, [None] * len(self._saved)
        return saved

    def put_saved(self, nodes: list[Node | None]) -> None:
        """Have the arguments again."""
        self._saved = nodes

    def __call__(self, node: GradNode) -> None:
        """Take what a node of the first run saved."""
        saved = node.take_saved()
        if any(saved):
            node.packed = _Part(self, len(self.specs))
            self.specs.append([value and _metadata(value) for value in saved])

    def give(self, index: int, grads: tuple) -> list[Node | None]:
        """What one node saved, once: a later backward runs the function again."""
        if not self.found or self.found[index] is None:
            self.found = self._run_again(grads)
        saved, self.found[index] = self.found[index], None
        return saved

    def _run_again(self, grads: tuple) -> list[list | None]:
        if self.packed is not None:
            self.put_saved(self.packed.unpack(grads))
        before = modes.grad, modes.autocast
        modes.grad, modes.autocast = True, self.casting
        try:
            args, kwargs = self._with_tensors(self.arguments, _tie(grads))
            with _Collector() as collector, _random(self.random_state), self.second:
                self.function(*args, **kwargs)
        finally:
            modes.grad, modes.autocast = before
            if self.packed is not None:
                self.take_saved()
        if self.checks:
            self._check(collector.found)
        return collector.found

    def _with_tensors(self, value: Any, tie: Node | None) -> Any:
        if not isinstance(value, _Place):
            return _mapped(lambda item: self._with_tensors(item, tie), value)
        node = self._saved[value.index]
        tensor = wrap(node if tie is None else fence(node, tie))
        tensor._strides = value.strides
        return attach(tensor, _Input(node)) if value.requires_grad else tensor

    def _check(self, found: list) -> None:
        if len(found) != len(self.specs):
            raise CheckpointError(
                "A different number of tensors was saved during the original forward and "
                "recomputation.\n"
                f"Number of tensors saved during forward: {_count(self.specs)}\n"
                f"Number of tensors saved during recomputation: {_count(found)}."
            )
        for position, (saved, specs) in enumerate(zip(found, self.specs, strict=True)):
            again = [value and _metadata(value) for value in saved]
            if again != specs:
                raise CheckpointError(
                    "Recomputed values for the following tensors have different metadata than "
                    "during the forward pass.\n"
                    f"tensors of operation {position}:\nsaved metadata: {specs}\n"
                    f"recomputed metadata: {again}"
                )


class _Part(NamedTuple):
    """What one node saved, as a part of a run."""

    run: _Run
    index: int

    def unpack(self, grads: tuple) -> list[Node | None]:
        """The values, from a second run if need be."""
        return self.run.give(self.index, grads)


class _Collector(Packing):
    """Sees the second run, and takes what its nodes save."""

    def __init__(self) -> None:
        self.found: list[list | None] = []

    def __call__(self, node: GradNode) -> None:
        """Take what a node saved; the node itself is not wanted."""
        saved = node.take_saved()
        if any(saved):
            self.found.append(saved)


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The same container with its items changed; anything else as it is."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([change(item) for item in value])
    if kind is dict:
        return {key: change(item) for key, item in value.items()}
    return value


def _metadata(value: Node) -> tuple:
    return value.spec.shape, value.spec.dtype


def _tie(grads: tuple) -> Node | None:
    return next((node_of(grad) for grad in grads if grad is not None), None)


def _count(saved: list) -> int:
    return sum(value is not None for values in saved for value in values)


def _random_state() -> tuple[int, int]:
    return default_generator._seed, default_generator._offset


@contextlib.contextmanager
def _random(state: tuple[int, int] | None) -> Iterator[None]:
    """The default generator in an earlier state, without a sync point."""
    if state is None:
        yield
        return
    before = _random_state()
    recorder().remember(default_generator, before)
    default_generator.restore(state)
    try:
        yield
    finally:
        default_generator.restore(before)
