"""Names of shards: braces, globs and lists become one list."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rushlight.data.optional import needed

MOST_NAMES = 100_000
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_WILD = re.compile(r"[*?\[]")


def shard_urls(urls: str | os.PathLike | Iterable, options: dict | None = None) -> list[str]:
    """All shards that are meant, in order: `name-{000..147}.tar`, `{a,b}.tar`, `*.tar`, or a list.

    Nothing that a glob fits is a FileNotFoundError; no shard at all, braces that do not close, or
    more than 100,000 names a ValueError.

    >>> shard_urls("train-{08..11}.tar")
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'train-11.tar']
    >>> shard_urls(["{cats,dogs}-{0..1}.tar", "birds.tar"])
    ['cats-0.tar', 'cats-1.tar', 'dogs-0.tar', 'dogs-1.tar', 'birds.tar']
    """
    if isinstance(urls, os.PathLike):
        return [os.fspath(urls)]
    if not isinstance(urls, str):
        names = [name for each in urls for name in shard_urls(each, options)]
    else:
        names = [found for name in expand_braces(urls) for found in _matches(name, options)]
    if not names:
        raise ValueError("no shards: the list of names is empty")
    return names


def expand_braces(text: str) -> list[str]:
    """The names that braces stand for.

    >>> expand_braces("{a,b{1..2}}.tar")
    ['a.tar', 'b1.tar', 'b2.tar']
    """
    names = []
    for name in _expanded(text):
        names.append(name)
        if len(names) > MOST_NAMES:
            raise ValueError(f"{text!r} stands for more than {MOST_NAMES} names")
    return names


def _expanded(text: str) -> Iterator[str]:
    start = text.find("{")
    if start < 0:
        yield text
        return
    end = _closing(text, start)
    inside, rest = text[start + 1 : end], text[end + 1 :]
    for choice in _choices(inside):
        for middle in _expanded(choice):
            for tail in _expanded(rest):
                yield text[:start] + middle + tail


def _closing(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place
    raise ValueError(f"the brace at position {start} of {text!r} is never closed")


def _choices(inside: str) -> Iterator[str]:
    span = _RANGE.fullmatch(inside)
    if span is not None:
        first, last = span.groups()
        width = len(first) if first.startswith("0") else 0
        step = 1 if int(first) <= int(last) else -1
        yield from (f"{number:0{width}}" for number in range(int(first), int(last) + step, step))
        return
    depth, begin = 0, 0
    for place, letter in enumerate(inside):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            yield inside[begin:place]
            begin = place + 1
    yield inside[begin:]


def _matches(name: str, options: dict | None) -> list[str]:
    path = local_path(name)
    wild = _WILD.search(name)
    if wild is None or (path is not None and Path(path).exists()):
        return [name]
    if path is not None:
        found = sorted(glob.glob(path))
    elif name.startswith(("http:", "https:")):
        return [name]  # a question mark begins a query, and there is nothing to list
    else:
        system, inner = file_system(name, options)
        found = [system.unstrip_protocol(each) for each in sorted(system.glob(inner))]
    if not found:
        raise FileNotFoundError(f"no shard fits {name!r}")
    return found


def below_one_folder(urls: list[str]) -> list[str]:
    """The names without the folders that all share: what stays when the shards lie elsewhere.

    >>> below_one_folder(["/data/a/0.tar", "/data/b/0.tar"])
    ['a/0.tar', 'b/0.tar']
    """
    parts = [url.split("/") for url in urls]
    shared = 0
    for level in zip(*(part[:-1] for part in parts), strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


def local_path(url: str) -> str | None:
    """The path of a local file; None for another place."""
    if url.startswith("file://"):
        return url.removeprefix("file://")
    if url.startswith("pipe:"):
        raise ValueError(f"{url!r} would run a command; a shard is a file or a URL")
    return None if "://" in url else url


def file_system(url: str, options: dict | None = None) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    needed("fsspec", f"the shard {url!r}", "files")
    core: Any = needed("fsspec.core", f"the shard {url!r}", "files")
    return core.url_to_fs(url, **(options or {}))
