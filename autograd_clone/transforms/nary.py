"""Making a transform of functions of one argument into one of functions of many.

`Transform` is what `grad` and its kin return: a callable that knows the function, the operator, and which argument
(``argnum``) to differentiate. It keeps the function's name and docstring, binds like a method, and pickles if the
function does.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.errors import ArgnumError, UnsupportedTypeError

Argnum = int | str | Sequence[int | str]


class Transform:
    """``operator`` applied to ``fun`` as a function of its argument ``argnum``."""

    def __init__(self, operator: Callable, fun: Callable, argnum: Argnum = 0, *options: Any, **keywords: Any) -> None:
        if not callable(fun):
            raise UnsupportedTypeError(f"{_title(operator)} takes a function, got {fun!r} of type {type(fun).__name__}")
        self.operator = operator
        self.fun = fun
        self.argnum = argnum
        self.options = options
        self.keywords = keywords
        functools.update_wrapper(self, fun, updated=())
        self.__name__ = f"{_title(operator)}_of_{name_of(fun)}_wrt_argnum_{argnum}"
        self.__doc__ = (
            f"    {_title(operator)} of function {name_of(fun)} with respect to argument number {argnum}. "
            f"Takes the\n    same arguments as {name_of(fun)}.\n\n{getattr(fun, '__doc__', None) or ''}"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        argnum = self.argnum
        if argnum == 0 and len(args) == 1 and not kwargs:
            return self.operator(self.fun, args[0], *self.options, **self.keywords)
        unary, x = select(self.fun, argnum, args, kwargs)
        return self.operator(unary, x, *self.options, **self.keywords)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


def _title(operator: Callable) -> str:
    return getattr(operator, "__name__", "transform").strip("_")


def name_of(fun: Any) -> str:
    """The name of a function, or what it prints as."""
    return getattr(fun, "__name__", None) or ("[unknown name]" if isinstance(fun, functools.partial) else type(fun).__name__)


def get_name(fun: Any) -> str:
    """The name of a function, ``[unknown name]`` if it has none."""
    return getattr(fun, "__name__", "[unknown name]")


def select(fun: Callable, argnum: Argnum, args: tuple, kwargs: dict) -> tuple[Callable, Any]:
    """`fun` as a function of the argument(s) `argnum` alone, and their value."""
    if isinstance(argnum, (tuple, list)):
        places = [_place(fun, a, args, kwargs) for a in argnum]
        values = [_get(p, args, kwargs) for p in places]

        def unary_many(xs: Any) -> Any:
            new_args, new_kwargs = list(args), dict(kwargs)
            for place, x in zip(places, xs, strict=True):
                _put(place, x, new_args, new_kwargs)
            return fun(*new_args, **new_kwargs)

        return unary_many, tuple(values)
    if type(argnum) is int and not kwargs and 0 <= argnum < len(args):  # the commonest case, of those below
        before, after = args[:argnum], args[argnum + 1 :]
        return lambda x: fun(*before, x, *after), args[argnum]
    place = _place(fun, argnum, args, kwargs)  # type: ignore[arg-type]

    def unary(x: Any) -> Any:
        new_args, new_kwargs = list(args), dict(kwargs)
        _put(place, x, new_args, new_kwargs)
        return fun(*new_args, **new_kwargs)

    return unary, _get(place, args, kwargs)


def _place(fun: Callable, argnum: int | str, args: tuple, kwargs: dict) -> int | str:
    """Where the argument stands: an index into `args`, or a key of `kwargs`."""
    if isinstance(argnum, str):
        if argnum in kwargs:
            return argnum
        names = _names(fun)
        if argnum in names and names.index(argnum) < len(args):
            return names.index(argnum)
        raise ArgnumError(f"{name_of(fun)} was called without an argument named {argnum!r}; its arguments are {names}")
    if isinstance(argnum, bool) or not hasattr(argnum, "__index__"):
        raise UnsupportedTypeError(f"argnum must be an int, a name, or a sequence of them, got {argnum!r}")
    i = argnum.__index__()
    if -len(args) <= i < len(args):
        return i % len(args)
    names = _names(fun)
    if 0 <= i < len(names) and names[i] in kwargs:
        return names[i]
    raise ArgnumError(f"argnum is {argnum}, but {name_of(fun)} was called with {len(args)} positional arguments")


def argument_name(fun: Callable, argnum: int | str, args: tuple) -> str:
    """What an argument is called in messages: its name if the function tells it, its number otherwise.

    Examples
    --------
    >>> argument_name(lambda x, y: x, 1, (1.0, 2.0)), argument_name(max, 1, (1.0, 2.0))
    ('y', '1')
    """
    if isinstance(argnum, str):
        return argnum
    names = _names(fun)
    i = argnum % len(args) if args else argnum
    return names[i] if i < len(names) else str(argnum)


def _names(fun: Callable) -> list[str]:
    try:
        return list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return []


def _get(place: int | str, args: tuple, kwargs: dict) -> Any:
    return args[place] if isinstance(place, int) else kwargs[place]


def _put(place: int | str, x: Any, args: list, kwargs: dict) -> None:
    if isinstance(place, int):
        args[place] = x
    else:
        kwargs[place] = x


def get_doc(fun: Any) -> str:
    """The docstring of a function, or an empty string."""
    return getattr(fun, "__doc__", None) or ""


def wraps(fun: Callable, namestr: str = "{fun}", docstr: str = "{doc}", **fields: Any) -> Callable:
    """Decorator that names and documents a function after `fun`, by format strings with ``{fun}`` and ``{doc}``."""

    def decorate(f: Any) -> Any:
        try:
            f.__name__ = namestr.format(fun=name_of(fun), **fields)
            f.__doc__ = docstr.format(fun=name_of(fun), doc=get_doc(fun), **fields)
        except AttributeError:  # a callable that takes no attributes
            pass
        return f

    return decorate


def wrap_nary_f(fun: Callable, op: Callable, argnum: Argnum) -> Callable:
    """Decorator that names a function as the result of the operator `op` on `fun`."""
    doc = "    {op} of function {fun} with respect to argument number {argnum}. Takes the\n    same arguments as {fun}.\n"
    return wraps(fun, "{op}_of_{fun}_wrt_argnum_{argnum}", doc, op=name_of(op), argnum=argnum)


def unary_to_nary(operator: Callable) -> Callable:
    """Decorator: an operator ``op(fun, x)`` on functions of one argument as ``op(fun, argnum=0)(*args)``.

    Examples
    --------
    >>> @unary_to_nary
    ... def doubled(fun, x):
    ...     return 2 * fun(x)
    >>> doubled(lambda x, y: x - y, 1)(1.0, 2.0)
    -2.0
    """

    @wraps(operator)
    def nary(fun: Callable, argnum: Argnum = 0, *options: Any, **keywords: Any) -> Transform:
        return Transform(operator, fun, argnum, *options, **keywords)

    return nary
