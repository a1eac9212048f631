"""The order of axes, and broadcasting."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np

from ..array.box import FAST, ArrayBox, as_arrays
from ..array.memory import made
from ..array.methods import METHODS
from ..array.written import is_number, linked, viewed
from ..engine.box import Box
from ..engine.cotangent import shape_of, unbroadcast
from ..engine.define import composite, linear
from ..engine.places import Step
from ..engine.primitive import REGISTRY
from ..engine.reverse import ReverseTrace, next_order
from ..engine.trace import apply
from .creation import as_array

# ---- the order of axes -----------------------------------------------------------------------------


def _transpose_back(g, axes):
    if axes is None:
        return np.transpose(g)
    axes = np.atleast_1d(axes).tolist()
    inverse = [0] * len(axes)
    for i, axis in enumerate(axes):
        inverse[axis] = i  # a negative axis counts from the end of the list as well
    return np.transpose(g, inverse)


def _rollaxis_back(g, a_ndim, axis, start):
    axis, start = int(axis) % a_ndim, int(start)
    start = start + a_ndim if start < 0 else start
    return np.moveaxis(g, start - 1 if axis < start else start, axis)


def _matrices(s):
    return [s(s.array(2, 3)), s(s.array(2, 3, 4)), s(s.array(0, 2))]


linear(
    np.transpose,
    a=_transpose_back,
    options={
        "samples": lambda s: [
            s(s.array(2, 3)),
            s(s.array(2, 3, 4), (2, 0, 1)),
            s(s.array(2, 3, 4), axes=(-1, 0, -2)),
            s(s.array()),
            s(s.array(3)),
            s(s.array(0, 2)),
        ]
    },
)
for _f in (np.matrix_transpose, np.linalg.matrix_transpose):
    linear(_f, x=lambda g: np.matrix_transpose(g), options={"samples": _matrices})
linear(
    np.swapaxes,
    a=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    options={
        "samples": lambda s: [
            s(s.array(2, 3), 0, 1),
            s(s.array(2, 3, 4), axis1=-1, axis2=0),
            s(s.array(2, 3), 1, 1),
        ]
    },
)
linear(
    np.moveaxis,
    a=lambda g, source, destination: np.moveaxis(g, destination, source),
    options={
        "samples": lambda s: [
            s(s.array(2, 3, 4), 0, -1),
            s(s.array(2, 3, 4), (0, 1), (-1, 0)),
            s(s.array(2, 3), source=[1], destination=[0]),
        ]
    },
)
linear(
    np.rollaxis,
    a=_rollaxis_back,
    options={
        "samples": lambda s: (
            [s(s.array(2, 3, 4), axis, start) for axis in (0, 1, -1) for start in (0, 1, 2, 3, -1, -2)]
            + [s(s.array(2, 3), 1)]
        )
    },
)


def transposed(x):
    """``x.T``."""
    trace = x._trace
    if type(trace) is ReverseTrace and type(x) is ArrayBox:
        y = made(ArrayBox, x._value.T, trace, [next_order(), x._link, _transposed_back, None, None])
        return linked(y, x, _TRANSPOSE) if type(y._value) is np.ndarray or not is_number(x) else y
    return viewed(x, _TRANSPOSE)


def _transposed_back(g, _):
    return g.T


def transpose_method(self, *axes):
    """As `numpy.ndarray.transpose`."""
    if not axes or (len(axes) == 1 and axes[0] is None):
        return transposed(self)
    axes = axes[0] if len(axes) == 1 else axes
    if isinstance(axes, Iterable) and np.ndim(axes):
        axes = [operator.index(k) for k in axes]
    return np.transpose(self, axes)


def _matrix_transposed(x):
    if len(shape_of(x)) < 2:
        raise ValueError("matrix transpose with ndim < 2 is undefined")
    return np.swapaxes(x, -1, -2)


_TRANSPOSE = Step(REGISTRY[np.transpose], {})
FAST[1][np.transpose] = transposed
METHODS["T"] = property(transposed, doc="As `numpy.ndarray.T`.")
METHODS["mT"] = property(_matrix_transposed, doc="As `numpy.ndarray.mT`.")
METHODS["transpose"] = transpose_method


# ---- written out, for calls by position ---


def direct(fun, forward, back, kinds, *, copies=False):
    """`fun` of one array and parameters, all given by position, under one reverse trace.

    ``back(g, (x.shape, *parameters))`` is its adjoint; `kinds` are the types of parameters `forward` takes; the result is a view
    unless it `copies`.
    """
    prim = REGISTRY[fun]

    def fast(a, *parameters):
        if type(a) is ArrayBox:
            trace = a._trace
            if type(trace) is ReverseTrace and kinds.issuperset(map(type, parameters)):
                x = a._value
                ans = forward(x, *parameters)
                box = made(ArrayBox, ans, trace, [next_order(), a._link, back, (x.shape, *parameters), None])
                return box if copies or is_number(a) else linked(box, a, (prim, parameters))
        operands, given = prim.split((a, *parameters), {})
        if isinstance(a, Box) and not copies:
            return viewed(a, Step(prim, given))
        return apply(prim, as_arrays(operands), given)

    return fast


def _expanded(x, axis):
    if -x.ndim - 1 <= axis < 0:
        axis += x.ndim + 1
    if not 0 <= axis <= x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim + 1)
    return x[(slice(None),) * axis + (None,)]


INT, _AXES = {int}, {int, tuple}
FAST[2][np.expand_dims] = direct(np.expand_dims, _expanded, lambda g, r: g.reshape(r[0]), INT)
FAST[2][np.transpose] = direct(
    np.transpose, lambda x, axes: x.transpose(axes), lambda g, r: _transpose_back(g, r[1]), {tuple}
)
FAST[3][np.swapaxes] = direct(
    np.swapaxes, lambda x, i, j: x.swapaxes(i, j), lambda g, r: g.swapaxes(r[1], r[2]), INT
)
FAST[3][np.moveaxis] = direct(
    np.moveaxis, lambda x, i, j: np.moveaxis(x, i, j), lambda g, r: np.moveaxis(g, r[2], r[1]), _AXES
)

# ---- broadcasting ----------------------------------------------------------------------------------

linear(
    np.broadcast_to,
    array=lambda g, array_shape: unbroadcast(g, array_shape),
    options={
        "harmless": ("shape", "subok"),
        "samples": lambda s: [
            s(s.array(3), (2, 3)),
            s(s.array(2, 1), (4, 2, 3)),
            s(s.array(), (2, 2)),
            s(s.array(1), (0,)),
            s(s.array(2), shape=2, subok=True),
        ],
    },
)


@composite(
    np.broadcast_arrays,
    samples=lambda s: [
        s(s.array(3), s.array(2, 1)),
        s(s.array(), 1.0, s.array(2), subok=True),
        s(s.array(2)),
    ],
)
def _broadcast_arrays(*args, subok=False):
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(a if shape_of(a) == shape else np.broadcast_to(a, shape) for a in arrays)


@composite(
    np.meshgrid,
    samples=lambda s: [
        s(s.array(3), s.array(2)),
        s(s.array(3), s.array(2), s.array(2), indexing="ij", copy=False),
        s(s.array(3), np.arange(2.0), sparse=True),
        s(s.array(), s.array(2)),
        s(s.array(3)),
    ],
)
def _meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    n = len(xi)
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    axes = list(range(n))
    if indexing == "xy" and n > 1:
        axes[:2] = 1, 0
    grid = [
        np.reshape(as_array(x), (1,) * axis + (-1,) + (1,) * (n - 1 - axis))
        for x, axis in zip(xi, axes, strict=True)
    ]
    grid = grid if sparse else np.broadcast_arrays(*grid)
    return tuple(x.snapshot() if copy and isinstance(x, Box) else x for x in grid)


@composite(np.ix_, samples=lambda s: [s(s.array(3), s.array(2))])
def _ix_(*args):
    n = len(args)
    args = [np.flatnonzero(a) if np.ndim(a) == 1 and as_array(a).dtype == bool else a for a in args]
    if any(len(shape_of(a)) != 1 for a in args):
        raise ValueError("Cross index must be 1 dimensional")
    return tuple(np.reshape(as_array(a), (1,) * i + (-1,) + (1,) * (n - 1 - i)) for i, a in enumerate(args))
