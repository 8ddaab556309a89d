"""Matrices for the tables: well away from what decompositions cannot take."""

import numpy as np

from tests.ops.harness import values


def regular(*shape, seed=0):
    """Square matrices whose diagonal keeps them from being singular."""
    return values(*shape, seed=seed) + 2 * np.eye(shape[-1]) * (1 + np.arange(shape[-1]))


def positive(*shape, seed=0):
    """Symmetric positive-definite matrices."""
    x = regular(*shape, seed=seed)
    return x @ x.swapaxes(-1, -2) / shape[-1]


def lower(*shape, seed=0):
    """Lower triangular ones, without zeros on the diagonal."""
    return np.tril(regular(*shape, seed=seed))


def upper(*shape, seed=0):
    return np.triu(regular(*shape, seed=seed))


def symmetric(x):
    """A function of symmetric matrices as one of all: its derivative is then that of elements."""
    return (x + x.mT) / 2


def moved(x):
    return x.swapaxes(-1, -2)
