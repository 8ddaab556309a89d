"""Losses against classes: nll_loss and cross_entropy."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.creation import iota, literal, number
from rushlight.graph.dtype import bool_, int64
from rushlight.graph.indexing import gather, take
from rushlight.graph.node import Node, Origin
from rushlight.ops.autocast import in_float32
from rushlight.ops.check import check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.constants import constant
from rushlight.ops.loss import check_reduction, reduced
from rushlight.ops.places import known_values, origin
from rushlight.ops.reduce import spread, wide
from rushlight.tensor import Tensor, modes


def _around(rank: int) -> tuple[int, ...]:
    """All axes but the classes'."""
    return (0, *range(2, rank))


class IsClass(Operation):
    """Whether a place of dimension 1 is the one that the target names."""

    differentiable = False

    def forward(ctx, places: Node, classes: int) -> Node:
        shape = places.spec.shape
        shape = (shape[0], classes, *shape[1:])
        number_of = m.expand(iota(classes), shape, (1,))
        return e.compare(e.EQ, number_of, m.expand(places, shape, _around(len(shape))))


class NllLoss(Operation):
    """Minus the log probability of the target's class, weighted and reduced.

    `logits` says that x holds logits: then the log probability is x less the logarithm of the sum
    of exp(x) over the classes, and the gradient is softmax(x) less 1 at the target.  Targets equal
    to `ignored` count for nothing.
    """

    def forward(ctx, x: Node, target: Node, *rest: Any) -> Node:
        *weight, ignored, reduction, logits, where_from = rest
        dtype, x = x.spec.dtype, wide(x)
        kind = x.spec.dtype
        target = e.cast(target, int64)
        counted = e.compare(e.NE, target, number(ignored, int64))
        places = e.where(counted, target, literal(0, int64))
        likelihood, kept = _log_probability(x, places, logits, where_from)
        share = e.cast(counted, kind)
        if weight:
            of_class = take(wide(weight[0]), (places,), where_from)
            share = e.where(counted, of_class, literal(0, kind))
        loss = e.where(counted, e.neg(likelihood), literal(0, kind))
        if weight:
            loss = e.mul(loss, share)
        if reduction != "none":
            axes = tuple(range(loss.spec.rank))
            loss = r.sum_(loss, axes)
            if reduction == "mean":
                count = r.sum_(share, axes)
                loss = e.div(loss, count)
                share = e.div(share, count)
        ctx.logits = logits
        ctx.save_inputs(0)
        ctx.save_values(places, share, *kept)
        return e.cast(loss, dtype)

    def backward(ctx, grad: Tensor) -> tuple:
        x, places, share, *kept = ctx.saved
        shape = x._spec.shape
        chosen = IsClass.apply((places,), shape[1])
        scale = spread((grad * share), shape, (1,))
        zero = constant(0, scale._spec.dtype)
        if not ctx.logits:
            result = where(chosen, -scale, zero)
        else:
            probability = _probability(x, kept)
            one = constant(1, probability._spec.dtype)
            result = scale * where(chosen, probability - one, probability)
        return (result, *[None] * (len(ctx.edges) - 1))


def _log_probability(
    x: Node, places: Node, logits: bool, where_from: Origin
) -> tuple[Node, tuple[Node, ...]]:
    """The log probability at the targets; for logits also what the softmax is made from."""
    shape = places.spec.shape
    columns = m.reshape(places, (shape[0], 1, *shape[1:]))
    picked = m.reshape(gather(x, columns, 1, where_from), shape)
    if not logits:
        return picked, ()
    others = _around(x.spec.rank)
    largest = r.reduce(r.MAX, x, (1,))
    powers = e.unary(e.EXP, e.sub(x, m.expand(largest, x.spec.shape, others)))
    logarithm = e.unary(e.LOG, r.sum_(powers, (1,)))
    return e.sub(e.sub(picked, largest), logarithm), (largest, logarithm)


def _probability(x: Tensor, kept: list[Tensor]) -> Tensor:
    """The softmax over the classes: from x itself if it is to be differentiated again."""
    if modes.grad:
        return x.softmax(1)
    largest, logarithm = [spread(each, x._spec.shape, (1,)) for each in kept]
    return ((x - largest) - logarithm).exp()


# ---------------------------------------------------------------------------------------- functions
def _check_target(name: str, input: Tensor, target: Tensor, ignored: int) -> Origin:
    """Shapes that fit, and classes that exist; where to look if their values come later."""
    dtype = target._spec.dtype
    have, want = tuple(input.shape), tuple(target.shape)
    if have[0] != want[0]:
        words = f"Expected input batch_size ({have[0]}) to match target batch_size ({want[0]})."
        _fail_target(name, words, have, target)
    if dtype.is_floating_point or dtype.is_complex or dtype is bool_:
        words = f"expected scalar type Long but found {dtype.name}"
        fail(RuntimeError, name, words, "class numbers as int64", describe(target))
    if (have[0], *have[2:]) != want:
        words = f"Expected target size {[have[0], *have[2:]]}, got {list(want)}"
        _fail_target(name, words, have, target)
    values = known_values(target)
    if values is None:
        return origin(name)
    if not values.size or (values.min() >= 0 and values.max() < have[1]):
        return Origin(name, "this call")
    wrong = ((values < 0) | (values >= have[1])) & (values != ignored)
    if wrong.any():
        raise IndexError(
            f"Target {values[wrong].flat[0]} is out of bounds.\n"
            f"Expected: classes from 0 to {have[1] - 1}, or ignore_index {ignored}.\n"
            f"Actual: classes from {values.min()} to {values.max()}.\nIn {name}."
        )
    return Origin(name, "this call")


