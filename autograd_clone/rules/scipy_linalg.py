"""``scipy.linalg``: linear systems of every structure, factorisations for them, inverses.

SciPy's functions are plain Python functions that know no dispatch protocol: `autograd_clone.scipy.linalg`
calls the records here when an argument is traced. Most are compositions of what `numpy.linalg` has rules for.
Options that say how SciPy is to work (``overwrite_a``, ``check_finite``, a LAPACK driver) have no influence
on a derivative and are dropped.
"""

from __future__ import annotations

import functools
import inspect
import math

import numpy as np
import scipy.linalg

from ..array.box import as_array, call
from ..array.complaints import asked as asking_first
from ..engine.batch import same_for_all, values_only
from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from ..engine.errors import UnsupportedCallError, UnsupportedKeywordError
from ..engine.primitive import signature_of
from ..engine.pytree import flatten
from .creation import holds_box
from .linalg import check_square, lower_as_hermitian, pinv_with
from .matrices import H, T, column, conj, real_dtype
from .repeated import plain
from .tools import anywhere
from .triangular import TRIANGULAR_SOLVE, triangle

#: Parameters that say how to compute, not what.
DROPPED = frozenset({
    "check_finite", "driver", "lapack_driver", "lwork", "overwrite_a", "overwrite_ab", "overwrite_a_band",
    "overwrite_b", "workers",
})  # fmt: skip


def scipy_composite(fun, *, asked=False, cores=None, **options):
    """Decorator: register code for a SciPy function, called with its arguments by name and the options
    above dropped. If SciPy is ``asked`` it computes the plain values first, and may refuse them.

    ``cores`` is for code that knows no stacks: the number of axes of each array, such as ``{"a": 2, "b": "1|2"}``. Of arrays with
    more axes the code is applied to one part after the other, as SciPy does it.
    """
    signature = inspect.signature(fun)
    options.setdefault("name", f"scipy.linalg.{fun.__name__}")
    of_values = values_only(fun)

    def register(implementation):
        @functools.wraps(implementation)
        def called(*args, **kwargs):
            leaves = flatten((args, kwargs))[0]
            if any(map(_is_text, leaves)) or any(map(_holds_text, (*args, *kwargs.values()))):  # which would be read as numbers
                raise TypeError(f"{options['name']} takes arrays of numbers")
            sizes = [x.size for x in leaves if isinstance(x, Box)]
            if sizes and not any(sizes):  # the derivative with respect to nothing
                return of_values(*_plain(args), **_plain(kwargs))
            given = signature.bind(*args, **kwargs).arguments
            given = {name: value for name, value in given.items() if name not in DROPPED}
            if cores and any(_ndim_of(given.get(name)) > (2 if n == "1|2" else n) for name, n in cores.items()):
                return _one_by_one(implementation, given, cores)
            return implementation(**given)

        composite(fun, asking_first(fun)(called) if asked else called, **options)
        return called

    return register


def _is_text(x):
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "SUmMV"


def _holds_text(x):
    """Whether a list, at any depth, holds strings or dates; a string by itself may be an option."""
    return isinstance(x, (list, tuple)) and any(isinstance(e, (str, bytes)) or _is_text(e) or _holds_text(e) for e in x)


def _ndim_of(x):
    return 0 if x is None else len(shape_of(x))


def _one_by_one(implementation, given, cores):
    """The results for one part of a stack after the other, each put together; stacks broadcast against each other."""
    arrays = {name: as_array(given[name]) for name in cores if given.get(name) is not None}
    ends = {name: min(x.ndim, 2) if cores[name] == "1|2" else cores[name] for name, x in arrays.items()}
    batch = np.broadcast_shapes(*(shape_of(x)[: x.ndim - ends[name]] for name, x in arrays.items()))
    if 0 in batch:
        raise ValueError("there are no stacks of size zero")
    for name, x in arrays.items():
        core = shape_of(x)[x.ndim - ends[name] :]
        arrays[name] = np.reshape(np.broadcast_to(x, batch + core), (-1, *core))
    results = [implementation(**given | {n: x[i] for n, x in arrays.items()}) for i in range(math.prod(batch))]
    several = isinstance(results[0], (tuple, list))
    stacks = [np.stack(parts) for parts in zip(*results, strict=True)] if several else [np.stack(results)]
    stacks = [np.reshape(x, batch + shape_of(x)[1:]) for x in stacks]
    return stacks if len(stacks) > 1 else stacks[0]


