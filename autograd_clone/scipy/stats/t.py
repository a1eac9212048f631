"""Student's t distribution, with ``df`` degrees of freedom."""

from __future__ import annotations

from math import log, pi

import numpy as _np
from scipy import special as _sc

from ...rules.tools import anywhere as _anywhere
from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback


def _logpdf(z, df):
    normal = df == _np.inf
    if not _anywhere(normal):
        return _finite_logpdf(z, df)
    finite = _finite_logpdf(z, _np.where(normal, 1.0, df))
    return _np.where(normal, -0.5 * z * z - 0.5 * log(2 * pi), finite)


def _finite_logpdf(z, df):
    return -0.5 * (df + 1) * _np.log1p(z * z / df) - _sc.betaln(0.5 * df, 0.5) - 0.5 * _np.log(df)


pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "t",
    shapes=("df",),
    logpdf=_logpdf,
    cdf=lambda z, df: _sc.stdtr(df, z),
    sf=lambda z, df: _sc.stdtr(df, -z),
    ppf=lambda q, df: _sc.stdtrit(df, q),
    isf=lambda q, df: -_sc.stdtrit(df, q),
)

__getattr__ = _fallback("t")
