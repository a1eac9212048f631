"""Products of arrays."""

from __future__ import annotations

import numpy as np

from ..engine.define import multilinear


def _matmul_1(g, x1_ndim, x2):  # type: ignore[no-untyped-def]
    return np.matmul(g, np.swapaxes(x2, -1, -2))


multilinear(np.matmul, x1=_matmul_1, x2=lambda g, x1: np.matmul(np.swapaxes(x1, -1, -2), g))
