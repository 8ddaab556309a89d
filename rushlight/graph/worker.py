"""Whether this process works for another one."""

from __future__ import annotations

import sys


def is_worker() -> bool:
    """Whether this is a daemon of `multiprocessing`, as workers of pools and loaders are."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and processes.current_process().daemon
