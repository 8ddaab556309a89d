"""Rule 7: a tensor is a storage cell, a chain of movements, and a place in the autograd graph."""

import pytest

import rushlight as rl

ALIASES = {
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "view": lambda x: x.view(6),
    "row": lambda x: x[1],
    "column": lambda x: x[:, 1],
    "slice": lambda x: x[:, 1:],
    "transpose": lambda x: x.t(),
    "reshape": lambda x: x.reshape(3, 2),
    "diagonal": lambda x: x.diagonal(),
    "view of a view": lambda x: x.t()[1:].t(),
    "detached view": lambda x: x[1].detach(),
    "expanded": lambda x: x.unsqueeze(0).expand(4, 2, 3),
}


@pytest.mark.parametrize("name", ALIASES)
def test_a_write_is_seen_by_every_alias(name):
    x = rl.arange(6.0).reshape(2, 3)
    alias = ALIASES[name](x)
    x.mul_(10)
    assert alias.tolist() == ALIASES[name](x).tolist()
    assert x[1, 1].item() == 40


@pytest.mark.parametrize("name", [name for name in ALIASES if name != "expanded"])
def test_a_write_through_an_alias_is_seen_by_all(name):
    x = rl.zeros(2, 3)
    other = x.view(-1)
    ALIASES[name](x).add_(1)
    expected = ALIASES[name](rl.ones(2, 3)).sum().item()
    assert x.sum().item() == other.sum().item() == expected


def test_entries_of_a_state_dict_share_the_cell():
    layer = rl.nn.Linear(2, 2)
    state = layer.state_dict()
    with rl.no_grad():
        layer.weight.fill_(3)
    assert state["weight"].tolist() == [[3, 3], [3, 3]]
    state["bias"].fill_(4)
    assert layer.bias.tolist() == [4, 4]


def test_what_was_computed_from_an_alias_keeps_its_value():
    x = rl.ones(3)
    view = x[1:]
    before = view * 2
    x.add_(5)
    assert before.tolist() == [2, 2]
    assert (view * 2).tolist() == [12, 12]


def test_saved_values_keep_what_they_saw():
    w = rl.tensor([1.0, 2.0], requires_grad=True)
    x = rl.tensor([3.0, 4.0])
    y = (w * x).sum()
    x.zero_()
    y.backward()
    assert w.grad.tolist() == [3, 4]


def test_an_output_that_is_saved_may_be_written():
    x = rl.tensor([0.0, 1.0], requires_grad=True)
    y = x.exp()
    expected = y.tolist()
    y.mul_(0)
    x.exp().sum().backward()
    assert x.grad.tolist() == expected


def test_a_write_through_a_view_rewrites_the_history_of_its_base():
    x = rl.ones(2, 3, requires_grad=True)
    y = x * 2
    row = y[0]
    row.mul_(5)
    assert y.grad_fn.name() == "CopySlices"
    assert row.grad_fn is not None
    y.sum().backward()
    assert x.grad.tolist() == [[10, 10, 10], [2, 2, 2]]


def test_a_write_to_the_base_rewrites_the_history_of_its_views():
    x = rl.ones(2, 3, requires_grad=True)
    y = x * 2
    row = y[0]
    y.mul_(5)
    row.sum().backward()
    assert x.grad.tolist() == [[10, 10, 10], [0, 0, 0]]


def test_a_write_of_what_requires_grad_into_a_plain_tensor():
    base = rl.zeros(4)
    w = rl.tensor([1.0, 2.0], requires_grad=True)
    view = base[1:3]
    view.copy_(w * 3)
    assert base.requires_grad
    (base * rl.arange(4.0)).sum().backward()
    assert w.grad.tolist() == [3, 6]


FORBIDDEN = {
    "leaf": (lambda: rl.ones(3, requires_grad=True), "leaf Variable that requires grad"),
    "view of a leaf": (lambda: rl.ones(3, requires_grad=True)[1:], "view of a leaf"),
    "expanded": (lambda: rl.ones(1).expand(3), "single memory location"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_writes_that_are_errors(name):
    make, words = FORBIDDEN[name]
    tensor = make()
    with pytest.raises(RuntimeError, match=words):
        tensor.add_(1)
    assert tensor.tolist() == [1] * len(tensor)


def test_a_leaf_may_be_written_under_no_grad():
    w = rl.ones(3, requires_grad=True)
    with rl.no_grad():
        w.mul_(2)
        w[1:].add_(1)
    assert w.tolist() == [2, 3, 3]
    assert w.is_leaf


def test_setting_data_replaces_the_value_and_keeps_the_tensor():
    w = rl.ones(2, requires_grad=True)
    y = (w * w).sum()
    w.data = rl.tensor([5.0, 6.0])
    y.backward()
    assert w.tolist() == [5, 6]
    assert w.grad.tolist() == [2, 2]
    w.data -= 0.5 * w.grad
    assert w.tolist() == [4, 5]


STRIDES = {
    "plain": (lambda x: x, (12, 4, 1), 0, True),
    "transposed": (lambda x: x.transpose(0, 2), (1, 4, 12), 0, False),
    "sliced": (lambda x: x[:, 1:, ::2], (12, 4, 2), 4, False),
    "selected": (lambda x: x[1], (4, 1), 12, True),
    "expanded": (lambda x: x[:1].expand(5, 3, 4), (0, 4, 1), 0, False),
    "permuted back": (lambda x: x.permute(2, 0, 1).permute(1, 2, 0), (12, 4, 1), 0, True),
}


@pytest.mark.parametrize("name", STRIDES)
def test_logical_strides_are_those_of_pytorch(name):
    view, strides, offset, contiguous = STRIDES[name]
    x = view(rl.arange(24.0).reshape(2, 3, 4))
    assert (x.stride(), x.storage_offset(), x.is_contiguous()) == (strides, offset, contiguous)


def test_view_asks_for_fitting_strides_and_reshape_copies():
    x = rl.arange(6.0).reshape(2, 3).t()
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.view(6)
    flat = x.reshape(6)
    flat.zero_()
    assert x.sum().item() == 15
