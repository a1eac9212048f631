"""Functions that rearrange elements: reshaping, transposing, broadcasting, flipping, repeating.

Nearly all are linear; what is stated is the adjoint. An adjoint that NumPy lacks (`sum_segments`) is a
primitive here, whose own adjoint is the NumPy function it came from.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..array.box import FAST, ArrayBox, as_arrays
from ..array.methods import METHODS
from ..engine.box import all_values
from ..engine.cotangent import dtype_of, shape_of, unbroadcast
from ..engine.define import composite, linear, zero
from ..engine.primitive import REGISTRY
from ..engine.reverse import ReverseTrace, next_order
from ..engine.scattering import add_rows
from ..engine.trace import apply
from .creation import COPY, as_array

_f: Any

# ---- reshaping -------------------------------------------------------------------------------------


def reshaped(a, *, shape, order):
    """``np.reshape(a, shape, order)`` where `order` is "C" or "F"."""
    return np.reshape(a, shape, order)


RESHAPE = linear(
    reshaped,
    a=lambda g, a_shape, order: np.reshape(g, a_shape, order),
    options={
        "harmless": ("shape",),
        "samples": lambda s: [
            s(s.array(2, 3), shape=(3, 2), order="F"),
            s(s.array(), shape=(1, 1), order="C"),
        ],
    },
)


def _of_transposed(f, x, *args, **kwargs):
    """A sample whose argument is not contiguous in memory."""
    return f(np.transpose(x), *args, **kwargs)


def _reshape_back(g, a_shape):
    return g.reshape(a_shape)


@composite(
    np.reshape,
    samples=lambda s: [
        s(s.array(2, 3), (3, 2)),
        s(s.array(2, 3), -1, "F"),
        s(s.array(3, 2), (3, 2), order="A", via=_of_transposed),
        s(s.array(3, 2), (2, -1), order="A", copy=True, via=_of_transposed),
        s(s.array(), (1, 1)),
        s(s.array(1), ()),
        s(s.array(0, 3), (3, 0, 2)),
    ],
)
def _reshape(a, /, shape=None, order="C", *, copy=None, **old_name):
    if old_name:
        (shape,) = old_name.values()  # "newshape", before NumPy 2.1
    if type(a) is ArrayBox and copy is None and order == "C":
        trace = a._trace
        if type(trace) is ReverseTrace:
            x = a._value
            return ArrayBox(x.reshape(shape), trace, [next_order(), a._link, _reshape_back, x.shape, None])
    out = RESHAPE(as_array(a), shape=shape, order=memory_order(a, order))
    return COPY(out) if copy else out


def reshape_method(self, *shape, order="C", copy=None):
    """As `numpy.ndarray.reshape`."""
    return _reshape(self, shape[0] if len(shape) == 1 else shape, order, copy=copy)


def flatten(self, order="C"):
    """As `numpy.ndarray.flatten`."""
    return _ravel(self, order)


METHODS["reshape"] = reshape_method
METHODS["flatten"] = flatten
METHODS["flat"] = property(
    flatten, doc="The elements as a one-dimensional array, which can be iterated over and indexed."
)


def _one_example(x):
    """The plain value of an array, of a batch the first example: to look at its layout in memory."""
    values = np.asarray(all_values(x))
    return values[(0,) * (values.ndim - len(shape_of(x)))] if values.size else values


def memory_order(x, order):
    """`order` as "C" or "F": "A" says that the layout in memory decides, which a tangent need not share."""
    if order in ("A", "a"):
        return "F" if np.isfortran(_one_example(x)) else "C"
    return order.upper()


@composite(
    np.ravel,
    samples=lambda s: [
        s(s.array(2, 3)),
        s(s.array(2, 3), "F"),
        s(s.array(3, 2), order="A", via=_of_transposed),
        s(s.array(3, 2), order="K", via=_of_transposed),
        s(s.array(2, 3, 4), order="K", via=lambda f, x, order: f(np.moveaxis(x, 0, 1)[::-1], order)),
        s(s.array()),
    ],
)
def _ravel(a, order="C"):
    if order in ("K", "k"):
        strides = _one_example(a).strides
        axes = sorted(range(len(strides)), key=lambda i: -abs(strides[i]))
        return np.reshape(np.transpose(a, axes), -1)
    return np.reshape(a, -1, order)


def _reshaping(*samples):
    """Options of a function that only changes the shape."""
    return {
        "harmless": ("axis",),
        "samples": lambda s: [s(s.array(*shape), *args) for shape, *args in samples],
    }


linear(
    np.expand_dims,
    a=lambda g, a_shape: g.reshape(a_shape),
    options=_reshaping(((2, 3), 1), ((2, 3), (0, -1)), ((), 0)),
)
linear(
    np.squeeze,
    a=lambda g, a_shape: g.reshape(a_shape),
    options=_reshaping(((1, 3, 1),), ((1, 3, 1), -1), ((1, 3, 1), (0, 2)), ((1,),), ((),)),
)


def _each(function):
    """`function` of every argument: one result for one, a tuple for several."""

    def implementation(*arys):
        out = tuple(function(as_array(a)) for a in arys)
        return out[0] if len(out) == 1 else out

    return implementation


def _atleast(n, shape_for):
    """The implementation of ``atleast_<n>d``: arrays of lower dimension get ``shape_for[ndim](shape)``."""

    def one(a):
        shape = shape_of(a)
        return np.reshape(a, shape_for[len(shape)](shape)) if len(shape) < n else a

    return _each(one)


def _atleast_samples(s):
    return [
        s(s.array()),
        s(s.array(3)),
        s(s.array(2, 3)),
        s(s.array(2, 3), s.array(), 1.0),
        s(s.array(2, 1, 2)),
    ]


def _scalar_shape(n):
    return lambda shape: (1,) * n


composite(np.atleast_1d, _atleast(1, [_scalar_shape(1)]), samples=_atleast_samples)
composite(np.atleast_2d, _atleast(2, [_scalar_shape(2), lambda n: (1, *n)]), samples=_atleast_samples)
composite(
    np.atleast_3d,
    _atleast(3, [_scalar_shape(3), lambda n: (1, *n, 1), lambda n: (*n, 1)]),
    samples=_atleast_samples,
)

# ---- the order of axes -----------------------------------------------------------------------------


def _transpose_back(g, axes):
    if axes is None:
        return np.transpose(g)
    inverse = [0] * len(axes)
    for i, axis in enumerate(axes):
        inverse[axis] = i  # a negative axis counts from the end of the list as well
    return np.transpose(g, inverse)


def _rollaxis_back(g, a_ndim, axis, start):
    axis %= a_ndim
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
if hasattr(np, "matrix_transpose"):  # NumPy 2
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
        return ArrayBox(x._value.T, trace, [next_order(), x._link, _transposed_back, None, None])
    return np.transpose(x)


def _transposed_back(g, _):
    return g.T


def transpose_method(self, *axes):
    """As `numpy.ndarray.transpose`."""
    if not axes or axes == (None,):
        return transposed(self)
    return np.transpose(self, axes[0] if len(axes) == 1 else axes)


def _matrix_transposed(x):
    if len(shape_of(x)) < 2:
        raise ValueError("matrix transpose with ndim < 2 is undefined")
    return np.swapaxes(x, -1, -2)


METHODS["T"] = property(transposed, doc="As `numpy.ndarray.T`.")
METHODS["mT"] = property(_matrix_transposed, doc="As `numpy.ndarray.mT`.")
METHODS["transpose"] = transpose_method


# ---- written out, for calls by position ---


def _direct(fun, forward, back, kinds):
    """`fun` of one array and parameters, all given by position, under one reverse trace.

    ``back(g, (x.shape, *parameters))`` is its adjoint; `kinds` are the types of parameters `forward` takes.
    """

    def fast(a, *parameters):
        if type(a) is ArrayBox:
            trace = a._trace
            if type(trace) is ReverseTrace and kinds.issuperset(map(type, parameters)):
                x = a._value
                ans = forward(x, *parameters)
                return ArrayBox(ans, trace, [next_order(), a._link, back, (x.shape, *parameters), None])
        prim = REGISTRY[fun]
        operands, given = prim.split((a, *parameters), {})
        return apply(prim, as_arrays(operands), given)

    return fast


def _expanded(x, axis):
    if -x.ndim - 1 <= axis < 0:
        axis += x.ndim + 1
    if not 0 <= axis <= x.ndim:
        raise np.exceptions.AxisError(axis, x.ndim + 1)
    return x[(slice(None),) * axis + (None,)]


def _rolled(x, shift):
    if type(x) is not np.ndarray or x.ndim != 1 or not x.size:
        return np.roll(x, shift)
    start = -shift % x.size
    return np.concatenate((x[start:], x[:start]))  # a tenth of the time of np.roll on small arrays


_INT, _AXES = {int}, {int, tuple}
FAST[2][np.roll] = _direct(np.roll, _rolled, lambda g, r: _rolled(g, -r[1]), _INT)
FAST[2][np.expand_dims] = _direct(np.expand_dims, _expanded, lambda g, r: g.reshape(r[0]), _INT)
FAST[2][np.transpose] = _direct(
    np.transpose, lambda x, axes: x.transpose(axes), lambda g, r: _transpose_back(g, r[1]), {tuple}
)
FAST[3][np.swapaxes] = _direct(
    np.swapaxes, lambda x, i, j: x.swapaxes(i, j), lambda g, r: g.swapaxes(r[1], r[2]), _INT
)
FAST[3][np.moveaxis] = _direct(
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
    return tuple(grid) if sparse else np.broadcast_arrays(*grid)


@composite(np.ix_, samples=lambda s: [s(s.array(3), s.array(2))])
def _ix_(*args):
    n = len(args)
    return tuple(np.reshape(as_array(a), (1,) * i + (-1,) + (1,) * (n - 1 - i)) for i, a in enumerate(args))


# ---- flipping, rolling, rotating -------------------------------------------------------------------


def _negated(shift):
    return tuple(-int(k) for k in shift) if np.ndim(shift) else -shift


linear(
    np.flip,
    m=lambda g, axis: np.flip(g, axis),
    options={
        "samples": lambda s: [
            s(s.array(2, 3)),
            s(s.array(2, 3), 1),
            s(s.array(2, 3, 2), axis=(0, -1)),
            s(s.array()),
            s(s.array(0)),
        ]
    },
)
linear(np.flipud, m=lambda g: np.flipud(g), options={"samples": lambda s: [s(s.array(3)), s(s.array(2, 3))]})
linear(
    np.fliplr,
    m=lambda g: np.fliplr(g),
    options={"samples": lambda s: [s(s.array(2, 3)), s(s.array(2, 3, 2))]},
)
linear(
    np.rot90,
    m=lambda g, k, axes: np.rot90(g, -k, axes),
    options={
        "samples": lambda s: (
            [s(s.array(2, 3), k) for k in (0, 1, 2, 3, -1, 6)]
            + [s(s.array(2, 3, 4)), s(s.array(2, 3, 4), k=1, axes=(2, 0))]
        )
    },
)
linear(
    np.roll,
    a=lambda g, shift, axis: np.roll(g, _negated(shift), axis),
    options={
        "samples": lambda s: [
            s(s.array(5), 2),
            s(s.array(2, 3), -1),
            s(s.array(2, 3), 7, axis=-1),
            s(s.array(2, 3), (1, 2), axis=(0, 1)),
            s(s.array(2, 3), shift=(1, 1), axis=(1, 1)),
            s(s.array(2, 3), np.array([1, -1]), (0, 1)),
            s(s.array(2, 3), 1, (0, 1)),
            s(s.array(), 1),
        ]
    },
)

# ---- repeating -------------------------------------------------------------------------------------


def _tile_back(g, A_shape, reps):
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    n = max(len(reps), len(A_shape))
    shape = (1,) * (n - len(A_shape)) + A_shape
    reps = (1,) * (n - len(reps)) + reps
    split = np.reshape(g, tuple(k for pair in zip(reps, shape, strict=True) for k in pair))
    return np.reshape(np.sum(split, axis=tuple(range(0, 2 * n, 2))), A_shape)


linear(
    np.tile,
    A=_tile_back,
    options={
        "samples": lambda s: [
            s(s.array(3), 2),
            s(s.array(2, 3), (2, 1)),
            s(s.array(3), (2, 2)),
            s(s.array(2, 3), np.array([2])),
            s(s.array(2, 1, 2), reps=(3, 2)),
            s(s.array(), (2, 2)),
            s(s.array(2), 0),
            s(s.array(2), ()),
        ]
    },
)


def sum_segments(x, *, counts, axis):
    """Sums over segments of an axis, the i-th ``counts[i]`` long: the adjoint of ``np.repeat``."""
    shape = list(x.shape)
    shape[axis] = len(counts)
    out = np.zeros(shape, x.dtype)
    if x.ndim == 1:
        some = np.flatnonzero(counts)
        if some.size:
            out[some] = np.add.reduceat(x, (np.cumsum(counts) - counts)[some])
        return out
    places = np.repeat(np.arange(len(counts)), counts)
    add_rows(np.moveaxis(out, axis, 0), places, np.moveaxis(x, axis, 0))
    return out


SUM_SEGMENTS = linear(
    sum_segments,
    x=lambda g, counts, axis: np.repeat(g, counts, axis),
    options={
        "samples": lambda s: [
            s(s.array(6, 2), counts=np.array([2, 0, 1, 3]), axis=0),
            s(s.array(2, 3), counts=np.array([0, 3]), axis=1),
        ]
    },
)


def _repeat_back(g, a_shape, repeats, axis):
    shape = a_shape if axis is not None else (prod(a_shape),)
    shape = shape or (1,)
    axis = 0 if axis is None else axis % len(shape)
    repeats = np.asarray(repeats)
    if repeats.size == 1:
        n = repeats.item()
        split = np.reshape(g, (*shape[: axis + 1], n, *shape[axis + 1 :]))
        if axis == len(shape) - 1:  # a product, as NumPy is slow in summing over a short last axis
            return np.reshape(np.matmul(split, np.ones(n, dtype_of(g))), a_shape)
        return np.reshape(np.sum(split, axis + 1), a_shape)
    return np.reshape(SUM_SEGMENTS(g, counts=repeats, axis=axis), a_shape)


linear(
    np.repeat,
    a=_repeat_back,
    options={
        "samples": lambda s: [
            s(s.array(3), 2),
            s(s.array(2, 3), 2),
            s(s.array(2, 3), 3, axis=-1),
            s(s.array(2, 3), [1, 2], axis=0),
            s(s.array(2, 3), repeats=np.array([0, 2, 1]), axis=1),
            s(s.array(2, 2), [1, 0, 2, 1]),
            s(s.array(), 3),
            s(s.array(2), 0),
            s(s.array(2, 3), [2], 1),
            s(s.array(3), [0, 0, 0]),
        ]
    },
)


@composite(
    np.resize,
    samples=lambda s: [
        s(s.array(2, 3), (3, 4)),
        s(s.array(5), 3),
        s(s.array(5), new_shape=(2, 7)),
        s(s.array(), 3),
        s(s.array(0), (2, 2)),
        s(s.array(3), (0,)),
    ],
)
def _resize(a, new_shape):
    shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    flat = np.ravel(a)
    n, size = prod(shape), flat.size
    if n == 0 or size == 0:
        return np.zeros(shape, dtype_of(flat))
    return np.reshape(np.tile(flat, -(-n // size))[:n], shape)


# ---- real and imaginary parts ----------------------------------------------------------------------


def _parts(s):
    return [s(s.array(2, 3)), s(s.array()), s(s.array(0))]


linear(np.real, val=lambda g: g, options={"samples": _parts})
linear(
    np.imag,
    val=lambda g, val_dtype: -1j * g if val_dtype.kind == "c" else g * 0,
    options={"samples": _parts},
)

METHODS["real"] = property(lambda x: np.real(x) if x.dtype.kind == "c" else x, doc="As `numpy.ndarray.real`.")
METHODS["imag"] = property(lambda x: np.imag(x), doc="As `numpy.ndarray.imag`.")

# ---- what has no derivative ------------------------------------------------------------------------

for _f in (
    np.shape,
    np.ndim,
    np.size,
    np.iscomplexobj,
    np.isrealobj,
    np.result_type,
    np.can_cast,
    np.common_type,
    np.min_scalar_type,
    np.may_share_memory,
    np.shares_memory,
):
    zero(_f)
