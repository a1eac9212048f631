"""``np.pad`` in all its modes.

Padding goes axis by axis, and along one axis every mode is a few slices, a gather, or a mean joined to the
array. The odd reflections are found by padding test vectors: what ``np.pad`` does to an axis is ``x[j] * s
+ x[0] * p + x[-1] * q``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from ..engine.errors import NotDifferentiableError
from .creation import COPY, as_array, cast_to, holds_box
from .joining import along

#: mode -> keywords that it takes, with their defaults.
_KEYWORDS: dict[str, dict[str, Any]] = {
    "constant": {"constant_values": 0},
    "edge": {},
    "empty": {},
    "linear_ramp": {"end_values": 0},
    "maximum": {"stat_length": None},
    "mean": {"stat_length": None},
    "median": {"stat_length": None},
    "minimum": {"stat_length": None},
    "reflect": {"reflect_type": "even"},
    "symmetric": {"reflect_type": "even"},
    "wrap": {},
}


def _pad_samples(s):
    def all_modes(x, width, **options):
        return [
            s(x, width, mode, **options)
            for mode in ("constant", "edge", "linear_ramp", "mean", "reflect", "symmetric", "wrap")
        ]

    return [
        *all_modes(s.array(4), 2),
        *all_modes(s.array(3, 4), ((1, 2), (0, 3))),
        *all_modes(s.array(2, 3), {-1: (5, 8)}),
        s(s.array(3), 2, "empty", via=lambda f, x, *rest: f(x, *rest)[2:-2]),
        s(s.array(3, 2), (1, 2), mode="constant", constant_values=((1.0, 2.0), (3.0, 4.0))),
        s(s.array(3), 1, "linear_ramp", end_values=(2.0, -1.0)),
        s(s.array(5), (2, 3), "mean", stat_length=2),
        s(s.array(3, 5), (2, 3), "mean", stat_length=((2, 3), (9, 1))),
        s(s.array(4), (7, 9), "reflect", reflect_type="odd"),
        s(s.array(2, 3), (4, 5), "symmetric", reflect_type="odd"),
        s(s.array(1, 2), 3, "reflect", reflect_type="odd"),
        s(s.array(0, 2), ((1, 1), (0, 0))),
        s(s.array(), 0),
        s(s.array(3), 1, "constant", constant_values=s.array(), via=lambda f, *args, **kw: _pad(*args, **kw)),
        s(
            s.array(3),
            (1, 2),
            "linear_ramp",
            end_values=(s.array(), 1.0),
            via=lambda f, *args, **kw: _pad(*args, **kw),
        ),
    ] + (
        []
        if s.dtype.kind == "c"
        else [
            s(s.distinct(2, 5), (1, 3), mode, stat_length=n)
            for mode in ("maximum", "minimum", "median")
            for n in (None, 3, (2, 4))
        ]
    )


@composite(np.pad, samples=_pad_samples)
def _pad(array, pad_width, mode="constant", **kwargs):
    if callable(mode):
        raise NotDifferentiableError(
            "numpy.pad: a function as mode writes into its array, which no trace follows; use np.concatenate"
        )
    options = _options(mode, kwargs)
    array = as_array(array)
    ndim = len(shape_of(array))
    widths = _widths(pad_width, ndim)
    if not ndim:
        return COPY(array)
    if mode == "constant" and not holds_box(options["constant_values"]):
        return PAD(array, pad_width=widths, constant_values=options["constant_values"])
    for axis, width in enumerate(widths):
        array = _pad_axis(
            array,
            axis,
            width,
            mode,
            {k: _pairs(v, ndim)[axis] if k != "reflect_type" else v for k, v in options.items()},
        )
    return array


def _options(mode: str, given: dict) -> dict:
    if mode not in _KEYWORDS:
        raise ValueError(f"mode {mode!r} is not supported")
    known = _KEYWORDS[mode]
    if set(given) - set(known):
        raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {set(given) - set(known)}")
    return known | given


def _widths(pad_width: Any, ndim: int) -> list:
    """Padding before and after each axis."""
    if isinstance(pad_width, dict):
        widths: list[Any] = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            widths[axis] = width if np.ndim(width) else (width, width)
        return [tuple(map(int, w)) for w in widths]
    if np.asarray(pad_width).dtype.kind not in "iu":
        raise TypeError("`pad_width` must be of integral type.")
    return [tuple(w) for w in np.broadcast_to(pad_width, (ndim, 2)).tolist()]


def _pairs(value: Any, ndim: int) -> list:
    """A keyword's value before and after each axis; it may hold traced values."""
    if value is None:
        return [(None, None)] * ndim
    value = as_array(value)
    return list(np.broadcast_to(value, (ndim, 2)))


def padded(array, *, pad_width, constant_values):
    """``np.pad`` with constants."""
    return np.pad(array, pad_width, "constant", constant_values=constant_values)


