"""Repeated eigenvalues and singular values: which derivatives exist there, and how they are found.

Eigenvectors of a repeated eigenvalue are defined up to a rotation among themselves only, and `1 / (w[j] -
w[i])` in their derivative is infinite. A function of the eigenspaces, such as a projector, is smooth all the
same. To differentiate it, to any order, each group of eigenvectors with equal eigenvalues is replaced by a
smooth frame: an orthonormal basis V of the group's invariant subspace that does not turn within the subspace.
In it ``A V = V B``, with B block diagonal, one block per group. B equals ``diag(w)`` here but not nearby, so
it is an output of its own beside w and V.

A function of eigenvalues and eigenvectors, such as ``(V * f(w)) @ V.T``, and the second derivative of one of the
eigenvalues depend on the blocks of B off their diagonal, which w and V do not show. But along one direction there
is a basis in which the blocks stay diagonal: that of degenerate perturbation theory (Kato, "Perturbation theory
for linear operators", II.2.3), in which the direction is diagonal itself. So in forward mode eigenvectors are chosen
by the tangent, and the derivative is right. Reverse mode knows no direction. Whether it is asked for such a derivative
shows in the cotangents of the eigenvalues: they do not depend on the basis if eigenvalues and eigenvectors are used for
different things. So the pass is run with another basis, and if they do the transforms go over to forward mode (see
`autograd_clone.engine.direction`).

The second derivative of a function of both is NaN, and so is the derivative of what depends on the choice of the basis,
wherever reverse mode shows it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..engine.batch import BatchTrace, elementwise, values_only
from ..engine.box import Box, all_values, getval
from ..engine.direction import doubt, number_of_trial
from ..engine.forward import ForwardTrace
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


# ---- the basis by the direction ----------------------------------------------------------------------------


def direction_of(a):
    """The tangent of a traced array in the innermost forward mode, or None; without derivatives, but for all of a batch."""
    batches = []
    while isinstance(a, Box):
        if isinstance(a._trace, ForwardTrace):
            d = getval(a._link)
            for trace in reversed(batches):
                d = trace.box(d)
            return d
        if isinstance(a._trace, BatchTrace):
            batches.append(a._trace)
        a = a._value
    return None


def groups_of(w):
    """Where groups of equal eigenvalues, at least two each, start and stop among sorted eigenvalues."""
    close = np.diagonal(equal_pairs(w), 1)
    bounds = np.concatenate([[0], np.flatnonzero(~close) + 1, [len(w)]])
    return [(i, j) for i, j in pairwise(bounds) if j - i > 1]


def _adapted(w, v, t):
    """Eigenvectors in whose basis the Hermitian matrix `t` is diagonal within each group of equal eigenvalues."""
    v = np.broadcast_to(v, np.broadcast_shapes(v.shape, t.shape)).copy()
    w, t = np.broadcast_to(w, v.shape[:-1]), np.broadcast_to(t, v.shape)
    for k in np.ndindex(v.shape[:-2]):
        for i, j in groups_of(w[k]):
            u = v[k][:, i:j]
            block = H(u) @ t[k] @ u
            if np.isfinite(block).all():
                v[k][:, i:j] = u @ np.linalg.eigh(block)[1]
    return v


ADAPTED = values_only(_adapted)


def _rotated(w, v):
    """Eigenvectors turned among those of equal eigenvalues, in some way that has nothing to do with the program."""
    v = v.copy()
    rng = np.random.default_rng(0)
    for k in np.ndindex(v.shape[:-2]):
        for i, j in groups_of(w[k]):
            v[k][:, i:j] = v[k][:, i:j] @ np.linalg.qr(rng.standard_normal((j - i, j - i)))[0]
    return v


ROTATED = values_only(_rotated)


def chosen_basis(w, v, direction):
    """The eigenvectors to use, of plain eigenvalues and eigenvectors; `direction` may be None."""
    if direction is not None:
        v = ADAPTED(w, v, direction)
    return ROTATED(w, v) if number_of_trial() else v


# ---- frames ------------------------------------------------------------------------------------------------


def frames(a, w, v, *, joint=True):
    """Eigenvalues, smooth frames and their blocks ``(w, V, B)`` of Hermitian matrices.

    Parameters
    ----------
    a : (..., n, n) array
    w : (..., n) array
        The eigenvalues of `a`, known already.
    v : (..., n, n) array
        Its eigenvectors.
    joint : bool
        Whether eigenvalues and eigenvectors may be used together.
    """
    return w, v, (column(w) * np.eye(w.shape[-1], dtype=w.dtype)).astype(v.dtype)


def _frames_vjp(g, w, ans, joint):
    (gw, gv, gb), (_, v, b) = g, ans
    equal = equal_pairs(w)
    k = T(v) @ gv
    eye = np.eye(w.shape[-1], dtype=w.dtype)
    middle = FRAME_SOLVE(T(b), k, inverse_gaps(w, equal)) + gb * equal + column(gw) * eye
    size = np.abs(plain(gw))
    middle = middle + MIXED(b, column(size) + row(size), equal)
    if joint:
        _check_joint(k, gw, equal)
        middle = middle + _turned(k, equal) + BOTH(k, gw, equal)
    return conj(v) @ middle @ T(v)


def _check_joint(k, gw, equal):
    """Find out whether the cotangents within a group belong to a function of eigenvalues and eigenvectors together."""
    in_group = np.any(_off_diagonal(equal), axis=-1)
    if np.count_nonzero(all_values(in_group & ((plain(gw) != 0) | np.any(_matters(k), axis=-1)))):
        doubt(plain(gw) * in_group)


def _turned(k, equal):
    """NaN for pairs within a group whose rotation a cotangent asks for."""
    k = plain(k)
    return nan_where(_off_diagonal(equal) & (np.abs(k - H(k)) > _noise(k)), k.dtype)


def _frames_jvp(t, w, ans, joint):
    _, v, b = ans
    equal = equal_pairs(w)
    m = H(v) @ t @ v
    dw = DIAGONAL(m, b, equal) if joint else real(np.diagonal(m, axis1=-2, axis2=-1))
    dw = dw + np.sum(real(MIXED(b, m, equal)), axis=-1)
    return dw, v @ FRAME_SOLVE(b, m, inverse_gaps(w, equal)), m * equal


def frame_solve(b, m, gaps):
    """The part between groups of the solution X of ``X B - B X = M``, where B is diagonal in value."""
    return m * gaps


def mixed(b, x, equal):
    """Zero; its derivative with respect to `b` is not known at a pair within a group for which `x` is not zero."""
    return np.zeros(np.broadcast_shapes(b.shape, x.shape), b.dtype)


def _mixed_vjp(g, x, equal):
    unknown = _off_diagonal(equal) & _matters(g) & _matters(x)
    if np.count_nonzero(all_values(unknown)):
        doubt(None, hopeless=True)
    return nan_where(unknown, g.dtype)


def _mixed_jvp(t, x, equal):
    return nan_where(_off_diagonal(equal) & _matters(t) & _matters(x), t.dtype)


def both(k, gw, equal):
    """Zero, but NaN where the cotangents of the eigenvectors, ``k = V.T @ gv``, and of the eigenvalues meet within a group.

    The derivative is not known where they start to.
    """
    return nan_where(_meeting(k, gw, equal), k.dtype)


def _meeting(k, gw, equal):
    return _off_diagonal(equal) & _matters(k) & (_pairs(gw) > 0)


def _pairs(gw):
    size = np.abs(plain(gw))
    return column(size) + row(size)


def diagonal_in_groups(m, b, equal):
    """The real diagonal of matrices; the derivative is not known where the rest of a group's block changes, or that of `b`."""
    return np.real(np.diagonal(m, axis1=-2, axis2=-1)).copy()


