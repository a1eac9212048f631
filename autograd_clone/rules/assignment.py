"""Assignment: writing elements as a primitive, with its derivatives; and all that NumPy writes into arrays with.

``assigned(v, a)`` is `a` with `v` written at a place. It is linear in both jointly. The cotangent of `v` is what stands at that
place of the cotangent `g`, that of `a` is `g` with zeros there. A cotangent that belongs to nobody else is cleared where it is
(see `Scatter`), so that a row of n assignments costs O(n) on the way back as well; hence `v` comes first among the operands,
for it must be read before it is cleared.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..array.box import KINDS, ArrayBox
from ..array.index import holds_positions, plain_index
from ..array.memory import Memory, copied_as_it_lies
from ..array.written import Written, attached, is_number, looking_at, write
from ..engine.batch import BatchTrace, loop
from ..engine.box import Box, all_values
from ..engine.cotangent import TAKE_SCATTERS, Scatter, dtype_of, shape_of, unbroadcast
from ..engine.define import linear
from ..engine.errors import BatchedValueError
from ..engine.places import Place, Step, positions, put, survivors, taken
from ..engine.primitive import REGISTRY, Primitive
from ..engine.scattering import is_basic
from .batching import rule
from .creation import COPY
from .gathering import as_tuple, layout
from .indexing import GETITEM, SCATTER
from .shape import RESHAPE

# ---- the primitive -----------------------------------------------------------------------------------------------------


def assigned(*parts, place, own):
    """An array with a value at a `Place`: the array itself if it is our `own`, a copy otherwise. It comes second."""
    value, array = parts
    if isinstance(array, np.ndarray):
        out = array if own else copied_as_it_lies(array)
    else:
        out = np.array(array)  # a tangent without axes is a number
    put(out, place, value)
    return out


def _assigned_back(g, argnum, parts_shape, place):
    return cleared_back(g, place) if argnum else taken_back(g, (place, parts_shape[0]))


def taken_back(g: Any, residual: tuple) -> Any:
    """The cotangent of what was written."""
    place, shape = residual
    if type(g) is Scatter:
        g = g.settle()
    h = _read(g, place)
    if not is_basic(place.index):
        alive = survivors(_shape_through(shape_of(g), place.path), place.index)
        if alive is not None:
            h = np.where(alive, h, 0)
    if shape_of(h) == shape:
        return h
    extra = max(len(shape) - len(shape_of(h)), 0)  # axes of length one in front, which an assignment takes no notice of
    h = unbroadcast(h, shape[extra:])
    return np.reshape(h, shape) if extra else h


def cleared_back(g: Any, place: Place) -> Any:
    """The cotangent of the array that was written to."""
    if type(g) is Scatter:
        base = g.settle()
    elif not isinstance(g, Box):
        base = np.array(g)
    elif type(g) in KINDS or type(g) is Written:
        base = RESHAPE(g, shape=(), order="C") if is_number(g) else g.snapshot()
    else:
        return ASSIGN(0.0, g, place=place, own=False)
    if type(base) is np.ndarray:
        put(base, place, 0)
    else:
        _write_at(base, place, 0.0)
    return g if type(g) is Scatter else Scatter.whole(base)


def _read(x: Any, place: Place) -> Any:
    """What is at a place, to be kept while the array changes."""
    if type(x) is Written:
        memory, path = x._alias
        part = looking_at(memory, (*path, *place.path))[place.index].snapshot()
        return part if prod([step.sign for step in place.path]) > 0 else -part
    part = taken(x, place)
    if isinstance(part, Box):
        return part.snapshot()
    return part.copy() if type(part) is np.ndarray and part.base is not None else part


def _write_at(x: Any, place: Place, value: Any) -> None:
    """Write into a traced array."""
    memory, path = attached(x)
    write(looking_at(memory, (*path, *place.path)), place.index, value)


def _shape_through(shape: tuple[int, ...], path: tuple[Step, ...]) -> tuple[int, ...]:
    """The shape of a view."""
    for step in path:
        shape = step.prim.fun(np.broadcast_to(0j, shape), **step.params).shape
    return shape


def _insert(base: Any, index: Any, piece: Any) -> Any:
    """`base`, an array that is our own, with `piece` added at an index or a place."""
    if not (type(base) in KINDS or type(base) is Written):
        return base + SCATTER(piece, shape=shape_of(base), dtype=dtype_of(base), indices=[index])
    place = index if type(index) is Place else Place((), index)
    if not is_basic(place.index) and survivors(_shape_through(base.shape, place.path), place.index) is not None:
        return base + SCATTER(piece, shape=base.shape, dtype=base.dtype, indices=[index])
    _write_at(base, place, _read(base, place) + piece)
    return base


def _places(s):
    """Samples of what is written where."""
    transposed = Step(REGISTRY[np.transpose], {})
    row = Step(GETITEM, {"index": 1})
    tail = Step(GETITEM, {"index": slice(1, None)})
    flat = Step(RESHAPE, {"shape": (-1,), "order": "C"}, flat=True)
    matrix = [
        ((), Place((), 0)),
        ((4,), Place((), 0)),
        ((4,), Place((), slice(None, None, -2))),
        ((1, 3, 1), Place((), (slice(None), slice(1, 3)))),
        ((2, 1, 1), Place((), (slice(0, 2), None, slice(1, 3)))),
        ((2, 1), Place((), np.array([0, 2]))),
        ((3,), Place((), (np.array([0, 1, 0]), np.array([1, 1, 1])))),
        ((3, 2), Place((), (slice(None), np.array([3, 1])))),
        ((), Place((), s.mask(3, 4))),
        ((4, 1), Place((transposed,), (Ellipsis, slice(1, None)))),
        ((), Place((transposed, row), 2)),
        ((2,), Place((tail, transposed, row), Ellipsis)),
        ((3,), Place((flat,), slice(2, 8, 2))),
        ((3,), Place((transposed, flat), slice(2, 8, 2))),
    ]
    return [s(s.array(*shape), s.array(3, 4), place=place, own=False) for shape, place in matrix] + [
        s(s.array(2, 3, 2), s.array(2, 3, 4), place=Place((), (slice(None), slice(None), np.array([0, 2]))), own=False),
        s(s.array(3, 2), s.array(2, 3, 4), place=Place((), (np.array([0, 1, 0]), slice(1, 3), np.array([1, 1, 3]))), own=False),
        s(s.array(2, 3), s.array(2, 3), place=Place((), Ellipsis), own=False),
    ]


ASSIGN: Any = linear(
    assigned,
    parts=_assigned_back,
    options={"operands": ("*parts",), "harmless": ("own",), "samples": _places},
)
Memory.assign, Memory.copied = ASSIGN, COPY
Memory.taken_back, Memory.cleared_back = staticmethod(taken_back), staticmethod(cleared_back)
Scatter.insert = staticmethod(_insert)
TAKE_SCATTERS.update((taken_back, cleared_back, ASSIGN.vjps[-1].call))


@rule("assigned")
def _assigned_batch(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    value, array = operands
    (path, index), own, shape = params["place"], params["own"], shape_of(array)
    if trace.owns(array):
        whole = array._value
    else:
        whole, own = COPY(trace.all_of(array)), True
    if not all([step.prim is GETITEM or step.prim in _PARTS for step in path]):
        if not shape or not _PARTS.isdisjoint(step.prim for step in path):
            return loop(trace, prim, operands, params | {"own": False})
        path, index = (), positions(params["place"], shape)
    region = np.broadcast_to(0.0, _shape_through(shape, path))
    path = tuple(_of_all_examples(step) for step in path)
    index = as_tuple(index)
    how = layout(index, region.ndim)
    values = trace.all_of(_fitted(value, region[index].shape))
    if not how.side_by_side:
        values = np.moveaxis(values, 0, how.count)
    return trace.box(prim(values, whole, place=Place(path, (slice(None), *index)), own=own))


#: Steps that are elementwise.
_PARTS = {REGISTRY[np.real], REGISTRY[np.imag]}


def _of_all_examples(step: Step) -> Step:
    """A step, as it is taken through the array of all examples."""
    if step.prim is not GETITEM:
        return step
    return step._replace(params={"index": (slice(None), *as_tuple(step.params["index"]))})


def _fitted(value: Any, shape: tuple[int, ...]) -> Any:
    """What is written, in the shape of where it is written to."""
    extra = len(shape_of(value)) - len(shape)
    if extra > 0:
        value = np.reshape(value, shape_of(value)[extra:])
    return value if shape_of(value) == shape else np.broadcast_to(value, shape)


# ---- x[index] = value ----------------------------------------------------------------------------------------------------


def setitem(self: Any, index: Any, value: Any) -> None:
    """``self[index] = value``."""
    kind = type(index)
    if kind is not int and kind is not slice:
        index = plain_index(index)
        if holds_positions(index):
            _write_at_positions(self, index, value)
            return
    if is_number(self):
        raise TypeError(f"{type(all_values(self)).__name__!r} object does not support item assignment")
    write(self, index, value)


def _write_at_positions(x: Any, index: Any, value: Any) -> None:
    """An assignment of which the index differs between the examples of a batch."""
    mask = _mask_of(index, x)
    if mask is None or np.ndim(value) > 0:
        raise BatchedValueError(
            "x[index] = v with positions, or a mask, that differ between the examples of a batch: only a number can be assigned, at "
            "numbers of rows or where a mask of the shape of x is true. Use np.where(mask, values, x)"
        )
    write(x, Ellipsis, np.where(mask, value, x))


def _mask_of(index: Any, x: Any) -> Any:
    """A mask of the shape of `x` that is true where an index points that holds numbers or a mask of a batch."""
    if isinstance(index, Box) and index.dtype.kind == "b":
        return index if index.shape == x.shape else None
    items = as_tuple(index)
    if len(items) > x.ndim or not all([np.ndim(i) == 0 and np.result_type(i).kind in "iu" for i in items]):
        return None
    mask = True
    for axis, i in enumerate(items):
        n = x.shape[axis]
        line = np.arange(n) == np.where(i < 0, i + n, i)
        mask = np.logical_and(mask, np.reshape(line, (n,) + (1,) * (x.ndim - axis - 1)))
    return mask


ArrayBox.__setitem__ = setitem
