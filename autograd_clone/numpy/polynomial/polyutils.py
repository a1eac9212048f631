"""The names of `numpy.polynomial.polyutils`: coefficients and domains."""

from __future__ import annotations

from typing import Any

import numpy as _np

from ...rules import series as _series  # noqa: F401  fills the registry
from .. import _reexport

globals().update(_reexport.exported(_np.polynomial.polyutils, __name__))


def __getattr__(name: str) -> Any:
    return getattr(_np.polynomial.polyutils, name)
