"""Pickles of plain values and NumPy arrays, read as data: nothing in them is imported or called."""

from __future__ import annotations

from typing import Any

from rushlight.io.budget import Budget
from rushlight.io.builders import Builders
from rushlight.io.file import Refused
from rushlight.io.opcodes import Interpreter
from rushlight.io.plain import check_plain
from rushlight.io.reasons import explained

_WANTED = "a pickle of lists, dicts, numbers, texts and NumPy arrays."


def read_pickle(data: bytes, name: Any) -> Any:
    """What `pickle.dump` wrote, if it is made of plain values and arrays of numbers.

    Texts of Python 2 are taken for Latin-1. `name` is what errors call the file: a damaged one is
    a RuntimeError, one that asks for anything else a `RefusedFile`.

    >>> import pickle
    >>> read_pickle(pickle.dumps({"labels": [3, 1]}, protocol=2), "labels.pkl")
    {'labels': [3, 1]}
    """
    budget = Budget(len(data))
    builders = Builders(budget, _no_tensor, _no_tensor)
    reader = Interpreter(data, builders.find, _no_tensor, builders.build, budget, "latin-1")
    with explained("read_pickle()", name, _WANTED):
        value = reader.run()
        check_plain(value)
    return value


def _no_tensor(*arguments: Any) -> Any:
    raise Refused("it holds a tensor of torch's, which torch.save would write otherwise.")
