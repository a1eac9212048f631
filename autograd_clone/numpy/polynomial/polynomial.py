"""The names of `numpy.polynomial.polynomial`: series of powers."""

from __future__ import annotations

from typing import Any

import numpy as _np

from ...rules import series as _series  # noqa: F401  fills the registry
from .. import _reexport
from ._classes import traceable as _traceable

globals().update(_reexport.exported(_np.polynomial.polynomial, __name__))
Polynomial = _traceable(_np.polynomial.Polynomial, __name__)


def __getattr__(name: str) -> Any:
    return getattr(_np.polynomial.polynomial, name)
