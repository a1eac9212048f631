"""The error function and its relatives, the logistic function, exponential and trigonometric integrals,
Fresnel, Airy.

The normal distribution's ``log_ndtr`` keeps full accuracy in its lower tail: its derivative is the inverse
Mills ratio, which has derivatives of its own here rather than those of a quotient that overflows.
"""

from __future__ import annotations

from math import log, pi, sqrt

import numpy as np
from scipy import special as sc

from ..engine.cotangent import dtype_of
from ..engine.define import at_singular_points, custom, elementwise
from ..engine.primitive import Primitive
from .special_tools import limits
from .tools import anywhere

_TWO_OVER_ROOT_PI = 2 / sqrt(pi)
_ROOT_TWO_PI = sqrt(2 * pi)
_HALF_LOG_TWO_PI = 0.5 * log(2 * pi)
_POSITIVE, _UNIT, _NONZERO = {"domain": "positive"}, {"domain": "unit"}, {"domain": "nonzero"}

# ---- error functions --------------------------------------------------------------------------------------

elementwise(sc.erf, x=lambda g, x: g * (_TWO_OVER_ROOT_PI * np.exp(-x * x)))
elementwise(sc.erfc, x=lambda g, x: g * (-_TWO_OVER_ROOT_PI * np.exp(-x * x)))
limits(elementwise(sc.erfcx, x=lambda g, x, ans: g * (2 * x * ans - _TWO_OVER_ROOT_PI)), "x", {np.inf: 0.0})
elementwise(sc.erfi, x=lambda g, x: g * (_TWO_OVER_ROOT_PI * np.exp(x * x)), options=_UNIT)
limits(elementwise(sc.dawsn, x=lambda g, x, ans: g * (1 - 2 * x * ans)), "x", {np.inf: 0.0, -np.inf: 0.0})
elementwise(sc.wofz, x=lambda g, x, ans: g * (2j / sqrt(pi) - 2 * x * ans), options=_UNIT)
elementwise(sc.erfinv, x=lambda g, ans: g * (np.exp(ans * ans) / _TWO_OVER_ROOT_PI), options=_UNIT)
elementwise(
    sc.erfcinv,
    x=lambda g, ans: g * (-np.exp(ans * ans) / _TWO_OVER_ROOT_PI),
    options={
        "samples": lambda s: [s(1 + s.unit(3, 4)), s(1 + s.unit()), s(s.unit(0)), s((1 + s.unit())[()])]
    },
)

# ---- the normal distribution ------------------------------------------------------------------------------


def mills(x):
    """The normal density over the normal distribution function, ``exp(-x**2 / 2) / sqrt(2 pi) / ndtr(x)``."""
    with np.errstate(over="ignore"):
        lower = sqrt(2 / pi) / sc.erfcx(np.minimum(x, 0) / -sqrt(2))
        upper = np.exp(-0.5 * np.maximum(x, 0) ** 2 - _HALF_LOG_TWO_PI) / sc.ndtr(np.maximum(x, 0))
    return np.where(x < 0, lower, upper)[()].astype(dtype_of(x))


def mills_excess(x):
    """``x + mills(x)``, without cancellation far below zero (by the asymptotic series of the Mills ratio)."""
    far = x < -30
    u = 1 / np.where(far, x, 1) ** 2
    series = np.where(far, x, 1) * (-u * (1 - u * (2 - u * (10 - u * (74 - u * 706)))))
    return np.where(far, series, x + mills(x))[()].astype(dtype_of(x))


def inverse_mills(x):
    """``1 / mills(x)``."""
    with np.errstate(over="ignore", divide="ignore"):
        return 1 / mills(x)


_REAL = {
    "samples": lambda s: [
        s(3 * s.array(3, 4)),
        s(s.array()),
        s(s.array(0)),
        s(s.array(2) - 40),
        s(s.array(2) + 8),
    ],
    "complex": False,
}

