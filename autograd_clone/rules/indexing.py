"""Reading elements, ``x[index]``, and its adjoint, which scatters a cotangent into zeros.

A read leaves a `Scatter` on the way back, not an array: n reads of one array are built into one array of
zeros at the end, so a loop over ``x[i]`` costs O(n). Indices may be anything NumPy takes; traced ones are
read for their value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import FROM_LIST, ArrayBox
from ..engine.box import Box, getval
from ..engine.cotangent import Scatter
from ..engine.define import linear
from ..engine.reverse import ReverseTrace, next_order
from ..engine.scattering import scattered
from ..engine.trace import apply

new = object.__new__


def read(self: ArrayBox, index: Any) -> Any:
    """``self[index]`` of a traced array."""
    if type(index) is not int and type(index) is not slice:
        index = plain_index(index)
        if isinstance(index, Box) or (type(index) is tuple and any(isinstance(i, Box) for i in index)):
            from .gathering import read_at

            return read_at(self, index)
    trace = self._trace
    if type(trace) is ReverseTrace and type(self) is ArrayBox:
        x = self._value
        box = new(ArrayBox)
        box._value = x[index]
        box._trace = trace
        box._link = [next_order(), self._link, Scatter, (x.shape, x.dtype, index), None]
        return box
    return apply(GETITEM, (self,), {"index": index})


def plain_index(index: Any) -> Any:
    """`index` without traced values; arrays are copied, so that a later change of them does no harm."""
    kind = type(index)
    if kind is tuple:
        return tuple([i if type(i) is int or type(i) is slice else plain_index(i) for i in index])
    if kind is list:
        values = [getval(i) for i in index]
        if any(isinstance(i, Box) for i in values):
            return FROM_LIST[0](values)  # positions of a batch
        index = np.array(values) if index else np.empty(0, np.intp)
    elif isinstance(index, Box):
        index = getval(index)
    elif kind is np.ndarray:
        return index.copy()
    elif kind is slice and (isinstance(index.start, Box) or isinstance(index.stop, Box)):
        return slice(getval(index.start), getval(index.stop), index.step)
    return index


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    return x[index]


def scatter_add(*pieces: Any, shape: tuple, dtype: Any, indices: Any) -> np.ndarray:
    """Zeros with each of `pieces` added at its index."""
    return scattered(shape, dtype, indices, pieces)


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
    pieces=lambda g, argnum, indices: g[indices[argnum]],
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
