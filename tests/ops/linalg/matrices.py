"""Matrices for the tables: well away from what decompositions cannot take."""

from dataclasses import replace

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


def lighter(cases, names):
    """The rows, without second derivatives and views where others go the same way."""
    names = names.split()
    assert set(names) <= {case.name for case in cases}
    return [
        replace(case, gradgrad=False, strided=False) if case.name in names else case
        for case in cases
    ]


def moved(x):
    return x.swapaxes(-1, -2)
