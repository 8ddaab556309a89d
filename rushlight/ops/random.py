"""Random tensors: rand, randn, randint, randperm, and draws that other tensors steer."""

from __future__ import annotations

from typing import Any

from rushlight.autograd.operation import Operation
from rushlight.dtypes import as_dtype
from rushlight.graph import elementwise as e
from rushlight.graph import movement as m
from rushlight.graph import reduction as r
from rushlight.graph.complex import complex_, real_dtype
from rushlight.graph.creation import literal, number
from rushlight.graph.dtype import DType, float64, int64, uint32
from rushlight.graph.node import Node
from rushlight.ops import bits
from rushlight.ops.check import broadcast, check_int, check_shape, check_tensor, describe, fail
from rushlight.ops.compare import where
from rushlight.ops.options import check_options, finish
from rushlight.ops.places import is_unseen, known_values
from rushlight.ops.promotion import get_default_dtype
from rushlight.random import Generator
from rushlight.tensor import Tensor, node_of, wrap


# -------------------------------------------------------------------------------- sizes and options
def _sizes(name: str, sizes: tuple, options: dict) -> tuple[int, ...]:
    keyword = options.pop("size", None)
    shape = check_shape(name, sizes if keyword is None else (keyword,))
    if any(size < 0 for size in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(shape)}")
    return shape


def _floating(name: str, dtype: Any, or_complex: bool = False) -> DType:
    dtype = as_dtype(name, dtype) or get_default_dtype()
    if not dtype.is_floating_point and not (or_complex and dtype.is_complex):
        missing = f'"{name}" not implemented for {dtype.name!r}'
        fail(NotImplementedError, name, missing, "a floating point dtype", dtype.name)
    return dtype


