"""Recording again what was recorded before, without going through it again.

`repeated(function, nodes, arguments)` does what `function(*nodes, *arguments)` does.  When these
specs and arguments come again in a later step, the function is traced: it runs on stand-ins for the
nodes, and the primitives that it records are kept.  From then on they are recorded at once, as one
fragment.
So what a function records must depend on specs and arguments alone.  A function that reads values,
draws random numbers or writes in place cannot be traced; it simply runs each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from rushlight.graph import places as origins
from rushlight.graph.fragment import Fragment, Step, spread
from rushlight.graph.node import INPUT, Node
from rushlight.graph.places import LARGE
from rushlight.graph.recorder import record, record_fragment, recorder, set_recorder
from rushlight.graph.spec import Spec
from rushlight.graph.work import operations_of

Outputs = Node | Sequence[Node | None]
_MOST_KNOWN = 20_000


class UnrepeatableError(Exception):
    """A traced function did something that depends on more than specs and arguments."""


class _Trace:
    """Stands in for the recorder while a function is traced."""

    tracing = True
    immediate = False

    def __init__(self) -> None:
        self.pending: list[Node] = []

    def remember(self, holder: Any, value: Any) -> None:
        """Something is about to change that outlives the function."""
        raise UnrepeatableError

    def compute(self) -> None:
        """A value is asked for."""
        raise UnrepeatableError

    soft_cut = compute


class Repetition:
    """How to record what a function recorded when it was traced.

    `take` finds the inputs among the nodes given and the literals in a row, `pick` the outputs
    among results, nodes given, literals and None in a row; no `pick` means the results alone.
    """

    __slots__ = ("fragment", "is_sequence", "literals", "pick", "results", "single", "take")
    __slots__ += ("words",)

    fragment: Fragment | None
    single: Step | None  # the only primitive, which needs no fragment around it
    results: list[tuple[tuple[int], Spec]]  # places and specs of the steps that are outputs
    literals: list[Node]
    take: Callable[[Sequence], tuple]
    pick: Callable[[Sequence], tuple] | None
    is_sequence: bool  # whether the function returns one
    words: str | None  # the arguments as text, if others that are equal might record another thing

    def record(self, nodes: list[Node]) -> Sequence[Any]:
        """Record it on these nodes; returns the outputs."""
        row = nodes + self.literals if self.literals else nodes
        if self.fragment is not None:
            results = record_fragment(self.fragment, self.take(row), self.results)
        elif self.single is not None:
            primitive, attributes, _, numbers, spec, origin = self.single
            results = [record(primitive, self.take(row), attributes, numbers, spec, origin)]
        else:
            results = []
        return results if self.pick is None else self.pick([*results, *row, None])

    def differs(self, arguments: tuple) -> bool:
        """Whether arguments equal to those traced might record something else."""
        return self.words is not None and self.words != repr(arguments)


_known: dict[tuple, Any] = {}


def look_up(known: dict[tuple, Any], key: tuple, find: Callable[..., Any], *arguments: Any) -> Any:
    """What `find(*arguments)` returned for this key; None until something was computed since.

    So sizes that come in one step only cost no more than the step itself.
    """
    try:
        found = known.get(key)
    except TypeError:  # something in the key has no hash
        return None
    if type(found) is int:  # how much was computed when the key came first
        if found == recorder().recorded:
            return None
        found = known[key] = find(*arguments) or False
    elif found is None:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[key] = recorder().recorded
    return found or None


def repeated(function: Callable[..., Any], nodes: list[Node], arguments: tuple = ()) -> Any:
    """What `function(*nodes, *arguments)` records and returns: a node or a sequence of them."""
    repetition = None
    if not is_direct():
        key = function, arguments, *[node.spec for node in nodes]
        repetition = look_up(_known, key, _trace_on, function, nodes, arguments)
    if repetition is None or repetition.differs(arguments):
        return function(*nodes, *arguments)
    outputs = repetition.record(nodes)
    return tuple(outputs) if repetition.is_sequence else outputs[0]


def _trace_on(function: Callable[..., Any], nodes: list[Node], arguments: tuple) -> Any:
    return trace(function, [node.spec for node in nodes], arguments)


def is_direct() -> bool:
    """Whether functions run as they are here: while they are traced, profiled, or run at once."""
    mine = recorder()
    return mine.tracing or mine.immediate or origins.large < LARGE


def trace(
    function: Callable[..., Any], specs: Sequence[Spec], arguments: tuple = (), name: str = ""
) -> Repetition | None:
    """Run a function on stand-ins and see what it records; None if that cannot be repeated."""
    before, mine = recorder(), _Trace()
    nodes = [Node(INPUT, (), (), (), spec) for spec in specs]
    set_recorder(mine)
    try:
        outputs = function(*nodes, *arguments)
    except UnrepeatableError:
        return None
    finally:
        set_recorder(before)
    name = name or getattr(function, "__qualname__", "function")
    return repetition_of(name, nodes, mine.pending, outputs, arguments)


def repetition_of(
    name: str, given: list[Node], recorded: list[Node], outputs: Outputs, arguments: tuple = ()
) -> Repetition | None:
    """How to record these nodes again; None if they read a value that nobody gave."""
    is_sequence = not isinstance(outputs, Node)
    wanted: list = list(outputs) if is_sequence else [outputs]
    needed = _needed(recorded, wanted)
    sources = dict.fromkeys([source for node in needed for source in node.inputs])
    literals = [node for node in {**sources, **dict.fromkeys(wanted)} if _is_literal(node)]
    row = given + literals
    if not {*sources, *wanted} <= {None, *row, *needed}:
        return None
    inputs = [node for node in dict.fromkeys(row) if node in sources]
    plain, places = spread(needed)
    steps = _steps(plain, inputs)
    if any(step.spec.nbytes > LARGE for step in steps):
        return None  # errors name the line that asked for so much memory
    chosen = {*wanted}
    results = [node for node in needed if node in chosen]
    found = Repetition()
    found.literals, found.is_sequence = literals, is_sequence
    found.single = found.fragment = None
    if len(steps) == 1:
        found.single = steps[0]
        inputs = [inputs[~i] for i in steps[0].inputs]
    elif steps:
        work = sum([operations_of(node) for node in plain])
        place = places[results[0]] if len(results) == 1 else 0
        found.fragment = Fragment(name, steps, place, work)
    found.results = [((places[node],), node.spec) for node in results]
    found.take = _chooser(inputs, row)
    found.pick = _chooser(wanted, [*results, *row, None]) if wanted != results else None
    has_numbers = literals or any(step.numbers for step in steps)
    found.words = _words(arguments) if has_numbers else None
    return found


def _chooser(wanted: list, row: list) -> Callable[[Sequence], tuple]:
    """What finds the wanted nodes in rows like this one."""
    places = {node: i for i, node in reversed([*enumerate(row)])}
    found = [places[node] for node in wanted]
    if len(found) > 1:
        return itemgetter(*found)
    return lambda row: tuple([row[i] for i in found])


def _needed(recorded: list[Node], outputs: list) -> list[Node]:
    """What the outputs are made from, in recorded order."""
    wanted, needed = {*outputs}, []
    for node in reversed(recorded):
        if node in wanted:
            wanted.update(node.inputs)
            needed.append(node)
    return needed[::-1]


def _steps(plain: list[Node], inputs: list[Node]) -> tuple[Step, ...]:
    places = {node: ~i for i, node in enumerate(inputs)}
    places |= {node: i for i, node in enumerate(plain)}
    steps = []
    for node in plain:
        sources = tuple([places[source] for source in node.inputs])
        parts = node.primitive, node.attributes, sources, node.numbers, node.spec, node.origin
        steps.append(Step(*parts))
    return tuple(steps)


def _is_literal(node: Node | None) -> bool:
    return node is not None and node.primitive.family == "literal"


def _words(arguments: tuple) -> str | None:
    """The arguments as text if one is zero: 0.0 equals -0.0, their words do not."""
    numbers = [each for each in arguments if type(each) in (int, float, complex)]
    return repr(arguments) if 0 in numbers else None
