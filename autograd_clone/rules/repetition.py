"""Flipping, rolling, rotating and repeating.

The adjoint of ``np.repeat`` is a primitive, `sum_segments`, as NumPy has none.
"""

from __future__ import annotations

import warnings
from math import prod

import numpy as np

from ..array.box import FAST
from ..engine.cotangent import dtype_of
from ..engine.define import composite, linear
from ..engine.scattering import add_rows
from .axes import INT, direct

# ---- flipping, rolling, rotating -------------------------------------------------------------------


def _negated(shift):
    return tuple(-int(k) for k in shift) if np.ndim(shift) else -shift


def _cuts_fractions() -> bool:
    """Whether NumPy takes 2.5 quarter turns for 2, as it does since 2.5 with a warning; before, it took them for 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.rot90(np.empty((1, 2)), 2.5).shape == (1, 2)
        except TypeError:
            return True


_CUTS_FRACTIONS = _cuts_fractions()


def _turned_back(k):
    """The number of quarter turns that undo `k`."""
    k = (int(k) if _CUTS_FRACTIONS else k) % 4
    return 0 if k == 0 else 2 if k == 2 else 3 if k == 1 else 1


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
    m=lambda g, k, axes: np.rot90(g, _turned_back(k), axes),
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


def _rolled(x, shift):
    if type(x) is not np.ndarray or x.ndim != 1 or not x.size:
        return np.roll(x, shift)
    start = -shift % x.size
    return np.concatenate((x[start:], x[:start]))  # a tenth of the time of np.roll on small arrays


FAST[2][np.roll] = direct(np.roll, _rolled, lambda g, r: _rolled(g, -r[1]), INT, copies=True)

# ---- repeating -------------------------------------------------------------------------------------


def _tile_back(g, A_shape, reps):
    try:
        reps = tuple(map(int, reps))
    except TypeError:
        reps = (int(reps),)
    if 0 in A_shape:  # which may be repeated less than no times
        return np.zeros(A_shape, dtype_of(g))
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
    repeats = np.asarray(repeats).astype(int)
    if not prod(shape):
        return np.zeros(a_shape, dtype_of(g))
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
