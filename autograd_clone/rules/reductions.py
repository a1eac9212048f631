"""Reductions: sum, mean, product, extrema, with all keyword arguments.

``where=`` masks an element out, so its derivative is zero; ``initial=`` is one more term, which is constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import FAST, REDUCTIONS, WITH_INITIAL
from ..array.specialise import reduction, unary
from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom, selection
from ..engine.duck import is_duck
from ..engine.primitive import REGISTRY
from ..engine.trace import apply
from .creation import as_array, cast_to
from .tools import (
    FILLED,
    NOT_GIVEN,
    anywhere,
    axes_of,
    count,
    expand,
    given,
    in_dtype,
    is_masked,
    may_divide,
    refuse_out,
    selected,
    spread,
    truncates,
)

_f: Any


def axes_samples(s, **kwargs):
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


def masked(x, where):
    """`x`, and zero where a reduction's mask leaves elements out."""
    return np.where(where, x, 0) if is_masked(where) else x


# ---- sum and mean ------------------------------------------------------------------------------------


def _sum_vjp(g, a_shape, axis, where, dtype):
    if dtype is not None and truncates(dtype):
        return np.zeros(a_shape)
    g = spread(g, a_shape, axis)
    return g if where is NOT_GIVEN else masked(g, where)


def _sum_jvp(t, axis, dtype, keepdims, where):
    if type(t) is np.ndarray and dtype is None and keepdims is where is NOT_GIVEN:
        return np.add.reduce(t, axis)
    if axis is dtype is None and keepdims is where is NOT_GIVEN and isinstance(t, Box):
        return apply(REGISTRY[np.sum], (t,), {})
    return np.sum(t, axis=axis, dtype=dtype, **given(keepdims=keepdims, where=where))


custom(
    np.sum,
    vjp={"a": _sum_vjp},
    jvp={
        "a": _sum_jvp,
    },
    harmless=("keepdims", "initial"),
    samples=lambda s: [
        *axes_samples(s),
        s(s.array(3, 4), axis=0, initial=2.0, where=s.mask(3, 4), keepdims=True),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(3, 4), dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(2, 0), axis=0),
    ],
)


def terms(shape, axis, where):
    """How many elements each mean is taken of: a number, or an array where a mask leaves some out."""
    if is_masked(where):
        return np.sum(np.broadcast_to(where, shape), axis=axes_of(axis, len(shape)), keepdims=True)
    return count(shape, axis)


def _divided(g, n):
    """`g` divided by integers, in its own precision."""
    return g / (n if isinstance(n, int) else n.astype(dtype_of(g)))


def _mean_vjp(g, a_shape, axis, where):
    n = terms(a_shape, axis, where)
    if isinstance(n, int):
        return spread(g / n, a_shape, axis)
    return masked(spread(_divided(expand(g, a_shape, axis), n), a_shape, axis), where)


