"""Solutions of ordinary differential equations by LSODA, differentiated with respect to all that they depend
on.

The primitive is `ODEINT`, of a starting point, times, and one vector of all parameters that are traced. Its
derivatives are solutions of other differential equations by the same primitive, and can be differentiated in
turn:

* forward mode, and reverse mode of small systems: *forward sensitivities*. The system is extended by a
  tangent of its state (by the whole Jacobian of the state, for reverse mode), whose equation is the
  linearised one. The solver controls their error as it does that of the state.
* reverse mode otherwise: the *adjoint equation*, from each time back to the one before it (Cao, Li, Petzold
  and Serban 2003). The state is integrated backwards with it, from its stored value at each time. That is
  unstable where the system is dissipative; where the state that is found differs from the stored one, forward
  sensitivities are used instead.

Either way the error of a derivative is of the order of the tolerances that the solver is given.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array.box import as_array
from ..engine.box import Box, new_box
from ..engine.calls import CallPrimitive, youngest
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import ClosedOverTraceError, UnsupportedTypeError
from ..engine.forward import ForwardTrace
from ..engine.pytree import flatten
from ..engine.reverse import ReverseTrace, backward, root
from .tools import anywhere

#: Up to how many sensitivities reverse mode integrates forwards. The adjoint equation starts the solver anew for
#: each time, which takes longer than to carry this many more components.
_FEW = 64
#: How many times the tolerance the state may be off after an integration backwards.
_SLACK = 100.0
_TOLERANCE = 1.49012e-8  # SciPy's default

Field = Callable[[Any, Any, Any], Any]


# ---- derivatives of the right-hand side ------------------------------------------------------------------


def _slope(field: Field, y: Any, t: Any, p: Any) -> Any:
    """``field(y, t, p)`` as an array, which may be given as a list."""
    return as_array(field(y, t, p)).reshape(shape_of(y))


def _pulled(field: Field, y: Any, t: Any, p: Any) -> tuple[Any, Callable]:
    """The right-hand side, and the map of a cotangent of it to those of ``y`` and ``p``."""
    starts = [root(), root()]
    with ReverseTrace() as trace:
        out = _slope(field, new_box(y, trace, starts[0]), t, new_box(p, trace, starts[1]))
        mine = isinstance(out, Box) and out._trace is trace
    node, value = (out._link, out._value) if mine else (None, out)

    def pull(g: Any) -> tuple[Any, Any]:
        found = {} if node is None else backward([(node, g)])
        return tuple(found.get(s[0], np.zeros(shape_of(x))) for s, x in zip(starts, (y, p), strict=True))

    return value, pull


def _pushed(field: Field, y: Any, t: Any, p: Any, s: Any, q: Any) -> tuple[Any, Any]:
    """The right-hand side, and its derivative along tangents of ``y`` and ``p``."""
    with ForwardTrace() as trace:
        out = _slope(field, new_box(y, trace, s), t, new_box(p, trace, q))
        mine = isinstance(out, Box) and out._trace is trace
        return (out._value, out._link) if mine else (out, np.zeros(shape_of(y)))


# ---- the systems to be solved ----------------------------------------------------------------------------


def _with_tangent(field: Field, d: int, n: int) -> Field:
    """The equation of the state and of a tangent of it; the parameters are followed by their tangent."""

    def extended(z: Any, t: Any, pq: Any) -> Any:
        return np.concatenate(_pushed(field, z[:d], t, pq[:n], z[d:], pq[n:]))

    return extended


def _with_jacobian(field: Field, d: int, of_state: bool, of_parameters: bool) -> Field:
    """The equation of the state and of its Jacobian in the starting point, the parameters, or both."""

    def extended(z: Any, t: Any, p: Any) -> Any:
        value, pull = _pulled(field, z[:d], t, p)
        rows = [pull(e) for e in np.eye(d)]
        change = np.stack([row[0] for row in rows]) @ z[d:].reshape((d, -1))
        if of_parameters:
            direct = np.stack([row[1] for row in rows])
            if of_state:
                direct = np.concatenate([np.zeros((d, d)), direct], axis=1)
            change = change + direct
        return np.concatenate([value, change.reshape((-1,))])

    return extended


def _adjoint(field: Field, d: int, n: int) -> Field:
    """The equation, in reversed time, of the state, its cotangent, and that of n parameters."""

    def reversed_field(z: Any, time: Any, p: Any) -> Any:
        value, pull = _pulled(field, z[:d], -time, p)
        of_state, of_parameters = pull(z[d : 2 * d])
        return np.concatenate([-value, of_state, of_parameters[:n]])

    return reversed_field


def _for_larger(options: dict, d: int, more: int) -> dict:
    """The solver's options for a system with more components; those about the Jacobian are left out."""
    out = {k: v for k, v in options.items() if k not in ("Dfun", "col_deriv", "ml", "mu")}
    for name in ("rtol", "atol"):
        if out.get(name) is not None and np.ndim(out[name]):
            own = np.broadcast_to(np.asarray(out[name], float), (d,))
            out[name] = np.concatenate([own, np.full(more, own.min())])
    return out


