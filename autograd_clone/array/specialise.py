"""The hot path: functions of one and two operands, specialised from their records.

Each is written out for the commonest situation, one reverse trace and operands that are boxes of it, plain arrays or
numbers; everything else goes through `apply`. What differs from one function to the next (its expression and its
rules' residuals) is filled into a template, as `dataclasses` and `collections.namedtuple` do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.cotangent import OBJECT, shape_of
from ..engine.forward import ForwardTrace
from ..engine.primitive import Primitive, Rule, wide
from ..engine.protection import keep
from ..engine.reverse import ReverseTrace, fix_for, next_order
from ..engine.trace import apply
from .box import ArrayBox, as_arrays, defers_to
from .complaints import complaint
from .foreign import OPERATIONS

# Boxes are made by object.__new__ and three stores: two thirds of the price of calling the class.
_UNARY = """
def unary(x):
    trace = x._trace
    if type(trace) is ReverseTrace and type(x) is ArrayBox:
        x1 = x._value
        ans = {ans}
        node = [next_order(), x._link, vjp1, {r1}, {fix1}]
        if type(ans) not in ARRAYS:
            return trace.box(ans, node, name)
        box = new(ArrayBox)
        box._value = ans
        box._trace = trace
        box._link = node
        return box
    {push}return apply(prim, (x,), NO_PARAMS)
"""

# Forward mode. {tangent} is the statement that computes it: for an elementwise function by its rule, which is the same in both
# modes, for a linear one by the function. The last lines are `ForwardTrace.box` for the commonest cases, written out.
_UNARY_PUSH = """if type(trace) is ForwardTrace and type(x) is ArrayBox:
        x1 = x._value
        ans = {ans}
        {tangent}
        kind = type(ans)
        if kind is type(tangent) and (
            kind is float64
            or kind is ndarray and ans.dtype is FLOAT64 is tangent.dtype and ans.shape == tangent.shape
        ):
            box = new(ArrayBox)
            box._value = ans
            box._trace = trace
            box._link = tangent
            return box
        return trace.box(ans, tangent)
    """

# {constant} and {constant_left} are what a Python number becomes, {left} and {right} the node if the other operand is
# one: the operand's own where the derivative is one.
_BINARY = """
def binary({order}):
    if type(a) is ArrayBox:
        trace = a._trace
        if type(trace) is ReverseTrace:
            x1 = a._value
            {entry}kind = type(b)
            if kind is ArrayBox:
                if b._trace is trace:
                    x2 = b._value
                    ans = {ans}
                    if type(ans) is float64 is type(x1) is type(x2):
                        node = [next_order(), a._link, vjp1, {r1}, None, b._link, vjp2, {r2}, None]
                    else:
                        dtype = ans.dtype
                        {shape}
                        node = [next_order(), a._link, {rule1}, {fix1}, b._link, {rule2}, {fix2}]
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = node
                    return box
            elif kind is float or kind is int:
                x2 = {constant} if type(x1) is ndarray and x1.dtype is FLOAT64 else b
                ans = {ans}
                if type(ans) is type(x1){same1}:
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = {left}
                    return box
            elif kind is ndarray or kind is float64:
                x2 = b
                ans = {ans}
                try:
                    dtype = ans.dtype
                except AttributeError:  # Python's result, of an object in an array of no axes
                    return general(a, b)
                {shape}
                {keep2}
                if x2.dtype is not dtype or dtype is OBJECT:
                    if x2.dtype.kind not in "fcbiu":
                        return general(a, b)
                    {wide2}
                box = new(ArrayBox)
                box._value = ans
                box._trace = trace
                box._link = [next_order(), a._link, {rule1}, {fix1}]
                return box
    elif type(b) is ArrayBox:
        trace = b._trace
        if type(trace) is ReverseTrace:
            x2 = b._value
            kind = type(a)
            if kind is float or kind is int:
                x1 = {constant_left} if type(x2) is ndarray and x2.dtype is FLOAT64 else a
                ans = {ans}
                if type(ans) is type(x2){same2}:
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = {right}
                    return box
            elif kind is ndarray or kind is float64:
                x1 = a
                ans = {ans}
                try:
                    dtype = ans.dtype
                except AttributeError:  # Python's result, of an object in an array of no axes
                    return general(a, b)
                {shape}
                {keep1}
                if x1.dtype is not dtype or dtype is OBJECT:
                    if x1.dtype.kind not in "fcbiu":
                        return general(a, b)
                    {wide1}
                box = new(ArrayBox)
                box._value = ans
                box._trace = trace
                box._link = [next_order(), b._link, {rule2}, {fix2}]
                return box
    return {rest}(a, b)
