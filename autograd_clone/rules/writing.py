"""What NumPy writes into arrays with, other than assignment: ``out=``, `copyto`, `put`, `fill_diagonal`, ``x.sort()``, ...

All of it is said by assignments. A traced value cannot be written into an array of plain NumPy; the error says what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import ALIASING, INTO_OUT, UFUNC_METHODS, ArrayBox, call, place_of_out
from ..array.updates import overwrite
from ..array.written import constant, is_number, kept, viewed
from ..engine.box import Box, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite
from ..engine.errors import TracedConversionError, UnsupportedKeywordError
from ..engine.primitive import public_name
from ..engine.trace import tracing
from .creation import as_array, holds_box
from .indexing import SCATTER
from .shape import FLAT

# ---- output arrays -------------------------------------------------------------------------------------------------------


def into_out(function: Callable, args: tuple, kwargs: dict) -> Any:
    """``function(*args, **kwargs)``, of a function or a method of a ufunc, with an output array."""
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    if out is None:
        place = place_of_out(function)
        out = args[place]
        args = (*args[:place], None, *args[place + 1 :])
    outs = out if type(out) is tuple else (out,)
    ufunc = getattr(function, "__self__", None)
    where: Any = True
    broadcasts = isinstance(ufunc, np.ufunc) and function.__name__ == "__call__"
    if broadcasts:
        where = kwargs.pop("where", True)
    casting = kwargs.pop("casting", "same_kind")
    if broadcasts and ufunc.signature is None:  # before anything is computed
        if any(o is not None and (is_number(o) or not isinstance(o, (Box, np.ndarray))) for o in outs):
            raise TypeError("return arrays must be of ArrayType")
        shape = np.broadcast_shapes(*map(shape_of, args[: ufunc.nin]))
        for o in outs:
            if o is not None and np.broadcast_shapes(shape, shape_of(o)) != shape_of(o):
                raise ValueError(f"{public_name(ufunc)}: the result has shape {shape}, the output array {shape_of(o)}")
    if isinstance(ufunc, np.ufunc) and not broadcasts and function.__name__ != "outer" and kwargs.get("dtype") is None:
        # the output array counts as an operand
        dtypes = (outs[0].dtype, dtype_of(as_array(args[0])), None)
        kwargs["dtype"] = ufunc.resolve_dtypes(dtypes, casting="unsafe", reduction=True)[-1]
    results = function(*args, **kwargs)
    many = type(results) is tuple
    if many and broadcasts:  # a result without an output array has the shape of those that have one
        shape = np.broadcast_shapes(*[shape_of(o) for o in outs if o is not None])
        results = tuple(np.broadcast_to(r, shape).copy() if o is None else r for o, r in zip(outs, results, strict=True))
    filled = [
        _filled(o, r, where, casting, ufunc or function, args, broadcasts)
        for o, r in zip(outs, results if many else (results,), strict=True)
    ]
    return tuple(filled) if many else filled[0]


def _filled(out: Any, result: Any, where: Any, casting: Any, function: Any, args: tuple, broadcasts: bool) -> Any:
    """`out` with a result in it; the result itself if there is no `out`."""
    if out is None:
        return result
    if is_number(out) or not isinstance(out, (Box, np.ndarray)):
        raise TypeError("return arrays must be of ArrayType")
    if function in _POSITIONS and out.dtype != np.intp:
        raise TypeError(f"{public_name(function)}: positions are not written into an array of {out.dtype}")
    if not broadcasts and shape_of(result) != out.shape:
        raise ValueError(f"{public_name(function)}: the result has shape {shape_of(result)}, the output array {out.shape}")
    if not isinstance(out, Box):
        if isinstance(result, Box):
            raise UnsupportedKeywordError(f"{public_name(function)}: out= {_INTO_PLAIN}")
        np.copyto(out, result, casting=casting, where=getval(where))
        return out
    if where is not True:
        result = np.where(where, result, out)
    overwrite(out, result, function, *args, casting=casting)
    return out


_POSITIONS = (np.argmax, np.argmin, np.nanargmax, np.nanargmin)

INTO_OUT.append(into_out)


def into_plain(what: str) -> TracedConversionError:
    """The error for traced values that are to be written into an array of plain NumPy."""
    return TracedConversionError(f"{what} {_INTO_PLAIN}")


_INTO_PLAIN = (
    "was to write traced values into an array made by plain NumPy, which holds plain numbers only. Make that array inside the function "
    "that is differentiated, by autograd_clone.numpy: zeros, empty, array(a) for a copy of a, ..."
)


# ---- functions -----------------------------------------------------------------------------------------------------------


def _target(a: Any, name: str) -> Any:
    if not isinstance(a, Box):
        raise into_plain(f"numpy.{name}")
    if is_number(a):
        raise TypeError(f"{name}() writes into an array, not into a number")
    return a


def _on_a_copy(function, a, *args, **kwargs):
    """The array that a function has written into, a copy of `a`."""
    if isinstance(a, Box):
        out = constant(np.zeros(a.shape, a.dtype))
        out[...] = a
    else:
        out = kept(np.array(a)) if tracing() else np.array(a)
    function(out, *args, **kwargs)
    return out


def _samples(*cases):
    """Samples of a function that writes into its first argument."""
    return lambda s: [sample._replace(via=_on_a_copy) for case in cases for sample in case(s)]


@composite(
    np.copyto,
    samples=_samples(
        lambda s: [
            s(s.array(2, 3), s.array(3)),
            s(s.array(2, 3), s.array(), where=s.mask(2, 3)),
            s(s.array(3), s.array(3), "unsafe", s.mask(3)),
        ]
    ),
)
def _copyto(dst, src, casting="same_kind", where=True):
    dst, src = _target(dst, "copyto"), as_array(src)
    if not np.can_cast(dtype_of(src), dst.dtype, casting):
        raise TypeError(f"Cannot cast array data from {dtype_of(src)!r} to {dst.dtype!r} according to the rule {casting!r}")
    if where is not True:
        if np.result_type(getval(where)).kind != "b":
            raise TypeError("Cannot cast the mask to dtype('bool') according to the rule 'safe'")
        src = np.where(where, src, dst)
    dst[...] = src


def _flat_positions(ind, n, mode):
    ind = np.ravel(np.asarray(getval(ind)))
    if ind.size and not np.can_cast(ind.dtype, np.intp, "safe"):
        raise TypeError(f"Cannot cast array data from {ind.dtype!r} to positions")
    ind = ind.astype(np.intp)
    np.put(np.zeros(1), [0], 0.0, mode=mode)  # raises, if that is no mode
    if mode == "wrap":
        return ind % n
    if mode == "clip":
        return np.clip(ind, 0, n - 1)
    if ind.size and not (-n <= ind.min() and ind.max() < n):
        np.put(np.empty(n), ind, 0.0)  # raises
    return ind


@composite(
    np.put,
    samples=_samples(
        lambda s: [
            s(s.array(2, 3), [0, -1], s.array(2)),
            s(s.array(5), np.array([1, 7, 1]), s.array(2), mode="wrap"),
            s(s.array(2, 3), 4, s.array(), "clip"),
        ]
    ),
)
def _put(a, ind, v, mode="raise"):
    ind = _flat_positions(ind, _target(a, "put").size, mode)
    if ind.size and np.size(v):
        viewed(a, FLAT)[ind] = np.resize(as_array(v), ind.size)


@composite(np.place, samples=_samples(lambda s: [s(s.array(2, 3), s.mask(2, 3), s.array(2)), s(s.array(4), s.mask(4), s.array(4))]))
def _place(arr, mask, vals):
    _assign_in_turn(_target(arr, "place"), mask, vals, "place")


def _check_cast(values, a):
    """Raise unless values can become elements of `a` without loss; Python's numbers are what they are needed to be."""
    if isinstance(values, (Box, np.ndarray, np.generic)) and not np.can_cast(values.dtype, a.dtype, "safe"):
        raise TypeError(f"Cannot cast from {values.dtype!r} to {a.dtype!r} according to the rule 'safe'")


