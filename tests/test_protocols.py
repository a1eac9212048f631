"""Plain NumPy applied to traced values, and the methods and attributes of ndarray on them."""

import contextlib
import copy
import math
import operator
import pickle
import statistics

import numpy as np
import pytest

from autograd_clone import deriv, elementwise_grad, grad, jacobian, jvp, stop_gradient
from autograd_clone.engine.box import Box
from autograd_clone.engine.errors import NotDifferentiableError, TracedConversionError
from autograd_clone.engine.primitive import find

from . import oracle

X = np.array([[0.5, -1.5, 2.5], [1.7, 0.3, -0.9]])
S = np.array([[2.0, 0.3], [0.1, 1.5]])


def agrees(f, x, tolerance=1e-7):
    """The Jacobian of `f` by both modes against the oracle."""
    want = oracle.jacobian(f, x)
    np.testing.assert_allclose(jacobian(f)(x), want, rtol=tolerance, atol=tolerance)
    v = np.random.default_rng(0).normal(size=np.shape(x))
    value, t = jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=1e-13)
    np.testing.assert_allclose(t, np.tensordot(want, v, np.ndim(x)), rtol=tolerance, atol=tolerance)


# ---- plain NumPy -------------------------------------------------------------------------------------------

PLAIN = {
    "ufunc": lambda x: np.sin(x),
    "reduction": lambda x: np.sum(x, axis=0),
    "concatenate and reshape": lambda x: np.reshape(np.concatenate([x, x * 2, np.ones((1, 3))]), (3, 5)),
    "stack": lambda x: np.stack([x[0], x[1] * 2, np.zeros(3)]),
    "where": lambda x: np.where(x > 0, x**2, -x),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "linalg": lambda x: np.linalg.norm(x, axis=1),
    "linalg.inv": lambda x: np.linalg.inv(x[:, :2] + 3 * np.eye(2)),
    "fft": lambda x: np.abs(np.fft.rfft(x)) ** 2,
    "take": lambda x: np.take(x, [0, 2], axis=1),
    "clip": lambda x: np.clip(x, -1.0, 1.0),
    "outer": lambda x: np.outer(x[0], x[1]),
    "tile": lambda x: np.tile(x, (2, 1)),
    "diag": lambda x: np.diag(x[0]),
    "sort": lambda x: np.sort(x, axis=1),
    "maximum": lambda x: np.maximum(x, 0.7),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "transpose": lambda x: np.transpose(x) @ x,
    "array of scalars": lambda x: np.stack([x[0, 0] * x[1, 1], x[0, 1]]),
    "sum of a list": lambda x: np.sum([x[0], x[1] * 2], axis=0),
    "roll": lambda x: np.roll(x, 1, axis=1) * x,
    "pad": lambda x: np.pad(x, 1),
    "logaddexp": lambda x: np.logaddexp(x, 1.0),
    "tensordot": lambda x: np.tensordot(x, x, axes=([1], [1])),
    "var": lambda x: np.var(x, axis=0, ddof=1),
    "ufunc.reduce": lambda x: np.add.reduce(x, axis=1),
    "multiply.reduce": lambda x: np.multiply.reduce(x, axis=1),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=1),
    "ufunc.accumulate": lambda x: np.add.accumulate(x, axis=1),
    "ufunc.outer": lambda x: np.multiply.outer(x[0], x[1]),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_numpy(name):
    agrees(PLAIN[name], X)


def test_lists_of_traced_values_as_operands():
    agrees(lambda x: np.exp([x[0], x[1] * 2]), X)
    agrees(lambda x: np.multiply([x[0, 0], x[0, 1]], [2.0, x[1, 1]]), X)
    agrees(lambda x: np.dot([x[0, 0], 1.0], [x[0, 1], x[1, 1]]), X)


def test_ufuncs_made_of_python_functions():
    double = np.frompyfunc(lambda a, b: a * b + a**2 if a > 0 else 0 * a, 2, 1)
    pair = np.frompyfunc(lambda a: (a, a * a), 1, 2)
    truth = lambda x: np.where(x > 0, 2 * x + x**2, 0)
    np.testing.assert_allclose(grad(lambda x: np.sum(double(x, 2.0)))(X), grad(lambda x: np.sum(truth(x)))(X), rtol=1e-14)
    np.testing.assert_allclose(grad(lambda x: np.sum(pair(x)[1]))(X), 2 * X, rtol=1e-14)
    assert grad(lambda x: double(x, 3.0))(0.5) == 4
    assert double(2.0, 3.0) == 10


UFUNCS = sorted(
    name
    for name in dir(np)
    if isinstance(u := getattr(np, name), np.ufunc) and u.signature is None and u.nout == 1 and find(u).kind == "elementwise"
)


