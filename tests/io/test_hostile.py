"""Pickles made to do harm: nothing runs, nothing breaks, memory stays bounded."""

import os
import pickle
import struct

import pytest

import rushlight as rl
from rushlight.io import RefusedFile
from tests.io import making
from tests.io.making import (
    COMMAND,
    Call,
    Name,
    Raw,
    Reference,
    Trap,
    load,
    pickled,
    raw,
    refused,
    saved,
    storage,
    tensor,
)

# ------------------------------------------------------------------------ code that is to be called
CALLS = {
    "os.system": Call("os.system", COMMAND),
    "posix.system": Call("posix.system", COMMAND),
    "nt.system": Call("nt.system", COMMAND),
    "subprocess.Popen": Call("subprocess.Popen", ["touch", "/tmp/x"]),
    "builtins.eval": Call("builtins.eval", "1"),
    "builtins.exec": Call("builtins.exec", "import evil"),
    "__builtin__.eval": Call("__builtin__.eval", "1"),
    "builtins.__import__": Call("builtins.__import__", "evil"),
    "builtins.getattr": Call("builtins.getattr", Name("builtins.object"), "__subclasses__"),
    "builtins.open": Call("builtins.open", "/etc/passwd"),
    "builtins.compile": Call("builtins.compile", "1", "x", "eval"),
    "operator.attrgetter": Call("operator.attrgetter", "__class__"),
    "functools.partial": Call("functools.partial", Name("os.system"), COMMAND),
    "importlib.import_module": Call("importlib.import_module", "evil"),
    "runpy.run_path": Call("runpy.run_path", "evil.py"),
    "pickle.loads": Call("pickle.loads", b"cos\nsystem\n(S'id'\ntR."),
    "marshal.loads": Call("marshal.loads", b"\xe3"),
    "types.FunctionType": Call("types.FunctionType", None),
    "webbrowser.open": Call("webbrowser.open", "http://localhost"),
    "ctypes.CDLL": Call("ctypes.CDLL", "evil.so"),
    "shutil.rmtree": Call("shutil.rmtree", "/tmp/nothing"),
    "numpy.load": Call("numpy.load", "evil.npy"),
    "numpy.f2py.crackfortran.getlincoef": Call("numpy.f2py.crackfortran.getlincoef", "1", {}),
    "torch.load": Call("torch.load", "evil.pt"),
    "torch.hub.load": Call("torch.hub.load", "evil"),
    "torch.nn.modules.linear.Linear": Call("torch.nn.modules.linear.Linear", 2, 3),
    "torch._utils._rebuild_qtensor": Call("torch._utils._rebuild_qtensor", 1),
    "torch._utils._rebuild_sparse_tensor": Call("torch._utils._rebuild_sparse_tensor", 1),
    "argparse.ArgumentParser": Call("argparse.ArgumentParser"),
    "rushlight.load": Call("rushlight.load", "evil.pt"),
    "os.popen": Call("collections.defaultdict", Name("os.popen")),
    "collections.OrderedDict.fromkeys": Call("collections.OrderedDict.fromkeys", []),
    "torch.Float8_e4m3fnStorage": tensor(storage(kind="Float8_e4m3fnStorage")),
    "torch.QInt8Storage": tensor(storage(kind="QInt8Storage")),
    "os.path.join": [1, 2, {"x": Name("os.path.join")}],
}


@pytest.mark.parametrize("name", CALLS)
def test_names_outside_the_table_are_refused(name):
    refused(saved({"a": 1, "b": CALLS[name]}), RefusedFile, name)
    assert not os.path.exists("/tmp/rushlight-was-here")


@pytest.mark.parametrize("protocol", range(6))
def test_real_pickles_of_a_trap(protocol):
    data = pickle.dumps({"weights": Trap()}, protocol=protocol)
    words = "opcode" if protocol == 0 else f"{os.system.__module__}.system"
    refused(making.archive(data), RefusedFile, words)


