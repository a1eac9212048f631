"""The graph between variables: freeing it, and taking cotangents out in the middle of it."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any

from ..engine.errors import FreedGraphError
from ..engine.protection import release
from ..engine.reverse import Node, root
from ..engine.trace import NOTHING_HELD

#: What the boxes that retain their gradients have received in the running backward pass, by identity.
received: ContextVar[dict[int, tuple[Any, Any]]] = ContextVar("received")


class Holder:
    """The plain arrays that a node keeps: they are read-only until it is freed."""

    __slots__ = ("constant", "held")

    def __init__(self) -> None:
        self.held: dict = NOTHING_HELD
        self.constant: Any = None

    def __del__(self) -> None:
        if self.held is not NOTHING_HELD:
            release(self)  # type: ignore[arg-type]


class HoldingNode(list):
    """A node that keeps plain arrays."""

    __slots__ = ("holder",)

    def __init__(self, node: Node, holder: Holder) -> None:
        super().__init__(node)
        self.holder: Holder | None = holder


def tap(node: Node, box: Any) -> None:
    """Note in `received` what arrives at a node, which is that of `box`."""
    if len(node) > 1 and node[2] is not _note:
        inner = [node[0] + 0.5, *node[1:]]  # older than the node, younger than its parents
        node[1:] = [inner, _note, weakref.ref(box), None]


def _note(g: Any, reference: weakref.ref) -> Any:
    box = reference()
    if box is not None:
        received.get()[id(box)] = box, g
    return g


def free(node: Node) -> None:
    """Let go of everything that was recorded for a node: rules, residuals and parents."""
    pending = [node]
    while pending:
        node = pending.pop()
        if len(node) > 1 and node[2] is not _refuse:
            pending += node[1::4]
            node[1:] = [_NOWHERE, _refuse, None, None]
            if type(node) is HoldingNode:
                node.holder = None


def _refuse(g: Any, _: None) -> Any:
    raise FreedGraphError(
        "backward came to a part of the graph that an earlier backward pass has freed. Call that one with retain_graph=True, or "
        "compute the variables anew"
    )


_NOWHERE: Node = root()
