"""Numerical parts of the derivatives of incomplete gamma and beta functions; see `special_incomplete`.

Everything here takes and returns plain arrays in double precision.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial, pi
from typing import Any

import numpy as np
from scipy import special as sc

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
NODES, WEIGHTS = 0.5 * (NODES + 1), 0.5 * WEIGHTS
DEPTH = 44.0
_BLOCK = 1024  # elements treated at once: their 48 nodes each then stay in the cache


# ---- gamma functions of large arguments, without cancellation ---------------------------------------------


def stirling_rest(z):
    """``gammaln(z + 1) - (z log z - z + log(2 pi z) / 2)``, from 15 on by its series (DLMF 5.11.1)."""
    w = np.maximum(z, 15.0)
    u = 1 / (w * w)
    series = (
        1 / 12 - u * (1 / 360 - u * (1 / 1260 - u * (1 / 1680 - u * (1 / 1188 - u * 691 / 360360))))
    ) / w
    small = np.clip(z, 1e-300, 15.0)
    return np.where(
        z < 15, sc.gammaln(small + 1) - (small * np.log(small) - small + 0.5 * np.log(2 * pi * small)), series
    )


def digamma_rest(z):
    """``psi(z) - log(z)`` for z of 15 and more (DLMF 5.11.2)."""
    u = 1 / (z * z)
    return -0.5 / z - u * (
        1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u * (1 / 132 - u * 691 / 32760))))
    )


def digamma_step(z, h):
    """``psi(z + h) - psi(z)``."""
    w = np.maximum(z, 15.0)
    large = np.log1p(h / w) + digamma_rest(w + h) - digamma_rest(w)
    return np.where(z < 15, sc.psi(z + h) - sc.psi(z), large)


def real_polygamma(n, x):
    """`scipy.special.polygamma` for a positive integer `n`."""
    return (-1) ** (n + 1) * factorial(n) * sc.zeta(n + 1, x)


def log_ratio(x, y, difference):
    """``log(x / y)``, given ``x - y`` without cancellation."""
    r = difference / y
    near = np.abs(r) < 0.5
    return np.where(near, np.log1p(np.where(near, r, 0)), np.log(x) - np.log(y))


# ---- derivatives of a product of an exponential and polynomials -------------------------------------------


def binomials(m, n):
    """``(i, j, comb(m, i) * comb(n, j))`` of the Leibniz rule in two variables."""
    return [(i, j, comb(m, i) * comb(n, j)) for i in range(m + 1) for j in range(n + 1)]


def bell_polynomials(slopes, m, n):
    """``B[i, j] = exp(-L) d^i/da^i d^j/db^j exp(L)`` for the derivatives ``slopes[i, j]`` of L."""
    bell: dict = {(0, 0): 1.0}
    for i in range(m + 1):
        for j in range(n + 1):
            if i > 0:
                terms = [c * slopes[k + 1, l] * bell[i - 1 - k, j - l] for k, l, c in binomials(i - 1, j)]
            elif j > 0:
                terms = [c * slopes[0, l + 1] * bell[0, j - 1 - l] for _, l, c in binomials(0, j - 1)]
            else:
                continue
            bell[i, j] = sum(terms[1:], terms[0])
    return bell


def times_falling(bell, a, i, m, b=1.0, j=0, n=0):
    """The (m, n)-th derivative of ``falling(a, i) * falling(b, j) * exp(L)``, over ``exp(L)``."""
    if i == j == 0:
        return bell[m, n]
    out: Any = 0.0
    for k, l, c in binomials(m, n):
        weight = c * np.polyval(_falling(i, k), a) * np.polyval(_falling(j, l), b)
        out = out + np.where(weight == 0, 0, weight * bell[m - k, n - l])
    return out


@cache
def _falling(i, k):
    """The k-th derivative of the polynomial ``(a - 1) (a - 2) ... (a - i)``, or of ``a`` for i = -1."""
    return np.polyder(np.atleast_1d(np.poly(range(1, i + 1))) if i >= 0 else [1.0, 0.0], k)


def product_or_zero(x, y):
    """``x * y``, and zero where either is."""
    return np.where((x == 0) | (y == 0), 0.0, x * y)


# ---- blocks, dtypes ---------------------------------------------------------------------------------------


def common_dtype(*operands):
    """Single or double precision; extended is refused, as by SciPy."""
    arrays = [x.dtype for x in operands if hasattr(x, "dtype")]
    dtype = np.result_type(np.float32, *arrays) if arrays else np.dtype(np.float64)
    if dtype.itemsize > 8:
        raise TypeError("incomplete gamma and beta functions are not supported in extended precision")
    return dtype


def in_blocks(compute, *operands):
    """`compute` on flat blocks of the broadcast operands, in double precision."""
    dtype = common_dtype(*operands)
    shape = np.broadcast_shapes(*(np.shape(x) for x in operands))
    flat = [np.broadcast_to(np.asarray(x, np.float64), shape).ravel() for x in operands]
    out = np.empty(flat[0].size)
    with np.errstate(all="ignore"):
        for start in range(0, out.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = compute(*(x[part] for x in flat))
    return out.reshape(shape).astype(dtype)[()]


def farther_end(fall, slope, guess, sure):
    """Where the increasing convex ``fall`` is `DEPTH` or a little more: Newton's method from above.

    `guess` is taken where it lies above, and otherwise `sure`, which does.
    """
    v = np.where(fall(guess) >= DEPTH, guess, sure)
    for _ in range(8):
        v = v - np.maximum(fall(v) - DEPTH, 0) / slope(v)
    return v