"""

# ``a += b`` changes arrays in place; a number is replaced.
_IN_PLACE = """if type(x1) is not float64:
                return in_place(a, b)
            """

# A constant that the rule needs must not change before it is used.
_KEEP = """if {constant} is not trace.constant and kind is ndarray:
                    {local} = keep(trace, {constant})"""

_BINARY_PUSH = """
def pushed(a, b):
    kind, other = type(a), type(b)
    if kind is ArrayBox and type(a._trace) is ForwardTrace:
        trace = a._trace
        if other is ArrayBox and b._trace is trace:
            x1, x2 = a._value, b._value
            ans = {ans}
            tangent = vjp1(a._link, {r1}) + vjp2(b._link, {r2})
        elif other is float or other is int or other is ndarray and b.dtype is FLOAT64:
            x1, x2 = a._value, b
            ans = {ans}
            tangent = vjp1(a._link, {r1})
        else:
            return general(a, b)
    elif (
        other is ArrayBox
        and type(b._trace) is ForwardTrace
        and (kind is float or kind is int or kind is ndarray and a.dtype is FLOAT64)
    ):
        trace = b._trace
        x1, x2 = a, b._value
        ans = {ans}
        tangent = vjp2(b._link, {r2})
    else:
        return general(a, b)
    if type(ans) is ndarray is type(tangent) and ans.dtype is FLOAT64 is tangent.dtype and ans.shape == tangent.shape:
        box = new(ArrayBox)
        box._value = ans
        box._trace = trace
        box._link = tangent
        return box
    return trace.box(ans, tangent)
"""

# Reductions of arrays of float64 along an axis.
_REDUCTION = """
def reduction(a, axis=None, keepdims=False):
    if type(a) is ArrayBox:
        trace = a._trace
        if type(trace) is ReverseTrace:
            x1 = a._value
            if type(x1) is ndarray and x1.dtype is FLOAT64 and type(keepdims) is bool:
                ans = reduce(x1, axis, None, None, keepdims)
                box = new(ArrayBox)
                box._value = ans
                box._trace = trace
                box._link = [next_order(), a._link, vjp1, {r1}, None]
                return box
    return NotImplemented
