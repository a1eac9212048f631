"""Driving the engine by hand, in the terms of HIPS autograd: nodes, trace numbers, boxes and a backward pass.

`VJPNode` and `JVPNode` stand for what this package's own traces keep beside a value. They are views, made when
``box._node`` is asked for, and may be handed back wherever a node is expected. A trace opened by hand has a number, may be
given any number by the program, and never ends: its boxes stay usable and its graph may be pulled through repeatedly.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from . import box as box_module
from .box import Box, TangentView
from .calls import INTERPRETERS, _pick, _slot
from .cotangent import Scatter, as_scalar, project
from .forward import ForwardTrace
from .nodes import Node, NodeTrace
from .pytree import flatten
from .reverse import ReverseTrace, backward, next_order
from .reverse import _slot as _output_slot
from .trace import Trace


class VJPNode(Node, list):
    """A reverse-mode node as programs see it: its parents, and the map from its cotangent to theirs.

    It is a copy of the engine's node and as good as that: both are known by their place in the order of creation.
    """

    __slots__ = ()

    def __init__(self, raw: list) -> None:
        list.__init__(self, raw)

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        self.append(next_order())

    @property
    def parents(self) -> list[VJPNode]:
        """The nodes of the operands."""
        return [VJPNode(p) for p in _parents(self)]

    def vjp(self, g: Any) -> tuple:
        """The cotangents of the parents, in their order."""
        return tuple(_pull(self, _cotangent(g)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and other[:1] == self[:1]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self[0])

    def __repr__(self) -> str:
        return f"<VJPNode {-self[0]}>"


def _is_inner(edge: Callable, parent: list) -> bool:
    """Whether a node's parent is a part of the same operation (a call with several arguments or results)."""
    return edge in (_slot, _output_slot) or (len(parent) > 2 and parent[2] is _pick)


def _parents(node: list) -> list:
    out: list = []
    for parent, edge in zip(node[1::4], node[2::4], strict=True):
        out += _parents(parent) if _is_inner(edge, parent) else [parent]
    return out


def _pull(node: list, g: Any) -> list:
    out: list = []
    for i in range(1, len(node), 4):
        parent, edge, residual, fix = node[i : i + 4]
        h = edge(g, residual)
        if fix is not None:
            h = project(h, fix)
        if type(h) is Scatter:
            h = h.dense()
        out += _pull(parent, h) if _is_inner(edge, parent) else [h]
    return out


def _cotangent(g: Any) -> Any:
    return np.float64(g) if type(g) is int else as_scalar(g)


class JVPNode(Node, TangentView):
    """What forward mode keeps beside a value: the tangent ``g``."""

    __slots__ = ()

    def __init__(self, g: Any) -> None:
        self.g = g

    def initialize_root(self, g: Any) -> None:
        self.g = g


class HandReverseTrace(ReverseTrace):
    """A reverse trace that a program opened by number."""

    __slots__ = ("__weakref__",)
    protects = False  # it does not end


class HandForwardTrace(ForwardTrace):
    """A forward trace that a program opened by number."""

    __slots__ = ("__weakref__",)


INTERPRETERS[HandReverseTrace] = INTERPRETERS[ReverseTrace]
INTERPRETERS[HandForwardTrace] = INTERPRETERS[ForwardTrace]

_by_number: weakref.WeakValueDictionary[tuple, Any] = weakref.WeakValueDictionary()


def _trace_for(number: int, node: Any) -> Trace:
    """The trace that a program means by a number and a node: one for each kind of node, as long as it has boxes."""
    kind = VJPNode if isinstance(node, list) else JVPNode if isinstance(node, TangentView) else type(node)
    found = _by_number.get((number, kind))
    if found is None:
        found = HandReverseTrace() if kind is VJPNode else HandForwardTrace() if kind is JVPNode else NodeTrace(kind)
        found.id = number
        _by_number[number, kind] = found
    return found


box_module.trace_by_number.append(_trace_for)


def new_box(value: Any, trace: Any, node: Any) -> Box:
    """A box of `value` for `trace` (a trace, or the number of one) that keeps `node`.

    Examples
    --------
    >>> x = new_box(3.0, 0, VJPNode.new_root())
    >>> backward_pass(1.0, (x * x)._node)
    np.float64(6.0)
    """
    if not isinstance(trace, Trace):
        trace = _trace_for(trace, node)
    if isinstance(trace, NodeTrace):
        return trace.box(as_scalar(value), node)
    return box_module.new_box(as_scalar(value), trace, node.g if isinstance(node, TangentView) else node)


