"""Transforms that worker processes can import."""

import sys

from rushlight.data import TokenDataset, sample_generator

HEAVY = ("llvmlite", "rushlight.engines.cpu", "rushlight.nn", "rushlight.io", "torch", "pandas")


def first_of(row):
    return next(iter(row.values())) if isinstance(row, dict) else row[0]


def jittered(row):
    """A number that depends on the row and on the sample's own random numbers."""
    return first_of(row) + sample_generator().random()


def loaded(row):
    """Which modules that no reader needs are there, and whether pyarrow is."""
    return [name in sys.modules for name in (*HEAVY, "pyarrow")]


class Loaded(TokenDataset):
    def __getitem__(self, index):
        return loaded(super().__getitem__(index))
