"""Files of tensors by name in the safetensors format, under that package's own names.

>>> import tempfile, rushlight as rl
>>> from rushlight.io.safetensors import load_file, save_file
>>> with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
...     save_file({"weight": rl.ones(2)}, file.name, metadata={"made by": "me"})
...     load_file(file.name)
{'weight': tensor([1., 1.])}
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from typing import Any

from rushlight.device import check_device
from rushlight.graph.dtype import bool_
from rushlight.graph.node import input_node
from rushlight.graph.recorder import value_of
from rushlight.graph.spec import spec_of
from rushlight.io.decode import decode_plain
from rushlight.io.file import (
    CODES,
    Damaged,
    Refused,
    Stored,
    check_bools,
    check_places,
    plain_parts,
    read_table,
    take_apart,
)
from rushlight.io.plain import show
from rushlight.io.reasons import explained
from rushlight.io.source import FileSource, MappedSource, Source
from rushlight.io.write import replace_file
from rushlight.tensor import Tensor, node_of, wrap

__all__ = ["load", "load_file", "save", "save_file"]

Path = str | os.PathLike

_METADATA, _WANTED = "__metadata__", "a safetensors file."


def save_file(tensors: Mapping[str, Tensor], filename: Path, metadata: Any = None) -> None:
    """Write tensors by name to a file that every reader of safetensors opens.

    Tensors that share memory are written each for itself, in C order.  `metadata` is a dict of
    texts.  The file takes the old one's place as a whole, or not at all.
    TypeError for anything but a dict of tensors.
    """
    replace_file(filename, _parts(tensors, metadata))


def save(tensors: Mapping[str, Tensor], metadata: Any = None) -> bytes:
    """The bytes of a safetensors file.

    >>> import rushlight as rl
    >>> load(save({"a": rl.arange(3)}))
    {'a': tensor([0, 1, 2])}
    """
    return b"".join(bytes(part) for part in _parts(tensors, metadata))


def _parts(tensors: Any, metadata: Any) -> list[bytes | memoryview]:
    if not isinstance(tensors, Mapping):
        raise TypeError(
            "Expected a dict of [str, rushlight.Tensor]\n"
            f"Actual: {type(tensors).__name__}. In safetensors.save."
        )
    stored = {_name(name): _stored(name, tensor) for name, tensor in tensors.items()}
    if metadata is not None and any(type(x) is not str for item in metadata.items() for x in item):
        raise TypeError("Expected metadata that is a dict of texts.\nIn safetensors.save.")
    return plain_parts(stored, metadata)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file; RuntimeError if they are none."""
    with explained("safetensors.load", "the bytes", _WANTED):
        _, stored = take_apart(bytes(data))
        return decode_plain(stored)


def load_file(filename: Path, device: Any = "cpu", *, mmap: bool = False) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; RuntimeError if it is damaged or none.

    With `mmap` the file is mapped into memory, and numbers are read from it when they are used.
    """
    import safetensors

    check_device(device)
    with open(filename, "rb") as file, explained("safetensors.load_file", filename, _WANTED):
        source = FileSource(file)
        if not source.size:
            raise Damaged("it is empty.")
        try:
            # Only checks the header: its names, sizes and places against the file's length.
            with safetensors.safe_open(filename, framework="numpy"):
                pass
        except (safetensors.SafetensorError, OSError) as reason:
            raise Damaged(f"{reason}.") from None
        return read_tensors(MappedSource(file) if mmap else source)


def is_ours(source: Source) -> bool:
    """Whether `rl.save` wrote the file, so that there is more in it than tensors by name."""
    metadata = _header(source)[0].get(_METADATA)
    return isinstance(metadata, dict) and "rushlight" in metadata


def read_tensors(source: Source) -> dict[str, Tensor]:
    """The tensors of a file, each checked to lie where the header says."""
    table, base = _header(source)
    table.pop(_METADATA, None)
    check_places(table, source.size - base)
    return {name: _tensor(source, name, entry, base) for name, entry in table.items()}


def _header(source: Source) -> tuple[dict, int]:
    length = int.from_bytes(source.read(0, 8), "little")
    return read_table(source.read(8, length)), 8 + length


def _tensor(source: Source, name: str, entry: Any, base: int) -> Tensor:
    dtype = CODES.get(entry["dtype"])
    if dtype is None:
        raise Refused(f"{name!r} has numbers of kind {entry['dtype']}, which Rushlight lacks.")
    if math.prod(n for n in entry["shape"] if n) >= 1 << 62:
        raise Damaged(f"{name!r} has the shape {show(tuple(entry['shape']))}.")
    start, end = entry["data_offsets"]
    spec = spec_of(tuple(entry["shape"]), dtype)
    if end - start != spec.nbytes:
        raise Damaged(f"{name!r} has {end - start:,} of {spec.nbytes:,} bytes.")
    memory = source.memory(base + start, end - start, dtype.itemsize)
    if dtype is bool_:
        check_bools(memory.stored(spec.shape, dtype), repr(name))
    if sys.byteorder != "little":
        memory.stored(spec.shape, dtype).byteswap(inplace=True)
    return wrap(input_node(memory, spec))


def _name(name: Any) -> str:
    if type(name) is not str or name == _METADATA:
        raise TypeError(f"Expected names that are texts.\nActual: {name!r}. In safetensors.save.")
    return name


def _stored(name: str, tensor: Any) -> Stored:
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Key `{name}` is invalid, expected rushlight.Tensor but received "
            f"{type(tensor).__name__}\nIn safetensors.save."
        )
    node = node_of(tensor)
    dtype = node.spec.dtype
    if dtype not in CODES.values():
        raise TypeError(f"The format has no {dtype.name}\nActual: {name}. In safetensors.save.")
    return Stored(dtype, value_of(node).stored(node.spec.shape, dtype))
