"""`Coloring`: which columns and rows of a derivative are computed together, and how its entries are read off the sums.

Columns that are computed together are one tangent of ones, pushed forward; rows one cotangent, pulled back. A colouring knows
for each entry of the pattern where it stands among the results, so that reading the matrix off is one gather (for acyclic
colourings, one solution of a triangular system).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import PatternError
from .columns import ORDERS, color_columns
from .pattern import SparsityPattern
from .symmetric import ORDERS as SYMMETRIC_ORDERS
from .symmetric import color_symmetric

#: Up to so many passes nothing is to be gained by mixing rows and columns.
FEW = 6
#: How many ways to divide the rows are tried.
TRIES = 8


class Coloring:
    """A division of a matrix into groups of columns and rows, each of which is computed in one pass.

    Made by `color_jacobian` and `color_hessian`; may be kept and given to `sparse_jacobian` or `sparse_hessian` as ``pattern``.

    Attributes
    ----------
    pattern : SparsityPattern
    mode : {"forward", "reverse", "bidirectional", "star", "acyclic"}
    column_colors, row_colors : ndarray of int, optional
        The group of each column and row; -1 for one that is in none.
    columns_first : bool
        Of a bidirectional colouring: whether an entry is read in its column, if that is in a group, rather than in its row.
    """

    def __init__(
        self,
        pattern: SparsityPattern,
        mode: str,
        column_colors: np.ndarray | None = None,
        row_colors: np.ndarray | None = None,
        *,
        columns_first: bool = False,
    ) -> None:
        self.pattern, self.mode = pattern, mode
        self.column_colors, self.row_colors = column_colors, row_colors
        self.columns_first = columns_first

    @property
    def tangents(self) -> int:
        """How many tangents are pushed forward."""
        return _count(self.column_colors)

    @property
    def cotangents(self) -> int:
        """How many cotangents are pulled back."""
        return _count(self.row_colors)

    @property
    def passes(self) -> int:
        """How many derivatives along directions the matrix takes, whatever its size."""
        return self.tangents + self.cotangents

    def __repr__(self) -> str:
        m, n = self.pattern.shape
        counts = [f"{k} {what}" for k, what in ((self.tangents, "tangents"), (self.cotangents, "cotangents")) if k]
        return f"<Coloring {m} x {n}, {self.mode}: {' and '.join(counts) or 'nothing'}>"

    @property
    def in_rows(self) -> np.ndarray:
        """For each entry of the pattern, whether it is read off a sum of rows rather than of columns."""
        rows, columns = self.pattern.row_numbers(), self.pattern.indices
        if self.row_colors is None or self.column_colors is None:
            return np.full(len(rows), self.column_colors is None)
        return self.column_colors[columns] < 0 if self.columns_first else self.row_colors[rows] >= 0

    @cached_property
    def _places(self) -> np.ndarray:
        """Where each entry of the pattern stands among all sums of columns, then all sums of rows."""
        rows, columns = self.pattern.row_numbers().astype(np.intp), self.pattern.indices.astype(np.intp)
        m, n = self.pattern.shape
        if self.mode == "star":
            return _star_places(rows, columns, self.column_colors, n)  # type: ignore[arg-type]
        if self.row_colors is None:
            return self.column_colors[columns] * m + rows  # type: ignore[index]
        by_rows = self.tangents * m + self.row_colors[rows] * n + columns
        if self.column_colors is None:
            return by_rows
        return np.where(self.in_rows, by_rows, self.column_colors[columns] * m + rows)

    @cached_property
    def _substitution(self) -> Any:
        from .substitution import Substitution

        return Substitution(self.pattern, self.column_colors)  # type: ignore[arg-type]

    def decompress(self, by_columns: np.ndarray | None, by_rows: np.ndarray | None = None) -> np.ndarray:
        """The entries of the pattern, row by row, from the sums of columns ``(groups, m)`` and of rows ``(groups, n)``."""
        if self.mode == "acyclic":
            return self._substitution(by_columns)
        parts = [np.ravel(x) for x in (by_columns, by_rows) if x is not None]
        sums = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return sums[self._places]


def _count(colors: np.ndarray | None) -> int:
    return 0 if colors is None else int(colors.max(initial=-1)) + 1


def _star_places(rows: np.ndarray, columns: np.ndarray, colors: np.ndarray, n: int) -> np.ndarray:
    """An entry and its mirror image are read in one place: where no other entry of the row has the colour of the column."""
    count = np.bincount(colors[columns] * n + rows, minlength=1)
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    one, other = colors[high] * n + low, colors[low] * n + high
    return np.where(count[one] == 1, one, other)


# ---- Jacobians ------------------------------------------------------------------------------------------------------------


def color_jacobian(pattern: Any, mode: str = "auto", order: str = "auto") -> Coloring:
    """Group the columns or rows of a matrix, so that each group takes one pass.

    Parameters
    ----------
    pattern : SparsityPattern, sparse matrix or array
    mode : {"auto", "forward", "reverse", "bidirectional"}
        Whether to group columns (for forward mode), rows (for reverse mode), or some rows and, without these, the columns
        (which is forward mode if all rows are equally long). ``"auto"`` takes what needs the fewest passes.
    order : {"auto", "quick", "natural", "largest_first", "smallest_last", "incidence_degree"}
        In which order columns, or rows, are coloured; ``"auto"`` tries several, and so does ``"quick"``, if that takes no time.

    Notes
    -----
    Bidirectional colourings are of the kind of Hossain and Steihaug (Optimization Methods and Software 10, 1998) and Coleman and
    Verma (SIAM J. Sci. Comput. 19, 1998): the fullest rows are computed by themselves, as rows, after which nothing is asked
    of them when columns are grouped; the same for columns; how many rows are full enough is tried out.

    Examples
    --------
    >>> import numpy as np
    >>> arrow = np.eye(8)
    >>> arrow[0] = arrow[:, 0] = 1
    >>> color_jacobian(arrow)
    <Coloring 8 x 8, bidirectional: 2 tangents and 1 cotangents>
    >>> color_jacobian(arrow, "forward").passes
    8
    """
    pattern = SparsityPattern.of(pattern)
    _check_choice("mode", mode, ("auto", "forward", "reverse", "bidirectional"))
    _check_choice("order", order, ("auto", "quick", *ORDERS))
    ways = [way for way in _ways(pattern, mode) if mode in ("auto", way.mode)]
    return _fewest_passes(pattern, ways or [_columns(pattern)], order)


def _check_choice(what: str, given: str, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, choices))}, got {given!r}")


class Way(NamedTuple):
    """A way to divide a matrix: the part whose columns are grouped, that whose rows are, and the passes it takes at least."""

    bound: int
    rank: int
    mode: str
    by_columns: SparsityPattern | None
    by_rows: SparsityPattern | None
    columns_first: bool = False


def _columns(pattern: SparsityPattern) -> Way:
    return Way(pattern.longest_row, 0, "forward", pattern, None)


def _ways(pattern: SparsityPattern, mode: str) -> list[Way]:
    """All ways that are worth a thought."""
    ways = [_columns(pattern), Way(pattern.T.longest_row, 1, "reverse", None, pattern)]
    if mode == "bidirectional" or min(way.bound for way in ways) > FEW:
        ways += [_divided(pattern, t, flipped=False) for t in _thresholds(pattern)]
        ways += [_divided(pattern.T, t, flipped=True) for t in _thresholds(pattern.T)]
    return ways


def _divided(pattern: SparsityPattern, threshold: int, *, flipped: bool) -> Way:
    """Rows of more than `threshold` entries apart from the others (columns, if the pattern was transposed)."""
    long = np.diff(pattern.indptr) > threshold
    apart, rest = pattern.rows(long), pattern.rows(~long)
    bound = rest.longest_row + apart.T.longest_row
    return Way(bound, 2, "bidirectional", *((apart.T, rest.T) if flipped else (rest, apart)), flipped)


def _thresholds(pattern: SparsityPattern) -> list[int]:
    """Lengths of rows after which they may be counted among the long ones: where the next longer ones are much longer."""
    lengths = np.unique(np.diff(pattern.indptr))
    lengths = lengths[lengths > 0]
    if len(lengths) < 2:
        return []
    gaps = lengths[1:] / lengths[:-1]
    return lengths[:-1][np.argsort(-gaps, kind="stable")[:TRIES]].tolist()


def _fewest_passes(pattern: SparsityPattern, ways: list[Way], order: str) -> Coloring:
    """The colouring with the fewest passes, the simplest of them. A way is not gone if its bound says that it cannot win."""
    best: Any = None
    for way in sorted(ways, key=lambda way: way[:2]):
        if best is not None and way.bound >= best.passes:
            break
        columns = None if way.by_columns is None else color_columns(way.by_columns, order)
        rows = None if way.by_rows is None else color_columns(way.by_rows.T, order)
        found = Coloring(pattern, way.mode, columns, rows, columns_first=way.columns_first)
        if best is None or found.passes < best.passes:
            best = found
    return best


# ---- Hessians -------------------------------------------------------------------------------------------------------------


def color_hessian(pattern: Any, method: str = "star", order: str = "auto") -> Coloring:
    """Group the columns of a symmetric matrix, so that each group takes one pass.

    Parameters
    ----------
    pattern : SparsityPattern, sparse matrix or array
        Symmetric.
    method : {"star", "acyclic", "forward"}
        ``"star"`` reads every entry off directly. ``"acyclic"`` needs fewer groups and finds entries by substitution, in which
        rounding errors add up. ``"forward"`` makes no use of symmetry.
    order : {"auto", "quick", "natural", "largest_first", "smallest_last"}
        In which order columns are coloured; ``"auto"`` tries all, ``"quick"`` two.

    Examples
    --------
    >>> import numpy as np
    >>> tridiagonal = np.eye(8) + np.eye(8, k=1) + np.eye(8, k=-1)
    >>> color_hessian(tridiagonal).passes, color_hessian(tridiagonal, "acyclic").passes
    (3, 2)
    """
    pattern = SparsityPattern.of(pattern)
    _check_choice("method", method, ("star", "acyclic", "forward"))
    _check_choice("order", order, ("auto", "quick", *SYMMETRIC_ORDERS, *(ORDERS if method == "forward" else ())))
    if pattern != pattern.T:
        raise PatternError(f"the pattern of a Hessian must be symmetric; {pattern!r} is not")
    if method == "forward":
        return Coloring(pattern, method, color_columns(pattern, order))
    return Coloring(pattern, method, color_symmetric(pattern, method, order))
