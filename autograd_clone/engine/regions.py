r"""Regions: parts of a program that a reverse trace forgets, and that are recorded again when their derivative is needed.

A region is run by itself: its inputs are taken out of their boxes, so the trace records nothing. But a region may also use traced
values that are not among its inputs, as a function does that closes over the parameters of a model. What it computes from these
the trace does record, in nodes younger than the region. So what the region has taken from its surroundings is found by following
the graph from its results to the first nodes that were there before::

    w                        captured: older than the region          w                    [order of w]: stands for w
     \                                                                                       |
      tanh   x (a number)    younger: forgotten                 again:                      tanh   x (a root)
        \  /                                                                                  \  /
         mul ──> y           an end of the region                                              mul

When it is recorded again, the graph is cut there: a root that stands for the captured node, with its place in the order of
creation, takes its cotangent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from threading import Lock, get_ident
from typing import ClassVar

from .reverse import Node, ReverseTrace
from .trace import EXPLAIN, LIVE, EndedTrace, Trace


def sources(ends: Iterable[Node], mark: int) -> dict[int, Node]:
    """The nodes older than `mark` that younger ones, from `ends` on, have for parents; by their order."""
    return {order: node for order, node in _walk(ends, mark).items() if order > mark}


def cut(ends: list[Node], mark: int) -> tuple[list[Node], dict[int, Node]]:
    """Replace parents older than `mark` by roots of the same order.

    Returns
    -------
    ends : list of Node
        `ends`, or the roots that stand for those that are older themselves.
    captured : dict
        Order -> the older node.
    """
    nodes = _walk(ends, mark)
    captured = {order: node for order, node in nodes.items() if order > mark}
    roots: dict[int, Node] = {order: [order] for order in captured}
    for order, node in nodes.items():
        if order < mark:
            for k in range(1, len(node), 4):
                node[k] = roots.get(node[k][0], node[k])
    return [roots.get(node[0], node) for node in ends], captured


def _walk(ends: Iterable[Node], mark: int) -> dict[int, Node]:
    """The nodes younger than `mark` that `ends` depend on, and their older parents."""
    found: dict[int, Node] = {}
    pending = list(ends)
    while pending:
        node = pending.pop()
        if node[0] not in found:
            found[node[0]] = node
            if node[0] < mark:
                pending += node[1::4]
    return found


class Reopened:
    """A context in which a trace that has ended records again.

    Several threads may be in such a context at once; when the last has left it, the trace has ended again.
    """

    __slots__ = ("kind", "trace")

    _lock = Lock()
    _open: ClassVar[Counter[int]] = Counter()

    def __init__(self, trace: ReverseTrace, kind: type[ReverseTrace]) -> None:
        self.trace, self.kind = trace, kind

    def __enter__(self) -> ReverseTrace:
        trace: Trace = self.trace
        with self._lock:
            if type(trace).process is EndedTrace.process or self._open[trace.id]:
                self._open[trace.id] += 1
                trace.__class__ = self.kind
        LIVE.append(get_ident())
        return self.trace

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        LIVE.remove(get_ident())
        if isinstance(error, ValueError):
            EXPLAIN[0](error, self.trace)
        number = self.trace.id
        with self._lock:
            if self._open[number]:
                self._open[number] -= 1
                if not self._open[number]:
                    del self._open[number]
                    self.trace.end()
