"""Starting a side in its own process and talking to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring.sides import package_of

BENCHMARKS = Path(__file__).resolve().parent.parent
CHECKED_STEPS = 5
_CACHES = (
    "RUSHLIGHT_CACHE",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "JAX_COMPILATION_CACHE_DIR",
    "XDG_CACHE_HOME",
)
_THREADS = (
    "RUSHLIGHT_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "CPU_COUNT",  # tinygrad's; JAX takes a thread for each core
)
# JAX then keeps every program, however small and soon compiled.
_KEEP_ALL = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


class SideError(Exception):
    """A side did not make its steps; the message says why."""


@dataclass(frozen=True)
class Conditions:
    """Under what conditions all sides run."""

    cores: tuple[int, ...]
    threads: int
    pythons: dict[str, str] = field(default_factory=dict)
    binds: bool = True  # OpenMP's threads, each to its own core

    def python(self, side: str) -> str:
        return self.pythons.get(side) or self.pythons.get(package_of(side)) or sys.executable

    def environment(self, side: str, caches: Path | None = None) -> dict[str, str]:
        """As many threads for all, and kernels kept in `caches`.

        Byte code is kept too, as it is wherever nobody forbids it.
        """
        own = dict(os.environ)
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        for name in _THREADS:
            own[name] = str(self.threads)
        own["BENCHMARK_CORES"] = json.dumps(self.cores)
        if side == "torch" and self.binds:
            own["GOMP_CPU_AFFINITY"] = " ".join(map(str, self.cores))
        if caches is not None:
            caches.mkdir(mode=0o700, parents=True, exist_ok=True)
            own |= dict.fromkeys(_CACHES, str(caches)) | _KEEP_ALL
        paths = [str(BENCHMARKS), str(BENCHMARKS.parent), own.get("PYTHONPATH", "")]
        own["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return own


def is_installed(side: str, conditions: Conditions) -> bool:
    """Whether this side's Python finds its package."""
    wanted = repr(package_of(side))
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({wanted}) is None)"
    command = [conditions.python(side), "-c", code]
    try:
        run = subprocess.run(command, env=conditions.environment(side), check=False)
    except OSError:
        return False
    return run.returncode == 0


class Worker:
    """A running side: `start` holds its answer about the first steps, `times` asks for more."""

    def __init__(
        self,
        side: str,
        row: str,
        conditions: Conditions,
        caches: Path | None = None,
        count: int = CHECKED_STEPS,
        program: str = "measuring.worker",
    ):
        self.side = side
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        command = [conditions.python(side), "-m", program, side, row, str(count)]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=conditions.environment(side, caches),
            text=True,
        )
        self.start: dict[str, Any] = {}

    def ready(self) -> Worker:
        """Wait until the first steps are made."""
        try:
            self.start = self._answer()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def first_step(self) -> float:
        """Seconds from the start of the process to the end of its first step."""
        return self.start["first"] - self.started

    def times(self, seconds: float) -> list[float]:
        """The seconds of each step that it makes in a while."""
        return self.ask("steps", seconds=seconds)

    def ask(self, what: str, **arguments: Any) -> Any:
        try:
            print(json.dumps({"do": what, **arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise SideError(self._ended()) from None
        return self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise SideError(self._ended())
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise SideError(answer["error"])
        return answer

    def _ended(self) -> str:
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with {status}: {lines[-1][:200] if lines else 'no message'}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
