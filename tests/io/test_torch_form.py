"""Files in torch.save's form are read as torch reads them."""

import os
import struct
import threading
from collections import Counter, OrderedDict

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.tensor import node_of
from tests.io import making
from tests.io.making import Call, Name, load, pickled, saved, storage, tensor

# ------------------------------------------------------------------------------------------ reading
DTYPES = {
    "FloatStorage": ("f", rl.float32),
    "DoubleStorage": ("d", rl.float64),
    "HalfStorage": ("e", rl.float16),
    "LongStorage": ("q", rl.int64),
    "IntStorage": ("i", rl.int32),
    "ShortStorage": ("h", rl.int16),
    "CharStorage": ("b", rl.int8),
    "ByteStorage": ("B", rl.uint8),
}


@pytest.mark.parametrize("kind", DTYPES)
def test_kinds_of_storage(kind):
    form, dtype = DTYPES[kind]
    found = load(saved(tensor(storage(kind=kind)), {"data/0": making.numbers(6, form)}))
    assert found.dtype is dtype
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_kinds_that_struct_lacks():
    bits = struct.pack("<6H", *[0x3F80, 0x4000, 0xC000, 0, 0x8000, 0x7F80])
    found = load(saved(tensor(storage(kind="BFloat16Storage")), {"data/0": bits}))
    assert found.dtype is rl.bfloat16
    assert found.tolist() == [[1, 2, -2], [0, 0, float("inf")]]
    found = load(saved(tensor(storage(kind="BoolStorage")), {"data/0": b"\0\1\1\0\0\1"}))
    assert found.tolist() == [[False, True, True], [False, False, True]]
    of = storage(kind="ComplexFloatStorage", length=3)
    found = load(saved(tensor(of, size=(3,), stride=(1,)), {"data/0": making.numbers()}))
    assert found.tolist() == [1j, 2 + 3j, 4 + 5j]


def test_a_storage_of_no_dtype():
    of = making.Reference("storage", Name("torch.storage.UntypedStorage"), "0", "cpu", 12)
    hooks = Call("collections.OrderedDict")
    made = Call(
        *("torch._utils._rebuild_tensor_v3", of, 1, (2, 2), (2, 1), False, hooks),
        Name("torch.uint16"),
    )
    found = load(saved(made, {"data/0": making.numbers(6, "H")}))
    assert found.dtype is rl.uint16
    assert found.tolist() == [[1, 2], [3, 4]]


LAYOUTS = {
    "transposed": ((3, 2), (1, 3), 0),
    "a row": ((3,), (1,), 3),
    "a column": ((2,), (3,), 1),
    "steps": ((3,), (2,), 0),
    "expanded": ((4, 3), (0, 1), 3),
    "overlapping": ((4, 3), (1, 1), 0),
    "a number": ((), (), 4),
    "nothing": ((0, 3), (3, 1), 0),
    "three ways": ((1, 3, 2), (77, 1, 3), 0),
}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name, shared):
    size, stride, offset = LAYOUTS[name]
    steps = [4 * step for step in stride]
    whole = np.arange(6, dtype=np.float32)
    expected = np.lib.stride_tricks.as_strided(whole[offset:], size, steps)
    view = tensor(offset=offset, size=size, stride=stride)
    found = load(saved([view, tensor()] if shared else [view]))[0]
    assert found.shape == size
    assert np.array_equal(found.numpy(), expected)


def test_tensors_go_on_sharing_a_storage():
    views = [tensor(), tensor(offset=3, size=(3,), stride=(1,)), tensor(size=(3, 2), stride=(1, 3))]
    views += [tensor(), tensor(size=(3,), stride=(2,))]
    whole, row, turned, same, steps = load(saved(views))
    whole[1] = rl.tensor([7.0, 8.0, 9.0])
    assert row.tolist() == [7, 8, 9]
    assert turned.tolist() == [[0, 7], [1, 8], [2, 9]]
    assert same.tolist() == [[0, 1, 2], [7, 8, 9]]
    assert steps.tolist() == [0, 2, 4]  # there are gaps between its elements: a copy


