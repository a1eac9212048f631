"""Constants that change: arrays of plain NumPy that a trace keeps for the way back, and a program that writes into them.

``y = x * c`` keeps `c`, because the derivative is `c`. If the program writes into `c` before the backward pass, the derivative
would be wrong. NumPy tells nobody about a write, but it can be made to refuse one. So an array that a trace keeps

* is copied, if it is small and this is the first time, or if it is a view (of moderate size), whose owner the program may go on to
  fill elsewhere;
* is made read-only until the trace ends, if it is neither. NumPy then raises an error at the line that writes, and the transform
  adds to it what to do;
* is left alone, if nobody else refers to it: the result of an expression.

Arguments of a transform are read-only as well while it runs the function, for in the function their values do not change.

What several traces, also of several threads, hold is writeable again when the last of them has let it go. An array that was
read-only before stays so.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from .errors import TracedConversionError
from .trace import EXPLAIN, NOTHING_HELD, RELEASE, Trace

if TYPE_CHECKING:
    from .primitive import Primitive

#: Number of elements up to which an array is copied the first time, and bytes up to which a view is.
SMALL, VIEW_BYTES = 1024, 1 << 20
#: How many small arrays a trace remembers, so as to know them the second time.
REMEMBERED = 64
#: How often an array is referred to that is the temporary result of an expression: by the interpreter, by the operator's parameter
#: and local name, by the parameter of `keep`, by the argument of ``getrefcount``. ``0`` where references may be borrowed.
_TEMPORARY = 5 if sys.version_info < (3, 14) and getattr(sys, "_is_gil_enabled", lambda: True)() else 0

_policy: ContextVar[str] = ContextVar("policy", default="lock")
_mutex = threading.RLock()  # a variable may be freed, and let go what it holds, in the middle of anything
#: Address of a locked array -> its entry ``[weak reference to it, how many traces hold it, address]``.
_locked: dict[int, list] = {}


@contextmanager
def protect_constants(how: str) -> Iterator[None]:
    """Say what happens with arrays of plain NumPy that meet traced values in derivatives taken inside the block.

    Parameters
    ----------
    how : {"lock", "copy", "none"}
        ``"lock"``, the default: large arrays are read-only until the differentiated function has returned, so that a program that
        changes them is stopped; small ones are copied. ``"copy"``: all are copied; nothing is ever stopped, at a price in memory.
        ``"none"``: they are kept as they are. That is for programs which are known not to change them, or only where the derivative
        does not depend on it.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_clone import grad
    >>> def f(x, c):
    ...     y = x * c
    ...     c[:] = 0.0
    ...     return np.sum(y * x)
    >>> with protect_constants("copy"):
    ...     grad(f)(np.ones(1000), np.full(1000, 3.0))[:3]
    array([6., 6., 6.])
    """
    if how not in ("lock", "copy", "none"):
        raise ValueError(f"protect_constants: expected 'lock', 'copy' or 'none', got {how!r}")
    token = _policy.set(how)
    try:
        yield
    finally:
        _policy.reset(token)


class _Pulling(threading.local):
    """Whether this thread is in a backward pass under `holding_on`, and in no code of the program."""

    on = False


PULLING = _Pulling()


class holding_on:  # noqa: N801 - used as a function
    """What an ended trace holds stays as it is until the end of the block, which is the backward pass, and is let go then.

    For derivatives of derivatives. Plain arrays that meet traced values of the outer ones in that pass are the program's, and
    read-only in it, or were made in it, and are left alone: nobody else knows them.
    """

    __slots__ = ("before", "trace")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def __enter__(self) -> None:
        self.before, PULLING.on = PULLING.on, True

    def __exit__(self, *error: object) -> None:
        PULLING.on = self.before
        if self.trace.held:
            release(self.trace)


class program:  # noqa: N801 - used as a function
    """A block that runs code of the program within a backward pass."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        self.before, PULLING.on = PULLING.on, False

    def __exit__(self, *error: object) -> None:
        PULLING.on = self.before