def _assign_in_turn(a, mask, values, name):
    """The first of `values` goes to the first place where `mask` is true, and so on, round and round."""
    _check_cast(values, a)
    mask = np.asarray(getval(mask)).astype(bool)
    if mask.size != a.size:
        raise ValueError(f"{name}: mask and data must be the same size")
    places = np.flatnonzero(mask)
    if places.size:
        if not np.size(values):
            raise ValueError("Cannot insert from an empty array!")
        viewed(a, FLAT)[places] = np.resize(as_array(values), places.size)


@composite(
    np.putmask,
    samples=_samples(
        lambda s: [
            s(s.array(2, 3), s.mask(2, 3), s.array(2)),
            s(s.array(2, 3), s.mask(2, 3), s.array(2, 3)),
            s(s.array(4), s.mask(4), s.array()),
        ]
    ),
)
def _putmask(a, mask, values):
    mask = np.asarray(getval(mask)).astype(bool)
    if mask.size != _target(a, "putmask").size:
        raise ValueError("putmask: mask and data must be the same size")
    _check_cast(values, a)
    if mask.size and np.size(values):
        places = np.flatnonzero(mask)
        viewed(a, FLAT)[places] = np.ravel(as_array(values))[places % np.size(values)]


@composite(
    np.fill_diagonal,
    samples=_samples(
        lambda s: [
            s(s.array(3, 3), s.array()),
            s(s.array(5, 2), s.array(2), wrap=True),
            s(s.array(2, 4), s.array(2)),
            s(s.array(2, 2, 2), s.array(2)),
        ]
    ),
)
def _fill_diagonal(a, val, wrap=False):
    shape = _target(a, "fill_diagonal").shape
    if len(shape) < 2:
        raise ValueError("array must be at least 2-d")
    if len(shape) == 2:
        step, end = shape[1] + 1, None if wrap else shape[1] * shape[1]
    else:
        if len(set(shape)) > 1:
            raise ValueError("All dimensions of input must be of equal length")
        step, end = 1 + sum(shape[0] ** k for k in range(1, len(shape))), None
    viewed(a, FLAT)[:end:step] = val


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """As `numpy.fill_diagonal`, which looks for traced values in its first argument only."""
    if holds_box(a) or holds_box(val):
        return call(np.fill_diagonal, (a, val, wrap), {})
    return np.fill_diagonal(a, val, wrap)


