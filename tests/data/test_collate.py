from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest

from rushlight.data import default_collate, default_convert

Point = namedtuple("Point", ["x", "y"])


@dataclass
class Pair:
    image: np.ndarray
    label: int


@dataclass(frozen=True, slots=True)
class Frozen:
    label: int


LEAVES = [
    ([1, 2], "int64", [1, 2]),
    ([1.0, 2.0], "float64", [1, 2]),
    ([1.0, 2], "float64", [1, 2]),
    ([1, 2.5], "float64", [1, 2.5]),
    ([True, False], "bool", [True, False]),
    ([True, 2], "int64", [1, 2]),
    ([np.float32(1), np.float32(2)], "float32", [1, 2]),
    ([np.float64(1)], "float64", [1]),
    ([np.int16(1)], "int16", [1]),
    ([np.bool_(True)], "bool", [True]),
    ([np.complex64(1j)], "complex64", [1j]),
    ([np.zeros(2, "f2"), np.ones(2, "f2")], "float16", [[0, 0], [1, 1]]),
    ([np.array(3.0), np.array(4.0)], "float64", [3, 4]),
    ([np.zeros((0, 2)), np.zeros((0, 2))], "float64", [[], []]),
    ([np.zeros(1, "f4"), np.ones(1, "f8")], "float64", [[0], [1]]),
    ([np.array(3.0), 4.0], "float64", [3, 4]),
    ([np.arange(6).reshape(2, 3).T[1:]], "int64", [[[1, 4], [2, 5]]]),
]


@pytest.mark.parametrize(("batch", "dtype", "values"), LEAVES)
def test_leaves(batch, dtype, values):
    collated = default_collate(batch)
    assert type(collated) is np.ndarray
    assert collated.dtype == dtype
    assert collated.tolist() == values


@pytest.mark.parametrize("batch", [["a", "b"], [b"a", b"b"], [np.str_("a")], ["a", None]])
def test_strings_stay_as_they_are(batch):
    assert default_collate(batch) is batch


def test_tensors_are_stacked(tensor):
    collated = default_collate([tensor([1, 2]), tensor([3, 4])])
    assert isinstance(collated, tensor)
    assert collated.tolist() == [[1, 2], [3, 4]]
    assert default_collate([tensor([1]), np.array([2])]).tolist() == [[1], [2]]


def test_a_memory_mapped_row_becomes_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "rows", dtype="f4", mode="w+", shape=(3, 2))
    assert default_collate([mapped[0], mapped[1]]).tolist() == [[0, 0], [0, 0]]


STRUCTURES = [
    ([(1, "a"), (2, "b")], [[1, 2], ("a", "b")], list),
    ([[1, 2], [3, 4]], [[1, 3], [2, 4]], list),
    ([Point(1, 2), Point(3, 4)], [[1, 3], [2, 4]], Point),
    ([deque([1]), deque([2])], [[1, 2]], deque),
    ([range(2), range(2)], [[0, 0], [1, 1]], list),
    ([(), ()], [], list),
]


@pytest.mark.parametrize(("batch", "columns", "kind"), STRUCTURES)
def test_sequences(batch, columns, kind):
    collated = default_collate(batch)
    assert type(collated) is kind
    assert [column if isinstance(column, tuple) else column.tolist() for column in collated] == (
        columns
    )


def defaultdicts():
    return [defaultdict(list, a=1), defaultdict(list, a=2)]


@pytest.mark.parametrize(
    ("batch", "kind"),
    [
        ([{"a": 1}, {"a": 2}], dict),
        ([{"a": 1}, {"a": 2, "more": 3}], dict),
        ([OrderedDict(a=1), OrderedDict(a=2)], OrderedDict),
        (defaultdicts(), defaultdict),
        ([MappingProxyType({"a": 1}), MappingProxyType({"a": 2})], MappingProxyType),
    ],
)
def test_mappings(batch, kind):
    collated = default_collate(batch)
    assert type(collated) is kind
    assert list(collated) == ["a"]
    assert collated["a"].tolist() == [1, 2]
    assert batch[0]["a"] == 1


def test_dataclasses():
    batch = [Pair(np.zeros(2), 1), Pair(np.ones(2), 2)]
    collated = default_collate(batch)
    assert type(collated) is Pair
    assert collated.image.tolist() == [[0, 0], [1, 1]]
    assert collated.label.tolist() == [1, 2]
    assert batch[0].label == 1
    assert default_collate([Frozen(1), Frozen(2)]).label.tolist() == [1, 2]


def test_nested():
    batch = [{"p": Point([1, {"q": 2.0}], "a")}, {"p": Point([3, {"q": 4.0}], "b")}]
    point = default_collate(batch)["p"]
    assert point.x[0].tolist() == [1, 3]
    assert point.x[1]["q"].tolist() == [2, 4]
    assert point.y == ("a", "b")


