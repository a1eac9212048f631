"""Recurrences for the Taylor coefficients of elementary functions, where they cost less than the general way.

The general way is the differential equation that the derivative rule of a function is (`engine.jet`). What is here saves the
interpretation of that rule: the equation has been put into coefficients by hand, after Griewank and Walther, Evaluating
Derivatives, 2nd ed. (2008), tables 13.1 and 13.2. Products and quotients of series have theirs; the elementary functions are
solutions of ``z' = w x'`` (`driven`) or ``z' = x' / v`` (`quotient`), where ``w`` is made from ``z`` and ``v`` from ``x``.

A recurrence is declared as ``rule(z, *operands)``, where ``z`` is the list of coefficients that are known, and returns
``grow(k)``, the next one. ``None`` stands for a coefficient that is zero by structure.
"""

from __future__ import annotations

import numpy as np

from ..engine.jet import IMPLICIT, OF_MATRICES, RECURRENCES, Series
from .tools import anywhere


def recurrence(*functions):
    """Decorator: the recurrence of these functions."""

    def install(rule):
        for function in functions:
            RECURRENCES[f"numpy.{function.__name__}"] = rule
        return rule

    return install


def dot(a, b):
    """``a[0] * b[-1] + a[1] * b[-2] + ...`` of two equally long lists, where ``None`` is zero."""
    total, i = None, len(a)
    for x in a:
        i -= 1
        y = b[i]
        if x is not None and y is not None:
            total = x * y if total is None else total + x * y
    return total


def added(a, b):
    """``a + b``, where ``None`` is zero."""
    if a is None:
        return b
    return a if b is None else a + b


def minus(a, b):
    """``a - b``, where ``None`` is zero."""
    if b is None:
        return a
    return -b if a is None else a - b


def over(a, b):
    """``a / b``, where ``None`` is zero in `a`."""
    return None if a is None else a / b


def times(a, b):
    """``a * b``, where ``None`` is zero in `a`."""
    return None if a is None else a * b


# ---- sums --------------------------------------------------------------------------------------------------------------


def _alike(z, x, y):
    """Whether the operands that vary have the shape and dtype of the result, so that coefficients are its own as they are."""
    ans = z[0]
    for operand in (x, y):
        if type(operand) is Series:
            value = operand.known[0]
            if type(value) is not type(ans) or not (
                type(ans) is np.float64 or (value.shape == ans.shape and value.dtype is ans.dtype)
            ):
                return False
    return True


@recurrence(np.add)
def _add(z, x, y):
    if not _alike(z, x, y):
        return None
    if type(y) is not Series:
        return x.__getitem__
    if type(x) is not Series:
        return y.__getitem__
    return lambda k: added(x[k], y[k])


@recurrence(np.subtract)
def _subtract(z, x, y):
    if not _alike(z, x, y):
        return None
    if type(y) is not Series:
        return x.__getitem__
    if type(x) is not Series:
        return lambda k: minus(None, y[k])
    return lambda k: minus(x[k], y[k])


@recurrence(np.negative)
def _negative(z, x):
    return lambda k: minus(None, x[k])


# ---- products and quotients --------------------------------------------------------------------------------------


@recurrence(np.multiply)
def _multiply(z, x, y):
    if type(x) is not Series or type(y) is not Series:
        series, other = (x, y) if type(x) is Series else (y, x)
        return lambda k: times(series[k], other)
    if x is y:
        return square(x)
    xs, ys = x.known, y.known

    def grow(k):
        if len(xs) <= k:
            x[k]
        if len(ys) <= k:
            y[k]
        return dot(xs[: k + 1], ys[: k + 1])

    return grow


