"""Derivatives of the incomplete gamma and beta functions with respect to their parameters, to any order.

No closed form exists. With ``p(t; a)`` the density of the gamma distribution, ``gammainc(a, x)`` is its
integral from 0 to ``x``, and a derivative in ``a`` is the integral of the derivative of ``p``, which is ``p``
times a polynomial in ``log t``. Over the whole line that integral is zero, so it may be taken on either side
of ``x``; on the side of the smaller tail nothing cancels. There, as a function of ``log t``, ``p`` is
log-concave and falls from ``x`` outwards: Newton's method finds where it has fallen by ``exp(-44)``, and 48
Gauss-Legendre nodes reach rounding error. Parameters below one, where ``p`` has a long tail towards zero, are
raised by one beforehand (DLMF 8.8.5, 8.17.20, 8.17.21). The beta function is treated the same way in ``log(t
/ (1 - t))``.

Measured against 60-digit arithmetic: for the gamma function, with parameters from 1e-3 to 1e3 and both tails, the
relative error of the first derivative is at most 3e-13, and the absolute error of the second at most 6e-14. For the
beta function, with parameters from 0.01 to 200, the absolute errors are at most 4e-14 and 2e-12. The relative error
grows to 1e-9 in far tails (values of 1e-60) of a parameter near zero, where the raised parameter costs digits.

What is differentiated are two families, closed under differentiation:

* ``gammainc_da(a, x, order)`` and ``betainc_dab(a, b, x, orders)``: derivatives of the functions themselves
* ``gamma_kernel`` and ``beta_kernel``: derivatives of the densities, in ``x`` as well
"""

from __future__ import annotations

from math import factorial, inf, pi

import numpy as np
from scipy import special as sc

from ..engine.define import elementwise
from ..engine.primitive import Primitive
from .special_quadrature import (
    DEPTH,
    NODES,
    WEIGHTS,
    bell_polynomials,
    common_dtype,
    digamma_rest,
    digamma_step,
    farther_end,
    in_blocks,
    log_ratio,
    product_or_zero,
    real_polygamma,
    stirling_rest,
    times_falling,
)
from .special_tools import fraction


def _all_small(a, bound):
    """Whether parameters are such that densities need no care."""
    return _all_between(a, 0, bound)


def _all_between(x, low, high):
    """Whether all of `x` lies strictly between two numbers."""
    return np.size(x) > 0 and low < np.min(x) and np.max(x) < high


# ---- incomplete gamma function ----------------------------------------------------------------------------


def _gamma_slopes(log_minus_psi, a1, n):
    """Derivatives in ``a`` of ``a s - exp(s) - gammaln(a1)``, of which the first is given."""
    return {(k, 0): log_minus_psi if k == 1 else -real_polygamma(k - 1, a1) for k in range(1, n + 1)}


def _gamma_point(a, x):
    """``x**a exp(-x) / gamma(a + 1)``."""
    direct = np.exp(sc.xlogy(a, x) - x - sc.gammaln(a + 1))
    low = a < 10
    if low.all():
        return direct
    exponent = a * ((x - a) / a - log_ratio(x, a, x - a))
    large = np.exp(-exponent - stirling_rest(a)) / np.sqrt(2 * pi * a)
    return np.where(low, direct, large)


def _log_minus_psi(a, x):
    """``log(x) - psi(a + 1)``."""
    large = log_ratio(x, a, x - a) - digamma_rest(np.maximum(a, 15.0)) - 1 / a
    return np.where(a < 15, np.log(x) - sc.psi(a + 1), large)


def _gamma_end(a, x, sign):
    """How far the integrand reaches from ``log x``, downwards or upwards (`sign`)."""
    rate = np.abs(x - a)
    guess = 2 * DEPTH / (rate + np.sqrt(rate * rate + x * DEPTH))
    upwards = np.minimum(guess, np.log1p((DEPTH + a * guess) / x))
    sure = np.where(sign < 0, (DEPTH + x) / a, np.log1p((2 * DEPTH + 4 * a) / x) + 3)
    return farther_end(
        lambda v: x * np.expm1(sign * v) - a * sign * v,
        lambda v: np.abs(x * np.exp(sign * v) - a),
        np.where(sign < 0, guess, upwards),
        sure,
    )