"""


#: Product -> its rules for two matrices, the commonest case; the residual is the other matrix. The second one is also that for a
#: matrix and a vector.
OF_MATRICES: dict[Callable, tuple[Callable, Callable]] = {}


class Constants(dict):
    """Python numbers as 0-d arrays, made once: in an operation with an array these take half the time."""

    def __missing__(self, number: float) -> np.ndarray:
        made = np.array(number, np.float64)
        made.flags.writeable = False
        if number and len(self) < 1000:  # 0.0 and -0.0 are the same key
            self[number] = made
        return made


_SCOPE = {
    "__name__": __name__, "CONSTANTS": Constants(),
    "ARRAYS": frozenset({np.ndarray, np.float64, np.float32, np.complex128, ArrayBox}), "ArrayBox": ArrayBox,
    "FLOAT64": np.dtype(np.float64), "ForwardTrace": ForwardTrace, "OBJECT": OBJECT, "NO_PARAMS": {},
    "ReverseTrace": ReverseTrace, "apply": apply,
    "fix_for": fix_for, "float64": np.float64, "keep": keep, "ndarray": np.ndarray, "new": object.__new__,
    "next_order": next_order, "shape_of": shape_of, "wide": wide,
}  # fmt: skip


# Of a box inside a box the function is itself, without a way through NumPy.
_OF_ONE = "kernel(x1) if type(x1) is ndarray else unary(x1) if type(x1) is ArrayBox else fun(x1)"


def unary(prim: Primitive, expression: str = _OF_ONE, vjp: Callable | None = None, residual: str = "", **given: Any) -> Callable:
    """The specialised form of a function of one operand.

    Of a linear function, ``vjp`` and the expression of its ``residual`` may stand for the rule of the record, where without
    parameters there is a simpler one. ``given`` are further names in the expressions.
    """
    rule = prim.vjps[0]
    assert rule is not None
    keeps_dtype = prim.kind == "elementwise"
    fix = "None" if keeps_dtype else "None if x1.dtype is ans.dtype else fix_for(prim, x1, ans)"
    fields = {"ans": expression, "r1": residual or _residual(prim, rule, 1)}
    tangent = f"x1 = x._link; tangent = {expression}" if vjp else f"tangent = vjp1(x._link, {fields['r1']})"
    push = _UNARY_PUSH.format(**fields, tangent=tangent) if vjp or _is_symmetric(prim) else ""
    return _define("unary", _UNARY.format(**fields, fix1=fix, push=push), prim, given | {"vjp1": vjp} if vjp else given)


def binary(
    prim: Primitive,
    expression: str,
    *,
    swapped: bool = False,
    array_constants: bool = False,
    in_place: Callable | None = None,
    special: tuple[int, Primitive] | None = None,
) -> Callable:
    """The specialised form of a function of two operands.

    ``special`` is a number and the function of one operand that it makes of this one: ``x**2`` has the rule of `numpy.square`.

    ``array_constants`` makes a Python number a 0-d array, which is converted once rather than in every operation. With
    ``in_place`` it is the form for ``a += b``, and that is the one to call if `a` is no number of a reverse trace.
    """
    rule1, rule2 = prim.vjps[0], prim.vjps[1]
    assert rule1 is not None
    assert rule2 is not None
    r1, r2 = _residual(prim, rule1, 2), _residual(prim, rule2, 2)
    same = "x{0}.shape == shape and x{0}.dtype is dtype" if prim.broadcasts else "x{0}.dtype is dtype"
    fix = "None if " + same + " else " + ("(x{0}.shape, x{0}.dtype, None)" if prim.broadcasts else "fix_for(prim, x{0}, ans)")
    left = "a._link" if rule1.source == 1 else f"[next_order(), a._link, vjp1, {r1}, None]"
    given: dict[str, Any] = {"pushed": general(prim), "in_place": in_place}
    if special is not None:
        number, other = special
        rule = other.vjps[0]
        assert rule is not None
        left = f"[next_order(), a._link, special, {_residual(other, rule, 1)}, None] if b == {number} else {left}"
        given["special"] = rule.call
    shape = "shape = ans.shape" if prim.broadcasts else ""
    rules = [f"vjp1, {r1}", f"vjp2, {r2}"]
    if prim.fun in OF_MATRICES:
        given["matrix1"], given["matrix2"] = OF_MATRICES[prim.fun]
        shape = "n = x2.ndim if x1.ndim == 2 else 0"
        conditions = ((1, "n == 2", r1), (2, "0 < n < 3", r2))
        rules = [f"matrix{i} if {c} else vjp{i}, x{3 - i} if {c} else {r}" for i, c, r in conditions]
    # a Python number keeps the dtype of the other operand in ufuncs, but not in np.dot and its like
    same = "" if prim.kind == "elementwise" else " and ans.dtype is x{0}.dtype"
    source = _BINARY.format(
        entry=_IN_PLACE if in_place else "",
        rest="in_place" if in_place else "pushed",
        order="b, a" if swapped else "a, b",
        ans=expression,
        r1=r1,
        r2=r2,
        shape=shape,
        rule1=rules[0],
        rule2=rules[1],
        keep1=_KEEP.format(constant="a", local="x1") if prim.operands[0] in rule2.names else "",
        keep2=_KEEP.format(constant="b", local="x2") if prim.operands[1] in rule1.names else "",
        wide1="x1 = wide(x1)" if _widens(prim, rule2, 0) else "",
        wide2="x2 = wide(x2)" if _widens(prim, rule1, 1) else "",
        fix1=fix.format(1),
        fix2=fix.format(2),
        constant="CONSTANTS[b]" if array_constants else "b",
        constant_left="CONSTANTS[a]" if array_constants else "a",
        same1=same.format(1),
        same2=same.format(2),
        left=left,
        right="b._link" if rule2.source == 1 else f"[next_order(), b._link, vjp2, {r2}, None]",
    )
    if in_place or not _is_symmetric(prim):
        return _define("binary", source, prim, given)
    return _define("binary", source + _BINARY_PUSH.format(ans=expression, r1=r1, r2=r2), prim, given)


def reduction(prim: Primitive, ufunc: np.ufunc) -> Callable:
    """The specialised form of a reduction by a ufunc, with ``axis`` and ``keepdims``; of other operands it is not implemented."""
    rule = prim.vjps[0]
    assert rule is not None
    scope = {f"default_{name}": value for name, value in prim.defaults.items()}
    local = {"a": "x1", "a_shape": "x1.shape", "ans": "ans", "axis": "axis", "keepdims": "keepdims"}
    residual = ", ".join(local.get(name, f"default_{name}") for name in rule.names)
    return _define("reduction", _REDUCTION.format(r1=f"({residual})"), prim, {**scope, "reduce": ufunc.reduce})


def _widens(prim: Primitive, rule: Rule, i: int) -> bool:
    """Whether a rule of the other operand would compute with operand `i` as it is: see `wide`."""
    return callable(rule.source) and prim.operands[i] in rule.names and bool(prim.others(prim.operands[1 - i]))


def _is_symmetric(prim: Primitive) -> bool:
    """Whether the same rules serve both modes."""
    return prim.kind == "elementwise" and prim.jvps == prim.vjps


def _define(name: str, source: str, prim: Primitive, given: dict | None = None) -> Callable:
    of_prim = {"fun": prim.fun, "general": general(prim), "kernel": prim.kernel, "name": prim.name, "prim": prim}
    scope: dict[str, Any] = {**_SCOPE, **of_prim}
    for i, rule in prim.vjps.items():
        if rule is not None:
            scope |= {f"vjp{i + 1}": rule.call, f"gather{i + 1}": rule.gather}
    scope |= given or {}
    exec(source, scope)
    scope[name].__name__ = prim.name.rpartition(".")[2]
    return scope[name]


def _residual(prim: Primitive, rule: Rule, arity: int) -> str:
    """The expression for a rule's residual, where no parameters are given."""
    own = next((k for k, r in prim.vjps.items() if r is rule), None)
    terms = [_term(prim, name, arity, own) for name in rule.names]
    if None in terms:
        return f"gather{own + 1}(({', '.join(f'x{k + 1}' for k in range(arity))},), ans, NO_PARAMS)"  # type: ignore[operator]
    if not terms:
        return "None"
    return str(terms[0]) if len(terms) == 1 else f"({', '.join(map(str, terms))})"


