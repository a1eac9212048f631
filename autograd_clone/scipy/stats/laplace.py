"""The Laplace distribution."""

from __future__ import annotations

from math import log

import numpy as _np

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback


def _cdf(z):
    left = z < 0
    below, above = _np.where(left, z, 0.0), _np.where(left, 0.0, z)
    return _np.where(left, 0.5 * _np.exp(below), 1 - 0.5 * _np.exp(-above))


def _logcdf(z):
    left = z < 0
    return _np.where(left, z - log(2.0), _np.log1p(-0.5 * _np.exp(-_np.where(left, 0.0, z))))


def _ppf(q):
    left = q < 0.5
    below, above = _np.where(left, q, 0.5), _np.where(left, 0.5, q)
    return _np.where(left, _np.log(2 * below), -_np.log(2 - 2 * above))


pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "laplace",
    logpdf=lambda z: -abs(z) - log(2.0),
    cdf=_cdf,
    sf=lambda z: _cdf(-z),
    logcdf=_logcdf,
    logsf=lambda z: _logcdf(-z),
    ppf=_ppf,
    isf=lambda q: -_ppf(q),
)

__getattr__ = _fallback("laplace")
