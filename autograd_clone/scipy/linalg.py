"""`scipy.linalg`, differentiable.

Every name of `scipy.linalg` is here. A function whose argument is traced is differentiated, in reverse and
forward mode and to any order; one without a derivative rule says so when that happens. Options such as
``overwrite_a`` and ``check_finite`` have no effect on a traced call.

Notes
-----
A matrix of which SciPy reads one triangle has its gradient in that triangle, except for `cholesky` and
`cho_factor`, whose gradient is that with respect to a Hermitian matrix, as for `numpy.linalg.cholesky`.

Derivatives of matrix functions follow Higham, "Functions of Matrices" (2008), chapter 3.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> from autograd_clone.scipy import linalg
>>> a = np.array([[2.0, 1.0], [0.0, 3.0]])
>>> print(grad(lambda a: np.trace(linalg.expm(a)))(a).round(3))
[[ 7.389  0.   ]
 [12.696 20.086]]
"""

from __future__ import annotations

from typing import Any

from scipy import linalg as _linalg

from ..rules import scipy_banded, scipy_decompositions, scipy_linalg, scipy_matrix_functions

_TABLES = (scipy_banded, scipy_decompositions, scipy_linalg, scipy_matrix_functions)
for _name in _linalg.__all__:
    _value = getattr(_linalg, _name)
    if callable(_value) and not isinstance(_value, type):  # some are compiled
        _value = scipy_linalg.accepting_traces(_value, __name__)
    globals()[_name] = _value


def __getattr__(name: str) -> Any:
    return getattr(_linalg, name)
