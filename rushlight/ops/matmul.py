"""Matrix products in all ranks, and the linear layer's."""

from __future__ import annotations

from typing import Any, NoReturn

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.dtype import bool_
from rushlight.graph.movement import expand
from rushlight.graph.node import Node
from rushlight.ops.autocast import left_alone, lowered
from rushlight.ops.check import broadcast, check_tensor, describe, fail
from rushlight.ops.contraction import Bmm, Contract, Dot, Labels, Mm, Mv, contraction
from rushlight.tensor import Tensor, wrap

# Labels of axes: of rows and columns of the operands, and of what is summed over.
_ROWS, _SUMMED, _COLUMNS = -1, -2, -3


def check_dtypes(operation: str, a: Tensor, b: Tensor) -> None:
    """RuntimeError unless both have one dtype, of numbers."""
    left, right = a._spec.dtype, b._spec.dtype
    if left is not right:
        fail(
            RuntimeError,
            operation,
            f"expected m1 and m2 to have the same dtype, but got: {left.name} != {right.name}",
            "two tensors of one dtype",
            f"{describe(a)} and {describe(b)}",
        )
    if left is bool_:
        words = f"\"{operation}\" not implemented for 'Bool'"
        fail(NotImplementedError, operation, words, "numbers", f"{describe(a)} and {describe(b)}")


def _fail_shapes(operation: str, a: Tensor, b: Tensor, left: tuple, right: tuple) -> NoReturn:
    """The error of a product whose inner sizes differ, with the shapes as they were given."""
    fail(
        RuntimeError,
        operation,
        f"mat1 and mat2 shapes cannot be multiplied ({left[0]}x{left[1]} and "
        f"{right[0]}x{right[1]})",
        f"the last size of the first, {left[1]}, to equal the second's inner size, {right[0]}",
        f"{describe(a)} and {describe(b)}",
    )


@lowered
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product: of vectors, matrices, and batches of matrices that broadcast.

    (n,) (n,) is a number; a vector counts as a row on the left and as a column on the right; with
    more than two dimensions the leading ones are batch dimensions.  RuntimeError where sizes or
    dtypes differ.

    >>> import rushlight as rl
    >>> rl.matmul(rl.tensor([[1.0, 2.0], [3.0, 4.0]]), rl.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    check_tensor("matmul", "input", input)
    check_tensor("matmul", "other", other)
    left, right = input._spec.shape, other._spec.shape
    if not left or not right:
        raise RuntimeError(
            "both arguments to matmul need to be at least 1D, but they are "
            f"{len(left)}D and {len(right)}D"
        )
    check_dtypes("matmul", input, other)
    _check_inner("matmul", input, other)
    if len(left) <= 2 and len(right) <= 2:
        return _small_product(input, other)
    return _batched_product(input, other)


def _check_inner(operation: str, a: Tensor, b: Tensor) -> None:
    left, right = a._spec.shape, b._spec.shape
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] == inner:
        return
    if len(left) == 1 and len(right) == 1:
        words = f"inconsistent tensor size, expected tensor [{left[0]}] and src [{right[0]}] to "
        words += f"have the same number of elements, but got {left[0]} and {right[0]} elements "
        words += "respectively"
        fail(RuntimeError, operation, words, "vectors of one size", f"{describe(a)}, {describe(b)}")
    if len(right) == 1 and len(left) == 2:
        words = f"size mismatch, got input ({left[0]}), mat ({left[0]}x{left[1]}), vec ({right[0]})"
        fail(RuntimeError, operation, words, f"a vector of {left[1]}", describe(b))
    rows = 1
    for size in left[:-1]:
        rows *= size
    _fail_shapes(operation, a, b, (rows, left[-1]), (inner, right[-1] if len(right) > 1 else 1))


def _small_product(a: Tensor, b: Tensor) -> Tensor:
    left, right = a._spec.rank, b._spec.rank
    labels_a: Labels = (_ROWS, _SUMMED) if left == 2 else (_SUMMED,)
    labels_b: Labels = (_SUMMED, _COLUMNS) if right == 2 else (_SUMMED,)
    operation = Mm if left == right == 2 else Dot if left == right else Mv
    return operation.apply((a, b), labels_a, labels_b, (*labels_a[:-1], *labels_b[1:]))


def _batched_product(a: Tensor, b: Tensor) -> Tensor:
    """Batch dimensions that both have are batch axes; one that a single operand has is free."""
    left, right = a._spec.shape, b._spec.shape
    batch_a, rows = left[:-2], (_ROWS,) * (len(left) > 1)
    batch_b, columns = right[:-2], (_COLUMNS,) * (len(right) > 1)
    batch = broadcast(batch_a, batch_b, "matmul")
    a, labels_a, kept_a = _batch_labels(a, batch_a, batch)
    b, labels_b, kept_b = _batch_labels(b, batch_b, batch)
    present = sorted({*kept_a, *kept_b})
    result = (*present, *rows, *columns)
    product = Bmm.apply((a, b), (*labels_a, *rows, _SUMMED), (*labels_b, _SUMMED, *columns), result)
    if len(present) == len(batch):
        return product
    shape = (*batch, *left[-2:-1], *(right[-1:] if columns else ()))
    return product.reshape(shape)


