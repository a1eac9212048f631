"""Probability distributions, differentiable with respect to the point and to all parameters.

Each module stands for the distribution of the same name in `scipy.stats` and has its functions, with its
signatures; those without a derivative, such as ``rvs``, are SciPy's.

Examples
--------
>>> from autograd_clone import grad
>>> from autograd_clone.scipy.stats import gamma, norm
>>> grad(norm.logpdf)(1.0)
np.float64(-1.0)
>>> print(f"{grad(gamma.cdf, 1)(2.0, 1.5):.9f}")
-0.277433564
"""

from . import (
    bernoulli,
    beta,
    binom,
    cauchy,
    chi2,
    dirichlet,
    expon,
    gamma,
    laplace,
    logistic,
    lognorm,
    multivariate_normal,
    nbinom,
    norm,
    poisson,
    t,
    uniform,
)

__all__ = [
    "bernoulli",
    "beta",
    "binom",
    "cauchy",
    "chi2",
    "dirichlet",
    "expon",
    "gamma",
    "laplace",
    "logistic",
    "lognorm",
    "multivariate_normal",
    "nbinom",
    "norm",
    "poisson",
    "t",
    "uniform",
]
