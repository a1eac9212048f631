"""The arithmetic operators of `ArrayBox`: one specialised function per operator, made from its primitive's record.

This is the hot path. The common cases (one reverse trace; the other operand a box of the same trace, a Python
number, or a plain array) are written out; all else goes through `apply`. ``operator.mul`` and its kin are used
rather than the ufuncs because they are several times cheaper on NumPy scalars.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import Box
from ..engine.primitive import REGISTRY, Primitive, Rule
from ..engine.reverse import ReverseTrace, fix_for, next_order
from ..engine.trace import apply
from ..engine.user import OVERRIDDEN
from .box import FAST, ArrayBox, as_arrays

ARITHMETIC: dict[str, tuple[np.ufunc, Callable]] = {
    "add": (np.add, operator.add),
    "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul),
    "truediv": (np.true_divide, operator.truediv),
    "pow": (np.power, operator.pow),
    "mod": (np.remainder, operator.mod),
    "floordiv": (np.floor_divide, operator.floordiv),
    "matmul": (np.matmul, operator.matmul),
}
COMPARISONS: dict[str, tuple[np.ufunc, Callable]] = {
    "eq": (np.equal, operator.eq),
    "ne": (np.not_equal, operator.ne),
    "lt": (np.less, operator.lt),
    "le": (np.less_equal, operator.le),
    "gt": (np.greater, operator.gt),
    "ge": (np.greater_equal, operator.ge),
}

# A binary operator, with the residuals of its two rules written in where {r1} and {r2} stand, and the infix operator
# itself where {op} does: calling operator.mul would cost 10 % of an operation on scalars. Boxes are made with
# object.__new__ and three stores, two thirds of the price of calling the class.
_TEMPLATE = """
def binary(a, b):
    if type(a) is ArrayBox:
        trace = a._trace
        if type(trace) is ReverseTrace:
            x1 = a._value
            kind = type(b)
            if kind is ArrayBox:
                if b._trace is trace:
                    x2 = b._value
                    ans = x1 {op} x2
                    if type(ans) is float64 is type(x1) is type(x2):
                        node = [next_order(), a._link, vjp1, {r1}, None, b._link, vjp2, {r2}, None]
                    else:
                        shape = ans.shape
                        dtype = ans.dtype
                        node = [
                            next_order(),
                            a._link, vjp1, {r1}, None if x1.shape == shape and x1.dtype is dtype else fix_for(prim, x1, ans),
                            b._link, vjp2, {r2}, None if x2.shape == shape and x2.dtype is dtype else fix_for(prim, x2, ans),
                        ]
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = node
                    return box
            elif kind is float or kind is int:
                x2 = {constant} if type(x1) is ndarray and x1.dtype is FLOAT64 else b
                ans = x1 {op} x2
                if type(ans) is type(x1):
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = {left_node}
                    return box
            elif kind is ndarray or kind is float64:
                x2 = b
                ans = x1 {op} x2
                box = new(ArrayBox)
                box._value = ans
                box._trace = trace
                fix = None if x1.shape == ans.shape and x1.dtype is ans.dtype else fix_for(prim, x1, ans)
                box._link = [next_order(), a._link, vjp1, {r1}, fix]
                return box
    elif type(b) is ArrayBox:
        trace = b._trace
        if type(trace) is ReverseTrace:
            x2 = b._value
            kind = type(a)
            if kind is float or kind is int:
                x1 = {constant_left} if type(x2) is ndarray and x2.dtype is FLOAT64 else a
                ans = x1 {op} x2
                if type(ans) is type(x2):
                    box = new(ArrayBox)
                    box._value = ans
                    box._trace = trace
                    box._link = {right_node}
                    return box
            elif kind is ndarray or kind is float64:
                x1 = a
                ans = x1 {op} x2
                box = new(ArrayBox)
                box._value = ans
                box._trace = trace
                fix = None if x2.shape == ans.shape and x2.dtype is ans.dtype else fix_for(prim, x2, ans)
                box._link = [next_order(), b._link, vjp2, {r2}, fix]
                return box
    return general(a, b)
