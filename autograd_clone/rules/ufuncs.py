"""NumPy's ufuncs: each partial derivative stated once.

Products with `g` are written out where that saves a temporary array, or lets an operator on arrays do what an
operator with a Python number would do at twice the price. Constants are Python floats: a ``numpy.float64``
would turn single precision into double. What is piecewise constant is in `logic`.
"""

from __future__ import annotations

import functools
from math import log, pi
from typing import Any

import numpy as np

from ..engine.box import Box, getval
from ..engine.cotangent import dtype_of
from ..engine.define import at_singular_points, broadcasting, composite, custom, elementwise, selection
from ..engine.primitive import REGISTRY
from .tools import UMATH, anywhere, in_dtype, selected

LOG2, LOG10 = log(2.0), log(10.0)
_fun: Any
_POSITIVE, _NONZERO, _UNIT, _DISTINCT = ({"domain": d} for d in ("positive", "nonzero", "unit", "distinct"))
_NUMBERS = frozenset({int, float, complex})


# ---- powers ------------------------------------------------------------------------------------------


def power_base(g, x1, x2):
    """``x2 * x1**(x2 - 1)``, and zero for the exponent zero, whatever the base.

    Where the base is zero and the exponent is not negative, nothing depends on the exponent (as in `power_exponent`).
    """
    if type(x2) in _NUMBERS:
        if x2 == 2:
            return _doubled(g * x1)
        return g * _power_slope(x1, x2) if x2 != 1 else g
    one = dtype_of(g).type(1)  # in the precision of the result
    zero = x1 == 0
    if not anywhere(zero):
        return g * (x2 * x1 ** (x2 - one))
    n = getval(x2)
    zero = zero & (n >= 0)
    constant = zero & ((n == 0) | (n == np.inf))
    x2 = np.where(zero, np.where(constant, 0, n), x2)
    return g * (x2 * x1 ** np.where(constant, 0, x2 - one))


def _doubled(x):
    """``2 * x`` for a new `x`, in its own memory."""
    if type(x) is not np.ndarray:
        return x + x
    x += x
    return x


def _power_slope(x, n):
    """The derivative of ``x**n`` for a plain number `n`."""
    if n == 0.5:
        return 0.5 / np.sqrt(x)
    return n * x ** (n - 1) if n != 0 else 0.0


def power_exponent(g, x1, x2, ans):
    """``ans * log(x1)``, and zero where 0**x2 is 0 or 1."""
    if type(x1) in _NUMBERS and (x1 != 0 if type(x1) is complex else x1 > 0):  # the logarithm of others may be complex
        return g * (ans * np.log(x1).item())
    if dtype_of(x1) != dtype_of(ans):
        x1 = np.positive(x1, dtype=dtype_of(ans))
    zero = x1 == 0
    if anywhere(zero):
        x1 = np.where(zero & (x2 >= 0), 1, x1)
    return g * (ans * np.log(x1))


def power_base_with_limits(g, x1, x2):
    """As `power_base`; also zero where ``x1**x2`` is for an infinite exponent, and right of zero where `x1` is minus zero."""
    one = dtype_of(g).type(1)
    if one.dtype.kind == "c" or dtype_of(x1).kind == "c":
        return power_base(g, x1, x2)
    n = np.asarray(x2, one.dtype) if type(x2) in _NUMBERS else getval(x2)
    zero = (x1 == 0) & (n >= 0)
    constant = (zero & ((n == 0) | (n == np.inf))) | (np.isinf(n) & (np.abs(x1) ** n == 0))
    x2 = np.where(zero | constant, np.where(constant, 0, n), x2)
    x1 = x1 + np.where(n == np.rint(n), -0.0, 0.0).astype(one.dtype)
    return g * (x2 * x1 ** np.where(constant, 0, x2 - one))


def power_exponent_with_limits(g, x1, x2, ans):
    """As `power_exponent`; also zero wherever the power is, and right of zero where `x1` is minus zero."""
    if dtype_of(ans).kind == "c":
        return power_exponent(g, x1, x2, ans)
    zero = x1 == 0
    if dtype_of(x1) != dtype_of(ans):
        x1 = in_dtype(x1, dtype_of(ans))
    x1 = np.where((ans == 0) | (zero & (x2 >= 0)), 1, x1)
    return g * (np.where(zero, np.abs(ans), ans) * np.log(x1))


