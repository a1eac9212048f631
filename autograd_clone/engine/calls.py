"""Primitives over pytrees: users' primitives, `custom_vjp`, `custom_jvp` and `checkpoint`.

A call primitive takes any arguments and returns any pytree of arrays. It says how to differentiate itself by one or
both of two methods; the other is made by transposition:

* ``linearize(args, kwargs, argnums) -> (ans, vjp)``, ``vjp(g)`` giving one cotangent pytree per argnum
* ``push(args, kwargs, argnums, tangents) -> (ans, tangent)``
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

from .batch import FALLBACKS, BatchTrace, EndedBatchTrace, each, stacked, youngest_batch
from .box import Box, all_values, is_foreign, new_box
from .cotangent import as_scalar, dtype_of, shape_of
from .duck import is_duck, zeros
from .errors import ClosedOverTraceError, RuleShapeError
from .forward import ForwardTrace, match
from .primitive import missing_rule
from .protection import PULLING, program
from .pytree import LEAF, TreeDef, flatten, is_container
from .reverse import Node, RecordingTrace, ReverseTrace, next_order
from .trace import EndedTrace, Trace
from .transpose import transpose, zeros_like
from .vspace import SparseObject, vspace


class CallPrimitive:
    """A function of pytrees that is differentiated as a whole."""

    kind = "call"
    #: Types of trace under which the function is a constant.
    untraced: frozenset[type] = frozenset()
    #: Whether it is made of other primitives: every trace then leaves it to ``self.under(trace, args, kwargs)``.
    transparent = False

    def __init__(self, fun: Callable, name: str | None = None) -> None:
        self.fun = fun
        self.name = name or str(getattr(fun, "__name__", repr(fun)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = youngest(args)
        for key, value in kwargs.items():
            if (top := youngest((value,))) is not None:
                if isinstance(top, BatchTrace):
                    return top.call_each(self, args, kwargs)
                return self.traced_keyword(key, args, kwargs)
        if trace is None:
            return self.fun(*args, **kwargs)
        return INTERPRETERS[type(trace)](trace, self, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def traced_keyword(self, key: str, args: tuple, kwargs: dict) -> Any:
        """What happens when keyword argument `key` is traced: by default, an error."""
        raise missing_rule(self.name, f"{key!r} (given by keyword)")

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        """The output, and the map from its cotangent to one per argument in `argnums`."""
        ans = self(*args, **kwargs)
        trees = [flatten(args[i]) for i in argnums]
        like, counts = _varying(trees)
        _, outdef = flatten(ans)

        def tangent_of(*ts: Any) -> list[Any]:
            tangents = _fill(trees, counts, list(ts))
            return outdef.flatten_like(self.push(args, kwargs, argnums, tangents)[1], f"the JVP rule of {self.name}")

        def vjp(g: Any) -> list[Any]:
            return _fill(trees, counts, transpose(tangent_of, like)(outdef.flatten_like(g, "cotangent")))

        return ans, vjp

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        """The output and its tangent, for the tangents of the arguments in `argnums`."""
        ans, vjp = self.linearize(args, kwargs, argnums)
        leaves, outdef = flatten(ans)
        defs = [flatten(args[i])[1] for i in argnums]

        def cotangents_of(*gs: Any) -> list[Any]:
            return _flat_cotangents(self.name, vjp(outdef.unflatten(gs)), defs)

        ts = _flat_cotangents(self.name, tangents, defs)
        return ans, outdef.unflatten(transpose(cotangents_of, leaves)(ts))


def youngest(args: Sequence[Any]) -> Trace | None:
    """The youngest trace among the boxes in `args`, looking into containers."""
    top = None
    for a in args:
        if isinstance(a, Box):
            trace = a._trace
        elif is_container(a):
            trace = youngest(flatten(a)[0])
        else:
            continue
        if trace is not None and (top is None or trace.id > top.id):
            top = trace
    return top


def _unwrap(trace: Trace, args: tuple) -> tuple[list[Any], list[int], list[tuple[list[Any], TreeDef]]]:
    """Arguments without `trace`'s boxes, which of them had any, and those flattened with the boxes in place.

    They are as they are now, although the function may write to them.
    """
    values, argnums, trees = [], [], []
    for i, a in enumerate(args):
        leaves, treedef = flatten(a)
        if any([isinstance(x, Box) for x in leaves]):
            leaves = [x.snapshot() if isinstance(x, Box) else x for x in leaves]
            mine = [isinstance(x, Box) and x._trace is trace for x in leaves]
            if any(mine):
                argnums.append(i)
                trees.append((leaves, treedef))
            a = treedef.unflatten([x._value if m else x for x, m in zip(leaves, mine, strict=True)])
        values.append(a)
    return values, argnums, trees


def process_reverse(trace: ReverseTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """Reverse mode: one node whose rule is the primitive's own VJP."""
    if prim.transparent:
        return prim.under(trace, args, kwargs)  # type: ignore[attr-defined]
    values, argnums, trees = _unwrap(trace, args)
    if ReverseTrace in prim.untraced:
        return prim(*values, **kwargs)
    ans, vjp = linearize_each(prim, values, kwargs, argnums)
    leaves, outdef = flatten(ans)
    leaves = [as_scalar(x) for x in leaves]
    if any(isinstance(x, Box) and x._trace.id >= trace.id for x in leaves):
        raise closed_over(prim)
    defs = [treedef for _, treedef in trees]
    join: Node = [next_order()]
    for k, x in enumerate(x for tree, _ in trees for x in tree):
        if isinstance(x, Box) and x._trace is trace:
            join += joined(x, k, prim.name)

    def pull(gs: list[Any]) -> list[Any]:
        return _flat_cotangents(prim.name, pull_each(prim, vjp, outdef.unflatten(gs)), defs)

    return recorded(trace, prim.name, leaves, outdef, join, pull)


