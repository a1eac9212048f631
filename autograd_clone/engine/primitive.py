"""Primitives: one record per function holds everything the transforms know about it.

A *rule* is ordinary NumPy code whose parameter names say what it needs, and only that is kept from the forward
pass (its *residuals*)::

    elementwise(np.sin, x=lambda x: np.cos(x))            # needs the operand x
    elementwise(np.exp, x=lambda ans: ans)                # needs the output
    linear(np.reshape, a=lambda g, a_shape: np.reshape(g, a_shape))     # needs only the operand's shape

Names a rule may use: ``g`` (cotangent) or ``t`` (tangent) first; ``ans``; an operand's name; ``<operand>_shape``,
``_ndim``, ``_size`` or ``_dtype``, which keep the operand itself from being held; the name of a parameter (static
argument), with NumPy's default filled in; ``argnum``, the index within a variadic operand; ``memo``, through which the
rules of several operands share work (see `shared`).
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .box import Box
from .cotangent import dtype_of, shape_of
from .errors import BatchedParameterError, MissingRuleError, UnsupportedKeywordError
from .trace import apply

#: function -> its record. The one source of truth: dispatch, tests, coverage and benchmarks all read it.
REGISTRY: dict[Any, Primitive] = {}

#: The ``call`` of every rule whose cotangents belong element by element to those it is given.
ELEMENTWISE_RULES: set[Callable] = set()
#: The ``call`` of every rule of a function that takes some elements as they are and leaves the others out.
SELECTIONS: set[Callable] = set()
#: The ``call`` of a rule -> that of one with the same residual which is slower, and right at singular points too: it takes the
#: place of the other when a derivative has turned out not to be finite and is computed again.
AT_SINGULAR_POINTS: dict[Callable, Callable] = {}

_NO_DEFAULT = inspect.Parameter.empty
#: NumPy's mark for a keyword argument that was not given.
_NOT_GIVEN: Any = np._NoValue
_ATTRIBUTES: dict[str, str] = {
    "shape": "shape_of({})",
    "ndim": "len(shape_of({}))",
    "size": "prod(shape_of({}))",
    "dtype": "dtype_of({})",
}


class Rule:
    """A derivative rule, ready for the interpreters.

    Attributes
    ----------
    call : callable
        ``call(g, residual)``: the cotangent (or tangent) mapped by the rule.
    gather : callable
        ``gather(operands, ans, params)``: the residual. ``None``, one value, or a tuple, by the rule's arity.
    names : tuple of str
        What the residual is made of, in order; a parameter that is not among them is not handled.
    source : object
        What the table says.
    handles : frozenset of str
        Parameters that may have any value.
    """

    __slots__ = ("call", "gather", "handles", "names", "source")

    def __init__(self, call: Callable, gather: Callable, names: Iterable[str], source: Any) -> None:
        self.call = call
        self.gather = gather
        self.names = tuple(names)
        self.source = source
        self.handles: frozenset[str] = frozenset(self.names)


class Primitive:
    """A function with derivative rules; calling it applies it under whatever traces its operands carry.

    Attributes
    ----------
    fun : callable
        The function on plain values.
    kernel : callable
        A cheaper form of `fun` for one plain array or float64; may be replaced by a rule table.
    kind : str
        ``elementwise``, ``linear``, ``multilinear``, ``custom``, ``zero``, ``composite`` or ``refused``.
    operands : tuple of str
        Names of the array arguments; a last name starting with ``*`` takes all that remain.
    defaults : dict
        The other (static) parameters with their defaults, in order.
    vjps, jvps : dict
        Operand index (``-1`` for a variadic one) -> `Rule`, or ``None`` for a derivative that is zero.
    outputs : int
        How many arrays the function returns; a rule of a function with several gets and gives tuples.
    harmless : frozenset of str
        Parameters that cannot influence the derivative.
    complex : bool
        Whether it takes complex operands (for a ufunc, NumPy says).
    domain : str
        Where its operands lie, as the name of a method of `Sampler`: ``array``, ``positive``, ``unit``, ...
    samples : callable, optional
        Arguments to check it on; see `autograd_clone.engine.samples`.
    batch : callable, optional
        Batching rule, see `autograd_clone.engine.batch`; found by kind or by name where it is ``None``.
    checked : bool
        Whether the shapes that its rules return are checked (always for users' rules).
    shares : bool
        Whether the rules of its operands have work in common, see `shared`.
    view : dict, optional
        Given if the result shares memory with the one operand: what a `Step` says of it beside the primitive and parameters.
    """

    __slots__ = (
        "batch", "broadcasts", "checked", "complex", "defaults", "domain", "fun", "harmless", "implementation", "jvps", "kernel",
        "kind", "name", "names", "operand_defaults", "operands", "outputs", "positional", "reason", "samples", "sequence", "shares",
        "variadic", "view", "vjps",
    )  # fmt: skip

    def __init__(
        self,
        fun: Callable,
        kind: str,
        *,
        operands: tuple[str, ...] | None = None,
        defaults: Mapping[str, Any] | None = None,
        harmless: Iterable[str] = (),
        name: str | None = None,
        samples: Callable | None = None,
        domain: str = "array",
        complex: bool | None = None,
        batch: Callable | None = None,
    ) -> None:
        self.fun = fun
        self.kernel = fun
        self.kind = kind
        self.name = name or public_name(fun)
        self.samples = samples
        self.batch = batch
        self.domain = domain
        self.complex = _takes_complex(fun) if complex is None else complex
        self.implementation: Callable | None = None
        self.reason = ""
        self.outputs = 1
        self.checked = True
        self.shares = False
        self.view: dict[str, Any] | None = None
        self.broadcasts = kind == "elementwise"
        self.harmless = frozenset(harmless)
        self.vjps: dict[int, Rule | None] = {}
        self.jvps: dict[int, Rule | None] = {}
        self._set_signature(operands or (), defaults)

    def _set_signature(self, operands: tuple[str, ...], defaults: Mapping[str, Any] | None) -> None:
        self.sequence = bool(operands) and operands[0].startswith("[")
        operands = tuple(o.strip("[]") for o in operands)
        self.variadic = len(operands) - 1 if operands and operands[-1].startswith("*") else None
        self.operands = tuple(o.lstrip("*") for o in operands)
        signature = {} if isinstance(self.fun, np.ufunc) else signature_of(self.fun)
        self.names = tuple(signature) or self.operands + tuple(defaults or ())
        self.operand_defaults = tuple(
            None if signature.get(o, _NO_DEFAULT) is _NO_DEFAULT else signature[o] for o in self.operands
        )
        self.defaults = {k: v for k, v in signature.items() if k not in self.operands}
        self.defaults.update(defaults or {})
        self.names += tuple(k for k in self.defaults if k not in self.names)
        self.positional = positional_parameters(self.fun) if signature else len(self.names)

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.kind}>"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.sequence and not any([isinstance(x, Box) for x in (*args, *kwargs.values())]):
            return self.fun(*args, **kwargs)
        try:
            operands, params = self.split(args, kwargs)
        except BatchedParameterError as found:
            return found.trace.apply_with(self, args, kwargs)  # type: ignore[attr-defined]
        return apply(self, operands, params)

    def split(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Separate operands from static parameters, however they were passed."""
        if self.variadic is not None:
            return self._split_variadic(args, kwargs)
        if len(args) <= len(self.operands) and (not kwargs or len(args) == 1 == len(self.operands)):
            if kwargs:
                self.check_known(kwargs)
            return args, kwargs
        given = dict(zip(self.names, args, strict=False))
        if len(args) > self.positional:
            raise TypeError(f"{self.name}() takes at most {self.positional} positional arguments, got {len(args)}")
        for key, value in kwargs.items():
            if key in given:
                raise TypeError(f"{self.name}() got multiple values for argument {key!r}")
            given[key] = value
        operands = [given.pop(o, d) for o, d in zip(self.operands, self.operand_defaults, strict=True)]
        while operands and operands[-1] is None:
            operands.pop()
        self.check_known(given)
        return tuple(operands), given

    def _split_variadic(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        if not self.sequence:
            self.check_known(kwargs)
            return args, kwargs
        given = dict(zip(self.names, args, strict=False)) | kwargs
        sequence = given.pop(self.operands[0])
        self.check_known(given)
        return tuple(sequence), given

    def check_known(self, params: dict[str, Any]) -> None:
        """Raise unless every name in `params` is a parameter of the function.

        Arrays that hold no traced value become plain ones. What is marked as not given is left out, as NumPy's mark is not
        known to foreign types of array.
        """
        if any([value is _NOT_GIVEN for value in params.values()]):
            for key in [k for k, v in params.items() if v is _NOT_GIVEN is self.defaults.get(k)]:
                del params[key]
        for key, value in params.items():
            if key not in self.defaults:
                raise TypeError(f"{self.name}() got an unexpected keyword argument {key!r}")
            if isinstance(value, Box):
                value = params[key] = value.bare()
            if isinstance(value, Box):
                if value.batched:
                    raise BatchedParameterError(
                        value._trace, f"{self.name}: the argument {key!r} differs between the examples of a batch"
                    )
                raise MissingRuleError(
                    f"{self.name} has no derivative with respect to its argument {key!r}, which is a traced value. "
                    "Pass a plain value (stop_gradient(x) takes it out of the trace)."
                )

    def check_handled(self, rule: Rule, params: Mapping[str, Any]) -> None:
        """Raise if `params` holds a value that is not the default and that `rule` does not handle."""
        if params.keys() <= rule.handles:
            return
        for key, value in params.items():
            if key in rule.handles or key in self.harmless:
                continue
            default = self.defaults.get(key, _NO_DEFAULT)
            if value is default or (type(value) in (bool, int, str) and value == default):
                continue
            raise UnsupportedKeywordError(
                f"{self.name}: the derivative does not support the keyword {key}={value!r} on a traced array. "
                f"Leave {key} at its default ({default!r}) or write the operation without it."
            )

    def key(self, i: int) -> int:
        """Where operand `i` stands in the rule tables."""
        return -1 if self.variadic is not None and i >= self.variadic else i

    def rule(self, table: dict, i: int, params: Mapping[str, Any]) -> Rule | None:
        """The rule of operand `i` in `vjps` or `jvps`; ``None`` if that derivative is zero."""
        rule = table[self.key(i)]
        if rule is not None and params:
            self.check_handled(rule, params)
        return rule

    def missing(self, i: int) -> MissingRuleError:
        """The error for an operand without a rule in either mode."""
        name = self.operands[i] if i < len(self.operands) else str(i)
        return missing_rule(self.name, repr(name))

    def set_rules(self, mode: str, rules: Mapping[str, Any]) -> None:
        """Install rules given as ``{operand name: rule}`` for ``mode`` ``"vjp"`` or ``"jvp"``."""
        table = self.vjps if mode == "vjp" else self.jvps
        for name, rule in rules.items():
            i = self.operands.index(name)
            key = -1 if i == self.variadic else i
            table[key] = made = None if rule is None else self.compile(rule, name)
            if made is not None:
                made.handles |= self.harmless
                self.shares |= "memo" in made.names

    def compile(self, rule: Any, own: str = "") -> Rule:
        """Make a `Rule` of a partial derivative or of a function of ``g`` (or ``t``) and residuals.

        ``own`` is the operand it is for, which is an array for certain; others may be Python numbers.
        """
        if isinstance(rule, str):
            name = rule.removeprefix("1/")
            return Rule(operator.mul if name == rule else operator.truediv, self._gatherer([name]), [name], rule)
        # a default of the rule's own is for versions of NumPy whose function lacks the parameter
        parameters = inspect.signature(rule).parameters.items()
        names = [n for n, p in parameters if p.default is p.empty or n in self.defaults]
        widened = self.others(own)
        if names[:1] in (["g"], ["t"]):
            return Rule(_explicit(rule, len(names) - 1), self._gatherer(names[1:], own, widened), names[1:], rule)
        return Rule(_scaled(rule, len(names)), self._gatherer(names, own, widened), names, rule)

    def others(self, own: str) -> frozenset[str]:
        """The operands of a ufunc that may be arrays of integers, as a rule for the operand `own` meets them."""
        is_ufunc = isinstance(self.fun, np.ufunc) and self.fun.signature is None
        return frozenset(self.operands) - {own} if is_ufunc and own in self.operands else frozenset()

    def _gatherer(self, names: list[str], own: str = "", widened: frozenset[str] = frozenset()) -> Callable:
        if not names:
            return _nothing
        sources = [f"wide({self._source_of(n, own)})" if n in widened else self._source_of(n, own) for n in names]
        body = sources[0] if len(sources) == 1 else "(" + ", ".join(sources) + ")"
        scope = {"shape_of": shape_of, "dtype_of": dtype_of, "prod": _prod, "defaults": self.defaults, "wide": wide}
        return eval(f"lambda v, ans, p: {body}", scope)

    def _source_of(self, name: str, own: str) -> str:
        """Where a residual comes from, as an expression in ``v`` (operands), ``ans`` and ``p`` (parameters)."""
        if name == "ans":
            return "ans"
        if name in self.operands:
            return self._operand_source(self.operands.index(name))
        base, _, attribute = name.rpartition("_")
        if base == "ans" and attribute in _ATTRIBUTES:
            return _ATTRIBUTES[attribute].format("ans")
        if base in self.operands and attribute in _ATTRIBUTES:
            i = self.operands.index(base)
            if i == self.variadic:
                return "tuple([" + _ATTRIBUTES[attribute].format("u") + f" for u in v[{i}:]])"
            if base == own and attribute in ("shape", "dtype"):
                return f"v[{i}].{attribute}"
            return _ATTRIBUTES[attribute].format(f"v[{i}]")
        if name == "argnum":
            return "p['argnum']"
        if name == "memo":
            return "p.get('memo')"
        if name in self.defaults:
            return f"(p[{name!r}] if {name!r} in p else defaults[{name!r}])"
        raise TypeError(f"a rule of {self.name} asks for {name!r}, which is neither an operand nor a parameter of it")

    def _operand_source(self, i: int) -> str:
        if i == self.variadic:
            return f"v[{i}:]"
        optional = i > 0 and self.operand_defaults[i] is None and not isinstance(self.fun, np.ufunc)
        return f"(v[{i}] if len(v) > {i} else None)" if optional else f"v[{i}]"


def wide(x: Any) -> Any:
    """An array of small or unsigned integers, or of truth values, as one whose negatives and products are what they should be.

    Images are often of such a type. ``-x`` of an unsigned 1 is 255, and ``np.log`` of it is of half precision. What needs all
    64 bits fits in no signed type, and is taken for the float that NumPy makes of it beside another.
    """
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype is _FLOAT64 or dtype.kind not in "biu" or dtype is _INT64:
        return x
    return x.astype(_FLOAT64 if dtype.kind == "u" and dtype.itemsize == 8 else _INT64)


_FLOAT64, _INT64 = np.dtype(np.float64), np.dtype(np.int64)


def _takes_complex(fun: Callable) -> bool:
    return not isinstance(fun, np.ufunc) or any(t.startswith(("D", "dD")) for t in fun.types)


#: Functions that register rules on demand: ``loader(fun)`` returns whether it registered anything.
LOADERS: list[Callable[[Any], bool]] = []


def find(fun: Any) -> Primitive | None:
    """The record of a function, loading the rules of optional areas (SciPy's) when they are first needed."""
    prim = REGISTRY.get(fun)
    if prim is None and any(loader(fun) for loader in LOADERS):
        prim = REGISTRY.get(fun)
    return prim


def missing_rule(function: str, argument: str) -> MissingRuleError:
    """The error for a derivative that nobody has defined."""
    return MissingRuleError(
        f"{function} has no derivative with respect to its argument {argument}. Define one with autograd_clone.extend: "
        f"defvjp({function}, lambda ans, *args: lambda g: ...), and defjvp for forward mode; or take the traced value out of that "
        "argument with stop_gradient."
    )


def identity(g: Any, _: Any) -> Any:
    """The rule of a derivative that is one."""
    return g


def negative(g: Any, _: Any) -> Any:
    """The rule of a derivative that is minus one."""
    return -g


def shared(memo: list | None, g: Any, compute: Callable[[], Any]) -> Any:
    """What two rules of one node need of the same cotangent `g`, computed once.

    ``memo`` is a residual that both rules name. It is ``None`` unless there are two operands to pull back to.
    """
    if memo is None:
        return compute()
    kept = memo[0]
    if kept is not None and kept[0] is g:
        memo[0] = None
        return kept[1]
    value = compute()
    memo[0] = (g, value)
    return value


def _prod(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _nothing(v: tuple, ans: Any, p: dict) -> None:
    return None


def _explicit(rule: Callable, arity: int) -> Callable:
    if arity == 0:
        return lambda g, r: rule(g)
    if arity == 1:
        return rule
    return lambda g, r: rule(g, *r)


def _scaled(partial: Callable, arity: int) -> Callable:
    if arity == 0:
        return lambda g, r: g * partial()
    if arity == 1:
        return lambda g, r: g * partial(r)
    return lambda g, r: g * partial(*r)


def public_name(fun: Any) -> str:
    """``numpy.linalg.solve`` and the like."""
    name = getattr(fun, "__qualname__", None) or getattr(fun, "__name__", None) or repr(fun)
    if isinstance(fun, np.ufunc):
        homes = {"numpy": np, "scipy.special": sys.modules.get("scipy.special")}
        return next((f"{home}.{name}" for home, module in homes.items() if getattr(module, name, None) is fun), name)
    module = getattr(fun, "__module__", None) or ""
    return f"{module}.{name}" if module.startswith(("numpy", "scipy")) else name


def positional_parameters(fun: Callable) -> int:
    """How many arguments may be given by position."""
    kinds = [p.kind for p in inspect.signature(fun).parameters.values()]
    return len(kinds) if inspect.Parameter.VAR_POSITIONAL in kinds else len(kinds) - kinds.count(inspect.Parameter.KEYWORD_ONLY)


def signature_of(fun: Callable) -> dict[str, Any]:
    """Parameter name -> default, in order; empty where the function does not tell."""
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return {}
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p.default for p in parameters if p.kind in plain}
