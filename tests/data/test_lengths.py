"""Batches of like lengths, and padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data import DataLoader, LengthBatchSampler, PadCollate

LENGTHS = np.random.default_rng(3).integers(1, 30, 200)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(40, 90), st.integers(1, 9))
def test_every_sample_once_and_within_the_budget(lengths, tokens, samples):
    sampler = LengthBatchSampler(lengths, tokens, samples)
    batches = list(sampler)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == len(sampler)
    for batch in batches:
        assert len(batch) <= samples
        assert len(batch) * max(lengths[i] for i in batch) <= tokens


def test_like_lengths_come_together_in_an_order_of_its_own(seeds):
    sampler = LengthBatchSampler(LENGTHS, 120)
    first, second = list(sampler), list(sampler)
    assert first != second
    waste = [LENGTHS[batch].max() * len(batch) - LENGTHS[batch].sum() for batch in first]
    assert sum(waste) < 0.1 * LENGTHS.sum()


def test_it_resumes(seeds):
    def make():
        return DataLoader(LENGTHS.tolist(), batch_sampler=LengthBatchSampler(LENGTHS, 120))

    loader = make()
    passing = iter(loader)
    next(passing)
    resumed = make()
    resumed.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in resumed] == [b.tolist() for b in passing]


def test_a_sample_that_is_too_long_is_named():
    with pytest.raises(ValueError, match="sample 1 has 9 tokens, but max_tokens is 8"):
        LengthBatchSampler([1, 9], 8)


A, B = np.array([1, 2, 3]), np.array([4])
PADDED = [
    ({}, [A, B], [[1, 2, 3], [4, 0, 0]]),
    ({"value": 7, "side": "left"}, [A, B], [[1, 2, 3], [7, 7, 4]]),
    ({"multiple": 2}, [A, B], [[1, 2, 3, 0], [4, 0, 0, 0]]),
    ({}, [(A, 1), (B, 2)], [[[1, 2, 3], [4, 0, 0]], [1, 2]]),
    ({}, [{"x": A, "n": 1}, {"x": B, "n": 2}], {"x": [[1, 2, 3], [4, 0, 0]], "n": [1, 2]}),
    (
        {"fields": ["x"], "multiple": 2, "lengths": "long"},
        [{"x": B, "y": B}, {"x": B, "y": B}],
        {"x": [[4, 0], [4, 0]], "y": [[4], [4]], "long": [1, 1]},
    ),
    ({}, [np.ones((2, 2)), np.ones((1, 2))], [[[1, 1], [1, 1]], [[1, 1], [0, 0]]]),
]


def listed(batch):
    if isinstance(batch, dict):
        return {name: listed(part) for name, part in batch.items()}
    return [listed(part) for part in batch] if isinstance(batch, list) else batch.tolist()


@pytest.mark.parametrize(("options", "batch", "expected"), PADDED)
def test_padding(options, batch, expected):
    assert listed(PadCollate(**options)(batch)) == expected


WRONG = [
    (lambda: PadCollate(side="middle"), ValueError, 'side should be "right" or "left"'),
    (lambda: PadCollate(multiple=0), ValueError, "multiple should be at least 1"),
    (
        lambda: PadCollate()([np.ones((2, 2)), np.ones((1, 3))]),
        RuntimeError,
        r"\[2, 2\] at entry 0, \[1, 3\] at entry 1",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_wrong_padding(call, error, words):
    with pytest.raises(error, match=words):
        call()