def keep(trace: Trace, a: np.ndarray) -> np.ndarray:
    """`a`, a plain array that is no part of the trace, or a copy of it, as something that does not change while the trace lasts.

    For operators, which do not ask again for the array that they asked for last.
    """
    key, holding = id(a), trace.held
    entry = holding.get(key)
    if entry is not None and entry[0]() is a:
        trace.constant = a
        return a
    if a.base is None:
        if sys.getrefcount(a) == _TEMPORARY or (PULLING.on and a.flags.writeable):
            return a
        if LASTING not in holding and _policy.get() == "lock":  # `held`, written out
            if a.size <= SMALL:
                place = -1 - (key >> 4) % REMEMBERED
                if holding.get(place) is not a:
                    if holding is NOTHING_HELD:
                        holding = trace.held = {}
                    holding[place] = a
                    return a.copy()
            elif a.flags.owndata:
                lock(trace, a)
                return a
    return held(trace, a)


def held(trace: Trace, a: np.ndarray) -> np.ndarray:
    """As `keep`, for an array that others refer to."""
    key = id(a)
    entry = trace.held.get(key)
    if entry is not None and entry[0]() is a:
        return a
    if PULLING.on and a.flags.writeable and type(a.base) is not np.ndarray:
        return a
    how = _policy.get()
    if how == "copy":
        return a.copy(order="K")
    if how == "none":
        _enter(trace, key, [ref(a), 0, key])
        return a
    owner = a
    while type(owner.base) is np.ndarray:
        owner = owner.base
    lasting = LASTING in trace.held
    if owner is not a and (lasting or a.nbytes <= VIEW_BYTES):
        return a.copy(order="K") if owner.flags.writeable or id(owner) in _locked else a
    if lasting:
        return _snapshot(trace, a)
    if not _is_lockable(a):
        return a.copy(order="K")
    if owner is not a:
        lock(trace, owner)
    elif a.size <= SMALL:
        place = -1 - (key >> 4) % REMEMBERED
        if trace.held.get(place) is not a:
            _enter(trace, place, a)
            return a.copy(order="K")
    lock(trace, a)
    return a


#: Key among what a trace holds that says that it is kept for longer than the trace lasts: then all is copied.
LASTING = 0


def _snapshot(trace: Trace, a: np.ndarray) -> np.ndarray:
    """A copy of `a`, one for all times that it is met, as it cannot change in the meantime."""
    snapshots = trace.held[LASTING]
    if id(a) not in snapshots:
        snapshots[id(a)] = a, a.copy(order="K")
        lock(trace, a, key=-1 - REMEMBERED - len(snapshots))
    return snapshots[id(a)][1]


def hold_argument(trace: Trace, x: Any, *, lasting: bool = False) -> Any:
    """What is differentiated by, as a trace may have it: an array is read-only, for it does not change where the function sees it.

    A copy if it is small, which takes less time, or if the recording outlasts the trace.
    """
    if type(x) is np.ndarray and _policy.get() == "lock":
        if lasting or x.size <= SMALL or not _is_lockable(x):
            return x.copy(order="K")
        lock(trace, x)
    return x


def _is_lockable(a: np.ndarray) -> bool:
    """Whether an array that has been made read-only can be made writeable again: not if its memory is that of another library."""
    while type(a.base) is np.ndarray:
        a = a.base
    return a.flags.owndata or not a.flags.writeable


def lock(trace: Trace, a: np.ndarray, key: int = 0) -> None:
    """Make an array read-only until the trace ends."""
    address = id(a)
    key = key or address
    entry = trace.held.get(key)
    if entry is not None and entry[0]() is a:
        return
    with _mutex:
        entry = _locked.get(address)
        if entry is not None and entry[0]() is a:
            entry[1] += 1
        elif a.flags.writeable:
            a.setflags(write=False)
            entry = _locked[address] = [ref(a, partial(_gone, address)), 1, address]
        else:
            entry = [ref(a), 0, address]
    _enter(trace, key, entry)


def _gone(address: int, reference: ref) -> None:
    """An array has died that was locked by what will never let it go."""
    with _mutex:
        entry = _locked.get(address)
        if entry is not None and entry[0] is reference:
            del _locked[address]