@pytest.mark.parametrize("name", sorted(set(UFUNCS) - {"ldexp"}))
def test_ufuncs_of_the_namespace_take_lists(name):
    import autograd_clone.numpy as anp

    f, plain = getattr(anp, name), getattr(np, name)
    offset = 1.0 if name in ("arccosh", "acosh") else 0.0
    x = np.array([0.37, 0.81]) + offset
    if plain.nin == 1:
        pairs = [(lambda x: f([x[0], x[1]]), lambda x: plain(x))]
    elif plain.nin == 2:
        pairs = [
            (lambda x: f([x[0], 1.2], (0.4, x[1])), lambda x: plain(np.array([x[0], 1.2]), np.array([0.4, x[1]]))),
            (lambda x: f(1.3, [x[0], [x[1]][0]]), lambda x: plain(1.3, x)),
            (lambda x: f.outer([x[0]], [x[1], 0.2]), lambda x: plain.outer(x[:1], np.array([x[1], 0.2]))),
        ]
    else:
        pairs = [(lambda x: f([x[0], 0.3], 0.2, [0.5, x[1]]), lambda x: plain(np.array([x[0], 0.3]), 0.2, np.array([0.5, x[1]])))]
    for traced, truth in pairs:
        value, tangent = jvp(traced, (x,), (np.array([0.3, -0.7]),))
        np.testing.assert_allclose(value, truth(x), rtol=1e-14)
        np.testing.assert_allclose(
            tangent, oracle.directional(truth, [x], [np.array([0.3, -0.7])], step=0.01)[0].value, rtol=1e-8, atol=1e-9
        )
    assert (f.nin, f.nout, f.identity) == (plain.nin, plain.nout, plain.identity)


def test_the_numpy_namespace_of_the_package_makes_arrays_of_traced_scalars():
    import autograd_clone.numpy as anp

    agrees(lambda x: anp.array([x[0, 0] * x[1, 1], x[0, 1], 3.0]), X)
    agrees(lambda x: anp.array([[x[0, 0], 1.0], [2.0, x[1, 2]]]), X)
    agrees(lambda x: anp.array(x) * 2.0, X)
    agrees(lambda x: anp.asarray([x[0], x[1] ** 2]), X)
    agrees(lambda x: anp.r_[x[0], 1.0, x[1, 0]], X)
    agrees(lambda x: anp.c_[x[0], x[1]], X)
    agrees(lambda x: anp.full((2, 2), x[0, 0]), X)
    agrees(lambda x: anp.full_like(x, x[0, 0]), X)
    agrees(lambda x: anp.ones_like(x) * x[0, 0], X)


def test_object_arrays_of_traced_values_are_right():
    """Plain ``np.array`` of traced scalars makes an object array; no gradient is lost."""
    agrees_with = lambda f: np.testing.assert_allclose(
        grad(f)(X[0]), oracle.gradient(f, X[0]), rtol=1e-8, atol=1e-9
    )
    agrees_with(lambda x: np.sum(np.array([x[0] * x[1], x[2]])))
    agrees_with(lambda x: np.array([x[0], x[1]]).sum() * x[2])
    agrees_with(lambda x: np.sum(np.sin(np.array([x[0] * x[1], x[2]]))))
    agrees_with(lambda x: np.dot(np.array([x[0], x[1]]), np.array([2.0, 3.0])))
    np.testing.assert_allclose(
        jacobian(lambda x: np.array([x[0] * x[1], x[2] ** 2]))(X[0]), [[-1.5, 0.5, 0], [0, 0, 5.0]]
    )


# ---- methods and attributes --------------------------------------------------------------------------------