_POWER = elementwise(np.power, x1=power_base, x2=power_exponent, options=_POSITIVE)
at_singular_points(_POWER, x1=power_base_with_limits, x2=power_exponent_with_limits)
elementwise(np.square, x=lambda g, x: _doubled(g * x))
_SQRT = elementwise(np.sqrt, x=lambda g, ans: g / (ans + ans), options=_POSITIVE)
at_singular_points(_SQRT, x=lambda g, ans: g / (ans + ans + (0.0 if dtype_of(ans).kind != "c" else -0.0)))  # of minus zero, right of it
elementwise(np.cbrt, x=lambda g, ans: g / (3 * ans * ans), options=_NONZERO)
elementwise(np.reciprocal, x=lambda g, ans: -g * ans * ans, options=_NONZERO)


# The same in double precision at least: a Python number may widen the other operand, unlike elsewhere.
_FLOAT_POWER = {
    "x1": lambda g, x1, x2, ans_dtype: power_base(g, in_dtype(x1, ans_dtype), x2),
    "x2": lambda g, x1, x2, ans: power_exponent(g, in_dtype(x1, dtype_of(ans)), x2, ans),
}
_fun = broadcasting(custom(np.float_power, vjp=_FLOAT_POWER, jvp=_FLOAT_POWER, domain="positive"))
at_singular_points(
    _fun,
    x1=lambda g, x1, x2, ans_dtype: power_base_with_limits(g, in_dtype(x1, ans_dtype), x2),
    x2=power_exponent_with_limits,
)


# ---- arithmetic --------------------------------------------------------------------------------------

elementwise(np.add, x1=1, x2=1)
elementwise(np.subtract, x1=1, x2=-1)
elementwise(np.multiply, x1="x2", x2="x1")
elementwise(np.true_divide, x1="1/x2", x2=lambda g, x2, ans: -g * ans / x2, options=_NONZERO)
elementwise(np.negative, x=-1)
elementwise(np.positive, x=1)

# The quotient is taken from the remainder: rounding may carry x1 / x2 over an integer.
elementwise(np.remainder, x1=1, x2=lambda g, x1, x2: -g * np.floor_divide(x1, x2), options=_NONZERO)
elementwise(np.fmod, x1=1, x2=lambda g, x1, x2, ans: -g * np.rint((x1 - ans) / x2), options=_NONZERO)

custom(
    np.modf,
    vjp={"x": lambda g: g[0]},
    jvp={"x": lambda t, x_shape, x_dtype: (t, np.zeros(x_shape, x_dtype))},
    outputs=2,
    complex=False,
)
custom(
    np.frexp,
    vjp={"x": lambda g, ans: np.ldexp(g[0], -ans[1])},
    jvp={"x": lambda t, ans: (np.ldexp(t, -ans[1]), None)},
    outputs=2,
    complex=False,
    domain="nonzero",
)
elementwise(
    np.ldexp,
    x1=lambda g, x2: np.ldexp(g, x2),
    x2=None,
    options={
        "complex": False,
        "samples": lambda s: [
            s(s.array(3, 4), s.ints(5, 4) - 2),
            s(s.array(3, 1), s.ints(4, 2)),
            s(s.array(), 3),
            s(s.array(0), 2),
        ],
    },
)


@composite(np.divmod, domain="nonzero", complex=False)
def _divmod(x1, x2, /, **kwargs):
    return np.floor_divide(x1, x2, **kwargs), np.remainder(x1, x2, **kwargs)


# ---- exponentials and logarithms ---------------------------------------------------------------------

elementwise(np.exp, x="ans")
elementwise(np.exp2, x=lambda g, ans: g * ans * LOG2)
elementwise(np.expm1, x=lambda g, x: g * np.exp(x))  # ans + 1 would lose all digits far below zero
elementwise(np.log, x="1/x", options=_POSITIVE)
elementwise(np.log2, x=lambda g, x: g / x * (1 / LOG2), options=_POSITIVE)
elementwise(np.log10, x=lambda g, x: g / x * (1 / LOG10), options=_POSITIVE)
elementwise(np.log1p, x=lambda g, x: g / (x + 1), options=_POSITIVE)


def _log_weight(x, other, ans, exp):
    """``exp(x - ans)``, the share of `x` in the sum; one half for either of two equal infinities."""
    infinite = np.isinf(ans)
    if not anywhere(infinite):
        return exp(x - ans)
    share = np.where(x == other, 0.5, x > other).astype(dtype_of(ans))
    return np.where(infinite, share, exp(np.where(infinite, 0, x) - np.where(infinite, 0, ans)))


