"""Gamma, beta and polygamma functions, binomials, and the incomplete functions with their inverses."""

from __future__ import annotations

from math import factorial, pi

import numpy as np
from scipy import special as sc

from ..engine.cotangent import dtype_of
from ..engine.define import elementwise, zero
from ..engine.primitive import Primitive
from .special_incomplete import BETA_KERNEL, BETAINC_DAB, GAMMA_KERNEL, GAMMAINC_DA
from .special_tools import fraction, limits, times
from .tools import anywhere

# ---- polygamma --------------------------------------------------------------------------------------------

#: B_2k / (2k)!, for the asymptotic series of polygamma.
_BERNOULLI = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600]


def polygamma(x, *, n):
    """The n-th derivative of digamma; for real `x`, `n` may be an array of integers."""
    dtype = np.result_type(dtype_of(x), np.float32)
    if np.ndim(n) == 0 and n == 0:
        return sc.psi(x)
    if dtype.kind != "c":
        if np.ndim(n) == 0:
            return ((-1) ** (n + 1) * factorial(n) * sc.zeta(n + 1, x)).astype(
                dtype if dtype.itemsize < 8 else np.float64
            )
        return np.asarray(sc.polygamma(n, x)).astype(dtype if dtype.itemsize < 8 else np.float64)[()]
    return _complex_polygamma(x, int(n)).astype(dtype)[()]


def _cotangent(z, n):
    """The n-th derivative of ``pi cot(pi z)``, a polynomial in the cotangent."""
    p = np.polynomial.Polynomial([0.0, pi])
    for _ in range(n):
        p = p.deriv() * np.polynomial.Polynomial([-pi, 0.0, -pi])
    with np.errstate(all="ignore"):
        return p(1 / np.tan(pi * z))


def _complex_polygamma(z, n):
    """Recurrence up to a real part of 16, and the asymptotic series from there (DLMF 5.15.5, 5.15.8); far left, by reflection
    (DLMF 5.15.6).
    """
    z = np.asarray(z, np.complex128)
    left = z.real < -16
    if left.any():
        other = (-1) ** n * _complex_polygamma(np.where(left, 1 - z, z), n)
        turned = np.where(left, z - np.round(z.real), 0.5)
        return np.where(left, other - _cotangent(turned, n), (-1) ** n * other)
    steps = np.maximum(0, np.ceil(16 - z.real))
    total = np.zeros_like(z)
    for k in range(int(np.max(steps, initial=0))):
        total += np.where(k < steps, factorial(n) / np.where(k < steps, z + k, 1.0) ** (n + 1), 0)
    w = z + steps
    total += factorial(n - 1) / w**n + factorial(n) / (2 * w ** (n + 1))
    total += sum(b * factorial(2 * k + n + 1) / w ** (2 * k + n + 2) for k, b in enumerate(_BERNOULLI))
    return (-1) ** (n + 1) * total


POLYGAMMA: Primitive = elementwise(
    polygamma,
    x=lambda g, x, n: g * POLYGAMMA(x, n=np.add(n, 1)),
    options={
        "defaults": {"n": 0},
        "name": "scipy.special.polygamma",
        "samples": lambda s: (
            [s(s.positive(3, 4), n=1), s(s.positive(), n=2), s(s.positive(2), n=0), s(s.nonzero(0), n=1)]
            + ([s(s.positive(), n=np.array([0, 1, 2]))] if s.dtype.kind == "f" else [s(s.array(3) - 2, n=3)])
        ),
    },
)

for _fun in {sc.psi, sc.digamma}:
    elementwise(_fun, x=lambda g, x: g * POLYGAMMA(x, n=1), options={"domain": "nonzero"})

# ---- gamma, beta ------------------------------------------------------------------------------------------


def _rgamma_slope(x):
    """The derivative of 1 / gamma; by reflection left of 1/2, where digamma has poles."""
    right = x >= 0.5 if dtype_of(x).kind != "c" else np.real(x) >= 0.5
    z = np.where(right, x, 1.0)
    w = np.where(right, 0.0, 1 - x) + right
    reflected = sc.gamma(w) * (np.cos(pi * x) - np.sin(pi * x) * sc.psi(w) / pi)
    return np.where(right, -sc.psi(z) * sc.rgamma(z), np.where(right, 0, reflected))


elementwise(sc.gamma, x=lambda g, x, ans: g * ans * sc.psi(x), options={"domain": "nonzero"})
elementwise(sc.gammaln, x=lambda g, x: g * sc.psi(x), options={"domain": "nonzero"})
elementwise(sc.loggamma, x=lambda g, x: g * sc.psi(x), options={"domain": "positive"})
limits(elementwise(sc.rgamma, x=lambda g, x: g * _rgamma_slope(x)), "x", {np.inf: 0.0})
zero(sc.gammasgn)

