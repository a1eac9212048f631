"""Shared by the tables of `scipy.special`: products in single precision, operands without a rule, samples."""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np

from ..array.box import as_operand
from ..engine.batch import values_only
from ..engine.box import getval
from ..engine.cotangent import dtype_of
from ..engine.define import at_singular_points, composite
from ..engine.errors import UnsupportedKeywordError
from ..engine.primitive import Primitive, public_name
from .tools import anywhere


def times(g: Any, factor: Any) -> Any:
    """``g * factor`` in the precision of `g`.

    Ufuncs of SciPy compute in double precision as soon as one operand is an integer array or a Python number,
    and functions of NumPy make doubles of Python numbers; neither should make doubles of single-precision
    derivatives.
    """
    product = g * factor
    seen, given = dtype_of(product), dtype_of(g)
    if seen == given:
        return product
    precision = np.finfo(given).dtype
    want = np.result_type(precision, np.complex64) if seen.kind == "c" else precision
    return product if seen == want else product.astype(want)


def limits(prim: Primitive, name: str, points: dict[float, float], of: str = "") -> Primitive:
    """`prim`, whose slope in the operand `name` tends to constants where a residual (the operand itself, if not given) has some values."""
    ordinary = prim.vjps[prim.operands.index(name)]
    assert ordinary is not None
    rule, place = ordinary.source, ordinary.names.index(of or name)

    @wraps(rule)
    def partial(g: Any, *residuals: Any) -> Any:
        h = rule(g, *residuals)
        for point, slope in points.items():
            h = np.where(residuals[place] == point, g * slope, h)
        return h

    at_singular_points(prim, **{name: partial})
    return prim


def without_rule(prim: Primitive, *indices: int) -> Primitive:
    """`prim`, which refuses a traced value as one of these operands."""
    for i in indices:
        del prim.vjps[i], prim.jvps[i]
    return prim


def composite_ufunc(ufunc: np.ufunc, samples: Any) -> Any:
    """Decorator: code that computes a ufunc in terms of others, and passes keywords on to the last.

    SciPy is asked where the function is defined.
    """
    of_values = values_only(ufunc)

    def decorate(code: Any) -> Any:
        def implementation(*args: Any, **kwargs: Any) -> Any:
            if kwargs.pop("out", None) is not None:
                raise UnsupportedKeywordError(
                    f"{public_name(ufunc)}: out= cannot be used with a traced array; "
                    "assign the result to a name"
                )
            own = of_values(*map(getval, args), **kwargs)
            args = tuple(map(as_operand, args))
            out = code(*args, **kwargs)
            undefined = np.isnan(own)
            if anywhere(undefined):
                out = np.where(undefined, np.nan, out)
            want = np.result_type(np.float32, *(x.dtype if hasattr(x, "dtype") else x for x in args))
            return out if dtype_of(out) == want or "dtype" in kwargs else out.astype(want)

        return composite(ufunc, implementation, samples=samples)

    return decorate


def fraction(s: Any, *shape: int) -> Any:
    """Entries between 0.05 and 0.95."""
    return (0.5 + 0.5 * s.unit(*shape)).astype(s.dtype)
