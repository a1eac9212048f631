"""Roots and minima as functions of the parameters, by SciPy's solvers and the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.calls import youngest
from ..engine.cotangent import shape_of
from ..engine.errors import NotConvergedError, UnsupportedKeywordError
from ..engine.pytree import flatten
from .creation import as_array
from .implicit import Implicit, flat, value_and_slope, vector_of
from .integrate import packed, plainly, refuse_traced_options, settled

#: Size of the Newton step, relative to the unknowns, up to which a minimum is one although SciPy says that it did not succeed.
_SMALL_STEP = 1e-5


def as_tuple(args: Any) -> tuple:
    """``args=`` as SciPy takes it."""
    return args if isinstance(args, tuple) else (args,)


# ---- roots -------------------------------------------------------------------------------------------------


def solution(
    name: str, fun: Callable, start: Any, args: Any, run: Callable, options: dict, *, returns_jacobian: bool = False
) -> tuple[Any, Any]:
    """A root of `fun`, and what a solver says of it.

    Parameters
    ----------
    name : str
        Of the function, for messages.
    fun : callable
        ``fun(x, *args)``, as many numbers as `x`.
    start : array_like
        What the solver starts from; the result does not depend on it.
    args : tuple
    run : callable
        ``run(fun, start, args) -> (x, report)``, for plain values.
    options : dict
        Of the solver, which must not be traced.
    returns_jacobian : bool
        Whether `fun` returns a pair, of which the second is of no interest here.
    """
    refuse_traced_options(name, options)
    start, args = settled((start, as_tuple(args)))
    plain = plainly(fun, name, "function")
    if youngest((start, args)) is None:
        return run(plain, start, args)
    p, unpack = packed(name, args)
    report: dict[str, Any] = {}

    def solve(start: Any, p: Any) -> Any:
        x, report["found"] = run(plain, start, unpack(p))
        report["shape"] = np.shape(x)
        return np.array(x, np.float64).reshape((-1,))

    def residual(x: Any, p: Any) -> Any:
        shape = report["shape"]
        out = fun(x.reshape(shape) if shape else x[0], *unpack(p))
        return as_array(out[0] if returns_jacobian else out).reshape((-1,))

    x = Implicit(name)(as_array(start), p, residual=residual, solver=solve)
    shape = report["shape"]
    return x.reshape(shape) if shape else x[0], report["found"]


def is_differentiated(*args: Any) -> bool:
    """Whether something is traced, so that a solver must have converged."""
    return youngest(settled(args)) is not None


# ---- minima ------------------------------------------------------------------------------------------------

#: Methods that take no gradient; those that take a product with the Hessian, and those that take the Hessian.
_WITHOUT_GRADIENT = frozenset({"nelder-mead", "powell", "cobyla", "cobyqa"})
_WITH_PRODUCT = frozenset({"newton-cg", "trust-ncg", "trust-krylov"})
_WITH_HESSIAN = frozenset({"dogleg", "trust-exact"})


def minimize(fun: Callable, x0: Any, args: Any, method: Any, jac: Any, options: dict) -> Any:
    """See `autograd_clone.scipy.optimize.minimize`."""
    refuse_traced_options("minimize", options)
    x0, args = settled((x0, as_tuple(args)))
    problem = _Problem(fun, x0, method, jac, options)
    if youngest((x0, args)) is None:
        found = problem.run(problem.start, args)
        found.x = problem.shaped(found.x)
        return found
    if problem.is_constrained:
        raise UnsupportedKeywordError(
            "minimize: constraints= are not supported where something is traced: the minimum is differentiated as one without "
            "constraints, or with bounds"
        )
    p, unpack = packed("minimize", args)
    report: dict[str, Any] = {}

    def solve(start: Any, p: Any) -> Any:
        found = report["found"] = problem.run(start, unpack(p))
        report["held"] = problem.held(found.x)
        if not found.success:
            problem.check(found, unpack(p), report["held"])
        return found.x

    def residual(x: Any, p: Any) -> Any:
        slope = problem.slope(x, unpack(p))
        return np.where(report["held"], x, slope) if report["held"].any() else slope

    x = Implicit("scipy.optimize.minimize")(problem.start, p, residual=residual, solver=solve)
    found = report["found"]
    found.x = problem.shaped(x)
    found.fun = problem.value(x, args)
    return found


class _Problem:
    """A function to be minimised, as one of a vector of all unknowns."""

    def __init__(self, fun: Callable, x0: Any, method: Any, jac: Any, options: dict) -> None:
        if not _is_container_of_arrays(x0):
            x0 = np.atleast_1d(as_array(x0))
        self.start, self.shaped = vector_of(x0, "minimize")
        self.fun = fun
        self.returns_slope = jac is True
        self.options = dict(options, method=method)
        self.is_constrained = len(flatten(options["constraints"])[0]) > 0 if options["constraints"] is not None else False
        self._choose_derivatives(method, jac)

    def _choose_derivatives(self, method: Any, jac: Any) -> None:
        name = method.lower() if isinstance(method, str) else ""
        self.own_slope = jac is None and name not in _WITHOUT_GRADIENT
        if self.own_slope or self.returns_slope:
            self.options["jac"] = True
        else:
            self.options["jac"] = self._of_vectors(jac)
        self.options["hess"] = self._of_vectors(self.options["hess"], matrix=True)
        self.options["hessp"] = self._of_vectors(self.options["hessp"])
        if self.own_slope and self.options["hess"] is None is self.options["hessp"]:
            if name in _WITH_PRODUCT:
                self.options["hessp"] = lambda x, v, *args: value_and_slope(
                    lambda x: np.sum(self.slope(x, args) * v), x, "minimize"
                )[1]
            elif name in _WITH_HESSIAN:
                self.options["hess"] = self._hessian

    def _of_vectors(self, derivative: Any, *, matrix: bool = False) -> Any:
        """A derivative that was given, as one that takes a vector (and a direction), and returns a vector or a matrix."""
        if not callable(derivative):
            return derivative
        plain = plainly(derivative, "minimize", "derivative")
        with_direction = derivative is self.options["hessp"]

        def of_vectors(x: Any, *rest: Any) -> Any:
            if with_direction:
                rest = (self.shaped(rest[0]), *rest[1:])
            out = plain(self.shaped(x), *rest)
            return out if matrix else flat(flatten(out)[0])

        return of_vectors

    def value(self, x: Any, args: tuple) -> Any:
        """The function."""
        out = self.fun(self.shaped(x), *args)
        return out[0] if self.returns_slope else out

    def slope(self, x: Any, args: tuple) -> Any:
        """Its gradient, which may be traced."""
        return value_and_slope(lambda x: self.value(x, args), x, "minimize")[1]

    def _hessian(self, x: Any, *args: Any) -> Any:
        rows = [value_and_slope(lambda x, i=i: self.slope(x, args)[i], x, "minimize")[1] for i in range(len(x))]
        return np.stack(rows)

    def run(self, start: Any, args: tuple) -> Any:
        """What SciPy finds."""
        from scipy import optimize

        def given(x: Any, *args: Any) -> Any:
            if self.own_slope:
                return value_and_slope(lambda x: self.value(x, args), x, "minimize")
            if self.returns_slope:
                value, slope = self.fun(self.shaped(x), *args)
                return value, flat(flatten(slope)[0])
            return self.fun(self.shaped(x), *args)

        return optimize.minimize(plainly(given, "minimize", "function"), start.astype(np.float64), args, **self.options)

    def held(self, x: Any) -> Any:
        """Which unknowns are at a bound, and stay there."""
        bounds = self.options["bounds"]
        if bounds is None:
            return np.zeros(x.shape, bool)
        if hasattr(bounds, "lb"):
            low, high = bounds.lb, bounds.ub
        else:
            low = np.array([-np.inf if b is None else b for b, _ in bounds], float)
            high = np.array([np.inf if b is None else b for _, b in bounds], float)
        return np.broadcast_to((x <= low) | (x >= high), x.shape)

    def check(self, found: Any, args: tuple, held: Any) -> None:
        """Raise unless a minimum with which SciPy is not content is one nevertheless."""
        free = ~held
        hessian, slope = self._hessian(found.x, *args)[np.ix_(free, free)], self.slope(found.x, args)[free]
        step = np.linalg.lstsq(hessian, slope, rcond=None)[0]
        if not np.all(abs(step) <= _SMALL_STEP * (1 + abs(found.x[free]))):
            raise NotConvergedError(f"minimize: {found.message} The point that was reached, {found.x}, is not differentiated.")


def _is_container_of_arrays(x0: Any) -> bool:
    """Whether the unknowns are a pytree; lists of numbers are arrays."""
    leaves, treedef = flatten(x0)
    are_numbers = all([not shape_of(x) for x in leaves])
    return treedef.kind is not None and not (treedef.kind in (list, tuple) and are_numbers)
