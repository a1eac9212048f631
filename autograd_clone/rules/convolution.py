"""Convolution and correlation of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.define import composite, multilinear
from .creation import as_array


def convolution(a, v):
    """The full convolution of two sequences, ``out[k] = sum of a[i] * v[k - i]``."""
    return np.convolve(a[:], v[:])  # a number has no [:]


def sliding_products(a, v):
    """``out[k] = sum of a[k + i] * v[i]`` where `v` lies within `a`, which is not shorter."""
    return np.convolve(a, v[::-1], "valid")


_PAIRS = lambda s: [s(s.array(5), s.array(3)), s(s.array(4), s.array(4)), s(s.array(3), s.array(1))]

# Each is the adjoint of the other.
CONVOLUTION: Any = multilinear(
    convolution,
    a=lambda g, v: SLIDING_PRODUCTS(g, v),
    v=lambda g, a: SLIDING_PRODUCTS(g, a),
    options={"samples": lambda s: [*_PAIRS(s), s(s.array(2), s.array(4))]},
)
SLIDING_PRODUCTS: Any = multilinear(
    sliding_products,
    a=lambda g, v: CONVOLUTION(g, v),
    v=lambda g, a: SLIDING_PRODUCTS(a, g),
    options={"samples": _PAIRS},
)

_MODES = {0: "valid", 1: "same", 2: "full"}


def _samples(s):
    return [
        s(s.array(5), s.array(3)),
        s(s.array(3), s.array(6), mode="same"),
        s(s.array(6), s.array(3), mode="same"),
        s(s.array(6), s.array(4), "same"),
        s(s.array(4), s.array(6), "same"),
        s(s.array(4), s.array(4), mode="valid"),
        s(s.array(3), s.array(5), mode="valid"),
        s(s.array(5), s.array(3), mode="full"),
        s(s.array(2), s.array(3), mode=1),
    ]


@composite(np.convolve, operands=("a", "v"), samples=lambda s: [*_samples(s), s(s.array(), s.array(3))])
def _convolve(a, v, mode="full"):
    a, v = np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))
    for name, x in (("a", a), ("v", v)):
        if len(x) == 0:
            raise ValueError(f"{name} cannot be empty")
        if x.ndim > 1:
            raise ValueError(f"{name} has more than one axis")
    return _part(a, v, mode, (min(len(a), len(v)) - 1) // 2)


@composite(np.correlate, operands=("a", "v"), samples=_samples)
def _correlate(a, v, mode="valid"):
    """Convolution with the conjugate of `v`, read backwards."""
    a, v = as_array(a), as_array(v)
    if a.ndim != 1 or v.ndim != 1 or not len(a) or not len(v):
        raise ValueError("both operands have one axis, and elements")
    short = min(len(a), len(v))
    v = np.conj(v[::-1]) if v.dtype.kind == "c" else v[::-1]
    return _part(a, v, mode, (short - 1) // 2 if len(a) >= len(v) else short // 2)


def _part(a, v, mode, start):
    """What `mode` takes of the full convolution; `start` is where ``"same"`` begins."""
    mode = _MODES.get(mode, mode)
    if len(v) > len(a):
        a, v = v, a
    if mode == "valid":
        return SLIDING_PRODUCTS(a, v[::-1])
    full = CONVOLUTION(a, v)
    if mode == "full":
        return full
    if mode != "same":
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    return full[start : start + len(a)]
