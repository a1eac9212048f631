"""Decompositions: ``cholesky``, ``svd``, ``qr``, singular values. Those by eigenvalues are in `eigen`.

The gradient of `cholesky` is that with respect to a Hermitian matrix, and Hermitian, as in HIPS autograd.

Singular vectors are defined up to phases; derivatives are right for functions that do not depend on the
phases. The columns of ``svd(full_matrices=True)`` beyond the square part are defined up to a unitary map;
derivatives are right for functions of the space that they span. Where singular values are repeated or zero,
`repeated` takes over.
"""

from __future__ import annotations

import functools

import numpy as np

from ..array.box import as_array
from ..engine.batch import values_only
from ..engine.cotangent import shape_of
from ..engine.define import composite, custom
from ..engine.direction import number_of_trial
from .eigen import without_phases
from .matrices import H, T, column, conj, is_complex, real, real_dtype, row
from .repeated import FRAMES, direction_of, equal_pairs, groups_of, has_equal, inverse_gaps, plain
from .triangular import BLAS_FROM, TRIANGULAR_SOLVE, between_inverses

# ---- cholesky ----------------------------------------------------------------------------------------------
# Murray, "Differentiation of the Cholesky decomposition" (2016). The adjoint of dL = L phi(L^-1 dA L^-H),
# where phi takes the lower triangle and half of the diagonal, and dA is Hermitian.


def _half_triangle(n, dtype):
    """Ones below the diagonal, a half on it."""
    return _kept_half_triangle(n, dtype) if n <= 256 else _new_half_triangle(n, dtype)


def _new_half_triangle(n, dtype):
    mask = np.tri(n, dtype=dtype)
    mask.reshape(-1)[:: n + 1] = 0.5
    mask.flags.writeable = False
    return mask


_kept_half_triangle = functools.lru_cache(16)(_new_half_triangle)


def _cholesky_vjp(g, ans, upper=False):
    if upper:
        g, ans = H(g), H(ans)
    p = (T(ans) @ g) * _half_triangle(ans.shape[-1], real_dtype(ans))
    if type(p) is np.ndarray is type(ans) and p.ndim == 2 and len(p) >= BLAS_FROM and p.dtype is ans.dtype and p.dtype.char in "fdFD":
        return between_inverses(p, ans)
    p = (p + H(p)) * 0.5
    p = TRIANGULAR_SOLVE(ans, p, lower=True, transposed=True)
    return T(TRIANGULAR_SOLVE(conj(ans), T(p), lower=True, transposed=True))


def _cholesky_jvp(t, ans, upper=False):
    if upper:
        ans = H(ans)
    t = (t + H(t)) * 0.5
    p = TRIANGULAR_SOLVE(ans, t, lower=True)
    p = H(TRIANGULAR_SOLVE(ans, H(p), lower=True)) * _half_triangle(ans.shape[-1], real_dtype(ans))
    return H(ans @ p) if upper else ans @ p


custom(
    np.linalg.cholesky,
    vjp={"a": _cholesky_vjp},
    jvp={"a": _cholesky_jvp},
    samples=lambda s: (
        [
            s(s.spd(n, *b), via=s.hermitian)
            for n, b in ((3, ()), (2, (4,)), (2, (2, 1)), (1, ()), (0, ()), (3, (0,)))
        ]
        + [s(s.spd(3, 2), upper=True, via=s.hermitian), s(s.spd(24), via=s.hermitian)]
    ),
)

# ---- svd ---------------------------------------------------------------------------------------------------
# Townsend, "Differentiating the singular value decomposition" (2016); Wan and Zhang (2019) for complex
# matrices. With dP = U^H dA V, the rotations U^H dU and V^H dV are (A + B)/2 and (A - B)/2,
#   A = (dP + dP^H)[i,j] / (s[j] - s[i]),    B = (dP - dP^H)[i,j] / (s[j] + s[i]),
# so that only A suffers from equal singular values: the derivative of U V^H, say, needs B alone. The phase
# that is free on the diagonal goes to U, as in HIPS autograd.


