"""What hangs on a user's primitive, and the rule tables of HIPS autograd: function -> rule maker, for each mode.

`primitive_vjps` and `primitive_jvps` are live: users read them, call what they find, delete and replace it, for their own
primitives and for NumPy's functions alike. A maker for a function that has a record is made from the record on demand.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any

from .box import Box, new_box
from .calls import CallPrimitive, varies, youngest
from .cotangent import Scatter, as_scalar, project
from .errors import UnsupportedTypeError
from .forward import ForwardTrace, tangent_map
from .primitive import REGISTRY, Primitive, find, missing_rule
from .pytree import flatten, tree_map
from .reverse import ReverseTrace, backward, fix_for, root, vjp_from_jvp
from .transpose import zeros_like
from .tuples import subvals
from .vspace import vspace


class UserPrimitive(CallPrimitive):
    """What ``primitive(f)`` returns. ``f`` itself is its attribute ``fun``.

    ``base`` is the package's own record of a function that a user has given another rule; it serves the other mode.
    """

    def __init__(self, fun: Callable, base: Any = None) -> None:
        super().__init__(fun, getattr(fun, "__name__", None) or "[unknown name]")
        self.base = base
        self.__name__ = self.name
        functools.update_wrapper(self, fun)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> str:
        return getattr(self.fun, "__qualname__", self.name)

    def traced_keyword(self, key: str, args: tuple, kwargs: dict) -> Any:
        if youngest(args) is None:
            return self.fun(*args, **kwargs)  # its rules would not see the keyword: its code is traced through
        return super().traced_keyword(key, args, kwargs)

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        maker = primitive_vjps.maker(self)
        if maker is None:
            self._check_any_rule(primitive_vjps, primitive_jvps, argnums)
            return super().linearize(args, kwargs, argnums)
        ans = self._checked(self(*args, **kwargs))
        vjp = maker(tuple(argnums), ans, tuple(args), kwargs)
        return ans, lambda g: list(vjp(g))

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        maker = primitive_jvps.maker(self)
        if maker is None:
            self._check_any_rule(primitive_jvps, primitive_vjps, argnums)
            return super().push(args, kwargs, argnums, tangents)
        ans = self._checked(self(*args, **kwargs))
        return ans, maker(tuple(argnums), tuple(tangents), ans, tuple(args), kwargs)

    def _checked(self, ans: Any) -> Any:
        """`ans`, of which some part must be able to carry a derivative."""
        leaves = flatten(ans)[0]
        if leaves and not any(map(varies, leaves)):
            raise UnsupportedTypeError(
                f"{self.name} was differentiated but returned a value of type {type(leaves[0]).__name__}, which has no derivative; "
                f"return a float or an array of floats, or declare it a constant: register_notrace(VJPNode, {self.name})"
            )
        return ans

    def _check_any_rule(self, wanted: RuleTable, other: RuleTable, argnums: list[int]) -> None:
        """Raise unless the rule of one mode can be made from that of the other."""
        maker = other.maker(self)
        linear_in: Any = getattr(maker, "linear_in", frozenset())  # there the function is its own JVP: nobody knows its transpose
        if self in wanted.removed or maker is None or any(i in linear_in for i in argnums):
            raise missing_rule(self.name, ", ".join(map(str, argnums)))

    # The names of HIPS autograd before 1.2.

    def defvjp(self, maker: Callable, argnum: int = 0) -> None:
        """Deprecated form of `defvjp`: ``maker(g, ans, vs, gvs, *args, **kwargs)``."""
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
        DECLARE[0](self, *makers.values(), argnums=list(makers))


#: The function that gives a primitive its VJP rules; `user` puts it here.
DECLARE: list[Callable] = []


class RuleTable(MutableMapping):
    """Function -> rule maker, of one mode. Of functions with a record, the maker is made from the record.

    Attributes
    ----------
    own : dict
        User's primitive -> its maker.
    removed : set
        Those whose rule was deleted.
    """

    def __init__(self, from_record: Callable[[Any], Callable]) -> None:
        self.own: dict[Any, Callable] = {}
        self.removed: set[Any] = set()
        self._from_record = from_record

    def maker(self, user: UserPrimitive) -> Any:
        """The maker of a user's primitive, ``None`` if there is none."""
        if user in self.own or user in self.removed or user.base is None:
            return self.own.get(user)
        return self._from_record(user.base)

    def __getitem__(self, fun: Any) -> Callable:
        record = self._record(fun)
        if isinstance(record, CallPrimitive):
            maker = self.maker(record) if isinstance(record, UserPrimitive) else None
        else:
            maker = None if record.kind in ("zero", "refused") else self._from_record(record)
        if maker is None:
            raise KeyError(fun)
        return maker

    @staticmethod
    def _record(fun: Any) -> Any:
        if isinstance(fun, (CallPrimitive, Primitive)):
            return fun
        record = find(ALIASES.get(fun, fun))
        if record is None:
            raise KeyError(fun)
        return record

    def __setitem__(self, fun: Any, maker: Any) -> None:
        user = user_primitive(fun)
        self.removed.discard(user)
        if isinstance(maker, RecordRule) and maker.record is user.base:
            self.own.pop(user, None)
        else:
            self.own[user] = maker

    def __delitem__(self, fun: Any) -> None:
        self[fun]  # raises KeyError if there is nothing to delete
        user = user_primitive(fun)
        self.own.pop(user, None)
        self.removed.add(user)

    def __iter__(self) -> Iterator[Any]:
        replaced = {user.fun for user in self.own if REGISTRY.get(user.fun) is user}  # type: ignore[union-attr]
        return iter([f for f in (*self.own, *REGISTRY) if f not in replaced and f in self])

    def __len__(self) -> int:
        return len(list(iter(self)))


