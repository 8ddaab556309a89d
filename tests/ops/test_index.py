"""Reading and writing at indices, against NumPy; views alias, copies do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from tests.ops.harness import values

SHAPE = (3, 4, 5)


def arrays() -> np.ndarray:
    return np.arange(60.0).reshape(SHAPE)


PLACES = np.array([[0], [-1]])
MASK = arrays() % 7 < 3
KEYS = {
    "integer": 1,
    "negative": -1,
    "integers": (0, 2, -1),
    "slice": slice(1, 3),
    "steps": (slice(None, None, 2), slice(3, None), slice(-4, -1, 2)),
    "empty_slice": slice(2, 1),
    "beyond": slice(-100, 100),
    "ellipsis": (Ellipsis, 0),
    "ellipsis_middle": (0, Ellipsis, slice(0, 2)),
    "ellipsis_alone": Ellipsis,
    "none": None,
    "nones": (None, 0, None, Ellipsis, None),
    "list": [0, 2],
    "array": PLACES,
    "pair": ([0, 1], [2, 3]),
    "broadcast": (PLACES, np.array([[1, 3, 0]])),
    "behind_slice": (slice(None), [0, 3]),
    "two_behind": (slice(1, None), [0, 3], [1, 1]),
    "apart": ([0, 1], slice(None), [1, 2]),
    "apart_none": ([0, 1], None, [1, 2]),
    "nested": (slice(None), PLACES, slice(0, 2)),
    "mask": MASK,
    "mask_first": MASK[:, 0, 0],
    "mask_two": MASK[:, :, 0],
    "mask_behind": (slice(None), MASK[0, :, 0]),
    "mask_last": (Ellipsis, MASK[0, 0]),
    "mask_and_list": (MASK[:, 0, 0], [0]),
    "mask_list": [True, False, True],
    "none_true": np.zeros(SHAPE, bool),
    "true": True,
    "false": False,
    "empty_list": [],
    "empty_tuple": (),
    "range": range(2),
}


def as_key(key):
    """The same index with tensors for arrays."""
    if isinstance(key, tuple):
        return tuple(as_key(item) for item in key)
    return rl.tensor(key) if isinstance(key, np.ndarray) else key


@pytest.mark.parametrize("name", KEYS)
def test_reading(name):
    key, array = KEYS[name], arrays()
    np.testing.assert_array_equal(rl.tensor(array)[as_key(key)].numpy(), array[key])
    np.testing.assert_array_equal(rl.tensor(array)[key].numpy(), array[key])


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("value", [7.0, "row", "same"])
def test_writing(name, value):
    key, array = KEYS[name], arrays()
    part = array[key]
    if value == "row":
        value = -np.arange(float(part.shape[-1])) if part.ndim else -1.0
    elif value == "same":
        value = -(1 + np.arange(float(part.size))).reshape(part.shape)
    tensor = rl.tensor(array)
    array[key] = value
    tensor[as_key(key)] = rl.tensor(value) if isinstance(value, np.ndarray) else value
    np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("name", KEYS)
def test_derivatives(name):
    key = as_key(KEYS[name])
    x = rl.tensor(values(*SHAPE), requires_grad=True)
    assert rl.autograd.gradcheck(lambda x: x[key], (x,))
    if not x[key].numel():
        return

    def write(x, value):
        y = x * 1
        y[key] = value
        return y * y

    value = rl.tensor(values(), requires_grad=True)
    assert rl.autograd.gradcheck(write, (x, value))
    if name in ("two_behind", "apart", "slice", "mask"):
        assert rl.autograd.gradgradcheck(lambda x: x[key] ** 2, (x,))
        assert rl.autograd.gradgradcheck(write, (x, value))


def test_integers_come_out_where_they_stand():
    """An integer is a view of its own: it does not part lists as it does in NumPy."""
    x = rl.tensor(arrays())
    assert x[0, :, [0, 1]].shape == (4, 2)
    assert x[:, 0, [0, 1]].shape == (3, 2)


class TestViews:
    def test_basic_indices_alias(self):
        x = rl.zeros(3, 4)
        view = x[1:, ::2]
        view += 1
        x[2, 0] = 5
        assert x.tolist() == [[0, 0, 0, 0], [1, 0, 1, 0], [5, 0, 1, 0]]
        assert view.tolist() == [[1, 1], [5, 1]]
        assert view._base is x

    def test_a_zero_dimensional_index_is_a_view(self):
        x = rl.zeros(3)
        x[rl.tensor(1)] += 2
        row = x[rl.tensor(1)]
        row += 1
        assert x.tolist() == [0, 3, 0]

    def test_an_ellipsis_is_a_new_view(self):
        x = rl.zeros(2)
        view = x[...]
        assert view is not x
        view[0] = 1
        assert x.tolist() == [1, 0]

    def test_advanced_indices_copy(self):
        x = rl.zeros(3)
        x[[0, 1]].add_(1)
        assert x.tolist() == [0, 0, 0]
        x[[0, 1]] += 1
        assert x.tolist() == [1, 1, 0]

    def test_chained_writes_reach_the_base(self):
        x = rl.zeros(2, 3, 4)
        x[0][:, 1:][2] = rl.tensor([1.0, 2.0, 3.0])
        assert x[0, 2].tolist() == [0, 1, 2, 3]

    def test_writes_through_views_of_a_mask(self):
        x = rl.zeros(2, 3)
        x[1][rl.tensor([True, False, True])] = rl.tensor([4.0, 5.0])
        assert x.tolist() == [[0, 0, 0], [4, 0, 5]]

    def test_strides(self):
        x = rl.zeros(3, 4, 5)
        assert x[1:, ::2, 3].stride() == (20, 10)
        assert x[1, 2:, 3].storage_offset() == 33


class TestHistory:
    def test_an_overwritten_element_gets_no_gradient(self):
        x = rl.ones(3, requires_grad=True)
        y = x * 2
        y[1] = 0
        y.sum().backward()
        assert x.grad.tolist() == [2, 0, 2]

    def test_the_written_value_gets_its_gradient(self):
        x, value = rl.zeros(2, 3), rl.ones(3, requires_grad=True)
        x[1] = value
        (x * rl.arange(6.0).reshape(2, 3)).sum().backward()
        assert value.grad.tolist() == [3, 4, 5]

    def test_a_leaf_that_requires_grad_is_not_written(self):
        x = rl.ones(3, requires_grad=True)
        for key in (0, [0, 1], x > 0):
            with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
                x[key] = 1
        with rl.no_grad():
            x[0] = 5
        assert x.tolist() == [5, 1, 1]

    def test_repeated_places_add_up(self):
        x = rl.zeros(3, requires_grad=True)
        x[[0, 0, 2]].sum().backward()
        assert x.grad.tolist() == [2, 0, 1]


ERRORS = [
    (lambda x: x[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    (lambda x: x[0, -5], IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
    (lambda x: x[0, 0, 0, 0], IndexError, "too many indices for tensor of dimension 3"),
    (lambda x: x[[0, 5]], IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
    (lambda x: x[:, [0, -6]], IndexError, "index -6 is out of bounds for dimension 1"),
    (lambda x: x[::-1], ValueError, "step must be greater than zero"),
    (lambda x: x[1.5], IndexError, "only integers, slices"),
    (lambda x: x[rl.tensor([0.5])], IndexError, "tensors used as indices must be"),
    (lambda x: x[[0, 1], [0, 1, 2]], IndexError, "could not be broadcast together"),
    (lambda x: x[rl.ones(2).bool()], IndexError, r"The shape of the mask \[2\] at index 0"),
    (lambda x: rl.tensor(1.0)[0], IndexError, "invalid index of a 0-dim tensor"),
    (lambda x: x.__setitem__(0, rl.ones(7)), RuntimeError, "cannot be broadcast"),
    (lambda x: x.__setitem__([0], rl.ones(7).double()), RuntimeError, "cannot be broadcast"),
    (lambda x: x.__setitem__([0], rl.ones(5)), RuntimeError, "source and destination dtypes"),
    (lambda x: x.__setitem__(0, "a"), TypeError, "can't assign a str"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(rl.tensor(arrays()))


def test_a_place_not_computed_yet_fails_when_it_is():
    """Rule 11: the error names the operation and the line that recorded it, and leaves no trace."""
    x, places = rl.zeros(3), rl.tensor([0, 1]) * 3
    taken = x[places]
    with pytest.raises(IndexError, match=r"index 3 is out of bounds(.|\n)*test_index.py"):
        taken.tolist()
    written = rl.zeros(3)
    rl.sync()
    written[rl.tensor([0, 1]) * 4] = 1
    with pytest.raises(IndexError):
        rl.sync()
    assert written.tolist() == [0, 0, 0]


# ------------------------------------------------------------------------------------- at random
@st.composite
def indexing(draw):
    """A shape, and an index that fits it in NumPy's and PyTorch's sense alike."""
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    rank = len(shape)
    advanced_shape = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    key, integers = [], False
    for size in shape[: draw(st.integers(0, rank))]:
        kinds = ["slice", "full"]
        if size:
            kinds += ["places", "mask", "place"]
        kind = draw(st.sampled_from(kinds))
        if kind == "slice":
            ends = st.none() | st.integers(-5, 5)
            key.append(slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, 3))))
        elif kind == "places":
            numbers = st.integers(-size, size - 1)
            count = int(np.prod(advanced_shape))
            flat = draw(st.lists(numbers, min_size=count, max_size=count))
            key.append(np.array(flat, np.int64).reshape(advanced_shape))
        elif kind == "place":
            key.append(draw(st.integers(-size, size - 1)))
            integers = True
        elif kind == "mask" and not any(isinstance(item, np.ndarray) for item in key):
            key.append(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))))
            advanced_shape = (int(key[-1].sum()),)
        else:
            key.append(slice(None))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    if draw(st.booleans()) and len([item for item in key if item is not None]) <= rank:
        key.append(Ellipsis)
    if integers and any(isinstance(item, np.ndarray) for item in key):
        # with an array, NumPy counts an integer as one too: make it a slice
        key = [slice(k, k + 1 or None) if type(k) is int else k for k in key]
    return shape, tuple(key)


@settings(max_examples=150, deadline=None)
@given(indexing())
def test_any_index(case):
    shape, key = case
    array = np.arange(float(np.prod(shape))).reshape(shape)
    tensor = rl.tensor(array)
    want = array[key]
    found = tensor[as_key(key)]
    assert found.shape == want.shape
    np.testing.assert_array_equal(found.numpy(), want)
    value = -want - 1
    array[key] = value
    tensor[as_key(key)] = rl.tensor(value)
    np.testing.assert_array_equal(tensor.numpy(), array)


def test_places_of_two_dimensions_taken_apart_afterwards():
    array = arrays()
    rows, columns = np.arange(12).reshape(6, 2) % 3, np.arange(12).reshape(6, 2) % 4
    tensor, first, second = rl.tensor(array), rl.tensor(rows), rl.tensor(columns)
    found = tensor[first, second].reshape(2, 3, 2, 5)
    np.testing.assert_array_equal((found * 2).numpy(), 2 * array[rows, columns].reshape(2, 3, 2, 5))
    part = rl.arange(60.0).reshape(2, 3, 2, 5) * 2
    written = rl.zeros(3, 4, 5).index_put((first, second), part.reshape(6, 2, 5))
    want = np.zeros((3, 4, 5))
    want[rows, columns] = np.arange(0.0, 120, 2).reshape(6, 2, 5)
    np.testing.assert_array_equal(written.numpy(), want)


@settings(max_examples=60, deadline=None)
@given(indexing())
def test_views_alias(case):
    shape, key = case
    key = tuple(item for item in key if not isinstance(item, np.ndarray))
    key = key if Ellipsis in key else (*key, Ellipsis)  # else NumPy gives a number, no view
    array = np.zeros(shape)
    tensor = rl.tensor(array)
    view, seen = tensor[key], array[key]
    view += 1
    seen += 1
    tensor *= 3
    array *= 3
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_array_equal(view.numpy(), array[key])
    strides = [step // 8 for step in seen.strides]
    sizes = zip(view.shape, view.stride(), strides, strict=True)
    assert all(got == want for n, got, want in sizes if n > 1) or not view.numel()
