"""What a program spends its time on: kernels with their bytes and operations, and Python.

    with rl.profiler.profile() as prof:
        for x, y in loader:
            with rl.profiler.record_function("forward"):
                loss = criterion(model(x), y)
            ...
    print(prof.table(row_limit=20))
    prof.export_chrome_trace("trace.json")          # for chrome://tracing or ui.perfetto.dev

Names are those of `torch.profiler` as far as there is something like it here.
"""

from __future__ import annotations

from rushlight.profiler.averages import Average, Averages
from rushlight.profiler.profile import ProfilerActivity, profile, record_function

__all__ = ["Average", "Averages", "ProfilerActivity", "profile", "record_function"]
