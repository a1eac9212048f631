"""Strong zeros: a backward pass in which a cotangent that is exactly zero contributes exactly zero.

``np.where(x > 0, np.sqrt(x), 0)`` at 0 pulls a zero back through the branch that was not taken, and there it meets an
infinite factor: ``0 * inf`` is NaN although the derivative is 0. `backward` does not look for that, as looking would
cost time in every operation. Only when a gradient turns out not to be finite is it computed again, here.

A slope that is exactly zero counts as strong, too, whatever cotangent it meets: so the derivative of ``np.sqrt(x**2)`` at 0 is
the same in reverse mode, where the infinite factor comes first, and in forward mode, where the zero does. And rules that have a
form of their own for singular points (`define.at_singular_points`) use that here.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop
from math import isfinite
from typing import Any

import numpy as np

from .box import Box, all_values, getval, is_foreign
from .cotangent import TAKE_SCATTERS, Scatter, dtype_of, project, shape_of
from .define import elementwise
from .duck import is_duck, ones
from .primitive import AT_SINGULAR_POINTS, ELEMENTWISE_RULES, SELECTIONS, Primitive
from .reverse import Node, _receive, explain


def is_finite(g: Any) -> bool:
    """Whether a cotangent is free of NaN and infinities; of an array of a foreign type, which is not looked at, not for certain."""
    if type(g) is not np.ndarray:
        g = all_values(g)
    if type(g) is np.ndarray:
        if g.dtype.char in "df" and isfinite(_vdot(g, g)):  # one pass over the memory, by BLAS; it does not warn of an overflow
            return True
        return b"\0" not in np.isfinite(g).tobytes() if g.size < 2000 else bool(np.logical_and.reduce(np.isfinite(g), axis=None))
    if isinstance(g, float):
        return isfinite(g)
    if is_duck(g):
        return False
    return is_foreign(g) or bool(np.all(np.isfinite(g)))


_vdot = np.vdot


def strong_product(g: Any, d: Any) -> Any:
    """``g * d``, and zero where one of them is, whatever the other is there."""
    with np.errstate(invalid="ignore"):
        return np.where((g == 0) | (d == 0), 0, g * d)


STRONG_PRODUCT: Primitive = elementwise(
    strong_product,
    g=lambda g, d: g * d,
    d=lambda t, g: STRONG_PRODUCT(g, t),
    options={"samples": lambda s: [s(s.nonzero(3, 4), s.array(3, 4)), s(s.nonzero(), s.array()), s(s.array(0), s.array(0))]},
)


def _is_traced(residual: Any) -> bool:
    return any(map(_is_traced, residual)) if isinstance(residual, tuple) else isinstance(residual, Box)


def _slope(rule: Callable, residual: Any, g: Any) -> Any:
    """What an elementwise rule multiplies a cotangent like `g` by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return rule(ones(shape_of(g), dtype_of(g), all_values(g)), residual)


def _masked(rule: Callable, residual: Any, g: Any, h: Any, generic: bool) -> Any:
    """`h`, which an elementwise rule has made of `g`, with zero where `g` is.

    A cotangent under another derivative may be zero here and not nearby: that of ``y`` in ``y**3`` is ``3 * y**2``. So that its own
    derivative is not lost, only what is not finite is replaced then, by a product that has the derivative of one. If that
    is infinite and the cotangent is zero everywhere, what the cotangent came from passes none of it on.
    """
    zero = g == 0
    if getval(g) is g:
        return np.where(zero, 0, h)
    zero = zero & ~np.isfinite(h)
    if dtype_of(h).kind == "c" or (generic and not _is_traced(residual)):
        return np.where(zero, 0, h)
    return np.where(zero, STRONG_PRODUCT(g, _slope(rule, residual, g)), h)


def without_flat_slopes(rule: Callable, residual: Any, g: Any, h: Any) -> Any:
    """`h`, which a rule has made of `g`, with zero for the products of an infinite cotangent and a slope that is zero.

    At 0, ``np.sqrt(x**2)`` pulls an infinite cotangent back through the square, whose slope is zero. In a linear rule of any
    kind these products are what is left of the infinite elements of `g` when they are replaced by ones. Under another
    derivative they have that of a product, if the rule is elementwise.
    """
    if not (hasattr(g, "dtype") and hasattr(h, "dtype")):  # several, or a list of pieces
        return h
    if is_duck(all_values(g)) or is_duck(all_values(h)):  # which is not looked at
        return h
    kind = dtype_of(g).kind
    if kind not in "fc" or not (np.any(all_values(np.isnan(h))) and np.any(all_values(infinite := np.isinf(g)))):
        return h
    direction = _infinite_part(g) if kind == "f" else _infinite_part(np.real(g)) + 1j * _infinite_part(np.imag(g))
    flat = np.isnan(h) & (rule(direction, residual) == 0)
    if rule in ELEMENTWISE_RULES and getval(g) is not g and kind == "f":
        return np.where(flat, STRONG_PRODUCT(g, _slope(rule, residual, g)), h)
    return np.where(flat, rule(np.where(infinite, 0, g), residual), h)


def _infinite_part(g: Any) -> Any:
    """One, with its sign, where `g` is infinite, and zero elsewhere."""
    return np.where(np.isinf(g), np.sign(g), 0)


def _selected(h: Any, g: Any, left_out: Any) -> Any:
    """`h`, which a selection has made of `g`, with zero for what was left out; in a derivative only if it is not finite."""
    return np.where(left_out if getval(g) is g else left_out & ~np.isfinite(h), 0, h)


def backward_with_strong_zeros(end: list[tuple[Node, Any]], *, generic: bool = False) -> dict[int, Any]:
    """As `reverse.backward`, with every elementwise rule masked where its cotangent is zero.

    ``generic`` says that the cotangents are such that a zero is one for all cotangents.
    """
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
            rule = AT_SINGULAR_POINTS.get(rule, rule)
            try:
                with np.errstate(divide="ignore", invalid="ignore"):
                    h = rule(g, residual)
                    h = without_flat_slopes(rule, residual, g, h)
                if rule in ELEMENTWISE_RULES:
                    h = _masked(rule, residual, g, h, generic)
                if rule in SELECTIONS:
                    # An infinite cotangent, that of ``np.sqrt(np.maximum(x, 0))`` say, is not meant for what was left out.
                    h = _selected(h, g, _slope(rule, residual, g) == 0)
                _receive(pending, heap, parent, h if fix is None else project(h, fix))
            except Exception as error:
                explain(error, node)
                raise
    return roots
