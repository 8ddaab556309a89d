from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.data.order import OrderIterator
from rushlight.data.sampler import OrderedSampler

RANDOM_SAMPLERS = {
    "shuffled": lambda generator=None: RandomSampler(range(50), generator=generator),
    "replaced": lambda generator=None: RandomSampler(range(50), True, 60, generator=generator),
    "repeated": lambda generator=None: RandomSampler(
        range(50), num_samples=120, generator=generator
    ),
    "subset": lambda generator=None: SubsetRandomSampler(range(0, 90, 3), generator),
    "weighted": lambda generator=None: WeightedRandomSampler(range(1, 50), 40, generator=generator),
    "weighted once": lambda generator=None: WeightedRandomSampler(
        range(1, 50), 40, False, generator=generator
    ),
}


@pytest.fixture(params=RANDOM_SAMPLERS)
def make(request):
    return RANDOM_SAMPLERS[request.param]


def test_order_depends_on_seed_and_epoch_alone(make):
    first, again = make(), make()
    assert list(first.order(5, 2)) == list(again.order(5, 2))
    assert list(first.order(5, 2)) != list(first.order(5, 3))
    assert list(first.order(5, 2)) != list(first.order(6, 2))


def test_order_is_addressed_by_index(make):
    order = make().order(5, 2)
    whole = list(order)
    assert [order[place] for place in reversed(range(len(order)))] == whole[::-1]
    assert order[17:23] == whole[17:23]


def test_length_is_that_of_a_pass(make):
    sampler = make()
    drawn = list(sampler)
    assert len(sampler) == len(drawn)
    assert {type(index) for index in drawn} == {int}


def test_equal_generators_give_equal_passes(make):
    passes = [list(make(np.random.default_rng(seed))) for seed in (1, 1, 2)]
    assert passes[0] == passes[1] != passes[2]


def test_every_pass_is_new_and_seeding_starts_again(make, seeds):
    sampler = make()
    passes = [list(sampler), list(sampler)]
    assert passes[0] != passes[1]
    seeds.position = 0
    assert [list(sampler), list(sampler)] == passes


def test_what_is_no_generator_is_refused(make):
    with pytest.raises(TypeError, match="generator"):
        list(make(3))


def test_two_passes_at_once_do_not_disturb_each_other(make):
    first, second = iter(make(np.random.default_rng(1))), iter(make(np.random.default_rng(2)))
    pairs = list(zip(first, second, strict=True))
    assert [one for one, _ in pairs] == list(make(np.random.default_rng(1)))
    assert [two for _, two in pairs] == list(make(np.random.default_rng(2)))


def test_sequential_draws_no_seed(seeds):
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert seeds.position == 0


@given(size=st.integers(1, 40), wanted=st.none() | st.integers(1, 100))
def test_without_replacement_goes_through_whole_permutations(size, wanted):
    drawn = list(RandomSampler(range(size), num_samples=wanted))
    assert len(drawn) == (wanted or size)
    for start in range(0, len(drawn), size):
        part = drawn[start : start + size]
        assert len(set(part)) == len(part)
        assert set(part) <= set(range(size))


def test_with_replacement_draws_evenly():
    counts = Counter(RandomSampler(range(4), True, 20_000, np.random.default_rng(0)))
    assert all(4_700 < counts[index] < 5_300 for index in range(4))


def test_shuffling_is_even():
    firsts = Counter(RandomSampler(range(3)).order(seed, 0)[0] for seed in range(3_000))
    assert all(880 < firsts[index] < 1_120 for index in range(3))


def test_random_follows_a_growing_source():
    source = [1, 2]
    sampler = RandomSampler(source)
    source.append(3)
    assert sorted(sampler) == [0, 1, 2]
    assert len(sampler) == 3


def test_subset_takes_arrays_tensors_and_any_keys(tensor):
    assert sorted(SubsetRandomSampler(np.array([4, 9]))) == [4, 9]
    assert sorted(SubsetRandomSampler(tensor([4, 9]))) == [4, 9]
    assert sorted(SubsetRandomSampler(["b", "a"])) == ["a", "b"]
    assert list(SubsetRandomSampler([])) == []


@pytest.mark.parametrize("replacement", [True, False])
def test_weights_decide_how_often(replacement):
    weights = [0.0, 1.0, 0.0, 3.0, 0.0]
    counts = Counter()
    for seed in range(4_000):
        sampler = WeightedRandomSampler(weights, 1, replacement)
        counts.update(sampler.order(seed, 0))
    assert set(counts) == {1, 3}
    assert 2_850 < counts[3] < 3_150


