"""Differences along an axis, numerical derivatives, and the trapezoidal rule."""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.define import composite, linear
from ..engine.duck import is_duck, zeros
from .creation import as_array
from .tools import NOT_GIVEN, along, axes_of

# ---- differences ---------------------------------------------------------------------------------------


def difference(a, *, axis):
    """``a[1:] - a[:-1]`` along an axis."""
    return a[along(axis, a.ndim, slice(1, None))] - a[along(axis, a.ndim, slice(None, -1))]


def difference_adjoint(x, *, axis):
    """``-diff`` of `x` with a zero before and after it."""
    shape = list(x.shape)
    shape[axis] += 1
    if is_duck(x):
        edge = zeros([1 if k == axis % x.ndim else n for k, n in enumerate(x.shape)], x.dtype, x)
        return np.concatenate([edge, x], axis) - np.concatenate([x, edge], axis)
    out = np.zeros(shape, x.dtype)
    out[along(axis, x.ndim, slice(1, None))] = x
    out[along(axis, x.ndim, slice(None, -1))] -= x
    return out


DIFFERENCE: Any = linear(
    difference,
    a=lambda g, a_shape, axis: DIFFERENCE_ADJOINT(g, axis=axis) if a_shape[axis] else g,
    options={
        "samples": lambda s: [s(s.array(3, 4), axis=1), s(s.array(3, 4), axis=-2), s(s.array(1), axis=0)],
    },
)


DIFFERENCE_ADJOINT: Any = linear(
    difference_adjoint,
    x=lambda g, axis: DIFFERENCE(g, axis=axis),
    options={"samples": lambda s: [s(s.array(3, 4), axis=1), s(s.array(3, 4), axis=-2)]},
)


def _diff(a, n=1, axis=-1, prepend=NOT_GIVEN, append=NOT_GIVEN):
    a = as_array(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if n == 0:
        return a
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    (axis,) = axes_of(as_int(axis), a.ndim)
    parts = [_edge(prepend, a, axis), a, _edge(append, a, axis)]
    parts = [p for p in parts if p is not None]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    for _ in range(n):
        a = DIFFERENCE(a, axis=axis)
    return a


def _edge(values, a, axis):
    """What is put before or after `a`; a number is repeated across the axis."""
    if values is NOT_GIVEN:
        return None
    values = as_array(values)
    if values.ndim:
        return values
    k = axes_of(axis, a.ndim)[0]
    return np.broadcast_to(values, tuple(1 if i == k else n for i, n in enumerate(a.shape)))


composite(
    np.diff,
    _diff,
    operands=("a", "prepend", "append"),
    samples=lambda s: [
        s(s.array(5)),
        s(s.array(3, 4), n=2),
        s(s.array(3, 4), axis=0),
        s(s.array(3, 4), 3, -1, s.array(3, 2), s.array()),
        s(s.array(3, 4), axis=0, prepend=s.array(), append=s.array(1, 4)),
        s(s.array(1)),
        s(s.array(3), n=0),
    ],
)


@composite(
    np.ediff1d,
    operands=("ary", "to_end", "to_begin"),
    samples=lambda s: [
        s(s.array(5)),
        s(s.array(2, 3), to_end=s.array(2), to_begin=s.array()),
        s(s.array(1)),
        s(s.array(0)),
    ],
)
def _ediff1d(ary, to_end=None, to_begin=None):
    a = as_array(ary).reshape(-1)
    parts = [] if to_begin is None else [as_array(to_begin).reshape(-1)]
    parts.append(DIFFERENCE(a, axis=0))
    if to_end is not None:
        parts.append(as_array(to_end).reshape(-1))
    return np.concatenate(parts, dtype=a.dtype, casting="same_kind") if len(parts) > 1 else parts[0]


# ---- numerical derivatives -----------------------------------------------------------------------------


@composite(
    np.gradient,
    samples=lambda s: [
        s(s.array(5)),
        s(s.array(3, 4)),
        s(s.array(3, 4), s.positive()),
        s(s.array(3, 4), 0.5, axis=1),
        s(s.array(3, 4), 0.5, np.sort(s.distinct(4)), edge_order=2),
        s(s.array(2, 4, 3), np.arange(4.0), axis=1, edge_order=2),
        s(s.array(4, 3), 2.0, s.array(3) + np.arange(3) * 4, axis=(0, -1)),
    ],
)
def _gradient(f, *varargs, axis=None, edge_order=1):
    f = as_array(f)
    if f.dtype.kind not in "fc":
        f = f * 1.0
    axes = axes_of(axis, f.ndim)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    slopes = []
    for k, spacing in zip(axes, _spacings(f, axes, varargs), strict=True):
        if f.shape[k] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, "
                "at least (edge_order + 1) elements are required."
            )
        slopes.append(_slope(f, k, spacing, edge_order))
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _spacings(f, axes, given):
    """The distance of neighbours for each axis: a number, or one for each pair."""
    if len(given) == 0:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    return [_spacing(x, f.shape[k]) for x, k in zip(given, axes, strict=True)]


