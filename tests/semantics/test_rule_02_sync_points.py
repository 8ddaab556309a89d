"""Rule 2: a sync point computes everything pending that is reachable, once, in recorded order."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph import recorder
from rushlight.graph.recorder import recorder as current
from tests.semantics.watching import Network, batch

SYNC = {
    "item": lambda x: x.sum().item(),
    "numpy": lambda x: x.numpy(),
    "asarray": np.asarray,
    "tolist": lambda x: x.tolist(),
    "repr": repr,
    "print": lambda x: f"{x}",
    "bool": lambda x: bool(x[0] > 0),
    "if": lambda x: 1 if x[0] > 0 else 2,
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "in": lambda x: 3.0 in x,
    "sync": lambda x: rl.sync(),
    "nonzero": lambda x: x.nonzero(),
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "boolean index": lambda x: x[x > 0],
}


@pytest.mark.parametrize("name", SYNC)
def test_a_value_that_python_needs_computes_everything(watched, name):
    unrelated = rl.ones(4) * 5
    x = rl.tensor([1.0, 2.0, 0.0]) + 1
    assert not watched.runs
    SYNC[name](x)
    assert watched.runs
    assert unrelated._node.buffer is not None


def test_nothing_is_computed_twice(watched):
    x = rl.tensor([1.0, 2.0])
    shared = x.exp()
    first, second = shared * 2, shared + 1
    first.tolist()
    del shared
    second.tolist()
    (second * first).tolist()
    assert watched.computed("exp") == 1
    assert len(watched.runs) == 2


def test_saved_values_survive_and_are_not_computed_again(watched):
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp().sin().sum()  # exp saves its result, which no tensor holds any more
    y.item()
    y.backward()
    x.grad.tolist()
    assert watched.computed("exp") == 1


def test_what_nobody_can_read_is_not_computed(watched):
    x = rl.tensor([1.0, 2.0])
    x.exp()
    kept = x * 2
    rl.sync()
    assert kept.tolist() == [2, 4]
    assert watched.computed("exp") == 0


def record_many(count=300):
    x = rl.zeros(2)
    for _ in range(count):
        x = -x
    return x


def test_the_end_of_an_outermost_backward_is_a_soft_cut(watched):
    w = rl.ones(2, requires_grad=True)
    (w * 2).sum().backward()
    assert not watched.runs
    large = record_many()
    (w * 2).sum().backward()
    assert len(watched.runs) == 1
    assert large._node.buffer is not None


def test_an_inner_backward_is_no_soft_cut(watched):
    w = rl.ones(2, requires_grad=True)
    counts = []

    def hook(grad):
        kept = record_many()  # held until the inner walk has ended
        with rl.enable_grad():
            (w * 3).sum().backward(inputs=[w])
        counts.append((len(watched.runs), kept.shape))

    y = w * 2
    y.register_hook(hook)
    y.sum().backward()
    assert counts == [(0, (2,))]


def test_the_end_of_a_step_is_a_soft_cut(watched):
    w = rl.ones(2, requires_grad=True)
    optimiser = rl.optim.SGD([w], lr=0.1)
    w.grad = rl.ones(2)
    optimiser.step()
    assert not watched.runs
    large = record_many()
    optimiser.step()
    assert len(watched.runs) == 1
    assert large._node.buffer is not None


def test_the_return_of_an_outermost_module_call_without_gradients_is_a_soft_cut(watched):
    inner_runs = []

    class Inner(rl.nn.Module):
        def forward(self, x):
            return record_many() + x

    class Outer(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            y = self.inner(x)
            inner_runs.append(len(watched.runs))
            return y

    model = Outer()
    recorded = model(rl.ones(2))
    assert not watched.runs
    with rl.no_grad():
        result = model(rl.ones(2))
    assert inner_runs == [0, 0]
    assert len(watched.runs) == 1
    assert result._node.buffer is not None
    assert recorded.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("large", "operation"),
    [
        (lambda: rl.ones(4200, 4200), lambda x: x + 1),  # 70 MB
        (lambda: rl.ones(320, 320), lambda x: x @ x),  # 65 MFLOP
    ],
)
def test_large_pending_work_is_cut_too(watched, large, operation):
    result = operation(large())
    current().soft_cut()
    assert len(watched.runs) == 1
    assert result._node.buffer is not None


def test_small_pending_work_is_not_cut(watched):
    result = record_many(200)
    current().soft_cut()
    assert not watched.runs
    assert result.tolist() == [0, 0]


def test_the_hard_limit(watched, monkeypatch):
    monkeypatch.setattr(recorder, "HARD_LIMIT", 50)
    record_many(30)
    assert not watched.runs
    kept = record_many(30)
    assert len(watched.runs) == 1
    assert kept.tolist() == [0, 0]


def accumulation_peak(watched, micro_batches):
    network = Network((16, 64, 4))
    batches = [batch(4096, seed, (16, 4)) for seed in range(micro_batches)]
    losses = []
    for x, y in batches:
        loss = network.loss(x, y)
        loss.backward()
        losses.append(loss.detach())
        del loss
    watched.forget()
    rl.sync()
    assert len(watched.runs) == 1
    return watched.peak_bytes()


def test_gradient_accumulation_holds_the_activations_of_one_micro_batch(watched, monkeypatch):
    for limit in ("SOFT_NODES", "SOFT_BYTES", "SOFT_OPERATIONS"):
        monkeypatch.setattr(recorder, limit, 1 << 60)
    assert accumulation_peak(watched, 6) < 1.5 * accumulation_peak(watched, 1)


def test_results_exist_when_running_returns():
    x = rl.ones(3) * 4
    rl.sync()
    assert x._node.buffer.values(x._node.spec).tolist() == [4, 4, 4]
