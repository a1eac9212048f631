"""Cotangents: projecting one onto its operand's space, and adding two of them.

`project` is the one place where broadcasting is undone and dtype and realness are restored. `Scatter` stands for
an array that is zero but for some indexed pieces, so that n reads ``x[i]`` cost O(n) in the backward pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import RuleShapeError


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, a traced array or a Python scalar."""
    try:
        return x.shape
    except AttributeError:
        return np.shape(x)


def dtype_of(x: Any) -> np.dtype:
    """The dtype of an array, a traced array or a Python scalar."""
    try:
        return x.dtype
    except AttributeError:
        return np.result_type(type(x)) if isinstance(x, (int, float, complex)) else np.asarray(x).dtype


def as_scalar(x: Any) -> Any:
    """A Python float or complex number as NumPy's, which divides by zero as arrays do; anything else as it is."""
    if type(x) is float:
        return np.float64(x)
    return np.complex128(x) if type(x) is complex else x


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an operand of shape `shape` was broadcast."""
    seen = shape_of(g)
    if seen == shape:
        return g
    lead = len(seen) - len(shape)
    if lead < 0:
        return np.broadcast_to(g, shape)
    if type(g) is np.ndarray and seen[lead:] == shape:
        return np.add.reduce(g, 0 if lead == 1 else tuple(range(lead)))
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and seen[lead + i] != 1))
    if axes:
        g = np.add.reduce(g, axes) if type(g) is np.ndarray else np.sum(g, axis=axes)
    kept = tuple(1 if n == 1 else seen[lead + i] for i, n in enumerate(shape))
    if shape_of(g) != kept:
        g = np.reshape(g, kept)
    return g if kept == shape else np.broadcast_to(g, shape)


def project(g: Any, fix: tuple) -> Any:
    """Bring a cotangent to the shape, realness and dtype of its operand.

    Parameters
    ----------
    g : array_like or Scatter
        What a rule returned.
    fix : tuple
        ``(shape, dtype, name)``. With a name, the rule of that primitive must return exactly `shape`; without,
        the operand was broadcast and the surplus axes are summed.
    """
    shape, dtype, name = fix
    if type(g) is np.ndarray and g.dtype is dtype and (name is None or g.shape == shape):
        return unbroadcast(g, shape)
    if type(g) is Scatter:
        return g
    if shape_of(g) != shape:
        if name is not None:
            raise RuleShapeError(
                f"the derivative rule of {name} returned a cotangent of shape {shape_of(g)} for an operand of shape {shape}; "
                "a VJP rule must return the shape of its operand"
            )
        g = unbroadcast(g, shape)
    return cast(g, dtype)


def cast(g: Any, dtype: np.dtype) -> Any:
    """`g` with `dtype`; the real part where `dtype` is real and `g` complex."""
    seen = dtype_of(g)
    if seen == dtype:
        return as_scalar(g)
    if seen.kind == "c" and dtype.kind == "f":
        g = np.real(g)
        if dtype_of(g) == dtype:
            return g
    return g.astype(dtype) if hasattr(g, "astype") else dtype.type(g)


class Scatter:
    """An array of zeros with `pieces` added at `indices`, not yet built.

    Attributes
    ----------
    shape, dtype
        Of the array that it stands for.
    indices, pieces : list
        Parallel: an index as one writes it in ``x[index]``, and what is added there.
    build : callable
        ``build(shape, dtype, indices, pieces)`` makes the array (a traced one if a piece is traced).
    """

    __slots__ = ("build", "dtype", "indices", "pieces", "shape")

    def __init__(self, shape: tuple, dtype: np.dtype, index: Any, piece: Any, build: Any) -> None:
        self.shape = shape
        self.dtype = dtype
        self.indices = [index]
        self.pieces = [piece]
        self.build = build

    def dense(self) -> Any:
        """The array."""
        return self.build(self.shape, self.dtype, self.indices, self.pieces)


def add(a: Any, b: Any, owned: bool) -> Any:
    """The sum of two cotangents of one value; `a` may be changed in place if it is `owned`."""
    kind = type(a)
    if kind is np.ndarray and type(b) is np.ndarray:
        if owned and a.dtype is b.dtype and a.shape == b.shape:
            a += b
            return a
        return a + b
    if kind is dict:
        return _merge(a, b)
    if kind is tuple or kind is list:
        return kind(add(x, y, False) for x, y in zip(a, b, strict=True))
    if kind is Scatter:
        if type(b) is Scatter:
            return _join(a, b, owned)
        a, b, owned = b, a, False
    if type(b) is Scatter:
        if owned and type(a) is np.ndarray and all(type(p) in _PLAIN for p in b.pieces):
            for index, piece in zip(b.indices, b.pieces, strict=True):
                add_at(a, index, piece)
            return a
        b = b.dense()
    return a + b


_PLAIN = frozenset({np.ndarray, np.float64, np.float32, np.complex128, float})


def _merge(a: dict, b: dict) -> dict:
    out = dict(a)
    for key, g in b.items():
        out[key] = add(out[key], g, False) if key in out else g
    return out


def _join(a: Scatter, b: Scatter, owned: bool) -> Scatter:
    if not owned:
        out = Scatter(a.shape, a.dtype, None, None, a.build)
        out.indices, out.pieces = list(a.indices), list(a.pieces)
        a = out
    a.indices += b.indices
    a.pieces += b.pieces
    return a


def add_at(out: np.ndarray, index: Any, piece: Any) -> None:
    """``out[index] += piece``, adding repeatedly where an index array names an element twice."""
    if is_basic(index) or isinstance(index, np.ndarray) and index.dtype == bool:
        out[index] += piece
    elif out.ndim == 1 or not out.flags.c_contiguous:
        np.add.at(out, index, piece)
    elif isinstance(index, np.ndarray) and index.ndim == 1 and _all_different(index % len(out), len(out)):
        out[index] += piece
    else:  # np.add.at is fast for one integer array on one axis only
        places = np.arange(out.size).reshape(out.shape)[index]
        np.add.at(out.reshape(-1), places.reshape(-1), np.broadcast_to(piece, places.shape).reshape(-1))


def _all_different(places: np.ndarray, n: int) -> bool:
    return not places.size or bool(np.bincount(places, minlength=n).max() <= 1)


def is_basic(index: Any) -> bool:
    """Whether `index` is made of integers, slices, ellipses and new axes only (so it names no element twice)."""
    if type(index) is tuple:
        return all(_is_basic_item(i) for i in index)
    return _is_basic_item(index)


def _is_basic_item(item: Any) -> bool:
    return item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice)) and not isinstance(item, (bool, np.bool_))
