"""Elementwise functions that are not ufuncs: clip, sinc, i0, angle, nan_to_num, unwrap, and numpy.emath."""

from __future__ import annotations

from math import factorial, pi
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..array.complaints import plain_copy
from ..engine.box import all_values
from ..engine.cotangent import dtype_of
from ..engine.define import composite, custom, elementwise
from ..engine.duck import is_duck
from ..engine.trace import apply
from .creation import as_array, cast_to
from .tools import NOT_GIVEN, anywhere, in_dtype, refuse_out
from .ufuncs import CLIP

# ---- clip ----------------------------------------------------------------------------------------------


def _clip(a, a_min=NOT_GIVEN, a_max=NOT_GIVEN, out=None, *, min=NOT_GIVEN, max=NOT_GIVEN, **kwargs):
    """A bound that is missing is infinite. Where `a` is equal to a bound, the derivative is the bound's."""
    usual = type(a) is ArrayBox and type(a_min) in _PLAIN_BOUNDS and type(a_max) in _PLAIN_BOUNDS
    if usual and not kwargs and out is None and min is max is NOT_GIVEN:
        return apply(CLIP, (a, a_min, a_max), {})
    refuse_out(np.clip, out)
    if a_min is NOT_GIVEN and a_max is NOT_GIVEN:
        a_min, a_max = min, max
    elif a_min is NOT_GIVEN or a_max is NOT_GIVEN:
        raise TypeError(f"clip() lacks a_{'min' if a_min is NOT_GIVEN else 'max'}")
    elif min is not NOT_GIVEN or max is not NOT_GIVEN:
        raise ValueError("clip() takes min and max in place of a_min and a_max, not besides")
    lower, upper = _bound(a_min), _bound(a_max)
    if lower is None and upper is None:
        np.clip(0.0, None, None)  # raises, before NumPy 2.1
        return np.positive(as_array(a), **kwargs)
    lower = -np.inf if lower is None else lower
    upper = np.inf if upper is None else upper
    return CLIP(as_array(a), _array_or_number(lower), _array_or_number(upper), **kwargs)


_PLAIN_BOUNDS = frozenset({int, float, np.ndarray})


def _bound(given):
    return None if given is NOT_GIVEN else given


def _array_or_number(x):
    """A Python number is left as it is: it does not widen single precision."""
    return x if isinstance(x, (int, float, complex)) else as_array(x)


composite(
    np.clip,
    _clip,
    samples=lambda s: [
        s(s.distinct(3, 4), -0.9, 1.1),
        s(s.distinct(3, 4), None, 0.4),
        s(s.distinct(3, 4), -0.4, None),
        s(s.distinct(3, 4), a_min=-0.6, a_max=s.distinct(4) + 2),
        s(s.distinct(3, 1), s.distinct(4) - 3, s.distinct(4) + 2),
        s(s.distinct(3, 4), min=-0.6, max=0.7),
        s(s.distinct(3), max=-0.8),
        s(s.distinct(3)),
        s(s.distinct(3), 0.7, -0.6),
        s(s.array(), -3.0, 3.0, dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(0), -1.0, 1.0),
    ],
)


# ---- sinc ----------------------------------------------------------------------------------------------


def sinc_derivative(x, *, order):
    """The derivative of `numpy.sinc` of an order of at least one; zero at infinity."""
    t = np.multiply(x, pi)
    size = np.abs(t)
    near = size < 0.25 + 0.25 * order
    far = (size < np.inf) & ~near
    if is_duck(t):
        out = np.where(far, _sinc_recurrence(np.where(far, t, 1.0), order), 0.0)
        return np.where(near, _sinc_series(np.where(near, t, 0.0), order), out) * pi**order
    t, near, far = np.atleast_1d(t, near, far)
    out = np.zeros_like(t)
    if near.any():
        out[near] = _sinc_series(t[near], order)
    if far.any():
        out[far] = _sinc_recurrence(t[far], order)
    return (out * pi**order).reshape(np.shape(x))


