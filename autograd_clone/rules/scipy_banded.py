"""``scipy.linalg``: systems with banded, Toeplitz and circulant matrices, and the matrices made of few
numbers.

A banded matrix is stored by diagonals: ``ab[u + i - j, j]`` is ``a[i, j]``. What turns one such storage into
another is a table of positions to read, made once from the shape, so that all of it is indexing.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.linalg

from ..array.box import as_array
from ..engine.cotangent import shape_of
from ..engine.define import custom
from ..engine.errors import UnsupportedKeywordError
from .matrices import H, column, conj, is_complex
from .repeated import plain
from .scipy_linalg import at_least, double, scipy_composite
from .tools import anywhere

#: All of these cost little in SciPy beside what they are made of here.
_composite = functools.partial(scipy_composite, asked=True)

# ---- banded systems ----------------------------------------------------------------------------------------


def banded_system(ab, b, *, lower, upper):
    """``scipy.linalg.solve_banded`` with `lower` and `upper` diagonals besides the main one."""
    return scipy.linalg.solve_banded((lower, upper), ab, b)


def _storage(ab):
    """The diagonals of one matrix."""
    ab = as_array(ab)
    if ab.ndim != 2:
        raise ValueError("expected the diagonals of one matrix")
    return ab


def _side(b):
    """A right-hand side, of numbers."""
    b = as_array(b)
    if b.dtype.kind not in "biufc":
        raise TypeError(f"a right-hand side of dtype {b.dtype}")
    return b


def _rows_of(lower, upper, n):
    """For each place in the storage its row of the matrix, and whether there is one."""
    i = np.arange(-upper, lower + 1)[:, None] + np.arange(n)
    inside = (i >= 0) & (i < n)
    return np.where(inside, i, 0), inside


def _transposed_bands(ab, lower, upper):
    """The storage of the transposed matrix."""
    n = shape_of(ab)[1]
    columns, inside = _rows_of(upper, lower, n)  # entry (i, j) of the transpose is entry (j, i)
    rows = upper + np.arange(n) - columns
    return ab[np.where(inside, rows, 0), columns] * inside


def banded_product(ab, x, lower, upper):
    """The product of a banded matrix and a matrix."""
    n = shape_of(ab)[1]
    columns, inside = _rows_of(upper, lower, n)
    entries = _transposed_bands(ab, lower, upper)
    return np.einsum("dn,dnk->nk", entries * inside, x[columns])


def _matrix(x):
    return column(x) if x.ndim == 1 else x


def _bands_vjp(g, ab, ans, lower, upper):
    g = BANDED_SYSTEM(_transposed_bands(ab, lower, upper), g, lower=upper, upper=lower)
    rows, inside = _rows_of(lower, upper, shape_of(ab)[1])
    return -np.einsum("dnk,nk->dn", _matrix(g)[rows], _matrix(ans)) * inside


def _right_side_vjp(g, ab, lower, upper):
    return BANDED_SYSTEM(_transposed_bands(ab, lower, upper), g, lower=upper, upper=lower)


def _bands_jvp(t, ab, ans, lower, upper):
    product = np.reshape(banded_product(t, _matrix(ans), lower, upper), shape_of(ans))
    return -BANDED_SYSTEM(ab, product, lower=lower, upper=upper)


def _bands(s, lower, upper, n):
    """The storage of a matrix with a heavy diagonal."""
    ab = s.array(lower + upper + 1, n)
    ab[upper] += 4
    return ab


BANDED_SYSTEM = custom(
    banded_system,
    operands=("ab", "b"),
    vjp={"ab": _bands_vjp, "b": _right_side_vjp},
    jvp={"ab": _bands_jvp, "b": lambda t, ab, lower, upper: BANDED_SYSTEM(ab, t, lower=lower, upper=upper)},
    samples=lambda s: [
        s(_bands(s, 1, 2, 5), s.array(5), lower=1, upper=2),
        s(_bands(s, 2, 0, 4), s.array(4, 2), lower=2, upper=0),
    ],
)


@_composite(
    scipy.linalg.solve_banded,
    cores={"ab": 2, "b": "1|2"},
    operands=("ab", "b"),
    samples=lambda s: [
        s((1, 2), _bands(s, 1, 2, 5), s.array(5)), s((0, 1), _bands(s, 0, 1, 4), s.array(4, 2)),
        s((2, 0), _bands(s, 2, 0, 4), s.array(4)),
        s((1, 1), _bands(s, 1, 1, 4), s.real(4)), s([0, 0], _bands(s, 0, 0, 3), s.array(3)),
    ],
)  # fmt: skip
def _solve_banded(l_and_u, ab, b):
    lower, upper = (int(i) for i in l_and_u)
    return BANDED_SYSTEM(_storage(ab), _side(b), lower=lower, upper=upper)


# ---- Hermitian banded matrices, of which half is stored ----------------------------------------------------


def _real_part(x):
    """The real part, in the dtype of `x`."""
    return np.real(x).astype(x.dtype) if x.dtype.kind == "c" else x


def _all_bands(ab, lower):
    """Both halves of a Hermitian banded matrix from the one that is stored."""
    width = shape_of(ab)[0] - 1
    if lower:
        above, main, below = conj(_transposed_bands(ab, width, 0))[:-1], ab[:1], ab[1:]
    else:
        above, main, below = ab[:-1], ab[-1:], conj(_transposed_bands(ab, 0, width))[1:]
    return np.concatenate([above, _real_part(main), below], axis=0)


def _half_bands(s, width, n, lower):
    """Half the storage of a positive definite matrix."""
    ab = 0.3 * s.array(width + 1, n)
    ab[0 if lower else -1] = 3 + s.real(n) ** 2
    return ab.astype(s.dtype)


@_composite(
    scipy.linalg.solveh_banded,
    cores={"ab": 2, "b": "1|2"},
    samples=lambda s: [
        s(_half_bands(s, w, 5, lower), s.array(5, *k), lower=lower)
        for w in (0, 1, 2)
        for lower in (False, True)
        for k in ((), (2,))
    ],
)
def _solveh_banded(ab, b, lower=False):
    ab = _storage(ab)
    width = shape_of(ab)[0] - 1
    return BANDED_SYSTEM(_all_bands(ab, lower), _side(b), lower=width, upper=width)


def _dense(ab, lower):
    """A triangular matrix from its bands."""
    width, n = shape_of(ab)[0] - 1, shape_of(ab)[1]
    i, j = np.indices((n, n))
    row = i - j if lower else width + i - j
    inside = (row >= 0) & (row <= width) & ((i >= j) if lower else (i <= j))
    return ab[np.where(inside, row, 0), j] * inside


@_composite(
    scipy.linalg.cholesky_banded,
    cores={"ab": 2},
    samples=lambda s: [
        s(_half_bands(s, w, 5, lower), lower=lower, via=_inside_of_bands)
        for w in (0, 1, 2)
        for lower in (False, True)
    ],
)
def _cholesky_banded(ab, lower=False):
    """By way of the dense matrix: right for every width, but with the cost of a dense factorisation."""
    ab = as_array(ab)
    if ab.size == 0:
        return plain(ab)
    width, n = shape_of(ab)[0] - 1, shape_of(ab)[1]
    part = _dense(ab, lower)
    full = part + H(part) - np.eye(n, dtype=ab.dtype) * part
    factor = np.linalg.cholesky(full) if lower else H(np.linalg.cholesky(full))
    rows, inside = _rows_of(width, 0, n) if lower else _rows_of(0, width, n)
    return np.where(inside, factor[rows, np.arange(n)], ab)


def _inside_of_bands(f, ab, lower):
    """For samples: the factor's entries, without what is stored outside of the matrix."""
    width, n = max(ab.shape[-2] - 1, 0), ab.shape[-1]
    inside = (_rows_of(width, 0, n) if lower else _rows_of(0, width, n))[1]
    return f(ab, lower=lower) * inside


