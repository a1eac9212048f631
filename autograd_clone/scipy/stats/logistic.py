"""The logistic distribution."""

from __future__ import annotations

from scipy import special as _sc

from ._distribution import continuous as _continuous
from ._distribution import fallback as _fallback

pdf, logpdf, cdf, logcdf, sf, logsf, ppf, isf = _continuous(
    "logistic",
    logpdf=lambda z: _sc.log_expit(z) + _sc.log_expit(-z),
    cdf=_sc.expit,
    sf=lambda z: _sc.expit(-z),
    logcdf=_sc.log_expit,
    logsf=lambda z: _sc.log_expit(-z),
    ppf=_sc.logit,
    isf=lambda q: -_sc.logit(q),
)

__getattr__ = _fallback("logistic")
