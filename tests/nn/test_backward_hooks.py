"""Hooks of backward: what they see, what they may replace, and that values stay as they are."""

import warnings

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.modules import module as everywhere


class Both(nn.Module):
    """The product and the sum, in a dict beside a list."""

    def __init__(self, shape=tuple):
        super().__init__()
        self.shape = shape

    def forward(self, a, b):
        if self.shape is dict:
            return {"product": a * b, "more": [a + b, 3]}
        return self.shape((a * b, a + b))


def values(structure):
    if isinstance(structure, rl.Tensor):
        return structure.tolist()
    if isinstance(structure, (tuple, list)):
        return type(structure)(values(item) for item in structure)
    if isinstance(structure, dict):
        return {key: values(item) for key, item in structure.items()}
    return structure


@pytest.fixture
def pair():
    return rl.tensor([1.0, 2.0], requires_grad=True), rl.tensor([3.0, 4.0], requires_grad=True)


def watch(module, seen):
    module.register_full_backward_pre_hook(lambda m, out: seen.append(("pre", values(out))))
    module.register_full_backward_hook(
        lambda m, grad_in, out: seen.append(("full", values(grad_in), values(out)))
    )
    return module


def test_what_they_see(pair):
    a, b = pair
    seen = []
    product, total = watch(Both(), seen)(a, b)
    (product.sum() + 5 * total.sum()).backward()
    assert seen == [
        ("pre", ([1, 1], [5, 5])),
        ("full", ([8, 9], [6, 7]), ([1, 1], [5, 5])),
    ]
    assert a.grad.tolist() == [8, 9]


def test_gradients_that_do_not_arrive(pair):
    a, b = pair
    seen = []
    m = watch(Both(), seen)
    m(a, b)[0].sum().backward()
    assert seen[0] == ("pre", ([1, 1], None))
    seen.clear()
    m(a, rl.ones(2))[1].sum().backward()
    assert seen == [("pre", (None, [1, 1])), ("full", ([1, 1], None), (None, [1, 1]))]


def test_lists_and_dicts_are_walked(pair):
    a, b = pair
    seen = []
    out = watch(Both(list), seen)(a, b)
    out[0].sum().backward()
    assert seen[0] == ("pre", ([1, 1], None))
    seen.clear()
    out = watch(Both(dict), seen)(a, b)
    (out["product"].sum() + out["more"][0].sum()).backward()
    assert seen[0] == ("pre", ({"product": [1, 1], "more": [[1, 1], None]},))


def test_nested_inputs(pair):
    class Nested(nn.Module):
        def forward(self, inputs):
            return inputs["x"][0] * inputs["x"][1]

    seen = []
    watch(Nested(), seen)({"x": list(pair), "n": 1}).sum().backward()
    assert seen[1][1] == ({"x": [[3, 4], [1, 2]], "n": None},)


def test_replacing(pair):
    a, b = pair
    m = Both()
    m.register_full_backward_pre_hook(lambda m, out: (out[0] * 10, out[1]))
    m.register_full_backward_hook(lambda m, grad_in, out: tuple(g * 2 for g in grad_in))
    m.register_full_backward_hook(lambda m, grad_in, out: (grad_in[0], grad_in[1] + 1))
    m(a, b)[0].sum().backward()
    assert a.grad.tolist() == [60, 80]
    assert b.grad.tolist() == [21, 41]


def test_order_with_global_hooks(pair):
    a, _ = pair
    seen = []
    net = nn.Sequential(nn.Tanh(), nn.Sigmoid())
    for m in net:
        m.register_full_backward_hook(lambda m, *_: seen.append(f"own {type(m).__name__}"))
    with (
        everywhere.register_module_full_backward_pre_hook(
            lambda m, out: seen.append(f"pre {type(m).__name__}")
        ),
        everywhere.register_module_full_backward_hook(
            lambda m, grad_in, out: seen.append(f"all {type(m).__name__}")
        ),
    ):
        out = net(a)
    out.sum().backward()
    assert seen == [
        *("pre Sequential", "pre Sigmoid", "all Sigmoid", "own Sigmoid"),
        *("pre Tanh", "all Tanh", "own Tanh", "all Sequential"),
    ]


def test_prepend_and_remove(pair):
    seen = []
    m = nn.Tanh()
    m.register_full_backward_hook(lambda *_: seen.append(1))
    m.register_full_backward_hook(lambda *_: seen.append(0), prepend=True)
    m.register_backward_hook(lambda *_: seen.append(2)).remove()
    m(pair[0]).sum().backward()
    assert seen == [0, 1]


