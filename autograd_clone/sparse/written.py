"""The index sets of an array that is being written to, element by element perhaps.

`WrittenSets` notes where each element comes from, the array as it was or one of the pieces written, and puts the sets together
when they are asked for. So a loop of n assignments costs O(n), also if it reads single elements in between.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np

from ..engine.places import Place, put
from .indexsets import IndexSets, stacked

#: Up to so many elements are read one by one.
FEW = 16


class WrittenSets(IndexSets):
    """Sets of which some were replaced.

    Attributes
    ----------
    pieces : list of IndexSets
        The array as it was, and what was written.
    starts : list of int
        The number of the first set of each piece, and of the next.
    whence : ndarray
        The number of each element's set.
    """

    __slots__ = ("pieces", "starts", "whence")

    def __init__(self, base: IndexSets) -> None:
        self.n = base.n
        self.pieces = [IndexSets(base.n, base.indptr, base.indices, base.full)]
        self.starts = [0, len(base)]
        self.whence = np.arange(len(base))

    def __len__(self) -> int:
        return len(self.whence)

    def __getattr__(self, name: str) -> Any:
        """What is not there before the sets have been put together."""
        if name not in ("full", "indices", "indptr"):
            raise AttributeError(name)
        whole = stacked(self.pieces, self.n).take(self.whence)
        self.indptr, self.indices, self.full = whole.indptr, whole.indices, whole.full
        self.pieces = []
        return getattr(self, name)

    @property
    def is_open(self) -> bool:
        """Whether nobody has asked for the sets as a whole, so that more can be written."""
        return bool(self.pieces)

    def write(self, shape: tuple[int, ...], place: Place, piece: IndexSets, piece_shape: tuple[int, ...]) -> None:
        """Replace the sets at a place of the array, which has `shape`."""
        put(self.whence.reshape(shape), place, np.arange(len(piece)).reshape(piece_shape) + self.starts[-1])
        self.pieces.append(piece)
        self.starts.append(self.starts[-1] + len(piece))

    def take(self, places: np.ndarray) -> IndexSets:
        if not self.is_open or len(places) > FEW or np.any(places < 0):
            return super().take(places)
        found = []
        for i in self.whence[places].tolist():
            k = bisect_right(self.starts, i) - 1
            found.append(self.pieces[k].take(np.array([i - self.starts[k]])))
        return stacked(found, self.n) if found else IndexSets.empty(0, self.n)
