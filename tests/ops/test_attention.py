"""Attention, alone and in several heads, against NumPy."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn import functional as F
from tests.ops.harness import OpCase, table, values

Q, K, V = values(2, 3, 4), values(2, 5, 4, seed=1), values(2, 5, 2, seed=2)
MASK = np.array([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]])
attention = F.scaled_dot_product_attention


def attended(q, k, v, mask=0.0, scale=None):
    scores = q @ np.swapaxes(k, -1, -2) * (scale or 1 / np.sqrt(q.shape[-1])) + mask
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ v


def hidden(mask):
    return np.where(mask, 0.0, -np.inf)


CASES = [
    OpCase("plain", attention, (Q, K, V), attended),
    OpCase(
        "scale", lambda *x: attention(*x, scale=0.3), (Q, K, V), lambda *x: attended(*x, scale=0.3)
    ),
    OpCase(
        "causal",
        lambda *x: attention(*x, is_causal=True),
        (Q, K, V),
        lambda *x: attended(*x, hidden(np.tri(3, 5))),
    ),
    OpCase(
        "bool_mask",
        lambda q, k, v, m: attention(q, k, v, m > 0),
        (Q, K, V, MASK),
        lambda q, k, v, m: attended(q, k, v, hidden(m > 0)),
    ),
    OpCase("added_mask", attention, (Q, K, V, values(3, 5)), attended),
    OpCase(
        "one_query",
        attention,
        (values(2, 2, 1, 3), values(2, 2, 20, 3, seed=1), values(2, 2, 20, 5, seed=2)),
        attended,
        gradgrad=False,  # NumPy's products with a vector may differ in the last bit each time
    ),
    OpCase(
        "mask_of_heads",
        attention,
        (values(2, 2, 3, 2), values(2, 2, 4, 2), values(2, 2, 4, 2, seed=1), values(2, 1, 1, 4)),
        attended,
    ),
    OpCase(
        "no_batch",
        lambda *x: attention(*x, is_causal=True),
        (values(17, 3), values(17, 3, seed=1), values(17, 2, seed=2)),
        lambda *x: attended(*x, hidden(np.tri(17))),
        dtypes=("float32", "float16", "bfloat16"),
    ),
    OpCase(
        "batches_that_broadcast",
        attention,
        (values(2, 1, 3, 2), values(3, 4, 2), values(4, 2, seed=1)),
        attended,
    ),
    OpCase(
        "grouped",
        lambda q, k, v: attention(q, k, v, enable_gqa=True),
        (values(1, 4, 3, 2), values(1, 2, 5, 2), values(1, 2, 5, 2, seed=1)),
        lambda q, k, v: attended(q, k.repeat(2, 1), v.repeat(2, 1)),
    ),
]


@table(CASES)
def test_attention(case, check):
    check(case)


def test_a_query_that_sees_nothing_gets_zeros():
    q = rl.tensor(Q, requires_grad=True)
    mask = rl.zeros(3, 5).bool()
    found = attention(q, rl.tensor(K), rl.tensor(V), mask)
    assert found.tolist() == np.zeros((2, 3, 2)).tolist()


def test_a_query_that_sees_nothing_has_no_gradient():
    tensors = [rl.tensor(each, requires_grad=True) for each in (Q, K, V)]
    seen = rl.tensor(MASK > 0)
    seen[1] = False
    attention(*tensors, seen).sum().backward()
    query, key, value = [each.grad for each in tensors]
    assert query[:, 1].tolist() == np.zeros((2, 4)).tolist()
    assert query[:, 0].abs().sum() > 0
    assert rl.isfinite(key).all()
    assert value[0, 1].tolist() == [0.0, 0.0]  # no query left sees key 1


def test_only_what_is_needed_has_a_gradient():
    key = rl.tensor(K, requires_grad=True)
    attention(rl.tensor(Q), key, rl.tensor(V)).sum().backward()
    assert rl.autograd.gradcheck(lambda k: attention(rl.tensor(Q), k, rl.tensor(V)), (key,))
    assert key.grad.abs().sum() > 0


def test_the_gradient_is_the_same_where_it_is_differentiated_again():
    tensors = [rl.tensor(each, requires_grad=True) for each in (Q, K, V)]
    mask = rl.tensor(MASK > 0)
    result = attention(*tensors, mask).sum()
    once = rl.autograd.grad(result, tensors, retain_graph=True)
    again = rl.autograd.grad(result, tensors, create_graph=True)
    for first, second in zip(once, again, strict=True):
        np.testing.assert_allclose(first.numpy(), second.detach().numpy(), atol=1e-12)


def test_sizes_of_nothing():
    def empty(*shape):
        return rl.zeros(*shape, requires_grad=True)

    assert attention(empty(2, 0, 3), empty(2, 4, 3), empty(2, 4, 5)).shape == (2, 0, 5)
    nothing = attention(empty(2, 3, 3), empty(2, 0, 3), empty(2, 0, 5))
    assert nothing.tolist() == np.zeros((2, 3, 5)).tolist()
    nothing.sum().backward()


def test_dropout():
    ones = rl.ones(1, 64, 64)
    found = attention(ones, ones, ones, dropout_p=0.5)
    assert 0.8 < found.mean().item() < 1.2
    assert found.std().item() > 0


ERRORS = [
    (lambda q, k, v: attention(q[0, 0], k, v), ValueError, "at least 2 dimensional"),
    (lambda q, k, v: attention(q.float(), k, v), RuntimeError, "to have the same dtype"),
    (lambda q, k, v: attention(q, k, v, q, is_causal=True), RuntimeError, "when is_causal=True"),
    (lambda q, k, v: attention(q, k, v, rl.ones(3, 5)), RuntimeError, "Expected attn_mask dtype"),
    (lambda q, k, v: attention(q, k[..., :3], v), RuntimeError, "cannot be multiplied|must match"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ERRORS)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(*map(rl.tensor, (Q, K, V)))


# --------------------------------------------------------------------------------- several heads
SIZE, HEADS = 4, 2
X = values(3, 2, SIZE)
WEIGHT, BIAS = values(3 * SIZE, SIZE, seed=1), values(3 * SIZE, seed=2)
OUT, OUT_BIAS = values(SIZE, SIZE, seed=3), values(SIZE, seed=4)


def heads(x):
    return x.reshape(3, 2, HEADS, SIZE // HEADS).transpose(1, 2, 0, 3)


def by_head(x, mask=0.0):
    q, k, v = [heads(part) for part in np.split(x @ WEIGHT.T + BIAS, 3, -1)]
    joined = attended(q, k, v, mask).transpose(2, 0, 1, 3).reshape(3, 2, SIZE)
    return joined @ OUT.T + OUT_BIAS


def multihead(x, **options):
    parameters = [rl.tensor(each) for each in (WEIGHT, BIAS, OUT, OUT_BIAS)]
    weight, bias, out, out_bias = parameters
    return F.multi_head_attention_forward(
        *(x, x, x, SIZE, HEADS, weight, bias, None, None, False, 0.0, out, out_bias), **options
    )


def test_heads():
    x = rl.tensor(X, requires_grad=True)
    found, weights = multihead(x)
    np.testing.assert_allclose(found.detach().numpy(), by_head(X))
    assert weights.shape == (2, 3, 3)
    np.testing.assert_allclose(weights.detach().sum(-1).numpy(), np.ones((2, 3)))
    without, none = multihead(x, need_weights=False)
    assert none is None
    np.testing.assert_allclose(without.detach().numpy(), found.detach().numpy())
    assert rl.autograd.gradcheck(lambda x: multihead(x)[0], (x,))


def test_masks_of_heads():
    padding = np.array([[False, False, True], [False, True, False]])
    causal = ~np.tri(3, dtype=bool)
    hides = np.where(padding[:, None, None] | causal, -np.inf, 0)
    for needed in (True, False):
        found, _ = multihead(
            rl.tensor(X),
            attn_mask=rl.tensor(causal),
            key_padding_mask=rl.tensor(padding),
            need_weights=needed,
        )
        np.testing.assert_allclose(found.numpy(), by_head(X, hides))


def test_one_sample():
    found, weights = multihead(rl.tensor(X[:, 0]), average_attn_weights=False)
    np.testing.assert_allclose(found.numpy(), by_head(X)[:, 0])
    assert weights.shape == (HEADS, 3, 3)
