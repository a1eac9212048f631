"""Systems with a triangular matrix, which the derivatives of factorisations come down to.

NumPy has no triangular solver. From `BLAS_FROM` rows on it pays to call the one of BLAS, which SciPy gives
access to (measured at 500 rows: a quarter of the time of `numpy.linalg.solve`); SciPy is imported when that
first happens.
"""

from __future__ import annotations

import functools

import numpy as np

from ..engine.define import custom
from .matrices import T

BLAS_FROM = 8


def triangular_solve(a, b, *, lower, transposed=False):
    """Solve ``a @ x = b``, or ``a.T @ x = b``.

    Parameters
    ----------
    a : (..., n, n) array
        Triangular; the other triangle holds zeros.
    b : (..., n, m) array
    lower : bool
        Which triangle `a` is.
    transposed : bool
        Whether to solve with the transpose, which is not conjugated.
    """
    dtype = np.result_type(a, b)
    if a.ndim == b.ndim == 2 and a.shape[0] >= BLAS_FROM and dtype.char in "fdFD" and b.size:
        return _by_blas(a.astype(dtype, copy=False), b.astype(dtype, copy=False), lower, transposed)
    if b.dtype is not dtype and dtype.char in "fF":  # of whole numbers `numpy.linalg.solve` makes doubles
        b = b.astype(dtype)
    return np.linalg.solve(T(a) if transposed else a, b)


def _by_blas(a, b, lower, transposed):
    """The same by ``trsm``, which takes arrays in Fortran order: one in C order goes as its transpose."""
    trsm = _trsm(a.dtype.char)
    if not a.flags.f_contiguous:
        a, lower, transposed = a.T, not lower, not transposed
    if b.flags.f_contiguous:
        return trsm(1, a, b, 0, lower, transposed)
    return trsm(1, a, b.T, 1, lower, not transposed).T


@functools.cache
def _trsm(char):
    from scipy.linalg import blas

    return {"f": blas.strsm, "d": blas.dtrsm, "F": blas.ctrsm, "D": blas.ztrsm}[char]


def between_inverses(m, a):
    """``inv(a.T) @ p @ inv(conj(a))`` for a lower triangular `a`, and the Hermitian `p` whose lower triangle is that of `m`.

    By LAPACK's reduction of a generalised eigenvalue problem, ``inv(b) @ c @ inv(b^H)`` for lower triangular ``b``, which takes half
    the time of two triangular systems; ``b`` is ``a.T`` read backwards. Plain matrices only.
    """
    b, c = a[::-1, ::-1].copy(), np.conj(m)[::-1, ::-1].copy()
    c, info = _hegst(a.dtype.char)(c.T, b.T, itype=1, lower=1, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError(f"LAPACK's hegst returned {info}")
    lower = np.tril(c, -1)
    full = lower + np.conj(lower.T)
    diagonal = np.arange(len(a))
    full[diagonal, diagonal] = c.diagonal().real
    return full[::-1, ::-1]


@functools.cache
def _hegst(char):
    from scipy.linalg import lapack

    return {"f": lapack.ssygst, "d": lapack.dsygst, "F": lapack.chegst, "D": lapack.zhegst}[char]


def triangle(x, lower):
    """The lower or upper triangle of matrices."""
    return np.tril(x) if lower else np.triu(x)


def _a_vjp(g, a, ans, lower, transposed):
    g = TRIANGULAR_SOLVE(a, g, lower=lower, transposed=not transposed)
    return -triangle(ans @ T(g) if transposed else g @ T(ans), lower)


def _a_jvp(t, a, ans, lower, transposed):
    t = triangle(t, lower)
    return -TRIANGULAR_SOLVE(a, (T(t) if transposed else t) @ ans, lower=lower, transposed=transposed)


def _samples(s):
    for_both = []
    for lower in (True, False):
        for transposed in (False, True):
            via = _lower if lower else _upper
            for_both.append(s(s.matrix(3), s.array(3, 2), lower=lower, transposed=transposed, via=via))
            for_both.append(s(s.matrix(3, 2), s.array(2, 3, 1), lower=lower, transposed=transposed, via=via))
    return [*for_both, s(s.matrix(BLAS_FROM), s.array(BLAS_FROM, 2), lower=True, transposed=True, via=_lower)]


def _lower(f, a, *args, **kwargs):
    return f(np.tril(a), *args, **kwargs)


def _upper(f, a, *args, **kwargs):
    return f(np.triu(a), *args, **kwargs)


TRIANGULAR_SOLVE = custom(
    triangular_solve,
    vjp={
        "a": _a_vjp,
        "b": lambda g, a, lower, transposed: TRIANGULAR_SOLVE(a, g, lower=lower, transposed=not transposed),
    },
    jvp={
        "a": _a_jvp,
        "b": lambda t, a, lower, transposed: TRIANGULAR_SOLVE(a, t, lower=lower, transposed=transposed),
    },
    samples=_samples,
)
