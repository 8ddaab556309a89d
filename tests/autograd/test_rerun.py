"""Walks that are recorded again: the same gradients as when every operation is walked."""

import itertools

import numpy as np
import pytest

import rushlight as rl
from rushlight.autograd import rerun
from rushlight.graph.fragment import PART
from rushlight.graph.recorder import PROGRAMS, recorder

F = rl.nn.functional


def leaves(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [rl.tensor(random.normal(size=shape), requires_grad=True) for shape in shapes]


def gradients(loss, tensors, **options):
    """The gradients of one fresh backward."""
    for tensor in tensors:
        tensor.grad = None
    loss().backward(**options)
    return [None if tensor.grad is None else tensor.grad.numpy().copy() for tensor in tensors]


def is_repeated(loss, **options):
    """Whether a backward is recorded as a whole."""
    root = loss()
    rl.sync()
    root.backward(**options)
    return any(node.primitive is PART for node in recorder().pending)


def network(x, w, b):
    h = F.gelu(F.layer_norm(F.linear(x, w, b), (4,)))
    return (h.softmax(-1) * x[:, :4]).sum() + (w * w).mean()


def shared(x, w, b):
    return (x @ w.t() * (x @ w.t())).sum() + (b + b).sum() + b.exp().sum()


def views(x, w, b):
    parts = x.split(2, dim=1)
    return (parts[0] * parts[1]).sum() + w.reshape(-1)[2:5].sum() + b.expand(3, 4).mean()


def unused(x, w, b):
    return (x.detach() @ w.t()).sum() + b[0]


CASES = [network, shared, views, unused]


@pytest.mark.parametrize("make", CASES)
def test_all_walks_give_the_same_bits(make, monkeypatch):
    tensors = leaves((3, 4), (4, 4), (4,))
    loss = lambda: make(*tensors)  # noqa: E731
    with monkeypatch.context() as context:
        context.setattr(rerun, "survey_of", lambda root: None)
        expected = gradients(loss, tensors)
    for _ in range(5):
        for found, want in zip(gradients(loss, tensors), expected, strict=True):
            np.testing.assert_array_equal(found, want, strict=True)
    for tensor in tensors:
        tensor.grad = None
    assert is_repeated(loss)


def test_programs_stay_the_same():
    tensors = leaves((3, 4), (4, 4), (4,))
    counts = []
    for _ in range(6):
        gradients(lambda: network(*tensors), tensors)
        counts.append(len(PROGRAMS))
    assert counts[0] == counts[-1] or counts[1] == counts[-1]


def test_which_saved_values_are_the_same_belongs_to_the_structure():
    x, y = leaves((3,), (3,))
    for _ in range(4):
        for a, b in ((x, y), (x, x), (y, x)):
            found = gradients(lambda: (a.exp() * b.exp()).sum(), [a, b])  # noqa: B023
            total = np.exp(a.detach().numpy() + b.detach().numpy())
            expected = 2 * total if a is b else total
            for grad in found:
                np.testing.assert_allclose(grad, expected)


def test_the_order_of_operations_belongs_to_the_structure():
    x, *factors = leaves((50,), (50,), (50,), (50,))

    def loss(order):
        products = {i: x * factors[i] for i in order}
        return (products[0] + products[1] + products[2]).sum()

    orders = [(0, 1, 2), (2, 1, 0), (1, 0, 2)]
    first = [gradients(lambda: loss(order), [x])[0] for order in orders]  # noqa: B023
    for _ in range(4):
        for order, expected in zip(orders, first, strict=True):
            found = gradients(lambda: loss(order), [x])[0]  # noqa: B023
            np.testing.assert_array_equal(found, expected)


def test_gradients_are_added_to_those_there():
    (x,) = leaves((3,))
    for times in (1, 2, 3, 4):
        (x * x).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), 2 * times * x.detach().numpy())