def _fail_target(name: str, words: str, shape: tuple, target: Tensor) -> None:
    expected = f"a target of shape {[shape[0], *shape[2:]]} for an input of shape {list(shape)}"
    fail(
        ValueError if "batch_size" in words else RuntimeError,
        name,
        words,
        expected,
        describe(target),
    )


def _with_batch(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, bool]:
    """A single sample as a batch of one."""
    if input.dim() > 1:
        return input, target, False
    return input.unsqueeze(0), target.unsqueeze(0), True


def _classes_loss(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignored: int,
    reduction: str,
    logits: bool,
) -> Tensor:
    check_tensor(name, "input", input)
    check_tensor(name, "target", target)
    if not input.dim():
        raise RuntimeError(f"{name}: input tensor should be 1D or more, of shape (classes,) ...")
    input, target, single = _with_batch(input, target)
    where_from = _check_target(name, input, target, ignored)
    if weight is not None and tuple(weight.shape) != (input.shape[1],):
        words = f"weight tensor should be defined either for all {input.shape[1]} classes or no "
        words += f"classes but got weight tensor of shape: {list(weight.shape)}"
        fail(RuntimeError, name, words, f"shape [{input.shape[1]}]", describe(weight))
    if weight is not None and weight._spec.dtype is not input._spec.dtype:
        words = f"expected scalar type {input.dtype.name} but found {weight.dtype.name}"
        fail(RuntimeError, name, words, f"weights of {input.dtype.name}", describe(weight))
    tensors = (input, target) if weight is None else (input, target, weight.detach())
    result = NllLoss.apply(tensors, ignored, reduction, logits, where_from)
    return result.squeeze(0) if single and reduction == "none" else result


@in_float32
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log probability, given by the input, of each target's class.

    The input is (samples, classes) or (samples, classes, ...), the target the same without the
    classes.  Each loss counts by the weight of its class; targets equal to `ignore_index` do not
    count.  IndexError for a class that does not exist.
    """
    reduction = check_reduction(reduction, size_average, reduce)
    return _classes_loss("nll_loss", input, target, weight, ignore_index, reduction, False)


@in_float32
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log probability of each target's class under softmax(input).

    As nll_loss, for logits.  A floating point target of the input's shape gives each class's
    probability; `label_smoothing` moves that much of the probability to all classes evenly.

    >>> import rushlight as rl
    >>> rl.nn.functional.cross_entropy(rl.tensor([[0.0, 0.0]]), rl.tensor([1]))
    tensor(0.6931)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        words = f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}"
        raise RuntimeError(words)
    check_tensor("cross_entropy", "target", target)
    if target.dtype.is_floating_point and tuple(target.shape) == tuple(input.shape):
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_targets(input, target, weight, reduction, label_smoothing)
    arguments = weight, ignore_index, reduction
    loss = _classes_loss("cross_entropy", input, target, *arguments, True)
    if not label_smoothing:
        return loss
    smooth = _smooth_loss(input, target, *arguments)
    return loss * (1 - label_smoothing) + smooth * label_smoothing


def _by_class(weight: Tensor, input: Tensor, axis: int) -> Tensor:
    shape = [1] * input.dim()
    shape[axis] = -1
    return weight.reshape(shape)


def _soft_targets(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    axis = 0 if input.dim() == 1 else 1
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[axis]
    loss = input.log_softmax(axis) * target
    if weight is not None:
        loss = loss * _by_class(weight, input, axis)
    loss = -loss.sum(axis)
    if reduction == "mean":
        return loss.sum() / (input.numel() / input.shape[axis])
    return reduced(loss, reduction)


def _smooth_loss(
    input: Tensor, target: Tensor, weight: Tensor | None, ignored: int, reduction: str
) -> Tensor:
    """The mean over classes of minus the log probability: the loss against even targets."""
    axis = 0 if input.dim() == 1 else 1
    likelihood = input.log_softmax(axis)
    if weight is not None:
        likelihood = likelihood * _by_class(weight, input, axis)
    counted = target != ignored
    loss = where(counted, -likelihood.sum(axis), 0) / input.shape[axis]
    if reduction != "mean":
        return reduced(loss, reduction)
    if weight is None:
        return loss.sum() / counted.to(loss.dtype).sum()
    return loss.sum() / where(counted, weight[where(counted, target, 0)], 0).sum()


FUNCTIONS: dict[str, Any] = {}
METHODS: dict[str, Any] = {}
