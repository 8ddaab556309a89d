"""Fetching, checking and unpacking files, by torchvision's names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

# What fetches files takes long to import, and a data worker has no use for it.

__all__ = [
    "calculate_md5",
    "check_integrity",
    "check_md5",
    "download_and_extract_archive",
    "download_file_from_google_drive",
    "download_url",
    "extract_archive",
    "iterable_to_str",
    "list_dir",
    "list_files",
    "verify_str_arg",
]


def fetch_and_unpack(urls: Sequence[str], path: Path, md5: str | None) -> None:
    """Fetch an archive from the first address that has it, and unpack it where it lies."""
    from rushlight.utils.archives import extract_archive
    from rushlight.utils.download import download

    extract_archive(download(urls, path, md5=md5))


def extract_archive(
    from_path: str | os.PathLike,
    to_path: str | os.PathLike | None = None,
    remove_finished: bool = False,
) -> str | Path:
    """Unpack an archive or a compressed file; see `rushlight.utils.archives`."""
    from rushlight.utils import archives

    return archives.extract_archive(from_path, to_path, remove_finished)


def calculate_md5(fpath: str | os.PathLike, chunk_size: int = 1 << 20) -> str:
    """The MD5 checksum of a file, as 32 hexadecimal digits."""
    from rushlight.utils.download import md5_of

    return md5_of(fpath, chunk_size)


def check_md5(fpath: str | os.PathLike, md5: str, **kwargs: Any) -> bool:
    """Whether a file has that checksum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: str | os.PathLike, md5: str | None = None) -> bool:
    """Whether there is such a file, with that checksum if one is given.

    >>> check_integrity("no-such-file")
    False
    """
    from rushlight.utils.download import is_whole

    return is_whole(fpath, md5)


def download_url(
    url: str,
    root: str | os.PathLike,
    filename: str | os.PathLike | None = None,
    md5: str | None = None,
    max_redirect_hops: int = 3,
) -> None:
    """Fetch a file into the folder `root`, unless it is there already; see `utils.download`.

    `filename` is the last part of the address if it is not given. `max_redirect_hops` is accepted:
    ten redirects are followed. What cannot be fetched is a `DownloadError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = Path(folder) / "source.txt"
    ...     _ = source.write_text("rushlight")
    ...     download_url(source.as_uri(), Path(folder) / "new", md5=calculate_md5(source))
    ...     os.listdir(Path(folder) / "new")
    ['source.txt']
    """
    from rushlight.utils.download import download

    download(url, Path(root).expanduser() / (filename or _name_in(url)), md5=md5)


def download_and_extract_archive(
    url: str,
    download_root: str | os.PathLike,
    extract_root: str | os.PathLike | None = None,
    filename: str | os.PathLike | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Fetch an archive into `download_root`, and unpack it there or in `extract_root`.

    See `download_url` and `extract_archive`.
    """
    folder = Path(download_root).expanduser()
    filename = filename or _name_in(url)
    download_url(url, folder, filename, md5)
    extract_archive(folder / filename, extract_root or folder, remove_finished)


def download_file_from_google_drive(*args: Any, **kwargs: Any) -> None:
    """NotImplementedError: there is no way to fetch a file that a browser must ask for."""
    raise NotImplementedError(
        "downloads from Google Drive are not built: fetch the file with a browser, and put it in "
        "the folder"
    )


def _name_in(url: str) -> str:
    from urllib.parse import unquote, urlparse

    name = os.path.basename(unquote(urlparse(url).path))
    if not name:
        raise ValueError(f"{url} does not say what to call the file: give a filename")
    return name


def list_dir(root: str | os.PathLike, prefix: bool = False) -> list[str]:
    """The folders in a folder; `prefix` puts its path before them."""
    return _listed(root, prefix, lambda entry: entry.is_dir())


def list_files(
    root: str | os.PathLike, suffix: str | tuple[str, ...], prefix: bool = False
) -> list[str]:
    """The files in a folder whose names end with `suffix`, or one of them."""
    return _listed(root, prefix, lambda entry: entry.is_file() and entry.name.endswith(suffix))


def _listed(root: Any, prefix: bool, wanted: Callable[[os.DirEntry], bool]) -> list[str]:
    root = os.path.expanduser(root)
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if wanted(entry)]
    return [os.path.join(root, name) for name in names] if prefix else names


def iterable_to_str(iterable: Iterable) -> str:
    """Values within quotation marks, with commas between them.

    >>> print(iterable_to_str(["a", "b"]))
    'a', 'b'
    """
    return "'" + "', '".join(str(item) for item in iterable) + "'"


def verify_str_arg(
    value: Any,
    arg: str | None = None,
    valid_values: Iterable | None = None,
    custom_msg: str | None = None,
) -> str:
    """The value, if it is a string and one of those that are allowed; else a ValueError.

    >>> verify_str_arg("train", "split", ("train", "test"))
    'train'
    """
    of_argument = "" if arg is None else f" for argument {arg}"
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{of_argument}, but got type {type(value)}.")
    if valid_values is None or value in (valid_values := list(valid_values)):
        return value
    valid = iterable_to_str(valid_values)
    raise ValueError(
        custom_msg or f"Unknown value '{value}' for argument {arg}. Valid values are {{{valid}}}."
    )
