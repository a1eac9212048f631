"""The names of `numpy.linalg`, and two that HIPS autograd adds."""

from __future__ import annotations

from typing import Any

import numpy as _np

from . import _reexport

globals().update(_reexport.exported(_np.linalg, __name__))


def T(x: Any) -> Any:
    """The transpose of the last two axes."""
    return _np.swapaxes(x, -1, -2)


def _dot(a: Any, b: Any) -> Any:
    """Products of the matrices in the last two axes."""
    return _np.einsum("...ij,...jk->...ik", a, b)


def __getattr__(name: str) -> Any:
    return getattr(_np.linalg, name)
