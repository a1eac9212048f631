"""The names of `numpy.fft`."""

from __future__ import annotations

from typing import Any

import numpy as _np

from . import _reexport

globals().update(_reexport.exported(_np.fft, __name__))


def __getattr__(name: str) -> Any:
    return getattr(_np.fft, name)
