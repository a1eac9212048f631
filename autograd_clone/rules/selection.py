"""Functions that pick elements: by condition, by position, by function.

All come down to reading with an index, whose adjoint `indexing` has, or to ``np.where``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import FAST, ArrayBox, as_arrays
from ..array.complaints import asked
from ..array.memory import made
from ..engine.batch import values_only
from ..engine.box import Box, getval
from ..engine.cotangent import OBJECT, Scatter, dtype_of, shape_of
from ..engine.define import composite, elementwise, linear, refuse, zero
from ..engine.primitive import ELEMENTWISE_RULES
from ..engine.protection import held
from ..engine.reverse import ReverseTrace, fix_for, next_order
from ..engine.trace import apply
from .creation import as_array, as_operand, of_no_axes
from .gathering import read_at
from .indexing import plain_index
from .joining import normal_axis
from .tools import refuse_out

# ---- by condition ----------------------------------------------------------------------------------

_WHERE = elementwise(
    np.where,
    condition=None,
    x=lambda g, condition: np.where(condition, g, 0.0),
    y=lambda g, condition: np.where(condition, 0.0, g),
    options={
        "name": "numpy.where",
        "samples": lambda s: [
            s(s.mask(3, 4), s.array(3, 4), s.array(3, 4)),
            s(s.mask(3, 4), s.array(4), s.array(3, 1)),
            s(s.mask(3, 1), s.array(), s.array(2, 1, 4)),
            s(s.ints(2, 3), s.array(3), 1.0),
            s(True, s.array(2), s.array(2)),
            s(s.mask(0), s.array(0), s.array()),
        ],
    },
)


#: Elements up to which a mask is copied: its elements are bytes, and to make it read-only takes longer.
_COPIED = 10_000


def _fast_where(condition: Any, x: Any, y: Any) -> Any:
    """``np.where`` under one reverse trace, written out."""
    of_x, of_y = type(x) is ArrayBox, type(y) is ArrayBox
    trace = x._trace if of_x else y._trace if of_y else None
    if (
        type(trace) is ReverseTrace
        and type(condition) in _CONDITIONS
        and (of_x or type(x) in _PLAIN)
        and (y._trace is trace if of_y else type(y) in _PLAIN)
    ):
        x1, x2 = x._value if of_x else x, y._value if of_y else y
        ans = np.where(condition, x1, x2)
        if ans.dtype is not OBJECT:
            if type(condition) is np.ndarray:
                condition = condition.copy() if condition.size <= _COPIED else held(trace, condition)
            node: list[Any] = [next_order()]
            if of_x:
                node += x._link, _where_x, condition, fix_for(_WHERE, x1, ans)
            if of_y:
                node += y._link, _where_y, condition, fix_for(_WHERE, x2, ans)
            if type(ans) is np.ndarray or ans.shape:
                return made(ArrayBox, ans, trace, node)
            return of_no_axes(made(ArrayBox, ans.snapshot(), trace, node))
    ans = apply(_WHERE, as_arrays((condition, x, y)), {})
    return ans if shape_of(ans) else of_no_axes(ans)  # no number, though one of a batch looks like it


def _where_x(g, condition):
    if type(condition) is not np.ndarray and not isinstance(g, Box):
        return g if condition else np.zeros(g.shape, g.dtype)
    return np.where(condition, g, 0.0)


def _where_y(g, condition):
    if type(condition) is not np.ndarray and not isinstance(g, Box):
        return np.zeros(g.shape, g.dtype) if condition else g
    return np.where(condition, 0.0, g)


ELEMENTWISE_RULES.update({_where_x, _where_y})
_CONDITIONS = {np.ndarray, np.bool_, bool}
_PLAIN = {np.ndarray, np.float64, float, int}
FAST[3][np.where] = _fast_where


@composite(
    np.select,
    samples=lambda s: [
        s([s.mask(3), s.mask(3)], [s.array(3), s.array()], s.array(), via=lambda f, *args: _select(*args)),
        s([s.mask(2, 3), s.mask(3), s.mask(2, 1)], [s.array(2, 1), s.array(3), 1.0], default=2),
        s([s.mask(2)], [s.array(2)]),
    ],
)
def _select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not len(condlist):
        raise ValueError("select with an empty condition list is not possible")
    conditions = [getval(as_array(c)) for c in condlist]
    if any(c.dtype != bool for c in conditions):
        raise TypeError("invalid entry in condlist: should be boolean ndarray")
    *choices, out = _of_one_dtype([*choicelist, default])
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        out = np.where(condition, choice, out)
    return out


def _of_one_dtype(choices: list) -> list:
    """The choices as arrays; a Python number takes the dtype of the others."""
    operands = [as_operand(c) for c in choices]
    dtype = np.result_type(*(dtype_of(c) if hasattr(c, "dtype") else c for c in operands))
    return [c if hasattr(c, "dtype") else np.asarray(c, dtype) for c in operands]


_CHOICE = values_only(np.choose)


@composite(
    np.choose,
    samples=lambda s: [
        s(np.array([0, 1, 1]), [s.array(3), s.array()]),
        s(np.array([[0], [2]]), s.array(3, 4)),
        s(np.array([-1, 3, 7]), (s.array(3), s.array(3), s.array(3)), mode="wrap"),
        s(np.array([-1, 3, 7]), (s.array(3), s.array(3), s.array(3)), mode="clip"),
        s(1, [s.array(2), s.array(2)], None, "raise"),
    ],
)
def _choose(a, choices, out=None, mode="raise"):
    refuse_out(np.choose, out)
    a = getval(as_array(a))
    n = len(choices)
    number = _CHOICE(a, list(np.arange(n)), mode=mode)  # raises where `a` does not name a choice
    result = as_array(choices[n - 1])
    for k in range(n - 1):
        result = np.where(number == k, as_array(choices[k]), result)
    shape = np.broadcast_shapes(number.shape, *(shape_of(as_array(c)) for c in choices))
    return np.broadcast_to(result, shape)


# ---- by position -----------------------------------------------------------------------------------


def _take_back(g, a_shape, a_dtype, indices, axis, mode):
    if mode == "wrap":
        indices = indices % a_shape[axis]
    elif mode == "clip":
        indices = np.clip(indices, 0, a_shape[axis] - 1)
    return Scatter(g, (a_shape, a_dtype, (*(slice(None),) * axis, indices)))


def taken(a, *, indices, axis, mode):
    """``np.take(a, indices, axis, mode=mode)`` for a nonnegative axis."""
    return np.take(a, indices, axis) if mode == "raise" else np.take(a, indices, axis, mode=mode)


TAKE = linear(
    taken,
    a=_take_back,
    options={"samples": lambda s: [s(s.array(3, 4), indices=np.array([3, 0, 3]), axis=1, mode="raise")]},
)


@composite(
    np.take,
    samples=lambda s: [
        s(s.array(4), [0, 3, 3]),
        s(s.array(3, 4), np.array([[0, 5], [-1, 11]])),
        s(s.array(3, 4), 1, 0),
        s(s.array(3, 4), [1, 1, -2], axis=-1),
        s(s.array(3, 4), [4, -7, 9], axis=1, mode="wrap"),
        s(s.array(3, 4), [4, -7, 2], 0, None, "clip"),
        s(s.array(), 0),
        s(s.array(3), np.empty(0, int)),
    ],
)
def _take(a, indices, axis=None, out=None, mode="raise"):
    refuse_out(np.take, out)
    a = as_array(a)
    if axis is None or not shape_of(a):
        a, axis = np.ravel(a), axis or 0
    index = plain_index(indices)
    if isinstance(index, Box):
        return _take_each(a, index, normal_axis(axis, len(shape_of(a))), mode)
    index = np.asanyarray(index)
    if index.dtype == bool:  # here these are the numbers 0 and 1
        index = index.astype(np.intp)
    return TAKE(a, indices=index, axis=normal_axis(axis, len(shape_of(a))), mode=mode)


def _take_each(a, index, axis, mode):
    """`take` at positions that differ between the examples of a batch."""
    n = shape_of(a)[axis]
    if mode != "raise":
        index = index % n if mode == "wrap" else np.clip(index, 0, n - 1)
    return read_at(a, (*(slice(None),) * axis, index))


@composite(
    np.take_along_axis,
    samples=lambda s: [
        s(s.array(3, 4), s.ints(3, 2, 4), 0),
        s(s.array(3, 4), s.ints(4, 3, 1), axis=-1),
        s(s.array(3, 4), s.ints(12, 5), None),
        s(s.array(3, 4), s.ints(4, 1, 2), 1),
    ],
)
def _take_along_axis(arr, indices, axis=-1):
    arr, indices = as_array(arr), getval(as_array(indices))
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        return read_at(np.ravel(arr), indices)
    shape = shape_of(arr)
    if len(shape) != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = normal_axis(axis, len(shape))
    grid = [np.arange(n).reshape((-1,) + (1,) * (len(shape) - 1 - k)) for k, n in enumerate(shape)]
    return read_at(arr, (*grid[:axis], indices, *grid[axis + 1 :]))


@composite(
    np.compress,
    samples=lambda s: [
        s([True, False, True], s.array(4)),
        s(s.mask(3), s.array(3, 4), axis=0),
        s(s.mask(2), s.array(3, 4), -1),
        s(s.mask(5), s.array(2, 3)),
    ],
)
def _compress(condition, a, axis=None, out=None):
    refuse_out(np.compress, out)
    condition = getval(as_array(condition))
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    return np.take(as_array(a), np.flatnonzero(condition), axis)


@composite(np.extract, samples=lambda s: [s(s.mask(3, 4), s.array(3, 4)), s(s.ints(2, 4), s.array(4))])
def _extract(condition, arr):
    return np.take(as_array(arr), np.flatnonzero(getval(as_array(condition))))


_TRIMS_AXES = np.lib.NumpyVersion(np.__version__) >= "2.2.0"


@composite(
    np.trim_zeros,
    samples=lambda s: [
        s(s.array(3), via=_between_zeros),
        s(s.array(3), "f", via=_between_zeros),
        s(s.array(3), trim="B", via=_between_zeros),
        *([s(s.array(3), axis=0, via=_between_zeros)] if _TRIMS_AXES else []),
    ],
)
@asked(np.trim_zeros)
def _trim_zeros(filt, trim="fb", axis=None):
    filt = as_array(filt)
    shape = shape_of(filt)
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = range(len(shape)) if axis is None else [normal_axis(k, len(shape)) for k in np.atleast_1d(axis)]
    places = np.argwhere(getval(filt))
    if not places.size:
        start: Any = (0,) * len(shape)
        stop: Any = start
    else:
        start = places.min(axis=0) if "f" in trim else (None,) * len(shape)
        stop = places.max(axis=0) + 1 if "b" in trim else (None,) * len(shape)
    return filt[tuple(slice(start[k], stop[k]) if k in axes else slice(None) for k in range(len(shape)))]


def _between_zeros(f, x, *args, **kwargs):
    return f(np.concatenate((np.zeros(2), x, np.zeros(1))), *args, **kwargs)


_f: Any

# ---- positions, and what has no derivative ---------------------------------------------------------

for _f in (
    np.unravel_index,
    np.ravel_multi_index,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
):
    zero(_f)
for _f in (np.nonzero, np.flatnonzero, np.argwhere):
    zero(_f, samples=lambda s: [s(s.array(3, 4)), s(s.array(0))])

_IN_PLACE = "it writes into its first argument, which a trace cannot follow; use "
for _f, _cure in {
    np.copyto: "np.where(where, src, dst)",
    np.putmask: "np.where(mask, values, a)",
    np.place: "np.where(mask, values, arr)",
    np.put: "np.where with a mask, or np.concatenate",
    np.put_along_axis: "np.where with a mask, or np.take_along_axis with the inverse indices",
    np.fill_diagonal: "np.where(np.eye(n, dtype=bool), val, a)",
}.items():
    refuse(_f, _IN_PLACE + _cure)
