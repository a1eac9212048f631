"""Reductions: sum, mean, product, variance, extrema, with all keyword arguments.

``where=`` masks an element out, so its derivative is zero; ``initial=`` is one more term, which is constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from ..engine.primitive import REGISTRY
from .creation import as_array
from .tools import (
    NOT_GIVEN,
    anywhere,
    axes_of,
    count,
    expand,
    in_dtype,
    inverse_or_zero,
    is_masked,
    may_divide,
    refuse_out,
    spread,
    truncates,
)

_f: Any
#: Leaves out one element of each column of a 3 by 4 array.
_MASK = np.arange(12).reshape(3, 4) % 3 != 0


def _axes_samples(s, **kwargs):
    """Calls with every form of ``axis`` and ``keepdims``."""
    return [
        s(s.array(3, 4), **kwargs),
        s(s.array(), **kwargs),
        s(s.array(2, 3, 4), axis=1, **kwargs),
        s(s.array(2, 3, 4), axis=-1, keepdims=True, **kwargs),
        s(s.array(2, 3, 4), axis=(0, -1), **kwargs),
        s(s.array(2, 3, 4), axis=(-2,), keepdims=True, **kwargs),
        s(s.array(2, 3), axis=None, keepdims=True, **kwargs),
        s(s.array(2, 3), axis=(), **kwargs),
        s(s.array(2, 3, 2), axis=0, where=s.mask(2, 1, 2), **kwargs),
    ]


def _masked(x, where):
    return np.where(where, x, 0) if is_masked(where) else x


# ---- sum and mean ------------------------------------------------------------------------------------


def _sum_vjp(g, a_shape, axis, where, dtype):
    if dtype is not None and truncates(dtype):
        return np.zeros(a_shape)
    g = spread(g, a_shape, axis)
    return g if where is NOT_GIVEN else _masked(g, where)


custom(
    np.sum,
    vjp={"a": _sum_vjp},
    jvp={
        "a": lambda t, axis, dtype, keepdims, where: np.sum(
            t, axis=axis, dtype=dtype, keepdims=keepdims, where=where
        )
    },
    harmless=("keepdims", "initial"),
    samples=lambda s: [
        *_axes_samples(s),
        s(s.array(3, 4), axis=0, initial=2.0, where=s.mask(3, 4), keepdims=True),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(3, 4), dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(2, 0), axis=0),
    ],
)


def _terms(shape, axis, where):
    """How many elements each mean is taken of: a number, or an array where a mask leaves some out."""
    if is_masked(where):
        return np.sum(np.broadcast_to(where, shape), axis=axes_of(axis, len(shape)), keepdims=True)
    return count(shape, axis)


def _divided(g, n):
    """`g` divided by integers, in its own precision."""
    return g / (n if isinstance(n, int) else n.astype(dtype_of(g)))


def _mean_vjp(g, a_shape, axis, where):
    n = _terms(a_shape, axis, where)
    if isinstance(n, int):
        return spread(g / n, a_shape, axis)
    return _masked(spread(_divided(expand(g, a_shape, axis), n), a_shape, axis), where)


custom(
    np.mean,
    vjp={"a": _mean_vjp},
    jvp={
        "a": lambda t, axis, dtype, keepdims, where: np.mean(
            t, axis=axis, dtype=dtype, keepdims=keepdims, where=where
        )
    },
    harmless=("keepdims", "dtype"),
    samples=lambda s: [
        *_axes_samples(s),
        s(s.array(3, 4), axis=0, where=s.mask(3, 4), keepdims=True),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(3, 4), dtype=np.result_type(s.dtype, np.float64)),
    ],
)


# ---- product -----------------------------------------------------------------------------------------


def to_last(a, axis):
    """`a` with the axes of a reduction moved to the end and made one."""
    shape = shape_of(a)
    ndim = len(shape)
    axes = axes_of(axis, ndim)
    if axes == (ndim - 1,):
        return a
    if len(axes) == ndim:
        return a.reshape(-1)
    kept = tuple(i for i in range(ndim) if i not in axes)
    moved = np.transpose(a, kept + axes)
    return moved.reshape((*(shape[i] for i in kept), count(shape, axis)))


def from_last(x, shape, axis):
    """The inverse of `to_last`, for an array that had `shape`."""
    ndim = len(shape)
    axes = axes_of(axis, ndim)
    if axes == (ndim - 1,) or len(axes) == ndim:
        return x.reshape(shape)
    order = tuple(i for i in range(ndim) if i not in axes) + axes
    return np.transpose(x.reshape(tuple(shape[i] for i in order)), tuple(np.argsort(order)))


def leave_one_out(a, axis):
    """For each element the product of all others that are multiplied with it; without dividing.

    The product of what comes before times the product of what comes after.
    """
    if 0 in shape_of(a):
        return np.ones(shape_of(a), dtype_of(a))
    x = to_last(a, axis)
    ones = np.ones((*x.shape[:-1], 1), x.dtype)
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return from_last(before * after, shape_of(a), axis)


def _prod_slopes(a, axis, dtype, where, initial):
    a = in_dtype(a, dtype)
    slopes = leave_one_out(np.where(where, a, 1) if is_masked(where) else a, axis)
    if initial is not NOT_GIVEN:
        slopes = slopes * initial
    return _masked(slopes, where)


def _prod_vjp(g, a, ans, axis, dtype, where, initial):
    if truncates(dtype):
        return np.zeros(shape_of(a))
    if not is_masked(where) and may_divide(ans):
        return expand(g * ans, shape_of(a), axis) / a
    return expand(g, shape_of(a), axis) * _prod_slopes(a, axis, dtype, where, initial)


def _prod_jvp(t, a, axis, dtype, keepdims, where, initial):
    if truncates(dtype):
        return np.zeros(())
    return np.sum(t * _prod_slopes(a, axis, dtype, where, initial), axis=axis, keepdims=keepdims)


custom(
    np.prod,
    vjp={"a": _prod_vjp},
    jvp={"a": _prod_jvp},
    harmless=("keepdims",),
    samples=lambda s: [
        *_axes_samples(s),
        s(s.array(3, 4), axis=0, initial=2.0, where=s.mask(3, 4), keepdims=True),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(3, 4), axis=1, dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(3, 4) * (np.arange(4) != 1), axis=1),
        s(s.array(3, 4) * (np.arange(4) > 1)),
    ],
)


# ---- variance and standard deviation -----------------------------------------------------------------


def variance(a, *, axis, dtype, ddof, keepdims, where):
    """`numpy.var` about the mean of the elements themselves."""
    return np.var(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)


def deviation(a, *, axis, dtype, ddof, keepdims, where):
    """`numpy.std` about the mean of the elements themselves."""
    return np.std(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)


def _freedom(shape, axis, where, ddof, dtype):
    """Terms less `ddof`, at least zero as in NumPy: a number, or an array with reduced axes of length one."""
    n = _terms(shape, axis, where)
    return max(n - ddof, 0) if isinstance(n, int) else np.maximum(n - ddof, 0).astype(dtype)


def _variance_slopes(a, axis, dtype, ddof, where):
    a = in_dtype(a, dtype)
    shape = shape_of(a)
    if type(a) is np.ndarray and not is_masked(where):  # half the time of numpy.mean
        centered = a - np.add.reduce(a, axis, keepdims=True) / count(shape, axis)
    else:
        centered = a - np.mean(a, axis=axis, keepdims=True, where=where)
    dtype = dtype_of(centered)
    if dtype.kind == "c":
        centered, dtype = np.conj(centered), np.real(centered).dtype
    return _masked(centered * 2 / _freedom(shape, axis, where, ddof, dtype), where)


def _variance_vjp(g, a, axis, dtype, ddof, where):
    if dtype_of(g).kind == "c":  # a complex dtype= makes the result complex, with imaginary part zero
        g = np.real(g)
    return expand(g, shape_of(a), axis) * _variance_slopes(a, axis, dtype, ddof, where)


def _variance_jvp(t, a, axis, dtype, ddof, keepdims, where):
    return np.sum(np.real(_variance_slopes(a, axis, dtype, ddof, where) * t), axis=axis, keepdims=keepdims)


def _half_inverse(ans):
    """The slope of the square root where the result is `ans`; zero at zero."""
    return 0.5 * inverse_or_zero(ans)


def _deviation_vjp(g, a, ans, axis, dtype, ddof, where):
    return _variance_vjp(g * _half_inverse(ans), a, axis, dtype, ddof, where)


def _deviation_jvp(t, a, ans, axis, dtype, ddof, keepdims, where):
    return _half_inverse(ans) * _variance_jvp(t, a, axis, dtype, ddof, keepdims, where)


def _spread_samples(s):
    full = {"axis": None, "dtype": None, "ddof": 0, "keepdims": False, "where": True}
    return [
        s(s.array(3, 4), **full),
        s(s.array(2, 3, 4), **full | {"axis": (0, -1), "ddof": 1, "keepdims": True}),
        s(s.array(3, 4), **full | {"axis": 0, "where": _MASK}),
        s(s.array(3, 4), **full | {"axis": 1, "dtype": np.result_type(s.dtype, np.float64)}),
    ]


VARIANCE = custom(
    variance,
    vjp={"a": _variance_vjp},
    jvp={"a": _variance_jvp},
    harmless=("keepdims",),
    samples=_spread_samples,
)
DEVIATION = custom(
    deviation,
    vjp={"a": _deviation_vjp},
    jvp={"a": _deviation_jvp},
    harmless=("keepdims",),
    samples=_spread_samples,
)


def _about(mean, a, axis, dtype, ddof, keepdims, where):
    """The variance about a given mean, which may itself be traced."""
    centered = in_dtype(a, dtype) - mean
    squares = np.real(centered * np.conj(centered))
    total = np.sum(squares, axis=axis, keepdims=keepdims, where=where)
    freedom = _freedom(shape_of(a), axis, where, ddof, dtype_of(total))
    return total / (freedom if np.ndim(freedom) == 0 else freedom.reshape(shape_of(total)))


def root_or_zero(x):
    """The square root of a variance; its derivative at zero is taken to be zero."""
    return np.sqrt(x)


ROOT = custom(
    root_or_zero,
    vjp={"x": lambda g, ans: g * _half_inverse(ans)},
    jvp={"x": lambda t, ans: t * _half_inverse(ans)},
    samples=lambda s: [s(s.positive(3)), s(s.positive())],
)


def _var(
    a, axis=None, dtype=None, out=None, ddof=0, keepdims=NOT_GIVEN, *,
    where=NOT_GIVEN, mean=NOT_GIVEN, correction=NOT_GIVEN,
):  # fmt: skip
    return _dispatch(np.var, VARIANCE, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _std(
    a, axis=None, dtype=None, out=None, ddof=0, keepdims=NOT_GIVEN, *,
    where=NOT_GIVEN, mean=NOT_GIVEN, correction=NOT_GIVEN,
):  # fmt: skip
    return _dispatch(np.std, DEVIATION, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _dispatch(function, primitive, a, axis, dtype, out, ddof, keepdims, where, mean, correction):
    refuse_out(function, out)
    if correction is not NOT_GIVEN:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a = as_array(a)
    keepdims = keepdims is not NOT_GIVEN and bool(keepdims)
    if mean is NOT_GIVEN:
        return primitive(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)
    result = _about(mean, a, axis, dtype, ddof, keepdims, where)
    return result if function is np.var else ROOT(result)


def _var_samples(s):
    return [
        *_axes_samples(s),
        *_axes_samples(s, ddof=1)[2:7],
        s(s.array(3, 4), axis=0, where=_MASK, keepdims=True, correction=0.5),
        s(s.array(3, 4), mean=s.array()),
        s(s.array(3, 4), axis=1, mean=s.array(3, 1), ddof=1),
        s(s.array(3, 4), axis=0, mean=s.array(1, 4), where=_MASK, keepdims=True),
        s(s.array(3, 4), dtype=np.result_type(s.dtype, np.float64)),
    ]


composite(np.var, _var, samples=_var_samples)
composite(np.std, _std, samples=_var_samples)


# ---- extrema -----------------------------------------------------------------------------------------


def _extremes(a, ans, axis, where, initial):
    """Which elements are the extremum of their group, and how many share it."""
    ans = expand(ans, shape_of(a), axis)
    hit = a == ans
    undefined = ans != ans
    if anywhere(undefined):
        hit = hit | (undefined & (a != a))
    if is_masked(where):
        hit = hit & where
    n = np.count_nonzero(hit, axis=axes_of(axis, hit.ndim), keepdims=True)
    if initial is not NOT_GIVEN:
        n = n + (ans == initial)
    return hit, np.maximum(n, 1)


def extremum_vjp(g, a, ans, axis, where, initial):
    """VJP of a maximum or minimum, which ties share equally."""
    if where is NOT_GIVEN and initial is NOT_GIVEN and type(a) is np.ndarray:
        if axis is None:
            hit = a == ans
            n = int(np.count_nonzero(hit))
            if n:
                return (g if n == 1 else g / n) * hit
        else:
            hit = a == expand(ans, a.shape, axis)
            if np.count_nonzero(hit) == ans.size and not anywhere(ans != ans):  # no ties and no NaN
                return expand(g, a.shape, axis) * hit
    hit, n = _extremes(a, ans, axis, where, initial)
    return _divided(expand(g, shape_of(a), axis), n) * hit


def extremum_jvp(t, a, ans, axis, keepdims, where, initial):
    """JVP of a maximum or minimum."""
    hit, n = _extremes(a, ans, axis, where, initial)
    return np.sum(_divided(t * hit, n), axis=axis, keepdims=keepdims)


def extremum_samples(s):
    """Calls with every keyword argument, without ties."""
    draws = [(3, 4), (2, 3, 4)]
    flat, deep = (s.distinct(*shape) for shape in draws)
    return [
        s(flat),
        s(s.array()),
        s(deep, axis=1),
        s(deep, axis=(0, -1), keepdims=True),
        s(flat, axis=-1, initial=0.123),
        s(flat, axis=0, initial=-1.234, where=s.mask(3, 4)),
        s(flat, axis=()),
    ]


for _f in dict.fromkeys((np.max, np.amax, np.min, np.amin)):
    custom(
        _f,
        vjp={"a": extremum_vjp},
        jvp={"a": extremum_jvp},
        harmless=("keepdims",),
        samples=extremum_samples,
    )


@composite(
    np.ptp,
    samples=lambda s: [
        s(s.distinct(3, 4)),
        s(s.distinct(2, 3, 4), axis=1),
        s(s.distinct(3, 4), axis=(0, -1), keepdims=True),
    ],
)
def _ptp(a, axis=None, out=None, keepdims=NOT_GIVEN):
    refuse_out(np.ptp, out)
    a = as_array(a)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# ---- cheaper forms for plain arrays: what NumPy's functions come to, without their way there ---------


def _reduce(ufunc):
    def kernel(a, axis=None, **options):
        if options:
            options = {k: v for k, v in options.items() if v is not NOT_GIVEN}
        return ufunc.reduce(a, axis, **options)

    return kernel


_UFUNCS = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum, np.prod: np.multiply}
for _function, _ufunc in _UFUNCS.items():
    REGISTRY[_function].kernel = _reduce(_ufunc)


def _variance_kernel(a, *, axis, dtype, ddof, keepdims, where):
    """What `numpy.var` does for real arrays, in a third of the time for a small one."""
    if dtype is not None or is_masked(where) or a.dtype.char not in "dg":
        return variance(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)
    n = count(a.shape, axis)
    if n <= ddof:
        return variance(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)
    x = a - np.add.reduce(a, axis, keepdims=True) / n
    return np.add.reduce(x * x, axis, keepdims=keepdims) / (n - ddof)


def _deviation_kernel(a, **options):
    return np.sqrt(_variance_kernel(a, **options))


VARIANCE.kernel = _variance_kernel
DEVIATION.kernel = _deviation_kernel