@_composite(
    scipy.linalg.cho_solve_banded,
    operands=("cb_and_lower", "b"),
    samples=lambda s: [
        s((_half_bands(s, 2, 5, lower), lower), b)
        for lower in (False, True)
        for b in (s.array(5), s.array(5, 2))
    ],
)
def _cho_solve_banded(cb_and_lower, b):
    cb, lower = cb_and_lower
    cb, b = _storage(cb), _side(b)
    width = shape_of(cb)[0] - 1
    sides = {"lower": width if lower else 0, "upper": 0 if lower else width}
    other = {"lower": sides["upper"], "upper": sides["lower"]}
    adjoint = conj(_transposed_bands(cb, **sides))
    first, last = ((cb, sides), (adjoint, other)) if lower else ((adjoint, other), (cb, sides))
    return BANDED_SYSTEM(last[0], BANDED_SYSTEM(first[0], b, **first[1]), **last[1])


# ---- matrices made of few numbers --------------------------------------------------------------------------


def _vector(fun, x):
    x = as_array(x)
    if x.ndim > 1:
        raise UnsupportedKeywordError(
            f"scipy.linalg.{fun}: there is no derivative for arrays of more than one axis, whose meaning "
            "depends on SciPy's version"
        )
    return np.reshape(x, -1)