def singular_value_decomposition(a, *, full_matrices):
    """``numpy.linalg.svd`` with singular vectors, for singular values that differ from each other and from
    zero.
    """
    return np.linalg.svd(a, full_matrices)


def _svd_vjp(g, ans):
    (gu, gs, gvh), (u, s, vh) = g, ans
    k = shape_of(s)[-1]
    u, u_rest, gu, gu_rest = *_split(u, k), *_split(gu, k)
    v, v_rest, gv, gv_rest = (
        *_split(T(vh), k),
        *_split(T(gvh), k),
    )  # conjugates, in which V's part is like U's
    ku, kv = T(u) @ gu, conj(T(v) @ gv)
    a, b = (ku + kv) * 0.5, (ku - kv) * 0.5
    a, b = a - H(a), b - H(b)
    eye = np.eye(k, dtype=s.dtype)
    if is_complex(u):
        b = b + a * eye
    middle = a * inverse_gaps(s, eye != 0) + b / (row(s) + column(s)) + column(gs) * eye
    out = conj(u) @ middle @ H(v)
    if shape_of(u)[-2] > k:
        out = out + _beyond(gu, gu_rest, u, u_rest, s) @ H(v)
    if shape_of(v)[-2] > k:
        out = out + conj(u) @ T(_beyond(gv, gv_rest, v, v_rest, s))
    return out


def _split(x, k):
    return x[..., :k], x[..., k:]


def _beyond(gu, gu_rest, u, u_rest, s):
    """The part of U's cotangent outside the span of its first columns, divided by the singular values."""
    out = gu - conj(u) @ (T(u) @ gu)
    if shape_of(u_rest)[-1]:
        out = out - conj(u_rest) @ H(T(u) @ gu_rest)
    return out / row(s)


def _svd_jvp(t, ans):
    u, s, vh = ans
    k = shape_of(s)[-1]
    (u, u_rest), (v, v_rest) = _split(u, k), _split(H(vh), k)
    p = H(u) @ t @ v
    eye = np.eye(k, dtype=s.dtype)
    a = (p + H(p)) * inverse_gaps(s, eye != 0) * 0.5
    b = (p - H(p)) / (row(s) + column(s)) * 0.5
    phases = b * eye if is_complex(p) else 0.0
    du = _push_vectors(t @ v, u, u_rest, s, a + b + phases)
    dv = _push_vectors(H(t) @ u, v, v_rest, s, a - b + phases)
    return du, real(np.diagonal(p, axis1=-2, axis2=-1)), H(dv)


def _push_vectors(tv, u, u_rest, s, rotation):
    """The tangent of U, for ``dA V`` and ``U^H dU``."""
    du = u @ rotation
    if shape_of(u)[-2] > shape_of(u)[-1]:
        beyond = (tv - u @ (H(u) @ tv)) / row(s)
        du = du + beyond
        if shape_of(u_rest)[-1]:
            du = np.concatenate([du, -(u @ (H(beyond) @ u_rest))], axis=-1)
    return du


def _adapted(u, s, vh, t):
    """Singular vectors in whose basis `t` is diagonal (and, beside equal values that are not zero, Hermitian) in each group."""
    shape = np.broadcast_shapes(u.shape[:-2], t.shape[:-2])
    u, v = (np.broadcast_to(x, shape + x.shape[-2:]).copy() for x in (u, H(vh)))
    s, t = np.broadcast_to(s, shape + s.shape[-1:]), np.broadcast_to(t, shape + t.shape[-2:])
    for k in np.ndindex(shape):
        groups, rank = _groups(s[k])
        if not np.isfinite(t[k]).all():
            continue
        for i, j in groups:
            block = H(u[k][:, i:j]) @ t[k] @ v[k][:, i:j]
            turn = np.linalg.eigh(block + H(block))[1][:, ::-1]
            u[k][:, i:j], v[k][:, i:j] = u[k][:, i:j] @ turn, v[k][:, i:j] @ turn
        if rank < s.shape[-1]:
            left, _, right = np.linalg.svd(H(u[k][:, rank:]) @ t[k] @ v[k][:, rank:])
            u[k][:, rank:], v[k][:, rank:] = u[k][:, rank:] @ left, v[k][:, rank:] @ H(right)
    return u, H(v)


