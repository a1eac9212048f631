"""Running a function under a trace: what enters is made variable, what leaves is taken out of its boxes.

`record` is the forward half of reverse mode and returns a `Tape`, which pulls cotangents back; `push` runs forward
mode. Both take and return pytrees.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any

import numpy as np

from ..array.box import KINDS, ArrayBox, as_array
from ..array.memory import made
from ..array.written import released
from ..engine.anomaly import GuardedForwardTrace, GuardedReverseTrace, detection
from ..engine.box import Box, all_values, is_foreign, new_box
from ..engine.cotangent import OBJECT, cast, dtype_of, shape_of
from ..engine.direction import DOUBTS, without_choice
from ..engine.duck import is_duck, ones, zeros
from ..engine.errors import IntegerInputError, RuleShapeError, UnsupportedTypeError
from ..engine.forward import ForwardTrace, match
from ..engine.protection import LASTING, explain_write, hold_argument
from ..engine.pytree import LEAF, TreeDef, flatten, is_container
from ..engine.reverse import Node, RecordingTrace, ReverseTrace, backward, next_order, root
from ..engine.trace import LIVE, Trace, tracing
from ..engine.transpose import zeros_like
from ..engine.vspace import vspace
from ..engine.zeros import backward_with_strong_zeros, is_finite

_READY = frozenset({np.float64, np.float32, np.complex128, np.complex64, np.longdouble, np.clongdouble, np.float16})


def variable(x: Any) -> Any:
    """`x` as a value that can vary: a floating or complex array or scalar; ``None`` if it cannot."""
    kind = type(x)
    if kind is np.ndarray:
        code = x.dtype.kind
        if code in "fc":
            return x
        return x.astype(np.float64) if code in "iu" else None
    if kind is float:
        return np.float64(x)
    if kind in _READY:
        return x
    if isinstance(x, Box):
        x = x.snapshot()
        if not isinstance(x, Box):
            return variable(x)
        code = x.dtype.kind if x.batched else "f"  # type: ignore[attr-defined]
        return x if code in "fc" else x.astype(np.float64) if code in "iu" else None  # type: ignore[attr-defined]
    if kind is complex:
        return np.complex128(x)
    if kind is int or isinstance(x, np.integer):
        return np.float64(x)
    if kind in Box.type_mappings or (hasattr(x, "__array_ufunc__") and hasattr(x, "__array_function__")):
        return x if dtype_of(x).kind in "fc" or is_foreign(x) else None
    return None


def leaves_of(x: Any, where: str = "") -> tuple[list[Any], list[Any], TreeDef]:
    """The leaves of a differentiated argument, those as variables (``None`` for those that cannot vary), and its structure."""
    if not is_container(x):
        if type(x) is int or (not isinstance(x, Box) and isinstance(x, np.integer)):
            raise IntegerInputError(
                f"cannot differentiate with respect to {where or 'an argument'} of type {type(x).__name__} (value {x!r}): "
                f"derivatives are with respect to floating point numbers; pass {float(x)!r}"
            )
        value = variable(x)
        if value is None:
            raise UnsupportedTypeError(_unsupported(x, where))
        return [x], [value], LEAF
    leaves, treedef = flatten(x)
    values = [variable(leaf) for leaf in leaves]
    if leaves and all(v is None for v in values):
        raise UnsupportedTypeError(_unsupported(leaves[0], f"{where or 'an argument'}{treedef.paths()[0]}"))
    return leaves, values, treedef


def _unsupported(x: Any, where: str) -> str:
    detail = f" and dtype {x.dtype}" if hasattr(x, "dtype") else ""
    return (
        f"cannot differentiate with respect to {where or 'an argument'} of type {type(x).__name__}{detail}: expected a float, "
        "a complex number, a floating point or complex array, or a list, tuple, dict, dataclass or registered container of them"
        + ("; pass x.to_numpy()" if hasattr(x, "to_numpy") else "")
    )


class Tape:
    """A recorded function: its plain output, and the way back from cotangents of the output to the inputs.

    One that is `lasting` is pulled through when the program has gone on, and may have changed its arrays.

    Attributes
    ----------
    value : pytree
        The output without this trace's boxes.
    """

    __slots__ = ("ends", "fun", "leaves", "outdef", "roots", "treedef", "value", "x")

    def __init__(self, fun: Callable, x: Any, kind: type[ReverseTrace] | None = None, *, lasting: bool = False) -> None:
        self.fun, self.x = fun, x
        leaves, values, self.treedef = leaves_of(x)
        self.leaves = [None if v is None else layout(v) for v in values]
        self.roots = roots = [root() for _ in values]
        with (kind or (ReverseTrace if detection() is None else GuardedReverseTrace))() as trace:
            if lasting:
                trace.held = {LASTING: {}}
            boxed = [
                leaf if v is None else new_box(hold_argument(trace, v, lasting=lasting), trace, node)
                for leaf, v, node in zip(leaves, values, roots, strict=True)
            ]
            x = self.treedef.unflatten(boxed)
            del boxed
            out = fun(x)
            del x
            self.ends: list[tuple[Node | None, tuple, Any]] = []
            if isinstance(out, Box) and out._trace is trace:
                self.value, self.outdef = self._take(out, trace), LEAF
            else:
                outs, self.outdef = flatten(out)
                self.value = self.outdef.unflatten([self._take(y, trace) for y in outs])

    def _take(self, y: Any, trace: Any) -> Any:
        if isinstance(y, Box) and y._trace is trace:
            v = y._value
            self.ends.append((y._link, shape_of(v), dtype_of(v)))
            return v.snapshot() if isinstance(v, Box) else v
        if type(y) is np.ndarray and y.dtype == object and any(isinstance(e, Box) for e in y.flat):
            return self._take(as_array(y), trace)
        self.ends.append((None, (), None))
        return released(y, 1)

    def pull(self, g: Any, *, once: bool = False, generic: bool = False) -> Any:
        """The cotangent of the input, a pytree of its structure, for a cotangent of the output.

        ``once`` frees the recording on the way, each part as soon as it has been used. ``generic`` says that a zero that `g` leads
        to is one that any cotangent leads to.
        """
        gs = [g] if self.outdef is LEAF else self.outdef.flatten_like(g, "cotangent")
        seeds = self._seeds(gs)
        if once:
            self.ends = [(None, shape, dtype) for _, shape, dtype in self.ends]
        doubts = DOUBTS.count
        try:
            found = backward(seeds)
            if DOUBTS.count != doubts:
                return without_choice(lambda: Tape(self.fun, self.x).pull(g), lambda: pull_by_columns(self.fun, self.x, g))
            if not all(map(is_finite, found.values())):
                again = Tape(self.fun, self.x) if once else self
                found = again.by_root(self.roots, backward_with_strong_zeros(again._seeds(gs), generic=generic))
        except Exception as error:
            explain(error, self.fun, self.x, g)
            raise
        return self.treedef.unflatten(self._finish(found, gs))

    def _seeds(self, gs: list[Any]) -> list[tuple[Node, Any]]:
        return [
            (node, seed_like(g, shape, dtype, y))
            for g, y, (node, shape, dtype) in zip(gs, self.outputs(), self.ends, strict=True)
            if node is not None
        ]

    def outputs(self) -> list[Any]:
        """The leaves of the output."""
        return [self.value] if self.outdef is LEAF else self.outdef.flatten_like(self.value, "output")

    def by_root(self, roots: list[Node], found: dict[int, Any]) -> dict[int, Any]:
        """What was found for this tape's roots, as if for `roots`, those of another recording of the same function."""
        return {there[0]: found[here[0]] for there, here in zip(roots, self.roots, strict=True) if here[0] in found}

    def _finish(self, found: dict[int, Any], gs: list[Any]) -> list[Any]:
        out: list[Any] = []
        given = {id(g) for g in gs}
        for node, like in zip(self.roots, self.leaves, strict=True):
            if like is None:
                out.append(None)
                continue
            h = finish(found.get(node[0]), *like)
            if type(h) is np.ndarray and id(h) in given:
                h = h.copy()  # no buffer shared by two results
            given.add(id(h))
            out.append(h)
        return out


