"""Fit a risk model to the O-rings of the space shuttle, and say how sure it is.

The night before its last flight the engineers of the Challenger argued about the cold: 31 degrees
Fahrenheit were forecast, 22 below the coldest launch so far. The data are those 23 earlier launches
(see ``data/README.md``). The model is a logistic regression of thermal distress on temperature.

Three derivatives do the work: ``value_and_grad`` drives the descent, ``hessian`` at the optimum
gives the standard errors, and ``jacobian`` of the predicted curve carries them over to a confidence
band (the delta method).

Run it with ``python fit_model.py``; it prints the loss as it falls and, if Matplotlib is installed,
saves ``fit_model.png`` in the current folder.
"""

from pathlib import Path

import numpy

import autograd_clone.numpy as np
from autograd_clone import hessian, jacobian, value_and_grad

DATA = Path(__file__).parent / "data" / "challenger_orings.csv"
CENTRE, SCALE = 70.0, 7.0  # the descent counts temperatures from 70 degrees in units of 7


def load():
    """Temperatures in degrees Fahrenheit, and 1.0 where an O-ring was in distress."""
    table = numpy.loadtxt(DATA, delimiter=",", skiprows=1, usecols=(1, 2))
    return table[:, 0], table[:, 1]


def log_odds(params, temperature):
    """Log odds of distress: a straight line in the temperature."""
    return params["intercept"] + params["slope"] * (temperature - CENTRE) / SCALE


def loss(params, temperature, distress):
    """Negative log likelihood; ``logaddexp(0, z)`` is ``log(1 + exp(z))`` that does not overflow."""
    z = log_odds(params, temperature)
    return np.sum(np.logaddexp(0.0, z) - distress * z)


def fit(temperature, distress, steps=200, rate=0.05, report=print):
    """Gradient descent from zero. The gradient of a function of a dictionary is a dictionary."""
    params = {"intercept": 0.0, "slope": 0.0}
    loss_and_grad = value_and_grad(loss)
    for step in range(steps + 1):
        value, gradient = loss_and_grad(params, temperature, distress)
        if step % 20 == 0:
            report(f"step {step:4d}   loss {value:.9f}")
        params = {name: params[name] - rate * gradient[name] for name in params}
    return params


def covariance(params, temperature, distress):
    """Inverse of the Hessian of the loss: the covariance of the estimates, for many observations."""

    def loss_of_vector(v):
        return loss({"intercept": v[0], "slope": v[1]}, temperature, distress)

    return numpy.linalg.inv(hessian(loss_of_vector)(as_vector(params)))


def as_vector(params):
    """The two parameters as one array, for the derivatives that are matrices."""
    return numpy.array([params["intercept"], params["slope"]])


def band(params, cov, temperature):
    """Risk at the given temperatures, with the ends of its 95 % interval."""

    def curve(v):
        return log_odds({"intercept": v[0], "slope": v[1]}, temperature)

    v = as_vector(params)
    j = jacobian(curve)(v)
    z, width = curve(v), 1.96 * numpy.sqrt(numpy.einsum("ti,ij,tj->t", j, cov, j))
    return tuple(1.0 / (1.0 + numpy.exp(-u)) for u in (z, z - width, z + width))


def in_degrees(params, cov):
    """Intercept and slope per degree Fahrenheit, with their standard errors."""
    to_degrees = numpy.array([[1.0, -CENTRE / SCALE], [0.0, 1.0 / SCALE]])
    estimate = to_degrees @ as_vector(params)
    errors = numpy.sqrt(numpy.diag(to_degrees @ cov @ to_degrees.T))
    return estimate, errors


def plot(params, cov, temperature, distress, path="fit_model.png"):
    """Draw data, curve and band; return the path, or None without Matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    grid = numpy.linspace(29.0, 83.0, 200)
    risk, low, high = band(params, cov, grid)
    figure, axes = plt.subplots(figsize=(7.0, 4.0))
    axes.fill_between(grid, low, high, alpha=0.25, label="95 % interval")
    axes.plot(grid, risk, label="fitted risk")
    axes.plot(temperature, distress, "k|", markersize=12, label="23 launches")
    axes.axvline(31.0, color="tab:red", linestyle=":", label="31 degrees, the last launch")
    axes.set(xlabel="temperature at the launch, degrees Fahrenheit", ylabel="probability of thermal distress")
    axes.legend(loc="center right")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
    return path


def main():
    """Fit, report, draw."""
    temperature, distress = load()
    params = fit(temperature, distress)
    cov = covariance(params, temperature, distress)
    (intercept, slope), (intercept_error, slope_error) = in_degrees(params, cov)
    print(f"intercept {intercept:8.4f}   standard error {intercept_error:.4f}")
    print(f"slope     {slope:8.4f}   standard error {slope_error:.4f}   (log odds per degree)")
    for degrees in (31.0, 53.0, 70.0):
        risk, low, high = (float(p[0]) for p in band(params, cov, numpy.array([degrees])))
        print(f"at {degrees:.0f} degrees the risk is {risk:.3f}, 95 % interval {low:.3f} to {high:.3f}")
    path = plot(params, cov, temperature, distress)
    print(f"saved {path}" if path else "Matplotlib is not installed: no plot")
    return (intercept, slope), (intercept_error, slope_error)


if __name__ == "__main__":
    main()