def _rotated(u, s, vh):
    """Singular vectors turned among those of equal singular values, in some way that has nothing to do with the program."""
    u, v = u.copy(), H(vh).copy()
    rng = np.random.default_rng(0)
    for k in np.ndindex(s.shape[:-1]):
        groups, rank = _groups(s[k])
        for i, j in groups:
            turn = _orthogonal(rng, j - i)
            u[k][:, i:j], v[k][:, i:j] = u[k][:, i:j] @ turn, v[k][:, i:j] @ turn
        for x in (u[k], v[k]):
            x[:, rank:] = x[:, rank:] @ _orthogonal(rng, x.shape[1] - rank)
    return u, H(v)


def _orthogonal(rng, n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def _groups(s):
    """Groups of equal singular values, and how many values are not zero."""
    zero = equal_pairs(np.append(s, 0))[-1, :-1]
    rank = len(s) - np.count_nonzero(zero)
    return groups_of(s[:rank]), rank


_ADAPTED, _ROTATED = values_only(_adapted), values_only(_rotated)


def _svd_by_frames(a, u, s, vh, joint):
    """The decomposition ``(u, s, vh)``, with all vectors, by those of the Hermitian matrix ``[[0, A], [A^H,
    0]]``.

    Its eigenvalues are `s`, ``-s`` and zeros, its eigenvectors the columns ``[u; v] / sqrt(2)``, ``[u; -v] /
    sqrt(2)``, ``[u; 0]`` and ``[0; v]``.
    """
    if (direction := direction_of(a)) is not None:
        u, vh = _ADAPTED(u, s, vh, direction)
    if number_of_trial():
        u, vh = _ROTATED(u, s, vh)
    m, n, k = u.shape[-1], vh.shape[-1], s.shape[-1]
    zeros = [np.zeros((*s.shape[:-1], i, j), u.dtype) for i, j in ((m, n - k), (n, m - k), (m, m), (n, n))]
    v, root = np.conj(T(vh)), np.sqrt(np.asarray(2, s.dtype))
    above = np.concatenate([u[..., :k] / root, u[..., :k] / root, u[..., k:], zeros[0]], axis=-1)
    below = np.concatenate([v[..., :k] / root, -v[..., :k] / root, zeros[1], v[..., k:]], axis=-1)
    w = np.concatenate([s, -s, np.zeros((*s.shape[:-1], m + n - 2 * k), s.dtype)], axis=-1)
    double = np.concatenate(
        [np.concatenate([zeros[2], a], axis=-1), np.concatenate([H(a), zeros[3]], axis=-1)], axis=-2
    )
    w, x, _ = FRAMES(double, w, np.concatenate([above, below], axis=-2), joint=joint)
    u = np.concatenate([x[..., :m, :k] * root, x[..., :m, 2 * k : k + m]], axis=-1)
    v = np.concatenate([x[..., m:, :k] * root, x[..., m:, k + m :]], axis=-1)
    return u, w[..., :k], H(v)


def _span_of_the_rest(f, a, *args, **kwargs):
    """For samples of the full decomposition: projectors onto what is beyond the square part, and the moduli
    of the rest.
    """
    u, s, vh = f(a, *args, **kwargs)
    k = s.shape[-1]
    u_rest, vh_rest = u[..., k:], vh[..., k:, :]
    return np.abs(u[..., :k]), s, np.abs(vh[..., :k, :]), u_rest @ H(u_rest), H(vh_rest) @ vh_rest


def _polar_factor(f, a, full_matrices=False):
    u, _, vh = f(a, full_matrices=full_matrices)
    return u @ vh


SVD = custom(
    singular_value_decomposition,
    outputs=3,
    vjp={"a": _svd_vjp},
    jvp={"a": _svd_jvp},
    harmless=("full_matrices",),
    samples=lambda s: [
        s(s.array(3, 2), full_matrices=False, via=without_phases),
        s(s.array(2, 3), full_matrices=False, via=without_phases),
        s(s.array(4, 2), full_matrices=True, via=_span_of_the_rest),
    ],
)  # fmt: skip


_SVD_OF_VALUES = values_only(np.linalg.svd)


@composite(
    np.linalg.svd,
    samples=lambda s: (
        [
            s(s.array(*shape), full_matrices=False, via=without_phases)
            for shape in ((3, 2), (2, 3), (3, 3), (2, 4, 3), (1, 1), (0, 2, 2))
        ]
        + [s(s.array(*shape), via=_span_of_the_rest) for shape in ((4, 2), (2, 4), (3, 3), (2, 3, 2))]
        + [
            s(s.array(3, 2), True, False),
            s(s.array(2, 2, 3), compute_uv=False),
            s(s.array(0, 3), compute_uv=False),
            s(s.array(3, 2), False, True, via=without_phases),
        ]
        + [
            s(s.matrix(3), hermitian=True, via=without_phases),
            s(s.matrix(3, 2), compute_uv=False, hermitian=True),
        ]
        + [s(np.eye(3, dtype=s.dtype), full_matrices=False, via=_polar_factor)]
    ),
)
def _svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    a = as_array(a)
    if hermitian:
        return _svd_by_eigh(a, compute_uv)
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # of a derivative that is not used if singular values are repeated
        ans = SVD(a, full_matrices=full_matrices and compute_uv)
    s = plain(ans[1])
    if has_equal(np.concatenate([s, 0 * s[..., :1]], axis=-1)):  # zero counts as repeated
        u, s, vh = _svd_by_frames(a, *_SVD_OF_VALUES(plain(a)), joint=compute_uv)
        k = shape_of(s)[-1]
        ans = ans._make((u, s, vh) if full_matrices else (u[..., :k], s, vh[..., :k, :]))
    return ans if compute_uv else ans[1]


def _svd_by_eigh(a, compute_uv):
    w, v = np.linalg.eigh(a)
    order = np.argsort(-np.abs(plain(w)), axis=-1)
    w, v = np.take_along_axis(w, order, axis=-1), np.take_along_axis(v, row(order), axis=-1)
    if not compute_uv:
        return np.abs(w)
    return type(np.linalg.svd(np.eye(1)))(v, np.abs(w), H(v * row(np.copysign(1.0, plain(w)))))


composite(
    np.linalg.svdvals,
    lambda x, /: _svd(x, full_matrices=False, compute_uv=False),
    samples=lambda s: [s(s.array(3, 2)), s(s.array(2, 2, 3)), s(s.array(0, 3))],
)

# ---- qr ----------------------------------------------------------------------------------------------------
# After Walter, Lehmann and Lamour, "On evaluating higher-order derivatives of the QR decomposition", 2012.
# Let M be the product Q^H dA R^-1, and U the sum of its strict upper triangle, of the adjoint of its strict
# lower one and of the real part of its diagonal; for R has a real diagonal by LAPACK's convention. The tangent
# of R is the product U R, that of Q is dA R^-1 less the product Q U.


def qr_decomposition(a):
    """``numpy.linalg.qr`` of a matrix with no more columns than rows."""
    if a.shape[-2] < a.shape[-1]:
        raise ValueError("more columns than rows")
    return np.linalg.qr(a)


def _qr_vjp(g, ans):
    (gq, gr), (q, r) = g, ans
    w = gr @ T(r) - T(q) @ gq
    upper = np.triu(w, 1)
    c = upper + H(upper) + real(w) * np.eye(shape_of(r)[-1], dtype=real_dtype(q))
    return T(TRIANGULAR_SOLVE(r, T(gq + conj(q) @ c), lower=False))


def _qr_jvp(t, ans):
    q, r = ans
    t = T(TRIANGULAR_SOLVE(r, T(t), lower=False, transposed=True))  # dA R^-1
    m = H(q) @ t
    u = np.triu(m, 1) + H(np.tril(m, -1)) + real(m) * np.eye(shape_of(r)[-1], dtype=real_dtype(q))
    return t - q @ u, u @ r


QR = custom(
    qr_decomposition,
    outputs=2,
    vjp={"a": _qr_vjp},
    jvp={"a": _qr_jvp},
    samples=lambda s: [s(s.array(3, 2)), s(s.array(3, 3)), s(s.array(2, 3, 2)), s(s.array(2, 0))],
)


@composite(
    np.linalg.qr,
    samples=lambda s: (
        [
            s(s.array(*shape), mode)
            for mode in ("reduced", "complete", "r", "raw")
            for shape in ((4, 2), (2, 4), (3, 3), (2, 3, 2))
        ]
        + [s(s.array(3, 2))]
    ),
)
def _qr(a, mode="reduced"):
    a = as_array(a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    if mode == "raw":
        h, tau = _householder(a)
        return T(h), tau
    if mode == "complete" and m > n:
        q, r = _complete(a)
    elif m < n:
        q, r = QR(a[..., :m])
        r = np.concatenate([r, H(q) @ a[..., m:]], axis=-1)
    else:
        q, r = QR(a)
    return r if mode == "r" else type(np.linalg.qr(np.eye(1)))(q, r)


def _householder(a):
    """The factorisation as LAPACK's ``geqrf`` leaves it: R and, below the diagonal, the reflectors; and
    their factors.
    """
    m, n = a.shape[-2:]
    columns, factors = [], []
    if min(m, n) == 0:
        return a, np.zeros((*a.shape[:-2], 0), a.dtype)
    for j in range(min(m, n)):
        beta, v, tau = _reflector(a[..., j:, j])
        columns.append(np.concatenate([a[..., :j, j], column(beta), v], axis=-1))
        factors.append(tau)
        rest, v = a[..., j:, j + 1 :], np.concatenate([np.ones_like(column(beta)), v], axis=-1)
        rest = rest - column(v) * row(conj(tau)[..., None] * np.sum(column(conj(v)) * rest, axis=-2))
        a = np.concatenate([a[..., :j, :], np.concatenate([a[..., j:, : j + 1], rest], axis=-1)], axis=-2)
    columns += [a[..., :, j] for j in range(len(columns), n)]
    return np.stack(columns, axis=-1), np.stack(factors, axis=-1)


def _reflector(x):
    """LAPACK's ``larfg``: ``beta``, ``v`` and ``tau`` such that ``I - tau [1, v] [1, v]^H`` adjoint takes
    `x` to ``beta e1``.
    """
    alpha, rest = x[..., 0], x[..., 1:]
    size = np.linalg.norm(rest, axis=-1)
    done = (size == 0) & (np.imag(alpha) == 0)
    beta = np.where(
        done, real(alpha), -np.copysign(1.0, plain(np.real(alpha))) * np.hypot(np.abs(alpha), size)
    )
    v = np.where(column(done), 0, rest / column(alpha - beta + done))
    return beta, v, np.where(done, 0, (beta - alpha) / (beta + done * (beta == 0)))


def _complete(a):
    """Q with all its columns and R, by the reflectors that LAPACK uses."""
    m, n = a.shape[-2:]
    h, tau = _householder(a)
    q = np.broadcast_to(np.eye(m, dtype=a.dtype), (*a.shape[:-2], m, m))
    for j in reversed(range(n)):
        v = np.concatenate(
            [np.zeros((*a.shape[:-2], j), a.dtype), np.ones((*a.shape[:-2], 1), a.dtype), h[..., j + 1 :, j]],
            axis=-1,
        )
        q = q - column(tau[..., j, None] * v) * row(np.sum(column(conj(v)) * q, axis=-2))
    return q, np.triu(h)
