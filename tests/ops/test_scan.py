"""`rl.scan` against the same loop in Python: values, gradients, nesting, errors."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import grad, gradcheck, gradgradcheck

DOUBLE = {"dtype": rl.float64}


def looped(body, carry, xs, reverse=False):
    """The loop that a scan stands for, over one tensor or a tuple of them."""
    parts = xs if isinstance(xs, tuple) else (xs,)
    steps = range(len(parts[0]))
    found = {}
    for step in reversed(steps) if reverse else steps:
        element = tuple(part[step] for part in parts)
        carry, found[step] = body(carry, element if isinstance(xs, tuple) else element[0])
    return carry, rl.stack([found[step] for step in steps])


def made(*shape, seed=0):
    array = np.random.default_rng(seed).standard_normal(shape)
    return rl.tensor(array, requires_grad=True)


W, V, BIAS = made(4, 4, seed=1), made(3, 4, seed=2), made(4, seed=3)


def swapping(carry, x):
    first, second = carry
    return (second + x, first * x.sin()), first


# name, body, first carry, sequences
BODIES = {
    "product": (lambda h, x: ((x + h @ W.T + BIAS).tanh(),) * 2, made(3, 4), made(5, 3, 4)),
    "one weight twice": (
        lambda h, x: (((h @ W).tanh() @ W + x).sin(), h),
        made(3, 4),
        made(5, 3, 4),
    ),
    "weight on the left": (lambda h, x: ((W @ h + x).tanh(), h), made(4, 2), made(5, 4, 2)),
    "weight by elements": (lambda h, x: ((h * V + x).tanh(), x * V), made(3, 4), made(5, 3, 4)),
    "weights of weights": (
        lambda h, x: ((h @ (W * 0.5).softmax(1) + x).tanh(), h),
        made(3, 4),
        made(5, 3, 4),
    ),
    "carried on": (swapping, (made(3), made(3, seed=4)), made(5, 3, seed=5)),
    "slices": (
        lambda h, x: (rl.cat([h[2:], x[:2]]).sin(), h[:2] * BIAS[1:3]),
        made(4),
        made(5, 4, seed=4),
    ),
    "reduction": (lambda h, x: (h + (x * h).sum(0), h.softmax(0)), made(4), made(5, 3, 4)),
    "two sequences": (
        lambda h, x: (h * x[0].cos() + x[1], h),
        made(3),
        (made(5, 3), made(5, 3, seed=7)),
    ),
    "numbers": (lambda h, x: (h * 0.5 + x, h), made(), made(5)),
    "what does not depend on the step": (lambda h, x: (h + x, BIAS * 2), made(4), made(5, 4)),
    "a carry that stays": (lambda h, x: (h, h * x), made(4), made(5, 4)),
}
NAMED = pytest.mark.parametrize("name", BODIES)


def tensors_of(value):
    return value if isinstance(value, tuple) else (value,)


@NAMED
@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_the_loop(name, reverse):
    body, carry, xs = BODIES[name]
    last, stacked = rl.scan(body, carry, xs, reverse=reverse)
    expected, expected_stack = looped(body, carry, xs, reverse)
    for left, right in zip(tensors_of(last), tensors_of(expected), strict=True):
        rl.testing.assert_close(left, right)
    rl.testing.assert_close(stacked, expected_stack)


@NAMED
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_are_the_loops(name, reverse):
    body, carry, xs = BODIES[name]
    wanted = [*tensors_of(carry), *tensors_of(xs), W, V, BIAS]

    def gradients(run):
        last, stacked = run(body, carry, xs, reverse=reverse)
        total = (stacked * (stacked + 1)).sum()
        for tensor in tensors_of(last):
            total = total + (tensor * tensor).sum()
        return grad(total, wanted, allow_unused=True)

    for left, right in zip(gradients(rl.scan), gradients(looped), strict=True):
        assert (left is None) == (right is None)
        if left is not None:
            rl.testing.assert_close(left, right)


def test_it_can_be_differentiated_twice():
    def network(h, xs, weight, bias):
        return rl.scan(lambda h, x: ((x + h @ weight.T + bias).tanh(), h * x), h, xs)

    inputs = made(2, 3), made(3, 2, 3), made(3, 3), made(3)
    assert gradcheck(network, inputs)
    assert gradgradcheck(network, inputs)


def test_third_derivative():
    x = rl.tensor(0.3, requires_grad=True, **DOUBLE)
    result, _ = rl.scan(lambda h, _: (h * x, None), x, length=4)  # x to the fifth
    for expected in (5 * 0.3**4, 20 * 0.3**3, 60 * 0.3**2):
        (result,) = grad(result, x, create_graph=True)
        assert result.item() == pytest.approx(expected)


def test_nests():
    def body(carry, x):
        a, [b, nothing] = carry["a"], carry["rest"]
        return {"a": a + x["u"], "rest": [b * 2, nothing]}, (a, {"b": b})

    first = {"a": rl.zeros(2), "rest": [rl.ones(3), None]}
    last, (a, rest) = rl.scan(body, first, {"u": rl.ones(4, 2)})
    assert last["a"].tolist() == [4, 4]
    assert last["rest"][0].tolist() == [16] * 3
    assert last["rest"][1] is None
    assert a.shape == (4, 2)
    assert rest["b"].shape == (4, 3)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_lengths(length):
    start, weight = made(2), made(2, 2)
    xs = rl.ones(length, 2, requires_grad=True, **DOUBLE)
    last, stacked = rl.scan(lambda h, x: (h @ weight + x, h), start, xs)
    assert stacked.shape == (length, 2)
    found = grad(last.sum(), [start, weight, xs], materialize_grads=True)
    assert [tuple(g.shape) for g in found] == [(2,), (2, 2), (length, 2)]
    expected = np.linalg.matrix_power(weight.detach().numpy(), length).sum(1)
    np.testing.assert_allclose(found[0].numpy(), expected)


def test_a_length_without_sequences():
    last, stacked = rl.scan(lambda h, _: (h * 2, h), rl.tensor(1), length=10)
    assert last.item() == 1024
    assert stacked.tolist() == [2**n for n in range(10)]


def test_scans_in_scans():
    def outer(h, row):
        return rl.scan(lambda h, x: ((h + x).sin(), h), h, row)

    start, rows = made(2), made(3, 4, 2)
    last, stacked = rl.scan(outer, start, rows)
    hidden = start
    for row in rows:
        for x in row:
            hidden = (hidden + x).sin()
    rl.testing.assert_close(last, hidden)
    assert stacked.shape == (3, 4, 2)
    left = grad(last.sum(), [start, rows])
    right = grad(hidden.sum(), [start, rows])
    for ours, loops in zip(left, right, strict=True):
        rl.testing.assert_close(ours, loops)


def test_every_step_draws_its_own_numbers():
    rl.manual_seed(0)
    _, drawn = rl.scan(lambda h, x: (h, rl.rand(50) + x), (), rl.zeros(4, 50))
    assert len(set(drawn[:, 0].tolist())) == 4
    x = rl.ones(20, 30, requires_grad=True)
    _, kept = rl.scan(lambda h, x: (h, rl.nn.functional.dropout(x, 0.5)), (), x)
    (slope,) = grad(kept.sum(), x)
    assert (slope == kept).all()


def test_integers_and_choices():
    def body(best, x):
        larger = x > best
        return rl.where(larger, x, best), larger

    last, larger = rl.scan(body, rl.tensor(0), rl.tensor([3, 1, 4, 1, 5]))
    assert last.item() == 5
    assert larger.tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("dtype", [rl.float16, rl.bfloat16, rl.float32])
def test_dtypes(dtype):
    x = made(5, 3, 4).detach().to(dtype)
    weight = W.detach().to(dtype)

    def step(h, x):
        return (h @ weight + x).tanh(), h

    start = rl.zeros(3, 4, dtype=dtype)
    for left, right in zip(rl.scan(step, start, x), looped(step, start, x), strict=True):
        rl.testing.assert_close(left, right)


def test_gradients_reach_modules_that_the_body_calls():
    layer = rl.nn.Linear(3, 3)
    last, _ = rl.scan(lambda h, x: (layer(h) + x, None), rl.zeros(2, 3), rl.ones(4, 2, 3))
    last.sum().backward()
    assert layer.weight.grad.shape == (3, 3)
    assert layer.bias.grad.shape == (3,)


def test_a_weight_may_change_between_forward_and_backward():
    weight = rl.full((2,), 3.0, requires_grad=True)
    last, _ = rl.scan(lambda h, x: (h * weight, None), rl.ones(2), rl.ones(2, 2))
    with rl.no_grad():
        weight.mul_(0)
    last.sum().backward()
    assert weight.grad.tolist() == [6, 6]


def counter(name):
    calls = []

    def body(h, x):
        calls.append(name)
        return h + x, None

    return body, calls


def test_the_body_is_called_once():
    body, calls = counter("body")
    rl.scan(body, rl.tensor(0.0), rl.ones(1000))
    assert len(calls) == 1


def pair(h, x):
    return h + x, h


outside = rl.zeros(2)
ERRORS = {
    "no tensor": (TypeError, "carry must consist of tensors", lambda: rl.scan(pair, 0.0, outside)),
    "no pair": (TypeError, "must return a pair", lambda: rl.scan(lambda h, x: h, outside, outside)),
    "other y": (
        TypeError,
        "body's y must consist of tensors",
        lambda: rl.scan(lambda h, x: (h, 3), outside, outside),
    ),
    "other nesting": (
        TypeError,
        r"(?s)nested otherwise.*Expected: tensor.*Actual: \(tensor, tensor\)",
        lambda: rl.scan(lambda h, x: ((h, h), None), outside, outside),
    ),
    "other shape": (
        RuntimeError,
        r"(?s)changes the shape.*Expected: float32\[2\].*Actual: float32\[1\]",
        lambda: rl.scan(lambda h, x: (h[:1], None), outside, outside),
    ),
    "other dtype": (
        RuntimeError,
        "(?s)changes the shape or dtype.*float64",
        lambda: rl.scan(lambda h, x: (h.double(), None), outside, outside),
    ),
    "lengths": (
        RuntimeError,
        "(?s)leading dimension differ",
        lambda: rl.scan(lambda h, x: (h, None), outside, (rl.ones(3), rl.ones(4))),
    ),
    "length": (
        RuntimeError,
        "length 4",
        lambda: rl.scan(lambda h, x: (h, None), outside, rl.ones(3), length=4),
    ),
    "no length": (ValueError, "needs a length", lambda: rl.scan(pair, outside)),
    "rank 0": (RuntimeError, "leading dimension", lambda: rl.scan(pair, outside, rl.ones(()))),
    "a value": (
        RuntimeError,
        "Python needs a value inside the body",
        lambda: rl.scan(lambda h, x: (h if x > 0 else -h, None), outside, rl.ones(3)),
    ),
    "a write outside": (
        RuntimeError,
        "wrote in place to a tensor from outside",
        lambda: rl.scan(lambda h, x: (outside.add_(x), None), outside, rl.ones(3, 2)),
    ),
    "a write to an argument": (
        RuntimeError,
        "wrote in place to its arguments",
        lambda: no_grad_scan(lambda h, x: (h.add_(x), None), outside, rl.ones(3, 2)),
    ),
}


@rl.no_grad()
def no_grad_scan(*arguments):
    return rl.scan(*arguments)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    kind, words, call = ERRORS[name]
    with pytest.raises(kind, match=words):
        call()
    assert outside.tolist() == [0, 0]
    assert rl.scan(pair, outside, rl.ones(3, 2))[0].tolist() == [3, 3]


def test_an_index_out_of_range_names_the_line():
    table, places = rl.ones(3), rl.tensor([0, 1, 5])
    last, _ = rl.scan(
        lambda h, at: (h + table.gather(0, at.reshape(1))[0], None), rl.tensor(0.0), places
    )
    with pytest.raises(IndexError, match=r"(?s)index 5 is out of bounds.*test_scan.py"):
        last.item()


def test_what_a_body_recorded_has_no_value_outside():
    kept = []
    rl.scan(lambda h, x: (kept.append(h + x) or h, None), rl.ones(2), rl.ones(3, 2))
    with pytest.raises(RuntimeError, match="inside the body of a scan"):
        kept[0].tolist()


def test_gradients_of_values_that_depend_on_each_other_are_counted_once():
    x = rl.tensor(0.3, requires_grad=True, **DOUBLE)
    double = x * 2
    last, _ = rl.scan(lambda h, _: (h * double * x, None), x, length=2)  # 4 x to the fifth
    for expected in (20 * 0.3**4, 80 * 0.3**3):
        (last,) = grad(last, x, create_graph=True)
        assert last.item() == pytest.approx(expected)


def test_autocast_keeps_nothing_of_a_body():
    weight = rl.rand(3, 3, requires_grad=True)
    with rl.autocast("cpu", dtype=rl.bfloat16):
        last, _ = rl.scan(
            lambda h, x: ((h @ weight).float() + x, None), rl.ones(2, 3), rl.ones(4, 2, 3)
        )
        after = rl.ones(2, 3) @ weight
    (last.sum() + after.float().sum()).backward()
    alone = rl.ones(2, 3, dtype=rl.bfloat16).float().T @ rl.ones(2, 3)
    assert weight.grad.shape == alone.shape
    assert (weight.grad > alone).all()
