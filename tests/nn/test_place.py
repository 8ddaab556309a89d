"""An error names the module in which it arose, once, by its path."""

import pytest

import rushlight as rl
from rushlight import nn


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 5)

    def forward(self, x, flag=None):
        return self.fc(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 4))
        self.layers = nn.ModuleList([Layer(), Layer()])

    def forward(self, x):
        x = self.encoder(x)
        for layer in self.layers:
            x = layer(x)
        return x


def test_path_layer_and_inputs():
    with pytest.raises(RuntimeError) as caught:
        Net()(rl.ones(2, 3))
    lines = str(caught.value).split("\n")
    assert lines[-1] == (
        "In module layers.1.fc (Linear(in_features=4, out_features=5, bias=True)), called with "
        "float32[2, 5]."
    )
    assert sum(line.startswith("In module") for line in lines) == 1


def test_the_outermost_module_has_no_path():
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(2, 2)(rl.ones(1, 3))
    assert str(caught.value).endswith(
        "In module Linear(in_features=2, out_features=2, bias=True), called with float32[1, 3]."
    )


class Raises(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError, IndexError])
def test_plain_errors_get_a_line(kind):
    net = nn.Sequential(nn.Sequential(Raises(kind("words"))))
    with pytest.raises(kind) as caught:
        net([rl.ones(2), rl.ones(3)])
    assert str(caught.value) == (
        "words\nIn module 0.0 (Raises()), called with list of 2 (float32[2], float32[3])."
    )


class SpecialError(Exception):
    pass


@pytest.mark.parametrize("error", [KeyError("key"), SpecialError("a", 1), StopIteration()])
def test_other_errors_get_a_note(error):
    args = error.args
    with pytest.raises(type(error)) as caught:
        nn.Sequential(Raises(error))(1)
    assert caught.value is error
    assert error.args == args
    assert error.__notes__ == ["In module 0 (Raises()), called with 1."]


def test_keyword_arguments_and_hooks():
    m = Raises(ValueError("words"))
    m.register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"called with x=float32\[2\], n=None\."):
        m(x=rl.ones(2), n=None)


def test_a_caught_error_says_nothing_wrong_later():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Raises(ValueError("first"))

        def forward(self, x):
            try:
                self.inner(x)
            except ValueError:
                raise RuntimeError("second") from None

    with pytest.raises(RuntimeError) as caught:
        nn.Sequential(Careful())(1)
    assert str(caught.value) == "second\nIn module 0 (Careful), called with 1."


def test_an_error_that_comes_later_names_the_module_too():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 2)

        def forward(self, x):
            return self.table(x)

    net = nn.Sequential(Reader())
    out = net(rl.tensor([5]) * 1)
    with pytest.raises(IndexError) as caught:
        out.tolist()
    assert "in module 0.table (Embedding(3, 2))" in str(caught.value)
    out = nn.Sequential(Reader())(rl.tensor([5]) * 1)
    with pytest.raises(IndexError, match="in module Embedding, recorded at"):
        out.tolist()
