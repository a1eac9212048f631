"""The parts of SciPy that can be differentiated: `integrate`, `interpolate`, `linalg`, `optimize`,
`signal`, `sparse`, `special`, `stats`.

Each is imported when it is first used, and only then SciPy itself.

Examples
--------
>>> from autograd_clone import grad
>>> from autograd_clone.scipy import special
>>> grad(special.erf)(0.0)
np.float64(1.1283791670955126)
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["integrate", "interpolate", "linalg", "optimize", "signal", "sparse", "special", "stats"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
