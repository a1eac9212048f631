"""Bessel, Hankel, Struve and spherical Bessel functions, differentiated with respect to their argument.

None of them has a rule for its order: a traced order is refused, whatever its value. Derivatives are written
with the functions of neighbouring order (DLMF 10.6.1, 10.29.1, 10.51.2), which is regular at zero where the
function is, to every order of differentiation. Functions scaled by ``exp(-|Re z|)`` or ``exp(-|Im z|)`` are
not holomorphic; their derivatives at complex arguments are those over the reals, and at the kink the scale
counts as constant.
"""

from __future__ import annotations

from functools import wraps
from math import pi

import numpy as np
from scipy import special as sc

from ..engine.cotangent import dtype_of
from ..engine.define import at_singular_points, elementwise
from ..engine.primitive import Primitive
from .special_tools import limits, times

_POSITIVE = {"domain": "positive"}

# ---- fixed orders -----------------------------------------------------------------------------------------

elementwise(sc.j0, x=lambda g, x: -g * sc.j1(x))
elementwise(sc.j1, x=lambda g, x: g * (0.5 * (sc.j0(x) - sc.jv(2, x))))
elementwise(sc.y0, x=lambda g, x: -g * sc.y1(x), options=_POSITIVE)
_Y1 = elementwise(sc.y1, x=lambda g, x, ans: g * (sc.y0(x) - ans / x), options=_POSITIVE)
elementwise(sc.i0, x=lambda g, x: g * sc.i1(x))
elementwise(sc.i1, x=lambda g, x: g * (0.5 * (sc.i0(x) + sc.iv(2, x))))
elementwise(sc.k0, x=lambda g, x: -g * sc.k1(x), options=_POSITIVE)
_K1 = elementwise(sc.k1, x=lambda g, x, ans: -g * (sc.k0(x) + ans / x), options=_POSITIVE)
elementwise(sc.i0e, x=lambda g, x, ans: g * (sc.i1e(x) - np.sign(x) * ans), options={"domain": "nonzero"})
_I1E = elementwise(
    sc.i1e,
    x=lambda g, x, ans: g * (0.5 * (sc.i0e(x) + sc.ive(2, x)) - np.sign(x) * ans),
    options={"domain": "nonzero"},
)
_K0E = elementwise(sc.k0e, x=lambda g, x, ans: g * (ans - sc.k1e(x)), options=_POSITIVE)
_K1E = elementwise(sc.k1e, x=lambda g, x, ans: g * (ans - sc.k0e(x) - ans / x), options=_POSITIVE)
limits(_I1E, "x", {np.inf: 0.0, -np.inf: 0.0})


def _at_zero(x, leading, slope):
    """`slope`, or its leading term right of zero for `x` zero, where others are infinite too."""
    x = x + 0.0
    zero = x == 0
    return np.where(zero, leading(np.where(zero, x, 1.0)), slope(np.where(zero, 1.0, x)))


at_singular_points(_Y1, x=lambda g, x, ans: g * _at_zero(x, lambda x: 2 / pi * x**-2.0, lambda x: sc.y0(x) - ans / x))
at_singular_points(_K1, x=lambda g, x, ans: g * _at_zero(x, lambda x: -(x**-2.0), lambda x: -sc.k0(x) - ans / x))
at_singular_points(_K0E, x=lambda g, x, ans: g * _at_zero(x, lambda x: -1 / x, lambda x: ans - sc.k1e(x)))
at_singular_points(_K1E, x=lambda g, x, ans: g * _at_zero(x, lambda x: -(x**-2.0), lambda x: ans - sc.k0e(x) - ans / x))

# ---- any order --------------------------------------------------------------------------------------------


def _of_order(fun, z, samples):
    """A record of ``fun(v, z)`` with a rule for its second operand only."""
    prim = elementwise(fun, v=None, z=z, options={"samples": samples})
    del prim.vjps[0], prim.jvps[0]
    return prim