def _gamma_tail(a, x, n):
    """The integral of the n-th derivative of the density, from the nearer end up to ``x``."""
    sign = np.where(np.log(x) < sc.psi(a), -1.0, 1.0)
    end = _gamma_end(a, x, sign)
    v = NODES[:, None] * end
    d = sign * v
    bell = bell_polynomials(_gamma_slopes(_log_minus_psi(a, x) + d, a + 1, n), n, 0)
    integrand = np.exp(a * d - x * np.expm1(d)) * times_falling(bell, a, -1, n)
    return -sign * _gamma_point(a, x) * end * (WEIGHTS @ integrand)


def _gammainc_da(a, x, n):
    inside = (a >= 0) & (x > 0) & (x < np.inf) & (a < np.inf)
    nan = np.isnan(a) | np.isnan(x) | (a < 0) | (x < 0)
    a, x = np.where(inside, a, 1.0), np.where(inside, x, 1.0)
    raised = (a < 1) & (x < 1)
    out = _gamma_tail(np.where(raised, a + 1, a), x, n)
    if raised.any():
        step = (
            _gamma_point(a, x)
            * bell_polynomials(_gamma_slopes(np.log(x) - sc.psi(a + 1), a + 1, n), n, 0)[n, 0]
        )
        out = out + np.where(raised, step, 0)
    return np.where(inside, out, np.where(nan, np.nan, 0))


def gammainc_da(a, x, *, order=1):
    """The derivative of ``gammainc(a, x)`` of the given order in ``a``; zero at ``x = 0`` and at infinity."""
    return in_blocks(lambda a, x: _gammainc_da(a, x, order), a, x)


def _gamma_kernel(a, x, i, n):
    low = (a < 10) | (x == 0)
    direct = np.exp(sc.xlogy(a - 1 - i, x) - x - sc.gammaln(a))
    value = direct if low.all() else np.where(low, direct, _gamma_point(a, x) * a / x ** (1 + i))
    if i or n:
        slopes = _gamma_slopes(_log_minus_psi(a, x) + 1 / a, a, n)
        value = product_or_zero(value, times_falling(bell_polynomials(slopes, n, 0), a, i, n))
    return np.where((a > 0) & (x >= 0), np.where((x < inf) & (a < inf), value, 0.0), np.nan)


def gamma_kernel(a, x, *, falls=0, order=0):
    """The derivative of the given order in ``a`` of ``(a-1) ... (a-falls) x**(a-1-falls) exp(-x) /
    gamma(a)``.

    With ``falls = 0`` that is the density of the gamma distribution; its derivative in ``x`` is the
    difference of two kernels, with one more fall and with as many.
    """
    if falls == order == 0 and _all_small(a, 10) and _all_between(x, 0, inf):
        return np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a)).astype(common_dtype(a, x))
    kernel = in_blocks(lambda a, x: _gamma_kernel(a, x, falls, order), a, x)
    point = np.equal(a, 0) & np.greater(x, 0)  # with parameter zero, the distribution is a point at zero
    if order > 1 or not np.any(point):
        return kernel
    # 1 / gamma(a) is zero there, and its derivative one.
    at_zero = (-1) ** falls * factorial(falls) * np.exp(-np.where(point, x, 1.0)) / np.where(point, x, 1.0) ** (1 + falls) if order else 0
    return np.where(point, np.asarray(at_zero, kernel.dtype), kernel)


# ---- incomplete beta function -----------------------------------------------------------------------------


def _beta_slopes(first_a, first_b, a1, b1, c, m, n):
    """Derivatives of ``a log t + b log(1 - t) + gammaln(c) - gammaln(a1) - gammaln(b1)``, ``c = a + b``."""
    slopes = {}
    for i in range(m + 1):
        for j in range(n + 1):
            if i + j > 1:
                own = real_polygamma(i - 1, a1) if j == 0 else real_polygamma(j - 1, b1) if i == 0 else 0.0
                slopes[i, j] = real_polygamma(i + j - 1, c) - own
    slopes[1, 0], slopes[0, 1] = first_a, first_b
    return slopes


def _beta_point(a, b, x, y):
    """``x**a y**b gamma(a + b) / (gamma(a + 1) gamma(b + 1))``, where ``y = 1 - x``."""
    c = a + b
    direct = np.exp(sc.xlogy(a, x) + sc.xlogy(b, y) + sc.gammaln(c) - sc.gammaln(a + 1) - sc.gammaln(b + 1))
    low = c < 10
    if low.all():
        return direct
    difference = _mean_excess(a, b, x, y)
    exponent = a * log_ratio(x, a / c, difference) + b * log_ratio(y, b / c, -difference)
    rest = stirling_rest(c) - stirling_rest(a) - stirling_rest(b)
    large = np.exp(exponent + rest) / np.sqrt(2 * pi * a * b * c)
    return np.where(low, direct, large)


