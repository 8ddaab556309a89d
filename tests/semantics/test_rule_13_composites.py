"""Rule 13, the part that holds without composite primitives: whatever an operation is made of, its
gradient can be differentiated again.
"""

import pytest

import rushlight as rl
from rushlight.autograd import gradcheck, gradgradcheck

F = rl.nn.functional


def double(*shape, seed=0):
    random = rl.Generator().manual_seed(seed)
    return rl.randn(*shape, dtype=rl.float64, generator=random).requires_grad_()


COMPOSITES = {
    "attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        lambda: [double(1, 2, 3, 4, seed=n) for n in range(3)],
    ),
    "causal attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda: [double(1, 1, 3, 2, seed=n) for n in range(3)],
    ),
    "convolution": (
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
        lambda: [double(1, 2, 4, 4), double(2, 2, 3, 3, seed=1), double(2, seed=2)],
    ),
    "grouped convolution": (
        lambda x, w: F.conv2d(x, w, dilation=2, groups=2),
        lambda: [double(1, 2, 5, 5), double(2, 1, 2, 2, seed=1)],
    ),
    "maximum pool": (lambda x: F.max_pool2d(x, 2), lambda: [double(1, 1, 4, 4)]),
    "average pool": (lambda x: F.avg_pool2d(x, 2, padding=1), lambda: [double(1, 1, 4, 4)]),
    "layer norm": (
        lambda x, w, b: F.layer_norm(x, (4,), w, b),
        lambda: [double(3, 4), double(4, seed=1), double(4, seed=2)],
    ),
    "batch norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda: [double(4, 2), double(2, seed=1), double(2, seed=2)],
    ),
    "cross entropy": (
        lambda x: F.cross_entropy(x, rl.tensor([0, 2, 1])),
        lambda: [double(3, 4)],
    ),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_gradients_can_be_differentiated_again(name):
    operation, inputs = COMPOSITES[name]
    assert gradcheck(operation, inputs())
    assert gradgradcheck(operation, inputs())
