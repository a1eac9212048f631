"""From the registry's records to test cases: calls, as functions of their floating-point arrays."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy
import scipy.linalg
from numpy.lib import NumpyVersion
from numpy.testing.overrides import get_overridable_numpy_array_functions

import autograd_clone.rules
import autograd_clone.scipy.stats._records
from autograd_clone.array.box import call
from autograd_clone.engine.primitive import REGISTRY, Primitive
from autograd_clone.engine.samples import Sample, Sampler

for _module in pkgutil.walk_packages(autograd_clone.rules.__path__, "autograd_clone.rules."):
    importlib.import_module(_module.name)

#: Whether NumPy and SciPy are of the versions that all samples are for; older ones may refuse some.
IS_NEW = NumpyVersion(np.__version__) >= "2.4.0" and NumpyVersion(scipy.__version__) >= "1.17.0"


def _takes_stacks() -> bool:
    try:
        scipy.linalg.expm(np.ones((1, 1, 1)))
        scipy.linalg.inv(np.ones((1, 1, 1)))
    except ValueError:
        return False
    return True


#: Whether this version of SciPy takes stacks of matrices; an old one refuses some and misreads others.
TAKES_STACKS = _takes_stacks()

_ARRAY_FUNCTIONS = get_overridable_numpy_array_functions()
_OURS = ("numpy", "scipy", "autograd_clone")


def _is_ours(fun: Any, record: Any) -> bool:
    """Whether a record belongs to the package; other tests may have registered functions of their own."""
    module = getattr(fun, "__module__", None) or "numpy"
    return isinstance(record, Primitive) and (isinstance(fun, np.ufunc) or module.split(".")[0] in _OURS)


#: The records of the package, as they were when this module was imported.
RECORDS: list[Primitive] = [
    p for f, p in sorted(REGISTRY.items(), key=lambda item: item[1].name) if _is_ours(f, p)
]
DIFFERENTIABLE = [p for p in RECORDS if p.kind not in ("zero", "refused")]
ZERO = [p for p in RECORDS if p.kind == "zero"]
REFUSED = [p for p in RECORDS if p.kind == "refused"]


class Case:
    """A sample of a record: a function of the differentiable arrays ("leaves") among its arguments.

    Attributes
    ----------
    prim : Primitive
    label : str
        Says which sample, for messages.
    sample : Sample
    paths : list of tuple
        Where each leaf stands: ``("args", 0)``, ``("kwargs", "b")``, ``("args", 0, 1)``, ...
    names : list of str
        The operand that each leaf belongs to.
    values : list of array
    """

    def __init__(self, prim: Primitive, label: str, sample: Sample, layout: Callable | None = None) -> None:
        self.prim, self.label, self.sample = prim, label, sample
        self.layout = layout or (lambda x: x)
        found = list(_leaves(prim, sample))
        self.paths = [path for path, _, _ in found]
        self.names = [name for _, name, _ in found]
        self.values = [self.layout(value) for _, _, value in found]
        for value in (*self.values, *_arrays((sample.args, sample.kwargs))):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def replaced(self, values: Sequence[Any], label: str) -> Case:
        """The same call with other leaves."""
        args, kwargs = self.arguments(values)
        return Case(self.prim, f"{self.label} {label}", Sample(args, kwargs, self.sample.via), self.layout)

    def arguments(self, values: Sequence[Any]) -> tuple[tuple, dict]:
        """Arguments with `values` as leaves."""
        tree: dict = {"args": self.sample.args, "kwargs": self.sample.kwargs}
        for path, value in zip(self.paths, values, strict=True):
            tree = _put(tree, path, value)
        return tree["args"], tree["kwargs"]

    def plain(self, *values: Any) -> Any:
        """The function itself, by NumPy or SciPy."""
        return self.call(self.prim.fun, map(self.layout, values))

    def traced(self, *values: Any) -> Any:
        """The function as the package calls it when leaves are traced."""
        return self.call(self.public, values)

    def call(self, function: Callable, values: Any) -> Any:
        """Another function with the same arguments."""
        args, kwargs = self.arguments(list(values))
        via = self.sample.via
        return function(*args, **kwargs) if via is None else via(function, *args, **kwargs)

    @property
    def public(self) -> Callable:
        """What a user calls: the NumPy function, or what the namespaces make of one without protocols."""
        fun = self.prim.fun
        if isinstance(fun, np.ufunc) or fun in _ARRAY_FUNCTIONS:
            return fun
        return lambda *args, **kwargs: call(fun, args, kwargs)

    def ruled(self) -> list[int]:
        """The leaves that a derivative is declared for."""
        prim = self.prim
        if prim.kind in ("composite", "linear", "multilinear"):
            return list(range(len(self.names)))
        keys = {-1 if i == prim.variadic else i for i in range(len(prim.operands))} & {*prim.vjps, *prim.jvps}
        names = {prim.operands[prim.variadic if k == -1 and prim.variadic is not None else k] for k in keys}
        return [k for k, name in enumerate(self.names) if name in names]

    def __repr__(self) -> str:
        return f"{self.prim.name} sample {self.label}: {describe(self.sample)}"


def _leaves(prim: Primitive, sample: Sample) -> Iterator[tuple[tuple, str, Any]]:
    """Path, operand name and value of each differentiable array of a call."""
    if prim.kind == "composite" and not prim.operands:
        for path, value in _walk(("args",), sample.args):
            yield path, f"argument {path[1]}", value
        for path, value in _walk(("kwargs",), sample.kwargs):
            yield path, str(path[1]), value
        return
    for i, arg in enumerate(sample.args):
        name = _name_at(prim, i)
        if name in prim.operands:
            for path, value in _walk(("args", i), arg):
                yield path, name, value
    for name, arg in sample.kwargs.items():
        if name in prim.operands:
            for path, value in _walk(("kwargs", name), arg):
                yield path, name, value


def _name_at(prim: Primitive, i: int) -> str:
    if prim.variadic is not None and not prim.sequence:
        return prim.operands[min(i, prim.variadic)]
    return prim.names[i] if i < len(prim.names) else ""


def _walk(path: tuple, x: Any) -> Iterator[tuple[tuple, Any]]:
    if isinstance(x, (list, tuple)):
        for i, item in enumerate(x):
            yield from _walk((*path, i), item)
    elif isinstance(x, dict):
        for key, item in x.items():
            yield from _walk((*path, key), item)
    elif isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc":
        yield path, x


def _put(tree: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    if isinstance(tree, dict):
        return tree | {path[0]: _put(tree[path[0]], path[1:], value)}
    items = list(tree)
    items[path[0]] = _put(items[path[0]], path[1:], value)
    return tree._make(items) if hasattr(tree, "_make") else type(tree)(items)


def _arrays(x: Any) -> Iterator[np.ndarray]:
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from _arrays(item)
    elif isinstance(x, dict):
        yield from _arrays(list(x.values()))
    elif isinstance(x, np.ndarray):
        yield x


def arrays(case: Case) -> list[np.ndarray]:
    """Every array among the arguments, differentiable or not."""
    return list(_arrays((case.sample.args, case.sample.kwargs)))


# ---- samples -----------------------------------------------------------------------------------------------

_UNARY_SHAPES = [((3, 4),), ((),), ((0,),), ((1,),), ((2, 0, 3),)]
_BINARY_SHAPES = [
    ((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (3,)), ((3,), ()), ((), ()), ((1,), (3,)),
    ((2, 3, 1), (4,)),
    ((1, 1), (2,)), ((0,), (0,)), ((2, 0), (1,)), ((0, 1), (1, 3)), ((1,), ()),
]  # fmt: skip
_TERNARY_SHAPES = [
    ((3,), (3,), (3,)),
    ((2, 3), (3,), ()),
    ((2, 1), (1, 3), (2, 3)),
    ((), (), ()),
    ((0,), (0,), ()),
    ((1,), (2, 1), (2, 2)),
]
_MANY_SHAPES = [((3,),), ((),), ((0,),)]


def generated(prim: Primitive, s: Sampler) -> list[Sample]:
    """Samples of an elementwise ufunc, from its arity and the domain of its operands."""
    arity = prim.fun.nin
    draw = getattr(s, prim.domain)
    shapes = {1: _UNARY_SHAPES, 2: _BINARY_SHAPES, 3: _TERNARY_SHAPES}.get(arity) or [
        shape * arity for shape in _MANY_SHAPES
    ]
    samples = [s(*(draw(*shape) for shape in row)) for row in shapes]
    samples.append(s(*(draw()[()] for _ in range(arity))))
    if arity == 2:
        samples += [
            s(draw(2, 3), 2.0),
            s(1.5, draw(2, 3)),
            s(draw(3), 2),
            s(2, draw(3)),
            s(draw()[()], draw(3)),
        ]
    return samples


def has_samples(prim: Primitive) -> bool:
    """Whether there is anything to test the record on."""
    return prim.samples is not None or (isinstance(prim.fun, np.ufunc) and prim.fun.signature is None)


@functools.lru_cache(maxsize=4)
def _samples(prim: Primitive, dtype: np.dtype, seed: int) -> list[Sample]:
    s = Sampler(dtype, seed)
    return prim.samples(s) if prim.samples is not None else generated(prim, s)


def cases(
    prim: Primitive, dtype: Any = np.float64, seed: int = 0, layout: Callable | None = None
) -> list[Case]:
    """The test cases of a record."""
    if not has_samples(prim):
        return []
    samples = _samples(prim, np.dtype(dtype), seed)
    found = [Case(prim, str(k), sample, layout) for k, sample in enumerate(samples)]
    return found if IS_NEW else [case for case in found if _is_known(case)]


def _is_known(case: Case) -> bool:
    """Whether an older NumPy or SciPy takes the call."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.plain(*case.values)
    except (TypeError, ValueError, AttributeError, np.linalg.LinAlgError):
        return False
    return True


