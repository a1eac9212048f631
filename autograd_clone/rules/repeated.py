"""Repeated eigenvalues and singular values: which derivatives exist there, and how they are found.

Eigenvectors of a repeated eigenvalue are defined up to a rotation among themselves only, and `1 / (w[j] -
w[i])` in their derivative is infinite. A function of the eigenspaces, such as a projector, is smooth all the
same. To differentiate it, to any order, each group of eigenvectors with equal eigenvalues is replaced by a
smooth frame: an orthonormal basis V of the group's invariant subspace that does not turn within the subspace.
In it ``A V = V B``, with B block diagonal, one block per group. B equals ``diag(w)`` here but not nearby, so
it is an output of its own beside w and V.

What cannot be known from w and V as separate outputs is a function of both, such as ``(V * f(w)) @ V.T``, and
the second derivative of a function of the eigenvalues: they depend on the blocks of B off their diagonal.
Such a derivative is NaN, not a wrong number, wherever the cotangent or tangent shows it: always in reverse
mode and at second order; a function of both in forward mode is the one case that cannot be seen.
"""

from __future__ import annotations

import numpy as np

from ..engine.batch import elementwise
from ..engine.box import Box, all_values, getval
from ..engine.primitive import Primitive
from .matrices import H, T, batch_all, column, conj, real, row


def plain(x):
    """The value of a traced array, to decide about rare cases."""
    return getval(x) if isinstance(x, Box) else x


def equal_pairs(w):
    """Which pairs of eigenvalues are equal up to rounding; the diagonal is."""
    w = plain(w)
    scale = np.max(np.abs(w), axis=-1, initial=0)[..., None, None]
    return np.abs(row(w) - column(w)) <= 10 * w.shape[-1] * np.finfo(w.dtype).eps * scale


def has_equal(w):
    """Whether any of sorted eigenvalues is repeated."""
    w = all_values(w)
    if w.shape[-1] < 2:
        return False
    gaps, scale = np.abs(w[..., 1:] - w[..., :-1]), np.maximum(np.abs(w[..., :1]), np.abs(w[..., -1:]))
    return bool((gaps <= 10 * w.shape[-1] * np.finfo(w.dtype).eps * scale).any())


def inverse_gaps(w, equal):
    """``1 / (w[j] - w[i])``, zero for equal eigenvalues and on the diagonal."""
    return ~equal / (row(w) - column(w) + equal)


def _off_diagonal(equal):
    return equal & ~np.eye(equal.shape[-1], dtype=bool)


def _noise(x):
    """What is a rounding error among the entries of matrices."""
    return np.sqrt(np.finfo(x.dtype).eps) * np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0)


def _matters(x):
    """Which entries of matrices are more than rounding errors."""
    x = plain(x)
    return np.abs(x) > _noise(x)


def nan_where(condition, dtype):
    """NaN where `condition` holds, zero elsewhere."""
    return np.where(condition, np.nan, 0.0).astype(np.zeros(0, dtype).real.dtype)


# ---- frames ------------------------------------------------------------------------------------------------


def frames(a, w, v):
    """Eigenvalues, smooth frames and their blocks ``(w, V, B)`` of Hermitian matrices.

    Parameters
    ----------
    a : (..., n, n) array
    w : (..., n) array
        The eigenvalues of `a`, known already.
    v : (..., n, n) array
        Its eigenvectors.
    """
    return w, v, (column(w) * np.eye(w.shape[-1], dtype=w.dtype)).astype(v.dtype)


def _frames_vjp(g, w, ans):
    (gw, gv, gb), (_, v, b) = g, ans
    equal = equal_pairs(w)
    k = T(v) @ gv
    eye = np.eye(w.shape[-1], dtype=w.dtype)
    middle = FRAME_SOLVE(T(b), k, inverse_gaps(w, equal)) + gb * equal + column(gw) * eye
    size = np.abs(plain(gw))
    middle = middle + MIXED(b, column(size) + row(size), equal)
    return conj(v) @ (middle + _asked_too_much(k, gw, equal)) @ T(v)


def _asked_too_much(k, gw, equal):
    """NaN for pairs within a group whose rotation a cotangent asks for, or that it uses beside their
    eigenvalues.
    """
    k, gw = plain(k), np.abs(plain(gw))
    turned = np.abs(k - H(k)) > _noise(k)
    both = _matters(k) & (column(gw) + row(gw) > 0)
    return nan_where(_off_diagonal(equal) & (turned | both), k.dtype)


def _frames_jvp(t, w, ans):
    _, v, b = ans
    equal = equal_pairs(w)
    m = H(v) @ t @ v
    dw = real(np.diagonal(m, axis1=-2, axis2=-1)) + np.sum(real(MIXED(b, m, equal)), axis=-1)
    return dw, v @ FRAME_SOLVE(b, m, inverse_gaps(w, equal)), m * equal


def frame_solve(b, m, gaps):
    """The part between groups of the solution X of ``X B - B X = M``, where B is diagonal in value."""
    return m * gaps


def mixed(b, x, equal):
    """Zero; its derivative with respect to `b` is NaN at a pair within a group for which `x` is not zero."""
    return np.zeros(np.broadcast_shapes(b.shape, x.shape), b.dtype)


def _mixed_rule(g, x, equal):
    return nan_where(_off_diagonal(equal) & _matters(g) & _matters(x), g.dtype)


def _bracket(x, y):
    return x @ y - y @ x


def _unregistered(fun, vjp, jvp, batch, outputs=1):
    """A primitive outside the registry: what it returns does not show its derivative, so tests of its own
    would say nothing.
    """
    prim = Primitive(fun, "custom", operands=tuple(vjp), batch=batch)
    prim.outputs = outputs
    prim.set_rules("vjp", vjp)
    prim.set_rules("jvp", jvp)
    return prim


FRAME_SOLVE = _unregistered(
    frame_solve,
    vjp={
        "b": lambda g, b, gaps, ans: _bracket(FRAME_SOLVE(T(b), g, gaps), T(ans)),
        "m": lambda g, b, gaps: FRAME_SOLVE(T(b), g, gaps),
        "gaps": None,
    },
    jvp={
        "b": lambda t, b, gaps, ans: FRAME_SOLVE(b, _bracket(t, ans), gaps),
        "m": lambda t, b, gaps: FRAME_SOLVE(b, t, gaps),
        "gaps": None,
    },
    batch=elementwise,
)
MIXED = _unregistered(
    mixed,
    vjp={"b": _mixed_rule, "x": None, "equal": None},
    jvp={"b": _mixed_rule, "x": None, "equal": None},
    batch=elementwise,
)
FRAMES = _unregistered(
    frames,
    vjp={"a": _frames_vjp, "w": None, "v": None},
    jvp={"a": _frames_jvp, "w": None, "v": None},
    batch=batch_all,
    outputs=3,
)