METHODS = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "real": lambda x: x.real * 2,
    "imag": lambda x: x.imag + x,
    "flat": lambda x: np.stack(list(x.flat)),
    "reshape": lambda x: x.reshape(3, 2),
    "reshape tuple": lambda x: x.reshape((3, 2)),
    "reshape order": lambda x: x.reshape(3, 2, order="F"),
    "reshape -1": lambda x: x.reshape(-1),
    "ravel": lambda x: x.ravel(),
    "ravel F": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten(),
    "flatten F": lambda x: x.flatten("F"),
    "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x.transpose(1, 0),
    "transpose tuple": lambda x: x.transpose((1, 0)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(),
    "squeeze axis": lambda x: x[None].squeeze(axis=0),
    "sum": lambda x: x.sum(),
    "sum axis": lambda x: x.sum(1),
    "sum keepdims": lambda x: x.sum(axis=0, keepdims=True),
    "mean": lambda x: x.mean(axis=1),
    "std": lambda x: x.std(ddof=1),
    "var": lambda x: x.var(axis=0),
    "prod": lambda x: x.prod(axis=1),
    "cumsum": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: x.cumprod(axis=1),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(),
    "ptp": lambda x: x.ptp() if hasattr(x, "ptp") else np.ptp(x),
    "clip": lambda x: x.clip(-1.0, 1.0),
    "clip keyword": lambda x: x.clip(min=0.0),
    "round": lambda x: x.round(1) + x,
    "dot": lambda x: x.dot(x.T),
    "dot array": lambda x: x.dot(np.ones(3)),
    "trace": lambda x: x.trace(offset=1),
    "diagonal": lambda x: x.diagonal(),
    "diagonal offset": lambda x: x.diagonal(1),
    "take": lambda x: x.take([0, 2], axis=1),
    "take mode": lambda x: x.take([0, 7], mode="wrap"),
    "repeat": lambda x: x.repeat(2, axis=0),
    "compress": lambda x: x.compress([True, False, True], axis=1),
    "copy": lambda x: x.copy() * 2,
    "astype": lambda x: x.astype(float) * 2,
    "conj": lambda x: x.conj(),
    "conjugate": lambda x: x.conjugate(),
    "item": lambda x: x.item(0, 1) * x,
    "item flat": lambda x: x.item(4) * x,
    "tolist": lambda x: np.stack(x.tolist()[1]),
    "sort": lambda x: np.sort(x, axis=None),
    "choose": lambda x: np.choose([0, 1, 0], x),
    "view of a row": lambda x: x[0] * x[1],
    "iteration": lambda x: sum(row * k for k, row in enumerate(x)),
    "unpacking": lambda x: operator.mul(*x),
    "matmul": lambda x: x @ x.T,
    "len": lambda x: x * len(x),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    agrees(METHODS[name], X)


PLAIN_METHODS = {
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(axis=1),
    "nonzero": lambda x: x.nonzero()[0],
    "any": lambda x: (x > 0).any(),
    "all": lambda x: x.all(),
    "searchsorted": lambda x: np.sort(x[0]).searchsorted(0.7),
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "dtype": lambda x: x.dtype,
    "itemsize": lambda x: x.itemsize,
    "nbytes": lambda x: x.nbytes,
}


@pytest.mark.parametrize("name", PLAIN_METHODS)
def test_methods_that_give_plain_values(name):
    f, seen = PLAIN_METHODS[name], []
    for transform in (grad, deriv):
        transform(lambda x: seen.append(f(x)) or np.sum(x))(X)
        assert not isinstance(seen[-1], Box)
        want = f(X)
        assert np.array_equal(seen[-1], want) if not isinstance(want, (tuple, np.dtype)) else seen[-1] == want


PUBLIC = [n for n in dir(np.ndarray) if not n.startswith("_") and hasattr(X, n)]
#: Attributes of the memory of an array, and what changes it: no business of a value that is traced.
NOT_TRACED = {
    "base", "byteswap", "ctypes", "data", "device", "dump", "dumps", "fill", "flags", "getfield", "itemset",
    "newbyteorder", "partition", "put", "resize", "setfield", "setflags", "sort", "strides", "to_device",
    "tobytes", "tofile", "tostring", "view",
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in NOT_TRACED])
def test_every_attribute_of_ndarray_exists(name):
    found = []
    grad(lambda x: found.append(hasattr(x, name)) or np.sum(x))(X)
    assert found == [True]


#: How the attributes of memory are used; all others are used in `METHODS`.
ARGUMENTS = {
    "byteswap": (), "dumps": (), "getfield": (np.float64,), "setflags": (False,), "setfield": (1.0, np.float64), "to_device": ("cpu",),
    "tobytes": (), "view": (np.float64,),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in PUBLIC if n in NOT_TRACED and (n in ARGUMENTS or not callable(getattr(X, n)))])
def test_attributes_of_memory_are_the_plain_values_or_refused(name):
    def f(x):
        found = getattr(x, name)
        if name in ARGUMENTS:
            found = found(*ARGUMENTS[name])
        if isinstance(found, (bytes, str, tuple)):
            want = getattr(X, name)
            assert found == (want(*ARGUMENTS[name]) if callable(want) else want)
        return np.sum(x)

    refused = name in ("byteswap", "getfield", "setfield", "setflags")
    for transform in (grad, deriv):
        with pytest.raises(NotDifferentiableError, match=f"ndarray.{name}") if refused else contextlib.nullcontext():
            transform(f)(X.copy())


