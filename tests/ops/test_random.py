"""Random numbers: the same for the same seed, distributed as they should be, bounded."""

import numpy as np
import pytest

import rushlight as rl

COUNT = 20_000


def drawn(tensor):
    return tensor.double().numpy()


# name, what draws COUNT numbers, the mean, the standard deviation
MOMENTS = [
    ("rand", lambda g: rl.rand(COUNT, generator=g), 0.5, 12**-0.5),
    ("rand64", lambda g: rl.rand(COUNT, dtype=rl.float64, generator=g), 0.5, 12**-0.5),
    ("rand16", lambda g: rl.rand(COUNT, dtype=rl.float16, generator=g), 0.5, 12**-0.5),
    ("randb16", lambda g: rl.rand(COUNT, dtype=rl.bfloat16, generator=g), 0.498, 12**-0.5),
    ("randn", lambda g: rl.randn(COUNT, generator=g), 0, 1),
    ("randn64", lambda g: rl.randn(COUNT, dtype=rl.float64, generator=g), 0, 1),
    ("randint", lambda g: rl.randint(-2, 4, (COUNT,), generator=g), 0.5, (35 / 12) ** 0.5),
    ("randint_wide", lambda g: rl.randint(2**40, (COUNT,), generator=g), 2**39, 2**40 * 12**-0.5),
    ("normal", lambda g: rl.normal(2.0, 3.0, (COUNT,), generator=g), 2, 3),
    ("normal_mean", lambda g: rl.normal(rl.full((COUNT,), 2.0), 3.0, generator=g), 2, 3),
    ("normal_std", lambda g: rl.normal(2.0, rl.full((COUNT,), 3.0), generator=g), 2, 3),
    ("bernoulli", lambda g: rl.bernoulli(rl.full((COUNT,), 0.3), generator=g), 0.3, 0.21**0.5),
    ("bernoulli_p", lambda g: rl.zeros(COUNT).bernoulli(0.3, generator=g), 0.3, 0.21**0.5),
    ("uniform_", lambda g: rl.empty(COUNT).uniform_(-1, 3, generator=g), 1, 16**0.5 * 12**-0.5),
    ("normal_", lambda g: rl.empty(COUNT).normal_(1, 2, generator=g), 1, 2),
    ("bernoulli_", lambda g: rl.empty(COUNT).bernoulli_(0.7, generator=g), 0.7, 0.21**0.5),
    ("exponential_", lambda g: rl.empty(COUNT).exponential_(2, generator=g), 0.5, 0.5),
    ("geometric_", lambda g: rl.empty(COUNT).geometric_(0.5, generator=g), 2, 2**0.5),
    ("log_normal_", lambda g: rl.empty(COUNT).log_normal_(0, 0.25, generator=g).log(), 0, 0.25),
    ("random_", lambda g: rl.empty(COUNT).random_(3, 9, generator=g), 5.5, (35 / 12) ** 0.5),
    ("random_to", lambda g: rl.empty(COUNT).random_(6, generator=g), 2.5, (35 / 12) ** 0.5),
]


@pytest.mark.parametrize(
    ("make", "mean", "deviation"), [row[1:] for row in MOMENTS], ids=[r[0] for r in MOMENTS]
)
def test_moments(make, mean, deviation):
    values = drawn(make(rl.Generator().manual_seed(5)))
    assert abs(values.mean() - mean) < 5 * deviation / COUNT**0.5 + 1e-12
    assert abs(values.std() / deviation - 1) < 0.05


@pytest.mark.parametrize("make", [row[1] for row in MOMENTS], ids=[row[0] for row in MOMENTS])
def test_the_seed_decides_and_draws_differ(make):
    generator = rl.Generator().manual_seed(1)
    first, second = drawn(make(generator)), drawn(make(generator))
    again = drawn(make(rl.Generator().manual_seed(1)))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_uniform_numbers_stay_below_one():
    for dtype in (rl.float16, rl.bfloat16, rl.float32, rl.float64):
        values = drawn(rl.rand(COUNT, dtype=dtype))
        assert values.min() >= 0
        assert values.max() < 1


def test_uniform_numbers_fill_the_interval_evenly():
    counts = np.histogram(
        drawn(rl.rand(COUNT, generator=rl.Generator().manual_seed(0))), 20, (0, 1)
    )
    expected = COUNT / 20
    assert ((counts[0] - expected) ** 2 / expected).sum() < 50


def test_shapes_and_dtypes():
    assert rl.rand(2, 3).shape == (2, 3)
    assert rl.randn((2, 0)).shape == (2, 0)
    assert rl.rand(()).shape == ()
    x = rl.zeros(2, 3, dtype=rl.float64)
    assert rl.rand_like(x).dtype is rl.float64
    assert rl.randn_like(x, dtype=rl.float32).dtype is rl.float32
    assert rl.randint_like(x, 5).dtype is rl.float64
    assert rl.randint(5, (2,)).dtype is rl.int64
    assert rl.randint(low=1, high=3, size=(2,)).min().item() >= 1
    assert rl.randint(0, 5, (2,), dtype=rl.uint8).dtype is rl.uint8
    assert rl.rand(2, requires_grad=True).requires_grad


def test_randperm_orders_all_numbers():
    found = rl.randperm(100)
    assert found.dtype is rl.int64
    assert sorted(found.tolist()) == list(range(100))
    assert found.tolist() != list(range(100))
    assert rl.randperm(0).shape == (0,)


def test_sure_and_impossible_events():
    assert rl.bernoulli(rl.ones(1000)).sum().item() == 1000
    assert rl.bernoulli(rl.zeros(1000)).sum().item() == 0
    assert rl.empty(1000).bernoulli_(1).sum().item() == 1000


