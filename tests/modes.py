"""The engine driven by hand, in every mode: what the tests of rules measure.

Functions here take ``f(*xs)`` and lists of operands (arrays, or boxes of an older trace, so that modes nest),
and return the floating-point outputs as flat lists, beside their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_clone.engine.box import Box, new_box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.forward import ForwardTrace
from autograd_clone.engine.reverse import ReverseTrace, backward, root


def leaves(result: Any) -> list[Any]:
    """The floating-point and complex outputs, traced or not, in the order of `oracle.leaves`."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result] if dtype_of(result).kind in "fc" else []


def zeros_like(x: Any) -> np.ndarray:
    return np.zeros(shape_of(x), dtype_of(x))


def vjp(
    f: Callable, xs: Sequence[Any], cotangents: Callable, active: Sequence[int] | None = None
) -> tuple[list, list]:
    """Outputs, and the cotangents of `xs` for those that ``cotangents(outputs)`` gives.

    Only the operands whose index is in `active` are traced (all, by default); zeros where nothing arrives.
    """
    starts = {i: root() for i in (range(len(xs)) if active is None else active)}
    with ReverseTrace() as trace:
        boxed = [new_box(x, trace, starts[i]) if i in starts else x for i, x in enumerate(xs)]
        outs, ends = _take(leaves(f(*boxed)), trace)
    seeds = [(node, g) for node, g in zip(ends, cotangents(outs), strict=True) if node is not None]
    found = backward(seeds)
    return outs, [found.get(starts[i][0], zeros_like(x)) if i in starts else None for i, x in enumerate(xs)]


def jvp(f: Callable, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[list, list]:
    """Outputs and their tangents; an operand whose tangent is None is not traced."""
    with ForwardTrace() as trace:
        boxed = [x if t is None else new_box(x, trace, t) for x, t in zip(xs, tangents, strict=True)]
        outs, ts = _take(leaves(f(*boxed)), trace)
    return outs, [zeros_like(y) if t is None else t for y, t in zip(outs, ts, strict=True)]


def _take(outs: list[Any], trace: Any) -> tuple[list, list]:
    mine = [isinstance(y, Box) and y._trace is trace for y in outs]
    values = [y._value if m else y for y, m in zip(outs, mine, strict=True)]
    return values, [y._link if m else None for y, m in zip(outs, mine, strict=True)]


def pair(gs: Sequence[Any], ts: Sequence[Any]) -> Any:
    """The real number that cotangents make of tangents."""
    return sum(np.sum(np.real(g * t)) for g, t in zip(gs, ts, strict=True)) + 0.0


class Loss:
    """``Re sum(g * y + c * y * y / 2)`` of the outputs ``y``; its cotangent depends on the outputs.

    So second derivatives also test that a rule can be differentiated with respect to its cotangent.
    """

    def __init__(self, gs: Sequence[Any], cs: Sequence[Any]) -> None:
        self.gs, self.cs = gs, cs

    def __call__(self, ys: Sequence[Any]) -> Any:
        return pair(self.gs, ys) + pair(self.cs, [y * y / 2 for y in ys])

    def cotangents(self, ys: Sequence[Any]) -> list[Any]:
        return [g + c * y for g, c, y in zip(self.gs, self.cs, ys, strict=True)]


def reverse_over_reverse(
    f: Callable, xs: Sequence[Any], loss: Loss, vs: Sequence[Any], ws: Sequence[Any]
) -> Any:
    """The loss' mixed derivative along `vs` and `ws`."""
    return pair(vjp(lambda *xs: vjp(f, xs, loss.cotangents)[1], xs, lambda _: vs)[1], ws)


def forward_over_reverse(
    f: Callable, xs: Sequence[Any], loss: Loss, vs: Sequence[Any], ws: Sequence[Any]
) -> Any:
    """As `reverse_over_reverse`, by forward mode of the gradient."""
    return pair(jvp(lambda *xs: vjp(f, xs, loss.cotangents)[1], xs, ws)[1], vs)


def reverse_over_forward(
    f: Callable, xs: Sequence[Any], loss: Loss, vs: Sequence[Any], ws: Sequence[Any]
) -> Any:
    """As `reverse_over_reverse`, by reverse mode of the directional derivative."""
    return pair(_pull_tangents(f, xs, loss, vs), ws)


def _pull_tangents(f: Callable, xs: Sequence[Any], loss: Loss, vs: Sequence[Any]) -> list[Any]:
    def slope(ys_and_ts: list[Any]) -> list[Any]:
        n = len(ys_and_ts) // 2
        ys, ts = ys_and_ts[:n], ys_and_ts[n:]
        return [c * t for c, t in zip(loss.cs, ts, strict=True)] + loss.cotangents(ys)

    def both(*xs: Any) -> list[Any]:
        ys, ts = jvp(f, xs, vs)
        return [*ys, *ts]

    return vjp(both, xs, slope)[1]


def forward_over_forward(
    f: Callable, xs: Sequence[Any], loss: Loss, vs: Sequence[Any], ws: Sequence[Any]
) -> Any:
    """As `reverse_over_reverse`, without reverse mode."""

    def both(*xs: Any) -> list[Any]:
        ys, ts = jvp(f, xs, vs)
        return [*ys, *ts]

    outs, slopes = jvp(both, xs, ws)
    n = len(outs) // 2
    ys, ts, dys, dts = outs[:n], outs[n:], slopes[:n], slopes[n:]
    return pair(loss.cotangents(ys), dts) + pair([c * dy for c, dy in zip(loss.cs, dys, strict=True)], ts)


SECOND_ORDER = {
    "reverse over reverse": reverse_over_reverse,
    "forward over reverse": forward_over_reverse,
    "reverse over forward": reverse_over_forward,
    "forward over forward": forward_over_forward,
}
