"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import numpy as _np
from scipy import special as _sc

from ...array.box import as_array as _as_array
from ...rules.tools import anywhere as _anywhere
from ._distribution import as_double as _as_double
from ._distribution import fallback as _fallback


def logpdf(x: Any, alpha: Any) -> Any:
    """Logarithm of the probability density.

    Parameters
    ----------
    x : (K,) or (K, N) array_like
        Points of the simplex, along axis 0; or their first K - 1 coordinates.
    alpha : (K,) array_like
        Concentrations, positive.

    Returns
    -------
    scalar or (N,) ndarray

    Raises
    ------
    ValueError
        If a point does not lie on the simplex, or a concentration is not positive.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(logpdf, 1)(np.array([0.5, 0.5]), np.array([1.0, 1.0])).round(6)
    array([0.306853, 0.306853])
    """
    alpha = _concentrations(alpha)
    x = _on_simplex(_as_double(_as_array(x)), alpha)
    powers = alpha - 1
    return _np.sum(_sc.xlogy(powers if x.ndim == 1 else powers[:, None], x), axis=0) - _log_beta(alpha)


def pdf(x: Any, alpha: Any) -> Any:
    """Probability density.

    Parameters
    ----------
    x, alpha : array_like
        As for `logpdf`.

    Returns
    -------
    scalar or (N,) ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> print(f"{pdf(np.array([0.5, 0.5]), np.array([2.0, 2.0])):.6f}")
    1.500000
    """
    return _np.exp(logpdf(x, alpha))


def entropy(alpha: Any) -> Any:
    """Differential entropy.

    Parameters
    ----------
    alpha : (K,) array_like
        Concentrations.

    Returns
    -------
    scalar

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(entropy)(np.array([1.0, 1.0])).round(9) + 0.0
    array([0., 0.])
    """
    alpha = _concentrations(alpha)
    total = _np.sum(alpha)
    return _log_beta(alpha) + (total - len(alpha)) * _sc.psi(total) - _np.sum((alpha - 1) * _sc.psi(alpha))


def _log_beta(alpha: Any) -> Any:
    return _np.sum(_sc.gammaln(alpha)) - _sc.gammaln(_np.sum(alpha))


def _concentrations(alpha: Any) -> Any:
    alpha = _as_double(_as_array(alpha))
    if alpha.ndim != 1:
        raise ValueError(f"Parameter vector 'a' must be one dimensional, but a.shape = {alpha.shape}.")
    if _anywhere(alpha <= 0):
        raise ValueError("All parameters must be greater than 0")
    return alpha


def _on_simplex(x: Any, alpha: Any) -> Any:
    """`x` with its last coordinate, checked as SciPy does."""
    if x.shape[:1] == (len(alpha) - 1,):
        x = _np.concatenate([x, 1 - _np.sum(x, axis=0, keepdims=True)])
    if x.shape[:1] != alpha.shape:
        raise ValueError(f"dirichlet: x of shape {x.shape} and alpha of shape {alpha.shape} do not match")
    if _anywhere((x < 0) | (x > 1)):
        raise ValueError("Each entry in 'x' must be between zero and one.")
    if _anywhere((x == 0) & (_np.reshape(alpha, (-1,) + (1,) * (x.ndim - 1)) < 1)):
        raise ValueError("Each entry in 'x' must be greater than zero if its alpha is less than one.")
    if _anywhere(abs(_np.sum(x, axis=0) - 1.0) > 10e-10):
        raise ValueError("The input vector 'x' must lie within the normal simplex.")
    return x


__getattr__ = _fallback("dirichlet")
