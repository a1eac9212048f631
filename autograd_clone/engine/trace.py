"""Traces: a primitive applied to traced values is interpreted by the youngest trace among them.

A trace is one activation of one transform. Its id comes from an ever-increasing counter, so "youngest" is "largest
id". There is no stack of traces and no other global state: threads, generators and exceptions have nothing to
corrupt. When the transform returns, the trace becomes an `EndedTrace` and a box that outlived it says so on use.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from operator import index
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self

from .box import Box
from .duck import blame
from .errors import BatchedValueError, LeakedBoxError

if TYPE_CHECKING:
    from .primitive import Primitive

_next_id = itertools.count(1).__next__
#: What a trace holds that holds nothing.
NOTHING_HELD: dict[int, Any] = {}
#: ``RELEASE[0](trace)`` lets go what a trace holds, ``EXPLAIN[0](error, trace)`` says what to do where that, or a plain array, was
#: written to; set by `protection`.
RELEASE: list[Callable[[Trace], None]] = []
EXPLAIN: list[Callable[[ValueError, Trace], None]] = []

#: For each transform that is running a function, the thread that it runs in. Nothing is interpreted by it; functions that make
#: arrays ask whether they are inside a transform.
LIVE: list[int] = []


def tracing(depth: int = 0) -> bool:
    """Whether more than `depth` transforms are running functions in this thread."""
    return bool(LIVE) and LIVE.count(get_ident()) > depth


class Trace:
    """An interpreter of primitives. Subclasses implement `process`.

    Attributes
    ----------
    id : int
        Larger for younger traces.
    views : list of weak references
        Boxes that are views of others, in case one of those is written to; kept by the layer of array boxes.
    held : dict
        Address -> a constant that the trace keeps, and how it is protected; see `protection`.
    constant : ndarray or None
        The one of these that was met last.
    """

    __slots__ = ("constant", "held", "id", "views")

    #: Whether results belong to their boxes alone, and may be written over by the next of a row of assignments.
    exclusive = False

    def __init__(self) -> None:
        self.id = _next_id()
        self.views: list = []
        self.held = NOTHING_HELD
        self.constant: Any = None

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        """Apply `prim`, at least one of whose operands is a box of this trace."""
        raise NotImplementedError

    def mapped(self, x: Any, f: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
        """`f` of a box of this trace, where `f` is linear, of one array, and no primitive; `back` is its transpose."""
        raise BatchedValueError(
            f"a function that is applied to one example after the other was given values of a {type(self).__name__}, which cannot "
            "be taken apart into examples"
        )

    def end(self) -> None:
        """Make every box of this trace refuse further use."""
        if self.held:
            RELEASE[0](self)
        self.__class__ = EndedTrace

    def end_holding(self) -> None:
        """As `end`, but what the trace holds is to be let go later."""
        self.__class__ = EndedTrace

    def __enter__(self) -> Self:
        LIVE.append(get_ident())
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        LIVE.remove(get_ident())
        try:
            if isinstance(error, ValueError):
                EXPLAIN[0](error, self)
        finally:
            self.end()

    # Programs that trace by hand compare ``box._trace`` with each other and with the numbers that they were given.

    def __index__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, (Trace, int)) and self.id == index(other))

    def __hash__(self) -> int:
        return hash(self.id)

    def __lt__(self, other: Trace | int) -> bool:
        return self.id < index(other)

    def __le__(self, other: Trace | int) -> bool:
        return self.id <= index(other)

    def __gt__(self, other: Trace | int) -> bool:
        return self.id > index(other)

    def __ge__(self, other: Trace | int) -> bool:
        return self.id >= index(other)


class EndedTrace(Trace):
    """What a trace becomes when its transform has returned."""

    __slots__ = ()

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        raise LeakedBoxError(
            f"{prim.name} was applied to a traced value whose transform (grad, jacobian, jvp, ...) has already "
            "returned. It was probably stored in a global, an attribute or a closure while tracing. Return it from "
            "the function (grad_and_aux passes extra results out) or store stop_gradient(x) instead."
        )

    def end(self) -> None:
        pass


def apply(prim: Primitive, operands: tuple, params: dict) -> Any:
    """Apply `prim` to `operands`: the youngest trace interprets it; with no box among them it simply runs."""
    top = None
    for x in operands:
        if isinstance(x, Box):
            trace = x._trace
            if top is None or trace.id > top.id:
                top = trace
    if top is None:
        try:
            return prim.fun(*operands, **params)
        except Exception as error:
            blame(error, prim.name, operands)
            raise
    return top.process(prim, operands, params)