def shapes(*sizes):
    return [np.zeros(size) for size in sizes]


# What is asked of a message is that it names the field, the samples and the shapes.
BAD_BATCHES = [
    ([], IndexError, ["empty"]),
    (
        shapes(2, 3),
        RuntimeError,
        ["stack expects each tensor to be equal size", "[2] at entry 0", "[3] at entry 1"],
    ),
    (
        [{"tokens": array} for array in shapes(5, 7, 5)],
        RuntimeError,
        ['sample["tokens"]', "[5] in samples 0, 2", "[7] in sample 1", "collate_fn that pads"],
    ),
    ([(0, array) for array in shapes(1, 2)], RuntimeError, ["sample[1] has shape"]),
    ([Point(array, 0) for array in shapes(1, 2)], RuntimeError, ["sample.x has shape"]),
    ([Pair(array, 0) for array in shapes(1, 2)], RuntimeError, ["sample.image has shape"]),
    ([{3: [array]} for array in shapes(1, 2)], RuntimeError, ["sample[3][0] has shape"]),
    (shapes(*range(12)), RuntimeError, ["[7] in sample 7, ..."]),
    ([np.zeros(()), np.zeros(1)], RuntimeError, ["[] at entry 0", "[1] at entry 1"]),
    (
        [{"ids": [1, 2]}, {"ids": [1]}],
        RuntimeError,
        ['sample["ids"]', "2 items in sample 0", "1 in sample 1", "collate_fn"],
    ),
    ([{"a": 1}, {"b": 2}], KeyError, ['sample["a"]', "not in sample 1"]),
    ([{"a": {"b": 1}}, {"a": {}}], KeyError, ['sample["a"]["b"]', "not in sample 1"]),
    ([{"mask": None}], TypeError, ["NoneType", 'sample["mask"]', "sample 0"]),
    ([1, None], TypeError, ["NoneType", "sample 1"]),
    ([np.zeros(1), None], TypeError, ["NoneType", "sample 1"]),
    ([{"a": 1}, 2], TypeError, ["int", "sample 1"]),
    ([(1, 2), 3], TypeError, ["int", "sample 1"]),
    ([(1, 2), "ab"], TypeError, ["str", "sample 1"]),
    ([Pair(0, 0), Frozen(0)], TypeError, ["Frozen", "sample 1"]),
    ([1j], TypeError, ["complex"]),
    ([{1}], TypeError, ["set"]),
    ([np.array("abc")], TypeError, ["<U3"]),
    ([np.array([None])], TypeError, ["object"]),
    ([np.datetime64("2020")], TypeError, ["datetime64"]),
    ([2**63], ValueError, ["int64"]),
    ([{"a": 1}, {"a": 2**64}], ValueError, ['sample["a"]', "int64"]),
]


@pytest.mark.parametrize(("batch", "kind", "parts"), BAD_BATCHES)
def test_bad_batches(batch, kind, parts):
    with pytest.raises(kind) as caught:
        default_collate(batch)
    for part in parts:
        assert part in str(caught.value)


def test_unequal_tensors_are_named_too(tensor):
    with pytest.raises(RuntimeError, match=r'sample\["x"\] has shape \[1\] in sample 0'):
        default_collate([{"x": tensor([1])}, {"x": tensor([1, 2])}])


def test_a_number_among_tensors_is_refused(tensor):
    with pytest.raises(TypeError, match=r"int.* of sample 1"):
        default_collate([tensor([1, 2]), 1])


def test_a_dtype_without_tensor_names_its_field(tensor):
    with pytest.raises(TypeError, match="uint16") as caught:
        default_collate([{"depth": np.zeros(2, "u2")}])
    assert caught.value.__notes__ == ['while collating sample["depth"]']


def test_convert_leaves_what_is_no_array(tensor):
    for kept in (1, 1.0, "a", b"a", None, np.str_("a"), tensor([1])):
        assert default_convert(kept) is kept
    words = np.array(["a"])
    assert default_convert(words) is words


def test_convert_keeps_structure(tensor):
    array = np.zeros(1)
    assert isinstance(default_convert(np.float32(1)), tensor)
    converted = default_convert((array, [array, 1], {"a": array}, Point(array, 2), Pair(array, 3)))
    assert type(converted) is list
    assert isinstance(converted[0], tensor)
    assert isinstance(converted[1][0], tensor)
    assert isinstance(converted[2]["a"], tensor)
    assert type(converted[3]) is Point
    assert isinstance(converted[3].x, tensor)
    assert isinstance(converted[4].image, tensor)
    assert default_convert(range(2)) == [0, 1]