def test_gradients_to_start_from():
    (x,) = leaves((3,))
    for scale in (1.0, 2.0, 3.0, 4.0):
        start = rl.full((3,), scale, dtype=rl.float64)
        (found,) = gradients(lambda: x * 2, [x], gradient=start)
        np.testing.assert_allclose(found, 2 * scale)
    for _ in range(3):
        np.testing.assert_allclose(gradients(lambda: (x * 2).sum(), [x])[0], 2)


def watched_leaf(x, seen):
    return x.register_hook(lambda grad: seen.append("leaf"))


def after_accumulation(x, seen):
    return x.register_post_accumulate_grad_hook(lambda tensor: seen.append("after"))


@pytest.mark.parametrize("register", [watched_leaf, after_accumulation])
def test_hooks_on_leaves_are_called(register):
    (x,), seen = leaves((3,)), []
    loss = lambda: (x * x).sum()  # noqa: E731
    for _ in range(3):
        gradients(loss, [x])
    handle = register(x, seen)
    gradients(loss, [x])
    assert len(seen) == 1
    handle.remove()
    gradients(loss, [x])
    assert len(seen) == 1


def test_hooks_on_the_way_are_called():
    (x,), seen = leaves((3,)), []
    for hooked in (False, False, False, True, False):
        x.grad = None
        middle = x * x
        if hooked:
            middle.register_hook(lambda grad: grad * 10)
            middle.grad_fn.register_hook(lambda grads, _: seen.append(len(grads)))
            middle.retain_grad()
        middle.sum().backward()
        scale = 20 if hooked else 2
        np.testing.assert_allclose(x.grad.numpy(), scale * x.detach().numpy())
    assert seen == [2]


def test_graphs_are_freed_or_kept():
    (x,) = leaves((3,))
    for _ in range(4):
        x.grad = None
        loss = (x * x).sum()
        loss.backward(retain_graph=True)
        x.grad = None
        loss.backward()
        np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy())
        with pytest.raises(RuntimeError, match="a second time"):
            loss.backward()


def test_a_parameter_that_is_frozen_gets_no_gradient():
    x, y = leaves((3,), (3,))
    for frozen in (False, False, False, True, False):
        y.requires_grad_(not frozen)
        found = gradients(lambda: (x * y).sum(), [x, y])
        assert (found[1] is None) == frozen


def test_random_masks_are_drawn_anew():
    (x,) = leaves((1000,))
    found = [gradients(lambda: F.dropout(x, 0.5).sum(), [x])[0] for _ in range(4)]
    for before, after in itertools.pairwise(found):
        assert (before != after).any()


def test_lookups_losses_and_masks_are_repeated_too():
    nn, words = rl.nn, rl.tensor([[1, 2], [0, 3]])
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 3))
    targets = rl.tensor([0, 2])

    def loss():
        model.zero_grad()
        return F.cross_entropy(model(words), targets)

    assert [is_repeated(loss) for _ in range(6)][-1]


def test_anomaly_mode_walks():
    x = rl.tensor([0.0], requires_grad=True)
    loss = lambda: (x.sqrt() * 0).sum()  # noqa: E731
    for _ in range(3):
        gradients(loss, [x])
    nan = pytest.raises(RuntimeError, match="SqrtBackward0")
    with rl.autograd.set_detect_anomaly(True), nan:
        gradients(loss, [x])


def test_second_derivatives():
    (x,) = leaves((3,))
    for _ in range(4):
        (grad,) = rl.autograd.grad((x**3).sum(), x, create_graph=True)
        found = gradients(lambda: grad.sum(), [x])[0]  # noqa: B023
        np.testing.assert_allclose(found, 6 * x.detach().numpy())


def test_shapes_may_change():
    (w,) = leaves((4, 2))
    for rows in (3, 5, 3, 7, 3, 5, 3):
        x = rl.ones(rows, 4, dtype=rl.float64)
        np.testing.assert_allclose(gradients(lambda: (x @ w).sum(), [w])[0], rows)  # noqa: B023
