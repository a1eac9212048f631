"""What checkpoints are made of: functions that run unrecorded, and are recorded when the backward pass needs them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.calls import INTERPRETERS, CallPrimitive, joined, recorded, youngest
from ..engine.cotangent import as_scalar
from ..engine.errors import ClosedOverTraceError
from ..engine.protection import held
from ..engine.pytree import TreeDef, flatten, tree_map
from ..engine.regions import Reopened, cut, sources
from ..engine.reverse import Node, ReverseTrace, backward, next_order
from ..engine.trace import Trace
from ..engine.zeros import backward_with_strong_zeros, is_finite
from .lifting import Mixed, can_lift, lower
from .policies import PassingTrace, PolicyTrace
from .record import Tape
from .untouched import Untouched, on_copies_if_it_writes


class Region(Tape):
    """A recording under the trace of the program around it, cut off from that.

    Parameters
    ----------
    fun : callable
        Takes a list of arrays.
    x : list
    trace : ReverseTrace
        The trace, which may have ended,
    kind : type
        and what it is then.

    Attributes
    ----------
    captured : dict
        Order -> node that it depends on beside its inputs.
    """

    __slots__ = ("captured", "kind", "trace")

    def __init__(self, fun: Callable, x: list[Any], trace: ReverseTrace, kind: type[ReverseTrace]) -> None:
        self.trace, self.kind = trace, kind
        mark = next_order()
        super().__init__(fun, x, lambda: Reopened(trace, kind))  # type: ignore[arg-type]
        nodes, self.captured = cut([node for node, _, _ in self.ends if node is not None], mark)
        replaced = iter(nodes)
        self.ends = [(node if node is None else next(replaced), shape, dtype) for node, shape, dtype in self.ends]

    def pull_apart(self, gs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
        """The cotangents of the inputs, and those of captured nodes by their order. The recording is used up."""
        seeds = self._seeds(gs)
        self.ends = [(None, shape, dtype) for _, shape, dtype in self.ends]
        found = backward(seeds)
        if not all(map(is_finite, found.values())):
            again = Region(self.fun, self.x, self.trace, self.kind)
            strong = backward_with_strong_zeros(again._seeds(gs))
            found = again.by_root(self.roots, strong) | {order: strong[order] for order in again.captured if order in strong}
        return self._finish(found, gs), {order: found[order] for order in self.captured if order in found}


class Apart:
    """The result of a region without the boxes of a trace, and what it has captured of that.

    Attributes
    ----------
    leaves : list
    treedef : TreeDef
    captured : dict
        Order -> node.
    """

    __slots__ = ("captured", "leaves", "treedef")

    def __init__(self, leaves: list[Any], treedef: TreeDef, captured: dict[int, Node]) -> None:
        self.leaves, self.treedef, self.captured = leaves, treedef, captured

    @classmethod
    def of(cls, trace: Trace | None, out: Any, mark: int) -> Apart:
        """The result `out` of a region that began at `mark`."""
        leaves, treedef = flatten(out)
        leaves = [x.snapshot() if isinstance(x, Box) else as_scalar(x) for x in leaves]
        mine = [isinstance(x, Box) and x._trace is trace for x in leaves]
        captured = sources([x._link for x, m in zip(leaves, mine, strict=True) if m], mark) if any(mine) else {}
        return cls([x._value if m else x for x, m in zip(leaves, mine, strict=True)], treedef, captured)

    @property
    def value(self) -> Any:
        """The result."""
        return self.treedef.unflatten(self.leaves)

    def can_rerun(self, trace: Trace) -> bool:
        """Whether what has been captured can be captured again: values of `trace`, unless it makes boxes in a way of its own."""
        if any(isinstance(x, Box) and x._trace.id >= trace.id for x in self.leaves):
            return False  # they belong to a younger trace
        return not self.captured or is_ordinary(type(trace))


def is_ordinary(kind: type) -> bool:
    """Whether traces of a type are reverse traces that make boxes as all do."""
    return issubclass(kind, ReverseTrace) and kind.box is ReverseTrace.box


def kind_again(trace: ReverseTrace) -> type[ReverseTrace]:
    """What a trace is to be when it is opened again."""
    return PassingTrace if isinstance(trace, PolicyTrace) else type(trace)


class Inputs:
    """A function of a pytree as one of some of its leaves, in a list."""

    __slots__ = ("constants", "fun", "places", "treedef")

    def __init__(self, fun: Callable, leaves: list[Any], treedef: Any, places: list[int]) -> None:
        self.fun, self.treedef, self.places = fun, treedef, places
        self.constants = list(leaves)
        for k in places:
            self.constants[k] = None

    def __call__(self, xs: list[Any]) -> Any:
        leaves = list(self.constants)
        for k, x in zip(self.places, xs, strict=True):
            leaves[k] = x
        inputs = Untouched(leaves)
        try:
            return on_copies_if_it_writes(lambda leaves: self.fun(self.treedef.unflatten(leaves)), leaves)
        finally:
            inputs.let_go()

    def protect(self, trace: Trace) -> None:
        """Have a trace protect the constants, as it does those of its nodes."""
        self.constants = protected(trace, self.constants)


def protected(trace: Trace, tree: Any) -> Any:
    """A pytree with its plain arrays as a trace keeps them."""
    return tree_map(lambda x: held(trace, x) if type(x) is np.ndarray else x, tree)


class Rerun(CallPrimitive):
    """A function that runs again in the backward pass."""

    transparent = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, treedef = flatten((args, kwargs))
        if any([isinstance(x, Box) for x in leaves]):
            args, kwargs = treedef.unflatten(x.snapshot() if isinstance(x, Box) else x for x in leaves)
        if kwargs and youngest(tuple(kwargs.values())) is not None:
            return self.of_keywords()(args, kwargs)
        trace = youngest(args)
        return self.apart(None, args, kwargs) if trace is None else INTERPRETERS[type(trace)](trace, self, args, kwargs)

    def under(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        """The result under the youngest trace among the arguments."""
        if isinstance(trace, ReverseTrace):
            return self.apart(trace, args, kwargs)
        if not can_lift(trace):
            return self.fun(*args, **kwargs)
        try:
            out = self.lifted(trace, args, kwargs)
        except Mixed:
            return self.fun(*args, **kwargs)
        if any(isinstance(x, Box) and x._trace.id >= trace.id for x in flatten(out)[0]):
            return self.fun(*args, **kwargs)  # it uses values of the trace that are not among its arguments
        return lower(trace, out)

    def of_keywords(self) -> Callable:
        """The same as a function of the tuple of its positional and the dict of its keyword arguments."""
        raise NotImplementedError

    def apart(self, trace: ReverseTrace | None, args: tuple, kwargs: dict) -> Any:
        """The result under a reverse trace: the given one, or else that of what it takes from its surroundings."""
        raise NotImplementedError

    def lifted(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        """The result under any other trace, as `lift` has it."""
        raise NotImplementedError

    def recorded(self, trace: ReverseTrace, result: Apart, boxes: list[Box], pull: Callable) -> Any:
        """`result` in boxes; ``pull(gs)`` gives the cotangents of `boxes`, and those of what was captured by their order."""
        captured = result.captured
        orders = list(captured)

        def cotangents(gs: list[Any]) -> list[Any]:
            found, taken = pull(gs)
            if set(taken) != set(orders):
                raise ClosedOverTraceError(
                    f"{self.name} did not use the same traced values when it ran again in the backward pass. One that it "
                    "took from its surroundings may have been written to in the meantime; pass it as an argument."
                )
            return [*found, *(taken[order] for order in orders)]

        join: Node = [next_order()]
        for k, x in enumerate(boxes):
            join += joined(x, k, self.name)
        for k, order in enumerate(orders, len(boxes)):
            join += captured[order], operator.getitem, k, None
        return recorded(trace, self.name, result.leaves, result.treedef, join, cotangents)