def _batch_labels(x: Tensor, have: tuple, batch: tuple) -> tuple[Tensor, Labels, Labels]:
    """The operand without batch dimensions of size 1, and the labels of those that it keeps."""
    first = len(batch) - len(have)
    labels = tuple([first + i for i, size in enumerate(have) if size != 1])
    if len(labels) < len(have):
        shape = x._spec.shape
        x = x.reshape((*[size for size in have if size != 1], *shape[len(have) :]))
    return x, labels, labels


@lowered
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices; RuntimeError for other ranks."""
    for name, matrix in (("self", input), ("mat2", mat2)):
        _check_rank("mm", name, matrix, 2)
    return matmul(input, mat2)


def _check_rank(operation: str, name: str, x: Tensor, rank: int) -> None:
    check_tensor(operation, name, x)
    if x._spec.rank != rank:
        kind = {1: "a vector", 2: "a matrix", 3: "a 3D tensor"}[rank]
        fail(RuntimeError, operation, f"{name} must be {kind}", f"{rank} dimensions", describe(x))


@lowered
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of as many matrices; RuntimeError for other ranks or sizes."""
    _check_rank("bmm", "batch1", input, 3)
    _check_rank("bmm", "batch2", mat2, 3)
    left, right = input._spec.shape, mat2._spec.shape
    if left[0] != right[0] or left[2] != right[1]:
        words = "Expected size for first two dimensions of batch2 tensor to be: "
        words += f"[{left[0]}, {left[2]}] but got: [{right[0]}, {right[1]}]."
        expected = "batches of as many matrices whose inner sizes agree"
        fail(RuntimeError, "bmm", words, expected, f"{describe(input)} and {describe(mat2)}")
    check_dtypes("bmm", input, mat2)
    labels = (0, _ROWS, _SUMMED), (0, _SUMMED, _COLUMNS), (0, _ROWS, _COLUMNS)
    return Bmm.apply((input, mat2), *labels)


@left_alone
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    _check_rank("mv", "self", input, 2)
    _check_rank("mv", "vec", vec, 1)
    return matmul(input, vec)


@left_alone
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors, a number."""
    if input.dim() != 1 or tensor.dim() != 1:
        words = f"1D tensors expected, but got {input.dim()}D and {tensor.dim()}D tensors"
        fail(RuntimeError, "dot", words, "vectors", f"{describe(input)}, {describe(tensor)}")
    return matmul(input, tensor)


@left_alone
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The sum of the products of two vectors, the first one conjugated."""
    return dot(input.conj(), other)


@lowered
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimension of both."""
    if not input.dim() or not other.dim():
        return input * other
    if input.shape[-1] != other.shape[-1]:
        words = "inner() the last dimension must match on both input tensors but got shapes "
        words += f"{list(input.shape)} and {list(other.shape)}"
        raise RuntimeError(words)
    check_dtypes("inner", input, other)
    rows = tuple(range(input.dim() - 1))
    columns = tuple(range(len(rows), len(rows) + other.dim() - 1))
    labels = (*rows, _SUMMED), (*columns, _SUMMED), (*rows, *columns)
    return Contract.apply((input, other), *labels)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of every element of one vector with every element of another."""
    _check_rank("outer", "self", input, 1)
    _check_rank("outer", "vec2", vec2, 1)
    return input.reshape((-1, 1)) * vec2


