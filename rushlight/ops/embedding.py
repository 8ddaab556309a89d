"""Tables of vectors looked up by number: embedding, and one_hot."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.inplace import write
from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph.creation import iota
from rushlight.graph.dtype import int64
from rushlight.graph.indexing import take
from rushlight.graph.movement import expand
from rushlight.graph.node import Node, Origin
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant, filled
from rushlight.ops.indexed import Index, IndexPut
from rushlight.ops.lookup import occurring
from rushlight.ops.places import check_places, known_values, origin
from rushlight.tensor import Tensor, modes


class Embedding(Operation):
    """Rows of a table; the gradient adds up in the rows, but for one that stays as it is."""

    def forward(ctx, weight: Node, index: Node, padding: int, by_count: bool, at: Origin) -> Node:
        ctx.save_inputs(1)
        ctx.arguments = padding, by_count, at
        return take(weight, (e.cast(index, int64),), at)

    def backward(ctx, grad: Tensor) -> tuple:
        (index,) = ctx.saved
        padding, by_count, at = ctx.arguments
        spec = ctx.input_spec(0)
        if padding >= 0:
            kept = (index != padding).unsqueeze(-1)
            grad = where(kept, grad, constant(0, grad._spec.dtype))
        if by_count:
            ones = filled(1, spec.with_shape(index._spec.shape))
            zeros = filled(0, spec.with_shape(spec.shape[:1]))
            counts = IndexPut.apply((zeros, ones, index), (0,), "add", at)
            grad = grad / Index.apply((counts, index), (0,), at).unsqueeze(-1)
        zeros = filled(0, spec.with_dtype(grad._spec.dtype))
        return IndexPut.apply((zeros, grad, index), (0,), "add", at), None


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table `weight` that the integers of the input name.

    The row `padding_idx` gets no gradient; rows of a norm above `max_norm` are first brought to
    it, in place; `scale_grad_by_freq` divides gradients by how often a row occurs.  `sparse` is
    accepted and makes no difference.  IndexError for a row that does not exist.

    >>> import rushlight as rl
    >>> rl.nn.functional.embedding(rl.tensor([1, 1]), rl.tensor([[1.0], [2.0]]))
    tensor([[2.],
            [2.]])
    """
    check_tensor("embedding", "indices", input)
    check_tensor("embedding", "weight", weight)
    if input._spec.dtype.name not in ("int64", "int32"):
        words = "Expected tensor for argument #1 'indices' to have one of the following scalar "
        words += f"types: Long, Int; but got {input.dtype.name} instead"
        fail(RuntimeError, "embedding", words, "an integer tensor", describe(input))
    if weight.dim() != 2:
        words = "'weight' must be 2-D"
        fail(RuntimeError, "embedding", words, "a table of (rows, size)", describe(weight))
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx += rows if padding_idx < 0 else 0
    _check_rows(input, rows)
    if known_values(input) is None:  # a negative row fails when it is known, and does not wrap
        input = where(input < 0, constant(rows, input._spec.dtype), input)
    if max_norm is not None:
        _limit_norms(weight, input, max_norm, norm_type)
    padding = -1 if padding_idx is None else padding_idx
    arguments = padding, bool(scale_grad_by_freq), origin("embedding")
    return Embedding.apply((weight, input), *arguments)


def _check_rows(index: Tensor, rows: int) -> None:
    try:
        check_places(index, rows, 0, "embedding")
    except IndexError as error:
        raise IndexError(f"index out of range in self\n{error}") from None


def _limit_norms(weight: Tensor, index: Tensor, most: float, order: float) -> None:
    before, modes.grad = modes.grad, False
    try:
        used = occurring(index.reshape(-1), weight.shape[0], "embedding")
        norms = weight.norm(order, 1, keepdim=True)
        scale = where(norms > most, most / (norms + 1e-7), 1)
        limited = where(used.unsqueeze(1), weight * scale, weight)
        write(weight.detach(), limited, "embedding_renorm_")
    finally:
        modes.grad = before


class OneHot(Operation):
    """1 at the place that each number names, 0 elsewhere."""

    differentiable = False

    def forward(ctx, index: Node, classes: int) -> Node:
        shape = (*index.spec.shape, classes)
        wanted = expand(index, shape, tuple(range(index.spec.rank)))
        return e.cast(e.compare(e.EQ, expand(iota(classes), shape), wanted), int64)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the place that each class number names, in a new last dimension; 0 elsewhere.

    `num_classes` is the largest number plus one by default (a sync point).

    >>> import rushlight as rl
    >>> rl.nn.functional.one_hot(rl.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    check_tensor("one_hot", "tensor", tensor)
    if tensor._spec.dtype is not int64:
        words = "one_hot is only applicable to index tensor of type LongTensor."
        fail(RuntimeError, "one_hot", words, "an int64 tensor", describe(tensor))
    values = known_values(tensor) if num_classes >= 0 else tensor._values()
    if num_classes < 0:
        if not values.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(values.max()) + 1
    if values is not None and values.size:
        if values.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if values.max() >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    return OneHot.apply((tensor,), int(num_classes))


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
