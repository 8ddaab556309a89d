"""The machine's limits, measured: multiply-adds a second and memory bandwidth, on all given cores.

BENCHMARK_CORES=[0,1] python -m measuring.machine
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from measuring.process import Conditions

CHAINS = 12  # independent chains of multiply-adds: enough to hide the latency of two units
TURNS = 20_000_000
BYTES = 256 << 20
REPEATS = 5


@dataclass(frozen=True)
class Limits:
    """Billions a second: operations (a multiply-add is two), bytes read, bytes read and written."""

    operations: float
    read: float
    copied: float

    def __str__(self) -> str:
        return (
            f"{self.operations:.0f} GFLOP/s in multiply-adds of float32, "
            f"{self.read:.0f} GB/s read, {self.copied:.0f} GB/s copied"
        )


def measure_limits(conditions: Conditions) -> Limits | None:
    """The limits, found in a process of its own; None where llvmlite does not run."""
    command = [conditions.python("rushlight"), "-m", "measuring.machine"]
    environment = conditions.environment("rushlight")
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Limits(**json.loads(run.stdout)) if run.returncode == 0 else None


def main() -> None:
    import numpy as np

    cores = json.loads(os.environ["BENCHMARK_CORES"])
    width = _vector_width()
    multiply_add, read = _compiled(_multiply_add_text(width) + _read_text(width))
    arrays = [np.ones(BYTES // 4, np.float32) for _ in cores]
    copies = [np.zeros(BYTES // 4, np.float32) for _ in cores]
    results = [np.zeros(CHAINS * width, np.float32) for _ in cores]
    vectors = BYTES // (4 * width * CHAINS)
    operations = 2 * width * CHAINS * TURNS
    found = {
        "operations": _rate(
            operations, cores, lambda i: multiply_add(results[i].ctypes.data, 0, TURNS)
        ),
        "read": _rate(
            BYTES, cores, lambda i: read(results[i].ctypes.data, arrays[i].ctypes.data, vectors)
        ),
        "copied": _rate(2 * BYTES, cores, lambda i: np.copyto(copies[i], arrays[i])),
    }
    print(json.dumps(found))


def _rate(amount: int, cores: list[int], work: Callable[[int], object]) -> float:
    """Billions a second of the best of some runs, in which every core does the work at once."""
    start = threading.Barrier(len(cores) + 1)

    def run(place: int) -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, [cores[place]])
        start.wait()
        work(place)

    best = float("inf")
    for _ in range(REPEATS):
        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(cores))]
        for thread in threads:
            thread.start()
        start.wait()
        begin = time.perf_counter()
        for thread in threads:
            thread.join()
        best = min(best, time.perf_counter() - begin)
    return amount * len(cores) / best / 1e9


def _vector_width() -> int:
    """How many float32 the host's widest vector holds."""
    from llvmlite import binding as llvm

    features = llvm.get_host_cpu_features()
    widths = {"avx512f": 16, "avx": 8}
    return next((width for name, width in widths.items() if features.get(name)), 4)


def _multiply_add_text(width: int) -> str:
    """Chains of x * a + b in registers, as many turns as asked."""
    vector = f"<{width} x float>"
    step = "\n".join(
        f"  %next{i} = call {vector} @llvm.fmuladd.v{width}f32"
        f"({vector} %x{i}, {vector} %a, {vector} %b)"
        for i in range(CHAINS)
    )
    head = f"declare {vector} @llvm.fmuladd.v{width}f32({vector}, {vector}, {vector})\n"
    first = f"  %a = load {vector}, ptr %result, align 4\n  %b = fsub {vector} %a, %a\n"
    return head + _loop("multiply_add", width, first, step)


def _read_text(width: int) -> str:
    """Sums of an array, in as many chains."""
    vector = f"<{width} x float>"
    lines = []
    for i in range(CHAINS):
        lines += [
            f"  %place{i} = mul i64 %turn, {CHAINS}",
            f"  %at{i} = add i64 %place{i}, {i}",
            f"  %pointer{i} = getelementptr {vector}, ptr %array, i64 %at{i}",
            f"  %value{i} = load {vector}, ptr %pointer{i}, align 4",
            f"  %next{i} = fadd {vector} %x{i}, %value{i}",
        ]
    return _loop("read", width, "", "\n".join(lines))


def _loop(name: str, width: int, first: str, step: str) -> str:
    vector = f"<{width} x float>"
    values = "\n".join(
        f"  %x{i} = phi {vector} [zeroinitializer, %entry], [%next{i}, %loop]"
        for i in range(CHAINS)
    )
    stores = "\n".join(
        f"  %out{i} = getelementptr {vector}, ptr %result, i64 {i}\n"
        f"  store {vector} %next{i}, ptr %out{i}, align 4"
        for i in range(CHAINS)
    )
    return f"""
define void @{name}(ptr %result, ptr %array, i64 %turns) {{
entry:
{first}  br label %loop
loop:
  %turn = phi i64 [0, %entry], [%following, %loop]
{values}
{step}
  %following = add i64 %turn, 1
  %more = icmp slt i64 %following, %turns
  br i1 %more, label %loop, label %end
end:
{stores}
  ret void
}}
"""


def _compiled(text: str) -> tuple[Callable, Callable]:
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), target)
    engine.finalize_object()
    _KEPT.append(engine)
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    names = ("multiply_add", "read")
    return tuple(kind(engine.get_function_address(name)) for name in names)


_KEPT: list[object] = []  # owns the code

if __name__ == "__main__":
    sys.exit(main())