def _term(prim: Primitive, name: str, arity: int, own: int | None) -> str | None:
    """The expression for one name in a residual; ``None`` if it takes the record to find it."""
    if name == "ans" or name in prim.operands[:arity]:
        return name if name == "ans" else f"x{prim.operands.index(name) + 1}"
    base, _, attribute = name.rpartition("_")
    if base in prim.operands[:arity] and attribute == "shape":
        i = prim.operands.index(base)
        return f"x{i + 1}.shape" if i == own else f"shape_of(x{i + 1})"  # the other one may be a Python number
    return repr(prim.defaults[name]) if prim.defaults.get(name, ...) in (None, True, False) else None


def general(prim: Primitive) -> Callable:
    """The function through `apply`, which handles every kind of operand and trace."""

    def binary_general(a: Any, b: Any) -> Any:
        if _is_unknown(a) or _is_unknown(b):
            if prim.fun in OPERATIONS:
                return OPERATIONS[prim.fun](a, b)
            if isinstance(prim.fun, np.ufunc):
                return NotImplemented
        try:
            return apply(prim, as_arrays((a, b)), {})
        except Exception as error:
            own = complaint(prim.fun, (a, b), {}, error)
            if own is error:
                raise
            raise own from own.__cause__

    return binary_general


def _is_unknown(x: Any) -> bool:
    """Whether `x` is to do the operation itself, or nobody can."""
    kind = type(x)
    if kind in _KNOWN or isinstance(x, (Box, np.ndarray, np.generic, Number)):
        return False
    if isinstance(x, Sequence) and not isinstance(x, (str, bytes)):
        return False
    return defers_to(x) or not (hasattr(kind, "__array__") or hasattr(kind, "__array_ufunc__"))


_KNOWN = frozenset({ArrayBox, np.ndarray, np.float64, float, int, list, tuple})
