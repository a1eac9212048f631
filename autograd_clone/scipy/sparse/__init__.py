"""`scipy.sparse`: constant sparse matrices in products with traced arrays.

Every name of `scipy.sparse` is here, and is SciPy's own. ``S @ x``, ``x @ S`` and ``S.dot(x)`` are differentiated with respect to
the array, in every mode and to any order, for sparse arrays and matrices of every format; so is ``S * x`` where it means that,
for matrices. Nothing needs to be imported from here for that: SciPy's objects will do. `linalg` has the solution of systems.

The entries of a sparse matrix are constants. A matrix of traced entries has to be applied to an array by its positions, as in
``np.bincount(rows, entries * x[columns], n)``.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> from scipy import sparse
>>> path = sparse.diags_array([[2.0, 2.0, 2.0], [-1.0, -1.0]], offsets=[0, 1])
>>> grad(lambda x: x @ (path @ x))(np.ones(3))
array([3., 2., 3.])
"""

from __future__ import annotations

from scipy import sparse as _sparse

from . import linalg as linalg

globals().update({_name: getattr(_sparse, _name) for _name in _sparse.__all__ if _name != "linalg"})

__all__ = list(_sparse.__all__)