def layout(v: Any) -> tuple:
    """What `finish` needs to know of an argument: shape, dtype, and whether it is an array.

    Of an array of a foreign type it is the array, of a value of a user's type its space.
    """
    if not hasattr(v, "dtype"):
        return (), OBJECT, vspace(v)
    plain = all_values(v)
    return v.shape, v.dtype, plain if is_duck(plain) else type(v) is np.ndarray


def finish(h: Any, shape: tuple, dtype: np.dtype, is_array: Any) -> Any:
    """A root's cotangent as the caller gets it: of its argument's shape, dtype and type, and the caller's own."""
    if dtype is OBJECT:
        return is_array.zeros() if h is None else h
    if type(h) is np.ndarray and is_array is True and h.dtype is dtype and h.shape == shape:
        return h if h.base is None and h.flags.writeable else h.copy()
    if type(h) is ArrayBox and h.dtype is dtype and h.shape == shape:
        return h
    if h is None:
        h = zeros(shape, dtype, is_array)
    elif shape_of(h) != shape:
        raise RuleShapeError(f"a cotangent of shape {shape_of(h)} reached an argument of shape {shape}")
    h = cast(h, dtype)
    if type(h) is np.ndarray:
        if not shape and is_array is False:
            return h[()]
        return h if h.base is None and h.flags.writeable else h.copy()
    return np.asarray(h, dtype) if is_array is True and not isinstance(h, Box) and not is_duck(h) else h


