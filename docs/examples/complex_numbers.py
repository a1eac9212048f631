"""Complex numbers: a holomorphic derivative, and a real loss of complex parameters.

The gradient of a real function of ``z = x + iy`` is ``du/dx - i du/dy``. To go downhill, step along
its conjugate.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad, holomorphic_grad

TARGET = numpy.array([1.0 + 2.0j, -0.5 + 0.25j, 3.0 - 1.0j])


def distance(z):
    """Squared distance to the target: real, and nowhere holomorphic except at the target."""
    return np.sum(np.abs(z - TARGET) ** 2)


def descend(steps=60, rate=0.2):
    """Steps against the conjugate of the gradient reach the target."""
    z = numpy.zeros(3, dtype=complex)
    for _ in range(steps):
        z = z - rate * numpy.conj(grad(distance)(z))
    return z


def main():
    """Print both."""
    z = 1.0 + 2.0j
    print("d/dz exp(z**2):", holomorphic_grad(lambda z: np.exp(z**2))(z), "by hand:", 2 * z * numpy.exp(z**2))
    print("gradient of |z - target|**2 at 0:", grad(distance)(numpy.zeros(3, dtype=complex)))
    reached = descend()
    print("reached:", reached)
    return reached


if __name__ == "__main__":
    main()