elementwise(
    sc.beta,
    a=lambda g, a, b, ans: g * (ans * (sc.psi(a) - sc.psi(a + b))),
    b=lambda g, a, b, ans: g * (ans * (sc.psi(b) - sc.psi(a + b))),
    options={"domain": "positive"},
)
elementwise(
    sc.betaln,
    a=lambda g, a, b: g * (sc.psi(a) - sc.psi(a + b)),
    b=lambda g, a, b: g * (sc.psi(b) - sc.psi(a + b)),
    options={"domain": "positive"},
)

# ---- binomials and factorial powers -----------------------------------------------------------------------


def _binom(g, n, k, ans, regular, irregular):
    """`regular` where both factorials below the fraction are finite, `irregular` elsewhere."""
    below = (k > -1) & (n - k > -1)
    if not anywhere(~below):
        return times(g, ans * regular(n, k))
    inner_n, inner_k = np.where(below, n, 1.0), np.where(below, k, 0.0)
    outer_k = np.where(below, 0.0, k)
    return times(
        g,
        np.where(below, ans * regular(inner_n, inner_k), irregular(n, outer_k, np.where(below, 0.0, n - k))),
    )


elementwise(
    sc.binom,
    n=lambda g, n, k, ans: _binom(
        g,
        n,
        k,
        ans,
        lambda n, k: sc.psi(n + 1) - sc.psi(n - k + 1),
        lambda n, k, l: (
            sc.gamma(n + 1) * sc.rgamma(k + 1) * (sc.psi(n + 1) * sc.rgamma(l + 1) + _rgamma_slope(l + 1))
        ),
    ),
    k=lambda g, n, k, ans: _binom(
        g,
        n,
        k,
        ans,
        lambda n, k: sc.psi(n - k + 1) - sc.psi(k + 1),
        lambda n, k, l: (
            sc.gamma(n + 1)
            * (_rgamma_slope(k + 1) * sc.rgamma(l + 1) - sc.rgamma(k + 1) * _rgamma_slope(l + 1))
        ),
    ),
    options={
        "samples": lambda s: [
            s(4 + s.positive(3, 4), s.positive(4)),
            s(5 * s.positive(), 2.0),
            s(s.positive(3), 3 + s.positive(3)),
            s(s.positive(0), s.positive()),
            s(4 + s.positive(), s.positive(2, 1)),
            s(s.positive(2), 4),
            s(s.array(3) + 0.5, 2),
        ]
    },
)


def _poch_z(g, z, m, ans):
    """Differences of digamma; where only z is left of zero, the derivative of 1 / gamma(z)."""
    right = z > 0
    if not anywhere(~(right & (z + m > 0))):
        return times(g, ans * (sc.psi(z + m) - sc.psi(z)))
    pole = (z == np.floor(z)) & (z + m != np.floor(z + m))  # of gamma(z), and not of gamma(z + m)
    cross = ~right & ((z + m > 0) | pole)
    # Reflected, the cotangents at z and z + m cancel if m is whole, where both may be poles.
    reflected = ~right & ~cross & (m == np.floor(m))
    direct = ~cross & ~reflected
    a, b, c = np.where(direct, z, 1.0), np.where(reflected, z, -m - 1.0), np.where(cross, z, 0.0)
    top = np.where(cross, z + m, 1.0)
    crossing = sc.gamma(top) * (sc.psi(top) * sc.rgamma(c) + _rgamma_slope(c))
    ratio = np.where(reflected, sc.psi(1 - b - m) - sc.psi(1 - b), sc.psi(np.where(direct, z + m, 1.0)) - sc.psi(a))
    return times(g, np.where(cross, crossing, ans * ratio))


elementwise(
    sc.poch,
    z=_poch_z,
    m=lambda g, z, m, ans: times(g, ans * sc.psi(z + m)),
    options={
        "samples": lambda s: [
            s(s.positive(3, 4), s.positive(4)),
            s(s.positive(), 2.0),
            s(-s.positive(3), 4.0),
            s(s.positive(0), s.positive()),
            s(np.float64(-3.5), 2),
            s(s.positive(), s.positive(2, 1)),
            s(s.positive(2), 3),
            s(np.array([0.0, -1.0, -2.0, -6.0], s.dtype), 3),
            s(np.array([0.0, -1.0, -2.0, -3.0], s.dtype), -0.7),
        ]
    },
)

# ---- incomplete gamma and beta functions ------------------------------------------------------------------


