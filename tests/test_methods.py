"""Every method of `numpy.ndarray` on traced arrays, with every parameter that NumPy gives it: the list and the signatures are NumPy's.

A call is one method with one parameter more than it needs, passed by its name, or by its place after the defaults of those before it.
The traced array must do what the plain one does: the same value, shape and dtype, and the derivative that differences of NumPy's own
method have; where NumPy refuses the call, the same kind of error. What a method has done in place counts as its result.
"""

import inspect

import numpy as np
import pytest

import autograd_clone.numpy as anp
from autograd_clone import grad, jvp, make_jvp, vjp
from autograd_clone.engine.box import Box
from autograd_clone.engine.errors import NotDifferentiableError, UnsupportedKeywordError

from . import oracle

EMPTY, KEYWORD_ONLY = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
PUBLIC = [n for n in dir(np.ndarray) if not n.startswith("_") and hasattr(np.eye(1), n)]  # 2.0 has some that only raise
METHODS = [n for n in PUBLIC if callable(getattr(np.ndarray, n))]


def signature_of(name):
    """NumPy's own; since version 2.4 it tells it."""
    try:
        return inspect.signature(getattr(np.ndarray, name))
    except ValueError:
        return None


X = np.array([[0.52, -1.53, 2.54, 1.13], [1.71, 0.32, -0.93, -0.24], [0.86, -2.17, 1.37, 0.68]])
#: Arrays of another kind, for methods that ask for one.
ARRAYS = {"searchsorted": np.sort(X[0])}
#: Values of parameters, by their name or with that of the method before it. Lists are of values to be passed one after the other.
VALUES = {
    "axis": [0, -1], "axis1": 1, "axis2": 0, "casting": "same_kind", "choices": [[10.0, 11.0, 12.0, 13.0], 2.5], "condition": [True, False, True],
    "copy": [True, False], "correction": 1, "ddof": 1, "decimals": 1, "descending": True, "device": "cpu", "dtype": [np.float64, np.float32], "indices": [[0, 2]],
    "initial": 0.25, "inplace": True, "keepdims": True, "kind": "stable", "kth": 1, "max": 0.7, "mean": X.mean(), "min": -0.5, "mode": "wrap",
    "offset": 1, "order": ["C", "F", "A", "K"], "other": np.arange(8.0).reshape(4, 2), "refcheck": False, "repeats": 2, "side": "right",
    "sorter": [[0, 1, 2, 3]], "stable": True, "stream": None, "subok": False, "v": [0.3, [0.1, 0.9]], "val": 1.5, "value": 0.5,
    "values": [[0.5, 1.5]], "where": X > -1.0,
    "argpartition.order": None, "argsort.order": None, "getfield.offset": 0, "partition.order": None, "repeat.axis": [0, 1, None],
    "setfield.offset": 0, "sort.order": None, "squeeze.axis": 0, "sum.initial": 2, "view.dtype": np.float64,
    "setflags.write": False, "setflags.align": True, "setflags.uic": False, "tobytes.order": ["C", "F"],
}  # fmt: skip
#: Arguments of methods that take any number of them.
VARIADIC = {
    "item": [(5,), (-1,), (1, 2), ((1, 2),)],
    "reshape": [(4, 3), ((2, 6),), (-1,), (12,)],
    "resize": [(2, 6), ((12,),)],
    "transpose": [(), (1, 0), ((1, 0),), (None,)],
    "view": [(), (np.float64,)],
}
#: What reads or writes bytes, or changes what a name stands for: refused, by the name of the method.
REFUSED = {"byteswap", "getfield", "resize", "setfield", "setflags"}
#: Whose own signature NumPy does not keep: more arguments by place, or none by name.
LOOSE = {"all", "any", "fill"}
#: What writes to a file, and is refused or done with the plain value elsewhere.
TO_FILES = {"dump", "tofile"}


def values_of(method, name):
    value = VALUES.get(f"{method}.{name}", VALUES.get(name, EMPTY))
    assert value is not EMPTY, f"no value for the parameter {name} of ndarray.{method}: give one in VALUES"
    return value if isinstance(value, list) and name not in ("choices", "condition") else [value]


