"""CIFAR's files, which are pickles, as Python 2 and 3 write them; nothing in them is run."""

import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest

from rushlight.data import DataLoader
from rushlight.io import RefusedFile
from rushlight.utils import download
from rushlight.utils.download import DownloadError
from rushlight.vision.datasets import CIFAR10, CIFAR100
from rushlight.vision.transforms import Compose, Lambda, Normalize, ToTensor
from tests.utils.serving import serving, status, whole

pytestmark = pytest.mark.usefixtures("plain_arrays")

DRAWN = np.random.default_rng(0)
ROWS = DRAWN.integers(256, size=(6, 3072), dtype=np.uint8)
LABELS = [3, 9, 0, 1, 1, 7]
NAMES = ["airplane", "automobile", "bird", "cat", "deer"]
NAMES += ["dog", "frog", "horse", "ship", "truck"]


def md5_of(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Python2:
    """Writes pickles of protocol 2 with the opcodes of Python 2's `cPickle`."""

    def __init__(self):
        self.memo = 0

    def dump(self, value):
        return b"\x80\x02" + self.written(value) + b"."

    def put(self):
        self.memo += 1
        return b"q" + bytes([self.memo]) if self.memo < 256 else b"r" + struct.pack("<I", self.memo)

    def written(self, value):
        if isinstance(value, str):
            text = value.encode("latin-1")
            short = len(text) < 256
            head = b"U" + bytes([len(text)]) if short else b"T" + struct.pack("<I", len(text))
            return head + text + self.put()
        if isinstance(value, int):
            small = value < 256
            return b"K" + bytes([value]) if small else b"M" + struct.pack("<H", value)
        if isinstance(value, list):
            return b"]" + self.put() + b"(" + b"".join(map(self.written, value)) + b"e"
        if isinstance(value, np.ndarray):
            return self.array(value)
        start = b"}" + self.put() + b"("
        return (
            start + b"".join(self.written(key) + self.written(value[key]) for key in value) + b"u"
        )

    def array(self, array):
        shape = b"".join(map(self.written, array.shape))
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n" + self.put() + b"cnumpy\nndarray\n"
            + self.put() + b"K\x00\x85" + self.put() + b"U\x01b\x87" + self.put() + b"R"
            + self.put() + b"(K\x01" + shape + b"\x86" + self.put() + b"cnumpy\ndtype\n"
            + self.put() + b"U\x02u1K\x00K\x01\x87" + self.put() + b"R" + self.put()
            + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
            + self.written(array.tobytes().decode("latin-1")) + b"t" + self.put() + b"b"
        )  # fmt: skip


def by_python_2(value):
    return Python2().dump(value)


def by_python_3(protocol):
    return lambda value: pickle.dumps(value, protocol)


WRITERS = {"python 2": by_python_2, **{f"protocol {n}": by_python_3(n) for n in (2, 3, 4, 5)}}


def entry(rows, labels, key="labels"):
    return {
        "batch_label": "training batch 1 of 5",
        key: labels,
        "data": rows,
        "filenames": ["a.png"],
    }


@pytest.fixture
def cifar(tmp_path):
    """Write the files and give a relative of CIFAR10 that has their checksums."""

    def write(dump=by_python_2, batches=None, meta=None, **attributes):
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir(exist_ok=True)
        batches = batches or {
            "data_batch_1": entry(ROWS[:4], LABELS[:4]),
            "data_batch_2": entry(ROWS[4:], LABELS[4:]),
            "test_batch": entry(ROWS[:1], LABELS[:1]),
        }
        meta = meta or {"num_cases_per_batch": 10000, "label_names": NAMES, "num_vis": 3072}
        sums = {}
        for name, value in {**batches, "batches.meta": meta}.items():
            content = value if isinstance(value, bytes) else dump(value)
            (folder / name).write_bytes(content)
            sums[name] = md5_of(content)
        attributes["train_list"] = [[n, s] for n, s in sums.items() if n.startswith("data")]
        attributes["test_list"] = [[n, s] for n, s in sums.items() if n.startswith("test")]
        attributes["meta"] = {**CIFAR10.meta, "md5": sums["batches.meta"]}
        return type("CIFAR10", (CIFAR10,), attributes)

    return write


def test_the_writer_writes_as_the_real_files_were_written():
    """The names of the classes, byte by byte, have the checksum that torchvision publishes."""
    meta = {"num_cases_per_batch": 10000, "label_names": NAMES, "num_vis": 3072}
    assert md5_of(by_python_2(meta)) == CIFAR10.meta["md5"]


@pytest.mark.parametrize("name", WRITERS)
def test_every_pickle(cifar, tmp_path, name):
    kind = cifar(WRITERS[name])
    dataset = kind(tmp_path)
    assert dataset.data.shape == (6, 32, 32, 3)
    assert dataset.data.dtype == np.uint8
    assert np.array_equal(dataset.data, ROWS.reshape(6, 3, 32, 32).transpose(0, 2, 3, 1))
    assert dataset.targets == LABELS
    assert dataset.classes == NAMES
    assert dataset.class_to_idx["cat"] == 3
    assert len(kind(tmp_path, train=False)) == 1
    assert repr(dataset).endswith("Split: Train")


