"""Folders of files, one folder for each class."""

import copy
import os
import random
import sys

import numpy as np
import pytest

from rushlight.data import DataLoader
from rushlight.data.workers.packing import pack, unpack
from rushlight.vision.datasets import DatasetFolder, ImageFolder
from rushlight.vision.datasets.folder import (
    IMG_EXTENSIONS,
    default_loader,
    find_classes,
    has_file_allowed_extension,
    is_image_file,
    make_dataset,
    pil_loader,
)
from rushlight.vision.transforms import ToTensor

FILES = ["cat/b.png", "cat/A.JPG", "cat/z/a.png", "cat/z-1/a.png", "cat/notes.txt", "dog/1.webp"]
FILES += ["dog/deep/deeper/2.ppm", "dog/.hidden.png", "top.png"]
EXPECTED = ["cat/A.JPG", "cat/b.png", "cat/z/a.png", "cat/z-1/a.png"]
EXPECTED += ["dog/.hidden.png", "dog/1.webp", "dog/deep/deeper/2.ppm"]


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def read(path):
    with open(path) as file:
        return file.read()


def names(root, samples):
    return [os.path.relpath(path, root) for path, _ in samples]


def by_walking(root, classes):
    """The same by `os.walk`, which sorts folders by their whole path."""
    found = []
    for name in classes:
        for folder, _, files in sorted(os.walk(root / name)):
            found += [os.path.join(folder, file) for file in sorted(files)]
    return [path for path in found if is_image_file(path)]


def test_classes_samples_and_targets(root):
    dataset = ImageFolder(root, loader=read)
    assert dataset.classes == ["cat", "dog"]
    assert dataset.class_to_idx == {"cat": 0, "dog": 1}
    assert names(root, dataset.samples) == EXPECTED
    assert [path for path, _ in dataset.samples] == by_walking(root, dataset.classes)
    assert dataset.imgs is dataset.samples
    assert dataset.targets == [0, 0, 0, 0, 1, 1, 1]
    assert len(dataset) == 7
    assert dataset[2] == ("cat/z/a.png", 0)
    assert repr(dataset) == (
        f"Dataset ImageFolder\n    Number of datapoints: 7\n    Root location: {root}"
    )