def _repeats_values() -> bool:
    """Whether too few values are taken again from the first on where no axis is given, as they were in NumPy 2.0."""
    try:
        np.put_along_axis(np.zeros(2), np.array([0, 1]), np.ones(0), None)
    except ValueError:
        return False
    return True


_REPEATS_VALUES = _repeats_values()


@composite(
    np.put_along_axis,
    samples=_samples(
        lambda s: [
            s(s.array(2, 3), np.array([[0], [2]]), s.array(2, 1), 1),
            s(s.array(2, 3), np.array([[0, 0, 1]]), s.array(3), axis=0),
            s(s.array(2, 3), np.array([1, 4]), s.array(2), None),
        ]
    ),
)
def _put_along_axis(arr, indices, values, axis):
    indices = np.asarray(getval(indices))
    _target(arr, "put_along_axis")
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        values = as_array(values)
        if _REPEATS_VALUES and np.ndim(values):
            if not np.size(values):
                return
            values = np.resize(values, indices.shape)
        viewed(arr, FLAT)[indices] = np.broadcast_to(values, indices.shape)
        return
    shape = arr.shape
    if not -len(shape) <= axis < len(shape):
        raise np.exceptions.AxisError(axis, len(shape))
    if indices.ndim != len(shape):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis %= len(shape)
    lines = [np.arange(n).reshape((-1,) + (1,) * (len(shape) - i - 1)) for i, n in enumerate(shape)]
    arr[(*lines[:axis], indices, *lines[axis + 1 :])] = values


# ---- methods -------------------------------------------------------------------------------------------------------------


def sort(self, axis=-1, kind=None, order=None, *, stable=None, descending=None):
    """As `numpy.ndarray.sort`, whose last parameters depend on the version of NumPy."""
    newer = {"stable": stable, "descending": descending}
    self[...] = np.sort(self, axis, kind, order, **{name: value for name, value in newer.items() if value is not None})


def partition(self, kth, axis=-1, kind="introselect", order=None):
    """As `numpy.ndarray.partition`."""
    self[...] = np.partition(self, kth, axis, kind, order)


def fill(self, value):
    """As `numpy.ndarray.fill`."""
    self[...] = value


def put(self, indices, values, mode="raise"):
    """As `numpy.ndarray.put`."""
    np.put(self, indices, values, mode)


for _method in (sort, partition, fill, put):
    setattr(ArrayBox, _method.__name__, _method)

# ---- ufunc.at --------------------------------------------------------------------------------------------------------------


def at(ufunc, a, indices, b=None):
    """``ufunc.at(a, indices, b)``: ``a[indices] = ufunc(a[indices], b)``, again for each time that an element is named."""
    if not isinstance(a, Box):
        raise into_plain(f"{public_name(ufunc)}.at")
    b = b.snapshot() if isinstance(b, Box) else b  # it may look at the same memory
    places = np.arange(a.size).reshape(a.shape)[_plain(indices)]
    operand = None if b is None else np.reshape(np.broadcast_to(as_array(b), places.shape), -1)
    places = places.reshape(-1)
    if ufunc in (np.add, np.subtract) and places.size:
        total = SCATTER(operand, shape=(a.size,), dtype=np.result_type(a.dtype, dtype_of(operand)), indices=[places])
        overwrite(a, ufunc(a, np.reshape(total, a.shape)), ufunc, a, b)
        return
    flat = viewed(a, FLAT)
    for turn in _turns(places):
        old = flat[places[turn]]
        flat[places[turn]] = ufunc(old) if operand is None else ufunc(old, operand[turn])


def _plain(indices: Any) -> Any:
    return tuple(map(_plain, indices)) if type(indices) is tuple else getval(indices)


def _turns(places: np.ndarray) -> list[np.ndarray]:
    """The positions in `places`, such that none of a turn names the same element, and in each turn those that are next."""
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    first = np.searchsorted(ranked, ranked)
    turn = np.empty(places.size, np.intp)
    turn[order] = np.arange(places.size) - first
    return [np.flatnonzero(turn == k) for k in range(turn.max() + 1)] if places.size else []


UFUNC_METHODS["at"] = at

ALIASING.update((np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis))
