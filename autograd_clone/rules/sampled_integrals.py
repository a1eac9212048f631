"""Integrals of sampled functions, in operations that can be traced; SciPy's ask for plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import roots_legendre

from ..array.box import as_array
from ..engine.cotangent import shape_of
from .tools import anywhere


def fixed_quad(func: Callable, a: Any, b: Any, args: Any, n: int) -> Any:
    """Gaussian quadrature between limits that are traced."""
    a, b = as_array(a), as_array(b)
    if anywhere(np.isinf(a) | np.isinf(b), unknown=False):
        raise ValueError("Gaussian quadrature is only available for finite limits.")
    x, w = roots_legendre(n)
    half = (b - a) / 2
    return half * np.sum(w * func(half * (x + 1) + a, *args), axis=-1)


def simpson(y: Any, x: Any, axis: int) -> Any:
    """Simpson's rule at points that are traced.

    With an odd number of intervals, the last is integrated by the parabola through the last three points (Cartwright 2017).
    """
    y = np.moveaxis(as_array(y), axis, -1)
    x = as_array(x)
    x = np.moveaxis(x, axis, -1) if x.ndim > 1 else x
    n, h = y.shape[-1], np.diff(x)
    if n < 2:
        return np.zeros(y.shape[:-1])[()]
    if n == 2:
        return 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    m = n - 1 - (n - 1) % 2
    first, second = h[..., 0:m:2], h[..., 1:m:2]
    total = first + second
    terms = (
        total
        / 6
        * (
            y[..., 0 : m - 1 : 2] * (2 - second / first)
            + y[..., 1:m:2] * (total * (total / (first * second)))
            + y[..., 2 : m + 1 : 2] * (2 - first / second)
        )
    )
    out = np.sum(terms, axis=-1)
    if m == n - 1:
        return out
    before, last = h[..., -2], h[..., -1]
    both = before + last
    return (
        out
        + y[..., -1] * last * (2 * last + 3 * before) / (6 * both)
        + y[..., -2] * last * (last + 3 * before) / (6 * before)
        - y[..., -3] * last**3 / (6 * before * both)
    )


def cumulative_simpson(y: Any, x: Any, dx: Any, axis: int, initial: Any) -> Any:
    """The integrals up to each point.

    Each interval is integrated by the parabola through its ends and the next point, or the one before: those two are taken in turn
    (Cartwright 2017, formula 8).
    """
    y = as_array(y)
    if not -y.ndim <= axis < y.ndim:
        raise ValueError(f"`axis={axis}` is not valid for `y` with `y.ndim={y.ndim}`.")
    single = [1 if k == axis % y.ndim else n for k, n in enumerate(shape_of(y))]
    y, n = np.swapaxes(y, axis, -1), shape_of(y)[axis]
    h = _intervals(y, x, dx, axis, single)
    if n < 3:
        out = np.cumsum(h * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    else:
        towards = _first_intervals(y, h)
        back = _first_intervals(y[..., ::-1], h[..., ::-1])[..., ::-1]
        turn = [k if k % 2 == 0 and k < n - 2 else n - 3 + k for k in range(n - 1)]
        out = np.cumsum(np.concatenate([towards, back], axis=-1)[..., turn], axis=-1)
    if initial is not None:
        start = _of_shape("initial", initial, single, axis)
        out = np.concatenate([start, out + start], axis=-1)
    return np.swapaxes(out, axis, -1)


def _intervals(y: Any, x: Any, dx: Any, axis: int, single: list[int]) -> Any:
    """The lengths of the intervals, an array of as many axes as `y` has."""
    n = y.shape[-1]
    if x is None:
        return np.broadcast_to(_of_shape("dx", dx, single, axis), (*y.shape[:-1], n - 1))
    x = as_array(x)
    if x.ndim == 1 and shape_of(x)[0] == n:
        x = np.broadcast_to(x, y.shape)
    elif x.ndim == y.ndim and np.swapaxes(x, axis, -1).shape == y.shape:
        x = np.swapaxes(x, axis, -1)
    else:
        raise ValueError("If given, shape of `x` must be the same as `y` or 1-D with the same length as `y` along `axis`.")
    h = np.diff(x, axis=-1)
    if n > 2 and anywhere(h <= 0, unknown=False):
        raise ValueError("Input x must be strictly increasing.")
    return h


def _of_shape(name: str, given: Any, shape: list[int], axis: int) -> Any:
    """A number or an array of this shape, with the axis of the samples last."""
    given = as_array(given)
    if given.ndim and list(shape_of(given)) != shape:
        raise ValueError(
            f"If provided, `{name}` must either be a scalar or have the same shape as `y` but with only 1 point along `axis`."
        )
    return np.swapaxes(np.broadcast_to(given, shape), axis, -1)


def _first_intervals(y: Any, h: Any) -> Any:
    """The integrals over the first of each two neighbouring intervals, by the parabola through their three points."""
    first, second = h[..., :-1], h[..., 1:]
    both = first + second
    part, bend = first / both, first**2 / (second * both)
    return first / 6 * ((3 - part) * y[..., :-2] + (3 + bend + part) * y[..., 1:-1] - bend * y[..., 2:])