def _view(box: Box) -> Any:
    if isinstance(box._trace, ForwardTrace):
        return JVPNode(box._link)
    return VJPNode(box._link) if isinstance(box._link, list) else box._link


Box._node = property(_view, doc="What the trace keeps of the value: a `VJPNode`, a `JVPNode`, or a node of one's own.")  # type: ignore[attr-defined]


class TraceStack:
    """Opens traces. Nothing depends on the stack: a new trace is younger than all before it.

    Attributes
    ----------
    top : int
        The number of the trace opened last and not closed, -1 if there is none.
    """

    def __init__(self) -> None:
        self.top = -1

    @contextmanager
    def new_trace(self) -> Iterator[int]:
        """A number for `new_box`. Its boxes stay usable after the block."""
        before, number = self.top, Trace().id
        self.top = number
        try:
            yield number
        finally:
            self.top = before


trace_stack = TraceStack()


def trace(start_node: Node, fun: Callable, x: Any) -> tuple[Any, Any]:
    """Run ``fun(x)`` with `x` boxed beside `start_node`; the output's value and node (``None`` if it does not depend on `x`).

    Examples
    --------
    >>> value, node = trace(VJPNode.new_root(), lambda x: x**3, 2.0)
    >>> value, backward_pass(1.0, node)
    (np.float64(8.0), np.float64(12.0))
    """
    with trace_stack.new_trace() as number:
        start = new_box(x, number, start_node)
        end = fun(start)
        own = start._trace
        if isinstance(end, Box) and end._trace is own:
            return end._value, _view(end)
        leaves, treedef = flatten(end)
        if any(isinstance(y, Box) and y._trace is own for y in leaves):
            return _container_output(own, end, leaves, treedef)
    warnings.warn("Output seems independent of input.", stacklevel=2)
    return end, None


def _container_output(own: Trace, end: Any, leaves: list, treedef: Any) -> tuple[Any, Any]:
    """The value and node of a container of which some leaves are boxes of the trace `own`."""
    if isinstance(own, NodeTrace):
        box = own.whole(end)
        return box._value, box._link
    mine = [isinstance(y, Box) and y._trace is own for y in leaves]
    value = treedef.unflatten(y._value if m else y for y, m in zip(leaves, mine, strict=True))
    if isinstance(own, ForwardTrace):
        return value, JVPNode(treedef.unflatten(y._link if m else None for y, m in zip(leaves, mine, strict=True)))
    node: list = [next_order()]
    for k, (y, m) in enumerate(zip(leaves, mine, strict=True)):
        if m:
            node += y._link, lambda g, k: treedef.flatten_like(g, "cotangent")[k], k, None
    return value, VJPNode(node)


def backward_pass(g: Any, end_node: VJPNode) -> Any:
    """The cotangent of the root, for the cotangent `g` of `end_node`. It may be called again on the same graph.

    Of several roots, the one that comes last in topological order counts, as in HIPS autograd.
    """
    roots = backward([(end_node, _cotangent(g))])
    if len(roots) > 1:
        return roots[list(toposort(end_node))[-1][0]]
    return next(iter(roots.values()))


def toposort(end_node: Any, parents: Callable[[Any], Any] = attrgetter("parents")) -> Iterator[Any]:
    """The nodes that `end_node` depends on, each after all its children."""
    children: dict[Any, int] = {}
    pending = [end_node]
    while pending:
        node = pending.pop()
        if node in children:
            children[node] += 1
        else:
            children[node] = 1
            pending.extend(parents(node))
    ready = [end_node]
    while ready:
        node = ready.pop()
        yield node
        for parent in parents(node):
            children[parent] -= 1
            if not children[parent]:
                ready.append(parent)


def find_top_boxed_args(args: tuple) -> tuple[list[tuple[int, Box]], Any, type | None]:
    """The boxes of the youngest trace in `args` with their places, that trace, and the type of its nodes."""
    boxes = [(i, x) for i, x in enumerate(args) if isinstance(x, Box)]
    if not boxes:
        return [], -1, None
    top = max((x._trace for _, x in boxes), key=lambda t: t.id)
    mine = [(i, x) for i, x in boxes if x._trace is top]
    return mine, top, type(_view(mine[0][1]))
