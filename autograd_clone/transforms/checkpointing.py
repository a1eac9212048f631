"""Checkpoints: parts of a program that are not recorded on the way forward, and run again in the backward pass."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..engine.box import Box
from ..engine.calls import INTERPRETERS, CallPrimitive, joined, recorded, varies, youngest
from ..engine.cotangent import add, as_scalar
from ..engine.errors import ClosedOverTraceError, UnsupportedTypeError
from ..engine.protection import held
from ..engine.pytree import TreeDef, flatten, tree_map
from ..engine.regions import Reopened, cut, sources
from ..engine.reverse import Node, ReverseTrace, backward, next_order
from ..engine.trace import Trace, tracing
from ..engine.zeros import backward_with_strong_zeros, is_finite
from .lifting import Mixed, lift, lifted_function, lower
from .nary import name_of
from .policies import PassingTrace, Policy, PolicyTrace, chosen, kept, replaying
from .record import Tape
from .revolve import room_for, stride
from .untouched import Frozen, Untouched, on_copies_if_it_writes


class Region(Tape):
    """A recording under the trace of the program around it, cut off from that.

    Parameters
    ----------
    fun : callable
        Takes a list of arrays.
    x : list
    trace : ReverseTrace
        The trace, which may have ended,
    kind : type
        and what it is then.

    Attributes
    ----------
    captured : dict
        Order -> node that it depends on beside its inputs.
    """

    __slots__ = ("captured", "kind", "trace")

    def __init__(self, fun: Callable, x: list[Any], trace: ReverseTrace, kind: type[ReverseTrace]) -> None:
        self.trace, self.kind = trace, kind
        mark = next_order()
        super().__init__(fun, x, lambda: Reopened(trace, kind))  # type: ignore[arg-type]
        nodes, self.captured = cut([node for node, _, _ in self.ends if node is not None], mark)
        replaced = iter(nodes)
        self.ends = [(node if node is None else next(replaced), shape, dtype) for node, shape, dtype in self.ends]

    def pull_apart(self, gs: list[Any]) -> tuple[list[Any], dict[int, Any]]:
        """The cotangents of the inputs, and those of captured nodes by their order. The recording is used up."""
        seeds = self._seeds(gs)
        self.ends = [(None, shape, dtype) for _, shape, dtype in self.ends]
        found = backward(seeds)
        if not all(map(is_finite, found.values())):
            again = Region(self.fun, self.x, self.trace, self.kind)
            strong = backward_with_strong_zeros(again._seeds(gs))
            found = again.by_root(self.roots, strong) | {order: strong[order] for order in again.captured if order in strong}
        return self._finish(found, gs), {order: found[order] for order in self.captured if order in found}


class Apart:
    """The result of a region without the boxes of a trace, and what it has captured of that.

    Attributes
    ----------
    leaves : list
    treedef : TreeDef
    captured : dict
        Order -> node.
    """

    __slots__ = ("captured", "leaves", "treedef")

    def __init__(self, leaves: list[Any], treedef: TreeDef, captured: dict[int, Node]) -> None:
        self.leaves, self.treedef, self.captured = leaves, treedef, captured

    @classmethod
    def of(cls, trace: Trace | None, out: Any, mark: int) -> Apart:
        """The result `out` of a region that began at `mark`."""
        leaves, treedef = flatten(out)
        leaves = [x.snapshot() if isinstance(x, Box) else as_scalar(x) for x in leaves]
        mine = [isinstance(x, Box) and x._trace is trace for x in leaves]
        captured = sources([x._link for x, m in zip(leaves, mine, strict=True) if m], mark) if any(mine) else {}
        return cls([x._value if m else x for x, m in zip(leaves, mine, strict=True)], treedef, captured)

    @property
    def value(self) -> Any:
        """The result."""
        return self.treedef.unflatten(self.leaves)

    def can_rerun(self, trace: Trace) -> bool:
        """Whether what has been captured can be captured again: values of `trace`, unless it makes boxes in a way of its own."""
        if any(isinstance(x, Box) and x._trace.id >= trace.id for x in self.leaves):
            return False  # they belong to a younger trace
        return not self.captured or is_ordinary(type(trace))


def is_ordinary(kind: type) -> bool:
    """Whether traces of a type are reverse traces that make boxes as all do."""
    return issubclass(kind, ReverseTrace) and kind.box is ReverseTrace.box


def kind_again(trace: ReverseTrace) -> type[ReverseTrace]:
    """What a trace is to be when it is opened again."""
    return PassingTrace if isinstance(trace, PolicyTrace) else type(trace)


class Rerun(CallPrimitive):
    """A function that runs again in the backward pass."""

    transparent = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, treedef = flatten((args, kwargs))
        if any([isinstance(x, Box) for x in leaves]):
            args, kwargs = treedef.unflatten(x.snapshot() if isinstance(x, Box) else x for x in leaves)
        if kwargs and youngest(tuple(kwargs.values())) is not None:
            return self.of_keywords()(args, kwargs)
        trace = youngest(args)
        return self.apart(None, args, kwargs) if trace is None else INTERPRETERS[type(trace)](trace, self, args, kwargs)

    def under(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        """The result under the youngest trace among the arguments."""
        if isinstance(trace, ReverseTrace):
            return self.apart(trace, args, kwargs)
        try:
            out = self.lifted(trace, args, kwargs)
        except Mixed:
            return self.fun(*args, **kwargs)
        if any(isinstance(x, Box) and x._trace.id >= trace.id for x in flatten(out)[0]):
            return self.fun(*args, **kwargs)  # it uses values of the trace that are not among its arguments
        return lower(trace, out)

    def of_keywords(self) -> Callable:
        """The same as a function of the tuple of its positional and the dict of its keyword arguments."""
        raise NotImplementedError

    def apart(self, trace: ReverseTrace | None, args: tuple, kwargs: dict) -> Any:
        """The result under a reverse trace: the given one, or else that of what it takes from its surroundings."""
        raise NotImplementedError

    def lifted(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        """The result under any other trace, as `lift` has it."""
        raise NotImplementedError

    def recorded(self, trace: ReverseTrace, result: Apart, boxes: list[Box], pull: Callable) -> Any:
        """`result` in boxes; ``pull(gs)`` gives the cotangents of `boxes`, and those of what was captured by their order."""
        captured = result.captured
        orders = list(captured)

        def cotangents(gs: list[Any]) -> list[Any]:
            found, taken = pull(gs)
            if set(taken) != set(orders):
                raise ClosedOverTraceError(
                    f"{self.name} did not use the same traced values when it ran again in the backward pass. One that it "
                    "took from its surroundings may have been written to in the meantime; pass it as an argument."
                )
            return [*found, *(taken[order] for order in orders)]

        join: Node = [next_order()]
        for k, x in enumerate(boxes):
            join += joined(x, k, self.name)
        for k, order in enumerate(orders, len(boxes)):
            join += captured[order], operator.getitem, k, None
        return recorded(trace, self.name, result.leaves, result.treedef, join, cotangents)


# ---- one function -------------------------------------------------------------------------------------------------------


class Checkpoint(Rerun):
    """What `checkpoint` returns."""

    def __init__(self, fun: Callable, policy: Policy = None) -> None:
        super().__init__(fun)
        functools.update_wrapper(self, fun)
        self.policy = policy

    def of_keywords(self) -> Callable:
        return Checkpoint(lambda args, kwargs: self.fun(*args, **kwargs), self.policy)

    def lifted(self, trace: Trace, args: tuple, kwargs: dict) -> Any:
        run = lifted_function(lambda args: self.fun(*args, **kwargs), trace)
        return Checkpoint(run, self.policy)(lift(trace, args))

    def apart(self, trace: ReverseTrace | None, args: tuple, kwargs: dict) -> Any:
        leaves, treedef = flatten(args)
        mine = [k for k, x in enumerate(leaves) if trace is not None and isinstance(x, Box) and x._trace is trace]
        boxes = [leaves[k] for k in mine]
        xs = [x._value for x in boxes]
        again = Inputs(lambda args: self.fun(*args, **kwargs), leaves, treedef, mine)
        mark, saved, keeps = next_order(), None, chosen(self.policy)
        if any([isinstance(x, Box) for x in xs]):  # an older trace has a checkpoint of its own
            out = Checkpoint(again, self.policy)(xs)
        elif keeps is not None and xs:
            out, saved = kept(again, xs, keeps)
        else:
            out = again(xs)
        if trace is None:
            found = youngest(flatten(out)[0])
            if not is_ordinary(type(found)):
                return out
            trace = cast(ReverseTrace, found)
        result = Apart.of(trace, out, mark)
        del out
        if not result.can_rerun(trace):
            return self.fun(*args, **kwargs)
        again.protect(trace)
        if result.captured:
            region = functools.partial(Region, again, xs, trace, kind_again(trace))
            return self.recorded(trace, result, boxes, lambda gs: region().pull_apart(gs))
        outdef, make = result.treedef, None if saved is None or keeps is None else replaying(keeps, saved)

        def back(xs: list[Any], gs: list[Any]) -> list[Any]:
            return Tape(again, xs, make).pull(outdef.unflatten(gs), once=True)  # type: ignore[arg-type]

        return self.recorded(trace, result, boxes, lambda gs: (Checkpoint(back)(xs, gs), {}))


class Inputs:
    """A function of a pytree as one of some of its leaves, in a list."""

    __slots__ = ("constants", "fun", "places", "treedef")

    def __init__(self, fun: Callable, leaves: list[Any], treedef: Any, places: list[int]) -> None:
        self.fun, self.treedef, self.places = fun, treedef, places
        self.constants = list(leaves)
        for k in places:
            self.constants[k] = None

    def __call__(self, xs: list[Any]) -> Any:
        leaves = list(self.constants)
        for k, x in zip(self.places, xs, strict=True):
            leaves[k] = x
        inputs = Untouched(leaves)
        try:
            return on_copies_if_it_writes(lambda leaves: self.fun(self.treedef.unflatten(leaves)), leaves)
        finally:
            inputs.let_go()

    def protect(self, trace: Trace) -> None:
        """Have a trace protect the constants, as it does those of its nodes."""
        self.constants = protected(trace, self.constants)


def protected(trace: Trace, tree: Any) -> Any:
    """A pytree with its plain arrays as a trace keeps them."""
    return tree_map(lambda x: held(trace, x) if type(x) is np.ndarray else x, tree)


# ---- a loop -------------------------------------------------------------------------------------------------------------


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


# ---- public ----------------------------------------------------------------------------------------------------------------


def checkpoint(fun: Callable | None = None, *, policy: Policy = None) -> Callable:
    """A function that computes the same but keeps only its arguments for the backward pass, and runs again there.

    This trades time, one more evaluation, for memory: nothing computed inside `fun` is held between the passes. Also a decorator,
    with or without arguments.

    Parameters
    ----------
    fun : callable
        Of any arguments, pytrees of arrays; it must compute the same when it runs again.
    policy : callable, collection of callables or "products", optional
        NumPy's functions whose results are kept all the same, such as ``[np.matmul, np.linalg.solve]``, and are not computed
        again. ``"products"`` are all functions that are linear in each operand: products of matrices, `einsum`, convolutions. By
        default nothing is kept.

    Returns
    -------
    callable

    Raises
    ------
    UnsupportedTypeError
        If `policy` names a function that is not a primitive.
    ClosedOverTraceError
        If `fun` does not use the same traced values when it runs again.

    See Also
    --------
    checkpoint_sequence : for the steps of a long loop.

    Notes
    -----
    Traced values that `fun` takes from its surroundings rather than from its arguments get their derivatives too; `policy` then
    has no effect. In forward mode nothing is kept anyway, and `fun` is just run.

    References
    ----------
    Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 12.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(checkpoint(lambda x: np.sin(x) ** 2))(1.0) == grad(lambda x: np.sin(x) ** 2)(1.0)
    np.True_
    >>> @checkpoint(policy="products")
    ... def layer(w, x):
    ...     return np.tanh(w @ x)
    >>> grad(lambda w: np.sum(layer(w, np.ones(2))))(np.zeros((1, 2)))
    array([[1., 1.]])
    """
    if fun is None:
        return functools.partial(checkpoint, policy=policy)
    if not callable(fun):
        raise UnsupportedTypeError(f"checkpoint takes a function, got {fun!r} of type {type(fun).__name__}")
    chosen(policy)  # raises
    return Checkpoint(fun, policy)


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
