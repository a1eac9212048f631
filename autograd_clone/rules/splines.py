"""Piecewise polynomials and interpolation on grids, evaluated in operations that can be traced.

The pieces are those that SciPy computes. Where they depend linearly on the values that are interpolated, they are a constant
matrix, SciPy's pieces for unit vectors, times the values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import as_array
from ..engine.box import Box
from ..engine.cotangent import shape_of
from ..engine.errors import UnsupportedKeywordError
from .gathering import read_at
from .tools import anywhere


def refuse_traced(name: str, **arguments: Any) -> None:
    """Raise for each argument that is traced: there is no derivative with respect to it."""
    for key, value in arguments.items():
        if isinstance(value, Box):
            raise UnsupportedKeywordError(
                f"{name}: there is no derivative with respect to {key}, which is traced; stop_gradient({key}) makes it a constant"
            )


# ---- piecewise polynomials ---------------------------------------------------------------------------------


def evaluate(c: Any, breaks: np.ndarray, x: Any, inner: tuple[int, int], extrapolate: Any, axis: int) -> Any:
    """A piecewise polynomial at points of any shape.

    Parameters
    ----------
    c : (K, M, ...) array
        Coefficients, of the highest power first.
    breaks : (M + 1,) array
        Where the pieces begin and end.
    x : array_like
        Points.
    inner : pair of int
        The first and the last piece.
    extrapolate : bool or 'periodic'
        What happens outside.
    axis : int
        Where the axes of `x` go in the result.
    """
    x = as_array(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    low, high = breaks[inner[0]], breaks[inner[1] + 1]
    if isinstance(extrapolate, str) and extrapolate == "periodic":
        x = low + np.remainder(x - low, high - low)
    piece = np.clip(np.searchsorted(breaks, x, side="right") - 1, *inner)
    rest = x - read_at(breaks, piece)
    rest = rest.reshape(rest.shape + (1,) * (c.ndim - 2))
    out = read_at(c[0], piece) + 0.0 * rest
    for k in range(1, shape_of(c)[0]):
        out = out * rest + read_at(c[k], piece)
    if extrapolate is False or extrapolate is None or extrapolate == 0:
        outside = (x < low) | (x > high)
        out = out * np.where(np.reshape(outside, rest.shape), np.nan, 1.0)  # the derivative is NaN as well
    order = [*range(x.ndim, x.ndim + axis), *range(x.ndim), *range(x.ndim + axis, out.ndim)]
    return np.transpose(out, order) if axis else out


def derived(c: Any, nu: int) -> Any:
    """Coefficients of the derivative of order `nu`."""
    for _ in range(nu):
        n = shape_of(c)[0]
        if n == 1:
            return c * 0.0
        c = c[:-1] * np.arange(n - 1.0, 0.0, -1.0).reshape((-1,) + (1,) * (c.ndim - 1))
    return c


def pieces(build: Callable[[np.ndarray, bool], np.ndarray], y: Any, *, periodic: bool) -> Any:
    """Coefficients of an interpolant, as SciPy makes them, for traced values along axis 0.

    ``build(values, homogeneous)`` are the coefficients for plain values, with the conditions at the ends as given, or made
    homogeneous.
    """
    n = shape_of(y)[0]
    units = np.eye(n)
    if periodic:  # the last value is the first
        units = np.concatenate([units[:-1, :-1], units[:1, :-1]])
        y = y[:-1]
    matrix = build(units, True)
    constant = build(np.zeros((n, *shape_of(y)[1:])), False)
    return np.tensordot(matrix, y, 1) + constant


# ---- grids -------------------------------------------------------------------------------------------------


def on_grid(grid: tuple, values: Any, xi: Any, method: str, bounds_error: bool, fill_value: Any) -> Any:
    """Multilinear or nearest-neighbour interpolation of `values` at the points in the last axis of `xi`."""
    values = as_array(values)
    xi = as_array(xi)
    d = len(grid)
    if shape_of(xi)[-1] != d:
        raise ValueError(
            f"the requested sample points xi have dimension {shape_of(xi)[-1]}, but this interpolation has dimension {d}"
        )
    grid, values = _ascending(grid, values)
    outside: Any = False
    places, weights = [], []
    for k, points in enumerate(grid):
        x = xi[..., k]
        beyond = (x < points[0]) | (x > points[-1])
        if bounds_error and anywhere(beyond):
            raise ValueError(f"one of the requested xi is out of bounds in dimension {k}")
        outside = outside | beyond
        last = max(len(points) - 2, 0)
        cell = np.clip(np.searchsorted(points, x, side="right") - 1, 0, last)
        width = np.diff(points) if last or len(points) > 1 else np.ones(1)
        share = (x - read_at(points, cell)) / read_at(width, cell)
        if method == "nearest":
            share = np.where(share <= 0.5, 0.0, 1.0)
        places.append((cell, np.minimum(cell + 1, len(points) - 1)))
        weights.append((1.0 - share, share))
    out: Any = 0.0
    more = values.ndim - d
    for corner in itertools.product((0, 1), repeat=d):
        weight: Any = 1.0
        for k, side in enumerate(corner):
            weight = weight * weights[k][side]
        weight = weight.reshape(weight.shape + (1,) * more)
        out = out + weight * read_at(values, tuple(places[k][side] for k, side in enumerate(corner)))
    if not bounds_error and fill_value is not None:
        out = np.where(np.reshape(outside, shape_of(outside) + (1,) * more), fill_value, out)
    return out


def _ascending(grid: tuple, values: Any) -> tuple[list, Any]:
    """A grid of which every axis rises."""
    rising = []
    for k, points in enumerate(grid):
        points = np.asarray(points, np.float64)
        if len(points) != shape_of(values)[k]:
            raise ValueError(f"There are {len(points)} points and {shape_of(values)[k]} values on dimension {k}")
        if np.all(np.diff(points) < 0):
            points, values = points[::-1], np.flip(values, k)
        elif not np.all(np.diff(points) > 0):
            raise ValueError(f"The points in dimension {k} must be strictly ascending or descending")
        rising.append(points)
    return rising, values
