"""Module: what is registered by which assignment, in which order, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.scale = nn.Parameter(rl.ones(3))
        self.register_buffer("count", rl.zeros(()))
        self.register_buffer("scratch", rl.zeros(1), persistent=False)
        self.second = nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.second(self.first(x) * self.scale)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def names(pairs):
    return [name for name, _ in pairs]


def test_members_by_assignment_in_order():
    block = Block()
    assert names(block.named_parameters()) == [
        *("scale", "first.weight", "first.bias", "second.weight"),
    ]
    assert names(block.named_buffers()) == ["count", "scratch"]
    assert names(block.named_children()) == ["first", "second"]
    assert names(block.named_modules()) == ["", "first", "second"]
    assert list(block.state_dict()) == [
        *("scale", "count", "first.weight", "first.bias", "second.weight"),
    ]


def test_prefix_and_recursion():
    net = Net()
    assert names(net.named_parameters("m"))[0] == "m.blocks.0.scale"
    assert names(net.named_parameters(recurse=False)) == []
    assert names(net.blocks[0].named_parameters(recurse=False)) == ["scale"]
    assert names(net.named_modules(prefix="m"))[:3] == ["m", "m.blocks", "m.blocks.0"]


def test_shared_members_come_once():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    net.c = nn.Linear(2, 2)
    net.c.weight = net.a.weight
    assert names(net.named_parameters()) == ["a.weight", "a.bias", "c.bias"]
    assert len(names(net.named_parameters(remove_duplicate=False))) == 6
    assert names(net.named_modules()) == ["", "a", "c"]
    assert names(net.named_modules(remove_duplicate=False)) == ["", "a", "b", "c"]
    assert names(net.named_children()) == ["a", "c"]


def test_reassignment_moves_between_kinds():
    m = nn.Module()
    m.x = 3
    m.x = nn.Parameter(rl.ones(1))
    assert "x" not in m.__dict__
    assert names(m.named_parameters()) == ["x"]
    m.x = nn.Linear(1, 1)
    assert names(m.named_parameters()) == ["x.weight", "x.bias"]
    m.x = nn.Buffer(rl.ones(1), persistent=False)
    assert names(m.named_buffers()) == ["x"]
    assert list(m.state_dict()) == []
    m.x = rl.zeros(2)
    assert m.x.shape == (2,)
    assert names(m.named_buffers()) == ["x"]
    m.x = None
    assert m.x is None
    assert names(m.named_buffers()) == []
    del m.x
    assert not hasattr(m, "x")


def test_a_none_keeps_its_place():
    m = nn.Module()
    m.register_parameter("a", None)
    m.b = nn.Parameter(rl.ones(1))
    m.a = nn.Parameter(rl.ones(1))
    assert names(m.named_parameters()) == ["a", "b"]


def assign(name, value):
    def run(m):
        setattr(m, name, value)

    return run


PARAMETER = nn.Parameter(rl.ones(1))
REFUSED = [
    (assign("p", rl.ones(1)), TypeError, "as parameter 'p'"),
    (assign("m", 3), TypeError, "as child module 'm'"),
    (assign("b", "text"), TypeError, "as buffer 'b'"),
    (lambda m: m.register_parameter("q", rl.ones(1)), TypeError, "Parameter or None required"),
    (lambda m: m.register_parameter("a.b", PARAMETER), KeyError, 'can\'t contain "."'),
    (lambda m: m.register_parameter("", PARAMETER), KeyError, "can't be empty"),
    (lambda m: m.register_parameter("forward", PARAMETER), KeyError, "already exists"),
    (lambda m: m.register_parameter(3, PARAMETER), TypeError, "should be a string"),
    (lambda m: m.register_buffer("forward", rl.ones(1)), KeyError, "already exists"),
    (lambda m: m.register_buffer("c", [1]), TypeError, "Tensor or None required"),
    (lambda m: m.add_module("x", 3), TypeError, "is not a Module subclass"),
    (lambda m: m.add_module("x.y", nn.ReLU()), KeyError, "can't contain"),
    (lambda m: m.train("yes"), ValueError, "boolean"),
    (lambda m: m.missing, AttributeError, "has no attribute 'missing'"),
    (lambda m: m.get_submodule("m.nothing"), AttributeError, "no attribute `nothing`"),
    (lambda m: m.get_submodule("p"), AttributeError, "is not an nn.Module"),
    (lambda m: m.get_parameter("b"), AttributeError, "is not an nn.Parameter"),
    (lambda m: m.get_buffer("p"), AttributeError, "is not a buffer"),
    (lambda m: m.to(rl.int64), TypeError, "only accepts floating point"),
    (lambda m: m.cuda(), RuntimeError, "cpu"),
    (lambda m: m(1), NotImplementedError, 'missing the required "forward" function'),
]


@pytest.mark.parametrize(("run", "kind", "words"), REFUSED)
def test_what_is_refused(run, kind, words):
    m = nn.Module()
    m.p, m.m, m.b = nn.Parameter(rl.ones(1)), nn.ReLU(), nn.Buffer(rl.ones(1))
    with pytest.raises(kind) as caught:
        run(m)
    assert words in caught.value.args[0]


def test_a_computed_tensor_is_no_parameter():
    m = nn.Module()
    computed = nn.Parameter(rl.ones(1))
    computed._requires_grad, computed._grad_fn = True, (PARAMETER * 2).grad_fn
    with pytest.raises(ValueError, match="non-leaf"):
        m.register_parameter("p", computed)


@pytest.mark.parametrize("value", [nn.Parameter(rl.ones(1)), nn.ReLU(), nn.Buffer(rl.ones(1))])
def test_assignment_before_init(value):
    class Hasty(nn.Module):
        def __init__(self):
            self.x = value

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call"):
        Hasty()


def test_one_by_name():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("blocks.1.first") is net.blocks[1].first
    assert net.get_parameter("blocks.1.first.bias") is net.blocks[1].first.bias
    assert net.get_buffer("blocks.0.count") is net.blocks[0].count
    relu = nn.ReLU()
    net.set_submodule("blocks.0.first", relu)
    assert net.blocks[0].first is relu


def test_apply_goes_from_the_leaves_up():
    seen = []
    Net().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Block"] * 2 + ["ModuleList", "Linear", "Net"]


def test_train_and_eval_reach_all():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_requires_grad_and_zero_grad():
    net = Net()
    net(rl.ones(1, 2)).sum().backward()
    grad = net.head.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.head.weight.grad is grad
    assert grad.tolist() == [[0, 0]]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda m: m.double(), rl.float64),
        (lambda m: m.half(), rl.float16),
        (lambda m: m.bfloat16(), rl.bfloat16),
        (lambda m: m.to(rl.float64), rl.float64),
        (lambda m: m.to("cpu", rl.float64), rl.float64),
        (lambda m: m.to(rl.zeros(1, dtype=rl.float64)), rl.float64),
        (lambda m: m.double().float(), rl.float32),
        (lambda m: m.to("cpu"), rl.float32),
    ],
)
def test_conversion_keeps_parameters_and_integers(convert, dtype):
    m = nn.BatchNorm1d(3)
    weight = m.weight
    m(rl.randn(4, 3)).sum().backward()
    assert convert(m) is m
    assert m.weight is weight
    assert m.weight.dtype is m.weight.grad.dtype is m.running_mean.dtype is dtype
    assert m.num_batches_tracked.dtype is rl.int64


def test_dir_lists_members():
    found = dir(Block())
    assert {"first", "scale", "count", "forward", "training"} <= set(found)
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def pickled(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - its own


@pytest.mark.parametrize("through", [copy.deepcopy, pickled])
def test_copies_are_apart_and_keep_ties(through):
    net = Net()
    net.blocks[1].first.weight = net.blocks[0].first.weight
    other = through(net)
    x = rl.randn(3, 2)
    np.testing.assert_array_equal(other(x).detach().numpy(), net(x).detach().numpy())
    assert other.blocks[1].first.weight is other.blocks[0].first.weight
    assert isinstance(other.head.weight, nn.Parameter)
    before = net.head.weight.tolist()
    with rl.no_grad():
        other.head.weight.add_(1)
    assert net.head.weight.tolist() == before


def test_parameter():
    data = rl.tensor([1.0, 2.0])
    p = nn.Parameter(data)
    data.add_(1)
    assert p.tolist() == [2.0, 3.0]
    assert p.requires_grad
    assert p.is_leaf
    assert isinstance(p, rl.Tensor)
    assert repr(p) == "Parameter containing:\ntensor([2., 3.], requires_grad=True)"
    assert type(p * 1) is rl.Tensor
    assert not nn.Parameter(rl.tensor([1]), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(rl.tensor([1]))
    with pytest.raises(TypeError, match="must be Tensor"):
        nn.Parameter([1.0])


def test_copied_parameters_keep_notes():
    p = nn.Parameter(rl.ones(2))
    p.note = ["mine"]
    p.grad = rl.ones(2)
    other = copy.deepcopy(p)
    assert other.note == ["mine"]
    assert other.note is not p.note
    assert other.grad is None


def test_registration_hooks_may_replace():
    from rushlight.nn.modules import module as place

    seen = []
    double = nn.Parameter(rl.ones(2))
    with (
        place.register_module_parameter_registration_hook(lambda m, n, p: double),
        place.register_module_buffer_registration_hook(lambda m, n, b: seen.append(n)),
        place.register_module_module_registration_hook(lambda m, n, c: seen.append(n)),
    ):
        m = nn.Module()
        m.p = nn.Parameter(rl.ones(1))
        m.register_buffer("b", rl.ones(1))
        m.child = nn.ReLU()
    assert m.p is double
    assert seen == ["b", "child"]
