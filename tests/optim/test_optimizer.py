"""The optimiser around its updates: groups, state, hooks, closures, and what it refuses."""

import copy
import pickle
import warnings

import pytest

import rushlight as rl
from rushlight import nn, optim


def leaf(*values):
    return rl.tensor(list(values), requires_grad=True)


def step(optimizer, *parameters):
    for parameter in parameters:
        parameter.grad = rl.ones_like(parameter)
    optimizer.step()


def test_groups_have_their_own_numbers():
    a, b, c = leaf(0.0), leaf(0.0), leaf(0.0)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 10})
    step(optimizer, a, b, c)
    assert [a.item(), b.item(), c.item()] == pytest.approx([-0.1, -1, -10])
    assert optimizer.defaults["lr"] == 0.1
    assert optimizer.param_groups[1]["momentum"] == 0


def test_named_parameters():
    model = nn.Linear(2, 1)
    optimizer = optim.AdamW(model.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="names"):
        optimizer.add_param_group({"params": [leaf(1.0)]})


def test_parameters_without_gradient_are_left_alone():
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.Adam([a, b])
    step(optimizer, a)
    assert b.item() == 1
    assert b not in optimizer.state


def test_zero_grad():
    a = leaf(1.0)
    optimizer = optim.SGD([a])
    a.grad = grad = rl.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is grad
    assert grad.tolist() == [0]
    optimizer.zero_grad()
    assert a.grad is None


