"""The negative binomial distribution: failures before the ``n``-th success, of probability ``p``."""

from __future__ import annotations

import numpy as _np
from scipy import special as _sc

from ._distribution import discrete as _discrete
from ._distribution import fallback as _fallback


def _logpmf(k, n, p):
    ways = _sc.gammaln(n + k) - _sc.gammaln(k + 1) - _sc.gammaln(n)
    return ways + n * _np.log(p) + _sc.xlog1py(k, -p)


pmf, logpmf, cdf, logcdf, sf, logsf = _discrete(
    "nbinom",
    shapes=("n", "p"),
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=_logpmf,
    cdf=lambda k, n, p: _sc.betainc(n, k + 1, p),
    sf=lambda k, n, p: _sc.betaincc(n, k + 1, p),
)

__getattr__ = _fallback("nbinom")
