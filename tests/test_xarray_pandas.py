"""Labelled arrays and tables that hold traced values or meet them: xarray and pandas."""

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import Variable, grad, hessian, jacobian
from autograd_clone.engine.errors import NonScalarOutputError, UnsupportedTypeError

X = onp.array([1.0, 2.0, 3.0])


def derivative(f, x, step=1e-6):
    """Central differences, of a function that takes plain arrays as well."""
    x = onp.asarray(x, float)
    out = onp.empty(x.shape)
    for i in onp.ndindex(x.shape):
        e = onp.zeros(x.shape)
        e[i] = step
        out[i] = (float(f(x + e)) - float(f(x - e))) / (2 * step)
    return out


def check(f, x):
    onp.testing.assert_allclose(grad(f)(x), derivative(f, x), rtol=1e-7, atol=1e-7)


# ---- xarray --------------------------------------------------------------------------------------------------------


@pytest.fixture
def xr():
    return pytest.importorskip("xarray")


@pytest.fixture
def table(xr):
    return xr.DataArray(onp.arange(6.0).reshape(2, 3) + 1, dims=("a", "b"), coords={"b": [10, 20, 30]})


@pytest.fixture
def row(xr):
    return xr.DataArray(onp.array([0.5, 1.5, 2.5]), dims="b", coords={"b": [10, 20, 30]})


MEETINGS = {
    "product": lambda t, da: da * t,
    "product from the left": lambda t, da: t * da,
    "function of the number": lambda t, da: np.sin(t) * da,
    "sum": lambda t, da: da + t,
    "difference": lambda t, da: 1 - (t - da),
    "quotient": lambda t, da: t / da + da / t,
    "power": lambda t, da: da**t + t**da,
    "function of the table": lambda t, da: onp.exp(da * t / 10),
    "comparison": lambda t, da: da * t * (da > t),
}


@pytest.mark.parametrize("name", MEETINGS)
def test_a_number_meets_a_table(name, table):
    check(lambda t: MEETINGS[name](t, table).sum().data, 2.25)
    check(lambda t: MEETINGS[name](t, table).mean("a").max().data, 2.25)


HELD = {
    "sum": lambda q, da: q.sum(),
    "mean": lambda q, da: q.mean("b"),
    "maximum": lambda q, da: q.max(),
    "spread": lambda q, da: q.std() + q.var("b"),
    "label": lambda q, da: q.sel(b=20) * 2,
    "positions": lambda q, da: q.isel(b=slice(1, 3)).sum() * q[0],
    "alignment": lambda q, da: (q * da).sum(),
    "dot": lambda q, da: q.dot(da).sum(),
    "where": lambda q, da: q.where(q > 1.5, 0).sum(),
    "function": lambda q, da: onp.sin(q).sum(),
    "transpose": lambda q, da: (q.expand_dims("a").T ** 2).sum(),
    "broadcast": lambda q, da: (q - da.mean("a")).broadcast_like(da).sum() * q[1],
    "clip": lambda q, da: (q.clip(1.5, 2.5) ** 2).sum(),
    "shift": lambda q, da: (q - q.roll(b=1)).isel(b=slice(1, None)).prod(),
    "cumulated": lambda q, da: (q.cumsum("b") ** 2).sum(),
    "differences": lambda q, da: (q.diff("b") ** 3).sum(),
}


@pytest.mark.parametrize("name", HELD)
def test_a_labelled_array_holds_a_traced_one(name, xr, table):
    check(lambda x: HELD[name](xr.DataArray(x, dims="b", coords={"b": [10, 20, 30]}), table).data, X)


def test_arrays_meet_labelled_arrays(row, xr):
    check(lambda x: (row * x).sum().data, X)
    check(lambda x: np.sum((x * row).data), X)
    check(lambda x: np.sum(onp.multiply(x, row).data), X)
    check(lambda x: np.sum(row.data * x), X)
    check(lambda x: np.dot(x, row), X)
    check(lambda x: np.sum(xr.DataArray(x, dims="b").values ** 2), X)


def test_concatenation_and_data_sets(row, table, xr):
    check(lambda x: (xr.concat([xr.DataArray(x, dims="b"), row.drop_vars("b")], dim="b") ** 2).sum().data, X)
    check(lambda t: (xr.Dataset({"u": table, "v": row}) * t)["u"].sum().data, 2.0)


def test_second_derivatives_and_jacobians(xr, row):
    f = lambda x: (xr.DataArray(x, dims="b", coords=row.coords) ** 2 * row).sum().data
    onp.testing.assert_allclose(hessian(f)(X), onp.diag(2 * row.data))
    onp.testing.assert_allclose(jacobian(lambda x: onp.exp(xr.DataArray(x, dims="b")).data)(X), onp.diag(onp.exp(X)))


