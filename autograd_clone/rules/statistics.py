"""Weighted means, covariance and correlation, and weighted counts."""

from __future__ import annotations

import warnings

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom
from .creation import as_array, cast_to
from .gathering import read_at
from .tools import NOT_GIVEN, anywhere, axes_of, count, in_dtype

# ---- average -------------------------------------------------------------------------------------------


@composite(
    np.average,
    operands=("a", "weights"),
    samples=lambda s: [
        s(s.array(3, 4)),
        s(s.array(3, 4), axis=(0, 1), keepdims=True, returned=True),
        s(s.array(3, 4), weights=s.positive(3, 4)),
        s(s.array(3, 4), 1, s.positive(4)),
        s(s.array(2, 3, 4), axis=(2, 0), weights=s.positive(4, 2), returned=True),
        s(s.array(3, 4), axis=-2, weights=s.positive(3), keepdims=True),
        s(s.array(3), weights=[1, 2, 3]),
    ],
)
def _average(a, axis=None, weights=None, returned=False, *, keepdims=NOT_GIVEN):
    a = as_array(a)
    if axis is not None:
        if not a.ndim and axis != ():
            raise np.exceptions.AxisError(0, 0)
        axis = axes_of(axis, a.ndim)
    if weights is None:
        average = np.mean(a, axis=axis, keepdims=keepdims)
        scale = np.asarray(count(a.shape, axis), dtype_of(average))
    else:
        w = _aligned(as_array(weights), a.shape, axis)
        scale = np.sum(w, axis=axis, dtype=np.result_type(dtype_of(a), dtype_of(w)), keepdims=keepdims)
        if anywhere(scale == 0, unknown=False):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        average = np.sum(a * w, axis=axis, keepdims=keepdims) / scale
    if not returned:
        return average
    shape = shape_of(average)
    return average, scale if shape_of(scale) == shape else np.broadcast_to(scale, shape)


def _aligned(w, shape, axis):
    """Weights of the reduced axes only, as an array that broadcasts with the operand of that shape."""
    if w.shape == shape:
        return w
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = axes_of(axis, len(shape))
    if w.shape != tuple(shape[k] for k in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    w = np.transpose(w, np.argsort(axes))
    return w.reshape([n if k in axes else 1 for k, n in enumerate(shape)])


# ---- covariance and correlation ------------------------------------------------------------------------


def _covariance_samples(s):
    return [
        s(s.array(3, 5)),
        s(s.array(5)),
        s(s.array(3, 5), s.array(2, 5)),
        s(s.array(5, 3), rowvar=False),
        s(s.array(5, 3), s.array(5), False),
        s(s.array(3, 5), dtype=np.result_type(s.dtype, np.float64)),
    ]


@composite(
    np.cov,
    operands=("m", "y", "aweights"),
    samples=lambda s: [
        *_covariance_samples(s),
        s(s.array(3, 5), bias=True),
        s(s.array(3, 5), ddof=2),
        s(s.array(3, 5), aweights=abs(s.real(5)) + 0.6),
        s(s.array(3, 5), fweights=np.array([1, 2, 1, 0, 3])),
        s(s.array(3, 5), aweights=abs(s.real(5)) + 0.6, fweights=np.array([1, 2, 1, 0, 3]), ddof=1),
    ],
)
def _cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    if ddof is None:
        ddof = 1 if bias == 0 else 0  # also for None, as in NumPy
    x = _variables(m, y, rowvar, dtype)
    if x.shape[0] == 0:
        return np.zeros((0, 0))
    w = _weights(fweights, aweights, x.shape[1])
    if w is None:
        centered = x - np.mean(x, axis=1, keepdims=True)
        scaled, freedom = centered, x.shape[1] - ddof
    else:
        total = np.sum(w)
        centered = x - (np.sum(x * w, axis=1) / total)[:, None]
        scaled = centered * w
        freedom = total - ddof * (1.0 if aweights is None else np.sum(w * as_array(aweights)) / total)
    if anywhere(freedom <= 0, unknown=False):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        freedom = 0.0
    right = np.conj(scaled.T) if dtype_of(x).kind == "c" else scaled.T
    product = np.matmul(centered, right)
    return np.squeeze(cast_to(product * np.true_divide(1, freedom), dtype_of(product)))


def _variables(m, y, rowvar, dtype):
    """The observations with a variable per row, in double precision unless `dtype` says otherwise."""
    m = as_array(m)
    y = None if y is None else as_array(y)
    for name, x in (("m", m), ("y", y)):
        if x is not None and x.ndim > 2:
            raise ValueError(f"{name} has more than 2 dimensions")
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"covariances of dtype {dtype}")
    if dtype is None:
        dtype = np.result_type(dtype_of(m), np.float64, *([] if y is None else [dtype_of(y)]))
    x = np.atleast_2d(in_dtype(m, dtype))
    if not rowvar and m.ndim != 1:
        x = x.T
    if y is None or x.shape[0] == 0:
        return x
    y = np.atleast_2d(in_dtype(y, dtype))
    return np.concatenate([x, y.T if not rowvar and y.shape[0] != 1 else y], axis=0)


def _weights(fweights, aweights, n):
    """The product of frequencies and weights, of which either may be missing."""
    w = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        given = cast_to(as_array(given), np.float64)  # as NumPy does
        if given.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if given.shape[0] != n:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if anywhere(given < 0, unknown=False):
            raise ValueError(f"{name} cannot be negative")
        if name == "fweights" and anywhere(given != np.around(given), unknown=False):
            raise TypeError("fweights must be integer")
        w = given if w is None else w * given
    return w


@composite(np.corrcoef, operands=("x", "y"), samples=_covariance_samples)
def _corrcoef(x, y=None, rowvar=True, bias=NOT_GIVEN, ddof=NOT_GIVEN, *, dtype=None):
    if bias is not NOT_GIVEN or ddof is not NOT_GIVEN:  # without influence, and gone since NumPy 2.4
        np.corrcoef([0.0, 1.0], None, True, bias, ddof)  # warns, or raises
    c = np.cov(as_array(x), y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviations = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviations[:, None] / deviations[None, :]
    if dtype_of(c).kind != "c":
        return np.clip(c, -1, 1)
    return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)


# ---- weighted counts -----------------------------------------------------------------------------------

custom(
    np.bincount,
    operands=("x", "weights"),
    vjp={"weights": lambda g, x: read_at(g, x)},
    jvp={"weights": lambda t, x, minlength: np.bincount(x, t, minlength)},
    defaults={"minlength": 0},
    harmless=("minlength",),
    complex=False,
    samples=lambda s: [
        s(np.array([0, 2, 1, 2]), s.array(4)),
        s(np.array([0, 2, 1, 2]), weights=s.array(4), minlength=5),
        s(np.zeros(0, int), s.array(0)),
    ],
)
