"""Batching: one pass for many examples. A box looks like one example and holds all of them.

A box of a `BatchTrace` has shape, dtype and length of one example; its ``_value`` is the array of all examples, whose
axis 0 is the batch axis, always. To apply a primitive is to apply it, or its like, to those arrays:

* an elementwise primitive: to the same arrays, with axes inserted after the batch axis where the examples differ in
  their number of axes (`elementwise`)
* a primitive with a batching rule: as the rule says. Rules are in a table by the primitive's name (`RULES`), or in its record
* anything else: to one example after the other, and the results are stacked (`loop`). That is always right, and slow; `FALLBACKS`
  counts the calls by name.

A batching rule is ``rule(trace, prim, operands, params)``, with the operands as they came, and returns a box. Values of
older traces, also of older batches, may stand anywhere inside, so rules are written in functions that have records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .box import Box, all_values, getval, is_foreign
from .errors import BatchAxisError, BatchedValueError
from .primitive import Primitive
from .pytree import flatten
from .trace import EndedTrace, Trace, apply

Rule = Callable[["BatchTrace", Primitive, tuple, dict], Any]

#: primitive's name -> batching rule, of those whose kind does not say how they are batched.
RULES: dict[str, Rule] = {}
#: Names of the reductions whose ``where`` may differ between examples.
MASKED: set[str] = set()
#: name -> how often a function was applied to one example after the other.
FALLBACKS: Counter[str] = Counter()


class BatchTrace(Trace):
    """Interpreter that applies each primitive to all examples at once.

    Attributes
    ----------
    size : int
        Number of examples.
    limit : int
        Bytes from which on an array for all examples raises `TooManyAtOnce`; 0 for no limit.
    """

    __slots__ = ("limit", "size")
    exclusive = True

    #: The class of this trace's boxes, which the layer of array boxes provides.
    box_type: type[Box]

    def __init__(self, size: int, limit: int = 0) -> None:
        super().__init__()
        self.size = size
        self.limit = limit

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        rule = prim.batch
        if rule is None:
            rule = prim.batch = rule_for(prim)
        if params and self.is_in(params):
            return parameterised(self, prim, rule, operands, params)
        where = params.get("where")
        if type(where) is np.ndarray and not isinstance(prim.fun, np.ufunc) and where.ndim > _ndim(operands[0]):
            raise ValueError(f"{prim.name}: the mask has more axes than the array")  # and would be taken for one of all examples
        return rule(self, prim, operands, params)

    def apply_with(self, prim: Primitive, args: tuple, kwargs: dict, prepare: Callable = tuple) -> Any:
        """Apply a primitive of which a parameter is a box of this trace; see `with_batched_parameters`."""
        return with_batched_parameters(prim, self, args, kwargs, prepare)

    def is_in(self, params: dict) -> bool:
        """Whether a parameter is, or holds, a box of this trace."""
        return any([(type(v) in _HOLDERS or isinstance(v, Box)) and self.holds(v) for v in params.values()])

    def holds(self, value: Any) -> bool:
        """Whether a box of this trace is in a value, which may be a container."""
        if type(value) is dict:
            value = value.values()
        elif type(value) is not tuple and type(value) is not list:
            return isinstance(value, Box) and value._trace is self
        return any([(type(v) in _HOLDERS or isinstance(v, Box)) and self.holds(v) for v in value])

    def call_each(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """``function(*args, **kwargs)`` of one example after the other, where something other than an operand is batched."""
        if any(isinstance(x, Box) and x._trace.id > self.id for x in flatten((args, kwargs))[0]):
            name = getattr(function, "__name__", function)
            raise BatchedValueError(
                f"{name} was given something that differs between the examples of a batch and is not an operand (a mask, "
                "positions), together with an array that is differentiated inside vmap. Use np.where for a mask, x[index] "
                "for positions, or take the derivative outside vmap."
            )
        FALLBACKS[getattr(function, "__name__", repr(function))] += 1
        return each(self, lambda a, k: function(*a, **k), (args, kwargs))

    def box(self, value: Any) -> Any:
        """`value`, whose axis 0 is the batch axis, as a box; a tuple of such values as a tuple of boxes."""
        if type(value) is not np.ndarray and not isinstance(value, Box) and isinstance(value, (tuple, list)):
            boxes = [self.box(v) for v in value]
            return value._make(boxes) if hasattr(value, "_make") else type(value)(boxes)
        if self.limit and value.nbytes > self.limit:  # type: ignore[union-attr]
            raise TooManyAtOnce(value.nbytes // self.size)  # type: ignore[union-attr]
        return self.box_type(value, self, None)

    def end(self) -> None:
        self.__class__ = EndedBatchTrace

    def owns(self, x: Any) -> bool:
        """Whether `x` is a box of this trace."""
        return isinstance(x, Box) and x._trace is self

    def example(self, x: Any, i: int) -> Any:
        """Example `i` of a box of this trace; anything else as it is."""
        return x._value[i] if isinstance(x, Box) and x._trace is self else x

    def examples(self, tree: Any) -> list[Any]:
        """A pytree once for each example; of an empty batch one, of zeros."""
        leaves, treedef = flatten(tree)
        if self.size == 0:
            return [treedef.unflatten(np.zeros(x.shape, x.dtype) if self.owns(x) or self.is_inside(x) else x for x in leaves)]
        columns = [self.examples_of(x) for x in leaves]
        return [treedef.unflatten(column[i] for column in columns) for i in range(self.size)]

    def examples_of(self, x: Any) -> Sequence[Any]:
        """All examples of a value, in order."""
        if self.is_inside(x):
            return [*leave(self, x.snapshot())]
        return x._value if self.owns(x) else [x] * self.size

    def is_inside(self, x: Any) -> bool:
        """Whether `x` is a box of a younger trace, which may have boxes of this one inside."""
        return isinstance(x, Box) and x._trace.id > self.id

    def all_of(self, x: Any) -> Any:
        """The array of all examples of `x`, repeated if `x` is the same for all of them."""
        if isinstance(x, Box) and x._trace is self:
            return x._value
        shape = np.shape(x)
        return np.broadcast_to(x, (self.size, *shape))


class TooManyAtOnce(BaseException):
    """An array for all examples is larger than was asked for. A signal within the package, which no program should catch."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


