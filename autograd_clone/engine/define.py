"""One line per primitive: the constructors that the rule tables are written with.

==============  ==========================================================================================
`elementwise`   each partial derivative once; VJP, JVP and un-broadcasting follow
`linear`        a VJP; the JVP is the function itself
`multilinear`   a VJP per operand; the JVP is the function with one operand replaced by its tangent
`custom`        VJP and/or JVP written out; a missing one is made from the other by transposition
`zero`          piecewise constant: runs on plain values, derivative zero, result not traced
`composite`     plain code in terms of other functions, traced through
`refuse`        not differentiable by its nature: raises and says why
==============  ==========================================================================================

A partial derivative of `elementwise` is one of: the name of a residual (``x1="x2"``) or its reciprocal
(``x1="1/x2"``), a number, a function of
residuals returning the factor (``lambda x: np.cos(x)``), or a function whose first parameter is ``g``, returning the
product (``lambda g, x2: g / x2``); the last must be linear and symmetric, as it serves both modes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import NotDifferentiableError
from .primitive import AT_SINGULAR_POINTS, ELEMENTWISE_RULES, REGISTRY, SELECTIONS, Primitive, Rule, identity, negative

#: Keyword arguments of every ufunc, with NumPy's defaults.
UFUNC_DEFAULTS = {
    "out": None, "where": True, "axes": None, "axis": None, "keepdims": False, "casting": "same_kind", "order": "K",
    "dtype": None, "subok": True, "signature": None,
}  # fmt: skip
_UFUNC_HARMLESS = ("casting", "order", "dtype", "signature", "subok")


def _record(fun: Callable, kind: str, operands: tuple[str, ...], **options: Any) -> Primitive:
    if isinstance(fun, np.ufunc):
        options["defaults"] = UFUNC_DEFAULTS | (options.get("defaults") or {})
        options["harmless"] = (*_UFUNC_HARMLESS, *options.get("harmless", ()))
    prim = Primitive(fun, kind, operands=operands, **options)
    prim.checked = False
    REGISTRY[fun] = prim
    return prim


def elementwise(fun: Callable, *, options: dict | None = None, **partials: Any) -> Primitive:
    """Register an elementwise function by its partial derivatives, one per operand, in order.

    ``options`` holds what `custom` takes as keywords (``samples``, ``domain``, ``complex``, ``harmless``, ``defaults``, ``name``).
    """
    prim = _record(fun, "elementwise", tuple(partials), **(options or {}))
    for i, (name, partial) in enumerate(partials.items()):
        rule = prim.vjps[i] = prim.jvps[i] = _elementwise_rule(prim, name, partial)
        if rule is not None:
            ELEMENTWISE_RULES.add(rule.call)
    return prim


def broadcasting(prim: Primitive) -> Primitive:
    """Declare that a function with rules of its own is elementwise, and broadcasts its operands."""
    prim.broadcasts = True
    ELEMENTWISE_RULES.update(rule.call for rule in prim.vjps.values() if rule is not None)
    return prim


def selection(*prims: Primitive) -> None:
    """Declare that functions return some elements of their operands: where the slope is zero, nothing depends on the element."""
    for prim in prims:
        SELECTIONS.update(rule.call for rule in prim.vjps.values() if rule is not None)


def at_singular_points(prim: Primitive, **partials: Callable) -> None:
    """Rules of an elementwise function, one per operand, to be used where a derivative is not finite.

    They have the same parameters as the ordinary ones. Those need not give limits then, and save the time of looking for such
    points.
    """
    for name, partial in partials.items():
        ordinary = prim.vjps[prim.operands.index(name)]
        rule = prim.compile(partial, name)
        assert ordinary is not None
        assert rule.names == ordinary.names, f"{prim.name}: {rule.names} are not {ordinary.names}"
        AT_SINGULAR_POINTS[ordinary.call] = rule.call
        ELEMENTWISE_RULES.add(rule.call)


def _elementwise_rule(prim: Primitive, name: str, partial: Any) -> Rule | None:
    if partial is None:
        return None
    if isinstance(partial, (int, float)):
        return Rule(_constant(partial), _no_residual, (), partial)
    return prim.compile(partial, name)


def _constant(c: float) -> Callable:
    if c == 1:
        return identity
    if c == -1:
        return negative
    return lambda g, _: g * c


def _no_residual(v: tuple, ans: Any, p: dict) -> None:
    return None


def linear(fun: Callable, *, options: dict | None = None, **vjps: Any) -> Primitive:
    """Register a function linear in its one operand (all of a variadic operand) by its VJP."""
    prim = _record(fun, "linear", _operand_names(vjps, options), **_without_operands(options))
    prim.set_rules("vjp", vjps)
    return prim


def multilinear(fun: Callable, *, options: dict | None = None, **vjps: Any) -> Primitive:
    """Register a function linear in each of its operands by a VJP for each."""
    prim = _record(fun, "multilinear", _operand_names(vjps, options), **_without_operands(options))
    prim.set_rules("vjp", vjps)
    return prim


def custom(
    fun: Callable,
    *,
    vjp: dict[str, Any] | None = None,
    jvp: dict[str, Any] | None = None,
    operands: tuple[str, ...] | None = None,
    outputs: int = 1,
    **options: Any,
) -> Primitive:
    """Register a function by VJP and JVP rules per operand; what is missing is derived by transposition.

    ``operands`` names the array arguments in order, where that is more than the rules do; a name in brackets and
    with a star (``"[*arrays]"``) is one argument holding a sequence of operands.
    """
    names = operands or tuple(dict.fromkeys([*(vjp or {}), *(jvp or {})]))
    prim = _record(fun, "custom", names, **options)
    prim.outputs = outputs
    prim.set_rules("vjp", vjp or {})
    prim.set_rules("jvp", jvp or {})
    return prim


def zero(fun: Callable, **options: Any) -> Primitive:
    """Register a piecewise constant function: it runs on plain values and its result is not traced."""
    return _record(fun, "zero", (), **options)


def composite(fun: Callable | None, implementation: Callable | None = None, **options: Any) -> Any:
    """Register code that computes `fun` in terms of other functions; a decorator if the code is left out.

    ``None`` in place of `fun`, of a function that this version of NumPy lacks, registers nothing.
    """
    if implementation is None:
        return lambda code: composite(fun, code, **options)
    if fun is None:
        return implementation
    prim = Primitive(fun, "composite", **options)
    prim.implementation = implementation
    REGISTRY[fun] = prim
    return implementation


def refuse(fun: Callable, reason: str, **options: Any) -> Primitive:
    """Register a function that has no derivative by its nature, and why."""
    prim = Primitive(fun, "refused", **options)
    prim.reason = reason
    REGISTRY[fun] = prim
    return prim


def refusal(prim: Primitive) -> NotDifferentiableError:
    """The error for a refused function."""
    return NotDifferentiableError(f"{prim.name} cannot be applied to a traced value: {prim.reason}.")


def _operand_names(vjps: dict, options: dict | None) -> tuple[str, ...]:
    return (options or {}).get("operands") or tuple(vjps)


def _without_operands(options: dict | None) -> dict:
    return {k: v for k, v in (options or {}).items() if k != "operands"}
