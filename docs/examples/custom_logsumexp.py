"""A primitive of your own: ``logsumexp`` with its derivative by hand, to the second order.

A function is made opaque with ``primitive`` and given its vector-Jacobian product with ``defvjp``.
The rule is itself differentiable code, so the Hessian comes for nothing.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad, hessian
from autograd_clone.extend import defvjp, primitive


@primitive
def logsumexp(x):
    """``log(sum(exp(x)))``, computed so that it does not overflow."""
    largest = np.max(x)
    return largest + np.log(np.sum(np.exp(x - largest)))


def logsumexp_vjp(ans, x):
    """The derivative is the softmax: ``exp(x - logsumexp(x))``."""
    return lambda g: np.full(x.shape, g) * np.exp(x - np.full(x.shape, ans))


defvjp(logsumexp, logsumexp_vjp)


def main():
    """Gradient and Hessian against the formulas ``p`` and ``diag(p) - p p'``."""
    y = numpy.array([1000.0, 1001.0, 999.5, 1000.25])  # the naive formula overflows here
    p = numpy.exp(y - y.max())
    p = p / p.sum()
    gradient = grad(logsumexp)(y)
    curvature = hessian(logsumexp)(y)
    print("gradient:", gradient)
    print("Hessian:")
    print(curvature)
    expected = numpy.diag(p) - numpy.outer(p, p)
    print(f"largest error of the gradient: {numpy.max(numpy.abs(gradient - p)):.1e}")
    print(f"largest error of the Hessian:  {numpy.max(numpy.abs(curvature - expected)):.1e}")
    return gradient, curvature, p


if __name__ == "__main__":
    main()
