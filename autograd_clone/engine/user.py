"""Users' primitives, in the form HIPS autograd gave them: ``@primitive``, ``defvjp``, ``defjvp`` and their variants.

``defvjp(f, lambda ans, x, y: lambda g: ..., ...)`` gives one maker per positional argument; what the inner function
closes over is its residual. A function that NumPy already has a record for may be given another rule the same way.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .batch import each_example
from .box import Box
from .box import getval as value_of
from .calls import CallPrimitive, dense
from .cotangent import add
from .errors import RuleShapeError
from .forward import ForwardTrace
from .primitive import REGISTRY, find, missing_rule
from .pytree import flatten, is_container, tree_map
from .reverse import ReverseTrace
from .tables import ALIASES, DECLARE, OVERRIDDEN, UserPrimitive, primitive_jvps, primitive_vjps, user_primitive
from .transpose import zeros_like
from .vspace import vspace

__all__ = [
    "OVERRIDDEN", "UserPrimitive", "add_outgrads", "def_linear", "defjvp", "defjvp_argnum",
    "defjvp_argnums", "defvjp", "defvjp_argnum", "defvjp_argnums", "getval", "notrace_primitive",
    "notrace_primitives", "primitive", "primitive_jvps", "primitive_vjps", "register_notrace",
    "sum_outgrads", "trace_primitives_map",
]  # fmt: skip


def primitive(fun: Callable) -> UserPrimitive:
    """Decorator: a function that is differentiated as a whole, by rules given with `defvjp` and `defjvp`.

    It may take any arguments, by position or keyword (keyword arguments are constants), and return an array or a
    pytree of arrays. Its rules get and return pytrees of the same structure.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_clone import grad
    >>> @primitive
    ... def logsumexp(x):
    ...     m = np.max(x)
    ...     return m + np.log(np.sum(np.exp(x - m)))
    >>> defvjp(logsumexp, lambda ans, x: lambda g: g * np.exp(x - ans))
    >>> grad(logsumexp)(np.zeros(2))
    array([0.5, 0.5])
    """
    made = UserPrimitive(fun)
    with contextlib.suppress(TypeError):  # an unhashable callable
        trace_primitives_map[fun] = made
    return made


def notrace_primitive(fun: Callable) -> Callable:
    """Decorator: a function that gets plain values and whose result is not traced.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> @notrace_primitive
    ... def rounded(x):
    ...     return round(x)
    >>> grad(lambda x: x * rounded(x))(2.2)
    np.float64(2.0)
    """

    @functools.wraps(fun, assigned=("__module__", "__name__", "__qualname__", "__doc__"))  # others of `type` are no values
    def untraced(*args: Any, **kwargs: Any) -> Any:
        values = [getval(a) for a in args], {k: getval(v) for k, v in kwargs.items()}
        return each_example(lambda a, k: fun(*a, **k), values)

    return untraced


def getval(x: Any) -> Any:
    """The plain value of `x`, whatever the depth of nesting; in a list, tuple, dict or other pytree, of each leaf.

    What differs between the examples of a batch has no one value and stays a box.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> def f(p):
    ...     print(getval(p))
    ...     return p["a"]
    >>> grad(f)({"a": 1.0})
    {'a': np.float64(1.0)}
    {'a': np.float64(1.0)}
    """
    while isinstance(x, Box) and x.recorded:
        x = x._value
    if isinstance(x, Box):
        inner = x._value
        return value_of(x) if x.batched else getval(inner)
    if is_container(x):
        leaves, treedef = flatten(x)
        if any(isinstance(leaf, Box) for leaf in leaves):
            return treedef.unflatten(map(getval, leaves))
    return x


class _Constants(defaultdict):
    """Node type -> functions that are constants under its traces; of this package's own traces, all that have a zero derivative."""

    def __missing__(self, node_type: Any) -> set:
        own = getattr(node_type, "__name__", "") in TRACE_TYPES
        constants = {f for f, record in REGISTRY.items() if own and record.kind == "zero"}
        self[node_type] = constants | {f for f, known in ALIASES.items() if known in constants}
        return self[node_type]


