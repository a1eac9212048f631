"""Functions with derivative rules of the user's own, and taking values out of a trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..engine.box import Box, getval
from ..engine.calls import CallPrimitive
from ..engine.errors import MissingRuleError, RuleShapeError
from ..engine.pytree import flatten, tree_map


class custom_vjp(CallPrimitive):  # noqa: N801 (a decorator)
    """Decorator: a function with a reverse-mode rule of your own.

    ``f.defvjp(fwd, bwd)`` gives the rule: ``fwd(*args)`` returns ``(output, residual)`` and ``bwd(residual, g)`` a tuple with
    a cotangent for each argument (``None`` for zero). Forward mode is derived from it by transposition.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> @custom_vjp
    ... def clipped(x):
    ...     return x * 1.0
    >>> clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (min(g, 0.5),))
    >>> grad(lambda x: 3 * clipped(x))(1.0)
    np.float64(0.5)
    """

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)
        functools.update_wrapper(self, fun)
        self._fwd: Callable | None = None
        self._bwd: Callable | None = None

    def defvjp(self, fwd: Callable, bwd: Callable) -> None:
        """Set the rule."""
        self._fwd, self._bwd = fwd, bwd

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        if self._fwd is None or self._bwd is None:
            raise MissingRuleError(f"{self.name} has no rule yet; call {self.name}.defvjp(fwd, bwd)")
        ans, residual = self._fwd(*args, **kwargs)
        bwd = self._bwd

        def vjp(g: Any) -> list[Any]:
            cotangents = bwd(residual, g)
            if not isinstance(cotangents, (tuple, list)):
                cotangents = (cotangents,)
            if len(cotangents) != len(args):
                raise RuleShapeError(
                    f"the VJP rule of {self.name} returned {len(cotangents)} cotangents for {len(args)} arguments"
                )
            return [_zeros(args[i]) if cotangents[i] is None else cotangents[i] for i in argnums]

        return ans, vjp


class custom_jvp(CallPrimitive):  # noqa: N801 (a decorator)
    """Decorator: a function with a forward-mode rule of your own.

    ``f.defjvp(rule)`` gives it: ``rule(primals, tangents)`` returns ``(output, tangent)`` and must be linear in the
    tangents. Reverse mode is derived from it by transposition.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> @custom_jvp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> @log1pexp.defjvp
    ... def _(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1 + np.exp(-x))
    >>> grad(log1pexp)(0.0)
    np.float64(0.5)
    """

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)
        functools.update_wrapper(self, fun)
        self._rule: Callable | None = None

    def defjvp(self, rule: Callable) -> Callable:
        """Set the rule; may be used as a decorator."""
        self._rule = rule
        return rule

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        if self._rule is None:
            raise MissingRuleError(f"{self.name} has no rule yet; call {self.name}.defjvp(rule)")
        full = [tangents[argnums.index(i)] if i in argnums else _zeros(a) for i, a in enumerate(args)]
        return self._rule(tuple(args), tuple(full), **kwargs)


def stop_gradient(x: Any) -> Any:
    """`x` as a constant: its value, out of every trace. Works on pytrees.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree_map(lambda leaf: getval(leaf) if isinstance(leaf, Box) else leaf, x)


def _zeros(x: Any) -> Any:
    """A zero cotangent or tangent for an argument."""
    from ..engine.transpose import zeros_like
    from .record import variable

    leaves, treedef = flatten(x)
    return treedef.unflatten([None if variable(leaf) is None else zeros_like(leaf) for leaf in leaves])
