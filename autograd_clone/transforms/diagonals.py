"""The trace and the diagonal of a Hessian or a Jacobian, without the matrix: Laplacians, divergences."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.batch import BatchTrace
from ..engine.calls import INTERPRETERS
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import NonScalarOutputError, RuleShapeError
from ..engine.jet import EndedJetTrace, JetTrace
from ..engine.pytree import flatten, is_container, tree_map
from .directions import Directions, none_or
from .gradients import _grad
from .hutchinson import entries, estimate, form
from .jacobians import _checked
from .jets import push_series
from .nary import Argnum, Transform, name_of
from .record import push
from .rows import Piece


class LaplaceTrace(JetTrace):
    """Taylor mode of order 2 along many directions, of whose second coefficients only the mean is kept.

    The second coefficient of a result is linear in those of the operands. So the mean may be taken in every operation, and second
    coefficients cost as much as those of one direction.

    References
    ----------
    Li et al., A computational framework for neural network-based variational Monte Carlo with Forward Laplacian, Nature Machine
    Intelligence 6 (2024). Dangel, Siebert, Zeinhofer and Walther, Collapsing Taylor mode automatic differentiation (2025).
    """

    __slots__ = ("batch",)
    watches = True

    def __init__(self, batch: BatchTrace) -> None:
        super().__init__(2)
        self.batch = batch

    def completed(self, known: list) -> None:
        if self.batch.owns(known[2]):
            known[2] = np.mean(known[2]._value, axis=0)


class EndedLaplaceTrace(LaplaceTrace):
    """What a Laplace trace becomes when its transform has returned."""

    __slots__ = ()
    process = EndedJetTrace.process


LaplaceTrace.ended = EndedLaplaceTrace
INTERPRETERS[LaplaceTrace] = INTERPRETERS[JetTrace]
INTERPRETERS[EndedLaplaceTrace] = INTERPRETERS[EndedJetTrace]


def _laplacian(fun: Callable, x: Any, chunk_size: int | None, samples: int | None, rng: Any) -> Any:
    space = Directions(x, "laplacian", chunk_size)
    if samples is not None:
        return estimate(lambda v: none_or(_double, push_series(fun, x, [v, space.zero()])[1][1]), space, samples, rng)

    def run(trace: BatchTrace, chunk: list[Piece], v: Any) -> Any:
        seconds = push_series(fun, x, [v, space.zero()], LaplaceTrace(trace))[1][1]
        return none_or(lambda c: 2 * (np.sum(c._value, axis=0) if trace.owns(c) else trace.size * c), seconds)

    parts = [flatten(part) for part in space.along_units(run)]
    if not parts:
        return tree_map(lambda y: np.zeros(shape_of(y), dtype_of(y)), fun(x))
    columns = zip(*(leaves for leaves, _ in parts), strict=True)
    return parts[0][1].unflatten(None if c[0] is None else functools.reduce(operator.add, c) for c in columns)


def _double(c: Any) -> Any:
    return 2 * c


def _hessian_diagonal(fun: Callable, x: Any, chunk_size: int | None, samples: int | None, rng: Any) -> Any:
    space = Directions(x, "hessian_diagonal", chunk_size)
    if samples is not None:
        return estimate(entries(lambda v: push(lambda x: _grad(fun, x), x, v)[1]), space, samples, rng)

    def run(trace: BatchTrace, chunk: list[Piece], v: Any) -> Any:
        y, (_, second) = push_series(fun, x, [v, space.zero()])
        if is_container(y) or shape_of(y) != () or dtype_of(y).kind != "f":
            raise NonScalarOutputError(
                f"hessian_diagonal only applies to real scalar-output functions; {name_of(fun)} returned a {type(y).__name__}"
                f"{'' if is_container(y) else f' of shape {shape_of(y)}'}. laplacian takes functions with any output."
            )
        return zip(chunk, np.split(2 * trace.all_of(second), np.cumsum([piece.size for piece in chunk])[:-1]), strict=True)

    return space.put_together([part for parts in space.along_units(run) for part in parts])


def _jacobian_diagonal(fun: Callable, x: Any, chunk_size: int | None, samples: int | None, rng: Any) -> Any:
    space = Directions(x, "jacobian_diagonal", chunk_size)
    if samples is not None:
        return estimate(entries(lambda v: push(fun, x, v)[1]), space, samples, rng)
    return space.put_together(_diagonal(fun, x, space))


def _divergence(fun: Callable, x: Any, chunk_size: int | None, samples: int | None, rng: Any) -> Any:
    space = Directions(x, "divergence", chunk_size)
    if samples is not None:
        return estimate(form(lambda v: push(fun, x, v)[1]), space, samples, rng)
    sums = [np.sum(values) for _, values in _diagonal(fun, x, space)]
    return functools.reduce(operator.add, sums) if sums else np.float64(0)


def _diagonal(fun: Callable, x: Any, space: Directions) -> list[tuple[Piece, Any]]:
    """The diagonal elements of a Jacobian."""

    def run(trace: BatchTrace, chunk: list[Piece], v: Any) -> list[tuple[Piece, Any]]:
        tangents = space.treedef.flatten_like(push(fun, x, v)[1], f"the output of {name_of(fun)}")
        for t, like in zip(tangents, space.likes, strict=True):
            if like is not None and shape_of(t) != like[0]:
                raise RuleShapeError(
                    f"the Jacobian of {name_of(fun)} is not square: an output of shape {shape_of(t)} for input of shape {like[0]}"
                )
        out, before = [], 0
        for piece in chunk:
            columns = np.reshape(trace.all_of(tangents[piece.leaf]), (trace.size, -1))
            place = np.arange(piece.size)
            out.append((piece, columns[before + place, piece.start + place]))
            before += piece.size
        return out

    return [part for parts in space.along_units(run) for part in parts]


# ---- public ----------------------------------------------------------------------------------------------------------------


def laplacian(
    fun: Callable, argnum: Argnum = 0, *, samples: int | None = None, rng: Any = None, chunk_size: int | None = None
) -> Callable:
    """The Laplacian, which is the trace of the Hessian, without the Hessian.

    Parameters
    ----------
    fun : callable
        A function of a real array (or pytree), with any output.
    argnum : int, str, or sequence of them
        As in `grad`.
    samples : int, optional
        Estimate from so many random directions instead of computing.
    rng : numpy.random.Generator or seed, optional
        Where the directions come from.
    chunk_size : int, optional
        How many directions are one batch. By default as many as fit in the processor's cache.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns an array of the shape of the output, or with `samples` an `Estimate` of it,
        ``(value, error)``.

    See Also
    --------
    hessian_diagonal : the terms of this sum.
    hutchinson_trace : the estimate, for any matrix.

    Notes
    -----
    The second derivatives along all unit vectors are added up on the way, in one run of the function on truncated Taylor series
    for each chunk. For a scalar function of n variables that is the work of about n first derivatives in forward mode, and the
    memory of a chunk of tangents.

    References
    ----------
    Li et al., A computational framework for neural network-based variational Monte Carlo with Forward Laplacian, Nature Machine
    Intelligence 6 (2024). For the estimate: Hutchinson, Communications in Statistics 19 (1990).

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> laplacian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    np.float64(18.0)
    >>> laplacian(lambda x: np.sum(x) ** 2)(np.ones(100))
    np.float64(200.0)
    >>> value, error = laplacian(lambda x: np.sum(x) ** 2, samples=400, rng=0)(np.ones(100))
    >>> bool(abs(value - 200) < 4 * error)
    True
    """
    return Transform(_laplacian, fun, argnum, _checked(chunk_size), samples, rng)


def divergence(
    fun: Callable, argnum: Argnum = 0, *, samples: int | None = None, rng: Any = None, chunk_size: int | None = None
) -> Callable:
    """The divergence of a vector field, which is the trace of its Jacobian, without the Jacobian.

    Parameters
    ----------
    fun : callable
        A function of a real array (or pytree) that returns one of the same shape (structure).
    argnum, samples, rng, chunk_size
        As in `laplacian`.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns a number, or with `samples` an `Estimate` of it.

    See Also
    --------
    jacobian_diagonal : the terms of this sum.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> divergence(lambda x: x * np.sum(x))(np.array([1.0, 2.0]))
    np.float64(9.0)
    """
    return Transform(_divergence, fun, argnum, _checked(chunk_size), samples, rng)


def hessian_diagonal(
    fun: Callable, argnum: Argnum = 0, *, samples: int | None = None, rng: Any = None, chunk_size: int | None = None
) -> Callable:
    """The diagonal of the Hessian of a scalar function, without the Hessian.

    Parameters
    ----------
    fun : callable
        A function of a real array (or pytree) that returns a real number.
    argnum, samples, rng, chunk_size
        As in `laplacian`. An estimate takes a Hessian-vector product for each sample.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns an array (or pytree) like the argument, or with `samples` an `Estimate` of it.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> hessian_diagonal(lambda x: np.sum(x**3) + x[0] * x[1])(np.array([1.0, 2.0]))
    array([ 6., 12.])
    """
    return Transform(_hessian_diagonal, fun, argnum, _checked(chunk_size), samples, rng)


def jacobian_diagonal(
    fun: Callable, argnum: Argnum = 0, *, samples: int | None = None, rng: Any = None, chunk_size: int | None = None
) -> Callable:
    """The diagonal of the Jacobian of a vector field, without the Jacobian.

    Parameters
    ----------
    fun : callable
        A function of a real array (or pytree) that returns one of the same shape (structure).
    argnum, samples, rng, chunk_size
        As in `laplacian`.

    Returns
    -------
    callable
        Takes the arguments of `fun`; returns an array (or pytree) like the argument, or with `samples` an `Estimate` of it.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> jacobian_diagonal(lambda x: np.cumsum(x) ** 2)(np.array([1.0, 2.0]))
    array([2., 6.])
    """
    return Transform(_jacobian_diagonal, fun, argnum, _checked(chunk_size), samples, rng)
