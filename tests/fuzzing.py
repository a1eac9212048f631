# ruff: noqa: C416, E721, RUF024, RUF028, SIM905  -- tables of words
"""Random calls of every public function, right and wrong ones, and the verdict on what the package makes of each.

A call is a function of its seed: it can be made anew, with fresh arguments, as often as it takes to compare the plain
call, the traced one in each mode, and differences. `judge` returns what is wrong, or ``None``.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.special

import autograd_clone.numpy as anp
import autograd_clone.numpy.fft
import autograd_clone.numpy.linalg
import autograd_clone.scipy.linalg as sla
import autograd_clone.scipy.special as ssp
from autograd_clone import jvp, vjp, vmap
from autograd_clone.engine.box import Box
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.errors import AutogradError, TracedConversionError
from autograd_clone.engine.primitive import REGISTRY, Primitive, find
from autograd_clone.engine.samples import Sampler

from . import modes, oracle
from .cases import TAKES_STACKS, generated


class Target(NamedTuple):
    """A function under test: the plain one, what stands in its place, and its record if it has one."""

    name: str
    plain: Callable
    traced: Callable
    prim: Primitive | None

    def names(self) -> set[str]:
        """What a message may call it."""
        names = {self.name, getattr(self.plain, "__name__", self.name), self.prim.name if self.prim else self.name}
        return {n.rpartition(".")[2] for n in names}


# ---- what is called ----------------------------------------------------------------------------------------

#: What is no function of arrays: input and output, settings, random state, tests, and what returns uninitialised memory.
_NO_FUNCTIONS = frozenset(
    "save savez savez_compressed savetxt load loadtxt genfromtxt fromfile fromregex memmap DataSource show_config show_runtime "
    "info test seterr geterr seterrcall geterrcall errstate setbufsize getbufsize set_printoptions get_printoptions printoptions "
    "get_include source lookfor who deprecate disp empty empty_like from_dlpack frombuffer nditer nested_iters busdaycalendar "
    "vectorize frompyfunc typename may_share_memory shares_memory open_memmap asmatrix bmat matrix require ndarray chararray recarray "
    "record rec finfo iinfo dtype flatiter broadcast ndenumerate ndindex poly1d errprint errstate set_backend "
    "fromfunction fromiter fromstring mintypecode".split()
)
_WRITERS = frozenset(f"numpy.{n}" for n in ("copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"))
_OF_PARTS = frozenset(f"numpy.{n}" for n in ("array_split", "split", "hsplit", "vsplit", "dsplit"))
#: Parameters that ask for a type, a place or an axis: numbers that nobody differentiates by.
_TYPES = frozenset({"dtype", "device", "like", "copy", "casting", "order", "subok", "axis", "axes"})
#: Parameters of SciPy's linear algebra that say how to compute, and that a traced call does not look at.
_HOW = frozenset(
    "overwrite_a overwrite_b overwrite_x overwrite_ab overwrite_a_band overwrite_v check_finite lapack_driver lwork workers driver".split()
)
#: Parameters that functions have and the methods of the same name have not.
_OF_FUNCTIONS = frozenset({"a", "x", "a_min", "a_max", "correction", "mean"})
_METHODS = (
    "all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod cumsum diagonal dot "
    "flatten item max mean min nonzero prod ravel repeat reshape round searchsorted squeeze std sum swapaxes take tolist trace "
    "transpose var view"
).split()
_ATTRIBUTES = "T mT real imag shape ndim size dtype itemsize nbytes strides".split()
_OPERATORS = (
    "add sub mul truediv floordiv mod pow matmul eq ne lt le gt ge and_ or_ xor lshift rshift neg pos abs invert getitem contains "
    "not_ truth index length_hint"
).split()
_UFUNC_METHODS = ("reduce", "accumulate", "reduceat", "outer")


def _method(name: str) -> Callable:
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


def _ufunc_method(ufunc: np.ufunc, name: str) -> Callable:
    return lambda *args, **kwargs: getattr(ufunc, name)(*args, **kwargs)


def _elements(x: Any) -> list:
    return list(x.flat)


def _namespace(prefix: str, plain: Any, ours: Any, names: Any) -> Iterator[Target]:
    for name in sorted(set(names) - _NO_FUNCTIONS):
        fun, own = getattr(plain, name, None), getattr(ours, name, None)
        if callable(fun) and callable(own) and not name.startswith("_") and not isinstance(fun, type):
            yield Target(f"{prefix}.{name}", fun, own, find(fun) if getattr(fun, "__hash__", None) else None)


@functools.cache
def targets() -> list[list[Target]]:
    """All functions, in groups that are drawn from equally often."""
    numpy_ = list(_namespace("numpy", np, anp, vars(anp)))
    linalg = list(_namespace("numpy.linalg", np.linalg, autograd_clone.numpy.linalg, np.linalg.__all__))
    fft = list(_namespace("numpy.fft", np.fft, autograd_clone.numpy.fft, np.fft.__all__))
    special = [t for t in _namespace("scipy.special", scipy.special, ssp, scipy.special.__all__) if t.prim is not None]
    s_linalg = [t for t in _namespace("scipy.linalg", scipy.linalg, sla, scipy.linalg.__all__)]
    known = {t.plain for t in (*numpy_, *linalg, *fft, *special, *s_linalg)}
    records = [
        Target(p.name, f, f, p)
        for f, p in sorted(REGISTRY.items(), key=lambda item: str(getattr(item[1], "name", "")))
        if isinstance(f, np.ufunc) and f not in known and isinstance(p, Primitive)
    ]
    methods = [Target(f"ndarray.{n}", _method(n), _method(n), None) for n in _METHODS]
    methods += [Target(f"ndarray.{n}", operator.attrgetter(n), operator.attrgetter(n), None) for n in _ATTRIBUTES]
    methods.append(Target("ndarray.flat", _elements, _elements, None))
    operators = [Target(f"operator.{n}", getattr(operator, n), getattr(operator, n), None) for n in _OPERATORS]
    ufuncs = [t for t in numpy_ if isinstance(t.plain, np.ufunc) and t.plain.nin == 2 and t.plain.nout == 1]
    reductions = [
        Target(f"{t.plain.__name__}.{m}", _ufunc_method(t.plain, m), _ufunc_method(t.traced, m), t.prim)
        for t in ufuncs for m in _UFUNC_METHODS
        # the vectorised loops of NumPy 2.4 take power.reduce([2.0, 3.0, 2.0]) for 4, and mistake arctan2 too
        if t.plain not in (np.power, np.arctan2) or m not in ("reduce", "reduceat")
    ]
    return [numpy_, numpy_, linalg, fft, special, s_linalg, records, methods, operators, reductions]


# ---- what it is called with --------------------------------------------------------------------------------

_SHAPES = [(), (1,), (2,), (3,), (3,), (4,), (2, 3), (2, 3), (3, 3), (3, 3), (1, 3), (3, 1), (0,), (2, 0), (0, 3), (2, 2, 3), (2, 3, 3), (5,)]
_FLOATS = ["f8"] * 8 + ["f4", "f2", "g", "c16", "c8", "G", ">f8"]
_DTYPES = ["?", "i8", "i4", "u1", "O", "U3", "S2", "M8[D]", "m8[s]", "i2"]
_SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 2.0, 0.5]

_AXES = [None, 0, 0, 1, -1, -2, 2, 5, -7, (0, 1), (0,), (), (0, 0), (1, 0), (-1,), 1.0, "x", np.int64(0), [0], [0, 1], np.array(0), 2**70]
_BOOLS = [True, False, 1, 0, None, np.True_]
_SMALL = [0, 1, 2, 3, -1, 5, -9, None, 1.0, 2.5, "x", np.int64(2), [1, 2], (1, 0), np.array([1, 0, 2]), np.nan]
_ORDERS = [None, 1, 2, -1, -2, 0, 3, 2.5, np.inf, -np.inf, "fro", "nuc", "x"]
_DTYPE_ARGS = [None, float, "f4", "f2", complex, int, bool, "O", "U3", "nonsense", "M8[s]", np.longdouble, ">f8", np.float32, object()]
_MODES = [
    "raise", "wrap", "clip", "full", "same", "valid", "reduced", "complete", "r", "raw", "economic", "constant", "edge", "reflect",
    "mean", "maximum", "linear_ramp", "symmetric", "x", None, 3,
]  # fmt: skip
_SUBSCRIPTS = [
    "ij,jk->ik", "ii->i", "ij->", "i...->...", "ij,ij", "->", "x", "ij,jk,kl", "...", "i1", "ij->ji", "i,i", "i,j->ij", "ij,j", "i->ii",
    "...ij,...jk->...ik", "ii",
]  # fmt: skip
_METHOD_NAMES = ["linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "median_unbiased", "inverted_cdf", "x", None, "auto", "svd"]

#: Parameter name -> values that make sense there, and some that do not.
_PARAMETERS: dict[str, list] = {
    **dict.fromkeys(("axis", "axes", "axis1", "axis2", "source", "destination", "start"), _AXES),
    **dict.fromkeys(("ddof", "correction"), [0, 1, 2, 1.5, -1, np.int64(1), 5]),
    **dict.fromkeys(("keepdims", "full_matrices", "compute_uv"), [True, False, 1, 0]),
    "device": [None, "cpu"], "like": [None], "copy": [None, True, False],
    **dict.fromkeys(
        "endpoint retstep hermitian bias rowvar increasing invert assume_unique return_index "
        "return_inverse return_counts equal_nan nan lower overwrite_a overwrite_b check_finite subok density normalized right left "
        "full cov allow_fill conj symmetrical include_endpoint stable descending optimize sparse eigvals_only check unit_diagonal "
        "return_sign".split(),
        _BOOLS,
    ),
    **dict.fromkeys(("dtype", "sig", "signature"), _DTYPE_ARGS),
    **dict.fromkeys(("n", "m", "k", "M", "N", "deg", "offset", "num", "decimals", "kth", "repeats", "reps", "shift", "iterations"), _SMALL),
    **dict.fromkeys(("indices", "obj", "index", "ind", "indices_or_sections", "newshape", "shape", "new_shape", "pad_width", "s", "permute", "tup_shape"), [
        *_SMALL, (3,), (-1,), (2, -1), (3, 2), (0,), [0, 2], [[0, 1], [1, 0]], np.array([True, False, True]), slice(0, 2), slice(None, None, -1), [], (1, 1), ((1, 1), (0, 2)),
    ]),  # fmt: skip
    "ord": _ORDERS, "p": _ORDERS, "norm": [None, "ortho", "forward", "backward", "x", 1],
    "order": ["C", "F", "A", "K", "X", None, 2], "mode": _MODES, "method": _METHOD_NAMES, "interpolation": [None, *_METHOD_NAMES],
    "subscripts": _SUBSCRIPTS, "signature": [None, "dd->d", "D->D", "x"],
    "side": ["left", "right", "x", None], "UPLO": ["L", "U", "x", "l", None], "casting": ["no", "same_kind", "unsafe", "safe", "x", None],
    "where": [True, False, None, np.True_, [True, False, True], np.array([True, False, True]), np.array([[True], [False]]), np.array([1, 0, 1])],
    "initial": [None, 0.0, 1.0, 2, np.nan, np.inf, "x", 1j],
    "out": [None, None, np.zeros(3), np.zeros((2, 3)), np.zeros(()), np.zeros(3, int)],
    "q": [0.5, 0.25, [0.1, 0.9], 0, 1, 50, 150, -1, np.nan, "x", [], [[0.5, 0.2], [0.3, 0.4]]],
    "tol": [1e-8, 1e-10], "period": [None, 1.0, 6.0, 0, -1, "x"], "step": [None, 1.0, 0.5, 0, -1], "rcond": [None, 1e-10, -1, "x", 2.0], "rtol": [None, 1e-10, 0.0, "x"],
    "kind": [None, "quicksort", "stable", "x", "linear"], "bins": [1, 3, "auto", [0.0, 1.0, 2.0], 0, -1, "x", [2.0, 1.0]],
    "weights": [None], "fill_value": [None, 0, 1.5, "x", np.nan], "constant_values": [0, 1.5, (1, 2), "x"], "trim": ["fb", "f", "b", "x", None],
    "trans": [0, 1, 2, "N", "T", "C", "x"], "type": [1, 2, 3, "x"], "driver": [None, "gesdd", "evr", "x"],
}  # fmt: skip
_JUNK = [
    None, True, False, 0, 1, -1, 3, 2**63, -(2**63), 1.5, -2.0, 0.0, float("nan"), float("inf"), 1e300, 2.0 + 1.0j, "x", "", b"x", (), [],
    {}, {1.0}, [1.0, 2.0], [[1.0, 2.0], [3.0]], [1.0, "x"], (1.0, 2.0, 3.0), slice(1, 3), Ellipsis, np.newaxis, object(), len, float, np.float32,
    np.float64(1.5), np.float32(0.5), np.int64(2), np.bool_(True), np.datetime64("2020-01-01"), [None], ["a", "b"], range(3),
]  # fmt: skip
_INDICES = [
    0, 1, -1, 5, -9, slice(None), slice(0, 2), slice(None, None, -1), slice(5, 1), slice(None, None, 0), None, Ellipsis, (), (0, 1), (0,), (0, slice(None)),
    (Ellipsis, 0), (None, 0), (0, 0, 0, 0), [0, 1], [0, 0], [], [True, False, True], [[0, 1], [1, 0]], (slice(None), [0, 0]), ([0, 1], [0, 1]), 1.0, "x", True,
    False, np.int64(1), 2**70, (Ellipsis, Ellipsis), slice("a", "b"), ([0], slice(None), [1]), (0, [0, 1]), {1}, slice(1.0, 2.0), [0.5],
]  # fmt: skip


class Draw:
    """Random values, from one seed."""

    def __init__(self, seed: Any) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape = self.choice(_SHAPES)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def choice(self, options: list) -> Any:
        x = options[self.rng.integers(len(options))]
        return x.copy() if isinstance(x, (np.ndarray, list, dict)) else x

    def array(self, shape: Any = None) -> Any:
        """An array that a function of arrays should take, or nearly."""
        if shape is None:
            shape = self.shape if self.chance(0.7) else self._related() if self.chance(0.5) else self.choice(_SHAPES)
        x = self.rng.normal(size=shape) + (1j * self.rng.normal(size=shape) if self.chance(0.12) else 0)
        if self.chance(0.25):
            x = np.abs(x) + 0.1 if x.dtype.kind == "f" else x
        return self.altered(np.asarray(x), 0.35)

    def _related(self) -> tuple:
        """A shape that broadcasts against the shape of the call."""
        shape = [1 if self.chance(0.4) else n for n in self.shape]
        return tuple(shape[self.rng.integers(len(shape) + 1) :])

    def altered(self, x: Any, p: float) -> Any:
        """`x` with another dtype, layout, shape or other elements."""
        if self.chance(p) and self.chance(0.6):
            x = self.converted(x, self.choice(_FLOATS if self.chance(0.6) else _DTYPES))
        if self.chance(p) and self.chance(0.5) and x.size and x.dtype.kind in "fc":
            x = x.copy()
            for _ in range(self.rng.integers(1, 3)):
                with np.errstate(all="ignore"):
                    x.flat[self.rng.integers(x.size)] = self.choice(_SPECIAL)
        if self.chance(p):
            x = self._laid_out(x)
        return x

    def converted(self, x: np.ndarray, dtype: str) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
                x = x.real
            if np.dtype(dtype).kind in "iumM":
                x = np.nan_to_num(np.round(3 * x)).astype("i8") if x.dtype.kind in "fc" else x
            try:
                x = np.abs(x) if np.dtype(dtype).kind == "u" else x
                return np.asarray(x).astype(dtype)
            except (TypeError, ValueError, RuntimeError):
                return np.asarray(x)

    def _laid_out(self, x: np.ndarray) -> Any:
        how = self.rng.integers(9)
        if how == 0 and x.ndim:
            big = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
            big[..., ::2] = x
            return big[..., ::2]
        if how == 1 and x.ndim:
            return x[::-1]
        if how == 2:
            return np.asfortranarray(x)
        if how == 3:
            x = x.copy()
            x.flags.writeable = False
            return x
        if how == 4:
            return x.T
        if how == 5:
            return x.tolist()
        if how == 6 and x.size:
            return x.flat[0]
        if how == 7 and x.ndim:
            return x[: self.rng.integers(x.shape[0] + 1)]
        if how == 8:
            return x[None] if self.chance(0.5) else np.asarray(x)[..., None]
        return x

    def junk(self) -> Any:
        return self.choice(_JUNK) if self.chance(0.7) else self.array()

    def parameter(self, name: str, default: Any = None) -> Any:
        """A value for the parameter of this name."""
        if name in _PARAMETERS and (name in _TYPES or not self.chance(0.08)):
            return self.choice(_PARAMETERS[name])
        if isinstance(default, bool):
            return self.choice(_BOOLS)
        if isinstance(default, int):
            return self.choice(_SMALL)
        return self.junk()


@functools.cache
def _samples(prim: Primitive, dtype: str) -> list:
    if prim.samples is None and not (isinstance(prim.fun, np.ufunc) and prim.fun.signature is None):
        return []
    s = Sampler(np.dtype(dtype), 3)
    return prim.samples(s) if prim.samples is not None else generated(prim, s)


@functools.cache
def _signature(fun: Callable) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return None


def _copied(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x.copy(order="K")
    if isinstance(x, (list, tuple)):
        items = [_copied(e) for e in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    return x


@functools.cache
def every_target() -> list[Target]:
    """All functions, each once."""
    return list({t.name: t for group in targets() for t in group}.values())


class Call:
    """A call of a function with arguments drawn from a seed; of two numbers, the second says which function."""

    def __init__(self, seed: tuple[int, ...]) -> None:
        self.seed = seed
        draw = Draw([*seed, 0])
        target = every_target()[seed[1]] if len(seed) > 1 else draw.choice(draw.choice(targets()))
        self.target: Target = target
        args, kwargs = self.arguments()
        leaves = list(_traceable(("args",), args)) + list(_traceable(("kwargs",), kwargs))
        leaves = [leaf for leaf in leaves if leaf[0][1] not in _TYPES]
        if self.target.name.startswith("ndarray."):
            leaves = [leaf for leaf in leaves if leaf[0] == ("args", 0)]
        if self.target.name.partition(".")[0] == "operator" or isinstance(self.target.traced, np.ufunc) or self.target.name in _WRITERS:
            leaves = [leaf for leaf in leaves if len(leaf[0]) == 2]  # nobody is asked what an operator makes of a list
        if self.via is not None:
            leaves = [leaf for leaf in leaves if len(leaf[0]) == 2]  # the helpers of samples are written for arrays
        chooser = Draw([*seed, 2])
        if len(leaves) > 1 and chooser.chance(0.5):
            kept = [leaf for leaf in leaves if chooser.chance(0.5)]
            leaves = kept or [chooser.choice(leaves)]
        self.paths = [path for path, _ in leaves]
        self.values = [_numpy(value) for _, value in leaves]

    def arguments(self) -> tuple[tuple, dict]:
        """Fresh arguments."""
        args, kwargs = self._arguments()
        if self.target.name.startswith("scipy.linalg"):
            names = list(_signature(self.target.plain) or ())
            args = tuple(a for i, a in enumerate(args) if i >= len(names) or names[i] not in _HOW)
            kwargs = {k: v for k, v in kwargs.items() if k not in _HOW and (k != "lower" or np.ndim(v) == 0)}  # f2py takes v[0]
            if any(_at_path(args, p).dtype.kind == "c" for p in _array_paths((), args)):
                args = _without_objects(args)  # beside which SciPy drops imaginary parts in silence (SciPy 1.17)
        if self.target.name == "scipy.linalg.lu_solve":
            args, kwargs = tuple(map(_with_rows_as_pivots, args)), {k: _with_rows_as_pivots(v) for k, v in kwargs.items()}
        if self.target.name == "scipy.linalg.lu":  # it fails in silence for bytes in the other order (SciPy 1.17)
            args = tuple(a.astype(a.dtype.newbyteorder("=")) if isinstance(a, np.ndarray) else a for a in args)
        if self.target.name.startswith("scipy.special"):  # its loops write out of bounds when they are masked (SciPy 1.17)
            kwargs.pop("where", None)
        if self.target.name in _OF_PARTS and args and isinstance(args[0], list):
            first = _outcome(lambda: np.asarray(args[0]))
            args = args if isinstance(first, Raised) else (first, *args[1:])  # of a list NumPy takes the length for that of the axis
        if self.target.name.endswith(".dot"):  # an empty list takes the dtype of the other operand
            args = tuple(np.asarray(a) if isinstance(a, (list, tuple)) and not a else a for a in args)
        if "cum" in self.target.name:  # as for `_of_ufunc_method`
            kwargs.pop("out", None)
        if isinstance(self.target.plain, np.ufunc) and "out" not in kwargs:  # what is left out is uninitialised memory
            kwargs.pop("where", None)
        return args, kwargs

    def _arguments(self) -> tuple[tuple, dict]:
        draw = Draw([*self.seed, 1])
        self.via = None
        target = self.target
        if target.name.startswith("ndarray."):
            return self._of_method(draw)
        if target.name.startswith("operator."):
            return self._of_operator(draw)
        samples = _samples(target.prim, draw.choice(["f8", "f8", "f8", "f4", "c16"])) if target.prim else []
        if "." in target.name and target.name.rpartition(".")[2] in _UFUNC_METHODS:
            return self._of_ufunc_method(draw)
        if samples and draw.chance(0.75):
            return self._from_sample(draw, draw.choice(samples))
        return self._from_signature(draw)

    def _from_sample(self, draw: Draw, sample: Any) -> tuple[tuple, dict]:
        args, kwargs, self.via = [_copied(a) for a in sample.args], {k: _copied(v) for k, v in sample.kwargs.items()}, sample.via
        if getattr(self.via, "__name__", "") == "called_here":  # the function of the namespace takes traced values itself
            self.via = None
        if draw.chance(0.2):
            return tuple(args), kwargs
        keys: list = [*range(len(args)), *kwargs]
        for _ in range(draw.choice([0, 1, 1, 1, 2, 3])):
            key = draw.choice(keys)
            place: Any = args if isinstance(key, int) else kwargs
            place[key] = self._changed(draw, place[key], key)
        parameters = _signature(self.target.plain)
        if draw.chance(0.3) and parameters:
            name = draw.choice(list(parameters))
            kwargs[name] = draw.parameter(name, parameters[name].default)
        elif draw.chance(0.1) and len(args) > 1:
            args.pop()
        elif draw.chance(0.08):
            args.append(draw.junk())
        elif isinstance(self.target.plain, np.ufunc) and draw.chance(0.25):
            kwargs |= self._ufunc_keywords(draw)
        return tuple(args), kwargs

    def _changed(self, draw: Draw, x: Any, key: Any) -> Any:
        if isinstance(x, np.ndarray):
            return draw.altered(x, 0.8) if draw.chance(0.85) else draw.array() if draw.chance(0.7) else draw.junk()
        if isinstance(x, (list, tuple)) and x and draw.chance(0.7):
            items = [self._changed(draw, e, key) if draw.chance(0.4) else e for e in x]
            return type(x)(items) if not hasattr(x, "_make") else x
        parameters = list(_signature(self.target.plain) or ())
        name = key if isinstance(key, str) else parameters[key] if key < len(parameters) else ""
        return draw.parameter(name, x)

    def _from_signature(self, draw: Draw) -> tuple[tuple, dict]:
        fun = self.target.plain
        if isinstance(fun, np.ufunc):
            args = [draw.array() if draw.chance(0.85) else draw.junk() for _ in range(fun.nin)]
            return tuple(args), self._ufunc_keywords(draw) if draw.chance(0.3) else {}
        parameters = _signature(fun)
        if parameters is None:
            return tuple(draw.array() if draw.chance(0.6) else draw.junk() for _ in range(draw.rng.integers(1, 4))), {}
        args, kwargs, by_keyword = [], {}, False
        for name, p in parameters.items():
            if p.kind is p.VAR_POSITIONAL:
                args += [draw.array() for _ in range(draw.rng.integers(1, 4))] if not by_keyword else []
            elif p.kind is p.VAR_KEYWORD:
                kwargs |= self._ufunc_keywords(draw) if draw.chance(0.2) else {}
            elif p.default is p.empty or draw.chance(0.25):
                value = self._argument(draw, name, p)
                if (by_keyword or p.kind is p.KEYWORD_ONLY or draw.chance(0.1)) and p.kind is not p.POSITIONAL_ONLY:
                    kwargs[name] = value
                    by_keyword = True
                else:
                    args.append(value)
            elif p.default is not p.empty:
                by_keyword = True
        return tuple(args), kwargs

    @staticmethod
    def _argument(draw: Draw, name: str, p: inspect.Parameter) -> Any:
        if name in ("arrays", "tup", "seq", "choicelist", "condlist", "xi"):
            return [draw.array() for _ in range(draw.rng.integers(0, 4))]
        if name in ("func", "func1d", "function"):
            return draw.choice([np.sum, np.sin, len, None, lambda x, *a: x])
        if name in _PARAMETERS or (p.default is not p.empty and p.default is not None and not isinstance(p.default, float)):
            return draw.parameter(name, p.default)
        return draw.array() if draw.chance(0.88) else draw.junk()

    @staticmethod
    def _ufunc_keywords(draw: Draw) -> dict:
        name = draw.choice(["dtype", "where", "out", "casting", "order", "subok", "signature", "axis", "keepdims", "axes", "nonsense"])
        return {name: draw.parameter(name)}

    def _of_method(self, draw: Draw) -> tuple[tuple, dict]:
        name = self.target.name.rpartition(".")[2]
        shape = draw.choice(_SHAPES)
        x = draw.converted(draw.rng.normal(size=shape), draw.choice(_FLOATS))
        x = x[()] if draw.chance(0.1) and not shape else x
        if name in _ATTRIBUTES or name == "flat":
            return (x,), {}
        parameters = [n for n in _signature(getattr(np, name, None) or (lambda: 0)) or {} if n not in _OF_FUNCTIONS]
        if name in ("conj", "conjugate"):
            parameters = []
        if name == "astype":
            return (x, draw.choice(_DTYPE_ARGS)), {}
        if name in ("reshape", "transpose", "swapaxes", "item", "view") and draw.chance(0.6):
            return (x, *(draw.choice(_SMALL) for _ in range(draw.rng.integers(0, 3)))), {}
        args = [draw.parameter(n) for n in parameters[: draw.rng.integers(0, 3)] if n != "out"]
        kwargs = {}
        if draw.chance(0.3) and len(parameters) > len(args):
            key = draw.choice(parameters[len(args) :])
            kwargs[key] = draw.parameter(key)
        return (x, *args), kwargs

    def _of_operator(self, draw: Draw) -> tuple[tuple, dict]:
        name = self.target.name.rpartition(".")[2]
        x = draw.array()
        if name in ("getitem", "contains"):
            return (x, draw.choice(_INDICES) if draw.chance(0.9) else draw.junk()), {}
        if name in ("neg", "pos", "abs", "invert", "not_", "truth", "index", "length_hint"):
            return (x,), {}
        pair = [x, draw.array() if draw.chance(0.7) else draw.junk()]
        return tuple(pair[:: draw.choice([1, -1])]), {}

    def _of_ufunc_method(self, draw: Draw) -> tuple[tuple, dict]:
        name = self.target.name.rpartition(".")[2]
        if name == "outer":
            return (draw.array(), draw.array() if draw.chance(0.85) else draw.junk()), {}
        args = [draw.array()]
        if name == "reduceat":
            args.append(draw.choice([[0], [0, 1], [1, 0], [0, 5], [], [0, 0], np.array([0, 2]), [-1], 0, "x", [[0, 1]], [0.5]]))
        # NumPy 2.4 writes out of bounds if accumulate is given an output array with too few axes
        keys = ["axis", "dtype", "out", "keepdims", "initial", "where"] if name == "reduce" else ["axis", "dtype"]
        return tuple(args), {k: draw.parameter(k) for k in keys if draw.chance(0.2)}

    def ndim(self) -> int:
        """Number of axes of the first argument, whatever it is called."""
        args, kwargs = self.arguments()
        first = (*args, *kwargs.values())[0]
        ndim = _outcome(lambda: np.ndim(first))
        return 0 if isinstance(ndim, Raised) else ndim

    def comparable(self, got: Any, want: Any) -> tuple[Any, Any]:
        """The two results without what NumPy leaves open, or decides by the type of container."""
        if self.target.name in ("numpy.diff", "numpy.trim_zeros") and isinstance(want, (list, tuple)) and not isinstance(got, list):
            want = _outcome(lambda: np.array(want))  # its argument as it is; of a list that is traced an array has been made
        if re.search("matmul|dot|einsum|inner|outer|kron|convolve|correlate|matvec|vecmat|matrix_power|polymul|prod|multiply", self.target.name):
            got, want = _with_plain_infinities(got), _with_plain_infinities(want)
        if self.target.name == "scipy.linalg.logm" and all(x.dtype.char in "ef" for x in self.values) and np.iscomplexobj(want):
            # Of single precision the rounding is larger than what SciPy, which decides by double precision, takes for zero.
            want = np.real(want) if not np.iscomplexobj(got) and np.max(np.abs(np.imag(want)), initial=0) < 1e-4 else want
        return got, want

    def precision(self) -> float:
        """The largest of the relative spacings of what is computed with."""
        args, kwargs = self.arguments()
        eps = max(float(np.finfo(x.dtype).eps) for x in (*_numbers(args), *_numbers(kwargs), *self.values))
        asked = _outcome(lambda: np.finfo(kwargs["dtype"]).eps)  # of the type to compute in, whatever the result is of
        return eps if isinstance(asked, Raised) else max(eps, float(asked))

    def rounding(self) -> float:
        """Relative difference that different orders of operations may make to a value."""
        eps = self.precision()
        return 1e4 * eps if "linalg" in self.target.name else 200 * eps

    def inaccuracy(self) -> float:
        """Absolute difference that comes with the method: an error that was asked for, or what `rounding` says of a number near zero."""
        args, kwargs = self.arguments()
        if self.target.name in ("scipy.linalg.eigh_tridiagonal", "scipy.linalg.eigvalsh_tridiagonal"):
            tol = kwargs.get("tol", 0.0)
            return float(tol) if isinstance(tol, (float, np.floating)) else 0.0
        if self.target.name.endswith(".det"):
            a = _outcome(lambda: np.asarray((*args, kwargs.get("a"))[0]))
            return 0.0 if isinstance(a, Raised) or a.ndim < 2 or not a.size or a.dtype.kind not in "fc" else _error_of_determinant(a)
        return 0.0

    def may_be_overwritten(self) -> bool:
        """Whether NumPy is allowed to use an argument as scratch memory, as ours does not."""
        return "overwrite_input" in self.arguments()[1]

    def is_numeric(self) -> bool:
        """Whether all arguments by position are numbers, or arrays or lists of them."""
        return all(isinstance(x, (np.ndarray, np.generic, int, float, complex)) and np.asarray(x).dtype.kind in "biufc" for x in self.arguments()[0])

    def is_finite(self) -> bool:
        """Whether there is no NaN, no infinity and nothing that soon becomes one among the arguments."""
        args, kwargs = self.arguments()
        with _quiet():
            return all(np.all(np.abs(x) < 1e100) for x in (*_numbers(args), *_numbers(kwargs)))

    # ---- running it ----------------------------------------------------------------------------------------

    def run(self, fun: Callable, values: Any, arguments: tuple | None = None) -> tuple[Any, Any]:
        """The result, and the arguments that it was computed from, for `values` as leaves."""
        args, kwargs = self.arguments() if arguments is None else arguments
        tree: Any = {"args": args, "kwargs": kwargs}
        for path, value in zip(self.paths, values, strict=True):
            tree = _put(tree, path, value)
        with _quiet():
            result = fun(*tree["args"], **tree["kwargs"]) if self.via is None else self.via(fun, *tree["args"], **tree["kwargs"])
        return result, tree

    def __repr__(self) -> str:
        args, kwargs = self.arguments()
        terms = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        via = "" if self.via is None else f" via {getattr(self.via, '__name__', self.via)}"
        where = ", ".join("".join(f"[{p!r}]" if i else str(p) for i, p in enumerate(path)) for path in self.paths)
        return f"{self.target.name}({', '.join(terms)}){via}  traced: {where}  seed: {self.seed}"


def _short(x: Any) -> str:
    if isinstance(x, np.ndarray):
        values = np.array2string(x, precision=3, threshold=8, separator=",").replace("\n", "") if x.size <= 8 else "..."
        return f"{x.dtype}{list(x.shape)}{values}"
    if isinstance(x, (list, tuple)):
        return f"{'[' if isinstance(x, list) else '('}{', '.join(map(_short, x))}{']' if isinstance(x, list) else ')'}"
    return getattr(x, "__name__", None) or repr(x)


def _traceable(path: tuple, x: Any) -> Iterator[tuple[tuple, Any]]:
    """Where in the arguments there are numbers that can be traced."""
    if type(x) in (list, tuple):
        for i, item in enumerate(x):
            yield from _traceable((*path, i), item)
    elif type(x) is dict:
        for key, item in x.items():
            yield from _traceable((*path, key), item)
    elif (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc") or type(x) in (float, complex):
        yield path, x


def numbers_in(x: Any) -> list:
    """The arrays and numbers, traced or not, that have derivatives."""
    if isinstance(x, dict):
        x = list(x.values())
    if type(x) in (list, tuple) or hasattr(x, "_make"):
        return [y for item in x for y in numbers_in(item)]
    if isinstance(x, np.ndarray) and x.dtype == object and any(isinstance(e, Box) for e in x.flat):
        return [x]
    return [x] if isinstance(x, (Box, np.ndarray, np.generic, float, complex)) and dtype_of(x).kind in "fc" else []


def _with_plain_infinities(x: Any) -> Any:
    """`x` with NaN in place of complex numbers of which a part is not finite.

    A product of complex numbers with an infinite part has infinite and undefined parts; which of a sum of them are which depends on
    how the terms are put together, and BLAS and NumPy's own loops, which take stacks of matrices, do not agree.
    """
    if isinstance(x, (list, tuple)):
        return [_with_plain_infinities(e) for e in x]
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "c":
        return np.where(np.isfinite(x), x, np.nan)
    return x


def _numbers(x: Any) -> list:
    return [_numpy(y) for _, y in _traceable((), x)]


def _error_of_determinant(a: np.ndarray) -> float:
    """The rounding error of the determinant of `a`, or of the worst in a stack.

    By elimination with row pivots it is the determinant of a matrix at a distance of a few ``n eps |a|`` from `a`, and moves by at
    most that times the largest derivative, which is of the size of all singular values but the last (Higham 2002, sections 9.3 and 14.6).
    """
    with _quiet():
        s = np.linalg.svd(a.astype("D"), compute_uv=False)
        n = a.shape[-1]
        return 10 * n**2 * float(np.finfo(a.dtype).eps) * float(np.max(s[..., 0] * np.prod(s[..., :-1], axis=-1)))


def _numpy(x: Any) -> Any:
    return np.float64(x) if type(x) is float else np.complex128(x) if type(x) is complex else x


def _put(tree: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    if isinstance(tree, dict):
        return tree | {path[0]: _put(tree[path[0]], path[1:], value)}
    items = list(tree)
    items[path[0]] = _put(items[path[0]], path[1:], value)
    return tree._make(items) if hasattr(tree, "_make") else type(tree)(items)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


# ---- the verdict -------------------------------------------------------------------------------------------


class Hang(BaseException):
    """A call did not return in time."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `Hang` after some time of the processor, where signals can be had; another process may have it for long."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Tally(NamedTuple):
    """What became of a call: the verdict, and whether values and derivatives could be compared."""

    wrong: str | None
    what: str


