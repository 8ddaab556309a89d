"""assert_close: what passes, what does not, and the words for it."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing import assert_close

t = rl.tensor
NAN, INF = float("nan"), float("inf")

CLOSE = {
    "equal": (t([1, 2]), t([1, 2]), {}),
    "within float32": (t([1.0, 1e-6]), t([1.000001, 0.0]), {}),
    "within float64": (t([1.0], dtype=rl.float64), t([1 + 1e-8], dtype=rl.float64), {}),
    "within bfloat16": (t([1.0], dtype=rl.bfloat16), t([1.0078], dtype=rl.bfloat16), {}),
    "infinities": (t([INF, -INF]), t([INF, -INF]), {}),
    "nan": (t([NAN]), t([NAN]), {"equal_nan": True}),
    "own tolerances": (t([1.0]), t([1.4]), {"rtol": 0.5, "atol": 0}),
    "other dtype": (t([1.0]), t([1], dtype=rl.int32), {"check_dtype": False}),
    "numbers": (1.0, 1.0 + 1e-9, {}),
    "sequences": ([t(1.0), (2, None)], [t(1.0), (2, None)], {}),
    "mappings": ({"a": t(1.0), "b": True}, {"b": True, "a": t(1.0)}, {}),
    "arrays": (np.ones(2), np.ones(2), {}),
    "array and tensor": (np.ones(2, np.float32), rl.ones(2), {}),
    "empty": (rl.zeros(0), rl.zeros(0), {}),
    "bools": (t([True, False]), t([True, False]), {}),
    "complex": (t([1 + 2j]), t([1 + 2j]), {}),
    "other strides": (rl.ones(2, 3).t(), rl.ones(3, 2), {}),
}


@pytest.mark.parametrize("name", CLOSE)
def test_what_is_close(name):
    actual, expected, options = CLOSE[name]
    assert_close(actual, expected, **options)


FAR = {
    "values": (t([1.0, 2, 3]), t([1.0, 2.5, 3]), ["Mismatched elements: 1 / 3 (33.3%)", "(1,)"]),
    "matrix": (rl.ones(2, 2), t([[1.0, 1], [1, 2]]), ["1 / 4 (25.0%)", "(1, 1)", "up to 1e-05"]),
    "scalars": (t(1.0), t(2.0), ["Scalars are not close!", "Expected 2.0 but got 1.0."]),
    "numbers": (1, 2, ["Scalars are not equal!", "Absolute difference: 1"]),
    "kinds of numbers": (1, 1.0, ["types do not match"]),
    "truth": (True, False, ["Booleans mismatch"]),
    "integers": (t([1, 2]), t([1, 3]), ["not equal", "difference: 1 at index (1,)"]),
    "bools": (t([True, False]), t([True, True]), ["1 / 2"]),
    "unsigned": (t([1], dtype=rl.uint8), t([255], dtype=rl.uint8), ["difference: 254"]),
    "nan": (t([NAN, 1.0]), t([NAN, 1.0]), ["1 / 2 (50.0%)"]),
    "infinity": (t([INF]), t([1.0]), ["not close"]),
    "shape": (rl.ones(1), rl.ones(2), ["attribute 'shape'", "Size([1]) != rushlight.Size([2])"]),
    "dtype": (rl.ones(1), t([1]), ["attribute 'dtype'"]),
    "item": ([t(1.0), {"a": t(1.0)}], [t(1.0), {"a": t(2.0)}], ["for item [1]['a']"]),
    "length": ([1], [1, 2], ["length of the sequences"]),
    "keys": ({"a": 1}, {"b": 1}, ["Missing keys", "['b']", "Additional keys", "['a']"]),
}


@pytest.mark.parametrize("name", FAR)
def test_what_is_not(name):
    actual, expected, words = FAR[name]
    with pytest.raises(AssertionError) as caught:
        assert_close(actual, expected)
    assert [word for word in words if word not in str(caught.value)] == []


def test_strides_are_compared_if_asked_for():
    with pytest.raises(AssertionError, match="stride"):
        assert_close(rl.ones(2, 3).t(), rl.ones(3, 2), check_stride=True)


def test_messages_of_ones_own():
    with pytest.raises(AssertionError, match=r"^mine$"):
        assert_close(t(1.0), t(2.0), msg="mine")
    with pytest.raises(AssertionError, match=r"^mine: Scalars"):
        assert_close(t(1.0), t(2.0), msg=lambda words: "mine: " + words)


def test_what_cannot_be_compared():
    for actual, expected in ((t([1.0]), [1.0]), ("a", "a"), (t(1.0), 1.0), (None, 0)):
        with pytest.raises(TypeError, match="No comparison pair"):
            assert_close(actual, expected)
    with pytest.raises(ValueError, match="no atol"):
        assert_close(t(1.0), t(1.0), rtol=1.0)