def _spacing(x, n):
    """Equal distances are one number only if nothing depends on them: a derivative needs each."""
    x = as_array(x)
    if x.ndim == 0:
        return x
    if x.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if x.shape[0] != n:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = DIFFERENCE(x * 1.0 if x.dtype.kind in "iu" else x, axis=0)
    if isinstance(x, Box) or n < 2 or (steps != steps[0]).any():
        return steps
    return steps[0]


def _slope(f, axis, spacing, edge_order):
    """Central differences inside, one-sided ones at the ends."""
    n = f.shape[axis]

    def part(start, stop):
        return f[along(axis, f.ndim, slice(start, stop or None))]

    def weighted(weights, first):
        terms = [w * part(first + i, first + i + 1) for i, w in enumerate(weights)]
        return terms[0] + terms[1] + terms[2] if len(terms) == 3 else terms[0] + terms[1]

    if np.ndim(spacing) == 0:
        inside = (part(2, 0) - part(0, -2)) / (2.0 * spacing)
        steps = [spacing] * 4
    else:
        column = [-1 if i == axis else 1 for i in range(f.ndim)]
        a, b, c = (w.reshape(column) for w in _central(spacing[:-1], spacing[1:]))
        inside = a * part(0, -2) + b * part(1, -1) + c * part(2, 0)
        steps = [spacing[0], spacing[min(1, n - 2)], spacing[max(n - 3, 0)], spacing[n - 2]]
    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / steps[0]
        last = (part(n - 1, n) - part(n - 2, n - 1)) / steps[3]
    else:
        first = weighted(_one_sided(steps[0], steps[1]), 0)
        last = weighted([-w for w in _one_sided(steps[3], steps[2])][::-1], n - 3)
    return np.concatenate([first, inside, last], axis=axis, dtype=f.dtype, casting="same_kind")


def _central(h, k):
    """Weights of the derivative at the middle of three points that are `h` and `k` apart."""
    return -k / (h * (h + k)), (k - h) / (h * k), h / (k * (h + k))


def _one_sided(h, k):
    """Weights of the derivative at the first of three points that are `h` and `k` apart."""
    return -(2.0 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k))


# ---- the trapezoidal rule ------------------------------------------------------------------------------


@composite(
    np.trapezoid,
    operands=("y", "x"),
    samples=lambda s: [
        s(s.array(5)),
        s(s.array(3, 4), dx=0.5),
        s(s.array(3, 4), s.array(4)),
        s(s.array(3, 4), x=s.array(3, 4), axis=0),
        s(s.array(4, 2), s.array(4), axis=-2),
        s(s.array(1)),
    ],
)
def _trapezoid(y, x=None, dx=1.0, axis=-1):
    y = as_array(y)
    if x is None:
        width = dx
    else:
        x = as_array(x)
        width = DIFFERENCE(x, axis=axis if x.ndim > 1 else 0)
        if x.ndim == 1:
            k = axes_of(axis, y.ndim)[0]
            width = width.reshape([-1 if i == k else 1 for i in range(y.ndim)])
    heights = y[along(axis, y.ndim, slice(1, None))] + y[along(axis, y.ndim, slice(None, -1))]
    return np.sum(width * heights / 2.0, axis=axis)