def accepting_traces(fun, package):
    """`fun`, or where an argument is traced its rule; without a rule it is refused by name."""

    @functools.wraps(fun)
    def function(*args, **kwargs):
        if any(map(holds_box, args)) or any(map(holds_box, kwargs.values())):
            return call(fun, args, kwargs)
        return fun(*args, **kwargs)

    function.__module__ = package
    function.__doc__ = f"As `scipy.linalg.{fun.__name__}`, differentiable."
    return function


def _plain(arguments):
    """A tuple or dict of arguments without traces."""
    leaves, treedef = flatten(arguments)
    return treedef.unflatten(map(plain, leaves))


def at_least(x, ndim):
    """`x` as an array of no fewer than `ndim` axes, new ones in front."""
    x = as_array(x)
    return x if x.ndim >= ndim else np.reshape(x, (1,) * (ndim - x.ndim) + shape_of(x))


def double(x):
    """`x` in double precision, for what SciPy computes in no other."""
    return x.astype(np.result_type(x.dtype, np.float64))


def refuse_unless(fun, **given):
    """Raise for each keyword argument that is not SciPy's default: there is no derivative for it."""
    defaults = signature_of(getattr(scipy.linalg, fun))
    for name, value in given.items():
        if value is not defaults[name]:
            raise UnsupportedKeywordError(
                f"scipy.linalg.{fun}: the derivative does not support the keyword {name}={value!r}"
            )


# ---- matrices of which only a part is read -----------------------------------------------------------------


def symmetric(a, lower, hermitian=True):
    """The Hermitian (or complex symmetric) matrix that a triangle of `a` stands for."""
    if hermitian:
        return lower_as_hermitian(a if lower else H(a))
    part = triangle(a, lower)
    return part + T(part) - a * np.eye(shape_of(a)[-1], dtype=a.dtype)


def structured(a, assume_a, lower):
    """`a` as `scipy.linalg.solve` reads it for a value of ``assume_a``."""
    kind = {"gen": "general", "sym": "symmetric", "her": "hermitian", "pos": "positive definite"}.get(
        assume_a, assume_a
    )
    if kind in (None, "general", "banded"):
        return a
    if kind in ("symmetric", "hermitian", "positive definite"):
        return symmetric(a, lower, kind != "symmetric")
    if kind in ("upper triangular", "lower triangular"):
        return triangle(a, kind.startswith("lower"))
    if kind == "diagonal":
        return a * np.eye(shape_of(a)[-1], dtype=a.dtype)
    if kind == "tridiagonal":
        return np.tril(np.triu(a, -1), 1)
    raise UnsupportedKeywordError(f"scipy.linalg: the derivative does not know assume_a={assume_a!r}")


# ---- general systems ---------------------------------------------------------------------------------------


@scipy_composite(
    scipy.linalg.solve,
    samples=lambda s: [
        s(s.matrix(3), s.array(3)), s(s.matrix(3), s.array(3, 2)),
        s(s.spd(3), s.array(3), lower=True, assume_a="pos", via=s.hermitian),
        s(s.spd(3), s.array(3), assume_a="pos", via=s.hermitian),
        s(s.matrix(3), s.array(3), assume_a="upper triangular"),
        s(s.matrix(3).real, s.real(3), transposed=True),
        s(s.matrix(3), s.array(3), assume_a="sym", lower=True),
        s(s.matrix(3), s.array(3), assume_a="diagonal"),
        s(s.matrix(4), s.array(4), assume_a="tridiagonal"), s(s.matrix(3, 2), s.array(2, 3, 1)),
    ],
)  # fmt: skip
def _solve(a, b, lower=False, assume_a=None, transposed=False):
    a = structured(at_least(a, 2), assume_a, lower)
    return np.linalg.solve(T(a) if transposed else a, at_least(b, 1))


@scipy_composite(
    scipy.linalg.inv,
    samples=lambda s: [
        s(s.matrix(3)),
        s(s.matrix(2, 4)),
        s(s.spd(3), assume_a="pos", lower=True, via=s.hermitian),
    ],
)
def _inv(a, assume_a=None, lower=False):
    if not (assume_a is None or isinstance(assume_a, str)):
        raise ValueError(f"assume_a is a string, not {assume_a!r}")
    return np.linalg.inv(structured(as_array(a), assume_a, lower))


@scipy_composite(
    scipy.linalg.det, samples=lambda s: [s(s.matrix(3)), s(s.matrix(2, 4)), s(s.array(3, 2) @ s.array(2, 3))]
)
def _det(a):
    return np.linalg.det(double(as_array(a)))