class _Primitives(dict):
    """Raw function -> primitive; NumPy's own functions, which are dispatched on, stand for themselves."""

    def __missing__(self, fun: Any) -> Any:
        if find(fun) is None:
            raise KeyError(fun)
        return {function: name for name, function in ALIASES.items()}.get(fun, fun)


#: node type -> functions that are constants under its traces.
notrace_primitives: dict[Any, set] = _Constants()
#: raw function -> primitive.
trace_primitives_map: dict[Any, Any] = _Primitives()
#: what `register_notrace` is told -> the trace that is meant.
TRACE_TYPES: dict[str, type] = {"VJPNode": ReverseTrace, "JVPNode": ForwardTrace}


def register_notrace(node_type: Any, fun: Any) -> None:
    """Make `fun` a constant for one mode: ``VJPNode`` for reverse, ``JVPNode`` for forward.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> from autograd_clone.extend import VJPNode
    >>> @primitive
    ... def noise(x):
    ...     return 0.5
    >>> register_notrace(VJPNode, noise)
    >>> grad(lambda x: x * noise(x))(2.0)
    np.float64(0.5)
    """
    notrace_primitives[node_type].add(fun)
    record = fun if isinstance(fun, CallPrimitive) else find(ALIASES.get(fun, fun))
    if record is None or record.kind != "zero":
        user = user_primitive(fun)
        user.untraced = user.untraced | {TRACE_TYPES.get(getattr(node_type, "__name__", ""), node_type)}


def defvjp(fun: Any, *makers: Callable | None, argnums: Iterable[int] | None = None) -> None:
    """Give `fun` a VJP per argument: ``maker(ans, *args, **kwargs)`` returns ``vjp(g)``; ``None`` for a zero derivative.

    Examples
    --------
    >>> from autograd_clone import grad
    >>> @primitive
    ... def scale(c, x):
    ...     return c * x
    >>> defvjp(scale, None, lambda ans, c, x: lambda g: g * c)
    >>> grad(scale, 1)(3.0, 2.0)
    np.float64(3.0)
    """
    table = dict(zip(argnums if argnums is not None else itertools.count(), makers, strict=False))
    for maker in makers:
        if maker is not None and not callable(maker):
            raise RuleShapeError(f"a VJP maker of {_name(fun)} must be callable or None, got {maker!r}")

    def joint(nums: tuple[int, ...], ans: Any, args: tuple, kwargs: dict) -> Callable:
        vjps = []
        for i in nums:
            if i not in table:
                raise missing_rule(_name(fun), str(i))
            maker = table[i]
            vjps.append(_zero_vjp(args[i]) if maker is None else maker(ans, *args, **kwargs))
        return lambda g: [vjp(g) for vjp in vjps]

    defvjp_argnums(fun, joint)


def _zero_vjp(x: Any) -> Callable:
    zeros = tree_map(_zero, x)
    return lambda g: zeros


def _zero(x: Any) -> Any:
    try:
        return zeros_like(x)
    except TypeError:
        return None


def _name(fun: Any) -> str:
    return getattr(fun, "__name__", repr(fun))


def defvjp_argnum(fun: Any, maker: Callable) -> None:
    """Give `fun` its VJPs by ``maker(argnum, ans, args, kwargs)``, which returns ``vjp(g)``."""
    defvjp_argnums(fun, lambda nums, *rest: _joint([maker(i, *rest) for i in nums]))


def _joint(vjps: list[Callable]) -> Callable:
    return lambda g: [vjp(g) for vjp in vjps]


def defvjp_argnums(fun: Any, maker: Callable) -> None:
    """Give `fun` its VJPs by ``maker(argnums, ans, args, kwargs)``; it returns ``vjp(g)``, giving one cotangent per argnum."""
    primitive_vjps[fun] = maker