def test_many_folders_come_in_the_order_of_a_walk(tmp_path):
    chance = random.Random(0)
    letters = ["a", "b", "-", ".x", "é", "Z", "a b"]
    for _ in range(150):
        depth = chance.randrange(1, 5)
        folder = tmp_path.joinpath(
            "one", *("".join(chance.choices(letters, k=2)) for _ in range(depth))
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{chance.choice(letters)}.png").touch()
    found = [path for path, _ in make_dataset(tmp_path, extensions=".png")]
    assert found == by_walking(tmp_path, ["one"])
    assert len(found) > 100


@pytest.mark.parametrize("root_kind", [str, lambda path: path])
def test_transforms(root, root_kind):
    dataset = DatasetFolder(root_kind(root), read, (".png",), str.upper, lambda label: label + 1)
    assert dataset[0] == ("CAT/B.PNG", 1)
    assert dataset.root == root_kind(root)
    assert dataset.extensions == (".png",)
    assert dataset[0][0].startswith("CAT")


def test_files_are_chosen_by_ending_or_by_function(root):
    assert names(root, make_dataset(root, extensions=".txt", allow_empty=True)) == ["cat/notes.txt"]
    odd = make_dataset(root, is_valid_file=lambda path: path.endswith(("b.png", "1.webp")))
    assert names(root, odd) == ["cat/b.png", "dog/1.webp"]
    dataset = ImageFolder(
        root, loader=read, is_valid_file=lambda path: "notes" in path, allow_empty=True
    )
    assert dataset[0] == ("cat/notes.txt", 0)
    assert dataset.extensions is None


def test_some_classes_only(root):
    found = make_dataset(root, {"dog": 5, "none": 6}, (".webp",), allow_empty=True)
    assert [(os.path.basename(path), number) for path, number in found] == [("1.webp", 5)]

    class Dogs(ImageFolder):
        def find_classes(self, directory):
            return ["dog"], {"dog": 0}

    assert Dogs(root, loader=read).targets == [0, 0, 0]


WRONG = {
    "no classes": (
        lambda root: find_classes(root / "cat" / "z"),
        FileNotFoundError,
        "class folder",
    ),
    "no folder": (lambda root: ImageFolder(root / "none"), FileNotFoundError, "none"),
    "both": (
        lambda root: make_dataset(root, extensions=".x", is_valid_file=str),
        ValueError,
        "Both",
    ),
    "neither": (lambda root: make_dataset(root), ValueError, "Both extensions and is_valid_file"),
    "of no classes": (
        lambda root: make_dataset(root, {}, ".png"),
        ValueError,
        "at least one entry",
    ),
    "method": (
        lambda root: DatasetFolder.make_dataset(root, None, ".png"),
        *(ValueError, "class_to_idx parameter cannot be None"),
    ),
    "empty": (
        lambda root: make_dataset(root, extensions=(".txt", ".md")),
        *(FileNotFoundError, r"the classes dog\. Supported extensions are: \.txt, \.md"),
    ),
    "nothing valid": (
        lambda root: make_dataset(root, is_valid_file=lambda path: False),
        *(FileNotFoundError, r"the classes cat, dog\. $"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_folders_and_arguments(root, name):
    call, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        call(root)


def test_empty_classes_may_be_allowed(root):
    (root / "bird").mkdir()
    with pytest.raises(FileNotFoundError, match="bird"):
        ImageFolder(root)
    dataset = ImageFolder(root, allow_empty=True)
    assert dataset.classes == ["bird", "cat", "dog"]
    assert set(dataset.targets) == {1, 2}


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_links(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "far.png").write_text("far")
    (root / "cat" / "y").symlink_to(other)
    (root / "dog" / "round").symlink_to(root / "dog")
    (root / "dog" / "deep" / "back").symlink_to("..")
    (root / "dog" / "broken.png").symlink_to("nowhere")
    (root / "fox").symlink_to(root / "dog")
    found = names(root, ImageFolder(root).samples)
    dogs = ["dog/.hidden.png", "dog/1.webp", "dog/broken.png", "dog/deep/deeper/2.ppm"]
    foxes = [name.replace("dog", "fox") for name in dogs]
    assert found == [*EXPECTED[:2], "cat/y/far.png", *EXPECTED[2:4], *dogs, *foxes]


def test_an_error_names_the_file(root):
    with pytest.raises(Exception, match="cannot identify") as caught:
        ImageFolder(root)[0]
    assert any(f"while loading {root}/cat/A.JPG" in note for note in caught.value.__notes__)


PIXELS = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)


@pytest.fixture
def pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    colour = image.fromarray(PIXELS)
    colour.save(tmp_path / "a" / "1.png")
    colour.convert("L").save(tmp_path / "a" / "2.bmp")
    colour.convert("P").save(tmp_path / "b" / "3.tif")
    colour.convert("RGBA").save(tmp_path / "b" / "4.webp", lossless=True)
    return tmp_path


def test_pictures_of_every_mode_come_in_rgb(pictures):
    dataset = ImageFolder(pictures)
    for (image, label), expected in zip(dataset, [0, 0, 1, 1], strict=True):
        assert (image.mode, image.size, label) == ("RGB", (5, 6), expected)
    assert np.array_equal(np.asarray(dataset[0][0]), PIXELS)
    assert np.array_equal(np.asarray(dataset[3][0]), PIXELS)


def test_loaders(pictures):
    path = pictures / "a" / "1.png"
    assert np.array_equal(np.asarray(pil_loader(path)), np.asarray(default_loader(str(path))))


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_pictures_in_a_loader(pictures, kind):
    loader = DataLoader(
        ImageFolder(pictures, ToTensor()), batch_size=2, num_workers=2, worker_type=kind
    )
    images, labels = zip(*loader, strict=True)
    assert np.array_equal(np.asarray(images[0])[0], PIXELS.transpose(2, 0, 1) / np.float32(255))
    assert [label.tolist() for label in labels] == [[0, 0], [1, 1]]


def test_pictures_need_pillow(pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"rushlight\[images\]"):
        ImageFolder(pictures)[0]


def test_endings():
    assert all(is_image_file(f"x{ending.upper()}") for ending in IMG_EXTENSIONS)
    assert not is_image_file("x.png.txt")
    assert has_file_allowed_extension("a.TAR", ".tar")
    assert has_file_allowed_extension("a.b", [".c", ".b"])


# ----------------------------------------------------------------------------- the way to a worker
def sent(dataset):
    return unpack(*pack(dataset))


@pytest.mark.parametrize("index", [0, 3, -1, -7])
def test_a_worker_makes_of_arrays_what_it_is_asked_for(root, index):
    dataset = ImageFolder(root, loader=read)
    found = sent(dataset)
    assert "samples" not in vars(found)
    assert found[index] == dataset[index]
    assert len(found) == 7
    for wrong in (7, -8):
        with pytest.raises(IndexError):
            found[wrong]
    assert "samples" not in vars(found)
    assert found.samples == dataset.samples
    assert found.imgs is found.samples
    assert found.targets == dataset.targets
    assert found[index] == dataset[index]


def test_what_was_changed_stays_changed(root):
    dataset = ImageFolder(root, loader=read)
    dataset.samples = dataset.samples[:2]
    dataset.targets = [5, 5]
    found = sent(dataset)
    assert (len(found), found.targets, len(found.imgs)) == (2, [5, 5], 7)
    found.samples = []
    assert len(found) == 0
    assert found.samples == []
    again = sent(dataset)
    again.targets = "mine"
    assert (again.samples, again.targets) == (dataset.samples, "mine")


@pytest.mark.parametrize(
    "odd", [("a", 1.0), ("a", 1, 2), (1, 2), "ab", ["a", 1], ("a", 1 << 70), ("a\0", 1)]
)
def test_other_samples_travel_as_they_are(root, odd):
    dataset = ImageFolder(root, loader=read)
    dataset.samples = [("b", 2), odd]
    assert vars(sent(dataset))["samples"] == dataset.samples


class Own(ImageFolder):
    def __reduce__(self):
        return Own, (self.root,)


def test_a_subclass_may_travel_in_its_own_way(root):
    assert sent(Own(root)).samples == Own(root).samples


def test_names_of_any_letters_travel(tmp_path):
    names = ["é.png", "\udcff.png", "日本.png", "a\nb.png"]
    (tmp_path / "c").mkdir()
    for name in names:
        (tmp_path / "c" / name).touch()
    dataset = ImageFolder(tmp_path, loader=str)
    found = sent(dataset)
    assert [found[index] for index in range(4)] == dataset.samples


def test_copies_share_the_list(root):
    dataset = ImageFolder(root)
    assert copy.copy(dataset).samples is dataset.samples
    assert copy.deepcopy(dataset).samples == dataset.samples
    with pytest.raises(AttributeError, match="'ImageFolder' object has no attribute 'sample'"):
        sent(dataset).sample
    assert not hasattr(ImageFolder.__new__(ImageFolder), "samples")
