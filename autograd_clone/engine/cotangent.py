"""Cotangents: projecting one onto its operand's space, and adding two of them.

`project` is the one place where broadcasting is undone and dtype and realness are restored. `Scatter` stands for
an array that is zero but for some indexed pieces, so that n reads ``x[i]`` cost O(n) in the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .box import is_foreign
from .errors import RuleShapeError
from .scattering import add_pieces, scattered

OBJECT = np.dtype(object)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, a traced array or a Python scalar."""
    try:
        return x.shape
    except AttributeError:
        return () if is_foreign(x) else np.shape(x)


def dtype_of(x: Any) -> np.dtype:
    """The dtype of an array, a traced array or a Python scalar."""
    try:
        return x.dtype
    except AttributeError:
        if isinstance(x, (int, float, complex)):
            return np.result_type(type(x))
        return OBJECT if is_foreign(x) else np.asarray(x).dtype


def as_scalar(x: Any) -> Any:
    """A Python float or complex number as NumPy's, which divides by zero as arrays do; anything else as it is."""
    if type(x) is float:
        return np.float64(x)
    return np.complex128(x) if type(x) is complex else x


def unbroadcast(g: Any, shape: tuple[int, ...], seen: tuple[int, ...] | None = None) -> Any:
    """Sum `g`, of shape `seen`, over the axes along which an operand of shape `shape` was broadcast."""
    if seen is None:
        seen = shape_of(g)
    if seen == shape:
        return g
    axes, keepdims, kept, rows, row = _surplus(seen, shape)
    if type(g) is not np.ndarray:
        g = np.sum(g, axis=axes) if axes is not None else g
        g = np.reshape(g, kept) if shape_of(g) != kept else g
        return g if kept == shape else np.broadcast_to(g, shape)
    if rows and (ones := _ONES.get(g.dtype.char)) is not None and g.flags.c_contiguous:
        # by a product with ones: for short rows that takes half the time of a sum, for many of them a third
        ones = ones[:row] if row <= 1024 else np.ones(row, g.dtype)
        if rows == 1:
            g = ones.dot(g if len(seen) == 2 else g.reshape(row, -1))
        else:
            g = (g if len(seen) == 2 else g.reshape(-1, row)).dot(ones)
    elif axes is not None:
        g = _sum(g, axes, None, None, keepdims)  # type: ignore[call-overload]
    if g.shape != kept:
        g = g.reshape(kept)
    return g if kept == shape else np.broadcast_to(g, shape)


@lru_cache(4096)
def _surplus(seen: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, bool, tuple[int, ...], int, int]:
    """What is to be done to an array of shape `seen`.

    Returns
    -------
    axes : int, tuple of ints or None
        To sum over; none of them has length one.
    keepdims : bool
        Whether they are kept.
    kept : tuple of ints
        The shape after that, broadcast axes having length one.
    rows : int
        1 if `axes` are the first ones, -1 if they are the last, 0 if they are neither or all, or the array is empty.
    row : int
        How many elements are summed.
    """
    lead = len(seen) - len(shape)
    if lead < 0:
        return None, False, seen, 0, 1
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and seen[lead + i] != 1))
    kept = tuple(1 if n == 1 else seen[lead + i] for i, n in enumerate(shape))
    summed = prod(seen[i] for i in axes)
    if summed == 1:
        return None, False, kept, 0, 1
    first, last = axes == tuple(range(len(axes))), axes[0] == len(seen) - len(axes)
    rows = 0 if first == last or 0 in seen else 1 if first else -1
    return axes[0] if len(axes) == 1 else axes, lead == 0, kept, rows, summed


