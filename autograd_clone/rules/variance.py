"""Variance and standard deviation, about the mean of the elements or about one that is given.

At zero, where all elements are equal, the derivative of the standard deviation is zero.
"""

from __future__ import annotations

from operator import index as as_int

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from .creation import as_array
from .reductions import axes_samples, masked, terms
from .tools import NOT_GIVEN, count, expand, given, in_dtype, inverse_or_zero, is_masked, refuse_out

#: Leaves out one element of each column of a 3 by 4 array.
_MASK = np.arange(12).reshape(3, 4) % 3 != 0


def variance(a, *, axis, dtype, ddof, keepdims, where):
    """`numpy.var` about the mean of the elements themselves."""
    return np.var(a, axis=axis, dtype=dtype, ddof=ddof, **given(keepdims=keepdims, where=where))


def deviation(a, *, axis, dtype, ddof, keepdims, where):
    """`numpy.std` about the mean of the elements themselves."""
    return np.std(a, axis=axis, dtype=dtype, ddof=ddof, **given(keepdims=keepdims, where=where))


def _freedom(shape, axis, where, ddof, dtype):
    """Terms less `ddof`, at least zero as in NumPy: a number, or an array with reduced axes of length one."""
    n = terms(shape, axis, where)
    return max(n - ddof, 0) if isinstance(n, int) else np.maximum(n - ddof, 0).astype(dtype)


def _variance_slopes(a, axis, dtype, ddof, where):
    a = in_dtype(a, dtype)
    shape = shape_of(a)
    if type(a) is np.ndarray and not is_masked(where):  # half the time of numpy.mean
        centered = a - np.add.reduce(a, axis, keepdims=True) / count(shape, axis)
    else:
        centered = a - np.mean(a, axis=axis, keepdims=True, **given(where=where))
    dtype = dtype_of(centered)
    if dtype.kind == "c":
        centered, dtype = np.conj(centered), np.real(centered).dtype
    return masked(centered * 2 / _freedom(shape, axis, where, ddof, dtype), where)


def _variance_vjp(g, a, axis, dtype, ddof, where):
    if dtype_of(g).kind == "c":  # a complex dtype= makes the result complex, with imaginary part zero
        g = np.real(g)
    return expand(g, shape_of(a), axis) * _variance_slopes(a, axis, dtype, ddof, where)


def _variance_jvp(t, a, axis, dtype, ddof, keepdims, where):
    return np.sum(np.real(_variance_slopes(a, axis, dtype, ddof, where) * t), axis=axis, **given(keepdims=keepdims))


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
    in_double = np.float64 if dtype is None and dtype_of(a).kind in "biu" else None
    total = np.sum(squares, axis=axis, dtype=in_double, keepdims=keepdims, where=where)
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
    if np.ndim(ddof):
        raise TypeError("ddof is a number")
    a = as_array(a)
    _check(function, a, axis, dtype, where)
    if keepdims is not NOT_GIVEN and type(keepdims) is not bool:
        np.add.reduce((0.0,), keepdims=keepdims)  # raises, if it is none
    keepdims = keepdims is not NOT_GIVEN and bool(as_int(keepdims))
    if mean is NOT_GIVEN:
        return primitive(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=where)
    result = _about(mean, a, axis, dtype, ddof, keepdims, where)
    return result if function is np.var else ROOT(result)


def _check(function, a, axis, dtype, where):
    """Raise where NumPy raises, or computes what is not the variance."""
    if axis is not None and axis != () and not shape_of(a):
        raise np.exceptions.AxisError(f"axis {axis} of a number")
    kinds = "c" if dtype_of(a).kind == "c" else "fc" if function is np.std else "fcbiu"
    if dtype is not None and np.dtype(dtype).kind not in kinds:
        raise TypeError(f"the variance of {dtype_of(a)} in {np.dtype(dtype)}")
    if is_masked(where) and dtype_of(where).kind != "b":
        raise TypeError(f"a mask of dtype {dtype_of(where)}")


def _var_samples(s):
    return [
        *axes_samples(s),
        *axes_samples(s, ddof=1)[2:7],
        s(s.array(3, 4), axis=0, where=_MASK, keepdims=True, correction=0.5),
        s(s.array(3, 4), mean=s.array()),
        s(s.array(3, 4), axis=1, mean=s.array(3, 1), ddof=1),
        s(s.array(3, 4), axis=0, mean=s.array(1, 4), where=_MASK, keepdims=True),
        s(s.array(3, 4), dtype=np.result_type(s.dtype, np.float64)),
    ]


composite(np.var, _var, samples=_var_samples)
composite(np.std, _std, samples=_var_samples)


# ---- cheaper forms for plain arrays ------------------------------------------------------------------


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