def judge(call: Call) -> Tally:
    """What is wrong with the call, if anything."""
    if not call.paths:
        return Tally(None, "nothing to trace")
    if "linalg" in call.target.name and not call.is_finite():
        return Tally(None, "not finite")  # LAPACK promises nothing; some of it does not return
    if call.target.name.startswith("scipy.linalg") and not TAKES_STACKS and any(map(_is_stack, _given(call))):
        return Tally(None, "stack")  # which ours takes with any version, and an old SciPy refuses or misreads
    if call.target.name == "numpy.interp" and not _rises(call):
        return Tally(None, "no function")  # NumPy: the result is nonsense
    if call.target.name == "scipy.linalg.sqrtm" and call.ndim() < 2:
        return Tally(None, "no function")  # of a number a, SciPy 1.17 gives exp(a)
    if ".eval_" in call.target.name and any(isinstance(n, int) and abs(n) > 10**6 for n in call.arguments()[0]):
        return Tally(None, "slow without a trace")  # SciPy takes a step for each degree, and no signal reaches it
    try:
        with limited(10):
            want = _outcome(lambda: call.run(call.target.plain, Call(call.seed).values))
    except Hang:
        return Tally(None, "slow without a trace")
    try:
        with limited(30):
            return _judge(call, want)
    except Hang:
        return Tally("does not return", "hang")


