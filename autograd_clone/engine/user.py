"""Users' primitives, in the form HIPS autograd gave them: ``@primitive``, ``defvjp``, ``defjvp`` and their variants.

``defvjp(f, lambda ans, x, y: lambda g: ..., ...)`` gives one maker per positional argument; what the inner function
closes over is its residual. A function that NumPy already has a record for may be given another rule the same way.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any

from .batch import each_example
from .box import getval
from .calls import CallPrimitive
from .cotangent import add, as_scalar
from .errors import RuleShapeError
from .forward import ForwardTrace
from .primitive import REGISTRY, Primitive, missing_rule
from .pytree import tree_map
from .reverse import ReverseTrace
from .transpose import zeros_like


class UserPrimitive(CallPrimitive):
    """What ``primitive(f)`` returns. ``f`` itself is its attribute ``fun``."""

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)
        functools.update_wrapper(self, fun)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> str:
        return getattr(self.fun, "__qualname__", self.name)

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        maker = primitive_vjps.own.get(self)
        if maker is None:
            if self not in primitive_jvps.own:
                raise missing_rule(self.name, ", ".join(map(str, argnums)))
            return super().linearize(args, kwargs, argnums)
        ans = self(*args, **kwargs)
        vjp = maker(tuple(argnums), ans, tuple(args), kwargs)
        return ans, lambda g: list(vjp(g))

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        maker = primitive_jvps.own.get(self)
        if maker is None:
            if self not in primitive_vjps.own:
                raise missing_rule(self.name, ", ".join(map(str, argnums)))
            return super().push(args, kwargs, argnums, tangents)
        ans = self(*args, **kwargs)
        return ans, maker(tuple(argnums), tuple(tangents), ans, tuple(args), kwargs)

    # The names of HIPS autograd before 1.2.

    def defvjp(self, maker: Callable, argnum: int = 0) -> None:
        """Deprecated form of `defvjp`: ``maker(g, ans, vs, gvs, *args, **kwargs)``."""
        from .vspace import vspace

        def staged(ans: Any, *args: Any, **kwargs: Any) -> Callable:
            return lambda g: maker(g, ans, vspace(args[argnum]), vspace(g), *args, **kwargs)

        self._deprecated("defvjp", argnum, staged)

    def defgrad(self, maker: Callable, argnum: int = 0) -> None:
        """Deprecated form of `defvjp`."""
        self._deprecated("defgrad", argnum, maker)

    def defvjp_is_zero(self, argnums: Iterable[int] = (0,)) -> None:
        """Deprecated form of ``defvjp(f, None, ...)``."""
        for argnum in argnums:
            self._deprecated("defvjp_is_zero", argnum, None)

    def _deprecated(self, method: str, argnum: int, maker: Callable | None) -> None:
        warnings.warn(f"the {method} method of primitives is deprecated; use autograd_clone.extend.defvjp", stacklevel=3)
        makers = self.__dict__.setdefault("_staged", {})
        makers[argnum] = maker
        defvjp(self, *makers.values(), argnums=list(makers))


class RuleTable(MutableMapping):
    """Function -> rule maker. Of functions with a record, the maker is made from the record."""

    def __init__(self, from_record: Callable[[Primitive], Callable]) -> None:
        self.own: dict[Any, Callable] = {}
        self._from_record = from_record

    def __getitem__(self, fun: Any) -> Callable:
        if fun in self.own:
            return self.own[fun]
        record = fun if isinstance(fun, Primitive) else REGISTRY[fun]
        if not isinstance(record, Primitive):
            return self.own[record]
        return self._from_record(record)

    def __setitem__(self, fun: Any, maker: Callable) -> None:
        self.own[_user_primitive(fun)] = maker

    def __delitem__(self, fun: Any) -> None:
        del self.own[fun]

    def __iter__(self) -> Iterator[Any]:
        return iter({**self.own, **REGISTRY})

    def __len__(self) -> int:
        return len({**self.own, **REGISTRY})


def _user_primitive(fun: Any) -> CallPrimitive:
    """`fun` as something that rules can be hung on: NumPy's own functions get a record that defers to the user's."""
    if isinstance(fun, CallPrimitive):
        return fun
    record = REGISTRY.get(fun)
    if isinstance(record, CallPrimitive):
        return record
    user = UserPrimitive(fun)
    REGISTRY[fun] = user  # type: ignore[assignment]
    for forget in OVERRIDDEN:
        forget(fun)
    return user


#: Called with a function whose record a user has replaced, to drop what was derived from it.
OVERRIDDEN: list[Callable[[Any], None]] = []


def _vjp_maker(record: Primitive) -> Callable:
    def maker(argnums: tuple, ans: Any, args: tuple, kwargs: dict) -> Callable:
        from .reverse import fix_for, vjp_from_jvp
        from .cotangent import project

        operands, params = record.split(args, kwargs)
        operands, ans = tuple(map(as_scalar, operands)), as_scalar(ans)
        full = record.defaults | params
        pulls = []
        for i in argnums:
            if record.key(i) in record.vjps:
                rule = record.rule(record.vjps, i, params)
                pull = (lambda g, r: zeros_like(r), operands[i]) if rule is None else (
                    rule.call, rule.gather(operands, ans, full | {"argnum": i})
                )
            else:
                pull = vjp_from_jvp(record, i, operands, ans, params)
            pulls.append((*pull, fix_for(record, operands[i], ans)))
        return lambda g: tuple(call(g, r) if fix is None else project(call(g, r), fix) for call, r, fix in pulls)

    return maker


def _jvp_maker(record: Primitive) -> Callable:
    def maker(argnums: tuple, gs: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        from .forward import tangent_map

        operands, params = record.split(args, kwargs)
        return sum_outgrads(tangent_map(record, i, operands, ans, params)(g) for i, g in zip(argnums, gs, strict=True))

    return maker


primitive_vjps = RuleTable(_vjp_maker)
primitive_jvps = RuleTable(_jvp_maker)


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
    try:
        trace_primitives_map[fun] = made
    except TypeError:  # an unhashable callable
        pass
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

    @functools.wraps(fun)
    def untraced(*args: Any, **kwargs: Any) -> Any:
        return each_example(lambda a, k: fun(*a, **k), (tree_map(getval, list(args)), tree_map(getval, kwargs)))

    return untraced


#: node type -> functions that are constants under its traces, as declared.
notrace_primitives: dict[Any, set] = defaultdict(set)
#: raw function -> primitive.
trace_primitives_map: dict[Any, UserPrimitive] = {}


def register_notrace(node_type: Any, fun: Any) -> None:
    """Make `fun` a constant for one mode: ``VJPNode`` for reverse, ``JVPNode`` for forward."""
    notrace_primitives[node_type].add(fun)
    trace = {"VJPNode": ReverseTrace, "JVPNode": ForwardTrace}.get(getattr(node_type, "__name__", ""), node_type)
    user = _user_primitive(fun)
    user.untraced = user.untraced | {trace}


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
    table = dict(zip(argnums if argnums is not None else itertools.count(), makers))
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
    table = dict(zip(argnums if argnums is not None else itertools.count(), rules))
    for rule in rules:
        if rule is not None and rule != "same" and not callable(rule):
            raise RuleShapeError(f"a JVP rule of {_name(fun)} must be callable, 'same' or None, got {rule!r}")

    def joint(nums: tuple[int, ...], ts: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        return sum_outgrads(_tangent(fun, table, i, t, ans, args, kwargs) for i, t in zip(nums, ts, strict=True))

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
        return sum_outgrads(rule(i, t, ans, args, kwargs) for i, t in zip(nums, ts, strict=True))

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
    defjvp_argnum(fun, lambda i, t, ans, args, kwargs: fun(*args[:i], t, *args[i + 1 :], **kwargs))


def sum_outgrads(gs: Iterable[Any]) -> Any:
    """The sum of several cotangents (or tangents), pytrees of one structure."""
    return functools.reduce(_add_trees, gs)


def _add_trees(a: Any, b: Any) -> Any:
    from .pytree import flatten

    leaves, treedef = flatten(a)
    return treedef.unflatten(
        x if y is None else y if x is None else add(x, y, False)
        for x, y in zip(leaves, treedef.flatten_like(b, "sum of cotangents"), strict=True)
    )


def add_outgrads(previous: tuple[Any, bool] | None, g: Any) -> tuple[Any, bool]:
    """A running sum of cotangents and whether it may be changed in place, as HIPS autograd's backward pass keeps it."""
    if previous is None:
        return g, False
    return _add_trees(previous[0], g), False


def sparse_add(space: Any, previous: Any, new: Any) -> Any:
    """`previous` (``None`` for zero) plus a `SparseObject`."""
    return new.mut_add(space.zeros() if previous is None else previous)
