"""The normal distribution."""

from __future__ import annotations

from math import log, pi

from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

_HALF_LOG_TWO_PI = 0.5 * log(2 * pi)

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "norm",
    logpdf=lambda z: -0.5 * z * z - _HALF_LOG_TWO_PI,
    cdf=_sc.ndtr,
    sf=lambda z: _sc.ndtr(-z),
    logcdf=_sc.log_ndtr,
    logsf=lambda z: _sc.log_ndtr(-z),
    ppf=_sc.ndtri,
    isf=lambda q: -_sc.ndtri(q),
)

__getattr__ = _fallback("norm")
