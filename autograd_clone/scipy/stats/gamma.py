"""The gamma distribution, with shape ``a``."""

from __future__ import annotations

from math import inf

from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "gamma",
    shapes=("a",),
    support=(0.0, inf),
    logpdf=lambda z, a: _sc.xlogy(a - 1, z) - z - _sc.gammaln(a),
    cdf=lambda z, a: _sc.gammainc(a, z),
    sf=lambda z, a: _sc.gammaincc(a, z),
    ppf=lambda q, a: _sc.gammaincinv(a, q),
    isf=lambda q, a: _sc.gammainccinv(a, q),
)

__getattr__ = _fallback("gamma")
