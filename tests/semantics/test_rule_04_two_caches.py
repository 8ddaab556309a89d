"""Rule 4: programs are found again by their structure, kernels by theirs, in memory and on disk."""

import os

import pytest

import rushlight as rl
from rushlight.graph.recorder import PROGRAMS
from tests.semantics.fresh import run_fresh
from tests.semantics.watching import Network, batch


def planned(watched, action):
    """How many programs an action needs that are not known yet."""
    watched.forget()
    action()
    rl.sync()
    return len(watched.graphs)


def test_a_training_loop_is_planned_once(watched):
    network, (x, y) = Network(), batch()

    def step():
        network.step(x, y)

    for _ in range(2):
        step()
        rl.sync()
    assert [planned(watched, step) for _ in range(3)] == [0, 0, 0]


def test_a_print_an_evaluation_and_a_short_batch_are_planned_once(watched):
    network, (x, y) = Network(), batch()
    short = batch(3, seed=2)

    def printed():
        network.loss(x, y).item()
        network.step(x, y)

    def evaluated():
        with rl.no_grad():
            network.loss(x, y).item()

    for _ in range(3):
        network.step(x, y)
        rl.sync()
    for action in (printed, evaluated):
        planned(watched, action)
        assert planned(watched, action) == 0
    assert planned(watched, lambda: network.step(*short)) == 0
    assert planned(watched, lambda: network.step(x, y)) == 0


def test_keys_are_compared_not_only_hashed():
    """hash(-1) == hash(-2) in Python: these two programs have keys of one hash."""
    PROGRAMS.clear()
    x, y = rl.tensor([5.0, 7.0]), rl.tensor([1.0, 2.0])
    first = ((x - y) - x).tolist()
    second = ((x - y) - y).tolist()
    assert first == [-1.0, -2.0]
    assert second == [3.0, 3.0]
    a, b = PROGRAMS
    assert hash(a) == hash(b)
    assert a != b


COUNTING = """
import rushlight as rl
from rushlight.engines.cpu import build
from tests.semantics.watching import Network, batch
compiled, asked = [], []
compile_object, build_new = build.compile_object, build._build
build.compile_object = lambda text: compiled.append(1) or compile_object(text)
build._build = lambda *new: asked.append(1) or build_new(*new)
network, (x, y), short = Network((40, 50, 30)), batch(64, sizes=(40, 30)), batch(33, 2, (40, 30))
def printed(): network.loss(x, y).item(); network.step(x, y)
def step(): network.step(x, y)
def last(): network.step(*short)
def evaluated():
    with rl.no_grad(): network.loss(*short).item()
counts = []
for action in (step, step, step, printed, printed, last, evaluated, evaluated, last, step):
    asked.clear()
    action()
    rl.sync()
    counts.append(len(asked))
print(counts, len(compiled))
"""

needs_kernels = pytest.mark.skipif(
    os.environ.get("RUSHLIGHT_ENGINE") == "reference", reason="the reference has no kernels"
)


@needs_kernels
def test_kernels_are_built_once_and_found_on_disk_by_the_next_process(tmp_path):
    first = run_fresh(COUNTING, RUSHLIGHT_CACHE=tmp_path, RUSHLIGHT_ENGINE="cpu")
    counts, compiled = first.rsplit(maxsplit=1)
    counts = eval(counts)  # noqa: S307 - a list that the program above printed
    step, _, third, _, printed, last, _, evaluated, _, again = counts
    assert step > 0
    assert (third, printed, last, evaluated, again) == (0, 0, 0, 0, 0)
    assert int(compiled) > 0
    second = run_fresh(COUNTING, RUSHLIGHT_CACHE=tmp_path, RUSHLIGHT_ENGINE="cpu")
    assert second.split()[-1] == "0"


def test_parameters_and_the_state_of_optimisers_are_computed_when_created():
    layer = rl.nn.Linear(3, 2)
    assert [p._spec.shape for p in layer.parameters() if not is_computed(p)] == []
    optimiser = rl.optim.Adam(layer.parameters())
    layer(rl.ones(4, 3)).sum().backward()
    optimiser.step()
    rl.sync()
    assert all(is_computed(t) for state in optimiser.state.values() for t in tensors(state))


def tensors(state):
    return [value for value in state.values() if isinstance(value, rl.Tensor)]


def is_computed(tensor):
    node = tensor._node if tensor._cell is None else tensor._cell.node
    return node.buffer is not None