def describe(sample: Sample) -> str:
    """The call, with arrays shown by shape and dtype."""
    terms = [_short(a) for a in sample.args] + [f"{k}={_short(v)}" for k, v in sample.kwargs.items()]
    via = "" if sample.via is None else f" via {getattr(sample.via, '__name__', sample.via)}"
    return f"({', '.join(terms)}){via}"


def _short(x: Any) -> str:
    if isinstance(x, (np.ndarray, np.generic)):
        return f"{x.dtype}{list(x.shape)}"
    if isinstance(x, (list, tuple)):
        return f"[{', '.join(map(_short, x))}]"
    return repr(x)


# ---- other ways of passing the same arguments --------------------------------------------------------------


def other_passings(case: Case) -> list[Case]:
    """The call with all arguments positional, and all of them by keyword, where the signature allows it."""
    prim, (args, kwargs, via) = case.prim, case.sample
    parameters = _parameters(prim.fun)
    if not parameters or len(args) > len(parameters):
        return []
    given = dict(zip(parameters, args, strict=False)) | kwargs
    out = [Case(prim, f"{case.label} by keyword", Sample(*_by_keyword(parameters, given), via))]
    positional = _by_position(parameters, given)
    if positional is not None:
        out.append(Case(prim, f"{case.label} by position", Sample(*positional, via)))
    return out