def explain(error: Exception, fun: Callable, x: Any, g: Any) -> None:
    """Add to an exception of the backward pass the line that recorded its operation, by doing it all again."""
    if getattr(error, "__notes__", None) or fun is None:
        return
    try:
        tape = Tape(fun, x, RecordingTrace)
        tape.fun = None  # type: ignore[assignment]  # once is enough
        tape.pull(g)
    except Exception as again:  # noqa: BLE001 - `error` is raised in any case
        for note in getattr(again, "__notes__", ()):
            error.add_note(note)


def seed_like(g: Any, shape: tuple, dtype: np.dtype, like: Any = None) -> Any:
    """A cotangent that a program gave, for an output of this shape and dtype; of the type of `like`, if that is a foreign one."""
    if isinstance(g, Box):
        g = g.snapshot()
    if shape_of(g) != shape:
        raise RuleShapeError(f"the cotangent has shape {shape_of(g)}, the output {shape}")
    return in_kind(cast(g if hasattr(g, "dtype") else dtype.type(g), dtype), like)


def in_kind(g: Any, like: Any) -> Any:
    """A cotangent as an array of the type of the output `like`, if that is a foreign one. One of NumPy's might have to be large."""
    like = all_values(like)
    return g * ones((), dtype_of(g), like) if is_duck(like) and not is_duck(all_values(g)) else g


def run(fun: Callable, value: Any) -> tuple[Any, Node | None, Node, Trace | None]:
    """The lean form of `Tape` for one array in and one out.

    Returns
    -------
    output, its node if it is traced, root
    trace or None
        That, if it holds constants and the transform runs inside another: for `holding_on`.
    """
    trace = ReverseTrace() if detection() is None else GuardedReverseTrace()
    start: Node = [next_order()]
    held = hold_argument(trace, value) if type(value) is np.ndarray else _entering(value)
    out, end, holder = _run(fun, made(ArrayBox, held, trace, start), trace)
    return out, end, start, holder


def run_container(fun: Callable, values: list[Any], treedef: TreeDef) -> tuple[Any, Node | None, list[Node], Trace | None]:
    """As `run`, for a container of arrays, each of which has a root."""
    trace = ReverseTrace() if detection() is None else GuardedReverseTrace()
    starts: list[Node] = []
    boxes = []
    for v in values:
        start: Node = [next_order()]
        starts.append(start)
        boxes.append(made(ArrayBox, hold_argument(trace, v) if type(v) is np.ndarray else _entering(v), trace, start))
    x = treedef.unflatten(boxes)
    del boxes
    out, end, holder = _run(fun, x, trace)
    return out, end, starts, holder


