"""Unpooling, fractional pooling and pooling by norms, against loops in NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, distinct, positive, table, values

POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
UNPOOLS = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}


def put_back(x, places, shape):
    rank = x.ndim - 2
    flat = np.zeros((*x.shape[:2], np.prod(shape)))
    np.put_along_axis(flat, places.reshape(*x.shape[:2], -1), x.reshape(*x.shape[:2], -1), 2)
    return flat.reshape(*x.shape[:2], *shape[-rank:])


def unpool(rank, shape, size, **options):
    x = distinct(2, 2, *shape)
    lengths = options.get("output_size") or tuple(
        (n - 1) * options.get("stride", size) + size - 2 * options.get("padding", 0) for n in shape
    )
    generator = np.random.default_rng(0)
    places = np.stack(
        [generator.permutation(np.prod(lengths))[: np.prod(shape)] for _ in range(4)]
    ).reshape(x.shape)
    return OpCase(
        f"max_unpool{rank}d_{len(options)}",
        lambda x, places: UNPOOLS[rank](x, places, size, **options),
        (x, places),
        lambda x, places: put_back(x, places, lengths),
    )


def norm_pool(x, order, size, stride, ceil):
    count = (x.shape[-1] - size) / stride
    count = int(np.ceil(count) if ceil else np.floor(count)) + 1
    parts = [x[..., i * stride : i * stride + size] for i in range(count)]
    return np.stack([((p**order).mean(-1) * size) ** (1 / order) for p in parts], -1)


CASES = [
    unpool(1, (3,), 2),
    unpool(1, (3,), 2, output_size=(7,)),
    unpool(2, (3, 2), 2),
    unpool(2, (3, 2), 3, stride=2, padding=1),
    unpool(3, (2, 1, 2), 2),
    OpCase(
        "lp_pool1d",
        lambda x: F.lp_pool1d(x, 3, 3, 2),
        (positive(2, 3, 8),),
        lambda x: norm_pool(x, 3, 3, 2, False),
    ),
    OpCase(
        "lp_pool1d_ceil",
        lambda x: F.lp_pool1d(x, 2, 3, 2, True),
        (positive(2, 3, 8),),
        lambda x: norm_pool(x, 2, 3, 2, True),
    ),
    OpCase(
        "lp_pool2d",
        lambda x: F.lp_pool2d(x, 2, (2, 3)),
        (positive(2, 1, 4, 6),),
        lambda x: np.sqrt(
            (x.reshape(2, 1, 2, 2, 2, 3).transpose(0, 1, 2, 4, 3, 5) ** 2).sum((-1, -2))
        ),
    ),
    OpCase(
        "lp_pool3d",
        lambda x: F.lp_pool3d(x, 1.5, 2),
        (positive(1, 2, 2, 2, 2),),
        lambda x: (x**1.5).sum((-1, -2, -3), keepdims=True) ** (1 / 1.5),
    ),
]


@table(CASES)
def test_pooling(case, check):
    check(case)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_is_a_partial_inverse(rank):
    x = rl.tensor(distinct(1, 2, *(4,) * rank))
    pooled, places = POOLS[rank](x, 2, return_indices=True)
    back = UNPOOLS[rank](pooled, places, 2)
    assert back.shape == x.shape
    assert ((back == x) | (back == 0)).all()
    assert (POOLS[rank](back.clamp(min=-9) - (back == 0) * 9.0, 2) == pooled).all()


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda x, i: F.max_unpool2d(x, i.int(), 2), RuntimeError, "int64"),
        (lambda x, i: F.max_unpool2d(x, i[:, :, :1], 2), RuntimeError, "shape of indices"),
        (lambda x, i: F.max_unpool2d(x, i, 2, output_size=(9, 4)), ValueError, "invalid output"),
        (lambda x, i: F.max_unpool2d(x, i, 2, output_size=(9,)), ValueError, "2 or 4 elements"),
        (lambda x, i: F.max_unpool2d(x, i + 99, 2), RuntimeError, "out of bounds"),
        (lambda x, i: F.max_unpool1d(x, i, 2), RuntimeError, "2d or 3d Tensor"),
    ],
)
def test_what_is_refused(run, kind, words):
    x = rl.ones(1, 1, 2, 2)
    with pytest.raises(kind, match=words):
        run(x, rl.zeros(1, 1, 2, 2, dtype=rl.int64)).sum().item()


# -------------------------------------------------------------------------------- at random places
def starts(u, length, size, count):
    step = (length - size) / (count - 1) if count > 1 else 0
    found = [int((i + u) * step) - int(u * step) for i in range(count - 1)]
    return [*found, length - size]


def fractional(x, samples, size, counts, order):
    rank = len(size)
    result, places = np.zeros((*x.shape[:2], *counts)), np.zeros((*x.shape[:2], *counts), int)
    numbers = np.arange(np.prod(x.shape[2:])).reshape(x.shape[2:])
    for plane in np.ndindex(x.shape[:2]):
        sides = [
            starts(samples[plane][order[i]], x.shape[2 + i], size[i], counts[i])
            for i in range(rank)
        ]
        for at in np.ndindex(counts):
            key = tuple(slice(sides[i][at[i]], sides[i][at[i]] + size[i]) for i in range(rank))
            part = x[plane][key]
            result[(*plane, *at)] = part.max()
            places[(*plane, *at)] = numbers[key].reshape(-1)[part.argmax()]
    return result, places


def fractional_case(rank, lengths, size, counts):
    pool = {2: F.fractional_max_pool2d, 3: F.fractional_max_pool3d}[rank]
    order = (1, 0) if rank == 2 else (0, 1, 2)
    samples = values(2, 2, rank, low=0)
    return OpCase(
        f"fractional_max_pool{rank}d_{counts}",
        lambda x: pool(
            x, size, counts, return_indices=True, _random_samples=rl.tensor(samples).to(x.dtype)
        ),
        (distinct(2, 2, *lengths),),
        lambda x: fractional(x, samples, size, counts, order),
    )


FRACTIONAL = [
    fractional_case(2, (7, 6), (2, 3), (3, 4)),
    fractional_case(2, (5, 5), (2, 2), (1, 4)),
    fractional_case(3, (4, 5, 4), (2, 2, 1), (2, 3, 3)),
]


@table(FRACTIONAL)
def test_fractional_pooling(case, check):
    check(case)


def test_fractional_pooling_at_random():
    x = rl.arange(400.0).reshape(1, 1, 20, 20)
    found = {tuple(F.fractional_max_pool2d(x, 2, 13).flatten().tolist()) for _ in range(4)}
    assert len(found) > 1
    assert F.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.7)).shape == (1, 1, 10, 14)
    assert F.fractional_max_pool2d(x[0], 2, 9).shape == (1, 9, 9)
    with pytest.raises(ValueError, match="output_size or an output_ratio"):
        F.fractional_max_pool2d(x, 2)
    with pytest.raises(RuntimeError, match="too large relative to input size"):
        F.fractional_max_pool2d(x, 2, 20)
