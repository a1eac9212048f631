"""The Poisson distribution, with mean ``mu``."""

from __future__ import annotations

from scipy import special as _sc

from ._distribution import discrete as _discrete
from ._distribution import fallback as _fallback

pmf, logpmf, cdf, logcdf, sf, logsf = _discrete(
    "poisson",
    shapes=("mu",),
    valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: _sc.xlogy(k, mu) - _sc.gammaln(k + 1) - mu,
    cdf=_sc.pdtr,
    sf=_sc.pdtrc,
)

__getattr__ = _fallback("poisson")