_HOLDERS = frozenset({tuple, list, dict})


class EndedBatchTrace(BatchTrace):
    """What a batch trace becomes when its transform has returned."""

    __slots__ = ()
    process = EndedTrace.process


def parameterised(trace: BatchTrace, prim: Primitive, rule: Rule, operands: tuple, params: dict) -> Any:
    """Apply a primitive of which a parameter differs between the examples: a mask of a reduction, or positions."""
    where = params.get("where")
    others = {k: v for k, v in params.items() if k != "where"}
    if trace.owns(where) and prim.name in MASKED and not trace.is_in(others):
        (x,) = operands
        mask = padded(where._value, x.ndim - where.ndim)  # type: ignore[union-attr]
        return rule(
            trace, prim, (x if trace.owns(x) else trace.box(trace.all_of(x)),), others | {"where": mask}
        )
    return loop(trace, prim, operands, params)


def with_batched_parameters(
    prim: Primitive, trace: BatchTrace, args: tuple, kwargs: dict, prepare: Callable
) -> Any:
    """Apply a primitive of which a parameter is a box of `trace`.

    The operands may be of younger traces, which leave the parameter alone; but the trace has to meet its box, so one
    operand is given an example axis if none has one.
    """
    hidden = [_Hidden(x) if isinstance(x, Box) else x for x in args]
    given = {k: _Hidden(v) if isinstance(v, Box) else v for k, v in kwargs.items()}
    operands, params = prim.split(tuple(hidden), given)
    operands = prepare(tuple(x.box if isinstance(x, _Hidden) else x for x in operands))
    params = {k: v.box if isinstance(v, _Hidden) else v for k, v in params.items()}
    if operands and not any(_is_within(x, trace) for x in operands):
        operands = (np.where(trace.box(np.ones(trace.size, bool)), operands[0], operands[0]), *operands[1:])
    return apply(prim, operands, params)


class _Hidden:
    """A box that is not to be looked at."""

    def __init__(self, box: Box) -> None:
        self.box = box


