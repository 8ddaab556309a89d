"""The recorder: nodes are recorded at once and computed together at sync points.

Every thread has its own recorder.  `record` appends a node; `compute` runs everything pending
that is still reachable.  What is reachable, and which inputs may be overwritten, is read from
CPython's reference counts: a node that anything but the pending graph refers to must survive.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.graph import places, timing
from rushlight.graph.batched import Batched, explain_no_value
from rushlight.graph.buffer import Buffer
from rushlight.graph.fragment import PART, Fragment, spread
from rushlight.graph.interrupts import held
from rushlight.graph.node import INPUT, Failure, Node, Origin, Primitive
from rushlight.graph.program import Binding, Engine, EquationError, Program
from rushlight.graph.spec import Spec
from rushlight.graph.structure import Structured
from rushlight.graph.work import operations_of

HARD_LIMIT = 20_000
SOFT_NODES, SOFT_BYTES, SOFT_OPERATIONS = 256, 64 << 20, 50_000_000

_computing = threading.RLock()
_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
_loaders: dict[str, Callable[[], Any]] = {}
_loaded: dict[str, Any] = {}
_batching: Any = None  # graph/batching.py, once there are batched nodes


def provide(name: str, loader: Callable[[], Any]) -> None:
    """Say how to load the "engine", or the "evaluate" function of immediate mode, when needed."""
    _loaders[name] = loader
    _loaded.pop(name, None)
    if name == "engine":
        PROGRAMS.clear()


def provide_batching(rules: Any) -> None:
    """Say by which rules primitives and fragments are recorded on batched nodes."""
    global _batching
    _batching = rules


def _provided(name: str) -> Any:
    if name not in _loaded:
        _loaded[name] = _loaders[name]()
    return _loaded[name]


def engine() -> Engine:
    """The engine that computes recorded graphs; loaded when first needed."""
    return _provided("engine")


class Recorder:
    """What one thread has recorded and not computed yet."""

    tracing = False

    def __init__(self) -> None:
        self.pending: list[Node] = []
        self.hidden = 0  # by how much there are more primitives than nodes
        self.journal: dict[Any, Any] = {}
        self.immediate = False
        self.recorded = 0  # primitives so far, for who wants to count them
        self._measured = self._bytes = self._operations = 0
        _recorders.add(self)

    def __del__(self, finalizing: Callable = sys.is_finalizing) -> None:
        """Compute what others may hold of a thread that ends; a failure waits for its reader."""
        if self.pending and not finalizing():
            with contextlib.suppress(Exception):
                self.compute()

    def explain_missing(self, node: Node) -> str:
        """Why nobody can compute a value."""
        return (
            f"{node} was recorded inside the body of a scan, which has no value outside, or by a "
            "thread that ended before computing it"
        )

    def remember(self, holder: Any, value: Any) -> None:
        """Keep a cell's or generator's value at the last sync point, to restore after an error."""
        if not self.immediate:  # what is computed at once does not belong to a later program
            self.journal.setdefault(holder, value)

    def soft_cut(self) -> None:
        """Compute what is pending if it has grown large."""
        pending = self.pending
        for node in pending[self._measured :]:
            if node.primitive is not PART:
                self._measure(node)
        node = None  # it would stay alive
        self._measured = len(pending)
        if (
            self._measured + self.hidden > SOFT_NODES
            or self._bytes > SOFT_BYTES
            or self._operations > SOFT_OPERATIONS
        ):
            self.compute()

    def _measure(self, node: Node) -> None:
        """Count the memory and the work of a pending node."""
        fragment = node.primitive
        self._bytes += (fragment if type(fragment) is Fragment else node.spec).nbytes
        self._operations += operations_of(node)
        for source in node.inputs:
            if source.primitive is INPUT:
                self._bytes += source.spec.nbytes

    def compute(self) -> None:
        """Compute everything pending that is still reachable."""
        with held, _computing:
            pending, journal = self._take()
            if len(_recorders) > 1:
                pending = self._with_work_of_others(pending, journal)
            if pending:
                with timing.span("compute"):
                    _compute(pending, journal)

    def _take(self) -> tuple[list[Node], dict]:
        pending = self.pending[:]
        del self.pending[: len(pending)]  # the list stays: its thread may be appending
        self.recorded += len(pending) + self.hidden
        journal, self.journal = self.journal, {}
        self._measured = self._bytes = self._operations = self.hidden = 0
        return pending, journal

    def _with_work_of_others(self, pending: list[Node], journal: dict) -> list[Node]:
        """Add what other threads have pending, if `pending` reads any of it."""
        mine = set(pending)
        if not any(
            source.buffer is None and source not in mine and source.primitive.family != "literal"
            for node in pending
            for source in node.inputs
        ):
            return pending
        for other in list(_recorders):
            if other is not self:
                work, old_values = other._take()
                pending = work + pending
                journal.update(old_values)
        return _in_order(pending)


def _in_order(nodes: list[Node]) -> list[Node]:
    """The nodes, every one after those that it reads."""
    waiting = dict.fromkeys(nodes)
    ordered = []
    for first in nodes:
        stack = [first]
        while stack:
            node = stack[-1]
            needed = [source for source in node.inputs if source in waiting]
            if needed and node in waiting:
                stack += needed
                continue
            if node in waiting:
                del waiting[node]
                ordered.append(node)
            stack.pop()
    return ordered


class _Local(threading.local):
    def __init__(self) -> None:
        self.recorder = Recorder()


_local = _Local()


def recorder() -> Recorder:
    """This thread's recorder."""
    return _local.recorder


