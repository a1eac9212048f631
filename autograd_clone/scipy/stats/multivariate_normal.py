"""The normal distribution of vectors."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as _np

from ...array.box import as_array as _as_array
from ...engine.box import Box as _Box
from ...engine.box import all_values as _all_values
from ...engine.errors import NotDifferentiableError as _NotDifferentiableError
from ._distribution import as_double as _as_double
from ._distribution import fallback as _fallback

_LOG_TWO_PI = log(2 * pi)


def logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """Logarithm of the probability density.

    Parameters
    ----------
    x : (..., D) array_like
        Points; if D is one, the last axis may be left out.
    mean : (D,) array_like, optional
        Zero by default.
    cov : (D, D) array_like, optional
        Covariance: a matrix, its diagonal, or a multiple of the identity.
    allow_singular : bool, optional
        Accept a singular covariance, of which there is no derivative then.

    Returns
    -------
    scalar or (...) ndarray

    Raises
    ------
    numpy.linalg.LinAlgError
        If `cov` is singular and that is not allowed.
    ValueError
        If `cov` has a negative eigenvalue.

    Notes
    -----
    The derivative in `cov` is that of the density as a function of all its entries, for a symmetric one: a symmetric
    matrix.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(logpdf)(np.array([1.0, 2.0]), np.zeros(2), 2 * np.eye(2))
    array([-0.5, -1. ])
    """
    mean, cov = _parameters(x, mean, cov)
    dim = len(mean)
    difference = _points(x, dim) - mean
    factor = None if not allow_singular else _singular_part(cov)
    if factor is None:
        _check(cov)
        solved = _np.swapaxes(_np.linalg.solve(cov, difference.reshape((-1, dim)).T), 0, 1)
        log_det, rank = _np.linalg.slogdet(cov)[1], dim
    else:
        inverse, null, log_det, rank, bound = factor
        solved = difference.reshape((-1, dim)) @ inverse
    square = _np.sum(difference * solved.reshape(difference.shape), axis=-1)
    out = -0.5 * (rank * _LOG_TWO_PI + log_det + square)
    if factor is not None:
        out = _np.where(_np.linalg.norm(_all_values(difference) @ null, axis=-1) >= bound, -_np.inf, out)
    return _np.squeeze(out)[()]


def pdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """Probability density.

    Parameters
    ----------
    x, mean, cov, allow_singular
        As for `logpdf`.

    Returns
    -------
    scalar or (...) ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> print(f"{pdf(np.zeros(2), np.zeros(2), np.eye(2)):.6f}")
    0.159155
    """
    return _np.exp(logpdf(x, mean, cov, allow_singular))


def entropy(mean: Any = None, cov: Any = 1) -> Any:
    """Differential entropy, in nats.

    Parameters
    ----------
    mean : (D,) array_like, optional
        Without influence.
    cov : (D, D) array_like, optional
        As for `logpdf`.

    Returns
    -------
    scalar

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(entropy, 1)(np.zeros(2), np.eye(2))
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    mean, cov = _parameters(None, mean, cov)
    _check(cov)
    return 0.5 * (len(mean) * (1 + _LOG_TWO_PI) + _np.linalg.slogdet(cov)[1])


# ---- arguments --------------------------------------------------------------------------------------------


def _parameters(x: Any, mean: Any, cov: Any) -> tuple[Any, Any]:
    """A mean vector and a covariance matrix."""
    cov = _as_double(_as_array(1.0 if cov is None else cov))
    if mean is not None:
        mean = _np.reshape(_as_double(_as_array(mean)), (-1,))
    elif cov.ndim:
        mean = _np.zeros(len(cov))
    else:
        x = _np.atleast_1d(0.0 if x is None else _as_array(x))
        mean = _np.zeros(x.shape[-1])
    dim = len(mean)
    if cov.ndim == 0:
        cov = cov * _np.eye(dim)
    elif cov.ndim == 1:
        cov = _np.diag(cov)
    if cov.shape != (dim, dim):
        raise ValueError(f"multivariate_normal: the mean has {dim} entries, the covariance shape {cov.shape}")
    return mean, cov


def _points(x: Any, dim: int) -> Any:
    """Points as rows of an array of two axes or more."""
    x = _np.atleast_1d(_as_double(_as_array(x)))
    if x.ndim == 1:
        return x[:, None] if dim == 1 else x[None, :]
    return x


# ---- the covariance ---------------------------------------------------------------------------------------


def _spectrum(cov: Any) -> tuple[Any, Any, float]:
    """Eigenvalues, eigenvectors, and the bound below which SciPy takes an eigenvalue for zero."""
    values, vectors = _np.linalg.eigh(_all_values(cov))
    return values, vectors, 1e6 * _np.finfo(values.dtype).eps * _np.max(abs(values))


def _check(cov: Any) -> None:
    """Raise unless `cov` is positive definite; its Cholesky factor is the quickest way to know."""
    try:
        _np.linalg.cholesky(_all_values(cov))
    except _np.linalg.LinAlgError:
        values, _, bound = _spectrum(cov)
        if _np.min(values) < -bound:
            raise ValueError("The input matrix must be symmetric positive semidefinite.") from None
        raise _np.linalg.LinAlgError(
            "When `allow_singular is False`, the input matrix must be symmetric positive definite."
        ) from None


def _singular_part(cov: Any) -> tuple[Any, Any, Any, int, float] | None:
    """What is needed of a singular covariance; ``None`` for a regular one.

    Pseudo-inverse, null space, logarithm of the pseudo-determinant, rank, and how far from the support counts
    as on it.
    """
    values, vectors, bound = _spectrum(cov)
    if _np.min(values) < -bound:
        raise ValueError("The input matrix must be symmetric positive semidefinite.")
    kept = values > bound
    if _np.all(kept):
        return None
    if isinstance(cov, _Box):
        raise _NotDifferentiableError("multivariate_normal: there is no derivative in a singular covariance")
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return inverse, vectors[:, ~kept], _np.sum(_np.log(values[kept])), int(_np.sum(kept)), 1e3 * bound


__getattr__ = _fallback("multivariate_normal")