def _is_unsolvable(call: Call) -> bool:
    """Whether a Sylvester equation ``A X + X B = Q`` is singular, so that LAPACK solves another that is near."""
    if not re.search("solve_sylvester|lyapunov", call.target.name):
        return False
    args, kwargs = call.arguments()
    a = np.asarray(kwargs.get("a", (*args, None)[0])).astype("D")
    b = np.asarray(kwargs.get("b", (*args, None, None)[1])).astype("D") if "sylvester" in call.target.name else np.conj(a)
    if any(x.ndim < 2 or x.shape[-1] != x.shape[-2] or not x.size for x in (a, b)):
        return False
    with _quiet():
        x, y = np.linalg.eigvals(a)[..., :, None], np.linalg.eigvals(b)[..., None, :]
        gaps, size = np.abs(x * y - 1 if "discrete" in call.target.name else x + y), np.max(np.abs(x), initial=1) + np.max(np.abs(y), initial=1)
    return bool(np.any(gaps <= 1e4 * np.finfo(np.float32 if call.rounding() > 1e-6 else np.float64).eps * size))


def _rises(call: Call) -> bool:
    """Whether the nodes that `numpy.interp` is given are in order, as it does not check."""
    args, kwargs = call.arguments()
    nodes = args[1] if len(args) > 1 else kwargs.get("xp")
    with _quiet():
        return not isinstance(nodes, (list, np.ndarray)) or np.ndim(nodes) != 1 or _outcome(lambda: bool(np.all(np.diff(nodes) > 0))) is True


