"""autocast against casts written by hand: dtypes, values, gradients, nesting and the kept casts."""

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import amp
from rushlight.tensor import modes
from rushlight.utils.checkpoint import checkpoint

HALF = rl.bfloat16
LOWERED = {
    "linear": (F.linear, (4, 8), (3, 8), (3,)),
    "matmul": (rl.matmul, (2, 4, 8), (8, 3)),
    "mm": (rl.mm, (4, 8), (8, 3)),
    "bmm": (rl.bmm, (2, 4, 8), (2, 8, 3)),
    "addmm": (rl.addmm, (4, 3), (4, 8), (8, 3)),
    "baddbmm": (rl.baddbmm, (2, 4, 3), (2, 4, 8), (2, 8, 3)),
    "inner": (rl.inner, (4, 8), (3, 8)),
    "einsum": (lambda a, b: rl.einsum("ij,jk", a, b), (4, 8), (8, 3)),
    "conv2d": (F.conv2d, (1, 2, 9, 9), (3, 2, 3, 3)),
    "conv_transpose2d": (F.conv_transpose2d, (1, 2, 9, 9), (2, 3, 3, 3)),
    "attention": (F.scaled_dot_product_attention, *((1, 2, 4, 8),) * 3),
    "prelu": (F.prelu, (4, 8), (8,)),
}
IN_FLOAT32 = {
    "mse_loss": (F.mse_loss, (4, 8), (4, 8)),
    "smooth_l1_loss": (F.smooth_l1_loss, (4, 8), (4, 8)),
    "kl_div": (lambda x, y: F.kl_div(x, y, reduction="sum"), (4, 8), (4, 8)),
    "binary_cross_entropy": (F.binary_cross_entropy, (4, 8), (4, 8)),
    "soft_margin_loss": (F.soft_margin_loss, (4, 8), (4, 8)),
    "cross_entropy": (lambda x: F.cross_entropy(x, rl.arange(4)), (4, 8)),
    "prod": (rl.prod, (4, 8)),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2), (1, 2, 4, 4, 4)),
    "reflect": (lambda x: F.pad(x, (1, 1), "reflect"), (1, 2, 8)),
}
LEFT_ALONE = {
    "mv": (rl.mv, (4, 8), (8,)),
    "softmax": (lambda x: F.softmax(x, -1), (4, 8)),
    "layer_norm": (lambda x: F.layer_norm(x, (8,)), (4, 8)),
    "sum": (rl.sum, (4, 8)),
    "add": (rl.add, (4, 8), (4, 8)),
    "circular": (lambda x: F.pad(x, (1, 1), "circular"), (1, 2, 8)),
}