def _added(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product; an input times 0 is left out, even if it is NaN."""
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    scaled = input if beta == 1 else input * beta
    expanded = broadcast(input._spec.shape, product._spec.shape, "addmm")
    if expanded != product._spec.shape:
        words = f"The expanded size of the tensor must match the existing size: {list(input.shape)}"
        words += f" does not expand to {list(product.shape)}"
        raise RuntimeError(words)
    return scaled + product


@lowered
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    _check_rank("addmm", "mat1", mat1, 2)
    _check_rank("addmm", "mat2", mat2, 2)
    return _added(input, matmul(mat1, mat2), beta, alpha)


@left_alone
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return _added(input, mv(mat, vec), beta, alpha)


@left_alone
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    return _added(input, outer(vec1, vec2), beta, alpha)


@lowered
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2)."""
    return _added(input, bmm(batch1, batch2), beta, alpha)


@lowered
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * the sum of bmm(batch1, batch2) over the batch."""
    _check_rank("addbmm", "batch1", batch1, 3)
    _check_rank("addbmm", "batch2", batch2, 3)
    check_dtypes("addbmm", batch1, batch2)
    labels = (0, _ROWS, _SUMMED), (0, _SUMMED, _COLUMNS), (_ROWS, _COLUMNS)
    return _added(input, Contract.apply((batch1, batch2), *labels), beta, alpha)


class Linear(Operation):
    """x times a weight of (outputs, inputs), plus a bias: one product over the last dimension."""

    def forward(ctx, x: Node, weight: Node, bias: Node) -> Node:
        _check_linear(wrap(x), wrap(weight), wrap(bias))
        if ctx.recording:
            ctx.save_inputs(0 if ctx.needs(1) else None, 1 if ctx.needs(0) else None)
        leading = tuple(range(x.spec.rank - 1))
        labels = (*leading, _SUMMED), (_COLUMNS, _SUMMED), (*leading, _COLUMNS)
        product = contraction(x, weight, *labels)
        return e.add(product, expand(bias, product.spec.shape))

    def backward(ctx, grad: Tensor) -> tuple:
        x, weight = ctx.saved
        left = right = None
        leading = tuple(range(grad._spec.rank - 1))
        result = *leading, _COLUMNS
        if weight is not None:
            labels = result, (_COLUMNS, _SUMMED), (*leading, _SUMMED)
            left = Contract.apply((grad, weight.conj()), *labels)
        if x is not None:
            labels = result, (*leading, _SUMMED), (_COLUMNS, _SUMMED)
            right = Contract.apply((grad, x.conj()), *labels)
        return left, right, grad


class Addmm(Linear):
    """A linear layer on a matrix."""


@lowered
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias, over the last dimension of the input.

    `weight` is (outputs, inputs), or (inputs,) for a single output without its dimension; `bias`
    is (outputs,).  RuntimeError where sizes or dtypes differ.

    >>> import rushlight as rl
    >>> rl.nn.functional.linear(rl.ones(2), rl.tensor([[1.0, 2.0]]), rl.tensor([0.5]))
    tensor([3.5000])
    """
    have, want = input._spec, weight._spec
    if bias is None or want.rank != 2:
        _check_linear(input, weight, bias)
        leading = tuple(range(have.rank - 1))
        outputs = (_COLUMNS,) * (want.rank - 1)
        labels = (*leading, _SUMMED), (*outputs, _SUMMED), (*leading, *outputs)
        product = (Mm if have.rank == 2 else Contract).apply((input, weight), *labels)
        return product if bias is None else product + bias
    return (Addmm if have.rank == 2 else Linear).apply((input, weight, bias))


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    have, want = input._spec, weight._spec
    if not have.rank or not want.rank:
        words = f"both arguments to linear need to be at least 1D, but they are {have.rank}D and "
        raise RuntimeError(f"{words}{want.rank}D")
    if want.rank > 2:
        words = f"linear(): weight must be a matrix or a vector, not {want.rank}D"
        fail(RuntimeError, "linear", words, "a weight of (outputs, inputs)", describe(weight))
    if have.dtype is not want.dtype or have.dtype is bool_:
        check_dtypes("linear", input, weight)
    if have.shape[-1] != want.shape[-1]:
        rows = have.size // have.shape[-1] if have.shape[-1] else 0
        outputs = want.shape[0] if want.rank == 2 else 1
        _fail_shapes("linear", input, weight, (rows, have.shape[-1]), (want.shape[-1], outputs))
    if bias is None:
        return
    given = bias._spec
    if given.dtype is not have.dtype:
        check_dtypes("linear", input, bias)
    if want.rank == 2 and given.shape not in ((want.shape[0],), (1,), ()):
        words = f"The expanded size of the tensor ({want.shape[0]}) must match the existing size "
        words += f"({given.shape[-1]}) at non-singleton dimension {have.rank - 1}."
        fail(RuntimeError, "linear", words, f"a bias of shape [{want.shape[0]}]", describe(bias))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 @ weight[k] @ x2 for each output k, plus a bias; weight is (outputs, inputs1, inputs2)."""
    leading = tuple(range(input1.dim() - 1))
    rows, columns, outputs = -4, -5, -6
    half = Contract.apply(
        (input1, weight), (*leading, rows), (outputs, rows, columns), (*leading, outputs, columns)
    )
    labels = (*leading, outputs, columns), (*leading, columns), (*leading, outputs)
    product = Contract.apply((half, input2), *labels)
    return product if bias is None else product + bias


@lowered
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, from left to right."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = mm(result, matrix)
    return result


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of `input` times the whole of `other`."""
    rank = max(input.dim(), other.dim())
    left = (1,) * (rank - input.dim()) + tuple(input.shape)
    right = (1,) * (rank - other.dim()) + tuple(other.shape)
    a = input.reshape([size for n in left for size in (n, 1)])
    b = other.reshape([size for n in right for size in (1, n)])
    return (a * b).reshape([m * n for m, n in zip(left, right, strict=True)])


_FUNCTIONS = (matmul, mm, bmm, mv, dot, inner, outer, addmm, addmv, addr, baddbmm, addbmm, kron)
FUNCTIONS = {function.__name__: function for function in (*_FUNCTIONS, chain_matmul)}
FUNCTIONS |= {"vdot": vdot, "ger": outer}
METHODS = {
    **{name: function for name, function in FUNCTIONS.items() if name != "chain_matmul"},
    "__matmul__": matmul,
    "__rmatmul__": lambda self, other: matmul(other, self),
}
INPLACE = ("addmm", "addmv", "addr", "baddbmm", "addbmm")
