"""Convolution in any number of dimensions, with channels.

`CONVOLVE` is one primitive in a canonical layout: ``a`` of shape ``(I, K, *n)`` and ``b`` of shape ``(J, K,
*k)`` give ``(I, J, *m)``, summed over the channels K and convolved over the axes that follow. It is bilinear,
and its derivatives are convolutions of the same kind. `convolve` brings its arguments into that layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index as as_int
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..array.box import as_array
from ..engine.batch import RULES, loop
from ..engine.define import multilinear
from ..engine.primitive import Primitive
from ..engine.trace import apply

#: Elements of the copy that a convolution by matrix product may make (128 MB of double precision).
_LARGEST_COPY = 1 << 24
#: Products of elements from which SciPy's convolution of single channels, which may go by FFT, is called.
_WORTH_SCIPY = 1 << 14


# ---- the primitive ----------------------------------------------------------------------------------------


def convolve_channels(a, b, *, mode="full", method="auto"):
    """``out[i, j] = sum of convolution(a[i, c], b[j, c]) over c``; `mode` is ``full`` or ``valid``."""
    if not (_volume(a) and _volume(b)):
        raise ValueError(f"convolve: an axis to convolve along is empty, in {a.shape} or {b.shape}")
    if _volume(b) > _volume(a):
        return np.swapaxes(convolve_channels(b, a, mode=mode, method=method), 0, 1)
    if a.ndim == 2:
        return a @ b.T
    if a.shape[:2] == b.shape[:2] == (1, 1) and (method != "auto" or a.size * b.size > _WORTH_SCIPY):
        from scipy import signal

        return signal.convolve(a[0, 0], b[0, 0], mode, method)[None, None]
    if mode == "full":
        a = np.pad(a, [(0, 0), (0, 0)] + [(k - 1, k - 1) for k in b.shape[2:]])
    return _by_matrix_products(a, b)


def _volume(x):
    return prod(x.shape[2:])


def _by_matrix_products(a, b):
    """The valid convolution as one matrix product, or, to save memory, one for each element of `b`."""
    conv = tuple(range(2, a.ndim))
    flipped = b[(slice(None),) * 2 + (slice(None, None, -1),) * len(conv)]
    windows = sliding_window_view(a, b.shape[2:], axis=conv)
    kernel = tuple(range(a.ndim, windows.ndim))
    if windows.size <= _LARGEST_COPY:
        return np.moveaxis(np.tensordot(windows, flipped, ((1, *kernel), (1, *conv))), -1, 1)
    out: Any = 0
    for index in np.ndindex(b.shape[2:]):
        at = (Ellipsis, *index)
        out = out + np.tensordot(windows[at], flipped[at], (1, 1))
    return np.moveaxis(out, -1, 1)


def _turned(x):
    """`x` with its first two axes exchanged and the others reversed."""
    return np.swapaxes(x, 0, 1)[(slice(None),) * 2 + (slice(None, None, -1),) * (x.ndim - 2)]


def _adjoint_mode(mode, size, other):
    """The mode of the convolution of the cotangent, for operands of shapes `size` and `other`."""
    if mode == "full":
        return "valid"
    return "full" if all(n >= k for n, k in zip(size[2:], other[2:], strict=True)) else "valid"


def _samples(s):
    pairs = [
        (s.array(1, 1, 5), s.array(1, 1, 3)),
        (s.array(2, 3, 5), s.array(4, 3, 3)),
        (s.array(2, 1, 2, 3), s.array(1, 1, 4, 3)),
        (s.array(1, 2, 3, 4), s.array(3, 2, 2, 2)),
        (s.array(2, 3), s.array(2, 3)),
    ]
    keywords: Sequence[dict] = ({}, {"mode": "valid"}, {"method": "direct"})
    return [s(*pair, **kw) for pair in pairs for kw in keywords]


CONVOLVE: Primitive = multilinear(
    convolve_channels,
    a=lambda g, b, a_shape, b_shape, mode, method: CONVOLVE(
        g, _turned(b), mode=_adjoint_mode(mode, a_shape, b_shape), method=method
    ),
    b=lambda g, a, a_shape, b_shape, mode, method: CONVOLVE(
        np.swapaxes(g, 0, 1), _turned(a), mode=_adjoint_mode(mode, b_shape, a_shape), method=method
    ),
    options={"samples": _samples},
)


def _batched(trace, prim, operands, params):
    """Examples of one operand count as more of its first axis."""
    a, b = operands
    if trace.owns(a) and trace.owns(b):
        return loop(trace, prim, operands, params)
    x, first = (a, True) if trace.owns(a) else (b, False)
    merged = x._value.reshape((trace.size * x.shape[0], *x.shape[1:]))
    out = apply(prim, (merged, b) if first else (a, merged), params)
    if first:
        return trace.box(out.reshape((trace.size, x.shape[0], *out.shape[1:])))
    out = out.reshape((out.shape[0], trace.size, x.shape[0], *out.shape[2:]))
    return trace.box(np.moveaxis(out, 1, 0))


RULES[CONVOLVE.name] = _batched


# ---- layout -----------------------------------------------------------------------------------------------


def convolve(A, B, axes=None, dot_axes=((), ()), mode="full", method="auto"):
    """See `autograd_clone.scipy.signal.convolve`."""
    if isinstance(axes, str):
        axes, mode = None, axes
    A, B = as_array(A), as_array(B)
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"convolve: mode must be 'full', 'valid' or 'same', not {mode!r}")
    conv, dot = _pairs(A, B, axes, dot_axes)
    sizes = [(A.shape[i], B.shape[j]) for i, j in zip(*conv, strict=True)]
    _check(A, B, dot, sizes, mode)
    a, free_a = _canonical(A, conv[0], dot[0])
    b, free_b = _canonical(B, conv[1], dot[1])
    out = CONVOLVE(a, b, mode="valid" if mode == "valid" else "full", method=method)
    if mode == "same":
        out = out[(slice(None),) * 2 + tuple(slice((k - 1) // 2, (k - 1) // 2 + n) for n, k in sizes)]
    return out.reshape(free_a + free_b + out.shape[2:])[()]


def _pairs(A, B, axes, dot_axes):
    """The convolved and the summed axes of both arrays, as non-negative integers."""
    if axes is None:
        if A.ndim != B.ndim:
            raise ValueError(f"convolve: arrays of {A.ndim} and {B.ndim} dimensions need axes=")
        axes = (range(A.ndim), range(B.ndim))
    pairs = []
    for name, row in (("axes", axes), ("dot_axes", dot_axes)):
        if len(row) != 2 or len(row[0]) != len(row[1]):
            raise ValueError(f"convolve: {name} must be two rows of equal length, not {row!r}")
        pairs.append([tuple(as_int(i) % x.ndim for i in r) for x, r in zip((A, B), row, strict=True)])
    for x, conv, dot in zip((A, B), *pairs, strict=True):
        if len({*conv, *dot}) != len(conv) + len(dot):
            raise ValueError(f"convolve: an axis is used twice: {conv}, {dot} of shape {x.shape}")
    return pairs


def _check(A, B, dot, sizes, mode):
    for i, j in zip(*dot, strict=True):
        if A.shape[i] != B.shape[j]:
            raise ValueError(f"convolve: axes {i} and {j} have lengths {A.shape[i]} and {B.shape[j]}")
    if mode == "valid" and not (all(n >= k for n, k in sizes) or all(n <= k for n, k in sizes)):
        raise ValueError("convolve: for mode 'valid' one array must be as large as the other in every axis")


def _canonical(x, conv, dot):
    """`x` as ``(free, summed, *convolved)``, and the shape of its free axes."""
    free = tuple(i for i in range(x.ndim) if i not in conv and i not in dot)
    moved = np.transpose(x, free + dot + conv)
    shape, i, j = moved.shape, len(free), len(free) + len(dot)
    return moved.reshape((prod(shape[:i]), prod(shape[i:j]), *shape[j:])), shape[:i]