def _regular(s):
    """Argument of either sign, or complex."""
    return [
        s(1, s.array(3, 4)),
        s(np.arange(4), s.array(3, 1)),
        s(2, s.array()),
        s(0, s.array(0)),
        s(0.5, s.positive(2)),
        s(2, s.array()[()]),
        s(s.real(2) + 1, s.positive(2)),
    ]


def _singular(s):
    """Argument right of zero, where it is real."""
    return [
        s(1, s.positive(3, 4)),
        s(np.arange(4), s.positive(3, 1)),
        s(2, s.positive()),
        s(0, s.positive(0)),
        s(0.5, s.positive(2)),
        s(1, s.positive()[()]),
        s(s.real(2), s.positive(2)),
    ]


def _integer(s):
    """As `_singular`, of integer order."""
    return [
        s(1, s.positive(3, 4)),
        s(np.arange(4), s.positive(3, 1)),
        s(2, s.positive()),
        s(0, s.positive(0)),
        s(1, s.positive()[()]),
    ]


def _difference(f):
    return lambda g, v, z: g * (0.5 * (f(v - 1, z) - f(v + 1, z)))


def _mean(f):
    return lambda g, v, z: g * (0.5 * (f(v - 1, z) + f(v + 1, z)))


for _fun in {sc.jv, sc.jn}:
    _of_order(_fun, _difference(sc.jv), _regular)
_of_order(sc.yv, _difference(sc.yv), _singular)
_of_order(sc.yn, _difference(sc.yn), _integer)
_of_order(sc.iv, _mean(sc.iv), _regular)
_of_order(sc.kv, lambda g, v, z: -g * (0.5 * (sc.kv(v - 1, z) + sc.kv(v + 1, z))), _singular)
_of_order(sc.kn, lambda g, v, z: -g * (0.5 * (sc.kn(abs(v - 1), z) + sc.kn(v + 1, z))), _integer)
_of_order(sc.kve, lambda g, v, z, ans: g * (ans - 0.5 * (sc.kve(v - 1, z) + sc.kve(v + 1, z))), _singular)
_of_order(sc.hankel1, _difference(sc.hankel1), _singular)
_of_order(sc.hankel2, _difference(sc.hankel2), _singular)
_of_order(
    sc.hankel1e,
    lambda g, v, z, ans: g * (0.5 * (sc.hankel1e(v - 1, z) - sc.hankel1e(v + 1, z)) - 1j * ans),
    _singular,
)
_of_order(
    sc.hankel2e,
    lambda g, v, z, ans: g * (0.5 * (sc.hankel2e(v - 1, z) - sc.hankel2e(v + 1, z)) + 1j * ans),
    _singular,
)


def _scaled(f, sign, part, unit):
    """The rules of ``exp(-|part(z)|)`` times a function whose derivative is half the sum or difference of its
    neighbours.

    For complex z, ``part`` is the real or the imaginary part; dz enters through it as a real number.
    """

    def slope(v, z):
        return 0.5 * (f(v - 1, z) + sign * f(v + 1, z))

    def vjp(g, v, z, ans):
        if dtype_of(z).kind != "c":
            return g * slope(v, z) if part is np.imag else g * (slope(v, z) - np.sign(z) * ans)
        return g * slope(v, z) - unit * (np.sign(part(z)) * np.real(g * ans))

    def jvp(t, v, z, ans):
        if dtype_of(z).kind != "c":
            return vjp(t, v, z, ans)
        return t * slope(v, z) - ans * (np.sign(part(z)) * part(t))

    prim = _of_order(f, vjp, lambda s: (_singular if f is sc.yve and s.dtype.kind == "f" else _off_axes)(s))
    prim.set_rules("jvp", {"z": jvp})


def _off_axes(s):
    """Argument away from both axes, and right of zero where it is real and the function singular."""
    return [
        s(1, s.nonzero(3, 4)),
        s(np.arange(4), s.nonzero(3, 1)),
        s(2, s.nonzero()),
        s(0, s.nonzero(0)),
        s(0.5, s.positive(2)),
        s(1, s.nonzero()[()]),
        s(s.real(2), s.positive(2)),
    ]