def test_multinomial_with_replacement_follows_the_weights():
    weights = rl.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 0.0]])
    places = rl.multinomial(weights, 8000, replacement=True, generator=rl.Generator()).numpy()
    for row, want in zip(places, ([0, 0.25, 0.75], [0.5, 0.5, 0]), strict=True):
        shares = np.bincount(row, minlength=3) / 8000
        np.testing.assert_allclose(shares, want, atol=0.03)


def test_multinomial_without_replacement_draws_each_place_once():
    weights = rl.tensor([1.0, 5.0, 1.0, 0.0])
    rows = rl.multinomial(weights.expand(3000, 4), 3, generator=rl.Generator()).numpy()
    assert (np.sort(rows, 1) == [0, 1, 2]).all()
    assert abs((rows[:, 0] == 1).mean() - 5 / 7) < 0.05


def test_dropout():
    from rushlight.ops.random import dropout

    x = rl.ones(COUNT, requires_grad=True)
    y = dropout(x, 0.25, True)
    y.sum().backward()
    kept = drawn(y.detach()) != 0
    assert abs(kept.mean() - 0.75) < 0.02
    np.testing.assert_allclose(drawn(y.detach())[kept], 1 / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(x.grad.numpy() != 0, kept)
    assert dropout(x, 0.25, False) is x
    assert dropout(x, 0, True) is x
    assert dropout(x, 1, True).sum().item() == 0
    features = dropout(rl.ones(8, 4, 3), 0.5, True, shape=(8, 4, 1)).numpy()
    assert (features.min(2) == features.max(2)).all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        dropout(x, 1.5)


def test_random_values_and_gradients_of_a_graph_come_from_one_mask():
    from rushlight.ops.random import dropout

    x = rl.randn(50, requires_grad=True)
    y = dropout(x, 0.5, True)
    rl.sync()
    y.backward(rl.ones(50))
    np.testing.assert_array_equal((y.detach() != 0).numpy(), (x.grad != 0).numpy())


def test_no_gradient_flows_through_draws():
    p = rl.full((3,), 0.5, requires_grad=True)
    rl.bernoulli(p).sum().backward()
    assert p.grad.tolist() == [0, 0, 0]
    y = p * 2
    y.normal_().sum().backward()
    assert p.grad.tolist() == [0, 0, 0]


def test_generators():
    a = rl.Generator()
    assert a.manual_seed(7) is a
    assert a.initial_seed() == 7
    assert a.device == rl.device("cpu")
    rl.rand(3, generator=a)
    state = a.get_state()
    assert state.dtype is rl.uint8
    want = rl.rand(3, generator=a).tolist()
    assert rl.rand(3, generator=rl.Generator().set_state(state)).tolist() == want
    assert a.seed() == a.initial_seed()
    assert rl.Generator().manual_seed(-3).initial_seed() == 2**64 - 3


def test_the_default_generator():
    assert rl.manual_seed(11) is rl.default_generator
    assert rl.initial_seed() == 11
    state = rl.get_rng_state()
    first = rl.randn(4).tolist()
    rl.set_rng_state(state)
    assert rl.randn(4).tolist() == first


def test_a_failed_program_takes_its_draws_back():
    generator = rl.Generator().manual_seed(3)
    x = rl.ones(4)
    rl.sync()
    noise = rl.rand(4, generator=generator)
    broken = x[rl.tensor([9]) * 1] + noise
    with pytest.raises(IndexError):
        broken.tolist()
    want = rl.rand(4, generator=rl.Generator().manual_seed(3)).tolist()
    assert rl.rand(4, generator=generator).tolist() == want


ERRORS = [
    (lambda: rl.randint(3, 1, (2,)), RuntimeError, "'from' to be less than 'to'"),
    (lambda: rl.randint(3, 2), TypeError, "'size' must be tuple of ints"),
    (lambda: rl.randn(2, dtype=rl.int64), NotImplementedError, "not implemented for 'int64'"),
    (lambda: rl.rand(2, device="cuda"), RuntimeError, "cpu"),
    (lambda: rl.rand(2, generator=3), TypeError, "must be a Generator"),
    (lambda: rl.randperm(-1), RuntimeError, "negative dimension"),
    (lambda: rl.normal(0, 1), TypeError, "invalid combination"),
    (lambda: rl.normal(rl.zeros(2), -1), RuntimeError, "std >= 0.0"),
    (lambda: rl.zeros(2).uniform_(1, 0), RuntimeError, "from=1 > to=0"),
    (lambda: rl.zeros(2).normal_(1, -1), RuntimeError, "std >= 0.0"),
    (lambda: rl.zeros(2).exponential_(-1), RuntimeError, "lambda > 0.0"),
    (lambda: rl.zeros(2).geometric_(3), RuntimeError, "p to be in"),
    (lambda: rl.zeros(2).bernoulli_(2), RuntimeError, "p to be in"),
    (lambda: rl.zeros(2, dtype=rl.int64).normal_(), NotImplementedError, "'int64'"),
    (lambda: rl.bernoulli(rl.tensor([2.0])), RuntimeError, "p_in"),
    (lambda: rl.multinomial(rl.zeros(2), 1), RuntimeError, "sum of probabilities <= 0"),
    (lambda: rl.multinomial(rl.tensor([-1.0, 2]), 1), RuntimeError, "element < 0"),
    (lambda: rl.multinomial(rl.ones(2), 3), RuntimeError, "without replacement"),
    (lambda: rl.multinomial(rl.tensor([1]), 1), RuntimeError, "floating-point"),
    (lambda: rl.manual_seed(2**65), ValueError, "Overflow"),
    (lambda: rl.set_rng_state(rl.zeros(3)), TypeError, "uint8"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
