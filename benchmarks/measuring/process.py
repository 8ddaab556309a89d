"""Starting a side in its own process and talking to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring.sides import PACKAGES

BENCHMARKS = Path(__file__).resolve().parent.parent
CHECKED_STEPS = 5


class SideFailed(Exception):
    """A side did not make its steps; the message says why."""


@dataclass(frozen=True)
class Conditions:
    """Under what conditions all sides run."""

    cores: tuple[int, ...]
    threads: int
    pythons: dict[str, str] = field(default_factory=dict)

    def python(self, side: str) -> str:
        package = PACKAGES.get(side, side)
        return self.pythons.get(side) or self.pythons.get(package) or sys.executable

    def environment(self, side: str, caches: Path | None = None) -> dict[str, str]:
        """As many threads for all, each of OpenMP's on its own core, kernels kept in `caches`."""
        own, count = dict(os.environ), str(self.threads)
        for name in ("OMP", "MKL", "OPENBLAS", "RUSHLIGHT"):
            own[f"{name}_NUM_THREADS"] = count
        if side == "torch":
            own["GOMP_CPU_AFFINITY"] = " ".join(map(str, self.cores))
        if caches is not None:
            own |= {variable: str(caches / side) for variable in _CACHES}
        paths = [str(BENCHMARKS), str(BENCHMARKS.parent), own.get("PYTHONPATH", "")]
        own["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return own


_CACHES = (
    "RUSHLIGHT_CACHE",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "JAX_COMPILATION_CACHE_DIR",
    "XDG_CACHE_HOME",
)


def is_installed(side: str, conditions: Conditions) -> bool:
    """Whether this side's Python finds its package."""
    code = f"import importlib.util as u, sys; sys.exit(not u.find_spec({_package(side)!r}))"
    environment = conditions.environment(side)
    return not subprocess.run([conditions.python(side), "-c", code], env=environment).returncode


def _package(side: str) -> str:
    return PACKAGES.get(side, side)


class Worker:
    """A running side: `start` holds the answer about its first steps, `times` asks for more."""

    def __init__(
        self,
        side: str,
        row: str,
        conditions: Conditions,
        caches: Path | None = None,
        count: int = CHECKED_STEPS,
    ):
        self.side = side
        command = [conditions.python(side), "-m", "measuring.worker", side, row, str(count)]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if not os.environ.get("BENCHMARK_ERRORS") else None,
            env=conditions.environment(side, caches),
            preexec_fn=lambda: os.sched_setaffinity(0, conditions.cores),
            text=True,
        )
        try:
            self.start = self._answer()
        except BaseException:
            self.close()
            raise

    @property
    def first_step(self) -> float:
        """Seconds from the start of the process to the end of its first step."""
        return self.start["first"] - self.started

    def times(self, seconds: float, warm_up: int = 1) -> list[float]:
        """The seconds of each step that it makes in a while."""
        return self.ask(seconds=seconds, warm_up=warm_up)["times"]

    def ask(self, **request: Any) -> dict[str, Any]:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise SideFailed(f"{self.side} has ended") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SideFailed(f"{self.side} ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise SideFailed(answer["error"])
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
