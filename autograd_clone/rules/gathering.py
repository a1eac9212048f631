"""Batching rules of ``x[index]``; and reading at positions that are themselves different for each example.

NumPy puts the axes that index arrays make where the arrays stand if they stand side by side, and in front of all others if
not. With a batch axis in front, the second case would put them before the batch axis; they are moved back.

``x[index]`` with positions of a batch among the indices is the primitive `gathered`, with the positions as operands; its adjoint
is `spread_out`. Both are derived from the ordinary read with one more index, the number of the example.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..array.index import holds_positions
from ..engine.batch import BatchTrace, padded
from ..engine.box import Box
from ..engine.cotangent import shape_of
from ..engine.define import custom
from ..engine.errors import BatchedValueError
from ..engine.places import Place, positions
from ..engine.primitive import Primitive
from ..engine.scattering import is_basic
from ..engine.trace import apply
from .batching import rule
from .indexing import SCATTER, scatter_add

_ALL = slice(None)


class _Hole:
    """Stands in an index for an array of positions that is an operand."""

    def __repr__(self) -> str:
        return "HOLE"


HOLE = _Hole()


class Layout(NamedTuple):
    """Where the axes made by the index arrays of an index come to lie in the result."""

    fancy: bool
    side_by_side: bool
    first: int
    count: int


def layout(index: tuple, ndim: int, hole_ndims: tuple = ()) -> Layout:
    """The layout of ``x[index]`` for an array with `ndim` axes."""
    holes = iter(hole_ndims)
    arrays: list[int | None] = []
    used = 0
    for item in index:
        if item is HOLE:
            arrays.append(next(holes))
            used += 1
        elif item is None or item is Ellipsis or isinstance(item, slice):
            arrays.append(None)
            used += isinstance(item, slice)
        else:
            item = np.asarray(item)
            arrays.append((1 if item.ndim else 0) if item.dtype == bool else item.ndim)
            used += item.ndim if item.dtype == bool else 1
    if is_basic(index):
        return Layout(False, True, 0, 0)
    places = [k for k, n in enumerate(arrays) if n is not None]
    side_by_side = places[-1] - places[0] == len(places) - 1
    lengths = [ndim - used if item is Ellipsis else 1 for item in index[: places[0]]]
    first = sum(lengths) if side_by_side else 0
    return Layout(True, side_by_side, first, max(n for n in arrays if n is not None))


def as_tuple(index: Any) -> tuple:
    """An index as a tuple, with arrays in place of lists."""
    index = index if type(index) is tuple else (index,)
    return tuple(
        np.asarray(i) if isinstance(i, list) and i else np.empty(0, np.intp) if isinstance(i, list) else i
        for i in index
    )


# ---- the same index for all examples ------------------------------------------------------------------------------------


@rule("getitem")
def _getitem(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    (x,) = operands
    index = params["index"]
    if type(index) is int or type(index) is slice:
        return trace.box(x._value[:, index])
    index = as_tuple(index)
    how = layout(index, x.ndim)
    out = x._value[(slice(None), *index)]
    return trace.box(out if how.side_by_side else np.moveaxis(out, how.count, 0))


@rule("scatter_add")
def _scatter_add(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    shape = params["shape"]
    indices: list[Any] = []
    pieces: list[Any] = []
    simple = True
    for index, piece in zip(params["indices"], operands, strict=True):
        if type(index) is int or type(index) is slice:
            value = piece._value if isinstance(piece, Box) and piece._trace is trace else trace.all_of(piece)
            indices.append((_ALL, index))
            pieces.append(value)
            simple = simple and type(value) is np.ndarray
            continue
        simple = False
        if type(index) is Place and not shape:  # all elements are one
            index, piece = (), np.sum(piece)
        index = positions(index, shape) if type(index) is Place else as_tuple(index)
        how = layout(index, len(shape))
        value = trace.all_of(piece)
        indices.append((slice(None), *index))
        pieces.append(value if how.side_by_side else np.moveaxis(value, 0, how.count))
    if simple:
        return trace.box(_added((trace.size, *shape), params["dtype"], indices, pieces))
    return trace.box(SCATTER(*pieces, shape=(trace.size, *shape), dtype=params["dtype"], indices=indices))


def _added(shape: tuple, dtype: Any, indices: list, pieces: list) -> np.ndarray:
    """Zeros with plain pieces added at numbers and slices of axis 1; the first one is written without reading."""
    out = np.empty(shape, dtype)
    out.fill(0)
    out[indices[0]] = pieces[0]
    for index, piece in zip(indices[1:], pieces[1:], strict=True):
        part = out[index]
        np.add(part, piece, part)
    return out


# ---- positions that differ -----------------------------------------------------------------------------------------------


def gathered(x: Any, *positions: Any, template: tuple) -> Any:
    """``x[index]``, where `index` is `template` with `positions` in its holes."""
    return x[_filled(template, positions)]


def spread_out(x: Any, *positions: Any, template: tuple, shape: tuple, dtype: Any) -> Any:
    """Zeros of `shape` with `x` added at the index: the adjoint of `gathered`."""
    return scatter_add(x, shape=shape, dtype=dtype, indices=[_filled(template, positions)])


def _filled(template: tuple, positions: tuple) -> tuple:
    rest = iter(positions)
    return tuple(next(rest) if item is HOLE else item for item in template)


GATHER: Any = custom(
    gathered,
    operands=("x", "*positions"),
    vjp={
        "x": lambda g, x_shape, x_dtype, positions, template: SPREAD_OUT(
            g, *positions, template=template, shape=x_shape, dtype=x_dtype
        ),
        "positions": None,
    },
    jvp={"x": lambda t, positions, template: GATHER(t, *positions, template=template), "positions": None},
    samples=lambda s: [
        s(s.array(3, 4), np.array([2, 0]), template=(HOLE,)),
        s(s.array(3, 4), np.array([1, 2]), np.array([0, 2]), template=(HOLE, HOLE)),
        s(s.array(3, 4, 2), np.array([[1], [1]]), template=(slice(None), HOLE, slice(1))),
        s(s.array(3, 4, 2), np.array([1, 1]), template=(HOLE, slice(None), 1)),
        s(s.array(3), np.array(1), template=(None, HOLE)),
    ],
)
SPREAD_OUT: Any = custom(
    spread_out,
    operands=("x", "*positions"),
    vjp={"x": lambda g, positions, template: GATHER(g, *positions, template=template), "positions": None},
    jvp={
        "x": lambda t, positions, template, shape, dtype: SPREAD_OUT(
            t, *positions, template=template, shape=shape, dtype=dtype
        ),
        "positions": None,
    },
    harmless=("shape", "dtype"),
    samples=lambda s: [
        s(s.array(2, 4), np.array([2, 2]), template=(HOLE,), shape=(3, 4), dtype=s.dtype),
        s(s.array(2, 2), np.array([1, 0]), template=(HOLE, slice(None), 1), shape=(2, 2, 3), dtype=s.dtype),
    ],
)


def read_at(x: Any, index: Any) -> Any:
    """``x[index]`` where `index` may hold positions of a batch, and `x` may be plain."""
    if not holds_positions(index):
        return x[index]
    template, positions = _split(index)
    return GATHER(x, *positions, template=template)


def _split(index: Any) -> tuple[tuple, list]:
    items = as_tuple(index)
    positions = [i for i in items if isinstance(i, Box)]
    for position in positions:
        if position.dtype.kind == "b":  # type: ignore[attr-defined]
            raise BatchedValueError(
                "a mask that differs between the examples of a batch cannot be an index, because the number of elements that it "
                "selects would differ as well. Use np.where(mask, x, 0), or sum, mean, max, ... with where=mask."
            )
    return tuple(HOLE if isinstance(i, Box) else i for i in items), positions


def _with_example(trace: BatchTrace, template: tuple, positions: tuple, count: int) -> tuple:
    """The index into the array of all examples."""
    numbers = np.arange(trace.size).reshape((trace.size,) + (1,) * count)
    return (numbers, *_filled(template, _all_positions(trace, positions, count)))


def _all_positions(trace: BatchTrace, positions: tuple, count: int) -> tuple:
    return tuple(padded(p._value, count - p.ndim) if trace.owns(p) else p for p in positions)


def _without_masks(template: tuple) -> tuple:
    """Masks as arrays of positions, which can be combined with others."""
    out: list[Any] = []
    for item in template:
        if isinstance(item, np.ndarray) and item.dtype == bool:
            out += item.nonzero()
        else:
            out.append(item)
    return tuple(out)


@rule("gathered")
def _gathered(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    x, *positions = operands
    template = _without_masks(params["template"])
    ndim = len(shape_of(x))
    how = layout(template, ndim, tuple(len(shape_of(p)) for p in positions))
    if not trace.owns(x):
        out = read_at(x, _filled(template, _all_positions(trace, tuple(positions), how.count)))
        return trace.box(np.moveaxis(out, how.first, 0))
    out = read_at(x._value, _with_example(trace, template, tuple(positions), how.count))
    old, new = range(1, how.count + 1), range(how.first + 1, how.first + how.count + 1)
    return trace.box(np.moveaxis(out, old, new) if how.first else out)


@rule("spread_out")
def _spread_out(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    x, *positions = operands
    template, shape = _without_masks(params["template"]), params["shape"]
    how = layout(template, len(shape), tuple(len(shape_of(p)) for p in positions))
    value = trace.all_of(x)
    if how.first:
        old, new = range(how.first + 1, how.first + how.count + 1), range(1, how.count + 1)
        value = np.moveaxis(value, old, new)
    index = _with_example(trace, template, tuple(positions), how.count)
    shape, dtype = (trace.size, *shape), params["dtype"]
    if not holds_positions(index):
        return trace.box(apply(SCATTER, (value,), {"shape": shape, "dtype": dtype, "indices": [index]}))
    template, rest = _split(index)
    return trace.box(SPREAD_OUT(value, *rest, template=template, shape=shape, dtype=dtype))