elementwise(
    np.logaddexp,
    x1=lambda x1, x2, ans: _log_weight(x1, x2, ans, np.exp),
    x2=lambda x1, x2, ans: _log_weight(x2, x1, ans, np.exp),
)
elementwise(
    np.logaddexp2,
    x1=lambda x1, x2, ans: _log_weight(x1, x2, ans, np.exp2),
    x2=lambda x1, x2, ans: _log_weight(x2, x1, ans, np.exp2),
)


# ---- trigonometric and hyperbolic functions ----------------------------------------------------------


def _tanh(g, ans):
    # Three operations on arrays against two and one with a number: 0.76 of the time for 10 elements, and 1.4
    # times as much for a million, where the traffic of `g` to and from memory decides. So it does if `g` is a batch.
    if ans.size < 2000 and not isinstance(g, Box):
        return g - g * ans * ans
    if type(g) is np.ndarray is type(ans) and g.dtype is ans.dtype and g.shape == ans.shape:
        slope = ans * ans  # memory for one array, not for three
        np.subtract(1, slope, slope)
        slope *= g
        return slope
    return g * (1 - ans * ans)


def _one_minus_square(x):
    """``1 - x**2`` without cancellation; on the side of the branch cut that the signed zero of ``x`` says."""
    return (1 - x) * (1 + x) if dtype_of(x).kind != "c" else -(x - 1) * (x + 1)


def _root_of_square_less_one(x):
    """``sqrt(x**2 - 1)`` with the branch cut of the inverse hyperbolic cosine: the root of the product has another."""
    return np.sqrt(x - 1) * np.sqrt(x + 1)


# As one function each: a factor that is zero leaves its derivative to the other one, which an infinite cotangent would not.
ONE_MINUS_SQUARE: Any = elementwise(
    _one_minus_square,
    x=lambda g, x: g * (-2 * x),
    options={"name": "1 - x**2", "samples": lambda s: [s(s.array(3, 4)), s(s.array()), s(s.array(0))]},
)
ROOT_OF_SQUARE_LESS_ONE: Any = elementwise(
    _root_of_square_less_one,
    x=lambda g, x, ans: g * (x / ans),
    options={"name": "sqrt(x**2 - 1)", "samples": lambda s: [s(s.above_one(3, 4)), s(s.above_one()), s(s.array(0))]},
)

elementwise(np.sin, x=lambda g, x: g * np.cos(x))
elementwise(np.cos, x=lambda g, x: -g * np.sin(x))
elementwise(np.tan, x=lambda g, ans: g * (ans * ans + 1), options=_UNIT)
_ARCSIN = elementwise(np.arcsin, x=lambda g, x: g / np.sqrt(_one_minus_square(x)), options=_UNIT)
_ARCCOS = elementwise(np.arccos, x=lambda g, x: -g / np.sqrt(_one_minus_square(x)), options=_UNIT)
elementwise(np.arctan, x=lambda g, x: g / (1 + x * x), options=_UNIT)
elementwise(np.sinh, x=lambda g, x: g * np.cosh(x))
elementwise(np.cosh, x=lambda g, x: g * np.sinh(x))
elementwise(np.tanh, x=_tanh)
elementwise(np.arcsinh, x=lambda g, x: g / np.sqrt(1 + x * x), options=_UNIT)
_ARCCOSH = elementwise(np.arccosh, x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)), options={"domain": "above_one"})
_ARCTANH = elementwise(np.arctanh, x=lambda g, x: g / ((1 - x) * (1 + x)), options=_UNIT)
at_singular_points(_ARCSIN, x=lambda g, x: g / np.sqrt(ONE_MINUS_SQUARE(x)))
at_singular_points(_ARCCOS, x=lambda g, x: -g / np.sqrt(ONE_MINUS_SQUARE(x)))
at_singular_points(_ARCCOSH, x=lambda g, x: g / ROOT_OF_SQUARE_LESS_ONE(x))
at_singular_points(_ARCTANH, x=lambda g, x: g / ONE_MINUS_SQUARE(x))

for _fun in (np.degrees, np.rad2deg):
    elementwise(_fun, x=180 / pi)
for _fun in (np.radians, np.deg2rad):
    elementwise(_fun, x=pi / 180)


def _arctan2(g, x1, x2, leg):
    """`leg` over the squared distance from the origin; zero at the origin and at infinity."""
    with np.errstate(over="ignore", under="ignore"):
        squared = x1 * x1 + x2 * x2
    tiny = _smallest(dtype_of(squared))
    if not anywhere((squared < tiny) | (squared == np.inf)):
        return g * (leg / squared)
    r = np.hypot(x1, x2)
    irregular = (r == 0) | (r == np.inf)
    if anywhere(irregular):
        leg, r = np.where(irregular, 0, leg), np.where(irregular, 1, r)
    return g * (leg / r / r)


