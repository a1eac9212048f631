"""The names of `numpy.polynomial.legendre`: series of Legendre polynomials."""

from __future__ import annotations

from typing import Any

import numpy as _np

from ...rules import series as _series  # noqa: F401  fills the registry
from .. import _reexport
from ._classes import traceable as _traceable

globals().update(_reexport.exported(_np.polynomial.legendre, __name__))
Legendre = _traceable(_np.polynomial.Legendre, __name__)


def __getattr__(name: str) -> Any:
    return getattr(_np.polynomial.legendre, name)
