"""The Bernoulli distribution: one with probability ``p``, else zero."""

from __future__ import annotations

from scipy import special as _sc

from ._distribution import discrete as _discrete
from ._distribution import fallback as _fallback

pmf, logpmf, cdf, logcdf, sf, logsf = _discrete(
    "bernoulli",
    shapes=("p",),
    valid=lambda p: (p >= 0) & (p <= 1),
    upper=lambda *_: 1.0,
    logpmf=lambda k, p: _sc.xlogy(k, p) + _sc.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p + 0.0 * k,
    sf=lambda k, p: p + 0.0 * k,
)

__getattr__ = _fallback("bernoulli")
