"""The names of `numpy.polynomial.laguerre`: series of Laguerre polynomials."""

from __future__ import annotations

from typing import Any

import numpy as _np

from ...rules import series as _series  # noqa: F401  fills the registry
from .. import _reexport
from ._classes import traceable as _traceable

globals().update(_reexport.exported(_np.polynomial.laguerre, __name__))
Laguerre = _traceable(_np.polynomial.Laguerre, __name__)


def __getattr__(name: str) -> Any:
    return getattr(_np.polynomial.laguerre, name)
