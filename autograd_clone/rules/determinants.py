"""Determinants, whose derivative is the matrix of cofactors.

The cofactors are polynomials in the elements, so they are defined where the matrix is singular, and so is
their own derivatives. There they are found from ``A = U S V^H``, by
``cof(A + U E V^H) = cof(U) cof(S + E) cof(V^H)`` and ``cof(U) = det(U) conj(U)``; the determinant of a diagonal
matrix plus another is a sum of products of diagonal elements and minors of the other. A fourth derivative at a
singular matrix is refused.
"""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np

from ..engine.box import all_values
from ..engine.cotangent import shape_of
from ..engine.define import custom
from ..engine.errors import MissingRuleError
from .matrices import T, add2d, batch_all, column, is_complex
from .repeated import unregistered


def cofactors(a, d):
    """The matrix of cofactors, which is ``det(a) * inv(a).T`` where that exists; `d` is ``det(a)``, known already."""
    inverse, found = _inverse_or_nan(a)
    out = add2d(d) * T(inverse)
    if not found.all():
        u, s, vh = np.linalg.svd(a)
        scale = add2d(np.linalg.det(u) * np.linalg.det(vh))
        out = np.where(add2d(found), out, scale * (np.conj(u) @ (column(_others(s)) * np.conj(vh))))
    return out.astype(a.dtype, copy=False)


def cofactors_push(a, v):
    """The directional derivative of `cofactors` at `a` along `v`: the second derivative of ``det``."""
    inverse, found = _inverse_or_nan(a)
    out = add2d(np.linalg.det(a)) * (
        add2d(_trace_of_product(inverse, v)) * T(inverse) - T(inverse @ v @ inverse)
    )
    if not found.all():
        u, s, vh = np.linalg.svd(a)
        scale = add2d(np.linalg.det(u) * np.linalg.det(vh))
        e = np.conj(T(u)) @ v @ np.conj(T(vh))
        out = np.where(add2d(found), out, scale * (np.conj(u) @ _diagonal_cofactors_push(s, e) @ np.conj(vh)))
    return out.astype(np.result_type(a, v), copy=False)


def _diagonal_cofactors_push(s, e):
    """The derivative of the cofactors of ``diag(s)`` along `e`."""
    eye = np.eye(s.shape[-1], dtype=bool)
    pairs = _others(np.where(eye, 1.0, s[..., None, :])) * ~eye  # products of all but two
    diagonal = pairs @ column(np.diagonal(e, axis1=-2, axis2=-1))
    return np.where(eye, diagonal, -T(e) * pairs)