def _two(s):
    rows = [
        (s.positive(3, 4), s.positive(4)),
        (3 * s.positive(), s.positive()),
        (s.positive(3), s.positive(2, 1)),
        (s.positive(0), s.positive()),
    ]
    return [s(*row) for row in rows] + [s(2.5, s.positive(2)), s(s.positive(2), 1.5), s(2, s.positive())]


def _three(s):
    rows = [
        (s.positive(3), s.positive(2, 1), fraction(s, 3)),
        (s.positive(), s.positive(), fraction(s)),
        (s.positive(0), s.positive(), fraction(s, 1)),
    ]
    return [s(*row) for row in rows] + [s(2.5, 1, fraction(s, 2)), s(s.positive(2), 1.5, 0.25)]


elementwise(
    sc.gammainc,
    a=lambda g, a, x: g * GAMMAINC_DA(a, x),
    x=lambda g, a, x: g * GAMMA_KERNEL(a, x),
    options={"samples": _two},
)
elementwise(
    sc.gammaincc,
    a=lambda g, a, x: -g * GAMMAINC_DA(a, x),
    x=lambda g, a, x: -g * GAMMA_KERNEL(a, x),
    options={"samples": _two},
)


def _ratio_or_zero(change, density):
    """``change / density``; zero at the ends, where neither the function nor its inverse depends on the parameters."""
    fixed = np.equal(change, 0) & np.equal(density, 0)
    return change / (density + fixed) if anywhere(fixed) else change / density


elementwise(
    sc.gammaincinv,
    a=lambda g, a, ans: -g * _ratio_or_zero(GAMMAINC_DA(a, ans), GAMMA_KERNEL(a, ans)),
    y=lambda g, a, ans: g / GAMMA_KERNEL(a, ans),
    options={
        "samples": lambda s: [
            s(s.positive(3, 1), fraction(s, 2)),
            s(s.positive(), 0.3),
            s(1.5, fraction(s)),
            s(s.positive(0), fraction(s)),
        ]
    },
)
elementwise(
    sc.gammainccinv,
    a=lambda g, a, ans: -g * _ratio_or_zero(GAMMAINC_DA(a, ans), GAMMA_KERNEL(a, ans)),
    y=lambda g, a, ans: -g / GAMMA_KERNEL(a, ans),
    options={
        "samples": lambda s: [
            s(s.positive(3, 1), fraction(s, 2)),
            s(s.positive(), 0.3),
            s(1.5, fraction(s)),
            s(s.positive(0), fraction(s)),
        ]
    },
)


def _betainc_slope(a, b, x, orders):
    """A derivative in one parameter; zero where the other is, for then the function is a step."""
    step = (a if orders[0] == 0 else b) == 0
    if not anywhere(step):
        return BETAINC_DAB(a, b, x, orders=orders)
    a, b = np.where(step, 1.0, a), np.where(step, 1.0, b)
    return np.where(step, 0.0, BETAINC_DAB(a, b, x, orders=orders))


elementwise(
    sc.betainc,
    a=lambda g, a, b, x: g * _betainc_slope(a, b, x, orders=(1, 0)),
    b=lambda g, a, b, x: g * _betainc_slope(a, b, x, orders=(0, 1)),
    x=lambda g, a, b, x: g * BETA_KERNEL(a, b, x),
    options={"samples": _three},
)
elementwise(
    sc.betaincc,
    a=lambda g, a, b, x: -g * _betainc_slope(a, b, x, orders=(1, 0)),
    b=lambda g, a, b, x: -g * _betainc_slope(a, b, x, orders=(0, 1)),
    x=lambda g, a, b, x: -g * BETA_KERNEL(a, b, x),
    options={"samples": _three},
)
elementwise(
    sc.betaincinv,
    a=lambda g, a, b, ans: -g * _ratio_or_zero(BETAINC_DAB(a, b, ans, orders=(1, 0)), BETA_KERNEL(a, b, ans)),
    b=lambda g, a, b, ans: -g * _ratio_or_zero(BETAINC_DAB(a, b, ans, orders=(0, 1)), BETA_KERNEL(a, b, ans)),
    y=lambda g, a, b, ans: g / BETA_KERNEL(a, b, ans),
    options={"samples": _three},
)
elementwise(
    sc.betainccinv,
    a=lambda g, a, b, ans: -g * _ratio_or_zero(BETAINC_DAB(a, b, ans, orders=(1, 0)), BETA_KERNEL(a, b, ans)),
    b=lambda g, a, b, ans: -g * _ratio_or_zero(BETAINC_DAB(a, b, ans, orders=(0, 1)), BETA_KERNEL(a, b, ans)),
    y=lambda g, a, b, ans: -g / BETA_KERNEL(a, b, ans),
    options={"samples": _three},
)
