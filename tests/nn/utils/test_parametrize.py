"""Parametrised tensors: read, assigned, copied, removed; norms of weights, old and new."""

import copy
import gc
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn, optim
from rushlight.nn import utils
from rushlight.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return x * 2


class RankOne(nn.Module):
    def forward(self, x, y):
        return x.unsqueeze(-1) @ y.unsqueeze(-2)

    def right_inverse(self, z):
        return z[:, 0], z[0] / z[0, 0]


def register(layer, *steps, name="weight"):
    for step in steps:
        parametrize.register_parametrization(layer, name, step)
    return layer


def test_a_parametrised_weight():
    layer = nn.Linear(3, 3)
    before = layer.weight
    assert register(layer, Symmetric()) is layer
    assert repr(layer) == (
        "ParametrizedLinear(\n  in_features=3, out_features=3, bias=True\n  (parametrizations): "
        "ModuleDict(\n    (weight): ParametrizationList(\n      (0): Symmetric()\n    )\n  )\n)"
    )
    assert (layer.weight == layer.weight.T).all()
    assert layer.parametrizations.weight.original is before
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    value = rl.tensor([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]])
    layer.weight = value
    assert (layer.weight == value).all()
    x = rl.randn(2, 3)
    np.testing.assert_allclose(
        layer(x).detach().numpy(),
        x.numpy() @ value.numpy() + layer.bias.detach().numpy(),
        rtol=1e-5,
    )
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


def test_it_learns():
    layer = register(nn.Linear(3, 3, bias=False), Symmetric())
    optimizer = optim.SGD(layer.parameters(), 0.1)
    before = layer.weight.detach().clone()
    layer(rl.randn(4, 3)).pow(2).sum().backward()
    optimizer.step()
    assert (layer.weight != before).any()
    assert (layer.weight == layer.weight.T).all()


def test_several_in_a_row():
    layer = register(nn.Linear(2, 2), Symmetric(), Doubled())
    original = layer.parametrizations.weight.original
    np.testing.assert_array_equal(
        layer.weight.detach().numpy(), 2 * Symmetric()(original).detach().numpy()
    )
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        layer.weight = rl.ones(2, 2)


def test_several_originals():
    layer = nn.Linear(2, 3)
    parametrize.register_parametrization(layer, "weight", RankOne())
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["bias", *[f"parametrizations.weight.original{i}" for i in (0, 1)]]
    layer.weight = rl.tensor([[1.0, 2], [2, 4], [3, 6]])
    assert layer.weight.tolist() == [[1, 2], [2, 4], [3, 6]]
    with pytest.raises(ValueError, match="sequence of tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight.tolist() == [[1, 2], [2, 4], [3, 6]]
    assert type(layer) is nn.Linear


@pytest.mark.parametrize("leave", [True, False])
def test_removal(leave):
    layer = register(nn.Linear(3, 3), Doubled())
    register(layer, Doubled(), name="bias")
    original, now = layer.parametrizations.weight.original, layer.weight.detach().clone()
    expected = now if leave else original.detach().clone()
    parametrize.remove_parametrizations(layer, "weight", leave)
    assert layer.weight is original
    assert (layer.weight == expected).all()
    assert parametrize.is_parametrized(layer)
    assert not parametrize.is_parametrized(layer, "weight")
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    assert not hasattr(layer, "parametrizations")


def test_copies_are_independent():
    layer = register(nn.Linear(2, 2), Doubled())
    other = copy.deepcopy(layer)
    assert (other.weight == layer.weight).all()
    parametrize.remove_parametrizations(other, "weight")
    assert parametrize.is_parametrized(layer, "weight")
    assert (other.weight == layer.weight).all()
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)


def test_buffers_and_transfer():
    layer = nn.BatchNorm1d(2)
    register(layer, Doubled(), name="running_mean")
    assert "parametrizations.running_mean.original" in dict(layer.named_buffers())
    first, second = register(nn.Linear(2, 2), Doubled()), nn.Linear(2, 2)
    parametrize.transfer_parametrizations_and_params(first, second)
    assert (first.weight == second.weight).all()
    second.parametrizations.weight.original.detach().mul_(0)
    assert (first.weight == 0).all()


def test_cached():
    layer = register(nn.Linear(2, 2), Doubled())
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert layer.weight is not first


def test_nothing_is_left_behind():
    gc.collect()
    gc.disable()
    try:
        layer = register(nn.Linear(2, 2), Doubled())
        layer(rl.ones(1, 2)).sum().backward()
        weight = layer.weight
        del layer
        assert weight.shape == (2, 2)
    finally:
        gc.enable()


class Wider(nn.Module):
    def forward(self, x):
        return rl.cat([x, x])


class Half(nn.Module):
    def forward(self, x):
        return x.half()


class Text(nn.Module):
    def forward(self, x):
        return "x"


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda layer: register(layer, Wider()), "may not change the shape"),
        (lambda layer: register(layer, Half()), "may not change the dtype"),
        (lambda layer: register(layer, Text()), "must return a tensor. Got str"),
        (lambda layer: register(layer, Doubled(), Wider()), "may not change the shape"),
        (lambda layer: register(layer, Doubled(), name="x"), "does not have a parameter"),
        (lambda layer: parametrize.remove_parametrizations(layer, "weight"), "does not have"),
    ],
)
def test_what_is_refused(run, words):
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=words):
        run(layer)
    assert layer.weight.shape == (2, 2)