def _entering(value: Any) -> Any:
    """The value of an argument that is no plain array, as a trace may have it."""
    return value.snapshot() if type(value) is ArrayBox else np.float64(value) if type(value) is float else value


def _run(fun: Callable, x: Any, trace: ReverseTrace) -> tuple[Any, Node | None, Trace | None]:
    """The output of a function, its node if it is traced, and the trace if it still holds constants."""
    thread = get_ident()
    LIVE.append(thread)
    try:
        out = fun(x)
    except BaseException as error:
        LIVE.remove(thread)
        try:
            if isinstance(error, ValueError):
                explain_write(error, trace)
        finally:
            trace.end()
        raise
    LIVE.remove(thread)
    holder: Trace | None = None
    if LIVE and isinstance(out, Box) and out._trace is trace and tracing():
        holder = trace
        trace.end_holding()
    else:
        trace.end()
    if isinstance(out, Box):
        if out._trace is trace:
            return out._value, out._link, holder
        out = released(out)
    return out, None, None


def is_plain(x: Any) -> bool:
    """Whether `x` is one of the commonest kinds of argument: a float, a floating array, or a traced one."""
    kind = type(x)
    return kind is np.float64 or kind is float or kind is ArrayBox or (kind is np.ndarray and x.dtype.kind == "f")


def push(fun: Callable, x: Any, v: Any) -> tuple[Any, Any]:
    """Forward mode: ``fun(x)`` and its derivative along `v`, a pytree of `x`'s structure.

    A tangent that is not finite may be that of a branch that was not taken, zero times infinity. It is computed again in
    reverse mode, where a derivative that is not asked for is zero.
    """
    ys, ts, outdef = _push(fun, x, v)
    if not all([t is None or is_finite(t) or is_duck(all_values(t)) for t in ts]):
        with np.errstate(divide="ignore", invalid="ignore"):
            ts = _pushed_in_reverse(fun, x, v, ts)
    return (ys[0], ts[0]) if outdef is LEAF else (outdef.unflatten(ys), outdef.unflatten(ts))


def _push(fun: Callable, x: Any, v: Any) -> tuple[list[Any], list[Any], TreeDef]:
    """The leaves of the output and their tangents, by one forward pass, and the structure of the output."""
    with ForwardTrace() if detection() is None else GuardedForwardTrace() as trace:
        if type(x) is np.ndarray and type(v) in _ARRAYS and x.dtype is v.dtype and x.dtype.kind == "f" and x.shape == v.shape:
            values, tangents = [x], [v if type(v) is np.ndarray else v.snapshot()]
            start = made(ArrayBox, hold_argument(trace, x), trace, tangents[0])
        else:
            values, tangents, start = _starting(trace, x, v)
        out = fun(start)
        del start
        if isinstance(out, Box) and out._trace is trace:
            return [_apart(out._value, values)], [_apart(out._link, tangents)], LEAF
        outs, outdef = flatten(out)
        ys, ts = [], []
        for y in outs:
            if type(y) is np.ndarray and y.dtype == object and any(isinstance(e, Box) for e in y.flat):
                y = np.stack(list(y.flat)).reshape(y.shape)
            mine = isinstance(y, Box) and y._trace is trace
            ys.append(_apart(y._value, values) if mine else released(y, 1))
            ts.append(_apart(y._link, tangents) if mine else _zero_tangent(y))
    return ys, ts, outdef


#: Types of a tangent that may be a box's as it is.
_ARRAYS = frozenset({np.ndarray, *KINDS})


def _starting(trace: ForwardTrace, x: Any, v: Any) -> tuple[list[Any], list[Any], Any]:
    """The leaves of an argument as variables, their tangents, and the argument in boxes."""
    leaves, values, treedef = leaves_of(x)
    tangents = treedef.flatten_like(v, "tangent")
    boxed = [
        leaf if value is None or t is None else new_box(hold_argument(trace, value), trace, _tangent(t, value))
        for leaf, value, t in zip(leaves, values, tangents, strict=True)
    ]
    return values, tangents, treedef.unflatten(boxed)


