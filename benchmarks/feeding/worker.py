"""One side in one setting: it loads for a while when it is told to.

    python -m feeding.worker SIDE ROW/SETTING BATCHES

The first answer tells how many seconds passed from making the loader to its first batch; BATCHES
more are drawn before it.  Then each line on standard input asks for the seconds of a batch, or of
the least work for a sample.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

from feeding.rows import find, options_of


def main() -> None:
    side, (row, _, setting) = sys.argv[1], sys.argv[2].partition("/")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, json.loads(os.environ["BENCHMARK_CORES"]))
    os.environ["BENCHMARK_FRAMEWORK"] = side
    try:
        from feeding.programs import loader_of, step_of

        make, step = loader_of(find(row)), step_of(find(row))
        start = time.perf_counter()
        batches = endless(make(**options_of(side, setting)))
        batch = next(batches)
        first = time.perf_counter() - start
        step(batch)
        rounds = map(step, batches)
        for _ in range(int(sys.argv[3])):
            next(rounds)
        print(json.dumps({"first": first}), file=answers, flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            done = alone(row, **asked) if asked.pop("do") == "alone" else timed(rounds, **asked)
            print(json.dumps(done), file=answers, flush=True)
    except Exception as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print(json.dumps({"error": words}), file=answers, flush=True)
        raise


def endless(loader: Any) -> Iterator[Any]:
    """Pass after pass."""
    while True:
        yield from loader


def alone(row: str, seconds: float) -> float:
    """Seconds that the least work for a sample takes, done over and over on one core."""
    from feeding.programs import least_work_of

    work, samples = least_work_of(find(row))
    numbers, count, start = random.Random(1), 0, time.perf_counter()
    while not count or time.perf_counter() < start + seconds:
        for _ in range(16):
            work(numbers.randrange(samples))
        count += 16
    return (time.perf_counter() - start) / count


def timed(rounds: Iterator[Any], seconds: float, ahead: int) -> float:
    """Seconds a batch over a while, after those that workers hold ready."""
    for _ in range(ahead):
        next(rounds)
    count, start = 0, time.perf_counter()
    while not count or time.perf_counter() < start + seconds:
        next(rounds)
        count += 1
    return (time.perf_counter() - start) / count


if __name__ == "__main__":
    main()
