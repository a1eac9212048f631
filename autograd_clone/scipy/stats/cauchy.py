"""The Cauchy distribution."""

from __future__ import annotations

from math import log, pi

import numpy as _np

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "cauchy",
    logpdf=lambda z: -log(pi) - _np.log1p(z * z),
    cdf=lambda z: _np.arctan2(1.0, -z) / pi,
    sf=lambda z: _np.arctan2(1.0, z) / pi,
    ppf=lambda q: _np.tan(pi * (q - 0.5)),
    isf=lambda q: _np.tan(pi * (0.5 - q)),
)

__getattr__ = _fallback("cauchy")
