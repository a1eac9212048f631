"""Checkpoints: functions of which nothing is recorded on the way forward, and that run again in the backward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from ..engine.box import Box
from ..engine.calls import youngest
from ..engine.errors import UnsupportedTypeError
from ..engine.pytree import flatten
from ..engine.reverse import ReverseTrace, next_order
from ..engine.trace import Trace
from .lifting import lift, lifted_function
from .policies import Policy, chosen, kept, replaying
from .record import Tape
from .rerun import Apart, Inputs, Region, Rerun, is_ordinary, kind_again


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
