"""Evenly spaced numbers between traced end points."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..engine.batch import same_for_all
from ..engine.box import getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite
from ..engine.errors import UnsupportedTypeError
from .creation import NUMBERS, as_array, as_operand, cast_to, holds_box, through
from .tools import anywhere


def _one_of(x: Any) -> Any:
    """A plain number of the dtype of `x`, or `x` if it is a Python number."""
    return x if type(x) in NUMBERS else np.ones((), dtype_of(x))


def _precision(*ends):
    """The real dtype to compute in: at least double precision, as in NumPy."""
    dtype = np.result_type(np.float64, *[_one_of(x) for x in ends])
    return np.zeros((), dtype).real.dtype if dtype.kind in "fc" else np.dtype(np.float64)


def _spaced(start, stop, num, endpoint, axis, function):
    """``function(start, stop, t)`` for `num` values of ``t`` from 0 to 1, along a new axis."""
    num = operator.index(num)
    ndim = len(np.broadcast_shapes(shape_of(start), shape_of(stop)))
    t = np.linspace(0.0, 1.0, num, endpoint, dtype=_precision(start, stop)).reshape((num,) + (1,) * ndim)
    out = function(start, stop, t)
    return np.moveaxis(out, 0, axis) if axis != 0 else out


@composite(
    np.linspace,
    samples=lambda s: [
        s(s.array(), s.array()),
        s(s.array(3), s.array(2, 1), 5, False, axis=-1),
        s(s.array(), s.array(), num=4, endpoint=False, retstep=True, dtype=s.dtype),
        s(s.array(2), 1.0, 1, axis=1),
        s(s.array(), 1.0, 0),
    ],
)
def _linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    start, stop = as_operand(start), as_operand(stop)
    dtype = np.linspace(_one_of(start), _one_of(stop), 0, dtype=dtype).dtype
    intervals = operator.index(num) - bool(endpoint)

    def on_the_way(start, stop, t):
        """As NumPy computes it, so that of infinite ends it makes the same; the last is `stop` itself."""
        i = np.round(t * intervals)
        out = start + i * ((stop - start) / max(intervals, 1))
        return np.where(i == intervals, stop, out) if endpoint and intervals > 0 else out

    out = cast_to(_spaced(start, stop, num, endpoint, axis, on_the_way), dtype)
    return (out, (stop - start) / intervals if intervals > 0 else np.nan) if retstep else out


@composite(
    np.logspace,
    operands=("start", "stop", "base"),
    samples=lambda s: [
        s(s.array(), s.array()),
        s(s.array(3), s.array(2, 1), 5, False, 2.0, axis=-1),
        s(s.array(2), s.array(2), num=4, base=s.positive(2), dtype=s.dtype),
        s(s.array(2), s.array(2), num=4, base=s.positive(2), axis=1),
        s(s.array(), s.array(), num=4, base=s.positive()),
    ],
)
def _logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    start, stop, base = as_operand(start), as_operand(stop), as_operand(base)
    if shape_of(base):
        start, stop = as_array(start), as_array(stop)
    dtype = np.logspace(_one_of(start), _one_of(stop), 0, base=_one_of(base), dtype=dtype).dtype
    if shape_of(base):
        ndim = len(np.broadcast_shapes(shape_of(start), shape_of(stop), shape_of(base)))
        start, stop, base = (
            np.reshape(x, (1,) * (ndim - len(shape_of(x))) + shape_of(x)) for x in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    return cast_to(np.power(base, np.linspace(start, stop, num, endpoint, axis=axis)), dtype)


@composite(
    np.geomspace,
    samples=lambda s: [
        s(s.positive(), s.positive()),
        s(s.positive(3), s.positive(2, 1), 5, False, axis=-1),
        s(s.positive(2), s.positive(2), num=4, dtype=s.dtype),
        s(-s.positive(2), -s.positive(2), num=3),
    ],
)
def _geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    start, stop = as_operand(start), as_operand(stop)
    dtype = np.geomspace(_one_of(start), _one_of(stop), 0, dtype=dtype).dtype
    if anywhere(np.equal(start, 0), unknown=False) or anywhere(np.equal(stop, 0), unknown=False):
        raise ValueError("Geometric sequence cannot include zero")

    def on_the_way(start, stop, t):
        out = start * (stop / start) ** t
        return np.where(t == 1, stop, out) if endpoint and operator.index(num) > 1 else out

    out = _spaced(start, stop, num, endpoint, axis, on_the_way)
    return cast_to(out, dtype)


def _near(s, x):
    """Close to `x`, so that the number of elements does not jump."""
    return np.asarray(x + 0.02 * s.unit(), s.dtype)


@composite(
    np.arange,
    complex=False,
    samples=through(
        lambda: arange,
        lambda s: [
            s(_near(s, 3.5)),
            s(_near(s, 0.3), 5.0, 0.5),
            s(1.0, 4.0, _near(s, 0.7)),
            s(_near(s, 0.5), 9, dtype=s.dtype),
        ],
    ),
)
def arange(*args, **kwargs):
    """As `numpy.arange`; the end points and the step may be traced."""
    if any(map(holds_box, args)) or any(map(holds_box, kwargs.values())):
        return _traced_arange(*args, **kwargs)
    return np.arange(*args, **kwargs)


def _traced_arange(start=None, stop=None, step=1, dtype=None, *, device=None, like=None):
    if stop is None:
        start, stop = 0, start
    if shape_of(start) or shape_of(stop) or shape_of(step):
        raise ValueError("the end points and the step of arange are numbers")
    if any(dtype_of(x).kind == "c" for x in (start, stop, step)):
        raise UnsupportedTypeError("numpy.arange: the derivative does not support complex numbers; use np.linspace")
    if dtype is not None and np.dtype(dtype).kind not in "fc":  # first the end points are made integers
        return np.arange(getval(start), getval(stop), getval(step), dtype)
    number = same_for_all(_length(getval(stop) - getval(start), getval(step)))
    ends: Any = (_one_of(start), _one_of(stop), _one_of(step))
    dtype = np.arange(*ends, dtype=dtype).dtype
    places = np.arange(max(0, int(number)))
    return cast_to(start + (step * places if number > 1 else 0.0 * places), dtype)  # of one place an infinite step is none


def _length(distance, step):
    """How many elements `numpy.arange` makes; one for a quotient that is too small, or has an infinite divisor."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.divide(distance, step)
    return np.where((steps == 0) & (distance != 0) & ~np.signbit(steps), 1, np.ceil(steps))