# ---- the primitive ---------------------------------------------------------------------------------------


def solve(
    y0: Any, t: Any, p: Any, *, field: Field, options: dict, sensitivity: str, report: dict | None = None
) -> Any:
    """`scipy.integrate.odeint` of plain values."""
    from scipy import integrate

    def plain(y: Any, time: float, p: Any) -> Any:
        out = field(y, time, p)
        if type(out) is not np.ndarray and youngest((out,)) is not None:
            raise ClosedOverTraceError(
                "odeint: the right-hand side used a traced value that is not among its arguments; "
                "pass it in args="
            )
        return out

    solution, found = integrate.odeint(plain, y0, t, (p,), full_output=True, **options)
    if report is not None:
        report.update(found)
    return solution


class _Odeint(CallPrimitive):
    def __init__(self) -> None:
        super().__init__(solve, "scipy.integrate.odeint")

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        y0, t, p = args
        given = dict(zip(argnums, tangents, strict=True))
        ans = self(*args, **kwargs)
        field, d, n = kwargs["field"], shape_of(y0)[0], shape_of(p)[0]
        s0 = first = given.get(0, np.zeros(d))
        if 1 in given:
            s0 = s0 - _slope(field, y0, t[0], p) * given[1][0]
        z0, pq = np.concatenate([y0, s0]), np.concatenate([p, given.get(2, np.zeros(n))])
        larger = _larger(kwargs, _with_tangent(field, d, n), d, d)
        tangent = self(z0, t, pq, **larger)[1:, d:]
        if 1 in given:
            tangent = tangent + _slopes(field, ans, t, p) * given[1][1:, None]
        return ans, np.concatenate([first[None], tangent])

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        ans = self(*args, **kwargs)
        sensitivities = functools.cache(lambda: self._sensitivities(args, kwargs, argnums))

        def vjp(g: Any) -> list[Any]:
            gs = self._cotangents(args, kwargs, argnums, ans, g, sensitivities)
            return [gs[i] for i in argnums]

        return ans, vjp

    def _cotangents(
        self, args: list, kwargs: dict, argnums: list[int], ans: Any, g: Any, sensitivities: Callable
    ) -> dict[int, Any]:
        """The cotangents of the arguments in `argnums`, and maybe others."""
        y0, t, p = args
        found = None
        if self._prefers_adjoint(args, kwargs, argnums):
            found = self._by_adjoint(args, kwargs, 2 in argnums, ans, g)
        a, q = found or _contracted(g, sensitivities(), 0 in argnums or 1 in argnums)
        out = {2: q}
        if a is not None:
            out[0] = a + g[0]
        if 1 in argnums:
            later = np.sum(g[1:] * _slopes(kwargs["field"], ans, t, p), axis=1)
            start = -np.sum(a * _slope(kwargs["field"], y0, t[0], p))
            out[1] = np.concatenate([start[None], later])
        return out

    def _prefers_adjoint(self, args: list, kwargs: dict, argnums: list[int]) -> bool:
        d, n = shape_of(args[0])[0], shape_of(args[2])[0]
        count = d * ((d if {0, 1} & set(argnums) else 0) + (n if 2 in argnums else 0))
        return kwargs["sensitivity"] == "adjoint" or (kwargs["sensitivity"] == "auto" and count > _FEW)

    def _sensitivities(self, args: list, kwargs: dict, argnums: list[int]) -> Any:
        """Jacobians of all later states with respect to the starting point, the parameters, or both."""
        y0, t, p = args
        of_state, of_parameters = 0 in argnums or 1 in argnums, 2 in argnums
        d, n = shape_of(y0)[0], shape_of(p)[0]
        start = np.concatenate([np.eye(d)] * of_state + [np.zeros((d, n))] * of_parameters, axis=1)
        larger = _larger(kwargs, _with_jacobian(kwargs["field"], d, of_state, of_parameters), d, start.size)
        solution = self(np.concatenate([y0, start.ravel()]), t, p, **larger)[1:, d:]
        return solution.reshape((-1, d, start.shape[1]))

    def _by_adjoint(
        self, args: list, kwargs: dict, of_parameters: bool, ans: Any, g: Any
    ) -> tuple[Any, Any] | None:
        """Cotangents of the starting point, by way of later states, and of the parameters.

        ``None`` if the way back does not lead through the stored states.
        """
        y0, t, p = args
        d, n = shape_of(y0)[0], shape_of(p)[0] if of_parameters else 0
        larger = _larger(kwargs, _adjoint(kwargs["field"], d, n), d, d + n)
        if larger["options"].get("tcrit") is not None:
            larger["options"]["tcrit"] = -np.asarray(larger["options"]["tcrit"])[::-1]
        a, q = np.zeros(d), np.zeros(n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unstable way back overflows
            for i in range(shape_of(t)[0] - 1, 0, -1):
                z = np.concatenate([ans[i], a + g[i], q])
                z = self(z, np.stack([-t[i], -t[i - 1]]), p, **larger)[1]
                if _differ(z[:d], ans[i - 1], kwargs["options"]):
                    return None
                a, q = z[d : 2 * d], z[2 * d :]
        return a, q


def _contracted(g: Any, jacobians: Any, of_state: bool) -> tuple[Any, Any]:
    """As `_Odeint._by_adjoint`, from sensitivities."""
    d = shape_of(g)[1]
    gs = np.sum(g[1:, :, None] * jacobians, axis=(0, 1))
    return (gs[:d], gs[d:]) if of_state else (None, gs)


def _larger(kwargs: dict, field: Field, d: int, more: int) -> dict:
    """Keywords for a larger system."""
    return kwargs | {"field": field, "options": _for_larger(kwargs["options"], d, more), "report": None}


def _slopes(field: Field, ys: Any, t: Any, p: Any) -> Any:
    """The right-hand side at all times but the first."""
    rows = [_slope(field, ys[i], t[i], p) for i in range(1, shape_of(t)[0])]
    return np.stack(rows) if rows else np.zeros((0, shape_of(ys)[1]))


def _differ(y: Any, stored: Any, options: dict) -> bool:
    """Whether a state that was found on the way back, in any example, is not the stored one, or NaN."""
    rtol, atol = (_TOLERANCE if options.get(k) is None else options[k] for k in ("rtol", "atol"))
    return anywhere(~(abs(y - stored) <= _SLACK * (atol + rtol * abs(stored))))


ODEINT = _Odeint()


# ---- arguments -------------------------------------------------------------------------------------------


def odeint(
    func: Callable,
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Callable | None = None,
    *,
    full_output: bool = False,
    tfirst: bool = False,
    sensitivity: str = "auto",
    **options: Any,
) -> Any:
    """See `autograd_clone.scipy.integrate.odeint`."""
    if sensitivity not in ("auto", "forward", "adjoint"):
        raise ValueError(f"odeint: sensitivity must be 'auto', 'forward' or 'adjoint', not {sensitivity!r}")
    y0, t = np.reshape(as_array(y0), (-1,)), as_array(t)
    args = args if isinstance(args, tuple) else (args,)
    p, unpack = _packed(args)

    def in_order(function: Callable) -> Field:
        if tfirst:
            return lambda y, time, p: function(time, y, *unpack(p))
        return lambda y, time, p: function(y, time, *unpack(p))

    if Dfun is not None:
        options["Dfun"] = in_order(Dfun)
    report: dict = {}
    out = ODEINT(y0, t, p, field=in_order(func), options=options, sensitivity=sensitivity, report=report)
    return (out, report) if full_output else out


def _packed(args: tuple) -> tuple[Any, Callable]:
    """The traced leaves of a pytree as one vector, and the way back from such a vector to the pytree."""
    leaves, treedef = flatten(args)
    places = [k for k, x in enumerate(leaves) if isinstance(x, Box)]
    shapes = {k: (shape_of(leaves[k]), dtype_of(leaves[k])) for k in places}
    for shape, dtype in shapes.values():
        if dtype.kind == "c":
            raise UnsupportedTypeError(f"odeint: a complex parameter (of shape {shape}) is not supported")
    vector = np.concatenate([np.zeros(0), *(leaves[k].reshape((-1,)) for k in places)])

    def unpack(p: Any) -> Any:
        full, start = list(leaves), 0
        for k, (shape, dtype) in shapes.items():
            size = int(np.prod(shape))
            part = p[start : start + size]
            full[k] = (part if part.dtype == dtype else part.astype(dtype)).reshape(shape)
            start += size
        return treedef.unflatten(full)

    return vector, unpack
