"""Distributions: densities that integrate to 1 and have the stated moments, and their outcomes."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import distributions as D
from rushlight.autograd import gradcheck
from rushlight.nn import functional as F


def t(*values):
    return rl.tensor(values, dtype=rl.float64)


REAL = {
    "Normal": (D.Normal(t(0.5), t(1.5)), (-15, 15)),
    "Laplace": (D.Laplace(t(0.5), t(0.8)), (-25, 25)),
    "Gumbel": (D.Gumbel(t(0.5), t(0.8)), (-5, 35)),
    "Uniform": (D.Uniform(t(-1.0), t(2.0)), (-1, 2)),
    "Exponential": (D.Exponential(t(1.5)), (0, 30)),
    "HalfNormal": (D.HalfNormal(t(1.5)), (0, 15)),
    "LogNormal": (D.LogNormal(t(0.1), t(0.5)), (1e-9, 60)),
    "Gamma": (D.Gamma(t(2.5), t(1.5)), (1e-9, 40)),
    "Chi2": (D.Chi2(t(5.0)), (1e-9, 90)),
    "Beta": (D.Beta(t(2.5), t(3.5)), (1e-9, 1 - 1e-9)),
    "StudentT": (D.StudentT(t(9.0), t(0.5), t(0.8)), (-60, 60)),
    "HalfCauchy": (D.HalfCauchy(t(1.0)), (0, 1)),
    "Weibull": (D.Weibull(t(1.2), t(1.7)), (1e-9, 20)),
    "Pareto": (D.Pareto(t(1.2), t(9.0)), (1.2, 60)),
    "InverseGamma": (D.InverseGamma(t(7.0), t(3.0)), (1e-3, 60)),
    "FisherSnedecor": (D.FisherSnedecor(t(5.0), t(20.0)), (1e-9, 200)),
    "Kumaraswamy": (D.Kumaraswamy(t(2.5), t(3.5)), (1e-9, 1 - 1e-9)),
    "mixture": (
        D.MixtureSameFamily(
            D.Categorical(probs=t(0.3, 0.7).reshape(1, 2)),
            D.Normal(t(-1.0, 2.0).reshape(1, 2), t(0.5, 1.0).reshape(1, 2)),
        ),
        (-15, 15),
    ),
}
COUNTS = {
    "Bernoulli": (D.Bernoulli(t(0.3)), 2),
    "Geometric": (D.Geometric(t(0.3)), 200),
    "Binomial": (D.Binomial(7, t(0.3)), 8),
    "Poisson": (D.Poisson(t(2.5)), 60),
    "NegativeBinomial": (D.NegativeBinomial(3, t(0.4)), 200),
    "Categorical": (D.Categorical(t(1.0, 2.0, 5.0).reshape(1, 3)), 3),
}


def integrate(values, x):
    return np.sum((values[1:] + values[:-1]) / 2 * np.diff(x))


@pytest.mark.parametrize("name", [name for name in REAL if name != "HalfCauchy"])
def test_densities(name):
    distribution, (low, high) = REAL[name]
    x = np.linspace(low, high, 60001)
    if name == "Uniform":
        x = x[:-1]  # the upper end is none of its values
    with rl.no_grad():
        density = distribution.log_prob(rl.tensor(x)).exp().numpy()
    assert integrate(density, x) == pytest.approx(1, abs=1e-4)
    mean = integrate(density * x, x)
    assert distribution.mean.item() == pytest.approx(mean, rel=1e-3, abs=1e-3)
    variance = integrate(density * (x - mean) ** 2, x)
    assert distribution.variance.item() == pytest.approx(variance, rel=1e-3)
    assert distribution.stddev.item() == pytest.approx(math.sqrt(variance), rel=1e-3)
    if name not in ("mixture", "Uniform"):
        likeliest = x[np.argmax(density)]
        assert distribution.mode.item() == pytest.approx(likeliest, abs=2e-3)
    if name not in ("mixture", "FisherSnedecor"):
        with np.errstate(divide="ignore", invalid="ignore"):
            surprise = np.where(density > 0, -density * np.log(density), 0)
        assert distribution.entropy().item() == pytest.approx(integrate(surprise, x), rel=1e-3)
    _check_outcomes(distribution, mean, variance)


def _check_outcomes(distribution, mean, variance):
    rl.manual_seed(3)
    outcomes = distribution.sample((20000,)).double()
    assert outcomes.shape == (20000, 1)
    assert not outcomes.requires_grad
    spread = math.sqrt(variance)
    assert outcomes.mean().item() == pytest.approx(mean, abs=0.04 * spread)
    assert outcomes.var().item() == pytest.approx(variance, rel=0.1)
    assert bool(distribution.support.check(outcomes).all())
    rl.manual_seed(3)
    again = distribution.sample((20000,)).double()
    np.testing.assert_array_equal(again.numpy(), outcomes.numpy())


@pytest.mark.parametrize("name", COUNTS)
def test_probabilities(name):
    distribution, count = COUNTS[name]
    k = np.arange(float(count))
    chance = distribution.log_prob(rl.tensor(k)).exp().numpy()
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    mean = (k * chance).sum()
    variance = ((k - mean) ** 2 * chance).sum()
    if name != "Categorical":
        assert distribution.mean.item() == pytest.approx(mean)
        assert distribution.variance.item() == pytest.approx(variance)
    assert distribution.mode.item() == np.argmax(chance)
    if name in ("Bernoulli", "Geometric", "Categorical"):
        shannon = -(chance * np.log(chance)).sum()
        assert distribution.entropy().item() == pytest.approx(shannon, rel=1e-6)
        assert distribution.perplexity().item() == pytest.approx(math.exp(shannon), rel=1e-6)
    _check_outcomes(distribution, mean, variance)


@pytest.mark.parametrize(
    "name", ["Normal", "Laplace", "Gumbel", "Exponential", "HalfNormal", "HalfCauchy", "Weibull"]
)
def test_inverse_distribution_functions(name):
    distribution, _ = REAL[name]
    p = t(0.01, 0.3, 0.5, 0.99)
    x = distribution.icdf(p)
    np.testing.assert_allclose(distribution.cdf(x).numpy(), p.numpy(), 1e-9)
    slopes = (distribution.cdf(x + 1e-5) - distribution.cdf(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(slopes.numpy(), distribution.log_prob(x).exp().numpy(), 1e-5)


FAMILIES = {
    "Normal": (D.Normal, (0.5, 1.5)),
    "Laplace": (D.Laplace, (0.5, 1.5)),
    "Cauchy": (D.Cauchy, (0.5, 1.5)),
    "Gumbel": (D.Gumbel, (0.5, 1.5)),
    "Exponential": (D.Exponential, (1.5,)),
    "LogNormal": (D.LogNormal, (0.2, 0.5)),
    "Gamma": (D.Gamma, (2.5, 1.5)),
    "Beta": (D.Beta, (2.5, 1.5)),
    "StudentT": (D.StudentT, (4.0, 0.5, 1.5)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients(name):
    family, numbers = FAMILIES[name]
    parameters = [t(x).requires_grad_() for x in numbers]
    value = t(0.7)
    assert gradcheck(lambda *p: family(*p, validate_args=False).log_prob(value), parameters)
    outcome = family(*parameters).rsample((5,))
    slopes = rl.autograd.grad(outcome.sum(), parameters)
    assert all(np.isfinite(slope.numpy()).all() for slope in slopes)
    assert not family(*parameters).sample().requires_grad


@pytest.mark.parametrize("a", [0.1, 0.8, 3.0, 40.0])
def test_gamma_outcomes_follow_their_shape(a):
    """The probability below the outcome stays, as the shape changes."""
    rl.manual_seed(0)
    shape = t(a).requires_grad_()
    outcomes = D.Gamma(shape, t(1.0)).rsample((6,))
    (slopes,) = rl.autograd.grad(outcomes.sum(), shape)

    def below(a, x):
        u = np.linspace(0, 1, 40001) ** 4 * x
        steps = a * np.log(np.maximum(u, 1e-300)) - u - math.lgamma(a + 1)
        parts = np.exp(steps)  # u^a e^-u / gamma(a + 1), whose slope is the density less a part
        return parts[-1] + integrate(parts, u)

    want = 0.0
    for x in outcomes.detach().numpy().ravel():
        density = math.exp((a - 1) * math.log(x) - x - math.lgamma(a))
        step = 1e-4 * a
        want -= (below(a + step, x) - below(a - step, x)) / (2 * step) / density
    assert slopes.item() == pytest.approx(want, rel=2e-3)


def test_vectors_of_shares_and_of_choices():
    dirichlet = D.Dirichlet(t(1.0, 2.0, 3.0))
    rl.manual_seed(0)
    outcomes = dirichlet.sample((5000,))
    np.testing.assert_allclose(outcomes.sum(-1).numpy(), 1, 1e-12)
    np.testing.assert_allclose(outcomes.mean(0).numpy(), [1 / 6, 1 / 3, 1 / 2], atol=0.01)
    np.testing.assert_allclose(outcomes.var(0).numpy(), dirichlet.variance.numpy(), atol=3e-3)
    # gamma(6) / (gamma(1) gamma(2) gamma(3)) * 0.3 * 0.5^2
    assert dirichlet.log_prob(t(0.2, 0.3, 0.5)).exp().item() == pytest.approx(60 * 0.3 * 0.25)
    multinomial = D.Multinomial(5, t(0.2, 0.3, 0.5))
    drawn = multinomial.sample((4000,))
    assert drawn.sum(-1).unique().tolist() == [5]
    np.testing.assert_allclose(drawn.mean(0).numpy(), [1, 1.5, 2.5], atol=0.06)
    # 5! / (1! 2! 2!) * 0.2 * 0.3^2 * 0.5^2
    assert multinomial.log_prob(t(1, 2, 2)).exp().item() == pytest.approx(30 * 0.2 * 0.09 * 0.25)
    one_hot = D.OneHotCategorical(t(0.2, 0.3, 0.5))
    assert one_hot.sample((7,)).sum(-1).tolist() == [1] * 7
    assert one_hot.log_prob(t(0, 1, 0)).exp().item() == pytest.approx(0.3)
    assert one_hot.enumerate_support().tolist() == np.eye(3).tolist()


def test_smooth_choices():
    rl.manual_seed(0)
    logits = t(0.3, -0.5, 1.0).requires_grad_()
    soft = D.RelaxedOneHotCategorical(0.5, logits=logits)
    outcomes = soft.rsample((4000,))
    np.testing.assert_allclose(outcomes.sum(-1).detach().numpy(), 1, 1e-9)
    chosen = F.one_hot(outcomes.argmax(-1), 3).double().mean(0)
    np.testing.assert_allclose(chosen.numpy(), logits.softmax(-1).detach().numpy(), atol=0.03)
    assert gradcheck(
        lambda x: D.RelaxedOneHotCategorical(0.5, logits=x).log_prob(outcomes[:3].detach()), logits
    )
    (slope,) = rl.autograd.grad(outcomes[:, 0].sum(), logits)
    assert slope[0].item() > 0
    hard = D.OneHotCategoricalStraightThrough(logits=logits).rsample((5,))
    assert hard.detach().sum(-1).tolist() == [1] * 5
    assert hard.requires_grad
    coin = D.RelaxedBernoulli(t(0.7), probs=t(0.3))
    x = np.linspace(1e-7, 1 - 1e-7, 400001)
    density = coin.log_prob(rl.tensor(x)).exp().numpy()
    assert integrate(density, x) == pytest.approx(1, abs=2e-3)
    assert coin.sample((4000,)).round().mean().item() == pytest.approx(0.3, abs=0.03)


PAIRS = {
    "Normal": (D.Normal(t(0.5), t(1.5)), D.Normal(t(0.0), t(2.0)), (-20, 20)),
    "Laplace": (D.Laplace(t(0.5), t(0.8)), D.Laplace(t(0.0), t(2.0)), (-25, 25)),
    "Uniform": (D.Uniform(t(0.0), t(1.0)), D.Uniform(t(-1.0), t(3.0)), (0, 1 - 1e-9)),
    "Exponential": (D.Exponential(t(1.5)), D.Exponential(t(0.5)), (0, 30)),
    "Gamma": (D.Gamma(t(2.5), t(1.5)), D.Gamma(t(2.0), t(2.0)), (1e-9, 40)),
    "Beta": (D.Beta(t(2.5), t(3.5)), D.Beta(t(2.0), t(1.5)), (1e-9, 1 - 1e-9)),
    "Gumbel": (D.Gumbel(t(0.5), t(0.8)), D.Gumbel(t(0.0), t(1.5)), (-6, 40)),
    "Pareto": (D.Pareto(t(1.2), t(5.0)), D.Pareto(t(1.0), t(3.0)), (1.2, 300)),
    "HalfNormal": (D.HalfNormal(t(1.5)), D.HalfNormal(t(0.7)), (0, 15)),
    "LogNormal": (D.LogNormal(t(0.1), t(0.5)), D.LogNormal(t(0.4), t(0.6)), (1e-9, 90)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergences(name):
    p, q, (low, high) = PAIRS[name]
    x = np.linspace(low, high, 60001)
    ours, others = (d.log_prob(rl.tensor(x)).numpy() for d in (p, q))
    weighed = np.where(np.isfinite(ours), np.exp(ours) * (ours - others), 0)
    assert D.kl_divergence(p, q).item() == pytest.approx(integrate(weighed, x), rel=1e-3)


@pytest.mark.parametrize("name", ["Bernoulli", "Binomial", "Geometric", "Poisson", "Categorical"])
def test_divergences_of_counts(name):
    p, count = COUNTS[name]
    q = {
        "Bernoulli": D.Bernoulli(t(0.6)),
        "Binomial": D.Binomial(7, t(0.5)),
        "Geometric": D.Geometric(t(0.5)),
        "Poisson": D.Poisson(t(1.5)),
        "Categorical": D.Categorical(t(1.0, 1.0, 1.0).reshape(1, 3)),
    }[name]
    k = rl.tensor(np.arange(float(count)))
    ours, others = p.log_prob(k).numpy(), q.log_prob(k).numpy()
    want = (np.exp(ours) * (ours - others)).sum()
    assert D.kl_divergence(p, q).item() == pytest.approx(want, rel=1e-6)


def test_divergences_can_be_added():
    class Own(D.Distribution):
        pass

    with pytest.raises(NotImplementedError, match="p type Own and q type Normal"):
        D.kl_divergence(Own(), D.Normal(0.0, 1.0))

    @D.register_kl(Own, D.Normal)
    def formula(p, q):
        return q.loc + 7

    assert D.kl_divergence(Own(), D.Normal(0.0, 1.0)).item() == 7
    with pytest.raises(TypeError, match="Distribution subclass"):
        D.register_kl(int, Own)
    apart = D.Normal(t(0.5, 0.1), t(1.0, 2.0)), D.Normal(t(0.0, 0.0), t(1.0, 1.0))
    joint = [D.Independent(each, 1) for each in apart]
    assert D.kl_divergence(*joint).item() == pytest.approx(D.kl_divergence(*apart).sum().item())


def test_shapes():
    normal = D.Normal(rl.zeros(3, 1), rl.ones(2))
    assert (normal.batch_shape, normal.event_shape) == ((3, 2), ())
    assert normal.sample((5, 4)).shape == (5, 4, 3, 2)
    assert normal.expand((7, 3, 2)).sample().shape == (7, 3, 2)
    assert D.Normal(0.0, 1.0).batch_shape == ()
    joint = D.Independent(normal, 1)
    assert (joint.batch_shape, joint.event_shape) == ((3,), (2,))
    assert joint.log_prob(rl.zeros(4, 3, 2)).shape == (4, 3)
    assert joint.expand((6, 3)).entropy().shape == (6, 3)
    categorical = D.Categorical(logits=rl.zeros(3, 4))
    assert categorical.sample((2,)).shape == (2, 3)
    assert categorical.log_prob(rl.zeros(2, 3).long()).shape == (2, 3)
    assert categorical.enumerate_support().shape == (4, 3)
    assert D.Dirichlet(rl.ones(3, 4)).expand((2, 3)).sample().shape == (2, 3, 4)


ERRORS = [
    (lambda: D.Normal(0.0, -1.0), "parameter scale .* constraint GreaterThan|greater_than"),
    (lambda: D.Normal("a", 1.0), "instances of Number or Tensor"),
    (lambda: D.Uniform(1.0, 0.0), "not defined when low>= high"),
    (lambda: D.Bernoulli(1.5), "parameter probs"),
    (lambda: D.Bernoulli(), "Either `probs` or `logits`"),
    (lambda: D.Categorical(probs=rl.tensor(0.5)), "at least one-dimensional"),
    (lambda: D.Bernoulli(0.5).log_prob(rl.tensor(0.3)), "within the support"),
    (lambda: D.Normal(0.0, 1.0).log_prob(1.0), "must be a Tensor"),
    (lambda: D.Dirichlet(rl.ones(3)).log_prob(rl.ones(2)), "match event_shape"),
    (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims <="),
]


@pytest.mark.parametrize(("call", "words"), ERRORS)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
    D.Normal(0.0, -1.0, validate_args=False)


def test_representations():
    assert repr(D.Normal(0.0, 1.0)) == "Normal(loc: 0.0, scale: 1.0)"
    assert repr(D.Gamma(t(1, 2), 1.0)).startswith("Gamma(concentration: rushlight.Size([2])")


def test_gamma_distribution_function():
    x = t(0.5, 1.0, 4.0)
    np.testing.assert_allclose(D.Gamma(t(1.0), t(2.0)).cdf(x).numpy(), 1 - np.exp(-2 * x.numpy()))
    np.testing.assert_allclose(D.Chi2(t(2.0)).cdf(x).numpy(), 1 - np.exp(-x.numpy() / 2))


def test_normal_vectors():
    loc, covariance = t(0.3, -1.0), rl.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=rl.float64)
    inverse = np.linalg.inv(covariance.numpy())
    forms = [
        D.MultivariateNormal(loc, covariance),
        D.MultivariateNormal(loc, precision_matrix=rl.tensor(inverse)),
        D.MultivariateNormal(loc, scale_tril=rl.tensor(np.linalg.cholesky(covariance.numpy()))),
    ]
    x = np.array([[0.0, 0.0], [1.5, -0.5]])
    apart = x - loc.numpy()
    want = -np.einsum("ni,ij,nj->n", apart, inverse, apart) / 2 - np.log(2 * np.pi)
    want -= np.log(np.linalg.det(covariance.numpy())) / 2
    for normal in forms:
        np.testing.assert_allclose(normal.log_prob(rl.tensor(x)).numpy(), want, 1e-9)
        np.testing.assert_allclose(normal.covariance_matrix.numpy(), covariance.numpy(), 1e-9)
        np.testing.assert_allclose(normal.precision_matrix.numpy(), inverse, 1e-9)
        np.testing.assert_allclose(normal.variance.numpy(), [2, 1])
    rl.manual_seed(0)
    outcomes = forms[0].rsample((20000,)).numpy()
    np.testing.assert_allclose(np.cov(outcomes.T), covariance.numpy(), atol=0.06)
    entropy = 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * covariance.numpy()))
    assert forms[0].entropy().item() == pytest.approx(entropy)
    assert forms[0].expand((3,)).sample((4,)).shape == (4, 3, 2)
    other = D.MultivariateNormal(t(0.0, 0.0), rl.eye(2, dtype=rl.float64))
    divergence = 0.5 * (3 + 0.09 + 1 - 2 - np.log(np.linalg.det(covariance.numpy())))
    assert D.kl_divergence(forms[0], other).item() == pytest.approx(divergence)


def test_gradients_of_normal_vectors():
    root = rl.tensor([[1.5, 0.0], [0.4, 0.8]], dtype=rl.float64, requires_grad=True)
    loc, x = t(0.1, 0.2).requires_grad_(), t(1.0, -1.0)

    def log_prob(loc, root):
        return D.MultivariateNormal(loc, root @ root.mT, validate_args=False).log_prob(x)

    assert gradcheck(log_prob, (loc, root))


def test_errors_of_normal_vectors():
    bad = rl.tensor([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match=r"parameter covariance_matrix .* PositiveDefinite"):
        D.MultivariateNormal(rl.zeros(2), bad)
    with pytest.raises(ValueError, match="Exactly one of"):
        D.MultivariateNormal(rl.zeros(2))
    with pytest.raises(ValueError, match="at least two-dimensional"):
        D.MultivariateNormal(rl.zeros(2), rl.ones(2))