def test_samples(cifar, tmp_path):
    image, label = cifar()(tmp_path)[4]
    assert (image.mode, image.size, label) == ("RGB", (32, 32), 1)
    pixel = ROWS[4].reshape(3, 32, 32)[:, 5, 7]
    assert image.getpixel((7, 5)) == tuple(pixel.tolist())


def test_tensors_and_batches(cifar, tmp_path):
    kind, scale = cifar(), Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    straight = kind(tmp_path, transform=Compose([ToTensor(), scale]))
    by_pillow = kind(tmp_path, transform=Compose([Lambda(lambda x: x), ToTensor(), scale]))
    assert straight.__getbatch__([1, -1]) is not None
    assert by_pillow.__getbatch__([1, -1]) is None
    loaders = [DataLoader(dataset, batch_size=4) for dataset in (straight, by_pillow)]
    for found, expected in zip(*loaders, strict=True):
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])
        assert found[1].dtype == np.int64
        assert found[0].flags.c_contiguous
    assert np.array_equal(straight[2][0], by_pillow[2][0])
    straight.targets = [str(label) for label in LABELS]
    assert straight.__getbatch__([0]) is None


def test_cifar_100(tmp_path):
    names = [f"class {number}" for number in range(100)]
    value = entry(ROWS, LABELS, "fine_labels") | {"coarse_labels": [0] * 6}
    contents = {"train": value, "test": value, "meta": {"fine_label_names": names}}
    (tmp_path / "cifar-100-python").mkdir()
    sums = {}
    for name, content in contents.items():
        content = by_python_2(content)
        (tmp_path / "cifar-100-python" / name).write_bytes(content)
        sums[name] = md5_of(content)

    class Small(CIFAR100):
        train_list = [["train", sums["train"]]]
        test_list = [["test", sums["test"]]]
        meta = {**CIFAR100.meta, "md5": sums["meta"]}

    dataset = Small(tmp_path)
    assert dataset.targets == LABELS
    assert dataset.classes == names


def test_what_is_missing_or_changed(cifar, tmp_path):
    kind = cifar()
    with pytest.raises(RuntimeError, match=r"(?s)You can use download=True.*it is not there"):
        kind(tmp_path / "elsewhere")
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(
        RuntimeError, match=r"(?s)corrupted.*data_batch_2 with the MD5.*has another"
    ):
        kind(tmp_path)
    assert len(kind(tmp_path, train=False)) == 1  # the other part is whole


class Harm:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


BAD = {
    "code": (pickle.dumps({"data": Harm()}), RefusedFile, "(?s)asks for.*exec.*runs no code"),
    "no pickle": (b"hello", RuntimeError, "damaged"),
    "cut": (by_python_2(entry(ROWS, LABELS))[:-500], RuntimeError, "damaged"),
    "a list": (pickle.dumps([1]), ValueError, "does not hold a dict, but a list"),
    "no data": (pickle.dumps({"labels": [1]}), ValueError, "found NoneType"),
    "other data": (pickle.dumps({"data": ROWS[:, :9], "labels": LABELS}), ValueError, r"\(6, 9\)"),
    "text": (pickle.dumps({"data": "x", "labels": LABELS}), ValueError, "but found str"),
    "few labels": (pickle.dumps({"data": ROWS, "labels": [1]}), ValueError, "a list of 6 labels"),
    "no labels": (pickle.dumps({"data": ROWS}), ValueError, "a list of 6 labels"),
    "odd labels": (pickle.dumps({"data": ROWS, "labels": ["a"] * 6}), ValueError, "whole numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_something_else(cifar, tmp_path, name):
    content, error, words = BAD[name]
    with pytest.raises(error, match=words) as caught:
        cifar(batches={"data_batch_1": content})(tmp_path)
    assert "data_batch_1" in str(caught.value)


@pytest.mark.parametrize("meta", [[1], {"other": 1}, {"label_names": "abc"}])
def test_names_that_are_something_else(cifar, tmp_path, meta):
    with pytest.raises(ValueError, match=r"batches\.meta"):
        cifar(pickle.dumps, meta=meta)(tmp_path)


# --------------------------------------------------------------------------------------- downloads
@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "_PAUSES", (0,))
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found


@pytest.fixture
def served(cifar, server, tmp_path):
    kind, content = cifar(), io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    content = content.getvalue()
    kind.url = server.at("/cifar.tar.gz", whole(content, stop=100), whole(content))
    kind.tgz_md5 = md5_of(content)
    return kind


def test_the_archive_is_fetched(served, server, tmp_path):
    root = tmp_path / "new"
    assert len(served(root, download=True)) == 6
    assert len(served(root, train=False, download=True)) == 1
    assert server.ranges() == [None, "bytes=100-"]
    (root / served.base_folder / "data_batch_1").write_bytes(b"changed")
    assert len(served(root, download=True)) == 6
    assert len(server.asked) == 2  # the archive is still there


def test_nothing_is_fetched_that_is_there(served, server, tmp_path):
    assert len(served(tmp_path, download=True)) == 6
    assert not server.asked


def test_an_archive_of_something_else(served, server, tmp_path):
    served.tgz_md5 = "0" * 32
    server.at("/cifar.tar.gz", status(200))
    with pytest.raises(
        DownloadError, match=r"(?s)gave 2 bytes.*put it at .*cifar-10-python.tar.gz"
    ):
        served(tmp_path / "new", download=True)