# --------------------------------------------------------------- opcodes that could call or import
OPCODES = {
    "INST": raw(b"(X\1\0\0\0xios\nsystem\n."),
    "OBJ": raw(b"(cos\nsystem\n", b"o."),
    "EXT1": raw(b"\x82\1."),
    "EXT2": raw(b"\x83\1\0."),
    "EXT4": raw(b"\x84\1\0\0\0."),
    "PERSID": raw(b"P0\n."),
    "NEWOBJ_EX": raw(b"ctorch\nTensor\n)}\x92."),
    "NEXT_BUFFER": raw(b"\x97."),
    "READONLY_BUFFER": raw(b"\x98."),
    "INT": raw(b"I1\n."),
    "LONG": raw(b"L1L\n."),
    "STRING": raw(b"S'x'\n."),
    "UNICODE": raw(b"Vx\n."),
    "FLOAT": raw(b"F1.5\n."),
    "GET": raw(b"g0\n."),
    "PUT": raw(b"Np0\n."),
}


@pytest.mark.parametrize("name", [name for name in OPCODES if name != "OBJ"])
def test_opcodes_of_other_programs_are_refused(name):
    refused(OPCODES[name], RefusedFile, f"the opcode {name},")


def test_the_opcode_for_objects_is_refused():
    refused(OPCODES["OBJ"], RefusedFile, "os.system")


