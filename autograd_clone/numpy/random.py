"""The names of `numpy.random`, unchanged: a random draw has no derivative."""

from __future__ import annotations

from types import ModuleType as _ModuleType
from typing import Any

import numpy as _np

globals().update({
    name: value
    for name, value in vars(_np.random).items()
    if not name.startswith("_") and not isinstance(value, _ModuleType)
})


def __getattr__(name: str) -> Any:
    return getattr(_np.random, name)