def _apart(y: Any, given: list[Any]) -> Any:
    """A result as the caller's own: a copy, if it is one of the arrays that the caller gave or a view of one."""
    if type(y) is np.ndarray:
        for x in given:
            if y is x or (y.base is not None and type(x) is np.ndarray and np.may_share_memory(y, x)):
                return y.copy()
    return y


def _pushed_in_reverse(fun: Callable, x: Any, v: Any, ts: list[Any]) -> list[Any]:
    """The tangents of the outputs; those in `ts` that nothing depends on stay as they are."""
    tape = Tape(fun, x)
    vs = tape.treedef.flatten_like(v, "tangent")
    origins = [None if like is None else _zeros(like) for like in tape.leaves]
    along = [z if v is None else v for v, z in zip(vs, origins, strict=True)]
    found = linear_tape(tape).pull(tape.treedef.unflatten(along))
    return [t if end[0] is None else u for t, u, end in zip(ts, flatten(found)[0], tape.ends, strict=True)]


def linear_tape(tape: Tape) -> Tape:
    """The backward pass of a recording, itself recorded: pulling `v` back through it is pushing `v` forward through the function.

    The pass is linear, so it may be recorded for any cotangents. They must be such that a zero met on the way is one for
    all of them: it counts as a derivative that is not asked for if a gradient is not finite.
    """
    leaves = flatten(tape.value)[0]
    seeds = [
        _zero_tangent(y)
        if dtype is None
        else vspace(y).ones()
        if dtype is OBJECT
        else _generic(shape, dtype, type(y) is np.ndarray)
        for y, (_, shape, dtype) in zip(leaves, tape.ends, strict=True)
    ]
    return Tape(partial(tape.pull, generic=True), tape.outdef.unflatten(seeds))


def _generic(shape: tuple[int, ...], dtype: np.dtype, is_array: bool) -> Any:
    """Numbers between 1/2 and 3/2 without a pattern: fractions of the multiples of the golden ratio."""
    size = 1
    for n in shape:
        size *= n
    numbers = (np.arange(1, size + 1) * 0.6180339887498949 % 1 + 0.5).astype(dtype).reshape(shape)
    return numbers if shape or is_array else numbers[()]


def pull_by_columns(fun: Callable, x: Any, g: Any) -> Any:
    """The cotangent of `x` for the cotangent `g` of ``fun(x)``, in forward mode: one pass for every element of `x`.

    A complex element takes two, along the real and the imaginary axis.
    """
    leaves, values, treedef = leaves_of(x)
    out: list[Any] = []
    for k, v in enumerate(values):
        if v is None or dtype_of(v) is OBJECT:
            out.append(None)
            continue
        shape, dtype = shape_of(v), dtype_of(v)
        elements = []
        for index in np.ndindex(shape):
            parts = []
            for unit in (1, 1j) if dtype.kind == "c" else (1,):
                e = np.zeros(shape, dtype)
                e[index] = unit
                tangent = treedef.unflatten([e if i == k else None for i in range(len(leaves))])
                _, ts, outdef = _push(fun, x, tangent)
                parts.append(_paired(outdef.flatten_like(g, "cotangent"), ts))
            elements.append(parts[0] if len(parts) == 1 else parts[0] - 1j * parts[1])
        h = np.reshape(as_array(elements), shape) if elements else np.zeros(shape, dtype)
        out.append(finish(h, *layout(v)))
    return treedef.unflatten(out)


def _paired(gs: list[Any], ts: list[Any]) -> Any:
    """The derivative that cotangents make of tangents."""
    return sum(np.sum(np.real(g * t)) for g, t in zip(gs, ts, strict=True) if g is not None and t is not None) + 0.0


def _zeros(like: tuple) -> Any:
    return like[2].zeros() if like[1] is OBJECT else zeros(*like)


def _tangent(t: Any, value: Any) -> Any:
    if isinstance(t, Box):
        t = t.snapshot()
    if shape_of(t) != shape_of(value):
        raise RuleShapeError(f"the tangent has shape {shape_of(t)}, the argument {shape_of(value)}")
    return match(t if hasattr(t, "dtype") else dtype_of(value).type(t), value)


def _zero_tangent(y: Any) -> Any:
    value = variable(y)
    return None if value is None else zeros_like(value)