def _marked(x, equal):
    """NaN for an eigenvalue in whose group `x` has entries off the diagonal."""
    return nan_where(np.any(_off_diagonal(equal) & _matters(x), axis=-1), x.dtype)


def _diagonal_vjp(g, m, equal):
    eye = np.eye(m.shape[-1], dtype=g.dtype)
    return column(g) * eye + nan_where(_off_diagonal(equal) & (_pairs(g) > 0), m.dtype)


def _bracket(x, y):
    return x @ y - y @ x


def unregistered(fun, vjp, jvp, batch, outputs=1):
    """A primitive outside the registry: what it returns does not show its derivative, so tests of its own
    would say nothing.
    """
    prim = Primitive(fun, "custom", operands=tuple(vjp), batch=batch)
    prim.outputs = outputs
    prim.set_rules("vjp", vjp)
    prim.set_rules("jvp", jvp)
    return prim


FRAME_SOLVE = unregistered(
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
MIXED = unregistered(
    mixed,
    vjp={"b": _mixed_vjp, "x": None, "equal": None},
    jvp={"b": _mixed_jvp, "x": None, "equal": None},
    batch=elementwise,
)
BOTH = unregistered(
    both,
    vjp={
        "k": lambda g, gw, equal: nan_where(_meeting(g, gw, equal), g.dtype),
        "gw": lambda g, gw: 0 * gw,
        "equal": None,
    },
    jvp={
        "k": lambda t, gw, equal: nan_where(_meeting(t, gw, equal), t.dtype),
        "gw": lambda t, k, equal: nan_where(_meeting(k, t, equal), k.dtype),
        "equal": None,
    },
    batch=batch_all,
)
DIAGONAL = unregistered(
    diagonal_in_groups,
    vjp={
        "m": _diagonal_vjp,
        "b": lambda g, b, equal: nan_where(_off_diagonal(equal) & (_pairs(g) > 0), b.dtype),
        "equal": None,
    },
    jvp={
        "m": lambda t, equal: real(np.diagonal(t, axis1=-2, axis2=-1)) + _marked(t, equal),
        "b": lambda t, equal: _marked(t, equal),
        "equal": None,
    },
    batch=batch_all,
)
FRAMES = unregistered(
    frames,
    vjp={"a": _frames_vjp, "w": None, "v": None},
    jvp={"a": _frames_jvp, "w": None, "v": None},
    batch=batch_all,
    outputs=3,
)
