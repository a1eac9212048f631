"""The first four derivatives of tanh, by nesting ``elementwise_grad`` four times.

Nothing in the function is written for derivatives: it is the definition of tanh.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import elementwise_grad


def tanh(x):
    """The hyperbolic tangent from its definition."""
    y = np.exp(-2.0 * x)
    return (1.0 - y) / (1.0 + y)


def derivatives(x, order=4):
    """Tanh and its derivatives up to the order, at every element of x."""
    f, curves = tanh, [tanh(x)]
    for _ in range(order):
        f = elementwise_grad(f)
        curves.append(f(x))
    return curves


def exact(x):
    """The same from the polynomials in ``t = tanh(x)`` that hand calculation gives."""
    t = numpy.tanh(x)
    s = 1 - t**2
    return [t, s, -2 * t * s, s * (6 * t**2 - 2), s * t * (16 - 24 * t**2)]


def plot(x, curves, path="tanh_derivatives.png"):
    """Draw the curves; return the path, or None without Matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.0, 4.0))
    for order, curve in enumerate(curves):
        axes.plot(x, curve, label="tanh" if order == 0 else f"derivative {order}")
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
    return path


def main():
    """Compute, compare with the polynomials, draw."""
    x = numpy.linspace(-10.0, 10.0, 100)
    curves = derivatives(x)
    for order, (curve, expected) in enumerate(zip(curves, exact(x), strict=True)):
        print(f"derivative {order}: largest error {numpy.max(numpy.abs(curve - expected)):.1e}")
    path = plot(x, curves)
    print(f"saved {path}" if path else "Matplotlib is not installed: no plot")
    return x, curves


if __name__ == "__main__":
    main()