class Raised(NamedTuple):
    error: Exception


def _outcome(thunk: Callable) -> Any:
    try:
        return thunk()
    except (MemoryError, Exception) as error:  # noqa: BLE001 - whatever it is will be compared
        return Raised(error)


def _judge(call: Call, want: Any) -> Tally:
    chooser = Draw([*call.seed, 3])
    fresh = Call(call.seed).values
    if chooser.chance(0.2) and call.target.name != "ndarray.tolist" and all(np.ndim(v) or isinstance(v, np.generic) for v in call.values):
        return _judge_batch(call, want, chooser)
    seen: list[Any] = []

    def f(*xs: Any) -> tuple:
        result, tree = call.run(call.target.traced, xs)
        seen.append((_stripped(result), tree))
        return tuple(numbers_in(result))

    back = _outcome(lambda: _quietly(vjp, f, *call.values))
    if seen and (locked := _left_read_only(call, seen[0][1])):
        return Tally(f"argument {locked} is read-only afterwards", "read-only")
    if any(not _identical(a, b) for a, b in zip(call.values, fresh, strict=True)):
        return Tally("the array that was traced has been modified", "modified")
    if not seen:
        return _judge_error(call, want, back)
    if isinstance(want, Raised):
        if _is_lenient(call, want.error):
            return Tally(None, "accepted")
        return Tally(f"gives {_short(seen[0][0])} where NumPy raises {_said(want.error)}", "accepted")
    if want[0] is None and seen[0][0] is not None:
        return Tally(None, "SciPy gives up")
    if _is_unsolvable(call):
        return Tally(None, "no solution")
    difference = unlike(*call.comparable(seen[0][0], want[0]), call.rounding(), call.inaccuracy())
    if difference:
        return Tally(f"value: {difference}", "value")
    difference = _other_effects(call, seen[0][1], want[1])
    if difference:
        return Tally(difference, "effects")
    if isinstance(back, Raised):
        return _judge_error(call, want, back)
    return _judge_derivatives(call, f, *back, want[0])


