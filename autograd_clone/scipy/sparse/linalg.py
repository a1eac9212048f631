"""`scipy.sparse.linalg`: systems of equations with a constant sparse matrix, differentiable in the right-hand side.

Every name of `scipy.sparse.linalg` is here; `spsolve` and `factorized` take traced right-hand sides.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> from autograd_clone.scipy import sparse
>>> a = sparse.csc_array([[2.0, 0.0], [0.0, 4.0]])
>>> grad(lambda b: np.sum(sparse.linalg.spsolve(a, b)))(np.ones(2))
array([0.5 , 0.25])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy.sparse import linalg as _linalg

from ...engine.box import Box as _Box
from ...rules import sparse_products as _rules

globals().update({_name: getattr(_linalg, _name) for _name in _linalg.__all__})

__all__ = list(_linalg.__all__)


def spsolve(A: Any, b: Any, permc_spec: str | None = None, use_umfpack: bool = True) -> Any:
    """Solve the sparse linear system ``A x = b``.

    Parameters
    ----------
    A : sparse array or matrix, (N, N)
        Constant.
    b : (N,) or (N, M) array_like
        Right-hand sides; differentiable if it is not sparse.
    permc_spec, use_umfpack : optional
        As in SciPy; not used for a traced `b`.

    Returns
    -------
    ndarray
        Of the shape of `b`; of shape ``(N,)`` if that is ``(N, 1)``, as in SciPy.

    Raises
    ------
    RuntimeError
        If `A` is singular and `b` is traced.

    Notes
    -----
    For a traced `b`, `A` is factorised once, and the factors serve all derivatives: the adjoint of a solution is the
    solution of the transposed system.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import jacobian
    >>> from scipy import sparse
    >>> a = sparse.csc_array([[2.0, 1.0], [0.0, 4.0]])
    >>> jacobian(lambda b: spsolve(a, b))(np.ones(2))
    array([[ 0.5  , -0.125],
           [ 0.   ,  0.25 ]])
    """
    if not isinstance(b, _Box):
        return _linalg.spsolve(A, b, permc_spec, use_umfpack)
    x = factorized(A)(b)
    return x.reshape(x.shape[:1]) if x.shape[1:] == (1,) else x


def factorized(A: Any) -> Callable[[Any], Any]:
    """A function that solves ``A x = b``, with `A` factorised once for all right-hand sides.

    Parameters
    ----------
    A : sparse array or matrix, (N, N)
        Constant.

    Returns
    -------
    callable
        ``solve(b)`` for `b` of shape ``(N,)`` or ``(N, M)``, which may be traced.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> from scipy import sparse
    >>> solve = factorized(sparse.eye_array(3, format="csc") * 2.0)
    >>> grad(lambda b: np.sum(solve(b) ** 2))(np.ones(3))
    array([0.5, 0.5, 0.5])
    """
    if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"factorized: the matrix must be square, but its shape is {A.shape}")
    factors = _rules.Factors(A)
    return lambda b: _rules.solve(factors, b)