def joined(x: Box, k: int, name: str) -> tuple:
    """A group of four of a node whose cotangent is a sequence, of which `x` gets number `k`."""
    return x._link, _pick, k, None if is_foreign(x) else (shape_of(x._value), dtype_of(x._value), name)


def recorded(trace: ReverseTrace, name: str, leaves: list[Any], outdef: TreeDef, join: Node, pull: Callable) -> Any:
    """The result of a function as boxes with one node; `pull` makes of the cotangents of its leaves the cotangent of `join`."""
    zeros = [_zeros_for(x) for x in leaves]

    def vjp(g: Any, _: None) -> list[Any]:
        gs = [g] if outdef is LEAF else [g[k] if k in g else zero() for k, zero in enumerate(zeros)]
        if not PULLING.on:
            return pull(gs)
        with program():
            return pull(gs)

    node = trace.note([next_order(), trace.note(join, name), vjp, None, None], name)
    if outdef is LEAF:
        return new_box(leaves[0], trace, node) if varies(leaves[0]) else leaves[0]
    return outdef.unflatten(
        new_box(x, trace, [next_order(), node, _slot, k, None]) if varies(x) else x for k, x in enumerate(leaves)
    )


def process_forward(trace: ForwardTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """Forward mode: the primitive's own JVP."""
    if prim.transparent:
        return prim.under(trace, args, kwargs)  # type: ignore[attr-defined]
    values, argnums, trees = _unwrap(trace, args)
    if ForwardTrace in prim.untraced:
        return prim(*values, **kwargs)
    tangents = [
        treedef.unflatten(x._link if isinstance(x, Box) and x._trace is trace else _no_tangent(x) for x in leaves)
        for leaves, treedef in trees
    ]
    ans, tangent = push_each(prim, values, kwargs, argnums, tangents)
    leaves, outdef = flatten(ans)
    leaves = [as_scalar(x) for x in leaves]
    if any(isinstance(x, Box) and x._trace.id >= trace.id for x in leaves):
        raise closed_over(prim)
    ts = outdef.flatten_like(tangent, f"the JVP rule of {prim.name}")
    return outdef.unflatten(
        new_box(x, trace, _match_checked(t, x, prim.name)) if varies(x) else x for x, t in zip(leaves, ts, strict=True)
    )


def process_batch(trace: BatchTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A batch: one example after the other, unless the primitive is made of others."""
    if prim.transparent:
        return prim.under(trace, args, kwargs)  # type: ignore[attr-defined]
    FALLBACKS[prim.name] += 1
    return each(trace, lambda *xs: prim(*xs, **kwargs), args)


def linearize_each(prim: CallPrimitive, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
    """`CallPrimitive.linearize`, with one example after the other of the batches in its arguments."""
    trace = youngest_batch(flatten(args)[0])
    if trace is None:
        return prim.linearize(args, kwargs, argnums)
    FALLBACKS[prim.name] += 1
    pairs = [linearize_each(prim, xs, kwargs, argnums) for xs in trace.examples(args)]
    return stacked(trace, [ans for ans, _ in pairs]), _PullEach(prim, trace, [vjp for _, vjp in pairs])


class _PullEach:
    """The VJP of a batch, out of those of its examples."""

    def __init__(self, prim: CallPrimitive, trace: BatchTrace, vjps: list[Callable]) -> None:
        self.prim, self.trace, self.vjps = prim, trace, vjps

    def __call__(self, g: Any) -> list[Any]:
        pairs = zip(self.vjps, self.trace.examples(g), strict=True)
        return stacked(self.trace, [pull_each(self.prim, vjp, h) for vjp, h in pairs])


def pull_each(prim: CallPrimitive, vjp: Callable, g: Any) -> list[Any]:
    """``vjp(g)``, with one example after the other of a batch of cotangents."""
    trace = youngest_batch(flatten(g)[0])
    if trace is None or (isinstance(vjp, _PullEach) and trace.id <= vjp.trace.id):
        return [dense(h) for h in vjp(g)]
    FALLBACKS[prim.name] += 1
    return each(trace, lambda h: pull_each(prim, vjp, h), (g,))


def push_each(prim: CallPrimitive, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
    """`CallPrimitive.push`, with one example after the other of any batch."""
    trace = youngest_batch(flatten((args, tangents))[0])
    if trace is None:
        return prim.push(args, kwargs, argnums, tangents)
    FALLBACKS[prim.name] += 1
    return each(trace, lambda xs, ts: push_each(prim, xs, kwargs, argnums, ts), (args, tangents))


def process_ended(trace: Trace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A leaked box: raise the error that says so."""
    trace.process(prim, args, kwargs)  # type: ignore[arg-type]


#: Trace type -> how it interprets a call primitive.
INTERPRETERS: dict[type, Callable] = {
    ReverseTrace: process_reverse,
    RecordingTrace: process_reverse,
    ForwardTrace: process_forward,
    BatchTrace: process_batch,
    EndedTrace: process_ended,
    EndedBatchTrace: process_ended,
}


def closed_over(prim: CallPrimitive) -> ClosedOverTraceError:
    """The error for a function that used a traced value without being given it."""
    return ClosedOverTraceError(
        f"{prim.name} used a traced value that was not among its arguments, so its derivative rule cannot account for it. "
        "Pass the value as an argument."
    )


def _zeros_for(x: Any) -> Callable[[], Any]:
    """A function that makes zeros like an output, without holding its values."""
    if is_foreign(x):
        return vspace(x).zeros
    return functools.partial(zeros, shape_of(x), dtype_of(x), x if is_duck(x) else None)


def varies(x: Any) -> bool:
    """Whether `x` can carry a derivative."""
    if not (isinstance(x, Box) or type(x) in Box.type_mappings or hasattr(x, "__array_ufunc__")):
        return False
    return dtype_of(x).kind in "fc" or is_foreign(x)


def _no_tangent(x: Any) -> Any:
    return zeros_like(x) if varies(x) else None


def _match_checked(t: Any, x: Any, name: str) -> Any:
    if is_foreign(x):
        return t
    if shape_of(t) != shape_of(x) and shape_of(t) != ():
        raise RuleShapeError(
            f"the JVP rule of {name} returned a tangent of shape {shape_of(t)} for an output of shape {shape_of(x)}"
        )
    return match(t, x)


def _pick(g: Sequence[Any], k: int) -> Any:
    return g[k]


def _slot(g: Any, k: int) -> dict[int, Any]:
    return {k: g}


def _flat_cotangents(name: str, cotangents: Sequence[Any], defs: list[TreeDef]) -> list[Any]:
    if len(cotangents) != len(defs):
        raise RuleShapeError(f"the VJP rule of {name} returned {len(cotangents)} cotangents for {len(defs)} arguments")
    out: list[Any] = []
    for g, treedef in zip(cotangents, defs, strict=True):
        out += treedef.flatten_like(dense(g), f"the VJP rule of {name}")
    return out


def dense(g: Any) -> Any:
    """A cotangent as an array (or container), also where a rule returned a `SparseObject`, traced or not."""
    if isinstance(g, SparseObject) or (isinstance(g, Box) and isinstance(all_values(g), SparseObject)):
        from .containers import sparse_add

        return sparse_add(vspace(g), None, g)
    return g


def _varying(trees: list) -> tuple[list[Any], list[list[int]]]:
    """Leaves that can carry a tangent, and where they stand in each tree."""
    places = [[k for k, x in enumerate(leaves) if varies(x)] for leaves, _ in trees]
    return [leaves[k] for (leaves, _), ks in zip(trees, places, strict=True) for k in ks], places


def _fill(trees: list, places: list[list[int]], values: list[Any]) -> list[Any]:
    """The trees with `values` at the varying leaves and ``None`` elsewhere."""
    source = iter(values)
    out = []
    for (leaves, treedef), ks in zip(trees, places, strict=True):
        filled: list[Any] = [None] * len(leaves)
        for k in ks:
            filled[k] = next(source)
        out.append(treedef.unflatten(filled))
    return out
