"""Functions that join arrays, split them, and insert and delete pieces.

Joining is one primitive, `joined`, with the places where its operands begin as a static argument, so that a
join of n arrays costs O(n). Splitting is reading with slices.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.batch import no_single_value, values_only
from ..engine.box import Box, getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, linear
from ..engine.errors import UnsupportedKeywordError
from .creation import COPY, STACK, as_array, assemble, cast_to, stack_items
from .ranges import arange
from .tools import refuse_out, truncates

# ---- concatenate and stack -------------------------------------------------------------------------


def joined(*arrays, axis, starts, dtype=None, casting="same_kind"):
    """``np.concatenate(arrays, axis)``; `starts` tells where each array begins, and the whole length."""
    if dtype is None and casting == "same_kind":
        return np.concatenate(arrays, axis)
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


def _joined_part(g, argnum, axis, starts):
    return g[along(axis, starts[argnum], starts[argnum + 1])]


JOIN = linear(
    joined,
    arrays=_joined_part,
    options={
        "operands": ("*arrays",),
        "defaults": {"axis": 0, "starts": (), "dtype": None, "casting": "same_kind"},
        "harmless": ("dtype", "casting"),
        "samples": lambda s: [
            s(s.array(2, 3), s.array(2, 1), axis=1, starts=(0, 3, 4), dtype=s.dtype, casting="unsafe")
        ],
    },
)


def along(axis: int, start: int | None, stop: int | None) -> Any:
    """The index of a slice along an axis (a nonnegative number)."""
    return (slice(None),) * axis + (slice(start, stop),) if axis else slice(start, stop)


def normal_axis(axis: int, ndim: int) -> int:
    """A nonnegative axis."""
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


_JOINED_VALUES, _STACKED_VALUES = values_only(np.concatenate), values_only(np.stack)


@composite(
    np.concatenate,
    samples=lambda s: [
        s((s.array(2, 3), s.array(1, 3))),
        s([s.array(2, 3), s.array(2, 2)], -1),
        s((s.array(2, 3), s.array(2), s.array()), axis=None),
        s((s.array(3), np.arange(2), s.array(0)), dtype=s.dtype, casting="unsafe"),
        s((s.array(2, 3), [[1.0, 2.0, 3.0]])),
        s(s.array(2, 3)),
    ],
)
def _concatenate(arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if axis is not None and out is None and dtype is None and casting == "same_kind":
        return join([a if type(a) is ArrayBox else as_array(a) for a in arrays], axis)
    refuse_out(np.concatenate, out)
    if truncates(dtype, np.concatenate):
        return _JOINED_VALUES([getval(as_array(a)) for a in arrays], axis, dtype=dtype, casting=casting)
    if axis is None:
        return join([np.ravel(as_array(a)) for a in arrays], 0, dtype, casting)
    return join([as_array(a) for a in arrays], axis, dtype, casting)


def join(arrays: list, axis: int, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """The arrays (with boxes among them) one after the other along an axis."""
    if axis < 0:
        axis = normal_axis(axis, len(arrays[0].shape))
    options = {} if dtype is None and casting == "same_kind" else {"dtype": dtype, "casting": casting}
    try:
        return assemble(
            arrays,
            axis,
            False,
            lambda values: np.concatenate(values, axis, **options),
            lambda items: _join(items, axis, **options),
        )
    except IndexError:
        if any(len(a.shape) == 0 for a in arrays):
            raise ValueError("zero-dimensional arrays cannot be concatenated") from None
        raise np.exceptions.AxisError(axis, len(arrays[0].shape)) from None


def _join(arrays: list, axis: int, **options: Any) -> Any:
    starts = list(accumulate((a.shape[axis] for a in arrays), initial=0))
    return JOIN(*arrays, axis=axis, starts=starts, **options)


@composite(
    np.stack,
    samples=lambda s: [
        s((s.array(2, 3), s.array(2, 3))),
        s([s.array(2, 3), s.array(2, 3)], 1),
        s([s.array(2), [1.0, 2.0]], axis=-1, dtype=s.dtype, casting="unsafe"),
        s((s.array(), s.array(), 1.0)),
        s(s.array(2, 3), axis=1),
        s((s.array(0, 2), s.array(0, 2))),
    ],
)
def _stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    refuse_out(np.stack, out)
    arrays = [as_array(a) for a in arrays]
    if truncates(dtype, np.stack):
        return _STACKED_VALUES([getval(a) for a in arrays], axis, dtype=dtype, casting=casting)
    if len({shape_of(a) for a in arrays}) != 1:
        raise ValueError("all input arrays must have the same shape")
    if casting != "same_kind":
        np.concatenate([np.empty(0, dtype_of(a)) for a in arrays], dtype=dtype, casting=casting)  # raises where it is not possible
    axis = normal_axis(axis, len(shape_of(arrays[0])) + 1)
    return assemble(
        arrays,
        axis,
        True,
        lambda values: (
            np.stack(values, axis, dtype=dtype, casting=casting) if dtype else stack_items(*values, axis=axis)
        ),
        lambda items: STACK(*items, axis=axis, dtype=dtype),
    )


def _stacker(function: Callable, prepare: Callable, axis_for: Callable) -> None:
    """Register a relative of ``np.concatenate``, which first gives each array more dimensions."""

    def implementation(tup):
        arrays = [prepare(as_array(a)) for a in tup]
        return join(arrays, axis_for(len(shape_of(arrays[0]))))

    def with_dtype(tup, *, dtype=None, casting="same_kind"):
        if dtype is None and casting == "same_kind":
            return implementation(tup)
        arrays = [prepare(as_array(a)) for a in tup]
        return np.concatenate(arrays, axis_for(len(shape_of(arrays[0]))), dtype=dtype, casting=casting)

    takes_dtype = function in (np.hstack, np.vstack)
    composite(function, with_dtype if takes_dtype else implementation, samples=_stacker_samples(takes_dtype))


def _stacker_samples(takes_dtype):
    def samples(s):
        shapes = [(), (), ()], [(3,), (3,)], [(2, 3), (2, 3)], [(2, 3, 2), (2, 3, 2)]
        out = [s([s.array(*n) for n in group]) for group in shapes]
        return (
            [*out, s((s.array(2, 3), s.array(2, 3)), dtype=s.dtype, casting="unsafe")] if takes_dtype else out
        )

    return samples


def _as_column(a):
    n = shape_of(a)
    return np.reshape(a, (-1, 1)) if len(n) < 2 else a


_stacker(np.hstack, lambda a: a if shape_of(a) else np.reshape(a, (1,)), lambda ndim: min(ndim - 1, 1))
_stacker(np.vstack, lambda a: a if len(shape_of(a)) > 1 else np.atleast_2d(a), lambda ndim: 0)
_stacker(np.dstack, lambda a: a if len(shape_of(a)) > 2 else np.atleast_3d(a), lambda ndim: 2)
_stacker(np.column_stack, _as_column, lambda ndim: 1)


@composite(
    np.block,
    samples=lambda s: [
        s([s.array(2), s.array(3)]),
        s([[s.array(2, 2), np.zeros((2, 1))], [s.array(1, 2), s.array(1, 1)]]),
        s([[s.array(), 1.0], [2.0, s.array()]]),
        s([s.array(2, 2), s.array(2, 3)]),
        s(s.array(2)),
    ],
)
def _block(arrays):
    depth = _list_depth(arrays)
    leaves = _leaves(arrays)
    ndim = max([depth, *(len(shape_of(leaf)) for leaf in leaves)])
    out = _joined_blocks(arrays, depth, ndim)
    return COPY(out) if out is arrays else out


def _list_depth(arrays: Any) -> int:
    if type(arrays) is tuple:
        raise TypeError(
            "only lists can be used to arrange blocks; np.block does not convert tuples to arrays"
        )
    if type(arrays) is not list:
        return 0
    depths = {_list_depth(a) for a in arrays}
    if len(depths) != 1:
        raise ValueError("list depths are mismatched, or a list is empty")
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list:
    return [leaf for a in arrays for leaf in _leaves(a)] if type(arrays) is list else [arrays]


def _joined_blocks(arrays: Any, depth: int, ndim: int) -> Any:
    if type(arrays) is list:
        return np.concatenate([_joined_blocks(a, depth - 1, ndim) for a in arrays], axis=-depth)
    shape = shape_of(arrays)
    return arrays if len(shape) == ndim else np.reshape(as_array(arrays), (1,) * (ndim - len(shape)) + shape)


def index_join(key: Any, axis: int, ndmin: int, trans1d: int) -> Any:
    """What ``np.r_[key]`` and ``np.c_[key]`` give, where traced values are in `key`."""
    key = key if type(key) is tuple else (key,)
    if key and type(key[0]) is str:
        if key[0] in ("r", "c"):
            raise UnsupportedKeywordError(
                "numpy.r_: the matrix forms 'r' and 'c' cannot be used with traced values"
            )
        given = [int(n) for n in key[0].split(",")]
        axis, ndmin, trans1d = [*given, *(axis, ndmin, trans1d)[len(given) :]][:3]
        key = key[1:]
    return np.concatenate([_index_item(item, ndmin, trans1d) for item in key], axis)


def _index_item(item: Any, ndmin: int, trans1d: int) -> Any:
    if isinstance(item, slice):
        start, step = item.start or 0, 1 if item.step is None else item.step
        item = (
            np.linspace(start, item.stop, int(abs(step)))
            if isinstance(step, complex)
            else arange(start, item.stop, step)
        )
    item = as_array(item)
    shape = shape_of(item)
    missing = ndmin - len(shape)
    if missing <= 0:
        return item
    # the axes of the item begin at `trans1d` among the ndmin axes; a negative number counts from the end
    lead = trans1d if trans1d >= 0 else trans1d + missing + 1
    return np.reshape(item, (1,) * lead + shape + (1,) * (missing - lead))


# ---- insert, append, delete ------------------------------------------------------------------------


@composite(
    np.append,
    samples=lambda s: [
        s(s.array(2, 3), s.array(2)),
        s(s.array(2, 3), s.array(1, 3), 0),
        s(s.array(3), 1.0),
        s(s.array(2, 1), s.array(2, 2), axis=-1),
        s(s.array(), s.array()),
    ],
)
def _append(arr, values, axis=None):
    return np.concatenate((as_array(arr), as_array(values)), axis)


@composite(
    np.insert,
    samples=lambda s: [
        s(s.array(4), 1, s.array()),
        s(s.array(4), -1, s.array(3)),
        s(s.array(2, 3), [0, 4], s.array(2)),
        s(s.array(2, 3), 1, s.array(2), axis=1),
        s(s.array(2, 3), [1], s.array(2, 2), axis=1),
        s(s.array(2, 3), [0, 2, -1], s.array(2, 1), 1),
        s(s.array(2, 3), slice(0, 3, 2), s.array(), axis=-1),
        s(s.array(3), np.array([True, False, True]), s.array(2)),
        s(s.array(3), [], s.array(0)),
        s(np.arange(3).astype(s.dtype), 1, s.array()),
    ],
)
def _insert(arr, obj, values, axis=None):
    arr, values, obj = as_array(arr), as_array(values), _plain_index(obj)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    shape = shape_of(arr)
    axis = normal_axis(axis, len(shape))
    n = shape[axis]
    values = cast_to(values, dtype_of(arr))
    places = _places(obj, n)
    if places.size == 1:
        return _insert_block(arr, int(places.item()), values, axis, moved=places.ndim == 0)
    np.insert(np.empty(n), places, 0.0)  # raises where a place is out of bounds
    places = np.where(places < 0, places + n, places)
    places[np.argsort(places, kind="stable")] += np.arange(places.size)
    source = np.empty(n + places.size, np.intp)
    old = np.ones(source.size, bool)
    old[places] = False
    source[places], source[old] = n + np.arange(places.size), np.arange(n)
    values = np.broadcast_to(values, (*shape[:axis], places.size, *shape[axis + 1 :]))
    return _take_runs(np.concatenate((arr, values), axis), source, axis)


def _take_runs(x: Any, index: np.ndarray, axis: int) -> Any:
    """``np.take(x, index, axis)``, which is a join of slices if `index` is made of a few runs."""
    breaks = np.flatnonzero(np.diff(index) != 1) + 1
    if index.size == 0 or breaks.size > _FEW:
        return np.take(x, index, axis)
    runs = np.split(index, breaks)
    return np.concatenate([x[along(axis, int(run[0]), int(run[-1]) + 1)] for run in runs], axis)


#: Up to so many runs, slices are quicker than positions.
_FEW = 32


def _plain_index(obj: Any) -> Any:
    return obj if isinstance(obj, slice) else getval(as_array(obj))


def _places(obj: Any, n: int) -> np.ndarray:
    """The places that `obj` names, as ``np.insert`` reads it."""
    if isinstance(obj, slice):
        return np.arange(*obj.indices(n))
    if obj.ndim > 1:
        raise ValueError("index array argument obj to insert must be one dimensional or scalar")
    if obj.size and obj.dtype.kind not in "biu":
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return np.flatnonzero(obj) if obj.dtype == bool else obj.astype(np.intp)


def _insert_block(arr: Any, place: int, values: Any, axis: int, moved: bool) -> Any:
    """All `values` inserted before one place; their first axis is the inserted one if `moved`."""
    shape = shape_of(arr)
    if not -shape[axis] <= place <= shape[axis]:
        raise IndexError(f"index {place} is out of bounds for axis {axis} with size {shape[axis]}")
    place += shape[axis] if place < 0 else 0
    values = np.reshape(values, (1,) * (len(shape) - len(shape_of(values))) + shape_of(values))
    if moved:
        values = np.moveaxis(values, 0, axis)
    values = np.broadcast_to(values, (*shape[:axis], shape_of(values)[axis], *shape[axis + 1 :]))
    return np.concatenate((arr[along(axis, None, place)], values, arr[along(axis, place, None)]), axis)


@composite(
    np.delete,
    samples=lambda s: [
        s(s.array(4), 1),
        s(s.array(2, 3), [0, -1]),
        s(s.array(2, 3), slice(0, 3, 2), axis=1),
        s(s.array(2, 3), np.array([True, False, True]), -1),
        s(s.array(2, 3), [], 0),
    ],
)
def _delete(arr, obj, axis=None):
    if isinstance(obj, Box):
        obj = getval(obj)
        if isinstance(obj, Box):
            raise no_single_value("which elements to delete", obj)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    kept = np.delete(np.arange(shape_of(arr)[axis]), _plain_index(obj) if isinstance(obj, Box) else obj)
    return _take_runs(arr, kept, normal_axis(axis, len(shape_of(arr))))


# ---- splitting -------------------------------------------------------------------------------------


def _as_cut(index: Any) -> Any:
    if isinstance(index, (bool, np.bool_)):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return index


def _cuts(n: int, indices_or_sections: Any) -> tuple[list, list]:
    """Where the pieces of an axis of length `n` start and stop."""
    if np.ndim(indices_or_sections):
        cuts = [0, *map(_as_cut, indices_or_sections), n]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        size, extra = divmod(n, sections)
        cuts = list(accumulate([size + (i < extra) for i in range(sections)], initial=0))
    return cuts[:-1], cuts[1:]


def _split_samples(*arguments):
    return lambda s: [s(s.array(*shape), *rest) for shape, *rest in arguments]


@composite(
    np.array_split,
    samples=_split_samples(((5,), 3), ((4, 3), [1, 3]), ((4, 3), (1,), 1), ((2, 5), 2, -1), ((2,), 3)),
)
def _array_split(ary, indices_or_sections, axis=0):
    axis = normal_axis(axis, len(shape_of(ary)))
    starts, stops = _cuts(shape_of(ary)[axis], indices_or_sections)
    return [ary[along(axis, i, j)] for i, j in zip(starts, stops, strict=True)]


@composite(
    np.split, samples=_split_samples(((6,), 3), ((4, 3), [1, 3]), ((4, 3), (1, -1), 1), ((2, 4), 2, -1))
)
def _split(ary, indices_or_sections, axis=0):
    if not np.ndim(indices_or_sections) and shape_of(ary)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return np.array_split(ary, indices_or_sections, axis)


def _splitter(function: Callable, axis: int, min_ndim: int, samples: Callable) -> None:
    def implementation(ary, indices_or_sections):
        ndim = len(shape_of(ary))
        if ndim < min_ndim:
            raise ValueError(f"{function.__name__} only works on arrays of {min_ndim} or more dimensions")
        return np.split(ary, indices_or_sections, min(axis, ndim - 1))

    composite(function, implementation, samples=samples)


_splitter(np.vsplit, 0, 2, _split_samples(((4, 3), 2), ((4, 3), [1])))
_splitter(np.hsplit, 1, 1, _split_samples(((4,), 2), ((4, 3), [1]), ((2, 2, 2), 2)))
_splitter(np.dsplit, 2, 3, _split_samples(((2, 2, 4), 2), ((2, 2, 3), [1])))


def _unstack(x: Any, *, axis: int = 0) -> tuple:
    if not shape_of(x):
        raise ValueError("Input array must be at least 1-d.")
    return tuple(np.moveaxis(x, axis, 0))


if hasattr(np, "unstack"):  # NumPy 2.1
    composite(
        np.unstack,
        _unstack,
        samples=lambda s: [s(s.array(2, 3)), s(s.array(2, 3), axis=-1), s(s.array(0, 2))],
    )
