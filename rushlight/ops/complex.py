"""Complex numbers and their parts: real, imag, conj, abs, angle, complex, polar.

Gradients follow PyTorch: that of a real loss L with respect to z = x + iy is dL/dx + i dL/dy, so
that a step against it goes downhill.  For a function w = f(z) with a complex derivative, the
gradient of z is that of w times the conjugate of f'(z); so backward methods conjugate what they
multiply by, which leaves real numbers alone.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.autograd.operation import Operation, ViewOperation
from rushlight.graph import complex as c
from rushlight.graph.dtype import DType, float16, float32, float64
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.operands import align
from rushlight.ops.options import check_options
from rushlight.ops.promotion import get_default_dtype
from rushlight.tensor import Tensor

Shape = tuple[int, ...]
Layout = tuple[Shape, Shape, int]


class Real(ViewOperation):
    """The real parts, a view."""

    def forward(ctx, x: Node) -> Node:
        return c.part(c.REAL, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad

    @staticmethod
    def layout(shape: Shape, strides: Shape, offset: int) -> Layout:
        return shape, tuple([2 * step for step in strides]), 2 * offset

    @staticmethod
    def put(whole: Node, part: Node) -> Node:
        return c.complex_(part, c.part(c.IMAG, whole))


class Imag(ViewOperation):
    """The imaginary parts, a view."""

    def forward(ctx, x: Node) -> Node:
        return c.part(c.IMAG, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 1j

    @staticmethod
    def layout(shape: Shape, strides: Shape, offset: int) -> Layout:
        return shape, tuple([2 * step for step in strides]), 2 * offset + 1

    @staticmethod
    def put(whole: Node, part: Node) -> Node:
        return c.complex_(c.part(c.REAL, whole), part)


class ViewAsReal(ViewOperation):
    """Both parts in a new last dimension, a view."""

    def forward(ctx, x: Node) -> Node:
        return c.pairs(x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return ViewAsComplex.apply((grad,))

    @staticmethod
    def layout(shape: Shape, strides: Shape, offset: int) -> Layout:
        return (*shape, 2), (*[2 * step for step in strides], 1), 2 * offset

    @staticmethod
    def put(whole: Node, part: Node) -> Node:
        return c.from_pairs(part)


class ViewAsComplex(ViewOperation):
    """Complex numbers whose parts lie in the last dimension, a view."""

    def forward(ctx, x: Node) -> Node:
        return c.from_pairs(x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return ViewAsReal.apply((grad,))

    @staticmethod
    def layout(shape: Shape, strides: Shape, offset: int) -> Layout:
        return shape[:-1], tuple([step // 2 for step in strides[:-1]]), offset // 2

    @staticmethod
    def put(whole: Node, part: Node) -> Node:
        return c.pairs(part)


class Conj(Operation):
    """The conjugate of complex numbers."""

    def forward(ctx, x: Node) -> Node:
        return c.conj(x)

    def backward(ctx, grad: Tensor) -> Tensor:
        return conj(grad)


class Complex(Operation):
    """a + b i."""

    def forward(ctx, a: Node, b: Node, dtype: DType) -> Node:
        a, b = align(a, b, dtype, "complex")
        shape = a.spec.shape or b.spec.shape
        return c.complex_(expand(a, shape), expand(b, shape))

    def backward(ctx, grad: Tensor) -> tuple:
        return grad.real, grad.imag


class Abs(Operation):
    """|z|, with the gradient z / |z|, and 0 at 0."""

    def forward(ctx, x: Node) -> Node:
        ctx.save_inputs(0)
        return c.part(c.MODULUS, x)

    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved
        return grad * sgn(x)


def is_complex(tensor: Tensor) -> bool:
    """Whether the tensor holds complex numbers."""
    return tensor._spec.dtype.is_complex


def real(input: Tensor) -> Tensor:
    """The real parts, a view: writing to it writes to the input; of real numbers, the input.

    >>> import rushlight as rl
    >>> rl.real(rl.tensor([1 + 2j, 3j]))
    tensor([1., 0.])
    """
    check_tensor("real", "input", input)
    return Real.apply((input,)) if is_complex(input) else input


def imag(input: Tensor) -> Tensor:
    """The imaginary parts, a view: writing to it writes to the input.

    RuntimeError for real numbers.

    >>> import rushlight as rl
    >>> rl.imag(rl.tensor([1 + 2j, 3j]))
    tensor([2., 3.])
    """
    if not is_complex(check_tensor("imag", "input", input)):
        words = "imag is not implemented for tensors with non-complex dtypes."
        fail(RuntimeError, "imag", words, "a complex tensor", describe(input))
    return Imag.apply((input,))


def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers as pairs (real, imaginary) in a new last dimension, a view.

    RuntimeError for real numbers.

    >>> import rushlight as rl
    >>> rl.view_as_real(rl.tensor([1 + 2j, 3j]))
    tensor([[1., 2.],
            [0., 3.]])
    """
    if not is_complex(check_tensor("view_as_real", "input", input)):
        words = "view_as_real is only supported for complex tensors"
        fail(RuntimeError, "view_as_real", words, "a complex tensor", describe(input))
    return ViewAsReal.apply((input,))


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs in the last dimension, of size 2, as complex numbers, a view.

    RuntimeError for other dtypes than float32 and float64, other sizes, and strides that no
    complex tensor has.

    >>> import rushlight as rl
    >>> rl.view_as_complex(rl.tensor([[1.0, 2.0], [0.0, 3.0]]))
    tensor([1.+2.j, 0.+3.j])
    """
    dtype = check_tensor("view_as_complex", "input", input)._spec.dtype
    if dtype not in c.COMPLEX_OF:
        words = "view_as_complex is only supported for half, float and double tensors, but got a "
        words += f"tensor of scalar type: {dtype.name}"
        fail(RuntimeError, "view_as_complex", words, "float32 or float64", describe(input))
    words = "Tensor must have a last dimension of size 2"
    if input._spec.shape[-1:] != (2,):
        fail(RuntimeError, "view_as_complex", words, "pairs (real, imaginary)", describe(input))
    strides, offset = input._layout()
    if strides[-1] != 1 or offset % 2 or any(step % 2 for step in strides[:-1]):
        words = "Tensor must have a last dimension with stride 1, other strides divisible by 2"
        fail(RuntimeError, "view_as_complex", words, "such strides; call .contiguous()", strides)
    return ViewAsComplex.apply((input,))


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; of real numbers, the input itself.

    >>> import rushlight as rl
    >>> rl.conj(rl.tensor([1 + 2j, 3j]))
    tensor([1.-2.j, 0.-3.j])
    """
    return Conj.apply((input,)) if is_complex(check_tensor("conj", "input", input)) else input