def parameters_of(method):
    """The parameters, with those of the function of the same name for what the method only passes on."""
    found = list(signature_of(method).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in found) and method != "view":
        known = {p.name for p in found}
        function = inspect.signature(getattr(np, method)).parameters.values()
        more = [p for p in list(function)[1:] if p.name not in known and not p.name.startswith("a_") and p.kind is not p.VAR_KEYWORD]
        found += [p.replace(kind=KEYWORD_ONLY) for p in more]
    return [p for p in found if p.kind is not p.VAR_KEYWORD]


def calls(method):
    """(positional, keyword) arguments of calls that are to be tried; without ``out``."""
    parameters = parameters_of(method)
    variadic = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in placed if p.default is EMPTY]
    base = [values_of(method, p.name)[0] for p in needed]
    if variadic:
        starts = [tuple(args) for args in VARIADIC[method]]
        yield from ((args, {}) for args in starts)
        base = list(starts[0])
    else:
        yield tuple(base), {}
        for k, p in enumerate(needed):
            for value in values_of(method, p.name)[1:]:
                yield (*base[:k], value, *base[k + 1 :]), {}
    for k, p in enumerate(placed):
        if p.name == "out":
            continue
        for value in values_of(method, p.name):
            if p.default is not EMPTY:
                yield (*base, *(q.default for q in placed[len(needed) : k]), value), {}
            if p.kind is p.POSITIONAL_OR_KEYWORD:
                others = {q.name: v for q, v in zip(needed, base, strict=False) if q is not p}
                if all(q.kind is q.POSITIONAL_OR_KEYWORD for q in needed):
                    yield (), others | {p.name: value}
                if p.default is not EMPTY:
                    yield tuple(base), {p.name: value}
    for p in parameters:
        if p.kind is KEYWORD_ONLY and p.name != "out":
            for value in values_of(method, p.name):
                yield tuple(base), {p.name: value}
                if p.name == "where" and method in ("max", "min"):
                    yield tuple(base), {"where": value, "initial": 0.25}


def applied(method, args, kwargs):
    """The call as a function of the array, which has what the method does in place for its result."""

    def f(x):
        y = 1 * x
        result = getattr(y, method)(*args, **kwargs)
        return y if result is None else result

    return f


def in_double(args, kwargs):
    double = lambda v: np.float64 if v is np.float32 else v
    return tuple(map(double, args)), {k: double(v) for k, v in kwargs.items()}


def outcome(f, x):
    """``f(x)``, or the error that it raises."""
    try:
        return f(x)
    except Exception as error:  # noqa: BLE001 - whatever NumPy raises
        return error


def seen(f, x):
    """What `f` gives for a traced array: shape, dtype and value of each of its results."""
    found = []

    def loss(x):
        found.append(outcome(f, x))
        return anp.sum(x)

    grad(loss)(x)
    return found[0]


def same_result(got, want):
    if isinstance(want, (tuple, list)):
        assert type(got) is type(want)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same_result(g, w)
    elif isinstance(want, (np.ndarray, np.generic)):
        assert np.shape(got) == np.shape(want)
        assert got.dtype == want.dtype
        value = got.value if isinstance(got, Box) else got
        np.testing.assert_allclose(value, want, rtol=1e-6 if want.dtype == np.float32 else 1e-14)
    elif isinstance(want, float):  # `item` and `tolist` make Python's numbers of NumPy's
        assert getattr(got, "value", got) == want
    else:
        assert type(got) is type(want)
        assert got == want


def is_smooth(want):
    return isinstance(want, (np.ndarray, np.generic, float)) and np.asarray(want).dtype.kind == "f"


def same_derivatives(f, x, precise=None):
    """Both modes against differences of NumPy's own results, or of those of a function that is the same in double precision."""
    v = np.random.default_rng(0).normal(size=x.shape)
    plain = lambda x: np.asarray(f(x))
    want = oracle.directional(lambda x: np.asarray((precise or f)(x)), [x], [v], step=1e-3)[0].value
    value, push = plain(x), make_jvp(f)(x)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if value.dtype == np.float32 else {"rtol": 1e-8, "atol": 1e-8}
    got = push(v)[1]
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, **tolerance)
    g = np.random.default_rng(1).normal(size=value.shape).astype(value.dtype)
    (pulled,) = vjp(f, x)[1](g[()])
    assert pulled.shape == x.shape
    assert pulled.dtype == x.dtype
    np.testing.assert_allclose(np.sum(pulled * v), np.sum(g * got), **tolerance)