def test_closure_runs_with_gradients():
    a = leaf(3.0)
    optimizer = optim.SGD([a], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with rl.no_grad():
        assert optimizer.step(closure).item() == 9
    assert a.item() == 0
    assert optimizer.step(closure=closure).item() == 0


REFUSED = [
    (lambda: optim.SGD([]), ValueError, "empty parameter list"),
    (lambda: optim.SGD(iter([])), ValueError, "empty parameter list"),
    (lambda: optim.SGD(leaf(1.0)), TypeError, "iterable of Tensors or dicts"),
    (lambda: optim.SGD([3]), TypeError, "can only optimize Tensors"),
    (lambda: optim.SGD([{"params": {leaf(1.0)}}]), TypeError, "ordered collections"),
    (lambda: optim.SGD([leaf(1.0) * 2]), ValueError, "can't optimize a non-leaf Tensor"),
    (lambda: optim.SGD([("a", leaf(1.0)), leaf(1.0)]), ValueError, "names are missing"),
    (lambda: optim.SGD([leaf(1.0)], lr=-1), ValueError, "Invalid learning rate: -1"),
    (lambda: optim.SGD([leaf(1.0)], momentum=-1), ValueError, "Invalid momentum value"),
    (lambda: optim.SGD([leaf(1.0)], weight_decay=-1), ValueError, "Invalid weight_decay"),
    (lambda: optim.SGD([leaf(1.0)], nesterov=True), ValueError, "Nesterov momentum requires"),
    (lambda: optim.Adam([leaf(1.0)], lr=-1), ValueError, "Invalid learning rate"),
    (lambda: optim.Adam([leaf(1.0)], eps=-1), ValueError, "Invalid epsilon value"),
    (lambda: optim.Adam([leaf(1.0)], betas=(1.0, 0.9)), ValueError, "parameter at index 0"),
    (lambda: optim.Adam([leaf(1.0)], betas=(0.9, -1)), ValueError, "parameter at index 1"),
    (lambda: optim.Adam([leaf(1.0)], capturable=True), NotImplementedError, "capturable"),
    (lambda: optim.SGD([leaf(1.0)], differentiable=True), NotImplementedError, "not built"),
    (lambda: optim.Adam([leaf(1.0)], foreach=True, fused=True), RuntimeError, "together"),
    (lambda: optim.Adadelta([leaf(1.0)], rho=2), ValueError, "Invalid rho value: 2"),
    (lambda: optim.Adagrad([leaf(1.0)], lr_decay=-1), ValueError, "Invalid lr_decay value: -1"),
    (
        lambda: optim.Adagrad([leaf(1.0)], initial_accumulator_value=-1),
        *(ValueError, "Invalid initial_accumulator_value"),
    ),
    (lambda: optim.Adamax([leaf(1.0)], betas=(0.9, 1.0)), ValueError, "parameter at index 1"),
    (lambda: optim.NAdam([leaf(1.0)], momentum_decay=-1), ValueError, "momentum_decay value: -1"),
    (lambda: optim.RAdam([leaf(1.0)], betas=(-1, 0.5)), ValueError, "parameter at index 0"),
    (lambda: optim.RMSprop([leaf(1.0)], alpha=-1), ValueError, "Invalid alpha value: -1"),
    (lambda: optim.RMSprop([leaf(1.0)], momentum=-1), ValueError, "Invalid momentum value: -1"),
    (lambda: optim.Rprop([leaf(1.0)], etas=(1, 0.5)), ValueError, "Invalid eta values: 1, 0.5"),
    (lambda: optim.ASGD([leaf(1.0)], weight_decay=-1), ValueError, "Invalid weight_decay"),
    (lambda: optim.Adafactor([leaf(1.0)], lr=-1), ValueError, "Learning rate should be >= 0"),
    (lambda: optim.Adafactor([leaf(1.0)], d=0.5), ValueError, "Clipping threshold d should be"),
    (lambda: optim.Adafactor([leaf(1.0)], eps=(-1, 0)), ValueError, "epsilon1 should be >= 0"),
    (lambda: optim.Adafactor([leaf(1.0)], beta2_decay=1), ValueError, "beta2_decay should be <="),
    (lambda: optim.Muon([leaf(1.0)]), ValueError, "only supports 2D parameters"),
    (lambda: optim.Muon([leaf(1.0)], momentum=-1), ValueError, "momentum should be >= 0"),
    (lambda: optim.Muon([leaf(1.0)], adjust_lr_fn="x"), ValueError, "x is not supported"),
    (lambda: optim.RMSprop([leaf(1.0)], capturable=True), NotImplementedError, "not built"),
    (
        lambda: step(optim.NAdam([z := rl.tensor([1j])]), z),
        *(NotImplementedError, "complex parameters is not built"),
    ),
]


@pytest.mark.parametrize(("run", "kind", "words"), REFUSED)
def test_what_is_refused(run, kind, words):
    with pytest.raises(kind, match=words):
        run()


def test_parameters_given_twice():
    a = leaf(1.0)
    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = optim.SGD([a, a])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": [a]})
    with pytest.raises(TypeError, match="must be a dict"):
        optimizer.add_param_group([a])


def test_a_required_number():
    from rushlight.optim.optimizer import required

    class Own(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": required})

    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Own([leaf(1.0)])


def test_no_gradient_at_all_is_said_once():
    optimizer = optim.SGD([leaf(1.0)])
    with pytest.warns(UserWarning, match="no parameter has a gradient"):
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()


KINDS = [
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    lambda p: optim.AdamW(p, lr=0.1),
    optim.Adadelta,
    lambda p: optim.Adagrad(p, lr=0.1),
    lambda p: optim.Adamax(p, lr=0.1),
    lambda p: optim.NAdam(p, lr=0.1),
    lambda p: optim.RAdam(p, lr=0.1, betas=(0.9, 0.9)),
    lambda p: optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
    lambda p: optim.Rprop(p, lr=0.1),
    lambda p: optim.ASGD(p, lr=0.1, lambd=0.1, t0=1),
    lambda p: optim.Adafactor(p, lr=0.1),
]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("through", ["itself", "copy", "file"])
def test_state_dict_goes_on_where_it_was(make, through, tmp_path):
    def train(optimizer, parameter, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (parameter**3).sum().backward()
            optimizer.step()

    a = leaf(1.0, 2.0)
    optimizer = make([a])
    train(optimizer, a, 3)
    state = optimizer.state_dict()
    if through == "copy":
        state = copy.deepcopy(state)
    elif through == "file":
        rl.save(state, tmp_path / "state")
        state = rl.load(tmp_path / "state")
    b = a.detach().clone().requires_grad_()
    other = make([b])
    other.load_state_dict(state)
    train(optimizer, a, 3)
    train(other, b, 3)
    assert a.tolist() == b.tolist()


def test_state_dict_layout():
    a, b = leaf(1.0), leaf(2.0)
    optimizer = optim.Adam([{"params": [a]}, {"params": [b], "lr": 0.5}])
    step(optimizer, a, b)
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert list(state["param_groups"][0]) == [
        *("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable"),
        *("differentiable", "fused", "decoupled_weight_decay", "params"),
    ]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    count = state["state"][0]["step"]
    assert (count.dtype, count.shape, count.item()) == (rl.float32, (), 1)
    b.grad = None
    step(optimizer, a)
    assert count.item() == 2
    assert state["state"][1]["step"].item() == 1


def test_loading_refuses_other_groups_and_changes_nothing():
    a = leaf(1.0)
    optimizer = optim.Adam([a], lr=0.5)
    step(optimizer, a)
    two = optim.Adam([{"params": [leaf(1.0)]}, {"params": [leaf(1.0)]}]).state_dict()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(two)
    more = optim.Adam([leaf(1.0), leaf(1.0)]).state_dict()
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optimizer.load_state_dict(more)
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.state[a]["step"].item() == 1


def test_loading_fits_state_to_the_parameter():
    a = rl.ones(2, dtype=rl.float64, requires_grad=True)
    optimizer = optim.Adam([a])
    zeros = rl.zeros(2)
    state = {"step": 3, "exp_avg": zeros, "exp_avg_sq": zeros}
    groups = [{"params": [0], "lr": 0.1}]
    optimizer.load_state_dict({"state": {0: state}, "param_groups": groups})
    assert optimizer.state[a]["exp_avg"].dtype is rl.float64
    assert optimizer.state[a]["step"].item() == 3
    assert optimizer.param_groups[0]["eps"] == 1e-8
    step(optimizer, a)
    assert zeros.tolist() == [0, 0]


def test_step_hooks():
    seen = []
    a = leaf(1.0)
    optimizer = optim.SGD([a], lr=1.0)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", a.item())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", a.item())))
    step(optimizer, a)
    assert seen == [("pre", 1), ("post", 0)]
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="tuple of"):
        optimizer.step()
    handle.remove()
    optimizer.step()