def _sinc_series(t, n):
    """The Taylor series about zero, from ``sinc(t) = integral of cos(s * t) for s from 0 to 1``."""
    start = n % 2
    out = np.zeros_like(t)
    for m in range(start + 2 * (6 + n), start - 1, -2):
        out = out * (t * t) + (-1) ** ((n + m) // 2) / (factorial(m) * (n + m + 1))
    return out * t**start


def _sinc_recurrence(t, n):
    """From ``t * sinc(t) = sin(t)``, differentiated n times; loses digits where `t` is much less than n."""
    out = np.sin(t) / t
    waves = (np.sin(t), np.cos(t))
    for k in range(1, n + 1):
        out = ((-1) ** (k // 2) * waves[k % 2] - k * out) / t
    return out


_ZERO_AND_EMPTY = lambda s: [s(np.zeros(2, s.dtype)), s(s.array(0))]
SINC: Any = elementwise(
    sinc_derivative,
    x=lambda g, x, order: g * SINC(x, order=order + 1),
    options={
        "samples": lambda s: [s(s.array(3), order=1), s(3 * s.array(6), order=2), s(s.array(), order=3)],
    },
)
elementwise(
    np.sinc,
    x=lambda g, x: g * SINC(x, order=1),
    options={"samples": lambda s: [s(s.array(3, 4)), s(4 * s.array(3)), *_ZERO_AND_EMPTY(s)]},
)


# ---- other functions -----------------------------------------------------------------------------------


def _bessel_i1(x):
    """NumPy has no I1; SciPy has it in single and double precision."""
    from scipy.special import i1

    return cast_to(i1(in_dtype(x, np.float64) if dtype_of(x).itemsize > 8 else x), dtype_of(x))


elementwise(
    np.i0,
    x=lambda g, x: g * _bessel_i1(x),
    options={"complex": False, "samples": lambda s: [s(s.array(3, 4)), s(s.array()), *_ZERO_AND_EMPTY(s)]},
)


@composite(np.kaiser, samples=lambda s: [s(6, s.real()[()]), s(5, s.real()), s(1, s.real()[()])])
def _kaiser(M, beta):
    M = plain_copy(M)
    if np.ndim(M) or M != int(M):
        raise ValueError(f"a window of {M} points")
    window = np.kaiser(M, plain_copy(beta))
    beta = cast_to(as_array(beta), window.dtype)
    middle = (M - 1) / 2
    if not middle:
        return window
    t = (np.arange(len(window)) - middle) / middle
    return np.i0(beta * np.sqrt(1 - t * t)) / np.i0(beta)


def _turning(z, deg):
    """The derivative of the angle: -i / z, and zero at zero; a real number's angle is constant."""
    if dtype_of(z).kind != "c":
        return 0.0
    slope = -1j * (z != 0) / (z + (z == 0))
    return slope * (180 / pi) if deg else slope


custom(
    np.angle,
    vjp={"z": lambda g, z, deg: g * _turning(z, deg)},
    jvp={"z": lambda t, z, deg: np.real(t * _turning(z, deg))},
    samples=lambda s: [s(s.nonzero(3, 4)), s(s.nonzero(3), deg=True), s(s.nonzero()), s(s.array(0))],
)


def _finite(g, x):
    """`g` where `x` is finite; for complex numbers both parts by themselves."""
    if dtype_of(x).kind != "c":
        return g * np.isfinite(x)
    real, imag = np.isfinite(np.real(x)), np.isfinite(np.imag(x))
    return np.real(g) * real + 1j * (np.imag(g) * imag)


elementwise(
    np.nan_to_num,
    x=_finite,
    options={
        "harmless": ("nan", "posinf", "neginf"),
        "samples": lambda s: [
            s(s.array(3, 4)),
            s(s.array(3, 4), nan=1.0, posinf=2.0, neginf=-3.0),
            s(s.array()),
            s(s.array(0)),
        ],
    },
)


@composite(
    np.real_if_close,
    samples=lambda s: [s(s.array(3)), s(s.array(3), tol=10), s(s.real(3), via=lambda f, x: f(x + 0j))],
)
def _real_if_close(a, tol=100):
    a = as_array(a)
    return np.real(a) if np.real_if_close(all_values(a), tol).dtype.kind != "c" else a


custom(
    np.unwrap,
    vjp={"p": lambda g: g},
    jvp={"p": lambda t: t},
    harmless=("discont", "axis", "period"),
    complex=False,
    samples=lambda s: [
        s(4 * s.array(6)),
        s(4 * s.array(2, 5), discont=4.0, axis=0),
        s(3 * s.array(2, 5), period=2.0),
    ],
)


# ---- numpy.emath: real where the result is, complex elsewhere ------------------------------------------


def _on_complex(function, outside):
    """`function` of its operand made complex if ``outside(operand)`` anywhere."""

    def implementation(x):
        x = as_array(x)
        if anywhere(outside(x)):  # of long double too, NumPy makes complex numbers of double precision
            x = cast_to(x, np.complex64 if dtype_of(x).char in "ef" else np.complex128)
        return function(x)

    return implementation


def _negative(x):
    return False if dtype_of(x).kind == "c" else x < 0


def _beyond_one(x):
    return False if dtype_of(x).kind == "c" else np.abs(x) > 1


_SIGNED = lambda s: [s(s.positive(3, 4)), s(s.nonzero(3, 4)), s(s.positive()), s(s.array(0))]
_INSIDE = lambda s: [s(s.unit(3, 4)), s(s.above_one(3) * np.array([1, -1, 1])), s(s.unit()), s(s.array(0))]
for _name in ("sqrt", "log", "log2", "log10"):
    composite(getattr(np.emath, _name), _on_complex(getattr(np, _name), _negative), samples=_SIGNED)
for _name in ("arccos", "arcsin", "arctanh"):
    composite(getattr(np.emath, _name), _on_complex(getattr(np, _name), _beyond_one), samples=_INSIDE)


@composite(
    np.emath.logn,
    samples=lambda s: [s(s.above_one(3, 4), s.nonzero(3, 4)), s(s.above_one(), s.positive())],
)
def _logn(n, x):
    return np.emath.log(x) / np.emath.log(n)


@composite(
    np.emath.power,
    operands=("x", "p"),
    samples=lambda s: [s(s.nonzero(3, 4), s.array(4)), s(s.positive(3), 2.5), s(s.nonzero(3), -2)],
)
def _power(x, p):
    x, p = as_array(x), as_array(p)
    if dtype_of(p).kind == "i" and anywhere(p < 0):
        p = p * 1.0
    return np.power(x + 0j if anywhere(_negative(x)) else x, p)