def test_weights_without_replacement_come_once_and_zeros_last():
    drawn = list(WeightedRandomSampler([0, 5, 1, 2], 4, replacement=False))
    assert sorted(drawn) == [0, 1, 2, 3]
    assert drawn[-1] == 0


def test_huge_weights_do_not_overflow():
    assert set(WeightedRandomSampler([1e308, 1e308, 0], 50)) == {0, 1}


def test_weights_may_be_replaced_between_passes():
    sampler = WeightedRandomSampler([1.0, 0.0], 5)
    sampler.weights = np.array([0.0, 1.0])
    assert list(sampler) == [1] * 5
    sampler.weights = np.array([0.0, -1.0])
    with pytest.raises(RuntimeError, match="negative"):
        iter(sampler)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 10, 11])
def test_batches_of_any_iterable_are_those_of_a_sampler(batch_size, drop_last):
    from_sampler = BatchSampler(SequentialSampler(range(10)), batch_size, drop_last)
    from_list = BatchSampler(list(range(10)), batch_size, drop_last)
    assert list(from_sampler) == list(from_list)
    assert len(from_sampler) == len(from_list) == len(list(from_list))


def test_batches_of_our_samplers_can_be_taken_up_again():
    batches = iter(BatchSampler(RandomSampler(range(20)), 3, False))
    head = [next(batches) for _ in range(2)]
    order = RandomSampler(range(20)).order(batches.state.seed, batches.state.epoch)
    assert head == [order[:3], order[3:6]]
    assert isinstance(batches, OrderIterator)
    assert batches.state.position == 2


def test_a_subclass_with_its_own_iter_is_heard():
    class Backwards(SequentialSampler):
        def __iter__(self):
            return iter(range(len(self) - 1, -1, -1))

    assert list(BatchSampler(Backwards(range(4)), 2, False)) == [[3, 2], [1, 0]]


BAD_OPTIONS = [
    (lambda: RandomSampler([1], replacement=1), TypeError, "replacement.*boolean"),
    (lambda: RandomSampler([]), ValueError, "num_samples=0"),
    (lambda: RandomSampler([1], num_samples=0), ValueError, "num_samples=0"),
    (lambda: RandomSampler([1], num_samples=1.5), ValueError, "num_samples=1.5"),
    (lambda: iter(RandomSampler([], num_samples=2)), ValueError, "empty"),
    (lambda: WeightedRandomSampler([1, 2], 0), ValueError, "num_samples=0"),
    (lambda: WeightedRandomSampler([1, 2], True), ValueError, "num_samples=True"),
    (lambda: WeightedRandomSampler([1, 2], 1, replacement=1), ValueError, "replacement=1"),
    (lambda: WeightedRandomSampler([[1, 2]], 1), ValueError, r"1d sequence.*\(1, 2\)"),
    (lambda: WeightedRandomSampler([1, 2], 3, False), RuntimeError, "without replacement"),
    (lambda: WeightedRandomSampler([0, 0.0], 1), RuntimeError, "add up to 0"),
    (lambda: WeightedRandomSampler([], 1), RuntimeError, "add up to 0"),
    (lambda: WeightedRandomSampler([-1, 2], 1), RuntimeError, "negative"),
    (lambda: WeightedRandomSampler([float("nan"), 2], 1), RuntimeError, "NaN"),
    (lambda: WeightedRandomSampler([float("inf"), 2], 1), RuntimeError, "infinite"),
    (lambda: BatchSampler([1], 0, False), ValueError, "batch_size=0"),
    (lambda: BatchSampler([1], 2.5, False), ValueError, "batch_size=2.5"),
    (lambda: BatchSampler([1], True, False), ValueError, "batch_size=True"),
    (lambda: BatchSampler([1], 2, 1), ValueError, "drop_last=1"),
    (lambda: iter(Sampler()), NotImplementedError, "__iter__"),
    (lambda: iter(OrderedSampler()), NotImplementedError, "order"),
    (lambda: len(BatchSampler(iter([1]), 1, False)), TypeError, "no len"),
]


@pytest.mark.parametrize(("build", "kind", "message"), BAD_OPTIONS)
def test_bad_options(build, kind, message):
    with pytest.raises(kind, match=message):
        build()
