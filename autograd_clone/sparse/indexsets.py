"""For every element of an array the set of inputs that it depends on.

`IndexSets` keeps the sets as the rows of a sparse boolean matrix: sorted indices, one row after the other. A set that holds
every input is a mark and takes no memory, so that a number on which everything depends (a norm, a sum) costs nothing.
All operations are vectorised; none takes more memory than the sets that it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ..engine.errors import NotSparseError

#: Most indices that the sets of one array may hold: 512 MB of them.
MOST_ENTRIES = 1 << 27
#: Up to so many indices, sorting beats the fixed cost of a SciPy matrix.
_FEW = 3000


class IndexSets:
    """Sets of integers below `n`, one per element of an array in C order.

    Attributes
    ----------
    n : int
        Number of inputs.
    indptr, indices : ndarray of int32
        Set ``i`` is ``indices[indptr[i]:indptr[i + 1]]``, increasing.
    full : ndarray of bool, optional
        Which sets hold all of ``0, ..., n - 1``; those are empty in `indices`.
    """

    __slots__ = ("full", "indices", "indptr", "n")

    def __init__(self, n: int, indptr: np.ndarray, indices: np.ndarray, full: np.ndarray | None = None) -> None:
        self.n, self.indptr, self.indices, self.full = n, indptr, indices, full

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        return f"<{len(self)} sets of {self.n} inputs, {len(self.indices)} indices, {self.count_full()} full>"

    @classmethod
    def empty(cls, count: int, n: int) -> IndexSets:
        """`count` empty sets."""
        return cls(n, np.zeros(count + 1, np.int32), np.empty(0, np.int32))

    @classmethod
    def singletons(cls, start: int, stop: int, n: int) -> IndexSets:
        """``{start}, {start + 1}, ..., {stop - 1}``."""
        return cls(n, np.arange(stop - start + 1, dtype=np.int32), np.arange(start, stop, dtype=np.int32))

    @classmethod
    def of_matrix(cls, matrix: Any) -> IndexSets:
        """The rows of a SciPy matrix in canonical CSR form."""
        return cls(matrix.shape[1], matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32))

    def count_full(self) -> int:
        """How many sets are marked as full."""
        return 0 if self.full is None else int(np.count_nonzero(self.full))

    def matrix(self) -> Any:
        """The sets as the rows of a `scipy.sparse.csr_array`, without the marks."""
        data = np.ones(len(self.indices), bool)
        out = sparse.csr_array((data, self.indices, self.indptr), shape=(len(self), self.n))
        out.has_canonical_format = True
        return out

    def written_out(self) -> IndexSets:
        """The same sets, with full ones among the indices."""
        if self.full is None:
            return self
        _check_size(len(self.indices) + self.count_full() * self.n)
        counts = np.where(self.full, self.n, np.diff(self.indptr))
        indptr = _running(counts)
        indices = np.empty(indptr[-1], np.int32)
        mine = np.repeat(self.full, counts)
        indices[~mine] = self.indices
        indices[mine] = np.tile(np.arange(self.n, dtype=np.int32), self.count_full())
        return IndexSets(self.n, indptr, indices)

    def take(self, places: np.ndarray) -> IndexSets:
        """The sets at `places`; an empty set where a place is -1."""
        indptr = self.indptr
        missing: np.ndarray | None = places < 0
        if not missing.any():  # type: ignore[union-attr]
            missing = None
        starts = indptr[places]
        counts = indptr[places + 1] - starts
        if missing is not None:
            counts[missing] = 0
        new = _running(counts)
        if len(places) == new[-1] and (counts == 1).all():
            indices = self.indices[starts]
        else:
            step = np.repeat(starts - new[:-1], counts)
            step += np.arange(new[-1], dtype=np.int32)
            indices = self.indices[step]
        full = None if self.full is None else self.full[places]
        if full is not None and missing is not None:
            full[missing] = False
        return IndexSets(self.n, new, indices, _or_none(full))

    def merge(self, targets: np.ndarray, count: int, sources: np.ndarray | None = None) -> IndexSets:
        """`count` sets, of which set ``targets[k]`` is the union over ``k`` of the sets ``sources[k]`` (or ``k``)."""
        if count == 1:
            return self._union_of_all(sources) if len(targets) else IndexSets.empty(1, self.n)
        full = None
        if self.full is not None:
            marked = self.full if sources is None else self.full[sources]
            full = np.zeros(count, bool)
            full[targets[marked]] = True
        shape = (count, len(self))
        if sources is None:
            sources = np.arange(len(self), dtype=np.int32)
        which = sparse.csr_array((np.ones(len(targets), bool), (targets, sources)), shape=shape)
        _check_size(min(int(np.diff(self.indptr)[sources].sum(dtype=np.int64)), count * self.n))
        return _of_product(which @ self.matrix(), full)

    def _union_of_all(self, sources: np.ndarray | None = None) -> IndexSets:
        if self.full is not None and (self.full if sources is None else self.full[sources]).any():
            return IndexSets(self.n, np.zeros(2, np.int32), np.empty(0, np.int32), np.ones(1, bool))
        indices = self.indices if sources is None else self.take(sources).indices
        if len(indices) * 8 < self.n:
            found = np.unique(indices)
        else:
            seen = np.zeros(self.n, bool)
            seen[indices] = True
            found = np.flatnonzero(seen).astype(np.int32)
        return _marked(IndexSets(self.n, np.array([0, len(found)], np.int32), found))

    def __or__(self, other: IndexSets) -> IndexSets:
        if self is other or (self.indices is other.indices and self.indptr is other.indptr and self.full is other.full):
            return self
        full = _either(self.full, other.full)
        a, b = self._without(full), other._without(full)
        if not len(a.indices) or not len(b.indices):
            some = b if not len(a.indices) else a
            return IndexSets(self.n, some.indptr, some.indices, full)
        _check_size(len(a.indices) + len(b.indices))
        union = _union_by_sorting(a, b) if len(a.indices) + len(b.indices) < _FEW else _union_by_rows(a, b)
        return _marked(IndexSets(self.n, union.indptr, union.indices, full))

    def _without(self, full: np.ndarray | None) -> IndexSets:
        """The sets, those in `full` emptied."""
        if full is None or full is self.full or not len(self.indices):
            return self
        counts = np.diff(self.indptr)
        keep = np.repeat(~full, counts)
        counts[full] = 0
        return IndexSets(self.n, _running(counts), self.indices[keep])


def stacked(parts: Sequence[IndexSets], n: int) -> IndexSets:
    """The sets of several arrays, one after the other."""
    if len(parts) == 1:
        return parts[0]
    counts = [np.diff(p.indptr) for p in parts]
    indptr = _running(np.concatenate([np.empty(0, np.int32), *counts]))
    indices = np.concatenate([np.empty(0, np.int32), *(p.indices for p in parts)])
    full = None
    if any(p.full is not None for p in parts):
        full = np.concatenate([np.zeros(len(p), bool) if p.full is None else p.full for p in parts])
    return IndexSets(n, indptr, indices, full)


def union(sets: Sequence[IndexSets]) -> IndexSets:
    """Element by element the union of the sets of arrays of one shape."""
    out = sets[0]
    for other in sets[1:]:
        out = out | other
    return out


def _union_by_sorting(a: IndexSets, b: IndexSets) -> IndexSets:
    keys = np.unique(np.concatenate([_keys(a), _keys(b)]))
    rows, indices = np.divmod(keys, a.n)
    indptr = np.zeros(len(a) + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=len(a)), out=indptr[1:])
    return IndexSets(a.n, indptr, indices.astype(np.int32))


def _keys(a: IndexSets) -> np.ndarray:
    return np.repeat(np.arange(len(a), dtype=np.int64) * a.n, np.diff(a.indptr)) + a.indices


def _union_by_rows(a: IndexSets, b: IndexSets) -> IndexSets:
    return IndexSets.of_matrix(a.matrix() + b.matrix())


def _of_product(matrix: Any, full: np.ndarray | None) -> IndexSets:
    """Sets from a product of boolean matrices."""
    matrix.sort_indices()
    sets = IndexSets.of_matrix(matrix)
    if full is None or not full.any():
        return _marked(sets)
    sets = sets._without(full)
    return _marked(IndexSets(sets.n, sets.indptr, sets.indices, full))


def _marked(sets: IndexSets) -> IndexSets:
    """The same sets, with marks in place of those that hold every input."""
    counts = np.diff(sets.indptr)
    if sets.n < 2 or not len(counts) or counts.max() < sets.n:
        return sets
    found = counts == sets.n
    out = sets._without(found)
    out.full = found if sets.full is None else sets.full | found
    return out


def _either(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    return b if a is None else a if b is None else a | b


def _or_none(full: np.ndarray | None) -> np.ndarray | None:
    return full if full is not None and full.any() else None


def _running(counts: np.ndarray) -> np.ndarray:
    """Zero and the running sums of `counts`."""
    total = int(counts.sum(dtype=np.int64))
    _check_size(total)
    out = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=out[1:])
    return out


def _check_size(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise NotSparseError(
            f"the dependences of one array of the program on the input would be {entries:.1e} pairs of indices (at most "
            f"{MOST_ENTRIES:.1e} are kept); the derivative is not sparse, or detection cannot see that it is. "
            "Give the pattern (pattern=), use detect='probe', or form products with the matrix instead (jvp, vjp, hvp)"
        )
