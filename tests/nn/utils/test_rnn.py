"""Packed and padded sequences, and recurrent layers over them."""

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.autograd import gradcheck
from rushlight.nn.utils import rnn

LENGTHS = [2, 5, 3]
LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def sequences(dtype=np.float64, size=3):
    generator = np.random.default_rng(0)
    return [rl.tensor(generator.normal(size=(n, size)).astype(dtype)) for n in LENGTHS]


@pytest.mark.parametrize("batch_first", [True, False])
def test_packing_and_back(batch_first):
    x = rl.arange(30).reshape(3, 5, 2)
    given = x if batch_first else x.transpose(0, 1)
    packed = rnn.pack_padded_sequence(given, LENGTHS, batch_first, enforce_sorted=False)
    order = [1, 2, 0]
    rows = [x[i, step].tolist() for step in range(5) for i in order if step < LENGTHS[i]]
    assert packed.data.tolist() == rows
    assert packed.batch_sizes.tolist() == [3, 3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == order
    assert packed.unsorted_indices.tolist() == [2, 0, 1]
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first, -1.0, total_length=6)
    assert lengths.tolist() == LENGTHS
    expected = np.full((3, 6, 2), -1)
    for i, n in enumerate(LENGTHS):
        expected[i, :n] = x[i, :n].numpy()
    found = padded if batch_first else padded.transpose(0, 1)
    np.testing.assert_array_equal(found.numpy(), expected)


def test_sorted_sequences_have_no_order():
    packed = rnn.pack_padded_sequence(rl.ones(4, 2, 1), rl.tensor([4, 1]))
    assert packed.sorted_indices is None
    assert packed.unsorted_indices is None
    assert packed.batch_sizes.tolist() == [2, 1, 1, 1]


def test_lists_of_sequences():
    given = sequences()
    packed = rnn.pack_sequence(given, enforce_sorted=False)
    for found, expected in zip(rnn.unpack_sequence(packed), given, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    padded = rnn.pad_sequence(given, padding_value=2.0)
    assert padded.shape == (5, 3, 3)
    assert (padded[2:, 0] == 2).all()
    left = rnn.pad_sequence(given, True, padding_side="left")
    np.testing.assert_array_equal(left[0, 3:].numpy(), given[0].numpy())
    for found, expected in zip(rnn.unpad_sequence(padded, LENGTHS), given, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_gradients_of_packing():
    x = rl.tensor(np.random.default_rng(0).normal(size=(5, 3, 2)), requires_grad=True)

    def there_and_back(x):
        packed = rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
        return rnn.pad_packed_sequence(packed)[0]

    assert gradcheck(there_and_back, (x,))


def test_packed_sequences_are_tuples_that_can_be_cast_and_copied():
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False)
    data, batch_sizes, *_ = packed
    assert data is packed.data
    assert packed.float().data.dtype is rl.float32
    assert packed.float().sorted_indices is packed.sorted_indices
    assert packed.to(rl.float64) is packed
    assert packed.cpu() is packed
    for made in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):  # noqa: S301
        assert type(made) is rnn.PackedSequence
        assert (made.data == packed.data).all()
    again = rnn.PackedSequence((data, batch_sizes), sorted_indices=packed.sorted_indices)
    assert again.unsorted_indices.tolist() == packed.unsorted_indices.tolist()


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_layers_over_packed_sequences_are_layers_over_each(kind, options):
    layer = LAYERS[kind](3, 4, dtype=rl.float64, **options)
    given = sequences()
    places = layer.num_layers * layer._directions
    h, c = [rl.randn(places, 3, 4, dtype=rl.float64) for _ in range(2)]
    hx = (h, c) if kind == "LSTM" else h
    packed, last = layer(rnn.pack_sequence(given, enforce_sorted=False), hx)
    found = rnn.unpack_sequence(packed)
    for i, sequence in enumerate(given):
        alone = (h[:, i], c[:, i]) if kind == "LSTM" else h[:, i]
        expected, state = layer(sequence, alone)
        np.testing.assert_allclose(found[i].detach().numpy(), expected.detach().numpy(), rtol=1e-9)
        pairs = zip(last, state, strict=True) if kind == "LSTM" else [(last, state)]
        for left, right in pairs:
            np.testing.assert_allclose(
                left[:, i].detach().numpy(), right.detach().numpy(), rtol=1e-9
            )


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_layers_over_packed_sequences(kind):
    layer = LAYERS[kind](2, 2, bidirectional=True, dtype=rl.float64)
    x = rl.tensor(np.random.default_rng(0).normal(size=(2, 3, 2)), requires_grad=True)

    def run(x, *_):
        packed = rnn.pack_padded_sequence(x, [1, 3], True, enforce_sorted=False)
        return layer(packed)[0].data

    assert gradcheck(run, (x, layer.weight_hh_l0, layer.weight_ih_l0_reverse))


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda x: rnn.pack_padded_sequence(x, [1, 2]), RuntimeError, "sorted in decreasing"),
        (lambda x: rnn.pack_padded_sequence(x, [3, 0]), RuntimeError, "greater than 0"),
        (lambda x: rnn.pack_padded_sequence(x, [3]), RuntimeError, "equal to batch_size"),
        (lambda x: rnn.pack_padded_sequence(x, [4, 1]), RuntimeError, "at most 3"),
        (
            lambda x: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [3, 1]), total_length=2),
            ValueError,
            "total_length=2",
        ),
        (lambda x: rnn.pad_sequence(3), RuntimeError, "Expected iterable"),
        (lambda x: rnn.pad_sequence([]), RuntimeError, "empty list"),
        (lambda x: rnn.pad_sequence([x], padding_side="top"), RuntimeError, "left or right"),
        (
            lambda x: nn.GRU(5, 2)(rnn.pack_padded_sequence(x, [3, 1])),
            RuntimeError,
            "must be equal to input_size",
        ),
        (
            lambda x: nn.GRU(4, 2)(rnn.pack_padded_sequence(x, [3, 1]), rl.zeros(1, 3, 2)),
            RuntimeError,
            "Expected hidden size",
        ),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run(rl.ones(3, 2, 4))