def _unpad(g, array_shape, pad_width):
    return g[tuple(slice(before, before + n) for n, (before, _) in zip(array_shape, pad_width, strict=True))]


PAD: Any = custom(
    padded,
    vjp={"array": _unpad},
    jvp={"array": lambda t, pad_width: PAD(t, pad_width=pad_width, constant_values=0)},
    harmless=("constant_values",),
    samples=lambda s: [s(s.array(2, 3), pad_width=[(1, 0), (2, 3)], constant_values=2.0)],
)


def _pad_axis(x: Any, axis: int, width: tuple[int, int], mode: Any, options: dict) -> Any:
    before, after = width
    n = shape_of(x)[axis]
    if before == 0 and after == 0:
        return x
    if n == 0 and mode not in ("constant", "empty"):
        raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    if mode in ("reflect", "symmetric", "wrap", "edge"):
        if options.get("reflect_type") == "odd":
            return _odd_reflection(x, axis, (before, after), mode)
        index = np.pad(np.arange(n), width, mode)
        left, right = np.take(x, index[:before], axis), np.take(x, index[before + n :], axis)
        return np.concatenate((left, x, right), axis)
    left, right = _BLOCKS[mode](x, axis, before, after, *options.values())
    dtype = dtype_of(x)
    return np.concatenate((cast_to(left, dtype), x, cast_to(right, dtype)), axis)


def _block(x: Any, axis: int, n: int, value: Any) -> Any:
    """`value` (a number, or an array with length one along `axis`) over `n` places of an axis."""
    return np.broadcast_to(value, (*shape_of(x)[:axis], n, *shape_of(x)[axis + 1 :]))


def _edge(x: Any, axis: int, k: int) -> Any:
    return x[(slice(None),) * axis + (slice(k, k + 1 or None),)]


def _column(values: np.ndarray, ndim: int, axis: int) -> np.ndarray:
    return values.reshape((-1,) + (1,) * (ndim - 1 - axis))


def _odd_reflection(x: Any, axis: int, width: tuple, mode: Any) -> Any:
    n = shape_of(x)[axis]
    index = np.pad(np.arange(n), width, mode)
    tests = np.zeros((2, n))
    tests[0, 0], tests[1, -1] = 1, 1
    first, last = (np.pad(e, width, mode, reflect_type="odd") for e in tests)
    # constants are reflected to themselves, which gives the sign of the element in the middle
    inner = np.where((index == 0) | (index == n - 1), 0.0, 1 - first - last)
    added = np.arange(len(index))
    added = added[(added < width[0]) | (added >= width[0] + n)]
    blocks = _odd_blocks(
        x, axis, index[added], inner[added], first[added], last[added] if n > 1 else 0 * last[added]
    )
    return np.concatenate((blocks[along(axis, None, width[0])], x, blocks[along(axis, width[0], None)]), axis)


def _odd_blocks(
    x: Any, axis: int, index: np.ndarray, inner: np.ndarray, first: np.ndarray, last: np.ndarray
) -> Any:
    columns = [v.reshape((-1,) + (1,) * (len(shape_of(x)) - 1 - axis)) for v in (inner, first, last)]
    out = (
        np.take(x, index, axis) * columns[0]
        + _edge(x, axis, 0) * columns[1]
        + _edge(x, axis, -1) * columns[2]
    )
    return cast_to(out, dtype_of(x))


def _constant_blocks(x, axis, before, after, constants):
    return _block(x, axis, before, constants[0]), _block(x, axis, after, constants[1])


def _empty_blocks(x, axis, before, after):
    return _block(x, axis, before, 0.0), _block(x, axis, after, 0.0)


def _ramp_blocks(x, axis, before, after, ends):
    ndim = len(shape_of(x))
    up, down = (_column(np.linspace(0.0, 1.0, n, endpoint=False), ndim, axis) for n in (before, after))
    down = down[::-1]
    return (1 - up) * ends[0] + up * _edge(x, axis, 0), (1 - down) * ends[1] + down * _edge(x, axis, -1)


def _statistic_blocks(function: Callable) -> Callable:
    """Blocks filled with a statistic of the first and of the last few elements."""

    def blocks(x, axis, before, after, lengths):
        n = shape_of(x)[axis]
        first, last = (n if k is None else min(int(k), n) for k in lengths)
        whole = (slice(None),) * axis
        left = function(x[(*whole, slice(0, first))], axis=axis, keepdims=True)
        right = function(x[(*whole, slice(n - last, n))], axis=axis, keepdims=True)
        return _block(x, axis, before, left), _block(x, axis, after, right)

    return blocks


_BLOCKS: dict[str, Callable] = {
    "constant": _constant_blocks,
    "empty": _empty_blocks,
    "linear_ramp": _ramp_blocks,
    "maximum": _statistic_blocks(np.max),
    "mean": _statistic_blocks(np.mean),
    "median": _statistic_blocks(np.median),
    "minimum": _statistic_blocks(np.min),
}
