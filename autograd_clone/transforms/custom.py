"""Functions with derivative rules of the user's own, checkpointing, and taking values out of a trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..engine.batch import BatchTrace
from ..engine.box import Box, getval
from ..engine.calls import CallPrimitive
from ..engine.errors import MissingRuleError, RuleShapeError
from ..engine.pytree import flatten, tree_map
from .record import Tape, push


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


class Checkpoint(CallPrimitive):
    """What `checkpoint` returns."""

    inline_closures = True
    transparent = True

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)
        functools.update_wrapper(self, fun)

    def traced_keyword(self, key: str, args: tuple, kwargs: dict) -> Any:
        return self.fun(*args, **kwargs)

    def batched(self, trace: BatchTrace, args: tuple, kwargs: dict) -> Any:
        """Of a whole batch: a checkpoint of the function on the arrays of all examples."""
        leaves, treedef = flatten(args)
        mine = [trace.owns(x) for x in leaves]
        layout: list[Any] = []

        def of_all(*values: Any) -> Any:
            with BatchTrace(trace.size) as inner:
                boxed = (inner.box(v) if m else v for v, m in zip(values, mine, strict=True))
                outs, outdef = flatten(self.fun(*treedef.unflatten(boxed), **kwargs))
                layout[:] = [inner.owns(y) for y in outs], outdef
                return [y._value if inner.owns(y) else y for y in outs]

        outs = Checkpoint(of_all)(*(x._value if m else x for x, m in zip(leaves, mine, strict=True)))
        are_batched, outdef = layout
        return outdef.unflatten(trace.box(y) if b else y for y, b in zip(outs, are_batched, strict=True))

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        ans = self.fun(*args, **kwargs)

        def again(xs: tuple) -> Any:
            new = list(args)
            for i, x in zip(argnums, xs, strict=True):
                new[i] = x
            return self.fun(*new, **kwargs)

        def vjp(g: Any) -> Any:
            return list(Tape(again, tuple(args[i] for i in argnums)).pull(g, once=True))

        return ans, vjp

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        def along(xs: tuple) -> Any:
            new = list(args)
            for i, x in zip(argnums, xs, strict=True):
                new[i] = x
            return self.fun(*new, **kwargs)

        return push(along, tuple(args[i] for i in argnums), tuple(tangents))


def checkpoint(fun: Callable) -> Callable:
    """A function that computes the same but keeps only its arguments for the backward pass, and runs again there.

    Trades time (one more evaluation) for memory: nothing computed inside `fun` is held between the passes. Values
    that `fun` takes from its surroundings rather than from its arguments are handled too, but then nothing is saved.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(checkpoint(lambda x: np.sin(x) ** 2))(1.0) == grad(lambda x: np.sin(x) ** 2)(1.0)
    np.True_
    """
    return Checkpoint(fun)


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
