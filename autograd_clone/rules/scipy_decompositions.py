"""``scipy.linalg``: decompositions, in terms of those of `numpy.linalg`.

SciPy calls other routines of LAPACK, which may turn eigenvectors by a phase. The traced result is turned back, by a
constant, so that it is SciPy's own in value. Where eigenvalues are repeated the basis is that of `repeated`, not SciPy's.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..array.box import as_array
from ..engine.batch import same_for_all, values_only
from ..engine.cotangent import shape_of
from ..engine.errors import UnsupportedKeywordError
from .eigen import without_phases as _without_phases
from .linalg import check_square
from .matrices import H, T, column, conj, is_complex
from .repeated import equal_pairs, plain
from .scipy_linalg import refuse_unless, scipy_composite, symmetric, triangular_system
from .tools import in_dtype

# ---- symmetric eigenvalue problems -------------------------------------------------------------------------


def _turned_to(v, target, w):
    """Eigenvectors `v` with the phases of `target`; as they are where the eigenvalues in `w` are repeated."""
    return v * _TURN(plain(v), target, plain(w)).astype(v.dtype)


def _turn(v, target, w):
    phase = np.sum(np.conj(v) * target, axis=0) / np.sum(np.conj(v) * v, axis=0)
    return np.where(np.sum(equal_pairs(w), axis=0) > 1, 1, phase)


# SciPy's own results, which the traced ones are turned to; of a batch one after the other.
_TURN = values_only(_turn)
_EIGENVECTORS = values_only(lambda a, b, **options: scipy.linalg.eigh(a, b, **options)[1], "_eigenvectors")
_TRIDIAGONAL = values_only(lambda d, e, **options: scipy.linalg.eigh_tridiagonal(d, e, **options)[1], "_tridiagonal")
_EIG = values_only(lambda a, left: scipy.linalg.eig(a, left=left, right=True), "_eig")
_QR_ORDER = values_only(lambda a: scipy.linalg.qr(a, mode="r", pivoting=True)[1], "_qr_order")
_RQ = values_only(lambda a: scipy.linalg.rq(a, mode="r"), "_rq")


def _without_signs(f, d, e, *args, **kwargs):
    """For samples: eigenvalues, and the moduli of the elements of eigenvectors."""
    return tuple(np.abs(x) if x.ndim == 2 else x for x in f(d, e, *args, **kwargs))


def _reduced(a, b, type):
    """The standard problem that a generalised one comes down to, and what takes its eigenvectors back."""
    lower = np.linalg.cholesky(b)
    if type == 1:
        half = triangular_system(lower, a, True)
        c = H(triangular_system(lower, H(half), True))
    else:
        c = H(lower) @ a @ lower
    if type == 3:
        return c, lambda y: lower @ y
    return c, lambda y: triangular_system(lower, y, True, 2)


@scipy_composite(
    scipy.linalg.eigh,
    cores={"a": 2, "b": 2},
    samples=lambda s: [
        s(s.matrix(3), via=_without_phases), s(s.matrix(3), lower=False, via=_without_phases),
        s(s.matrix(3), eigvals_only=True),
        s(s.matrix(4), subset_by_index=[1, 2], via=_without_phases),
        s(s.matrix(3), s.spd(3), via=_without_phases),
        *(s(s.matrix(3), b=s.spd(3), type=k, via=_without_phases) for k in (1, 2, 3)),
        s(s.matrix(3), s.spd(3), lower=False, eigvals_only=True),
        s(s.matrix(3), subset_by_value=[-100.0, 2.5], eigvals_only=True),
    ],
)  # fmt: skip
def _eigh(a, b=None, lower=True, eigvals_only=False, type=1, subset_by_index=None, subset_by_value=None):
    a, b = as_array(a), None if b is None else as_array(b)
    w, vectors = _all_of_eigh(a, b, lower, type, eigvals_only)
    chosen = slice(None)
    by_index, by_value = (x is not None and bool(plain(x)) for x in (subset_by_index, subset_by_value))  # raises for an array
    if by_index and by_value:
        raise ValueError("either positions or bounds of eigenvalues may be given")
    if by_index:
        first, last = subset_by_index
        if not 0 <= first <= last < a.shape[-1]:
            raise ValueError(f"there are no eigenvalues {first} to {last}")
        chosen = slice(subset_by_index[0], subset_by_index[1] + 1)
    elif by_value:
        lower_bound, upper_bound = map(plain, subset_by_value)
        if not lower_bound < upper_bound:
            raise ValueError(f"the eigenvalues from {lower_bound} to {upper_bound} are none")
        chosen = slice(*(int(same_for_all(np.sum(plain(w) <= bound))) for bound in (lower_bound, upper_bound)))
    if eigvals_only:
        return w[chosen]
    options = {"subset_by_index": subset_by_index, "subset_by_value": subset_by_value}
    target = _EIGENVECTORS(plain(a), plain(b), lower=lower, type=type, **options)
    return w[chosen], _turned_to(vectors()[:, chosen], target, w[chosen])


def _all_of_eigh(a, b, lower, type, eigvals_only):
    """Eigenvalues, and a function that gives the eigenvectors."""
    check_square(a)
    a, back = symmetric(a, lower), lambda y: y
    if b is not None:
        a, back = _reduced(a, symmetric(b, lower), type)
    if eigvals_only:
        return np.linalg.eigvalsh(a), None
    w, y = np.linalg.eigh(a)
    return w, lambda: back(y)


@scipy_composite(
    scipy.linalg.eigvalsh,
    cores={"a": 2, "b": 2},
    samples=lambda s: [s(s.matrix(3)), s(s.matrix(3), s.spd(3)),
                       s(s.matrix(3), b=s.spd(3), lower=False, type=2),
                       s(s.matrix(4), subset_by_index=[0, 1]),
                       s(s.matrix(3), subset_by_value=[-100.0, 2.5])],
)  # fmt: skip
def _eigvalsh(a, b=None, lower=True, type=1, subset_by_index=None, subset_by_value=None):
    check_square(as_array(a))
    if type not in (1, 2, 3):
        raise ValueError(f"type is 1, 2 or 3, not {type!r}")
    return _eigh(
        a,
        b,
        lower=lower,
        eigvals_only=True,
        type=type,
        subset_by_index=subset_by_index,
        subset_by_value=subset_by_value,
    )


@scipy_composite(
    scipy.linalg.eigh_tridiagonal,
    cores={"d": 1, "e": 1},
    complex=False,
    samples=lambda s: [
        s(s.distinct(4), s.array(3), via=_without_signs), s(s.distinct(4), s.array(3), eigvals_only=True),
        s(s.distinct(4), s.array(3), select="i", select_range=(1, 2), via=_without_signs),
    ],
)  # fmt: skip
def _eigh_tridiagonal(d, e, eigvals_only=False, select="a", select_range=None, **others):
    if is_complex(as_array(d), as_array(e)):
        raise TypeError("Only real arrays currently supported")
    d, e = as_array(d), as_array(e)
    if e.ndim != 1 or shape_of(d) != (e.shape[0] + 1,):
        raise ValueError("a diagonal has one element more than the next")
    a = _tridiagonal(d, e)
    w, vectors = _all_of_eigh(a, None, True, 1, eigvals_only)
    if select not in ("a", "i"):
        raise UnsupportedKeywordError(
            f"scipy.linalg.eigh_tridiagonal: the derivative does not support select={select!r}"
        )
    chosen = slice(None) if select == "a" else _chosen(select_range, len(w))
    if eigvals_only:
        return w[chosen]
    options = {"select": select, "select_range": select_range, **others}
    target = _TRIDIAGONAL(plain(d), plain(e), **options)
    return w[chosen], _turned_to(vectors()[:, chosen], target, w[chosen])


def _chosen(select_range, n):
    """The slice from the first to the last of some of `n` eigenvalues."""
    bounds = np.asarray(select_range)
    if bounds.shape != (2,) or bounds.dtype.kind not in "iu" or not 0 <= bounds[0] <= bounds[1] < n:
        raise ValueError(f"select_range is two numbers from 0 to {n - 1} that do not fall, not {select_range!r}")
    return slice(int(bounds[0]), int(bounds[1]) + 1)


def _tridiagonal(d, e):
    n = d.size
    off = np.reshape(e, (n - 1, 1)) * np.eye(n - 1, dtype=d.dtype)
    zeros = np.zeros((1, n), d.dtype)
    below = np.concatenate([zeros, np.concatenate([off, np.zeros((n - 1, 1), d.dtype)], axis=1)], axis=0)
    return np.reshape(d, (n, 1)) * np.eye(n, dtype=d.dtype) + below + T(below)


@scipy_composite(
    scipy.linalg.eigvalsh_tridiagonal,
    cores={"d": 1, "e": 1},
    complex=False,
    samples=lambda s: [
        s(s.distinct(4), s.array(3)),
        s(s.distinct(4), s.array(3), select="i", select_range=(0, 1)),
    ],
)
def _eigvalsh_tridiagonal(d, e, select="a", select_range=None, **others):
    return _eigh_tridiagonal(d, e, eigvals_only=True, select=select, select_range=select_range, **others)


# ---- general eigenvalue problems ---------------------------------------------------------------------------


@scipy_composite(
    scipy.linalg.eig,
    cores={"a": 2, "b": 2},
    samples=lambda s: (
        [
            s(s.matrix(3), left=left, right=right, via=_without_phases)
            for left in (False, True)
            for right in (False, True)
            if left or right
        ]
        + [s(s.matrix(3), right=False), s(s.matrix(3), via=_normalised)]
    ),
)
def _eig(a, left=False, right=True, **others):
    refuse_unless("eig", **others)
    a = as_array(a)
    w, vr = np.linalg.eig(a)
    w = w.astype(np.result_type(w.dtype, np.complex64))
    target = _EIG(plain(a), left)
    order = np.argmin(np.abs(column(target[0]) - plain(w)), axis=1)  # may be another in single precision
    w, vr = w[order], np.take_along_axis(vr, order[None, :], axis=1)
    if target[-1].dtype.kind != "c":
        vr = np.real(vr)  # NumPy makes complex numbers of all of them since 2.5
    vr = vr * np.sign(np.real(np.sum(conj(plain(vr)) * target[-1], axis=0)))
    if not left:
        return (w, vr) if right else w
    vl = H(np.linalg.inv(vr))
    vl = vl / np.linalg.norm(vl, axis=-2, keepdims=True)
    vl = vl * _phase(vl, target[1])
    return (w, vl, vr) if right else (w, vl)


def _normalised(f, a):
    """For samples: eigenvectors by the phase of their first component."""
    w, v = f(a)
    return w, v * np.sign(np.real(v[:1]))


def _phase(v, target):
    """For each column the phase that makes the component real which is real in `target`, as LAPACK does."""
    largest = np.argmax(np.where(np.imag(target) == 0, np.abs(target), -1), axis=-2)[None, :]
    component = np.take_along_axis(v, largest, axis=0)
    sign = np.sign(np.real(np.take_along_axis(target, largest, axis=0)))
    return sign * conj(component) / np.abs(component)


@scipy_composite(scipy.linalg.eigvals, samples=lambda s: [s(s.matrix(3)), s(s.matrix(2, 2))])
def _eigvals(a, **others):
    refuse_unless("eigvals", **others)
    w = np.linalg.eigvals(as_array(a))
    return w.astype(np.result_type(w.dtype, np.complex64))


# ---- singular values ---------------------------------------------------------------------------------------


@scipy_composite(
    scipy.linalg.svd,
    samples=lambda s: [
        s(s.array(3, 2), full_matrices=False, via=_without_phases),
        s(s.array(2, 3), compute_uv=False),
        s(s.array(3, 3), via=_without_phases),
    ],
)
def _svd(a, full_matrices=True, compute_uv=True):
    found = np.linalg.svd(as_array(a), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@scipy_composite(scipy.linalg.svdvals, samples=lambda s: [s(s.array(3, 2))])
def _svdvals(a):
    return np.linalg.svd(as_array(a), compute_uv=False)


def _of_span(f, a, *args, **kwargs):
    """For samples: the projector onto the span, of which the basis is arbitrary."""
    v = f(a, *args, **kwargs)
    return v @ H(v)


@scipy_composite(
    scipy.linalg.orth,
    cores={"A": 2},
    samples=lambda s: [s(s.array(4, 2), via=_of_span), s(s.array(4, 2), rcond=1e-9, via=_of_span)],
)
def _orth(A, rcond=None):
    A = _of_lapack(A)
    u, s, _ = np.linalg.svd(A, full_matrices=False)
    return u[:, : _rank(s, A, rcond)]


@scipy_composite(
    scipy.linalg.null_space,
    cores={"A": 2},
    samples=lambda s: [s(s.array(2, 4), via=_of_span), s(s.array(2, 3), rcond=1e-9, via=_of_span)],
)
def _null_space(A, rcond=None, **others):
    A = _of_lapack(A)
    _, s, vh = np.linalg.svd(A)
    return H(vh[_rank(s, A, rcond) :])


def _of_lapack(a):
    """An array of whole numbers in the precision that SciPy takes for it, which is single for small ones."""
    a = as_array(a)
    return a if a.dtype.kind not in "biu" else a.astype(scipy.linalg.svdvals(np.ones((1, 1), a.dtype)).dtype)


def _rank(s, a, rcond):
    if len(a.shape) > 2:
        raise ValueError("the rank of each of several matrices is another")
    values = plain(s)
    rcond = np.finfo(values.dtype).eps * max(a.shape) if rcond is None else rcond
    return int(same_for_all(np.sum(values > rcond * np.max(values, initial=0))))


# ---- QR ----------------------------------------------------------------------------------------------------


@scipy_composite(
    scipy.linalg.qr,
    cores={"a": 2},
    samples=lambda s: [
        s(s.array(4, 2)),
        s(s.array(4, 2), mode="economic"),
        s(s.array(2, 4)),
        s(s.array(3, 3), mode="r"),
        s(s.array(4, 3), mode="economic", pivoting=True),
    ],
)
def _qr(a, mode="full", pivoting=False):
    a = as_array(a)
    if a.dtype.char in "gG":  # as SciPy does
        a = in_dtype(a, np.complex128 if a.dtype.kind == "c" else np.float64)
    if mode not in ("full", "r", "economic", "raw"):
        raise ValueError(f"mode {mode!r} is none of 'full', 'r', 'economic' and 'raw'")
    if mode == "raw":
        raise UnsupportedKeywordError(
            "scipy.linalg.qr: the derivative does not support mode='raw'; numpy.linalg.qr has it"
        )
    order = ()
    if pivoting:
        order = (_QR_ORDER(plain(a)),)
        a = a[:, order[0]] if a.ndim == 2 else np.take_along_axis(a, order[0][..., None, :], -1)
    q, r = np.linalg.qr(a, "reduced" if mode == "economic" else "complete")
    return (r, *order) if mode == "r" else (q, r, *order)


@scipy_composite(
    scipy.linalg.rq,
    cores={"a": 2},
    samples=lambda s: [s(s.array(3, 3)), s(s.array(2, 4), mode="economic"), s(s.array(3, 3), mode="r")],
)
def _rq(a, mode="full"):
    a = as_array(a)
    if mode not in ("full", "r", "economic"):
        raise ValueError(f"mode {mode!r} is none of 'full', 'r' and 'economic'")
    m, n = a.shape
    if m > n or (m < n and mode != "economic"):
        raise UnsupportedKeywordError(
            "scipy.linalg.rq: there is a derivative for square matrices, and for wide ones with "
            "mode='economic'"
        )
    q, r = np.linalg.qr(H(a)[:, ::-1])
    r, q = H(r)[::-1, ::-1], H(q)[::-1]
    target = _RQ(plain(a))[:, -m:]
    phase = np.diagonal(target) / np.diagonal(plain(r))
    phase = (phase / np.abs(phase)).astype(q.dtype)
    return r * phase if mode == "r" else (r * phase, column(conj(phase)) * q)
