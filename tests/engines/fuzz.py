"""Random graphs on the CPU engine and the reference for as long as one likes.

    python -m tests.engines.fuzz --minutes 10 --seed 1
    python -m tests.engines.fuzz --only 4711 --guard begin      one graph again

Batches of graphs run in processes of their own, in turn as they are, in guard mode (`guard.py`),
with one thread, with other vectors, and with instructions that are used when asked for, so that a
fault ends a batch and not the search.  What fails is printed with the command that runs it again;
the exit status says whether anything did.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator

BATCH = 50
WAYS: dict[str, dict[str, str]] = {
    "as it is": {},
    "guarded": {"RUSHLIGHT_GUARD": "1"},
    "three threads": {"RUSHLIGHT_NUM_THREADS": "3"},
    "guarded at the begin": {"RUSHLIGHT_GUARD": "begin"},
    "SSE": {"RUSHLIGHT_VECTOR": "sse"},
    "one thread": {"RUSHLIGHT_NUM_THREADS": "1"},
    "64-byte vectors": {"RUSHLIGHT_VECTOR": "avx512"},
    "bfloat16 by dots": {"RUSHLIGHT_BFLOAT16_DOT": "1"},
    "guarded SSE": {"RUSHLIGHT_VECTOR": "sse", "RUSHLIGHT_GUARD": "1"},
}


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first graph")
    parser.add_argument("--only", type=int, help="run this graph in this process")
    parser.add_argument("--batch", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is not None:
        run_graph(options.only)
        return 0
    if options.batch is not None:
        return run_batch(*options.batch)
    return search(options.seed, time.monotonic() + 60 * options.minutes)


def search(seed: int, end: float) -> int:
    """Batch after batch until the time is over."""
    failed: list[str] = []
    first = seed
    while time.monotonic() < end:
        name, settings = list(WAYS.items())[(first - seed) // BATCH % len(WAYS)]
        for line in failures(first, settings):
            command = " ".join([f"{key}={value}" for key, value in settings.items()])
            failed.append(f"{name}: {line}\n    {command} python -m tests.engines.fuzz --only ")
            failed[-1] += line.split()[1]
            print(f"FAILED {failed[-1]}", flush=True)
        first += BATCH
    print(f"{first - seed} graphs from seed {seed}, {len(failed)} failed", flush=True)
    return bool(failed)


def failures(first: int, settings: dict[str, str]) -> Iterator[str]:
    """Run a batch in a process; after a fault go on behind the graph that caused it."""
    last = first + BATCH
    while first < last:
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.engines.fuzz"]
        environment = {"RUSHLIGHT_CACHE": "off"} | dict(os.environ) | settings
        done = subprocess.run(
            [*command, "--batch", str(first), str(last)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        yield from [line for line in lines if line.startswith("graph")]
        if done.returncode in (0, 1):
            return
        reached = int(lines[-1]) if lines and lines[-1].isdigit() else first
        yield f"graph {reached} ended the process ({done.returncode}): {done.stderr[-2000:]}"
        first = reached + 1


def run_batch(first: int, last: int) -> int:
    """Some graphs, each number printed before it is run, and each failure in one line."""
    failed = 0
    for seed in range(first, last):
        print(seed, flush=True)
        try:
            run_graph(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            failed = 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            words = " ".join(str(error).split())[:300]
            place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
            print(f"graph {seed} {type(error).__name__} at {place}: {words}", flush=True)
    return failed


def run_graph(seed: int) -> None:
    """One graph on both engines, small ones compiled too."""
    from rushlight.engines import load
    from rushlight.engines.cpu import host
    from tests.engines import random_graphs

    if seed % 2:
        host.MOST_EQUATIONS = -1
    random_graphs.compare(*random_graphs.seeded(seed), engine=load("cpu"))


if __name__ == "__main__":
    sys.exit(main())