def _others(s):
    """For each entry of the last axis the product of all others."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return (before * after)[..., : s.shape[-1]]


def _inverse_or_nan(a):
    """The inverses, and for which matrices they are accurate."""
    n = a.shape[-1]
    try:
        with np.errstate(all="ignore"):
            inverse = np.linalg.inv(a)
            condition = n * np.abs(a).max((-2, -1), initial=0) * np.abs(inverse).max((-2, -1), initial=0)
    except np.linalg.LinAlgError:
        return np.zeros_like(a), np.zeros(a.shape[:-2], bool)
    return inverse, np.asarray(condition < np.finfo(a.dtype).eps ** (-1 / 3))


def _trace_of_product(a, b):
    return np.sum(T(a) * b, axis=(-2, -1))


def _third(a, t, v):
    """The derivative of `cofactors_push` along `t` with respect to `a`, along `v`; symmetric in `t` and
    `v`.
    """
    if not _inverse_or_nan(all_values(a))[1].all():
        return SINGULAR_THIRD(a, t, v)
    x = np.linalg.inv(a)
    xt, xv = x @ t, x @ v
    pt, pv = add2d(np.trace(xt, axis1=-2, axis2=-1)), add2d(np.trace(xv, axis1=-2, axis2=-1))
    ptv = add2d(_trace_of_product(xt, xv))
    inner = (pv * pt - ptv) * x - pv * (xt @ x) - pt * (xv @ x) + xv @ xt @ x + xt @ xv @ x
    return add2d(np.linalg.det(a)) * T(inner)


def singular_third(a, t, v):
    """As `_third`, where there is no inverse: from the elements and 3x3 minors of matrices beside a diagonal one."""
    u, s, vh = np.linalg.svd(a)
    scale = add2d(np.linalg.det(u) * np.linalg.det(vh))
    e, f = (np.conj(T(u)) @ x @ np.conj(T(vh)) for x in (t, v))
    p = _all_but_three(s)
    d, c = np.diagonal(e, axis1=-2, axis2=-1), np.diagonal(f, axis1=-2, axis2=-1)
    eye = np.eye(s.shape[-1], dtype=s.dtype)
    diagonal = np.einsum("...ijk,...i,...j->...k", p, d, c) - np.einsum("...ijk,...ij,...ji->...k", p, e, f)
    out = eye * diagonal[..., None, :]
    out = out - T(f) * np.einsum("...ijk,...i->...kj", p, d) - T(e) * np.einsum("...ijk,...i->...kj", p, c)
    out = out + np.einsum("...ijk,...ij,...jk->...ki", p, e, f) + np.einsum("...ijk,...ij,...jk->...ki", p, f, e)
    out = scale * (np.conj(u) @ out @ np.conj(vh))
    return out.astype(np.result_type(a, t, v), copy=False)


def _all_but_three(s):
    """For each three different entries of the last axis the product of all others."""
    n = s.shape[-1]
    out = np.zeros((*s.shape[:-1], n, n, n), s.dtype)
    for i, j, k in combinations(range(n), 3):
        product = np.prod(np.delete(s, [i, j, k], axis=-1), axis=-1)
        for order in permutations((i, j, k)):
            out[(..., *order)] = product
    return out


def _refuse_fourth(g, a):
    raise MissingRuleError(
        "numpy.linalg.det: the fourth derivative at a singular matrix has no rule; its first three have. Write the determinant out, "
        "or take the derivative at a matrix that has an inverse"
    )


SINGULAR_THIRD = unregistered(
    singular_third,
    vjp={"a": _refuse_fourth, "t": lambda g, a, v: _third(a, g, v), "v": lambda g, a, t: _third(a, t, g)},
    jvp={},
    batch=batch_all,
)
COFACTORS_PUSH = custom(
    cofactors_push,
    vjp={"a": lambda g, a, v: _third(a, v, g), "v": lambda g, a: COFACTORS_PUSH(a, g)},
    jvp={"a": lambda t, a, v: _third(a, v, t), "v": lambda t, a: COFACTORS_PUSH(a, t)},
    samples=lambda s: [s(s.matrix(3), s.array(3, 3)), s(s.matrix(3, 2), s.array(2, 3, 3))],
)
COFACTORS = custom(
    cofactors,
    operands=("a", "d"),
    vjp={"a": lambda g, a: COFACTORS_PUSH(a, g), "d": None},
    jvp={"a": lambda t, a: COFACTORS_PUSH(a, t), "d": None},
    batch=batch_all,
    samples=lambda s: [
        s(a, s.array(*a.shape[:-2]), via=_with_determinant)
        for a in (s.matrix(3), s.matrix(2, 2), s.array(1, 1), s.array(0, 0))
    ],
)


def _with_determinant(f, a, d):
    """For samples: the second argument is the determinant of the first."""
    return f(a, np.linalg.det(a) + 0 * d)


def _singular(s, n, rank):
    """A matrix of size `n` and of lower rank."""
    return s.array(n, rank) @ s.array(rank, n)


custom(
    np.linalg.det,
    vjp={"a": lambda g, a, ans: add2d(g) * COFACTORS(a, ans)},
    jvp={"a": lambda t, a, ans: np.sum(COFACTORS(a, ans) * t, axis=(-2, -1))},
    samples=lambda s: [
        s(s.matrix(3)), s(s.matrix(2, 4)), s(s.array(1, 1)), s(_singular(s, 3, 2)), s(_singular(s, 4, 2)),
        s(np.zeros((2, 2), s.dtype)),
        s(np.stack([s.matrix(3), _singular(s, 3, 2)])), s(s.array(0, 0)), s(s.array(2, 3, 2, 2)),
    ],
)  # fmt: skip


def _slogdet_vjp(g, a, ans):
    sign, log = add2d(g[0]), add2d(g[1])
    if is_complex(a):  # d sign = i sign Im tr(inv(A) dA)
        log = log + 1j * np.imag(sign * add2d(ans[0]))
    return log * T(np.linalg.inv(a))


def _slogdet_jvp(t, a, ans):
    slope = np.sum(T(np.linalg.inv(a)) * t, axis=(-2, -1))
    if is_complex(a):
        return 1j * ans[0] * np.imag(slope), np.real(slope)
    return np.zeros(shape_of(slope), slope.dtype), slope


custom(
    np.linalg.slogdet,
    outputs=2,
    vjp={"a": _slogdet_vjp},
    jvp={"a": _slogdet_jvp},
    samples=lambda s: [
        s(s.matrix(3)),
        s(-s.matrix(3)),
        s(s.matrix(2, 4)),
        s(s.matrix(2, 2, 3)),
        s(s.array(1, 1)),
        s(s.array(0, 0)),
        s(s.array(0, 2, 2)),
    ],
)
