"""What the rules of linear algebra share: transposes, adjoints, conjugates without needless copies."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..engine.cotangent import shape_of
from ..engine.trace import apply


def is_complex(*xs: Any) -> bool:
    """Whether any of the arrays is complex, by its dtype."""
    return any(x.dtype.kind == "c" for x in xs)


def conj(x: Any) -> Any:
    """Complex conjugate; `x` itself where it is real, without a copy."""
    return np.conj(x) if x.dtype.kind == "c" else x


def real(x: Any) -> Any:
    """Real part; `x` itself where it is real."""
    return np.real(x) if x.dtype.kind == "c" else x


def T(x: Any) -> Any:
    """Transposes of the matrices in the last two axes."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def H(x: Any) -> Any:
    """Conjugate transposes of the matrices in the last two axes."""
    return conj(T(x))


def column(x: Any) -> Any:
    """Vectors in the last axis as matrices of one column."""
    return x[..., None]


def row(x: Any) -> Any:
    """Vectors in the last axis as matrices of one row."""
    return x[..., None, :]


def add2d(x: Any) -> Any:
    """One number per matrix, ready to multiply the matrices."""
    return x[..., None, None]


def eye_like(x: Any) -> np.ndarray:
    """The identity of the size of the last axis of `x`, in its precision."""
    return np.eye(shape_of(x)[-1], dtype=x.dtype)


def real_dtype(x: Any) -> np.dtype:
    """The dtype of the real part of `x`."""
    return (
        x.dtype
        if x.dtype.kind != "c"
        else np.dtype({8: np.float32, 16: np.float64}.get(x.dtype.itemsize, np.longdouble))
    )


def flat_rows(x: Any) -> Any:
    """A stack of matrices as one matrix: all axes but the last made one."""
    shape = shape_of(x)
    return np.reshape(x, (prod(shape[:-1]), shape[-1]))


def batch_all(trace, prim, operands, params):
    """Batching rule: operands with different numbers of axes, each with the batch in front."""
    return trace.box(apply(prim, tuple(trace.all_of(x) for x in operands), params))
