"""The methods of ufuncs on traced arrays: reduce, accumulate, reduceat, outer; ``at`` is among what writes into arrays.

A method goes to the function that does the same where there is one (``np.add.reduce`` is a sum). Otherwise
the ufunc is applied to halves of the array, if that does not change the result, or to slice after slice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import UFUNC_METHODS, call
from ..array.complaints import plain_copy
from ..engine.batch import values_only
from ..engine.box import Box, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import custom
from ..engine.errors import UnsupportedKeywordError
from ..engine.primitive import REGISTRY, public_name
from .creation import as_array, cast_to
from .reductions import extremum_jvp, extremum_samples, extremum_vjp, initial_as, to_last
from .repetition import SUM_SEGMENTS
from .tools import NOT_GIVEN, axes_of, is_masked, kept_shape, refuse_out

# ---- reductions that no function of NumPy does ---------------------------------------------------------


def _leaving_nans_out(ufunc: np.ufunc) -> Any:
    def reduction(a, axis=None, *, keepdims=False, initial=NOT_GIVEN, where=NOT_GIVEN):
        given = {"initial": initial, "where": where}
        given = {k: v for k, v in given.items() if v is not NOT_GIVEN}
        return ufunc.reduce(a, axis=axis, keepdims=keepdims, **given)

    reduction.__name__ = reduction.__qualname__ = f"{ufunc.__name__}_reduce"
    return custom(
        reduction,
        vjp={"a": extremum_vjp},
        jvp={"a": extremum_jvp},
        harmless=("keepdims",),
        samples=extremum_samples,
    )


#: Ufunc -> the function, or primitive, that reduces by it.
_REDUCTIONS: dict[np.ufunc, Callable] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: _leaving_nans_out(np.fmax),
    np.fmin: _leaving_nans_out(np.fmin),
}
#: What changes nothing, of reductions of nothing at all.
_NEUTRAL = {np.maximum: -np.inf, np.fmax: np.nan, np.minimum: np.inf, np.fmin: np.nan}
#: Associative and commutative: several axes may be reduced, and in any order.
_ANY_ORDER = {np.hypot, np.logaddexp, np.logaddexp2}


def reduce(ufunc, array, *, axis=0, dtype=None, out=None, keepdims=False, initial=NOT_GIVEN, where=NOT_GIVEN):
    """``ufunc.reduce(array, ...)``."""
    refuse_out(ufunc, out)
    options = {"axis": axis, "dtype": dtype, "keepdims": keepdims, "initial": initial, "where": where}
    options = {k: v for k, v in options.items() if v is not NOT_GIVEN}
    x = as_array(array)
    begun = initial is not None  # or the identity
    if not begun:
        if not x.size or where is not NOT_GIVEN:
            ufunc.reduce(np.zeros(shape_of(x), dtype_of(x)), **options)  # raises if there is nothing to begin with
        initial = NOT_GIVEN
    if ufunc not in _REDUCTIONS or dtype is not None:
        loop = _loop_dtype(ufunc, "reduce", x, **options)
        if loop is None:
            return values_only(ufunc.reduce)(getval(x), **{k: getval(v) for k, v in options.items()})
        x = cast_to(x, loop)
    if ufunc in _REDUCTIONS:
        if isinstance(initial, Box):
            neutral = _NEUTRAL.get(ufunc, NOT_GIVEN)
            rest = reduce(ufunc, x, axis=axis, keepdims=keepdims, initial=neutral, where=where)
            return ufunc(rest, initial_as(initial, dtype_of(rest)))
        given = {"axis": axis, "keepdims": keepdims, "initial": initial, "where": where}
        if not isinstance(x, Box) and _REDUCTIONS[ufunc] in REGISTRY:  # the mask alone is traced
            return call(_REDUCTIONS[ufunc], (x,), given)
        return _REDUCTIONS[ufunc](x, **given)
    shape = shape_of(x)
    mask = None
    if is_masked(where):
        if ufunc.identity is None:  # NumPy has seen to it that there is an initial value
            mask = to_last(np.broadcast_to(where, shape), axis)
        else:
            x = np.where(where, x, ufunc.identity)
    if initial is not NOT_GIVEN:
        initial = cast_to(as_array(initial), x.dtype)
    reduced = axes_of(axis, len(shape))
    result = _folded(ufunc, to_last(x, axis), initial, mask, begun)
    rest = tuple(n for i, n in enumerate(shape) if i not in reduced)
    return result.reshape(kept_shape(shape, axis) if keepdims else rest)


def _loop_dtype(ufunc, method, x, *args, **options):
    """The dtype that NumPy computes in, or None if the result does not depend smoothly on `x`; NumPy's own exception, if any.

    NumPy is asked by computing it.
    """
    if options.get("dtype") is not None and np.dtype(options["dtype"]).kind == "O":
        raise _of_objects(ufunc, method)
    result = getattr(ufunc, method)(plain_copy(x), *map(plain_copy, args), **{k: plain_copy(v) for k, v in options.items()})
    if dtype_of(result).kind == "O":
        raise _of_objects(ufunc, method)
    return dtype_of(result) if dtype_of(result).kind in "fc" else None


def _of_objects(ufunc, method):
    return UnsupportedKeywordError(
        f"{public_name(ufunc)}.{method}: the derivative does not support dtype=object; leave it to NumPy"
    )


def _folded(ufunc, x, initial, mask, begun):
    """The reduction of the last axis, from the left and beginning with `initial`; of the elements where `mask` is true, if given.

    Unless it is `begun` with something, one element alone is what it is.
    """
    n = x.shape[-1]
    given = initial is not NOT_GIVEN
    if n == 0:
        if given:
            return np.broadcast_to(initial, shape_of(x)[:-1])
        return ufunc.reduce(np.zeros(shape_of(x), x.dtype), axis=-1)
    if ufunc in _ANY_ORDER:
        result = _by_halves(ufunc, x, begun)
        return ufunc(initial, result) if given else result
    result = initial if given else x[..., 0]
    for i in range(0 if given else 1, n):
        new = ufunc(result, x[..., i])
        result = new if mask is None else np.where(mask[..., i], new, result)
    return result


def _by_halves(ufunc, x, begun):
    """log2(n) operations on arrays."""
    if begun and ufunc is np.hypot and x.shape[-1] == 1:
        return np.abs(x[..., 0])
    rest = []
    while (n := x.shape[-1]) > 1:
        if n % 2:
            rest.append(x[..., -1])
        x = ufunc(x[..., : n // 2], x[..., n // 2 : n - n % 2])
    result = x[..., 0]
    for y in rest:
        result = ufunc(result, y)
    return result


# ---- accumulate ----------------------------------------------------------------------------------------

_RUNNING = {np.maximum, np.minimum, np.fmax, np.fmin}


def accumulate(ufunc, array, *, axis=0, dtype=None, out=None):
    """``ufunc.accumulate(array, ...)``; a running extremum depends on the last of equal elements."""
    refuse_out(ufunc, out)
    x = as_array(array)
    loop = _loop_dtype(ufunc, "accumulate", x, axis=axis, dtype=dtype)
    if loop is None:
        return values_only(ufunc.accumulate)(getval(x), axis=axis, dtype=dtype)
    x = cast_to(x, loop)
    if ufunc is np.add or ufunc is np.multiply:
        return (np.cumsum if ufunc is np.add else np.cumprod)(x, axis=axis)
    if ufunc in _RUNNING:
        return np.take_along_axis(x, _last_extreme(ufunc, getval(x), axis), axis)
    if x.shape[axis] == 0:
        return x
    slices = list(np.moveaxis(x, axis, 0))
    for i in range(1, len(slices)):
        slices[i] = ufunc(slices[i - 1], slices[i])
    return np.stack(slices, axis=axis)


@values_only
def _last_extreme(ufunc, x, axis):
    """For each element of the running extremum, where along the axis it is last found."""
    running = ufunc.accumulate(x, axis=axis)
    found = (x == running) | (np.isnan(x) & np.isnan(running))
    shape = [1] * x.ndim
    shape[axis] = -1
    return np.maximum.accumulate(np.where(found, np.arange(x.shape[axis]).reshape(shape), 0), axis=axis)


# ---- reduceat, outer -------------------------------------------------------------------------------


def reduceat(ufunc, array, indices, *, axis=0, dtype=None, out=None):
    """``ufunc.reduceat(array, indices, ...)``."""
    refuse_out(ufunc, out)
    x = as_array(array)
    loop = _loop_dtype(ufunc, "reduceat", x, indices, axis=axis, dtype=dtype)
    starts = np.asarray(plain_copy(indices)).astype(np.intp)
    if loop is None:
        return values_only(ufunc.reduceat)(getval(x), starts, axis=axis, dtype=dtype)
    x = cast_to(x, loop)
    n = x.shape[axis]
    # An index that does not rise takes one element.
    lengths = np.maximum(np.append(starts[1:], n) - starts, 1)
    if ufunc is np.add:
        taken = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        return SUM_SEGMENTS(np.take(x, taken, axis=axis), counts=lengths, axis=axis)
    parts = [np.take(x, np.arange(i, i + k), axis=axis) for i, k in zip(starts, lengths, strict=True)]
    if not parts:
        return np.take(x, starts, axis=axis)
    first = (slice(None),) * (axis % x.ndim) + (0,)
    return np.stack([part[first] if k == 1 else reduce(ufunc, part, axis=axis) for part, k in zip(parts, lengths, strict=True)], axis)


def outer(ufunc, a, b, **kwargs):
    """``ufunc.outer(a, b, ...)``."""
    a, b = as_array(a), as_array(b)
    return ufunc(a.reshape(shape_of(a) + (1,) * len(shape_of(b))), b, **kwargs)


UFUNC_METHODS.update({f.__name__: f for f in (reduce, accumulate, reduceat, outer)})
