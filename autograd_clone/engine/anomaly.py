"""Traces that look at every value for NaN and infinities, and name where the first one appeared.

The transforms ask once per call whether `detection` is on. The traces of this module are subclasses, which the specialised
operators leave to the general way; every rule in their nodes is wrapped in a `Guard`, which looks at what it returns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

import numpy as np

from .box import Box, all_values
from .calls import INTERPRETERS, CallPrimitive, process_forward, process_reverse
from .cotangent import Scatter
from .errors import AnomalyError
from .forward import ForwardTrace
from .primitive import AT_SINGULAR_POINTS, ELEMENTWISE_RULES, Primitive
from .pytree import flatten
from .reverse import Node, ReverseTrace
from .site import Site, user_frame
from .trace import Trace
from .zeros import without_flat_slopes


class Detection:
    """What is looked for.

    Attributes
    ----------
    inf : bool
        Infinities, beside NaN.
    forward : bool
        Values too, and not derivatives alone.
    within : Guard, optional
        The rule that is running.
    """

    __slots__ = ("forward", "inf", "within")

    def __init__(self, inf: bool, forward: bool, within: Guard | None = None) -> None:
        self.inf = inf
        self.forward = forward
        self.within = within

    def bad(self, x: Any) -> Any:
        """Where an array is not as it should be; ``None`` if there is no such place, or it is no array of numbers."""
        x = all_values(x)
        if not isinstance(x, (np.ndarray, np.generic, float, complex)) or np.asarray(x).dtype.kind not in "fc":
            return None
        found = ~np.isfinite(x) if self.inf else np.isnan(x)
        return found if np.any(found) else None


_detection: ContextVar[Detection | None] = ContextVar("detection", default=None)
#: What is looked for in this thread or task; ``None`` if nothing is.
detection = _detection.get


@contextmanager
def detecting(found: Detection | None) -> Iterator[None]:
    """Look for something else, or for nothing."""
    token = _detection.set(found)
    try:
        yield
    finally:
        _detection.reset(token)


# ---- traces -------------------------------------------------------------------------------------------------------


class GuardedReverseTrace(ReverseTrace):
    """A reverse trace that looks at every value and has every rule looked at."""

    __slots__ = ()

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        return guarded(self, super().process, prim, operands, params)


class GuardedForwardTrace(ForwardTrace):
    """A forward trace that looks at every value and tangent."""

    __slots__ = ()

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        ans = super().process(prim, operands, params)
        _look_at_values(prim, operands, ans)
        _look_at_tangents(prim, operands, ans, self)
        return ans


def guarded(trace: Trace, process: Callable, prim: Primitive, operands: tuple, params: dict) -> Any:
    """``process(prim, operands, params)`` of a reverse trace, looked at; its node's rules will be."""
    ans = process(prim, operands, params)
    found = detection()
    if found is None:
        return ans
    _look_at_values(prim, operands, ans)
    mine = [i for i, x in enumerate(operands) if isinstance(x, Box) and x._trace is trace and x._link is not None]
    names = [name for name, _ in _named(prim, operands)]
    for node in nodes_of(ans, trace):
        is_known = isinstance(prim, Primitive) and len(node) == 1 + 4 * len(mine)
        for k in range(2, len(node), 4):
            i = mine[k // 4] if is_known else -1
            node[k] = Guard(node[k], found, prim.name, names[i] if is_known else "", _kept(prim, i) if is_known else ())
    return ans


def _kept(prim: Primitive, i: int) -> tuple[str, ...]:
    """What the residual of operand `i` is made of."""
    rule = prim.vjps.get(prim.key(i))
    return () if rule is None else rule.names


def _reverse_call(trace: GuardedReverseTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    return guarded(trace, lambda *_: process_reverse(trace, prim, args, kwargs), prim, args, kwargs)  # type: ignore[arg-type]


def _forward_call(trace: GuardedForwardTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    ans = process_forward(trace, prim, args, kwargs)
    _look_at_values(prim, args, ans)
    _look_at_tangents(prim, args, ans, trace)
    return ans


INTERPRETERS[GuardedReverseTrace] = _reverse_call
INTERPRETERS[GuardedForwardTrace] = _forward_call


def nodes_of(ans: Any, trace: Trace) -> list[Node]:
    """The nodes with the rules of the primitive that `ans` is the result of: one, or none if nothing was recorded."""
    boxes = [x for x in flatten(ans)[0] if isinstance(x, Box) and x._trace is trace and x._link is not None]
    if len(boxes) == 1 and boxes[0] is ans:
        return [ans._link]
    return [boxes[0]._link[1]] if boxes else []


def _named(prim: Any, operands: tuple) -> list[tuple[str, Any]]:
    """Operands with their names."""
    names = list(getattr(prim, "operands", ()))
    if names and prim.variadic is not None:
        stem = names.pop()
        names += [f"{stem}[{k}]" for k in range(len(operands) - len(names))]
    names += [f"argument {k}" for k in range(len(names), len(operands))]
    return list(zip(names, operands, strict=False))


# ---- looking ------------------------------------------------------------------------------------------------------


def _look_at_values(prim: Any, operands: tuple, ans: Any) -> None:
    found = detection()
    if found is None or not found.forward:
        return
    for x in flatten(ans)[0]:
        bad = found.bad(x)
        if bad is not None:
            raise _anomaly(prim.name, x, bad, _site(found), _named(prim, operands))


def _look_at_tangents(prim: Any, operands: tuple, ans: Any, trace: Trace) -> None:
    found = detection()
    if found is None:
        return
    mine = [(name, x._link) for name, x in _named(prim, operands) if isinstance(x, Box) and x._trace is trace]
    for x in flatten(ans)[0]:
        if not (isinstance(x, Box) and x._trace is trace):
            continue
        bad = found.bad(x._link)
        if bad is not None and prim.kind == "elementwise":  # zero times infinity is not looked at
            bad = bad & np.any([np.broadcast_to(all_values(t) != 0, bad.shape) for _, t in mine], axis=0)
        if bad is not None and np.any(bad):
            tangents = [(f"tangent of {name}", t) for name, t in mine]
            raise _anomaly(f"the tangent of {prim.name}", x._link, bad, _site(found), [*_named(prim, operands), *tangents])


class Guard:
    """A rule of a node, the results of which are looked at."""

    __slots__ = ("found", "kept", "operand", "rule", "site", "what")

    def __init__(self, rule: Callable, found: Detection, name: str, operand: str, kept: tuple[str, ...]) -> None:
        self.rule, self.found, self.operand, self.kept = rule, found, operand, kept
        self.what = f"the backward pass of {name}"
        self.site = _site(found)
        if found.within is not None:
            self.what += f", which is a part of {found.within.what}"

    def __call__(self, g: Any, residual: Any) -> Any:
        try:
            with detecting(Detection(self.found.inf, False, self)):
                h = self._apply(g, residual)
        except Exception as error:
            if not getattr(error, "__notes__", None):
                error.add_note(f"in {self.what}, recorded at {self.site}")
            raise
        for x in flatten(h)[0] if isinstance(h, (tuple, list, dict)) else [h]:
            bad = None if type(x) is Scatter else self.found.bad(x)
            if bad is not None:
                what = f"{self.what}, for its operand {self.operand}," if self.operand else self.what
                kept = residual if isinstance(residual, tuple) and len(self.kept) != 1 else (residual,)
                raise _anomaly(what, x, bad, self.site, [("cotangent", g), *zip(self.kept, kept, strict=False)])
        return h

    def _apply(self, g: Any, residual: Any) -> Any:
        """What the rule returns; zero times infinity is zero, as in `zeros`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            h = self.rule(g, residual)
            if not hasattr(h, "dtype") or self.found.bad(h) is None:
                return h
            if self.rule in AT_SINGULAR_POINTS:
                h = AT_SINGULAR_POINTS[self.rule](g, residual)
            h = without_flat_slopes(self.rule, residual, g, h)
        return np.where((g == 0) & ~np.isfinite(h), 0, h) if self.rule in ELEMENTWISE_RULES else h


# ---- telling ------------------------------------------------------------------------------------------------------


def _site(found: Detection) -> Site:
    """The line that is running; if it is one that a rule is made of, the line that recorded the rule's primitive."""
    frame = user_frame()
    inner: FrameType | None = sys._getframe()
    while found.within is not None and inner is not None and inner is not frame:
        if inner.f_code is Guard.__call__.__code__:
            return found.within.site
        inner = inner.f_back
    return Site(frame)


def _anomaly(what: str, x: Any, bad: Any, site: Site, operands: list[tuple[str, Any]]) -> AnomalyError:
    """The error that says what was not finite, where, and what it was computed from."""
    x = np.asarray(all_values(x))
    places = np.argwhere(np.asarray(bad))
    first = tuple(int(i) for i in places[0])
    kinds = sorted({str(v) for v in x[np.asarray(bad)].reshape(-1)[:1000]})
    number = f"{len(places)} of {x.size} elements, the first at {list(first)}" if x.ndim else "its only element"
    lines = [f"{what} gave {', '.join(kinds[:3])} in {number}", f"  at {site}"]
    if site.text:
        lines.append(f"      {site.text}")
    lines += [f"  {_LABELS.get(name, name)}: {_described(value, x.shape, first)}" for name, value in operands if _is_numbers(value)]
    return AnomalyError("\n".join(lines))


_LABELS = {"ans": "output"}


def _is_numbers(x: Any) -> bool:
    x = all_values(x)
    return isinstance(x, (np.ndarray, np.generic, float, complex, int)) and np.asarray(x).dtype.kind in "fciu"


def _described(value: Any, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """Type and range of an operand, and its element where the result was not finite, if it has one."""
    x = np.asarray(all_values(value))
    text = f"{x.dtype} of shape {x.shape}" if x.ndim else f"{x.dtype} {x[()]}"
    finite = x[np.isfinite(x)]
    if x.ndim and finite.size and x.dtype.kind != "c":
        text += f", from {finite.min()} to {finite.max()}"
    if x.ndim and (x.shape == shape or _broadcasts(x.shape, shape)):
        text += f", {np.broadcast_to(x, shape)[index]} at {list(index)}"
    if finite.size < x.size:
        text += f"; it held {x.size - finite.size} NaN or infinite {'elements' if x.size - finite.size > 1 else 'element'} before"
    return text


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))
