"""Optimisers, and schedules of their learning rate."""

from rushlight.optim import lr_scheduler
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.sgd import SGD


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"module 'rushlight.optim' has no attribute {name!r}: "
        "docs/differences.md lists what is not built"
    )
