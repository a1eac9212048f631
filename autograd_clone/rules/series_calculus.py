"""Derivatives and integrals of long series, in as many operations as they have coefficients (DLMF 18.9).

The coefficients are along the first axis. Short series are multiplied by the matrix of NumPy's function, in `series`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of


def derived(prefix: str, c: Any) -> Any:
    """The coefficients of the derivative of a series, which is not constant."""
    k, c = _degrees(c)[1:], c[1:]
    if prefix == "lag":
        return -_sums_to_the_end(c, 1)
    if prefix == "leg":
        return (2 * k - 1) * _sums_to_the_end(c, 2)
    if prefix == "cheb":
        return np.where(k == 1, k, 2) * _sums_to_the_end(k * c, 2)
    return (2 * k if prefix == "herm" else k) * c


def integrated(prefix: str, c: Any) -> Any:
    """The coefficients of the integral of a series, with some constant."""
    none = np.zeros((1, *c.shape[1:]), c.dtype)
    before = np.concatenate([none, c])
    k = _degrees(before)
    if prefix == "lag":
        return np.concatenate([c, none]) - before
    divisor = np.where(k == 0, 1, k)
    if prefix not in ("leg", "cheb"):
        return before / (2 * divisor if prefix == "herm" else divisor)
    after = np.concatenate([none, c[2:], none, none])
    if prefix == "leg":
        return before / np.where(k == 0, 1, 2 * k - 1) - after / (2 * k + 3)
    return (before * np.where(k == 1, 2, 1).astype(k.dtype) - after) / (2 * divisor)


def _degrees(c: Any) -> np.ndarray:
    """Their numbers, as a column that broadcasts with the coefficients, in their precision."""
    real = np.zeros(0, dtype_of(c)).real.dtype
    return np.arange(len(c), dtype=real).reshape(-1, *(1,) * (c.ndim - 1))


def _sums_to_the_end(c: Any, step: int) -> Any:
    """For each coefficient the sum of it and of every `step`-th one after it."""
    n = len(c)
    if n % step:
        c = np.concatenate([c, np.zeros((1, *c.shape[1:]), c.dtype)])
    groups = np.reshape(c, (-1, step, *c.shape[1:]))
    return np.reshape(np.cumsum(groups[::-1], axis=0)[::-1], c.shape)[:n]