@scipy_composite(
    scipy.linalg.norm,
    samples=lambda s: [
        s(s.array(3)),
        s(s.array(2, 3), "nuc"),
        s(s.nonzero(2, 3), ord=3, axis=1, keepdims=True),
    ],
)
def _norm(a, ord=None, axis=None, keepdims=False):
    a = as_array(a)
    if a.ndim == 1 and ord in (None, 2) and axis is None and not keepdims and a.dtype.char in "fdFD":
        a = double(a)  # SciPy gives a Python float
    return np.linalg.norm(a, ord, axis, keepdims)


def _cutoff(a, atol, rtol):
    """A relative tolerance for singular values, out of an absolute and a relative one."""
    if a.ndim < 2:
        raise ValueError("expected matrix")
    given = [tol for tol in (atol, rtol) if tol is not None]
    if any(isinstance(tol, (tuple, list)) or np.size(plain(tol)) != 1 or anywhere(np.less(plain(tol), 0)) for tol in given):
        raise ValueError("atol and rtol values must be positive.")
    if rtol is None:
        rtol = 0.0 if atol else max(a.shape[-2:]) * np.finfo(a.dtype).eps
    if not atol:
        return rtol
    largest = np.max(np.linalg.svd(plain(a), compute_uv=False), axis=-1, initial=0)
    return rtol + atol / (largest + (largest == 0))


def _with_rank(inverse, a, cutoff, return_rank):
    if not return_rank:
        return inverse
    s = np.linalg.svd(plain(a), compute_uv=False)
    ranks = np.sum(s > np.asarray(plain(cutoff))[..., None] * np.max(s, axis=-1, keepdims=True, initial=0), axis=-1)
    return inverse, ranks if a.ndim > 2 else int(same_for_all(ranks))


@scipy_composite(
    scipy.linalg.pinv,
    samples=lambda s: [
        s(s.array(3, 2)),
        s(s.array(2, 3), atol=1e-10, rtol=1e-9),
        s(s.array(3, 2), return_rank=True),
    ],
)
def _pinv(a, atol=None, rtol=None, return_rank=False):
    a = as_array(a)
    if a.dtype.kind not in "fc":
        a = a.astype(scipy.linalg.pinv(np.ones((1, 1), a.dtype)).dtype)
    cutoff = _cutoff(a, atol, rtol)
    return _with_rank(pinv_with(a, cutoff), a, cutoff, return_rank)


@scipy_composite(
    scipy.linalg.pinvh,
    samples=lambda s: [
        s(s.matrix(3)),
        s(s.matrix(3), lower=False),
        s(s.matrix(3), atol=1e-10, rtol=1e-9),
        s(s.matrix(3), return_rank=True),
    ],
)
def _pinvh(a, atol=None, rtol=None, lower=True, return_rank=False):
    check_square(as_array(a))
    a = symmetric(as_array(a), lower)
    cutoff = _cutoff(a, atol, rtol)
    return _with_rank(pinv_with(a, cutoff), a, cutoff, return_rank)


#: Whether SciPy gives the sums of squares of complex numbers as complex numbers, as 1.18 does.
_COMPLEX_SQUARES = scipy.linalg.lstsq(np.ones((2, 1), complex), np.ones(2))[1].dtype.kind == "c"


@scipy_composite(
    scipy.linalg.lstsq,
    cores={"a": 2, "b": "1|2"},
    samples=lambda s: [
        s(s.array(4, 2), s.array(4)),
        s(s.array(4, 2), s.array(4, 3), cond=1e-10),
        s(s.array(2, 4), s.array(2)),
    ],
)
def _lstsq(a, b, cond=None):
    a, b = as_array(a), as_array(b)
    cond = np.finfo(np.result_type(a.dtype, b.dtype, np.float32)).eps if cond is None else cond
    x, squares, rank, s = np.linalg.lstsq(a, b, cond)
    if not squares.size or _COMPLEX_SQUARES:
        squares = squares.astype(x.dtype)
    return x, squares[0] if b.ndim == 1 and squares.size else squares, int(rank), s


# ---- triangular systems, Cholesky --------------------------------------------------------------------------


def triangular_system(a, b, lower, trans=0):
    """``op(a) x = b`` for clean triangular `a`, with a vector or a matrix `b`; ``trans`` as in SciPy."""
    if trans in (2, "C"):
        a = conj(a)
    if b.ndim == 1:
        return triangular_system(a, column(b), lower, 0 if trans in (0, "N") else 1)[..., 0]
    return TRIANGULAR_SOLVE(a, b, lower=lower, transposed=trans not in (0, "N"))


