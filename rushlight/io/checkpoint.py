"""`save` and `load`."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any, BinaryIO

from rushlight.device import check_device, device
from rushlight.graph.dtype import find_dtype
from rushlight.io import container
from rushlight.io.atomic import replacing
from rushlight.io.structure import Decoder, Encoder


def save(obj: Any, f: str | os.PathLike | BinaryIO) -> None:
    """Save tensors, numbers, strings and nested containers of them to one file.

    The file is safetensors with the structure as JSON (see `rushlight.io.container`), written
    whole or not at all.  Tied tensors are saved once and tied again when loaded; of a view only
    what it shows is saved.  TypeError, naming the place, for anything else: save the
    `state_dict()` of modules and optimisers.

    >>> import io
    >>> import rushlight as rl
    >>> file = io.BytesIO()
    >>> rl.save({"epoch": 3, "weight": rl.ones(2)}, file)
    >>> file.seek(0), rl.load(file)
    (0, {'epoch': 3, 'weight': tensor([1., 1.])})
    """
    encoder = Encoder()
    structure = encoder.encode(obj)
    if hasattr(f, "write"):
        container.write(f, encoder.tensors, structure)
        return
    with replacing(_path(f)) as stream:
        container.write(stream, encoder.tensors, structure)


def load(
    f: str | os.PathLike | BinaryIO,
    map_location: str | device | Callable | dict | None = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Load what `save` saved; a safetensors file of others gives a dict of tensors.

    `map_location` may name the CPU; `weights_only` and `mmap` are accepted: nothing but data is
    ever read.  FileNotFoundError if there is no such file; RuntimeError, saying what the file
    looks like, if it is damaged, truncated or of another kind.
    """
    if isinstance(map_location, (str, device)):
        check_device(map_location)
    if hasattr(f, "read"):
        name = getattr(f, "name", None) or "the stream"
        content = f.read()
        return _load(io.BytesIO(content), len(content), str(name))
    path = _path(f)
    with open(path, "rb") as stream:
        return _load(stream, os.fstat(stream.fileno()).st_size, path)


def _path(f: Any) -> str:
    try:
        path = os.fspath(f)
    except TypeError:
        raise TypeError(
            f"Expected a path or an open binary file.\nActual: {type(f).__name__}."
        ) from None
    return os.fsdecode(path)


def _load(stream: BinaryIO, size: int, name: str) -> Any:
    tensors, structure = container.read(stream, size, name)
    if structure is None:
        return tensors
    try:
        return Decoder(_with_complex(tensors, structure)).decode(structure)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RuntimeError(
            f"{name} is damaged: its structure cannot be read ({error}).\n"
            "Expected: a file as rl.save wrote it."
        ) from error


def _with_complex(tensors: dict[str, Any], structure: Any) -> dict[str, Any]:
    """The tensors, with those that were complex made so again."""
    if isinstance(structure, dict):
        if "tensor" in structure and "dtype" in structure:
            name, dtype = structure["tensor"], find_dtype(structure["dtype"])
            if tensors[name].dtype is not dtype:
                tensors[name] = container.as_complex(tensors[name], dtype)
        else:
            for inner in structure.values():
                _with_complex(tensors, inner)
    elif isinstance(structure, list):
        for inner in structure:
            _with_complex(tensors, inner)
    return tensors
