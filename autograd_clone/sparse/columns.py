"""Colouring the columns of a matrix so that columns of one colour have no row in common.

Columns of one colour are added up and computed in one pass; each entry can be read off the sum (Curtis, Powell and Reid,
IMA J. Appl. Math. 13, 1974). A colouring is one of the column intersection graph (Coleman and Moré, SIAM J. Numer. Anal. 20,
1983), or of distance two in the bipartite graph of rows and columns, in which form that graph is never built (Gebremedhin,
Manne and Pothen, "What color is your Jacobian?", SIAM Review 47, 2005). To find the fewest colours is NP-hard; the greedy
method here takes columns in a good order and gives each the first colour that is free.

Each row keeps the colours it has met as the bits of one integer, so that a step costs as many operations as the column has
entries, however long its rows are.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .pattern import SparsityPattern

#: Most edges that the column intersection graph may have for orders that need it to be tried unasked: 0.5 s, and 5 ms.
MOST_EDGES = {"auto": 2_500_000, "quick": 25_000}


def color_columns(pattern: SparsityPattern, order: str = "auto") -> np.ndarray:
    """A colour for each column, -1 for empty ones.

    Parameters
    ----------
    pattern : SparsityPattern
    order : {"auto", "quick", "natural", "largest_first", "smallest_last", "incidence_degree"}
        Which column is coloured next. ``"auto"`` goes through them in this order until as few colours are used as the fullest
        row has entries, which no colouring can do without, and keeps the best; ``"quick"`` leaves out the last two where they
        would take long.
    """
    rows_of = columns_as_lists(pattern)
    bound = pattern.longest_row
    if order in ORDERS:
        return _greedy(rows_of, pattern.shape[0], ORDERS[order](pattern))
    best = _greedy(rows_of, pattern.shape[0], None)
    for name in ("largest_first", "smallest_last", "incidence_degree"):
        if best.max(initial=-1) + 1 <= bound or (name != "largest_first" and edges(pattern) > MOST_EDGES[order]):
            break
        found = _greedy(rows_of, pattern.shape[0], ORDERS[name](pattern))
        if found.max(initial=-1) < best.max(initial=-1):
            best = found
    return best


def columns_as_lists(pattern: SparsityPattern) -> list[list[int]]:
    """For each column the rows in which it has entries."""
    other = pattern.T
    flat, ends = other.indices.tolist(), other.indptr.tolist()
    return [flat[a:b] for a, b in pairwise(ends)]


def _greedy(rows_of: list[list[int]], count: int, order: np.ndarray | None) -> np.ndarray:
    """The first free colour for each column in turn."""
    seen = [0] * count
    colors = [-1] * len(rows_of)
    for j in range(len(rows_of)) if order is None else order.tolist():
        rows = rows_of[j]
        if not rows:
            continue
        taken = 0
        for i in rows:
            taken |= seen[i]
        free = ~taken & (taken + 1)
        colors[j] = free.bit_length() - 1
        for i in rows:
            seen[i] |= free
    return np.array(colors, np.intp)


# ---- orders -----------------------------------------------------------------------------------------------------------------


def edges(pattern: SparsityPattern) -> int:
    """How many edges the column intersection graph has at most."""
    lengths = np.diff(pattern.indptr).astype(np.int64)
    return int((lengths * (lengths - 1)).sum())


def _natural(pattern: SparsityPattern) -> np.ndarray:
    return np.arange(pattern.shape[1])


def _largest_first(pattern: SparsityPattern) -> np.ndarray:
    """By falling degree in the intersection graph, columns that meet twice counted twice (Welsh and Powell, 1967)."""
    lengths = np.diff(pattern.indptr)
    degrees = np.bincount(pattern.indices, np.repeat(lengths - 1.0, lengths), pattern.shape[1])
    return np.argsort(-degrees, kind="stable")


def _smallest_last(pattern: SparsityPattern) -> np.ndarray:
    """Backwards: last the column of least degree, before it that of least degree among the others, and so on (Matula, 1968)."""
    return np.array(smallest_last(intersection_graph(pattern)), np.intp)


def smallest_last(neighbours: list[list[int]]) -> list[int]:
    """The smallest-last order of a graph."""
    degree = [len(n) for n in neighbours]
    buckets: list[list[int]] = [[] for _ in range(max(degree, default=0) + 1)]
    for v, d in enumerate(degree):
        buckets[d].append(v)
    order, d = [], 0
    while d < len(buckets):
        if not buckets[d]:
            d += 1
            continue
        v = buckets[d].pop()
        if degree[v] != d:
            continue
        degree[v] = -1
        order.append(v)
        for w in neighbours[v]:
            if degree[w] > 0:
                degree[w] -= 1
                buckets[degree[w]].append(w)
        d = max(d - 1, 0)
    return order[::-1]


def _incidence_degree(pattern: SparsityPattern) -> np.ndarray:
    """Always next the column with most neighbours among those already placed (Coleman and Moré, 1983)."""
    neighbours = intersection_graph(pattern)
    incidence = [0] * len(neighbours)
    buckets: list[list[int]] = [sorted(range(len(neighbours)), key=lambda v: len(neighbours[v]))]
    order = []
    while buckets:
        if not buckets[-1]:
            buckets.pop()
            continue
        v = buckets[-1].pop()
        if incidence[v] != len(buckets) - 1:
            continue
        incidence[v] = -1
        order.append(v)
        for w in neighbours[v]:
            if incidence[w] >= 0:
                incidence[w] += 1
                if incidence[w] == len(buckets):
                    buckets.append([])
                buckets[incidence[w]].append(w)
    return np.array(order, np.intp)


def intersection_graph(pattern: SparsityPattern) -> list[list[int]]:
    """For each column the others that have a row in common with it."""
    matrix = pattern.tocsr()
    graph = (matrix.T.tocsr() @ matrix).tocsr()
    graph.setdiag(False)
    graph.eliminate_zeros()
    return columns_as_lists(SparsityPattern(graph.indptr, graph.indices, graph.shape))


ORDERS = {
    "natural": _natural,
    "largest_first": _largest_first,
    "smallest_last": _smallest_last,
    "incidence_degree": _incidence_degree,
}
