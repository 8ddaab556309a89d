"""Kernels from LLVM IR to addresses: compiled together, kept in memory and on disk.

    addresses = kernel_addresses([(key, emit), ...])

`key` is the kernel's structure, hashable and compared by equality; `emit(function)` writes its
code with the builder and is called only if this process has not built the kernel yet.  All
kernels that are new are compiled as one module.  On disk, code is found by its IR, the processor,
and the versions of llvmlite, LLVM and this package; it holds no absolute addresses.
"""

from __future__ import annotations

import hashlib
import platform
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from importlib import metadata
from typing import Any

from rushlight.engines.cpu import cache
from rushlight.engines.cpu.builder import Function, Module
from rushlight.engines.cpu.machine import machine

Emitter = Callable[[Function], None]
Request = tuple[Hashable, Emitter]

_PLACEHOLDER = "kernel"
_lock = threading.RLock()
_names: dict[Hashable, str] = {}
_addresses: dict[str, int] = {}
_engines: list = []  # own the memory of the code, for the life of the process


def kernel_addresses(requests: Sequence[Request]) -> list[int]:
    """The addresses of kernels, of which those not known yet are loaded or compiled."""
    with _lock:
        new = {key: emit for key, emit in requests if _names.get(key) not in _addresses}
        if new:
            _build(list(new.items()))
        return [_addresses[_names[key]] for key, _ in requests]


def _build(requests: list[Request]) -> None:
    missing: dict[str, Module] = {}
    objects: list[bytes] = []
    loaded: set[str] = set(_addresses)
    for key, emit in requests:
        name, module = _emitted(emit)
        _names[key] = name
        if name in loaded or name in missing:
            continue
        entry = cache.read(name)
        if entry is None or name not in entry[0]:
            missing[name] = module
        else:
            loaded.update(entry[0])
            objects.append(entry[1])
    if missing:
        code = compile_object(_joined(missing))
        cache.write(list(missing), code)
        objects.append(code)
        loaded.update(missing)
    _load(objects, sorted(loaded - set(_addresses)))


def _emitted(emit: Emitter) -> tuple[str, Module]:
    module = Module(_PLACEHOLDER)
    emit(module.kernel())
    text = module.text() + module.shared_text()
    return f"k{hashlib.sha256((_versions() + text).encode()).hexdigest()[:40]}", module


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


@lru_cache(maxsize=1)
def _versions() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    try:
        ours = metadata.version("rushlight")
    except metadata.PackageNotFoundError:
        ours = "source"
    system = f"{platform.system()} {machine().fingerprint}"
    return f"{ours} {llvmlite.__version__} {llvm.llvm_version_info} {system}\n"


def _target_machine():
    """A new description of the host to LLVM; an execution engine takes its own for itself."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    host = machine()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=host.cpu, features=host.features, opt=2, reloc="pic", codemodel="small"
    )


def compile_object(text: str) -> bytes:
    """Object code of a module of LLVM IR: registers for stack places, then code generation."""
    import llvmlite.binding as llvm

    target = _target_machine()
    return target.emit_object(_prepared(llvm.parse_assembly(text), target))


def assembly(text: str) -> str:
    """The machine's assembly of a module of LLVM IR, for a reader."""
    import llvmlite.binding as llvm

    target = _target_machine()
    return target.emit_assembly(_prepared(llvm.parse_assembly(text), target))


def _prepared(module, target):
    import llvmlite.binding as llvm

    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=0))
    passes.run(module, builder)
    return module


def native_functions(text: str, names: Sequence[str]) -> list[int]:
    """The addresses of functions written as LLVM IR, kept on disk like kernels."""
    key = f"n{hashlib.sha256((_versions() + text).encode()).hexdigest()[:40]}"
    with _lock:
        entry = cache.read(key)
        code = entry[1] if entry else compile_object(text)
        if entry is None:
            cache.write([key], code)
        engine = load_objects([code])
        return [engine.get_function_address(name) for name in names]


def _load(objects: list[bytes], names: list[str]) -> None:
    if not objects:
        return
    engine = load_objects(objects)
    for name in names:
        _addresses[name] = engine.get_function_address(name)


def load_objects(objects: list[bytes]) -> Any:
    """An execution engine that holds object code for the life of the process."""
    import llvmlite.binding as llvm

    # llvmlite's own memory manager keeps code and constants of an object near each other
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine(), use_lmm=True)
    for code in objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return engine
