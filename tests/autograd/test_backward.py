"""backward and grad: where a walk begins, what it fills, what it refuses."""

import gc
import threading

import pytest

import rushlight as rl


def leaf(*values):
    return rl.tensor([*values], requires_grad=True)


def test_gradients_add_up_in_leaves():
    w = leaf(1.0, 2.0)
    for _ in range(2):
        (w * w).sum().backward()
    assert w.grad.tolist() == [4, 8]


def test_the_accumulated_gradient_is_written_in_place():
    w = leaf(1.0)
    (w * 2).sum().backward()
    held = w.grad
    (w * 3).sum().backward()
    assert held is w.grad
    assert held.tolist() == [5]


def test_a_gradient_that_someone_holds_is_not_shared():
    w, v = leaf(1.0), leaf(1.0)
    seen = []
    y = w + v
    y.register_hook(seen.append)
    y.sum().backward()
    w.grad.zero_()
    assert (v.grad.tolist(), seen[0].tolist()) == ([1], [1])


def test_one_tensor_used_many_times():
    w = leaf(3.0)
    (w * w + w * 2 - w / w).sum().backward()
    assert w.grad.tolist() == [8]


def test_a_diamond_is_walked_once():
    w = leaf(2.0)
    y = w * 3
    calls = []
    y.grad_fn.register_hook(lambda ins, outs: calls.append(outs[0].tolist()))
    (y * 2 + y * 5).sum().backward()
    assert calls == [[7]]
    assert w.grad.tolist() == [21]


def test_gradients_of_vectors_start_from_what_is_given():
    w = leaf(1.0, 2.0)
    (w * 3).backward(rl.tensor([1.0, 10.0]))
    assert w.grad.tolist() == [3, 30]
    rl.autograd.backward([w * 1, w * 2], [rl.ones(2), rl.ones(2)])
    assert w.grad.tolist() == [6, 33]


INPUTS = {
    "leaf": (lambda w, v, y: [w], [6, None, None]),
    "other leaf": (lambda w, v, y: v, [None, 2, None]),
    "non-leaf": (lambda w, v, y: [y], [None, None, 3]),
    "both": (lambda w, v, y: (w, y), [6, None, 3]),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_of_backward_are_all_that_is_filled(name):
    choose, expected = INPUTS[name]
    w, v = leaf(1.0), leaf(3.0)
    y = w * 2
    called = []
    w.register_post_accumulate_grad_hook(lambda p: called.append("w"))
    z = (y * v).sum()
    z.backward(inputs=choose(w, v, y))
    gradients = w.grad, v.grad, y.grad if y.retains_grad else None
    assert [None if g is None else g.item() for g in gradients] == expected
    assert called == (["w"] if expected[0] else [])


def test_inputs_add_to_what_is_there():
    w = leaf(1.0)
    w.grad = rl.tensor([10.0])
    (w * 2).sum().backward(inputs=[w])
    assert w.grad.tolist() == [12]


def test_empty_inputs_are_an_error():
    with pytest.raises(RuntimeError, match="cannot be empty"):
        leaf(1.0).sum().backward(inputs=[])


def test_grad_touches_no_leaf():
    w = leaf(1.0)
    (gradient,) = rl.autograd.grad((w * 2).sum(), w)
    assert gradient.tolist() == [2]
    assert w.grad is None


def test_grad_of_the_same_input_twice_and_of_the_output():
    w = leaf(3.0)
    y = (w * w).sum()
    found = rl.autograd.grad(y, [w, w, y])
    assert [g.tolist() for g in found] == [[6], [6], 1]


def test_unused_inputs():
    w, unused = leaf(1.0), leaf(1.0)

    def graph():
        return (w * 2).sum()

    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        rl.autograd.grad(graph(), [w, unused])
    assert rl.autograd.grad(graph(), [w, unused], allow_unused=True)[1] is None
    (_, zeros) = rl.autograd.grad(graph(), [w, unused], materialize_grads=True)
    assert zeros.tolist() == [0]
    with pytest.raises(ValueError, match="allow_unused"):
        rl.autograd.grad(graph(), w, allow_unused=False, materialize_grads=True)


def test_a_second_walk_needs_the_graph():
    w = leaf(2.0)
    state = w.exp()
    loss = (state * 3).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="a second time") as caught:
        (state * 2).sum().backward()
    message = str(caught.value)
    assert "`state`" in message
    assert message.index("detach()") < message.index("retain_graph")


