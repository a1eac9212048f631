"""The log-normal distribution, with shape ``s``."""

from __future__ import annotations

from math import inf, log, pi

import numpy as _np
from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback


def _logpdf(z, s):
    u = _np.log(z)
    return -0.5 * (u / s) ** 2 - u - _np.log(s) - 0.5 * log(2 * pi)


pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "lognorm",
    shapes=("s",),
    support=(0.0, inf),
    closed=False,
    logpdf=_logpdf,
    cdf=lambda z, s: _sc.ndtr(_np.log(z) / s),
    sf=lambda z, s: _sc.ndtr(-_np.log(z) / s),
    logcdf=lambda z, s: _sc.log_ndtr(_np.log(z) / s),
    logsf=lambda z, s: _sc.log_ndtr(-_np.log(z) / s),
    ppf=lambda q, s: _np.exp(s * _sc.ndtri(q)),
    isf=lambda q, s: _np.exp(-s * _sc.ndtri(q)),
)

__getattr__ = _fallback("lognorm")