def test_the_same_tensor_is_the_same_tensor():
    data = making.opcodes(tensor())
    first, second = load(
        making.archive(b"\x80\2" + data + b"q\1h\1\x86.", {"data/0": making.numbers()})
    )
    assert first is second


def test_gradients_and_parameters():
    hooks = Call("collections.OrderedDict")
    parameter = Call("torch._utils._rebuild_parameter", tensor(), True, hooks)
    frozen = Call("torch._utils._rebuild_parameter", tensor(storage("1")), False, hooks)
    found = load(
        saved(
            {"a": tensor(storage("2"), grad=True), "b": parameter, "c": frozen},
            {f"data/{key}": making.numbers() for key in range(3)},
        )
    )
    assert found["a"].requires_grad
    assert type(found["a"]) is rl.Tensor
    assert type(found["b"]) is nn.Parameter
    assert found["b"].requires_grad
    assert not found["c"].requires_grad
    assert found["b"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_tensors_with_attributes_come_without_them():
    rebuild = Name("torch._utils._rebuild_tensor_v2")
    arguments = tensor().arguments
    made = Call(
        "torch._tensor._rebuild_from_type_v2", rebuild, Name("torch.Tensor"), arguments, {"tag": 1}
    )
    assert load(saved(made)).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_storage_on_another_device_comes_to_this_one():
    found = load(saved(tensor(storage(place="cuda:0"))), map_location="cpu")
    assert found.device == rl.device("cpu")


PLAIN = {
    "numbers": [0, 255, -1, 1 << 40, -(1 << 70), 1.5, True, None],
    "texts": {"ä": "ö", "long": "x" * 300},
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "size": Call("torch.Size", (2, 3)),
    "device": Call("torch.device", "cuda", 1),
    "dtype": Name("torch.bfloat16"),
    "layout": Call("torch.serialization._get_layout", "torch.strided"),
    "complex": Call("builtins.complex", 1.0, 2.0),
    "set": Call("builtins.set", [1, 2]),
    "old set": Call("__builtin__.set", [1, 2]),
    "bytes": Call("_codecs.encode", "abc\xff", "latin1"),
    "counter": Call("collections.Counter", {"a": 2}),
    "ordered": Call("collections.OrderedDict", [["b", 1], ["a", 2]]),
}
EXPECTED = {
    "size": rl.Size((2, 3)),
    "device": rl.device("cuda", 1),
    "dtype": rl.bfloat16,
    "layout": rl.strided,
    "complex": 1 + 2j,
    "set": {1, 2},
    "old set": {1, 2},
    "bytes": b"abc\xff",
    "counter": Counter(a=2),
    "ordered": OrderedDict(b=1, a=2),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_values(name):
    found = load(saved({"it": PLAIN[name]}))["it"]
    expected = EXPECTED.get(name, PLAIN[name])
    assert type(found) is type(expected)
    assert found == expected


def test_opcodes_of_later_protocols():
    value = {"a": [1, "x", b"y", {1, 2}, frozenset((3,)), bytearray(b"z"), 1 << 80], (1, "k"): None}
    import pickle

    for protocol in range(2, 6):
        data = pickle.dumps(value, protocol=protocol)
        assert load(making.archive(data)) == value
    by_stack = b"\x80\4\x95\x30\0\0\0\0\0\0\0\x8c\5torch\x94\x8c\4Size\x94\x93\x94K\2\x85\x85R\x94."
    by_stack = by_stack.replace(b"\x95\x30\0\0\0\0\0\0\0", b"")
    assert load(making.archive(by_stack)) == rl.Size((2,))


def test_numpy_arrays_within():
    import pickle

    values = [np.arange(6.0).reshape(2, 3), np.arange(6, dtype=">i4").reshape(2, 3).T]
    values += [np.array(3, np.int8), np.array([], np.float16), np.array([True, False])]
    for protocol in range(2, 6):
        for value in values:
            found = load(making.archive(pickle.dumps({"x": value}, protocol=protocol)))["x"]
            assert found.dtype == value.dtype.newbyteorder("=")
            assert np.array_equal(found, value)
            assert found.shape == value.shape
        found = load(making.archive(pickle.dumps([np.float32(1.5), np.int64(3)], protocol)))
        assert found == [1.5, 3]
        assert [type(x) for x in found] == [np.float32, np.int64]


def test_the_metadata_of_a_state_dict():
    metadata = Call("collections.OrderedDict", [["", {"version": 1}]])
    made = Call("collections.OrderedDict", state={"_metadata": metadata})
    assert load(saved(made))._metadata == OrderedDict({"": {"version": 1}})


def test_the_other_byte_order():
    records = {"data/0": struct.pack(">6f", *range(6)), "byteorder": "big"}
    assert load(saved(tensor(), records)).tolist() == [[0, 1, 2], [3, 4, 5]]
    of = storage(kind="ComplexFloatStorage", length=3)
    assert load(saved(tensor(of, size=(3,), stride=(1,)), records)).tolist() == [1j, 2 + 3j, 4 + 5j]


def test_the_form_before_version_1_6():
    value = {"x": tensor(making.old_storage()), "y": tensor(making.old_storage("1"))}
    value["z"] = tensor(making.old_storage(), offset=3, size=(3,), stride=(1,))
    numbers = struct.pack("<6f", *range(10, 16))
    found = load(making.old_form(value, ("1", "0"), ((6, numbers), (6, None))))
    assert found["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["y"].tolist() == [[10, 11, 12], [13, 14, 15]]
    found["x"][1, 1] = 9
    assert found["z"].tolist() == [3, 9, 5]
    assert load(making.old_form({"epoch": 3}, (), ())) == {"epoch": 3}


def test_the_old_form_in_later_protocols():
    import pickle

    from rushlight.io.torch_read import MAGIC

    for protocol in (2, 3, 4, 5):
        parts = (MAGIC, 1001, {"little_endian": True}, {"epoch": 3}, [])
        assert load(b"".join(pickle.dumps(part, protocol) for part in parts)) == {"epoch": 3}


def test_the_old_form_in_the_other_byte_order():
    big = making.old_form(
        tensor(making.old_storage()),
        storages=(),
        system={"little_endian": False},
        behind=struct.pack(">q6f", 6, *range(6)),
    )
    assert load(big).tolist() == [[0, 1, 2], [3, 4, 5]]


# ------------------------------------------------------------------------------------------- mapped
def test_mapped_files(tmp_path):
    path = tmp_path / "x.pt"
    rl.save({"x": rl.arange(6.0).reshape(2, 3), "n": rl.arange(3)}, path)
    found = rl.load(path, mmap=True)
    assert not node_of(found["x"]).buffer.memory.flags.writeable
    again = rl.load(path)
    found["x"].mul_(2)
    assert found["x"].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert found["n"].tolist() == [0, 1, 2]
    assert again["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert rl.load(path)["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_read_to_its_end(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = saved({"x": tensor()})
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    assert rl.load(tmp_path / "pipe")["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    writer.join()


def test_numbers_that_lie_askew_are_copied(tmp_path):
    path = tmp_path / "x.pt"
    for prefix in ("a/", "ab/", "abc/", "abcd/"):
        made = making.archive(pickled({"x": tensor()}), {"data/0": making.numbers()}, prefix)
        path.write_bytes(made)
        found = rl.load(path, mmap=True)["x"]
        assert (found + 1).tolist() == [[1, 2, 3], [4, 5, 6]]
        assert not found.numpy().ctypes.data % 4
