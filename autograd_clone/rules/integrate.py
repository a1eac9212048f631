"""Solutions of ordinary differential equations, differentiated with respect to all that they depend on.

The primitives are `ODEINT` and `SOLVE_IVP`, of a starting point, times, and one vector of all parameters that
are traced. Their derivatives are solutions of other differential equations by the same primitive, and can be
differentiated in turn:

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
from ..engine.box import Box, getval, new_box
from ..engine.calls import CallPrimitive, youngest
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import (
    BatchedValueError,
    ClosedOverTraceError,
    NotConvergedError,
    UnsupportedKeywordError,
    UnsupportedTypeError,
)
from ..engine.forward import ForwardTrace
from ..engine.pytree import flatten, tree_map
from ..engine.reverse import ReverseTrace, backward, root
from .tools import anywhere

#: Up to how many sensitivities reverse mode integrates forwards. The adjoint equation starts the solver anew for
#: each time, which takes longer than to carry this many more components.
_FEW = 64
#: How many times the tolerance the state may be off after an integration backwards.
_SLACK = 100.0

Field = Callable[[Any, Any, Any], Any]


# ---- derivatives of the right-hand side ------------------------------------------------------------------


def _slope(field: Field, y: Any, t: Any, p: Any) -> Any:
    """``field(y, t, p)`` as an array, which may be given as a list."""
    return as_array(field(y, t, p)).reshape(shape_of(y))


def pulled(field: Field, y: Any, t: Any, p: Any) -> tuple[Any, Callable]:
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


def pushed(field: Field, y: Any, t: Any, p: Any, s: Any, q: Any) -> tuple[Any, Any]:
    """The right-hand side, and its derivative along tangents of ``y`` and ``p``."""
    with ForwardTrace() as trace:
        out = _slope(field, new_box(y, trace, s), t, new_box(p, trace, q))
        mine = isinstance(out, Box) and out._trace is trace
        return (out._value, out._link) if mine else (out, np.zeros(shape_of(y)))


# ---- the systems to be solved ----------------------------------------------------------------------------


def _with_tangent(field: Field, d: int, n: int) -> Field:
    """The equation of the state and of a tangent of it; the parameters are followed by their tangent."""

    def extended(z: Any, t: Any, pq: Any) -> Any:
        return np.concatenate(pushed(field, z[:d], t, pq[:n], z[d:], pq[n:]))

    return extended


def _with_jacobian(field: Field, d: int, of_state: bool, of_parameters: bool) -> Field:
    """The equation of the state and of its Jacobian in the starting point, the parameters, or both."""

    def extended(z: Any, t: Any, p: Any) -> Any:
        value, pull = pulled(field, z[:d], t, p)
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
        value, pull = pulled(field, z[:d], -time, p)
        of_state, of_parameters = pull(z[d : 2 * d])
        return np.concatenate([-value, of_state, of_parameters[:n]])

    return reversed_field


#: Options about the Jacobian, in which the larger systems have no part.
_OF_JACOBIAN = ("Dfun", "col_deriv", "ml", "mu", "jac", "jac_sparsity", "lband", "uband")


def _for_larger(options: dict, d: int, more: int) -> dict:
    """The solver's options for a system with more components; those about the Jacobian are left out."""
    out = {k: v for k, v in options.items() if k not in _OF_JACOBIAN}
    for name in ("rtol", "atol"):
        if out.get(name) is not None and np.ndim(out[name]):
            own = np.broadcast_to(np.asarray(out[name], float), (d,))
            out[name] = np.concatenate([own, np.full(more, own.min())])
    return out


# ---- the primitives --------------------------------------------------------------------------------------


def plainly(function: Callable, name: str, what: str) -> Callable:
    """`function` for a solver that takes plain values: a traced value that it finds by itself is refused."""

    def plain(*args: Any) -> Any:
        out = function(*args)
        if type(out) is not np.ndarray and youngest((out,)) is not None:
            out = settled(out)
            if youngest((out,)) is not None:
                raise ClosedOverTraceError(
                    f"{name}: the {what} used a traced value that is not among its arguments; pass it in args="
                )
        return out

    return plain


def by_odeint(y0: Any, t: Any, p: Any, *, field: Field, options: dict, sensitivity: str, once: dict) -> Any:
    """`scipy.integrate.odeint` of plain values. ``once["report"]`` receives what it says of its work."""
    from scipy import integrate

    plain = plainly(field, "odeint", "right-hand side")
    solution, found = integrate.odeint(plain, y0, t, (p,), full_output=True, **options)
    if "report" in once:
        once["report"].update(found)
    return solution


