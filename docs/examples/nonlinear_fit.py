"""Nonlinear least squares by Gauss and Newton, against the certified answer of NIST.

The Jacobian of the residuals comes from ``jacobian``. The curve is ``b1 (1 - exp(-b2 x))``; the
starting point is the second of the two that NIST proposes, from which undamped steps converge.
"""

from pathlib import Path

import numpy

import autograd_clone.numpy as np
from autograd_clone import jacobian

DATA = Path(__file__).parent / "data" / "misra1a_adsorption.csv"
START = numpy.array([250.0, 0.0005])
CERTIFIED = numpy.array([2.3894212918e02, 5.5015643181e-04])


def residuals(b, x, y):
    """What the curve leaves unexplained."""
    return b[0] * (1.0 - np.exp(-b[1] * x)) - y


def fit(x, y, b=START, steps=8, report=print):
    """Each step solves the linear least squares problem that the Jacobian gives."""
    jac = jacobian(residuals)
    for step in range(steps):
        r = residuals(b, x, y)
        report(f"step {step}   sum of squares {r @ r:.13f}")
        b = b - numpy.linalg.lstsq(jac(b, x, y), r, rcond=None)[0]
    r = residuals(b, x, y)
    return b, r @ r


def main():
    """Fit and compare."""
    x, y = numpy.loadtxt(DATA, delimiter=",", skiprows=1, unpack=True)
    b, squares = fit(x, y)
    print("parameters:", b, "certified:", CERTIFIED)
    print("sum of squares:", squares, "certified: 0.12455138894")
    return b, squares


if __name__ == "__main__":
    main()
