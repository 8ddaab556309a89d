"""MNIST and its kin: their files, samples and batches."""

import gzip
import hashlib
import io
import pickle
import zipfile

import numpy as np
import pytest

from rushlight.data import DataLoader, Subset, arrays
from rushlight.utils import download
from rushlight.utils.download import DownloadError
from rushlight.vision.datasets import EMNIST, KMNIST, MNIST, FashionMNIST
from rushlight.vision.datasets.mnist import read_image_file, read_label_file
from rushlight.vision.transforms import Compose, Lambda, Normalize, ToTensor
from tests.utils.serving import serving, status, whole

pytestmark = pytest.mark.usefixtures("plain_arrays")

IMAGES = (np.arange(5 * 28 * 28).reshape(5, 28, 28) % 251).astype(np.uint8)
LABELS = np.array([5, 0, 4, 1, 9])
SCALED = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])


@pytest.fixture
def mnist(tmp_path, write_idx):
    """Write one split and give its root; the names say which split and where."""

    def write(split="train", folder="", suffix="", images=IMAGES, labels=LABELS):
        raw = tmp_path / folder
        write_idx(raw / f"{split}-images-idx3-ubyte{suffix}", images)
        write_idx(raw / f"{split}-labels-idx1-ubyte{suffix}", labels)
        return tmp_path

    return write


# --------------------------------------------------------------------------------------- the files
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("folder", ["", "MNIST/raw"])
@pytest.mark.parametrize("split", ["train", "t10k"])
def test_each_split_is_found(mnist, split, folder, suffix):
    dataset = MNIST(mnist(split, folder, suffix), train=split == "train")
    assert len(dataset) == 5
    assert dataset.data.dtype == np.uint8
    assert dataset.data.tolist() == IMAGES.tolist()
    assert dataset.targets.dtype == np.int64
    assert dataset.targets.tolist() == LABELS.tolist()


def test_only_the_asked_split_is_needed(mnist):
    with pytest.raises(
        RuntimeError, match=r"Dataset not found\. You can use download=True"
    ) as caught:
        MNIST(mnist("train"), train=False)
    assert "t10k-images-idx3-ubyte" in str(caught.value)
    assert str(mnist("train") / "MNIST" / "raw") in str(caught.value)


MISMATCHES = [
    ({"images": IMAGES[0]}, "images-idx3-ubyte does not hold images"),
    ({"labels": IMAGES}, "labels-idx1-ubyte does not hold labels"),
    ({"labels": LABELS[:4]}, "5 images, but .* 4 labels"),
]


@pytest.mark.parametrize(("contents", "message"), MISMATCHES)
def test_files_that_do_not_fit_together(mnist, contents, message):
    with pytest.raises(ValueError, match=message):
        MNIST(mnist(**contents))


def test_the_files_alone(mnist):
    root = mnist()
    assert read_image_file(root / "train-images-idx3-ubyte").tolist() == IMAGES.tolist()
    labels = read_label_file(root / "train-labels-idx1-ubyte")
    assert (labels.dtype, labels.tolist()) == (np.int64, LABELS.tolist())
    with pytest.raises(ValueError, match="does not hold labels"):
        read_label_file(root / "train-images-idx3-ubyte")


# ------------------------------------------------------------------------------------- the samples
def test_samples_are_pillow_images(mnist):
    image, label = MNIST(mnist())[2]
    assert (image.mode, image.size) == ("L", (28, 28))
    assert np.array_equal(np.asarray(image), IMAGES[2])
    assert (label, type(label)) == (4, int)


def test_a_transform_is_given_a_pillow_image(mnist):
    seen = []
    dataset = MNIST(mnist(), transform=seen.append, target_transform=str)
    assert dataset[-1] == (None, "9")
    assert seen[0].getpixel((3, 2)) == IMAGES[4, 2, 3]


def test_to_tensor_makes_the_same_of_pixels_and_of_pillow_images(mnist):
    straight = MNIST(mnist(), transform=Compose([Compose([ToTensor()]), Lambda(lambda x: x)]))
    by_pillow = MNIST(mnist(), transform=Compose([Lambda(lambda x: x), ToTensor()]))
    for one, other in zip(straight, by_pillow, strict=True):
        assert np.array_equal(one[0], other[0])


