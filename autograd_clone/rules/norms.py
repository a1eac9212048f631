"""Norms of vectors and matrices, and condition numbers.

At zero the derivative of a norm is zero, the subgradient of least norm. Where the largest or smallest of
several absolute values or column sums is attained more than once, they share equally, as for `numpy.max`.
"""

from __future__ import annotations

from operator import index as as_int

import numpy as np

from ..array.box import FAST, as_array
from ..array.specialise import unary
from ..engine.box import Box, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom, elementwise
from ..engine.duck import is_duck
from .creation import cast_to
from .matrices import conj, is_complex, real, real_dtype
from .tools import axes_of, expand, inverse_or_zero, kept_shape

# ---- the Euclidean norm, and powers ------------------------------------------------------------------------


def euclidean(x, *, axis=None, keepdims=False):
    """The root of the sum of squares over one, several or all axes."""
    if axis is None or len(axis) == x.ndim:
        x = x.ravel() if is_duck(x) else x.ravel("K")
        total = x.dot(x) if x.dtype.kind != "c" else np.vdot(x, x).real
        return np.sqrt(total) if not keepdims else np.reshape(np.sqrt(total), (1,) * len(axis))
    return np.sqrt(np.sum(real(conj(x) * x), axis=axis, keepdims=keepdims))


def _euclidean_vjp(g, x, ans, axis):
    g = g * inverse_or_zero(ans)
    return (g if axis is None else expand(g, shape_of(x), axis)) * conj(x)


def _euclidean_jvp(t, x, ans, axis, keepdims):
    return np.sum(real(t * conj(x)), axis=axis, keepdims=keepdims) * inverse_or_zero(ans)


EUCLIDEAN = custom(
    euclidean,
    operands=("x",),
    vjp={"x": _euclidean_vjp},
    jvp={"x": _euclidean_jvp},
    harmless=("keepdims",),
    samples=lambda s: [
        s(s.array(3)), s(s.array(2, 3)), s(s.array(2, 3), axis=(1,)),
        s(s.array(2, 3, 4), axis=(0, 2), keepdims=True), s(s.array(2, 3), axis=(0, 1), keepdims=True),
    ],
)  # fmt: skip


def power_norm(x, *, ord, axis, keepdims=False):
    """``sum(abs(x)**ord)**(1/ord)`` over axes."""
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    return total ** np.reciprocal(ord, dtype=total.dtype)


def signed_power(x, *, exponent):
    """``conj(phase(x)) * abs(x)**exponent``, and zero at zero, also where the exponent is negative."""
    zero = x == 0
    size = np.abs(x) + zero
    return conj(x) * (size ** (exponent - 1) * ~zero)


def _signed_power_slope(g, x, exponent):
    """For real `x`: ``exponent * abs(x)**(exponent - 1)``; zero at a kink or cusp, which an exponent of zero or less makes."""
    if exponent <= 0:
        zero = x == 0
        x, g = np.where(zero, 1, x), g * ~zero
    return g * (exponent * np.abs(x) ** (exponent - 1))


SIGNED_POWER = elementwise(
    signed_power,
    x=_signed_power_slope,
    options={
        "defaults": {"exponent": 1},
        "complex": False,
        "samples": lambda s: [s(s.nonzero(2, 3), exponent=1.5), s(s.nonzero(3), exponent=-0.5)],
    },
)


def _signed_power(x, exponent):
    if not is_complex(x):
        return SIGNED_POWER(x, exponent=exponent)
    zero = x == 0
    return np.where(zero, 0, conj(x) * np.abs(np.where(zero, 1, x)) ** (exponent - 1))


def _power_factor(x, ans, ord, axis):
    """``d ans / d abs(x)``, by the conjugate phase of `x`; zero where `x` is, and to any order where all of it is."""
    ans = np.reshape(ans, kept_shape(shape_of(x), axis))
    origin = (ans == 0) & (x == 0)
    return _signed_power(np.where(origin, 1, x) / (ans + (ans == 0)), ord - 1) * ~origin