@scipy_composite(
    scipy.linalg.solve_triangular,
    cores={"a": 2, "b": "1|2"},
    samples=lambda s: (
        [
            s(s.matrix(3), s.array(3), trans, lower)
            for trans in (0, 1, 2, "N", "T", "C")
            for lower in (False, True)
        ]
        + [
            s(s.matrix(3), s.array(3, 2), lower=True, unit_diagonal=True),
            s(s.matrix(3), s.array(3, 2), trans=1, unit_diagonal=True),
        ]
        + [
            s(s.matrix(3), s.real(3)),
            s(s.matrix(30), s.array(30, 2), lower=True),
            s(s.matrix(30), s.array(30), trans="C"),
        ]
    ),
)
def _solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False):
    check_square(as_array(a))
    a = triangle(as_array(a), lower)
    if not unit_diagonal and anywhere(np.diagonal(plain(a), axis1=-2, axis2=-1) == 0, unknown=False):
        raise np.linalg.LinAlgError("the matrix is singular")
    if unit_diagonal:
        eye = np.eye(shape_of(a)[-1], dtype=a.dtype)
        a = a * (1 - eye) + eye
    return triangular_system(a, as_array(b), bool(lower), trans)


@scipy_composite(
    scipy.linalg.cholesky,
    samples=lambda s: [
        s(s.spd(3), via=s.hermitian),
        s(s.spd(3), lower=True, via=s.hermitian),
        s(s.spd(3, 2), True, via=s.hermitian),
    ],
)
def _cholesky(a, lower=False):
    a = at_least(a, 2)
    return np.linalg.cholesky(a) if lower else H(np.linalg.cholesky(H(a)))


@scipy_composite(
    scipy.linalg.cho_factor,
    cores={"a": 2},
    samples=lambda s: [s(s.spd(3), via=_factor), s(s.spd(3), lower=True, via=_factor)],
)
def _cho_factor(a, lower=False):
    a = as_array(a)
    return _cholesky(a, lower) + (np.triu(a, 1) if lower else np.tril(a, -1)), lower


def _factor(f, a, *args, **kwargs):
    """For samples: a Hermitian matrix, and the triangle of the factor that is not left over from it."""
    c, lower = f((a + H(a)) * 0.5, *args, **kwargs)
    return triangle(c, lower)


@scipy_composite(
    scipy.linalg.cho_solve,
    operands=("c_and_lower", "b"),
    samples=lambda s: [
        s((s.matrix(3), lower), b) for lower in (True, False) for b in (s.array(3), s.array(3, 2))
    ],
)
def _cho_solve(c_and_lower, b):
    c, lower = c_and_lower
    if np.ndim(lower):
        raise ValueError("`lower` is a truth value")
    c, b = triangle(as_array(c), lower), as_array(b)
    first, last = (0, 2) if lower else (2, 0)
    return triangular_system(c, triangular_system(c, b, bool(lower), first), bool(lower), last)


# ---- LU ----------------------------------------------------------------------------------------------------
# With A = L U and M = L^-1 dA U^-1: dL = L (strict lower triangle of M), dU = (upper triangle of M) U.


def unpivoted_lu(a):
    """L below the diagonal and U of a matrix whose rows are in the order of the pivots already."""
    if a.shape[0] != a.shape[1]:
        raise ValueError("the matrix is not square")
    packed, pivots = scipy.linalg.lu_factor(a)
    if (pivots == np.arange(len(a))).all():
        return packed
    packed = np.array(a)
    for k in range(len(a) - 1):
        packed[k + 1 :, k] /= packed[k, k]
        packed[k + 1 :, k + 1 :] -= np.outer(packed[k + 1 :, k], packed[k, k + 1 :])
    return packed


def _unpacked(packed):
    return np.tril(packed, -1) + np.eye(shape_of(packed)[-1], dtype=packed.dtype), np.triu(packed)


def _lu_vjp(g, ans):
    lower, upper = _unpacked(ans)
    m = np.tril(T(lower) @ np.tril(g, -1), -1) + np.triu(np.triu(g) @ T(upper))
    m = TRIANGULAR_SOLVE(lower, m, lower=True, transposed=True)
    return T(TRIANGULAR_SOLVE(upper, T(m), lower=False))


def _lu_jvp(t, ans):
    lower, upper = _unpacked(ans)
    m = TRIANGULAR_SOLVE(lower, t, lower=True)
    m = T(TRIANGULAR_SOLVE(upper, T(m), lower=False, transposed=True))
    return lower @ np.tril(m, -1) + np.triu(m) @ upper


