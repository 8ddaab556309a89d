"""The normal distribution of vectors."""

from __future__ import annotations

import math
from functools import cached_property

import rushlight as rl
from rushlight.distributions import constraints
from rushlight.distributions.constraints import Constraint
from rushlight.distributions.distribution import Distribution, Shape
from rushlight.tensor import Tensor


class MultivariateNormal(Distribution):
    """Vectors with mean `loc` and a covariance, given as one of three matrices.

    `covariance_matrix`, its inverse `precision_matrix`, or `scale_tril`, the lower triangular
    matrix L with covariance L Lᵀ, which is what is computed with.
    """

    has_rsample = True
    support: Constraint = constraints.real_vector
    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        name, matrix = given[0]
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading")
        batch = rl.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        size = loc.shape[-1]
        self.loc = loc.expand((*batch, size))
        self.__dict__[name] = matrix.expand((*batch, size, size))
        super().__init__(batch, (size,), validate_args)
        if name == "scale_tril":
            self._root = self.scale_tril
        elif name == "covariance_matrix":
            self._root = rl.linalg.cholesky(matrix).expand((*batch, size, size))
        else:
            self._root = _root_of_inverse(matrix).expand((*batch, size, size))

    def expand(self, batch_shape: Shape, _instance: Distribution | None = None) -> Distribution:
        result = super().expand(batch_shape)
        result._root = self._root.expand((*batch_shape, *self._root.shape[-2:]))
        return result

    @cached_property
    def scale_tril(self) -> Tensor:
        """The lower triangular root of the covariance."""
        return self._root

    @cached_property
    def covariance_matrix(self) -> Tensor:
        """The covariance of each two elements."""
        return self._root @ self._root.mT

    @cached_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        return rl.linalg.inv(self.covariance_matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self._root * self._root).sum(-1)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        z = rl.randn(shape, dtype=self.loc.dtype)
        return self.loc + (self._root @ z.unsqueeze(-1)).squeeze(-1)

    def _half_log_determinant(self) -> Tensor:
        return self._root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        apart = (self._values_for(value) - self.loc).unsqueeze(-1)
        shape = rl.broadcast_shapes(apart.shape[:-2], self._root.shape[:-2])
        root = self._root.expand((*shape, *self._root.shape[-2:]))
        apart = apart.expand((*shape, *apart.shape[-2:]))
        solved = rl.linalg.solve_triangular(root, apart, upper=False).squeeze(-1)
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -(size + (solved * solved).sum(-1)) / 2 - self._half_log_determinant()

    def entropy(self) -> Tensor:
        size = self._event_shape[0] * (1 + math.log(2 * math.pi))
        return size / 2 + self._half_log_determinant()


def _root_of_inverse(matrix: Tensor) -> Tensor:
    """The lower triangular root of a matrix's inverse, without inverting it."""
    flipped = rl.linalg.cholesky(matrix.flip((-2, -1)))
    inverse = flipped.flip((-2, -1)).mT
    one = rl.eye(matrix.shape[-1], dtype=matrix.dtype).expand(matrix.shape)
    return rl.linalg.solve_triangular(inverse, one, upper=False)