def test_tensors_need_no_pillow(mnist, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    assert MNIST(mnist(), transform=ToTensor())[0][0].shape == (1, 28, 28)
    with pytest.raises(
        ImportError, match=r"MNIST needs PIL.*rushlight\[images\]|MNIST needs Pillow"
    ):
        MNIST(mnist())[0]


def test_transforms_and_loader(mnist):
    dataset = MNIST(mnist(), transform=SCALED, target_transform=lambda label: label + 10)
    images, labels = next(iter(DataLoader(dataset, batch_size=5)))
    expected = (IMAGES[:, None].astype("f4") / np.float32(255) - np.float32(0.1307)) / (
        np.float32(0.3081)
    )
    assert images.dtype == np.float32
    assert np.array_equal(images, expected)
    assert labels.tolist() == [15, 10, 14, 11, 19]


TRANSFORMS = {"tensor": ToTensor(), "scaled": SCALED, "nested": Compose([SCALED, Normalize(1, 2)])}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_whole_batch_is_what_its_samples_make(mnist, name):
    dataset = MNIST(mnist(), transform=TRANSFORMS[name])
    assert dataset.__getbatch__([0]) is not None
    one_by_one = MNIST(mnist(), transform=Compose([Lambda(lambda x: x), TRANSFORMS[name]]))
    assert one_by_one.__getbatch__([0]) is None
    for order in ([3, 1, -1, 0], [4]):
        batches = [
            next(iter(DataLoader(part, batch_size=4)))
            for part in (Subset(dataset, order), Subset(one_by_one, order))
        ]
        for found, expected in zip(*batches, strict=True):
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)


def test_a_batch_is_read_one_by_one_where_that_may_differ(mnist):
    class Own(MNIST):
        def __getitem__(self, index):
            return 1, 2

    assert Own(mnist(), transform=SCALED).__getbatch__([0]) is None
    dataset = MNIST(mnist(), transform=SCALED)
    for indices in ([5], [-6], [0.0], [True], [], ["a"], [[1]]):
        assert dataset.__getbatch__(indices) is None
    with pytest.raises(IndexError):
        list(DataLoader(dataset, sampler=[7]))
    dataset.target_transform = int
    assert dataset.__getbatch__([0]) is None
    assert MNIST(mnist()).__getbatch__([0]) is None
    assert MNIST(mnist(), transform=ToTensor()).__getbatch__([0]) is not None
    wrong = MNIST(mnist(), transform=Compose([ToTensor(), Normalize([0, 0], [1, 0])]))
    with pytest.raises(ValueError, match="zero"):
        list(DataLoader(wrong, batch_size=2))


def test_programs_may_choose_samples_through_the_attributes(mnist):
    dataset = MNIST(mnist(), transform=ToTensor())
    chosen = dataset.targets > 3
    dataset.data, dataset.targets = dataset.data[chosen], dataset.targets[chosen]
    assert [dataset[index][1] for index in range(len(dataset))] == [5, 4, 9]
    assert dataset.__getbatch__([2, 0])[1].tolist() == [9, 5]


def test_all_images_are_offered_as_tensors(mnist):
    class Tensor:
        def __init__(self, values):
            self.values = values

        def __len__(self):
            return len(self.values)

    arrays.register_array_type(
        Tensor, lambda tensor: tensor.values, lambda array, owned: Tensor(array)
    )
    dataset = MNIST(mnist())
    assert type(dataset.data) is type(dataset.targets) is Tensor
    assert dataset[1][0].getpixel((0, 0)) == IMAGES[1, 0, 0]


def test_it_survives_the_way_to_a_worker(mnist):
    dataset = pickle.loads(pickle.dumps(MNIST(mnist(), transform=SCALED)))  # noqa: S301
    assert dataset[3][1] == 1
    assert np.array_equal(dataset[3][0], MNIST(mnist(), transform=SCALED)[3][0])


def test_names(mnist):
    dataset = MNIST(str(mnist()))
    assert dataset.class_to_idx["7 - seven"] == 7
    assert dataset.raw_folder == str(mnist() / "MNIST" / "raw")
    for old, new in {"train_data": "data", "test_labels": "targets"}.items():
        with pytest.warns(UserWarning, match=f"{old} has been renamed {new}"):
            assert getattr(dataset, old) is getattr(dataset, new)


def test_repr(mnist):
    root = mnist("t10k")
    assert repr(MNIST(root, train=False, transform=ToTensor())) == (
        f"Dataset MNIST\n    Number of datapoints: 5\n    Root location: {root}\n    Split: Test\n"
        "    StandardTransform\nTransform: ToTensor()"
    )


