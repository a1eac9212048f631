"""Making arrays, such that inside a transform traced values may be written into what is made.

Outside of transforms the functions are NumPy's own and return plain arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.memory import kept
from ..engine.tables import ALIASES
from ..engine.trace import LIVE, tracing
from ..rules import creation

#: The functions of the namespace that make arrays.
MAKERS = (
    "arange", "array", "copy", "empty", "empty_like", "eye", "full", "full_like", "geomspace", "identity", "linspace", "logspace",
    "ones", "ones_like", "tri", "zeros", "zeros_like",
)  # fmt: skip


def assignable(fun: Callable) -> Callable:
    """A function that makes arrays, as one that inside a transform makes such that traced values may be written to them."""

    @functools.wraps(fun)
    def function(*args: Any, **kwargs: Any) -> Any:
        made = fun(*args, **kwargs)
        if not LIVE or type(made) is not np.ndarray or not tracing():
            return made
        if made.base is not None:
            if fun is creation.array:  # copy=False: a view of what it was given
                return made
            made = made.copy()
        return made if args and made is args[0] else kept(made)

    ALIASES[function] = ALIASES.get(fun, fun)
    return function
