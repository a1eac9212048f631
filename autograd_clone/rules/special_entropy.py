"""Functions of convex analysis and statistics: entropies, Huber losses, power transformations, ``x log y``.

At the edge of a domain the derivative is the one-sided limit, which may be infinite; where the function is
constant or infinite outside its domain, it is zero.
"""

from __future__ import annotations

import numpy as np
from scipy import special as sc

from ..engine.cotangent import dtype_of
from ..engine.define import at_singular_points, elementwise
from .special_tools import times
from .tools import anywhere, in_dtype
from .ufuncs import power_base, power_base_with_limits, power_exponent, power_exponent_with_limits

_POSITIVE = {"domain": "positive"}


def _ratio(x, y):
    """``x / y``, and zero where both are zero."""
    both = (x == 0) & (y == 0)
    if not anywhere(both):
        return x / y
    return np.where(both, 0, x) / np.where(both, 1, y)


def _log_ratio(x, y, shift):
    """``log(x / y) + shift``; zero outside the quarter plane and where both are zero."""
    outside = (x < 0) | (y < 0) | ((x == 0) & (y == 0))
    if not anywhere(outside):
        return np.log(x) - np.log(y) + shift
    return np.where(outside, 0, np.log(np.where(outside, 1, x)) - np.log(np.where(outside, 1, y)) + shift)


def _inside(x, y, slope):
    """`slope` where x and y are not negative, zero elsewhere."""
    outside = (x < 0) | (y < 0)
    return np.where(outside, 0, slope) if anywhere(outside) else slope


def _entr(x):
    outside = x < 0
    if not anywhere(outside):
        return -1 - np.log(x)
    return np.where(outside, 0, -1 - np.log(np.where(outside, 1, x)))


def _alike(y, dtype):
    """`y`, as a complex array if the result is one: then a negative real number has a logarithm."""
    return in_dtype(y, dtype) if dtype.kind == "c" and dtype_of(y).kind != "c" else y


elementwise(
    sc.xlogy,
    x=lambda g, y, ans_dtype: times(g, np.log(_alike(y, ans_dtype))),
    y=lambda g, x, y: g * _ratio(x, y),
    options=_POSITIVE,
)
elementwise(
    sc.xlog1py,
    x=lambda g, y, ans_dtype: times(g, np.log1p(_alike(y, ans_dtype))),
    y=lambda g, x, y: g * _ratio(x, 1 + y),
    options=_POSITIVE,
)
elementwise(sc.entr, x=lambda g, x: g * _entr(x), options=_POSITIVE)
elementwise(
    sc.rel_entr,
    x=lambda g, x, y: times(g, _log_ratio(x, y, 1)),
    y=lambda g, x, y: -g * _inside(x, y, _ratio(x, y)),
    options=_POSITIVE,
)
elementwise(
    sc.kl_div,
    x=lambda g, x, y: times(g, _log_ratio(x, y, 0)),
    y=lambda g, x, y: g * _inside(x, y, 1 - _ratio(x, y)),
    options=_POSITIVE,
)


# ---- losses -----------------------------------------------------------------------------------------------


def _two_positive(s):
    return [
        s(s.positive(3, 4), s.nonzero(4)),
        s(s.positive(3, 1), 3 * s.nonzero(2)),
        s(s.positive(), s.nonzero()),
        s(1.5, s.nonzero(3)),
        s(s.positive(2), 0.5),
        s(s.positive(0), s.nonzero()),
        s(2, s.nonzero()[()]),
    ]


def _pseudo_root(delta, r):
    """``sqrt(1 + (r / delta)**2)``, with 1 in place of a delta that is zero, and whether it is positive."""
    positive = delta > 0
    ratio = r / np.where(positive, delta, 1)
    return np.sqrt(1 + ratio * ratio), ratio, positive


def _pseudo_delta(g, delta, r):
    root, ratio, positive = _pseudo_root(delta, r)
    return times(g, positive * delta * (ratio * ratio) ** 2 / (root * (1 + root) ** 2))


def _pseudo_r(g, delta, r):
    root, _, positive = _pseudo_root(delta, r)
    return times(g, positive * r / root)


def _pseudo_delta_with_limits(g, delta, r):
    large = delta == np.inf
    return np.where(large, 0, _pseudo_delta(g, np.where(large, 1, delta), r))


def _pseudo_r_with_limits(g, delta, r):
    far = np.isinf(r)
    slope = np.where(delta > 0, delta * np.sign(r), 0)
    return np.where(far, times(g, slope), _pseudo_r(g, delta, np.where(far, 0, r)))


elementwise(
    sc.huber,
    delta=lambda g, delta, r: g * (np.maximum(abs(r) - delta, 0) * (delta >= 0)),
    r=lambda g, delta, r: g * (np.clip(r, -abs(delta), abs(delta)) * (delta >= 0)),
    options={"samples": _two_positive},
)
_PSEUDO_HUBER = elementwise(sc.pseudo_huber, delta=_pseudo_delta, r=_pseudo_r, options={"samples": _two_positive})
at_singular_points(_PSEUDO_HUBER, delta=_pseudo_delta_with_limits, r=_pseudo_r_with_limits)