UNPIVOTED_LU = custom(
    unpivoted_lu,
    vjp={"a": _lu_vjp},
    jvp={"a": _lu_jvp},
    samples=lambda s: [s(s.spd(3)), s(s.matrix(2) + 3 * np.eye(2, dtype=s.dtype))],
)


def _row_order(pivots, n):
    """The order of rows that a sequence of exchanges leads to."""
    order = np.arange(n)
    for i, j in enumerate(pivots):
        order[[i, j]] = order[[j, i]]
    return order


def _pivots(a):
    """The pivots of a matrix, the order of rows that they lead to, and its inverse."""
    pivots = scipy.linalg.lu_factor(a)[1]
    order = _row_order(pivots, len(a))
    return pivots, order, np.argsort(order)


_PIVOTS = values_only(_pivots)


def _pivoted(fun, a):
    """The pivots of a matrix, the way back from their order, and the matrix with its rows in it."""
    if a.ndim != 2:
        raise ValueError(f"scipy.linalg.{fun}: expected a matrix, not an array of shape {shape_of(a)}")
    pivots, order, back = _PIVOTS(plain(a))
    return pivots, back, a[order]


@scipy_composite(scipy.linalg.lu_factor, cores={"a": 2}, samples=lambda s: [s(s.array(3, 3)), s(s.array(4, 4))])
def _lu_factor(a):
    a = as_array(a)
    if a.ndim == 0:
        return a.astype(scipy.linalg.lu_factor(np.ones((), a.dtype))[0].dtype), np.zeros(1, np.int32)
    pivots, _, rows = _pivoted("lu_factor", a)
    if a.shape[0] != a.shape[1]:
        raise UnsupportedKeywordError(
            "scipy.linalg.lu_factor: there is no derivative for a matrix that is not square; use lu"
        )
    return UNPIVOTED_LU(rows), pivots


@scipy_composite(
    scipy.linalg.lu,
    cores={"a": 2},
    samples=lambda s: (
        [s(s.array(*shape)) for shape in ((3, 3), (4, 2), (2, 4))]
        + [s(s.array(4, 2), permute_l=True), s(s.array(3, 3), p_indices=True)]
    ),
)
def _lu(a, permute_l=False, p_indices=False):
    a = as_array(a)
    _, back, rows = _pivoted("lu", a)
    k = min(a.shape)
    lower, upper = _unpacked(UNPIVOTED_LU(rows[:k, :k]))
    if a.shape[0] > k:
        below = T(TRIANGULAR_SOLVE(upper, T(rows[k:]), lower=False, transposed=True))
        lower = np.concatenate([lower, below], axis=0)
    if a.shape[1] > k:
        upper = np.concatenate([upper, TRIANGULAR_SOLVE(lower, rows[:, k:], lower=True)], axis=1)
    if permute_l:
        return lower[back], upper
    permutation = (back[:, None] == np.arange(a.shape[0])).astype(real_dtype(upper))
    return back.astype(np.int32) if p_indices else permutation, lower, upper


@scipy_composite(
    scipy.linalg.lu_solve,
    operands=("lu_and_piv", "b"),
    samples=lambda s: (
        [
            s((s.matrix(3), np.array([1, 2, 2], np.int32)), b, trans)
            for b in (s.array(3), s.array(3, 2))
            for trans in (0, 1, 2)
        ]
        + [s((s.matrix(3), np.array([2, 2, 2], np.int32)), s.array(3))]
    ),
)
def _lu_solve(lu_and_piv, b, trans=0):
    if trans not in (0, 1, 2):
        raise ValueError(f"trans is 0, 1 or 2, not {trans!r}")
    packed, pivots = lu_and_piv
    packed, b, pivots = as_array(packed), as_array(b), plain(as_array(pivots))
    rows = shape_of(packed)[-1] if shape_of(packed) else 0
    if pivots.dtype.kind not in "iu" or anywhere((pivots < 0) | (pivots >= rows)):  # SciPy is not to be asked: it would not look
        raise UnsupportedCallError(f"scipy.linalg.lu_solve: pivots are positions of rows, from 0 to {rows - 1}")
    check_square(packed)
    if pivots.ndim != 1 or len(pivots) != shape_of(packed)[0]:
        raise ValueError("as many pivots are needed as there are rows")
    if dtype_of(b).kind == "b":
        b = b.astype(packed.dtype)
    lower, upper = _unpacked(packed)
    order = _row_order(pivots, shape_of(b)[0])
    if trans == 0:
        return triangular_system(upper, triangular_system(lower, b[order], True), False)
    x = triangular_system(lower, triangular_system(upper, b, False, trans), True, trans)
    return x[np.argsort(order)]
