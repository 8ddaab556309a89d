"""What LLVM says about the processor and itself; kept on disk, since asking means loading LLVM."""

from __future__ import annotations

import json
import os
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rushlight.engines.cpu import cache

_CPU_INFO = "/proc/cpuinfo"
_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
_LIBRARIES = {"darwin": "libllvmlite.dylib", "win32": "llvmlite.dll"}


class Processor(NamedTuple):
    """The processor of this machine, and what compiles for it."""

    cpu: str
    features: dict[str, bool]
    """None where LLVM cannot tell, and goes by the name alone."""
    compiler: str
    """The versions of llvmlite and LLVM."""


@lru_cache(maxsize=1)
def processor() -> Processor:
    """The processor of this machine; found again without LLVM if nothing has changed."""
    known = _evidence()
    place = cache.store() if known else None
    name = cache.name_of("p", f"{Processor._fields} {known}")
    entry = place.read(name) if place else None
    if entry is not None:
        return Processor(*json.loads(entry[1]))
    found = _asked()
    if place is not None:
        place.write([name], json.dumps(found).encode())
    return found


def _evidence() -> str:
    """What the answer depends on: the operating system's words and the library's file; or ""."""
    try:
        with open(_CPU_INFO, encoding="utf-8", errors="replace") as file:
            first = file.read(8192).partition("\n\n")[0]
        package = find_spec("llvmlite")
        if package is None or package.origin is None:
            return ""
        library = Path(package.origin).parent / "binding" / library_name()
        status = os.stat(library)
    except (OSError, ImportError):
        return ""
    words = [line for line in first.splitlines() if line.partition("\t")[0].strip() in _TELLING]
    return "\n".join([*words, str(library), str(status.st_size), str(status.st_mtime_ns)])


def library_name() -> str:
    """The file in which llvmlite has LLVM."""
    return _LIBRARIES.get(sys.platform, "libllvmlite.so")


def _asked() -> Processor:
    import llvmlite
    import llvmlite.binding as llvm

    version = ".".join(map(str, llvm.llvm_version_info))
    compiler = f"llvmlite {llvmlite.__version__}, LLVM {version}"
    return Processor(llvm.get_host_cpu_name(), _features_of(llvm), compiler)


def _features_of(llvm: Any) -> dict[str, bool]:
    try:
        return dict(llvm.get_host_cpu_features())
    except RuntimeError:
        return {}
