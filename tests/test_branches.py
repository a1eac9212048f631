"""What is not taken has no derivative: finite and right at points where the other branch is not, in every mode.

Each function maps the elements of a vector on their own, or sums over them. `GOOD` says at which elements of `POINT` it has a
derivative, which differences confirm; at the others the derivative is zero, to second order.
"""

from __future__ import annotations

import warnings

import numpy as onp
import pytest

import autograd_clone.numpy as np
import autograd_clone.scipy.special as special
from autograd_clone import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    make_jvp_reversemode,
    value_and_grad,
    vmap,
)
from autograd_clone.engine.errors import BatchedValueError

from . import oracle

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of the branch that is not taken

POINT = onp.array([0.0, 1.5, -0.7])
POSITIVE = [1]
NONZERO = [1, 2]
UNITS = onp.eye(3)

FUNCTIONS = {
    "where of a root": (lambda x: np.where(x > 0, np.sqrt(x), 0), POSITIVE),
    "where of a power": (lambda x: np.where(x > 0, x**0.5, 0), POSITIVE),
    "where of a smooth power": (lambda x: np.where(x > 0, x**1.5, 0), POSITIVE),
    "where of an inverse": (lambda x: np.where(x > 0, x**-1.0, 0), POSITIVE),
    "where of an array of powers": (lambda x: np.where(x > 0, x ** onp.full(3, 0.5), 0), POSITIVE),
    "where of float_power": (lambda x: np.where(x > 0, np.float_power(x, 0.5), 0), POSITIVE),
    "where of x**x": (lambda x: np.where(x > 0, x**x, 0), POSITIVE),
    "where of x log(x)": (lambda x: np.where(x > 0, x * np.log(x), 0), POSITIVE),
    "where of xlogy": (lambda x: np.where(x > 0, special.xlogy(x, x), 0), POSITIVE),
    "where of gammaln": (lambda x: np.where(x > 0, special.gammaln(x), 0), POSITIVE),
    "where of sin(x) / x": (lambda x: np.where(x != 0, np.sin(x) / x, 1), NONZERO),
    "where of a quotient": (lambda x: np.where(x == 0, 1, np.expm1(x) / x), NONZERO),
    "where of arctan2": (lambda x: np.where(x != 0, np.arctan2(x, 0 * x), 0) + np.where(x != 0, x * x, 0), NONZERO),
    "where of a norm": (lambda x: np.where(x > 0, np.sqrt(np.sum(np.stack([x, x]) ** 2, axis=0)), 0), POSITIVE),
    "where in where": (lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, np.log(x) ** 2, 0)), 0), POSITIVE),
    "nested roots": (lambda x: np.where(x > 0, np.sqrt(np.sqrt(x)), 0), POSITIVE),
    "root of a where": (lambda x: np.where(x > 0, 1, 0) * np.sqrt(np.where(x > 0, x, 0)), POSITIVE),
    "root of a maximum": (lambda x: np.sqrt(np.maximum(x, -0.01) + 0.01) * (x > 0), POSITIVE),
    "root of clip": (lambda x: np.sqrt(np.clip(x, 0, None)), POSITIVE),
    "minimum of a root": (lambda x: np.where(x > 0, np.minimum(np.sqrt(x), 1.3), 0), POSITIVE),
    "product of masks": (lambda x: np.where(x > 0, np.log(x), 1) * np.where(x > 0, x**0.3, 0), POSITIVE),
    "select": (lambda x: np.select([x > 0, x < -0.5], [np.sqrt(x), np.sqrt(-x)], 0.0), NONZERO),
    "choose": (lambda x: np.choose((x > 0) * 1, [0 * x, np.sqrt(x)]), POSITIVE),
    "piecewise": (lambda x: np.piecewise(x, [x > 0], [np.log, 0.0]), POSITIVE),
    "sum over a mask": (lambda x: np.sum(np.log(x), where=x > 0), POSITIVE),
    "product over a mask": (lambda x: np.prod(np.log(x), where=x > 0), POSITIVE),
    "nansum": (lambda x: np.nansum(np.where(x > 0, np.log(x), np.nan)), POSITIVE),
    "an index": (lambda x: np.sqrt(x)[np.array([1, 1])], POSITIVE),
    "cumsum": (lambda x: np.cumsum(np.where(x > 0, 1 / x, 0)), POSITIVE),
    "sort": (lambda x: np.sort(np.where(x > 0, np.sqrt(x), 0)) ** 2, POSITIVE),
    "a matrix": (lambda x: onp.arange(9.0).reshape(3, 3) @ np.where(x > 0, np.sqrt(x), 0), POSITIVE),
    "reshape": (lambda x: np.where(x > 0, np.log(np.reshape(x, (3, 1)))[:, 0], 0), POSITIVE),
    "fft": (lambda x: np.real(np.fft.fft(np.where(x > 0, np.sqrt(x), 0))) ** 2, POSITIVE),
    "complex": (lambda x: np.abs(np.where(x > 0, np.sqrt(x + 0j), 0)), POSITIVE),
    "beside a stationary point": (lambda x: np.where(x > 0, np.sqrt(x), 0) + np.sin(x - 1.5) ** 2 * (x > 0), POSITIVE),
}
ROWS = [pytest.param(*row, id=name) for name, row in FUNCTIONS.items()]


