"""Distribution functions of `scipy.special`: binomial, Poisson, gamma, chi-square, F and Student's t.

Counts (``k``) are rounded down, so that derivatives with respect to them are zero; numbers of trials are not
rounded and have no rule.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from scipy import special as sc

from ..engine.define import at_singular_points, elementwise
from ..engine.primitive import Primitive
from .special_gamma import POLYGAMMA
from .special_incomplete import BETA_KERNEL, GAMMA_KERNEL, betainc_dab
from .special_quadrature import bell_polynomials, common_dtype
from .special_tools import composite_ufunc, fraction, times, without_rule

# ---- discrete ---------------------------------------------------------------------------------------------


def _binomial_slope(k, n, p):
    """-d/dp of the distribution function; zero from k = n on, where it is one."""
    k = np.floor(k)
    below = k < n
    return np.where(below, BETA_KERNEL(k + 1.0, np.where(below, n - k, 1.0), p), 0.0)


def _trials(s):
    return [
        s(2, 5, fraction(s, 3, 4)),
        s(np.array([0, 1, 4]), 4, fraction(s, 2, 1)),
        s(1, 3, fraction(s)),
        s(1, 2, fraction(s, 0)),
    ]


def _trials_and_half(s):
    # In single precision, SciPy warns of every call.
    return (
        [] if s.dtype == np.float32 else [*_trials(s), s(np.array([0.5, 1.5], s.dtype), 4, fraction(s, 3, 1))]
    )


def _counts(s):
    return [
        s(2, s.positive(3, 4)),
        s(np.array([0, 1, 4]), s.positive(2, 1)),
        s(1, s.positive()),
        s(3, s.positive(0)),
        s(s.dtype.type(2.5), s.positive()[()]),
    ]


without_rule(
    elementwise(
        sc.bdtr,
        k=None,
        n=None,
        p=lambda g, k, n, p: times(-g, _binomial_slope(k, n, p)),
        options={"samples": _trials_and_half},
    ),
    1,
)
without_rule(
    elementwise(
        sc.bdtrc,
        k=None,
        n=None,
        p=lambda g, k, n, p: times(g, _binomial_slope(k, n, p)),
        options={"samples": _trials_and_half},
    ),
    1,
)
without_rule(
    elementwise(
        sc.nbdtr,
        k=None,
        n=None,
        p=lambda g, k, n, p: times(g, BETA_KERNEL(n, np.floor(k) + 1.0, p)),
        options={"samples": _trials},
    ),
    1,
)
without_rule(
    elementwise(
        sc.nbdtrc,
        k=None,
        n=None,
        p=lambda g, k, n, p: times(-g, BETA_KERNEL(n, np.floor(k) + 1.0, p)),
        options={"samples": _trials},
    ),
    1,
)
elementwise(
    sc.pdtr,
    k=None,
    m=lambda g, k, m: times(-g, GAMMA_KERNEL(np.floor(k) + 1.0, m)),
    options={"samples": _counts},
)
elementwise(
    sc.pdtrc,
    k=None,
    m=lambda g, k, m: times(g, GAMMA_KERNEL(np.floor(k) + 1.0, m)),
    options={"samples": _counts},
)

# ---- gamma, chi-square, F: incomplete gamma and beta functions by another name ----------------------------


def _two(s):
    return [
        s(s.positive(3, 4), s.positive(4)),
        s(3 * s.positive(), s.positive()),
        s(s.positive(3), s.positive(2, 1)),
        s(s.positive(0), s.positive()),
        s(2, s.positive()),
    ]


def _three(s):
    return [
        s(s.positive(3), s.positive(2, 1), s.positive(3)),
        s(s.positive(), 3 * s.positive(), s.positive()),
        s(2, 3, s.positive(3)),
        s(s.positive(0), s.positive(), s.positive()),
    ]


def _two_and_fraction(s):
    return [
        s(s.positive(3), s.positive(2, 1), fraction(s, 3)),
        s(s.positive(), 2.5, fraction(s)),
        s(3, s.positive(0), 0.3),
    ]


def _one_and_fraction(s):
    return [
        s(s.positive(3, 1), fraction(s, 2)),
        s(s.positive(), fraction(s)),
        s(3, fraction(s, 2)),
        s(s.positive(0), 0.3),
    ]


@composite_ufunc(sc.chdtr, _two)
def _chdtr(v, x, /, **kwargs):
    return sc.gammainc(0.5 * v, 0.5 * x, **kwargs)


@composite_ufunc(sc.chdtrc, _two)
def _chdtrc(v, x, /, **kwargs):
    return sc.gammaincc(0.5 * v, 0.5 * x, **kwargs)


@composite_ufunc(sc.chdtri, _one_and_fraction)
def _chdtri(v, p, /, **kwargs):
    return np.multiply(2.0, sc.gammainccinv(0.5 * v, p), **kwargs)


@composite_ufunc(sc.gdtr, _three)
def _gdtr(a, b, x, /, **kwargs):
    return sc.gammainc(b, a * x, **kwargs)


@composite_ufunc(sc.gdtrc, _three)
def _gdtrc(a, b, x, /, **kwargs):
    return sc.gammaincc(b, a * x, **kwargs)


@composite_ufunc(sc.gdtrix, _two_and_fraction)
def _gdtrix(a, b, p, /, **kwargs):
    return np.true_divide(sc.gammaincinv(b, p), a, **kwargs)


@composite_ufunc(sc.fdtr, _three)
def _fdtr(dfn, dfd, x, /, **kwargs):
    total = dfd + dfn * x
    lower, upper = sc.betainc(0.5 * dfn, 0.5 * dfd, dfn * x / total, **kwargs), sc.betaincc(0.5 * dfd, 0.5 * dfn, dfd / total, **kwargs)
    return np.where(dfn * x < dfd, lower, upper)  # whichever argument is not rounded to one


@composite_ufunc(sc.fdtrc, _three)
def _fdtrc(dfn, dfd, x, /, **kwargs):
    return sc.betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x), **kwargs)


@composite_ufunc(sc.fdtri, _two_and_fraction)
def _fdtri(dfn, dfd, p, /, **kwargs):
    lower, upper = sc.betaincinv(0.5 * dfn, 0.5 * dfd, p), sc.betainccinv(0.5 * dfd, 0.5 * dfn, p)  # their sum is one
    return np.true_divide(dfd * lower, dfn * upper, **kwargs)


# ---- Student's t ------------------------------------------------------------------------------------------
# With a = df / 2 and u = t / sqrt(df), the distribution function is a function F(a, u), regular at u = 0,
# whose derivatives in a come from the incomplete beta function.


def student_da(a, u, *, order=1):
    """The derivative of F of the given order in ``a``, as a function of ``a`` and ``u``."""
    square = u * u
    small = square < 1
    y, x = np.where(small, square / (1 + square), 0.5), np.where(small, 0.5, 1 / (1 + square))
    center, tail = betainc_dab(0.5, a, y, orders=(0, order)), betainc_dab(a, 0.5, x, orders=(order, 0))
    return (0.5 * np.sign(u) * np.where(small, center, -tail))[()].astype(common_dtype(a, u))


def _student_kernel(a, u, order):
    """The derivative of `student_da` in ``u``: a derivative in ``a`` of the density."""
    l = np.log1p(u * u)
    slopes = {(1, 0): sc.psi(a + 0.5) - sc.psi(a) - l}
    slopes |= {(k, 0): POLYGAMMA(a + 0.5, n=k - 1) - POLYGAMMA(a, n=k - 1) for k in range(2, order + 1)}
    return np.exp(-(a + 0.5) * l - sc.betaln(a, 0.5)) * bell_polynomials(slopes, order, 0)[order, 0]


STUDENT_DA: Primitive = elementwise(
    student_da,
    a=lambda g, a, u, order: times(g, STUDENT_DA(a, u, order=order + 1)),
    u=lambda g, a, u, order: times(g, _student_kernel(a, u, order)),
    options={
        "complex": False,
        "samples": lambda s: [
            s(s.positive(3, 4), s.array(4)),
            s(s.positive(), s.array()),
            s(s.positive(2), s.array(3, 1), order=2),
            s(s.positive(0), s.array()),
        ],
    },
)


def _student_density(df, t):
    return np.exp(-0.5 * (df + 1) * np.log1p(t * t / df) - sc.betaln(0.5 * df, 0.5)) / np.sqrt(df)


def _student_df(df, t):
    return 0.5 * STUDENT_DA(0.5 * df, t / np.sqrt(df)) - 0.5 * t / df * _student_density(df, t)


def _density_with_limits(df, t):
    """The normal density for an infinite number of degrees of freedom; zero at infinity."""
    normal, far = df == np.inf, np.isinf(t)
    t = np.where(far, 0, t)
    own = _student_density(np.where(normal, 1, df), t)
    return np.where(far, 0, np.where(normal, np.exp(-0.5 * t * t) / sqrt(2 * pi), own))


def _df_with_limits(df, t):
    constant = (df == np.inf) | np.isinf(t)
    return np.where(constant, 0, _student_df(np.where(constant, 1, df), np.where(constant, 0, t)))


_STDTR = elementwise(
    sc.stdtr,
    df=lambda g, df, t: times(g, _student_df(df, t)),
    t=lambda g, df, t: times(g, _student_density(df, t)),
    options={
        "samples": lambda s: [
            s(s.positive(3, 4), s.array(4)),
            s(s.positive(), s.array()),
            s(3, s.array(3)),
            s(s.positive(2, 1), 1.5),
            s(s.positive(0), s.array()),
        ]
    },
)
at_singular_points(
    _STDTR,
    df=lambda g, df, t: times(g, _df_with_limits(df, t)),
    t=lambda g, df, t: times(g, _density_with_limits(df, t)),
)
_STDTRIT = elementwise(
    sc.stdtrit,
    df=lambda g, df, ans: times(-g, _student_df(df, ans) / _student_density(df, ans)),
    p=lambda g, df, ans: times(g, 1 / _student_density(df, ans)),
    options={"samples": _one_and_fraction},
)
at_singular_points(
    _STDTRIT,
    df=lambda g, df, ans: times(-g, _df_with_limits(df, ans) / _density_with_limits(df, ans)),
    p=lambda g, df, ans: times(g, 1 / _density_with_limits(df, ans)),
)
