"""`scipy.special`: loading this module registers the rules of its ufuncs, and of primitives made of its other
functions.

It is loaded when `autograd_clone.scipy` asks for it, or when a ufunc of SciPy first meets a traced value, so
that programs without SciPy do not pay for its import.
"""

from __future__ import annotations

from . import special_bessel, special_cdf, special_entropy, special_errors, special_hyper
from .special_bessel import DERIVATIVES, SPHERICAL, mended
from .special_gamma import POLYGAMMA
from .special_hyper import HURWITZ, LAMBERTW
from .special_softmax import LOG_SOFTMAX, LOGSUMEXP, SIGNED_LOGSUMEXP, SOFTMAX, traced_logsumexp

__all__ = [
    "DERIVATIVES",
    "HURWITZ",
    "LAMBERTW",
    "LOGSUMEXP",
    "LOG_SOFTMAX",
    "POLYGAMMA",
    "SIGNED_LOGSUMEXP",
    "SOFTMAX",
    "SPHERICAL",
    "mended",
    "special_bessel",
    "special_cdf",
    "special_entropy",
    "special_errors",
    "special_hyper",
    "traced_logsumexp",
]
