"""Convolutions against loops over window places in NumPy."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values


def tuples(rank, *settings):
    return [(each,) * rank if isinstance(each, int) else each for each in settings]


def convolved(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The sum over window places of weight times shifted input."""
    rank = x.ndim - 2
    stride, dilation = tuples(rank, stride, dilation)
    size = weight.shape[2:]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        sides = [(n // 2, n - n // 2) for n in total]
    else:
        sides = [(n, n) for n in tuples(rank, 0 if padding == "valid" else padding)[0]]
    x = np.pad(x, [(0, 0), (0, 0), *sides])
    counts = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], size, stride, dilation, strict=True)
    ]
    samples, outputs = x.shape[0], weight.shape[0]
    result = np.zeros((samples, groups, outputs // groups, *counts))
    split = x.reshape(samples, groups, -1, *x.shape[2:])
    filters = weight.reshape(groups, outputs // groups, *weight.shape[1:])
    for place in itertools.product(*map(range, size)):
        spans = [
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, n, s, d in zip(place, counts, stride, dilation, strict=True)
        ]
        part = split[(slice(None),) * 3 + tuple(spans)]
        result += np.einsum("goi,ngi...->ngo...", filters[(..., *place)], part)
    result = result.reshape(samples, outputs, *counts)
    return result if bias is None else result + bias.reshape(-1, *(1,) * rank)


def transposed(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Every input element puts its weight into the output."""
    rank = x.ndim - 2
    settings = tuples(rank, stride, padding, output_padding, dilation)
    stride, padding, more, dilation = settings
    size = weight.shape[2:]
    sides = list(zip(x.shape[2:], size, stride, more, dilation, strict=True))
    # long enough for what output padding shows beyond the last window
    full = [(n - 1) * s + d * (k - 1) + 1 + o for n, k, s, o, d in sides]
    outputs = weight.shape[1] * groups
    result = np.zeros((x.shape[0], groups, weight.shape[1], *full))
    split = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    for place in itertools.product(*map(range, size)):
        spans = [
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, (n, _, s, _, d) in zip(place, sides, strict=True)
        ]
        products = np.einsum("gio,ngi...->ngo...", filters[(..., *place)], split)
        result[(slice(None),) * 3 + tuple(spans)] += products
    result = result.reshape(x.shape[0], outputs, *full)
    crop = [slice(p, n - p) for p, n in zip(padding, full, strict=True)]
    result = result[(slice(None), slice(None), *crop)]
    return result if bias is None else result + bias.reshape(-1, *(1,) * rank)


CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
BACK = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
FORWARD = [
    ((2, 3, 7), (4, 3, 3), {}),
    ((2, 3, 7), (4, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 3, 8), (4, 3, 3), {"stride": 3}),
    ((2, 4, 7), (4, 2, 2), {"groups": 2, "dilation": 2}),
    ((1, 2, 6), (2, 2, 4), {"padding": "same"}),
    ((1, 2, 5), (3, 2, 1), {"stride": 2}),
    ((1, 1, 6), (1, 1, 2), {"stride": 2, "padding": "valid"}),
    ((2, 2, 5, 4), (3, 2, 3, 2), {}),
    ((1, 2, 5, 6), (2, 2, 3, 3), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    ((1, 4, 4, 4), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ((1, 3, 3, 3), (2, 3, 1, 1), {}),
    ((1, 2, 4, 4), (2, 2, 2, 2), {"stride": 2}),
    ((1, 2, 3, 3, 4), (2, 2, 2, 2, 2), {"stride": (1, 1, 2)}),
]
BACKWARD = [
    ((2, 3, 4), (3, 2, 3), {}),
    ((2, 3, 4), (3, 2, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((1, 4, 3), (4, 2, 2), {"groups": 2, "stride": 3}),
    ((1, 2, 4), (2, 2, 3), {"dilation": 2, "output_padding": 1}),
    ((1, 2, 4), (2, 1, 2), {"stride": 2}),
    ((1, 2, 3, 4), (2, 3, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    ((1, 2, 2, 2, 2), (2, 1, 2, 2, 2), {"stride": 2}),
]


def rows(name, functions, cases, reference, channels):
    for number, (shape, size, options) in enumerate(cases):
        function = functions[len(shape) - 2]
        outputs = channels(size, options)
        yield OpCase(
            f"{name}{len(shape) - 2}d_{number}",
            lambda x, w, b, f=function, o=options: f(x, w, b, **o),
            (values(*shape), values(*size, seed=1), values(outputs, seed=2)),
            lambda x, w, b, o=options: reference(x, w, b, **o),
            strided=number < 4,
        )


CASES = [
    *rows("conv", CONV, FORWARD, convolved, lambda size, options: size[0]),
    *rows(
        "transpose",
        BACK,
        BACKWARD,
        transposed,
        lambda size, options: size[1] * options.get("groups", 1),
    ),
]


@table(CASES)
def test_convolutions(case, check):
    check(case)


def test_a_sample_without_batch():
    x, weight = values(2, 5, 5), values(3, 2, 3, 3)
    found = F.conv2d(rl.tensor(x), rl.tensor(weight))
    np.testing.assert_allclose(found.numpy(), convolved(x[None], weight)[0])
    assert F.conv_transpose2d(rl.tensor(x), rl.tensor(weight[:2])).shape == (2, 7, 7)


def test_no_copy_of_the_windows_is_recorded():
    """The forward is views, one primitive, and the bias."""
    x, weight, bias = rl.ones(2, 3, 8, 8), rl.ones(4, 3, 3, 3), rl.ones(4)
    rl.sync()
    from rushlight.graph.recorder import recorder

    F.conv2d(x, weight, bias, padding=1)
    names = [node.primitive.name for node in recorder().pending]
    assert names == ["reshape", "reshape", "convolve", "reshape", "expand", "add"]


def o(*shape):
    return rl.ones(*shape)


ERRORS = [
    (lambda: F.conv2d(o(5, 5), o(1, 1, 3, 3)), "Expected 3D .unbatched. or 4D .batched. input"),
    (lambda: F.conv2d(o(1, 2, 5, 5), o(4, 3, 3, 3)), r"to have 3 channels, but got 2 channels"),
    (lambda: F.conv2d(o(1, 3, 2, 2), o(4, 3, 3, 3)), r"input size per channel: \(2 x 2\)"),
    (lambda: F.conv2d(o(1, 3, 5, 5), o(4, 3, 3)), "4-dimensional weight"),
    (lambda: F.conv2d(o(1, 3, 5, 5), o(4, 3, 3, 3), o(3)), "bias to be 1-dimensional with 4"),
    (lambda: F.conv2d(o(1, 3, 5, 5).double(), o(4, 3, 3, 3)), "should be the same"),
    (lambda: F.conv2d(o(1, 3, 5, 5), o(4, 3, 3, 3), stride=0), "non-positive stride"),
    (lambda: F.conv2d(o(1, 3, 5, 5), o(4, 3, 3, 3), padding=-1), "negative padding"),
    (lambda: F.conv2d(o(1, 3, 5, 5), o(4, 3, 3, 3), padding="full"), "Invalid padding string"),
    (lambda: F.conv1d(o(1, 3, 5), o(4, 3, 3), None, 2, "same"), "not supported for strided"),
    (lambda: F.conv1d(o(1, 3, 5), o(4, 3, 3), stride=(1, 2)), "expected stride to be a single"),
    (lambda: F.conv1d(o(1, 3, 5), o(4, 1, 3), groups=3), "Given groups=3"),
    (lambda: F.conv_transpose1d(o(1, 3, 5), o(4, 3, 3)), "to have 4 channels, but got 3"),
    (
        lambda: F.conv_transpose1d(o(1, 3, 5), o(3, 2, 3), output_padding=1),
        "output padding must be smaller",
    ),
]


@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_errors(call, words):
    with pytest.raises(RuntimeError, match=words):
        call()


def recorded_filters(compute):
    """The attributes of the convolutions that are recorded."""
    from rushlight.graph.recorder import recorder

    rl.sync()
    held = compute()
    found = [
        (node.primitive.name, node.attributes[0].quick)
        for node in recorder().pending
        if node.primitive.family == "convolution"
    ]
    assert held is not None
    return found


def test_winograd_is_for_recorded_gradients():
    x, weight = rl.ones(2, 3, 8, 8), rl.ones(4, 3, 3, 3, requires_grad=True)

    def inference():
        with rl.no_grad():
            return F.conv2d(x, weight)

    def training():
        loss = F.conv2d(x, weight).sum()
        return loss, rl.autograd.grad(loss, weight)

    assert recorded_filters(inference) == [("convolve", False)]
    assert recorded_filters(training) == [("convolve", True), ("convolve_filter", True)]


def test_gradients_by_winograd_are_near_the_direct_ones():
    x, weight = values(3, 20, 13, 11), values(24, 20, 3, 3) / 14
    found = {}
    for dtype in ("float32", "float64"):  # only float32 goes Winograd's way
        tensors = [rl.tensor(a, dtype=getattr(rl, dtype), requires_grad=True) for a in (x, weight)]
        y = F.conv2d(*tensors, padding=1)
        (y * y).sum().backward()
        found[dtype] = [y.detach().numpy(), *[tensor.grad.numpy() for tensor in tensors]]
    for single, double in zip(found["float32"], found["float64"], strict=True):
        assert np.abs(single - double).max() < 3e-4 * double.std()
