"""Which files are meant: a path, a folder, a pattern, or several of these."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable

Paths = str | os.PathLike | Iterable[str | os.PathLike]


def files_of(paths: Paths, suffixes: tuple[str, ...]) -> list[str]:
    """Absolute paths of the files: of a folder and a pattern in the order of their names.

    A folder stands for the files in it and below it that end in one of the suffixes; hidden
    names, and those that begin with an underscore, are left out.  Where nothing is found a
    FileNotFoundError.
    """
    each = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found = [file for path in each for file in _expanded(os.fspath(path), suffixes)]
    if not found:
        raise FileNotFoundError("no files given")
    return found


def _expanded(path: str, suffixes: tuple[str, ...]) -> list[str]:
    if "://" in path:
        raise ValueError(f"{path} is a URL; only local files can be read in part")
    path = os.path.abspath(path)
    if os.path.isdir(path):
        found = sorted(_below(path, suffixes))
        if not found:
            raise FileNotFoundError(f"{path} holds no file that ends in {' or '.join(suffixes)}")
        return found
    if os.path.exists(path) or not glob.has_magic(path):
        if not os.path.exists(path):
            raise FileNotFoundError(f"there is no file {path}")
        return [path]
    found = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
    if not found:
        raise FileNotFoundError(f"no file fits the pattern {path}")
    return found


def _below(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if name.endswith(suffixes) and not name.startswith((".", "_")):
                found.append(os.path.join(place, name))
    return found