def _enter(trace: Trace, key: int, item: Any) -> None:
    """Let a trace hold an array, or an entry of one for as long as somebody else holds that."""
    holding = trace.held
    if holding is NOTHING_HELD:
        holding = trace.held = {}
    number = len(holding)
    if number > 15 and not number & (number - 1):  # a power of two: most often there is nothing to forget
        for old in [k for k, e in list(holding.items()) if type(e) is list and e[0]() is None]:
            gone = holding.pop(old, None)  # another thread, that pulls through the same trace, may have been quicker
            if gone is not None:
                _unlock([gone])
    holding[key] = item


def release(trace: Trace) -> None:
    """Let go what a trace holds."""
    entries = [item for item in trace.held.values() if type(item) is list and item[1]]
    trace.held = NOTHING_HELD
    trace.constant = None
    if entries:
        _unlock(entries)


def _unlock(entries: list[list]) -> None:
    """Make arrays writeable that no trace holds any more."""
    done = []
    with _mutex:
        for entry in entries:
            entry[1] -= 1
            if entry[1] > 0:
                continue
            if _locked.get(entry[2]) is entry:
                del _locked[entry[2]]
                a = entry[0]()
                if a is not None:
                    done.append(a)
        if len(done) > 1:
            done.sort(key=lambda a: a.base is not None)  # a view may not be writeable before its owner is
        for a in done:
            a.setflags(write=True)


RELEASE.append(release)


def explain_write(error: ValueError, trace: Trace) -> None:
    """Have an exception of NumPy's that comes from a write say what to do.

    A traced value that is written into a plain array is asked for a number, refuses, and NumPy speaks of a sequence instead. A
    write into an array that the trace has made read-only gets a note.
    """
    if isinstance(error.__cause__, TracedConversionError):
        raise error.__cause__.with_traceback(error.__traceback__) from None
    if "read-only" in str(error) and any(type(item) is list and item[1] for item in trace.held.values()):
        error.add_note(_ADVICE)


_ADVICE = (
    "The arguments of a differentiated function, and arrays of plain NumPy that have been combined with traced values, are "
    "read-only until the function returns: to change them would change the derivative. Write into a copy, a = a.copy(), or into "
    "an array made inside the function by autograd_clone.numpy; or call the transform inside protect_constants('copy')"
)

EXPLAIN.append(explain_write)

# ---- what rules keep ------------------------------------------------------------------------------------------------------

#: Primitive -> whether its rules keep an operand, by index, and the names of the parameters that they keep.
_kept: dict[Primitive, tuple[Callable[[int], bool], frozenset[str]]] = {}


def kept_by(prim: Primitive) -> tuple[Callable[[int], bool], frozenset[str]]:
    """What the VJP rules of a primitive keep; everything, if one is made from a JVP rule."""
    if prim not in _kept:
        names: set[str] = set()
        for i in (*range(len(prim.operands)), -1):
            if i in prim.vjps:
                rule = prim.vjps[i]
                names.update(() if rule is None else rule.names)
            elif i in prim.jvps:
                names.update((*prim.operands, *prim.defaults))
        last = len(prim.operands) - 1
        operands = frozenset(i for i, name in enumerate(prim.operands) if name in names)
        if prim.variadic is not None and last in operands:
            _kept[prim] = (lambda i: i >= last or i in operands), frozenset(names)
        else:
            _kept[prim] = operands.__contains__, frozenset(names)
    return _kept[prim]


def constants_held(trace: Trace, prim: Primitive, values: tuple, active: list, params: dict) -> tuple[tuple, dict]:
    """Operands and parameters of a primitive, with those constants protected that its rules keep."""
    if np.ndarray not in map(type, (*values, *params.values())):
        return values, params
    is_kept, names = kept_by(prim)
    mine = [i for i, _ in active]
    values = tuple([
        held(trace, v) if type(v) is np.ndarray and i not in mine and is_kept(i) else v for i, v in enumerate(values)
    ])  # fmt: skip
    if params:
        params = {k: held(trace, v) if type(v) is np.ndarray and k in names else v for k, v in params.items()}
    return values, params
