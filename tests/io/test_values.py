"""What comes back of what was saved: plain values, containers, arrays, tensors."""

import io
import json
import math
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl
from rushlight import nn

PLAIN = [
    *(None, True, False, 0, -7, 2**100, -(2**63), 1.5, -0.0, 1e-320, math.inf, -math.inf),
    *("", "é\u0000\ud800\U0001f600", b"", b"\x00\xff", 1 + 2j, complex(0.0, -math.inf)),
    *([], (), {}, [[]], ((),), [1, (2, [3, (4,)])], {"a": {"b": {}}}, {"": 1, ".": 2}),
    *({1: "a", "1": "b"}, {-3: 0}, {True: 1, None: 2, 2.5: 3, (1, ("x",)): 4}),
    *(OrderedDict(b=1, a=2), OrderedDict({2: 1, 1: 2}), {"dict": 1}, {"tensor": "x"}),
    *(rl.float32, rl.bfloat16, rl.device("cpu"), rl.device("cuda:1"), rl.Size([2, 3])),
    *({1, "a"}, frozenset(), {(1, 2)}, Counter({30: 1, 80: 2}), Counter("ab")),
]

DTYPES = [
    *(rl.bool, rl.uint8, rl.uint16, rl.uint32, rl.uint64, rl.int8, rl.int16, rl.int32, rl.int64),
    *(rl.float16, rl.bfloat16, rl.float32, rl.float64, rl.complex64, rl.complex128),
]


@pytest.mark.parametrize("value", PLAIN)
def test_plain_values_and_containers_come_back(through, value):
    found = through(value)
    assert found == value
    assert repr(found) == repr(value)
    assert type(found) is type(value)


def test_the_metadata_of_a_state_dict_comes_back(through):
    state = nn.BatchNorm1d(2).state_dict()
    found = through({"model": state})["model"]
    assert type(found) is OrderedDict
    assert found._metadata == state._metadata == {"": {"version": 2}}


def test_not_a_number_comes_back(through):
    assert math.isnan(through({"loss": float("nan")})["loss"])


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4)
    | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(NESTED)
def test_nested_containers_come_back(value):
    file = io.BytesIO()
    rl.save(value, file)
    assert repr(rl.load(io.BytesIO(file.getvalue()))) == repr(value)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (0,), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_of_every_dtype_come_back(through, dtype, shape):
    value = rl.tensor(np.arange(6)[: math.prod(shape)].reshape(shape) * 0.7, dtype=dtype)
    found = through({"x": value})["x"]
    assert type(found) is rl.Tensor
    assert found.dtype is dtype
    assert found.shape == value.shape
    assert found.tolist() == value.tolist()
    assert not found.requires_grad


def test_bits_come_back(through):
    bits = np.array([0x7FC00001, 0xFFC00002, 0x80000000, 1], np.uint32)  # NaNs, -0, a denormal
    value = rl.from_numpy(bits.view(np.float32))
    assert through(value).numpy().view(np.uint32).tolist() == bits.tolist()


@pytest.mark.parametrize(
    "value",
    [
        *(np.arange(6).reshape(2, 3), np.zeros((0, 2)), np.array(1.5, np.float16)),
        *(np.array([True, False]), np.arange(4, dtype=">i4"), np.asfortranarray(np.eye(3))),
        *(np.array([1 + 2j]), np.arange(10)[::-3], np.array(3j, np.complex64)),
    ],
    ids=lambda value: f"{value.dtype.str}{list(value.shape)}",
)
def test_arrays_come_back(through, value):
    found = through([value])[0]
    assert type(found) is np.ndarray
    assert found.dtype == value.dtype.newbyteorder("=")
    assert np.array_equal(found, value)
    assert found.shape == value.shape
    assert found.flags.writeable
    assert found.dtype.isnative


@pytest.mark.parametrize(
    "value", [np.float32(0.1), np.float64(0.1), np.int64(3), np.bool_(True), np.complex128(2j)]
)
def test_numpy_numbers_come_back(through, value):
    found = through({"loss": value})["loss"]
    assert type(found) is type(value)
    assert found == value


def test_a_view_is_saved_without_the_rest_of_its_storage(through, saved):
    large = rl.arange(10_000.0).reshape(100, 100)
    part = large.t()[3:5, ::7]
    assert len(saved(part)) < 1000
    found = through(part)
    assert found.tolist() == part.tolist()
    assert found.is_contiguous()


def test_pending_work_is_computed(through):
    assert through(rl.ones(2) * 3 + 1).tolist() == [4, 4]


def test_requires_grad_and_being_a_parameter_are_remembered(through):
    frozen = nn.Parameter(rl.ones(2), requires_grad=False)
    computed = rl.ones(2, requires_grad=True) * 2
    value = [nn.Parameter(rl.ones(2)), frozen, rl.ones(2, requires_grad=True), computed]
    found = through(value)
    assert [type(item) for item in found] == [nn.Parameter, nn.Parameter, rl.Tensor, rl.Tensor]
    assert [item.requires_grad for item in found] == [True, False, True, True]
    assert all(item.is_leaf for item in found)


def test_buffers_are_remembered(through):
    found = through([nn.Buffer(rl.ones(1)), nn.Buffer(rl.ones(1), persistent=False)])
    assert [type(item) for item in found] == [nn.Buffer, nn.Buffer]
    assert [item.persistent for item in found] == [True, False]


def test_loaded_tensors_are_ready_to_be_changed_and_differentiated(through):
    weight = through(nn.Parameter(rl.ones(2)))
    (weight * weight).sum().backward()
    assert weight.grad.tolist() == [2, 2]
    with rl.no_grad():
        weight -= weight.grad
    assert weight.tolist() == [-1, -1]