def test_state_hooks():
    seen = []
    optimizer = optim.SGD([leaf(1.0)])
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("saving"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: seen.append(state.pop("note")))
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    assert seen == ["saving", 1, "loaded"]
    assert state["note"] == 1


def test_an_optimiser_of_ones_own():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @rl.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])
                    self.state[p]["seen"] = self.state[p].get("seen", 0) + 1

    class Twice(Sign):
        def step(self, closure=None):
            super().step()
            super().step()

    seen = []
    a = leaf(5.0)
    optimizer = Twice([a], lr=1.0)
    optimizer.register_step_post_hook(lambda *_: seen.append(1))
    step(optimizer, a)
    assert a.item() == 3
    assert seen == [1]
    assert optimizer.state_dict()["state"] == {0: {"seen": 2}}
    with pytest.raises(NotImplementedError):
        optim.Optimizer([a], {}).step()


def test_copies_and_repr():
    a = leaf(1.0)
    optimizer = optim.Adam([a], lr=0.5)
    step(optimizer, a)
    model, other = copy.deepcopy((a, optimizer))
    step(other, model)
    assert other.state[model]["step"].item() == 2
    assert optimizer.state[a]["step"].item() == 1
    again = pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - its own
    assert again.param_groups[0]["lr"] == 0.5
    assert repr(optim.SGD([a])) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.001\n    maximize: False\n    momentum: 0\n"
        "    nesterov: False\n    weight_decay: 0\n)"
    )
