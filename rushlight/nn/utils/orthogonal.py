"""Orthogonal matrices as functions of matrices that may be anything."""

from __future__ import annotations

from rushlight import linalg
from rushlight.autograd.modes import no_grad
from rushlight.nn.module import Module
from rushlight.nn.utils.parametrize import register_parametrization
from rushlight.ops import FUNCTIONS
from rushlight.tensor import Tensor

_MAPS = ("matrix_exp", "cayley", "householder")


def _made_orthogonal(matrix: Tensor) -> Tensor:
    """The orthogonal factor of a matrix, with signs that keep one that is orthogonal already."""
    q, r = linalg.qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


class _Orthogonal(Module):
    """An orthogonal matrix; rows or columns are orthonormal where it is not square."""

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:  # noqa: N803
        wide = X.shape[-2] < X.shape[-1]
        x = X.transpose(-2, -1) if wide else X
        result = self._reflected(x) if self.orthogonal_map == "householder" else self._mapped(x)
        if getattr(self, "base", None) is not None:
            result = self.base @ result
        return result.transpose(-2, -1) if wide else result

    def _mapped(self, x: Tensor) -> Tensor:
        """The map of the skew-symmetric matrix whose lower half is that of x."""
        rows, columns = x.shape[-2:]
        lower = x.tril()
        if rows != columns:
            zeros = lower.new_zeros((*lower.shape[:-1], rows - columns))
            lower = FUNCTIONS["cat"]([lower, zeros], -1)
        skew = lower - lower.transpose(-2, -1)
        if self.orthogonal_map == "matrix_exp":
            return linalg.matrix_exp(skew)[..., :columns]
        one = FUNCTIONS["eye"](rows, dtype=skew.dtype)
        return linalg.solve(one - 0.5 * skew, one + 0.5 * skew)[..., :columns]

    def _reflected(self, x: Tensor) -> Tensor:
        """The product of reflections by the columns below x's diagonal; it holds signs."""
        below = x.tril(-1)
        sizes = 2 / (1 + (below * below).sum(-2))
        signs = x.diagonal(dim1=-2, dim2=-1).detach().trunc()
        return linalg.householder_product(below, sizes) * signs.unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:  # noqa: N803
        """What to start from to get this matrix; ValueError for another shape."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        x = Q.transpose(-2, -1) if wide else Q
        if not hasattr(self, "base"):
            return self._without_base(x, wide)
        rows, columns = x.shape[-2:]
        if rows != columns:
            drawn = FUNCTIONS["randn"]((*x.shape[:-2], rows, rows - columns), dtype=x.dtype)
            x = FUNCTIONS["cat"]([x, drawn], -1)
        self.base = _made_orthogonal(x)
        return -FUNCTIONS["eye"](*Q.shape[-2:], dtype=Q.dtype).expand(Q.shape)

    def _without_base(self, x: Tensor, wide: bool) -> Tensor:
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        found, sizes = FUNCTIONS["geqrf"](x)
        # where geqrf needs no reflection, `_reflected` has one that turns the column's sign
        turned = (found.diagonal(dim1=-2, dim2=-1) < 0) != (sizes == 0)
        signs = FUNCTIONS["diag_embed"](FUNCTIONS["where"](turned, -1.0, 1.0).to(x.dtype))
        whole = found.tril(-1)
        whole[..., : signs.shape[-1], :] += signs
        return whole.transpose(-2, -1) if wide else whole


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Let a weight be an orthogonal matrix, or a batch of them; returns the module.

    `orthogonal_map` is "matrix_exp" (the exponential of a skew-symmetric matrix; by default for
    square ones), "cayley" ((1 - A/2)⁻¹ (1 + A/2)) or "householder" (a product of reflections; by
    default for others).  With `use_trivialization` the map starts at the present weight (Lezcano-
    Casado, 2019), and the weight can be assigned.  ValueError for a name that is no matrix.

    >>> import rushlight as rl
    >>> from rushlight import nn
    >>> layer = nn.utils.parametrizations.orthogonal(nn.Linear(20, 40))
    >>> bool(((layer.weight.T @ layer.weight - rl.eye(20)).abs() < 1e-4).all())
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.dim() < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions."
        )
    square = weight.shape[-2] == weight.shape[-1]
    chosen = orthogonal_map or ("matrix_exp" if square else "householder")
    if chosen not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    step = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return register_parametrization(module, name, step, unsafe=True)
