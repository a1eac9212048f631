"""Reading a symmetric matrix off the sums of an acyclic colouring, by substitution.

The entries between two colours are the edges of a forest. The sum at a leaf is the entry of its one edge; once that is known, it
is subtracted at the other end, and the edge may be cut. In the order in which edges are cut, that is a triangular system of
equations with a unit diagonal, which is set up once and then solved for every new matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from .pattern import SparsityPattern


class Substitution:
    """``substitution(sums)``: the entries of the pattern, row by row, from the sums of the columns of each colour."""

    def __init__(self, pattern: SparsityPattern, colors: np.ndarray) -> None:
        n = pattern.shape[0]
        rows, columns = pattern.row_numbers().astype(np.intp), pattern.indices.astype(np.intp)
        upper = np.flatnonzero(rows < columns)
        edges = rows[upper], columns[upper]
        leaf, color = _cut(*edges, colors)
        self.count = len(upper)
        #: The sum from which each edge is found, and each entry of the diagonal.
        self.places = color * n + leaf
        diagonal = rows == columns
        self.diagonal = np.flatnonzero(diagonal)
        self.diagonal_places = colors[rows[diagonal]] * n + rows[diagonal]
        self.off = np.flatnonzero(~diagonal)
        low, high = np.minimum(rows, columns)[self.off], np.maximum(rows, columns)[self.off]
        self.edge_of = np.searchsorted(edges[0] * n + edges[1], low * n + high)
        self.equations = _equations(*edges, colors, self.places, n)

    def __call__(self, sums: Any) -> np.ndarray:
        flat = np.ravel(sums)
        out = np.empty(len(self.diagonal) + len(self.off), flat.dtype)
        out[self.diagonal] = flat[self.diagonal_places]
        if self.count:
            out[self.off] = self.equations.solve(flat[self.places].astype(np.float64))[self.edge_of]
        return out


def _cut(first: np.ndarray, second: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each edge the end that is a leaf when it is cut, and the colour of the other end."""
    color = colors.tolist()
    ends = list(zip(first.tolist(), second.tolist(), strict=True))
    pending: dict[tuple[int, int], list[int]] = {}  # vertex and colour -> how many edges are left, and the sum of their numbers
    for k, (v, w) in enumerate(ends):
        for key in ((v, color[w]), (w, color[v])):
            entry = pending.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += k
    leaves = [key for key, entry in pending.items() if entry[0] == 1]
    leaf, other = [-1] * len(ends), [-1] * len(ends)
    while leaves:
        v, c = leaves.pop()
        left, k = pending[v, c]
        if left != 1:
            continue
        leaf[k], other[k] = v, c
        w = ends[k][0] + ends[k][1] - v
        for key in ((v, c), (w, color[v])):
            entry = pending[key]
            entry[0] -= 1
            entry[1] -= k
        if pending[w, color[v]][0] == 1:
            leaves.append((w, color[v]))
    return np.array(leaf, np.intp), np.array(other, np.intp)


def _equations(first: np.ndarray, second: np.ndarray, colors: np.ndarray, places: np.ndarray, n: int) -> Any:
    """The sums from which the edges are found, as a factored matrix."""
    count = len(first)
    if not count:
        return None
    equation = np.full((int(colors.max()) + 1) * n, -1, np.intp)
    equation[places] = np.arange(count)
    edges = np.arange(count)
    rows = np.concatenate([equation[colors[second] * n + first], equation[colors[first] * n + second]])
    columns = np.concatenate([edges, edges])
    used = rows >= 0
    matrix = sparse.csc_array((np.ones(used.sum()), (rows[used], columns[used])), shape=(count, count))
    return splu(matrix)
