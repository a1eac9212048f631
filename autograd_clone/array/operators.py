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
from .box import FAST, ArrayBox, as_arrays, unary

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

# A binary operator, with the residuals of its two rules written in where {r1} and {r2} stand. {op} is the infix
# operator itself: calling operator.mul instead would cost 10 % of an operation on scalars.
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
                    kind = type(ans)
                    if kind is float64 and type(x1) is kind and type(x2) is kind:
                        return ArrayBox(ans, trace, [next_order(), a._node, vjp1, {r1}, None, b._node, vjp2, {r2}, None])
                    return ArrayBox(ans, trace, [
                        next_order(), a._node, vjp1, {r1}, fix_for(prim, x1, ans), b._node, vjp2, {r2}, fix_for(prim, x2, ans)
                    ])
            elif kind is float or kind is int:
                x2 = b
                ans = x1 {op} x2
                if type(ans) is type(x1):
                    return ArrayBox(ans, trace, {left_constant})
            elif kind is ndarray or kind is float64:
                x2 = b
                ans = x1 {op} x2
                return ArrayBox(ans, trace, [next_order(), a._node, vjp1, {r1}, fix_for(prim, x1, ans)])
    elif type(b) is ArrayBox:
        trace = b._trace
        if type(trace) is ReverseTrace:
            x2 = b._value
            kind = type(a)
            if kind is float or kind is int:
                x1 = a
                ans = x1 {op} x2
                if type(ans) is type(x2):
                    return ArrayBox(ans, trace, {right_constant})
            elif kind is ndarray or kind is float64:
                x1 = a
                ans = x1 {op} x2
                return ArrayBox(ans, trace, [next_order(), b._node, vjp2, {r2}, fix_for(prim, x2, ans)])
    return general(a, b)
"""
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%"}


def binary(name: str, prim: Primitive) -> Callable:
    """The specialised function of an elementwise binary operator."""
    rule1, rule2 = prim.vjps[0], prim.vjps[1]
    assert rule1 is not None and rule2 is not None
    residuals = {"r1": _residual(prim, rule1), "r2": _residual(prim, rule2)}
    left = "[next_order(), a._node, vjp1, {r1}, None]".format(**residuals)
    right = "[next_order(), b._node, vjp2, {r2}, None]".format(**residuals)
    if rule1.source == 1:  # the derivative is one: the result shares its operand's node
        left = "a._node"
    if rule2.source == 1:
        right = "b._node"
    source = _TEMPLATE.format(op=_SYMBOLS[name], left_constant=left, right_constant=right, **residuals)
    scope = {
        "ArrayBox": ArrayBox, "ReverseTrace": ReverseTrace, "float64": np.float64, "ndarray": np.ndarray, "prim": prim,
        "next_order": next_order, "fix_for": fix_for, "general": general(prim), "vjp1": rule1.call, "vjp2": rule2.call,
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
    for name, (ufunc, op) in COMPARISONS.items():
        FAST[ufunc] = _comparison(ufunc, op)
        setattr(ArrayBox, f"__{name}__", FAST[ufunc])
    for fun, prim in REGISTRY.items():
        if isinstance(fun, np.ufunc) and fun not in FAST and prim.kind == "elementwise" and fun.nin == fun.nout == 1:
            FAST[fun] = unary(fun, prim)
    ArrayBox.__neg__ = FAST[np.negative]  # type: ignore[attr-defined]
    ArrayBox.__pos__ = FAST[np.positive]  # type: ignore[attr-defined]
    ArrayBox.__abs__ = lambda self: apply(REGISTRY[np.absolute], (self,), {})  # type: ignore[attr-defined]
    ArrayBox.__divmod__ = lambda self, other: (self // other, self % other)  # type: ignore[attr-defined]
    ArrayBox.__rdivmod__ = lambda self, other: (other // self, other % self)  # type: ignore[attr-defined]
