"""What a checkpoint keeps beside its arguments: the results of some functions, which are not computed again.

The function runs forward under a trace that notes these results, in order, and again under one that takes them from there. Both
are reverse traces, so that they see the same operations; the first forgets each node at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..engine.box import Box, new_box
from ..engine.calls import INTERPRETERS, process_reverse
from ..engine.errors import UnsupportedTypeError
from ..engine.primitive import Primitive, find, public_name
from ..engine.pytree import flatten
from ..engine.reverse import ReverseTrace, root
from ..engine.tables import ALIASES
from ..engine.trace import RELEASE, EndedTrace

Policy = Callable | Collection[Callable] | str | None
_PRIMITIVE = frozenset({"elementwise", "linear", "multilinear", "custom"})


def chosen(policy: Policy) -> Callable[[Primitive], bool] | None:
    """A policy as a predicate of primitives; ``None`` if it keeps nothing."""
    if policy is None:
        return None
    if policy == "products":
        return lambda prim: prim.kind == "multilinear"
    if isinstance(policy, str):
        raise ValueError(f"checkpoint: policy must be functions or 'products', got {policy!r}")
    names = {_record(f).name for f in (policy if isinstance(policy, Collection) else (policy,))}
    return lambda prim: prim.name in names


def _record(function: Any) -> Primitive:
    record = find(ALIASES.get(function, function))
    if record is None or record.kind not in _PRIMITIVE:
        kind = "" if record is None else f" (it is registered as {record.kind})"
        raise UnsupportedTypeError(
            f"checkpoint: the results of {public_name(function)} cannot be kept, as it has no derivative rule of its own{kind}. "
            "Name functions that it calls, such as numpy.matmul, or use policy='products' for all products."
        )
    return record


class PolicyTrace(ReverseTrace):
    """A trace to which some primitives are known by their results.

    Attributes
    ----------
    keeps : callable
        Which primitives.
    saved : list or iterator
        Their results, in order.
    """

    __slots__ = ("keeps", "saved")

    def __init__(self, keeps: Callable[[Primitive], bool], saved: Any) -> None:
        super().__init__()
        self.keeps, self.saved = keeps, saved

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        return super().process(self.variant(prim) if self.keeps(prim) else prim, operands, params)

    def variant(self, prim: Primitive) -> Primitive:
        """The primitive, with another function in its place."""
        other = copy.copy(prim)
        other.fun = other.kernel = self.instead_of(prim.fun)
        return other

    def instead_of(self, fun: Callable) -> Callable:
        """What is called in place of `fun`, on plain values."""
        raise NotImplementedError

    def end(self) -> None:
        RELEASE[0](self)
        self.__class__ = EndedPolicyTrace


class KeepingTrace(PolicyTrace):
    """The trace of the first run, which keeps results and no graph."""

    __slots__ = ()

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        return self.forget(super().process(prim, operands, params))

    def instead_of(self, fun: Callable) -> Callable:
        def keep(*args: Any, **kwargs: Any) -> Any:
            ans = fun(*args, **kwargs)
            self.saved.append(ans)
            return ans

        return keep

    def forget(self, ans: Any) -> Any:
        """Give the boxes of a result nodes without parents."""
        for x in flatten(ans)[0]:
            if isinstance(x, Box) and x._trace is self:
                x._link = root()
        return ans


class ReplayingTrace(PolicyTrace):
    """The trace of the second run."""

    __slots__ = ()

    def instead_of(self, fun: Callable) -> Callable:
        return lambda *args, **kwargs: next(self.saved)


class PassingTrace(PolicyTrace):
    """What the second becomes for a checkpoint inside, which runs once more in the backward pass and keeps nothing."""

    __slots__ = ()
    process = ReverseTrace.process


class EndedPolicyTrace(PolicyTrace):
    """What they become when the function has returned."""

    __slots__ = ()
    process = EndedTrace.process


INTERPRETERS[KeepingTrace] = lambda trace, *call: trace.forget(process_reverse(trace, *call))
INTERPRETERS[ReplayingTrace] = INTERPRETERS[PassingTrace] = process_reverse
INTERPRETERS[EndedPolicyTrace] = INTERPRETERS[EndedTrace]


def kept(fun: Callable, xs: list[Any], keeps: Callable[[Primitive], bool]) -> tuple[Any, list[Any]]:
    """``fun(xs)``, and the results in it that are to be kept."""
    with KeepingTrace(keeps, []) as trace:
        outs, outdef = flatten(fun([new_box(x, trace, root()) for x in xs]))
        values = [y.snapshot() if isinstance(y, Box) else y for y in outs]
        values = [y._value if isinstance(y, Box) and y._trace is trace else y for y in values]
        return outdef.unflatten(values), trace.saved


def replaying(keeps: Callable[[Primitive], bool], saved: list[Any]) -> Callable[[], ReplayingTrace]:
    """Makes a trace that knows these results."""

    def make() -> ReplayingTrace:
        results: Iterator[Any] = iter(saved)
        return ReplayingTrace(keeps, results)

    return make
