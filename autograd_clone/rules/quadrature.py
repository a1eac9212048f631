"""Definite integrals, differentiated by Leibniz's rule.

The primitive is of the two limits and of one vector of all parameters that are traced; the integrand is a vector. With respect
to a limit the derivative is the integrand there, and with respect to the parameters another integral by the same primitive,
whose error is controlled as that of the first. So derivatives can be taken to any order and in any mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import as_array
from ..engine.box import Box, all_values, new_box
from ..engine.calls import CallPrimitive, youngest
from ..engine.cotangent import shape_of
from ..engine.errors import UnsupportedKeywordError
from ..engine.forward import ForwardTrace
from ..engine.reverse import ReverseTrace, backward, root
from .integrate import packed, plainly, refuse_traced_options, settled

#: ``integrand(x, p)``, a vector.
Integrand = Callable[[Any, Any], Any]


# ---- derivatives of the integrand ------------------------------------------------------------------------


def _with_tangent(integrand: Integrand, n: int) -> Integrand:
    """The derivative of the integrand along a tangent, which follows the n parameters."""

    def pushed(x: Any, pq: Any) -> Any:
        with ForwardTrace() as trace:
            out = integrand(x, new_box(pq[:n], trace, pq[n:]))
            mine = isinstance(out, Box) and out._trace is trace
            return out._link if mine else np.zeros(shape_of(out))

    return pushed


def _with_cotangent(integrand: Integrand, n: int) -> Integrand:
    """The derivative of the integrand in the n parameters, contracted with a cotangent, which follows them."""

    def pulled(x: Any, pg: Any) -> Any:
        start = root()
        with ReverseTrace() as trace:
            out = integrand(x, new_box(pg[:n], trace, start))
            node = out._link if isinstance(out, Box) and out._trace is trace else None
        found = {} if node is None else backward([(node, pg[n:])])
        return found.get(start[0], np.zeros(n))

    return pulled


def _at(limit: Any, kwargs: dict, p: Any) -> Any:
    """The integrand at a limit; zero at an infinite one, for the integral exists."""
    return kwargs["integrand"](limit, p) if np.isfinite(limit) else np.zeros(kwargs["size"])


# ---- the primitive ---------------------------------------------------------------------------------------


def by_quad(a: Any, b: Any, p: Any, *, integrand: Integrand, size: int, options: dict, once: dict) -> Any:
    """`scipy.integrate.quad` of each component; those have their points in common as far as they can."""
    from scipy import integrate

    known: dict[float, Any] = {}

    def at(x: float) -> Any:
        if x not in known:
            known[x] = plain(x, p)
        return known[x]

    plain = plainly(integrand, "quad", "integrand")
    found = [integrate.quad(lambda x, i=i: at(x)[i], float(a), float(b), **options) for i in range(size)]
    once["found"] = found[0] if size else ()
    return np.array([value for value, *_ in found])


def by_quad_vec(a: Any, b: Any, p: Any, *, integrand: Integrand, size: int, options: dict, once: dict) -> Any:
    """`scipy.integrate.quad_vec`."""
    from scipy import integrate

    plain = plainly(integrand, "quad_vec", "integrand")
    found = integrate.quad_vec(lambda x: plain(x, p), float(a), float(b), **options)
    once["found"] = found
    return found[0]


class _Integral(CallPrimitive):
    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        a, b, p = args
        given = dict(zip(argnums, tangents, strict=True))
        ans = self(*args, **kwargs)
        tangent = np.zeros(shape_of(ans))
        if 2 in given:
            along = _with_tangent(kwargs["integrand"], shape_of(p)[0])
            tangent = tangent + self(a, b, np.concatenate([p, given[2]]), **_derived(kwargs, along, kwargs["size"]))
        if 0 in given:
            tangent = tangent - _at(a, kwargs, p) * given[0]
        if 1 in given:
            tangent = tangent + _at(b, kwargs, p) * given[1]
        return ans, tangent

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        a, b, p = args

        def vjp(g: Any) -> list[Any]:
            out: dict[int, Any] = {}
            if 0 in argnums:
                out[0] = -np.sum(g * _at(a, kwargs, p))
            if 1 in argnums:
                out[1] = np.sum(g * _at(b, kwargs, p))
            if 2 in argnums:
                n = shape_of(p)[0]
                more = _derived(kwargs, _with_cotangent(kwargs["integrand"], n), n)
                out[2] = self(a, b, np.concatenate([p, g]), **more)
            return [out[i] for i in argnums]

        return self(*args, **kwargs), vjp


def _derived(kwargs: dict, integrand: Integrand, size: int) -> dict:
    """Keywords for the integral of a derivative."""
    options = kwargs["options"] | {"full_output": False}
    return kwargs | {"integrand": integrand, "size": size, "options": options, "once": {}}


QUAD = _Integral(by_quad, "scipy.integrate.quad")
QUAD_VEC = _Integral(by_quad_vec, "scipy.integrate.quad_vec")


# ---- arguments -------------------------------------------------------------------------------------------


def quad(func: Callable, a: Any, b: Any, args: Any, full_output: int, complex_func: bool, **options: Any) -> Any:
    """See `autograd_clone.scipy.integrate.quad`."""
    from scipy import integrate

    refuse_traced_options("quad", options)
    a, b, args = settled((a, b, args if isinstance(args, tuple) else (args,)))
    if youngest((a, b, args)) is None:
        plain = plainly(func, "quad", "integrand") if callable(func) else func
        return integrate.quad(plain, a, b, args, full_output, complex_func=complex_func, **options)
    if complex_func:
        parts = [
            quad(lambda x, *args, part=part: part(func(x, *args)), a, b, args, full_output, False, **options)
            for part in (np.real, np.imag)
        ]
        (re, re_error, *re_info), (im, im_error, *im_info) = parts
        info = ({"real": tuple(re_info), "imag": tuple(im_info)},) if full_output else ()
        return re + 1j * im, re_error + 1j * im_error, *info
    if options["weight"] is not None and youngest((a, b)) is not None:
        raise UnsupportedKeywordError(
            f"quad: with weight={options['weight']!r} the integral has no derivative with respect to its limits; put the weight into "
            "the integrand"
        )
    p, unpack = packed("quad", args)

    def integrand(x: Any, p: Any) -> Any:
        return as_array(func(x, *unpack(p))).reshape((1,))

    once: dict[str, Any] = {}
    options["full_output"] = full_output
    value = QUAD(_limit(a), _limit(b), p, integrand=integrand, size=1, options=options, once=once)
    return (value[0], *once["found"][1:])


def quad_vec(f: Callable, a: Any, b: Any, args: Any, full_output: bool, **options: Any) -> Any:
    """See `autograd_clone.scipy.integrate.quad_vec`."""
    from scipy import integrate

    refuse_traced_options("quad_vec", options)
    a, b, args = settled((a, b, args if isinstance(args, tuple) else (args,)))
    if youngest((a, b, args)) is None:
        plain = plainly(f, "quad_vec", "integrand")
        return integrate.quad_vec(plain, a, b, full_output=full_output, args=args, **options)
    p, unpack = packed("quad_vec", args)
    shape = shape_of(f(_between(all_values(a), all_values(b)), *unpack(p)))

    def integrand(x: Any, p: Any) -> Any:
        return as_array(f(x, *unpack(p))).reshape((-1,))

    once: dict[str, Any] = {}
    options["full_output"] = full_output
    size = int(np.prod(shape))
    value = QUAD_VEC(_limit(a), _limit(b), p, integrand=integrand, size=size, options=options, once=once)
    return (value.reshape(shape)[()], *once["found"][1:])


def _between(a: Any, b: Any) -> float:
    """A point inside an interval; inside the first one, if there is a batch of them."""
    low, high = sorted(float(np.ravel(x)[0]) for x in (a, b))
    if np.isfinite(low) and np.isfinite(high):
        return 0.5 * (low + high)
    return low + 1.0 if np.isfinite(low) else high - 1.0 if np.isfinite(high) else 0.0


def _limit(x: Any) -> Any:
    x = as_array(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)
