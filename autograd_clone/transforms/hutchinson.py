"""Traces and diagonals of matrices that are known by their products with vectors, estimated from random vectors."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..engine.box import getval
from ..engine.cotangent import shape_of
from ..engine.errors import RuleShapeError
from ..engine.pytree import TreeDef, flatten
from .directions import Directions


class Estimate(NamedTuple):
    """An estimate from random samples.

    Attributes
    ----------
    value : number, array or pytree
        The mean of the samples.
    error : number, array or pytree
        Its standard error: the standard deviation of the samples over the square root of their number.
    """

    value: Any
    error: Any


def estimate(sample: Callable[[Any], Any], space: Directions, samples: int, rng: Any) -> Estimate:
    """The mean of ``sample(v)`` over random vectors of signs ``v``, many of which are one batch, and its standard error.

    Means and sums of squared deviations of the batches are put together as by Chan, Golub and LeVeque, Algorithms for computing
    the sample variance, The American Statistician 37 (1983).
    """
    if index(samples) < 2:
        raise ValueError(f"an estimate with its error takes at least 2 samples, got {samples}")
    rng = np.random.default_rng(rng)
    count, treedef = 0, None
    total: list[tuple[Any, Any]] = []
    while count < samples:
        n = min(space.length, samples - count)
        drawn, treedef = space.along_signs(sample, n, rng)
        batch = [_moments(q) for q in drawn]
        total = [_merged(a, count, b, n) for a, b in zip(total, batch, strict=True)] if count else batch
        count += n
    assert treedef is not None
    errors = [np.sqrt(squares / ((samples - 1) * samples)) for _, squares in total]
    return Estimate(treedef.unflatten(mean for mean, _ in total), treedef.unflatten(errors))


def _moments(q: Any) -> tuple[Any, Any]:
    """The mean along axis 0, and the sum of squared deviations, a constant."""
    mean = np.mean(q, axis=0)
    return mean, np.sum((getval(q) - getval(mean)) ** 2, axis=0)


def _merged(a: tuple[Any, Any], m: int, b: tuple[Any, Any], n: int) -> tuple[Any, Any]:
    """The moments of two sets of `m` and `n` samples together."""
    step = b[0] - a[0]
    return a[0] + step * (n / (m + n)), a[1] + b[1] + getval(step) ** 2 * (m * n / (m + n))


def _products(product: Callable, v: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a vector times those of its image under a square matrix, elementwise."""
    leaves, treedef = flatten(v)
    images = treedef.flatten_like(product(v), "the product of a matrix and a vector")
    for a, b in zip(leaves, images, strict=True):
        if a is not None and shape_of(a) != shape_of(b):
            raise RuleShapeError(f"the product of a square matrix and a vector of shape {shape_of(a)} has shape {shape_of(b)}")
    return [None if a is None else a * b for a, b in zip(leaves, images, strict=True)], treedef


def form(product: Callable) -> Callable:
    """``v -> v . A v``, whose mean is the trace."""
    return lambda v: functools.reduce(operator.add, [np.sum(leaf) for leaf in _products(product, v)[0] if leaf is not None])


def entries(product: Callable) -> Callable:
    """``v -> v * A v``, whose mean is the diagonal."""

    def sample(v: Any) -> Any:
        leaves, treedef = _products(product, v)
        return treedef.unflatten(leaves)

    return sample


def hutchinson_trace(product: Callable, like: Any, *, samples: int, rng: Any = None) -> Estimate:
    """Estimate the trace of a square matrix that is known by its products with vectors.

    The mean of ``v . A v`` over random vectors ``v`` of signs, each of which is 1 or -1 with equal probability.

    Parameters
    ----------
    product : callable
        ``product(v)`` is the matrix times `v`, in the structure of `v`. It is given many vectors at once, as by `vmap`; one after
        the other if it does not allow that.
    like : array or pytree of arrays
        Of the structure, shapes and dtypes of a vector; the numbers are not used.
    samples : int
        Number of products, at least 2.
    rng : numpy.random.Generator or seed, optional
        Where the signs come from.

    Returns
    -------
    Estimate
        ``(value, error)``, the mean and its standard error.

    See Also
    --------
    hutchinson_diagonal : the diagonal.
    laplacian, divergence : traces of Hessians and Jacobians, exact or estimated.

    Notes
    -----
    The variance of one sample is twice the sum of the squared elements off the diagonal of the symmetric part, so a diagonal
    matrix is estimated without error.

    References
    ----------
    Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines, Communications in
    Statistics 19 (1990).

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[2.0, 0.1], [0.1, 3.0]])
    >>> value, error = hutchinson_trace(lambda v: A @ v, np.zeros(2), samples=100, rng=0)
    >>> bool(abs(value - 5.0) < 4 * error)
    True
    """
    return estimate(form(product), Directions(like, "hutchinson_trace", None), samples, rng)


def hutchinson_diagonal(product: Callable, like: Any, *, samples: int, rng: Any = None) -> Estimate:
    """Estimate the diagonal of a square matrix that is known by its products with vectors.

    The mean of ``v * A v`` over random vectors of signs. Parameters are those of `hutchinson_trace`.

    Returns
    -------
    Estimate
        ``(value, error)``, each with the structure of `like`.

    References
    ----------
    Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix, Applied Numerical Mathematics 57 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[2.0, 0.1], [0.1, 3.0]])
    >>> value, error = hutchinson_diagonal(lambda v: A @ v, np.zeros(2), samples=100, rng=0)
    >>> np.round(value, 1)
    array([2., 3.])
    """
    return estimate(entries(product), Directions(like, "hutchinson_diagonal", None), samples, rng)
