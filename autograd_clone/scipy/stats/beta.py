"""The beta distribution, with shapes ``a`` and ``b``."""

from __future__ import annotations

from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "beta",
    shapes=("a", "b"),
    support=(0.0, 1.0),
    logpdf=lambda z, a, b: _sc.xlogy(a - 1, z) + _sc.xlog1py(b - 1, -z) - _sc.betaln(a, b),
    cdf=lambda z, a, b: _sc.betainc(a, b, z),
    sf=lambda z, a, b: _sc.betaincc(a, b, z),
    ppf=lambda q, a, b: _sc.betaincinv(a, b, q),
    isf=lambda q, a, b: _sc.betainccinv(a, b, q),
)

__getattr__ = _fallback("beta")
