"""The covariance of a Gaussian by maximum likelihood, through ``slogdet``.

Up to constants the log likelihood per sample is ``(log det P - trace(P S)) / 2`` with ``P`` the
precision matrix and ``S`` the sample covariance. Its gradient is ``(inv(P) - S) / 2`` transposed,
which vanishes where the precision is ``inv(S)``.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad

MIXING = numpy.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.3], [0.0, 0.0, 0.7]])
SAMPLES = numpy.random.default_rng(0).normal(size=(50, 3)) @ MIXING
COVARIANCE = numpy.cov(SAMPLES.T)


def log_likelihood(precision):
    """Log likelihood per sample, without its constant."""
    _, logdet = np.linalg.slogdet(precision)
    return 0.5 * (logdet - np.trace(np.dot(precision, COVARIANCE)))


def main():
    """Compare the gradient with the formula, and see it vanish at the optimum."""
    precision = numpy.array([[2.0, 0.3, 0.0], [0.3, 1.5, -0.2], [0.0, -0.2, 1.0]])
    gradient = grad(log_likelihood)(precision)
    expected = 0.5 * (numpy.linalg.inv(precision) - COVARIANCE).T
    at_optimum = grad(log_likelihood)(numpy.linalg.inv(COVARIANCE))
    print("gradient:")
    print(gradient)
    print(f"largest error: {numpy.max(numpy.abs(gradient - expected)):.1e}")
    print(f"largest gradient at the optimum: {numpy.max(numpy.abs(at_optimum)):.1e}")
    return gradient, expected, at_optimum


if __name__ == "__main__":
    main()
