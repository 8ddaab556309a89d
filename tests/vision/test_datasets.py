import gzip

import numpy as np
import pytest

from rushlight.data import DataLoader, arrays
from rushlight.vision.datasets import MNIST, read_idx
from rushlight.vision.transforms import Compose, Normalize, ToTensor

pytestmark = pytest.mark.usefixtures("plain_arrays")

IMAGES = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 251
LABELS = np.array([5, 0, 4, 1, 9])
HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 3])


@pytest.fixture
def mnist(tmp_path, write_idx):
    """Write one split and give its root; the names say which split and where."""

    def write(split="train", folder="", suffix="", images=IMAGES, labels=LABELS):
        raw = tmp_path / folder
        write_idx(raw / f"{split}-images-idx3-ubyte{suffix}", images)
        write_idx(raw / f"{split}-labels-idx1-ubyte{suffix}", labels)
        return tmp_path

    return write


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", ">i2", ">i4", ">f4", ">f8"])
def test_every_element_type(tmp_path, write_idx, dtype, suffix):
    array = np.array([[0, 1, 2], [3, -4, 100]]).astype(dtype)
    found = read_idx(write_idx(tmp_path / f"array{suffix}", array, dtype))
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (1, 2, 3, 2)])
def test_every_rank(tmp_path, write_idx, shape):
    assert read_idx(write_idx(tmp_path / "array", np.ones(shape))).shape == shape


def test_a_compressed_file_needs_no_suffix(tmp_path):
    path = tmp_path / "array"
    path.write_bytes(gzip.compress(HEADER + b"abc"))
    assert read_idx(path).tolist() == [97, 98, 99]


PACKED = gzip.compress(HEADER + bytes(1000), mtime=0)

BAD_FILES = [
    (b"", "not an IDX file.*found nothing"),
    (b"\x89PNG\r\n", "not an IDX file.*89 50 4e 47"),
    (bytes([0, 0, 7, 1, 0, 0, 0, 0]), "not an IDX file.*00 00 07 01"),
    (HEADER[:7], "truncated: it ends within its header of 8 bytes"),
    (HEADER, "truncated.*needs 3 bytes.*but 0 are there"),
    (HEADER + b"ab", "truncated.*needs 3 bytes.*but 2 are there"),
    (HEADER + b"abcd", "too long.*needs 3 bytes.*but 4 are there"),
    (bytes([0, 0, 14, 3]) + b"\xff" * 12, "truncated.*but 0 are there"),
    (PACKED[:-12], "damaged gzip"),
    (PACKED[:15] + b"\x55" + PACKED[16:], "damaged gzip"),
    (PACKED[:5], "damaged gzip"),
    (gzip.compress(b"hello", mtime=0), "not an IDX file"),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("folder", ["", "MNIST/raw"])
@pytest.mark.parametrize("split", ["train", "t10k"])
def test_each_split_is_found(mnist, split, folder, suffix):
    dataset = MNIST(mnist(split, folder, suffix), train=split == "train", download=True)
    assert len(dataset) == 5
    image, label = dataset[2]
    assert image.dtype == np.uint8
    assert image.tolist() == IMAGES[2].tolist()
    assert (label, type(label)) == (4, int)
    assert dataset.targets.dtype == np.int64


def test_only_the_asked_split_is_needed(mnist):
    with pytest.raises(RuntimeError, match="t10k-images-idx3-ubyte") as caught:
        MNIST(mnist("train"), train=False)
    assert str(mnist("train") / "MNIST" / "raw") in str(caught.value)


def test_downloading_is_not_there_yet(tmp_path):
    with pytest.raises(NotImplementedError, match="downloading is not built yet"):
        MNIST(tmp_path, download=True)


MISMATCHES = [
    ({"images": IMAGES[0]}, "images-idx3-ubyte does not hold images"),
    ({"labels": IMAGES}, "labels-idx1-ubyte does not hold labels"),
    ({"labels": LABELS[:4]}, "5 images, but .* 4 labels"),
]


@pytest.mark.parametrize(("contents", "message"), MISMATCHES)
def test_files_that_do_not_fit_together(mnist, contents, message):
    with pytest.raises(ValueError, match=message):
        MNIST(mnist(**contents))


def test_transforms_and_loader(mnist):
    dataset = MNIST(
        mnist(),
        transform=Compose([ToTensor(), Normalize((0.1307,), (0.3081,))]),
        target_transform=lambda label: label + 10,
    )
    images, labels = next(iter(DataLoader(dataset, batch_size=5)))
    expected = (IMAGES[:, None].astype("f4") / np.float32(255) - np.float32(0.1307)) / (
        np.float32(0.3081)
    )
    assert images.dtype == np.float32
    assert np.array_equal(images, expected)
    assert labels.tolist() == [15, 10, 14, 11, 19]


def test_programs_may_choose_samples_through_the_attributes(mnist):
    dataset = MNIST(mnist())
    chosen = dataset.targets > 3
    dataset.data, dataset.targets = dataset.data[chosen], dataset.targets[chosen]
    assert [dataset[index][1] for index in range(len(dataset))] == [5, 4, 9]


def test_all_images_are_offered_as_tensors(mnist):
    arrays.register_array_type(list, np.asarray, lambda array, owned: array.tolist())
    dataset = MNIST(mnist())
    assert dataset.targets == LABELS.tolist()
    assert dataset[1][0].tolist() == IMAGES[1].tolist()


def test_subclasses_have_their_own_folder(mnist):
    class FashionMNIST(MNIST):
        pass

    assert len(FashionMNIST(mnist(folder="FashionMNIST/raw"))) == 5


def test_repr(mnist):
    root = mnist("t10k")
    assert repr(MNIST(root, train=False)) == (
        f"Dataset MNIST\n    Number of datapoints: 5\n    Root location: {root}\n    Split: Test"
    )
