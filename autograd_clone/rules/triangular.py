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
    """``inv(a.T) @ (m + m^H) / 2 @ inv(conj(a))`` for plain lower triangular matrices; the memory of `m` is given up.

    By the inverse of `a` and products of triangles, which take two thirds of the time of two triangular systems, and whose errors
    are no larger: a triangle is inverted in a stable way (Du Croz and Higham, IMA Journal of Numerical Analysis 12, 1992). LAPACK's
    hegst takes as long, and its errors grow with the condition of `a` far beyond.
    """
    trtri, trmm = _triangles(a.dtype.char)
    u, info = trtri(a.T, lower=0)
    if info:
        raise np.linalg.LinAlgError("Singular matrix")
    is_complex = a.dtype.kind == "c"
    x = trmm(1, u, (np.conj(m) if is_complex else m).T, overwrite_b=1)
    x = trmm(0.5, u, x, side=1, trans_a=2 if is_complex else 1, overwrite_b=1)
    return x + (np.conj(x) if is_complex else x).T


@functools.cache
def _triangles(char):
    from scipy.linalg import blas, lapack

    letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[char]
    return getattr(lapack, f"{letter}trtri"), getattr(blas, f"{letter}trmm")


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