def _made(make: Any, shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Tensor:
    """Random numbers; of complex normal ones both parts have half the variance."""
    if not dtype.is_complex:
        return wrap(make(shape, dtype, generator))
    parts = [make(shape, real_dtype(dtype), generator) for _ in range(2)]
    if make is bits.normal:
        half = literal(0.5**0.5, parts[0].spec.dtype)
        parts = [e.mul(part, half) for part in parts]
    return wrap(complex_(*parts))


def _sized(name: str, make: Any, words: str) -> Any:
    def function(
        *size: Any,
        generator: Generator | None = None,
        dtype: DType | None = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        shape = _sizes(name, size, options)
        if options:
            options.pop("pin_memory", None)
            check_options(name, **options)
        return finish(_made(make, shape, _floating(name, dtype, True), generator), requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"A tensor of the given sizes with {words}.\n\n"
        "    float32 (the default dtype) unless `dtype` says otherwise; drawn from `generator` or "
        f"the default one.\n\n    >>> import rushlight as rl\n    >>> rl.{name}(2, 3).shape\n"
        "    rushlight.Size([2, 3])\n    "
    )
    return function


rand = _sized("rand", bits.uniform, "uniform numbers in [0, 1)")
randn = _sized("randn", bits.normal, "standard normal numbers")


def _like(name: str, make: Any, words: str) -> Any:
    def function(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: DType | None = None,
        requires_grad: bool = False,
        **options: Any,
    ) -> Tensor:
        check_tensor(name, "input", input)
        options.pop("pin_memory", None)
        check_options(name, **options)
        dtype = _floating(name, dtype or input._spec.dtype, True)
        return finish(_made(make, input._spec.shape, dtype, generator), requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor of input's shape and dtype with {words}."
    return function


rand_like = _like("rand_like", bits.uniform, "uniform numbers in [0, 1)")
randn_like = _like("randn_like", bits.normal, "standard normal numbers")


# ----------------------------------------------------------------------------------------- integers
def check_interval(low: int, high: int) -> None:
    """RuntimeError unless there is a number in [low, high)."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )


def randint(
    *bounds: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Whole numbers in [low, high): `randint(high, size)` or `randint(low, high, size)`.

    int64 unless `dtype` says otherwise; RuntimeError unless low < high.

    >>> import rushlight as rl
    >>> bool((rl.randint(3, 5, (100,)) < 5).all())
    True
    """
    given = list(bounds)
    low = options.pop("low", None)
    high = options.pop("high", None)
    size = options.pop("size", None)
    if size is None:
        size = given.pop() if given else None
    if high is None:
        high = given.pop() if given else None
    low = given.pop() if given else (low or 0)
    if given or high is None or not isinstance(size, (tuple, list)):
        raise TypeError(
            "randint(): argument 'size' must be tuple of ints\n"
            f"Expected: randint(high, size) or randint(low, high, size).\nActual: {bounds}."
        )
    options.pop("pin_memory", None)
    check_options("randint", **options)
    shape = _sizes("randint", (size,), {})
    return _whole(shape, int(low), int(high), dtype or int64, generator, requires_grad)


def _whole(
    shape: tuple, low: int, high: int, dtype: Any, generator: Any, requires_grad: bool
) -> Tensor:
    check_interval(low, high)
    chosen = bits.integers(shape, low, high, generator)
    return finish(wrap(e.cast(chosen, as_dtype("randint", dtype))), requires_grad)


def randint_like(
    input: Tensor,
    *bounds: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Whole numbers in [low, high) in input's shape and dtype."""
    check_tensor("randint_like", "input", input)
    given = list(bounds)
    high = options.pop("high", None)
    high = given.pop() if high is None else high
    low = given.pop() if given else options.pop("low", 0)
    options.pop("pin_memory", None)
    check_options("randint_like", **options)
    spec = input._spec
    dtype = dtype or spec.dtype
    return _whole(spec.shape, int(low), int(high), dtype, generator, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType = int64,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """The numbers 0 to n - 1 in random order: the order that sorts 64 random bits each."""
    if check_int("randperm", "n", n) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    options.pop("pin_memory", None)
    check_options("randperm", **options)
    order = r.argsort(bits.long_words((int(n),), generator), 0)
    return finish(wrap(e.cast(order, as_dtype("randperm", dtype))), requires_grad)


# ------------------------------------------------------------------------- steered by other tensors
class Normal(Operation):
    """mean + std * z; in PyTorch no gradient flows to mean or std."""

    suffix = "Backward1"

    def forward(ctx, mean: Node, std: Node, generator: Generator | None) -> Node:
        shape = broadcast(mean.spec.shape, std.spec.shape, "normal")
        dtype = mean.spec.dtype
        mean, std = m.expand(mean, shape), m.expand(e.cast(std, dtype), shape)
        return e.add(mean, e.mul(std, bits.normal(shape, dtype, generator)))

    def backward(ctx, grad: Tensor) -> tuple:
        return grad * 0, grad * 0


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Normal numbers, of mean and std given as numbers (with a size) or as tensors.

    RuntimeError for a negative std.
    """
    options.pop("pin_memory", None)
    check_options("normal", **options)
    tensors = [value for value in (mean, std) if isinstance(value, Tensor)]
    if not tensors and size is None:
        raise TypeError(
            "normal() received an invalid combination of arguments\n"
            "Expected: mean or std as a tensor, or a size.\n"
            f"Actual: mean {mean!r}, std {std!r} and no size."
        )
    dtype = tensors[0]._spec.dtype if tensors else _floating("normal", dtype)
    _check_std(std)
    parts = [x if isinstance(x, Tensor) else wrap(number(x, dtype)) for x in (mean, std)]
    if size is not None:
        parts[0] = parts[0].expand(_sizes("normal", (size,), {}))
    return finish(Normal.apply(tuple(parts), generator), requires_grad)


def _check_std(std: Any) -> None:
    if isinstance(std, Tensor):
        values = known_values(std)
        if values is not None and values.size and values.min() < 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
    elif std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")


class Bernoulli(Operation):
    """1 with probability x, else 0; no gradient flows."""

    def forward(ctx, x: Node, p: float | None, generator: Generator | None) -> Node:
        chosen = bits.chance(x if p is None else p, x.spec.shape, generator)
        return e.cast(chosen, x.spec.dtype)

    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 0


def check_probability(name: str, p: Any) -> None:
    """RuntimeError unless a probability that is known lies in [0, 1]."""
    if isinstance(p, Tensor):
        values = known_values(p)
        if values is not None and values.size and not (values.min() >= 0 and values.max() <= 1):
            words = "Expected p_in >= 0 && p_in <= 1 to be true, but got false."
            fail(RuntimeError, name, words, "probabilities in [0, 1]", describe(p))
    elif not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None, out: Any = None
) -> Tensor:
    """1 with the probability that input (or p) says, else 0, in input's dtype."""
    check_tensor("bernoulli", "input", input)
    check_options("bernoulli", out=out)
    if p is None and not input._spec.dtype.is_floating_point:
        words = f'"bernoulli_tensor_cpu_p_" not implemented for {input._spec.dtype.name!r}'
        fail(NotImplementedError, "bernoulli", words, "a floating point tensor", describe(input))
    check_probability("bernoulli", input if p is None else p)
    return Bernoulli.apply((input,), p, generator)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
    out: Any = None,
) -> Tensor:
    """Places drawn by the weights in each row of input; a sync point.

    Without replacement the order of p / e, e exponential, is that of successive draws (Efraimidis
    and Spirakis, 2006, "Weighted random sampling with a reservoir").  RuntimeError for weights
    that are negative, not finite or all 0, and for too many samples.
    """
    check_tensor("multinomial", "input", input)
    check_options("multinomial", out=out)
    _check_weights(input, num_samples, replacement)
    weights = e.cast(node_of(input), float64)
    shape = weights.spec.shape
    if not replacement:
        exponential = e.neg(e.unary(e.LOG, bits.above_zero(shape, float64, generator)))
        order = r.argsort(e.div(weights, exponential), len(shape) - 1, True)
        return wrap(m.cut(order, len(shape) - 1, 0, num_samples))
    return wrap(_with_replacement(weights, num_samples, generator))


def _with_replacement(weights: Node, count: int, generator: Generator | None) -> Node:
    """How many running sums of weights lie at or below a uniform share of the total."""
    *rows, size = weights.spec.shape
    rank = len(rows)
    sums = r.running(r.CUMSUM, weights, rank)
    last = m.cut(sums, rank, size - 1, 1)
    shares = e.mul(bits.uniform((*rows, count), float64, generator), m.expand(last, (*rows, count)))
    table = (*rows, count, size)
    kept = tuple(range(rank))
    below = e.compare(
        e.LE,
        m.expand(sums, table, (*kept, rank + 1)),
        m.expand(shares, table, (*kept, rank)),
    )
    return r.sum_(e.cast(below, int64), (rank + 1,))


def _check_weights(input: Tensor, count: int, replacement: bool) -> None:
    spec = input._spec
    if not spec.dtype.is_floating_point:
        words = "multinomial only supports floating-point dtypes for input, got: "
        words += spec.dtype.name
        fail(RuntimeError, "multinomial", words, "a floating point tensor", describe(spec))
    if spec.rank not in (1, 2):
        words = "prob_dist must be 1 or 2 dim"
        fail(RuntimeError, "multinomial", words, "1 or 2 dimensions", describe(spec))
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and count > spec.shape[-1]:
        words = "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        most = f"at most {spec.shape[-1]} samples"
        fail(RuntimeError, "multinomial", words, most, str(count))
    if is_unseen(input):
        return
    values = input.detach()._values()
    if not ((values >= 0) & (values < float("inf"))).all():
        words = "probability tensor contains either `inf`, `nan` or element < 0"
        fail(RuntimeError, "multinomial", words, "weights of 0 or more", describe(spec))
    if not (values.sum(-1) > 0).all():
        words = "invalid multinomial distribution (sum of probabilities <= 0)"
        fail(RuntimeError, "multinomial", words, "a weight above 0 in each row", describe(spec))


class Dropout(Operation):
    """x / (1 - p) where random bits, as a number, are not below p of the largest, else 0."""

    def forward(ctx, x: Node, drawn: Node, p: float) -> Node:
        ctx.scale = 1 / (1 - p)
        threshold = number(min(round(p * 2.0**32), (1 << 32) - 1), uint32)
        mask = m.expand(e.compare(e.GE, drawn, threshold), x.spec.shape)
        ctx.save_values(mask)
        dtype = x.spec.dtype
        scaled = e.mul(x, number(1 / (1 - p), dtype))
        return e.where(mask, scaled, literal(0, dtype))

    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved
        return where(mask, grad * ctx.scale, 0), None


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    shape: tuple[int, ...] | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """input with each element set to 0 with probability p and the others divided by 1 - p.

    Outside training the input itself.  `shape` gives the mask another shape that broadcasts, so
    that whole features vanish.  ValueError unless p lies in [0, 1].
    """
    check_tensor("dropout", "input", input)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or not input._spec.size:
        return input
    if p == 1:
        return input * 0
    drawn = wrap(bits.words(shape or input._spec.shape, generator))
    return Dropout.apply((input, drawn), float(p))


_FUNCTIONS = (rand, randn, rand_like, randn_like, randint, randint_like, randperm, normal)
_FUNCTIONS += (bernoulli, multinomial)
FUNCTIONS = {function.__name__: function for function in _FUNCTIONS}
FUNCTIONS["dropout"] = dropout
METHODS = {"bernoulli": bernoulli, "multinomial": multinomial}
