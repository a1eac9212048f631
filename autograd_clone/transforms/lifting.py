"""Traced values as pytrees of what they are made of, so that a function can be run again under a trace like that which has ended.

A box of a forward trace is its value and tangent, one of a batch the array of all examples, one of a Taylor trace its coefficients.
`lift` takes the boxes of a trace apart, `lower` puts them together in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.batch import BatchTrace, EndedBatchTrace
from ..engine.box import Box, new_box
from ..engine.calls import INTERPRETERS
from ..engine.forward import ForwardTrace
from ..engine.jet import JetTrace, Series
from ..engine.primitive import Primitive
from ..engine.pytree import TreeDef, flatten, register_pytree
from ..engine.trace import Trace


class Parts:
    """What a traced value is made of."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts


class Lifted:
    """A pytree with `Parts` in place of the boxes of a trace."""

    __slots__ = ("leaves", "treedef")

    def __init__(self, leaves: list[Any], treedef: TreeDef) -> None:
        self.leaves = leaves
        self.treedef = treedef


register_pytree(Parts, lambda x: (x.parts, None), lambda _, parts: Parts(list(parts)))
register_pytree(Lifted, lambda x: (x.leaves, x.treedef), lambda treedef, leaves: Lifted(list(leaves), treedef))


def can_lift(trace: Trace) -> bool:
    """Whether the boxes of `trace` are complete; inside of a derivative rule, series are computed as they are asked for."""
    return not (isinstance(trace, JetTrace) and trace.scope is not None)


def lift(trace: Trace, tree: Any) -> Lifted:
    """A pytree, with the boxes of `trace` taken apart."""
    leaves, treedef = flatten(tree)
    return Lifted([Parts(_parts(trace, x)) if isinstance(x, Box) and x._trace is trace else x for x in leaves], treedef)


def lower(trace: Trace, lifted: Lifted) -> Any:
    """The pytree, with boxes of `trace`."""
    return lifted.treedef.unflatten(_box(trace, x.parts) if isinstance(x, Parts) else x for x in lifted.leaves)


def lifted_function(fun: Callable, outer: Trace) -> Callable:
    """`fun`, a function of a pytree, as one of a lifted pytree, for boxes of traces like `outer`."""

    def run(lifted: Lifted, *others: Any) -> Lifted:
        with _like(outer) as trace:
            return lift(trace, fun(lower(trace, lifted), *others))

    return run


def _parts(trace: Trace, x: Any) -> list[Any]:
    if isinstance(trace, BatchTrace):
        return [x._value]
    return list(x._link.known) if isinstance(trace, JetTrace) else [x._value, x._link]


def _box(trace: Trace, parts: list[Any]) -> Any:
    if isinstance(trace, BatchTrace):
        return trace.box(parts[0])
    return new_box(parts[0], trace, Series(list(parts)) if isinstance(trace, JetTrace) else parts[1])


def _like(trace: Trace) -> Trace:
    if isinstance(trace, BatchTrace):
        return InnerBatchTrace(trace)
    return JetTrace(trace.order) if isinstance(trace, JetTrace) else ForwardTrace()


class InnerBatchTrace(BatchTrace):
    """A batch that stands for another. Where the two meet, `Mixed` is raised, for their examples are the same and not all pairs."""

    __slots__ = ("outer",)

    def __init__(self, outer: BatchTrace) -> None:
        super().__init__(outer.size, outer.limit)
        self.outer = outer

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if any(map(self.outer.owns, operands)):
            raise Mixed
        return super().process(prim, operands, params)

    def end(self) -> None:
        self.__class__ = EndedInnerBatchTrace


class EndedInnerBatchTrace(InnerBatchTrace):
    """What an inner batch becomes when its function has returned."""

    __slots__ = ()
    process = EndedBatchTrace.process


class Mixed(BaseException):
    """A signal within the package: a function uses batched values that are not among its arguments."""


INTERPRETERS[InnerBatchTrace] = INTERPRETERS[BatchTrace]
INTERPRETERS[EndedInnerBatchTrace] = INTERPRETERS[EndedBatchTrace]
