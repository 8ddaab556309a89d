"""Index arithmetic on sizes that are not known yet.

A *polynomial* is a sum of products of run-time numbers and atoms (see `sizes.py`), each product
a pair (positions in the list of numbers, atoms), both sorted, so that equal polynomials of one
form compare equal.  An *affine* index is a polynomial plus loops times polynomials.  A program
evaluates its polynomials when it is bound to sizes; kernels get the results as arguments.
"""

from __future__ import annotations

from typing import NamedTuple

Monomial = tuple[tuple[int, ...], tuple[int, ...]]
Polynomial = tuple[Monomial, ...]

ZERO: Polynomial = ()
ONE: Polynomial = (((), ()),)


def size_of(atoms: tuple[int, ...]) -> Polynomial:
    """The product of some atoms."""
    return (((), tuple(sorted(atoms))),)


def number_at(position: int) -> Polynomial:
    """The run-time number at a position of the flat list."""
    return (((position,), ()),)


def plus(a: Polynomial, b: Polynomial) -> Polynomial:
    """The sum.

    >>> plus(ONE, ZERO) == ONE
    True
    """
    return tuple(sorted(a + b)) if a and b else a or b


def times(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product.

    >>> times(size_of((3,)), size_of((1, 2)))
    (((), (1, 2, 3)),)
    """
    if a == ONE or b == ZERO:
        return b
    if b == ONE or a == ZERO:
        return a
    products = []
    for numbers_a, atoms_a in a:
        for numbers_b, atoms_b in b:
            numbers = tuple(sorted(numbers_a + numbers_b))
            products.append((numbers, tuple(sorted(atoms_a + atoms_b))))
    return tuple(sorted(products))


class Affine(NamedTuple):
    """offset + the sum of loop counters times their strides."""

    offset: Polynomial
    strides: tuple[tuple[int, Polynomial], ...]
    """Pairs of a loop and its stride, by loop."""

    def stride(self, loop: int) -> Polynomial:
        """By how much the index grows with one step of a loop."""
        return dict(self.strides).get(loop, ZERO)


NOTHING = Affine(ZERO, ())


def counter(loop: int) -> Affine:
    """The counter of a loop itself."""
    return Affine(ZERO, ((loop, ONE),))


def scaled(index: Affine, factor: Polynomial) -> Affine:
    """An index times a polynomial."""
    strides = tuple([(loop, times(stride, factor)) for loop, stride in index.strides])
    return Affine(times(index.offset, factor), strides)


def total(*indices: Affine) -> Affine:
    """The sum of indices."""
    offset, strides = ZERO, {}
    for index in indices:
        offset = plus(offset, index.offset)
        for loop, stride in index.strides:
            strides[loop] = plus(strides.get(loop, ZERO), stride)
    return Affine(offset, tuple(sorted(strides.items())))


def shifted(index: Affine, offset: Polynomial) -> Affine:
    """An index plus a polynomial."""
    return index._replace(offset=plus(index.offset, offset))


def strides_of(atoms: tuple[int, ...]) -> list[Polynomial]:
    """The strides of a C-contiguous block whose dimensions are these atoms."""
    return [size_of(atoms[i + 1 :]) if atoms[i + 1 :] else ONE for i in range(len(atoms))]


def linear(indices: tuple[Affine, ...], atoms: tuple[int, ...]) -> Affine:
    """The place in a C-contiguous block of the element with these indices."""
    parts = zip(indices, strides_of(atoms), strict=True)
    return total(*[scaled(index, stride) for index, stride in parts])
