"""`save` and `load`."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from io import TextIOBase
from typing import IO, Any

from rushlight.device import check_device, device
from rushlight.io import numpy_files
from rushlight.io.archive import Archive
from rushlight.io.decode import decode, decode_plain
from rushlight.io.encode import encode
from rushlight.io.file import assemble, take_apart
from rushlight.io.foreign import looks_like
from rushlight.io.reasons import explained
from rushlight.io.safetensors import is_ours, read_tensors
from rushlight.io.source import FileSource, MappedSource, Source
from rushlight.io.torch_read import is_old_form, pickle_of, read_archive, read_old_form
from rushlight.io.write import replace_file

Path = str | os.PathLike
Location = str | device | Mapping | Callable | None

_ENDINGS = {".pt": "torch", ".pth": "torch", ".npy": "numpy", ".npz": "numpy"}
_FORMATS = ("rushlight", "torch", "safetensors", "numpy")
_WANTED = "a whole file by rl.save, torch.save, numpy.save or of safetensors."


def save(obj: Any, f: Path | IO[bytes], *, format: str | None = None) -> None:
    """Write tensors, and what is around them, to a file by path or to an open binary file.

    `obj` is a tensor, Parameter, NumPy array or number, bool, number, text, bytes, None, dtype or
    device, or a dict, OrderedDict, list, tuple or set of these, nested as you like, such as
    `state_dict()`s of modules and optimisers.  Keys of dicts are texts, numbers, bools, None or
    tuples of them.

    Tensors that share all of their storage are saved once and share it again when loaded.  Views
    are saved by themselves, without the rest of their storage.  Gradients are not saved.

    `format` is "rushlight"; "torch", which `torch.load` reads; "safetensors", for a dict of
    tensors; or "numpy", for a tensor (a `.npy` file) or a dict of tensors (`.npz`).  None goes by
    the path's ending: "torch" for .pt and .pth, "numpy" for .npy and .npz, else "rushlight".
    The "torch" form also takes an `argparse.Namespace` and a `defaultdict`.  With
    `weights_only=True`, its default, `torch.load` reads all that it holds but these two, NumPy
    arrays and numbers, and frozensets.

    A file by path is written beside the old one and then takes its place, so whatever happens the
    old file or the new one is there as a whole.

    Raises TypeError for anything else, naming its place, and ValueError for a list or dict that
    contains itself, and for an unknown format; nothing is written then.  The docstring of
    `rushlight.io` tells the format.

    >>> import io
    >>> import rushlight as rl
    >>> file = io.BytesIO()
    >>> rl.save({"epoch": 3, "weight": rl.ones(2)}, file)
    >>> rl.load(io.BytesIO(file.getvalue()))
    {'epoch': 3, 'weight': tensor([1., 1.])}
    """
    _check_file("save", f, "write")
    parts = _parts(obj, _format_of(f, format))
    if not hasattr(f, "write"):
        replace_file(f, parts)
        return
    for part in parts:
        _write_all(f, part)


def _format_of(f: Path | IO[bytes], name: str | None) -> str:
    if name is None:
        path = "" if hasattr(f, "write") else os.fspath(f)
        ending = os.path.splitext(os.fsdecode(path))[1]
        return _ENDINGS.get(ending.lower(), "rushlight")
    if name not in _FORMATS:
        raise ValueError(f"save(): Expected a format of {', '.join(_FORMATS)}.\nActual: {name!r}.")
    return name


def _parts(obj: Any, form: str) -> Iterable[bytes | memoryview]:
    """The parts of the file, one after the other."""
    if form == "torch":
        from rushlight.io.torch_write import torch_parts

        return torch_parts(obj)
    if form == "numpy":
        from rushlight.io.numpy_files import numpy_parts

        return numpy_parts(obj)
    if form == "safetensors":
        from rushlight.io import safetensors

        return [safetensors.save(obj)]
    structure, stored = encode(obj)
    return assemble(json.dumps(structure, allow_nan=False, separators=(",", ":")), stored)


def load(
    f: Path | IO[bytes],
    map_location: Location = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` wrote, by path or from an open binary file; never runs code.

    Files of other programs are read too: by `torch.save` (both its forms; tensors, parameters,
    NumPy arrays and plain values), safetensors (a dict of tensors), and NumPy's `.npy` (a tensor)
    and `.npz` (a dict of tensors).  A file that asks for anything else, such as a module saved
    whole, is refused by name.

    `map_location` is checked: everything is loaded to the CPU.  With `mmap`, a file of another
    program is mapped into memory, its numbers are read from disk when they are used, and their
    checksums are not compared; keep the file as it is for as long.  `weights_only` and
    `pickle_module` are accepted for PyTorch's sake: there is no unsafe way to load.

    In a file by `torch.save`, tensors that share storage go on sharing it if the elements of each
    lie without gaps; others are copied.

    Raises RuntimeError, telling what the file looks like, if it is damaged, incomplete or
    something else; `rushlight.io.RefusedFile`, which is a RuntimeError and an UnpicklingError,
    if it asks for more than data; and FileNotFoundError and the like as `open` does.

    >>> import rushlight as rl
    >>> rl.load("nowhere.rl")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.rl'
    """
    _check_location(map_location)
    _check_file("load", f, "read")
    if hasattr(f, "read"):
        return _read(Source(f.read()), f"the {type(f).__name__}", check=True)
    with open(f, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # such as a pipe
            return _read(Source(file.read()), os.fspath(f), check=True)
        source = FileSource(file)
        mapped = bool(mmap) and source.size > 0
        return _read(MappedSource(file) if mapped else source, os.fspath(f), check=not mapped)


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


def _read(source: Source, name: Any, check: bool) -> Any:
    """What a file holds, by the way in which it begins."""
    beginning = source.read(0, min(source.size, 64))
    with explained("rl.load", name, _WANTED):
        if beginning[:2] == b"PK" and beginning[8:9] != b"{":
            return _read_zip(source, name, check)
        if is_old_form(beginning):
            return read_old_form(source)
        if beginning.startswith(numpy_files.BEGINNING):
            return numpy_files.read_npy(source)
        found = looks_like(beginning, source.size)
        if found is not None:
            raise _foreign(name, found)
        if not check and not is_ours(source):
            return read_tensors(source)
        structure, stored = take_apart(source.read(0, source.size))
        return decode_plain(stored) if structure is None else decode(structure, stored)


def _read_zip(source: Source, name: Any, check: bool) -> Any:
    archive = Archive(source)
    pickle = pickle_of(archive)
    if pickle is not None:
        return read_archive(archive, pickle, check)
    if archive.records and all(record.endswith(".npy") for record in archive.records):
        return numpy_files.read_npz(archive)
    raise _foreign(name, "a zip archive.")


def _foreign(name: Any, found: str) -> RuntimeError:
    shown = name if str(name).startswith("the ") else repr(name)
    return RuntimeError(
        f"rl.load cannot read {shown}\nExpected: {_WANTED}\nActual: {found}\nrl.load never runs "
        "code that a file may contain."
    )


def _check_location(location: Location) -> None:
    """RuntimeError for a device that is not there; a function's answer makes no difference."""
    if isinstance(location, Mapping):
        for wanted in location.values():
            check_device(wanted)
    elif not callable(location):
        check_device(location)
