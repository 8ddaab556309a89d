"""What a dataset can learn of the worker that it runs in."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """A worker: its number `id` of `num_workers`, its `seed`, and its copy of the dataset.

    The copy of a worker thread has attributes of its own, but the objects in them are shared.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Current(threading.local):
    info: WorkerInfo | None = None


_current = _Current()


def get_worker_info() -> WorkerInfo | None:
    """Describe the worker that the calling code runs in; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _current.info


def set_worker_info(info: WorkerInfo | None) -> None:
    """Say which worker this thread is."""
    _current.info = info
