"""Forward mode: a box carries its tangent, and every primitive maps tangents beside values.

``_link`` of a box of this trace is the tangent, an array of the value's shape (or a box of an older trace).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .box import Box, is_foreign, new_box
from .cotangent import cast, dtype_of, shape_of
from .primitive import Primitive
from .reverse import untraced, unwrap
from .trace import Trace, apply
from .transpose import transpose, zeros_like


class ForwardTrace(Trace):
    """Interpreter that runs each primitive and its JVP."""

    __slots__ = ()
    exclusive = True

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if len(operands) == 1 and prim.kind == "linear" and prim.variadic is None:
            (x,) = operands
            return self.box(_run(prim, x._value, params), _run(prim, x._link, params))
        values, active = unwrap(self, operands)
        ans = _run(prim, values[0], params) if len(values) == 1 else apply(prim, values, params)
        if prim.kind == "zero":
            return ans
        if prim.kind == "linear" and prim.variadic is not None:
            return self.box(ans, apply(prim, all_tangents(values, active), params))
        tangent = None
        jvps = prim.jvps
        for i, t in active:
            if not params and (rule := jvps.get(i)) is not None:  # the common case of `tangent_map`, written out
                term = rule.call(t, rule.gather(values, ans, params))
            else:
                term = tangent_map(prim, i, values, ans, params)(t)
            if term is not None:
                tangent = term if tangent is None else _add(tangent, term)
        return ans if tangent is None else self.box(ans, tangent)

    def mapped(self, x: Any, f: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
        return new_box(f(x._value), self, f(x._link))

    def box(self, ans: Any, tangent: Any) -> Any:
        """`ans` with its tangent."""
        kind = type(ans)
        if kind is type(tangent) and (
            (kind is np.ndarray and ans.dtype is tangent.dtype and ans.dtype.kind in "fc" and ans.shape == tangent.shape)
            or kind is np.float64
        ):
            return new_box(ans, self, tangent)
        if kind is np.ndarray and isinstance(tangent, Box) and ans.dtype.kind in "fc":  # a batch of tangents
            t: Any = tangent
            if t.dtype is ans.dtype and t.shape == ans.shape:
                return new_box(ans, self, t)
        if type(ans) is not np.ndarray and not isinstance(ans, Box) and isinstance(ans, (tuple, list)):
            boxes = [
                new_box(a, self, match(t, a)) if dtype_of(a).kind in "fc" else a
                for a, t in zip(ans, tangent, strict=True)
            ]
            return ans._make(boxes) if hasattr(ans, "_make") else type(ans)(boxes)
        if dtype_of(ans).kind not in "fc" and not is_foreign(ans):
            return untraced(ans, "a function")
        return new_box(ans, self, match(tangent, ans))


def _run(prim: Primitive, x: Any, params: dict) -> Any:
    """`prim` of one operand."""
    kind = type(x)
    return prim.kernel(x, **params) if kind is np.ndarray or kind is np.float64 else apply(prim, (x,), params)


def all_tangents(values: tuple, active: list) -> tuple:
    """Tangents of all operands at once, for a function that is linear in them jointly; zeros where there is none."""
    tangents: list[Any] = [None] * len(values)
    for i, t in active:
        tangents[i] = t
    return tuple(zeros_like(v) if t is None else t for v, t in zip(values, tangents, strict=True))


def tangent_map(prim: Primitive, i: int, values: tuple, ans: Any, params: dict) -> Callable:
    """The linear map from the tangent of operand `i` to the tangent of the output (``None`` where it is zero)."""
    key = prim.key(i)
    if prim.kind in ("linear", "multilinear"):
        return lambda t: apply(prim, (*values[:i], t, *values[i + 1 :]), params)
    given = params if prim.variadic is None else params | {"argnum": i - prim.variadic}
    table = prim.jvps if key in prim.jvps else prim.vjps
    if key not in table:
        raise prim.missing(i)
    rule = prim.rule(table, i, params)
    if rule is None:
        return lambda t: None
    residual = rule.gather(values, ans, given)
    if table is prim.jvps:
        return lambda t: rule.call(t, residual)
    if isinstance(ans, (tuple, list)):
        return lambda t: transpose(lambda *g: (rule.call(g, residual),), ans)((t,))
    return lambda t: transpose(lambda g: (rule.call(g, residual),), (ans,))((t,))[0]


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, (tuple, list)):
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return a + b


def match(t: Any, ans: Any) -> Any:
    """A tangent with the shape and dtype of its primal."""
    kind = type(ans)
    if kind is type(t) and (kind is np.float64 or (kind is np.ndarray and t.dtype is ans.dtype and t.shape == ans.shape)):
        return t
    shape = shape_of(ans)
    if shape_of(t) != shape:
        t = np.broadcast_to(t, shape)
    return cast(t, dtype_of(ans))
