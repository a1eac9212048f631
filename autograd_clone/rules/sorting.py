"""Sorting, partitioning and sets of values.

A sorted array is a permutation of its operand. Where elements are equal the permutation is not determined, so
each of them gets an equal share of the derivative (`average_ties`), as for the maximum.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..engine.batch import loop, run_constant
from ..engine.box import getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom, zero
from .creation import as_array
from .tools import NOT_GIVEN, in_dtype

_f: Any


# ---- permutations ------------------------------------------------------------------------------------


def average_ties(x, keys, *, axis):
    """`x` averaged over each run of equal neighbours in `keys`."""
    if keys.ndim == 1 and not np.count_nonzero(keys[1:] == keys[:-1]):
        return x
    keys, x = np.moveaxis(keys, axis, -1), np.moveaxis(x, axis, -1)
    first = np.ones(keys.shape, bool)
    first[..., 1:] = keys[..., 1:] != keys[..., :-1]
    if first.all():
        return np.moveaxis(x, -1, axis)
    starts = np.flatnonzero(first)
    lengths = np.diff(starts, append=first.size)
    means = np.add.reduceat(np.ravel(x), starts) / lengths.astype(x.real.dtype)
    return np.moveaxis(np.repeat(means, lengths).reshape(x.shape), -1, axis)


AVERAGE_TIES: Any = custom(
    average_ties,
    vjp={"x": lambda g, keys, axis: AVERAGE_TIES(g, keys, axis=axis), "keys": None},
    jvp={"x": lambda t, keys, axis: AVERAGE_TIES(t, keys, axis=axis), "keys": None},
    samples=lambda s: [
        s(s.array(6), np.array([1, 1, 2, 3, 3, 3]), axis=0),
        s(s.array(4, 2), np.array([[1, 1], [1, 2], [2, 3], [2, 3]]), axis=-2),
        s(s.array(0), np.zeros(0), axis=-1),
    ],
)


def unpermuted(x, order, *, axis):
    """The array of which ``take_along_axis(array, order, axis)`` is `x`."""
    out = np.empty_like(x)
    if x.ndim == 1:
        out[order] = x
    else:
        np.put_along_axis(out, order, x, axis)
    return out


UNPERMUTED: Any = custom(
    unpermuted,
    vjp={"x": lambda g, order, axis: np.take_along_axis(g, order, axis), "order": None},
    jvp={"x": lambda t, order, axis: UNPERMUTED(t, order, axis=axis), "order": None},
    samples=lambda s: [
        s(s.array(2, 3), np.array([[2, 0, 1], [0, 2, 1]]), axis=1),
        s(s.array(3, 1), np.array([[1], [2], [0]]), axis=-2),
    ],
)


def _permuted_vjp(g, a, ans, axis):
    """`ans` is a permutation of `a`, whichever: where both are sorted, they agree."""
    shape = shape_of(a)
    if axis is None:
        a, axis = a.reshape(-1), 0
    g = np.take_along_axis(g, np.argsort(ans, axis), axis)
    g = AVERAGE_TIES(g, np.sort(ans, axis), axis=axis)
    return UNPERMUTED(g, np.argsort(a, axis), axis=axis).reshape(shape)


def _permuted_jvp(t, a, ans, axis):
    if axis is None:
        a, t, axis = a.reshape(-1), t.reshape(-1), 0
    t = np.take_along_axis(t, np.argsort(a, axis), axis)
    t = AVERAGE_TIES(t, np.sort(ans, axis), axis=axis)
    return UNPERMUTED(t, np.argsort(ans, axis), axis=axis)


#: Whether NumPy sorts in falling order too: since 2.5.
_EITHER_WAY = "descending" in inspect.signature(np.sort).parameters


def _order(a, axis, descending):
    if descending is NOT_GIVEN or not descending:
        return np.argsort(a, axis)
    return np.argsort(a, axis, descending=True)


def _sort_vjp(g, a, ans, axis, descending):
    shape = shape_of(a)
    if axis is None:
        a, axis = a.reshape(-1), 0
    g = AVERAGE_TIES(g, ans, axis=axis)
    return UNPERMUTED(g, _order(a, axis, descending), axis=axis).reshape(shape)


def _sort_jvp(t, a, ans, axis, descending):
    if axis is None:
        a, t, axis = a.reshape(-1), t.reshape(-1), 0
    return AVERAGE_TIES(np.take_along_axis(t, _order(a, axis, descending), axis), ans, axis=axis)


def _sort_samples(s):
    return [
        s(s.distinct(6)),
        s(s.distinct(3, 4)),
        s(s.distinct(2, 3, 4), axis=1),
        s(s.distinct(3, 4), axis=-2, kind="stable", order=None),
        s(s.distinct(3, 4), axis=None, stable=True),
        *([s(s.distinct(3, 4), axis=0, descending=True), s(s.distinct(5), descending=None)] if _EITHER_WAY else []),
        s(s.array(0)),
        s(s.array(2, 0)),
    ]


custom(
    np.sort,
    vjp={"a": _sort_vjp},
    jvp={"a": _sort_jvp},
    harmless=("kind", "order", "stable"),
    defaults={} if _EITHER_WAY else {"descending": None},
    samples=_sort_samples,
)
custom(
    np.partition,
    vjp={"a": _permuted_vjp},
    jvp={"a": _permuted_jvp},
    harmless=("kth", "kind", "order"),
    samples=lambda s: [
        s(s.distinct(6), 2),
        s(s.distinct(20), (3, -2)),
        s(s.distinct(2, 7, 4), 3, axis=1),
        s(s.distinct(3, 4), 1, axis=-2, kind="introselect", order=None),
        s(s.distinct(3, 4), 1, axis=None),
    ],
)


@composite(np.sort_complex, samples=lambda s: [s(s.distinct(6)), s(s.distinct(3, 4))])
def _sort_complex(a):
    a = np.sort(as_array(a))
    dtype = dtype_of(a)
    return a if dtype.kind == "c" else in_dtype(a, np.result_type(dtype, np.complex128))


for _f in (np.argsort, np.argmax, np.argmin, np.nanargmax, np.nanargmin):
    zero(_f, samples=lambda s: [s(s.distinct(3, 4)), s(s.distinct(2, 3, 4), axis=1), s(s.distinct(6), 0)])
zero(np.argpartition, samples=lambda s: [s(s.distinct(3, 4), 1), s(s.distinct(3, 4), 1, axis=0)])
zero(np.lexsort, samples=lambda s: [s((s.distinct(4), s.distinct(4))), s(s.distinct(3, 4), axis=0)])


def _places_of_each(trace, prim, args, kwargs):
    """Batching rule: the values of all examples are looked for at once if the sorted array is the same."""
    if len(args) < 2 or trace.owns(args[0]) or not trace.owns(args[1]) or "v" in kwargs:
        return loop(trace, prim, args, kwargs)
    return trace.box(run_constant(prim, (args[0], args[1]._value, *args[2:]), kwargs))


zero(
    np.searchsorted,
    batch=_places_of_each,
    samples=lambda s: [s(np.sort(s.array(5)), s.array(3)), s(np.sort(s.array(5)), s.array(), side="right")],
)
zero(
    np.digitize,
    samples=lambda s: [s(s.real(4), np.arange(3.0)), s(s.real(2, 2), np.arange(3.0), right=True)],
)


# ---- sets of values ----------------------------------------------------------------------------------


def _picked(x, values):
    """The elements of `x` that have the plain `values`; equal elements share the derivative."""
    x = x.reshape(-1)
    return np.sort(x)[np.searchsorted(np.sort(getval(x)), values)]


def _unique(
    ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, **more
):  # ``sorted``, since NumPy 2.3, is among the rest
    """Of slices that are equal the first is taken."""
    x = as_array(ar)
    given = (return_index, return_inverse, return_counts, axis)
    plain = np.unique(getval(x), *given, equal_nan=equal_nan, **more)
    values, *rest = plain if isinstance(plain, tuple) else (plain,)
    if axis is None:
        values = _picked(x, values)
    else:
        first = np.unique(getval(x), return_index=True, axis=axis, equal_nan=equal_nan)[1]
        values = np.take(x, first, axis=axis)
    return (values, *rest) if rest else values


composite(
    np.unique,
    _unique,
    samples=lambda s: [
        s(s.distinct(6)),
        s(s.distinct(2, 3), return_index=True, return_inverse=True, return_counts=True),
        s(s.distinct(3, 4), axis=0, equal_nan=False),
        s(s.array(0)),
    ],
)


def _named(function):
    """`numpy.unique_all` and its kin: a named tuple, of which ``values`` is traced, or the values alone."""

    def implementation(x, /):
        x = as_array(x)
        result = function(getval(x))
        if isinstance(result, np.ndarray):
            return _picked(x, result)
        return result._replace(values=_picked(x, result.values))

    return implementation


for _f in (np.unique_all, np.unique_counts, np.unique_inverse):
    composite(_f, _named(_f), samples=lambda s: [s(s.distinct(6)), s(s.distinct(2, 3))])
composite(
    np.unique_values,
    _named(np.unique_values),
    samples=lambda s: [s(s.distinct(2, 3), via=lambda f, x: np.sort(f(x)))],  # their order is not defined
)


def _assumed(assume_unique=False):
    return bool(assume_unique)


def _of_two(function):
    """A function of two sets."""

    def implementation(ar1, ar2, *args, **kwargs):
        x1, x2 = as_array(ar1), as_array(ar2)
        both = np.concatenate([x1.reshape(-1), x2.reshape(-1)])
        if function is np.setdiff1d:  # all that it keeps is of the first one
            both = x1.reshape(-1)
            if _assumed(*args, **kwargs):  # all of equal ones may be kept
                return both[np.flatnonzero(np.isin(getval(both), getval(x2), True, True))]
        result = function(getval(x1), getval(x2), *args, **kwargs)
        if isinstance(result, tuple):
            return _picked(both, result[0]), *result[1:]
        return _picked(both, result)

    return implementation


_TWO_SETS = lambda s: [s(s.distinct(4), s.distinct(5) + 0.02), s(s.distinct(2, 3), s.array(0))]
composite(np.union1d, _of_two(np.union1d), samples=_TWO_SETS)
for _f in (np.setdiff1d, np.setxor1d):
    composite(
        _f,
        _of_two(_f),
        samples=lambda s: [*_TWO_SETS(s), s(s.distinct(4), s.distinct(3), assume_unique=True)],
    )
composite(
    np.intersect1d,
    _of_two(np.intersect1d),
    samples=lambda s: [
        s(s.distinct(4), s.distinct(3)),
        s(s.distinct(4), s.distinct(3), assume_unique=True, return_indices=True),
    ],
)