def test_values_are_the_same_objects(pair):
    a, _ = pair
    inside = []

    class Keep(nn.Module):
        def forward(self, x):
            inside.append(x)
            inside.append(x * 2)
            return inside[-1]

    m = Keep()
    m.register_full_backward_hook(lambda *_: None)
    out = m(a)
    assert inside[0] is a
    assert inside[1] is out
    assert a.is_leaf
    assert a.grad_fn is None


def test_an_in_place_module_is_not_disturbed(pair):
    a, _ = pair
    seen = []
    net = nn.Sequential(nn.Identity(), watch(nn.ReLU(inplace=True), seen), nn.Identity())
    h = a * rl.tensor([1.0, -1.0])
    out = net(h)
    assert out.tolist() == [1, 0]
    assert h.tolist() == [1, 0]
    (out * 3).sum().backward()
    assert seen == [("pre", ([3, 3],)), ("full", ([3, 0],), ([3, 3],))]
    assert a.grad.tolist() == [3, 0]


def test_in_place_on_a_view(pair):
    a, _ = pair
    seen = []
    h = a * 1
    m = watch(nn.ReLU(inplace=True), seen)
    out = m(h[:1])
    (out * 5).sum().backward()
    assert seen[0] == ("pre", ([5],))
    assert seen[1][1] == ([5],)
    assert a.grad.tolist() == [5, 0]


def test_a_module_that_gives_back_its_input(pair):
    a, _ = pair
    seen = []
    out = watch(nn.Identity(), seen)(a) + 3 * a
    out.sum().backward()
    assert seen == [("pre", ([1, 1],)), ("full", ([1, 1],), ([1, 1],))]
    assert a.grad.tolist() == [4, 4]
    assert a.is_leaf


def test_a_module_that_gives_back_its_parameter():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(rl.ones(2))

        def forward(self):
            return self.w

    seen = []
    m = Table()
    m.register_full_backward_pre_hook(lambda m, out: seen.append(values(out)))
    (m() * 2).sum().backward()
    assert seen == [([2, 2],)]
    assert m.w.grad.tolist() == [2, 2]
    assert m.w.is_leaf


def test_inputs_without_gradient():
    seen = []
    m = watch(nn.Linear(2, 1), seen)
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        m(rl.ones(1, 2)).sum().backward()
    assert seen == [("pre", ([[1]],)), ("full", (None,), ([[1]],))]
    m.register_full_backward_hook(lambda m, grad_in, out: (rl.ones(1, 2),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="should always return None"):
            m(rl.ones(1, 2)).sum().backward()


def test_nothing_happens_without_grad(pair):
    seen = []
    m = watch(nn.Tanh(), seen)
    with rl.no_grad():
        assert not m(pair[0]).requires_grad
    assert seen == []


def test_backward_again_and_twice(pair):
    a, b = pair
    seen = []
    m = watch(nn.Tanh(), seen)
    out = m(a)
    out.sum().backward(retain_graph=True)
    out.sum().backward()
    assert len(seen) == 4
    m = Both()
    m.register_full_backward_hook(lambda m, grad_in, out: (grad_in[0] * 2, grad_in[1]))
    (g,) = rl.autograd.grad(m(a, b)[0].sum(), a, create_graph=True)
    assert g.tolist() == [6, 8]
    assert rl.autograd.grad(g.sum(), b)[0].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (lambda m, grad_in, out: (grad_in[0],), "invalid number of grads"),
        (lambda m, grad_in, out: (grad_in[0], rl.ones(3)), "changed the size"),
    ],
)
def test_bad_results(pair, hook, words):
    m = Both()
    m.register_full_backward_hook(hook)
    with pytest.raises(RuntimeError, match=words):
        m(*pair)[0].sum().backward()


def test_an_error_in_forward_leaves_inputs_as_they_were(pair):
    class Broken(nn.Module):
        def forward(self, x):
            raise RuntimeError("broken")

    m = Broken()
    m.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="broken"):
        m(pair[0])
    assert pair[0].is_leaf


def test_hooks_may_read_values(pair):
    norms = []
    m = nn.Tanh()
    m.register_full_backward_hook(lambda m, grad_in, out: norms.append(float(out[0].sum())))
    (m(pair[0]) * 2).sum().backward()
    assert norms == [4.0]