def _left_read_only(call: Call, tree: Any) -> tuple | None:
    """Where among the arguments there is an array that has been made read-only and not been let go."""
    before: Any = dict(zip(("args", "kwargs"), call.arguments(), strict=True))
    for path in _array_paths((), before):
        now = _at_path(tree, path)
        if path not in call.paths and type(now) is np.ndarray and _at_path(before, path).flags.writeable and not now.flags.writeable:
            return path
    return None


def _is_lenient(call: Call, error: Exception) -> bool:
    """Whether it does no harm that a call is accepted: NumPy itself stumbles over a list, or insists on a way of calling."""
    if isinstance(error, AttributeError) or re.search("takes no keyword|read-only|list indices|not <class 'list'>|zero-size batch", str(error)):
        return True
    args, kwargs = call.arguments()
    if any(isinstance(x, np.ndarray) and x.dtype == object for x in (*args, *kwargs.values())):
        return True  # an array of Python objects that are numbers is taken for one of numbers
    if isinstance(error, np.linalg.LinAlgError) and call.target.name.endswith("_are"):
        return any(np.asarray(x).dtype.kind == "u" for x in args)  # SciPy negates the unsigned numbers of a matrix
    if isinstance(error, np.linalg.LinAlgError) and call.target.name in ("scipy.linalg.inv", "scipy.linalg.solve"):
        return True  # not the matrix that was promised by ``assume_a``, but one that has an inverse
    return call.target.name.startswith("operator.") and not call.is_numeric()


