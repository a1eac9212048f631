"""Driving the engine by hand, in the terms of HIPS autograd: nodes, trace numbers, boxes and a backward pass.

Programs that build their own graphs subclass `Node` and call `trace`; each primitive then makes one of their nodes.
`VJPNode` and `JVPNode` stand for what this package's own traces keep: views, made when asked for.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import box as box_module
from .box import Box
from .calls import INTERPRETERS, CallPrimitive, _unwrap
from .cotangent import as_scalar, project
from .errors import RuleShapeError
from .forward import ForwardTrace
from .primitive import Primitive
from .reverse import ReverseTrace, backward, root, unwrap
from .trace import EndedTrace, Trace, apply


class Node:
    """What a trace of one's own keeps for each value; subclasses implement both methods."""

    __slots__ = ()

    def __init__(self, value: Any, fun: Callable, args: tuple, kwargs: dict, parent_argnums: tuple, parents: tuple) -> None:
        raise NotImplementedError

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        """Set up the node of an input."""
        raise NotImplementedError

    @classmethod
    def new_root(cls, *args: Any, **kwargs: Any) -> Any:
        """The node of an input."""
        node = cls.__new__(cls)
        node.initialize_root(*args, **kwargs)
        return node


class VJPNode(Node):
    """A view of a reverse-mode node: its parents, and the map from its cotangent to theirs."""

    __slots__ = ("raw",)

    def __init__(self, raw: list) -> None:
        self.raw = raw

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        self.raw = root()

    @property
    def parents(self) -> list[VJPNode]:
        """The nodes of the operands."""
        return [VJPNode(parent) for parent in self.raw[1::4]]

    def vjp(self, g: Any) -> tuple:
        """The cotangents of the parents."""
        groups = (self.raw[i : i + 3] for i in range(2, len(self.raw), 4))
        return tuple(f(g, r) if fix is None else project(f(g, r), fix) for f, r, fix in groups)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VJPNode) and other.raw is self.raw

    def __hash__(self) -> int:
        return id(self.raw)

    def __lt__(self, other: VJPNode) -> bool:
        return self.raw[0] < other.raw[0]


class JVPNode(Node):
    """A view of what forward mode keeps: the tangent ``g``."""

    __slots__ = ("g",)

    def __init__(self, g: Any) -> None:
        self.g = g

    def initialize_root(self, g: Any) -> None:
        self.g = g


class NodeTrace(Trace):
    """Interpreter that makes a user's node for every primitive."""

    __slots__ = ("__weakref__", "node_type")

    def __init__(self, node_type: type[Node]) -> None:
        super().__init__()
        self.node_type = node_type

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        values, active = unwrap(self, operands)
        ans = apply(prim, values, params)
        if prim.kind == "zero":
            return ans
        fun = _Sequenced(prim) if prim.sequence else prim.fun
        argnums = tuple(i for i, _ in active)
        node = self.node_type(ans, fun, values, params, argnums, tuple(n for _, n in active))
        return new_box(ans, self, node)


def process_nodes(trace: NodeTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A user's primitive under a `NodeTrace`."""
    values, argnums, trees = _unwrap(trace, args)
    ans = prim(*values, **kwargs)
    if trace.node_type in prim.untraced:
        return ans
    parents = tuple(x._link for leaves, _ in trees for x in leaves if isinstance(x, Box) and x._trace is trace)
    return new_box(ans, trace, trace.node_type(ans, prim, tuple(values), kwargs, tuple(argnums), parents))


class _Sequenced:
    """A function of one sequence as a function of its elements."""

    __slots__ = ("prim",)

    def __init__(self, prim: Primitive) -> None:
        self.prim = prim

    @property
    def __name__(self) -> str:
        return self.prim.name.rpartition(".")[2]

    def __call__(self, *elements: Any, **params: Any) -> Any:
        return self.prim.fun(elements, **params)


class HandReverseTrace(ReverseTrace):
    """A reverse trace that a program opened by number."""

    __slots__ = ("__weakref__",)


class HandForwardTrace(ForwardTrace):
    """A forward trace that a program opened by number."""

    __slots__ = ("__weakref__",)


INTERPRETERS[NodeTrace] = process_nodes
INTERPRETERS[HandReverseTrace] = INTERPRETERS[ReverseTrace]
INTERPRETERS[HandForwardTrace] = INTERPRETERS[ForwardTrace]

_by_number: weakref.WeakValueDictionary[tuple, Any] = weakref.WeakValueDictionary()


def _trace_for(number: Any, node: Any) -> Trace:
    """The trace that a program means by a number and a node."""
    if isinstance(number, Trace):
        return number
    kind = VJPNode if type(node) is VJPNode or type(node) is list else type(node)
    found = _by_number.get((number, kind))
    if found is None:
        found = HandReverseTrace() if kind is VJPNode else HandForwardTrace() if kind is JVPNode else NodeTrace(kind)
        found.id = number
        _by_number[number, kind] = found
    return found


def new_box(value: Any, trace: Any, node: Any) -> Box:
    """A box of `value` for `trace` (a trace, or the number of one) that keeps `node`."""
    raw = node.raw if type(node) is VJPNode else node.g if type(node) is JVPNode else node
    return box_module.new_box(as_scalar(value), _trace_for(trace, node), raw)


def _view(box: Box) -> Any:
    trace = box._trace
    if isinstance(trace, ReverseTrace) or type(box._link) is list and isinstance(trace, EndedTrace):
        return VJPNode(box._link)
    return JVPNode(box._link) if isinstance(trace, ForwardTrace) else box._link


Box._node = property(_view, doc="What the trace keeps of the value: a `VJPNode`, a `JVPNode`, or a node of one's own.")  # type: ignore[attr-defined]


class TraceStack:
    """Opens traces. There is no stack: a new trace is younger than all before it."""

    def __init__(self) -> None:
        self.top = -1

    @contextmanager
    def new_trace(self) -> Iterator[int]:
        """A number for `new_box`. Its boxes stay usable after the block."""
        yield Trace().id


trace_stack = TraceStack()


def trace(start_node: Node, fun: Callable, x: Any) -> tuple[Any, Any]:
    """Run ``fun(x)`` with `x` boxed beside `start_node`; the output's value and node (``None`` if it does not depend on `x`)."""
    with trace_stack.new_trace() as number:
        start = new_box(x, number, start_node)
        end = fun(start)
        if isinstance(end, Box) and end._trace is start._trace:
            return end._value, _view(end)
    warnings.warn("Output seems independent of input.", stacklevel=2)
    return end, None


def backward_pass(g: Any, end_node: VJPNode) -> Any:
    """The cotangent of the (one) root, for the cotangent `g` of `end_node`."""
    roots = backward([(end_node.raw, g)])
    if len(roots) != 1:
        raise RuleShapeError(f"backward_pass expects a graph with one input, this one has {len(roots)}")
    return next(iter(roots.values()))


def toposort(end_node: Any, parents: Callable[[Any], Any] = lambda node: node.parents) -> Iterator[Any]:
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
