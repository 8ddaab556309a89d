"""gradcheck itself: it must pass what is right, and find what is wrong."""

import pytest

import rushlight as rl
from rushlight.autograd import Function, gradcheck, gradgradcheck
from rushlight.autograd.gradcheck import GradcheckError


def double(*shape, seed=0, dtype=rl.float64):
    random = rl.Generator().manual_seed(seed)
    return rl.rand(*shape, dtype=rl.float64, generator=random).to(dtype).requires_grad_()


RIGHT = {
    "product": (lambda x, y: x * y, lambda: [double(2, 3), double(3, seed=1)]),
    "several outputs": (lambda x: (x.exp(), x.sum(), 3), lambda: [double(2, 2)]),
    "number": (lambda x, n: x**n, lambda: [double(3), 3]),
    "input without gradient": (lambda x, y: x * y, lambda: [double(2), rl.ones(2)]),
    "scalar": (lambda x: x * x, lambda: [double()]),
    "empty": (lambda x: x * 2, lambda: [double(0, 3)]),
    "non-leaf": (lambda x: x * x, lambda: [double(2) * 2]),
    "view": (lambda x: x * x, lambda: [double(3, 2).t()[1:]]),
    "same input twice": (lambda x: x * x + x.sum(), lambda: [double(3)]),
    "returned as it is": (lambda x: x, lambda: [double(3)]),
    "independent output": (lambda x, y: (x * 2, y * 3), lambda: [double(2), double(2)]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    function, inputs = RIGHT[name]
    assert gradcheck(function, inputs())
    assert gradgradcheck(function, inputs())


def test_inputs_keep_their_values_and_gradients():
    x = double(3)
    before = x.tolist()
    x.grad = rl.ones(3, dtype=rl.float64)
    gradcheck(lambda x: x.exp(), x)
    assert x.tolist() == before
    assert x.grad.tolist() == [1, 1, 1]


def test_a_function_may_read_inputs_from_outside():
    weight = double(2, 2)
    assert gradcheck(lambda x, _: x @ weight, (double(3, 2), weight))


def wrong(backward, forward=lambda x: x * 2):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return forward(x)

        @staticmethod
        def backward(ctx, grad):
            return backward(grad)

    return Wrong.apply


flips = []
WRONG = {
    "factor": (wrong(lambda grad: grad * 3), "Jacobian mismatch for output 0"),
    "missing": (wrong(lambda grad: None), "Jacobian mismatch"),
    "constant": (wrong(lambda grad: grad * 0 + 2), "Jacobian mismatch"),
    "not from grad": (wrong(lambda grad: grad * 2 + 1e-6), "not multiplied by grad_output"),
    "fickle": (
        wrong(lambda grad: flips.append(1) or grad * 2 * (1 + 1e-7 * (len(flips) % 2))),
        "not reentrant",
    ),
    "cut": (lambda x: x.detach() * 2, "expected to be zero"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_found(name):
    function, words = WRONG[name]
    with pytest.raises(GradcheckError, match=words):
        gradcheck(function, double(2))
    assert gradcheck(function, double(2), raise_exception=False) is False


def test_wrong_second_gradients_are_found():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad * ctx.saved_tensors[0].detach()

    assert gradcheck(Square.apply, double(2))
    with pytest.raises(GradcheckError):
        gradgradcheck(Square.apply, double(2))


def test_a_backward_that_cannot_do_with_missing_gradients_is_found():
    class Strict(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            if grad is None:
                raise RuntimeError("a gradient is missing")
            return grad * 2

    x = double(2)
    with pytest.raises(GradcheckError, match="undefined output grads"):
        gradcheck(Strict.apply, x)
    assert gradcheck(Strict.apply, x, check_undefined_grad=False)


def test_single_precision_warns():
    with pytest.warns(UserWarning, match="double precision"):
        gradcheck(lambda x: x * 2, double(2, dtype=rl.float32), atol=1e-1)


def test_inputs_that_cannot_be_checked():
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(lambda x: x, rl.ones(2))
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, double(1).expand(3))
    with pytest.raises(NotImplementedError):
        gradcheck(lambda x: x, double(1), check_forward_ad=True)


def test_errors_are_runtime_errors():
    assert issubclass(GradcheckError, RuntimeError)


def test_given_starting_gradients():
    x = double(2)
    assert gradgradcheck(lambda x: x**3, x, grad_outputs=double(2, seed=4))
    assert gradgradcheck(lambda x: x**3, x, gen_non_contig_grad_outputs=True)
