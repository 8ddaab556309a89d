"""Fields of samples made of bytes and back, by their extensions."""

from __future__ import annotations

import io
import json
import math
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from rushlight.data import arrays
from rushlight.data.metering import stage
from rushlight.data.optional import needed

Decode = Callable[[bytes], Any]
TEXTS = ("txt", "text", "transcript")
NUMBERS = ("cls", "cls2", "index", "inx", "id", "count")
JSONS = ("json", "jsn")
IMAGES = ("jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm", "webp", "bmp", "tif", "tiff", "gif")
PICKLES = ("pyd", "pickle", "pkl", "pth", "pt")
_FORM = re.compile(r"(|torch|pil)(l|rgb|rgba)(8|)")
_QUALITY = 95
_parsing = threading.Lock()
"""NumPy reads a head by `ast`, which in Python 3.11 fails in two threads at once."""


def decode_array(data: bytes) -> np.ndarray:
    """The array of a `.npy` file; never an object that has to be unpickled."""
    width = 2 if data[6:7] == b"\1" else 4
    start = 8 + width + int.from_bytes(data[8 : 8 + width], "little")
    shape, by_columns, dtype = _layout(data[:start])
    if dtype.hasobject:
        raise ValueError("the array holds objects, which only running the file's code could make")
    expected, found = math.prod(shape) * dtype.itemsize, len(data) - start
    if expected != found:
        raise ValueError(
            f"an array of shape {shape} and {dtype} needs {expected} bytes, found {found}"
        )
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape, order="F" if by_columns else "C").copy()


@lru_cache(maxsize=256)
def _layout(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and dtype by the head of a `.npy` file; those of a data set are few."""
    stream = io.BytesIO(head)
    version = np.lib.format.read_magic(stream)
    with _parsing:
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        return np.lib.format.read_array_header_2_0(stream)


def decode_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file by their names; unpacked at most a thousand times its size."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        if total > 1000 * len(data):
            raise ValueError(f"{len(data)} bytes would unpack to {total}")
        return {
            entry.filename.removesuffix(".npy"): decode_array(archive.read(entry))
            for entry in archive.infolist()
        }


def refuse_pickle(data: bytes) -> Any:
    """What becomes of a pickle."""
    raise ValueError(
        "pickles are not loaded, because loading one can run any code; store the field as npy, npz "
        "or json, or give a decoder of your own for this extension"
    )


class ImageDecoder:
    """Makes an image of bytes, in one of WebDataset's forms.

    `rgb8`, `l8` and `rgba8` are arrays of bytes (height, width, channels), without the 8 they are
    float32 from 0 to 1; `torchrgb8` and its like have the channels first; `pil` is Pillow's image
    as it was stored, `pilrgb`, `pill` and `pilrgba` of that mode.
    """

    def __init__(self, form: str):
        found = _FORM.fullmatch(form)
        if form != "pil" and (found is None or (found[1] == "pil" and found[3])):
            raise ValueError(
                f"images={form!r} is no form of images; there are rgb8, rgb, torchrgb8, torchrgb, "
                "pilrgb, the same with l or rgba, and pil"
            )
        self.form = form
        self.place, self.mode, self.bits = found.groups() if found else ("pil", "", "")

    def __call__(self, data: bytes) -> Any:
        """The image."""
        image_module: Any = needed("PIL.Image", "decoding images", "images")
        image = image_module.open(io.BytesIO(data))
        image.load()
        if self.mode:
            image = image.convert(self.mode.upper())
        if self.place == "pil":
            return image
        array = np.asarray(image)
        if self.place == "torch":
            array = array.transpose(2, 0, 1) if array.ndim == 3 else array[None]
        return np.ascontiguousarray(array) if self.bits else np.float32(array) / np.float32(255)


def decoders(images: str | None) -> dict[str, Decode]:
    """What each extension is decoded by; other fields stay bytes."""
    table: dict[str, Decode] = dict.fromkeys(TEXTS, bytes.decode)
    table |= dict.fromkeys(NUMBERS, int)
    table |= dict.fromkeys(JSONS, json.loads)
    table |= dict.fromkeys(PICKLES, refuse_pickle)
    table |= {"npy": decode_array, "npz": decode_arrays}
    if images is not None:
        table |= dict.fromkeys(IMAGES, ImageDecoder(images))
    return table


class Decoder:
    """Decodes the fields of a sample, each by its last extension."""

    def __init__(self, images: str | None = None, handlers: dict[str, Decode] | None = None):
        own = {name.lower().lstrip("."): handler for name, handler in (handlers or {}).items()}
        self.table = decoders(images) | own

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        """The sample with its fields decoded; an error names the field."""
        with stage("decode"):
            return self._decoded(sample)

    def _decoded(self, sample: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, data in sample.items():
            decode = self.table.get(field) or self.table.get(field.rpartition(".")[2])
            if decode is None or not isinstance(data, bytes):
                found[field] = data
                continue
            try:
                found[field] = decode(data)
            except Exception as error:
                error.add_note(f"while decoding the field {field!r}")
                raise
        return found


def encode_field(field: str, value: Any) -> bytes:
    """The bytes of a field, by its last extension; bytes stay as they are."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    kind = field.rpartition(".")[2].lower()
    if kind in PICKLES:
        raise ValueError(f"the field {field!r} would be a pickle; store it as npy, npz or json")
    if kind in JSONS:
        return json.dumps(value).encode()
    if kind in TEXTS or isinstance(value, str):
        return str(value).encode()
    if kind in NUMBERS:
        return str(int(value)).encode()
    if kind in ("npy", "npz"):
        return _encode_arrays(kind, value)
    if kind in IMAGES:
        return _encode_image(kind, value)
    raise TypeError(
        f"no encoder for the field {field!r} of type {type(value).__name__}; give it as bytes"
    )


def _encode_arrays(kind: str, value: Any) -> bytes:
    file = io.BytesIO()
    if kind == "npy":
        np.save(file, arrays.to_array(value), allow_pickle=False)
    else:
        np.savez(file, **{name: arrays.to_array(each) for name, each in value.items()})
    return file.getvalue()


def _encode_image(kind: str, value: Any) -> bytes:
    image_module: Any = needed("PIL.Image", "encoding images", "images")
    if not hasattr(value, "save"):
        array = arrays.to_array(value)
        if array.dtype.kind == "f":
            array = np.rint(np.clip(array, 0, 1) * 255)
        value = image_module.fromarray(array.astype(np.uint8))
    file = io.BytesIO()
    names = {"jpg": "jpeg", "tif": "tiff", "pgm": "ppm", "pbm": "ppm", "pnm": "ppm"}
    form = names.get(kind, kind)
    options = {"quality": _QUALITY} if form == "jpeg" else {}
    value.save(file, format=form, **options)
    return file.getvalue()
