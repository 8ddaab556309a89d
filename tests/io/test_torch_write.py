"""Files are written in the form that torch.load reads."""

import io
import pickle
import pickletools
import struct
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from tests.io import making
from tests.io.making import Raw, load


def through(value):
    file = io.BytesIO()
    rl.save(value, file, format="torch")
    return load(file.getvalue())


VALUES = [
    *(None, True, 0, 255, 256, -1, 1 << 31, -(1 << 90), 1.5, float("inf"), 2 - 3j, "ö", b"\0\xff"),
    *([], [1, [2, [3]]], (), (1,), ((1, 2), [3]), {}, {"a": {1: 2, (3, "x"): None}}, {1, 2}),
    *(frozenset((1,)), OrderedDict(b=1, a=2), Counter("aab"), rl.Size((2, 3)), rl.float16),
    *(rl.device("cpu"), rl.device("cuda", 1), list(range(1000)), {str(n): n for n in range(1000)}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!r:.30}")
def test_values_come_back(value):
    found = through(value)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize("dtype", [rl.float32, rl.bfloat16, rl.bool, rl.uint16, rl.complex64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 1, 2)])
def test_tensors_come_back(dtype, shape):
    value = (rl.arange(6)[: max(1, int(np.prod(shape)))]).to(dtype)
    value = value[:0] if 0 in shape else value.reshape(shape)
    found = through(value)
    assert found.dtype is dtype
    assert found.shape == shape
    assert rl.equal(found, value)


def test_what_is_around_tensors_comes_back():
    weight = rl.randn(3, 4, requires_grad=True)
    turned = weight.detach().T
    parameter = nn.Parameter(rl.ones(2), requires_grad=False)
    found = through(
        {"w": weight, "again": weight, "t": turned, "p": parameter, "tied": weight.detach()}
    )
    assert found["w"].requires_grad
    assert found["again"] is found["w"]
    assert rl.equal(found["t"], turned)
    assert type(found["p"]) is nn.Parameter
    assert not found["p"].requires_grad
    found["tied"].zero_()
    assert found["w"].detach().sum() == 0


def test_arguments_of_a_program_come_back():
    options = Namespace(lr=0.1, layers=[1, 2], inner=Namespace(seed=None))
    assert through({"args": options, "again": options}) == {"args": options, "again": options}
    counts = defaultdict(list, {"a": [1]})
    found = through(counts)
    assert found == counts
    assert found["new"] == []
    assert through(defaultdict(None, {1: 2})) == {1: 2}
    for protocol in range(2, 6):
        data = pickle.dumps({"args": options, "counts": counts}, protocol)
        assert load(making.archive(data)) == {"args": options, "counts": counts}


def test_numpy_values_come_back():
    for value in (np.arange(6.0).reshape(2, 3), np.array(True), np.arange(4).reshape(2, 2).T):
        found = through({"x": value})["x"]
        assert found.dtype == value.dtype
        assert np.array_equal(found, value)
    assert through(np.float32(1.5)) == 1.5
    assert type(through(np.float32(1.5))) is np.float32


def test_a_training_run_comes_back(tmp_path):
    def make():
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        return model, optim.AdamW(model.parameters(), lr=1e-3)

    model, optimizer = make()
    model(rl.randn(5, 3)).sum().backward()
    optimizer.step()
    path = tmp_path / "run.pt"
    rl.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    other, its = make()
    run = rl.load(path, weights_only=True)
    assert other.load_state_dict(run["model"])
    its.load_state_dict(run["optimizer"])
    assert run["model"]._metadata == model.state_dict()._metadata
    for mine, theirs in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert rl.equal(mine, theirs)
    assert its.state_dict()["state"][0]["step"] == 1


def test_the_file_is_laid_out_as_torch_does(tmp_path):
    path = tmp_path / "x.pth"
    rl.save({"x": rl.arange(6.0), "y": rl.arange(3)}, path)
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        names = found.namelist()
        assert names[0] == "archive/data.pkl"
        assert {"archive/data/0", "archive/data/1", "archive/byteorder"} < set(names)
        assert found.read("archive/version") == b"3\n"
        assert all(info.compress_type == zipfile.ZIP_STORED for info in found.infolist())
        used = {op.name for op, *_ in pickletools.genops(found.read("archive/data.pkl"))}
    data = path.read_bytes()
    assert data.find(struct.pack("<6f", *range(6))) % 64 == 0
    assert not used & {"STACK_GLOBAL", "MEMOIZE", "SHORT_BINUNICODE", "FROZENSET", "BINBYTES"}


def test_an_archive_of_more_than_65535_records():
    value = [rl.tensor(1)] * 3 + [rl.zeros(())]
    assert through(value)[3] == 0
    from rushlight.io.zip_write import archive_parts

    data = b"".join(archive_parts((f"r/{n}", b"x") for n in range(70_000)))
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert len(found.namelist()) == 70_000
        assert found.read("r/69999") == b"x"


def test_large_records_have_long_sizes(monkeypatch):
    from rushlight.io import zip_write

    monkeypatch.setattr(zip_write, "_LIMIT", 1000)
    data = b"".join(zip_write.archive_parts([("a/data.pkl", bytes(5000)), ("a/b", bytes(10))]))
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        sizes = [info.file_size for info in found.infolist()]
    assert sizes == [5000, 10]


WRONG = {
    "a module": (nn.Linear(2, 2), TypeError, "nn.linear.Linear|Linear"),
    "a function": ([print], TypeError, r"checkpoint\[0\]"),
    "a key": ({rl.ones(1): 1}, TypeError, "keys"),
    "a factory": (defaultdict(lambda: 1), TypeError, "defaultdict"),
    "an array of objects": (np.array([None]), TypeError, "dtype object"),
    "a huge number": ([1 << 4000], ValueError, "whole numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_written(tmp_path, name):
    value, error, words = WRONG[name]
    path = tmp_path / "x.pt"
    with pytest.raises(error, match=words):
        rl.save(value, path)
    assert not path.exists()


def test_lists_that_contain_themselves():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="contain themselves"):
        through(value)


@pytest.mark.parametrize("ending", [".pt", ".PTH", ".npy", ".npz", ".rl", ".ckpt"])
def test_the_ending_decides(tmp_path, ending):
    value = {"x": rl.ones(2)} if ending != ".npy" else rl.ones(2)
    path = tmp_path / f"x{ending}"
    rl.save(value, path)
    beginning = path.read_bytes()[:2]
    expected = {".npy": b"\x93N"}.get(ending, b"PK" if ending not in (".rl", ".ckpt") else None)
    assert expected in (None, beginning)
    found = rl.load(path)
    assert rl.equal(found["x"] if ending != ".npy" else found, rl.ones(2))


def test_unknown_formats():
    with pytest.raises(ValueError, match="rushlight, torch, safetensors, numpy"):
        rl.save(1, io.BytesIO(), format="pickle")


def test_raw_opcodes_are_what_the_helper_says():
    assert making.opcodes(Raw(b"N")) == b"N"
