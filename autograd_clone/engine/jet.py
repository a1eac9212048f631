"""Taylor mode: a box carries the coefficients of a truncated power series, and every primitive maps series to series.

A value ``x`` stands for the curve ``x_0 + x_1 s + x_2 s**2 + ... + x_K s**K`` of a real parameter ``s``. ``_value`` of a box is
``x_0``, its ``_link`` the `Series` of all coefficients, arrays of one shape and dtype (or boxes of older traces, or ``None`` for
a coefficient that is zero by structure). What a primitive does to series follows from its record:

* linear, or linear in those operands that vary: it is applied to each coefficient
* multilinear: Cauchy products
* one with a recurrence (`RECURRENCES`, a table in `rules.taylor`): that
* any other: its derivative rule is a differential equation, ``z' = J(x, z) x'``. The rule is run once, by this very trace, on
  series whose coefficients are computed as they are asked for: coefficient ``k + 1`` of ``z`` asks for coefficient ``k`` of the
  right-hand side, which asks for coefficients up to ``k`` of ``z`` and of ``x``. So each operation in the rule costs O(K**2).

References
----------
Griewank and Walther, Evaluating Derivatives, 2nd ed. (2008), chapter 13: recurrences, and elementary functions as solutions of
differential equations. McIlroy, Squinting at power series (1990): series as streams that refer to themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from .box import Box, is_foreign, new_box
from .calls import INTERPRETERS, _unwrap, closed_over, push_each, varies
from .cotangent import as_scalar, cast, dtype_of, shape_of
from .forward import ForwardTrace, all_tangents, match, tangent_map
from .primitive import Primitive
from .pytree import TreeDef, flatten
from .reverse import unwrap
from .trace import RELEASE, EndedTrace, Trace, apply
from .transpose import zeros_like
from .vspace import vspace

#: primitive's name -> ``recurrence(z, *operands)``. ``z`` is the list of known coefficients of the result, of which the first is
#: there; operands are `Series` where they vary. It returns ``grow(k)``, which computes coefficient ``k``, or ``None`` to decline.
RECURRENCES: dict[str, Callable] = {}
#: Names of solvers ``z = F(a, b)`` of equations ``A z = b`` that are linear in ``a`` and ``b`` as well.
IMPLICIT: set[str] = set()
#: Names of functions of matrices, in the sense of functional calculus, whose first operand is the matrix.
OF_MATRICES: set[str] = set()


class Series:
    """The coefficients of a power series, computed as they are asked for.

    Attributes
    ----------
    known : list
        Coefficients 0, 1, ... as far as they are known.
    grow : callable
        ``grow(k)`` computes coefficient ``k``, when those before are known; ``None`` if all are.
    """

    __slots__ = ("grow", "known")

    def __init__(self, known: list, grow: Any = None) -> None:
        self.known = known
        self.grow = grow

    def __getitem__(self, k: int) -> Any:
        known = self.known
        while len(known) <= k:
            known.append(self.grow(len(known)))
        return known[k]


class JetTrace(Trace):
    """Interpreter that applies each primitive to series.

    Attributes
    ----------
    order : int
        The order ``K`` of the last coefficient.
    scope : dict or None
        While a derivative rule runs: the results in it by function and operands. A function that comes up again in its own
        derivatives, as sin does by way of cos, is thereby found, and the differential equations become a closed system.
    """

    __slots__ = ("order", "scope")

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order
        self.scope: dict | None = None

    #: What it becomes in the end.
    ended: type[JetTrace]

    def end(self) -> None:
        RELEASE[0](self)
        self.__class__ = self.ended

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        recurrence = None if params else RECURRENCES.get(prim.name)
        if recurrence is not None:
            z = self.by_recurrence(prim, operands, recurrence)
            if z is not None:
                return z
        values, active = unwrap(self, operands)
        ans = apply(prim, values, params)
        if prim.kind == "zero":
            return ans
        if type(ans) is np.ndarray or isinstance(ans, Box) or not isinstance(ans, (tuple, list)):
            grow = self.by_kind(prim, params, values, active, ans)
            if grow is not None:
                return self.box(ans, [ans], grow)
        return self.solve(prim, operands, params, values, active, ans)

    def by_recurrence(self, prim: Primitive, operands: tuple, recurrence: Callable) -> Any:
        """The result of a primitive that has a recurrence; ``None`` if that declines."""
        values, series, plain = [], [], True
        for x in operands:
            if isinstance(x, Box):
                if x._trace is self:
                    series.append(x._link)
                    x = x._value
                else:
                    series.append(x)
                plain = plain and type(x) in _PLAIN
            else:
                series.append(x)
            values.append(x)
        ans = prim.fun(*values) if plain else apply(prim, tuple(values), {})
        known = [ans]
        grow = recurrence(known, *series)
        return None if grow is None else self.box(ans, known, grow)

    def box(self, ans: Any, known: list, grow: Callable) -> Any:
        """A value with its series in a box; complete, unless it may refer to itself. Of integers only the value."""
        if type(ans) is not np.float64 and dtype_of(ans).kind in "iub":
            return ans
        grow = _kept(grow, ans)
        if self.scope is not None:
            return new_box(ans, self, Series(known, grow))
        for k in range(1, self.order + 1):
            known.append(grow(k))  # noqa: PERF401 - `grow` looks at `known`
        if self.watches:
            self.completed(known)
        return new_box(ans, self, Series(known))

    def mapped(self, x: Any, f: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
        series = x._link

        def grow(k: int) -> Any:
            c = series[k]
            return None if c is None else f(c)

        known = [f(x._value)]
        if series.grow is not None:
            return new_box(known[0], self, Series(known, grow))
        known += [grow(k) for k in range(1, len(series.known))]
        return new_box(known[0], self, Series(known))

    #: Whether `completed` is to be called.
    watches = False

    def completed(self, known: list) -> None:
        """A hook: all coefficients of a value have been computed."""

    def by_kind(self, prim: Primitive, params: dict, values: tuple, active: list, ans: Any) -> Callable | None:
        """How coefficients follow for a primitive that is (multi)linear in what varies; ``None`` for any other."""
        if prim.kind == "linear" and prim.variadic is not None:
            return lambda k: _jointly(prim, params, values, [(i, x[k]) for i, x in active])
        if prim.kind in ("linear", "multilinear"):
            return lambda k: _cauchy(prim, params, values, active, k)
        if not is_linear_in(prim, tuple([i for i, _ in active])):
            if prim.name in IMPLICIT:
                z = [ans]
                return lambda k: _implicit(prim, params, values, active, z, k)
            if prim.name in OF_MATRICES and len(active) == 1 and active[0][0] == 0:
                return lambda k: matched(_of_blocks(prim, params, values, active[0][1], k), ans)
            return None
        maps = [(tangent_map(prim, i, values, ans, params), x) for i, x in active]
        return lambda k: matched(_sum([t for push, x in maps if x[k] is not None and (t := push(x[k])) is not None]), ans)

    # ---- differential equations --------------------------------------------------------------------------------

    def solve(self, prim: Primitive, operands: tuple, params: dict, values: tuple, active: list, ans: Any) -> Any:
        """The result of a primitive whose coefficients are those of the solution of ``z' = J(x, z) x'``."""

        def slope(out: Any) -> Any:
            terms = [tangent_map(prim, i, operands, out, params)(self.derivative(x)) for i, x in active]
            return _sum([t for t in terms if t is not None])

        return self.solution(prim, (*operands, *params, *params.values()), ans, slope)

    def solution(self, function: Any, inputs: Sequence[Any], ans: Any, slope: Callable[[Any], Any]) -> Any:
        """The solution ``z`` with value `ans` of ``z' = slope(z)``, as a box, or as a container of boxes like `ans`.

        `function` and `inputs` tell this equation from others in the same scope.
        """
        scope = self.scope
        inner = {} if scope is None else scope
        key = (function, *map(_key, inputs))
        if key in inner:
            return inner[key][0]
        leaves, treedef = flatten(ans)
        leaves = [as_scalar(y) for y in leaves]
        equation = _Equation(self, slope, treedef, leaves, inner)
        parts = [Series([y], _kept(equation.part(m), y)) if varies(y) else None for m, y in enumerate(leaves)]
        out = equation.out = treedef.unflatten(y if z is None else new_box(y, self, z) for y, z in zip(leaves, parts, strict=True))
        inner[key] = out, parts, inputs  # the inputs are kept, for the key has their ids
        if scope is None:
            for z in parts:
                if z is not None:
                    z[self.order]
                    if self.watches:
                        self.completed(z.known)
            for _, series, _ in inner.values():  # they refer to themselves
                for z in series:
                    if z is not None:
                        z.grow = None
        return out

    def derivative(self, x: Series) -> Any:
        """The derivative of a series with respect to its parameter, as a box."""

        def grow(k: int) -> Any:
            c = x[k + 1]
            return None if c is None else (k + 1) * c

        value = x[1]
        if value is None:
            value = zeros_like(x.known[0])
        return new_box(value, self, Series([value], grow))

    def coefficient(self, y: Any, k: int) -> Any:
        """Coefficient `k` of a value, which may be a constant."""
        if isinstance(y, Box) and y._trace is self:
            return y._link[k]
        return y if k == 0 else None


class EndedJetTrace(JetTrace):
    """What a Taylor trace becomes when its transform has returned."""

    __slots__ = ()
    process = EndedTrace.process


JetTrace.ended = EndedJetTrace


class ElementwiseTrace(JetTrace):
    """A Taylor trace that goes on only as long as every element depends on the element of the input in its place, and no other.

    Then series along ones have the derivatives of each element, which makes them worth what derivatives of derivatives are.

    Attributes
    ----------
    shape : tuple of int
        Of the input, and of all that depends on it.
    """

    __slots__ = ("refused", "shape")

    def __init__(self, order: int, shape: tuple[int, ...]) -> None:
        super().__init__(order)
        self.shape = shape
        self.refused = False

    def process(self, prim: Primitive, operands: tuple, params: dict) -> Any:
        if prim.kind != "zero" and (prim.kind != "elementwise" or params or any(map(self._reshapes, operands))):
            self.refuse()
        return super().process(prim, operands, params)

    def _reshapes(self, x: Any) -> bool:
        """Whether the result has another shape than the input, of an operand alone or of its broadcast with another one."""
        shape = shape_of(x)
        return bool(shape) and shape != self.shape

    def refuse(self) -> NoReturn:
        """Stop; and remember it, should the program catch everything."""
        self.refused = True
        raise NotElementwise


class NotElementwise(BaseException):
    """A signal within the package, which no program should catch."""


class EndedElementwiseTrace(ElementwiseTrace):
    """What an elementwise trace becomes when its transform has returned."""

    __slots__ = ()
    process = EndedTrace.process


ElementwiseTrace.ended = EndedElementwiseTrace


class _Equation:
    """The differential equation ``z' = slope(z)``, whose right-hand side is computed when it is first asked for.

    Attributes
    ----------
    leaves : list
        The leaves of the value of ``z``.
    out : pytree of boxes, or None
        ``z`` itself, until it has been made use of.
    """

    __slots__ = ("leaves", "out", "scope", "slope", "slopes", "trace", "treedef")

    def __init__(self, trace: JetTrace, slope: Callable, treedef: TreeDef, leaves: list, scope: dict) -> None:
        self.trace, self.slope, self.treedef, self.leaves, self.scope = trace, slope, treedef, leaves, scope
        self.out: Any = None
        self.slopes: list[Any] = []

    def evaluate(self) -> None:
        """Run the right-hand side, in the scope of the function that the equation is for."""
        trace, before = self.trace, self.trace.scope
        trace.scope = self.scope
        try:
            found = self.slope(self.out)
        finally:
            trace.scope = before
        self.slopes = [None] * len(self.leaves) if found is None else self.treedef.flatten_like(found, "tangent")
        self.out = None

    def part(self, m: int) -> Callable[[int], Any]:
        """How leaf number `m` of the solution grows."""

        def grow(k: int) -> Any:
            if self.out is not None:
                self.evaluate()
            y = self.slopes[m]
            c = None if y is None else self.trace.coefficient(y, k - 1)
            return c if c is None else divided(matched(c, self.leaves[m]), k)

        return grow


_PLAIN = frozenset({np.float64, np.ndarray})

# ---- linear and multilinear functions ----------------------------------------------------------------------------

_linear: dict[tuple, bool] = {}


def is_linear_in(prim: Primitive, active: tuple[int, ...]) -> bool:
    """Whether a primitive is linear, up to a constant, in these operands: no rule of theirs needs one of them, or the result."""
    key = prim.name, active
    if key not in _linear:
        varying = {prim.operands[min(i, len(prim.operands) - 1)] for i in active} | {"ans"}
        rules = [prim.jvps.get(prim.key(i), prim.vjps.get(prim.key(i))) for i in active]
        _linear[key] = all(rule is None or varying.isdisjoint(rule.names) for rule in rules)
    return _linear[key]


def _jointly(prim: Primitive, params: dict, values: tuple, coefficients: list) -> Any:
    """A function that is linear in all operands at once, of one coefficient of each."""
    if all(c is None for _, c in coefficients):
        return None
    return apply(prim, all_tangents(values, [(i, c) for i, c in coefficients if c is not None]), params)


def _kept(grow: Callable, value: Any) -> Callable:
    """`grow` with coefficients in the precision of the value: NumPy before 2 makes double of the product of two numbers."""
    dtype = dtype_of(value)
    if dtype.char not in "efF":
        return grow

    def grown(k: int) -> Any:
        c = grow(k)
        return c if c is None or dtype_of(c) == dtype else cast(c, dtype)

    return grown


def _cauchy(prim: Primitive, params: dict, values: tuple, active: list, k: int) -> Any:
    """Coefficient `k` of a product: the sum over all ways to share out `k` among the factors."""
    total = None
    for shares in _shares(k, len(active)):
        factors = list(values)
        for (i, x), j in zip(active, shares, strict=True):
            factors[i] = x[j]
        if all([factors[i] is not None for i, _ in active]):
            term = apply(prim, tuple(factors), params)
            total = term if total is None else total + term
    return total


def _implicit(prim: Primitive, params: dict, values: tuple, active: list, z: list, k: int) -> Any:
    """Coefficient `k` of the solution of ``A z = b``; those before are in `z`, to which it is appended.

    It is ``F(a_0, b_k - A_1 z_{k-1} - ... - A_k z_0)``, term by term, and the rule of ``a``, ``F(a_0, -T z)`` for a tangent ``T``,
    is what makes a term out of ``A_j`` and ``z_{k-j}``. It is recognised by its use of the result.
    """
    total = None
    for i, x in active:
        rule = prim.jvps[prim.key(i)]
        if rule is None or "ans" not in rule.names:
            if x[k] is not None:
                total = _sum([t for t in (total, tangent_map(prim, i, values, z[0], params)(x[k])) if t is not None])
            continue
        for j in range(1, k + 1):
            if x[j] is not None and z[k - j] is not None:
                term = tangent_map(prim, i, values, z[k - j], params)(x[j])
                total = term if total is None else total + term
    z.append(matched(total, z[0]))
    return z[k]


def _of_blocks(prim: Primitive, params: dict, values: tuple, x: Series, k: int) -> Any:
    """Coefficient `k` of ``f(x)``: the last block of the first row of `f` of the block Toeplitz matrix of ``x_0, ..., x_k``.

    R. Mathias, A chain rule for matrix functions and applications, SIAM J. Matrix Anal. Appl. 17 (1996).
    """
    zero = zeros_like(values[0])
    blocks = [zero if x[j] is None else x[j] for j in range(k + 1)]
    n = zero.shape[-1]
    rows = [np.concatenate([zero] * i + blocks[: k + 1 - i], axis=-1) for i in range(k + 1)]
    return apply(prim, (np.concatenate(rows, axis=-2), *values[1:]), params)[..., :n, k * n :]


def _shares(k: int, n: int) -> Iterator[tuple[int, ...]]:
    """All tuples of `n` natural numbers that add up to `k`."""
    if n == 1:
        yield (k,)
        return
    for j in range(k + 1):
        for rest in _shares(k - j, n - 1):
            yield (j, *rest)


# ---- sums of coefficients ------------------------------------------------------------------------------------------


def _sum(terms: Iterable[Any]) -> Any:
    """The sum of arrays, or of tuples of arrays; ``None`` of none."""
    total = None
    for term in terms:
        if total is None:
            total = term
        elif isinstance(term, (tuple, list)):
            total = tuple(a + b for a, b in zip(total, term, strict=True))
        else:
            total = total + term
    return total


def matched(c: Any, ans: Any) -> Any:
    """A coefficient with the shape and dtype of the value that it belongs to."""
    return c if c is None or is_foreign(ans) else match(c, ans)


def divided(c: Any, k: int) -> Any:
    """A coefficient divided by a number."""
    if k == 1:
        return c
    return vspace(c).scalar_mul(c, 1 / k) if is_foreign(c) else c / k


def _key(x: Any) -> Any:
    """What tells an operand from others: numbers and plain arrays by their values, all else by identity."""
    if not isinstance(x, Box) and isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fciub":
        return type(x), x.shape, x.dtype, x.tobytes()
    return (type(x), repr(x)) if not isinstance(x, Box) and isinstance(x, (int, float, complex, str)) else id(x)


# ---- functions of pytrees ------------------------------------------------------------------------------------------


def process_jet(trace: JetTrace, prim: Any, args: tuple, kwargs: dict) -> Any:
    """Taylor mode of a call primitive: the solution of the equation that its JVP is."""
    if prim.transparent:
        return prim.under(trace, args, kwargs)
    values, argnums, trees = _unwrap(trace, args)
    if ForwardTrace in prim.untraced:
        return prim(*values, **kwargs)
    ans = prim(*values, **kwargs)
    if any(isinstance(x, Box) and x._trace.id >= trace.id for x in flatten(ans)[0]):
        raise closed_over(prim)

    def slope(_: Any) -> Any:
        tangents = [
            treedef.unflatten(
                trace.derivative(x._link) if isinstance(x, Box) and x._trace is trace else zeros_like(x) if varies(x) else None
                for x in leaves
            )
            for leaves, treedef in trees
        ]
        return push_each(prim, list(args), kwargs, argnums, tangents)[1]

    return trace.solution(prim, [*flatten(args)[0], *kwargs, *flatten(kwargs)[0]], ans, slope)


INTERPRETERS[JetTrace] = process_jet
INTERPRETERS[ElementwiseTrace] = lambda trace, prim, args, kwargs: trace.refuse()
INTERPRETERS[EndedJetTrace] = INTERPRETERS[EndedElementwiseTrace] = INTERPRETERS[EndedTrace]
