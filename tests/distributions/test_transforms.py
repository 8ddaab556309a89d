"""Transforms of random variables, and the distributions that they make."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import distributions as D
from tests.distributions.test_distributions import integrate, t

TRANSFORMS = {
    "exp": D.ExpTransform(),
    "sigmoid": D.SigmoidTransform(),
    "tanh": D.TanhTransform(),
    "softplus": D.SoftplusTransform(),
    "power": D.PowerTransform(2.5),
    "affine": D.AffineTransform(1.0, -2.0),
    "several": D.ComposeTransform([D.AffineTransform(t(1.0), t(0.5)), D.ExpTransform()]),
    "inverse": D.ExpTransform().inv,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    transform = TRANSFORMS[name]
    x = t(0.3, 0.9, 1.4)
    y = transform(x)
    np.testing.assert_allclose(transform.inv(y).numpy(), x.numpy(), 1e-9)
    slope = (transform(x + 1e-6) - transform(x - 1e-6)) / 2e-6
    got = transform.log_abs_det_jacobian(x, y)
    np.testing.assert_allclose(got.numpy(), np.log(np.abs(slope.numpy())), rtol=1e-6, atol=1e-8)


def test_transforms_of_vectors():
    x = t(0.3, -0.9, 1.4)
    broken = D.StickBreakingTransform()
    y = broken(x)
    assert y.sum().item() == pytest.approx(1)
    np.testing.assert_allclose(broken(t(0, 0, 0)).numpy(), 0.25)
    np.testing.assert_allclose(broken.inv(y).numpy(), x.numpy(), 1e-9)
    jacobian = rl.autograd.functional.jacobian(lambda x: broken(x)[:-1], x)
    volume = np.log(np.abs(np.linalg.det(jacobian.numpy())))
    assert broken.log_abs_det_jacobian(x, y).item() == pytest.approx(volume)
    soft = D.SoftmaxTransform()
    np.testing.assert_allclose(soft(soft.inv(y)).numpy(), y.numpy(), 1e-9)
    matrix = rl.tensor([[0.5, 2.0], [0.3, -0.2]], dtype=rl.float64)
    root = D.LowerCholeskyTransform()
    np.testing.assert_allclose(root(root.inv(root(matrix))).numpy(), root(matrix).numpy(), 1e-9)
    assert D.constraints.lower_cholesky.check(root(matrix)).item()
    joint = D.IndependentTransform(D.ExpTransform(), 1)
    assert joint.log_abs_det_jacobian(x, joint(x)).item() == pytest.approx(0.8)
    assert D.identity_transform(x) is x
    assert D.AbsTransform()(x).tolist() == [0.3, 0.9, 1.4]


def test_shares_of_normal_variables():
    shares = D.LogisticNormal(t(0.1, 0.2), t(0.5, 0.6))
    assert shares.event_shape == (3,)
    np.testing.assert_allclose(shares.sample((5,)).sum(-1).numpy(), 1, 1e-12)
    side = np.linspace(0.0, 1.0, 401)[1:-1]
    first, second = np.meshgrid(side, side)
    inside = first + second < 1 - 1e-9
    points = np.stack([first, second, 1 - first - second], -1)[inside]
    density = shares.log_prob(rl.tensor(points)).exp().sum().item() / 400**2
    assert density == pytest.approx(1, abs=0.01)


def test_angles():
    angles = D.VonMises(t(0.7), t(2.0))
    x = np.linspace(-np.pi, np.pi, 20001)
    density = angles.log_prob(rl.tensor(x)).exp().numpy()
    assert integrate(density, x) == pytest.approx(1)
    length = integrate(density * np.cos(x - 0.7), x)
    assert angles.variance.item() == pytest.approx(1 - length)
    rl.manual_seed(0)
    outcomes = angles.sample((20000,))
    assert outcomes.sin().mean().item() == pytest.approx(length * np.sin(0.7), abs=0.02)
    assert float(outcomes.abs().max()) <= np.pi


def test_transformed_distributions():
    base = D.Normal(t(0.2), t(0.5))
    logistic = D.TransformedDistribution(base, [D.SigmoidTransform()])
    x = np.linspace(1e-6, 1 - 1e-6, 20001)
    density = logistic.log_prob(rl.tensor(x)).exp().numpy()
    assert integrate(density, x) == pytest.approx(1, abs=1e-6)
    turned = D.TransformedDistribution(base, D.AffineTransform(0.0, -1.0))
    assert turned.cdf(t(-0.2)).item() == pytest.approx(0.5)
    inverse = D.InverseGamma(t(7.0), t(3.0))
    assert inverse.cdf(t(0.2)).item() < inverse.cdf(t(0.5)).item()
    assert turned.icdf(turned.cdf(t(0.4))).item() == pytest.approx(0.4)
    assert logistic.rsample((3,)).shape == (3, 1)
