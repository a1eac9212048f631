"""The names of `numpy.emath`."""

from __future__ import annotations

from typing import Any

import numpy as _np

from . import _reexport

globals().update(_reexport.exported(_np.emath, __name__))


def __getattr__(name: str) -> Any:
    return getattr(_np.emath, name)
