"""Reading elements, ``x[index]``, and its adjoint, which scatters a cotangent into zeros.

A read leaves a `Scatter` on the way back, not an array: n reads of one array are built into one array of
zeros at the end, so a loop over ``x[i]`` costs O(n). Indices may be anything NumPy takes; traced ones are
read for their value.
"""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from ..array.box import ArrayBox
from ..array.index import holds_positions, plain_index
from ..array.memory import Memory
from ..array.written import aliased, forget_dead
from ..engine.cotangent import Scatter
from ..engine.define import linear
from ..engine.duck import any_duck
from ..engine.forward import ForwardTrace
from ..engine.places import Place, taken
from ..engine.reverse import ReverseTrace, next_order
from ..engine.scattering import BASIC, is_basic, scattered, scattered_ducks
from ..engine.trace import apply

new, float64 = object.__new__, np.float64


def read(self: ArrayBox, index: Any) -> Any:
    """``self[index]`` of a traced array."""
    kind = type(index)
    basic = kind is int or kind is slice or (kind is tuple and BASIC.issuperset(map(type, index)))
    if not basic:
        index = plain_index(index)
        if holds_positions(index):
            from .gathering import read_at

            return read_at(self, index)
        basic = is_basic(index)
    trace = self._trace
    if type(trace) is ReverseTrace and type(self) is ArrayBox:
        x = self._value
        value = x[index]
        box = new(ArrayBox)
        box._value = value
        box._trace = trace
        box._link = [next_order(), self._link, Scatter, (x.shape, x.dtype, index), None]
        if basic and type(value) is not float64 and (value.ndim or is_array(value, index)):
            box._alias = self, index
            views = trace.views
            views.append(ref(box))
            if len(views) > 512:
                forget_dead(trace)
        return box
    if type(trace) is ForwardTrace and type(self) is ArrayBox:  # GETITEM, written out
        box = trace.box(self._value[index], self._link[index])
    else:
        box = apply(GETITEM, (self,), {"index": index})
    return aliased(box, self, index) if basic and is_array(box, index) else box


def is_array(x: Any, index: Any) -> bool:
    """Whether what was read at a basic index is an array, perhaps without axes, and no number."""
    return x.ndim > 0 or index is Ellipsis or (type(index) is tuple and Ellipsis in index)


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``, or what is at a `Place`."""
    return taken(x, index) if type(index) is Place else x[index]


def scatter_add(*pieces: Any, shape: tuple, dtype: Any, indices: Any) -> np.ndarray:
    """Zeros with each of `pieces` added at its index."""
    return (scattered_ducks if any_duck(pieces) else scattered)(shape, dtype, indices, pieces)


def _build(shape: tuple, dtype: Any, indices: list, pieces: list) -> Any:
    return apply(SCATTER, tuple(pieces), {"shape": shape, "dtype": dtype, "indices": indices})


Scatter.build = staticmethod(_build)


def _indices(s):
    """Samples for every kind of index."""
    matrix = [
        0,
        -1,
        np.int64(1),
        slice(1, None),
        slice(None, None, -2),
        (1, 2),
        (0, slice(None)),
        (slice(None), -1),
        (Ellipsis, 0),
        None,
        (slice(None), None, 1),
        (),
        Ellipsis,
        [0, 2, 0],
        [[0, 1], [1, 1]],
        np.array([2, 0, 2, 2]),
        np.array([], int),
        [],
        ([0, 1, 0], [1, 1, 1]),
        (np.array([[0], [2]]), np.array([0, 1, 0])),
        (0, [1, 1, 0]),
        (slice(0, 2), [3, 3]),
        ([0, 0], slice(None), None),
        s.mask(3, 4),
        (s.mask(3), 1),
        (slice(None), s.mask(4)),
        (s.mask(3), [1]),
        [True, False, True],
        True,
        False,
        (np.array(1), slice(None)),
    ]
    cube = [
        (0, slice(None), [0, 1, 1]),
        ([0, 0], slice(None), [1, 1]),
        (slice(None), [0, 0], slice(None)),
        (Ellipsis, np.array([1, 0]), 0),
        s.mask(2, 3),
    ]
    out = [s(s.array(3, 4), index=i) for i in matrix] + [s(s.array(2, 3, 2), index=i) for i in cube]
    return [
        *out,
        s(s.array(), index=()),
        s(s.array(), index=None),
        s(s.array(), index=Ellipsis),
        s(s.array(0, 3), index=(slice(None), 1)),
    ]


GETITEM = linear(
    getitem,
    x=lambda g, x_shape, x_dtype, index: Scatter(g, (x_shape, x_dtype, index)),
    options={"samples": _indices},
)
SCATTER = linear(
    scatter_add,
    pieces=lambda g, argnum, indices: getitem(g, indices[argnum]),
    options={
        "operands": ("*pieces",),
        "harmless": ("shape", "dtype"),
        "samples": lambda s: [
            s(s.array(), s.array(), shape=(3, 2), dtype=s.dtype, indices=[(0, 1), (-1, 0)]),
            s(*(s.array() for _ in range(6)), shape=(4,), dtype=s.dtype, indices=[0, 1, -1, 1, 3, 0]),
            s(
                *(s.array() for _ in range(6)),
                shape=(2, 3),
                dtype=s.dtype,
                indices=[(0, 0), (1, 2), (-1, -1), (1, 2), (0, -2), (0, 0)],
            ),
        ],
    },
)

ArrayBox.__getitem__ = read  # type: ignore[misc]
Memory.getitem = GETITEM
