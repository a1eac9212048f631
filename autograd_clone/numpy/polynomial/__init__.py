"""The names of `numpy.polynomial`: series in six bases, whose coefficients, points, domains and roots may be traced.

Plain ``numpy.polynomial`` is not asked by NumPy's protocols; use the functions and classes here.

Examples
--------
>>> import autograd_clone.numpy as np
>>> from autograd_clone import grad
>>> grad(lambda c: np.polynomial.Chebyshev(c).integ()(0.5))(np.array([1.0, 2.0, 3.0]))
array([ 0.5       ,  0.125     , -0.41666667])
"""

from __future__ import annotations

from typing import Any

import numpy as _np

from . import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial, polyutils
from .chebyshev import Chebyshev
from .hermite import Hermite
from .hermite_e import HermiteE
from .laguerre import Laguerre
from .legendre import Legendre
from .polynomial import Polynomial

__all__ = [
    "Chebyshev", "Hermite", "HermiteE", "Laguerre", "Legendre", "Polynomial", "chebyshev", "hermite", "hermite_e", "laguerre",
    "legendre", "polynomial", "polyutils",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    return getattr(_np.polynomial, name)
