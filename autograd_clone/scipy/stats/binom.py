"""The binomial distribution of ``n`` trials with probability ``p``."""

from __future__ import annotations

import numpy as _np
from scipy import special as _sc

from ._distribution import discrete as _discrete
from ._distribution import fallback as _fallback


def _logpmf(k, n, p):
    ways = _sc.gammaln(n + 1) - _sc.gammaln(k + 1) - _sc.gammaln(n - k + 1)
    return ways + _sc.xlogy(k, p) + _sc.xlog1py(n - k, -p)


# The distribution function is written with the incomplete beta function, which takes numbers of trials as
# doubles.
pmf, logpmf, cdf, logcdf, sf, logsf = _discrete(
    "binom",
    shapes=("n", "p"),
    fixed=("n",),
    valid=lambda n, p: (n >= 0) & (_np.floor(n) == n) & (p >= 0) & (p <= 1),
    upper=lambda n, *_: n,
    logpmf=_logpmf,
    cdf=lambda k, n, p: _sc.betaincc(k + 1, _np.maximum(n - k, 1.0), p),
    sf=lambda k, n, p: _sc.betainc(k + 1, _np.maximum(n - k, 1.0), p),
)

__getattr__ = _fallback("binom")
