"""What is piecewise constant (comparisons, tests, rounding, bits, positions), and ufuncs of strings and bits.

These run on plain values, and their results are not traced: a mask made by ``x > 0`` is an ordinary array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.batch import values_only
from ..engine.box import getval
from ..engine.cotangent import dtype_of
from ..engine.define import composite, refuse, zero
from ..engine.errors import UnsupportedKeywordError
from ..engine.primitive import REGISTRY
from .tools import UMATH

_f: Any


def _one(s):
    return [s(s.array(3, 4)), s(s.array()), s(s.array(0))]


def _pair(s):
    return [s(s.array(3, 4), s.array(4)), s(s.array(), s.array(3)), s(s.array(0), s.array(0))]


# ---- comparisons and tests ---------------------------------------------------------------------------

for _f in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.signbit,
):  # fmt: skip
    zero(_f)
for _f in (np.isneginf, np.isposinf, np.iscomplex, np.isreal):
    zero(_f, samples=_one)
for _f in (np.isclose, np.allclose, np.array_equal, np.array_equiv):
    zero(_f, samples=_pair)
zero(np.isin, samples=lambda s: [s(s.array(3, 4), s.array(4)), s(s.array(4), s.array(2, 2), invert=True)])
if "in1d" in vars(np):  # until NumPy 2.4
    zero(vars(np)["in1d"])

for _f in (np.all, np.any, np.count_nonzero):
    zero(
        _f,
        samples=lambda s: [
            s(s.array(3, 4)),
            s(s.array(2, 3, 4), axis=-1),
            s(s.array(3, 4), axis=1, keepdims=True),
            s(s.array(0)),
        ],
    )

# ---- rounding ----------------------------------------------------------------------------------------

for _f in (np.floor, np.ceil, np.trunc, np.rint, np.spacing):
    zero(_f)
zero(np.floor_divide, domain="nonzero")
zero(np.fix, samples=_one)
for _f in (np.round, np.around):
    zero(_f, samples=lambda s: [s(s.array(3, 4)), s(s.array(3, 4), decimals=1), s(s.array(0), 2)])

_SIGN = values_only(np.sign)


@composite(np.sign, domain="nonzero")
def _sign(x, /, **kwargs):
    """Constant on either side of zero; of a complex number, its direction, which turns with it."""
    if dtype_of(x).kind != "c":
        return _SIGN(getval(x), **kwargs)
    if kwargs:
        raise UnsupportedKeywordError(f"numpy.sign: the derivative does not support {', '.join(kwargs)}")
    r = np.abs(x)
    return x * (r != 0) / (r + (r == 0))


# ---- ufuncs of integers, dates and strings -------------------------------------------------------------

for _f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm):
    zero(_f, samples=lambda s: [s(s.ints(8, 3, 4), s.ints(8, 4))])
for _f in (np.invert, np.bitwise_count):
    zero(_f, samples=lambda s: [s(s.ints(8, 3, 4))])
for _f in vars(UMATH).values():
    if isinstance(_f, np.ufunc) and not any(c in t for t in _f.types for c in "dD") and _f not in REGISTRY:
        refuse(_f, "it takes dates or strings, which cannot be traced")
zero(UMATH._ones_like)


# ---- counts, positions, types and text -------------------------------------------------------------------

for _f in (np.bartlett, np.blackman, np.hamming, np.hanning):  # the length of a window
    zero(_f)
for _f in (np.diag_indices, np.tril_indices, np.triu_indices, np.mask_indices, np.indices):
    zero(_f)
for _f in (np.isdtype, np.issubdtype, np.promote_types, np.isfortran):
    zero(_f)
for _f in (np.base_repr, np.binary_repr, np.format_float_positional, np.format_float_scientific):
    zero(_f)