@functools.cache
def _smallest(dtype):
    """Where squares begin to lose digits."""
    info = np.finfo(dtype)
    return float(info.tiny / info.eps) if dtype.itemsize <= 8 else info.tiny / info.eps


def _hypot(g, x, ans):
    """``x / ans``: zero at the origin, the sign of `x` where that is infinite."""
    irregular = (ans == 0) | np.isinf(ans)
    if not anywhere(irregular):
        return g * (x / ans)
    limit = (np.isinf(x) & irregular) * np.sign(x)
    return g * np.where(irregular, limit, np.where(irregular, 0, x) / np.where(irregular, 1, ans))


elementwise(
    np.arctan2,
    x1=lambda g, x1, x2: _arctan2(g, x1, x2, x2),
    x2=lambda g, x1, x2: _arctan2(g, x1, x2, -x1),
    options=_NONZERO,
)
elementwise(
    np.hypot,
    x1=lambda g, x1, ans: _hypot(g, x1, ans),
    x2=lambda g, x2, ans: _hypot(g, x2, ans),
    options=_NONZERO,
)


# ---- absolute values, signs, extrema -----------------------------------------------------------------


def _absolute(g, x):
    """Times the sign, in both modes: a tangent of a complex operand is complex, a cotangent is real."""
    if dtype_of(x).kind != "c":
        return g * np.sign(x)
    r = np.abs(x)
    product = np.conj(x) * (g * (r != 0) / (r + (r == 0)))
    return np.real(product) if dtype_of(g).kind == "c" else product


elementwise(np.absolute, x=_absolute, options=_NONZERO)
elementwise(np.fabs, x=lambda g, x: g * np.sign(x), options=_NONZERO)
elementwise(np.conjugate, x=lambda g: np.conj(g))
elementwise(
    np.copysign,
    x1=lambda g, x1, ans: g * (np.sign(x1) * np.sign(ans)),
    x2=None,
    options=_NONZERO,
)
elementwise(np.nextafter, x1=1, x2=None)
elementwise(np.heaviside, x1=None, x2=lambda g, x1: g * (x1 == 0), options=_NONZERO)


def _where_ahead(g, ahead, equal):
    """`g` where an operand was taken, and half of it where the two are equal."""
    if anywhere(equal):
        return selected(g * np.where(equal, 0.5, 1.0).astype(dtype_of(g)), ahead | equal)
    return selected(g, ahead)


elementwise(
    np.maximum,
    x1=lambda g, x1, x2: _where_ahead(g, x1 > x2, x1 == x2),
    x2=lambda g, x1, x2: _where_ahead(g, x2 > x1, x1 == x2),
    options=_DISTINCT,
)
elementwise(
    np.minimum,
    x1=lambda g, x1, x2: _where_ahead(g, x1 < x2, x1 == x2),
    x2=lambda g, x1, x2: _where_ahead(g, x2 < x1, x1 == x2),
    options=_DISTINCT,
)
elementwise(
    np.fmax,
    x1=lambda g, x1, x2: _where_ahead(g, (x1 > x2) | np.isnan(x2), x1 == x2),
    x2=lambda g, x1, x2: _where_ahead(g, (x2 > x1) | np.isnan(x1), x1 == x2),
    options=_DISTINCT,
)
elementwise(
    np.fmin,
    x1=lambda g, x1, x2: _where_ahead(g, (x1 < x2) | np.isnan(x2), x1 == x2),
    x2=lambda g, x1, x2: _where_ahead(g, (x2 < x1) | np.isnan(x1), x1 == x2),
    options=_DISTINCT,
)


def _clip_value(g, a, min, max):
    return selected(g, (a > min) & (a < max))


#: ``minimum(maximum(a, min), max)``; where `a` is equal to a bound, the derivative is the bound's.
CLIP = elementwise(
    UMATH.clip,
    a=_clip_value,
    min=lambda g, a, min, max: selected(g, (a <= min) & (min < max)),
    max=lambda g, a, min, max: selected(g, (a >= max) | (min >= max)),
    options={"name": "numpy.clip (ufunc)", "domain": "distinct"},
)

selection(CLIP, *(REGISTRY[_fun] for _fun in (np.maximum, np.minimum, np.fmax, np.fmin)))
