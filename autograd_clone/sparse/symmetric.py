"""Colouring the columns of a symmetric matrix, where an entry may be read in its row or in its column.

Two vertices of the adjacency graph (without loops) are neighbours if the entry that they share is in the pattern. Neighbours
never get one colour, and

* in a *star* colouring no path of four vertices has only two colours. The vertices of any two colours then form stars, and each
  entry can be read off directly: in the row of a leaf, no other entry has the colour of the star's hub. (Coleman and Moré,
  Math. Programming 28, 1984.)
* in an *acyclic* colouring no cycle has only two colours. The vertices of any two colours form trees, and entries are found one
  after the other, from the leaves up, by substitution: often with fewer colours. (Coleman and Cai, SIAM J. Alg. Disc. Meth. 7,
  1986.)

The greedy algorithms follow the idea of Gebremedhin, Tarafdar, Manne and Pothen (SIAM J. Sci. Comput. 29, 2007), which looks at
stars and trees of two colours. What they ask of a vertex's neighbours is kept here as the bits of integers, so that a vertex
with very many neighbours, as the tip of an arrow has, does not make the cost quadratic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .columns import columns_as_lists, smallest_last
from .pattern import SparsityPattern

Graph = list[list[int]]


def color_symmetric(pattern: SparsityPattern, method: str = "star", order: str = "auto") -> np.ndarray:
    """A colour for each column of a symmetric pattern, -1 for empty ones.

    Parameters
    ----------
    pattern : SparsityPattern
    method : {"star", "acyclic"}
    order : {"auto", "quick", "natural", "largest_first", "smallest_last"}
        ``"auto"`` tries all and keeps the best, ``"quick"`` the first two.
    """
    graph = adjacency(pattern)
    greedy: Callable = {"star": _star, "acyclic": _acyclic}[method]
    names = [order] if order in ORDERS else ["natural", "largest_first"] + ["smallest_last"] * (order == "auto")
    fewest = _fewest(graph, method)
    best = None
    for name in names:
        colors = greedy(graph, ORDERS[name](graph))
        if best is None or max(colors, default=-1) < max(best, default=-1):
            best = colors
        if max(best, default=-1) + 1 <= fewest:
            break
    out = np.array(best, np.intp)
    out[np.diff(pattern.indptr) == 0] = -1
    return out


def adjacency(pattern: SparsityPattern) -> Graph:
    """The neighbours of each vertex."""
    rows = pattern.row_numbers()
    off = rows != pattern.indices
    counts = np.bincount(rows[off], minlength=pattern.shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return columns_as_lists(SparsityPattern(indptr, pattern.indices[off], pattern.shape))


def _fewest(graph: Graph, method: str) -> int:
    """How many colours any colouring needs at least, as far as that is seen at once."""
    edges = sum(map(len, graph)) // 2
    if not edges:
        return 1
    linked = sum(1 for n in graph if n)
    if method == "acyclic":  # two colours are enough for a forest, which has fewer edges than vertices
        return 2 if edges < linked else 3
    has_path = any(len(graph[w]) > 1 and any(len(graph[x]) > 1 for x in graph[w]) for w in range(len(graph)))
    return 3 if has_path else 2


# ---- stars ------------------------------------------------------------------------------------------------------------------


def _star(graph: Graph, order: list[int]) -> list[int]:
    """Greedy star colouring.

    Kept for every vertex are, as bits, the colours of its neighbours (`met`) and, of a coloured vertex, the colours of those
    neighbours that are hubs of a star with it (`hubs`); and for each colour one neighbour that has it (`first`).
    """
    color = [-1] * len(graph)
    met, hubs = [0] * len(graph), [0] * len(graph)
    first: list[dict[int, int]] = [{} for _ in graph]
    for v in order:
        taken = _taken_by_stars(graph[v], color, met, hubs)
        bit = ~taken & (taken + 1)
        c = color[v] = bit.bit_length() - 1
        mine: dict[int, int] = {}  # colours of more than one neighbour
        for w in graph[v]:
            a = color[w]
            if a >= 0:
                mine[a] = mine.get(a, 0) + 1
            met[w] |= bit
            other = first[w].setdefault(c, v)
            if other != v and a >= 0:  # w is the hub of a star with leaves of colour c
                hubs[other] |= 1 << a
                hubs[v] |= 1 << a
        for w in graph[v]:
            if mine.get(color[w], 0) > 1:  # v is the hub of a star with leaves of the colour of w
                hubs[w] |= bit
    return color


def _taken_by_stars(neighbours: list[int], color: list[int], met: list[int], hubs: list[int]) -> int:
    """The colours, as bits, that a vertex with these neighbours must not have."""
    taken = 0
    one: dict[int, int] = {}
    for w in neighbours:
        a = color[w]
        if a < 0:
            continue
        if a not in one:  # a path that ends here, in a star of which w is not the hub
            one[a] = w
            taken |= 1 << a | hubs[w]
        else:  # two neighbours of one colour: the vertex becomes a hub, so neither may have another neighbour of its colour
            taken |= met[one[a]] | met[w]
    return taken


# ---- trees ------------------------------------------------------------------------------------------------------------------


class _Components:
    """Disjoint sets, with halving of paths."""

    def __init__(self) -> None:
        self.parent: list[int] = []

    def new(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def find(self, k: int) -> int:
        parent = self.parent
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    def unite(self, a: int, b: int) -> None:
        self.parent[self.find(a)] = self.find(b)


def _acyclic(graph: Graph, order: list[int]) -> list[int]:
    """Greedy acyclic colouring. ``tree[w][c]`` is the tree of `w` among the vertices of its colour and of colour `c`."""
    color = [-1] * len(graph)
    tree: list[dict[int, int]] = [{} for _ in graph]
    components = _Components()
    for v in order:
        taken = 0
        seen: set[int] = set()
        for w in graph[v]:
            if color[w] < 0:
                continue
            taken |= 1 << color[w]
            for c, member in tree[w].items():  # two neighbours in one tree, and v would close a cycle
                root = components.find(member)
                if root in seen:
                    taken |= 1 << c
                seen.add(root)
        c = color[v] = (~taken & (taken + 1)).bit_length() - 1
        for w in graph[v]:
            a = color[w]
            if a < 0:
                continue
            mine, theirs = tree[v].get(a), tree[w].get(c)
            if mine is None or theirs is None:
                known = components.new() if mine is None and theirs is None else theirs if mine is None else mine
                tree[v][a] = tree[w][c] = known  # type: ignore[assignment]
            else:
                components.unite(mine, theirs)
    return color


# ---- orders -----------------------------------------------------------------------------------------------------------------


def _natural(graph: Graph) -> list[int]:
    return list(range(len(graph)))


def _largest_first(graph: Graph) -> list[int]:
    return sorted(range(len(graph)), key=lambda v: -len(graph[v]))


ORDERS: dict[str, Callable[[Graph], list[int]]] = {
    "natural": _natural,
    "largest_first": _largest_first,
    "smallest_last": smallest_last,
}