def loss_of(f):
    return lambda x: np.sum(f(x))


def truth(f, good):
    """Gradient and Hessian, by differences in the elements that have any."""

    def part(y):
        x = POINT.copy()
        x[good] = y
        return onp.sum(f(x))

    g, h = onp.zeros(3), onp.zeros((3, 3))
    g[good] = oracle.gradient(part, POINT[good], step=0.02)
    h[onp.ix_(good, good)] = oracle.hessian(part, POINT[good], step=0.02)
    return g, h


def close(got, want, tolerance):
    onp.testing.assert_allclose(onp.asarray(got), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("f", "good"), ROWS)
def test_first_order(f, good):
    F = loss_of(f)
    want = truth(f, good)[0]
    tolerance = 1e-8
    close(grad(F)(POINT), want, tolerance)
    close(value_and_grad(F)(POINT)[1], want, tolerance)
    close([jvp(F, (POINT,), (e,))[1] for e in UNITS], want, tolerance)
    close([linearize(F, POINT)[1](e) for e in UNITS], want, tolerance)
    close([make_jvp_reversemode(F)(POINT)(e) for e in UNITS], want, tolerance)
    close(jacfwd(F)(POINT), want, tolerance)
    close(jacrev(F)(POINT), want, tolerance)
    close(onp.atleast_2d(jacfwd(f)(POINT)).sum(0), want, tolerance)
    close(onp.atleast_2d(jacrev(f)(POINT)).sum(0), want, tolerance)
    close(vmap(grad(F))(onp.stack([POINT, POINT]))[1], want, tolerance)


@pytest.mark.parametrize(("f", "good"), ROWS)
def test_second_order(f, good):
    F = loss_of(f)
    want = truth(f, good)[1]
    tolerance = 1e-5
    close(hessian(F)(POINT), want, tolerance)
    close([hvp(F, (POINT,), (v,)) for v in UNITS], want, tolerance)
    along = [lambda x, v=v: jvp(F, (x,), (v,))[1] for v in UNITS]
    close([grad(lambda x, v=v: grad(F)(x) @ v)(POINT) for v in UNITS], want, tolerance)
    close([jvp(grad(F), (POINT,), (v,))[1] for v in UNITS], want, tolerance)
    close([grad(slope)(POINT) for slope in along], want, tolerance)
    close([[jvp(slope, (POINT,), (w,))[1] for w in UNITS] for slope in along], want, tolerance)
    close(vmap(hessian(F))(onp.stack([POINT, POINT]))[0], want, tolerance)


def test_a_cotangent_that_is_zero_by_chance_keeps_its_derivative():
    """Beside a branch that is not taken, at a stationary point."""
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0)) + np.sum(np.sin(x - 2) ** 2)
    x = onp.array([0.0, 2.0])
    want = [2 * onp.cos(4.0), 2 - 0.25 * 2**-1.5]
    for h in (hessian(f)(x), jacrev(grad(f))(x), jacfwd(grad(f))(x)):
        close(h, onp.diag(want), 1e-12)


def test_slopes_that_are_infinite_stay_so():
    for f in (np.sqrt, lambda x: np.where(x >= 0, np.sqrt(x), 0), lambda x: x**0.5):
        assert grad(f)(0.0) == jvp(f, (0.0,), (1.0,))[1] == linearize(f, 0.0)[1](1.0) == onp.inf
        assert jvp(f, (0.0,), (0.0,))[1] == 0
    assert onp.isnan(jvp(lambda x: np.log(x) * 0, (-1.0,), (1.0,))[0])


def test_the_linear_map_of_a_function_with_a_singular_branch():
    """It is recorded once and serves any direction."""
    f = lambda x: np.where(x > 0, np.sqrt(x), 0)
    value, push = linearize(f, onp.array([0.0, 4.0]))
    assert value.tolist() == [0, 2]
    for v in ([1.0, 0.0], [0.0, 1.0], [2.0, -3.0]):
        close(push(onp.array(v)), [0, 0.25 * v[1]], 1e-15)


def test_nothing_is_computed_twice_where_all_is_finite():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.where(x > 0, np.sqrt(x), 0))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jvp(f, (onp.array([1.0, 2.0]),), (onp.ones(2),))
        grad(f)(onp.array([1.0, 2.0]))
    assert len(calls) == 2


def test_piecewise_of_a_batch_needs_elementwise_functions():
    f = lambda x: np.sum(np.piecewise(x, [x > 0], [lambda u: u - np.mean(u), 0.0]))
    x = onp.array([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
    close(grad(f)(x[0]), [0, 0, 0], 1e-15)
    with pytest.raises(BatchedValueError, match="one by one"):
        vmap(grad(f))(x)
