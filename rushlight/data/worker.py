"""What a dataset can learn of the worker that it runs in."""

from __future__ import annotations

from typing import Any


def get_worker_info() -> Any | None:
    """Describe the worker that the calling code runs in; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return None
