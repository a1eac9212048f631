"""Functions that change the shape, and real and imaginary parts; all are linear."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..array.batch import BatchBox
from ..array.box import ArrayBox
from ..array.memory import made
from ..array.methods import METHODS
from ..array.written import (
    Written,
    attached,
    forget,
    is_number,
    is_view,
    layout_of,
    linked,
    set_class,
    shares_memory,
    viewed,
    viewed_or_copied,
)
from ..engine.box import Box, all_values
from ..engine.cotangent import shape_of
from ..engine.define import composite, linear, zero
from ..engine.places import Step
from ..engine.reverse import ReverseTrace, next_order
from .creation import COPY, as_array
from .tools import NOT_GIVEN

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


RESHAPE.view = {"certain": False}


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
def _reshape(a, shape=NOT_GIVEN, order="C", *, copy=None, **old_name):
    if old_name:
        (shape,) = old_name.values()  # "newshape", before NumPy 2.1
    if shape is NOT_GIVEN:
        raise TypeError("reshape() needs a shape")
    if shape is None:
        shape = shape_of(a)
    if type(a) is ArrayBox and copy is None and order == "C":
        trace = a._trace
        if type(trace) is ReverseTrace:
            x = a._value
            ans = x.reshape(shape)
            box = made(ArrayBox, ans, trace, [next_order(), a._link, _reshape_back, x.shape, None])
            base = ans.base if type(ans) is np.ndarray else getattr(all_values(ans), "base", None)
            return box if base is None else linked(box, a, (RESHAPE, (ans.shape, "C")))
    a = as_array(a)
    step = Step(RESHAPE, {"shape": shape, "order": memory_order(a, order)}, **RESHAPE.view)
    if copy or not isinstance(a, Box):
        return COPY(RESHAPE(a, **step.params)) if copy else RESHAPE(a, **step.params)
    if copy is False and not is_view(a, step):
        np.broadcast_to(0.0, shape_of(a)).reshape(shape)  # raises, if it is no shape
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return viewed_or_copied(a, step)


def reshape_method(self, *shape, order="C", copy=None):
    """As `numpy.ndarray.reshape`."""
    if not shape:
        np.zeros(()).reshape(order=order)  # raises
    return _reshape(self, shape[0] if len(shape) == 1 else shape, order, copy=copy)


def flatten(self, order="C"):
    """As `numpy.ndarray.flatten`."""
    return COPY(_ravel(self.snapshot(), order))


FLAT = Step(RESHAPE, {"shape": (-1,), "order": "C"}, flat=True)


def _assign_flat(self, value):
    viewed(self, FLAT)[...] = value


METHODS["reshape"] = reshape_method
METHODS["flatten"] = flatten
METHODS["flat"] = property(
    lambda x: viewed(x, FLAT),
    _assign_flat,
    doc="The elements as a one-dimensional array, which can be iterated over, indexed and assigned to.",
)


def _set_shape(self, shape):
    """``x.shape = shape``, which lets `x` look at the same memory in another way."""
    if is_number(self):
        raise AttributeError("the shape of a number cannot be set")
    shape = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    memory, path = attached(self)
    layout = memory.layout(path)
    step = Step(RESHAPE, {"shape": layout.reshape(shape).shape, "order": "C"}, **RESHAPE.view)
    if layout.size and not shares_memory(layout, step):
        raise AttributeError("the shape of this view cannot be set without a copy; use x.reshape")
    if type(self) is not Written:
        set_class(self, Written)
        forget(self)
    self._alias = memory, (*path, step)


for _kind in (ArrayBox, Written, BatchBox):
    _kind.shape = vars(_kind)["shape"].setter(_set_shape)


def memory_order(x, order):
    """`order` as "C" or "F": "A" says that the layout in memory decides, which a tangent need not share."""
    if order in ("A", "a"):
        return "F" if np.isfortran(layout_of(x) if isinstance(x, Box) else x) else "C"
    if order is None:
        return "C"
    if not isinstance(order, str):
        raise TypeError(f"order must be str, not {type(order).__name__}")
    if order.upper() not in ("C", "F", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
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
    a = as_array(a)
    if isinstance(a, Box) and isinstance(all_values(a), np.ndarray):
        layout = layout_of(a)
        if a.size and not np.may_share_memory(layout, layout.ravel(order)):  # a reshape may be a view where this is not
            return COPY(_unravelled(a.snapshot(), layout, order))
        return _unravelled(a, layout, order)
    return np.reshape(a, -1, "C" if order in ("K", "k") else order)  # a number, or a lazy array, which has no layout


def _unravelled(a, layout, order):
    if order in ("K", "k"):
        axes = sorted(range(layout.ndim), key=lambda i: -abs(layout.strides[i]))
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

# ---- real and imaginary parts ----------------------------------------------------------------------


def _parts(s):
    return [s(s.array(2, 3)), s(s.array()), s(s.array(0))]


linear(np.real, val=lambda g: g, options={"samples": _parts})
linear(
    np.imag,
    val=lambda g, val_dtype: -1j * g if val_dtype.kind == "c" else g * 0,
    options={"samples": _parts},
)

def _set_part(name):
    def assign(self, value):
        if name == "imag" and self.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        getattr(self, name)[...] = value

    return assign


METHODS["real"] = property(lambda x: np.real(x), _set_part("real"), doc="As `numpy.ndarray.real`.")
METHODS["imag"] = property(lambda x: np.imag(x), _set_part("imag"), doc="As `numpy.ndarray.imag`.")

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