def set_recorder(chosen: Recorder) -> None:
    """Let this thread record elsewhere."""
    _local.recorder = chosen


def record(
    primitive: Primitive,
    inputs: tuple[Node, ...],
    attributes: tuple,
    numbers: tuple,
    spec: Spec,
    origin: Origin | None = None,
) -> Node:
    """Record one primitive; its value is computed at the next sync point."""
    if _batching is not None and Batched in map(type, inputs):
        return _batching.record_batched(primitive, inputs, attributes, numbers, spec, origin)
    node = Node(primitive, inputs, attributes, numbers, spec, origin)
    if spec.nbytes > places.large and origin is None:
        node.origin = places.origin_here(primitive.name)
    mine = _local.recorder
    if mine.immediate:
        _evaluate_now(node)
        return node
    pending = mine.pending
    pending.append(node)
    if len(pending) >= HARD_LIMIT:
        mine.compute()
    return node


def record_fragment(
    fragment: Fragment, inputs: tuple[Node, ...], results: Sequence[tuple[tuple, Spec]]
) -> list[Node]:
    """Record many primitives as one node, with a part for each result if there are several."""
    if _batching is not None and Batched in map(type, inputs):
        return _batching.record_steps(fragment, inputs, results)
    mine = _local.recorder
    pending = mine.pending
    if len(results) == 1:
        nodes = [Node(fragment, inputs, (), (), results[0][1])]
    else:
        whole = Node(fragment, inputs, (), (), fragment.specs[0])
        pending.append(whole)
        nodes = [Node(PART, (whole,), place, (), spec) for place, spec in results]
        del whole  # nothing but its parts refers to it
        mine.hidden -= 1
    pending += nodes
    mine.hidden += len(fragment.specs) - len(nodes)
    if len(pending) + mine.hidden >= HARD_LIMIT:
        mine.compute()
    return nodes


def adopt(nodes: list[Node]) -> None:
    """Take nodes that were recorded elsewhere, in order."""
    mine = _local.recorder
    if not mine.immediate:
        mine.pending += nodes
        return
    for node in nodes:
        _evaluate_now(node)


def value_of(node: Node) -> Buffer:
    """The node's computed value; a sync point if it is pending."""
    if node.buffer is None:
        if node.primitive.family == "literal":
            return _provided("evaluate")(node)  # not kept: graphs know literals by having no value
        if type(node) is Batched:
            raise RuntimeError(explain_no_value(node))
        _local.recorder.compute()
        if node.buffer is None:
            _value_from_elsewhere(node)
    if type(node.buffer) is Failure:
        node.buffer.reraise()
    return node.buffer


def _compute_elsewhere() -> None:
    """Compute what other threads have pending."""
    for other in list(_recorders):
        if other is not _local.recorder:
            other.compute()


def _evaluate_now(node: Node) -> None:
    for source in node.inputs:
        if source.primitive.family != "literal":
            value_of(source)
    try:
        node.buffer = _provided("evaluate")(node)
    except Exception as error:  # noqa: BLE001 - raised again with its place
        raise places.located(error, node) from None
    node.inputs = ()


