"""Rule 6: no print, no fusion, no number of threads and no resume changes a bit."""

import numpy as np
import pytest

import rushlight as rl
from tests.semantics.fresh import run_fresh
from tests.semantics.watching import Network, batch, same_bits

STEPS = 20
PRINTS = {
    "none": lambda number, network, loss: None,
    "loss": lambda number, network, loss: loss.item(),
    "some losses": lambda number, network, loss: number % 3 or repr(loss),
    "weights": lambda number, network, loss: repr(network.parameters[0]),
    "gradients": lambda number, network, loss: number % 4 or network.parameters[2].grad,
    "everything": lambda number, network, loss: [repr(p) for p in network.parameters],
    "sync": lambda number, network, loss: rl.sync(),
}


def trained(look, sizes=(24, 48, 10)):
    """The parameters after some steps, with a look at each of three places of a step."""
    network = Network(sizes)
    for number in range(STEPS):
        x, y = batch(17, seed=number, sizes=(sizes[0], sizes[-1]))
        loss = network.loss(x, y)
        look(number, network, loss)
        loss.backward()
        for parameter in network.parameters:
            look(number, network, parameter.grad.sum())
        network.update()
        look(number, network, loss)
    return network.values()


@pytest.fixture(scope="module")
def undisturbed():
    return trained(PRINTS["none"])


@pytest.mark.parametrize("name", PRINTS)
def test_prints_change_no_bit_of_any_parameter(undisturbed, name):
    assert same_bits(trained(PRINTS[name]), undisturbed)


def test_hooks_that_read_change_no_bit(undisturbed):
    network = Network((24, 48, 10))
    for parameter in network.parameters:
        parameter.register_hook(lambda grad: grad.sum().item() and None)
    for number in range(STEPS):
        network.step(*batch(17, seed=number, sizes=(24, 10)))
    assert same_bits(network.values(), undisturbed)


def test_a_resume_changes_no_bit(undisturbed):
    network = Network((24, 48, 10))
    for number in range(STEPS):
        if number == 7:
            saved = [t.detach().numpy().copy() for t in network.parameters + network.velocities]
            network = Network((24, 48, 10), seed=99)
            network.parameters = [rl.tensor(v, requires_grad=True) for v in saved[:4]]
            network.velocities = [rl.tensor(v) for v in saved[4:]]
        network.step(*batch(17, seed=number, sizes=(24, 10)))
    assert same_bits(network.values(), undisturbed)


CHAINS = {
    "multiply and add": lambda x, y: [x * y, lambda a: a + x, lambda a: a * y - x],
    "sum of a product": lambda x, y: [x * y, lambda a: a.sum(1), lambda a: a * 3],
    "sum of all": lambda x, y: [x * y, lambda a: a.sum(), lambda a: a + y],
    "columns": lambda x, y: [x + y, lambda a: a.sum(0), lambda a: a.exp()],
    "softmax": lambda x, y: [x * 2, lambda a: a.softmax(1), lambda a: a * y],
    "mean": lambda x, y: [x.exp(), lambda a: a.mean(0), lambda a: (x - a) ** 2, lambda a: a.mean()],
    "product": lambda x, y: [x + 1, lambda a: a @ y.t(), lambda a: a + 0.5, lambda a: a.tanh()],
    "movement": lambda x, y: [x.t(), lambda a: a[1:] * 2, lambda a: a.reshape(-1), rl.exp],
    "functions": lambda x, y: [x.exp(), rl.sin, rl.tanh, lambda a: (a + 2).log(), rl.sqrt],
    "running": lambda x, y: [x * y, lambda a: a.cumsum(1), lambda a: a - x],
}


def ends(chain, dtype, shape, at_once):
    random = np.random.default_rng(3)
    x, y = (rl.tensor(random.standard_normal(shape)).to(dtype) for _ in range(2))
    value, *operations = CHAINS[chain](x, y)
    for operation in operations:
        if not at_once:
            rl.sync()
        value = operation(value)
    return value.to(rl.float64).numpy().tobytes()


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("dtype", [rl.float32, rl.float64, rl.bfloat16, rl.float16], ids=repr)
@pytest.mark.parametrize("shape", [(3, 5), (33, 70), (130, 1000), (2, 33000)], ids=str)
def test_fused_or_one_by_one(chain, dtype, shape):
    if chain == "product" and shape[1] > 5000:
        shape = (2, 5000)
    assert ends(chain, dtype, shape, True) == ends(chain, dtype, shape, False)


THREADS = """
import rushlight as rl
from tests.semantics.watching import Network, batch
network = Network((300, 200, 50))
for number in range(4):
    network.step(*batch(200, seed=number, sizes=(300, 50)))
x = rl.randn(1000, 700, generator=rl.Generator().manual_seed(1))
print([v.tobytes().hex() for v in network.values()])
print((x.sum().item(), x.sum(0).tolist(), x.exp().sum(1).tolist(), x.softmax(1).mean(0).tolist()))
"""


def test_the_number_of_threads_changes_no_bit():
    alone = run_fresh(THREADS, RUSHLIGHT_NUM_THREADS=1)
    assert run_fresh(THREADS, RUSHLIGHT_NUM_THREADS=2) == alone
    assert run_fresh(THREADS, RUSHLIGHT_NUM_THREADS=5) == alone


def test_every_primitive_rounds_to_its_own_dtype():
    x = rl.tensor([1.0, 3.0, 1 / 3], dtype=rl.bfloat16)
    chain = ((x / 3) * 3 - x).to(rl.float32)
    steps = x.to(rl.float32).numpy()
    third = rl.tensor(steps / np.float32(3)).to(rl.bfloat16).to(rl.float32).numpy()
    tripled = rl.tensor(third * 3).to(rl.bfloat16).to(rl.float32).numpy()
    expected = rl.tensor(tripled - steps).to(rl.bfloat16).to(rl.float32)
    assert chain.tolist() == expected.tolist()


def test_no_multiply_and_add_is_contracted():
    a = np.float32(1 + 2**-12)
    x = rl.tensor(np.full(5000, a))
    assert (x * x - 1 - 2**-11).tolist() == [
        float(a * a - np.float32(1) - np.float32(2**-11))
    ] * 5000
