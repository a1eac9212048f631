"""The operators of `ArrayBox`, and the fast forms of functions: made from the records by `specialise`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.box import Box, getval
from ..engine.primitive import REGISTRY, Primitive
from ..engine.trace import apply
from ..engine.user import OVERRIDDEN
from .box import FAST, REDUCTIONS, ArrayBox, call
from .specialise import binary, general, unary

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
UNARY: dict[str, np.ufunc] = {"neg": np.negative, "pos": np.positive, "abs": np.absolute}
COMPARISONS: dict[str, tuple[np.ufunc, Callable]] = {
    "eq": (np.equal, operator.eq),
    "ne": (np.not_equal, operator.ne),
    "lt": (np.less, operator.lt),
    "le": (np.less_equal, operator.le),
    "gt": (np.greater, operator.gt),
    "ge": (np.greater_equal, operator.ge),
}

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%", "matmul": "@"}


def _comparison(ufunc: Callable, op: Callable) -> Callable:
    prim = REGISTRY[ufunc]

    def of_batch(a: Any, b: Any) -> Any:
        if isinstance(a, (str, bytes)) or isinstance(b, (str, bytes)):  # no number is equal to it
            return op(*[np.zeros(x.shape, x.dtype) if isinstance(x, Box) else x for x in (a, b)])  # type: ignore[attr-defined]
        return apply(prim, (getval(a), getval(b)), {})

    def compare(a: Any, b: Any) -> Any:
        x, y = a, b
        while isinstance(x, Box):
            if x.batched:
                return of_batch(a, b)
            x = x._value
        while isinstance(y, Box):
            if y.batched:
                return of_batch(a, b)
            y = y._value
        return op(x, y)

    return compare


def _swapped(fun: Callable) -> Callable:
    return lambda b, a: fun(a, b)


def _operator(name: str, prim: Primitive, op: Callable) -> tuple[Callable, Callable]:
    """A binary operator and its reflection."""
    if prim.kind == "zero":
        fun = _comparison(prim.fun, op)
        return fun, _swapped(fun)
    if name not in _SYMBOLS or any(prim.vjps.get(i) is None for i in (0, 1)):
        fun = general(prim)
        return fun, _swapped(fun)
    expression = f"x1 {_SYMBOLS[name]} x2"
    if name == "matmul":  # on small matrices the method takes half the time of the operator
        small = "ndarray is type(x1) is type(x2) and x1.dtype is x2.dtype and 0 < x1.ndim < 3 and 0 < x2.ndim < 3"
        expression = f"x1.dot(x2) if {small} else {expression}"
    exact = name != "pow"  # x**2 has a fast path for the Python number
    return (
        binary(prim, expression, array_constants=exact, special=None if exact else (2, REGISTRY[np.square])),
        binary(prim, expression, array_constants=exact, swapped=True),
    )


def _is_dispatched(fun: Callable) -> bool:
    """Whether NumPy's protocols bring a call of `fun` on a box to us."""
    return isinstance(fun, np.ufunc) or hasattr(fun, "_implementation")


def _specialise(fun: Callable, prim: Primitive) -> None:
    """Put the fast forms of a function into `FAST`."""
    if prim.kind not in ("elementwise", "linear", "multilinear", "custom") or prim.shares:
        return
    if prim.outputs > 1 or prim.variadic is not None:
        return
    rules = [prim.vjps.get(i) for i in range(len(prim.operands))]
    if rules[0] is not None and all(d is None for d in prim.operand_defaults[1:]) and len(rules) == 1:
        _put(1, fun, lambda: unary(prim))
    if len(rules) == 2 and None not in rules:
        _put(2, fun, lambda: binary(prim, "fun(x1, x2)"))


def _put(arity: int, fun: Callable, make: Callable[[], Callable]) -> None:
    """Let ``make()`` be the fast form of a function, unless it has one; made at its first call, as compiling takes time."""
    table = FAST[arity]

    def first(*args: Any) -> Any:
        made = make()
        if table.get(fun) is first:
            table[fun] = made
        return made(*args)

    table.setdefault(fun, first)


def install() -> None:
    """Give `ArrayBox` its operators, and functions their fast forms, from the registry."""
    for name, (ufunc, op) in ARITHMETIC.items():
        fun, reflected = _operator(name, REGISTRY[ufunc], op)
        FAST[2][ufunc] = fun
        setattr(ArrayBox, f"__{name}__", fun)
        setattr(ArrayBox, f"__r{name}__", reflected)
    for name, (ufunc, op) in COMPARISONS.items():
        FAST[2][ufunc] = _comparison(ufunc, ufunc)
        setattr(ArrayBox, f"__{name}__", _comparison(ufunc, op))
    for fun, prim in list(REGISTRY.items()):
        if _is_dispatched(fun):
            _specialise(fun, prim)
    ArrayBox.__neg__ = unary(REGISTRY[np.negative], "-x1")
    ArrayBox.__pos__ = FAST[1][np.positive]
    ArrayBox.__abs__ = FAST[1][np.absolute]
    ArrayBox.__divmod__ = lambda self, other: (self // other, self % other)
    ArrayBox.__rdivmod__ = lambda self, other: (other // self, other % self)
    OVERRIDDEN.append(_forget)


def _forget(fun: Callable) -> None:
    """Send what was specialised for a function to its record, which a user has replaced."""

    def through_record(*args: Any) -> Any:
        return call(fun, args, {})

    for table in (*FAST, REDUCTIONS):
        table.pop(fun, None)
    for name in [n for n, (ufunc, _) in ARITHMETIC.items() if ufunc is fun]:
        setattr(ArrayBox, f"__{name}__", through_record)
        setattr(ArrayBox, f"__r{name}__", _swapped(through_record))
    for name in [n for n, ufunc in UNARY.items() if ufunc is fun]:
        setattr(ArrayBox, f"__{name}__", through_record)
