"""Optimisers, schedules of their learning rate, and averages of models."""

from rushlight.optim import lr_scheduler, swa_utils
from rushlight.optim.adadelta import Adadelta
from rushlight.optim.adafactor import Adafactor
from rushlight.optim.adagrad import Adagrad
from rushlight.optim.adam import Adam, AdamW
from rushlight.optim.adamax import Adamax
from rushlight.optim.asgd import ASGD
from rushlight.optim.lbfgs import LBFGS
from rushlight.optim.muon import Muon
from rushlight.optim.nadam import NAdam
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.radam import RAdam
from rushlight.optim.rmsprop import RMSprop
from rushlight.optim.rprop import Rprop
from rushlight.optim.sgd import SGD


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"module 'rushlight.optim' has no attribute {name!r}: "
        "docs/differences.md lists what is not built"
    )