_scaled(sc.ive, 1, np.real, 1)
_scaled(sc.jve, -1, np.imag, -1j)
_scaled(sc.yve, -1, np.imag, -1j)


# ---- Struve functions (DLMF 11.4.27, 11.4.32) -------------------------------------------------------------


def _over(product, v, z):
    """``product / z``; at zero, where a function of order zero or more is zero and flat, zero."""
    return product / (z + ((z == 0) & (v >= 0)))


_of_order(sc.struve, lambda g, v, z, ans: g * (sc.struve(v - 1, z) - _over(v * ans, v, z)), _singular)
_of_order(sc.modstruve, lambda g, v, z, ans: g * (sc.modstruve(v - 1, z) - _over(v * ans, v, z)), _singular)

# ---- spherical Bessel functions ---------------------------------------------------------------------------


def mended(fun):
    """SciPy's function, with values left of zero, where old versions have none: it is even or odd (DLMF 10.47.14)."""
    if fun.__name__ not in ("spherical_jn", "spherical_in") or np.isfinite(fun(1, -1.0)):
        return fun

    @wraps(fun)
    def function(n, z, derivative=False):
        if np.iscomplexobj(z):
            return fun(n, z, derivative)
        odd = np.less(z, 0) & (np.add(n, derivative) % 2 == 1)
        return fun(n, np.abs(z), derivative) * (1 - 2 * odd)

    return function


def _spherical(fun, below, above, samples):
    """A primitive ``(z, n)`` with the derivative ``(n below f_(n-1) + (n+1) above f_(n+1)) / (2n+1)``."""
    value = mended(fun)

    def function(z, *, n):
        return value(n, z)

    function.__name__ = fun.__name__

    def slope(g, z, n):
        lower = np.maximum(n, 1) - 1
        return g * (
            (below * n * prim(z, n=lower) + above * (n + 1) * prim(z, n=np.add(n, 1))) / (2 * n + 1.0)
        )

    prim: Primitive = elementwise(
        function,
        z=slope,
        options={"name": f"scipy.special.{fun.__name__}", "samples": samples, "defaults": {"n": 0}},
    )
    return prim, slope


def _spherical_samples(draw):
    return lambda s: [
        s(getattr(s, draw)(3, 4), n=1),
        s(getattr(s, draw)(), n=0),
        s(getattr(s, draw)(3, 1), n=np.arange(4)),
        s(getattr(s, draw)(0), n=2),
    ]


#: name -> primitive ``(z, n=)``, and its derivative ``slope(g, z, n)``.
SPHERICAL = {
    fun.__name__: _spherical(fun, below, above, _spherical_samples(draw))
    for fun, below, above, draw in (
        (sc.spherical_jn, 1, -1, "nonzero"),
        (sc.spherical_yn, 1, -1, "positive"),
        (sc.spherical_in, 1, 1, "nonzero"),
        (sc.spherical_kn, -1, -1, "positive"),
    )
}

# ---- derivatives of Bessel functions ----------------------------------------------------------------------


def _derivative(fun, draw):
    """A primitive ``(z, v, n)`` of SciPy's n-th derivative of a Bessel function of order v."""

    def function(z, *, v, n=1):
        return fun(v, z, n)

    function.__name__ = fun.__name__

    def samples(s):
        return [
            s(draw(s)(3, 4), v=1),
            s(draw(s)(), v=0.5, n=0),
            s(draw(s)(3, 1), v=np.arange(3), n=2),
            s(draw(s)(0), v=1),
        ]

    prim: Primitive = elementwise(
        function,
        z=lambda g, z, v, n: times(g, prim(z, v=v, n=n + 1)),
        options={"name": f"scipy.special.{fun.__name__}", "samples": samples, "defaults": {"v": 0, "n": 1}},
    )
    return prim


#: name -> primitive ``(z, v=, n=)``.
DERIVATIVES = {
    fun.__name__: _derivative(fun, lambda s: s.positive)
    for fun in (sc.jvp, sc.yvp, sc.ivp, sc.kvp, sc.h1vp, sc.h2vp)
}
