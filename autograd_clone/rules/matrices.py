"""What the rules of linear algebra share: transposes, adjoints, array arguments of composites."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..array.box import FROM_LIST
from ..engine.cotangent import shape_of
from ..engine.errors import UnsupportedKeywordError


def array_of(x: Any) -> Any:
    """`x` as an array, traced if it is or holds traced values."""
    if type(x) is list or type(x) is tuple:
        return FROM_LIST[0](x)
    return x if hasattr(x, "shape") else np.asarray(x)


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
    return x.dtype if x.dtype.kind != "c" else np.dtype({8: np.float32, 16: np.float64}.get(x.dtype.itemsize, np.longdouble))


def flat_rows(x: Any) -> Any:
    """A stack of matrices as one matrix: all axes but the last made one."""
    shape = shape_of(x)
    return np.reshape(x, (prod(shape[:-1]), shape[-1]))


def refuse_out(name: str, out: Any) -> None:
    """Raise if the caller of a composite function gave ``out``."""
    if out is not None:
        raise UnsupportedKeywordError(f"{name}: out= cannot be used with a traced array; assign the result to a name")
