"""Differences and areas of sampled functions: gradient, trapezoid."""

from __future__ import annotations

from typing import Any

from rushlight.ops.check import check_axis, check_tensor, describe, fail
from rushlight.ops.join import cat
from rushlight.ops.operands import NUMBERS
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor


# ---------------------------------------------------------------------------------------- areas
def _widths(name: str, y: Tensor, x: Tensor | None, dx: Any, axis: int) -> Any:
    """The distances between samples, ready to multiply with."""
    if x is None:
        return dx
    check_tensor(name, "x", x)
    size = y.shape[axis]
    if x.dim() == 1:
        if x.shape[0] != size:
            words = f"{name}: There must be one `x` value for each sample point"
            fail(RuntimeError, name, words, f"{size} values", describe(x))
        return x.diff().reshape([-1, *[1] * (y.dim() - axis - 1)])
    if x.dim() < y.dim():
        x = x.reshape([1] * (y.dim() - x.dim()) + list(x.shape))
    at = axis - y.dim()
    return x.narrow(at, 1, x.shape[at] - 1) - x.narrow(at, 0, x.shape[at] - 1)


def _areas(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The area of each strip between samples, and along which dimension."""
    check_tensor(name, "y", y)
    if not isinstance(x, Tensor) and x is not None:
        raise TypeError(f"{name}(): argument 'x' must be Tensor, not {type(x).__name__}")
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: both x and dx")
    axis = check_axis(name, dim, y.dim())
    if not y.dim():
        words = f"{name}: y must have one or more dimensions"
        fail(IndexError, name, words, "samples along a dimension", describe(y))
    if not y._spec.dtype.is_differentiable:
        y = y.to(get_default_dtype())
    size = y.shape[axis]
    if not size:
        return y, axis
    widths = _widths(name, y, x, 1 if dx is None else dx, axis)
    heights = y.narrow(axis, 0, size - 1) + y.narrow(axis, 1, size - 1)
    return heights * widths / 2, axis


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area under samples y along a dimension, by trapezoids.

    The samples lie at places x, or at distances dx (1).

    >>> import rushlight as rl
    >>> rl.trapezoid(rl.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return areas.sum(axis - max(y.dim(), 1))


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """The areas under samples y from the first one to each of the others, by trapezoids.

    >>> import rushlight as rl
    >>> rl.cumulative_trapezoid(rl.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return areas.cumsum(axis - max(y.dim(), 1))


# ---------------------------------------------------------------------------------------- slopes
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> list[Tensor]:
    """The slopes of a sampled function along each dimension (or those of `dim`).

    Second-order central differences inside, differences of `edge_order` at both ends.  `spacing`
    is the distance of samples, one for each dimension, or tensors of their places.

    >>> import rushlight as rl
    >>> rl.gradient(rl.tensor([1.0, 2.0, 4.0, 8.0]))
    [tensor([1.0000, 1.5000, 3.0000, 4.0000])]
    """
    rank = check_tensor("gradient", "input", input).dim()
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        axes = list(range(rank))
    else:
        axes = [check_axis("gradient", axis, rank) for axis in ([dim] if _whole(dim) else dim)]
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {axes} appears multiple times in the list of dims")
    spacings = _spacings(input, spacing, axes, dim)
    for axis in axes:
        if input.shape[axis] <= edge_order:
            words = "torch.gradient expected each dimension size to be at least edge_order+1"
            expected = f"at least {edge_order + 1} samples along dimension {axis}"
            fail(RuntimeError, "gradient", words, expected, describe(input))
    if not input._spec.dtype.is_differentiable:
        input = input.to(get_default_dtype())
    pairs = zip(axes, spacings, strict=True)
    return [_slope(input, axis, spacing, edge_order) for axis, spacing in pairs]


def _whole(value: Any) -> bool:
    return isinstance(value, int) or hasattr(value, "__index__")


def _spacings(input: Tensor, spacing: Any, axes: list[int], dim: Any) -> list:
    if spacing is None or isinstance(spacing, NUMBERS):
        return [1 if spacing is None else spacing] * len(axes)
    spacings = [spacing] if isinstance(spacing, Tensor) else list(spacing)
    if len(spacings) != len(axes):
        words = "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
        words += f"equal to 'self.dim() if dim is None else len(dim)' = {len(axes)}, but got a "
        words += f"list of length {len(spacings)}"
        fail(RuntimeError, "gradient", words, f"{len(axes)} spacings", f"{len(spacings)}")
    for axis, places in zip(axes, spacings, strict=True):
        if isinstance(places, Tensor) and tuple(places.shape) != (input.shape[axis],):
            words = "torch.gradient expected each coordinate tensor to have one value for each "
            words += f"sample along dimension {axis}"
            expected = f"a vector of {input.shape[axis]}"
            fail(RuntimeError, "gradient", words, expected, describe(places))
    return spacings


def _slope(x: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    """The slopes along one dimension."""
    size = x.shape[axis]

    def part(start: int, count: int) -> Tensor:
        return x.narrow(axis, start, count)

    if not isinstance(spacing, Tensor):
        inside = (part(2, size - 2) - part(0, size - 2)) / (2 * spacing)
        steps: list[Any] = [spacing, spacing, spacing, spacing]
    else:
        widths = spacing.diff().to(x.dtype)
        shape = [-1, *[1] * (x.dim() - axis - 1)]
        before, after = widths[:-1].reshape(shape), widths[1:].reshape(shape)
        whole = before + after
        weights = -after / (before * whole), (after - before) / (before * after)
        inside = part(0, size - 2) * weights[0] + part(1, size - 2) * weights[1]
        inside = inside + part(2, size - 2) * (before / (after * whole))
        steps = [widths[0], widths[min(1, size - 2)], widths[-1], widths[max(size - 3, 0)]]
    if edge_order == 1:
        first = (part(1, 1) - part(0, 1)) / steps[0]
        last = (part(size - 1, 1) - part(size - 2, 1)) / steps[2]
    else:
        first = _edge([part(place, 1) for place in (0, 1, 2)], steps[0], steps[1])
        last = -_edge([part(size - 1 - place, 1) for place in (0, 1, 2)], steps[2], steps[3])
    return cat([first, inside, last] if size > 2 else [first, last], axis)


def _edge(samples: list[Tensor], near: Any, far: Any) -> Tensor:
    """The slope at the first of three samples, by the parabola through them."""
    a = -(2 * near + far) / (near * (near + far))
    b = (near + far) / (near * far)
    c = -near / (far * (near + far))
    return samples[0] * a + samples[1] * b + samples[2] * c


FUNCTIONS: dict[str, Any] = {
    "trapezoid": trapezoid,
    "trapz": trapezoid,
    "cumulative_trapezoid": cumulative_trapezoid,
    "gradient": gradient,
}
METHODS: dict[str, Any] = {}