needs_signatures = pytest.mark.skipif(signature_of("sum") is None, reason="this version of NumPy does not tell the signatures of methods")


@needs_signatures
@pytest.mark.parametrize("method", [m for m in METHODS if m not in REFUSED | TO_FILES])
def test_every_parameter(method):
    x = ARRAYS.get(method, X)
    smooth = 0
    for args, kwargs in calls(method):
        f = applied(method, args, kwargs)
        want, said = outcome(f, x), f"x.{method}(*{args}, **{kwargs})"
        got = seen(f, x)
        try:
            if isinstance(want, Exception):
                if isinstance(want, TypeError) and (method in LOOSE or "unexpected keyword" in str(want)):
                    continue  # of what the function has and the method lacks
                assert isinstance(got, Exception), f"NumPy refuses this: {want!r}"
                assert isinstance(got, type(want) if isinstance(want, (TypeError, ValueError)) else Exception), f"{got!r} is not {want!r}"
                continue
            if isinstance(got, Exception):
                raise got
            same_result(got, want)
            if is_smooth(want) and x.dtype.kind == "f":
                same_derivatives(f, x, applied(method, *in_double(args, kwargs)))
                single = seen(f, x.astype(np.float32))
                if not (method == "view" and isinstance(single, NotDifferentiableError)):
                    same_result(single, f(x.astype(np.float32)))
                smooth += 1
        except Exception as error:
            error.add_note(said)
            raise
    assert smooth or method in PLAIN, "no call has a result with a derivative"


#: Methods whose results are no arrays of floating-point numbers.
PLAIN = {
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "dumps", "nonzero", "searchsorted", "tobytes", "tolist",
}  # fmt: skip


@needs_signatures
@pytest.mark.parametrize("method", [m for m in METHODS if signature_of(m) and "out" in signature_of(m).parameters and m != "choose"])
def test_out(method):
    """An array that was made under the transform may be the output; a plain one would lose the derivative."""
    x = ARRAYS.get(method, X)
    args = next(calls(method))[0]
    plain = np.asarray(getattr(x, method)(*args))
    for keyword in (True, False):
        placed = [p for p in parameters_of(method) if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        before = next(k for k, p in enumerate(placed) if p.name == "out")
        defaults = tuple(p.default for p in placed[len(args) : before])

        def f(x, make, keyword=keyword, defaults=defaults):
            out = make(plain.shape, plain.dtype)
            result = getattr(x, method)(*args, out=out) if keyword else getattr(x, method)(*args, *defaults, out)
            assert result is out
            return result

        if plain.dtype.kind != "f" or method == "round":  # no derivative is lost
            same_result(seen(lambda x, f=f: f(x, np.zeros), x), plain)
            continue
        with pytest.raises(UnsupportedKeywordError, match="out"):
            grad(lambda x, f=f: anp.sum(f(x, np.zeros)))(x)
        v = np.random.default_rng(0).normal(size=x.shape)
        value, got = jvp(lambda x, f=f: f(x, anp.zeros), (x,), (v,))
        np.testing.assert_allclose(value, plain, rtol=1e-14)
        np.testing.assert_allclose(got, jvp(lambda x: getattr(x, method)(*args), (x,), (v,))[1], rtol=1e-14)
        want = grad(lambda x: anp.sum(getattr(x, method)(*args)))(x)
        np.testing.assert_allclose(grad(lambda x, f=f: anp.sum(f(x, anp.zeros)))(x), want, rtol=1e-14)


@needs_signatures
@pytest.mark.parametrize("method", sorted(REFUSED))
def test_refused(method):
    for args, kwargs in calls(method):
        found = seen(applied(method, args, kwargs), X)
        assert isinstance(found, NotDifferentiableError), (args, kwargs)
        assert f"ndarray.{method}" in str(found)


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in METHODS])
def test_attributes(name):
    want = getattr(X, name)
    got = seen(lambda x: getattr(x, name), X)
    if isinstance(want, np.ndarray):
        same_result(got, want)
        same_derivatives(lambda x: getattr(x, name) * 1.0, X)
    elif name == "flat":
        same_result(seen(lambda x: x.flat[3:7], X), X.flat[3:7])
        same_derivatives(lambda x: x.flat[3:7], X)
    elif isinstance(want, (int, str, tuple, np.dtype)):
        assert got == want
    else:  # of the memory
        assert type(got) is type(want)
