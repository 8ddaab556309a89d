"""Transforms of token lists."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.text import (
    AddToken,
    LabelToIndex,
    PadTransform,
    Sequential,
    StrToIntTransform,
    ToTensor,
    Truncate,
    Vocab,
    VocabTransform,
)

WORDS = Vocab(["a", "b", "c"])
CASES = [
    (Truncate(2), [1, 2, 3], [1, 2]),
    (Truncate(2), ["a", "b", "c"], ["a", "b"]),
    (Truncate(2), [[1, 2, 3], [4]], [[1, 2], [4]]),
    (Truncate(2), [], []),
    (AddToken(0), [1], [0, 1]),
    (AddToken("z", begin=False), [["a"], []], [["a", "z"], ["z"]]),
    (VocabTransform(WORDS), ["c", "a"], [2, 0]),
    (VocabTransform(WORDS), [["c"], []], [[2], []]),
    (LabelToIndex(["y", "x"]), "x", 1),
    (LabelToIndex(["y", "x"], sort_names=True), ["x", "y"], [0, 1]),
    (StrToIntTransform(), ["1", "-2"], [1, -2]),
    (StrToIntTransform(), [["1"], []], [[1], []]),
    (Sequential(VocabTransform(WORDS), AddToken(9)), ["b"], [9, 1]),
]


@pytest.mark.parametrize(("transform", "given", "expected"), CASES)
def test_lists(transform, given, expected):
    assert transform(given) == expected


ARRAYS = [
    (Truncate(2), np.array([[1, 2, 3], [4, 5, 6]]), [[1, 2], [4, 5]]),
    (AddToken(0), np.array([1, 2]), [0, 1, 2]),
    (PadTransform(3, 7), np.array([[1], [2]]), [[1, 7, 7], [2, 7, 7]]),
    (PadTransform(1, 7), np.array([1, 2]), [1, 2]),
]


@pytest.mark.parametrize(("transform", "given", "expected"), ARRAYS)
def test_arrays_stay_arrays(transform, given, expected):
    found = transform(given)
    assert isinstance(found, np.ndarray)
    assert found.dtype == given.dtype
    assert found.tolist() == expected


def test_tensors():
    padded = PadTransform(3, 7)(rl.tensor([1]))
    assert isinstance(padded, rl.Tensor)
    assert padded.tolist() == [1, 7, 7]
    made = ToTensor()([1, 2])
    assert (made.dtype, made.tolist()) == (rl.int64, [1, 2])
    assert ToTensor()([[1], [2]]).shape == (2, 1)
    assert ToTensor(dtype=rl.int32)([3]).dtype == rl.int32
    assert ToTensor(padding_value=9)([[1], [2, 3]]).tolist() == [[1, 9], [2, 3]]
    assert ToTensor(padding_value=9)([1, 2]).tolist() == [1, 2]
    assert ToTensor()([]).shape == (0,)
    with pytest.raises(ValueError, match="rows of 1 to 2 tokens make no tensor"):
        ToTensor()([[1], [2, 3]])