# --------------------------------------------------------------------------------------- relatives
@pytest.mark.parametrize("kind", [FashionMNIST, KMNIST])
def test_relatives_have_their_own_folder(mnist, kind):
    dataset = kind(mnist(folder=f"{kind.__name__}/raw"))
    assert len(dataset) == 5
    assert len(dataset.classes) == len(set(dataset.classes)) == 10
    assert dataset.__getbatch__([0]) is None
    dataset.transform = ToTensor()
    assert dataset.__getbatch__([0])[1].tolist() == [5]


SPLITS = {"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 27, "digits": 10, "mnist": 10}


@pytest.mark.parametrize("split", SPLITS)
def test_emnist(tmp_path, write_idx, split):
    raw = tmp_path / "EMNIST" / "raw"
    write_idx(raw / f"emnist-{split}-test-images-idx3-ubyte", IMAGES)
    write_idx(raw / f"emnist-{split}-test-labels-idx1-ubyte", LABELS)
    dataset = EMNIST(tmp_path, split, train=False)
    assert dataset.targets.tolist() == LABELS.tolist()
    assert len(dataset.classes) == SPLITS[split]
    assert dataset.classes == sorted(dataset.classes, key=lambda name: (name != "N/A", name))
    with pytest.raises(RuntimeError, match=f"emnist-{split}-train-images"):
        EMNIST(tmp_path, split)


@pytest.mark.parametrize("split", ["", "Letters", None])
def test_unknown_splits(tmp_path, split):
    with pytest.raises(ValueError, match="split"):
        EMNIST(tmp_path, split)


# --------------------------------------------------------------------------------------- downloads
@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "_PAUSES", (0,))
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found


def packed(array):
    header = bytes([0, 0, 8, array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(header + sizes + array.astype(np.uint8).tobytes())


def md5_of(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def served(server):
    """A relative whose files the server has, by the second of its mirrors."""
    kinds = [("train", "images-idx3", IMAGES), ("train", "labels-idx1", LABELS)]
    kinds += [("t10k", "images-idx3", IMAGES[:2]), ("t10k", "labels-idx1", LABELS[:2])]
    files = {f"{split}-{kind}-ubyte.gz": packed(array) for split, kind, array in kinds}
    for name, content in files.items():
        server.at(f"/gone/{name}", status(404))
        server.at(f"/good/{name}", whole(content, stop=20), whole(content))

    class Served(MNIST):
        mirrors = [f"{server.url}/gone/", f"{server.url}/good/"]
        resources = [(name, md5_of(content)) for name, content in files.items()]

    return Served


def test_missing_files_are_fetched(served, server, tmp_path):
    assert len(served(tmp_path, train=True, download=True)) == 5
    asked = len(server.asked)
    assert len(served(tmp_path, train=False)) == 2
    assert len(served(tmp_path, train=False, download=True)) == 2
    assert len(server.asked) == asked == 12
    names = {path.name for path in (tmp_path / "Served" / "raw").iterdir()}
    assert names == {n for name, _ in served.resources for n in (name, name.removesuffix(".gz"))}


def test_without_network_the_error_says_where_files_belong(served, tmp_path, monkeypatch):
    monkeypatch.setattr(served, "mirrors", ["http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/"])
    with pytest.raises(DownloadError) as caught:
        served(tmp_path, download=True)
    message = str(caught.value)
    goal = tmp_path / "Served" / "raw" / "train-images-idx3-ubyte.gz"
    for mirror in served.mirrors:
        assert f"{mirror}train-images-idx3-ubyte.gz: no connection" in message
    assert f"put it at {goal}" in message
    goal.write_bytes(packed(IMAGES))  # as one is told
    with pytest.raises(DownloadError, match=r"put it at .*train-labels-idx1-ubyte\.gz"):
        served(tmp_path, download=True)


def test_files_put_there_by_hand_are_not_fetched(served, server, mnist):
    for split in ("train", "t10k"):
        mnist(split, "Served/raw", ".gz")
    assert len(served(mnist(), download=True)) == 5
    assert not server.asked


def test_emnist_is_one_archive(server, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for split in ("digits", "letters"):
            archive.writestr(f"gzip/emnist-{split}-train-images-idx3-ubyte.gz", packed(IMAGES))
            archive.writestr(f"gzip/emnist-{split}-train-labels-idx1-ubyte.gz", packed(LABELS))

    class Served(EMNIST):
        url = server.at("/gzip.zip", whole(content.getvalue()))
        md5 = md5_of(content.getvalue())

    assert len(Served(tmp_path, split="digits", download=True)) == 5
    assert len(Served(tmp_path, split="letters", download=True)) == 5
    assert len(server.asked) == 1
