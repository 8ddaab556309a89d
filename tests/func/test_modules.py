"""functional_call and stack_module_state: gradients of each sample, ensembles, names, errors."""

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.func import (
    functional_call,
    grad,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)
from rushlight.nn import functional as F
from tests.func.test_derivatives import close
from tests.ops.harness import values


def network():
    rl.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4 * 4, 3)
    ).double()


IMAGES, LABELS = rl.tensor(values(5, 1, 6, 6)), rl.tensor([0, 2, 1, 1, 0])


def test_gradients_of_each_sample():
    net = network()
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def loss(parameters, image, label):
        return F.cross_entropy(functional_call(net, parameters, image[None]), label[None])

    found = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, IMAGES, LABELS)
    for place in range(5):
        net.zero_grad()
        F.cross_entropy(net(IMAGES[place : place + 1]), LABELS[place : place + 1]).backward()
        for name, parameter in net.named_parameters():
            close(found[name][place], parameter.grad)


@pytest.mark.parametrize("shared", [True, False])
def test_ensembles(shared):
    models = [network() for _ in range(3)]
    for factor, model in enumerate(models):
        with rl.no_grad():
            for parameter in model.parameters():
                parameter.mul_(factor + 1)
    parameters, buffers = stack_module_state(models)
    assert all(p.requires_grad and p.is_leaf for p in parameters.values())
    batches = IMAGES if shared else rl.stack([IMAGES, 2 * IMAGES, 3 * IMAGES])

    def run(parameters, buffers, x):
        return functional_call(models[0], (parameters, buffers), (x,))

    found = vmap(run, in_dims=(0, 0, None if shared else 0))(parameters, buffers, batches)
    for place, model in enumerate(models):
        close(found[place], model(IMAGES if shared else batches[place]))
    found.square().sum().backward()
    sum(
        model(IMAGES if shared else batches[place]).square().sum()
        for place, model in enumerate(models)
    ).backward()
    for name, parameter in parameters.items():
        want = [dict(model.named_parameters())[name].grad for model in models]
        close(parameter.grad, rl.stack(want))


def test_buffers_are_written_in_the_place_of_the_module_s():
    norm = nn.BatchNorm1d(2)
    given = {name: value.clone() for name, value in norm.named_buffers()}
    functional_call(norm, given, rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert given["running_mean"].tolist() != [0, 0]
    assert norm.running_mean.tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="is not possible"):
        vmap(lambda x: norm(x))(rl.randn(3, 4, 2))


def test_batch_norm_without_running_statistics():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.InstanceNorm1d(2, track_running_stats=True))
    assert replace_all_batch_norm_modules_(net) is net
    assert net[0].running_mean is None
    assert net[1].running_mean is not None
    x = rl.tensor(values(3, 4, 2)).float()
    close(vmap(net[0])(x), rl.stack([net[0](each) for each in x]), 1e-5)


def test_the_module_gets_its_own_back():
    linear = nn.Linear(2, 1)
    before = linear.weight
    with pytest.raises(RuntimeError):
        functional_call(linear, {"weight": rl.ones(3, 3)}, rl.ones(2))
    assert linear.weight is before
    assert functional_call(linear, {}, (), {"input": rl.ones(2)}).shape == (1,)


def test_tied_weights():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2, bias=False)
            self.b = nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    net, twice = Tied(), 2 * rl.eye(2)
    assert functional_call(net, {"a.weight": twice}, rl.ones(2)).tolist() == [4, 4]
    assert functional_call(net, {"b.weight": twice}, rl.ones(2)).tolist() == [4, 4]
    with pytest.raises(ValueError, match="which are tied"):
        functional_call(net, {"a.weight": twice, "b.weight": rl.eye(2)}, rl.ones(2))
    both = {"a.weight": twice, "b.weight": rl.eye(2)}
    assert functional_call(net, both, rl.ones(2), tie_weights=False).tolist() == [2, 2]


def test_wrong_calls():
    net, x = nn.Linear(2, 1), rl.ones(2)
    with pytest.raises(RuntimeError, match=r"(?s)Unexpected key.*'other'.*Missing key.*'bias'"):
        functional_call(net, {"weight": rl.ones(1, 2), "other": x}, x, strict=True)
    with pytest.raises(AttributeError, match="other"):
        functional_call(net, {"other": x}, x)
    with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
        functional_call(net, ({"weight": x}, {"weight": x}), x)
    with pytest.raises(ValueError, match="to be a dict, or a list/tuple of dicts"):
        functional_call(net, 3, x)
    with pytest.raises(ValueError, match="elements of parameter_and_buffer_dicts"):
        functional_call(net, (3,), x)
    with pytest.raises(RuntimeError, match="at least one model"):
        stack_module_state([])
    with pytest.raises(RuntimeError, match="same class"):
        stack_module_state([net, nn.ReLU()])
    with pytest.raises(RuntimeError, match="training/eval mode"):
        stack_module_state([net, nn.Linear(2, 1).eval()])
