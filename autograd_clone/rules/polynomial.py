"""NumPy's functions of polynomials given by their coefficients, highest power first, in terms of other
functions.
"""

from __future__ import annotations

import warnings

import numpy as np

from ..array.box import as_array
from ..engine.batch import same_for_all
from ..engine.cotangent import shape_of
from ..engine.define import composite, custom
from .repeated import plain


@composite(
    np.polyval,
    samples=lambda s: [
        s(s.array(4), s.array(3)), s(s.array(4), s.array()), s(s.array(1), s.array(2, 3)),
        s(s.array(0), s.array(2)), s([1.0, -2.0, 0.5], s.array(3)),
        s(s.array(3), 2.0), s(s.array(3), s.real(2)),
    ],
)  # fmt: skip
def _polyval(p, x):
    x = as_array(x)
    y = np.zeros(shape_of(x), x.dtype)
    for coefficient in as_array(p):
        y = y * x + coefficient
    return y


@composite(
    np.polyder,
    samples=lambda s: [s(s.array(4)), s(s.array(4), 2), s(s.array(4), m=0), s(s.array(3), 3), s(s.array(1))],
)
def _polyder(p, m=1):
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = as_array(p)
    if len(shape_of(p)) != 1:
        raise ValueError("polynomials have one axis")
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composite(
    np.polyint,
    operands=("p",),
    samples=lambda s: [
        s(s.array(3)), s(s.array(3), 2), s(s.array(3), 2, k=[1.0, 2.0]), s(s.array(3), m=2, k=s.array(2)),
        s(s.array(3), m=2, k=3.0), s(s.array(3), 0),
    ],
)  # fmt: skip
def _polyint(p, m=1, k=None):
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p = as_array(p)
    if m and len(shape_of(p)) != 1:
        raise ValueError("polynomials have one axis")
    k = np.zeros(int(m)) if k is None else np.reshape(as_array(k), -1)
    if k.size == 1 and m > 1:
        k = k * np.ones(m)
    if k.size < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(int(m)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


def _of_one_length(a1, a2):
    """Both polynomials with as many coefficients as the longer one."""
    a1, a2 = np.atleast_1d(as_array(a1)), np.atleast_1d(as_array(a2))
    n = max(len(a1), len(a2))
    return (np.concatenate([np.zeros(n - len(a), a.dtype), a]) if len(a) < n else a for a in (a1, a2))


def _pairs(s):
    return [
        s(s.array(3), s.array(3)),
        s(s.array(2), s.array(4)),
        s(s.array(4), s.array(2)),
        s(s.array(), s.array(2)),
        s(s.array(3), s.real(2)),
    ]


@composite(np.polyadd, samples=_pairs)
def _polyadd(a1, a2):
    a1, a2 = _of_one_length(a1, a2)
    return a1 + a2


@composite(np.polysub, samples=_pairs)
def _polysub(a1, a2):
    a1, a2 = _of_one_length(a1, a2)
    return a1 - a2


@composite(np.polymul, samples=_pairs)
def _polymul(a1, a2):
    if max(len(shape_of(a1)), len(shape_of(a2))) > 1:
        raise ValueError("Polynomial must be 1d only.")
    return np.convolve(_without_leading_zeros(a1), _without_leading_zeros(a2))


def _without_leading_zeros(p):
    p = np.atleast_1d(as_array(p))
    nonzero = plain(p) != 0
    if same_for_all(np.any(nonzero)):
        return p[same_for_all(np.argmax(nonzero)) :]
    return p[-1:] if p.size else np.zeros(1, p.dtype)


def _by_monic(f, u, v):
    """For samples: division by a polynomial with leading coefficient 1, so that what cancels is zero
    exactly.
    """
    return f(u, np.concatenate([np.ones(1, v.dtype), v]))


@composite(
    np.polydiv,
    samples=lambda s: (
        [s(s.array(n), s.array(m), via=_by_monic) for n, m in ((4, 1), (5, 2), (2, 3), (3, 1))]
        + [s(s.array(3), s.real(1), via=_by_monic)]
    ),
)
def _polydiv(u, v):
    u, v = np.atleast_1d(as_array(u)) + 0.0, np.atleast_1d(as_array(v)) + 0.0
    if u.ndim > 1 or v.ndim > 1:
        raise ValueError("polynomials have one axis")
    if not len(u):
        raise IndexError("a polynomial has at least one coefficient")
    n = len(v)
    quotient, r, scale = [], u + 0 * v[0], 1.0 / v[0]
    for k in range(len(u) - n + 1):
        d = scale * r[k]
        quotient.append(d)
        r = np.concatenate([r[:k], r[k : k + n] - d * v, r[k + n :]])
    q = np.stack(quotient) if quotient else np.zeros(1, r.dtype)
    values = plain(r)
    left = ~np.isclose(values, 0, rtol=1e-14)
    first = same_for_all(np.argmax(left)) if same_for_all(np.any(left)) else len(values) - 1
    return q, r[first:]


@composite(
    np.poly, samples=lambda s: [s(s.array(3)), s(s.matrix(3)), s(s.array(1)), s(_conjugates(s), via=_moduli)]
)
def _poly(seq_of_zeros):
    if not shape_of(seq_of_zeros):
        raise TypeError("a number is no sequence of zeros")
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    if len(zeros) == 0:
        return 1.0
    a, nothing = np.ones(1, zeros.dtype), np.zeros(1, zeros.dtype)
    for zero in zeros:
        a = np.concatenate([a, nothing]) - np.concatenate([nothing, a * zero])
    if a.dtype.kind == "c":
        values = plain(zeros)
        if same_for_all(np.all(np.sort(values) == np.sort(np.conj(values)))):
            return np.real(a)
    return a


def _conjugates(s):
    """A real matrix with a pair of complex eigenvalues."""
    return s.real(2, 2) * 0.1 + np.array([[1, -2], [2, 1]], s.real().dtype)


def _moduli(f, x):
    """For samples: the polynomial is real or complex, depending on the eigenvalues."""
    return np.abs(f(x))


# Of p(r) = 0: p'(r) dr + sum(r**(n - k) dp[k]) = 0. Also right for coefficients in front that are zero.


def _with_zeros(before, after):
    """For samples: coefficients in front and behind that stay zero."""

    def via(f, p):
        return f(np.concatenate([np.zeros(before, p.dtype), p, np.zeros(after, p.dtype)]))

    return via


def _roots_push(p, ans):
    """The Jacobian of the roots."""
    n = p.size
    powers = np.vander(ans, n).astype(ans.dtype)
    slopes = powers[:, 1:] @ (np.reshape(p, -1)[:-1] * np.arange(n - 1, 0, -1).astype(p.dtype))
    return -powers / slopes[:, None]


custom(
    np.roots,
    vjp={"p": lambda g, p, ans: np.reshape(g @ _roots_push(p, ans), shape_of(p))},
    jvp={"p": lambda t, p, ans: _roots_push(p, ans) @ np.reshape(t, -1)},
    samples=lambda s: [
        s(s.array(4)), s(s.array(2)), s(s.array(1)), s(s.array(3), via=_with_zeros(1, 0)),
        s(s.array(3), via=_with_zeros(0, 1)),
    ],
)  # fmt: skip

# ---- polyfit -----------------------------------------------------------------------------------------------


@composite(
    np.polyfit,
    operands=("x", "y", "w"),
    samples=lambda s: [
        s(s.real(6), s.array(6), 2), s(s.real(6), s.array(6, 2), 1),
        s(s.real(6), s.array(6), deg=2, w=0.5 + np.abs(s.real(6))),
        s(s.real(6), s.array(6, 2), 2, w=s.real(6)),
        s(s.real(6), s.array(6), 1, rcond=1e-12), s(s.real(6), s.array(6), 2, full=True),
        s(s.real(6), s.real(6), 2, cov=True), s(s.real(6), s.real(6), 1, cov="unscaled"),
        s(s.real(6), s.real(6, 2), 1, cov=True), s(s.real(3), s.array(3), 0),
    ],
)  # fmt: skip
def _polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    x, y, order = as_array(x) + 0.0, as_array(y) + 0.0, int(deg) + 1
    _check_fit(x, y, deg)
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = np.vander(x, order), y
    if w is not None:
        w = as_array(w) + 0.0
        if w.ndim != 1 or len(w) != len(y):
            raise TypeError("expected a 1-d array of weights of the length of y")
        left = left * w[:, None]
        right = right * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, squares, rank, s = np.linalg.lstsq(left, right, rcond)
    c = (c.T / scale).T
    if rank != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=4)
    if full:
        return c, squares, rank, s, rcond
    return (c, _covariance(left, scale, squares, y, cov)) if cov else c


def _check_fit(x, y, deg):
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1 or x.size == 0:
        raise TypeError("expected non-empty 1-d vector for x")
    if y.ndim not in (1, 2):
        raise TypeError("expected 1D or 2D array for y")
    if len(x) != len(y):
        raise TypeError("expected x and y to have same length")


def _covariance(left, scale, squares, y, cov):
    base = np.linalg.inv(np.dot(left.T, left)) / np.outer(scale, scale)
    if cov == "unscaled":
        factor = 1
    else:
        surplus = left.shape[0] - left.shape[1]
        if surplus <= 0:
            raise ValueError("the number of data points must exceed order to scale the covariance matrix")
        factor = squares / surplus
    return base * factor if y.ndim == 1 else base[:, :, None] * factor
