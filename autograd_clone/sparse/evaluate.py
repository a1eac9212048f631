"""From a function and an argument to the sparse matrix: pattern, colouring, passes, check, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ..engine.errors import PatternError
from ..transforms.gradients import _grad
from .coloring import Coloring, color_hessian, color_jacobian
from .detect import hessian_pattern, jacobian_pattern
from .layout import input_layout
from .passes import Pull, push_seeds
from .pattern import SparsityPattern

#: Rounding errors up to so many units, of the largest element, pass the check: small elements may be differences of large ones.
NOISE = 1000


class Kind(NamedTuple):
    """What Jacobians and Hessians differ in.

    Attributes
    ----------
    name : str
        Of the transform, for messages.
    function : callable
        The function whose Jacobian is computed, of the one that was given.
    find, color : callable
        ``find(fun, x, detect, name)``: the pattern; ``color(pattern, mode, order)``: the colouring.
    modes : tuple of str
        Of the colourings that serve.
    """

    name: str
    function: Callable
    find: Callable
    color: Callable
    modes: tuple[str, ...]


def _gradient(fun: Callable) -> Callable:
    return lambda x: _grad(fun, x)


KINDS = {
    "sparse_jacobian": Kind(
        "sparse_jacobian", lambda fun: fun, jacobian_pattern, color_jacobian, ("forward", "reverse", "bidirectional")
    ),
    "sparse_hessian": Kind("sparse_hessian", _gradient, hessian_pattern, color_hessian, ("star", "acyclic", "forward")),
}


def evaluate(
    kind: Kind, fun: Callable, x: Any, pattern: Any, kept: dict, key: Any, *, detect: str, mode: str, order: str,
    check: bool | None, format: str, length: int | None,
) -> tuple[Any, Coloring, int]:  # fmt: skip
    """The matrix, the colouring that was used, and the number of passes.

    ``kept[key]`` is the colouring of earlier calls with this `key`, which is ``None`` if none is to be kept.
    """

    def find() -> Coloring:
        found = kind.find(fun, x, detect, kind.name) if pattern is None else SparsityPattern.of(pattern)
        once = key is None and pattern is None
        return kind.color(found, mode, "quick" if once and order == "auto" else order)

    coloring, is_new = _given(kind, pattern) or _kept(find, kept, "given" if pattern is not None else key)
    columns, n = coloring.pattern.shape[1], input_layout(x, kind.name)[2].size
    if columns != n:
        raise PatternError(f"{kind.name}: the pattern has {columns} columns, the argument {n} elements")
    if check is None:
        check = pattern is not None or not is_new
    values, passes = _evaluate(kind.function(fun), x, coloring, int(check), length, kind.name)
    return _matrix(coloring.pattern, values, format), coloring, passes


def _given(kind: Kind, pattern: Any) -> tuple[Coloring, bool] | None:
    """The colouring, if one was given as the pattern."""
    if not isinstance(pattern, Coloring):
        return None
    if pattern.mode not in kind.modes:
        expected = " or ".join(map(repr, kind.modes))
        raise PatternError(f"{kind.name}: a colouring of mode {pattern.mode!r} was given; here it must be {expected}")
    return pattern, False


def _kept(find: Callable, kept: dict, key: Any) -> tuple[Coloring, bool]:
    """The colouring of an earlier call, or else a new one, and whether it is new."""
    found = None if key is None else kept.get(key)
    if found is not None:
        return found, False
    found = find()
    if key is not None:
        kept[key] = found
    return found, True


def _evaluate(
    fun: Callable, x: Any, coloring: Coloring, extra: int, length: int | None, name: str
) -> tuple[np.ndarray, int]:
    """The entries of the pattern, and the number of passes; `extra` is 1 for a check."""
    m, n = coloring.pattern.shape
    by_columns = by_rows = directly = along = None
    if coloring.tangents or not coloring.cotangents:
        seeds = _seeds(coloring.column_colors, n, extra)
        by_columns = push_seeds(fun, x, seeds, length, name)
        _check_rows(by_columns.shape[1], m, name)
        if extra:
            by_columns, directly, along = by_columns[:-1], by_columns[-1], seeds[-1]
    if coloring.cotangents:
        pull = Pull(fun, x, length, name)
        _check_rows(pull.output.size, m, name)
        seeds = _seeds(coloring.row_colors, m, extra and not coloring.tangents)
        by_rows = pull(seeds)
        if len(seeds) > coloring.cotangents:
            by_rows, directly, along = by_rows[:-1], by_rows[-1], seeds[-1]
    values = coloring.decompress(by_columns, by_rows)
    if directly is not None and along is not None:
        _compare(coloring, values, directly, along, transposed=by_columns is None, name=name)
    return values, coloring.passes + extra


def _seeds(colors: np.ndarray | None, n: int, extra: int) -> np.ndarray:
    """For each colour the vector that is one in its places; and last, if `extra`, a random vector."""
    count = 0 if colors is None else int(colors.max(initial=-1)) + 1
    seeds = np.zeros((count + extra, n))
    if colors is not None:
        places = np.flatnonzero(colors >= 0)
        seeds[colors[places], places] = 1
    if extra:
        rng = np.random.default_rng(n)
        seeds[-1] = rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 1.5, n)
    return seeds


def _check_rows(seen: int, m: int, name: str) -> None:
    if seen != m:
        raise PatternError(f"{name}: the pattern has {m} rows, the output {seen} elements")


def _compare(
    coloring: Coloring, values: np.ndarray, directly: np.ndarray, along: np.ndarray, *, transposed: bool, name: str
) -> None:
    """Raise if a product with the matrix is not what it should be: an entry must be missing in the pattern."""
    matrix = _matrix(coloring.pattern, values, "csr")
    matrix = matrix.T if transposed else matrix
    with np.errstate(all="ignore"):
        error = np.abs(matrix @ along - directly)
        scale = abs(matrix) @ np.abs(along) + np.abs(directly)
        eps = np.finfo(values.dtype).eps
        wrong = np.flatnonzero(error > np.cbrt(eps) * scale + NOISE * eps * np.max(scale, initial=0, where=np.isfinite(scale)))
    if wrong.size:
        what = "column" if transposed else "row"
        raise PatternError(
            f"{name}: the pattern {coloring.pattern!r} lacks entries of the derivative, for instance in {what} {wrong[0]} "
            f"({wrong.size} of {len(error)} {what}s are wrong). It belongs to another function, other arguments, or another branch "
            "of the program; find it again (jacobian_sparsity, hessian_sparsity), or unite those of several points by |"
        )


def _matrix(pattern: SparsityPattern, values: np.ndarray, format: str) -> Any:
    """The matrix, whose memory is the caller's own."""
    matrix = sparse.csr_array((values, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)
    matrix.has_canonical_format = True
    return matrix.toarray() if format == "dense" else matrix.asformat(format)
