"""Hooks on gradients: their order, what they may replace, where they sit."""

import pytest

import rushlight as rl


def leaf(*values):
    return rl.tensor([*values], requires_grad=True)


def test_hooks_run_in_one_order():
    seen = []

    def note(name):
        return lambda *args: seen.append(name)

    w = leaf(1.0, 2.0)
    y = w * 3
    y.retain_grad()
    y.register_hook(note("tensor hook 1"))
    y.register_hook(lambda grad: seen.append(("retained yet", y.grad is not None)))
    y.grad_fn.register_prehook(note("node prehook"))
    y.grad_fn.register_hook(note("node hook"))
    w.register_hook(note("leaf hook"))
    w.register_post_accumulate_grad_hook(note("post accumulate"))
    accumulator = y.grad_fn.next_functions[0][0]
    accumulator.register_prehook(note("accumulator prehook"))
    accumulator.register_hook(note("accumulator hook"))
    y.sum().backward()
    assert seen == [
        "tensor hook 1",
        ("retained yet", False),
        "node prehook",
        "node hook",
        "leaf hook",
        "accumulator prehook",
        "post accumulate",
        "accumulator hook",
    ]


def test_every_hook_sees_what_the_one_before_made():
    w = leaf(1.0)
    y = w * 2
    y.register_hook(lambda grad: grad + 1)
    y.register_hook(lambda grad: grad * 10)
    y.retain_grad()
    y.grad_fn.register_prehook(lambda grads: (grads[0] + 0.5,))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * outputs[0], None))
    w.register_hook(lambda grad: -grad)
    y.sum().backward()
    assert y.grad.tolist() == [20]
    assert w.grad.tolist() == [-(20.5 * 2) * 20.5]


def test_a_hook_registered_before_an_inplace_write_sees_the_old_value():
    w = leaf(1.0, 1.0)
    y = w * 1
    seen = []
    y.register_hook(lambda grad: seen.append(("before", grad.tolist())))
    y.mul_(3)
    y.register_hook(lambda grad: seen.append(("after", grad.tolist())))
    y.sum().backward()
    assert seen == [("after", [1, 1]), ("before", [3, 3])]


def test_a_retained_gradient_follows_the_tensor_through_inplace_writes():
    w = leaf(1.0, 1.0)
    y = w * 1
    y.retain_grad()
    y.mul_(3)
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5, 5]


def test_a_retained_gradient_of_a_view_follows_writes_to_its_base():
    w = leaf(1.0, 1.0)
    y = w * 1
    part = y[:1]
    part.retain_grad()
    y.mul_(3)
    (part * 5).sum().backward()
    assert part.grad.tolist() == [5]


def test_retained_gradients_add_up():
    w = leaf(1.0)
    y = w * 2
    y.retain_grad()
    z = (y * 3).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert y.grad.tolist() == [6]


def test_removed_hooks_do_not_run():
    w = leaf(1.0)
    seen = []
    handles = [
        w.register_hook(lambda grad: seen.append(1)),
        w.register_post_accumulate_grad_hook(lambda p: seen.append(2)),
    ]
    with w.register_hook(lambda grad: seen.append(3)):
        (w * 1).sum().backward()
    assert seen == [1, 3, 2]
    for handle in handles:
        handle.remove()
    (w * 1).sum().backward()
    assert seen == [1, 3, 2]


def test_a_hook_may_read_values_and_record_work():
    w = leaf(1.0, 2.0)
    y = w * w

    def clip(grad):
        return grad / 2 if grad.sum().item() > 1 else None

    y.register_hook(clip)
    y.sum().backward()
    assert w.grad.tolist() == [1, 2]


def test_hooks_run_for_grad_too_and_only_where_a_gradient_passes():
    w, v = leaf(1.0), leaf(1.0)
    y, other = w * 2, v * 3
    seen = []
    y.register_hook(lambda grad: grad * 10)
    other.register_hook(lambda grad: seen.append("other"))
    (gradient,) = rl.autograd.grad((y * other).sum(), w)
    assert gradient.tolist() == [60]
    assert seen == []


def test_hooks_of_a_captured_tensor_have_run():
    w = leaf(1.0)
    y = w * 2
    y.register_hook(lambda grad: grad * 10)
    w.register_hook(lambda grad: grad + 1)
    found = rl.autograd.grad((y * 3).sum(), [y, w])
    assert [g.tolist() for g in found] == [[30], [61]]


def test_hooks_are_called_with_create_graph():
    w = leaf(2.0)
    y = w**3
    y.register_hook(lambda grad: grad * w)
    (first,) = rl.autograd.grad(y.sum(), w, create_graph=True)  # 3 w^2 * w
    (second,) = rl.autograd.grad(first.sum(), w)  # 9 w^2
    assert second.tolist() == [36]


@pytest.mark.parametrize(
    ("hook", "kind", "words"),
    [
        (lambda grad: rl.ones(5), RuntimeError, "has changed the size of value"),
        (lambda grad: 3, TypeError, "expected Variable, but hook returned 'int'"),
    ],
)
def test_wrong_results_of_hooks(hook, kind, words):
    y = leaf(1.0, 2.0) * 2
    y.register_hook(hook)
    with pytest.raises(kind, match=words):
        y.sum().backward()


def test_wrong_numbers_of_gradients_from_node_hooks():
    y = leaf(1.0) * 2
    y.grad_fn.register_hook(lambda inputs, outputs: ())
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()
    y = leaf(1.0) * 2
    y.grad_fn.register_prehook(lambda outputs: (1, 2))
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()


def test_where_no_hook_can_be():
    plain, w = rl.ones(2), leaf(1.0)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        plain.register_hook(print)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        plain.register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (w * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        plain.retain_grad()
    with pytest.raises(TypeError, match="hook"):
        w.register_hook(3)


def test_a_post_accumulate_hook_may_update_and_free_the_gradient():
    w = leaf(1.0, 1.0)

    def update(parameter):
        with rl.no_grad():
            parameter.sub_(parameter.grad)
        parameter.grad = None

    w.register_post_accumulate_grad_hook(update)
    (w * 0.5).sum().backward()
    assert w.tolist() == [0.5, 0.5]
    assert w.grad is None


def test_map_over_a_tuple_of_gradients_in_a_hook():
    y = leaf(1.0, 2.0) * 2
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.extend(map(len, outputs)))
    y.sum().backward()
    assert seen == [2]