def by_solve_ivp(y0: Any, t: Any, p: Any, *, field: Field, options: dict, sensitivity: str, once: dict) -> Any:
    """`scipy.integrate.solve_ivp` of plain values: the states at the times `t`, in rows.

    ``once`` may hold ``"end"``, up to where to integrate; ``"times"`` in place of the later ones; and ``"known"``, a list
    of the solution if that is known. It receives as ``"found"`` what SciPy returns.
    """
    from scipy import integrate

    if once.get("known"):
        return once["known"].pop()
    if callable(options.get("jac")):
        jac = options["jac"]
        options = options | {"jac": lambda time, y: jac(y, time, p)}
    end = once.get("end", t[-1])
    if end == t[0]:
        return np.tile(y0, (3 if "times" in once else len(t), 1))  # SciPy returns the state twice
    plain = plainly(lambda time, y: field(y, time, p), "solve_ivp", "right-hand side")
    solution = integrate.solve_ivp(plain, (t[0], end), y0, t_eval=once.get("times", t[1:]), **options)
    if not solution.success:
        raise NotConvergedError(
            f"solve_ivp: {solution.message} The solution ends at t = {solution.t[-1] if solution.t.size else t[0]}, "
            f"before {end}, and is not differentiated."
        )
    once["found"] = solution
    return np.concatenate([y0[None], np.reshape(solution.y, (len(y0), -1)).T])


class _Solution(CallPrimitive):
    """A solver as a primitive. ``rtol`` and ``atol`` are its default tolerances."""

    def __init__(self, solver: Callable, name: str, rtol: float, atol: float) -> None:
        super().__init__(solver, name)
        self.tolerances = {"rtol": rtol, "atol": atol}

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

    def _by_adjoint(self, args: list, kwargs: dict, of_parameters: bool, ans: Any, g: Any) -> tuple[Any, Any] | None:
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
                try:
                    z = self(z, np.stack([-t[i], -t[i - 1]]), p, **larger)[1]
                except NotConvergedError:
                    return None
                if self._differ(z[:d], ans[i - 1], kwargs["options"]):
                    return None
                a, q = z[d : 2 * d], z[2 * d :]
        return a, q

    def _differ(self, y: Any, stored: Any, options: dict) -> bool:
        """Whether a state that was found on the way back, in any example, is not the stored one, or NaN."""
        rtol, atol = (v if options.get(k) is None else options[k] for k, v in self.tolerances.items())
        return anywhere(~(abs(y - stored) <= _SLACK * (atol + rtol * abs(stored))))


def _contracted(g: Any, jacobians: Any, of_state: bool) -> tuple[Any, Any]:
    """As `_Solution._by_adjoint`, from sensitivities."""
    d = shape_of(g)[1]
    gs = np.sum(g[1:, :, None] * jacobians, axis=(0, 1))
    return (gs[:d], gs[d:]) if of_state else (None, gs)


def _larger(kwargs: dict, field: Field, d: int, more: int) -> dict:
    """Keywords for a larger system."""
    return kwargs | {"field": field, "options": _for_larger(kwargs["options"], d, more), "once": {}}


def _slopes(field: Field, ys: Any, t: Any, p: Any) -> Any:
    """The right-hand side at all times but the first."""
    rows = [_slope(field, ys[i], t[i], p) for i in range(1, shape_of(t)[0])]
    return np.stack(rows) if rows else np.zeros((0, shape_of(ys)[1]))


ODEINT = _Solution(by_odeint, "scipy.integrate.odeint", 1.49012e-8, 1.49012e-8)
SOLVE_IVP = _Solution(by_solve_ivp, "scipy.integrate.solve_ivp", 1e-3, 1e-6)


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
    _check_sensitivity("odeint", sensitivity)
    y0, t = np.reshape(as_array(y0), (-1,)), as_array(t)
    args = settled(args if isinstance(args, tuple) else (args,))
    p, unpack = packed("odeint", args)

    def in_order(function: Callable) -> Field:
        if tfirst:
            return lambda y, time, p: function(time, y, *unpack(p))
        return lambda y, time, p: function(y, time, *unpack(p))

    if Dfun is not None:
        options["Dfun"] = in_order(Dfun)
    report: dict = {}
    once = {"report": report}
    out = ODEINT(y0, t, p, field=in_order(func), options=options, sensitivity=sensitivity, once=once)
    return (out, report) if full_output else out


