"""Memory shared with NumPy: seen from both sides until an operation reads it, never by others."""

import numpy as np
import pytest

import rushlight as rl


def test_an_exported_array_shares_memory_with_the_tensor():
    x = rl.zeros(3)
    array, again = x.numpy(), x.numpy()
    array[0] = 1
    assert x.tolist() == [1, 0, 0]
    assert again.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "copy", [rl.clone, lambda x: x**1, lambda x: x.detach().clone()], ids=["clone", "pow", "both"]
)
def test_copies_never_see_what_is_written_to_the_array(copy):
    x = rl.zeros(3) * 1
    y = copy(x)
    x.numpy()[0] = 1
    assert y.tolist() == [0, 0, 0]
    assert x.tolist() == [1, 0, 0]


@pytest.mark.parametrize("part", [lambda a: a, lambda a: a[:2]], ids=["whole", "slice"])
def test_a_recorded_operation_keeps_the_values_it_was_called_with(part):
    x = rl.zeros(3)
    array = part(x.numpy())
    y = x * 2
    array[0] = 5
    assert y.tolist() == [0, 0, 0]


def test_saved_values_keep_what_backward_needs():
    x = rl.ones(3, requires_grad=True)
    y = (x * x).sum()
    y.item()
    x.detach().numpy()[0] = 5
    y.backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_operations_in_place_leave_the_array_alone():
    x = rl.zeros(2)
    array = x.numpy()
    x.add_(1)
    assert array.tolist() == [0, 0]
    assert x.tolist() == [1, 1]


VIEWS = [
    lambda x: x[1],
    lambda x: x.t(),
    lambda x: x[:, ::2],
    lambda x: x.view(6),
    lambda x: x.unsqueeze(0),
    lambda x: x.expand(2, 2, 3),
    lambda x: x.diagonal(),
    lambda x: x.t()[1:].unfold(1, 2, 1),
]


@pytest.mark.parametrize("view", VIEWS)
def test_views_share_the_memory_of_their_base(view):
    base = rl.arange(6).reshape(2, 3) * 1
    part = view(base)
    array = part.numpy()
    np.testing.assert_array_equal(array, view(rl.arange(6).reshape(2, 3)).tolist())
    base.numpy()[...] += 10
    np.testing.assert_array_equal(array, part.tolist())
    assert part.min().item() >= 10


def test_tensors_over_arrays_are_seen_through():
    array = np.arange(6.0).reshape(2, 3)
    x = rl.from_numpy(array)
    assert (x.shape, x.dtype) == ((2, 3), rl.float64)
    array[1, 0] = 7
    assert x.tolist() == [[0, 1, 2], [7, 4, 5]]
    row = x[1]
    array[1, 0] = 8
    assert row.tolist() == [7, 4, 5]


def test_printing_does_not_cut_the_tie():
    array = np.zeros(2)
    x = rl.from_numpy(array)
    repr(x)
    array[0] = 1
    assert x.tolist() == [1, 0]
    assert x.numpy().base is not None
    x.numpy()[1] = 2
    assert array.tolist() == [1, 2]


def test_dense_permuted_tensors_export_their_values():
    x = (rl.arange(6).reshape(2, 3) * 1).t().clone()
    np.testing.assert_array_equal(x.t().numpy(), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(x.t().view(6).numpy(), np.arange(6))


def test_what_numpy_cannot_take():
    with pytest.raises(RuntimeError, match="requires grad"):
        rl.ones(1, requires_grad=True).numpy()
    assert rl.ones(1, requires_grad=True).numpy(force=True).tolist() == [1]
    with pytest.raises(TypeError, match="BFloat16"):
        rl.ones(1, dtype=rl.bfloat16).numpy()


def test_dlpack_shares_memory():
    x = rl.zeros(3)
    array = np.from_dlpack(x)
    x.numpy()[0] = 2
    assert array.tolist() == [2, 0, 0]
    back = rl.from_dlpack(np.arange(3.0))
    assert back.tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match="require gradient"):
        np.from_dlpack(rl.ones(1, requires_grad=True))


def test_buffers_of_bytes():
    bytes_ = bytearray(np.arange(4, dtype=np.int16).tobytes())
    assert rl.frombuffer(bytes_, dtype=rl.int16, offset=2).tolist() == [1, 2, 3]


def test_empty_tensors():
    assert rl.zeros(2, 0)[1:].numpy().shape == (1, 0)
    assert np.asarray(rl.zeros(2, 3), np.int32).dtype == np.int32
