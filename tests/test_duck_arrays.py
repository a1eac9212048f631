"""Arrays of foreign types: any with both protocols, of which the numbers cannot be looked at, and Dask's, in blocks and lazily."""

import operator
import tracemalloc

import numpy as onp
import pytest

from autograd_clone import (
    Variable,
    elementwise_grad,
    grad,
    hessian,
    hessian_vector_product,
    jacobian,
    jvp,
    no_grad,
    trace_graph,
    value_and_grad,
    vjp,
)
from autograd_clone.engine.errors import DuckArrayError, NonScalarOutputError, TracedConversionError

from . import modes
from .cases import DIFFERENTIABLE, cases
from .checks import per_record
from .duck import Duck, unwrapped

# ---- every record, on arrays that nobody may look at ---------------------------------------------------------------

RECORDS = [p for p in DIFFERENTIABLE if p.name.startswith("numpy.")]
#: Functions that need not know the numbers, beside all ufuncs. Others may have to: to find a pivot, an order, an interval.
FUNCTIONS_OF_SHAPE = {f"numpy.{name}" for name in ["sum", "mean", "average", "max", "min", "amax", "amin", "ptp", "prod", "var", "std", "nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "cov", "corrcoef", "cumsum", "cumprod", "cumulative_sum", "nancumsum", "diff", "ediff1d", "gradient", "trapezoid", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "append", "block", "split", "array_split", "hsplit", "vsplit", "dsplit", "unstack", "tile", "roll", "rollaxis", "flip", "fliplr", "flipud", "rot90", "pad", "delete", "insert", "transpose", "matrix_transpose", "permute_dims", "moveaxis", "swapaxes", "expand_dims", "squeeze", "broadcast_to", "broadcast_arrays", "atleast_1d", "atleast_2d", "atleast_3d", "meshgrid", "where", "select", "clip", "compress", "extract", "nan_to_num", "real", "imag", "angle", "sinc", "real_if_close", "copy", "astype", "array", "asarray", "full_like", "dot", "vdot", "inner", "outer", "tensordot", "einsum", "kron", "cross", "trace", "diagonal", "diag", "diagflat", "tril", "triu", "resize", "linalg.solve", "linalg.inv", "linalg.matrix_power", "linalg.multi_dot", "linalg.vector_norm", "linalg.outer", "linalg.cross", "linalg.matmul", "linalg.tensordot", "linalg.trace", "linalg.diagonal", "fft.fft", "fft.ifft", "fft.rfft", "fft.irfft", "fft.fft2", "fft.fftn", "fft.rfftn", "fft.fftshift"]}  # fmt: skip
NEED_NO_NUMBERS = [p for p in RECORDS if isinstance(p.fun, onp.ufunc) or p.name in FUNCTIONS_OF_SHAPE]


def gradient_of_ducks(case):
    """The cotangents that duck arrays get, with those that plain arrays get."""
    ruled, values = case.ruled(), case.values
    rng = onp.random.default_rng(3)
    outs, _ = modes.vjp(case.traced, values, lambda ys: [onp.zeros_like(y) for y in ys], ruled)
    gs = [rng.normal(size=onp.shape(y)).astype(y.dtype) for y in outs]
    _, expected = modes.vjp(case.traced, values, lambda ys: gs, ruled)
    ducks = [Duck(onp.asarray(x)) for x in values]
    _, got = modes.vjp(case.traced, ducks, lambda ys: [Duck(g) for g in gs], ruled)
    return [(got[i], expected[i]) for i in ruled]


def compare(case):
    for got, expected in gradient_of_ducks(case):
        assert isinstance(got, Duck) or not onp.any(got), f"{case}: a plain array came out"
        onp.testing.assert_allclose(unwrapped(got), expected, rtol=1e-9, atol=1e-12, err_msg=repr(case))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@per_record(NEED_NO_NUMBERS)
def test_derivatives_without_looking(prim):
    for case in cases(prim):
        for got, expected in gradient_of_ducks(case):
            assert isinstance(got, Duck) or not onp.any(got), f"{case}: a plain array came out"
            onp.testing.assert_allclose(unwrapped(got), expected, rtol=1e-9, atol=1e-12, err_msg=repr(case))


@pytest.mark.filterwarnings("ignore")
@per_record([p for p in RECORDS if p not in NEED_NO_NUMBERS and not p.name.endswith(("ravel", "reshape"))])  # whose "K" is the layout
def test_where_one_has_to_look_there_is_an_error_and_no_wrong_number(prim):
    for case in cases(prim):
        try:
            pairs = gradient_of_ducks(case)
        except Exception:  # noqa: BLE001 - the array's own refusal, or ours
            continue
        for got, expected in pairs:
            onp.testing.assert_allclose(unwrapped(got), expected, rtol=1e-9, atol=1e-12, err_msg=repr(case))


def test_all_transforms_give_duck_arrays():
    def f(x):
        return onp.sum(onp.sin(x) * x[0] + onp.where(x > 0, x**2, -x))

    x = onp.array([0.3, -1.2, 0.8])
    d, v = Duck(x), onp.ones(3)
    results = {
        "grad": (grad(f)(d), grad(f)(x)),
        "second": (grad(lambda x: onp.sum(grad(f)(x) ** 2))(d), grad(lambda x: onp.sum(grad(f)(x) ** 2))(x)),
        "elementwise": (elementwise_grad(onp.tanh)(d), elementwise_grad(onp.tanh)(x)),
        "jvp": (jvp(f, (d,), (Duck(v),))[1], jvp(f, (x,), (v,))[1]),
        "hvp": (hessian_vector_product(f)(d, Duck(v)), hessian_vector_product(f)(x, v)),
        "vjp": (vjp(f, d)[1](1.0)[0], vjp(f, x)[1](1.0)[0]),
        "pytree": (grad(lambda p: f(p["a"]) * p["b"])({"a": d, "b": 2.0})["a"], 2 * grad(f)(x)),
        "no dependence": (grad(lambda x: onp.sum(onp.sign(x)))(d), onp.zeros(3)),
    }
    for name, (got, expected) in results.items():
        assert isinstance(got, Duck), name
        onp.testing.assert_allclose(got.value, expected, rtol=1e-12, err_msg=name)


def test_a_plain_parameter_and_duck_data():
    data = onp.arange(6.0).reshape(3, 2)
    f = lambda w, data: onp.mean(onp.tanh(data @ w) ** 2)
    w = onp.array([0.1, -0.2])
    g = grad(f)(w, Duck(data))
    assert isinstance(g, Duck)
    onp.testing.assert_allclose(g.value, grad(f)(w, data))


def test_zero_times_infinity_is_zero_here_too():
    f = lambda x: onp.sum(onp.where(x > 0, onp.sqrt(x), 0.0))
    with onp.errstate(all="ignore"):
        onp.testing.assert_array_equal(grad(f)(Duck(onp.array([0.0, 4.0]))).value, [0, 0.25])


def test_single_precision_stays():
    f = lambda x: onp.mean(onp.exp(x) * 2.5)
    assert grad(f)(Duck(onp.ones(3, onp.float32))).dtype == onp.float32


def test_what_the_array_cannot_do_is_said():
    class Poor(Duck):
        def __array_function__(self, func, types, args, kwargs):
            if func is onp.linalg.solve:
                return NotImplemented
            return super().__array_function__(func, types, args, kwargs)

    with pytest.raises(DuckArrayError, match=r"numpy\.linalg\.solve cannot be computed for arrays of type .*Poor"):
        grad(lambda a: onp.sum(onp.linalg.solve(a, onp.ones(2))))(Poor(onp.eye(2)))
    with pytest.raises(ValueError, match="shapes"):
        grad(lambda a: onp.sum(a + onp.ones(3)))(Duck(onp.ones(2)))
    with pytest.raises(NonScalarOutputError, match=r"shape \(2,\)"):
        grad(onp.sin)(Duck(onp.ones(2)))


def test_variables_and_graphs_of_duck_arrays():
    x = Variable(Duck(onp.array([1.0, 2.0])))
    onp.sum(x * x).backward()
    onp.testing.assert_array_equal(x.grad.value, [2, 4])
    with no_grad():
        x -= 0.5 * x.grad
    onp.testing.assert_array_equal(x.data.value, [0, 0])
    assert "float64[2]" in str(trace_graph(lambda x: onp.sum(onp.sin(x)))(Duck(onp.ones(2))))


# ---- Dask ----------------------------------------------------------------------------------------------------------

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
from dask.callbacks import Callback  # noqa: E402

RNG = onp.random.default_rng(0)
X, Y, W = RNG.normal(size=(12, 4)), RNG.normal(size=12), RNG.normal(size=4)


class Runs(Callback):
    """Counts how often Dask computes something."""

    count = 0

    def _start(self, dsk):
        self.count += 1


@pytest.fixture(autouse=True)
def synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def blocks(x, rows=5, columns=2):
    return da.from_array(x, chunks=(rows, columns)[: x.ndim])


FUNCTIONS = {
    "elementwise": lambda x: onp.sum(onp.sin(x) * onp.exp(-(x**2)) + onp.tanh(x) / (1 + x * x) + abs(x) - onp.log1p(x * x)),
    "extrema of two": lambda x: onp.sum(onp.maximum(x, 0.1) * onp.minimum(x, x**2) + onp.clip(x, -0.5, 0.5) ** 2),
    "logaddexp": lambda x: onp.sum(onp.logaddexp(x, 0.5) + onp.hypot(x, 2.0) + onp.arctan2(x, 1.5)),
    "powers": lambda x: onp.sum(abs(x) ** 1.5 + 2.0**x + onp.sqrt(x * x + 1) + onp.cbrt(x + 9)),
    "where": lambda x: onp.sum(onp.where(x > 0, x**2, -3 * x)),
    "sums": lambda x: onp.sum(onp.sum(x**2, axis=0) ** 2) + x.sum(axis=1)[2] + onp.sum(x * onp.sum(x, axis=1, keepdims=True)),
    "means": lambda x: onp.mean(x**2) + onp.mean(x**3, axis=1)[0] + onp.sum((x - x.mean(axis=0, keepdims=True)) ** 3) + onp.average(x * x),
    "maxima": lambda x: onp.max(x) * onp.min(x) + onp.sum(onp.max(x, axis=1) ** 2) + onp.sum(onp.min(x, axis=0) ** 2) + onp.ptp(x[0]),
    "variances": lambda x: onp.var(x) + onp.sum(onp.std(x, axis=0)) + onp.var(x, axis=1, ddof=1)[3],
    "products": lambda x: onp.prod(x[:3, :1]) + onp.sum(onp.prod(x, axis=1)),
    "norms": lambda x: onp.linalg.norm(x) + onp.sum(onp.linalg.norm(x, axis=1)),
    "NaN": lambda x: onp.nansum(x**2) * onp.nanmean(x**3),
    "accumulated": lambda x: onp.sum(onp.cumsum(x, axis=0) ** 2),
    "log-sum-exp": lambda x: onp.sum(onp.log(onp.sum(onp.exp(x), axis=1))),
    "matmul": lambda x: onp.sum((X.T @ x) ** 2) + onp.sum(x @ W) ** 2 + onp.sum((x.T @ x) ** 2),
    "dot and its kin": lambda x: onp.sum(onp.dot(x.T, x)) + onp.sum(onp.tensordot(x, x, axes=([0], [0])) ** 2) + onp.sum(onp.outer(x[0], x[1]) ** 2),
    "einsum": lambda x: onp.sum(onp.einsum("ij,kj->ik", x, x) ** 2),
    "broadcasting": lambda x: onp.sum((x[0] + onp.ones((3, 1))) * x[1] ** 2) + onp.sum(onp.broadcast_to(x[0], (3, 4)) ** 2) + onp.sum(x[:, :1] * x[0]),
    "slices": lambda x: onp.sum(x[2:9:2, 1] ** 2) + onp.sum(x[::-1] * x) + x[3, 2] ** 2 + onp.sum(x[..., None] ** 2) + onp.sum(x[None, 4, 1:] ** 3),
    "lists of positions": lambda x: onp.sum(x[[0, 3, 3, 0, 3]] ** 2) + onp.sum(x[:, [2, 0]] ** 3) + onp.sum(onp.take(x, [0, 2], axis=1) ** 2),
    "joining": lambda x: onp.sum(onp.concatenate([x, 2 * x, X]) ** 2) + onp.sum(onp.stack([x, x**2], axis=1) ** 3) + onp.sum(onp.vstack([x[0], x[1]]) ** 2),
    "splitting": lambda x: onp.sum(onp.split(x, 3)[1] ** 2),
    "axes": lambda x: onp.sum(x.T @ x) + onp.sum(onp.swapaxes(x, 0, 1) ** 2) + onp.sum(onp.moveaxis(x, 0, 1) ** 3) + onp.sum(onp.squeeze(onp.expand_dims(x, 0)) ** 2),
    "shifting": lambda x: onp.sum(onp.flip(x, 0) * x) + onp.sum(onp.roll(x, 1, axis=0) * x) + onp.sum(onp.diff(x, axis=0) ** 2),
    "repeating": lambda x: onp.sum(onp.tile(x, (2, 1)) ** 2) + onp.sum(onp.repeat(x, 2, axis=0) ** 2) + onp.sum(onp.pad(x, 1) ** 2),
    "diagonals": lambda x: onp.sum(onp.tril(x) ** 2) + onp.trace(x[:4] ** 2) + onp.sum(onp.diag(x[:4]) ** 3),
    "methods": lambda x: (x.sum(axis=0) ** 2).mean() + x.mean() * x.max() + x.astype(float).std() + x.transpose().ravel().dot(onp.ones(48)),
}  # fmt: skip


def second(f):
    return grad(lambda x: onp.sum(grad(f)(x) ** 2))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("transform", [grad, second], ids=["first", "second"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_lazily_and_in_blocks(name, transform):
    f = FUNCTIONS[name]
    with Runs() as runs:
        got = transform(f)(blocks(X))
    assert runs.count == 0, "something was computed"
    assert isinstance(got, da.Array)
    assert got.shape == X.shape
    onp.testing.assert_allclose(got.compute(), transform(f)(X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["elementwise", "sums", "means", "matmul", "slices", "joining", "where", "broadcasting", "variances", "maxima"])
def test_forward_mode(name):
    f, v = FUNCTIONS[name], onp.cos(onp.arange(48.0)).reshape(12, 4)
    with Runs() as runs:
        value, tangent = jvp(f, (blocks(X),), (blocks(v),))
    assert runs.count == 0
    for got, expected in zip((value, tangent), jvp(f, (X,), (v,)), strict=True):
        onp.testing.assert_allclose(got.compute(), expected, rtol=1e-10)


def test_every_order_of_operands():
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul):
        data = abs(X) + 0.5
        for f in (lambda w, x, op=op: onp.sum(op(x, w)), lambda w, x, op=op: onp.sum(op(w, x.T if op is operator.matmul else x))):
            w = abs(W) + 0.1
            onp.testing.assert_allclose(grad(f)(w, blocks(data)).compute(), grad(f)(w, data))
            onp.testing.assert_allclose(grad(f)(blocks(w), blocks(data)).compute(), grad(f)(w, data))
            onp.testing.assert_allclose(grad(f, 1)(w, blocks(data)).compute(), grad(f, 1)(w, data))


def linear(w, x, y):
    return onp.mean((x @ w - y) ** 2)


def logistic(w, x, y):
    return onp.mean(onp.log1p(onp.exp(-onp.where(y > 0, 1.0, -1.0) * (x @ w))))


@pytest.mark.parametrize("loss", [linear, logistic])
def test_regressions(loss):
    dx, dy = blocks(X), blocks(Y)
    transforms = {
        "value": lambda x, y: value_and_grad(loss)(W, x, y)[0],
        "gradient": lambda x, y: grad(loss)(W, x, y),
        "hessian-vector product": lambda x, y: hessian_vector_product(loss)(W, x, y, W + 1),
        "hessian": lambda x, y: hessian(loss)(W, x, y),
        "jacobian": lambda x, y: jacobian(lambda w: onp.stack([loss(w, x, y), loss(2 * w, x, y)]))(W),
    }
    for name, transform in transforms.items():
        with Runs() as runs:
            got = transform(dx, dy)
        assert isinstance(got, da.Array), name
        assert runs.count == 0, name
        onp.testing.assert_allclose(got.compute(), transform(X, Y), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("loss", [linear, logistic])
def test_data_larger_than_the_memory_that_is_used(loss):
    n, p, step = 2_000_000, 8, 50_000
    x = da.random.default_rng(1).normal(size=(n, p), chunks=(step, p))
    y = x @ onp.linspace(-1, 1, p) + 0.1
    g = grad(loss)(onp.zeros(p), x, y)
    tracemalloc.start()
    try:
        got = g.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert x.nbytes > 120e6
    assert peak < x.nbytes / 3
    few = da.compute(x[:step], y[:step])
    assert got.shape == grad(loss)(onp.zeros(p), *few).shape
    onp.testing.assert_allclose(got, grad(loss)(onp.zeros(p), *few), atol=0.03)


def newton(loss, x, y, steps):
    w = onp.zeros(x.shape[1])
    for _ in range(steps):
        g, h = dask.compute(grad(loss)(w, x, y), hessian(loss)(w, x, y))
        w = w - onp.linalg.solve(h, g)
    return w


def test_fitted_parameters_are_those_of_numpy():
    dx, dy = blocks(X), blocks(Y)
    onp.testing.assert_allclose(newton(linear, dx, dy, 1), onp.linalg.lstsq(X, Y, rcond=None)[0], rtol=1e-9)
    w = newton(logistic, dx, dy, 8)
    onp.testing.assert_allclose(grad(logistic)(w, X, Y), 0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_a_cluster(processes):
    distributed = pytest.importorskip("distributed")
    settings = {"distributed.worker.multiprocessing-method": "spawn"}
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": processes, "dashboard_address": None}
    x, y, f = blocks(X), blocks(Y), FUNCTIONS["elementwise"]
    expected = newton(logistic, x, y, 8)
    with (
        dask.config.set(settings),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster) as client,
        dask.config.set(scheduler=client),
    ):
        for loss in (linear, logistic):
            onp.testing.assert_allclose(grad(loss)(W, x, y).compute(), grad(loss)(W, X, Y), rtol=1e-10)
            got = hessian_vector_product(loss)(W, x, y, W + 1).compute()
            onp.testing.assert_allclose(got, hessian_vector_product(loss)(W, X, Y, W + 1), rtol=1e-9)
        onp.testing.assert_allclose(newton(logistic, x, y, 8), expected, rtol=1e-8)
        onp.testing.assert_allclose(grad(f)(x).compute(), grad(f)(X), rtol=1e-9)
        onp.testing.assert_allclose(second(f)(x).compute(), second(f)(X), rtol=1e-9)


def test_a_model_of_blocks():
    def loss(params, x, y):
        h = onp.tanh(x @ params["w"] + params["b"])
        return onp.mean((h @ params["out"] - y) ** 2)

    params = {"w": RNG.normal(size=(4, 3)), "b": onp.zeros(3), "out": RNG.normal(size=3)}
    expected = grad(loss)(params, X, Y)
    for name, g in grad(loss)(params, blocks(X), blocks(Y)).items():
        onp.testing.assert_allclose(g.compute(), expected[name], rtol=1e-10, err_msg=name)
    g = grad(loss, 1)(params, blocks(X), blocks(Y))
    onp.testing.assert_allclose(g.compute(), grad(loss, 1)(params, X, Y), rtol=1e-10)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_a_branch_that_is_not_taken():
    f = lambda x: onp.sum(onp.where(x > 0, onp.sqrt(x), 0.0))
    onp.testing.assert_array_equal(grad(f)(da.from_array(onp.array([0.0, 4.0]), chunks=1)).compute(), [0, 0.25])


@pytest.mark.filterwarnings("ignore:.*increased number of chunks.*")
def test_reshaping_whole_rows():
    f = lambda x: onp.sum(x.reshape(48) ** 3) + onp.sum(onp.ravel(x) ** 2) + onp.sum(x.reshape(3, 4, 4)[1] ** 2)
    x = da.from_array(X, chunks=(4, 4))
    onp.testing.assert_allclose(grad(f)(x).compute(), grad(f)(X), rtol=1e-12)


ESCAPES = {
    "dot": lambda x, w: x.dot(w),
    "da.dot": lambda x, w: da.dot(x, w),
    "da.where": lambda x, w: da.where(x > 0, w, 0),
    "da.sum": lambda x, w: da.sum(w),
    "map_blocks": lambda x, w: x.map_blocks(lambda block, w: block * w, w),
    "from_array": lambda x, w: da.from_array(w),
    "da.concatenate": lambda x, w: da.concatenate([w, w]),
}


@pytest.mark.parametrize("w", [W, blocks(W)], ids=["plain", "blocks"])
@pytest.mark.parametrize("name", ESCAPES)
def test_values_that_would_escape_into_tasks(name, w):
    with pytest.raises(TracedConversionError, match="handed to Dask"):
        grad(lambda w: onp.sum(ESCAPES[name](blocks(X), w)))(w)


def test_errors_name_what_cannot_be_done():
    with pytest.raises(DuckArrayError, match=r"np\.where\(mask, x, 0\)"):
        grad(lambda x: onp.sum(x[x > 0]))(blocks(X))
    with pytest.raises(DuckArrayError, match="one list of positions along one axis"):
        grad(lambda x: onp.sum(x.vindex[[0, 1], [1, 2]] if isinstance(x, da.Array) else x[[0, 1], [1, 2]]))(Duck(X))
    with pytest.raises(DuckArrayError, match=r"numpy\.prod cannot be computed for arrays of type dask\.array\..*initial"):
        grad(lambda x: onp.prod(x, initial=2.0))(blocks(X))


def test_variables_in_blocks():
    w = Variable(W)
    loss = onp.mean((blocks(X) @ w - blocks(Y)) ** 2)
    assert isinstance(loss, Variable)
    loss.backward()
    onp.testing.assert_allclose(w.grad.compute(), grad(linear)(W, X, Y))