"""
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%"}


def binary(name: str, prim: Primitive) -> Callable:
    """The specialised function of an elementwise binary operator."""
    rule1, rule2 = prim.vjps[0], prim.vjps[1]
    assert rule1 is not None and rule2 is not None
    r1, r2 = _residual(prim, rule1), _residual(prim, rule2)
    # A 0-d array is converted once, a Python number in every operation; but x**2 has a fast path for the number.
    constants = {"constant": "b", "constant_left": "a"} if name == "pow" else {"constant": "array(b, FLOAT64)", "constant_left": "array(a, FLOAT64)"}
    source = _TEMPLATE.format(
        op=_SYMBOLS[name],
        r1=r1,
        r2=r2,
        # where the derivative is one, the result shares its operand's node
        left_node="a._link" if rule1.source == 1 else f"[next_order(), a._link, vjp1, {r1}, None]",
        right_node="b._link" if rule2.source == 1 else f"[next_order(), b._link, vjp2, {r2}, None]",
        **constants,
    )
    scope = {
        "ArrayBox": ArrayBox, "FLOAT64": np.dtype(np.float64), "ReverseTrace": ReverseTrace, "array": np.array, "fix_for": fix_for,
        "float64": np.float64, "general": general(prim), "ndarray": np.ndarray, "new": object.__new__,
        "next_order": next_order, "prim": prim, "vjp1": rule1.call, "vjp2": rule2.call,
    }  # fmt: skip
    exec(source, scope)
    return scope["binary"]  # type: ignore[return-value]


def _residual(prim: Primitive, rule: Rule) -> str:
    """The expression for a rule's residual in the template's names."""
    local = {prim.operands[0]: "x1", prim.operands[1]: "x2", "ans": "ans"}
    terms = [local[n] for n in rule.names]
    if not terms:
        return "None"
    return terms[0] if len(terms) == 1 else f"({', '.join(terms)})"


_UNARY = """
def unary(x):
    trace = x._trace
    if type(trace) is ReverseTrace and type(x) is ArrayBox:
        v = x._value
        ans = ufunc(v)
        box = new(ArrayBox)
        box._value = ans
        box._trace = trace
        box._link = [next_order(), x._link, vjp, {residual}, None]
        return box
    return apply(prim, (x,), NO_PARAMS)
"""


def unary(ufunc: Callable, prim: Primitive) -> Callable:
    """The specialised form of a unary elementwise function whose output has its operand's dtype."""
    rule = prim.vjps[0]
    assert rule is not None
    terms = [{prim.operands[0]: "v", "ans": "ans"}[n] for n in rule.names]
    residual = "None" if not terms else terms[0] if len(terms) == 1 else f"({', '.join(terms)})"
    scope = {
        "ArrayBox": ArrayBox, "NO_PARAMS": {}, "ReverseTrace": ReverseTrace, "apply": apply, "new": object.__new__,
        "next_order": next_order, "prim": prim, "ufunc": ufunc, "vjp": rule.call,
    }  # fmt: skip
    exec(_UNARY.format(residual=residual), scope)
    return scope["unary"]  # type: ignore[return-value]


def general(prim: Primitive) -> Callable:
    """The operator through `apply`, which handles every kind of operand and trace."""

    def binary_general(a: Any, b: Any) -> Any:
        return apply(prim, as_arrays((a, b)), {})

    return binary_general


def _comparison(ufunc: np.ufunc, op: Callable) -> Callable:
    def compare(a: Any, b: Any) -> Any:
        while isinstance(a, Box):
            a = a._value
        while isinstance(b, Box):
            b = b._value
        return op(a, b)

    return compare


def _swapped(fun: Callable) -> Callable:
    return lambda b, a: fun(a, b)


def install() -> None:
    """Give `ArrayBox` its operators, and the ufuncs their fast forms, from the registry."""
    for name, (ufunc, op) in ARITHMETIC.items():
        prim = REGISTRY[ufunc]
        if prim.kind == "zero":
            fun = _comparison(ufunc, op)
        elif name in _SYMBOLS and all(prim.vjps.get(i) is not None for i in (0, 1)):
            fun = binary(name, prim)
        else:
            fun = general(prim)
        FAST[ufunc] = fun
        setattr(ArrayBox, f"__{name}__", fun)
        setattr(ArrayBox, f"__r{name}__", _swapped(fun))
    OVERRIDDEN.append(lambda fun: FAST.pop(fun, None))
    for name, (ufunc, op) in COMPARISONS.items():
        FAST[ufunc] = _comparison(ufunc, op)
        setattr(ArrayBox, f"__{name}__", FAST[ufunc])
    for fun, prim in REGISTRY.items():
        if isinstance(fun, np.ufunc) and fun not in FAST and prim.kind == "elementwise" and fun.nin == fun.nout == 1:
            FAST[fun] = unary(fun, prim)
    ArrayBox.__neg__ = unary(operator.neg, REGISTRY[np.negative])  # type: ignore[attr-defined]
    ArrayBox.__pos__ = unary(operator.pos, REGISTRY[np.positive])  # type: ignore[attr-defined]
    ArrayBox.__abs__ = lambda self: apply(REGISTRY[np.absolute], (self,), {})  # type: ignore[attr-defined]
    ArrayBox.__divmod__ = lambda self, other: (self // other, self % other)  # type: ignore[attr-defined]
    ArrayBox.__rdivmod__ = lambda self, other: (other // self, other % self)  # type: ignore[attr-defined]
