"""Hypergeometric and elliptic functions, orthogonal polynomials, dilogarithm, zeta, Lambert's and Wright's
functions.

Hypergeometric functions and polynomials are differentiated with respect to their argument; a traced parameter
or degree is refused.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from scipy import special as sc

from ..engine.define import at_singular_points, custom, elementwise
from ..engine.primitive import Primitive
from .special_tools import limits, times, without_rule
from .tools import anywhere

_UNIT = {"domain": "unit"}


def _of_last(fun, rule, samples, names="abcd"):
    """A record of a function with a rule for its last operand only."""
    partials = dict.fromkeys(names[: fun.nin - 1]) | {"x": rule}
    return without_rule(elementwise(fun, **partials, options={"samples": samples}), *range(fun.nin - 1))


def _ratio(a, b):
    """``a / b``, of Python's numbers one of those, and infinite where the divisor is zero."""
    try:
        return a / b
    except ZeroDivisionError:
        with np.errstate(all="ignore"):
            return float(np.true_divide(a, b))


# ---- hypergeometric functions (DLMF 13.3.15, 13.3.22, 15.5.1) ---------------------------------------------

_of_last(
    sc.hyp0f1,
    lambda g, a, x: g * (sc.hyp0f1(a + 1, x) * _ratio(1, a)),
    lambda s: [s(1.5, s.array(3, 4)), s(2, s.array()), s(np.array([0.5, 3]), s.array(2)), s(1.5, s.array(0))],
)
_of_last(
    sc.hyp1f1,
    lambda g, a, b, x: g * (_ratio(a, b) * sc.hyp1f1(a + 1.0, b + 1.0, x)),
    lambda s: [
        s(0.7, 1.5, s.array(3, 4)),
        s(1, 2, s.array()),
        s(np.array([0.5, 3]), 2.0, s.array(2)),
        s(1.5, 1, s.array(0)),
    ],
)
_of_last(
    sc.hyp2f1,
    lambda g, a, b, c, x: g * (_ratio(a * b, c) * sc.hyp2f1(a + 1.0, b + 1.0, c + 1.0, x)),
    lambda s: [
        s(0.7, 1.5, 2.2, s.unit(3, 4)),
        s(1, 2, 2.5, s.unit()),
        s(np.array([0.5, 3]), 2.0, 1.5, s.unit(2)),
        s(1.5, 1, 3, s.unit(0)),
    ],
)
_of_last(
    sc.hyperu,
    lambda g, a, b, x: -g * (a * sc.hyperu(a + 1.0, b + 1.0, x)),
    lambda s: [
        s(0.7, 1.5, s.positive(3, 4)),
        s(1, 2, s.positive()),
        s(np.array([0.5, 3]), 2.0, s.positive(2)),
        s(1.5, 1, s.positive(0)),
    ],
)

# ---- elliptic integrals and functions (DLMF 19.4, 22.13) --------------------------------------------------

_ELLIPK = elementwise(sc.ellipk, m=lambda g, m: times(g, pi / 8 * sc.hyp2f1(1.5, 1.5, 2.0, m)), options=_UNIT)
_ELLIPE = elementwise(sc.ellipe, m=lambda g, m: times(g, -pi / 8 * sc.hyp2f1(0.5, 1.5, 2.0, m)), options=_UNIT)
limits(_ELLIPK, "m", {-np.inf: 0.0})
limits(_ELLIPE, "m", {-np.inf: 0.0})


def _ellipkm1(g, p, ans):
    """The quotient of DLMF 19.4.1; near one, where it is 0 / 0, the hypergeometric function."""
    near_one = p > 0.5
    q = np.where(near_one, 0.25, p)
    quotient = (sc.ellipe(1 - q) - q * np.where(near_one, 0.0, ans)) / (-2 * q * (1 - q))
    return times(
        g, np.where(near_one, -pi / 8 * sc.hyp2f1(1.5, 1.5, 2.0, 1 - np.where(near_one, p, 1.0)), quotient)
    )


def _ellipkm1_with_limits(g, p, ans):
    """That of ``-log(p) / 2`` at zero, and zero at infinity."""
    zero = p == 0
    regular = _ellipkm1(g, np.where(zero | (p == np.inf), 0.25, p), ans)
    return np.where(zero, times(g, -0.5 / np.where(zero, p + 0.0, 1.0)), np.where(p == np.inf, 0.0, regular))


