"""`PatternTrace`: runs a program on its values and carries along, for each of their elements, the inputs it depends on.

It is one more interpreter of the primitives' records. What a record's kind says is used where it says enough (`kinds`); a
table by name (`tables`) has the rest, as it does for batches; and what neither knows depends, in every element, on all that
the operands depend on, which is noted by name. So an entry of a Jacobian may be reported that is always zero, but none is
missed that can be other than zero on the branch that was taken.

The box is the ordinary `ArrayBox`, so that programs take the way that they take under `grad`; its ``_link`` holds the
`IndexSets`. Values in boxes are arrays of the type `Varying`, which stays with all that is computed from them: a constant of
that type (a mask ``x > 0``, positions from `numpy.argsort`) depends on the input, although no derivative does, so that its zeros
and its positions say nothing about other inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..array.box import ArrayBox
from ..engine.box import Box, getval, new_box
from ..engine.calls import INTERPRETERS, CallPrimitive, varies
from ..engine.cotangent import as_scalar, dtype_of, shape_of
from ..engine.errors import PatternError, RuleShapeError
from ..engine.forward import ForwardTrace
from ..engine.primitive import Primitive
from ..engine.pytree import flatten
from ..engine.reverse import ReverseTrace
from ..engine.trace import EndedTrace, Trace
from .declare import DECLARED
from .indexsets import IndexSets, stacked
from .pattern import SparsityPattern

Sets = IndexSets | None


class Varying(np.ndarray):
    """A plain array whose values depend on the input of a `PatternTrace`."""

    def __array_function__(self, func: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        result = super().__array_function__(func, types, args, kwargs)
        return result if result is NotImplemented else varying(result)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self[()] if self.ndim == 0 else id(self))


ArrayBox.type_mappings[Varying] = ArrayBox


def varying(x: Any) -> Any:
    """`x` marked as depending on the input. Single integers, which may become positions, are marked as well."""
    if isinstance(x, np.ndarray):
        return x.view(Varying) if type(x) is np.ndarray else x
    if isinstance(x, np.integer):
        return np.asarray(x).view(Varying)
    if type(x) is tuple or type(x) is list:
        return type(x)(map(varying, x))
    return x._make(map(varying, x)) if hasattr(x, "_make") else x


def plain(x: Any) -> Any:
    """`x` without the mark."""
    return x.view(np.ndarray) if type(x) is Varying else x


def plain_now(x: Any) -> Any:
    """The plain value of `x`, whatever is written to it later."""
    return getval(x.snapshot()) if isinstance(x, Box) else x


def is_varying(x: Any, kinds: str = "iu") -> bool:
    """Whether a parameter is, or holds, an array that depends on the input: positions, or what `kinds` says.

    The mask of a read is no such thing but a branch, for it decides about the shape of the result.
    """
    if isinstance(x, (tuple, list)):
        return any([is_varying(y, kinds) for y in x])
    if isinstance(x, dict):
        return any([is_varying(y, kinds) for y in x.values()])
    return type(x) is Varying and x.dtype.kind in kinds


class Application:
    """A primitive applied: what a rule needs to know to say what its result depends on.

    Attributes
    ----------
    prim : Primitive
    values : tuple
        Plain operands.
    sets : list of IndexSets or None
        What each operand depends on; ``None`` for a constant.
    fixed : list of bool
        Whether each operand is the same for every input, so that its zeros are known.
    given, params : dict
        Parameters as they were given, and with NumPy's defaults filled in.
    ans : array or tuple of arrays
        The result.
    n : int
        Number of inputs.
    """

    __slots__ = ("ans", "fixed", "given", "n", "params", "prim", "sets", "values")

    def __init__(self, prim: Any, values: tuple, sets: list[Sets], fixed: list[bool], given: dict, ans: Any, n: int) -> None:
        self.prim, self.values, self.sets, self.fixed = prim, values, sets, fixed
        self.given, self.ans, self.n = given, ans, n
        defaults = getattr(prim, "defaults", {})
        self.params = defaults | given if given else defaults

    @property
    def active(self) -> list[int]:
        """The operands that depend on the input."""
        return [i for i, s in enumerate(self.sets) if s is not None]

    def shape(self, i: int = 0) -> tuple[int, ...]:
        """Shape of operand `i`."""
        return shape_of(self.values[i])


#: ``rule(application)`` gives the sets of the result, one `IndexSets` per output, or ``NotImplemented``.
PatternRule = Callable[[Application], Any]


#: Rules that are right whatever the positions among the parameters.
WHEREVER: set[PatternRule] = set()


def is_constant(prim: Primitive, i: int) -> bool:
    """Whether the derivative with respect to operand `i` is declared to be zero."""
    key = prim.key(i)
    tables = [table for table in (prim.vjps, prim.jvps) if key in table]
    return bool(tables) and all([table[key] is None for table in tables])


class PatternTrace(Trace):
    """Interpreter that finds the inputs that each element depends on.

    Attributes
    ----------
    n : int
        Number of inputs.
    dense : Counter
        Name -> how often a function's result was taken to depend on all that its operands depend on.
    """

    __slots__ = ("dense", "n")
    exclusive = True

    #: Finds the rule of a primitive, and the rule of elementwise ones; `kinds` puts them here.
    rule_of: Callable[[Primitive], PatternRule]
    at_same_place: PatternRule

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.dense: Counter[str] = Counter()

    def end(self) -> None:
        self.__class__ = EndedPatternTrace

    def input(self, value: Any, start: int) -> Any:
        """An array of inputs, of which the first is number `start`, in a box."""
        sets = IndexSets.singletons(start, start + int(np.size(value)), self.n)
        return self.box(value, sets)

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        sets: list[Sets] = []
        fixed, values = [], []
        for i, x in enumerate(operands):
            mine = isinstance(x, Box) and x._trace is self
            sets.append(x._link if mine and not is_constant(prim, i) else None)
            x = x._value if mine else plain_now(x)
            fixed.append(not mine and type(x) is not Varying)
            values.append(plain(x))
        ans = prim.fun(*values, **params)
        if prim.kind == "zero" or not any(s is not None for s in sets):
            return varying(ans)
        found = self.sets_of(Application(prim, tuple(values), sets, fixed, params, ans, self.n))
        if isinstance(ans, (tuple, list)):
            boxes = [self.box(a, s) for a, s in zip(ans, found, strict=True)]
            return ans._make(boxes) if hasattr(ans, "_make") else type(ans)(boxes)
        return self.box(ans, found)

    def sets_of(self, call: Application) -> Any:
        """What the result depends on."""
        rule = PatternTrace.rule_of(call.prim)
        moved = bool(call.given) and rule not in WHEREVER and any(map(is_varying, call.given.values()))
        if not moved:
            found = rule(call)
            if found is not NotImplemented:
                return found
        self.dense[call.prim.name + (" (at positions that depend on the input)" if moved else "")] += 1
        return everything(call)

    def box(self, value: Any, sets: Sets) -> Any:
        """`value` in a box, unless it depends on nothing or cannot vary."""
        if sets is None or dtype_of(value).kind not in "fc":
            return varying(value)
        if len(sets) != np.size(value):
            raise RuleShapeError(f"the pattern rule gave {len(sets)} sets for {np.size(value)} elements of shape {np.shape(value)}")
        return new_box(varying(as_scalar(value)), self, sets)

    def taken(self, y: Any) -> Sets:
        """What an output of the program depends on."""
        return y._link if isinstance(y, Box) and y._trace is self else None


class EndedPatternTrace(PatternTrace):
    """What a pattern trace becomes when detection has finished."""

    __slots__ = ()
    process = EndedTrace.process


def everything(call: Application) -> Any:
    """The sets of results of which every element depends on all that the operands depend on."""
    parts = [s.merge(np.zeros(len(s), np.intp), 1) for s in call.sets if s is not None]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole | part
    if isinstance(call.ans, (tuple, list)):
        return [whole.take(np.zeros(np.size(a), np.intp)) for a in call.ans]
    return whole.take(np.zeros(np.size(call.ans), np.intp))


# ---- users' primitives ----------------------------------------------------------------------------------------------

def process_call(trace: PatternTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    """A user's primitive: as declared, else every result depends on all arguments. A checkpoint is looked into."""
    if prim.transparent:
        return prim.fun(*args, **kwargs)
    leaves, treedef = flatten(args)
    mine = [isinstance(x, Box) and x._trace is trace for x in leaves]
    values = [plain(x._value if m else plain_now(x)) for x, m in zip(leaves, mine, strict=True)]
    outs, outdef = flatten(prim(*treedef.unflatten(values), **kwargs))
    if {ReverseTrace, ForwardTrace} <= prim.untraced:
        return outdef.unflatten(map(varying, outs))
    sets = [x._link if m else None for x, m in zip(leaves, mine, strict=True)]
    call = Application(prim, tuple(values), sets, [False] * len(values), {}, tuple(outs), trace.n)
    if prim not in DECLARED:
        trace.dense[prim.name] += 1
        found = everything(call)
    elif DECLARED[prim] == "elementwise":
        found = PatternTrace.at_same_place(call)
    else:
        found = as_declared(call, DECLARED[prim](*treedef.unflatten(values), **kwargs))
    return outdef.unflatten(trace.box(y, s) if varies(y) else y for y, s in zip(outs, found, strict=True))


