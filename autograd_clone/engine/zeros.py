"""Strong zeros: a backward pass in which a cotangent that is exactly zero contributes exactly zero.

``np.where(x > 0, np.sqrt(x), 0)`` at 0 pulls a zero back through the branch that was not taken, and there it meets an
infinite factor: ``0 * inf`` is NaN although the derivative is 0. `backward` does not look for that, as looking would
cost time in every operation. Only when a gradient turns out not to be finite is it computed again, here.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop
from math import isfinite
from typing import Any

import numpy as np

from .box import all_values, getval, is_foreign
from .cotangent import TAKE_SCATTERS, Scatter, dtype_of, project, shape_of
from .duck import is_duck, ones
from .primitive import ELEMENTWISE_RULES, SELECTIONS
from .reverse import Node, _receive, explain


def is_finite(g: Any) -> bool:
    """Whether a cotangent is free of NaN and infinities; of an array of a foreign type, which is not looked at, not for certain."""
    g = all_values(g)
    if type(g) is np.ndarray:
        if g.size < 2000:
            return b"\0" not in np.isfinite(g).tobytes()
        if g.flags.c_contiguous and g.dtype.char in "df":  # one pass over the memory, by BLAS
            flat = g.reshape(-1)
            with np.errstate(over="ignore", invalid="ignore"):
                if isfinite(flat.dot(flat)):
                    return True
        return bool(np.logical_and.reduce(np.isfinite(g), axis=None))
    if isinstance(g, float):
        return isfinite(g)
    if is_duck(g):
        return False
    return is_foreign(g) or bool(np.all(np.isfinite(g)))


def _masked(h: Any, g: Any, zero: Any) -> Any:
    """`h`, with zero where its factor is: the cotangent `g` that it was made of, or a slope.

    A cotangent under another derivative may be zero here and not nearby. So that its own derivative is not lost, only what is
    not finite is replaced then.
    """
    if getval(g) is not g:
        zero = zero & ~np.isfinite(h)
    return np.where(zero, 0, h)


def _left_out(rule: Callable, residual: Any, g: Any) -> Any:
    """What a selection did not take; an infinite cotangent, that of ``np.sqrt(np.maximum(x, 0))`` say, is not meant for it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return rule(ones(shape_of(g), dtype_of(g), all_values(g)), residual) == 0


def backward_with_strong_zeros(end: list[tuple[Node, Any]]) -> dict[int, Any]:
    """As `reverse.backward`, with every elementwise rule masked where its cotangent is zero."""
    pending: dict[int, list] = {}
    heap: list[int] = []
    roots: dict[int, Any] = {}
    for node, g in end:
        _receive(pending, heap, node, g)
    while heap:
        node, g, _ = pending.pop(heappop(heap))
        if type(g) is Scatter and (len(node) == 1 or node[-3] not in TAKE_SCATTERS):
            g = g.dense()
        if len(node) == 1:
            roots[node[0]] = g
        for i in range(1, len(node), 4):
            parent, rule, residual, fix = node[i : i + 4]
            try:
                with np.errstate(divide="ignore", invalid="ignore"):
                    h = rule(g, residual)
                if rule in ELEMENTWISE_RULES:
                    h = _masked(h, g, g == 0)
                if rule in SELECTIONS:
                    h = _masked(h, g, _left_out(rule, residual, g))
                _receive(pending, heap, parent, h if fix is None else project(h, fix))
            except Exception as error:
                explain(error, node)
                raise
    return roots
