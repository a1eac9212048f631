"""The exponential distribution."""

from __future__ import annotations

from math import inf

import numpy as _np

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "expon",
    support=(0.0, inf),
    logpdf=lambda z: -z,
    cdf=lambda z: -_np.expm1(-z),
    sf=lambda z: _np.exp(-z),
    logsf=lambda z: -z,
    ppf=lambda q: -_np.log1p(-q),
    isf=lambda q: -_np.log(q),
)

__getattr__ = _fallback("expon")