def _mean_excess(a, b, x, y):
    """``x - a / (a + b)``, from whichever of x and y is the smaller."""
    c = a + b
    return np.where(x <= y, x - a / c, b / c - y)


def _beta_first(a, b, x, y):
    """``log x - psi(a) + psi(a + b)``, and the same for ``y`` and ``b``."""
    return np.log(x) + digamma_step(a, b), log_ratio(y, 1.0, -x) + digamma_step(b, a)


def _beta_end(c, total, z):
    """How far the integrand reaches; ``c`` is the power at the end from which ``z`` is the distance."""
    rate = c - total * z
    width = 0.25 * total * z * (1 - z)
    guess = 2 * DEPTH / (np.abs(rate) + np.sqrt(rate * rate + 4 * DEPTH * width))
    return farther_end(
        lambda v: c * v + total * np.log1p(z * np.expm1(-v)),
        lambda v: np.maximum(c - total * z * np.exp(-v) / (1 + z * np.expm1(-v)), 1e-3 * c),
        guess,
        (DEPTH - total * np.log1p(-z)) / c,
    )


def _beta_tail(a, b, x, y, m, n):
    """The integral of the (m, n)-th derivative of the density, from the nearer end up to ``x``."""
    lower = x * b < a * y
    c, z = np.where(lower, a, b), np.where(lower, x, y)
    end = _beta_end(c, a + b, z)
    v = NODES[:, None] * end
    w = np.log1p(z * np.expm1(-v))
    first_a, first_b = _beta_first(a, b, x, y)
    first_a, first_b = (
        first_a - 1 / a - w - np.where(lower, v, 0),
        first_b - 1 / b - w - np.where(lower, 0, v),
    )
    bell = bell_polynomials(_beta_slopes(first_a, first_b, a + 1, b + 1, a + b, m, n), m, n)
    integrand = np.exp(-c * v - (a + b) * w) * times_falling(bell, a, -1, m, b, -1, n)
    return np.where(lower, 1, -1) * _beta_point(a, b, x, y) * end * (WEIGHTS @ integrand)


def _beta_step(a, b, x, y, m, n, by_b):
    """The (m, n)-th derivative of the step of the recurrence in ``a`` or in ``b``."""
    first_a, first_b = _beta_first(a, b, x, y)
    bell = bell_polynomials(_beta_slopes(first_a - 1 / a, first_b - 1 / b, a + 1, b + 1, a + b, m, n), m, n)
    if by_b:
        return -_beta_point(a, b, x, y) * times_falling(bell, a, -1, m, b, 0, n)
    return _beta_point(a, b, x, y) * times_falling(bell, a, 0, m, b, -1, n)


def _betainc_dab(a, b, x, m, n):
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1) & (a < np.inf) & (b < np.inf)
    edge = (a > 0) & (b > 0) & ((x == 0) | (x == 1))
    a, b, x = (np.where(inside, z, 0.5) for z in (a, b, x))
    y = 1 - x
    raise_a, raise_b = (a < 1) & (x < 0.5), (b < 1) & (x >= 0.5)
    out = _beta_tail(np.where(raise_a, a + 1, a), np.where(raise_b, b + 1, b), x, y, m, n)
    for raised, by_b in ((raise_a, False), (raise_b, True)):
        if raised.any():
            out = out + np.where(raised, _beta_step(a, b, x, y, m, n, by_b), 0)
    return np.where(inside, out, np.where(edge, 0, np.nan))


def betainc_dab(a, b, x, *, orders=(1, 0)):
    """The derivative of ``betainc(a, b, x)`` of the given orders in ``a`` and ``b``; zero at x = 0 and 1."""
    return in_blocks(lambda a, b, x: _betainc_dab(a, b, x, *orders), a, b, x)