def operands(shapes, dtype=rl.float32):
    rl.manual_seed(0)
    return [rl.rand(shape).to(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [rl.bfloat16, rl.float16], ids=str)
@pytest.mark.parametrize("name", LOWERED)
def test_products_compute_in_the_narrow_dtype(name, dtype):
    function, *shapes = LOWERED[name]
    given = operands(shapes)
    with rl.autocast("cpu", dtype=dtype):
        result = function(*given)
    wanted = function(*[tensor.to(dtype) for tensor in given])
    assert result.dtype is dtype
    np.testing.assert_array_equal(result.float().numpy(), wanted.float().numpy())


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_losses_compute_in_float32(name):
    function, *shapes = IN_FLOAT32[name]
    given = operands(shapes, HALF)
    with rl.autocast("cpu"):
        result = function(*given)
    wanted = function(*[tensor.float() for tensor in given])
    assert result.dtype is rl.float32
    np.testing.assert_array_equal(result.numpy(), wanted.numpy())


@pytest.mark.parametrize("dtype", [rl.bfloat16, rl.float32], ids=str)
@pytest.mark.parametrize("name", LEFT_ALONE)
def test_others_keep_their_dtype(name, dtype):
    function, *shapes = LEFT_ALONE[name]
    with rl.autocast("cpu"):
        assert function(*operands(shapes, dtype)).dtype is dtype


@pytest.mark.parametrize("table", [LOWERED, IN_FLOAT32], ids=["lowered", "float32"])
def test_float64_and_integers_stay(table):
    for function, *shapes in table.values():
        with rl.autocast("cpu"):
            assert function(*operands(shapes, rl.float64)).dtype is rl.float64
    with rl.autocast("cpu"):
        assert (rl.ones(2, 2, dtype=rl.int64) @ rl.ones(2, 2, dtype=rl.int64)).dtype is rl.int64


def test_joins_take_the_widest_dtype():
    narrow, wide = operands(((3,), (3,)))
    narrow = narrow.to(HALF)
    with rl.autocast("cpu"):
        assert rl.cat([narrow, wide]).dtype is rl.float32
        assert rl.stack([narrow, wide]).dtype is rl.float32
        assert narrow.index_copy(0, rl.tensor([0]), wide[:1]).dtype is rl.float32


def test_gradients_are_those_of_casts_by_hand_in_the_parameters_dtype():
    x, weight, bias = operands(((4, 8), (3, 8), (3,)))
    weight.requires_grad_(), bias.requires_grad_()
    with rl.autocast("cpu"):
        hidden = F.linear(x, weight, bias)
        loss = F.mse_loss(hidden, rl.zeros(4, 3))
    loss.backward()
    found = weight.grad, bias.grad
    weight.grad = bias.grad = None
    hidden = F.linear(x.to(HALF), weight.to(HALF), bias.to(HALF))
    F.mse_loss(hidden.float(), rl.zeros(4, 3)).backward()
    for got, tensor in zip(found, (weight, bias), strict=True):
        assert got.dtype is rl.float32
        np.testing.assert_array_equal(got.numpy(), tensor.grad.numpy())


def test_casts_of_leaves_are_kept_within_the_block():
    weight = rl.ones(2, 2, requires_grad=True)

    def casts(**options):
        with rl.autocast("cpu", **options):
            one, other = (rl.ones(1, 2) @ weight for _ in range(2))
        edges = [product.grad_fn.next_functions[1][0] for product in (one, other)]
        return edges[0] is edges[1]

    assert casts()
    assert not casts(cache_enabled=False)


def test_a_changed_weight_is_cast_again():
    weight = rl.ones(2, 2, requires_grad=True)
    with rl.autocast("cpu"):
        before = rl.ones(1, 2) @ weight
        with rl.no_grad():
            weight.mul_(3)
        after = rl.ones(1, 2) @ weight
    assert before.tolist() == [[2, 2]]
    assert after.tolist() == [[6, 6]]


def test_a_cast_without_gradient_is_not_used_for_training():
    weight = rl.ones(2, 2, requires_grad=True)
    with rl.autocast("cpu"):
        with rl.no_grad():
            rl.ones(1, 2) @ weight
        assert (rl.ones(1, 2) @ weight).requires_grad


def test_nesting_and_switching_off():
    a = rl.ones(2, 2)
    with rl.autocast("cpu"):
        assert rl.is_autocast_enabled("cpu")
        assert rl.get_autocast_dtype("cpu") is HALF
        with rl.autocast("cpu", enabled=False):
            assert (a @ a).dtype is rl.float32
            assert not rl.is_autocast_enabled()
            with rl.autocast("cpu", dtype=rl.float16):
                assert (a @ a).dtype is rl.float16
        assert (a @ a).dtype is HALF
    assert (a @ a).dtype is rl.float32


def test_as_decorator_and_after_an_error():
    @rl.autocast("cpu")
    def run(fails):
        if fails:
            raise KeyError
        return rl.ones(2, 2) @ rl.ones(2, 2)

    assert run(False).dtype is HALF
    with pytest.raises(KeyError):
        run(True)
    assert modes.autocast is None


def test_an_error_inside_an_operation_leaves_it_on():
    with rl.autocast("cpu"):
        with pytest.raises(RuntimeError):
            rl.ones(2, 3) @ rl.ones(2, 3)
        assert rl.is_autocast_enabled()


def test_backward_inside_the_block_computes_as_outside():
    weight = rl.rand(3, 3, requires_grad=True)
    with rl.autocast("cpu", enabled=False):
        product = weight @ weight
    with rl.autocast("cpu"):
        product.sum().backward()
    inside, weight.grad = weight.grad, None
    (weight @ weight).sum().backward()
    np.testing.assert_array_equal(inside.numpy(), weight.grad.numpy())


def test_checkpoint_runs_again_under_the_same_autocast():
    weight = rl.rand(3, 3, requires_grad=True)
    run = lambda x: (x @ weight).tanh() @ weight  # noqa: E731
    grads = []
    for wrapped in (run, lambda x: checkpoint(run, x, use_reentrant=False)):
        with rl.autocast("cpu"):
            result = wrapped(rl.ones(2, 3))
        result.float().sum().backward()
        grads.append(weight.grad.numpy())
        weight.grad = None
    np.testing.assert_array_equal(*grads)


def test_what_it_cannot_do_is_said():
    with pytest.warns(UserWarning, match="Disabling autocast"), rl.autocast("cuda"):
        assert not rl.is_autocast_enabled()
    with pytest.warns(UserWarning, match="not supported"), rl.autocast("cpu", dtype=rl.float32):
        assert (rl.ones(2, 2) @ rl.ones(2, 2)).dtype is rl.float32
    with pytest.raises(RuntimeError, match="device type"):
        rl.autocast("toaster")


def test_custom_functions():
    seen = []

    class Twice(rl.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=rl.float32)
        def forward(ctx, x):
            seen.append((x.dtype, rl.is_autocast_enabled()))
            return x * 2

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append((grad.dtype, rl.is_autocast_enabled()))
            return grad * 2

    x = rl.ones(2, dtype=HALF, requires_grad=True)
    with rl.autocast("cpu"):
        Twice.apply(x).sum().backward()
    assert seen == [(rl.float32, False), (rl.float32, False)]
    assert x.grad.dtype is HALF