MILLS: Primitive = elementwise(mills, x=lambda g, x, ans: -g * ans * MILLS_EXCESS(x), options=_REAL)
MILLS_EXCESS: Primitive = elementwise(
    mills_excess, x=lambda g, x, ans: g * (1 - MILLS(x) * ans), options=_REAL
)
limits(MILLS, "x", {np.inf: 0.0, -np.inf: -1.0})


def _log_ndtr(g, x, ans):
    if dtype_of(x).kind == "c":
        return g * np.exp(-0.5 * x * x - _HALF_LOG_TWO_PI - ans)
    return g * MILLS(x)


elementwise(sc.ndtr, x=lambda g, x: g * (np.exp(-0.5 * x * x) / _ROOT_TWO_PI))
elementwise(sc.log_ndtr, x=_log_ndtr)
elementwise(
    sc.ndtri,
    x=lambda g, ans: g * (_ROOT_TWO_PI * np.exp(0.5 * ans * ans)),
    options={
        "samples": lambda s: [
            s(0.5 + 0.5 * s.unit(3, 4)),
            s(0.5 + 0.5 * s.unit()),
            s(s.unit(0)),
            s((0.5 + 0.5 * s.unit())[()]),
        ]
    },
)
_NDTRI_EXP = elementwise(
    sc.ndtri_exp,
    x=lambda g, ans: g / MILLS(ans),
    options={
        "samples": lambda s: [
            s(-s.positive(3, 4)),
            s(-s.positive()),
            s(s.unit(0)),
            s(-300 * s.positive(2)),
            s(-s.positive()[()]),
        ]
    },
)

# Of the reciprocal as one function the derivatives at infinity are known.
_BELOW = {"samples": lambda s: [s(-3 * s.positive(3, 4)), s(s.unit()), s(s.array(0)), s(s.array(2) - 40)], "complex": False}
INVERSE_MILLS: Primitive = elementwise(inverse_mills, x=lambda g, x, ans: g * (1 + x * ans), options=_BELOW)
at_singular_points(_NDTRI_EXP, x=lambda g, ans: g * INVERSE_MILLS(ans))

# ---- logistic functions -----------------------------------------------------------------------------------

elementwise(sc.expit, x=lambda g, ans: g * (ans * (1 - ans)))
elementwise(sc.log_expit, x=lambda g, x: g * sc.expit(-x))
elementwise(
    sc.logit,
    x=lambda g, x: g / (x * (1 - x)),
    options={
        "samples": lambda s: [
            s(0.5 + 0.5 * s.unit(3, 4)),
            s(0.5 + 0.5 * s.unit()),
            s(s.unit(0)),
            s((0.5 + 0.5 * s.unit())[()]),
        ]
    },
)

# ---- exponential integrals --------------------------------------------------------------------------------


def _expn(g, n, x, ans):
    """``-expn(n - 1, x)``, written out for n = 0, where SciPy knows no ``expn(-1, x)``."""
    n = np.trunc(n)  # SciPy's loop for floats takes the integer part
    if not anywhere(n == np.zeros(())):
        return -g * sc.expn(n - 1, x)
    return -g * np.where(n == np.zeros(()), (1 + 1 / x) * ans, sc.expn(np.maximum(n, 1) - 1, x))


_EXP1 = elementwise(sc.exp1, x=lambda g, x: -g * np.exp(-x) / x, options=_POSITIVE)
_EXPI = elementwise(sc.expi, x=lambda g, x: g * np.exp(x) / x, options=_POSITIVE)


def _exp_over_x(x):
    """``exp(x) / x`` as a sum: of the quotient, a part of the derivative at zero is infinite and another one minus infinity."""
    return sc.exprel(x) + 1 / x if dtype_of(x).kind != "c" else np.exp(x) / x


at_singular_points(_EXP1, x=lambda g, x: g * _exp_over_x(-(x + 0.0)))
at_singular_points(_EXPI, x=lambda g, x: g * _exp_over_x(x))
_EXPN = elementwise(
    sc.expn,
    n=None,
    x=_expn,
    options={
        "samples": lambda s: [
            s(2, s.positive(3, 4)),
            s(np.arange(4), s.positive(3, 1)),
            s(0, s.positive()),
            s(1, s.positive(0)),
            s(3, s.positive()[()]),
        ]
    },
)
del _EXPN.vjps[0], _EXPN.jvps[0]


