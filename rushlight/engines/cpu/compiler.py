"""LLVM, by way of llvmlite: IR to object code, and object code into memory.

LLVM is loaded when the first of these functions is called, which takes a tenth of a second; a
program whose kernels are all on disk never does.  This file needs nothing else of Rushlight.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

_engines: list = []  # own the memory of the code, for the life of the process


def compile_object(text: str, cpu: str, features: str) -> bytes:
    """Object code of a module of LLVM IR: registers for stack places, then code generation."""
    import llvmlite.binding as llvm

    target = _target_machine(cpu, features)
    with _simple_loops():
        return target.emit_object(_prepared(llvm.parse_assembly(text), target))


def assembly(text: str, cpu: str, features: str) -> str:
    """The machine's assembly of a module of LLVM IR, for a reader."""
    import llvmlite.binding as llvm

    target = _target_machine(cpu, features)
    with _simple_loops():
        return target.emit_assembly(_prepared(llvm.parse_assembly(text), target))


@contextlib.contextmanager
def _simple_loops() -> Iterator[None]:
    """Leave the arithmetic of addresses in loops as it is written.

    Making it cheaper took up to two thirds of the time of code generation and gained nothing.
    LLVM has one setting for the whole process, so others find it as it was.
    """
    import llvmlite.binding as llvm

    llvm.set_option("rushlight", "-disable-lsr=true")
    try:
        yield
    finally:
        llvm.set_option("rushlight", "-disable-lsr=false")


def load_object(code: bytes, cpu: str, features: str) -> Any:
    """An execution engine that holds object code for the life of the process."""
    import llvmlite.binding as llvm

    target = _target_machine(cpu, features)
    # llvmlite's own memory manager keeps code and constants of an object near each other
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target, use_lmm=True)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return engine


def _target_machine(cpu: str, features: str) -> Any:
    """A new description of the host to LLVM; an execution engine takes its own for itself."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="pic", codemodel="small"
    )


def _prepared(module: Any, target: Any) -> Any:
    import llvmlite.binding as llvm

    module.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=0))
    passes.run(module, builder)
    return module
