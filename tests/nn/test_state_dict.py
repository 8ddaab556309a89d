"""Values by name: what is in a state_dict, and what loading one changes or refuses."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def make():
    net = nn.Sequential()
    net.add_module("fc", nn.Linear(2, 3))
    net.add_module("bn", nn.BatchNorm1d(3))
    net.add_module("out", nn.Linear(3, 2, bias=False))
    return net


def snapshot(module):
    return {key: value.tolist() for key, value in module.state_dict().items()}


def prefixed(state, prefix):
    return {prefix + key: value for key, value in state.items()}


def test_keys_in_order_and_metadata():
    state = make().state_dict()
    assert list(state) == [
        *("fc.weight", "fc.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"),
        *("bn.num_batches_tracked", "out.weight"),
    ]
    assert state._metadata["bn"] == {"version": 2}
    assert "m.fc.weight" in make().state_dict(prefix="m.")
    target = {}
    assert make().state_dict(destination=target) is target


def test_entries_share_storage_and_are_detached():
    net = make()
    state = net.state_dict()
    assert not state["fc.weight"].requires_grad
    state["fc.weight"].fill_(7)
    assert net.fc.weight[0, 0].item() == 7
    assert net.state_dict(keep_vars=True)["fc.weight"] is net.fc.weight


def test_round_trip_keeps_objects():
    net, other = make(), make()
    weight = net.fc.weight
    found = net.load_state_dict(other.state_dict())
    assert repr(found) == "<All keys matched successfully>"
    assert net.fc.weight is weight
    assert weight.requires_grad
    assert snapshot(net) == snapshot(other)
    with rl.no_grad():
        weight.zero_()
    assert snapshot(net) != snapshot(other)


def test_loading_casts_to_the_parameters_dtype():
    net = make()
    net.load_state_dict({k: v.double() for k, v in make().state_dict().items()})
    assert net.fc.weight.dtype is rl.float32
    assert net.bn.num_batches_tracked.dtype is rl.int64


def test_groups_of_errors_and_nothing_changed():
    net = make()
    state = make().state_dict()
    del state["fc.bias"], state["bn.weight"]
    state["fc.scale"] = state["extra.x"] = rl.ones(1)
    state["out.weight"] = rl.ones(5, 5)
    before = snapshot(net)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    lines = str(caught.value).split("\n\t")
    assert lines[0] == "Error(s) in loading state_dict for Sequential:"
    assert lines[1] == 'Missing key(s) in state_dict: "fc.bias", "bn.weight". '
    assert lines[2] == 'Unexpected key(s) in state_dict: "extra.x", "fc.scale". '
    assert lines[3].startswith("size mismatch for out.weight: copying a param with shape")
    assert "Size([5, 5])" in lines[3]
    assert "Size([2, 3])" in lines[3]
    assert snapshot(net) == before


def test_not_strict():
    net, other = make(), make()
    state = other.state_dict()
    del state["fc.bias"]
    state["more"] = rl.ones(1)
    found = net.load_state_dict(state, strict=False)
    assert found.missing_keys == ["fc.bias"]
    assert found.unexpected_keys == ["more"]
    np.testing.assert_array_equal(net.fc.weight.detach(), other.fc.weight.detach())
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict({"fc.bias": rl.ones(9)}, strict=False)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "encoder.net."])
def test_a_common_prefix_is_named(prefix):
    net = make()
    state = net.state_dict()
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(prefixed(state, prefix))
    words = str(caught.value)
    assert f'with "{prefix}" before it' in words
    assert f'key.removeprefix("{prefix}")' in words
    outer = net
    for name in reversed(prefix[:-1].split(".")):
        inner, outer = outer, nn.Module()
        outer.add_module(name, inner)
    with pytest.raises(RuntimeError, match="To add it: load_state_dict"):
        outer.load_state_dict(state)


def test_strip_prefix_in_place():
    state = prefixed(make().state_dict(), "module.")
    nn.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    make().load_state_dict(state)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ([1], TypeError, "dict-like"),
        ({"weight": [1.0]}, RuntimeError, "expected rushlight.Tensor"),
    ],
)
def test_what_is_refused(state, kind, words):
    with pytest.raises(kind, match=words):
        nn.Linear(1, 1, bias=False).load_state_dict(state)


def test_assign_takes_tensors_and_keeps_ties():
    net = nn.Module()
    net.a, net.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    net.b.weight = net.a.weight
    net.a.weight.requires_grad_(False)
    state = {"a.weight": rl.ones(2, 2).double(), "b.weight": rl.ones(2, 2).double()}
    net.load_state_dict(state, assign=True)
    assert net.a.weight is net.b.weight
    assert net.a.weight.dtype is rl.float64
    assert not net.a.weight.requires_grad
    state["a.weight"].zero_()
    assert net.a.weight.tolist() == [[0, 0], [0, 0]]
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict({**state, "b.weight": rl.ones(1)}, assign=True)
    assert net.a.weight.tolist() == [[0, 0], [0, 0]]


def test_an_older_batch_norm_counts_no_batches():
    bn = nn.BatchNorm1d(2)
    state = {k: v for k, v in bn.state_dict().items() if k != "num_batches_tracked"}
    bn.load_state_dict(state)


def test_one_number_in_a_vector_of_one():
    m = nn.Module()
    m.x = nn.Parameter(rl.zeros(()))
    m.load_state_dict({"x": rl.tensor([3.0])})
    assert m.x.item() == 3


class Counter(nn.Module):
    count = 0

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def test_extra_state():
    net = nn.Sequential(Counter(), nn.Linear(1, 1))
    net[0].count = 5
    state = net.state_dict()
    assert state["0._extra_state"] == {"count": 5}
    other = nn.Sequential(Counter(), nn.Linear(1, 1))
    other.load_state_dict(state)
    assert other[0].count == 5
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match="Missing"):
        other.load_state_dict(state)
    with pytest.raises(RuntimeError, match="Unexpected"):
        nn.Linear(1, 1).load_state_dict({**nn.Linear(1, 1).state_dict(), "_extra_state": 1})


def test_hooks_of_saving_and_loading():
    seen = []
    net = nn.Sequential(nn.Linear(1, 1))
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))

    def post(m, state, prefix, metadata):
        state[f"{prefix}note"] = rl.ones(1)

    net.register_state_dict_post_hook(post)
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "note"]

    def before(m, state, prefix, metadata, strict, missing, unexpected, errors):
        state.pop(f"{prefix}note", None)

    net.register_load_state_dict_pre_hook(before)
    net.register_load_state_dict_post_hook(lambda m, keys: seen.append(("post", keys)))
    net.load_state_dict(state)
    assert "note" in state
    assert seen == [("pre", "", False), ("post", ([], []))]


def test_a_loading_method_of_ones_own_is_undone_too():
    class Own(nn.Linear):
        def _load_from_state_dict(self, state, prefix, *rest):
            with rl.no_grad():
                self.weight.fill_(9)

    net = nn.Sequential(Own(1, 1), nn.Linear(1, 1))
    before = snapshot(net)
    with pytest.raises(RuntimeError, match="Missing"):
        net.load_state_dict({})
    assert snapshot(net) == before