def _is_within(x: Any, trace: BatchTrace) -> bool:
    while isinstance(x, Box):
        if x._trace is trace:
            return True
        x = x._value
    return False


def rule_for(prim: Primitive) -> Rule:
    """The batching rule of a primitive whose record has none."""
    rule = RULES.get(prim.name)
    if rule is not None:
        return rule
    is_plain_ufunc = isinstance(prim.fun, np.ufunc) and prim.fun.signature is None
    return elementwise if is_plain_ufunc or prim.kind == "elementwise" else loop


# ---- elementwise --------------------------------------------------------------------------------------------------


def elementwise(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    """Batching rule of functions that broadcast their operands; and of those that do so in front of equally many core axes."""
    return trace.box(apply(prim, aligned(trace, operands, params), params))


def aligned(trace: BatchTrace, operands: tuple, params: dict | None = None) -> tuple:
    """The arrays of all examples, with axes inserted such that they broadcast as the examples do.

    Parameters that are arrays are broadcast against as well.
    """
    ndims = [_ndim(x) for x in operands]
    most = max(ndims + [v.ndim for v in params.values() if isinstance(v, np.ndarray)] if params else ndims)
    return tuple(
        padded(x._value, most - n) if isinstance(x, Box) and x._trace is trace else x
        for x, n in zip(operands, ndims, strict=True)
    )


def padded(value: Any, n: int) -> Any:
    """`value` with `n` axes inserted after its first."""
    if n == 0:
        return value
    shape = value.shape
    return value.reshape(shape[:1] + (1,) * n + shape[1:])


def _ndim(x: Any) -> int:
    try:
        return x.ndim
    except AttributeError:
        return np.ndim(x)


# ---- one example after the other ------------------------------------------------------------------------------------


def loop(trace: BatchTrace, prim: Primitive, operands: tuple, params: dict) -> Any:
    """Batching rule of what has no other: apply the primitive to one example after the other."""
    FALLBACKS[prim.name] += 1
    run = run_constant if prim.kind == "zero" else apply
    return each(trace, lambda ops, par: run(prim, ops, par), (operands, params))


def each(trace: BatchTrace, function: Callable, args: tuple) -> Any:
    """``function(*args)`` of one example after the other, the results stacked and boxed.

    Parameters
    ----------
    trace : BatchTrace
    function : callable
        Returns a pytree of arrays.
    args : tuple of pytrees
        Boxes of `trace` among the leaves are replaced by their examples.
    """
    return stacked(trace, [function(*example) for example in trace.examples(args)])


def stacked(trace: BatchTrace, results: list) -> Any:
    """Pytrees of one structure, one per example, as a pytree of boxes."""
    treedef = flatten(results[0])[1]
    rows = [treedef.flatten_like(r, "results of a function for different examples") for r in results]
    return treedef.unflatten(_join(trace, list(column)) for column in zip(*rows, strict=True))


def _join(trace: BatchTrace, xs: list) -> Any:
    if is_foreign(xs[0]):
        xs = [_as_array(x) for x in xs]
    first = xs[0]
    if not isinstance(first, (Box, np.ndarray, np.generic, int, float, complex)):
        return first if all(x is first or x == first for x in xs) else trace.box(np.array(xs))
    shapes = {np.shape(x) for x in xs}
    if len(shapes) > 1:
        raise BatchedValueError(
            "the shape of a result depends on the values: it is different for different examples of a batch "
            f"({sorted(shapes)[:4]}). "
            "Compute something of one shape for all, for instance with np.where in place of a boolean mask as an index."
        )
    value = np.array(xs) if not shapes.pop() and not any(isinstance(x, Box) for x in xs) else np.stack(xs)
    return enter(trace, value[: trace.size])


def enter(trace: BatchTrace, x: Any) -> Any:
    """An array whose axis 0 counts the examples as a value of `trace`: as a box of it, but inside the boxes of younger traces.

    ```text
    a batch, id 1, and in it forward mode, id 2

    two examples that depend on the variable of 2       Box(a, trace 2, tangent t)      Box(b, trace 2, tangent u)
    together                                            Box([a, b], trace 2, tangent [t, u])
    as one value                                        Box(Box([a, b], trace 1), trace 2, tangent Box([t, u], trace 1))
    ```
    """
    if not trace.is_inside(x):
        return trace.box(x)
    younger = x._trace
    if isinstance(younger, BatchTrace):
        return younger.box(enter(trace, np.moveaxis(x._value, 1, 0)))
    return younger.mapped(x, partial(enter, trace), partial(leave, trace))


def leave(trace: BatchTrace, x: Any) -> Any:
    """A value as an array whose axis 0 counts the examples of `trace`: the inverse of `enter`, and its transpose."""
    if not trace.is_inside(x):
        return trace.all_of(x)
    younger = x._trace
    if isinstance(younger, BatchTrace):
        return younger.box(np.moveaxis(leave(trace, x._value), 0, 1))
    return younger.mapped(x, partial(leave, trace), partial(enter, trace))


def _as_array(x: Any) -> Any:
    """A value of a user's type as an array, which a sparse cotangent can be and no other."""
    from .calls import dense

    x = dense(x)
    if is_foreign(x):
        raise BatchedValueError(
            f"values of type {type(getval(x)).__name__} cannot be put together in a batch"
        )
    return x


def youngest_batch(xs: Any) -> BatchTrace | None:
    """The youngest batch among the boxes in a flat sequence; boxes of other traces are not looked into."""
    top = None
    for x in xs:
        if isinstance(x, Box) and isinstance(x._trace, BatchTrace) and (top is None or x._trace.id > top.id):
            top = x._trace
    return top


def each_example(function: Callable, args: tuple) -> Any:
    """``function(*args)`` without any batch in its arguments: one example after the other, of all batches in turn."""
    trace = youngest_batch(flatten(args)[0])
    if trace is None:
        return function(*args)
    return each(trace, lambda *xs: each_example(function, xs), args)


# ---- functions that are constant for the derivatives --------------------------------------------------------------------


def run_constant(prim: Primitive, args: tuple, kwargs: dict) -> Any:
    """Run a piecewise constant function on values that no derivative trace watches; batches and recordings get to see it."""
    values: list[Any] = [*args, *kwargs.values()]
    if any(isinstance(x, (list, tuple)) for x in values):
        values = flatten(values)[0]
    traces = [x._trace for x in values if isinstance(x, Box)]
    if not traces:
        return prim.fun(*args, **kwargs)
    return max(traces, key=lambda trace: trace.id).process(prim, args, kwargs)


def values_only(function: Callable, name: str | None = None) -> Callable:
    """`function` for rules that need it of plain values (`getval` of their arguments): batches are mapped over."""
    prim = Primitive(function, "zero", name=name)
    return lambda *args, **kwargs: run_constant(prim, args, kwargs)


def same_for_all(x: Any) -> Any:
    """The plain value of `x`, a number or truth value, where a program cannot do without; it must not differ between examples."""
    x = getval(x)
    if not isinstance(x, Box):
        return x
    if x.recorded:
        bool(x)  # raises
    values = all_values(x).reshape(-1)
    if values.size and np.all(values == values[0]):
        return values[0]
    raise no_single_value("one value", x)


# ---- what a batch cannot be ---------------------------------------------------------------------------------------------


def no_single_value(what: str, x: Any) -> BatchedValueError:
    """The error for a question that has one answer per example."""
    return BatchedValueError(
        f"{what} was asked of a value of shape {x.shape} that is different for each example of a batch (vmap, or the rows of a "
        "Jacobian). A branch on values cannot differ between examples: use np.where(condition, a, b) in place of if and else, "
        "np.logical_and and np.logical_or (or & and |) in place of and and or, NumPy's functions in place of those of math. An "
        "array that it is to be written into must be made inside the function, by autograd_clone.numpy."
    )


def batch_size(sizes: list[tuple[str, int]]) -> int:
    """The common length of all mapped axes."""
    if not sizes:
        raise BatchAxisError("vmap needs at least one argument to map over; all in_axes are None")
    if len({n for _, n in sizes}) > 1:
        listing = ", ".join(f"{where} has {n}" for where, n in sizes)
        raise BatchAxisError(f"vmap: the mapped axes must be equally long, but {listing}")
    return sizes[0][1]
