"""`numpy.where` as HIPS autograd has it: arguments by name, and Python values for Python values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array.box import ArrayBox, call
from ..engine.tables import ALIASES
from ._reexport import accepting_lists

_where = accepting_lists(np.where, "where", __name__)
_ARRAYS = frozenset({np.ndarray, np.float64, np.bool_, ArrayBox})
_PYTHON = frozenset({bool, int, float, complex, str})


def where(condition: Any, *choices: Any, **named: Any) -> Any:
    """Elements of `x` where `condition` is true and of `y` elsewhere; with `condition` alone, where it is true.

    Parameters
    ----------
    condition : array_like of bool
    x, y : array_like, optional
        By position or by name; both or neither.

    Returns
    -------
    ndarray, tuple of ndarrays, or a Python value
        The last where there is no array among the arguments, nor in lists among them.

    See Also
    --------
    numpy.where

    Examples
    --------
    >>> where(True, 1, 2), where([1, 0], x=[1.0, 2.0], y=0.0)
    (1, [1.0, 0.0])
    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if len(choices) == 2 and not named:
        x, y = choices
        if type(x) is ArrayBox or type(y) is ArrayBox:
            return call(np.where, (condition, x, y), {})
        if type(condition) in _ARRAYS or type(x) in _ARRAYS or type(y) in _ARRAYS:
            return _where(condition, x, y)
    elif not choices and not named:
        return _where(condition)
    else:
        given = {**dict(zip("xy", choices, strict=False)), **named}
        if len(choices) > 2:
            raise TypeError(f"where() takes from 1 to 3 positional arguments but {1 + len(choices)} were given")
        if len(choices) + len(named) != 2 or set(given) != {"x", "y"}:
            if len(choices) == 2:
                raise TypeError(f"where() got multiple values for {', '.join(sorted(named))}")
            raise ValueError("either both or neither of x and y should be given")
        x, y = given["x"], given["y"]
    out = _where(condition, x, y)
    if type(out) is np.ndarray and not (_holds_array(condition) or _holds_array(x) or _holds_array(y)):
        return out.tolist()
    return out


def _holds_array(x: Any) -> bool:
    if type(x) is list or type(x) is tuple:
        return any(map(_holds_array, x))
    return type(x) not in _PYTHON


ALIASES[where] = np.where