# --------------------------------------------------------------------------------- norms of weights
def norms(weight, dim):
    axes = None if dim is None else tuple(i for i in range(weight.ndim) if i != dim % weight.ndim)
    return np.sqrt((weight**2).sum(axes, keepdims=dim is not None))


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("normed", [utils.weight_norm, parametrizations.weight_norm])
def test_weight_norm(normed, dim):
    layer = nn.Conv1d(2, 3, 2)
    before = layer.weight.detach().numpy().copy()
    assert normed(layer, "weight", dim) is layer
    _, g, v = layer.parameters()
    np.testing.assert_allclose(g.detach().numpy(), norms(before, dim), rtol=1e-6)
    layer(rl.ones(1, 2, 4))
    np.testing.assert_allclose(layer.weight.detach().numpy(), before, rtol=1e-5)
    with rl.no_grad():
        v.mul_(3), g.mul_(2)
    layer(rl.ones(1, 2, 4)).sum().backward()
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * before, rtol=1e-5)
    assert g.grad.shape == g.shape
    if normed is utils.weight_norm:
        utils.remove_weight_norm(layer)
    else:
        parametrize.remove_parametrizations(layer, "weight")
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * before, rtol=1e-5)


def test_weight_norm_loads_the_older_keys():
    old, new = utils.weight_norm(nn.Linear(2, 3)), parametrizations.weight_norm(nn.Linear(2, 3))
    assert list(old.state_dict()) == ["bias", "weight_g", "weight_v"]
    new.load_state_dict(old.state_dict())
    assert (new.weight == old.weight).all()
    with pytest.raises(RuntimeError, match="two weight_norm hooks"):
        utils.weight_norm(old)
    with pytest.raises(ValueError, match="not found"):
        utils.remove_weight_norm(nn.Linear(2, 3))
    with pytest.raises(ValueError, match="uninitialized"):
        utils.weight_norm(nn.LazyLinear(3))


@pytest.mark.parametrize("normed", [utils.spectral_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.ConvTranspose1d(3, 4, 2)])
def test_spectral_norm(normed, make):
    layer = make()
    before = layer.weight.detach().numpy().copy()
    matrix = before if before.ndim == 2 else before.transpose(1, 0, 2).reshape(4, -1)
    size = np.linalg.svd(matrix, compute_uv=False)[0]
    normed(layer, n_power_iterations=60)
    x = rl.ones(1, 4) if before.ndim == 2 else rl.ones(1, 3, 5)
    layer(x).sum().backward()
    np.testing.assert_allclose(layer.weight.detach().numpy(), before / size, rtol=1e-3)
    layer.eval()
    first = layer(x)
    assert (layer(x) == first).all()
    if normed is utils.spectral_norm:
        assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
        assert layer.weight_orig.grad is not None
        utils.remove_spectral_norm(layer)
    else:
        parametrize.remove_parametrizations(layer, "weight")
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer(x).detach().numpy(), first.detach().numpy(), rtol=1e-4)


def test_spectral_norm_of_a_vector_and_what_is_refused():
    layer = parametrizations.spectral_norm(nn.Linear(2, 3), "bias")
    np.testing.assert_allclose(layer.bias.norm().item(), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="no parameter or buffer"):
        parametrizations.spectral_norm(layer, "x")
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        utils.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)
    with pytest.raises(IndexError, match="out of range"):
        parametrizations.spectral_norm(nn.Linear(2, 3), dim=2)


# ------------------------------------------------------------------------------ orthogonal matrices
SHAPES = [(3, 3), (4, 2), (2, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", ["matrix_exp", "cayley", "householder", None])
def test_orthogonal(shape, way):
    rows, columns = shape
    layer = nn.Linear(columns, rows, dtype=rl.float64)
    parametrizations.orthogonal(layer, orthogonal_map=way)
    optimizer = optim.SGD(layer.parameters(), 0.1)
    for _ in range(2):
        weight = layer.weight.detach().numpy()
        weight = weight if rows >= columns else weight.T
        np.testing.assert_allclose(weight.T @ weight, np.eye(min(shape)), atol=1e-10)
        (layer.weight**3).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options", [{}, {"orthogonal_map": "cayley"}, {"use_trivialization": False}]
)
def test_orthogonal_matrices_are_assigned(shape, options):
    options = {"orthogonal_map": "householder", **options}
    layer = nn.Linear(*reversed(shape), dtype=rl.float64)
    parametrizations.orthogonal(layer, **options)
    drawn = np.linalg.qr(np.random.default_rng(0).normal(size=(max(shape), min(shape))))[0]
    drawn = np.ascontiguousarray(drawn if shape[0] >= shape[1] else drawn.T)
    layer.weight = rl.tensor(drawn)
    np.testing.assert_allclose(layer.weight.detach().numpy(), drawn, atol=1e-10)


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (lambda m: parametrizations.orthogonal(m, "bias"), ValueError, "matrix or batch"),
        (lambda m: parametrizations.orthogonal(m, "x"), ValueError, "no parameter or buffer"),
        (
            lambda m: parametrizations.orthogonal(m, orthogonal_map="qr"),
            ValueError,
            "has to be one of",
        ),
        (
            lambda m: setattr(parametrizations.orthogonal(m), "weight", rl.ones(2, 3)),
            ValueError,
            "Expected a matrix or batch of matrices of shape",
        ),
        (
            lambda m: setattr(
                parametrizations.orthogonal(m, use_trivialization=False), "weight", rl.eye(2)
            ),
            NotImplementedError,
            "not possible to assign",
        ),
    ],
)
def test_what_orthogonal_refuses(run, kind, words):
    with pytest.raises(kind, match=words):
        run(nn.Linear(2, 2))
