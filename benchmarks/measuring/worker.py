"""One side of a comparison in its own process: it makes steps when it is told to.

    python -m measuring.worker SIDE ROW STEPS

The first answer tells the losses and times of the first STEPS steps and when the first one ended.
Then each line on standard input, {"seconds": 0.3}, is answered with the times of the steps made in
that while.  Answers are lines of JSON on standard output; what libraries print goes elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    side, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content: Any) -> None:
        print(json.dumps(content), file=answers, flush=True)

    try:
        from measuring.sides import step_of

        step = step_of(side, name)
        answer(**first_steps(step, count))
        for line in sys.stdin:
            answer(times=timed(step, **json.loads(line)))
    except Exception as error:  # noqa: BLE001 - whatever a side raises is told in its row
        answer(error=f"{type(error).__name__}: {str(error).splitlines()[0][:200]}")
        raise


def first_steps(step: Callable[[], float], count: int) -> dict[str, Any]:
    """The losses of the first steps, and what time each took."""
    losses, times, first = [], [], 0.0
    for _ in range(count):
        start = time.perf_counter()
        losses.append(step())
        times.append(time.perf_counter() - start)
        first = first or time.monotonic()
    return {"losses": losses, "times": times, "first": first}


def timed(step: Callable[[], float], seconds: float, warm_up: int = 1) -> list[float]:
    """The seconds of each step in a while; at least one step, after some that do not count."""
    for _ in range(warm_up):
        step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
