"""Rule 16: recording is cheap; here by what is counted, in benchmarks/recording.py by the clock."""

import rushlight as rl
from rushlight.graph.recorder import recorder
from tests.semantics.fresh import run_fresh
from tests.semantics.watching import Network, batch


def recorded(action):
    """How many primitives an action records."""
    rl.sync()
    before = recorder().recorded
    action()
    rl.sync()
    return recorder().recorded - before


def test_an_operation_records_no_more_primitives_than_it_needs():
    x, y, w = rl.rand(3, 4), rl.rand(3, 4), rl.rand(4, 2)
    b = rl.rand(2)
    counts = {
        "add": (lambda: x + y, 1),
        "number": (lambda: x * 2, 2),
        "view": (lambda: x.view(12), 1),
        "matmul": (lambda: x @ w, 1),
        "linear": (lambda: x @ w + b, 3),
        "where": (lambda: rl.where(x > y, x, y), 2),
        "write": (lambda: x.add_(y), 1),
        "slice": (lambda: x[1:], 1),
        "detach": (lambda: x.detach(), 0),
    }
    found = {name: recorded(action) for name, (action, _) in counts.items()}
    assert found == {name: most for name, (_, most) in counts.items()}


def test_a_step_of_a_small_network_records_few_primitives():
    network, (x, y) = Network((2, 16, 1)), batch(8, sizes=(2, 1))
    first, *others = [recorded(lambda: network.step(x, y)) for _ in range(5)]
    assert first <= 80
    assert all(count <= first for count in others)  # what nothing needs is left out in time
    assert len({*others[1:]}) == 1


def test_a_backward_records_nothing_for_what_needs_no_gradient():
    w, x = rl.rand(4, 4, requires_grad=True), rl.rand(3, 4)
    wanted = recorded(lambda: (x @ w).sum().backward())
    both = x.clone().requires_grad_()
    assert recorded(lambda: (both @ w).sum().backward()) > wanted


SMALL = """
import sys
import threading
import rushlight as rl
from tests.semantics.watching import Network, batch
network, (x, y) = Network((2, 16, 1)), batch(8, sizes=(2, 1))
for _ in range(5):
    network.step(x, y).item()
pool = sys.modules.get("rushlight.engines.cpu.pool")
print(threading.active_count(), pool is not None and pool._pool is not None)
"""


def test_small_programs_run_on_the_calling_thread():
    assert run_fresh(SMALL, RUSHLIGHT_NUM_THREADS=4).split() == ["1", "False"]