def half_dot(xs, k):
    """Coefficient `k` of the square of a series: each product of two different coefficients is computed once."""
    half = (k + 1) // 2
    total = dot(xs[:half], xs[k + 1 - half : k + 1])
    if total is not None:
        total = total + total
    middle = None if k % 2 else xs[k // 2]
    return total if middle is None else added(total, middle * middle)


def square(x):
    """The recurrence of ``x * x``."""
    xs = x.known

    def grow(k):
        if len(xs) <= k:
            x[k]
        return half_dot(xs, k)

    return grow


@recurrence(np.square)
def _square(z, x):
    return square(x)


@recurrence(np.true_divide)
def _true_divide(z, x, y):
    if type(y) is not Series:
        return lambda k: over(x[k], y)
    ys, first = y.known, y.known[0]

    def grow(k):
        y[k]
        numerator = x[k] if type(x) is Series else None
        return over(minus(numerator, dot(ys[1 : k + 1], z)), first)

    return grow


@recurrence(np.reciprocal)
def _reciprocal(z, x):
    return _true_divide(z, None, x)


@recurrence(np.sqrt)
def _sqrt(z, x):
    twice = z[0] + z[0]

    def grow(k):
        return over(minus(x[k], dot(z[1:], z[1:])), twice)

    return grow


@recurrence(np.power)
def _power(z, x, n):
    if type(n) not in (int, float) or type(x) is not Series:
        return None
    if n == 2:
        return square(x)
    if (n >= 0 and n == int(n)) or anywhere(x.known[0] == 0):
        return None  # by way of lower powers: without a division by what may be small
    xs, first = x.known, x.known[0]

    def grow(k):
        x[k]
        weights = [None if c is None else ((n + 1) * j - k) * c for j, c in enumerate(xs[1 : k + 1], 1)]
        return over(dot(weights, z), k * first)

    return grow


# ---- z' = w x' -------------------------------------------------------------------------------------------------------


def driven(x, z, first=None, follow=None):
    """The recurrence of ``z' = w x'``, where ``w`` is ``z`` itself or a series that begins with `first`.

    ``follow(k, w, slopes)`` is coefficient `k` of ``w``, when those before are known, and those of ``z``.
    ``slopes`` are ``x_1, 2 x_2, ..., k x_k``.
    """
    xs, slopes = x.known, []
    w = z if first is None else [first]

    def grow(k):
        if follow is not None and k > 1:
            w.append(follow(k - 1, w, slopes))
        c = xs[k] if len(xs) > k else x[k]
        slopes.append(c if c is None or k == 1 else k * c)
        c = dot(slopes, w)
        return c if c is None or k == 1 else c / k

    return grow


@recurrence(np.exp)
def _exp(z, x):
    return driven(x, z)


@recurrence(np.expm1)
def _expm1(z, x):
    return driven(x, z, np.exp(x.known[0]), lambda k, w, slopes: z[k])


@recurrence(np.sin)
def _sin(z, x):
    return driven(x, z, np.cos(x.known[0]), lambda k, w, slopes: over(dot(slopes, z[:k]), -k))


@recurrence(np.cos)
def _cos(z, x):
    return driven(x, z, -np.sin(x.known[0]), lambda k, w, slopes: over(dot(slopes, z[:k]), -k))


@recurrence(np.sinh)
def _sinh(z, x):
    return driven(x, z, np.cosh(x.known[0]), lambda k, w, slopes: over(dot(slopes, z[:k]), k))


@recurrence(np.cosh)
def _cosh(z, x):
    return driven(x, z, np.sinh(x.known[0]), lambda k, w, slopes: over(dot(slopes, z[:k]), k))


@recurrence(np.tanh)
def _tanh(z, x):
    return driven(x, z, 1 - z[0] * z[0], lambda k, w, slopes: minus(None, half_dot(z, k)))


@recurrence(np.tan)
def _tan(z, x):
    return driven(x, z, 1 + z[0] * z[0], lambda k, w, slopes: half_dot(z, k))


# ---- z' = x' / v --------------------------------------------------------------------------------------------------------


def quotient(x, v):
    """The recurrence of ``z' = x' / v``, for a series `v`."""
    xs, vs, found = x.known, v.known, []

    def grow(k):
        c = xs[k] if len(xs) > k else x[k]
        if len(vs) < k:
            v[k - 1]
        c = over(minus(c if c is None else k * c, dot(found, vs[1:k])), vs[0])
        found.append(c)
        return over(c, k)

    return grow


@recurrence(np.log)
def _log(z, x):
    return quotient(x, x)


@recurrence(np.log1p)
def _log1p(z, x):
    return quotient(x, Series([1 + x.known[0]], x.__getitem__))


@recurrence(np.arctan)
def _arctan(z, x):
    return quotient(x, Series([1 + x.known[0] * x.known[0]], square(x)))


# ---- linear algebra ----------------------------------------------------------------------------------------------------

IMPLICIT |= {"numpy.linalg.solve", "triangular_solve", "banded_system", "sylvester", "recurrence"}
OF_MATRICES |= {"exponential", "logarithm", "fractional_power"}