def sgn(input: Tensor) -> Tensor:
    """z / |z| of complex numbers, 0 at 0; the sign of real ones."""
    if not is_complex(check_tensor("sgn", "input", input)):
        return input.sign()
    size = input.abs()
    zero = size == 0
    return where(zero, 0, input / where(zero, 1, size))


def angle(input: Tensor) -> Tensor:
    """The angle of complex numbers in radians; of real ones pi where they are negative, else 0.

    >>> import rushlight as rl
    >>> rl.angle(rl.tensor([1j, -1.0]))
    tensor([1.5708, 3.1416])
    """
    dtype = check_tensor("angle", "input", input)._spec.dtype
    if dtype.is_complex:
        zero = input == 0
        return where(zero, 0, input.imag).atan2(where(zero, 1, input.real))
    x = input if dtype.is_floating_point else input.to(get_default_dtype())
    return where(x != x, x, where(x < 0, math.pi, x * 0))


def complex(real: Tensor, imag: Tensor, *, out: Any = None) -> Tensor:
    """real + imag * i, of two tensors of one floating point dtype; RuntimeError for others.

    >>> import rushlight as rl
    >>> rl.complex(rl.tensor([1.0]), rl.tensor([2.0]))
    tensor([1.+2.j])
    """
    check_options("complex", out=out)
    left, right = [check_tensor("complex", "input", x)._spec.dtype for x in (real, imag)]
    for dtype in (left, right):
        if dtype not in (float16, float32, float64):
            words = "Expected both inputs to be Half, Float or Double tensors but got "
            words += f"{left.name} and {right.name}"
            fail(RuntimeError, "complex", words, "floating point parts", dtype.name)
    if left is not right:
        words = f"Expected object of scalar type {left.name} but got scalar type {right.name} for "
        words += "second argument"
        fail(RuntimeError, "complex", words, left.name, right.name)
    dtype = float32 if left is float16 else left
    return Complex.apply((real, imag), dtype)


def polar(abs: Tensor, angle: Tensor, *, out: Any = None) -> Tensor:
    """The complex numbers of these sizes and angles: abs * cos(angle) + i * abs * sin(angle).

    >>> import math, rushlight as rl
    >>> rl.polar(rl.tensor([2.0]), rl.tensor([0.0]))
    tensor([2.+0.j])
    """
    check_options("polar", out=out)
    check_tensor("polar", "abs", abs)
    check_tensor("polar", "angle", angle)
    return complex(abs * angle.cos(), abs * angle.sin())


def isreal(input: Tensor) -> Tensor:
    """Whether each element is real: has no imaginary part."""
    return input.imag == 0 if is_complex(input) else (input == input) | (input != input)


def _set(part: Any) -> Any:
    def put(self: Tensor, value: Any) -> None:
        view = part(self)
        view.copy_(value) if isinstance(value, Tensor) else view.fill_(value)

    return put


def _adjoint(self: Tensor) -> Tensor:
    return conj(self.transpose(-2, -1))


_FUNCTIONS = (real, imag, view_as_real, view_as_complex, conj, sgn, angle, complex, polar, isreal)
FUNCTIONS: dict[str, Any] = {function.__name__: function for function in _FUNCTIONS}
FUNCTIONS |= {"conj_physical": conj, "adjoint": _adjoint}
FUNCTIONS |= {"resolve_conj": lambda input: input, "resolve_neg": lambda input: input}
FUNCTIONS |= {"is_conj": lambda input: False, "is_neg": lambda input: False}
_NO_METHODS = ("real", "imag", "complex", "polar", "view_as_real", "view_as_complex")
METHODS: dict[str, Any] = {name: f for name, f in FUNCTIONS.items() if name not in _NO_METHODS}
METHODS |= {
    "real": property(real, _set(real), doc=real.__doc__),
    "imag": property(imag, _set(imag), doc=imag.__doc__),
    "H": property(_adjoint),
    "mH": property(_adjoint),
}
INPLACE = ("conj_physical", "sgn")