def _beta_kernel(a, b, x, falls, orders):
    (i, j), (m, n), y = falls, orders, 1 - x
    low = (a + b < 10) | (x == 0) | (x == 1)
    direct = np.exp(sc.xlogy(a - 1 - i, x) + sc.xlog1py(b - 1 - j, -x) - sc.betaln(a, b))
    value = (
        direct
        if low.all()
        else np.where(low, direct, _beta_point(a, b, x, y) * a * b / (x ** (1 + i) * y ** (1 + j)))
    )
    if i or j or m or n:
        first_a, first_b = _beta_first(a, b, x, y)
        bell = bell_polynomials(_beta_slopes(first_a, first_b, a, b, a + b, m, n), m, n)
        value = product_or_zero(value, times_falling(bell, a, i, m, b, j, n))
    value = np.where((a > 0) & (b > 0) & (x >= 0) & (x <= 1), value, np.nan)
    if m == n == 0:  # with one parameter zero, the distribution is a point at an end
        return np.where(((a == 0) & (b > 0) | (a > 0) & (b == 0)) & (x > 0) & (x < 1), 0.0, value)
    return value


def beta_kernel(a, b, x, *, falls=(0, 0), orders=(0, 0)):
    """As `gamma_kernel`, for ``x**(a-1) (1-x)**(b-1) / beta(a, b)``."""
    if falls == orders == (0, 0) and _all_small(a, 5) and _all_small(b, 5) and _all_between(x, 0, 1):
        density = np.exp(sc.xlogy(a - 1, x) + sc.xlog1py(b - 1, -x) - sc.betaln(a, b))
        return density.astype(common_dtype(a, b, x))
    return in_blocks(lambda a, b, x: _beta_kernel(a, b, x, falls, orders), a, b, x)


# ---- records ----------------------------------------------------------------------------------------------


def _gamma_samples(**keywords):
    def samples(s):
        rows = [
            (s.positive(3, 4), s.positive(4)),
            (s.positive(), s.positive()),
            (5 * s.positive(3), 5 * s.positive(2, 1)),
            (s.positive(0), s.positive()),
        ]
        return [s(*row, **kw) for row in rows for kw in ({}, keywords)]

    return {"samples": samples, "complex": False}


def _beta_samples(**keywords):
    def samples(s):
        rows = [
            (s.positive(3), s.positive(2, 1), fraction(s, 3)),
            (s.positive(), 20 * s.positive(), fraction(s)),
            (s.positive(0), s.positive(), fraction(s, 1)),
        ]
        return [s(*row, **kw) for row in rows for kw in ({}, keywords)]

    return {"samples": samples, "complex": False}


def _raised(pair, k):
    """`pair` with its k-th number raised by one."""
    return (pair[0] + 1, pair[1]) if k == 0 else (pair[0], pair[1] + 1)


GAMMA_KERNEL: Primitive = elementwise(
    gamma_kernel,
    a=lambda g, a, x, falls, order: g * GAMMA_KERNEL(a, x, falls=falls, order=order + 1),
    x=lambda g, a, x, falls, order: (
        g * (GAMMA_KERNEL(a, x, falls=falls + 1, order=order) - GAMMA_KERNEL(a, x, falls=falls, order=order))
    ),
    options=_gamma_samples(falls=1, order=1),
)
GAMMAINC_DA: Primitive = elementwise(
    gammainc_da,
    a=lambda g, a, x, order: g * GAMMAINC_DA(a, x, order=order + 1),
    x=lambda g, a, x, order: g * GAMMA_KERNEL(a, x, order=order),
    options=_gamma_samples(order=2),
)
BETA_KERNEL: Primitive = elementwise(
    beta_kernel,
    a=lambda g, a, b, x, falls, orders: g * BETA_KERNEL(a, b, x, falls=falls, orders=_raised(orders, 0)),
    b=lambda g, a, b, x, falls, orders: g * BETA_KERNEL(a, b, x, falls=falls, orders=_raised(orders, 1)),
    x=lambda g, a, b, x, falls, orders: (
        g
        * (
            BETA_KERNEL(a, b, x, falls=_raised(falls, 0), orders=orders)
            - BETA_KERNEL(a, b, x, falls=_raised(falls, 1), orders=orders)
        )
    ),
    options=_beta_samples(falls=(1, 0), orders=(1, 1)),
)
BETAINC_DAB: Primitive = elementwise(
    betainc_dab,
    a=lambda g, a, b, x, orders: g * BETAINC_DAB(a, b, x, orders=_raised(orders, 0)),
    b=lambda g, a, b, x, orders: g * BETAINC_DAB(a, b, x, orders=_raised(orders, 1)),
    x=lambda g, a, b, x, orders: g * BETA_KERNEL(a, b, x, orders=orders),
    options=_beta_samples(orders=(1, 1)),
)
