"""Sums, means, extrema and other reductions."""

from __future__ import annotations

import numpy as np

from ..engine.define import linear


def _expand(g, shape, axis, keepdims):  # type: ignore[no-untyped-def]
    """`g` with the reduced axes back in place, of length one."""
    if not shape:
        return g
    if axis is None:
        return np.reshape(g, (1,) * len(shape))
    if keepdims is True:
        return g
    return np.expand_dims(g, axis)


def _sum_vjp(g, a_shape, axis, keepdims):  # type: ignore[no-untyped-def]
    return np.broadcast_to(_expand(g, a_shape, axis, keepdims), a_shape)


linear(np.sum, a=_sum_vjp)
linear(np.expand_dims, a=lambda g, a_shape: np.reshape(g, a_shape), options={"harmless": ("axis",)})
