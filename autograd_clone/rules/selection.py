"""Functions that pick elements: by condition, by position, by function.

All come down to reading with an index, whose adjoint `indexing` has, or to ``np.where``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..array.box import FAST, ArrayBox, as_arrays
from ..engine.batch import values_only
from ..engine.box import Box, getval
from ..engine.cotangent import OBJECT, Scatter, dtype_of, shape_of
from ..engine.define import composite, elementwise, linear, refuse, zero
from ..engine.reverse import ReverseTrace, fix_for, next_order
from ..engine.trace import apply
from .creation import as_array, as_operand, cast_to, from_list, holds_box
from .gathering import read_at
from .indexing import SCATTER, plain_index
from .joining import normal_axis
from .tools import refuse_out

# ---- by condition ----------------------------------------------------------------------------------

_WHERE = elementwise(
    np.where,
    condition=None,
    x=lambda g, condition: np.where(condition, g, 0),
    y=lambda g, condition: np.where(condition, 0, g),
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


def _fast_where(condition: Any, x: Any, y: Any) -> Any:
    """``np.where`` under one reverse trace, written out."""
    of_x, of_y = type(x) is ArrayBox, type(y) is ArrayBox
    trace = x._trace if of_x else y._trace if of_y else None
    if (
        type(trace) is ReverseTrace
        and type(condition) is np.ndarray
        and (of_x or type(x) in _PLAIN)
        and (y._trace is trace if of_y else type(y) in _PLAIN)
    ):
        node: list[Any] = [next_order()]
        if of_x:
            node += x._link, _where_x, condition, None
        if of_y:
            node += y._link, _where_y, condition, None
        x1, x2 = x._value if of_x else x, y._value if of_y else y
        ans = np.where(condition, x1, x2)
        if ans.dtype is not OBJECT:
            if of_x:
                node[4] = fix_for(_WHERE, x1, ans)
            if of_y:
                node[-1] = fix_for(_WHERE, x2, ans)
            return ArrayBox(ans, trace, node)
    return apply(_WHERE, as_arrays((condition, x, y)), {})


def _where_x(g, condition):
    return np.where(condition, g, 0)


def _where_y(g, condition):
    return np.where(condition, 0, g)


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


def piecewise(x, condlist, funclist, *args, **kw):
    """As `numpy.piecewise`; each function sees only the elements that its condition selects."""
    x = as_array(x)
    conditions = _conditions(shape_of(x), condlist, len(funclist))
    out: Any = np.zeros(shape_of(x), dtype_of(x))
    done = np.zeros(shape_of(x), bool)
    for condition, function in reversed(list(zip(conditions, funclist, strict=True))):  # later ones win
        place = condition & ~done
        done |= condition
        if not condition.any():
            continue
        if callable(function):
            values = np.broadcast_to(as_array(function(x[condition], *args, **kw)), (int(condition.sum()),))[
                place[condition]
            ]
            out = out + apply(
                SCATTER,
                (cast_to(values, dtype_of(x)),),
                {"shape": shape_of(x), "dtype": dtype_of(x), "indices": [place]},
            )
        else:
            out = np.where(place, cast_to(as_array(function), dtype_of(x)), out)
    return out


composite(
    np.piecewise,
    piecewise,
    samples=lambda s: [
        s(s.array(5), [s.mask(5), s.mask(5)], [np.sin, lambda x: x * x]),
        s(s.array(5), [s.mask(5)], [lambda x: x * x, 2.0]),
        s(s.array(2, 3), [s.mask(2, 3), s.mask(2, 3)], [np.sin, 1.0, np.exp]),
        s(s.array(), [True, False], [lambda x: x * x, 3.0]),
        s(s.array(4), s.mask(4), [lambda x, k, c=0: k * x * x + c, 1], 3.0, c=2.0),
    ],
)


def _conditions(shape: tuple, condlist: Any, n: int) -> list:
    """The conditions as boolean arrays of `shape`, as many as there are functions."""
    condlist = getval(condlist)
    if np.isscalar(condlist) or (not isinstance(condlist[0], (list, tuple, np.ndarray, Box)) and shape != ()):
        condlist = [condlist]
    conditions = [np.broadcast_to(np.asarray(getval(c), bool), shape) for c in condlist]
    if len(conditions) == n - 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(conditions) != n:
        raise ValueError(f"{len(conditions)} condition(s) need as many functions, or one more, not {n}")
    return conditions


# ---- by position -----------------------------------------------------------------------------------


def _take_back(g, a_shape, a_dtype, indices, axis, mode):
    if mode == "wrap":
        indices = indices % a_shape[axis]
    elif mode == "clip":
        indices = np.clip(indices, 0, a_shape[axis] - 1)
    return Scatter(g, (a_shape, a_dtype, (*(slice(None),) * axis, indices)))


def taken(a, *, indices, axis, mode):
    """``np.take(a, indices, axis, mode=mode)`` for a nonnegative axis."""
    return np.take(a, indices, axis, mode=mode)


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
    index = np.asarray(index)
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
        return np.ravel(arr)[indices]
    shape = shape_of(arr)
    if len(shape) != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = normal_axis(axis, len(shape))
    grid = [np.arange(n).reshape((-1,) + (1,) * (len(shape) - 1 - k)) for k, n in enumerate(shape)]
    return arr[(*grid[:axis], indices, *grid[axis + 1 :])]


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
    return np.take(a, np.flatnonzero(condition), axis)


@composite(np.extract, samples=lambda s: [s(s.mask(3, 4), s.array(3, 4)), s(s.ints(2, 4), s.array(4))])
def _extract(condition, arr):
    return np.take(arr, np.flatnonzero(getval(as_array(condition))))


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


# ---- by function -----------------------------------------------------------------------------------


def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """As `numpy.apply_along_axis`; the array, what the function closes over, or both may be traced."""
    arr = as_array(arr)
    ndim = len(shape_of(arr))
    axis = normal_axis(axis, ndim)
    moved = np.moveaxis(arr, axis, -1)
    lead = shape_of(moved)[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = [as_array(func1d(moved[i], *args, **kwargs)) for i in np.ndindex(lead)]
    out = np.reshape(as_array(rows), lead + shape_of(rows[0]))
    new = list(range(len(lead), len(shape_of(out))))
    return np.transpose(out, [*range(axis), *new, *range(axis, len(lead))])


composite(
    np.apply_along_axis,
    apply_along_axis,
    samples=lambda s: [
        s(lambda v: np.sum(v * v), 0, s.array(3, 4)),
        s(lambda v, k, c=0.0: v * v[0] * k + c, -1, s.array(2, 3), 2.0, c=1.0),
        s(lambda v: np.outer(v, v), 1, s.array(2, 3, 2)),
        s(lambda v: v * v, 0, s.array(3)),
    ],
)


@composite(
    np.apply_over_axes,
    samples=lambda s: [
        s(lambda a, axis: np.sum(a * a, axis), s.array(2, 3, 4), [0, -1]),
        s(lambda a, axis: np.sum(a * a, axis, keepdims=True), s.array(2, 3), 1),
    ],
)
def _apply_over_axes(func, a, axes):
    value = as_array(a)
    ndim = len(shape_of(value))
    for axis in np.atleast_1d(axes).tolist():
        axis = axis + ndim if axis < 0 else axis
        result = func(value, axis)
        if len(shape_of(result)) != ndim:
            result = np.expand_dims(result, axis)
            if len(shape_of(result)) != ndim:
                raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


class vectorize(np.vectorize):  # noqa: N801
    """As `numpy.vectorize`; the arguments, and what the function closes over, may be traced.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> relu = np.vectorize(lambda x: x if x > 0 else 0.0)
    >>> grad(lambda x: np.sum(relu(x)))(np.array([-1.0, 2.0]))
    array([0., 1.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function for every element."""
        if any(map(holds_box, args)) or any(map(holds_box, kwargs.values())):
            return self._traced_call(args, kwargs)
        out = super().__call__(*args, **kwargs)
        return (
            tuple(map(from_list, out))
            if isinstance(out, tuple)
            else from_list(out)
            if isinstance(out, np.ndarray)
            else out
        )

    def _traced_call(self, args: tuple, kwargs: dict) -> Any:
        given = dict(enumerate(args)) | kwargs
        names = [k for k in given if k not in self.excluded]
        arrays = {k: as_array(given[k]) for k in names}
        core = (
            dict.fromkeys(names, 0)
            if self.signature is None
            else dict(zip(names, _core_ndims(self.signature), strict=True))
        )
        lead = np.broadcast_shapes(*(shape_of(a)[: len(shape_of(a)) - core[k]] for k, a in arrays.items()))
        for k, a in arrays.items():
            arrays[k] = np.broadcast_to(a, lead + shape_of(a)[len(shape_of(a)) - core[k] :])
        calls = []
        for index in np.ndindex(lead):
            given.update({k: a[index] for k, a in arrays.items()})
            calls.append(self.pyfunc(*(given[i] for i in range(len(args))), **{k: given[k] for k in kwargs}))
        if not calls:
            raise ValueError("cannot call `vectorize` on size 0 inputs with traced values")
        if not isinstance(calls[0], tuple):
            return self._collected(calls, 0, lead)
        return tuple(self._collected(list(out), i, lead) for i, out in enumerate(zip(*calls, strict=True)))

    def _collected(self, values: list, i: int, lead: tuple) -> Any:
        """The i-th output of all calls, as one array."""
        out = as_array(values)
        out = np.reshape(out, lead + shape_of(out)[1:])
        return cast_to(out, self.otypes[i]) if self.otypes else out


def _core_ndims(signature: str) -> list[int]:
    """Number of core dimensions of each input in a signature such as "(m,n),(n)->(m)"."""
    groups = re.findall(r"\(([^()]*)\)", signature.split("->", maxsplit=1)[0])
    return [len(group.split(",")) if group.strip() else 0 for group in groups]


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