def _exprel_slope(x):
    """``(exp(x) (1 - 1/x) + 1/x) / x``, and near zero, where that cancels, a form that is regular there."""
    far = np.greater(np.abs(x), 20.0)
    if not anywhere(far):
        return 0.5 * sc.hyp1f1(2.0, 3.0, x)
    inverse = 1 / np.where(far, x, 1.0)
    return np.where(far, (np.exp(x) * (1 - inverse) + inverse) * inverse, 0.5 * sc.hyp1f1(2.0, 3.0, np.where(far, 0.0, x)))


_EXPREL = elementwise(sc.exprel, x=lambda g, x: g * _exprel_slope(x))
at_singular_points(_EXPREL, x=lambda g, x: g * np.where(x == np.inf, np.exp(x), _exprel_slope(x)))

# ---- integrals of sin, cos, sinh, cosh over their argument; Fresnel; Airy ---------------------------------


def _sinhc(x):
    """``sinh(x) / x``, regular at zero to every order."""
    return sc.hyp0f1(1.5, 0.25 * x * x)


def _sinc(x):
    """``sin(x) / x``, regular at zero to every order."""
    return sc.hyp0f1(1.5, -0.25 * x * x)


def _share(h, slope):
    """``h * slope``, and zero for an output that is not used, also where its slope is infinite."""
    infinite = ~np.isfinite(slope)
    return h * slope if not anywhere(infinite) else np.where(infinite & (h == 0), 0, h * slope)


def _outputs(fun, slopes, samples):
    """A record of a function of one operand with several outputs, of derivatives ``slopes(x, ans)``."""

    def vjp(g, x, ans):
        terms = [_share(h, d) for h, d in zip(g, slopes(x, ans), strict=True)]
        return sum(terms[1:], terms[0])

    custom(
        fun,
        vjp={"x": vjp},
        jvp={"x": lambda t, x, ans: tuple(t * d for d in slopes(x, ans))},
        outputs=len(slopes(1.0, (1.0,) * 4)),
        samples=samples,
        complex=True,
    )


def _around_zero(s):
    return [s(s.array(3, 4)), s(s.array()), s(s.array(0)), s(s.array()[()])]


def _right(s):
    return [s(s.positive(3, 4)), s(s.positive()), s(s.positive(0)), s(s.positive()[()])]


_outputs(sc.sici, lambda x, ans: (_sinc(x), np.cos(x) / x), _right)
_outputs(sc.shichi, lambda x, ans: (_sinhc(x), np.cosh(x) / x), _right)
_outputs(sc.fresnel, lambda x, ans: (np.sin(0.5 * pi * x * x), np.cos(0.5 * pi * x * x)), _around_zero)
_outputs(sc.airy, lambda x, ans: (ans[1], x * ans[0], ans[3], x * ans[2]), _around_zero)

# ---- SciPy's versions of elementary functions -------------------------------------------------------------

elementwise(sc.cbrt, x=lambda g, ans: g / (3 * ans * ans), options=_NONZERO)
elementwise(sc.exp2, x=lambda g, ans: g * ans * log(2.0))
elementwise(sc.exp10, x=lambda g, ans: g * ans * log(10.0))
elementwise(sc.expm1, x=lambda g, x: g * np.exp(x))
elementwise(sc.log1p, x=lambda g, x: g / (1 + x), options=_POSITIVE)
elementwise(sc.cosm1, x=lambda g, x: -g * np.sin(x))
elementwise(sc.sindg, x=lambda g, x: g * (pi / 180 * sc.cosdg(x)))
elementwise(sc.cosdg, x=lambda g, x: g * (-pi / 180 * sc.sindg(x)))
elementwise(sc.tandg, x=lambda g, ans: g * (pi / 180 * (1 + ans * ans)))
elementwise(sc.cotdg, x=lambda g, ans: g * (-pi / 180 * (1 + ans * ans)), options=_NONZERO)
