"""Folders of files, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from rushlight.data.located import Located
from rushlight.data.metering import stage
from rushlight.vision.datasets.packed import PackedSamples, pack_attributes, unpack_attributes
from rushlight.vision.datasets.vision import Transform, VisionDataset
from rushlight.vision.opening import open_picture

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Path = str | os.PathLike[str]
Extensions = str | tuple[str, ...]


def has_file_allowed_extension(filename: str, extensions: Extensions) -> bool:
    """Whether a name ends with one of the endings, which are in small letters.

    >>> has_file_allowed_extension("cat.JPG", (".jpg", ".png"))
    True
    """
    return filename.lower().endswith(
        extensions if isinstance(extensions, str) else tuple(extensions)
    )


def is_image_file(filename: str) -> bool:
    """Whether a name ends as those of pictures do.

    >>> is_image_file("notes.txt")
    False
    """
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, sorted, and the number of each.

    FileNotFoundError if there are none.
    """
    with os.scandir(directory) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: Path,
    class_to_idx: dict[str, int] | None = None,
    extensions: Extensions | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """The path and the class of every file, in the order of classes, folders and names.

    Either `extensions` or `is_valid_file` says which files count; both or none are a ValueError,
    as is an empty `class_to_idx`. Folders within the folder of a class belong to it, as do those
    that a link leads to; one that leads back to a folder around it is left out. A class without a
    file is a FileNotFoundError unless `allow_empty`.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError(
            "Both extensions and is_valid_file cannot be None or not None at the same time"
        )
    samples: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        paths = _files(os.path.join(directory, name), extensions, is_valid_file)
        number = class_to_idx[name]
        samples.extend([(path, number) for path in paths])
        if not paths:
            empty.append(name)
    if empty and not allow_empty:
        raise FileNotFoundError(_nothing_found(empty, extensions))
    return samples


def _nothing_found(classes: list[str], extensions: Extensions | None) -> str:
    message = f"Found no valid file for the classes {', '.join(classes)}. "
    if extensions is None:
        return message
    listed = extensions if isinstance(extensions, str) else ", ".join(extensions)
    return f"{message}Supported extensions are: {listed}"


def _files(
    folder: str, extensions: Extensions | None, is_valid_file: Callable[[str], bool] | None
) -> list[str]:
    """The files that count, in a folder and those within it, sorted by folder and name."""
    if not os.path.isdir(folder):
        return []
    found: list[tuple[str, list[str]]] = []
    rest: list[tuple[str, frozenset]] = [(folder, frozenset([_identity(folder)]))]
    while rest:
        place, around = rest.pop()
        names = []
        with os.scandir(place) as entries:
            for entry in entries:
                if not _is_folder(entry):
                    names.append(entry.name)
                elif (identity := _identity(entry.path)) not in around:
                    rest.append((entry.path, around | {identity}))
        found.append((place, names))
    found.sort()
    paths = [os.path.join(place, name) for place, names in found for name in sorted(names)]
    if is_valid_file is not None:
        return [path for path in paths if is_valid_file(path)]
    endings = extensions if isinstance(extensions, str) else tuple(extensions or ())
    return [path for path in paths if path.lower().endswith(endings)]


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere is a file that cannot be read
        return False


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


class DatasetFolder(VisionDataset[tuple[Any, Any]]):
    """Samples in files, one folder for each class: `root/class/any/where/name.ext`.

    `loader` makes a sample of a path. `extensions`, or else `is_valid_file`, says which files
    count. `classes` are the names of the folders, sorted; `class_to_idx` has their numbers;
    `samples` is a list of paths and numbers, `targets` of numbers alone. Only names are read until
    a sample is asked for. A subclass may have its own `find_classes` and `make_dataset`; see
    `make_dataset` for the errors.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat/1.txt", "dog/2.txt"):
    ...         path = pathlib.Path(folder) / name
    ...         path.parent.mkdir()
    ...         _ = path.write_text(name.upper())
    ...     dataset = DatasetFolder(folder, lambda path: open(path).read(), (".txt",))
    ...     dataset.classes, dataset[1]
    (['cat', 'dog'], ('DOG/2.TXT', 1))
    """

    def __init__(
        self,
        root: Path,
        loader: Callable[[str], Any],
        extensions: Extensions | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root,
            class_to_idx=self.class_to_idx,
            extensions=extensions,
            is_valid_file=is_valid_file,
            allow_empty=allow_empty,
        )
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: Path,
        class_to_idx: dict[str, int],
        extensions: Extensions | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The samples; see the function `make_dataset`. Without classes it is a ValueError."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: Path) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; see the function `find_classes`."""
        return find_classes(directory)

    # A worker process gets a million paths as arrays in shared memory, by protocol 5 of pickle,
    # and makes the lists only if somebody asks for them.
    _packed: PackedSamples | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        reduced = super().__reduce_ex__(protocol)
        if protocol < 5 or len(reduced) < 3 or type(reduced[2]) is not dict:
            return reduced
        return *reduced[:2], pack_attributes(reduced[2]), *reduced[3:]

    def __getattr__(self, name: str) -> Any:
        if self._packed is not None and name in ("samples", "imgs", "targets"):
            self.__dict__.update(unpack_attributes(self._packed) | self.__dict__)
            self._packed = None
            return getattr(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _chosen(self) -> Any:
        """The samples, in the form that is there."""
        packed = None if "samples" in self.__dict__ else self._packed
        return self.samples if packed is None else packed

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self._chosen()[index]
        with Located(lambda: f"while loading {path}"):
            sample = self.loader(path)
        return self._applied(sample, target)

    def __len__(self) -> int:
        return len(self._chosen())


def pil_loader(path: Path) -> Any:
    """The picture in a file, as a Pillow image in RGB."""
    with open(path, "rb") as file, stage("decode"):
        return open_picture(file, "ImageFolder").convert("RGB")


def default_loader(path: Path) -> Any:
    """What `ImageFolder` reads a file with: `pil_loader`."""
    return pil_loader(path)


class ImageFolder(DatasetFolder):
    """Pictures, one folder for each class: `root/dog/1.jpg`, `root/cat/2.png`.

    A sample is a Pillow image in RGB, after `transform`, and the number of its class. Endings that
    count are those of `IMG_EXTENSIONS`, unless `is_valid_file` decides. `imgs` is another name of
    `samples`; see `DatasetFolder` for the rest.

    >>> ImageFolder("no-such-folder")
    Traceback (most recent call last):
    FileNotFoundError: ...
    """

    def __init__(
        self,
        root: Path,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