def solve_ivp(
    fun: Callable,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    sensitivity: str = "auto",
    **options: Any,
) -> Any:
    """See `autograd_clone.scipy.integrate.solve_ivp`."""
    from scipy import integrate
    from scipy.optimize import OptimizeResult

    _check_sensitivity("solve_ivp", sensitivity)
    refuse_traced_options("solve_ivp", options)
    (start, end), y0, t_eval, args = settled((tuple(t_span), y0, t_eval, () if args is None else tuple(args)))
    if youngest((start, end, y0, t_eval, args)) is None:
        rest = {"args": args or None, "vectorized": vectorized, "dense_output": dense_output, "events": events}
        plain = plainly(fun, "solve_ivp", "right-hand side")
        return integrate.solve_ivp(plain, (start, end), y0, method, t_eval, **rest, **options)
    _refuse_for_traced(events, dense_output)
    y0, start, end = np.reshape(as_array(y0), (-1,)), as_array(start), as_array(end)
    if y0.dtype.kind == "c":
        raise UnsupportedTypeError(
            f"solve_ivp: a complex state (of shape {y0.shape}) is not supported; pass real and imaginary parts"
        )
    y0 = y0 if y0.dtype.kind == "f" else y0.astype(np.float64)
    p, unpack = packed("solve_ivp", args)

    def field(y: Any, time: Any, p: Any) -> Any:
        if vectorized:
            return as_array(fun(time, y[:, None], *unpack(p))).reshape(y.shape)
        return fun(time, y, *unpack(p))

    if callable(options.get("jac")):
        jac = options["jac"]
        options["jac"] = lambda y, time, p: jac(time, y, *unpack(p))
    options["method"] = method
    once: dict[str, Any] = {} if isinstance(getval(end), Box) else {"end": getval(end)}
    if t_eval is None:
        once = _with_own_times(y0, start, end, p, field, options)
        between = once["found"].t[1:-1] if "found" in once else np.zeros(0)
        t_eval = np.concatenate([start.reshape((1,)), between, end.reshape((1,))])
    else:
        t_eval = as_array(t_eval)
        if t_eval.ndim != 1:
            raise ValueError(f"solve_ivp: t_eval must be one-dimensional, but its shape is {t_eval.shape}")
    times = np.concatenate([start.reshape((1,)), t_eval])
    states = SOLVE_IVP(y0, times, p, field=field, options=options, sensitivity=sensitivity, once=once)
    found = once.get("found") or OptimizeResult(sol=None, t_events=None, y_events=None, success=True, status=0)
    return type(found)(found | {"t": t_eval, "y": states[1:].T})


def _with_own_times(y0: Any, start: Any, end: Any, p: Any, field: Field, options: dict) -> dict[str, Any]:
    """The solution at the times that the solver chooses, which are constants but for the first and the last."""
    y0, start, end, p = values = [getval(x) for x in (y0, start, end, p)]
    if any(isinstance(x, Box) for x in values):
        raise BatchedValueError("solve_ivp: the number of steps may differ between the examples of a batch; pass t_eval")
    once: dict[str, Any] = {"times": None, "end": end}
    return once | {"known": [by_solve_ivp(y0, (start, end), p, field=field, options=options, sensitivity="", once=once)]}


def _check_sensitivity(name: str, sensitivity: str) -> None:
    if sensitivity not in ("auto", "forward", "adjoint"):
        raise ValueError(f"{name}: sensitivity must be 'auto', 'forward' or 'adjoint', not {sensitivity!r}")


def _refuse_for_traced(events: Any, dense_output: bool) -> None:
    if events is not None:
        raise UnsupportedKeywordError(
            "solve_ivp: events= is not supported where something is traced, as the time of an event is not differentiated; find "
            "the time by scipy.optimize.root_scalar of a solution that ends at it"
        )
    if dense_output:
        raise UnsupportedKeywordError(
            "solve_ivp: dense_output= is not supported where something is traced; pass the times in t_eval="
        )


def refuse_traced_options(name: str, options: dict) -> None:
    """Raise if an option of a solver is traced."""
    for key, value in options.items():
        if youngest((settled(value),)) is not None:
            raise UnsupportedKeywordError(f"{name}: the result has no derivative with respect to {key}=, which is traced")


def settled(tree: Any) -> Any:
    """A pytree with plain arrays in place of boxes that hold no traced value."""
    return tree_map(lambda x: x.bare() if isinstance(x, Box) else x, tree)


def packed(name: str, args: tuple) -> tuple[Any, Callable]:
    """The traced leaves of a pytree as one vector, and the way back from such a vector to the pytree."""
    leaves, treedef = flatten(args)
    places = [k for k, x in enumerate(leaves) if isinstance(x, Box)]
    shapes = {k: (shape_of(leaves[k]), dtype_of(leaves[k])) for k in places}
    for shape, dtype in shapes.values():
        if dtype.kind == "c":
            raise UnsupportedTypeError(f"{name}: a complex parameter (of shape {shape}) is not supported")
    vector = np.concatenate([np.zeros(0), *(leaves[k].reshape((-1,)) for k in places)])

    def unpack(p: Any) -> Any:
        full, start = list(leaves), 0
        for k, (shape, dtype) in shapes.items():
            size = int(np.prod(shape))
            part = p[start : start + size] if shape else p[start]
            part = part if part.dtype == dtype else part.astype(dtype)
            full[k] = part.reshape(shape) if shape else part
            start += size
        return treedef.unflatten(full)

    return vector, unpack
