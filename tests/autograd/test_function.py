"""Functions of the user's own."""

import gc

import pytest

import rushlight as rl
from rushlight.autograd import Function, gradcheck, gradgradcheck
from rushlight.autograd.function import once_differentiable


def leaf(*values, dtype=rl.float32):
    return rl.tensor([*values], dtype=dtype, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return grad * result


class Scaled(Function):
    """By setup_context, with arguments that are no tensors."""

    @staticmethod
    def forward(x, scale=2.0, *, unused=None):
        return x * scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.scale = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.scale, None


class Several(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, None, y)
        return x * y, x + y

    @staticmethod
    def backward(ctx, product, total):
        x, nothing, y = ctx.saved_tensors
        assert nothing is None
        return product * y + total, product * x + total


@pytest.mark.parametrize("function", [Cube, Exp, Scaled])
def test_gradients_of_any_order(function):
    x = leaf(0.5, -1.5, 2.0, dtype=rl.float64)
    assert gradcheck(function.apply, x)
    assert gradgradcheck(function.apply, x)


def test_several_inputs_and_outputs():
    inputs = leaf(0.5, -1.5, dtype=rl.float64), leaf(2.0, 3.0, dtype=rl.float64)
    assert gradcheck(Several.apply, inputs)
    assert gradgradcheck(Several.apply, inputs)


def test_a_subset_of_the_outputs_is_enough():
    x, y = leaf(2.0), leaf(5.0)
    Several.apply(x, y)[0].sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([5], [2])


def test_names_and_structure_of_the_graph():
    x = leaf(1.0)
    y = Scaled.apply(x, 3.0)
    assert y.grad_fn.name() == "ScaledBackward"
    assert [node.name() for node, _ in y.grad_fn.next_functions] == ["AccumulateGrad"]


def test_keyword_arguments_and_defaults_are_bound():
    x = leaf(1.0)
    Scaled.apply(x).sum().backward()
    Scaled.apply(x, scale=5.0).sum().backward()
    assert x.grad.tolist() == [7]


def test_forward_runs_without_recording_and_knows_what_is_needed():
    seen = []

    class Look(Function):
        @staticmethod
        def forward(ctx, x, y, number):
            seen.append((rl.is_grad_enabled(), ctx.needs_input_grad))
            return x * y

        @staticmethod
        def backward(ctx, grad):
            return grad, None, None

    Look.apply(leaf(1.0), rl.ones(1), 3)
    with rl.no_grad():
        assert not Look.apply(leaf(1.0), rl.ones(1), 3).requires_grad
    assert seen == [(False, (True, False, False))] * 2


class Doubled(Function):
    """In place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_a_dirty_input_gets_a_new_history():
    w = leaf(1.0, 2.0)
    y = w * 3
    z = Doubled.apply(y)
    assert z is y
    assert y.grad_fn.name() == "DoubledBackward"
    (y * y).sum().backward()
    assert w.grad.tolist() == [72, 144]


def test_a_dirty_view_rewrites_its_base():
    w = leaf(1.0, 2.0)
    y = w * 3
    Doubled.apply(y[:1])
    assert y.grad_fn.name() == "CopySlices"
    y.sum().backward()
    assert w.grad.tolist() == [6, 3]


def test_a_dirty_leaf_is_an_error():
    with pytest.raises(RuntimeError, match="leaf Variable"):
        Doubled.apply(leaf(1.0))


def test_a_dirty_input_must_be_returned():
    class Wrong(Doubled):
        @staticmethod
        def forward(ctx, x):
            Doubled.forward(ctx, x)
            return x * 1

    with pytest.raises(RuntimeError, match="not returned as output"):
        Wrong.apply(leaf(1.0) * 1)


class Sorted(Function):
    """Its second output has no gradient, its third is no tensor."""

    grads = ()

    @staticmethod
    def forward(ctx, x):
        values, order = x.sort()
        half = x * 0.5
        ctx.mark_non_differentiable(half)
        ctx.save_for_backward(order)
        return values, order, half, "extra"

    @staticmethod
    def backward(ctx, grad, *rest):
        Sorted.grads = rest
        (order,) = ctx.saved_tensors
        return rl.zeros_like(grad).scatter(0, order, grad)


def test_outputs_without_gradient():
    x = leaf(3.0, 1.0, 2.0)
    values, order, half, extra = Sorted.apply(x)
    assert (values.requires_grad, order.requires_grad, half.requires_grad) == (True, False, False)
    assert extra == "extra"
    (values * rl.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100, 1, 10]
    indices, halves, nothing = Sorted.grads
    assert (indices.tolist(), halves.tolist(), nothing) == ([0, 0, 0], [0, 0, 0], None)


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients_come_as_zeros_or_as_none(materialize):
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append(None if b is None else b.tolist())
            return a * 2

    Two.apply(leaf(1.0, 1.0))[0].sum().backward()
    assert seen == [[0, 0] if materialize else None]


def test_an_input_that_is_returned_is_a_new_tensor():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [5]
    assert x.is_leaf


class Once(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        assert not rl.is_grad_enabled()
        return grad * 2


def test_once_differentiable():
    x = leaf(3.0)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [2]
    (gradient,) = rl.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    assert gradient.tolist() == [24]
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        gradient.sum().backward()


def returning(result, count=1):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, *args):
            return args[0] * 2

        @staticmethod
        def backward(ctx, grad):
            return result

    return Wrong.apply(leaf(1.0, 2.0), *[3.0] * (count - 1)).sum().backward


WRONG = {
    "too many": (returning((rl.ones(2), rl.ones(2))), r"expected 1, got 2"),
    "too few": (returning(rl.ones(2), 2), r"expected 2, got 1"),
    "no tensor": (returning(3), r"expected Variable or None \(got int\)"),
    "wrong shape": (returning(rl.ones(3)), r"invalid gradient at index 0 - got \[3\]"),
    "for no tensor": (returning((rl.ones(2), rl.ones(2)), 2), r"different than None at position 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients(name):
    action, words = WRONG[name]
    with pytest.raises(RuntimeError, match=words):
        action()


def test_none_is_no_gradient_and_extra_nones_are_let_through():
    class Silent(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, grad):
            return None, grad, None, None

    x, y = leaf(1.0), leaf(1.0)
    Silent.apply(x, y).sum().backward()
    assert x.grad is None
    assert y.grad.tolist() == [1]


def test_saved_tensors_after_they_were_freed():
    x = leaf(1.0)
    y = Cube.apply(x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        y.grad_fn.next_functions[0][0].saved_tensors


def test_only_tensors_can_be_saved():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)

    with pytest.raises(TypeError, match="can only save variables"):
        Wrong.apply(leaf(1.0))


def test_what_is_not_defined():
    class Empty(Function):
        pass

    class Half(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="forward"):
        Empty.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="backward"):
        Half.apply(leaf(1.0)).sum().backward()


def test_vjp_is_another_name_for_backward():
    class Named(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, grad):
            return grad * 2

    x = leaf(1.0)
    Named.apply(x).sum().backward()
    assert x.grad.tolist() == [2]


def test_saved_tensors_keep_what_they_saw():
    x = leaf(2.0) * 1
    y = Cube.apply(x)
    x.zero_()
    (gradient,) = rl.autograd.grad(y.sum(), y.grad_fn.next_functions and [y])
    assert gradient.tolist() == [1]
    assert y.grad_fn.saved_tensors[0].tolist() == [2]


def test_no_function_leaves_a_cycle():
    x = leaf(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            Doubled.apply(Exp.apply(x)).sum().backward()
            Sorted.apply(x)
            Several.apply(x, x)
        assert gc.collect() == 0
    finally:
        gc.enable()
