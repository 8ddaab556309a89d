"""Probability distributions, as `torch.distributions` has them.

>>> import rushlight as rl
>>> from rushlight.distributions import Normal
>>> mean = rl.zeros(2, requires_grad=True)
>>> Normal(mean, 1.0).log_prob(rl.tensor([1.0, 3.0])).sum().backward()
>>> mean.grad
tensor([1., 3.])
"""

from __future__ import annotations

from rushlight.distributions import constraints, kl, transforms
from rushlight.distributions.choices import Categorical, Multinomial, OneHotCategorical
from rushlight.distributions.composed import (
    Independent,
    LogNormal,
    MixtureSameFamily,
    TransformedDistribution,
)
from rushlight.distributions.continuous import (
    Cauchy,
    Exponential,
    Gumbel,
    HalfNormal,
    Laplace,
    Normal,
    Uniform,
    VonMises,
)
from rushlight.distributions.discrete import (
    Bernoulli,
    Binomial,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from rushlight.distributions.distribution import Distribution
from rushlight.distributions.gamma import Beta, Chi2, Dirichlet, FisherSnedecor, Gamma, StudentT
from rushlight.distributions.kl import kl_divergence, register_kl
from rushlight.distributions.multivariate import MultivariateNormal
from rushlight.distributions.relaxed import (
    LogitRelaxedBernoulli,
    OneHotCategoricalStraightThrough,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
)
from rushlight.distributions.shares import Kumaraswamy, LogisticNormal
from rushlight.distributions.tailed import HalfCauchy, InverseGamma, Pareto, Weibull
from rushlight.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PowerTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
