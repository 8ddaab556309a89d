"""MultiheadAttention against NumPy, and what it checks."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.autograd import gradcheck

FLAGS = list(itertools.product([True, False], repeat=3))


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def in_numpy(layer, query, key, value, mask=0.0):
    """The layer over (batch, length, features); the mask is added to (batch, heads, q, k)."""
    state = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    size, heads = layer.embed_dim, layer.num_heads
    if "in_proj_weight" in state:
        weights = np.split(state["in_proj_weight"], 3)
    else:
        weights = [state[f"{name}_proj_weight"] for name in "qkv"]
    biases = np.split(state.get("in_proj_bias", np.zeros(3 * size)), 3)
    each = zip((query, key, value), weights, biases, strict=True)
    q, k, v = [x @ weight.T + bias for x, weight, bias in each]
    if "bias_k" in state:
        rows = [np.broadcast_to(state[name], (len(k), 1, size)) for name in ("bias_k", "bias_v")]
        k, v = [np.concatenate([x, row], 1) for x, row in zip((k, v), rows, strict=True)]
    if layer.add_zero_attn:
        k, v = [np.concatenate([x, np.zeros((len(k), 1, size))], 1) for x in (k, v)]
    q, k, v = [x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3) for x in (q, k, v)]
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(size // heads)
    mask = np.broadcast_to(mask, (*scores.shape[:3], key.shape[1]))
    scores[..., : key.shape[1]] += mask
    weights = softmax(scores)
    joined = (weights @ v).transpose(0, 2, 1, 3).reshape(*query.shape[:2], size)
    return joined @ state["out_proj.weight"].T + state.get("out_proj.bias", 0), weights


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("bias", "add_bias_kv", "add_zero_attn"), FLAGS)
@pytest.mark.parametrize("sizes", [{}, {"kdim": 3, "vdim": 5}])
def test_options(bias, add_bias_kv, add_zero_attn, sizes):
    layer = nn.MultiheadAttention(
        4, 2, 0.0, bias, add_bias_kv, add_zero_attn, batch_first=True, dtype=rl.float64, **sizes
    )
    query = numbers(2, 3, 4)
    key, value = numbers(2, 5, layer.kdim, seed=1), numbers(2, 5, layer.vdim, seed=2)
    padding = np.array([[0, 0, 0, 1, 1], [0, 1, 0, 0, 0]], bool)
    hidden = np.where(padding[:, None, None], -np.inf, 0.0)
    given = [rl.tensor(each) for each in (query, key, value)]
    expected, weights = in_numpy(layer, query, key, value, hidden)
    found, shares = layer(*given, key_padding_mask=rl.tensor(padding))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)
    np.testing.assert_allclose(shares.detach().numpy(), weights.mean(1), atol=1e-10)
    found, none = layer(*given, key_padding_mask=rl.tensor(padding), need_weights=False)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)
    assert none is None
    _, shares = layer(*given, key_padding_mask=rl.tensor(padding), average_attn_weights=False)
    np.testing.assert_allclose(shares.detach().numpy(), weights, atol=1e-10)


def test_length_first_and_a_single_sample():
    layer = nn.MultiheadAttention(4, 2, dtype=rl.float64)
    x = numbers(3, 2, 4)
    expected, weights = in_numpy(layer, *[x.transpose(1, 0, 2)] * 3)
    given = rl.tensor(x)
    found, shares = layer(given, given, given)
    np.testing.assert_allclose(found.detach().numpy(), expected.transpose(1, 0, 2), atol=1e-10)
    np.testing.assert_allclose(shares.detach().numpy(), weights.mean(1), atol=1e-10)
    one = given[:, 0]
    found, shares = layer(one, one, one)
    np.testing.assert_allclose(found.detach().numpy(), expected[0], atol=1e-10)
    assert shares.shape == (3, 3)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("shared", ["all", "keys", "none"])
def test_causal_masks(need_weights, shared):
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype=rl.float64)
    query, key, value = [numbers(2, 3, 4, seed=seed) for seed in range(3)]
    tensors = [rl.tensor(each) for each in (query, key, value)]
    if shared != "none":
        value, tensors[2] = key, tensors[1]
    if shared == "all":
        query, tensors[0] = key, tensors[1]
    mask = np.where(np.tri(3), 0.0, -np.inf)
    expected, _ = in_numpy(layer, query, key, value, mask)
    for kind in (rl.tensor(mask), rl.tensor(mask != 0), rl.tensor(mask).expand(4, 3, 3)):
        for hint in (True, False):
            found = layer(*tensors, attn_mask=kind, need_weights=need_weights, is_causal=hint)[0]
            np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)


def test_gradients():
    layer = nn.MultiheadAttention(2, 1, add_bias_kv=True, batch_first=True, dtype=rl.float64)
    x = rl.tensor(numbers(1, 3, 2), requires_grad=True)
    assert gradcheck(lambda x, *_: layer(x, x, x)[0], (x, *layer.parameters()))


def test_keys_and_repr():
    layer = nn.MultiheadAttention(4, 2, kdim=3, add_bias_kv=True)
    assert list(layer.state_dict()) == [
        *("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v"),
        *("out_proj.weight", "out_proj.bias"),
    ]
    assert repr(layer) == (
        "MultiheadAttention(\n  (out_proj): NonDynamicallyQuantizableLinear(in_features=4, "
        "out_features=4, bias=True)\n)"
    )
    assert abs(layer.in_proj_bias).sum().item() == 0


def called(*shapes, heads=2, **options):
    layer = nn.MultiheadAttention(4, heads, batch_first=True)
    return layer(*[rl.ones(*shape) for shape in shapes], **options)


X = (2, 3, 4)


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda: nn.MultiheadAttention(5, 2), AssertionError, "divisible"),
        (lambda: nn.MultiheadAttention(0, 1), ValueError, "greater than 0"),
        (lambda: called((4,), X, X), AssertionError, "unbatched 2D or batched 3D"),
        (lambda: called(X, (3, 4), X), AssertionError, "expected `key` and `value` to be 3-D"),
        (lambda: called((2, 3, 5), X, X), AssertionError, "embedding dimension of 4"),
        (lambda: called(X, X, (2, 4, 4)), AssertionError, "does not match value shape"),
        (
            lambda: called(X, X, X, attn_mask=rl.ones(3, 4)),
            RuntimeError,
            "2D attn_mask is .3, 4., but should be .3, 3.",
        ),
        (
            lambda: called(X, X, X, attn_mask=rl.ones(3, 3).long()),
            AssertionError,
            "only bool and floating types of attn_mask",
        ),
        (
            lambda: called(X, X, X, key_padding_mask=rl.ones(3, 2)),
            AssertionError,
            "key_padding_mask",
        ),
        (lambda: called(X, X, X, is_causal=True), RuntimeError, "Need attn_mask"),
    ],
)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run()
