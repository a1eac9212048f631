"""Reading and scattering elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.box import Box, getval
from ..engine.cotangent import Scatter, add_at
from ..engine.define import linear
from ..engine.reverse import ReverseTrace, next_order
from ..engine.trace import apply


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    return x[index]


def scatter_add(*pieces: Any, shape: tuple, dtype: Any, indices: Any) -> np.ndarray:
    """Zeros with each of `pieces` added at its index."""
    out = np.zeros(shape, dtype)
    for index, piece in zip(indices, pieces, strict=True):
        add_at(out, index, piece)
    return out


def _build(shape: tuple, dtype: Any, indices: list, pieces: list) -> Any:
    return apply(SCATTER, tuple(pieces), {"shape": shape, "dtype": dtype, "indices": indices})


def _getitem_vjp(g, x_shape, x_dtype, index):  # type: ignore[no-untyped-def]
    return Scatter(x_shape, x_dtype, index, g, _build)


GETITEM = linear(getitem, x=_getitem_vjp)
SCATTER = linear(
    scatter_add,
    pieces=lambda g, argnum, indices: g[indices[argnum]],
    options={"operands": ("*pieces",), "harmless": ("shape", "dtype")},
)


def _scatter(g: Any, residual: tuple) -> Scatter:
    return Scatter(*residual, g, _build)


def read(self: ArrayBox, index: Any) -> Any:
    """``self[index]`` of a traced array."""
    if isinstance(index, Box) or type(index) is tuple:
        index = plain_index(index)
    trace = self._trace
    if type(trace) is ReverseTrace and type(self) is ArrayBox:
        x = self._value
        return ArrayBox(x[index], trace, [next_order(), self._node, _scatter, (x.shape, x.dtype, index), None])
    return apply(GETITEM, (self,), {"index": index})


def plain_index(index: Any) -> Any:
    """`index` without traced values."""
    if type(index) is tuple:
        return tuple(plain_index(i) for i in index)
    return getval(index)


ArrayBox.__getitem__ = read  # type: ignore[attr-defined]
