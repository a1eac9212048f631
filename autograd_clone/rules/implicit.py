"""Solutions of ``F(x, p) = 0``, differentiated by the implicit function theorem.

The solver runs on plain values and is not traced. From ``F(x(p), p) = 0`` follows ``J dx = -F_p dp``, where ``J`` is the Jacobian
in ``x``; so a tangent takes one solution with ``J``, and a cotangent one with its transpose. Both are written in traced operations
of the solution itself, so that they can be differentiated in turn (Griewank and Walther 2008, chapter 15).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.batch import BatchTrace
from ..engine.box import Box, all_values, new_box
from ..engine.calls import CallPrimitive
from ..engine.cotangent import dtype_of, shape_of
from ..engine.errors import NonScalarOutputError, SingularJacobianError, UnsupportedTypeError
from ..engine.pytree import TreeDef, flatten
from ..engine.reverse import ReverseTrace, backward, root
from ..engine.zeros import backward_with_strong_zeros, is_finite
from .creation import as_array
from .integrate import packed, plainly, pulled, pushed, settled

#: ``residual(x, p)``, a vector as long as ``x``.
Residual = Callable[[Any, Any], Any]


def value_and_slope(function: Callable, x: Any, name: str) -> tuple[Any, Any]:
    """A scalar function of a vector, which may be traced, and its gradient."""
    start = root()
    with ReverseTrace() as trace:
        out = function(new_box(x, trace, start))
        if shape_of(out) not in ((), (1,)):
            raise NonScalarOutputError(f"{name}: the function must return a number, but the shape of its value is {shape_of(out)}")
        mine = isinstance(out, Box) and out._trace is trace
        node, value = (out._link, out._value) if mine else (None, out)
    if node is None:
        return value, np.zeros(shape_of(x), dtype_of(x))
    seed = np.ones(shape_of(value), dtype_of(value))[()]
    found = backward([(node, seed)])
    if not all(map(is_finite, found.values())):
        found = backward_with_strong_zeros([(node, seed)])
    return value, found.get(start[0], np.zeros(shape_of(x), dtype_of(x)))


# ---- the primitive ---------------------------------------------------------------------------------------


def _solve(start: Any, p: Any, *, residual: Residual, solver: Callable) -> Any:
    return solver(start, p)


class Implicit(CallPrimitive):
    """``Implicit(name)(start, p, residual=..., solver=...)``: the vector ``solver(start, p)``, a root of ``residual(x, p)``.

    It does not depend on where the solver starts.
    """

    def __init__(self, name: str) -> None:
        super().__init__(_solve, name)

    def push(self, args: list, kwargs: dict, argnums: list[int], tangents: list[Any]) -> tuple[Any, Any]:
        x = self(*args, **kwargs)
        if 1 not in argnums:
            return x, np.zeros(shape_of(x))
        q = tangents[argnums.index(1)]
        field = _as_field(kwargs["residual"])
        _, pull = pulled(field, x, None, args[1])
        _, moved = pushed(field, x, None, args[1], np.zeros(shape_of(x)), q)
        return x, -_solved(self._jacobian(pull, x), moved)

    def linearize(self, args: list, kwargs: dict, argnums: list[int]) -> tuple[Any, Callable]:
        x = self(*args, **kwargs)

        @functools.cache
        def at_solution() -> tuple[Any, Callable]:
            _, pull = pulled(_as_field(kwargs["residual"]), x, None, args[1])
            return self._jacobian(pull, x), pull

        def vjp(g: Any) -> list[Any]:
            out = {0: np.zeros(shape_of(args[0]))}
            if 1 in argnums:
                jacobian, pull = at_solution()
                out[1] = -pull(_solved(jacobian.T, g))[1]
            return [out[i] for i in argnums]

        return x, vjp

    def _jacobian(self, pull: Callable, x: Any) -> Any:
        """The Jacobian of the residual at the solution, all rows at once."""
        n = shape_of(x)[0]
        with BatchTrace(n) as trace:
            jacobian = trace.all_of(pull(trace.box(np.eye(n)))[0])
        values = all_values(jacobian)
        if n and not (np.isfinite(values).all() and np.all(np.linalg.cond(values, 1) < 1 / np.finfo(np.float64).eps)):
            raise SingularJacobianError(
                f"{self.name}: the Jacobian of the equations (for a minimum, the Hessian) is singular at the solution {all_values(x)}: "
                "the solution is not isolated there, or does not depend smoothly on the parameters, so that it has no derivative"
            )
        return jacobian


def _as_field(residual: Residual) -> Callable:
    return lambda x, _, p: residual(x, p)


def _solved(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b) if shape_of(b)[0] else b


# ---- vectors and pytrees -----------------------------------------------------------------------------------


def vector_of(tree: Any, name: str) -> tuple[Any, Callable]:
    """All leaves of a pytree in one vector, and the way back; leaves keep their shapes and precisions."""
    leaves, treedef = flatten(tree)
    leaves = [as_array(x) for x in leaves]
    for x in leaves:
        if x.dtype.kind not in "fiu":
            raise UnsupportedTypeError(f"{name}: the unknowns must be real numbers, but there is an array of dtype {x.dtype}")
    shapes = [x.shape for x in leaves]
    dtypes = [x.dtype if x.dtype.kind == "f" else np.dtype(np.float64) for x in leaves]
    return flat(leaves), functools.partial(_unflattened, treedef, shapes, dtypes)


def flat(leaves: list) -> Any:
    """Arrays as one vector."""
    return np.concatenate([np.reshape(as_array(x), (-1,)) for x in leaves]) if leaves else np.zeros(0)


def _unflattened(treedef: TreeDef, shapes: list, dtypes: list, x: Any) -> Any:
    out, start = [], 0
    for shape, dtype in zip(shapes, dtypes, strict=True):
        size = int(np.prod(shape))
        part = x[start : start + size].reshape(shape)[()]
        out.append(part if part.dtype == dtype else part.astype(dtype))
        start += size
    return treedef.unflatten(out)


# ---- solvers of the user's own -----------------------------------------------------------------------------


def implicit_root(equations: Callable, solver: Callable, args: tuple) -> Any:
    """See `autograd_clone.implicit_root`."""
    name = getattr(solver, "__name__", "implicit_root")
    args = settled(args)
    p, unpack = packed(name, args)
    known: list[Callable] = []

    def solve(_: Any, p: Any) -> Any:
        solution = plain(*unpack(p))
        vector, back = vector_of(solution, name)
        known[:] = [back]
        return vector

    def residual(x: Any, p: Any) -> Any:
        out = flat(flatten(equations(known[0](x), *unpack(p)))[0])
        if shape_of(out) != shape_of(x):
            raise ValueError(
                f"implicit_root: there are {shape_of(out)[0]} equations for {shape_of(x)[0]} unknowns; there must be as many"
            )
        return out

    plain = plainly(solver, name, "solver")
    if not shape_of(p)[0]:
        return plain(*args)
    x = Implicit(name)(np.zeros(0), p, residual=residual, solver=solve)
    return known[0](x)
