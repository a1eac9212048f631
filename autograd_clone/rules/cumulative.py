"""Cumulative sums and products, and the linear recurrence that the derivatives of products are made of.

The derivative of a cumulative product is made of products of neighbours with one left out. They obey

    s[i] = a[i] * s[i - 1] + b[i]

which is a primitive here (`recurrence`), whose derivatives are again recurrences. So nothing is ever divided,
and zeros among the elements are nothing special, at every order.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom, linear
from ..engine.duck import any_duck, zeros
from .creation import as_array
from .tools import along, flip, in_dtype, may_divide, refuse_out, truncates

# ---- padding and shifting ----------------------------------------------------------------------------


def zero_pad(x, *, before, after, axis):
    """`x` with zeros put before and after it along an axis."""
    shape = list(x.shape)
    shape[axis] += before + after
    out = zeros(shape, x.dtype, x)
    out[along(axis, x.ndim, slice(before, before + x.shape[axis]))] = x
    return out


def _unpad(g, x_shape, before, axis):
    return g[along(axis, len(x_shape), slice(before, before + x_shape[axis]))]


ZERO_PAD = linear(
    zero_pad,
    x=_unpad,
    options={
        "harmless": ("after",),
        "samples": lambda s: [
            s(s.array(3, 4), before=1, after=2, axis=0),
            s(s.array(3, 4), before=0, after=1, axis=-1),
        ],
    },
)


def shifted(x, by):
    """`x` moved by one place (`by` is 1 or -1) along its last axis, with a zero in the free place."""
    if by == 1:
        return ZERO_PAD(x[..., :-1], before=1, after=0, axis=x.ndim - 1)
    return ZERO_PAD(x[..., 1:], before=0, after=1, axis=x.ndim - 1)


# ---- the recurrence ----------------------------------------------------------------------------------


def recurrence(a, b, *, reverse):
    """``s[i] = a[i] * s[i - 1] + b[i]`` along the last axis; ``s[i + 1]`` instead of ``s[i - 1]`` in reverse.

    Pairs (a, b) stand for the maps s -> a s + b, which are composed over windows of 1, 2, 4, ... elements
    (Hillis and Steele, 1986): log2(n) operations on arrays, none of which divides.
    """
    if reverse:
        return recurrence(a[..., ::-1], b[..., ::-1], reverse=False)[..., ::-1]
    if any_duck((a, b)):
        return _stacked(a, b)
    with np.errstate(over="ignore", invalid="ignore"):
        dtype = np.result_type(a, b)
        s = _by_doubling(np.array(a, dtype), np.array(b, dtype))
    return s if np.isfinite(s).all() else _one_by_one(a, np.array(b, s.dtype))


def _by_doubling(a, s):
    step, n = 1, s.shape[-1]
    product = np.empty_like(s)
    while step < n:
        s[..., step:] += np.multiply(a[..., step:], s[..., :-step], out=product[..., step:])
        a[..., step:] = np.multiply(a[..., step:], a[..., :-step], out=product[..., step:])
        step *= 2
    return s


def _stacked(a, b):
    """For arrays that cannot be written to."""
    parts = [b[..., 0]] if b.shape[-1] else []
    for i in range(1, b.shape[-1]):
        parts.append(a[..., i] * parts[-1] + b[..., i])
    return np.stack(parts, axis=-1) if parts else b


def _one_by_one(a, s):
    """For when the product of a window overflows: that times zero would not be zero."""
    for i in range(1, s.shape[-1]):
        s[..., i] += a[..., i] * s[..., i - 1]
    return s


def _adjoint(g, a, reverse):
    """The recurrence the other way round."""
    return RECURRENCE(shifted(a, 1 if reverse else -1), g, reverse=not reverse)


def _previous(s, reverse):
    return shifted(s, -1 if reverse else 1)


RECURRENCE: Any = custom(
    recurrence,
    vjp={
        "a": lambda g, a, ans, reverse: _adjoint(g, a, reverse) * _previous(ans, reverse),
        "b": lambda g, a, reverse: _adjoint(g, a, reverse),
    },
    jvp={
        "a": lambda t, a, ans, reverse: RECURRENCE(a, t * _previous(ans, reverse), reverse=reverse),
        "b": lambda t, a, reverse: RECURRENCE(a, t, reverse=reverse),
    },
    samples=lambda s: [
        s(s.array(5), s.array(5), reverse=False),
        s(s.array(2, 7), s.array(2, 7), reverse=True),
        s(s.array(2, 1), s.array(2, 1), reverse=False),
    ],
)


# ---- sums --------------------------------------------------------------------------------------------


def _cumsum_vjp(g, a_shape, axis, dtype):
    if truncates(dtype):
        return np.zeros(a_shape)
    k = 0 if axis is None else axis
    return flip(np.cumsum(flip(g, k), axis=k), k).reshape(a_shape)


def _cumulative_samples(s):
    return [
        s(s.array(4)),
        s(s.array(3, 4)),
        s(s.array(3, 4), axis=0),
        s(s.array(2, 3, 4), axis=-2),
        s(s.array(3), axis=0, dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(3, 4), dtype=np.complex128),
        s(s.array(1)),
        s(s.array()),
        s(s.array(0)),
        s(s.array(3, 4) * (np.arange(4) != 1), axis=1),
        s(s.array(6) * (np.arange(6) % 3 != 1)),
    ]


linear(np.cumsum, a=_cumsum_vjp, options={"samples": _cumulative_samples})


# ---- products ----------------------------------------------------------------------------------------


def _to_last(x, axis):
    return x.reshape(-1) if axis is None else np.swapaxes(x, axis, -1)


def _preceding(products):
    """For each element the product of those before it, given the cumulative products."""
    first = np.zeros(shape_of(products)[-1:], dtype_of(products))
    first[:1] = 1
    return shifted(products, 1) + first


def _cumprod_vjp(g, a, ans, axis, dtype):
    shape = shape_of(a)
    if truncates(dtype) or 0 in shape:
        return np.zeros(shape, dtype_of(a))
    axis = axis if shape else None
    if may_divide(ans):  # dividing takes a tenth of the time
        k = 0 if axis is None else axis
        return flip(np.cumsum(flip(g * ans, k), axis=k), k).reshape(shape) / a
    x = _to_last(in_dtype(a, dtype), axis)
    slopes = RECURRENCE(shifted(x, -1), _to_last(g, axis), reverse=True)
    h = slopes * _preceding(np.cumprod(x, axis=-1))
    return h.reshape(shape) if axis is None else np.swapaxes(h, axis, -1)


def _cumprod_jvp(t, a, axis, dtype):
    shape = shape_of(a)
    if truncates(dtype) or 0 in shape:
        return np.cumsum(0 * t, axis=axis)
    axis = axis if shape else None
    x = _to_last(in_dtype(a, dtype), axis)
    tangent = RECURRENCE(x, _to_last(t, axis) * _preceding(np.cumprod(x, axis=-1)), reverse=False)
    return tangent if axis is None else np.swapaxes(tangent, axis, -1)


custom(np.cumprod, vjp={"a": _cumprod_vjp}, jvp={"a": _cumprod_jvp}, samples=_cumulative_samples)


# ---- the same by the array API's names, new in NumPy 2.1 ---------------------------------------------


def _cumulative(function, first, x, axis, dtype, out, include_initial):
    refuse_out(function, out)
    x = np.atleast_1d(as_array(x))
    if axis is None and x.ndim > 1:
        raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
    if dtype is not None and not np.dtype(dtype).isnative:
        raise TypeError(f"a ufunc does not compute in {dtype}")
    axis = 0 if axis is None else operator.index(axis)
    result = function(x, axis=axis, dtype=dtype)
    if not include_initial:
        return result
    edge = np.full_like(result[along(axis, x.ndim, slice(0, 1))], first, shape=_edge_shape(x, axis))
    return np.concatenate([edge, result], axis=axis)


def _edge_shape(x, axis):
    return tuple(1 if i == axis % x.ndim else n for i, n in enumerate(x.shape))


def _cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    return _cumulative(np.cumsum, 0, x, axis, dtype, out, include_initial)


def _cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    return _cumulative(np.cumprod, 1, x, axis, dtype, out, include_initial)


def _array_api_samples(s):
    return [
        s(s.array(4)),
        s(s.array()),
        s(s.array(3, 4), axis=0, include_initial=True),
        s(s.array(3, 4), axis=-1, dtype=np.result_type(s.dtype, np.float64)),
        s(s.array(0), include_initial=True),
    ]


if hasattr(np, "cumulative_sum"):
    composite(np.cumulative_sum, _cumulative_sum, samples=_array_api_samples)
    composite(np.cumulative_prod, _cumulative_prod, samples=_array_api_samples)