def test_variables_in_labelled_arrays(xr, row):
    v = Variable(X)
    (xr.DataArray(v, dims="b", coords=row.coords) * row).sum().data.backward()
    onp.testing.assert_array_equal(v.grad, row.data)


def test_errors_say_what_to_pass(row):
    with pytest.raises(UnsupportedTypeError, match=r"x\.to_numpy\(\)"):
        grad(lambda q: q.sum())(row)
    with pytest.raises(NonScalarOutputError, match=r"a DataArray.*\.data"):
        grad(lambda t: (row * t).sum())(2.0)


# ---- pandas --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


@pytest.fixture
def series(pd):
    return pd.Series([0.5, 1.5, 2.5], index=list("abc"))


@pytest.fixture
def frame(pd):
    return pd.DataFrame(onp.arange(6.0).reshape(2, 3) + 1, columns=list("xyz"))


WITH_SERIES = {
    "product": lambda x, s: np.sum(s * x) + np.sum(x * s),
    "difference": lambda x, s: np.sum((s - x) ** 2 / (x + s)),
    "power": lambda x, s: np.sum(s**x + x**s),
    "function": lambda x, s: np.sum(np.exp(s * x)) * np.sum(np.exp(s)),
    "matmul": lambda x, s: x @ s + s @ x,
    "dot": lambda x, s: np.dot(x, s) * np.dot(s, x),
    "mask": lambda x, s: np.sum(x[s > 1]) + np.sum(x[(s > 1).values]),
    "where": lambda x, s: np.sum(np.where(s > 1, x, x * x)),
    "comparison": lambda x, s: np.sum(x * (x > s)) + np.sum(x * (s > x)),
    "reduction": lambda x, s: np.sum(x * s.sum() + s.mean()),
    "ufunc": lambda x, s: np.sum(onp.multiply(s, x) + onp.hypot(x, s)),
    "concatenation": lambda x, s: np.sum(np.concatenate([x, s]) ** 2),
    "values": lambda x, s: np.sum(s.values * x) + np.sum(x * s.to_numpy()),
    "iteration": lambda x, s: sum(v * x[k] for k, v in enumerate(s)),
    "apply": lambda x, s: sum(s.apply(lambda v: v * x[0])),
    "map": lambda x, s: sum(s.map(lambda v: v * x[0])),
}


@pytest.mark.parametrize("name", WITH_SERIES)
def test_arrays_meet_series(name, series):
    check(lambda x: WITH_SERIES[name](x, series), X)


WITH_FRAMES = {
    "matmul": lambda x, df: np.sum(df @ x) + np.sum(x @ df.T),
    "dot": lambda x, df: np.sum(np.dot(df, x) ** 2),
    "values": lambda x, df: np.sum(np.dot(df.values, x) ** 2),
    "product with a row": lambda x, df: np.sum(df * x) + np.sum(x * df) ** 2,
    "product with a number": lambda x, df: np.sum(df * x[0]) + np.sum(x[1] * df),
    "rows": lambda x, df: sum(np.dot(r.to_numpy(), x) for _, r in df.iterrows()),
    "columns": lambda x, df: np.sum(df["x"] * x[0] + df["y"] * x[1]),
    "groups": lambda x, df: sum(np.sum(x[: len(g)]) ** 2 for _, g in df.groupby([0, 1])),
}


@pytest.mark.parametrize("name", WITH_FRAMES)
def test_arrays_meet_frames(name, frame):
    check(lambda x: WITH_FRAMES[name](x, frame), X)


def test_series_of_traced_numbers(pd):
    check(lambda x: (pd.Series(list(x), dtype=object) ** 2).sum(), X)
    check(lambda x: pd.Series(list(x), index=list("abc"), dtype=object)["b"] ** 2, X)


def test_a_regression_on_a_table(frame, pd):
    y = pd.Series([1.0, -1.0])

    def loss(params):
        return np.mean((frame @ params["w"] + params["b"] - y) ** 2)

    got = grad(loss)({"w": X, "b": 0.5})
    residual = frame.to_numpy() @ X + 0.5 - y.to_numpy()
    onp.testing.assert_allclose(got["w"], frame.to_numpy().T @ residual)
    onp.testing.assert_allclose(got["b"], residual.sum())


def test_tables_are_not_arguments_to_differentiate(series, frame):
    for table in (series, frame):
        with pytest.raises(UnsupportedTypeError, match=r"x\.to_numpy\(\)"):
            grad(lambda q: np.sum(q))(table)