def as_declared(call: Application, matrices: Any) -> list[Sets]:
    """The sets of all outputs, from one matrix per array among the arguments."""
    if not isinstance(matrices, (tuple, list)):
        matrices = (matrices,)
    if len(matrices) != len(call.values):
        raise PatternError(
            f"the pattern declared for {call.prim.name} is for {len(matrices)} arrays; it was called with {len(call.values)}"
        )
    rows, whole = sum(map(np.size, call.ans)), None
    for i, matrix in enumerate(matrices):
        mine = call.sets[i]
        if mine is None or matrix is None:
            continue
        pattern = SparsityPattern.of(matrix)
        if pattern.shape != (rows, np.size(call.values[i])):
            raise PatternError(
                f"the pattern declared for {call.prim.name} has shape {pattern.shape}; the result has {rows} elements and argument "
                f"array {i} has {np.size(call.values[i])}"
            )
        part = mine.merge(pattern.row_numbers(), rows, pattern.indices)
        whole = part if whole is None else whole | part
    ends = np.cumsum([0, *map(np.size, call.ans)])
    return [None if whole is None else whole.take(np.arange(a, b)) for a, b in pairwise(ends)]


INTERPRETERS[PatternTrace] = process_call
INTERPRETERS[EndedPatternTrace] = INTERPRETERS[EndedTrace]


def joined(parts: list[tuple[Sets, int]], n: int) -> IndexSets:
    """The sets of several arrays one after the other; of a constant with so many elements, empty ones."""
    return stacked([IndexSets.empty(size, n) if sets is None else sets for sets, size in parts], n)
