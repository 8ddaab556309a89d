"""The names under which compiled kernels are kept on disk.

A kernel's code has the name of its IR.  So that a later process need not even write the IR, its
structure has a name too, under which the cache keeps the name of the code: it says everything that
the IR follows from, the structure itself and the compiler's source.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Hashable
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from rushlight.engines.cpu.cache import name_of
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.processor import processor
from rushlight.graph.dtype import DType

_HERE = Path(__file__).parent
_FOLDERS = (_HERE, _HERE.parent.parent / "graph")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def name_of_code(text: str, kind: str = "k") -> str:
    """The name of the code that a text of IR becomes here."""
    return name_of(kind, f"{_environment()}\n{text}")


def name_of_structure(key: Hashable) -> str | None:
    """The name of a kernel's structure; None if it holds what another process cannot know."""
    source, text = _source(), text_of(key)
    return name_of("s", f"{_environment()}\n{source}\n{text}") if source and text else None


@lru_cache(maxsize=1)
def _environment() -> str:
    """What compiles, for which processor, and how."""
    try:
        how = hashlib.sha256((_HERE / "compiler.py").read_bytes()).hexdigest()
    except OSError:
        how = "unknown"
    host = f"{platform.system()} {machine().fingerprint}"
    return f"{processor().compiler}, {how}, {host}"


@lru_cache(maxsize=1)
def _source() -> str:
    """The source that structure becomes IR by; empty if it cannot be read."""
    digest = hashlib.sha256()
    try:
        for top in _FOLDERS:
            for folder, _, names in sorted(os.walk(top)):
                for name in sorted([name for name in names if name.endswith(".py")]):
                    with open(os.path.join(folder, name), "rb", buffering=0) as file:
                        digest.update(file.read())
    except OSError:
        return ""
    return digest.hexdigest()


def text_of(key: Any) -> str:
    """A key as text, the same in every process and for no two keys; "" if there is none.

    >>> text_of(("contraction", 2, None))
    "tuple('contraction',2,None,)"
    >>> text_of((object(),))
    ''
    """
    parts: list[str] = []
    return "".join(parts) if _describe(key, parts) else ""


def _describe(key: Any, parts: list[str]) -> bool:
    kind = type(key)
    if kind in _PLAIN:
        parts.append(repr(key))
    elif isinstance(key, tuple):
        parts.append(f"{kind.__name__}(")
        for item in key:
            if not _describe(item, parts):
                return False
            parts.append(",")
        parts.append(")")
    elif isinstance(key, DType):
        parts.append(f"<{key.name}>")
    elif isinstance(key, Enum):
        parts.append(f"{kind.__name__}.{key.name}")
    else:
        return False
    return True
