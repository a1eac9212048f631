"""Linear regression with the parameters ``[w, b]`` in a list, against the certified answer of NIST.

The gradient of a function of a list is a list of gradients, so the update reads as it would on
paper. Inputs are brought to zero mean and unit variance first, and the line is brought back
afterwards.
"""

from pathlib import Path

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad

DATA = Path(__file__).parent / "data" / "norris_ozone.csv"
CERTIFIED_SLOPE, CERTIFIED_INTERCEPT = 1.00211681802045, -0.262323073774029


def loss(params, x, y):
    """Mean squared error of the line."""
    w, b = params
    return np.mean((w * x + b - y) ** 2)


def fit(x, y, steps=100, rate=0.4, report=print):
    """Plain gradient descent from zero; returns ``[w, b]`` in the units of the data."""
    centre, scale = x.mean(), x.std()
    u = (x - centre) / scale
    params = [0.0, 0.0]
    gradient = grad(loss)
    for step in range(steps + 1):
        if step % 20 == 0:
            report(f"step {step:3d}   mean squared error {loss(params, u, y):.12f}")
        params = [p - rate * g for p, g in zip(params, gradient(params, u, y), strict=True)]
    w, b = params
    return [w / scale, b - w * centre / scale]


def main():
    """Fit the NIST data and compare."""
    x, y = numpy.loadtxt(DATA, delimiter=",", skiprows=1, unpack=True)
    w, b = fit(x, y)
    print(f"slope     {w:.14f}   certified {CERTIFIED_SLOPE:.14f}")
    print(f"intercept {b:.14f}   certified {CERTIFIED_INTERCEPT:.14f}")
    return [w, b]


if __name__ == "__main__":
    main()
