"""Pooling against loops over windows in NumPy."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, distinct, table, values


def spans(length, size, stride, padding, dilation, ceil):
    """The places of each window along one dimension, padding left out."""
    rest = length + 2 * padding - dilation * (size - 1) - 1
    count = (-(-rest // stride) if ceil else rest // stride) + 1
    if ceil and (count - 1) * stride >= length + padding:
        count -= 1
    starts = [i * stride - padding for i in range(count)]
    return starts, [
        [p for p in range(s, s + dilation * size, dilation) if 0 <= p < length] for s in starts
    ]


def each_window(x, rank, size, stride=None, padding=0, dilation=1, ceil_mode=False):
    size = (size,) * rank if isinstance(size, int) else size
    stride = size if stride is None else stride
    settings = [(n,) * rank if isinstance(n, int) else n for n in (stride, padding, dilation)]
    every = [
        spans(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(x.shape[-rank:], size, *settings, strict=True)
    ]
    shape = [len(starts) for starts, _ in every]
    for at in itertools.product(*map(range, shape)):
        places = [places[i] for i, (_, places) in zip(at, every, strict=True)]
        starts = [starts[i] for i, (starts, _) in zip(at, every, strict=True)]
        yield at, np.ix_(*places), starts, shape, size, settings[1]


def max_pooled(x, rank, **options):
    result = places = None
    for at, window, _, shape, _, _ in each_window(x, rank, **options):
        if result is None:
            result = np.zeros((*x.shape[:-rank], *shape))
            places = np.zeros(result.shape, int)
        part = x[(..., *window)]
        flat = part.reshape(*x.shape[:-rank], -1)
        table = np.arange(np.prod(x.shape[-rank:])).reshape(x.shape[-rank:])[window].reshape(-1)
        result[(..., *at)] = flat.max(-1)
        places[(..., *at)] = table[flat.argmax(-1)]
    return result, places


def avg_pooled(x, rank, count_include_pad=True, divisor_override=None, **options):
    result = None
    for at, window, starts, shape, size, padding in each_window(x, rank, **options):
        if result is None:
            result = np.zeros((*x.shape[:-rank], *shape))
        part = x[(..., *window)]
        count = np.prod(part.shape[-rank:])
        if count_include_pad:
            ends = zip(starts, size, x.shape[-rank:], padding, strict=True)
            count = np.prod([min(s + k, n + p) - s for s, k, n, p in ends])
        total = part.sum(tuple(range(-rank, 0)))
        result[(..., *at)] = total / (divisor_override or count)
    return result


def adaptive(x, rank, sizes, reduce):
    result = np.zeros((*x.shape[:-rank], *sizes))
    lengths = x.shape[-rank:]
    for at in itertools.product(*map(range, sizes)):
        window = tuple(
            slice(i * n // m, -(-(i + 1) * n // m))
            for i, n, m in zip(at, lengths, sizes, strict=True)
        )
        result[(..., *at)] = reduce(x[(..., *window)], axis=tuple(range(-rank, 0)))
    return result


LINE, IMAGE, VOLUME = distinct(2, 3, 9), distinct(2, 2, 7, 6), distinct(1, 2, 4, 3, 4)
BY_RANK = {1: LINE, 2: IMAGE, 3: VOLUME}
WINDOWS = {
    1: [{"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"size": 2, "ceil_mode": True}],
    2: [
        {"size": 2},
        {"size": (3, 2), "stride": (2, 1), "padding": 1},
        {"size": 3, "stride": 2, "ceil_mode": True},
        {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"size": 1, "stride": 2},
    ],
    3: [{"size": 2}, {"size": 2, "stride": 1, "padding": 1}],
}
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
A_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
A_AVG = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def given(options):
    return {"kernel_size" if name == "size" else name: n for name, n in options.items()}


def cases():
    for rank, every in WINDOWS.items():
        for number, options in enumerate(every):
            dilated = {**options, "dilation": 2} if number else options
            if rank == 3:
                dilated = options
            yield OpCase(
                f"max_pool{rank}d_{number}",
                lambda x, f=MAX[rank], o=dilated: f(x, return_indices=True, **given(o)),
                (BY_RANK[rank],),
                lambda x, r=rank, o=dilated: max_pooled(x, r, **o),
            )
            for divide in ({}, {"count_include_pad": False}, {"divisor_override": 3}):
                if rank == 1 and "divisor_override" in divide:
                    continue
                yield OpCase(
                    f"avg_pool{rank}d_{number}_{next(iter(divide), 'plain')}",
                    lambda x, f=AVG[rank], o=options, d=divide: f(x, **given(o), **d),
                    (BY_RANK[rank],),
                    lambda x, r=rank, o=options, d=divide: avg_pooled(x, r, **d, **o),
                )
    for rank, sizes in [
        (1, (4,)),
        (1, (3,)),
        (2, (3, 4)),
        (2, (1, 1)),
        (2, (7, 9)),
        (3, (2, 2, 3)),
    ]:
        name = "x".join(map(str, sizes))
        for kind, functions, reduce in (("avg", A_AVG, np.mean), ("max", A_MAX, np.max)):
            yield OpCase(
                f"adaptive_{kind}_pool{rank}d_{name}",
                lambda x, f=functions[rank], s=sizes: f(x, s),
                (BY_RANK[rank],),
                lambda x, r=rank, s=sizes, reduce=reduce: adaptive(x, r, s, reduce),
            )


@table(list(cases()))
def test_pooling(case, check):
    check(case)


def test_where_elements_tie_the_first_gets_the_gradient():
    x = rl.zeros(1, 1, 2, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1, 0, 1, 0], [0, 0, 0, 0]]]]


def test_overlapping_windows_add_up():
    x = rl.tensor([[[0.0, 5.0, 1.0]]], requires_grad=True)
    F.max_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[[0, 2, 0]]]


def test_nan_is_handed_on():
    x = rl.tensor([[1.0, float("nan"), 2.0, 3.0]])
    assert np.isnan(F.max_pool1d(x, 2)[0, 0].item())
    assert F.max_pool1d(x, 2)[0, 1].item() == 3


@pytest.mark.parametrize(("size", "words"), [((3, 4), "3x4"), ((2, None), "2x6")])
def test_adaptive_places(size, words):
    pooled, places = F.adaptive_max_pool2d(rl.tensor(IMAGE), size, return_indices=True)
    assert "x".join(map(str, pooled.shape[2:])) == words
    flat = IMAGE.reshape(2, 2, -1)
    found = np.take_along_axis(flat, places.numpy().reshape(2, 2, -1), -1)
    np.testing.assert_array_equal(found.reshape(pooled.shape), pooled.numpy())


ERRORS = [
    (lambda x: F.max_pool2d(x[0, 0], 2), "Expected 3D or 4D input tensor"),
    (lambda x: F.max_pool2d(x, 9), "Output size is too small"),
    (lambda x: F.max_pool2d(x, 2, padding=2), "pad should be at most half"),
    (lambda x: F.max_pool2d(x, 0), "greater than zero"),
    (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor must be not zero"),
    (lambda x: F.adaptive_avg_pool2d(x, (2, 2, 2)), "Expected 2 output sizes"),
    (lambda x: F.adaptive_avg_pool2d(x, -1), "greater than or equal to 0"),
]


@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_errors(call, words):
    with pytest.raises(RuntimeError, match=words):
        call(rl.tensor(values(1, 2, 5, 5)))