def _power_norm_vjp(g, x, ans, ord, axis):
    return expand(g, shape_of(x), axis) * _power_factor(x, ans, ord, axis)


def _power_norm_jvp(t, x, ans, ord, axis, keepdims):
    return np.sum(real(t * _power_factor(x, ans, ord, axis)), axis=axis, keepdims=keepdims)


POWER_NORM = custom(
    power_norm,
    operands=("x",),
    vjp={"x": _power_norm_vjp},
    jvp={"x": _power_norm_jvp},
    harmless=("keepdims",),
    samples=lambda s: [
        s(s.nonzero(3), ord=3, axis=0),
        s(s.nonzero(2, 3), ord=2.5, axis=(0, 1), keepdims=True),
    ],
)

# ---- vector norms ------------------------------------------------------------------------------------------


def _vector_norm(x, ord, axis, keepdims):
    """The norm over the axes in the tuple `axis` taken together."""
    if ord is None or ord == 2:
        return EUCLIDEAN(x, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(real_dtype(x)), axis=axis, keepdims=keepdims)
    return POWER_NORM(x, ord=ord, axis=axis, keepdims=keepdims)


# ---- matrix norms ------------------------------------------------------------------------------------------


def _matrix_norm(x, ord, rows, columns):
    if ord in (None, "fro", "f"):
        return EUCLIDEAN(x, axis=(rows, columns), keepdims=True)
    if ord in (1, -1, np.inf, -np.inf):
        first, then = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=first, keepdims=True)
        return (
            np.max(sums, axis=then, keepdims=True, initial=0)
            if ord > 0
            else np.min(sums, axis=then, keepdims=True)
        )
    if ord not in (2, -2, "nuc"):
        raise ValueError("Invalid norm order for matrices.")
    s = np.linalg.svd(np.moveaxis(x, (rows, columns), (-2, -1)), compute_uv=False)
    s = _nonzero_only(s, max(x.shape[rows], x.shape[columns]))
    if ord == "nuc":
        s = np.sum(s, axis=-1)
    else:
        s = np.max(s, axis=-1, initial=0) if ord == 2 else np.min(s, axis=-1)
    return np.reshape(s, kept_shape(x.shape, (rows, columns)))


def _nonzero_only(s, size):
    """Singular values; those that are rounding errors of zero made constant, as zero is the derivative at a
    kink.
    """
    values = getval(s) if isinstance(s, Box) else s
    cutoff = np.max(values, axis=-1, keepdims=True, initial=0) * size * np.finfo(s.dtype).eps
    return np.where(values > cutoff, s, values)


# ---- the functions -----------------------------------------------------------------------------------------


def _norm_samples(s):
    a = s.array
    vectors = [s(a(5), ord) for ord in (2, None)] + [
        s(s.nonzero(5), ord) for ord in (1, 0, 3, 2.5, 0.5, -1, -2)
    ]
    extreme = [
        s(s.distinct(5), np.inf),
        s(s.distinct(5), -np.inf),
        s(s.distinct(2, 3), ord=np.inf, axis=1),
        s(s.distinct(2, 3), -np.inf, 0, True),
    ]
    along = [
        s(s.nonzero(2, 3), ord, axis=axis, keepdims=k)
        for ord, axis, k in ((2, 0, False), (None, -1, True), (1, 1, True), (3, 0, True), (3, (1,), False))
    ]
    matrices = [s(a(3, 4), ord) for ord in (None, "fro", "nuc", 2, -2)] + [
        s(s.distinct(3, 4), ord) for ord in (1, -1, np.inf, -np.inf)
    ]
    stacks = [
        s(a(2, 3, 4), ord, axis=axis, keepdims=k)
        for ord in ("fro", "nuc", 2, -2, None)
        for axis, k in (((0, 1), False), ((2, 0), True), ((-1, -2), False))
    ]
    stacks += [
        s(s.distinct(2, 3, 4), ord, axis=(2, 0), keepdims=k)
        for ord in (1, -1, np.inf, -np.inf)
        for k in (False, True)
    ]
    return (
        vectors
        + extreme
        + along
        + matrices
        + stacks
        + [s(a(2, 3, 4)), s(a(2, 3), keepdims=True), s(a()), s(a(0)), s(a(0, 3), axis=0)]
    )


