"""A piecewise function: Python's ``if`` for one number, ``where`` for an array.

The trace follows whichever branch is taken, so the derivative is that of the piece in which the
argument lies. The function is Huber's loss: a parabola near zero, a straight line away from it,
with a continuous derivative.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import elementwise_grad, grad


def huber(x, width=1.0):
    """Huber's function of one number, with ordinary control flow."""
    if abs(x) <= width:
        return 0.5 * x**2
    return width * (abs(x) - 0.5 * width)


def huber_array(x, width=1.0):
    """The same for every element of an array."""
    return np.where(np.abs(x) <= width, 0.5 * x**2, width * (np.abs(x) - 0.5 * width))


def power_by_squaring(x, n):
    """``x`` to the whole power ``n`` by a loop and a branch on the bits of ``n``."""
    result = 1.0
    while n:
        if n & 1:
            result = result * x
        x, n = x * x, n >> 1
    return result


def main():
    """Derivatives of the pieces."""
    for x in (-3.0, -0.5, 0.25, 2.0):
        print(f"huber({x:5}) = {huber(x):7.4f}   derivative {grad(huber)(x):7.4f}")
    x = numpy.linspace(-2.0, 2.0, 9)
    print("on an array:", elementwise_grad(huber_array)(x))
    print("d/dx x**13 at 1.1:", grad(power_by_squaring)(1.1, 13), "by hand:", 13 * 1.1**12)
    return elementwise_grad(huber_array)(x)


if __name__ == "__main__":
    main()
