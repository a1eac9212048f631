"""Checkpointed sequences: long loops that are reversed with memory for a few states, by the binomial schedule."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, cast

from ..engine.box import Box
from ..engine.calls import varies, youngest
from ..engine.cotangent import add, as_scalar
from ..engine.errors import UnsupportedTypeError
from ..engine.pytree import flatten
from ..engine.regions import Reopened
from ..engine.reverse import ReverseTrace, next_order
from ..engine.trace import Trace, tracing
from .lifting import lift, lifted_function
from .nary import name_of
from .record import Tape
from .rerun import Apart, Inputs, Region, Rerun, is_ordinary, kind_again, protected
from .revolve import room_for, stride
from .untouched import Frozen, Untouched, on_copies_if_it_writes


class CheckpointSequence(Rerun):
    """What `checkpoint_sequence` returns.

    Attributes
    ----------
    step : callable
        ``step(x, i)``.
    n : int
        Number of steps.
    memory : int
        Number of states that are kept.
    """

    def __init__(self, step: Callable, n: int, memory: int, name: str) -> None:
        super().__init__(self.run, name)
        self.__name__ = name
        self.step, self.n, self.memory = step, n, memory

    def run(self, x: Any) -> Any:
        """The loop itself."""
        for i in range(self.n):
            x = self.step(x, i)
        return x

    def lifted(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        return CheckpointSequence(lifted_function(self.step, trace), self.n, self.memory, self.name)(lift(trace, args[0]))

    def apart(self, trace: ReverseTrace | None, args: tuple, kwargs: dict) -> Any:
        (x,) = args
        if self.n == 0 or (trace is None and not tracing()):
            return self.run(x)
        leaves, treedef = flatten(x)
        mine = [k for k, leaf in enumerate(leaves) if trace is not None and isinstance(leaf, Box) and leaf._trace is trace]
        start = treedef.unflatten(leaf._value if k in mine else leaf for k, leaf in enumerate(leaves))
        sweep = Sweep(self, start, trace)
        result = sweep.forward()
        if result is None:
            return self.run(x)
        if sweep.trace is None:
            return result.value

        def pull(gs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
            found, captured = sweep.backward(gs)
            return [found[k] for k in mine], captured

        return self.recorded(sweep.trace, result, [leaves[k] for k in mine], pull)


#: Numbers of steps and the states before them.
Kept = list[tuple[int, Untouched | Frozen]]


class Sweep:
    """Going through a sequence forward, and backward.

    Attributes
    ----------
    trace : ReverseTrace or None
        Whose derivatives are taken: that of the initial state, or that of a value that a step takes from its surroundings.
    kind : type
        What it was when it recorded.
    plans : list
        For the next backward sweep: the states that the forward sweep has kept, and the last step. One at most; a further backward
        sweep begins with the initial state.
    """

    def __init__(self, sequence: CheckpointSequence, start: Any, trace: ReverseTrace | None) -> None:
        self.step, self.n, self.memory = sequence.step, sequence.n, sequence.memory
        self.start, self.trace = start, trace
        self.kind: type[ReverseTrace] = ReverseTrace
        if trace is not None:
            self.follow(trace)
        self.plans: list[tuple[Kept, Recording | None]] = []

    def follow(self, trace: ReverseTrace) -> None:
        """Take derivatives for a trace."""
        self.trace, self.kind = trace, kind_again(trace)
        self.start = protected(trace, self.start)

    def beginning(self) -> Kept:
        """What is kept at first: the initial state."""
        return [(0, Untouched(self.start))]

    def forward(self) -> Apart | None:
        """The result, and all that was captured; ``None`` if the steps cannot be run again."""
        state, captured = self.start, {}
        kept, last = self.beginning(), None
        for i in range(self.n):
            if len(kept) < self.memory and i == kept[-1][0] + stride(self.n - kept[-1][0], self.memory - len(kept)):
                kept.append((i, Frozen(state)))
            if i == self.n - 1 and self.trace is not None:
                last = Recording(self, state, i)
                result = last.result()
            else:
                mark = next_order()
                out = on_copies_if_it_writes(self.step, state, i)
                if self.trace is None and is_ordinary(type(found := youngest(flatten(out)[0]))):
                    self.follow(cast(ReverseTrace, found))
                    kept[:1] = self.beginning()
                result = Apart.of(self.trace, out, mark)
                del out
            if self.trace is not None and not result.can_rerun(self.trace):
                return None
            captured.update(result.captured)
            state = result.value
        result.captured = captured
        self.plans.append((kept, last))
        return result

    def backward(self, gs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
        """The cotangents of the leaves of the initial state, and those of all that was captured, by its order."""
        try:
            kept, last = self.plans.pop()
        except IndexError:
            kept, last = self.beginning(), None
        total: dict[int, Any] = {}
        for i in reversed(range(self.n)):
            recording, last = last or self.record(kept, i), None
            if kept[-1][0] == i:
                kept.pop()[1].let_go()
            gs, taken = recording.pull(gs)
            del recording
            for order, g in taken.items():
                total[order] = add(total[order], g, False) if order in total else g
        return gs, total

    def record(self, kept: Kept, last: int) -> Recording:
        """Step number `last`, on the way to which further states are kept as long as there is room."""
        i, state = kept[-1][0], kept[-1][1].tree
        assert self.trace is not None
        with Reopened(self.trace, self.kind):
            while i < last:
                room = self.memory - len(kept)
                for i in range(i, i + stride(last + 1 - i, room)):  # noqa: B020
                    mark = next_order()
                    state = Apart.of(self.trace, on_copies_if_it_writes(self.step, state, i), mark).value
                i += 1
                if room:
                    kept.append((i, Frozen(state)))
        return Recording(self, state, last)


class Recording:
    """A step that is recorded.

    Attributes
    ----------
    places : list of int
        The leaves of the state that can vary,
    size : int
        of so many.
    """

    __slots__ = ("places", "size", "tape")

    def __init__(self, sweep: Sweep, state: Any, i: int) -> None:
        leaves, treedef = flatten(state)
        step = sweep.step
        self.size = len(leaves)
        self.places = [k for k, x in enumerate(leaves) if varies(x)]
        again = Inputs(lambda state: step(state, i), leaves, treedef, self.places)
        xs = [leaves[k] for k in self.places]
        assert sweep.trace is not None
        self.tape = Region(again, xs, sweep.trace, sweep.kind) if is_ordinary(sweep.kind) else Tape(again, xs)

    def result(self) -> Apart:
        """What the step returned."""
        leaves, treedef = flatten(self.tape.value)
        captured = self.tape.captured if isinstance(self.tape, Region) else {}
        return Apart([as_scalar(x) for x in leaves], treedef, captured)

    def pull(self, gs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
        """The cotangents of the leaves of the state, ``None`` for those that cannot vary, and those of captured nodes."""
        if isinstance(self.tape, Region):
            found, captured = self.tape.pull_apart(gs)
        else:
            found, captured = self.tape.pull(self.tape.outdef.unflatten(gs), once=True), {}
        out: list[Any] = [None] * self.size
        for k, g in zip(self.places, found, strict=True):
            out[k] = g
        return out, captured


def checkpoint_sequence(step: Callable, n: int, memory: int | None = None) -> Callable:
    """A loop of `n` steps of which the backward pass keeps a few states only, and computes the others again.

    Parameters
    ----------
    step : callable
        ``step(x)``, or ``step(x, i)`` with the number of the step from 0 on, returns the next state. A state is a pytree of
        arrays, whose shapes may change on the way. The second form is taken if `step` cannot be called with one argument. It must
        compute the same when it runs again.
    n : int
        Number of steps.
    memory : int, optional
        How many states are kept at most, the initial one among them, besides the one being worked on. By default the least number
        with which no step is computed more than three times beside the run that is recorded.

    Returns
    -------
    callable
        ``x0 -> x`` after `n` steps.

    Raises
    ------
    ClosedOverTraceError
        If `step` does not use the same traced values when it runs again.

    See Also
    --------
    checkpoint : for a single function.

    Notes
    -----
    Which states are kept is decided by the binomial schedule, with which the number of steps computed is the least possible: with
    ``beta(m, r) = binomial(m + r, m)`` and the smallest ``r`` for which ``beta(m, r) >= n``, ``r n - beta(m + 1, r - 1)`` steps are
    computed, and each step is recorded once in addition.

    Traced values that `step` takes from its surroundings, as the parameters of a model, get their derivatives too. In forward mode
    the loop is just run. A second derivative in forward mode over reverse mode (`hessian`, `hvp`) keeps as many states; in reverse
    over reverse mode all steps are recorded by the outer one.

    References
    ----------
    Griewank and Walther, Algorithm 799: revolve, ACM Transactions on Mathematical Software 26 (2000).

    Examples
    --------
    Euler's method for ``x' = sin(x)``, whose solution is known:

    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> def final(x0):
    ...     return checkpoint_sequence(lambda x: x + 0.001 * np.sin(x), 1000, memory=10)(x0)
    >>> x1 = 2 * np.arctan(np.e * np.tan(0.5))
    >>> print(round(grad(final)(1.0), 2), round(np.sin(x1) / np.sin(1.0), 2))
    1.1 1.1
    """
    if not callable(step):
        raise UnsupportedTypeError(f"checkpoint_sequence takes a function, got {step!r} of type {type(step).__name__}")
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"checkpoint_sequence: the number of steps must not be negative, got {n}")
    memory = room_for(n, 3) if memory is None else operator.index(memory)
    if memory < 1:
        raise ValueError(f"checkpoint_sequence: memory must be for one state at least, got {memory}")
    numbered = step if _takes_number(step) else lambda x, i: step(x)
    return CheckpointSequence(numbered, n, memory, f"checkpoint_sequence_of_{name_of(step)}")


def _takes_number(step: Callable) -> bool:
    """Whether `step` must be given a second argument."""
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(None)
    except TypeError:
        return True
    return False
