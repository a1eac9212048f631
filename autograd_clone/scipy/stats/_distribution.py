"""How the functions of a distribution are made of a few of the standard one: support, location, scale,
signatures.

The functions are plain code in terms of functions that have rules, so they are differentiable with respect to
all parameters, in every mode and to every order. Like SciPy's, they compute in double precision, and return
NaN for parameters that are out of range. Outside the support, derivatives are zero.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from ...array.box import as_array
from ...engine.box import Box
from ...engine.errors import NotDifferentiableError
from ...engine.primitive import missing_rule
from ...rules.tools import anywhere

Function = Callable[..., Any]


class Functions(NamedTuple):
    """The functions of a continuous distribution."""

    pdf: Function
    logpdf: Function
    cdf: Function
    logcdf: Function
    sf: Function
    logsf: Function
    ppf: Function
    isf: Function


class DiscreteFunctions(NamedTuple):
    """The functions of a distribution over integers."""

    pmf: Function
    logpmf: Function
    cdf: Function
    logcdf: Function
    sf: Function
    logsf: Function


_WHAT = {
    "pdf": "Probability density",
    "logpdf": "Logarithm of the probability density",
    "pmf": "Probability",
    "logpmf": "Logarithm of the probability",
    "cdf": "Cumulative distribution function",
    "logcdf": "Logarithm of the cumulative distribution function",
    "sf": "Survival function, ``1 - cdf``",
    "logsf": "Logarithm of the survival function",
    "ppf": "Percent point function, the inverse of ``cdf``",
    "isf": "Inverse survival function",
}


# ---- arguments --------------------------------------------------------------------------------------------


def as_double(x: Any) -> Any:
    """`x` as an array or number of double precision, in which all is computed."""
    if type(x) in (int, float):
        return np.float64(x)
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError("the distributions of scipy.stats take real arguments only")
    return x if x.dtype.char == "d" else x.astype(np.float64)


def _published(function: Function, name: str, method: str, parameters: dict[str, Any]) -> Function:
    """`function`, of all parameters by position, as a function with SciPy's signature."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(k, kind, default=v) for k, v in parameters.items()])

    def published(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != len(parameters):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        return function(*args)

    published.__name__ = published.__qualname__ = method
    published.__module__ = f"{__package__}.{name}"
    published.__signature__ = signature  # type: ignore[attr-defined]
    published.__doc__ = _documentation(name, method, list(parameters))
    return published


def _documentation(name: str, method: str, parameters: list[str]) -> str:
    terms = "\n    ".join(f"{p} : array_like" for p in parameters)
    return (
        f"{_WHAT[method]} of `scipy.stats.{name}`, differentiable.\n\n"
        f"    Parameters\n    ----------\n    {terms}\n"
        "        They broadcast against each other.\n\n    Returns\n    -------\n    ndarray or scalar\n"
    )


# ---- support ----------------------------------------------------------------------------------------------


def _where_defined(
    f: Function, z: Any, shapes: Sequence[Any], inside: Any, valid: Any, start: float, other: Any
) -> Any:
    """``f(z, *shapes)`` where `z` is inside the support, `other` where it is not, NaN where the parameters
    are invalid.

    Elsewhere `f` gets harmless arguments, so that no NaN or infinity of its derivative is multiplied by zero.
    """
    defined = inside & valid
    if not anywhere(~defined):
        return f(z, *shapes)
    out = f(np.where(defined, z, start), *(np.where(valid, s, 1.0) for s in shapes))
    return np.where(valid & ~np.isnan(z), np.where(inside, out, other), nan)


def _scalar(x: Any) -> Any:
    """A plain array without axes as a number."""
    return x[()] if type(x) is np.ndarray else x


def _is_default(x: Any, default: int) -> bool:
    return type(x) is int and x == default


def _all_valid(scale: Any, shapes: Sequence[Any], valid: Function | None) -> Any:
    ok = scale > 0
    return ok if valid is None else ok & valid(*shapes)


# ---- continuous distributions -----------------------------------------------------------------------------


def continuous(
    name: str,
    *,
    logpdf: Function,
    cdf: Function,
    sf: Function,
    ppf: Function,
    isf: Function,
    logcdf: Function | None = None,
    logsf: Function | None = None,
    shapes: Sequence[str] = (),
    support: tuple[float, float] = (-inf, inf),
    closed: bool = True,
    start: float = 0.5,
    valid: Function | None = None,
) -> Functions:
    """The functions of a distribution with location and scale, from those of the standard one.

    Parameters
    ----------
    name : str
        SciPy's.
    logpdf, cdf, sf, logcdf, logsf : callable
        Of a point inside the support, and the shape parameters.
    ppf, isf : callable
        Of a probability, and the shape parameters.
    shapes : sequence of str, optional
        Names of the shape parameters.
    support : pair of floats, optional
        Where the density is not zero.
    closed : bool, optional
        Whether the ends belong to the support.
    start : float, optional
        Some point inside it.
    valid : callable, optional
        ``valid(*shapes)``: whether the shape parameters are in range; that they are positive by default.
    """
    if shapes and valid is None:
        valid = _all_positive
    low, high = support

    def inside(z: Any) -> Any:
        if support == (-inf, inf):
            return np.True_  # a NaN comes out as one by itself
        return (z >= low) & (z <= high) if closed else (z > low) & (z < high)

    def standard(x: Any, rest: Sequence[Any]) -> tuple[Any, ...]:
        *own, scale = (as_double(v) for v in (*rest[:-2], rest[-1]))
        z = as_double(x)
        if not _is_default(rest[-2], 0):
            z = z - as_double(rest[-2])
        if not _is_default(rest[-1], 1):
            z = z / scale
        return z, own, None if _is_default(rest[-1], 1) else scale, inside(z), _all_valid(scale, own, valid)

    def density(x: Any, *rest: Any) -> Any:
        z, own, scale, supported, ok = standard(x, rest)
        out = _where_defined(lambda z, *s: np.exp(logpdf(z, *s)), z, own, supported, ok, start, 0.0)
        return _scalar(out if scale is None else out / scale)

    def log_density(x: Any, *rest: Any) -> Any:
        z, own, scale, supported, ok = standard(x, rest)
        out = _where_defined(logpdf, z, own, supported, ok, start, -inf)
        if scale is not None:
            out = out - np.log(np.where(ok, scale, 1.0))
        return _scalar(out)

    def cumulative(f: Function, below: float, above: float) -> Function:
        def function(x: Any, *rest: Any) -> Any:
            z, own, _, supported, ok = standard(x, rest)
            return _scalar(_where_defined(f, z, own, supported, ok, start, np.where(z <= low, below, above)))

        return function

    def quantile(f: Function, first: float, last: float) -> Function:
        def function(q: Any, *rest: Any) -> Any:
            *own, loc, scale = (as_double(v) for v in rest)
            q = as_double(q)
            at_infinity = ((q == 0) & np.isinf(first)) | ((q == 1) & np.isinf(last))
            end = np.where(at_infinity, np.where(q == 0, first, last), nan)
            supported = (q >= 0) & (q <= 1) & ~at_infinity
            out = _where_defined(f, q, own, supported, _all_valid(scale, own, valid), 0.5, end)
            return _scalar(out * scale + loc)

        return function

    made = {
        "pdf": density,
        "logpdf": log_density,
        "cdf": cumulative(cdf, 0.0, 1.0),
        "logcdf": cumulative(logcdf or _log_of(cdf), -inf, 0.0),
        "sf": cumulative(sf, 1.0, 0.0),
        "logsf": cumulative(logsf or _log_of(sf), 0.0, -inf),
        "ppf": quantile(ppf, low, high),
        "isf": quantile(isf, high, low),
    }
    empty = inspect.Parameter.empty
    common = dict.fromkeys(shapes, empty) | {"loc": 0, "scale": 1}
    return Functions(
        **{
            method: _published(f, name, method, {"q" if method in ("ppf", "isf") else "x": empty} | common)
            for method, f in made.items()
        }
    )


def _all_positive(*shapes: Any) -> Any:
    ok: Any = True
    for s in shapes:
        ok = ok & (s > 0)
    return ok


def _log_of(f: Function) -> Function:
    def log_of(*args: Any) -> Any:
        with np.errstate(divide="ignore"):
            return np.log(f(*args))

    return log_of


# ---- distributions over integers --------------------------------------------------------------------------


def discrete(
    name: str,
    *,
    logpmf: Function,
    cdf: Function,
    sf: Function,
    shapes: Sequence[str],
    valid: Function,
    upper: Function | None = None,
    fixed: Sequence[str] = (),
) -> DiscreteFunctions:
    """The functions of a distribution over the integers from 0.

    Parameters
    ----------
    name : str
        SciPy's.
    logpmf, cdf, sf : callable
        Of an integer in the support, and the shape parameters.
    shapes : sequence of str
        Names of the shape parameters.
    valid : callable
        ``valid(*shapes)``: whether they are in range.
    upper : callable, optional
        ``upper(*shapes)``: the largest value, where there is one.
    fixed : sequence of str, optional
        Shape parameters that are integers, which there is no derivative for.
    """

    def prepared(method: str, k: Any, rest: Sequence[Any]) -> tuple[Any, ...]:
        given = dict(zip(("k", *shapes, "loc"), (k, *rest), strict=True))
        for parameter in ("k", *fixed, "loc"):
            if isinstance(given[parameter], Box):
                raise missing_rule(f"scipy.stats.{name}.{method}", f"{parameter!r}, which is an integer")
        *own, loc = (as_double(v) for v in rest)
        k = as_double(k) - loc
        return k, own, valid(*own), inf if upper is None else upper(*own)

    def mass(method: str, f: Function, other: float) -> Function:
        def function(k: Any, *rest: Any) -> Any:
            k, own, ok, high = prepared(method, k, rest)
            inside = (k >= 0) & (k <= high) & (np.floor(k) == k)
            return _scalar(_where_defined(f, k, own, inside, ok, 0.0, other))

        return function

    def cumulative(method: str, f: Function, below: float, above: float) -> Function:
        def function(k: Any, *rest: Any) -> Any:
            k, own, ok, high = prepared(method, k, rest)
            inside = (k >= 0) & (k < high)
            return _scalar(
                _where_defined(f, np.floor(k), own, inside, ok, 0.0, np.where(k < 0, below, above))
            )

        return function

    made = {
        "pmf": mass("pmf", lambda k, *s: np.exp(logpmf(k, *s)), 0.0),
        "logpmf": mass("logpmf", logpmf, -inf),
        "cdf": cumulative("cdf", cdf, 0.0, 1.0),
        "logcdf": cumulative("logcdf", _log_of(cdf), -inf, 0.0),
        "sf": cumulative("sf", sf, 1.0, 0.0),
        "logsf": cumulative("logsf", _log_of(sf), 0.0, -inf),
    }
    empty = inspect.Parameter.empty
    parameters = dict.fromkeys(("k", *shapes), empty) | {"loc": 0}
    return DiscreteFunctions(**{m: _published(f, name, m, parameters) for m, f in made.items()})


# ---- everything else that SciPy's distribution has --------------------------------------------------------


def fallback(name: str) -> Function:
    """A module's ``__getattr__``: what the distribution of SciPy has, for plain values only."""

    def getattr_(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        own = getattr(getattr(importlib.import_module("scipy.stats"), name), attribute)
        return _for_plain_values(own, f"scipy.stats.{name}.{attribute}") if callable(own) else own

    return getattr_


def _for_plain_values(function: Function, name: str) -> Function:
    def plain(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Box) for x in (*args, *kwargs.values())):
            raise NotDifferentiableError(
                f"{name} cannot be applied to a traced value; "
                "pass stop_gradient(x) if only the number is wanted."
            )
        return function(*args, **kwargs)

    plain.__name__ = plain.__qualname__ = name.rpartition(".")[2]
    plain.__doc__ = f"`{name}`, for plain values."
    return plain
