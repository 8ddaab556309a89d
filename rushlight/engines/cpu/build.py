"""Kernels from LLVM IR to addresses: compiled together, kept in memory and on disk.

    addresses = kernel_addresses([(key, emit), ...])

`key` is the kernel's structure, hashable and compared by equality; `emit(function)` writes its
code with the builder and is called only if no code for the key is known.  All kernels that are new
are compiled together.  On disk, code is found by its IR, the processor, and the versions of
llvmlite and LLVM; it holds no absolute addresses.

With `lasting=True` the disk also knows which code belongs to which key, so that another process
neither writes IR nor loads LLVM.  Keys must then say everything that the IR follows from, apart
from the source in this folder and in `graph/`, and the machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Sequence

from rushlight.engines.cpu import compiler
from rushlight.engines.cpu.builder import Function, Module
from rushlight.engines.cpu.cache import Store, store
from rushlight.engines.cpu.machine import machine
from rushlight.engines.cpu.objects import load_object
from rushlight.engines.cpu.structure import name_of_code, name_of_structure

Emitter = Callable[[Function], None]
Request = tuple[Hashable, Emitter]

_PLACEHOLDER = "kernel"
_lock = threading.RLock()
_names: dict[Hashable, str] = {}
_addresses: dict[str, int] = {}


def kernel_addresses(requests: Sequence[Request], lasting: bool = False) -> list[int]:
    """The addresses of kernels, of which those not known yet are loaded or compiled."""
    with _lock:
        new = {key: emit for key, emit in requests if _names.get(key) not in _addresses}
        if new:
            _build(list(new.items()), lasting)
        return [_addresses[_names[key]] for key, _ in requests]


def _build(requests: list[Request], lasting: bool = False) -> None:
    place = store()
    labels = {key: name_of_structure(key) if lasting and place else None for key, _ in requests}
    unknown = [request for request in requests if not _is_on_disk(place, *request, labels)]
    missing: dict[str, Module] = {}
    for key, emit in unknown:
        _names[key], module = _emitted(emit)
        if not _is_loaded(place, _names[key]):
            missing[_names[key]] = module
    if missing:
        code = compile_object(_joined(missing))
        if place is not None:
            place.write(list(missing), code)
        _load(code, list(missing))
    for key, _ in unknown:
        label = labels[key]
        if place is not None and label is not None:
            place.write([label], _names[key].encode())


def _is_on_disk(place: Store | None, key: Hashable, emit: Emitter, labels: dict) -> bool:
    """Load a kernel by its structure, if the disk knows it."""
    label = labels[key]
    entry = place.read(label) if place is not None and label is not None else None
    if entry is None or not _is_loaded(place, name := entry[1].decode()):
        return False
    _names[key] = name
    return True


def _is_loaded(place: Store | None, name: str) -> bool:
    """Load the code of that name, unless it is there, if the disk has it."""
    if name in _addresses:
        return True
    entry = place.read(name) if place is not None else None
    if entry is None:
        return False
    _load(entry[1], entry[0])
    return name in _addresses


def _load(code: bytes, names: list[str]) -> None:
    """Make these functions of an object callable."""
    _addresses.update(_functions(code, [name for name in names if name not in _addresses]))


def _functions(code: bytes, names: Sequence[str]) -> dict[str, int]:
    found = load_object(code)
    if found is None:
        host = machine()
        engine = compiler.load_object(code, host.cpu, host.features)
        found = {name: engine.get_function_address(name) for name in names}
    return {name: found[name] for name in names}


def _emitted(emit: Emitter) -> tuple[str, Module]:
    module = Module(_PLACEHOLDER)
    emit(module.kernel())
    return name_of_code(module.text() + module.shared_text()), module


def module_text(emit: Emitter) -> str:
    """The LLVM IR of one kernel, for a reader."""
    return _joined({_PLACEHOLDER: _emitted(emit)[1]})


def _joined(modules: dict[str, Module]) -> str:
    declarations: dict[str, str] = {}
    shared: dict[str, str] = {}
    texts = []
    for name, module in modules.items():
        declarations.update(module.declarations)
        shared.update({other: helper.text() for other, helper in module.shared.items()})
        texts.append(module.text().replace(f'@"{_PLACEHOLDER}', f'@"{name}'))
    return "\n".join([*declarations.values(), *shared.values(), *texts])


def compile_object(text: str) -> bytes:
    """Object code of a module of LLVM IR for this machine."""
    host = machine()
    return compiler.compile_object(text, host.cpu, host.features)


def assembly(text: str) -> str:
    """The machine's assembly of a module of LLVM IR, for a reader."""
    host = machine()
    return compiler.assembly(text, host.cpu, host.features)


def native_functions(text: str, names: Sequence[str]) -> list[int]:
    """The addresses of functions written as LLVM IR, kept on disk like kernels."""
    key = name_of_code(text, "n")
    with _lock:
        place = store()
        entry = place.read(key) if place is not None else None
        code = entry[1] if entry else compile_object(text)
        if entry is None and place is not None:
            place.write([key], code)
        found = _functions(code, names)
        return [found[name] for name in names]


def _unlock() -> None:
    """In a forked child: the lock may be held by a thread that is not there."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