# --------------------------------------------------------------------------- shared storage
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(500, 4)
        self.head = nn.Linear(4, 500, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_weights_are_saved_once_and_tied_again(through, saved):
    state = Tied().state_dict()
    assert len(saved(state)) < 500 * 4 * 4 + 1000
    found = through(state)
    assert list(found) == ["embedding.weight", "head.weight"]
    assert found["embedding.weight"] is not found["head.weight"]
    found["embedding.weight"].zero_()
    assert not found["head.weight"].any()


def test_the_same_object_is_the_same_object_again(through):
    weight, array = nn.Parameter(rl.ones(2)), np.arange(3)
    value = {"array": array, "model": weight, "groups": [[rl.zeros(1), weight]], "more": array}
    found = through(value)
    assert found["model"] is found["groups"][0][1]
    assert found["array"] is found["more"]
    assert isinstance(found["model"], nn.Parameter)


def test_a_parameter_and_its_data_are_tied(through):
    weight = nn.Parameter(rl.ones(2))
    found = through([weight.data, weight, weight.detach()])
    found[1].data.fill_(5)
    assert [item.tolist() for item in found] == [[5, 5]] * 3
    assert [item.requires_grad for item in found] == [False, True, False]


def test_equal_views_are_tied_and_different_ones_are_not(through):
    whole = rl.arange(6.0)
    found = through([whole[:3], whole[:3], whole[3:], whole])
    found[0].fill_(9)
    assert [item.tolist() for item in found[1:]] == [[9, 9, 9], [3, 4, 5], [0, 1, 2, 3, 4, 5]]


def test_equal_values_alone_tie_nothing(through):
    first, second = through([rl.ones(2), rl.ones(2)])
    first.zero_()
    assert second.tolist() == [1, 1]


def test_saving_leaves_no_trace():
    weight = nn.Parameter(rl.ones(2))
    version = weight._version
    rl.save({"w": weight, "view": weight[:1]}, io.BytesIO())
    assert weight._version == version
    assert weight.is_leaf
    assert weight.requires_grad


# -------------------------------------------------------------------------------- names in the file
def test_names_in_the_file_are_places():
    import safetensors.numpy

    file = io.BytesIO()
    rl.save({"model": {"fc.weight": rl.ones(2, 3)}, "steps": [rl.zeros(()), b"ab"]}, file)
    found = safetensors.numpy.load(file.getvalue())
    assert set(found) == {"model.fc.weight", "steps.0", "steps.1"}
    assert found["model.fc.weight"].tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    "value",
    [
        {"a.b": rl.ones(1), "a": {"b": rl.zeros(1)}, "a.b#2": rl.full((1,), 2.0)},
        {
            "__metadata__": rl.ones(1),
            "\ud800": rl.zeros(1),
            "?": rl.full((1,), 2.0),
            "": rl.ones(1),
        },
        {1: rl.ones(1), "1": rl.zeros(1)},
    ],
    ids=["dots", "odd", "numbers"],
)
def test_names_that_clash_are_kept_apart(through, value):
    found = through(value)
    assert {key: str(item) for key, item in found.items()} == {
        key: str(item) for key, item in value.items()
    }


def test_numbers_lie_at_multiples_of_their_size(saved):
    data = saved([rl.ones(3, dtype=rl.int8), rl.ones(3, dtype=rl.float64), b"abc", rl.ones(1)])
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    sizes = {"I8": 1, "U8": 1, "F32": 4, "F64": 8}
    assert length % 8 == 0
    for name, entry in table.items():
        if name != "__metadata__":
            assert entry["data_offsets"][0] % sizes[entry["dtype"]] == 0


# --------------------------------------------------------------------------- refusals
class Own:
    pass


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Own(), "checkpoint is of type"),
        ({"model": {"x": Own()}}, 'checkpoint["model"]["x"] is of type'),
        ([0, (1, {3: range(2)})], "checkpoint[1][1][3] is of type builtins.range"),
        ({"f": len}, 'checkpoint["f"]'),
        ({"p": Point(1, 2)}, 'checkpoint["p"]'),
        ({"d": defaultdict(int)}, 'checkpoint["d"] is of type collections.defaultdict'),
        ({"a": np.array(["x"])}, 'checkpoint["a"] has dtype <U1'),
        ({"a": np.array([None])}, 'checkpoint["a"] has dtype object'),
        ({"t": np.datetime64("2020-01-01")}, 'checkpoint["t"] has dtype'),
        ({"m": np.ma.array([1])}, 'checkpoint["m"]'),
        ({"d": {Own: 1}}, 'checkpoint["d"]'),
        ({"d": {rl.ones(1): 1}}, "with a Tensor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_saved_is_refused_by_its_place(tmp_path, value, place):
    with pytest.raises(TypeError) as caught:
        rl.save(value, tmp_path / "x")
    assert place in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_contains_itself_is_refused(tmp_path):
    inner = []
    inner.append({"again": inner})
    with pytest.raises(ValueError, match=r'checkpoint\["list"\]\[0\]\["again"\]'):
        rl.save({"list": inner}, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_list_twice_beside_itself_is_no_cycle(through):
    inner = [1]
    assert through([inner, inner]) == [[1], [1]]


def test_too_much_text_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("rushlight.io.file.LARGEST_HEADER", 1000)
    with pytest.raises(ValueError, match="as arrays"):
        rl.save(list(range(1000)), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
