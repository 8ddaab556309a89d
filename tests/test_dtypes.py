"""Dtypes by PyTorch's names, their limits, promotion."""

import pickle

import numpy as np
import pytest

import rushlight as rl


def test_names():
    assert rl.float is rl.float32
    assert rl.double is rl.float64
    assert rl.half is rl.float16
    assert rl.long is rl.int64
    assert rl.int is rl.int32
    assert rl.short is rl.int16
    assert repr(rl.bool) == "rushlight.bool"
    assert isinstance(rl.float32, rl.dtype)
    assert pickle.loads(pickle.dumps(rl.bfloat16)) is rl.bfloat16  # noqa: S301 - our own bytes


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_finfo(name):
    ours, theirs = rl.finfo(getattr(rl, name)), np.finfo(name)
    for field in ("min", "max", "eps", "tiny", "resolution", "bits"):
        assert getattr(ours, field) == getattr(theirs, field)


def test_finfo_of_bfloat16():
    limits = rl.finfo(rl.bfloat16)
    assert (limits.eps, limits.max, limits.bits) == (0.0078125, 3.3895313892515355e38, 16)


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    ours, theirs = rl.iinfo(getattr(rl, name)), np.iinfo(name)
    assert (ours.min, ours.max, ours.bits) == (theirs.min, theirs.max, theirs.bits)


def test_limits_of_the_wrong_kind():
    with pytest.raises(TypeError, match="floating point input type"):
        rl.finfo(rl.int8)
    with pytest.raises(TypeError, match="integer input type"):
        rl.iinfo(rl.float32)
    assert repr(rl.iinfo(rl.int8)) == "iinfo(min=-128, max=127, dtype=int8)"


PROMOTION = [
    ("int8", "uint8", "int16"),
    ("int32", "float16", "float16"),
    ("float16", "bfloat16", "float32"),
    ("bool", "uint8", "uint8"),
    ("float64", "complex64", "complex128"),
    ("int64", "float32", "float32"),
]


@pytest.mark.parametrize(("a", "b", "want"), PROMOTION)
def test_promotion(a, b, want):
    a, b = getattr(rl, a), getattr(rl, b)
    assert rl.promote_types(a, b) is getattr(rl, want)
    assert rl.promote_types(b, a) is getattr(rl, want)


def test_result_type_and_can_cast():
    assert rl.result_type(rl.tensor([1, 2]), 1.0) is rl.float32
    assert rl.result_type(rl.tensor([1], dtype=rl.int8), 5) is rl.int8
    assert rl.can_cast(rl.float64, rl.float32)
    assert not rl.can_cast(rl.float32, rl.int64)