def user_primitive(fun: Any) -> UserPrimitive:
    """`fun` as something that rules can be hung on: NumPy's own functions get a record that defers to the user's."""
    if isinstance(fun, UserPrimitive):
        return fun
    fun = ALIASES.get(fun, fun)
    record: Any = fun if isinstance(fun, Primitive) else find(fun)
    if isinstance(record, UserPrimitive):
        return record
    key = fun.fun if isinstance(fun, Primitive) else fun
    user: Any = UserPrimitive(key, record)
    REGISTRY[key] = user
    for forget in OVERRIDDEN:
        forget(key)
    return user


#: Function that stands for another one as a key of the rule tables: ``ArrayBox.__getitem__`` and the like.
ALIASES: dict[Any, Any] = {}
#: Called with a function whose record a user has replaced, to drop what was derived from it.
OVERRIDDEN: list[Callable[[Any], None]] = []


class RecordRule:
    """The rule of a record, called as HIPS autograd calls the values of its rule tables."""

    def __init__(self, record: Any) -> None:
        self.record = record

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def through(self, argnums: tuple, args: tuple, kwargs: dict) -> tuple[Callable, list[Any]]:
        """A function composed of others, as one of the arguments in question, and these."""

        def again(*xs: Any) -> Any:
            return self.record.implementation(*subvals(args, zip(argnums, xs, strict=True)), **kwargs)

        return again, [as_scalar(args[i]) for i in argnums]


class RecordVJP(RecordRule):
    """``maker(argnums, ans, args, kwargs)(g)``: the cotangents of the arguments `argnums`."""

    def __call__(self, argnums: tuple, ans: Any, args: tuple, kwargs: dict) -> Callable:
        record = self.record
        if record.kind == "zero":
            return lambda g: tuple(zeros_like(args[i]) for i in argnums)
        if record.kind == "composite":
            return self._traced(argnums, args, kwargs)
        operands, params = record.split(args, kwargs)
        operands, ans = tuple(map(as_scalar, operands)), as_scalar(ans)
        pulls = [self._pull(i, operands, ans, params) for i in argnums]
        return lambda g: tuple(_pulled(g, *pull) for pull in pulls)

    def _pull(self, i: int, operands: tuple, ans: Any, params: dict) -> tuple:
        record = self.record
        fix = fix_for(record, operands[i], ans)
        if record.key(i) not in record.vjps:
            return *vjp_from_jvp(record, i, operands, ans, params), fix
        rule = record.rule(record.vjps, i, params)
        if rule is None:
            return lambda g, x: zeros_like(x), operands[i], fix
        given = params if record.variadic is None else params | {"argnum": i - record.variadic}
        return rule.call, rule.gather(operands, ans, given), fix

    def _traced(self, argnums: tuple, args: tuple, kwargs: dict) -> Callable:
        again, xs = self.through(argnums, args, kwargs)
        starts = [root() for _ in xs]
        with ReverseTrace() as trace:
            out, outdef = flatten(again(*(new_box(x, trace, n) for x, n in zip(xs, starts, strict=True))))
            ends = [y._link if isinstance(y, Box) and y._trace is trace else None for y in out]

        def vjp(g: Any) -> tuple:
            gs = outdef.flatten_like(g, "cotangent")
            found = backward([(n, as_scalar(h)) for n, h in zip(ends, gs, strict=True) if n is not None])
            return tuple(found[n[0]] if n[0] in found else zeros_like(x) for n, x in zip(starts, xs, strict=True))

        return vjp


def _pulled(g: Any, call: Callable, residual: Any, fix: tuple | None) -> Any:
    h = call(as_scalar(g), residual)
    if fix is not None:
        h = project(h, fix)
    return h.dense() if type(h) is Scatter else h


class RecordJVP(RecordRule):
    """``maker(argnums, tangents, ans, args, kwargs)``: the tangent of the result."""

    def __call__(self, argnums: tuple, gs: tuple, ans: Any, args: tuple, kwargs: dict) -> Any:
        record = self.record
        gs = tuple(map(as_scalar, gs))
        if record.kind == "zero":
            return tree_map(zeros_like, ans)
        if record.kind == "composite":
            return self._traced(argnums, gs, args, kwargs)
        operands, params = record.split(args, kwargs)
        operands, ans = tuple(map(as_scalar, operands)), as_scalar(ans)
        terms = [tangent_map(record, i, operands, ans, params)(g) for i, g in zip(argnums, gs, strict=True)]
        terms = [t for t in terms if t is not None]
        return functools.reduce(_add, terms) if terms else tree_map(zeros_like, ans)

    def _traced(self, argnums: tuple, gs: tuple, args: tuple, kwargs: dict) -> Any:
        again, xs = self.through(argnums, args, kwargs)
        with ForwardTrace() as trace:
            out = again(*(new_box(x, trace, g) for x, g in zip(xs, gs, strict=True)))
            return tree_map(lambda y: y._link if isinstance(y, Box) and y._trace is trace else zeros_like(y), out)


def _add(a: Any, b: Any) -> Any:
    return tuple(map(_add, a, b)) if isinstance(a, (tuple, list)) else a + b


primitive_vjps = RuleTable(RecordVJP)
primitive_jvps = RuleTable(RecordJVP)
