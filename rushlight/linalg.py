"""Linear algebra by PyTorch's names: matrices are the last two dimensions, the others batches.

>>> import rushlight as rl
>>> A = rl.tensor([[2.0, 0.0], [0.0, 4.0]])
>>> rl.linalg.solve(A, rl.tensor([2.0, 8.0]))
tensor([1., 2.])

Computed by NumPy in double precision, between kernels.  A matrix that a function cannot take
(singular, not positive-definite) is a LinAlgError when it is computed, which names the line that
asked for it; the functions that end in `_ex` tell by `info` instead.
"""

from __future__ import annotations

from rushlight.graph.linalg import LinAlgError
from rushlight.ops.linalg.cholesky import cholesky, cholesky_ex
from rushlight.ops.linalg.determinant import det, slogdet
from rushlight.ops.linalg.inexact import lstsq, matrix_rank, pinv
from rushlight.ops.linalg.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from rushlight.ops.linalg.lu import lu, lu_factor, lu_factor_ex, lu_solve
from rushlight.ops.linalg.norms import cond, matrix_norm, norm, vector_norm
from rushlight.ops.linalg.orthogonal import householder_product, qr
from rushlight.ops.linalg.products import (
    cross,
    diagonal,
    matrix_exp,
    matrix_power,
    multi_dot,
    vander,
    vecdot,
)
from rushlight.ops.linalg.singular import svd, svdvals
from rushlight.ops.linalg.solve import inv, inv_ex, solve, solve_ex, tensorinv, tensorsolve
from rushlight.ops.linalg.spectral import eig, eigh, eigvals, eigvalsh
from rushlight.ops.linalg.triangular import solve_triangular
from rushlight.ops.matmul import matmul

__all__ = ["LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig"]
__all__ += ["eigh", "eigvals", "eigvalsh", "householder_product", "inv", "inv_ex", "ldl_factor"]
__all__ += ["ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve"]
__all__ += ["matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot"]
__all__ += ["norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd"]
__all__ += ["svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm"]
