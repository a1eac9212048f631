"""Which functions of NumPy return views, so that what is written into their result is written into their argument.

Functions that are written in terms of these, or of slices, return views without further ado.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..array.box import ALIASING, AS_VIEW, FAST, as_arrays
from ..array.written import viewed
from ..engine.box import Box
from ..engine.cotangent import dtype_of, shape_of
from ..engine.places import Step
from ..engine.primitive import REGISTRY, Primitive
from ..engine.trace import apply

_READ_ONLY = {"writeable": False}
#: Function -> what a `Step` says of it.
VIEWS: dict[Any, dict[str, Any]] = {
    np.broadcast_to: _READ_ONLY,
    np.diag: _READ_ONLY,
    np.diagonal: _READ_ONLY,
    np.expand_dims: {},
    np.flip: {},
    np.fliplr: {},
    np.flipud: {},
    np.imag: {"sign": -1},
    np.moveaxis: {},
    np.real: {},
    np.rollaxis: {},
    np.rot90: {},
    np.squeeze: {},
    np.swapaxes: {},
    np.transpose: {},
    sliding_window_view: _READ_ONLY,
    np.linalg.diagonal: _READ_ONLY,
    np.linalg.matrix_transpose: {},
    np.matrix_transpose: {},
}


def as_view(prim: Primitive, args: tuple, kwargs: dict) -> Any:
    """A call of one of these functions."""
    operands, params = prim.split(args, kwargs)
    (x,) = as_arrays(operands) if not isinstance(operands[0], Box) else operands
    if not isinstance(x, Box):
        return apply(prim, (x,), params)
    if prim.fun in _SOMETIMES:
        return _SOMETIMES[prim.fun](prim, x, params)
    return viewed(x, Step(prim, params, **prim.view))  # type: ignore[arg-type]


def _real(prim, x, params):
    return viewed(x, Step(prim, params)) if dtype_of(x).kind == "c" else x


def _imag(prim, x, params):
    return viewed(x, Step(prim, params, sign=-1)) if dtype_of(x).kind == "c" else apply(prim, (x.snapshot(),), params)


def _diag(prim, x, params):
    return viewed(x, Step(prim, params, writeable=False)) if len(shape_of(x)) == 2 else apply(prim, (x.snapshot(),), params)


def _squeeze(prim, x, params):
    y = viewed(x, Step(prim, params))
    return x if y.ndim == x.ndim else y


#: Functions that return a view of some arrays; of others a new array, or the array itself, whose shape may then be set.
_SOMETIMES = {np.real: _real, np.imag: _imag, np.diag: _diag, np.squeeze: _squeeze}
AS_VIEW.append(as_view)


def _of_one(prim: Primitive) -> Any:
    return lambda x: as_view(prim, (x,), {})


ALIASING.update(VIEWS)
ALIASING.update(
    getattr(np, name)
    for name in (
        "array_split", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "astype", "atleast_1d", "atleast_2d",
        "atleast_3d", "broadcast_arrays", "diff", "dsplit", "einsum", "histogram", "histogram2d", "histogram_bin_edges",
        "hsplit", "ix_", "meshgrid", "polyder", "polyint", "ravel", "real_if_close", "require", "reshape", "split", "trim_zeros",
        "unstack", "vsplit",
    )
    if hasattr(np, name)  # ``unstack`` came with NumPy 2.1
)  # fmt: skip
ALIASING.add(np.linalg.matrix_power)

for _fun, _options in VIEWS.items():
    REGISTRY[_fun].view = _options
    FAST[1].setdefault(_fun, _of_one(REGISTRY[_fun]))
