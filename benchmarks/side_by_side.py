"""Timing steps of Rushlight and of PyTorch in turns, on the same pinned cores.

Machines are shared and noisy: each round gives either side a short slice, sides alternate, and
medians and minima over all rounds are quoted.  PyTorch is optional; without it one side is timed.
"""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def pin(cores: int) -> None:
    """Keep this process on its first `cores` cores, and both sides' thread pools too."""
    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))[:cores]
        os.sched_setaffinity(0, available)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    os.environ.setdefault("MKL_NUM_THREADS", str(cores))


def libraries() -> dict[str, Any]:
    """Rushlight, and torch if it is installed, by name."""
    found = {"rushlight": importlib.import_module("rushlight")}
    try:
        found["torch"] = importlib.import_module("torch")
    except ImportError:
        print("torch is not installed here: timing Rushlight alone")
    return found


def alternate(
    steps: dict[str, Callable[[], Any]], rounds: int = 15, seconds: float = 0.15, warm_up: int = 10
) -> dict[str, list[float]]:
    """Seconds of each step of each side, measured in turns."""
    for step in steps.values():
        for _ in range(warm_up):
            step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            time.sleep(0.02)  # the other side's idle threads stop spinning
            step()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                start = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - start)
    return times


def report(title: str, times: dict[str, list[float]]) -> float | None:
    """Print medians and minima; returns Rushlight's median as a part of torch's."""
    texts = []
    for name, values in times.items():
        middle, least = statistics.median(values) * 1e3, min(values) * 1e3
        texts.append(f"{name} {middle:8.3f} ms (min {least:.3f})")
    ratio = None
    if "torch" in times:
        ratio = statistics.median(times["rushlight"]) / statistics.median(times["torch"])
        least = min(times["rushlight"]) / min(times["torch"])
        texts.append(f"ratio {ratio:.2f} (minima {least:.2f})")
    print(f"{title:34s} " + "   ".join(texts), flush=True)
    return ratio
