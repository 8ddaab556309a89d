"""A batch gathered in one go is the batch of its samples, by whichever way it is copied."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import feed
from rushlight.data import DataLoader, TensorDataset, default_collate

NUMBERS = np.random.default_rng(0)
DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool", "complex64"]


@pytest.fixture(params=["NumPy", "threads"])
def way(request, monkeypatch):
    monkeypatch.setattr(feed, "_FIRST_BATCHES", 10**9 if request.param == "NumPy" else 0)
    monkeypatch.setattr(feed, "_LEAST_BYTES", 0)


def assert_same(batch, expected):
    for found, wanted in zip(batch, expected, strict=True):
        assert (type(found), found.dtype, found.shape) == (rl.Tensor, wanted.dtype, wanted.shape)
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (7, 3), (5, 0)])
def test_every_dtype_and_shape(way, dtype, shape):
    field = rl.tensor(NUMBERS.integers(0, 5, (40, *shape))).to(getattr(rl, dtype))
    dataset = TensorDataset(field, NUMBERS.random((40, 2)))
    places = [3, -1, 39, 3, 0]
    expected = default_collate([dataset[i] for i in places])
    assert_same(dataset.__getbatch__(places), expected)


def test_views_foreign_memory_and_strided_arrays(way):
    array = np.arange(60.0).reshape(10, 6)
    for field in (rl.from_numpy(array), rl.tensor(array).T.contiguous().T, rl.tensor(array)[:, 2:]):
        dataset = TensorDataset(field)
        assert_same(dataset.__getbatch__([9, 4]), default_collate([dataset[9], dataset[4]]))
    assert TensorDataset(array[:, ::2]).__getbatch__([1]) is None


def test_what_was_written_in_place_is_read(way):
    field = rl.zeros(10, 3)
    dataset = TensorDataset(field)
    loader = iter(DataLoader(dataset, 5))
    next(loader)
    field.add_(1)
    assert next(loader)[0].sum().item() == 15


def test_a_wrong_place_is_told_by_the_sample(way):
    with pytest.raises(IndexError) as caught:
        next(iter(DataLoader(TensorDataset(rl.zeros(10, 3)), sampler=[3, 10], batch_size=2)))
    assert "sample 10" in "".join(caught.value.__notes__)


def test_what_is_differentiated_is_not_gathered(way):
    assert TensorDataset(rl.zeros(10, 3, requires_grad=True)).__getbatch__([1]) is None