def _parameters(fun: Any) -> dict[str, inspect.Parameter]:
    try:
        parameters = dict(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return {}
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values()):
        return {}
    return parameters


def _by_keyword(parameters: dict, given: dict) -> tuple[tuple, dict]:
    only = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and n in given]
    return tuple(given[n] for n in only), {n: v for n, v in given.items() if n not in only}


def _by_position(parameters: dict, given: dict) -> tuple[tuple, dict] | None:
    free = [n for n, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    last = max((i for i, n in enumerate(free) if n in given), default=-1)
    row = [given.get(n, parameters[n].default) for n in free[: last + 1]]
    if any(x is inspect.Parameter.empty for x in row):
        return None
    return tuple(row), {n: v for n, v in given.items() if n not in free}


def accepted(case: Case, ignored: tuple[type[Warning], ...] = ()) -> bool:
    """Whether plain NumPy takes the call, without an exception or a warning other than those of the kinds that are `ignored`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            case.plain(*case.values)
        except Exception:  # noqa: BLE001 - NumPy's own refusals have no common type
            return False
    return all(issubclass(w.category, ignored) for w in caught)


def is_internal(prim: Primitive) -> bool:
    """Whether no user calls the function: what shapes it takes is for the rules that use it to know."""
    return not isinstance(prim.fun, np.ufunc) and prim.fun.__module__.startswith("autograd_clone")


def emptied(case: Case) -> Iterator[Case]:
    """The call with leaves that have no elements along their first, and along their last axis."""
    if is_internal(case.prim):
        return
    for axis, label in ((0, "with empty first axes"), (-1, "with empty last axes")):
        if case.values and all(np.ndim(x) for x in case.values):
            yield case.replaced([np.take(x, [], axis) for x in case.values], label)


def scalars(case: Case) -> Iterator[Case]:
    """The call with 0-d arrays, and with NumPy scalars, as leaves."""
    if case.values and all(np.size(x) for x in case.values) and not is_internal(case.prim):
        firsts = [np.ravel(x)[0] for x in case.values]
        yield case.replaced([np.asarray(x) for x in firsts], "with 0-d arrays")
        yield case.replaced(firsts, "with scalars")


def strided(x: Any) -> Any:
    """`x` as a read-only view with gaps, running backwards along its last axis."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return x
    big = np.full([2 * n + 1 for n in x.shape], 9.0, x.dtype)
    index = [slice(1, 2 * n + 1, 2) for n in x.shape]
    last = x.shape[-1]
    index[-1] = slice(2 * last - 1, None, -2) if last else slice(0, 0)
    view = big[tuple(index)]
    view[...] = x
    view.flags.writeable = False
    return view


def transposed(x: Any) -> Any:
    """`x` in Fortran order, read-only."""
    if not isinstance(x, np.ndarray):
        return x
    view = np.array(x, order="F")
    view.flags.writeable = False
    return view