@_composite(
    scipy.linalg.toeplitz,
    samples=lambda s: [
        s(s.array(3)),
        s(s.array(3), s.array(4)),
        s(s.array(3), r=s.array(2)),
        s(s.array(2), s.real(3)),
    ],
)
def _toeplitz(c, r=None):
    c = _vector("toeplitz", c)
    r = conj(c) if r is None else _vector("toeplitz", r)
    numbers = np.concatenate([r[:0:-1], c])
    return numbers[np.arange(c.size)[:, None] - np.arange(r.size) + (r.size - 1)]


@_composite(
    scipy.linalg.hankel,
    samples=lambda s: [s(s.array(3)), s(s.array(3), s.array(4)), s(s.array(3), r=s.array(2))],
)
def _hankel(c, r=None):
    c = _vector("hankel", c)
    r = np.zeros(c.size, c.dtype) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[np.arange(c.size)[:, None] + np.arange(r.size)]


#: Whether this version of SciPy makes a matrix of each row, and not one of all.
_IN_BATCHES = scipy.linalg.circulant(np.zeros((1, 2))).ndim == 3


@_composite(scipy.linalg.circulant, samples=lambda s: [s(s.array(3)), s(s.array(2, 3))])
def _circulant(c):
    c = at_least(c, 1)
    if not _IN_BATCHES:
        c = np.ravel(c)
    n = np.arange(c.shape[-1])
    return c[..., (n[:, None] - n) % len(n)]


@_composite(scipy.linalg.companion, samples=lambda s: [s(s.nonzero(4)), s(s.nonzero(2))])
def _companion(a):
    a = as_array(a)
    n = shape_of(a)[-1] - 1
    first = -a[..., 1:] / a[..., :1]
    below = np.broadcast_to(np.eye(n - 1, n, dtype=first.dtype), (*first.shape[:-1], n - 1, n))
    return np.concatenate([first[..., None, :], below], axis=-2)


@_composite(scipy.linalg.leslie, cores={"f": 1, "s": 1}, samples=lambda s: [s(s.array(4), s.array(3))])
def _leslie(f, s):
    f, s = as_array(f), as_array(s)
    n = shape_of(f)[-1]
    below = column(s) * np.eye(n - 1, n, dtype=s.dtype)
    return np.concatenate([f[..., None, :], below], axis=-2)


@_composite(scipy.linalg.fiedler, complex=False, samples=lambda s: [s(s.distinct(4))])
def _fiedler(a):
    a = at_least(a, 1)
    if a.size == 1:
        a = np.reshape(double(a), (1,))  # as SciPy has it
    return np.abs(a[..., :, None] - a[..., None, :])


@_composite(
    scipy.linalg.diagsvd,
    cores={"s": 1}, operands=("s",), samples=lambda s: [s(s.array(2), 2, 3), s(s.array(2), 4, 2)]
)
def _diagsvd(s, M, N):
    s = as_array(s)
    if s.ndim != 1:
        raise ValueError("singular values are a vector")
    eye = np.eye(M, N, dtype=s.dtype)
    return column(s) * eye if M == s.size else eye * s