# --------------------------------------------------------- values where they do not belong, refused
ORDERED = "collections.OrderedDict"
REFUSED = {
    "calls 3": raw(b"K\3)R."),
    "calls torch.Tensor": saved(Call("torch.Tensor", 2)),
    "calls a dict": raw(b"})R."),
    "an object of collections.OrderedDict": raw(b"ccollections\nOrderedDict\n)\x81."),
    "an object of torch.Tensor": raw(b"ctorch\nTensor\n)\x81."),
    "other than _metadata": saved(Call(ORDERED, state={"update": 1})),
    "sets attributes of a list": raw(b"]}b."),
    "sets attributes of torch.Tensor": raw(b"ctorch\nTensor\n}b."),
    "sets attributes of a Tensor": saved(Raw(making.opcodes(tensor()) + b"}b")),
    "tensor with hooks": saved(tensor(hooks={"1": 2})),
    "refers to ('module', None": saved(Reference("module", None, None, None)),
    "refers to '0'": raw(b"X\1\0\0\x000Q."),
    "a storage of the kind torch.Tensor": saved(
        tensor(Reference("storage", Name("torch.Tensor"), "0", "cpu", 6))
    ),
    "a storage of the kind 'x'": saved(tensor(Reference("storage", "x", "0", "cpu", 6))),
    "a Storage stands": saved({"x": storage()}),
    "torch._utils._rebuild_tensor_v2 stands": saved([Name("torch._utils._rebuild_tensor_v2")]),
    "a NumpyDtype stands": saved([Call("numpy.dtype", "f4", False, True)]),
    "dtype object": saved(
        Call("numpy.core.multiarray.scalar", Call("numpy.dtype", "O8", False, True), b"12345678")
    ),
    "a NumPy array of a class of its own": saved(
        Call("numpy.core.multiarray._reconstruct", Name("torch.Tensor"), (0,), b"b")
    ),
    "the encoding 'rot13'": saved(Call("_codecs.encode", "x", "rot13")),
    "a key other than": raw(b"}]N", b"s."),
    "calls argparse.Namespace": saved(Call("argparse.Namespace")),
    "special attributes of": raw(b"cargparse\nNamespace\n)\x81}X\5\0\0\0__a__Nsb."),
    "an object of argparse.Namespace": raw(b"cargparse\nNamespace\nK\1\x85\x81."),
    "calls torch.Size for": saved(Call("collections.defaultdict", Name("torch.Size"))),
    "calls builtins.list, which": saved(Call("builtins.list", [1])),
    "a dict or a set has a key": saved({(((1, tensor()),),): 1}),
    "contains itself": raw(b"]q\0h\0a."),
    "a list or a dict that": raw(b"}q\0X\1\0\0\0xh\0s."),
    "the class torch.nn.parameter.Parameter": saved(
        Call(
            "torch._tensor._rebuild_from_type_v2",
            Name("torch._utils._rebuild_tensor_v2"),
            Name("torch.nn.parameter.Parameter"),
            (),
            {},
        )
    ),
    "the layout 'torch.sparse_coo'": saved(
        Call("torch.serialization._get_layout", "torch.sparse_coo")
    ),
    "TorchScript": making.archive(pickled(1), {"constants.pkl": b"\x80\2)."}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_values_in_wrong_places_are_refused(words):
    refused(REFUSED[words], RefusedFile, words)


# ------------------------------------------------------------------------------- broken pickles
PARAMETER = "torch._utils._rebuild_parameter"
BROKEN = {
    "argparse.Namespace without names": raw(b"cargparse\nNamespace\n)\x81]b."),
    "ends in the middle": raw(b"X\xff\0\0\0abc"),
    "its pickle ends": raw(b"]"),
    "8 exabytes": raw(b"\x8e" + b"\xff" * 7 + b"\x7f."),
    "takes more values": raw(b"a."),
    "more values than": raw(b"."),
    "leaves values behind": raw(b"NN."),
    "a mark that is not there": raw(b"t."),
    "no value 7": raw(b"h\7."),
    "0xff, which is no opcode": raw(b"\xff."),
    "protocol 77": making.archive(b"\x80MN."),
    "a frame of": raw(b"\x95" + b"\xff" * 8 + b"N."),
    "not UTF-8": raw(b"X\2\0\0\0\xff\xfe."),
    "a name without an end": raw(b"c" + b"a" * 5000),
    "a name that is no text": raw(b"K\1K\2\x93."),
    "cannot hold it": raw(b"K\1K\2a."),
    "puts a value into": raw(b"]K\1K\2s."),
    "something that cannot": raw(b"K\1q\0(K\2u."),
    "a key without a value": raw(b"}(K\1u."),
    "a tuple of arguments": raw(b"ctorch\nSize\n]R."),
    "arguments that make no sense": saved(Call("torch.Size", 1, 2, 3)),
    "something other than whole numbers": saved(Call("torch.Size", ("x",))),
    "no device": saved(Call("torch.device", "moon")),
    "a dict of something other": saved(Call(ORDERED, [1, 2])),
    "stands in a wrong place": saved(Call("builtins.complex", "1", 2)),
    "a parameter around": saved(Call(PARAMETER, 3, True, Call(ORDERED))),
    "without a storage": saved(tensor(3)),
    "a storage is described by": saved(
        tensor(Reference("storage", Name("torch.FloatStorage"), 0, "cpu", 6))
    ),
    "described twice": saved([tensor(), tensor(storage(length=5))]),
    "there is no NumPy dtype": saved(
        Call("numpy.core.multiarray.scalar", Call("numpy.dtype", "zz", False, True), b"1")
    ),
    "has 3 bytes": saved(
        Call("numpy.core.multiarray.scalar", Call("numpy.dtype", "f4", False, True), b"123")
    ),
}
# One name stands for a length that no file has.
BROKEN["its pickle ends in the middle."] = BROKEN.pop("8 exabytes")


@pytest.mark.parametrize("words", BROKEN)
def test_broken_pickles(words):
    refused(BROKEN[words], RuntimeError, words)


# ------------------------------------------------------------------- tensors that reach elsewhere
HUGE = 1 << 62
OUTSIDE = {
    "past the end": tensor(offset=1),
    "more rows": tensor(size=(3, 3)),
    "long strides": tensor(stride=(100, 1)),
    "far offset": tensor(offset=HUGE),
    "overflowing stride": tensor(stride=(HUGE, 1)),
    "wrapping stride": tensor(size=(2, 2), stride=((1 << 64) - 1, 1)),
    "expanded outside": tensor(size=(7,), stride=(1,)),
    "negative offset": tensor(offset=-1),
    "negative stride": tensor(stride=(-3, 1)),
    "negative size": tensor(size=(-2, 3)),
    "huge empty": tensor(size=(0, HUGE, HUGE), stride=(1, 1, 1)),
    "sizes without strides": tensor(size=(2, 3), stride=(1,)),
    "too many dimensions": tensor(size=(1,) * 65, stride=(1,) * 65),
    "text as size": tensor(size=("2", "3")),
    "float as offset": tensor(offset=0.5),
    "bool as size": tensor(size=(True, 3)),
    "grad of integers": tensor(storage(kind="IntStorage"), grad=True),
    "grad as a text": tensor(grad="yes"),
    "nested size": tensor(size=((2,), 3)),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_tensors_outside_their_storage(name):
    refused(saved({"x": OUTSIDE[name]}), RuntimeError, "a tensor")


STORAGES = {
    "no record 'archive/data/1'": (storage(key="1"), {}),
    "has 20 of 24 bytes": (storage(), {"data/0": bytes(20)}),
    "has 28 of 24 bytes": (storage(), {"data/0": bytes(28)}),
    "of 48 bytes": (storage(kind="DoubleStorage"), {"data/0": bytes(24)}),
    "elements": (storage(length=1 << 70), {"data/0": bytes(24)}),
    "has -6 elements": (storage(length=-6), {"data/0": bytes(24)}),
    "bools that are neither": (storage(kind="BoolStorage"), {"data/0": b"\0\1\2\3\4\xff"}),
    "no record 'archive/data/../data.pkl'": (storage(key="../data.pkl"), {}),
    "no record 'archive/data//etc/passwd'": (storage(key="/etc/passwd"), {}),
    "byte order is 'middle'": (storage(), {"data/0": bytes(24), "byteorder": "middle"}),
}


@pytest.mark.parametrize("words", STORAGES)
def test_storages_that_lie(words):
    of, records = STORAGES[words]
    refused(saved({"x": tensor(of)}, records), RuntimeError, words)


def test_a_storage_is_not_seen_in_two_ways():
    both = [tensor(storage(), size=(6,), stride=(1,)), tensor(storage(kind="IntStorage"))]
    refused(saved(both), RuntimeError, "described twice")


# ------------------------------------------------------------------------------------------- bombs
def laughs(levels=40):
    data = b"]K\1aq\0"
    for level in range(levels):
        data += b"0](h%ch%ch%ch%ceq%c" % (level, level, level, level, level + 1)
    return raw(data, b".")


def nested(count, opening, closing):
    return raw(opening * count, b"N", closing * count, b".")


def tuples_as_key(levels=60):
    data = b"K\1"
    for level in range(levels):
        data += b"q%ch%c\x86" % (level, level)
    return raw(b"}", data, b"Ns.")


def copies(count, size):
    """A long text that is turned into bytes again and again."""
    text = making.opcodes("a" * size)
    again = b"h\1h\0h\2\x86Ra"
    begin = text + b"q\0" + b"c_codecs\nencode\nq\1" + making.opcodes("latin1") + b"q\2"
    return raw(begin, b"000]" + again * count, b".")


def views(count):
    """One storage, shown again and again with steps, so that each needs a copy."""
    size, stride = (1 << 17,), (2,)
    some = [tensor(storage(length=1 << 18), size=size, stride=stride) for _ in range(count)]
    return saved(some, {"data/0": bytes(4 << 18)})


BOMBS = {
    "unfold to": laughs(),
    "200 deep": nested(30_000, b"](", b"e"),
    "each other more than": nested(30_000, b"(", b"t"),
    "lists or dicts within": nested(30_000, b"}X\1\0\0\0a", b"s"),
    "a short tuple": tuples_as_key(),
    "takes more than": copies(3000, 1 << 20),
    "an integer of": raw(b"\x8b" + struct.pack("<i", 2_000_000) + b"\1" * 2_000_000 + b"."),
    "beside its own": views(1000),
    "what it describes": saved({"x": tensor(size=(1 << 30, 1 << 20), stride=(0, 0))}),
    "describes takes more": raw(b"\x8f" * 1_000_000, b"."),
}


@pytest.mark.parametrize("words", BOMBS)
def test_bombs(words):
    refused(BOMBS[words], RefusedFile, words)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("value", ["CALLS", "REFUSED", "OUTSIDE"])
def test_files_on_disk_are_checked_as_well(tmp_path, value, mapped):
    path = tmp_path / "x.pt"
    for made in globals()[value].values():
        path.write_bytes(made if isinstance(made, bytes) else saved(made))
        with pytest.raises(RuntimeError, match="runs no code"):
            rl.load(path, mmap=mapped)


def test_both_kinds_of_error_are_caught_by_either_name():
    with pytest.raises(pickle.UnpicklingError, match=r"os\.system"):
        load(saved(CALLS["os.system"]))
    with pytest.raises(RuntimeError, match=r"os\.system"):
        load(saved(CALLS["os.system"]), weights_only=False)
