"""`SparsityPattern`: which entries of a matrix may be other than zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ..engine.errors import PatternError


class SparsityPattern:
    """Which entries of a Jacobian or Hessian may be other than zero: a value, which can be kept and used again.

    Parameters
    ----------
    indptr, indices : ndarray of int
        Row ``i`` has entries in the columns ``indices[indptr[i]:indptr[i + 1]]``, increasing.
    shape : (int, int)
    dense : mapping, optional
        Function -> how often detection had to assume that all elements of its result depend on all of its operands.

    See Also
    --------
    jacobian_sparsity, hessian_sparsity

    Examples
    --------
    >>> a = SparsityPattern.of([[1, 0, 0], [0, 1, 1]])
    >>> a
    <SparsityPattern 2 x 3: 3 entries, at most 2 in a row and 1 in a column>
    >>> (a | SparsityPattern.of([[0, 1, 0], [0, 0, 0]])).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """

    __slots__ = ("_transposed", "dense", "indices", "indptr", "shape")

    def __init__(
        self, indptr: np.ndarray, indices: np.ndarray, shape: tuple[int, int], dense: Mapping[str, int] | None = None
    ) -> None:
        self.indptr, self.indices = np.asarray(indptr, np.int32), np.asarray(indices, np.int32)
        self.shape = (int(shape[0]), int(shape[1]))
        self.dense = dict(dense or {})
        self._transposed: SparsityPattern | None = None

    @classmethod
    def of(cls, matrix: Any) -> Self:
        """The pattern of a SciPy sparse matrix (its stored entries), or of an array (its nonzeros)."""
        from scipy import sparse

        if isinstance(matrix, cls):
            return matrix
        if not sparse.issparse(matrix):
            array = np.asarray(matrix)
            if array.ndim != 2:
                raise PatternError(
                    f"a sparsity pattern must be a SparsityPattern, a SciPy sparse matrix or an array with two axes, got {matrix!r}"
                )
            matrix = sparse.csr_array(array != 0)
        stored = sparse.coo_array(matrix)
        rows = sparse.csr_array((np.ones(stored.nnz, bool), (stored.row, stored.col)), shape=stored.shape)
        rows.sum_duplicates()
        return cls(rows.indptr, rows.indices, rows.shape)

    def tocsr(self) -> Any:
        """The pattern as a `scipy.sparse.csr_array` of truth values."""
        from scipy import sparse

        return sparse.csr_array((np.ones(self.nnz, bool), self.indices.copy(), self.indptr.copy()), shape=self.shape)

    def toarray(self) -> np.ndarray:
        """The pattern as an array of truth values."""
        out = np.zeros(self.shape, bool)
        out[self.row_numbers(), self.indices] = True
        return out

    def row_numbers(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return len(self.indices)

    @property
    def longest_row(self) -> int:
        """Entries in the fullest row: no grouping of columns can have fewer groups."""
        return int(np.diff(self.indptr).max(initial=0))

    @property
    def T(self) -> SparsityPattern:
        """The transposed pattern."""
        if self._transposed is None:
            m, n = self.shape
            order = np.argsort(self.indices, kind="stable")
            indptr = np.concatenate([[0], np.cumsum(np.bincount(self.indices, minlength=n))])
            self._transposed = SparsityPattern(indptr, self.row_numbers()[order], (n, m), self.dense)
            self._transposed._transposed = self
        return self._transposed

    def rows(self, wanted: np.ndarray) -> SparsityPattern:
        """The same pattern with all rows emptied but those in the mask `wanted`."""
        counts = np.where(wanted, np.diff(self.indptr), 0)
        keep = np.repeat(wanted, np.diff(self.indptr))
        return SparsityPattern(np.concatenate([[0], np.cumsum(counts)]), self.indices[keep], self.shape)

    def __or__(self, other: SparsityPattern) -> SparsityPattern:
        """What is in one pattern or the other, as for several points, branches or arguments."""
        if not isinstance(other, SparsityPattern):
            return NotImplemented
        if self.shape != other.shape:
            raise PatternError(f"patterns of shapes {self.shape} and {other.shape} cannot be united")
        both = SparsityPattern.of(self.tocsr() + other.tocsr())
        both.dense = self.dense | other.dense
        return both

    def __le__(self, other: SparsityPattern) -> bool:
        """Whether every entry is in `other` as well."""
        return self.shape == other.shape and (self | other).nnz == other.nnz

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SparsityPattern)
            and self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        m, n = self.shape
        text = f"<SparsityPattern {m} x {n}: {self.nnz} entries"
        if self.nnz:
            text += f", at most {self.longest_row} in a row and {self.T.longest_row} in a column"
        if self.dense:
            text += f"; assumed dense: {', '.join(sorted(self.dense))}"
        return text + ">"
