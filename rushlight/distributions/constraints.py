"""What values a parameter or an outcome may have: checks that give True where they do."""

from __future__ import annotations

from typing import Any

import rushlight as rl
from rushlight.tensor import Tensor


class Constraint:
    """A set of values; `event_dim` dimensions on the right make up one value."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """Whether each value lies in the set."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return type(self).__name__.lstrip("_") + "()"


class _Simple(Constraint):
    """A set told by a test of each element."""

    def __init__(self, name: str, test: Any, event_dim: int = 0, is_discrete: bool = False):
        self.name, self.test = name, test
        self.event_dim, self.is_discrete = event_dim, is_discrete

    def check(self, value: Tensor) -> Tensor:
        return self.test(value)

    def __repr__(self) -> str:
        return self.name


class _Bounded(Constraint):
    """Values between bounds, numbers or tensors."""

    def __init__(self, lower_bound: Any = None, upper_bound: Any = None):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def __repr__(self) -> str:
        bounds = {"lower_bound": self.lower_bound, "upper_bound": self.upper_bound}
        told = ", ".join([f"{key}={value}" for key, value in bounds.items() if value is not None])
        return f"{type(self).__name__}({told})"


class greater_than(_Bounded):  # noqa: N801
    """Values above a bound."""

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class greater_than_eq(_Bounded):  # noqa: N801
    """Values of a bound or above."""

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class less_than(_Bounded):  # noqa: N801
    """Values below a bound."""

    def __init__(self, upper_bound: Any):
        super().__init__(None, upper_bound)

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class interval(_Bounded):  # noqa: N801
    """Values between two bounds, both allowed."""

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class half_open_interval(_Bounded):  # noqa: N801
    """Values between two bounds, the upper one not allowed."""

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class integer_interval(_Bounded):  # noqa: N801
    """Whole numbers between two bounds, both allowed."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        whole = value % 1 == 0
        return whole & (value >= self.lower_bound) & (value <= self.upper_bound)


class independent(Constraint):  # noqa: N801
    """A constraint of each element of values of more dimensions."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete

    def check(self, value: Tensor) -> Tensor:
        result = self.base_constraint.check(value)
        return result.flatten(-self.reinterpreted_batch_ndims).all(-1) if self.event_dim else result

    def __repr__(self) -> str:
        return f"Independent({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


def _is_simplex(value: Tensor) -> Tensor:
    return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


def _is_one_hot(value: Tensor) -> Tensor:
    return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


def _is_lower_cholesky(value: Tensor) -> Tensor:
    lower = (value.tril() == value).flatten(-2).all(-1)
    return lower & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_positive_definite(value: Tensor) -> Tensor:
    symmetric = ((value - value.mT).abs() <= 1e-6).flatten(-2).all(-1)
    return symmetric & (rl.linalg.eigvalsh(value.detach()) > 0).all(-1)


real = _Simple("Real()", lambda value: value == value)
real_vector = _Simple("IndependentConstraint(Real(), 1)", lambda x: (x == x).all(-1), 1)
boolean = _Simple("Boolean()", lambda x: (x == 0) | (x == 1), is_discrete=True)
one_hot = _Simple("OneHot()", _is_one_hot, 1, True)
simplex = _Simple("Simplex()", _is_simplex, 1)
lower_cholesky = _Simple("LowerCholesky()", _is_lower_cholesky, 2)
positive_definite = _Simple("PositiveDefinite()", _is_positive_definite, 2)
nonnegative_integer = _Simple(
    "IntegerGreaterThan(lower_bound=0)", lambda x: (x % 1 == 0) & (x >= 0), is_discrete=True
)
positive_integer = _Simple(
    "IntegerGreaterThan(lower_bound=1)", lambda x: (x % 1 == 0) & (x >= 1), is_discrete=True
)
positive, nonnegative = greater_than(0.0), greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
