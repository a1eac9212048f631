"""Reductions that leave NaNs out: the function of the same name without ``nan``, of an array that has none.

Zeros (ones, in products) take the place of the NaNs before anything is computed, so that derivative is zero
and not the NaN that a factor of zero would make.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import WITH_INITIAL
from ..engine.box import Box, all_values
from ..engine.cotangent import dtype_of
from ..engine.define import composite, custom, selection
from ..engine.duck import is_duck
from .creation import NUMBERS, as_array
from .reductions import extremum_jvp, extremum_samples, extremum_vjp, with_initial
from .tools import NOT_GIVEN, anywhere, axes_of, given, in_dtype, refuse_out

_f: Any


def _filled(a, value):
    """`a` with `value` in place of NaNs, and the mask of what was not NaN."""
    a = as_array(a)
    undefined = np.isnan(a)
    return np.where(undefined, value, a), np.logical_not(undefined)


def _with_nans(s, *shape):
    """An array with a NaN in each row and column, but not in all of them."""
    x = s.array(*shape)
    x[..., 0::2, 1] = np.nan
    x[..., 1, -1:] = np.nan
    return x


def _reduction_samples(s, **kwargs):
    return [
        s(s.array(3, 4), **kwargs),
        s(_with_nans(s, 3, 4), **kwargs),
        s(_with_nans(s, 4, 5), axis=0, **kwargs),
        s(_with_nans(s, 2, 4, 5), axis=(0, -2), keepdims=True, **kwargs),
        s(_with_nans(s, 4, 5), axis=1, where=np.arange(5) != 3, **kwargs),
        s(_with_nans(s, 4, 5), dtype=np.result_type(s.dtype, np.float64), **kwargs),
    ]


# ---- sums and products ---------------------------------------------------------------------------------


def _neutral(nan_function, function, neutral):
    """The reduction in which NaNs are replaced by the neutral element."""

    def implementation(
        a, axis=None, dtype=None, out=None, keepdims=NOT_GIVEN, initial=NOT_GIVEN, where=NOT_GIVEN
    ):
        refuse_out(nan_function, out)
        a = _filled(a, neutral)[0]
        options = {"axis": axis, "dtype": dtype, "keepdims": keepdims, "initial": initial, "where": where}
        return WITH_INITIAL[function]((a,), options) if isinstance(initial, Box) else function(a, **options)

    composite(
        nan_function,
        implementation,
        samples=lambda s: [*_reduction_samples(s), s(_with_nans(s, 4, 5), axis=1, initial=2.0)],
    )


def _neutral_cumulative(nan_function, function, neutral):
    def implementation(a, axis=None, dtype=None, out=None):
        refuse_out(nan_function, out)
        return function(_filled(a, neutral)[0], axis=axis, dtype=dtype)

    composite(
        nan_function,
        implementation,
        samples=lambda s: [
            s(_with_nans(s, 3, 4)),
            s(_with_nans(s, 3, 4), axis=0),
            s(_with_nans(s, 3, 4), axis=-1, dtype=np.result_type(s.dtype, np.float64)),
        ],
    )


_neutral(np.nansum, np.sum, 0)
_neutral(np.nanprod, np.prod, 1)
_neutral_cumulative(np.nancumsum, np.cumsum, 0)
_neutral_cumulative(np.nancumprod, np.cumprod, 1)


# ---- mean and variance ---------------------------------------------------------------------------------


def _kept(a, where):
    """`a` without NaNs, and which elements count."""
    a, mask = _filled(a, 0)
    if where is NOT_GIVEN:
        return a, mask
    if where is not None and dtype_of(as_array(where)).kind != "b":
        raise TypeError(f"a mask of dtype {dtype_of(as_array(where))}")
    return a, np.logical_and(mask, where is not None and where)


@composite(np.nanmean, samples=_reduction_samples)
def _nanmean(a, axis=None, dtype=None, out=None, keepdims=NOT_GIVEN, *, where=NOT_GIVEN):
    if dtype is not None and np.dtype(dtype).kind not in "fc" and dtype_of(a).kind in "fc":
        raise TypeError("a mean of inexact numbers is inexact")
    refuse_out(np.nanmean, out)
    a, mask = _kept(a, where)
    if is_duck(all_values(mask)):  # few foreign types have where=
        kept = given(keepdims=keepdims)
        return np.sum(np.where(mask, a, 0), axis=axis, dtype=dtype, **kept) / np.sum(mask, axis=axis, **kept)
    return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=mask)


def _spread(nan_function, function):
    def implementation(
        a, axis=None, dtype=None, out=None, ddof=0, keepdims=NOT_GIVEN, *,
        where=NOT_GIVEN, mean=NOT_GIVEN, correction=NOT_GIVEN,
    ):  # fmt: skip
        refuse_out(nan_function, out)
        if dtype is not None and np.dtype(dtype).kind not in "fc" and dtype_of(a).kind in "fc":
            raise TypeError("a variance of inexact numbers is inexact")
        a, mask = _kept(a, where)
        new = {"mean": mean, "correction": correction}
        new = {k: v for k, v in new.items() if v is not NOT_GIVEN}
        if axis is not None and not a.ndim:
            axis = axes_of(axis, 0)  # which `var` refuses of a number
        if mean is not NOT_GIVEN and dtype_of(as_array(mean)).kind not in "biufc":
            raise TypeError(f"a mean of dtype {dtype_of(as_array(mean))}")
        if mean is not NOT_GIVEN and type(mean) not in NUMBERS and dtype_of(a).kind in "fc":
            new["mean"] = in_dtype(as_array(mean), dtype_of(a))  # NumPy writes the distances into a copy of `a`
            if np.broadcast_shapes(a.shape, new["mean"].shape) != a.shape:
                raise ValueError(f"a mean of shape {new['mean'].shape} beside an array of shape {a.shape}")
        spread = function(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, where=mask, **new)
        few = np.count_nonzero(mask, axis=axis, keepdims=keepdims is not NOT_GIVEN and keepdims) <= new.get("correction", ddof)
        return np.where(few, np.nan, spread) if anywhere(few) else spread

    composite(
        nan_function,
        implementation,
        samples=lambda s: [
            *_reduction_samples(s),
            s(_with_nans(s, 4, 5), axis=1, ddof=1),
            s(_with_nans(s, 4, 5), axis=1, correction=1, mean=0.25),
        ],
    )


_spread(np.nanvar, np.var)
_spread(np.nanstd, np.std)


# ---- extrema -------------------------------------------------------------------------------------------


def _distinct_with_nans(s, *shape):
    x = s.distinct(*shape)
    x[..., 0::2, 1] = np.nan
    return x


for _f in (np.nanmax, np.nanmin):
    selection(
        custom(
            _f,
            vjp={"a": extremum_vjp},
            jvp={"a": extremum_jvp},
            harmless=("keepdims",),
            samples=lambda s: [
                *extremum_samples(s),
                s(_distinct_with_nans(s, 3, 4)),
                s(_distinct_with_nans(s, 3, 4), axis=1),
            ],
        )
    )



def _with_initial(function, ufunc, of_number, least):
    """`reductions.with_initial`, and of a number as NumPy has it: there a NaN that is the initial value counts."""
    with_initial(function, ufunc, np.nan)
    of_array = WITH_INITIAL[function]
    with_initial(function, of_number, least)
    of_others = WITH_INITIAL[function]
    WITH_INITIAL[function] = lambda args, kwargs: (of_array if isinstance(args[0], np.ndarray) else of_others)(args, kwargs)


_with_initial(np.nanmax, np.fmax, np.maximum, -np.inf)
_with_initial(np.nanmin, np.fmin, np.minimum, np.inf)