@_composite(
    scipy.linalg.convolution_matrix,
    samples=lambda s: [
        s(s.array(3), 4),
        s(s.array(3), 4, "same"),
        s(s.array(3), n=2, mode="valid"),
        s(s.array(2), 4, mode="valid"),
    ],
)
def _convolution_matrix(a, n, mode="full"):
    a = as_array(a)
    m = shape_of(a)[-1]
    start, size = {
        "full": (0, n + m - 1),
        "same": ((min(n, m) - 1) // 2, max(n, m)),
        "valid": (min(n, m) - 1, max(n, m) - min(n, m) + 1),
    }[mode]
    index = np.arange(start, start + size)[:, None] - np.arange(n)
    inside = (index >= 0) & (index < m)
    return a[..., np.where(inside, index, 0)] * inside


@_composite(scipy.linalg.khatri_rao, samples=lambda s: [s(s.array(2, 3), s.array(4, 3))])
def _khatri_rao(a, b):
    a, b = as_array(a), as_array(b)
    product = a[..., :, None, :] * b[..., None, :, :]
    if not product.size:
        product = product.astype(a.dtype)  # as SciPy has it
    shape = shape_of(product)
    return np.reshape(product, (*shape[:-3], shape[-3] * shape[-2], shape[-1]))


@_composite(
    scipy.linalg.block_diag,
    samples=lambda s: [
        s(s.array(2, 2), s.array(1, 3)),
        s(s.array(2), s.array(), s.array(2, 2)),
        s(s.array(2, 3)),
        s(s.array(0, 2), s.array(2, 1), s.real(1, 1)),
    ],
)
def _block_diag(arrs=()):
    blocks = [as_array(x) for x in arrs]
    blocks = [np.reshape(x, (1,) * (2 - x.ndim) + shape_of(x)) for x in blocks]
    widths = [shape_of(x)[-1] for x in blocks]
    rows = []
    for k, x in enumerate(blocks):
        lead = shape_of(x)[:-1]
        before, after = np.zeros((*lead, sum(widths[:k]))), np.zeros((*lead, sum(widths[k + 1 :])))
        rows.append(np.concatenate([before.astype(x.dtype), x, after.astype(x.dtype)], axis=-1))
    return np.concatenate(rows, axis=-2)


# ---- systems with them -------------------------------------------------------------------------------------


def _column_and_row(c_or_cr):
    return c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)


@_composite(
    scipy.linalg.solve_toeplitz,
    operands=("c_or_cr", "b"),
    samples=lambda s: [s(_heavy(s, 4), s.array(4)), s((_heavy(s, 4), s.array(4)), s.array(4, 2))],
)
def _solve_toeplitz(c_or_cr, b):
    return np.linalg.solve(double(_toeplitz(*_column_and_row(c_or_cr))), double(as_array(b)))


def _heavy(s, n):
    """The first column of a well-conditioned matrix."""
    return (0.3 * s.array(n) + 3 * np.eye(n)[0]).astype(s.dtype)


@_composite(
    scipy.linalg.matmul_toeplitz,
    samples=lambda s: [
        s(s.array(3), s.array(3)),
        s((s.array(3), s.array(4)), s.array(4, 2)),
        s((s.array(4), s.array(2)), s.array(2)),
    ],
)
def _matmul_toeplitz(c_or_cr, x):
    c, r = _column_and_row(c_or_cr)
    c = double(as_array(c))
    r = conj(c) if r is None else double(as_array(r))
    x = double(as_array(x))
    if c.ndim != 1 or r.ndim != 1 or x.ndim not in (1, 2) or len(x) != len(r) or not c.size * r.size:
        return double(_toeplitz(c, r)) @ x
    n, m = len(c), len(r)
    period = n + m - 1  # of a circulant matrix, which has the other as a block
    any_complex = "c" in (c.dtype.kind, r.dtype.kind, x.dtype.kind)
    there, back = (np.fft.fft, np.fft.ifft) if any_complex else (np.fft.rfft, np.fft.irfft)
    spectrum = there(np.concatenate([c, r[:0:-1]]))
    return back((spectrum if x.ndim == 1 else column(spectrum)) * there(x, period, 0), period, 0)[:n]


@_composite(
    scipy.linalg.solve_circulant,
    operands=("c", "b"),
    samples=lambda s: [
        s(_heavy(s, 4), s.array(4)), s(_heavy(s, 3), s.array(3, 2)),
        s(_heavy(s, 3), s.array(2, 3), baxis=1, outaxis=-1), s(column(_heavy(s, 3)), s.array(3), caxis=0),
        s(
            np.ones(3, s.dtype), s.array(3), singular="lstsq", tol=1e-8, via=lambda f, c, b,
            **k: f(c[:1] * np.ones(3), b, **k)
        ),
        s(_heavy(s, 3), s.real(3)),
    ],
)  # fmt: skip
def _solve_circulant(c, b, singular="raise", tol=None, caxis=-1, baxis=0, outaxis=0):
    c, b = np.atleast_1d(as_array(c)), np.atleast_1d(as_array(b))
    fc = np.fft.fft(np.moveaxis(c, caxis, -1))
    size = np.abs(plain(fc))
    tol = (
        np.max(size, axis=-1, keepdims=True) * size.shape[-1] * np.finfo(np.float64).eps
        if tol is None
        else tol
    )
    none = size <= tol
    if singular == "raise" and anywhere(none):
        raise np.linalg.LinAlgError("near singular circulant matrix.")
    x = np.fft.ifft(np.fft.fft(np.moveaxis(b, baxis, -1)) * (~none / (fc + none)))
    return np.moveaxis(x if is_complex(c, b) else np.real(x), -1, outaxis)
