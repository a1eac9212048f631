"""From a function and an argument to the sparse matrix: pattern, colouring, passes, check, in this order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from ..engine.errors import PatternError
from ..engine.zeros import is_finite
from ..transforms.gradients import _grad
from .coloring import Coloring, color_hessian, color_jacobian
from .detect import hessian_pattern, jacobian_pattern
from .layout import input_layout
from .passes import Pull, push_seeds
from .pattern import SparsityPattern

#: How much longer a result that is not finite may take by rows, where zero times infinity is zero.
PATIENCE = 32
#: Rounding errors up to so many units, of the largest element, pass the check: small elements may be differences of large ones.
NOISE = 1000


def jacobian(
    fun: Callable, x: Any, pattern: Any, kept: dict, *, detect: str, mode: str, order: str, reuse: bool, check: bool | None,
    format: str, length: int | None,
) -> tuple[Any, Coloring, int]:  # fmt: skip
    """The Jacobian, the colouring that was used, and the number of passes."""
    name = "sparse_jacobian"
    coloring, is_new = _coloring(
        x, pattern, kept, reuse, name,
        lambda: jacobian_pattern(fun, x, detect, name),
        lambda found: color_jacobian(found, mode, order),
        ("forward", "reverse", "bidirectional"),
    )  # fmt: skip
    extra = int(not is_new if check is None else check)
    values, passes = _evaluate(fun, x, coloring, extra, length, name)
    if coloring.tangents and mode == "auto" and not isinstance(pattern, Coloring) and not is_finite(values):
        by_rows = kept.get((name, "by rows")) or color_jacobian(coloring.pattern, "reverse", order)
        if by_rows.passes <= PATIENCE * coloring.passes:
            kept[name, "by rows"] = by_rows
            values, more = _evaluate(fun, x, by_rows, extra, length, name)
            passes += more
    return _matrix(coloring.pattern, values, format), coloring, passes


def hessian(
    fun: Callable, x: Any, pattern: Any, kept: dict, *, detect: str, mode: str, order: str, reuse: bool, check: bool | None,
    format: str, length: int | None,
) -> tuple[Any, Coloring, int]:  # fmt: skip
    """The Hessian, the colouring that was used, and the number of passes."""
    name = "sparse_hessian"
    coloring, is_new = _coloring(
        x, pattern, kept, reuse, name,
        lambda: hessian_pattern(fun, x, detect, name),
        lambda found: color_hessian(found, mode, order),
        ("star", "acyclic", "forward"),
    )  # fmt: skip
    extra = int(not is_new if check is None else check)

    def gradient(x: Any) -> Any:
        return _grad(fun, x)

    values, passes = _evaluate(gradient, x, coloring, extra, length, name)
    if not is_finite(values):
        mirrored = Coloring(coloring.pattern, coloring.mode, None, coloring.column_colors)
        sums, more = _evaluate_sums(gradient, x, mirrored, 0, length, name)
        values, passes = coloring.decompress(sums[1]), passes + more
    return _matrix(coloring.pattern, values, format), coloring, passes


def _coloring(
    x: Any, pattern: Any, kept: dict, reuse: bool, name: str, find: Callable, color: Callable, modes: tuple[str, ...]
) -> tuple[Coloring, bool]:
    """The colouring to use, and whether its pattern was found for this very argument."""
    layout = input_layout(x, name)[2]
    if isinstance(pattern, Coloring):
        if pattern.mode not in modes:
            expected = " or ".join(map(repr, modes))
            raise PatternError(f"{name}: a colouring of mode {pattern.mode!r} was given; here it must be {expected}")
        found, is_new = pattern, False
    elif pattern is None and not reuse:
        found, is_new = color(find()), True
    else:
        key = layout.key() if pattern is None else None
        is_new = pattern is None and key not in kept
        if key not in kept:
            kept[key] = color(find() if pattern is None else SparsityPattern.of(pattern))
        found = kept[key]
    if found.pattern.shape[1] != layout.size:
        raise PatternError(
            f"{name}: the pattern has {found.pattern.shape[1]} columns, the argument {layout.size} elements"
        )
    return found, is_new


def _evaluate(
    fun: Callable, x: Any, coloring: Coloring, extra: int, length: int | None, name: str
) -> tuple[np.ndarray, int]:
    """The entries of the pattern, and the number of passes; `extra` is 1 for a check."""
    sums, passes = _evaluate_sums(fun, x, coloring, extra, length, name)
    by_columns, by_rows, directly, along = sums
    values = coloring.decompress(by_columns, by_rows)
    if directly is not None:
        _compare(coloring, values, directly, along, transposed=by_columns is None, name=name)
    return values, passes


def _evaluate_sums(
    fun: Callable, x: Any, coloring: Coloring, extra: int, length: int | None, name: str
) -> tuple[tuple, int]:
    """Sums of columns, sums of rows, and for a check a product with the matrix and what it was multiplied with."""
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
    return (by_columns, by_rows, directly, along), coloring.passes + extra


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