def _given(call: Call) -> list:
    args, kwargs = call.arguments()
    return [*args, *kwargs.values()]


def _is_stack(x: Any) -> bool:
    n = _outcome(lambda: np.ndim(x)) if isinstance(x, (np.ndarray, list, tuple)) else 0
    return isinstance(n, int) and n > 2


def _quietly(f: Callable, *args: Any) -> Any:
    with _quiet():
        return f(*args)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else ''}"


def _judge_error(call: Call, want: Any, got: Any) -> Tally:
    """Whether what was raised may be raised."""
    assert isinstance(got, Raised)
    error = got.error
    if isinstance(error, TypeError) and not call.is_numeric() and re.search("unsupported operand|NotImplemented|concat|multiply seq", str(error)):
        return Tally(None, "refused: TypeError")  # by Python or NumPy: an operand is neither number nor array
    if isinstance(want, Raised):
        if isinstance(error, (AutogradError, type(want.error))) or (call.target.prim and call.target.prim.kind == "refused"):
            return Tally(None, "both raise")
        if call.target.name.startswith("operator.") and isinstance(error, (TypeError, ValueError)):
            return Tally(None, "both raise")
        if isinstance(want.error, (OverflowError, AttributeError)) or re.search("inhomogeneous|must have the same shape", str(error)):
            return Tally(None, "both raise")  # of two things that are wrong, NumPy names the other
        if "read-only" in str(want.error):
            return Tally(None, "both raise")  # NumPy looks at that first; what is traced is a copy, which can be written to
        return Tally(f"raises {_said(error)} where NumPy raises {_said(want.error)}{_at(error)}", "other error")
    if call.target.name in ("operator.eq", "operator.ne") and any(x.ndim > 1 and not x.size for x in call.values) and not call.is_numeric():
        return Tally(None, "refused: ValueError")  # NumPy makes an array of what it cannot compare, and sees no axes behind an empty one
    if isinstance(error, np.linalg.LinAlgError) and "linalg" in call.target.name:
        return Tally(None, "refused: LinAlgError")  # in the backward pass: there is no derivative
    if not isinstance(error, AutogradError):
        return Tally(f"raises {_said(error)}{_at(error)}", "error")
    if isinstance(error.__cause__, (NameError, AssertionError)):
        return Tally(f"hides {error.__cause__!r}{_at(error.__cause__)}", "error")  # of the package itself
    said = " ".join([str(error), *getattr(error, "__notes__", ())])
    if isinstance(error, TracedConversionError):
        return Tally(None, "refused: TracedConversionError")  # it names what asked: int(), float(), ...
    if "array of Python objects" in said:
        return Tally(None, f"refused: {type(error).__name__}")  # it is about what the function has returned
    if not any(name in said for name in call.target.names()) and call.target.name.partition(".")[0] not in ("operator", "ndarray"):
        return Tally(f"the message does not name the function: {_said(error)}{_at(error)}", "message")
    return Tally(None, f"refused: {type(error).__name__}")


def _at(error: BaseException) -> str:
    frames, tb = [], error.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{tb.tb_lineno}")
        tb = tb.tb_next
    return f"  at {' < '.join(frames[:-4:-1])}"