def test_indexing():
    rows, columns, mask = np.array([1, 0, 1]), np.array([0, 2, 0]), X > 0
    for index in (
        0, -1, np.int64(1), slice(None), slice(0, 2), (0, 1), (slice(None), 1), (Ellipsis, 0), (None, 1),
        (slice(None), None, 2),
        (slice(None, None, -1), slice(None, None, 2)), rows, [0, 0, 1], (rows, columns),
        (slice(None), columns), (rows, 1),
        (rows[:, None], columns), mask, mask[:, 0], (slice(None), mask[0]), (rows, Ellipsis), (), Ellipsis,
        slice(0, 0), [], None,
        (np.array(1), slice(1, 3)), np.array([[0, 1], [1, 0]]), (True,), np.array(0),
    ):  # fmt: skip
        agrees(lambda x, index=index: x[index] * 2.0, X)
        agrees(lambda x, index=index: np.sum(np.sin(x[index]) * x[index]) + x[0, 0], X)
    agrees(lambda x: x[:, np.argsort(x[0])], X)
    agrees(lambda x: x[x > 0], X)
    with pytest.raises(IndexError):
        grad(lambda x: x[7])(X[0])
    with pytest.raises(IndexError):
        grad(lambda x: x[()][0])(1.0)


def test_copies_stay_traced():
    for f in (
        lambda x: copy.copy(x) * x,
        lambda x: copy.deepcopy(x) * x,
        lambda x: copy.deepcopy([x, {"k": x}])[1]["k"] * x,
    ):
        assert grad(f)(3.0) == 6.0
        assert deriv(f)(3.0) == 6.0


def test_printing():
    texts = []

    def f(x):
        texts.extend([repr(x), str(x), f"{x}", f"{x:.2f}", f"{x}"])
        return x * x

    grad(f)(1.2345)
    grad(grad(f))(1.2345)
    assert all("1.23" in t for t in texts)
    assert texts[3] == "1.23"


def test_the_value_can_be_read():
    values = []
    grad(lambda x: values.append(stop_gradient(x * 2)) or values.append((x * 3).value) or np.sum(x))(X)
    assert [type(v) for v in values] == [np.ndarray] * 2
    np.testing.assert_array_equal(values[1], 3 * X)


def test_isinstance_and_hash():
    def f(x):
        assert {x: 1}[x] == 1
        assert x in frozenset([x, 2.0])
        assert callable(getattr(x, "sum", None))
        assert not hasattr(x, "no_such_attribute")
        return np.sum(x)

    grad(f)(X)


def test_array_subclasses_and_other_containers_of_numbers():
    matrix = (
        np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix) if False else np.array([[1.0, 2.0], [3.0, 4.0]])
    )
    np.testing.assert_array_equal(grad(lambda x: np.sum(x @ x))(matrix), [[7 + 0, 11 + 0], [9, 13]])


def test_functions_that_take_shapes():
    import autograd_clone.numpy as anp

    f = lambda x: anp.sum(
        anp.zeros(x.shape) + anp.zeros_like(x) + anp.ones(np.shape(x)) * x + anp.empty_like(x) * 0
    )
    np.testing.assert_array_equal(grad(f)(X), np.ones_like(X))


def test_elementwise_grad_of_plain_functions():
    x = np.array([0.5, 1.5])
    np.testing.assert_allclose(elementwise_grad(np.sin)(x), np.cos(x))
    np.testing.assert_allclose(elementwise_grad(np.log1p)(x), 1 / (1 + x))


def test_numbers_that_are_only_printed_or_compared():
    def f(x):
        text = "loss %.2f of %s" % (x[0], x)  # noqa: UP031
        text += f"{float(x[0])} {float(x[0]):.3f} {float(x[0])!r}"
        assert "loss 1.00" in text
        if float(x[0]) > 0.5 and 0.5 < float(x[0]) and not math.isnan(x[0]) and math.isfinite(x[0]):
            x = 2.0 * x
        while float(x[0]) < 0:
            break
        return np.sum(x)

    assert grad(f)(np.ones(2)).tolist() == [2.0, 2.0]
    assert grad(grad(lambda s: f(np.stack([s, s * s]))))(1.0) == 4.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: float(x) * 2.0,
        lambda x: math.sin(x),
        lambda x: [float(x), x > 2][0],
        lambda x: (float(x), f"{LIMIT:.1f}")[0],
        lambda x: (float(x), f"{LIMIT}")[0],
        lambda x: max(float(x), LIMIT),
        lambda x: first(float(x), not LIMIT),
        lambda x: float(x) + 1.0 > 0 and x,
        lambda x: statistics.mean([x, x]),
        lambda x: pickle.loads(pickle.dumps(x)),
    ],
)
def test_numbers_that_would_lose_the_derivative_are_refused(f):
    with pytest.raises(TracedConversionError, match="stop_gradient"):
        grad(f)(0.5)


LIMIT = 0.25


def first(a, b):
    return a
