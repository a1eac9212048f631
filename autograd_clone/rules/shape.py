"""Functions that rearrange elements."""

from __future__ import annotations

import numpy as np

from ..engine.define import linear, zero

for _f in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type):
    zero(_f)

linear(np.reshape, a=lambda g, a_shape, order: np.reshape(g, a_shape, order=order), options={"harmless": ("shape", "copy")})
linear(np.ravel, a=lambda g, a_shape, order: np.reshape(g, a_shape, order=order))
linear(
    np.transpose, a=lambda g, axes: np.transpose(g, None if axes is None else np.argsort(np.asarray(axes) % len(axes)))
)
linear(np.swapaxes, a=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))
linear(np.broadcast_to, array=lambda g, array_shape: _unbroadcast(g, array_shape), options={"harmless": ("shape", "subok")})
linear(np.real, val=lambda g: g)
linear(np.imag, val=lambda g: -1j * g)


def _unbroadcast(g, shape):  # type: ignore[no-untyped-def]
    from ..engine.cotangent import unbroadcast

    return unbroadcast(g, shape)