def _stripped(x: Any) -> Any:
    """`x` without its boxes."""
    while isinstance(x, Box):
        x = x._value
    if isinstance(x, (list, tuple)) and type(x) is not range:
        items = [_stripped(e) for e in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    if isinstance(x, dict):
        return {k: _stripped(v) for k, v in x.items()}
    if isinstance(x, np.ndarray) and x.dtype == object:
        out = np.empty(x.shape, object)
        for i in np.ndindex(x.shape):
            out[i] = _stripped(x[i])
        return out
    return x


def _identical(a: Any, b: Any) -> bool:
    return _same_bytes(a, b)


def _other_effects(call: Call, got: Any, want: Any) -> str | None:
    """What the call did to its arguments, other than the plain call."""
    original: Any = dict(zip(("args", "kwargs"), call.arguments(), strict=True))
    for path in _array_paths((), want):
        now, plain, before = (_at_path(tree, path) for tree in (got, want, original))
        if path in call.paths:
            if not _same_bytes(plain, before):
                if call.may_be_overwritten() or unlike(_stripped(now), plain, call.rounding()) is None:
                    return None
                return "the plain call writes into the traced array, ours does not"
            continue
        if call.may_be_overwritten() and not _same_bytes(plain, before):
            continue  # what is left there is undefined
        if unlike(_stripped(now), plain, call.rounding()):
            return f"argument {path} has been modified" if _same_bytes(plain, before) else f"argument {path}: what was written differs"
    return None


def _same_bytes(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape or a.dtype == object:
        return a.dtype == b.dtype and a.shape == b.shape
    if a.dtype.char in "gG":  # bytes that mean nothing
        return np.array_equal(a, b, equal_nan=True)
    return a.tobytes() == b.tobytes()


def _array_paths(path: tuple, x: Any) -> Iterator[tuple]:
    if type(x) in (list, tuple):
        for i, item in enumerate(x):
            yield from _array_paths((*path, i), item)
    elif type(x) is dict:
        for key, item in x.items():
            yield from _array_paths((*path, key), item)
    elif isinstance(x, np.ndarray):
        yield path


def _without_objects(args: tuple) -> tuple:
    """`args` with arrays of numbers in place of those of Python objects."""
    for path in list(_array_paths((), args)):
        a = _at_path(args, path)
        if a.dtype == object and all(isinstance(e, (float, complex)) for e in a.flat):
            args = _put(args, path, np.array(a.tolist()).reshape(a.shape))
    return args


def _with_rows_as_pivots(pair: Any) -> Any:
    """A factor and pivots, with others for pivots that name no rows: LAPACK exchanges what lies there, outside of the matrix."""
    found = _outcome(lambda: tuple(map(np.asarray, pair)))
    if isinstance(found, Raised) or len(found) != 2 or found[1].dtype.kind not in "biufc":
        return pair
    with _quiet():
        pivots = found[1]
        are_rows = np.all((pivots.real >= 0) & (pivots.real < found[0].shape[-1:] if found[0].ndim else False))
    return pair if are_rows else (found[0], np.zeros(pivots.shape, np.int32))


def _at_path(tree: Any, path: tuple) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def unlike(got: Any, want: Any, rtol: float = 0.0, atol: float = 0.0, where: str = "") -> str | None:
    """In what two results differ."""
    if isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            return f"{where}: {got!r} for {want!r}"
        return next((d for k in want if (d := unlike(got[k], want[k], rtol, atol, f"{where}[{k!r}]"))), None)
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return f"{where}: {_short(got)} for {_short(want)}"
        return next((d for i, w in enumerate(want) if (d := unlike(got[i], w, rtol, atol, f"{where}[{i}]"))), None)
    if not isinstance(want, _NUMBERS):
        return None if type(got) is type(want) else f"{where}: a {type(got).__name__} for a {type(want).__name__}"
    if not isinstance(got, _NUMBERS):
        return f"{where}: a {type(got).__name__} for {_short(want)}"
    if shape_of(got) != shape_of(want):
        return f"{where}: shape {shape_of(got)} for {shape_of(want)}"
    dtypes = [dtype_of(x).newbyteorder("=") for x in (got, want)]
    if dtypes[0] != dtypes[1] and type(want) not in (float, complex) and not (dtypes[1] == object and dtypes[0].kind in "fc"):
        return f"{where}: dtype {dtype_of(got)} for {dtype_of(want)}"
    return None if _close(np.asarray(got), np.asarray(want), rtol, atol) else f"{where}: {_short(got)} for {_short(want)}"


_NUMBERS = (np.ndarray, np.generic, bool, int, float, complex)


def _close(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> bool:
    if want.dtype.kind == "O":  # of Python numbers ours makes an array of NumPy's
        return all(isinstance(b, complex) or _close_objects(a, b) for a, b in zip(got.flat, want.flat, strict=True))
    if want.dtype.kind not in "fc":
        return bool(np.all(got == want)) or want.dtype.kind in "mM"
    rtol = max(rtol, 200 * float(np.finfo(want.dtype).eps))
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(got)) or not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return False
    with np.errstate(all="ignore"):
        scale = max(np.max(np.abs(want[finite]), initial=0.0), 1e-3)
        return bool(np.all(np.abs(got[finite] - want[finite]) <= rtol * scale + atol))


def _close_objects(a: Any, b: Any) -> bool:
    try:
        return bool(np.allclose(complex(a), complex(b), equal_nan=True))
    except (TypeError, ValueError):
        return type(a) is type(b)


# ---- derivatives -------------------------------------------------------------------------------------------


#: What gives one of many possible results, or elements that nobody looks at: the derivative is of what is determined.
_UNDETERMINED = frozenset(
    {
        "numpy.linalg.svd", "scipy.linalg.svd", "scipy.linalg.cholesky_banded", "scipy.linalg.null_space", "scipy.linalg.orth",
        "numpy.linalg.eigh", "scipy.linalg.eigh", "numpy.linalg.eig", "scipy.linalg.eig",  # the phases of complex vectors
        "numpy.round", "numpy.around", "ndarray.round",  # their steps are finer than those of the differences
    }
)


def _judge_derivatives(call: Call, f: Callable, ys: tuple, pull: Callable, plain: Any) -> Tally:
    """Reverse mode, forward mode and differences against each other."""
    if any(dtype_of(y).kind not in "fc" for y in ys):
        return Tally(f"an output of dtype {[dtype_of(y) for y in ys]}", "output")
    rng = np.random.default_rng([*call.seed, 4])
    vs = [np.where(np.isfinite(x), oracle.direction(rng, x), 0).astype(x.dtype) for x in call.values]
    gs = [np.where(np.isfinite(y), oracle.direction(rng, y), 0).astype(dtype_of(y)) for y in ys]
    gs = [g if isinstance(y, np.ndarray) else g[()] for g, y in zip(gs, ys, strict=True)]
    if any(isinstance(y, np.ndarray) and y.dtype == object for y in (plain if isinstance(plain, tuple) else (plain,))):
        return Tally(None, "no derivative")  # Python's functions of Python's numbers
    if isinstance(call.target.plain, np.ufunc) and any(np.asarray(x).dtype == object for x in call.arguments()[0]):
        return Tally(None, "no derivative")  # likewise, of a result that NumPy takes out of its array
    if _is_between_factors(call):
        return Tally(None, "no derivative")
    if re.search("logm|sqrtm|fractional_matrix_power", call.target.name) and _is_on_a_cut(call.values[0]):
        return Tally(None, "no derivative")
    if not ys or (call.via is None and call.target.name in _UNDETERMINED):
        return Tally(None, "no derivative")
    if call.target.name.endswith("linalg.pinv") and _keeps_rounding(call):
        return Tally(None, "no derivative")
    if re.search("linalg.eigvals$", call.target.name) and _are_repeated(ys[0]):
        return Tally(None, "no derivative")  # the eigenvalues part, and which of them is which depends on the direction
    hs = _outcome(lambda: _quietly(pull, tuple(gs)))
    if isinstance(hs, Raised):
        verdict = _judge_error(call, None, hs)
        return Tally(verdict.wrong and f"backward {verdict.wrong}", verdict.what)
    for h, x in zip(hs, call.values, strict=True):
        if shape_of(h) != shape_of(x) or dtype_of(h) != dtype_of(x):
            return Tally(f"gradient {dtype_of(h)}{shape_of(h)} of {dtype_of(x)}{shape_of(x)}", "gradient")
    pushed = _outcome(lambda: _quietly(jvp, f, call.values, [v if isinstance(x, np.ndarray) else v[()] for v, x in zip(vs, call.values, strict=True)]))
    if isinstance(pushed, Raised):
        verdict = _judge_error(call, None, pushed)
        return Tally(verdict.wrong and f"forward mode {verdict.wrong}", verdict.what)
    ts = pushed[1]
    for t, y in zip(ts, ys, strict=True):
        if shape_of(t) != shape_of(y) or dtype_of(t) != dtype_of(y):
            return Tally(f"tangent {dtype_of(t)}{shape_of(t)} of {dtype_of(y)}{shape_of(y)}", "tangent")
    return _compare(call, ys, vs, gs, hs, ts)


def _is_between_factors(call: Call) -> bool:
    """Whether a unitary factor is not determined, or jumps, as the matrix that it is of has not its full rank."""
    if call.target.name not in ("scipy.linalg.polar", "scipy.linalg.orthogonal_procrustes"):
        return False
    args, kwargs = call.arguments()
    a, *b = map(np.asarray, (*args[:2], *(kwargs[k] for k in ("a", "A", "B") if k in kwargs)))
    if call.target.name.endswith("procrustes"):
        a = np.swapaxes(b[0], -1, -2) @ np.conj(a)
    return a.size > 0 and bool(np.any(np.linalg.matrix_rank(a) < min(a.shape[-2:])))


def _keeps_rounding(call: Call) -> bool:
    """Whether a pseudo-inverse is that of rounding errors: singular values that should be zero are not cut off."""
    args, kwargs = call.arguments()
    cutoffs = [v for v in (*args[1:2], *(kwargs.get(k) for k in ("rcond", "rtol"))) if isinstance(v, (int, float, np.generic))]
    a = np.asarray(args[0] if args else kwargs["a"])
    if call.via is not None:
        a = call.run(lambda x, *_, **__: x, call.values)[0]
    return any(c < 1e-14 for c in cutoffs) and bool(np.any(np.linalg.matrix_rank(_stripped(a)) < min(np.shape(a)[-2:])))


def _is_on_a_cut(a: Any) -> bool:
    """Whether an eigenvalue of a matrix is where its logarithm jumps, as far as the precision tells."""
    if np.ndim(a) < 2 or a.shape[-1] != a.shape[-2] or not a.size:
        return False
    w = np.linalg.eigvals(a.astype("D"))
    eps = 1e3 * np.finfo(a.dtype).eps
    return bool(np.any((w.real < 0) & (np.abs(w.imag) <= eps * np.max(np.abs(w), axis=-1, keepdims=True))))


def _are_repeated(w: Any) -> bool:
    """Whether two of the eigenvalues of a general matrix are one, as far as its precision tells."""
    gaps = np.abs(w[..., :, None] - w[..., None, :]) + np.where(np.eye(w.shape[-1]), np.inf, 0)
    return bool(np.any(gaps <= 100 * np.finfo(w.dtype).eps * np.max(np.abs(w), axis=-1, initial=0)[..., None, None]))


def _compare(call: Call, ys: Any, vs: list, gs: list, hs: Any, ts: Any) -> Tally:
    finite_inputs = call.is_finite() and all(np.all(np.isfinite(y)) for y in ys)
    tolerance = _tolerance(call, [*call.values, *ys])
    finite = all(np.all(np.isfinite(h)) for h in (*hs, *ts))
    if finite:
        pulled, pushed = modes.pair(hs, vs), modes.pair(gs, ts)
        size = _size(hs, vs) + _size(gs, ts)
        if not abs(pulled - pushed) <= tolerance * max(size, 1e-3) and np.isfinite(size):
            return Tally(f"reverse mode gives {pulled}, forward mode {pushed}", "modes differ")
    truth = _truth(call, ys, vs)
    if truth is None:
        return Tally(None, "differences say nothing")
    scale = max(1.0, sum(float(np.sum(np.abs(e.value[ok]))) for e, ok in truth))
    if not finite:
        if finite_inputs and all(np.all(ok) for _, ok in truth):
            return Tally(f"derivative not finite: {[_short(h) for h in hs]}, {[_short(t) for t in ts]}", "not finite")
        return Tally(None, "not finite")
    for k, (t, (e, ok)) in enumerate(zip(ts, truth, strict=True)):
        if not np.all(np.abs(np.asarray(t)[ok] - e.value[ok]) <= tolerance * scale):
            return Tally(f"forward mode, output {k}: {_short(np.asarray(t))}, differences {_short(e.value)}", "forward")
    if all(np.all(ok | (np.asarray(g) == 0)) for g, (_, ok) in zip(gs, truth, strict=True)):
        want = sum(float(np.sum(np.real(np.asarray(g)[ok] * e.value[ok]))) for g, (e, ok) in zip(gs, truth, strict=True))
        if not abs(modes.pair(hs, vs) - want) <= tolerance * (scale + _size(hs, vs)):
            return Tally(f"reverse mode: {modes.pair(hs, vs)}, differences {want}; gradient {[_short(h) for h in hs]}", "reverse")
        return Tally(None, "compared")
    return Tally(None, "compared in part")


def _size(gs: Any, ts: Any) -> float:
    with np.errstate(all="ignore"):
        return float(sum(np.sum(np.abs(np.asarray(g) * np.asarray(t)).astype(float)) for g, t in zip(gs, ts, strict=True)))


def _tolerance(call: Call, arrays: list) -> float:
    eps = max(call.precision(), *(float(np.finfo(dtype_of(x)).eps) for x in arrays))
    return {True: 1e-6, False: 1e-2 if eps < 1e-5 else 0.2}[eps < 1e-14]


def _truth(call: Call, ys: Any, vs: list) -> list | None:
    """Differences along `vs`, and where they are to be trusted; nothing where the function is not smooth or not defined."""

    def f(*xs: Any) -> list:
        if call.may_be_overwritten():
            xs = tuple(_copied(x) for x in xs)
        return numbers_in(_stripped(call.run(call.target.plain, xs)[0]))

    xs = [oracle.exact(x) for x in call.values]
    shapes = [shape_of(y) for y in ys]
    if any(np.any(np.abs(x[np.isfinite(x)]) > 1e6) for x in map(np.asarray, xs)):  # steps are lost in rounding
        return None
    if re.search("mod|remainder|sign", call.target.name) and any(np.any((x != 0) & (np.abs(x) < 1e-3)) for x in (*_numbers(call.arguments()), *xs)):
        return None  # jumps closer than the steps
    if re.search("floor", call.target.name) and any(np.any(np.abs(y) > 1e5) for y in ys):
        return None  # jumps that are lost in rounding
    try:
        with _quiet():
            base = f(*xs)
            if [shape_of(y) for y in base] != shapes:
                return None
            for step in (0.02, 0.002):
                found = [(e, _is_sure(e, y)) for e, y in zip(oracle.directional(f, xs, vs, step=step), base, strict=True)]
                if all(np.all(ok | ~np.isfinite(y)) for (_, ok), y in zip(found, base, strict=True)):
                    break
            if any(e.value.dtype.kind != dtype_of(y).kind for (e, _), y in zip(found, ys, strict=True)):
                return None  # a type that depends on the values
            h = 1e-5
            ends = [f(*((x + s * h * np.asarray(v)).astype(x.dtype) for x, v in zip(xs, vs, strict=True))) for s in (1, -1)]
            slopes = [(a - b) / (2 * h) for a, b in zip(*ends, strict=True)]
            near = [np.abs(d - e.value) <= 1e-3 * np.maximum(1, np.abs(e.value)) for d, (e, _) in zip(slopes, found, strict=True)]
            bends = [np.abs(a - 2 * y + b) / h for a, y, b in zip(ends[0], base, ends[1], strict=True)]
            found = [(e, ok & n) for (e, ok), n in zip(found, near, strict=True)]  # or a jump is between
            return [(e, ok & (k <= 1e-3 * np.maximum(1, np.abs(e.value)))) for (e, ok), k in zip(found, bends, strict=True)]
    except Exception:  # noqa: BLE001 - the function is not defined nearby
        return None


def _is_sure(e: oracle.Estimate, y: Any) -> np.ndarray:
    return np.isfinite(y) & (e.error <= 1e-8 * np.maximum(1, np.abs(e.value)))


# ---- batches -----------------------------------------------------------------------------------------------


def _judge_batch(call: Call, want: Any, chooser: Draw) -> Tally:
    """`vmap` of the call over two examples."""
    others = [np.asarray(x * np.asarray(1.125, x.real.dtype)).astype(x.dtype) for x in call.values]
    second = _outcome(lambda: call.run(call.target.plain, [o if isinstance(x, np.ndarray) else o[()] for o, x in zip(others, call.values, strict=True)]))
    stacked = [np.stack([x, o]).astype(x.dtype, copy=False) for x, o in zip(call.values, others, strict=True)]
    if not isinstance(want, Raised):  # of examples as they lie in memory in the batch
        want = _outcome(lambda: call.run(call.target.plain, [s[0] for s in stacked]))
        second = _outcome(lambda: call.run(call.target.plain, [s[1] for s in stacked]))

    def f(*xs: Any) -> tuple:
        return tuple(numbers_in(call.run(call.target.traced, xs)[0]))

    got = _outcome(lambda: _quietly(vmap(f), *stacked))
    if isinstance(got, Raised):
        if isinstance(got.error, AutogradError):
            return Tally(None, "refused in batches")
        if isinstance(got.error, TypeError) and not call.is_numeric():
            return Tally(None, "refused: TypeError")
        verdict = _judge_error(call, want if isinstance(want, Raised) else second, got)
        return Tally(verdict.wrong and f"vmap {verdict.wrong}", verdict.what)
    if isinstance(want, Raised) or isinstance(second, Raised):
        if _is_lenient(call, (want if isinstance(want, Raised) else second).error):
            return Tally(None, "accepted")
        return Tally(f"vmap gives {_short(got)} where NumPy raises {_said((want if isinstance(want, Raised) else second).error)}", "vmap accepted")
    firsts, seconds = numbers_in(_stripped(want[0])), numbers_in(_stripped(second[0]))
    if len(firsts) != len(got) or len(seconds) != len(got):
        return Tally(None, "not of numbers")  # arrays of Python objects
    pairs = zip(firsts, seconds, strict=True)
    expected = [np.stack([a, b]) if shape_of(a) == shape_of(b) else None for a, b in pairs]
    if any(e is None for e in expected):
        return Tally(None, "ragged batch")
    if _is_unsolvable(call):
        return Tally(None, "no solution")
    difference = unlike(*call.comparable(list(got), expected), call.rounding(), call.inaccuracy())
    return Tally(difference and f"vmap: {difference}", "compared in batches")
