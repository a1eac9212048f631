"""Operations with sparse matrices of SciPy, which are neither arrays nor numbers.

``x @ S`` comes to the operator of the box, which looks here. ``S @ x`` goes to SciPy first. It makes a plain array of `x`, and
if that is an array of one Python object, which is what NumPy makes of an object that it cannot look into, it leaves the product
to `x`. So in that place, and in no other, a box turns into such an array.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.errors import TracedConversionError

#: ``OPERATIONS[ufunc](a, b)``: the operation where one operand is no array, or ``NotImplemented``; set by the rules.
OPERATIONS: dict[Callable, Callable[[Any, Any], Any]] = {}


class TracedArray(np.ndarray):
    """What `isinstance` takes a traced array for. Code that asks for `numpy.ndarray` itself goes on to read its memory."""


#: Libraries with arrays or containers of their own. They ask for `numpy.ndarray` to find out what they may take apart and what has
#: protocols of its own, as a traced array has; were it taken for NumPy's, its trace would be lost.
LIBRARIES = frozenset({"awkward", "cupy", "dask", "distributed", "jax", "pandas", "pint", "sparse", "torch", "xarray"})


_PROTOCOLS = frozenset({"__array_function__", "__array_ufunc__"})


def is_asked_by_library(depth: int = 1) -> bool:
    """Whether a property, whose getter is `depth` calls above, is asked for by one of the `LIBRARIES` or by a type's protocol."""
    frame = sys._getframe(depth + 1)
    if frame.f_globals.get("__name__", "").partition(".")[0] in LIBRARIES or frame.f_code.co_name in _PROTOCOLS:
        return True
    return frame.f_back is not None and frame.f_back.f_code.co_name in _PROTOCOLS  # in an expression like all(... for ...)


def refuse_task(box: Any) -> None:
    """``__dask_tokenize__`` of boxes: Dask asks for it before it hides a value in a task, where no trace sees it."""
    raise TracedConversionError(
        "a traced value was handed to Dask as data of a task, where nothing that is done with it would be differentiated. Use "
        "operators and functions of NumPy: X @ w or np.dot(X, w) for X.dot(w), np.where for da.where; da.map_blocks and the like "
        "have no derivative"
    )


def opaque(*args: Any, **kwargs: Any) -> np.ndarray:
    """What NumPy makes of an object that it cannot look into."""
    out = np.empty((), object)
    out[()] = "a traced value"
    return out


def is_factor_of_sparse(depth: int = 1) -> bool:
    """Whether a function, `depth` calls above, was called by SciPy's product of a sparse matrix and an array."""
    caller = sys._getframe(depth + 1)
    return caller.f_code.co_name == "_matmul_dispatch" and caller.f_globals.get("__name__", "").startswith("scipy.sparse.")


def as_plain_array(box: Any) -> Callable:
    """``__array__`` of boxes that have none, so that NumPy takes them for sequences."""
    if is_factor_of_sparse():
        return opaque
    raise AttributeError("__array__")