_sum = np.add.reduce
#: Ones of the types that BLAS has.
_ONES = {char: np.ones(1024, char) for char in "fdFD"}


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
    if type(g) is np.ndarray and g.dtype is dtype:
        seen = g.shape
        if seen == shape:
            return g
        if name is None:
            return unbroadcast(g, shape, seen)
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

    A rule returns one for every read ``x[index]``. It belongs to the node that it is pulled to, so `join` may
    change it.

    Attributes
    ----------
    like : tuple
        ``(shape, dtype, index)``: of the array that it stands for, and of the first piece.
    indices, pieces : list
        Parallel: an index as one writes it in ``x[index]``, and what is added there.
    base : array, optional
        What has been added up already: once the pieces had outgrown the array, or because a part was asked for or cleared.
        Nobody else refers to it.
    load : int
        Number of elements in the pieces.
    """

    __slots__ = ("base", "indices", "like", "load", "pieces")

    #: ``build(shape, dtype, indices, pieces)`` makes the array where a piece is traced, and ``insert(base, index, piece)`` adds to
    #: one; set by `rules.indexing` and `rules.assignment`.
    build: Callable
    insert: Callable

    def __init__(self, piece: Any, like: tuple) -> None:
        self.like = like
        self.indices = [like[2]]
        self.pieces = [piece]
        self.base: Any = None
        kind = type(piece)
        self.load = 1 if kind is np.float64 else piece.size if kind is np.ndarray else prod(shape_of(piece))

    @classmethod
    def whole(cls, base: Any) -> Scatter:
        """What stands for an array that is given up to it."""
        new = cls(base, (shape_of(base), dtype_of(base), Ellipsis))
        new.indices, new.pieces, new.base, new.load = [], [], base, 0
        return new

    def put(self, piece: Any, like: tuple) -> None:
        """Add another piece."""
        self.indices.append(like[2])
        self.pieces.append(piece)
        kind = type(piece)
        self.load += 1 if kind is np.float64 else piece.size if kind is np.ndarray else prod(shape_of(piece))
        if self.load > _MAX_LOAD and self.load > prod(self.like[0]):
            self.settle()

    def join(self, other: Scatter) -> None:
        """Add the pieces of another one, which is given up."""
        if other.base is not None:
            if self.base is None:
                self.base = other.base
            else:
                self.indices.append(Ellipsis)
                self.pieces.append(other.base)
                self.load += prod(self.like[0])
        self.indices += other.indices
        self.pieces += other.pieces
        self.load += other.load
        if self.load > _MAX_LOAD and self.load > prod(self.like[0]):
            self.settle()

    def settle(self) -> Any:
        """Add up the pieces. Returns the array, which still belongs to this object."""
        if self.pieces:
            plain = set(map(type, self.pieces)) <= _PLAIN
            if self.base is None:
                build = scattered if plain else Scatter.build
                self.base = build(self.like[0], self.like[1], self.indices, self.pieces)
            elif plain and type(self.base) is np.ndarray:
                add_pieces(self.base, self.indices, self.pieces)
            else:
                for index, piece in zip(self.indices, self.pieces, strict=True):
                    self.base = Scatter.insert(self.base, index, piece)
            self.indices, self.pieces, self.load = [], [], 0
        return self.base

    def dense(self) -> Any:
        """The array; the caller owns it."""
        n = len(self.indices)
        index = self.indices[0] if self.base is None and 0 < n <= _FEW else None
        if (type(index) is slice or type(index) is int) and type(self.pieces[0]) in _PLAIN:  # `settle`, written out
            out = np.zeros(self.like[0], self.like[1])
            out[index] = self.pieces[0]
            if n == 1:
                return out
            for index, piece in zip(self.indices[1:], self.pieces[1:], strict=True):
                if type(index) is not slice or type(piece) is not np.ndarray:
                    break
                part = out[index]
                part += piece
            else:
                return out
        return self.settle()


#: Rules that are given a `Scatter` as it is, and may keep it.
TAKE_SCATTERS: set[Callable] = set()
#: Elements in pieces that are always kept: few enough not to matter, many enough to add them up in one go.
_MAX_LOAD = 4096
#: Number of pieces up to which they are looked at one by one.
_FEW = 4


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
    if kind is Scatter or type(b) is Scatter:
        return _add_scatter(a, b, owned)
    if kind not in NUMBERS and is_foreign(a):
        return SPACE_OF[0](a).add(a, b)
    return a + b


#: Types of arrays and numbers, to which the layer of array boxes adds its own; others may be of a user's type.
NUMBERS: set[type] = {np.ndarray, np.float64, np.float32, np.complex128, np.complex64, float, complex}
#: ``SPACE_OF[0](x)``: the vector space of a value of a user's own type, set by `vspace`.
SPACE_OF: list[Any] = []


def _add_scatter(a: Any, b: Any, owned: bool) -> Any:
    if type(a) is not Scatter:
        if owned and type(a) is np.ndarray and b.base is None and set(map(type, b.pieces)) <= _PLAIN:
            add_pieces(a, b.indices, b.pieces)
            return a
        a, b = b, a
    if type(b) is Scatter:
        a.join(b)
        return a
    return add(a.dense(), b, True)


_PLAIN = frozenset({
    np.ndarray, np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble, float, complex, int,
})  # fmt: skip


def _merge(a: dict, b: dict) -> dict:
    out = dict(a)
    for key, g in b.items():
        out[key] = add(out[key], g, False) if key in out else g
    return out
