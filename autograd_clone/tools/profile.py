"""`profile`: what the primitives and the lines of a function take, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..engine.anomaly import nodes_of
from ..engine.box import all_values
from ..engine.calls import INTERPRETERS, CallPrimitive, process_reverse
from ..engine.primitive import Primitive
from ..engine.pytree import flatten
from ..engine.reverse import Node, ReverseTrace
from ..engine.site import Site
from ..transforms.nary import Argnum, name_of, select
from ..transforms.record import Tape


class Row(NamedTuple):
    """What a primitive, or a line, took.

    Attributes
    ----------
    name : str
    calls : int
        In one run.
    forward, backward : float
        Seconds in one run.
    kept : int
        Bytes that stay in memory between the passes.
    """

    name: str
    calls: int
    forward: float
    backward: float
    kept: int

    @property
    def total(self) -> float:
        """Seconds in both passes."""
        return self.forward + self.backward


class Profile:
    """What `profile` measured. It prints as two tables.

    Attributes
    ----------
    name : str
        The function.
    forward, backward : float
        Seconds that a pass took, together with what is done between the primitives.
    kept : int
        Bytes that stay in memory between the passes, the arguments left out.
    primitives, lines : list of Row
        By primitive and by line of the program, those first that took longest. In both the last row is the rest: Python
        between the primitives, and the sums of cotangents.
    """

    def __init__(self, name: str, entries: Iterable[_Entry], forward: float, backward: float, runs: int) -> None:
        self.name = name
        self.forward, self.backward = forward / runs, backward / runs
        entries = list(entries)
        self.kept = sum(e.kept for e in entries) // runs
        self.primitives = self._rows(entries, lambda e: e.primitive, runs)
        self.lines = self._rows(entries, lambda e: f"{e.site.short}  {e.site.text}".strip(), runs)

    def _rows(self, entries: list[_Entry], key: Callable[[_Entry], str], runs: int) -> list[Row]:
        groups: dict[str, list[_Entry]] = {}
        for e in entries:
            groups.setdefault(key(e), []).append(e)
        rows = [
            Row(
                name,
                sum(e.calls for e in group) // runs,
                sum(e.forward for e in group) / runs,
                sum(e.backward for e in group) / runs,
                sum(e.kept for e in group) // runs,
            )
            for name, group in groups.items()
        ]
        rows.sort(key=lambda r: r.total, reverse=True)
        forward, backward = sum(r.forward for r in rows), sum(r.backward for r in rows)
        return [*rows, Row("(between them)", 0, max(self.forward - forward, 0.0), max(self.backward - backward, 0.0), 0)]

    def __str__(self) -> str:
        head = f"{self.name}: forward {_time(self.forward)}, backward {_time(self.backward)}, {_bytes(self.kept)} kept in between"
        return "\n\n".join([head, _table("primitive", self.primitives), _table("line", self.lines)])

    __repr__ = __str__


def profile(fun: Callable, argnum: Argnum = 0, *, repeat: int = 3) -> Callable:
    """Measure the gradient of a function: calls, time forward and backward, and memory, by primitive and by line.

    Parameters
    ----------
    fun : callable
        Its output need not be a number: the sum of all its elements is differentiated.
    argnum : int, str, or sequence of them
        The argument(s) to differentiate with respect to.
    repeat : int
        Number of runs, of which the mean is given, after one that is not counted.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns a `Profile`, which prints as a table.

    Notes
    -----
    The time of a primitive includes recording it. Watching each takes some microseconds, which are counted as time
    between the primitives. Arrays that are kept by several nodes count once, at the node that was made first; a constant from
    outside that a rule needs counts as well, and what rules of the user's own hold does not.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import profile
    >>> def f(x):
    ...     y = np.exp(x)
    ...     return np.sum(y * y)
    >>> found = profile(f)(np.ones(1000))
    >>> sorted((row.name, row.calls, row.kept) for row in found.primitives[:-1])
    [('numpy.exp', 1, 8000), ('numpy.multiply', 1, 0), ('numpy.sum', 1, 0)]
    """
    if repeat < 1:
        raise ValueError(f"repeat is the number of runs, at least 1; got {repeat}")

    def profiled(*args: Any, **kwargs: Any) -> Profile:
        unary, x = select(fun, argnum, args, kwargs)
        given = {id(_owner(leaf)) for leaf in flatten((args, kwargs))[0]}
        entries: dict[tuple[str, Site], _Entry] = {}
        forward = backward = 0.0
        for run in range(repeat + 1):
            if run == 1:
                entries.clear()
                forward = backward = 0.0
            token = _running.set(_Run(entries))
            try:
                start = perf_counter()
                tape = Tape(unary, x, ProfiledTrace)
                forward += perf_counter() - start
                _count_kept(tape, set(given))
                seeds = [None if d is None else np.ones(s, d) for _, s, d in tape.ends]
                seed = tape.outdef.unflatten(seeds)
                start = perf_counter()
                tape.pull(seed)
                backward += perf_counter() - start
            finally:
                _running.reset(token)
        return Profile(name_of(fun), entries.values(), forward, backward, repeat)

    return profiled


# ---- measuring ----------------------------------------------------------------------------------------------------


class _Entry:
    """What a primitive called from one line took in all runs."""

    __slots__ = ("backward", "calls", "forward", "kept", "primitive", "site")

    def __init__(self, primitive: str, site: Site) -> None:
        self.primitive, self.site = primitive, site
        self.calls = self.kept = 0
        self.forward = self.backward = 0.0


class _Run:
    """The measurements of the running call of `profile`. ``inner`` is the time of what ran within the running primitive."""

    __slots__ = ("entries", "inner")

    def __init__(self, entries: dict[tuple[str, Site], _Entry]) -> None:
        self.entries = entries
        self.inner = 0.0


_running: ContextVar[_Run] = ContextVar("running")


class ProfiledTrace(ReverseTrace):
    """A reverse trace that takes the time of every primitive and has every rule timed."""

    __slots__ = ()

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        return _timed(self, prim.name, lambda: super(ProfiledTrace, self).process(prim, operands, params))


def _timed_call(trace: ProfiledTrace, prim: CallPrimitive, args: tuple, kwargs: dict) -> Any:
    return _timed(trace, prim.name, lambda: process_reverse(trace, prim, args, kwargs))


INTERPRETERS[ProfiledTrace] = _timed_call


def _timed(trace: ProfiledTrace, name: str, process: Callable[[], Any]) -> Any:
    run = _running.get()
    key = name, Site()
    entry = run.entries.setdefault(key, _Entry(*key))
    outer, run.inner = run.inner, 0.0
    start = perf_counter()
    ans = process()
    took = perf_counter() - start
    entry.forward += took - run.inner
    run.inner = outer + took
    entry.calls += 1
    for node in nodes_of(ans, trace):
        for k in range(2, len(node), 4):
            node[k] = _TimedRule(node[k], entry)
    return ans


class _TimedRule:
    """A rule of a node, with the entry that its time counts for."""

    __slots__ = ("entry", "rule")

    def __init__(self, rule: Callable, entry: _Entry) -> None:
        self.rule, self.entry = rule, entry

    def __call__(self, g: Any, residual: Any) -> Any:
        start = perf_counter()
        h = self.rule(g, residual)
        self.entry.backward += perf_counter() - start
        return h


def _count_kept(tape: Tape, counted: set[int]) -> None:
    """Add the bytes that the graph keeps to the entries; `counted` are arrays that do not count (again)."""
    pending = [node for node, _, _ in tape.ends if node is not None]
    found: dict[int, Node] = {}
    while pending:
        node = pending.pop()
        if node[0] not in found:
            found[node[0]] = node
            pending += node[1::4]
    for _, node in sorted(found.items(), reverse=True):  # the oldest first
        for k in range(2, len(node), 4):
            rule, residual = node[k], node[k + 1]
            if not isinstance(rule, _TimedRule):
                continue
            for x in flatten(residual)[0]:
                array = _owner(x)
                if isinstance(array, np.ndarray) and id(array) not in counted:
                    counted.add(id(array))
                    rule.entry.kept += array.nbytes


def _owner(x: Any) -> Any:
    """The array whose memory `x` shows."""
    x = all_values(x)
    while isinstance(x, np.ndarray) and isinstance(x.base, np.ndarray):
        x = x.base
    return x


# ---- telling ------------------------------------------------------------------------------------------------------


def _table(title: str, rows: list[Row]) -> str:
    total = sum(r.total for r in rows) or 1.0
    cells = [[title, "calls", "forward", "backward", "both", "kept"]]
    for r in rows:
        calls = str(r.calls) if r.calls else ""
        cells.append([r.name, calls, _time(r.forward), _time(r.backward), f"{100 * r.total / total:.0f} %", _bytes(r.kept)])
    widths = [min(max(len(row[k]) for row in cells), 72) for k in range(len(cells[0]))]
    lines = []
    for name, *numbers in cells:
        name = name if len(name) <= widths[0] else name[: widths[0] - 1] + "…"
        lines.append("  ".join([f"{name:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(numbers, widths[1:], strict=True))]).rstrip())
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs" if seconds else ""


def _bytes(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B" if n else ""
