"""Diagonals, triangles, sliding windows.

All but `numpy.vander` are linear. An adjoint that NumPy lacks (`place_diagonal`, `sum_windows`) is a
primitive here, whose own adjoint is the NumPy function it came from.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..engine.cotangent import dtype_of, shape_of, unbroadcast
from ..engine.define import composite, linear
from ..engine.duck import is_duck
from .creation import as_array, cast_to

# ---- diagonals and triangles -----------------------------------------------------------------------


def place_diagonal(x, *, shape, offset, axis1, axis2):
    """Zeros of `shape` with `x` on a diagonal: the adjoint of ``np.diagonal``."""
    if is_duck(x):
        return _chosen_diagonal(x, shape, offset, axis1, axis2)
    out = np.zeros(shape, x.dtype)
    diagonal = np.diagonal(out, offset, axis1, axis2)
    if diagonal.shape != x.shape:
        raise ValueError(f"cannot place an array of shape {x.shape} on a diagonal of shape {diagonal.shape}")
    diagonal.flags.writeable = True  # a view of `out`, read-only for historical reasons
    diagonal[...] = x
    return out


def _chosen_diagonal(x, shape, offset, axis1, axis2):
    """`place_diagonal` for arrays that cannot be written to through a view: each row is its element or zero."""
    n, m = shape[axis1], shape[axis2]
    before = max(0, -offset)
    rows = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, n - before - x.shape[-1])])
    return np.moveaxis(np.where(np.eye(n, m, offset, bool), rows[..., None], 0), (-2, -1), (axis1, axis2))


def _diagonal_of(g, offset, axis1, axis2):
    return np.diagonal(g, offset, axis1, axis2)


def _place_back(g, a_shape, offset, axis1, axis2):
    return PLACE_DIAGONAL(g, shape=a_shape, offset=offset, axis1=axis1, axis2=axis2)


PLACE_DIAGONAL = linear(
    place_diagonal,
    x=_diagonal_of,
    options={
        "harmless": ("shape",),
        "samples": lambda s: [
            s(s.array(2), shape=(2, 3), offset=1, axis1=0, axis2=1),
            s(s.array(2, 2), shape=(3, 2, 2), offset=-1, axis1=0, axis2=2),
        ],
    },
)
linear(
    np.diagonal,
    a=_place_back,
    options={
        "samples": lambda s: [
            s(s.array(3, 3)),
            s(s.array(2, 4), 1),
            s(s.array(2, 3, 4), offset=-1, axis1=2, axis2=0),
            s(s.array(2, 3), 5),
            s(s.array(0, 0)),
        ]
    },
)
linear(
    np.linalg.diagonal,
    x=lambda g, x_shape, offset: _place_back(g, x_shape, offset, -2, -1),
    options={
        "samples": lambda s: [
            s(s.array(3, 3)),
            s(s.array(2, 3, 4), offset=1),
            s(s.array(3, 2), offset=-1),
        ]
    },
)


def make_diagonal(D, offset=0, axis1=0, axis2=1):
    """Arrays with `D` on a diagonal: ``np.diagonal(make_diagonal(D, ...), ...)`` is `D`.

    Parameters
    ----------
    D : array_like, shape (..., n)
        The diagonals.
    offset, axis1, axis2 : int
        As in `numpy.diagonal`; the axes are those of the result.

    Returns
    -------
    ndarray, shape (..., n + abs(offset), n + abs(offset)) with the last two axes moved to `axis1` and `axis2`

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> np.make_diagonal(np.array([1.0, 2.0]), offset=0, axis1=-1, axis2=-2)
    array([[1., 0.],
           [0., 2.]])
    """
    D = as_array(D)
    shape = shape_of(D)
    ndim, n = len(shape) + 1, shape[-1] + abs(offset)
    axis1, axis2 = axis1 % ndim, axis2 % ndim
    full = list(shape[:-1])
    for axis in sorted((axis1, axis2)):
        full.insert(axis, n)
    return PLACE_DIAGONAL(D, shape=tuple(full), offset=offset, axis1=axis1, axis2=axis2)


def _diag_back(g, v_shape, k):
    return np.diagonal(g, k) if len(v_shape) == 1 else _place_back(g, v_shape, k, 0, 1)


linear(
    np.diag,
    v=_diag_back,
    options={
        "samples": lambda s: [
            s(s.array(3)),
            s(s.array(3), 2),
            s(s.array(3, 3)),
            s(s.array(2, 4), k=1),
            s(s.array(3, 2), -1),
            s(s.array(0)),
        ]
    },
)


@composite(np.diagflat, samples=lambda s: [s(s.array(2, 2)), s(s.array(3), 1), s(s.array(), k=-1)])
def _diagflat(v, k=0):
    return np.diag(np.ravel(v), k)


def _triangles(s):
    return [s(s.array(3, 3)), s(s.array(2, 4), 1), s(s.array(2, 3, 2), k=-1), s(s.array(3)), s(s.array(0, 0))]


linear(np.tril, m=lambda g, m_shape, k: unbroadcast(np.tril(g, k), m_shape), options={"samples": _triangles})
linear(np.triu, m=lambda g, m_shape, k: unbroadcast(np.triu(g, k), m_shape), options={"samples": _triangles})


def _trace_back(g, a_shape, offset, axis1, axis2):
    n = np.diagonal(np.broadcast_to(0, a_shape), offset, axis1, axis2).shape[-1]
    return _place_back(
        np.broadcast_to(np.expand_dims(g, -1), (*shape_of(g), n)), a_shape, offset, axis1, axis2
    )


linear(
    np.trace,
    a=_trace_back,
    options={
        "harmless": ("dtype",),
        "samples": lambda s: [
            s(s.array(3, 3)),
            s(s.array(2, 4), 1),
            s(s.array(2, 3, 4), offset=-1, axis1=2, axis2=0),
            s(s.array(3, 3), dtype=s.dtype),
            s(s.array(2, 2), 7),
        ],
    },
)


def _linalg_trace(x, /, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)


composite(
    np.linalg.trace,
    _linalg_trace,
    samples=lambda s: [s(s.array(3, 3)), s(s.array(2, 3, 4), offset=1), s(s.array(3, 3), dtype=s.dtype)],
)


@composite(
    np.vander,
    samples=lambda s: [
        s(s.array(3)),
        s(s.array(3), 2),
        s(s.array(2), N=4, increasing=True),
        s(s.array(3), 0),
        s(s.array(3), 1),
    ],
)
def _vander(x, N=None, increasing=False):
    if len(shape_of(x)) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    x = cast_to(x, np.promote_types(dtype_of(x), int))
    n = x.size if N is None else N
    if n < 0:
        raise ValueError("negative dimensions are not allowed")
    if n == 0:
        return np.zeros((x.size, 0), dtype_of(x))
    powers = [np.ones(x.size, dtype_of(x)), x][:n]
    for _ in range(n - 2):
        powers.append(powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=1)


# ---- windows ---------------------------------------------------------------------------------------


def sum_windows(x, *, axes):
    """What lies in overlapping windows, added up: the adjoint of ``sliding_window_view``."""
    ndim = x.ndim - len(axes)
    shape = list(x.shape[:ndim])
    for axis, n in zip(axes, x.shape[ndim:], strict=True):
        shape[axis] += n - 1
    out = np.zeros(shape, x.dtype)
    for place in np.ndindex(x.shape[ndim:]):
        start = [0] * ndim
        for axis, k in zip(axes, place, strict=True):
            start[axis] += k
        out[tuple(slice(i, i + n) for i, n in zip(start, x.shape, strict=False))] += x[(..., *place)]
    return out


def _window_axes(ndim, axis):
    if axis is None:
        return tuple(range(ndim))
    return tuple(k % ndim for k in (axis if np.ndim(axis) else (axis,)))


SUM_WINDOWS = linear(
    sum_windows,
    x=lambda g, x_shape, axes: sliding_window_view(g, x_shape[len(x_shape) - len(axes) :], axes),
    options={"samples": lambda s: [s(s.array(3, 2, 2), axes=(1,))]},
)
linear(
    sliding_window_view,
    x=lambda g, x_shape, axis: SUM_WINDOWS(g, axes=_window_axes(len(x_shape), axis)),
    options={
        "harmless": ("window_shape", "subok", "writeable"),
        "samples": lambda s: [
            s(s.array(5), 3),
            s(s.array(3, 4), (2, 2)),
            s(s.array(3, 4), window_shape=2, axis=-1, subok=True),
            s(s.array(5, 2), (2, 2), axis=(0, 0), writeable=True),
        ],
    },
)
