"""Containers: they are lists and dicts whose contents are members."""

import pytest

import rushlight as rl
from rushlight import nn


def relus(count):
    return [nn.ReLU() for _ in range(count)]


def test_sequential_is_a_list():
    a, b, c = relus(3)
    s = nn.Sequential(a, b)
    assert len(s) == 2
    assert list(s) == [a, b]
    assert s[-1] is b
    s.append(c)
    assert s[2] is c
    assert list(s[1:]) == [b, c]
    assert list(s[1:]._modules) == ["1", "2"]
    s.insert(0, c)
    assert list(s) == [c, a, b, c]
    del s[0]
    assert list(s._modules) == ["0", "1", "2"]
    assert s.pop(-1) is c
    s[0] = c
    assert s[0] is c
    s.extend([a])
    s += nn.Sequential(b)
    assert list(s) == [c, b, a, b]
    assert list(nn.Sequential(a) + nn.Sequential(b)) == [a, b]
    assert list(nn.Sequential(a) * 3) == [a, a, a]


def test_sequential_calls_in_order_and_takes_names():
    s = nn.Sequential({"twice": nn.Linear(1, 1), "cut": nn.ReLU()})
    with rl.no_grad():
        s.twice.weight.fill_(2)
        s.twice.bias.fill_(-3)
    assert s(rl.tensor([[1.0], [4.0]])).tolist() == [[0], [5]]
    assert list(s.state_dict()) == ["twice.weight", "twice.bias"]


def test_module_list():
    a, b, c = relus(3)
    m = nn.ModuleList([a, b])
    assert [m[0], m[-1], len(m)] == [a, b, 2]
    m.insert(1, c)
    assert list(m) == [a, c, b]
    assert list(m[:2]) == [a, c]
    assert isinstance(m[:2], nn.ModuleList)
    m += [a]
    assert list(m) == [a, c, b, a]
    del m[0:2]
    assert list(m._modules) == ["0", "1"]
    assert m.pop(0) is b
    assert list(m + [c]) == [a, c]
    assert b not in m
    with pytest.raises(NotImplementedError):
        m(1)


def test_module_dict():
    a, b = relus(2)
    d = nn.ModuleDict({"a": a})
    d["b"] = b
    assert list(d) == ["a", "b"]
    assert list(d.items()) == [("a", a), ("b", b)]
    assert "a" in d
    assert len(d) == 2
    d.update([("c", a)])
    assert d.pop("c") is a
    assert list(d.values()) == [a, b]
    del d["a"]
    assert list(d.keys()) == ["b"]
    d.clear()
    assert not len(d)


def test_parameter_list():
    p = nn.ParameterList([nn.Parameter(rl.ones(2)), rl.zeros(3)])
    assert [tuple(x.shape) for x in p] == [(2,), (3,)]
    assert isinstance(p[1], nn.Parameter)
    p.append(rl.ones(1)).extend([rl.ones(4)])
    assert list(p.state_dict()) == ["0", "1", "2", "3"]
    assert len(p[1:3]) == 2
    p[0] = rl.zeros(2)
    assert p[0].tolist() == [0, 0]
    assert len(list(p.parameters())) == 4


def test_parameter_dict():
    d = nn.ParameterDict({"a": rl.ones(2)})
    d["b"] = nn.Parameter(rl.zeros(1))
    d["again"] = d["a"]
    assert list(d) == ["a", "b", "again"]
    assert isinstance(d["a"], nn.Parameter)
    assert d.get("z") is None
    assert d.setdefault("c", rl.ones(1)) is d["c"]
    assert list(d.state_dict()) == ["a", "b", "again", "c"]
    assert d.pop("c").tolist() == [1]
    assert d.popitem()[0] == "again"
    assert list(reversed(d)) == ["b", "a"]
    assert list((d | nn.ParameterDict({"z": rl.ones(1)})).keys()) == ["a", "b", "z"]
    assert d.copy()["a"] is d["a"]
    with pytest.raises(KeyError):
        d["nothing"]


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (lambda: nn.Sequential(nn.ReLU())[5], IndexError),
        (lambda: nn.ModuleList(relus(2))[-3], IndexError),
        (lambda: nn.ParameterList()[0], IndexError),
        (lambda: nn.Sequential(3), TypeError),
        (lambda: nn.ModuleList([3]), TypeError),
        (lambda: nn.ModuleList(3), TypeError),
        (lambda: nn.ModuleDict(3), TypeError),
        (lambda: nn.ModuleDict([("a",)]), ValueError),
        (lambda: nn.ModuleDict()["a"], KeyError),
        (lambda: nn.ParameterList(3), TypeError),
        (lambda: nn.ParameterDict({1: rl.ones(1)}), TypeError),
        (lambda: nn.ParameterList()(1), RuntimeError),
        (lambda: nn.Sequential(nn.ReLU()) * 0, ValueError),
    ],
)
def test_what_is_refused(run, kind):
    with pytest.raises(kind):
        run()


REPRS = [
    (nn.Identity(), "Identity()"),
    (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
    (nn.Conv2d(1, 2, 3), "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))"),
    (
        nn.Conv2d(2, 2, (3, 1), 2, 1, 2, groups=2, bias=False, padding_mode="circular"),
        "Conv2d(2, 2, kernel_size=(3, 1), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "groups=2, bias=False, padding_mode=circular)",
    ),
    (
        nn.MaxPool2d(2),
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
    ),
    (nn.Embedding(5, 2, padding_idx=-1), "Embedding(5, 2, padding_idx=4)"),
    (nn.ReLU(), "ReLU()"),
    (nn.ReLU(True), "ReLU(inplace=True)"),
    (nn.Sequential(), "Sequential()"),
    (
        nn.Sequential(nn.ModuleList(relus(2)), nn.Sequential(nn.Tanh())),
        "Sequential(\n  (0): ModuleList(\n    (0-1): 2 x ReLU()\n  )\n"
        "  (1): Sequential(\n    (0): Tanh()\n  )\n)",
    ),
    (
        nn.ParameterList([rl.ones(2, 3), 5]),
        "ParameterList(\n    (0): Parameter containing: [rushlight.float32 of size 2x3]\n"
        "    (1): Object of type: int\n)",
    ),
]


@pytest.mark.parametrize(("module", "text"), REPRS)
def test_repr(module, text):
    assert repr(module) == text


def test_repr_with_extra_lines_and_children():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def extra_repr(self):
            return "one\ntwo"

    assert repr(Own()) == "Own(\n  one\n  two\n  (inner): ReLU()\n)"