_ELLIPKM1 = elementwise(
    sc.ellipkm1,
    p=_ellipkm1,
    options={
        "samples": lambda s: [
            s(0.1 * s.positive(3, 4)),
            s(s.positive() / 2),
            s(s.positive(0)),
            s(s.positive(2) / 20),
        ]
    },
)
at_singular_points(_ELLIPKM1, p=_ellipkm1_with_limits)
without_rule(
    elementwise(
        sc.ellipkinc,
        phi=lambda g, phi, m: g / np.sqrt(1 - m * np.sin(phi) ** 2),
        m=None,
        options={
            "samples": lambda s: [
                s(s.array(3, 4), 0.3),
                s(s.array(), 0.0),
                s(s.array(0), 0.5),
                s(s.array(2), -1),
            ]
        },
    ),
    1,
)
without_rule(
    elementwise(
        sc.ellipeinc,
        phi=lambda g, phi, m: g * np.sqrt(1 - m * np.sin(phi) ** 2),
        m=None,
        options={
            "samples": lambda s: [
                s(s.array(3, 4), 0.3),
                s(s.array(), 0.0),
                s(s.array(0), 0.5),
                s(s.array(2), -1),
            ]
        },
    ),
    1,
)


def _ellipj(ans, m):
    sn, cn, dn, _ = ans
    return cn * dn, -sn * dn, -m * sn * cn, dn


def _ellipj_vjp(g, ans, m):
    terms = [h * d for h, d in zip(g, _ellipj(ans, m), strict=True)]
    return sum(terms[1:], terms[0])


custom(
    sc.ellipj,
    operands=("u", "m"),
    vjp={"u": _ellipj_vjp},
    jvp={"u": lambda t, ans, m: tuple(t * d for d in _ellipj(ans, m))},
    outputs=4,
    complex=False,
    samples=lambda s: [s(s.array(3, 4), 0.3), s(s.array(), 0.0), s(s.array(0), 0.5), s(s.array()[()], 0.9)],
).broadcasts = True

# ---- orthogonal polynomials (DLMF 18.9) -------------------------------------------------------------------


def _zero_degree(n, slope):
    """`slope`, and zero where the degree is."""
    constant = np.equal(n, 0)
    return np.where(constant, 0.0, slope) if anywhere(constant) else slope


def _polynomial(fun, rule, *parameters):
    def samples(s):
        return [
            s(3, *parameters, s.unit(3, 4)),
            s(np.arange(4), *parameters, s.unit(3, 1)),
            s(0, *parameters, s.unit()),
            s(2, *parameters, s.unit(0)),
        ]

    return _of_last(fun, rule, samples)


def _lower(n):
    """The degree of the derivative; 0, for a factor that will be zero, if the degree is 0. Degrees need not be integers."""
    constant = np.equal(n, 0)
    return np.where(constant, 0, n - 1) if anywhere(constant) else n - 1


def _reflected(n, k):
    """The degree, not below ``-k / 2``, of which the function of degree `n` is the same (or the negative): n or -n - k."""
    return np.maximum(n, -n - k)


def _legendre_slope(n, x):
    n = _reflected(n, 1)
    return _zero_degree(n, 0.5 * (n + 1) * sc.eval_jacobi(_lower(n), 1.0, 1.0, x))


def _first_kind_slope(n, x):
    n = _reflected(n, 0)
    return n * sc.eval_chebyu(_lower(n), x)


def _second_kind_slope(n, x):
    sign = 1 - 2 * np.less(n, -1)
    n = _reflected(n, 2)
    return sign * _zero_degree(n, 2 * sc.eval_gegenbauer(_lower(n), 2.0, x))


_polynomial(sc.eval_legendre, lambda g, a, x: times(g, _legendre_slope(a, x)))
_polynomial(sc.eval_sh_legendre, lambda g, a, x: times(g, 2 * _legendre_slope(a, 2 * x - 1)))
_polynomial(sc.eval_chebyt, lambda g, a, x: times(g, _first_kind_slope(a, x)))
_polynomial(sc.eval_chebyu, lambda g, a, x: times(g, _second_kind_slope(a, x)))
_polynomial(sc.eval_chebyc, lambda g, a, x: times(g, _first_kind_slope(a, 0.5 * x)))
_polynomial(sc.eval_chebys, lambda g, a, x: times(g, 0.5 * _second_kind_slope(a, 0.5 * x)))
_polynomial(sc.eval_sh_chebyt, lambda g, a, x: times(g, 2 * _first_kind_slope(a, 2 * x - 1)))
_polynomial(sc.eval_sh_chebyu, lambda g, a, x: times(g, 2 * _second_kind_slope(a, 2 * x - 1)))
_polynomial(sc.eval_hermite, lambda g, a, x: times(g, 2 * a * sc.eval_hermite(_lower(a), x)))
_polynomial(sc.eval_hermitenorm, lambda g, a, x: times(g, a * sc.eval_hermitenorm(_lower(a), x)))
_polynomial(
    sc.eval_laguerre, lambda g, a, x: times(-g, _zero_degree(a, sc.eval_genlaguerre(_lower(a), 1.0, x)))
)
_polynomial(
    sc.eval_genlaguerre,
    lambda g, a, b, x: times(-g, _zero_degree(a, sc.eval_genlaguerre(_lower(a), b + 1.0, x))),
    0.5,
)
_polynomial(
    sc.eval_gegenbauer,
    lambda g, a, b, x: times(g, _zero_degree(a, 2.0 * b * sc.eval_gegenbauer(_lower(a), b + 1.0, x))),
    0.7,
)
_polynomial(
    sc.eval_jacobi,
    lambda g, a, b, c, x: times(
        g, _zero_degree(a, 0.5 * (a + b + c + 1) * sc.eval_jacobi(_lower(a), b + 1.0, c + 1.0, x))
    ),
    0.5,
    1.5,
)

