"""The chi-square distribution, with ``df`` degrees of freedom."""

from __future__ import annotations

from math import inf, log

from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "chi2",
    shapes=("df",),
    support=(0.0, inf),
    logpdf=lambda z, df: _sc.xlogy(0.5 * df - 1, z) - 0.5 * z - _sc.gammaln(0.5 * df) - 0.5 * log(2.0) * df,
    cdf=lambda z, df: _sc.gammainc(0.5 * df, 0.5 * z),
    sf=lambda z, df: _sc.gammaincc(0.5 * df, 0.5 * z),
    ppf=lambda q, df: 2 * _sc.gammaincinv(0.5 * df, q),
    isf=lambda q, df: 2 * _sc.gammainccinv(0.5 * df, q),
)

__getattr__ = _fallback("chi2")