def defjvp(fun: Any, *rules: Any, argnums: Iterable[int] | None = None) -> None:
    """Give `fun` a JVP per argument: ``rule(t, ans, *args, **kwargs)``; ``None`` for zero; ``"same"`` if it is linear in it.

    Examples
    --------
    >>> from autograd_clone import deriv
    >>> @primitive
    ... def twice(x):
    ...     return 2 * x
    >>> defjvp(twice, "same")
    >>> deriv(twice)(1.0)
    np.float64(2.0)
    """
    table = dict(zip(argnums if argnums is not None else itertools.count(), rules, strict=False))
    for rule in rules:
        if rule is not None and rule != "same" and not callable(rule):
            raise RuleShapeError(f"a JVP rule of {_name(fun)} must be callable, 'same' or None, got {rule!r}")

    def joint(nums: tuple[int, ...], ts: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        return _total(_tangent(fun, table, i, t, ans, args, kwargs) for i, t in zip(nums, ts, strict=True))

    joint.linear_in = frozenset(i for i, rule in table.items() if rule == "same")  # type: ignore[attr-defined]
    defjvp_argnums(fun, joint)


def _tangent(fun: Any, table: dict, i: int, t: Any, ans: Any, args: tuple, kwargs: dict) -> Any:
    if i not in table:
        raise missing_rule(_name(fun), str(i))
    rule = table[i]
    if rule is None:
        return tree_map(_zero, ans)
    if rule == "same":
        return fun(*args[:i], t, *args[i + 1 :], **kwargs)
    return rule(t, ans, *args, **kwargs)


def defjvp_argnum(fun: Any, rule: Callable) -> None:
    """Give `fun` its JVPs by ``rule(argnum, t, ans, args, kwargs)``."""

    def joint(nums: tuple[int, ...], ts: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        return _total(rule(i, t, ans, args, kwargs) for i, t in zip(nums, ts, strict=True))

    defjvp_argnums(fun, joint)


def defjvp_argnums(fun: Any, rule: Callable) -> None:
    """Give `fun` its JVPs by ``rule(argnums, ts, ans, args, kwargs)``, the whole tangent at once."""
    primitive_jvps[fun] = rule


def def_linear(fun: Any) -> None:
    """Declare `fun` linear in each of its arguments, which gives its JVPs.

    Examples
    --------
    >>> from autograd_clone import deriv
    >>> @primitive
    ... def product(x, y):
    ...     return x * y
    >>> def_linear(product)
    >>> deriv(product, 1)(3.0, 2.0)
    np.float64(3.0)
    """
    def joint(nums: tuple[int, ...], ts: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        return _total(fun(*args[:i], t, *args[i + 1 :], **kwargs) for i, t in zip(nums, ts, strict=True))

    joint.linear_in = range(sys.maxsize)  # type: ignore[attr-defined]
    defjvp_argnums(fun, joint)


def _total(tangents: Iterable[Any]) -> Any:
    """The sum of tangents; one alone as it is."""
    tangents = list(tangents)
    return tangents[0] if len(tangents) == 1 else sum_outgrads(tangents)


def sum_outgrads(gs: Iterable[Any]) -> Any:
    """The sum of several cotangents (or tangents), pytrees of one structure.

    Examples
    --------
    >>> sum_outgrads([{"a": 1.0}, {"a": 2.0}])
    {'a': 3.0}
    """
    return functools.reduce(_add_trees, map(dense, gs))


def _add_trees(a: Any, b: Any) -> Any:
    leaves, treedef = flatten(a)
    return treedef.unflatten(
        x if y is None else y if x is None else add(x, y, False)
        for x, y in zip(leaves, treedef.flatten_like(b, "sum of cotangents"), strict=True)
    )


def add_outgrads(previous: tuple[Any, bool] | None, g: Any) -> tuple[Any, bool]:
    """A running sum of cotangents and whether it may be changed in place, as HIPS autograd's backward pass keeps it.

    Examples
    --------
    >>> add_outgrads(add_outgrads(None, 1.0), 2.0)
    (3.0, True)
    """
    new = dense(g)
    if previous is None:
        return new, new is not g
    total, owned = previous
    if owned:
        return vspace(total).mut_add(total, new), True
    return vspace(total).add(total, new), True


DECLARE.append(defvjp)