def _find_live(
    pending: list[Node], references: Callable = sys.getrefcount
) -> tuple[list[Node], list[Node]]:
    """The nodes to compute, in recorded order, and those of them that must survive.

    Leaves `uses` of every source counting the references that pending nodes hold.
    """
    for node in pending:
        for source in node.inputs:
            source.uses += 1
    source = None  # a loop variable would count as one more reference
    live, survivors = [], []
    for node in reversed(pending):
        if references(node) - node.uses > _UNREFERENCED:
            survivors.append(node)
        elif node.slot is not None:
            continue
        live.append(node)
        for source in node.inputs:
            source.slot = None
        source = None
    live.reverse()
    survivors.reverse()
    return live, survivors


def _count_unreferenced() -> int:
    """What `sys.getrefcount` says in the loop of `_find_live` for a node held only by the list."""
    counts = []
    for node in reversed([Node(INPUT, (), (), (), None), Node(INPUT, (), (), (), None)]):
        counts.append(sys.getrefcount(node))
    return counts[0]


_UNREFERENCED = _count_unreferenced()


def _compute(pending: list[Node], journal: dict) -> None:
    for value in journal.values():
        if type(value) is Node:
            value.uses += 1
    value = None  # a loop variable would count as one more reference
    try:
        live, survivors = _find_live(pending)
        if live:
            _run(live, survivors)
    except BaseException as error:
        for node in pending:
            if node.buffer is None:
                node.buffer = Failure(error)
        for holder, value in journal.items():
            holder.restore(value)
        raise
    finally:
        for value in journal.values():
            if type(value) is Node:
                value.uses = 0
        for node in pending:
            for source in node.inputs:
                source.uses = 0
            node.inputs = ()


def _run(live: list[Node], survivors: list[Node]) -> None:
    """Look the program of this structure up, or plan it, and run it."""
    found = Structured(live)
    leaves = found.leaves
    donated = _prepare_leaves(leaves)
    key = found.key(survivors, donated)
    program = PROGRAMS.get(key)
    if program is None:
        program = PROGRAMS[key] = engine().plan(found.describe(live, survivors, donated))
    specs = (*[leaf.spec for leaf in leaves], *found.specs)
    binding = Binding(tuple([leaf.buffer for leaf in leaves]), found.numbers, specs)
    if timing.watcher is not None:
        timing.watcher.note(spread(live)[0])
    try:
        results = program.run(binding)
    except EquationError as failure:
        wrong = spread(live)[0][failure.equation]
        raise places.located(failure.error, wrong) from failure.error
    for node, buffer in zip(survivors, results, strict=True):
        node.buffer = buffer


def _prepare_leaves(leaves: list[Node], references: Callable = sys.getrefcount) -> list[bool]:
    """Make sure every leaf has its value; say which ones nothing else holds."""
    donated = []
    for leaf in leaves:
        buffer = leaf.buffer
        if buffer is None:
            if leaf.primitive.family == "literal":
                donated.append(False)
                continue
            buffer = _value_from_elsewhere(leaf)
        elif type(buffer) is Failure:
            buffer.reraise()
        donated.append(
            references(leaf) - leaf.uses == _UNREFERENCED
            and references(buffer) == _UNSHARED_BUFFER
            and not buffer.is_exported
        )
    return donated


def _value_from_elsewhere(leaf: Node) -> Buffer:
    _compute_elsewhere()
    if type(leaf.buffer) is Failure:
        leaf.buffer.reraise()
    if leaf.buffer is None:
        raise RuntimeError(_local.recorder.explain_missing(leaf))
    return leaf.buffer


def _count_unshared_buffer() -> int:
    """What `sys.getrefcount` says in `_prepare_leaves` for a buffer that only its leaf holds."""
    holder = Node(INPUT, (), (), (), None)
    holder.buffer = Buffer(1)
    buffer = holder.buffer
    return sys.getrefcount(buffer)


_UNSHARED_BUFFER = _count_unshared_buffer()


PROGRAMS: dict[tuple, Program] = {}

if hasattr(os, "register_at_fork"):  # a child must not begin amid another thread's work
    os.register_at_fork(
        before=_computing.acquire,
        after_in_parent=_computing.release,
        after_in_child=_computing.release,
    )