# ---- power transformations --------------------------------------------------------------------------------
# With u = lmbda log x, boxcox is log(x) (exp(u) - 1) / u, and its derivative in lmbda log(x)**2 times that of
# (exp(u) - 1) / u, which is a hypergeometric function: regular at lmbda = 0 to every order.


def _boxcox_lmbda(l, x, lmbda):
    """The derivative in lmbda, for ``l = log x``. Where that is infinite it is infinite too, or that of ``-1 / lmbda``."""
    infinite = np.isinf(l)  # for which SciPy's function does not return
    if not anywhere(infinite):
        return 0.5 * l * l * sc.hyp1f1(2.0, 3.0, lmbda * l)
    flat = infinite & (np.sign(l) * lmbda < 0)
    l = np.where(infinite, 0, l)
    slope = 0.5 * l * l * sc.hyp1f1(2.0, 3.0, lmbda * l)
    return np.where(flat, 1 / np.where(flat, lmbda, 1) ** 2, np.where(infinite, np.inf, slope))


def _inverse_slope(y, lmbda):
    """d/dlmbda of ``log(1 + lmbda y) / lmbda``, for which the same is true."""
    return -0.5 * y * y * sc.hyp2f1(2.0, 2.0, 3.0, -lmbda * y)


def _two_powers(s):
    return [
        s(s.positive(3, 4), s.array(4)),
        s(s.positive(3, 1), 0.5 * s.array(2)),
        s(s.positive(), s.array()),
        s(1.5, s.array(3)),
        s(s.positive(2), 0.0),
        s(s.positive(0), s.array()),
        s(s.positive(2), -1),
    ]


def _inverse_powers(s):
    return [
        s(s.unit(3, 4), s.unit(4)),
        s(s.unit(3, 1), s.unit(2)),
        s(s.unit(), s.unit()),
        s(0.5, s.unit(3)),
        s(s.unit(2), 0.0),
        s(s.unit(0), s.unit()),
        s(s.unit(2), -1),
    ]


elementwise(
    sc.boxcox,
    x=lambda g, x, lmbda: g * x ** (lmbda - 1),
    lmbda=lambda g, x, lmbda: times(g, _boxcox_lmbda(np.log(x), x, lmbda)),
    options={"samples": _two_powers},
)
elementwise(
    sc.boxcox1p,
    x=lambda g, x, lmbda: g * (1 + x) ** (lmbda - 1),
    lmbda=lambda g, x, lmbda: times(g, _boxcox_lmbda(np.log1p(x), x, lmbda)),
    options={"samples": _two_powers},
)
def _with_limits(y, lmbda, slope, at_zero):
    """`slope`, and ``at_zero(b, lmbda)`` where ``b = 1 + lmbda y`` is zero."""
    base = 1 + lmbda * y
    zero = base == 0
    l = np.where(zero, lmbda, 1)
    return np.where(zero, at_zero(np.where(zero, base, 1), l), slope(np.where(zero, 0, y), lmbda))


def _inverse_y(y, lmbda, power):
    """The slope in `y` of ``(1 + lmbda y)**(1 / lmbda)``, which is `power`, also where that is zero."""
    return _with_limits(y, lmbda, lambda y, lmbda: power / (1 + lmbda * y), lambda b, l: b ** (1 / l - 1))


def _inverse_lmbda(y, lmbda, power):
    """That in `lmbda`."""
    at_zero = lambda b, l: -(b ** (1 / l - 1)) / (l * l)
    return _with_limits(y, lmbda, lambda y, lmbda: power * _inverse_slope(y, lmbda), at_zero)


_INVERSE = elementwise(
    sc.inv_boxcox,
    y=lambda g, y, lmbda, ans: g * ans / (1 + lmbda * y),
    lmbda=lambda g, y, lmbda, ans: times(g, ans * _inverse_slope(y, lmbda)),
    options={"samples": _inverse_powers},
)
_INVERSE1P = elementwise(
    sc.inv_boxcox1p,
    y=lambda g, y, lmbda, ans: g * (1 + ans) / (1 + lmbda * y),
    lmbda=lambda g, y, lmbda, ans: times(g, (1 + ans) * _inverse_slope(y, lmbda)),
    options={"samples": _inverse_powers},
)
at_singular_points(
    _INVERSE,
    y=lambda g, y, lmbda, ans: g * _inverse_y(y, lmbda, ans),
    lmbda=lambda g, y, lmbda, ans: times(g, _inverse_lmbda(y, lmbda, ans)),
)
at_singular_points(
    _INVERSE1P,
    y=lambda g, y, lmbda, ans: g * _inverse_y(y, lmbda, 1 + ans),
    lmbda=lambda g, y, lmbda, ans: times(g, _inverse_lmbda(y, lmbda, 1 + ans)),
)
_POWM1 = elementwise(
    sc.powm1,
    x=lambda g, x, y: power_base(g, x, y),
    y=lambda g, x, y, ans: power_exponent(g, x, y, 1 + ans),
    options={"samples": _two_powers},
)
at_singular_points(
    _POWM1,
    x=lambda g, x, y: power_base_with_limits(g, x, y),
    y=lambda g, x, y, ans: power_exponent_with_limits(g, x, y, 1 + ans),
)
