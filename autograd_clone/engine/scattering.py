"""Adding at indices: ``out[index] += piece`` on plain arrays, fast for each kind of index.

An index may name an element more than once, and then all that falls on it must be added up. `numpy.add.at`
does that; it is quick for one array of integers on one axis, and takes some 40 ns per element otherwise. So
other indices are brought to that form, or, where they name no element twice or wide rows, to assignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from .duck import is_duck, zeros
from .errors import DuckArrayError
from .places import Place, through

#: Rows at least this long are added one by one, at about 1 us each.
_WIDE = 64


def scattered(shape: tuple, dtype: Any, indices: Sequence, pieces: Sequence) -> np.ndarray:
    """Zeros with each of `pieces` added at its index."""
    out = np.zeros(shape, dtype)
    if indices and is_basic(indices[0]):
        out[indices[0]] = pieces[0]
        indices, pieces = indices[1:], pieces[1:]
    elif len(pieces) == 1:
        add_at(out, indices[0], pieces[0], fresh=True)
        return out
    add_pieces(out, indices, pieces)
    return out


def scattered_ducks(shape: tuple, dtype: Any, indices: Sequence, pieces: Sequence) -> Any:
    """`scattered` for pieces some of which are arrays of foreign types: each assigned to zeros of its own, and those added."""
    like = next(piece for piece in pieces if is_duck(piece))
    total: Any = None
    for index, piece in zip(indices, pieces, strict=True):
        for place, part in _without_repetition(index, piece, shape):
            out = zeros(shape, dtype, like)
            out[place] = part
            total = out if total is None else total + out
    return zeros(shape, dtype, like) if total is None else total


def _without_repetition(index: Any, piece: Any, shape: tuple) -> list[tuple[Any, Any]]:
    """An index and what is added at it, split such that no index names an element twice."""
    if is_basic(index):
        return [_without_new_axes(index, piece, len(shape))]
    if isinstance(index, np.ndarray) and index.dtype == bool:
        return [(index, piece)]
    axis, places = _along_one_axis(index, len(shape))
    if type(index) is Place or places is None or places.ndim != 1:
        raise DuckArrayError(
            f"the derivative of reading an array of type {type(piece).__name__} at the index {index!r}: "
            "arrays of foreign types are read at integers, slices, masks, and one list of positions along one axis"
        )
    places = places % shape[axis]
    order = np.argsort(places, kind="stable")
    _, starts = np.unique(places[order], return_index=True)
    nth = np.empty(places.size, int)  # how often the same place has come before
    nth[order] = np.arange(places.size) - np.repeat(starts, np.diff([*starts, places.size]))
    whole = (slice(None),) * axis
    chosen = [np.flatnonzero(nth == k) for k in range(nth.max(initial=-1) + 1)]
    return [((*whole, places[c]), piece[(*whole, c)]) for c in chosen]


def _without_new_axes(index: Any, piece: Any, ndim: int) -> tuple[tuple, Any]:
    """A basic index without its new axes, and what it is to be given without them."""
    items = list(index) if type(index) is tuple else [index]
    if Ellipsis in items:
        k = items.index(Ellipsis)
        items[k : k + 1] = [_ALL] * (ndim - sum(i is not None for i in items) + 1)
    axes = [i for i in items if i is None or type(i) is slice]  # those of the piece, in order; all others are whole
    return tuple(i for i in items if i is not None), piece[tuple(0 if i is None else _ALL for i in axes)]


def add_pieces(out: np.ndarray, indices: Sequence, pieces: Sequence) -> None:
    """``out[index] += piece`` for all of them; all at once where each index names one element by integers."""
    if len(pieces) > 4 and out.flags.c_contiguous:
        places = _scalar_places(indices, out.shape)
        if places is not None:
            np.add.at(out.reshape(-1), places, np.fromiter(pieces, out.dtype, len(pieces)))
            return
    for index, piece in zip(indices, pieces, strict=True):
        if is_basic(index):
            _add_once(out, index, piece)
        else:
            add_at(out, index, piece)


def _scalar_places(indices: Sequence, shape: tuple) -> np.ndarray | None:
    """Places in the flattened array, if each of `indices` names one element by plain integers."""
    kinds = set(map(type, indices))
    if kinds == {int} and len(shape) == 1:
        places = np.fromiter(indices, np.intp, len(indices))
        return np.where(places < 0, places + shape[0], places)
    if kinds != {tuple} or set(map(len, indices)) != {len(shape)}:
        return None
    if set(map(type, chain.from_iterable(indices))) != {int}:
        return None
    return np.ravel_multi_index(tuple(np.array(indices).T % np.reshape(shape, (-1, 1))), shape)


def add_at(out: np.ndarray, index: Any, piece: Any, fresh: bool = False) -> None:
    """``out[index] += piece``, adding repeatedly where an index array names an element twice.

    Parameters
    ----------
    out : ndarray
        Changed in place.
    index, piece
        As in an assignment.
    fresh : bool
        Whether `out` is zero so far, and need not be read.
    """
    if type(index) is Place:
        _add_through(out, index, piece)
        return
    basic = is_basic(index)
    if basic or (isinstance(index, np.ndarray) and index.dtype == bool):
        if fresh:
            out[index] = piece
        elif basic:
            _add_once(out, index, piece)
        else:
            out[index] += piece
        return
    if out.ndim == 1 and type(index) is np.ndarray and index.dtype.kind in "iu":
        np.add.at(out, index, piece)
        return
    axis, places = _along_one_axis(index, out.ndim)
    if places is None:
        _add_flat(out, _flat_places(out, index), piece)
        return
    n = out.shape[axis]
    rows = np.moveaxis(out, axis, 0)
    if places.ndim != 1:
        piece = np.reshape(piece, (*piece.shape[:axis], places.size, *piece.shape[axis + places.ndim :]))
    places = places.reshape(-1) % n if n else places.reshape(-1)
    if not places.size or np.bincount(places, minlength=n).max() <= 1:
        piece = np.moveaxis(piece, axis, 0)
        rows[places] = piece if fresh else rows[places] + piece
    else:
        add_rows(rows, places, np.moveaxis(piece, axis, 0))


def _add_through(out: np.ndarray, place: Place, piece: Any) -> None:
    """Add at a place."""
    view, last = through(out, place.path[:-1]), place.path[-1]
    part = through(view, (last,))
    add_at(part, place.index, piece)
    if last.flat and not view.flags.c_contiguous:  # it was read by copying
        view.flat[...] = part


def _add_once(out: np.ndarray, index: Any, piece: Any) -> None:
    """The same at a basic index."""
    part = out[index]
    if type(part) is np.ndarray:  # a view
        part += piece
    else:
        out[index] = part + piece


def add_rows(out: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """``out[i] += row`` for each of `rows` and its place."""
    width = prod(out.shape[1:])
    if width >= _WIDE:
        for i, row in zip(places.tolist(), rows, strict=True):
            out[i] += row
    elif out.ndim == 1:
        np.add.at(out, places, rows)
    else:
        inner = np.arange(width).reshape(out.shape[1:])
        _add_flat(out, np.add.outer(places * width, inner), rows)


def _add_flat(out: np.ndarray, places: np.ndarray, piece: Any) -> None:
    """Add at places in the flattened array."""
    target = out if out.flags.c_contiguous else np.zeros(out.shape, out.dtype)
    np.add.at(target.reshape(-1), places.reshape(-1), np.broadcast_to(piece, places.shape).reshape(-1))
    if target is not out:
        out += target


def _flat_places(out: np.ndarray, index: Any) -> np.ndarray:
    """Where in the flattened array the elements of ``out[index]`` lie."""
    if (
        type(index) is tuple
        and len(index) == out.ndim
        and all(isinstance(i, np.ndarray) and i.dtype.kind in "iu" for i in index)
    ):
        return np.ravel_multi_index(tuple(i % n for i, n in zip(index, out.shape, strict=True)), out.shape)
    return np.arange(out.size).reshape(out.shape)[index]


def _along_one_axis(index: Any, ndim: int) -> tuple[int, np.ndarray | None]:
    """The axis and the places, if `index` is one array of integers along one axis and all of the others."""
    items = list(index) if type(index) is tuple else [index]
    if items and items[0] is Ellipsis:
        items[:1] = [_ALL] * (ndim - len(items) + 1)
    while items and type(items[-1]) is slice and items[-1] == _ALL:
        items.pop()
    places = items.pop() if items else None
    if not isinstance(places, np.ndarray) or places.dtype.kind not in "iu" or len(items) >= ndim:
        return 0, None
    return (len(items), places) if all(type(i) is slice and i == _ALL for i in items) else (0, None)


_ALL = slice(None)


def is_basic(index: Any) -> bool:
    """Whether `index` is made of integers, slices, ellipses and new axes: so it names no element twice."""
    if type(index) is not tuple:
        return type(index) in BASIC or isinstance(index, np.integer)
    return BASIC.issuperset(map(type, index)) or all(
        type(i) in BASIC or isinstance(i, np.integer) for i in index
    )


#: Types of what such an index is mostly made of.
BASIC = {int, slice, type(None), type(Ellipsis)}
