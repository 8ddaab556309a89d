"""Whether there is a GPU: not in this version."""

from __future__ import annotations


def is_available() -> bool:
    """False: this version computes on the CPU.

    >>> is_available()
    False
    """
    return False


def device_count() -> int:
    """0: this version computes on the CPU."""
    return 0


def manual_seed(seed: int) -> None:
    """Accepted, as in PyTorch without a GPU; there is no generator to seed."""


def manual_seed_all(seed: int) -> None:
    """Accepted, as in PyTorch without a GPU; there is no generator to seed."""


def empty_cache() -> None:
    """Accepted, as in PyTorch without a GPU; there is no cache to empty."""