custom(
    np.mean,
    vjp={"a": _mean_vjp},
    jvp={
        "a": lambda t, axis, dtype, keepdims, where: np.mean(
            t, axis=axis, dtype=dtype, **given(keepdims=keepdims, where=where)
        )
    },
    harmless=("keepdims", "dtype"),
    samples=lambda s: [
        *axes_samples(s),
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
    return masked(slopes, where)


def _prod_vjp(g, a, ans, axis, dtype, where, initial):
    if truncates(dtype):
        return np.zeros(shape_of(a))
    if not is_masked(where) and may_divide(ans):
        return expand(g * ans, shape_of(a), axis) / a
    return expand(g, shape_of(a), axis) * _prod_slopes(a, axis, dtype, where, initial)


def _prod_jvp(t, a, axis, dtype, keepdims, where, initial):
    if truncates(dtype):
        return np.zeros(())
    return np.sum(t * _prod_slopes(a, axis, dtype, where, initial), axis=axis, **given(keepdims=keepdims))


custom(
    np.prod,
    vjp={"a": _prod_vjp},
    jvp={"a": _prod_jvp},
    harmless=("keepdims",),
    samples=lambda s: [
        *axes_samples(s),
        s(s.array(3, 4), axis=0, initial=2.0, where=s.mask(3, 4), keepdims=True),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(3, 4), axis=1, dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(3, 4) * (np.arange(4) != 1), axis=1),
        s(s.array(3, 4) * (np.arange(4) > 1)),
    ],
)


# ---- extrema -----------------------------------------------------------------------------------------


def _extremes(a, ans, axis, where, initial):
    """Which elements are the extremum of their group, and how many share it."""
    ans = expand(ans, shape_of(a), axis)
    hit = a == ans
    undefined = ans != ans
    if anywhere(undefined):
        hit = hit | (undefined & (a != a))
    if is_masked(where):
        hit = hit & (where is not None and where)
    n = (np.sum if is_duck(hit) else np.count_nonzero)(hit, axis=axes_of(axis, hit.ndim), keepdims=True)
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
                return selected(g if n == 1 else g / n, hit)
        else:
            hit = a == expand(ans, a.shape, axis)
            if np.count_nonzero(hit) == ans.size and not anywhere(ans != ans):  # no ties and no NaN
                return selected(expand(g, a.shape, axis), hit)
    hit, n = _extremes(a, ans, axis, where, initial)
    return selected(_divided(expand(g, shape_of(a), axis), n), hit)


def extremum_jvp(t, a, ans, axis, keepdims, where, initial):
    """JVP of a maximum or minimum."""
    hit, n = _extremes(a, ans, axis, where, initial)
    return np.sum(_divided(selected(t, hit), n), axis=axis, **given(keepdims=keepdims))


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
    selection(
        custom(
            _f,
            vjp={"a": extremum_vjp},
            jvp={"a": extremum_jvp},
            harmless=("keepdims",),
            samples=extremum_samples,
        )
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


# ---- initial values that are traced ---------------------------------------------------------------------


def initial_as(initial, dtype):
    """A traced initial value in the dtype of a reduction."""
    if shape_of(initial):
        raise ValueError("the initial value of a reduction is a number")
    if dtype.kind not in "fc":
        raise TypeError(f"the initial value of a reduction in {dtype} is none that has derivatives")
    return cast_to(initial, dtype)


def with_initial(function, ufunc, neutral):
    """``function(..., initial=x)`` for a traced `x`, by one more application of `ufunc`."""

    def reduction(args, kwargs):
        kwargs = dict(kwargs)
        initial = kwargs.pop("initial")
        rest = function(*args, **kwargs) if neutral is None else function(*args, **kwargs, initial=neutral)
        return ufunc(rest, initial_as(initial, dtype_of(rest)))

    WITH_INITIAL[function] = reduction


with_initial(np.sum, np.add, None)
with_initial(np.prod, np.multiply, None)
for _f in dict.fromkeys((np.max, np.amax)):
    with_initial(_f, np.maximum, -np.inf)
for _f in dict.fromkeys((np.min, np.amin)):
    with_initial(_f, np.minimum, np.inf)


# ---- cheaper forms for plain arrays: what NumPy's functions come to, without their way there ---------


def _reduce(ufunc):
    def kernel(a, axis=None, **options):
        if options:
            options = {k: v for k, v in options.items() if v is not NOT_GIVEN}
        return ufunc.reduce(a, axis, **options)

    return kernel


_UFUNCS = {
    np.sum: np.add, np.max: np.maximum, np.amax: np.maximum, np.min: np.minimum, np.amin: np.minimum, np.prod: np.multiply,
}  # fmt: skip
for _function, _ufunc in _UFUNCS.items():
    REGISTRY[_function].kernel = _reduce(_ufunc)
    REDUCTIONS[_function] = reduction(REGISTRY[_function], _ufunc)


def _spread_all(g, shape):
    """`spread` of a number along all axes."""
    if type(g) is np.float64 and len(shape) == 1 and shape[0] < FILLED:
        full = np.empty(shape)
        full.fill(g)
        return full
    return spread(g, shape, None)


FAST[1][np.sum] = unary(
    REGISTRY[np.sum],
    "reduce(x1, None) if type(x1) is ndarray else unary(x1) if type(x1) is ArrayBox else fun(x1)",
    _spread_all,
    "x1.shape",
    reduce=np.add.reduce,
)
