"""One side of a comparison in its own process: it makes steps when it is told to.

    python -m measuring.worker SIDE ROW STEPS

The first answer tells the losses and times of the first STEPS steps and when the first one ended.
Each line on standard input then names a request of `REQUESTS` and its arguments.  Requests and
answers are lines of JSON; what libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from networks.inputs import batches
from networks.rows import find

from measuring.sides import compiled_kernels, count_kernels, step_of

Step = Callable[..., float]


def main() -> None:
    side, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, json.loads(os.environ["BENCHMARK_CORES"]))
    try:
        step = step_of(side, name)
        print(json.dumps(first_steps(step, count)), file=answers, flush=True)
        if side == "rushlight":
            count_kernels()
        for line in sys.stdin:
            request = json.loads(line)
            answer = REQUESTS[request.pop("do")](step, **request)
            print(json.dumps(answer), file=answers, flush=True)
    except Exception as error:
        words = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        print(json.dumps({"error": words}), file=answers, flush=True)
        raise


def first_steps(step: Step, count: int) -> dict[str, Any]:
    """The losses of the first steps, and what time each took."""
    losses, times, first = [], [], 0.0
    for _ in range(count):
        start = time.perf_counter()
        losses.append(step())
        times.append(time.perf_counter() - start)
        first = first or time.monotonic()
    return {"losses": losses, "times": times, "first": first}


def timed(step: Step, seconds: float) -> list[float]:
    """The seconds of each step made in a while, at least one, after one that does not count."""
    step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def at_length(step: Step, row: str, length: int) -> dict[str, Any]:
    """The seconds of one step on texts of another length, and how many kernels it compiled."""
    from networks.loop import tensors

    found = find(row)
    (batch,) = batches(found.kind, found.inputs | {"length": length}, count=1)
    given, before = tensors(batch), compiled_kernels()
    start = time.perf_counter()
    step(given)
    return {"seconds": time.perf_counter() - start, "compiled": compiled_kernels() - before}


def operations(step: Step) -> int:
    """How many multiplications and additions PyTorch counts in the products of a step.

    Without oneDNN's recurrent layer, whose products PyTorch does not count.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    plain = torch.backends.mkldnn.flags(enabled=False)
    with plain, FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def primitives(step: Step, steps: int = 4) -> float:
    """How many primitives a step of Rushlight records, on average over some steps."""
    from rushlight.graph.recorder import recorder

    before = recorder().recorded
    for _ in range(steps):
        step()
    return (recorder().recorded - before) / steps


REQUESTS: dict[str, Callable[..., Any]] = {
    "steps": timed,
    "length": at_length,
    "operations": operations,
    "primitives": primitives,
}

if __name__ == "__main__":
    main()
