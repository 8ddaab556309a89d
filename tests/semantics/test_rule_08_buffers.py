"""Rule 8: only what nothing else holds is overwritten; results get buffers of their own."""

import threading

import numpy as np
import pytest

import rushlight as rl
from tests.semantics.watching import Network, batch, same_bits

SIZE = 5000


def numbers():
    values = np.random.default_rng(1).standard_normal(SIZE).astype(np.float32)
    return rl.tensor(values), values


HOLDERS = {
    "array": lambda x: [x.numpy()],
    "part of an array": lambda x: [x.numpy()[10:]],
    "detached array": lambda x: [x.detach().numpy()],
    "asarray": lambda x: [np.asarray(x)],
    "pending result": lambda x: [x * 1],
    "clone": lambda x: [x.clone()],
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_was_handed_out_keeps_its_values(name):
    x, values = numbers()
    (held,) = HOLDERS[name](x)
    for _ in range(3):
        x.mul_(1.5).add_(1)
        rl.sync()
    held = np.asarray(held)
    assert held.tobytes() == values[-len(held) :].tobytes()
    assert not np.array_equal(x.numpy()[:5], values[:5])


def test_an_array_of_a_computed_tensor_is_not_copied():
    x, _ = numbers()
    first, second = x.numpy(), x.numpy()
    assert first.ctypes.data == second.ctypes.data


def test_a_saved_value_is_not_overwritten():
    w = rl.ones(SIZE, requires_grad=True)
    x, values = numbers()
    y = (w * x).sum()
    rl.sync()
    x.add_(1)
    rl.sync()
    y.backward()
    assert w.grad.numpy().tobytes() == values.tobytes()


def test_every_run_has_results_of_its_own():
    x, _ = numbers()
    results = [x.exp() for _ in range(3)]
    for result in results:
        result.sum().item()
    first = results[0].numpy().copy()
    for _ in range(3):
        (x * 2).exp().sum().item()
    addresses = {result.numpy().ctypes.data for result in results}
    assert len(addresses) == 3
    assert results[0].numpy().tobytes() == first.tobytes()


def test_a_step_writes_over_what_nothing_else_holds():
    """An update in place takes no second buffer once the old value is nobody's."""
    x, _ = numbers()
    for _ in range(2):
        x.mul_(1.5)
        rl.sync()
    addresses = set()
    for _ in range(6):
        x.mul_(1.5)
        rl.sync()
        addresses.add(x._cell.node.buffer.address)
    assert len(addresses) <= 2


ELSEWHERE = {
    "gather": lambda x: x.gather(0, x.argsort(0)),
    "sort": lambda x: x.sort(0)[0],
    "index": lambda x: x[x[:, 0].argsort()],
    "take": lambda x: x.take(rl.arange(x.numel()).flip(0)).reshape(x.shape),
    "flip": lambda x: x.flip(0),
    "transpose": lambda x: x.t() + x,
    "roll": lambda x: x.roll(1, 0) * 2,
    "shifted": lambda x: rl.cat([x[1:], x[:1]]),
    "cumulative": lambda x: x.cumsum(0),
    "product": lambda x: x @ x,
    "scatter": lambda x: x.scatter(0, x.argsort(0), x),
    "maximum of rows": lambda x: x.max(0)[0] + x,
    "softmax": lambda x: x.softmax(0),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_read_at_other_places_is_not_overwritten(name):
    operation = ELSEWHERE[name]
    values = np.random.default_rng(2).standard_normal((96, 96)).astype(np.float32)
    held = rl.tensor(values)
    expected = operation(held).numpy()
    x = rl.tensor(values)
    x = operation(x)
    rl.sync()
    assert x.numpy().tobytes() == expected.tobytes()


def test_aliases_of_one_buffer_are_not_overwritten():
    x, values = numbers()
    alias = rl.tensor(0.0)
    alias.data = x
    y = alias * 2
    x.add_(1)
    rl.sync()
    assert y.numpy().tobytes() == (values * 2).tobytes()


def test_concurrent_runs_of_one_program_do_not_meet():
    def work(seed, results):
        network = Network((30, 40, 10), seed)
        for number in range(10):
            network.step(*batch(60, number, (30, 10)))
        results[seed] = network.values()

    alone, together = {}, {}
    for seed in range(4):
        work(seed, alone)
    threads = [threading.Thread(target=work, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(together) == [0, 1, 2, 3]
    assert all(same_bits(alone[seed], together[seed]) for seed in range(4))