def test_retain_graph_allows_a_second_walk():
    w = leaf(2.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert w.grad.tolist() == [8]


def test_what_saved_nothing_can_be_walked_again():
    w = leaf(2.0)
    loss = (w + 1).sum()
    loss.backward()
    loss.backward()
    assert w.grad.tolist() == [2]


def test_create_graph_gives_gradients_with_a_history():
    w = leaf(2.0)
    (first,) = rl.autograd.grad((w**3).sum(), w, create_graph=True)
    (second,) = rl.autograd.grad(first.sum(), w, create_graph=True)
    (third,) = rl.autograd.grad(second.sum(), w)
    assert [g.tolist() for g in (first, second, third)] == [[12], [12], [6]]
    assert not third.requires_grad


def test_backward_with_create_graph_warns_of_the_cycle():
    w = leaf(2.0)
    with pytest.warns(UserWarning, match="reference cycle"):
        (w**3).sum().backward(create_graph=True)
    w.grad.sum().backward()
    assert w.grad.tolist() == [12 + 12]
    w.grad = None
    gc.collect()


REFUSED = {
    "no history": (lambda: rl.ones(1).backward(), "does not require grad"),
    "a vector": (lambda: (leaf(1.0, 2.0) * 2).backward(), "only for scalar outputs"),
    "wrong shape": (lambda: (leaf(1.0, 2.0) * 2).backward(rl.ones(3)), "Mismatch in shape"),
    "wrong count": (
        lambda: rl.autograd.backward([leaf(1.0)], [rl.ones(1), rl.ones(1)]),
        "1 tensors and 2 gradients",
    ),
    "input without grad": (
        lambda: rl.autograd.grad(leaf(1.0).sum(), rl.ones(1)),
        "does not require grad",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    action, words = REFUSED[name]
    with pytest.raises(RuntimeError, match=words):
        action()


def test_gradients_have_the_shape_and_dtype_of_their_leaf():
    w = rl.ones(3, 1, requires_grad=True)
    half = rl.ones(2, dtype=rl.float16, requires_grad=True)
    (w * rl.ones(2, 3, 4)).sum().backward()
    (half * rl.ones(5, 2, dtype=rl.float64)).sum().backward()
    assert (w.grad.shape, half.grad.dtype) == ((3, 1), rl.float16)
    assert (w.grad.tolist(), half.grad.tolist()) == ([[8]] * 3, [5, 5])


def test_setting_grad():
    w = leaf(1.0, 2.0)
    w.grad = rl.ones(2)
    w.grad = None
    with pytest.raises(RuntimeError, match="different size or type"):
        w.grad = rl.ones(3)
    with pytest.raises(RuntimeError, match="different size or type"):
        w.grad = rl.ones(2, dtype=rl.float64)
    with pytest.raises(TypeError, match="expected to be a Tensor"):
        w.grad = 3


def test_reading_grad_of_a_non_leaf_warns():
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert (leaf(1.0) * 2).grad is None


def test_detach_in_place():
    w = leaf(1.0)
    y = w * 2
    y.detach_()
    assert (y.requires_grad, y.grad_fn, y.is_leaf) == (False, None, True)
    with pytest.raises(RuntimeError, match="Can't detach views"):
        (w * 2)[0:1].detach_()


def test_a_backward_inside_a_backward():
    w, v = leaf(1.0), leaf(2.0)
    y = w * 3

    def inner(grad):
        with rl.enable_grad():
            (v * v).sum().backward()

    y.register_hook(inner)
    y.sum().backward()
    assert (w.grad.tolist(), v.grad.tolist()) == ([3], [4])


def test_threads_walk_graphs_of_their_own():
    found = {}

    def work(number):
        w = leaf(float(number))
        for _ in range(20):
            w.grad = None
            (w * w).sum().backward()
        found[number] = w.grad.tolist()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [2.0 * n] for n in range(4)}


def test_the_graph_can_be_looked_at():
    w = leaf(2.0)
    y = (w * w).exp()
    assert y.grad_fn.name() == "ExpBackward0"
    ((product, output),) = y.grad_fn.next_functions
    assert (product.name(), output) == ("MulBackward0", 0)
    assert [node.name() for node, _ in product.next_functions] == ["AccumulateGrad"] * 2
    assert product.next_functions[0][0].variable is w
    product.metadata["note"] = 1
    assert product.metadata == {"note": 1}
