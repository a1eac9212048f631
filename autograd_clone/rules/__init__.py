"""The rule tables, by API area. Importing this package fills the registry and equips the ndarray box."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from ..array import batch, constants, methods, operators, updates
from ..engine.primitive import LOADERS
from . import (
    assignment,
    axes,
    batching,
    batching_products,
    convolution,
    creation,
    cumulative,
    decompositions,
    determinants,
    diagonals,
    differences,
    eigen,
    einsum,
    fft,
    gathering,
    hips,
    indexing,
    interpolation,
    joining,
    linalg,
    logic,
    mapping,
    nan,
    norms,
    padding,
    pointwise,
    polynomial,
    products,
    quantiles,
    ranges,
    reductions,
    refused,
    repetition,
    selection,
    shape,
    sorting,
    sparse_products,
    statistics,
    taylor,
    ufunc_methods,
    ufuncs,
    variance,
    views,
    writing,
)

__all__ = ["assignment", "axes", "batching", "batching_products", "convolution", "creation", "cumulative", "decompositions", "determinants", "diagonals", "differences", "eigen", "einsum", "fft", "gathering", "hips", "indexing", "interpolation", "joining", "linalg", "logic", "mapping", "nan", "norms", "padding", "pointwise", "polynomial", "products", "quantiles", "ranges", "reductions", "refused", "repetition", "selection", "shape", "sorting", "sparse_products", "statistics", "taylor", "ufunc_methods", "ufuncs", "variance", "views", "writing"]

operators.install()
updates.install()
methods.install()
batch.install()
constants.install()
batching.install()


def _load_special(fun: Any) -> bool:
    """Register the rules of `scipy.special` when one of its ufuncs first meets a traced value."""
    if not isinstance(fun, np.ufunc) or "scipy.special" not in sys.modules:
        return False
    importlib.import_module(f"{__name__}.special")
    return True


def _load_series(fun: Any) -> bool:
    """Register the rules of `numpy.polynomial` when one of its functions first meets a traced value."""
    if not (getattr(fun, "__module__", None) or "").startswith("numpy.polynomial.") or f"{__name__}.series" in sys.modules:
        return False
    importlib.import_module(f"{__name__}.series")
    return True


LOADERS.append(_load_special)
LOADERS.append(_load_series)