def _axes(axis, ndim):
    """The axes that were asked for; other than a reduction, a norm finds none in a number."""
    axis = axis if isinstance(axis, tuple) else (int(axis),)
    if axis and not ndim:
        raise np.exceptions.AxisError(axis[0], ndim)
    return axes_of(axis, ndim)


# without options it is the root of the sum of squares, whatever the shape
FAST[1][np.linalg.norm] = unary(EUCLIDEAN, "kernel(x1) if type(x1) is ndarray else prim(x1)")


@composite(np.linalg.norm, samples=_norm_samples)
def _norm(x, ord=None, axis=None, keepdims=False):
    x = as_array(x)
    nd = x.ndim
    if axis is None:
        if ord is None or (ord in ("f", "fro") and nd == 2) or (ord == 2 and nd == 1):
            return EUCLIDEAN(x) if not keepdims else EUCLIDEAN(x, axis=tuple(range(nd)), keepdims=True)
        axis = tuple(range(nd))
    else:
        axis = _axes(axis, nd)
    if len(axis) == 1:
        return _vector_norm(x, ord, axis, keepdims)
    if len(axis) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    rows, columns = (range(nd)[i] for i in axis)
    if rows == columns:
        raise ValueError("Duplicate axes given.")
    norms = _matrix_norm(x, ord, rows, columns)
    return (
        norms
        if keepdims
        else np.reshape(norms, [n for i, n in enumerate(x.shape) if i not in (rows, columns)])
    )


@composite(
    np.linalg.vector_norm,
    samples=lambda s: [
        s(s.array(5)), s(s.array(2, 3)), s(s.array(2, 3), keepdims=True), s(s.array(2, 3), axis=1),
        s(s.nonzero(2, 3, 4), axis=(2, 0), ord=3, keepdims=True),
        s(s.nonzero(2, 3, 4), axis=(0, 2), ord=1), s(s.distinct(2, 3), ord=np.inf),
        s(s.distinct(2, 3), ord=-np.inf, axis=(0, 1)), s(s.nonzero(3), ord=0), s(s.array()),
    ],
)  # fmt: skip
def _linalg_vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = as_array(x)
    if keepdims and axis is not None and not isinstance(axis, tuple):
        axis = as_int(axis)  # which without it may be 1.0
    axis = tuple(range(x.ndim)) if axis is None else _axes(axis, x.ndim)
    return _vector_norm(x, ord, axis, bool(keepdims))


@composite(
    np.linalg.matrix_norm,
    samples=lambda s: [
        s(s.array(2, 3, 4)),
        s(s.array(2, 3, 4), keepdims=True),
        s(s.array(2, 3, 4), ord="nuc"),
        s(s.distinct(3, 4), ord=1),
    ],
)
def _linalg_matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return _norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


#: Whether NumPy gives the condition number of a complex matrix in complex numbers, as 2.0 did for other norms than the spectral.
_COMPLEX_CONDITION = np.linalg.cond(np.ones((1, 1), complex), 1).dtype.kind == "c"


@composite(
    np.linalg.cond,
    samples=lambda s: (
        [s(s.matrix(3), p) for p in (None, 2, -2, "fro")]
        + [s(s.matrix(3), p) for p in ("nuc", 1, -1, np.inf, -np.inf)]
        + [s(s.array(2, 3, 4)), s(s.matrix(3, 2), p=1), s(s.matrix(3, 2), "fro")]
    ),
)
def _cond(x, p=None):
    x = as_array(x)
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        with np.errstate(all="ignore"):
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    condition = _norm(x, p, (-2, -1)) * _norm(np.linalg.inv(x), p, (-2, -1))
    return cast_to(condition, dtype_of(x)) if _COMPLEX_CONDITION and is_complex(x) else condition
