"""`save` and `load`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from io import TextIOBase
from typing import IO, Any

from rushlight.device import check_device, device
from rushlight.io.decode import decode, decode_plain
from rushlight.io.encode import encode
from rushlight.io.file import Damaged, assemble, take_apart
from rushlight.io.foreign import looks_like
from rushlight.io.write import replace_file

Path = str | os.PathLike
Location = str | device | Mapping | Callable | None


def save(obj: Any, f: Path | IO[bytes]) -> None:
    """Write tensors, and what is around them, to a file by path or to an open binary file.

    `obj` is a tensor, Parameter, NumPy array or number, bool, number, text, bytes, None, dtype or
    device, or a dict, OrderedDict, list, tuple or set of these, nested as you like, such as
    `state_dict()`s of modules and optimisers.  Keys of dicts are texts, numbers, bools, None or
    tuples of them.

    Tensors that share all of their storage are saved once and share it again when loaded.  Views
    are saved by themselves, without the rest of their storage.  Gradients are not saved.

    A file by path is written beside the old one and then takes its place, so whatever happens the
    old file or the new one is there as a whole.

    Raises TypeError for anything else, naming its place, and ValueError for a list or dict that
    contains itself; nothing is written then.  The docstring of `rushlight.io` tells the format.

    >>> import io
    >>> import rushlight as rl
    >>> file = io.BytesIO()
    >>> rl.save({"epoch": 3, "weight": rl.ones(2)}, file)
    >>> rl.load(io.BytesIO(file.getvalue()))
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    _check_file("save", f, "write")
    structure, stored = encode(obj)
    parts = assemble(json.dumps(structure, allow_nan=False, separators=(",", ":")), stored)
    if not hasattr(f, "write"):
        replace_file(f, parts)
        return
    for part in parts:
        _write_all(f, part)


def load(
    f: Path | IO[bytes],
    map_location: Location = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` wrote, by path or from an open binary file; never runs code.

    A safetensors file of another program is read as a dict of tensors.  `map_location` is checked:
    everything is loaded to the CPU.  `weights_only` and `mmap` are accepted for PyTorch's sake;
    there is no unsafe way to load, whatever they say.

    Raises RuntimeError, telling what the file looks like, if it is damaged, incomplete or
    something else, and FileNotFoundError and the like as `open` does.

    >>> import rushlight as rl
    >>> rl.load("nowhere.rl")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.rl'
    """
    _check_location(map_location)
    _check_file("load", f, "read")
    if not hasattr(f, "read"):
        with open(f, "rb") as file:
            return _read(file.read(), repr(os.fspath(f)))
    return _read(f.read(), f"the {type(f).__name__}")


def _check_file(operation: str, f: Any, method: str) -> None:
    """TypeError unless it is a path or a file of bytes."""
    if isinstance(f, (str, os.PathLike)) or (hasattr(f, method) and not isinstance(f, TextIOBase)):
        return
    raise TypeError(
        f"{operation}(): Expected a path, or a file open for bytes, as by open(path, "
        f"'{method[0]}b').\nActual: {type(f).__name__}."
    )


def _write_all(file: IO[bytes], part: bytes | memoryview) -> None:
    """Write to the end, also where a raw file takes only a piece at a time."""
    rest = memoryview(part)
    while rest.nbytes:
        written = file.write(rest)
        rest = rest[len(rest) if written is None else written :]


def _read(data: bytes, name: str) -> Any:
    found = looks_like(data)
    if found is not None:
        raise RuntimeError(
            f"rl.load cannot read {name}\nExpected: a file by rl.save, or another safetensors "
            f"file.\nActual: {found}\nrl.load never runs code, so it reads no pickles."
        )
    try:
        structure, stored = take_apart(data)
        del data
        return decode_plain(stored) if structure is None else decode(structure, stored)
    except Damaged as reason:
        raise RuntimeError(
            f"rl.load cannot read {name}: the file is damaged\nExpected: a whole file by rl.save, "
            f"or another safetensors file.\nActual: {reason}\nLoading runs no code that a file "
            "may contain; nothing was loaded."
        ) from None


def _check_location(location: Location) -> None:
    """RuntimeError for a device that is not there; a function's answer makes no difference."""
    if isinstance(location, Mapping):
        for wanted in location.values():
            check_device(wanted)
    elif not callable(location):
        check_device(location)