# ---- dilogarithm, zeta, Lambert's W, Wright's omega -------------------------------------------------------


def _spence_slope(z):
    """``log(z) / (1 - z)``: near one as a hypergeometric function, which is regular there to every order.

    Farther away that is not to be had: around ``1 - z = exp(pi i / 3)``, SciPy's is wrong by a tenth (SciPy 1.17).
    """
    w = 1 - z
    near = abs(w) < 0.5
    far = np.where(near, -1.0, w)
    return np.where(near, -sc.hyp2f1(1.0, 1.0, 2.0, np.where(near, w, 0.0)), sc.log1p(-far) / far)


elementwise(sc.spence, z=lambda g, z: times(g, _spence_slope(z)), options={"domain": "positive"})
limits(elementwise(sc.wrightomega, z=lambda g, ans: g * (ans / (1 + ans))), "z", {np.inf: 1.0}, of="ans")


def hurwitz(q, *, x):
    """`scipy.special.zeta` with its operand first."""
    return sc.zeta(x, q)


HURWITZ: Primitive = elementwise(
    hurwitz,
    q=lambda g, q, x: g * (-x * HURWITZ(q, x=x + 1)),
    options={
        "name": "scipy.special.zeta",
        "defaults": {"x": 2},
        "samples": lambda s: [
            s(s.positive(3, 4), x=2.5),
            s(s.positive(), x=2),
            s(s.positive(3, 1), x=np.array([2.0, 3.5])),
            s(s.positive(0), x=3),
        ],
        "complex": False,
    },
)

# exp(-W) / (1 + W) is W / (z (1 + W)) without the division of zero by zero.
LAMBERTW = elementwise(
    sc.lambertw,
    z=lambda g, ans: g * (np.exp(-ans) / (1 + ans)),
    options={
        "harmless": ("k", "tol"),
        "samples": lambda s: [
            s(s.positive(3, 4)),
            s(s.positive(), k=-1),
            s(s.positive(2), 1),
            s(s.array(0)),
            s(s.positive(3), tol=1e-10),
            s(s.positive(3, 1), k=np.array([0, 1])),
        ],
    },
)

# ---- Owen's T, the Voigt profile --------------------------------------------------------------------------

def _owens_h(g, h, a):
    return g * (-0.5 / sqrt(2 * pi) * np.exp(-0.5 * h * h) * sc.erf(a * h / sqrt(2)))


def _owens_a(g, h, a):
    return g * (np.exp(-0.5 * h * h * (1 + a * a)) / (2 * pi * (1 + a * a)))


def _zero_where(constant, rule, g, h, a):
    return np.where(constant, 0, rule(g, np.where(constant, 0, h), np.where(constant, 0, a)))


_OWENS = elementwise(sc.owens_t, h=_owens_h, a=_owens_a)
at_singular_points(
    _OWENS,
    h=lambda g, h, a: _zero_where(np.isinf(h) | ((h == 0) & np.isinf(a)), _owens_h, g, h, a),
    a=lambda g, h, a: _zero_where(np.isinf(h) | np.isinf(a), _owens_a, g, h, a),
)


def _voigt(g, x, sigma, gamma, weight, of_lorentz):
    """The profile is the real part of ``wofz(z) / sigma / sqrt(2 pi)`` at ``(x + 1j gamma) / sigma / sqrt(2)``.

    For a `sigma` of zero it is Lorentz' profile, the real part of ``1j / pi / (x + 1j gamma)``, to first order in `sigma`.
    """
    narrow = sigma == 0
    if anywhere(narrow):
        sigma = np.where(narrow, 1, sigma)
    z = (x + 1j * gamma) / (sigma * sqrt(2))
    w = sc.wofz(z)
    slope = 2j / sqrt(pi) - 2 * z * w
    slope = np.real(weight(z, w, slope)) / (2 * sqrt(pi) * sigma * sigma)
    if anywhere(narrow):
        slope = np.where(narrow, np.real(of_lorentz / (pi * (x + 1j * gamma) ** 2)), slope)
    return g * slope


elementwise(
    sc.voigt_profile,
    x=lambda g, x, sigma, gamma: _voigt(g, x, sigma, gamma, lambda z, w, slope: slope, -1j),
    sigma=lambda g, x, sigma, gamma: _voigt(
        g, x, sigma, gamma, lambda z, w, slope: -sqrt(2) * (w + z * slope), 0
    ),
    gamma=lambda g, x, sigma, gamma: _voigt(g, x, sigma, gamma, lambda z, w, slope: 1j * slope, 1),
    options={"domain": "positive"},
)
