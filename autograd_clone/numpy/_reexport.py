"""Making a namespace out of NumPy's own: which objects are passed on as they are, and which learn to take
lists.

Arrays, traced or not, need no wrapper: NumPy's protocols bring traced ones to their rules. A *list* of
traced numbers, as in ``np.sum([x, y])``, is not asked by the protocols, and NumPy would make an array of
Python objects of it, which works for some functions, slowly, and fails in others. So functions are given a
wrapper, which makes a traced array of such a list (for ufuncs see `_ufuncs`). For a traced array it goes to the
rule directly, which is quicker than by way of the protocol; for plain arrays it costs about 0.1 us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from numpy import dtype, ndarray, ufunc

from ..array.batch import BatchBox
from ..array.box import FAST, ArrayBox, call
from ..array.complaints import asking
from ..engine.box import Box
from ..engine.primitive import find
from ..engine.tables import ALIASES
from ..rules.creation import as_array, holds_box
from . import _ufuncs

#: Functions whose first argument is a sequence of arrays, not an array.
_OF_SEQUENCES = frozenset(
    {
        "column_stack",
        "concat",
        "concatenate",
        "dstack",
        "hstack",
        "lexsort",
        "multi_dot",
        "stack",
        "vstack",
    }
)
#: Functions of types, to which a list is the description of one.
_OF_TYPES = frozenset({"can_cast", "issubdtype", "promote_types"})
_OF_TYPES_OF_ARRAYS = frozenset({"common_type", "result_type"})
_WRITERS = frozenset({"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"})
#: Functions whose rules look for traced values in nested lists themselves.
_OF_NESTED_LISTS = frozenset(
    {"as_series", "block", "choose", "histogramdd", "select"}
    | {f"{prefix}valnd" for prefix in ("poly", "cheb", "herm", "herme", "lag", "leg")}
)

_OBJECT = dtype(object)


def exported(source: Any, package: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The public names of a NumPy module, as they should stand in the namespace `package`."""
    names = [n for n in vars(source) if not n.startswith("_")] if names is None else names
    return {name: accepting_lists(getattr(source, name), name, package) for name in names}


def accepting_lists(fun: Any, name: str, package: str) -> Any:
    """`fun`, or if it has a rule a function that does the same and also takes lists of traced values."""
    if not _needs_wrapper(fun, name):
        return fun
    if isinstance(fun, ufunc):
        return _ufuncs.accepting_lists(fun, package)
    make = (
        _of_types
        if name in _OF_TYPES
        else _of_sequence
        if name in _OF_SEQUENCES
        else _of_nested_lists
        if name in _OF_NESTED_LISTS
        else _of_arrays
    )
    function = make(fun)
    function.__name__ = function.__qualname__ = name
    function.__module__ = package
    function.__doc__ = _without_examples(fun.__doc__)
    function.__wrapped__ = fun  # type: ignore[attr-defined]
    ALIASES[function] = fun  # a rule for one is a rule for the other
    return function


def _without_examples(doc: str | None) -> str | None:
    """NumPy's docstring up to its first example: those print what NumPy prints, and are NumPy's to test."""
    if doc is None or ">>>" not in doc:
        return doc
    text = doc[: doc.index(">>>")].rstrip()
    return text.removesuffix("--------").rstrip().removesuffix("Examples").rstrip() + "\n"


def _of_types(fun: Callable) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        types: Any = (*args, *kwargs.values())
        if name == "can_cast":  # its first argument may be an array
            types = (*args[1:], *(v for k, v in kwargs.items() if k != "from_"))
        if any(isinstance(x, Box) and isinstance(x, ndarray) for x in types):
            raise TypeError("Cannot construct a dtype from an array")  # NumPy would take its attribute `dtype`
        return fun(*args, **kwargs)

    name = fun.__name__
    return function


def _of_arrays(fun: Callable) -> Callable:
    fast = FAST[1]

    def function(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == 1 and type(args[0]) is ArrayBox and fun in fast:
            return fast[fun](args[0])
        for a in args:
            kind = type(a)
            if kind is ArrayBox or kind is BatchBox:
                return call(fun, args, kwargs)
            if kind is ndarray:
                if a.dtype is _OBJECT:
                    return _with_lists(fun, args, kwargs)
            elif kind is list or kind is tuple:
                return _with_lists(fun, args, kwargs)
        if kwargs:
            for a in kwargs.values():
                kind = type(a)
                if kind is list or kind is tuple or kind is ArrayBox:
                    return _with_lists(fun, args, kwargs)
        return fun(*args, **kwargs)

    return function


def _of_sequence(fun: Callable) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Iterator):  # NumPy refuses those
            args = (list(args[0]), *args[1:])
        if args and (type(args[0]) is tuple or type(args[0]) is list):
            for a in args[0]:
                kind = type(a)
                if kind is list or kind is tuple or (kind is ndarray and a.dtype is _OBJECT):
                    return _with_lists(fun, args, kwargs, of_sequence=True)
                if kind is ArrayBox or kind is BatchBox:
                    return call(fun, args, kwargs)
        return fun(*args, **kwargs)

    return function


def _of_nested_lists(fun: Callable) -> Callable:
    def function(*args: Any, **kwargs: Any) -> Any:
        if any(map(holds_box, args)) or any(map(holds_box, kwargs.values())):
            return call(fun, args, kwargs)
        return fun(*args, **kwargs)

    return function


def _needs_wrapper(fun: Any, name: str) -> bool:
    if isinstance(fun, type) or not callable(fun):
        return False
    if name in _OF_TYPES:
        return True
    if name in _WRITERS or name in _OF_TYPES_OF_ARRAYS or name == "astype":  # a list is no array to write into, or to be cast
        return False
    record = find(fun) if getattr(fun, "__hash__", None) else None
    return record is not None and record.kind != "refused"


def _with_lists(fun: Callable, args: tuple, kwargs: dict, of_sequence: bool = False) -> Any:
    """Apply `fun` with arrays in place of the lists that hold traced values."""
    if not (any(map(holds_box, args)) or any(map(holds_box, kwargs.values()))):
        return fun(*args, **kwargs)
    with asking(fun, args, kwargs):
        new = [_unlisted(a, of_sequence and i == 0) for i, a in enumerate(args)]
        options = {k: _unlisted(v, False) for k, v in kwargs.items()}
        return call(fun, tuple(new), options)


def _unlisted(x: Any, is_sequence: bool) -> Any:
    if not holds_box(x):
        return x
    if is_sequence and type(x) in (list, tuple):
        return [_unlisted(e, False) for e in x]
    return as_array(x)
