"""`vmap`: axes, pytrees, nesting, compositions with derivatives, what differs between examples and what cannot."""

import pickle
from typing import NamedTuple

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    primitive,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_clone.engine.batch import FALLBACKS
from autograd_clone.engine.errors import (
    BatchAxisError,
    BatchedValueError,
    LeakedBoxError,
    UnsupportedTypeError,
)
from autograd_clone.extend import defjvp, defvjp, notrace_primitive
from autograd_clone.transforms.vmap import fallbacks

RNG = onp.random.default_rng(0)
X = RNG.normal(size=(4, 3))
Y = RNG.normal(size=(4, 3))
W = RNG.normal(size=(2, 3))
LABELS = onp.array([2, 0, 1, 1])


def each(f, *xs):
    return onp.stack([f(*row) for row in zip(*xs, strict=True)])


def close(got, want, rtol=1e-12):
    want = onp.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    onp.testing.assert_allclose(got, want, rtol=rtol, atol=1e-14)


# ---- axes --------------------------------------------------------------------------------------------------------


def test_default_axes():
    f = lambda x, y: np.sum(np.sin(x) * y) + x[0]
    close(vmap(f)(X, Y), each(f, X, Y))


def test_in_axes():
    f = lambda x, y, c: np.outer(x, y) * c
    close(vmap(f, in_axes=(0, None, None))(X, Y[0], 2.0), each(lambda x: f(x, Y[0], 2.0), X))
    close(vmap(f, in_axes=(1, -1, None))(X, Y, 2.0), each(lambda x, y: f(x, y, 2.0), X.T, Y.T))
    close(vmap(f, in_axes=[None, 0, None])(X[0], Y, 2.0), each(lambda y: f(X[0], y, 2.0), Y))
    close(vmap(lambda x: x**2, in_axes=1)(X), X.T**2)


def test_out_axes():
    f = lambda x: (x**2, np.sum(x), 1.0)
    squares, sums, ones = vmap(f, out_axes=(1, 0, None))(X)
    close(squares, (X**2).T)
    close(sums, X.sum(axis=1))
    assert ones == 1.0
    close(vmap(lambda x: x**2, out_axes=-1)(X), (X**2).T)
    close(vmap(lambda x: 3.0)(X), onp.full(4, 3.0))


def test_keyword_arguments_are_mapped_over_their_first_axis():
    close(vmap(lambda x, y: x * y)(X, y=Y), X * Y)
    close(vmap(lambda x, y: x * y, in_axes=(None,))(X[0], y=Y), X[0] * Y)


class Pair(NamedTuple):
    left: object
    right: object


def test_pytrees():
    f = lambda p, q: {"sum": p["a"] + q.left, "rest": [q.right * p["b"][0], p["name"]]}
    p, q = {"a": X, "b": (Y,), "name": None}, Pair(Y, X[:, 0])
    out = vmap(f, in_axes=({"a": 0, "b": 0, "name": None}, 0))(p, q)
    close(out["sum"], X + Y)
    close(out["rest"][0], X[:, :1] * Y)
    assert out["rest"][1] is None
    out = vmap(f, in_axes=({"a": 0, "b": (None,), "name": None}, Pair(None, 0)))(
        {**p, "b": (Y[0],)}, Pair(Y[0], q.right)
    )
    close(out["sum"], X + Y[0])
    close(out["rest"][0], X[:, :1] * Y[0])


def test_axes_that_do_not_fit():
    f = lambda *xs: xs[0]
    with pytest.raises(BatchAxisError, match="equally long"):
        vmap(f)(X, Y[:3])
    with pytest.raises(BatchAxisError, match="no axis 2"):
        vmap(f, in_axes=2)(X)
    with pytest.raises(BatchAxisError, match="no axis to map over"):
        vmap(f)(X, 3.0)
    with pytest.raises(BatchAxisError, match="3 entries for 2"):
        vmap(f, in_axes=(0, 0, 0))(X, Y)
    with pytest.raises(BatchAxisError, match="all in_axes are None"):
        vmap(f, in_axes=None)(X)
    with pytest.raises(BatchAxisError, match="does not fit"):
        vmap(f, in_axes=((0, 0),))((X, Y, X))
    with pytest.raises(BatchAxisError, match="out_axes is None"):
        vmap(f, out_axes=None)(X)
    with pytest.raises(BatchAxisError, match="mapped axis at 5"):
        vmap(f, out_axes=5)(X)
    with pytest.raises(UnsupportedTypeError):
        vmap(3)


def test_what_an_example_looks_like():
    def f(x, i):
        assert x.shape == (3, 5)
        assert (x.ndim, x.size, len(x), x.dtype, i.dtype) == (2, 15, 3, onp.float32, onp.int64)
        assert np.shape(x) == (3, 5)
        assert np.ndim(i) == 0
        assert np.size(x) == 15
        assert not np.iscomplexobj(x)
        assert np.zeros_like(x).shape == (3, 5)
        assert np.result_type(x, onp.float64) == onp.float64
        assert sum(1 for _ in x) == 3
        return x.T

    assert vmap(f)(onp.zeros((4, 3, 5), onp.float32), LABELS).shape == (4, 5, 3)


def test_the_arguments_stay_as_they_are():
    x = X.copy()
    kept = []
    vmap(lambda v: kept.append(v) or v * 2)(x)
    assert onp.array_equal(x, X)
    with pytest.raises(LeakedBoxError):
        kept[0] * 2
    with pytest.raises(LeakedBoxError):
        np.sum(kept[0])


def test_a_batch_of_none():
    empty = onp.zeros((0, 3))
    assert vmap(lambda x: np.outer(x, x))(empty).shape == (0, 3, 3)
    assert vmap(grad(lambda x: np.sum(x**2)))(empty).shape == (0, 3)
    cube = primitive(lambda x: onp.asarray(x) ** 3)
    defvjp(cube, lambda ans, x: lambda g: g * 3 * x**2)
    assert vmap(cube)(empty).shape == (0, 3)
    assert vmap(grad(lambda x: np.sum(cube(x))))(empty).shape == (0, 3)


def squared(x):
    return x**2


def test_names_and_pickles():
    f = vmap(squared)
    assert f.__name__ == "vmap_of_squared"
    assert pickle.loads(pickle.dumps(grad(squared)))(3.0) == 6.0


# ---- nesting and derivatives ------------------------------------------------------------------------------------------


def test_nested():
    outer = vmap(vmap(lambda a, b: a * b, in_axes=(0, None)), in_axes=(None, 0))
    close(outer(X[0], Y[0]), onp.outer(Y[0], X[0]))
    dist = vmap(vmap(lambda a, b: np.sum((a - b) ** 2), in_axes=(None, 0)), in_axes=(0, None))
    close(dist(X, Y), ((X[:, None] - Y) ** 2).sum(-1))
    close(
        vmap(lambda x: np.sum(vmap(lambda c: c * np.sin(x))(x)))(X),
        each(lambda x: onp.sum(onp.outer(x, onp.sin(x))), X),
    )


def loss(w, x, y):
    return np.sum((np.tanh(w @ x) - y) ** 2)


def test_gradients_per_example():
    y = Y[:, :2]
    got = vmap(grad(loss), in_axes=(None, 0, 0))(W, X, y)
    close(got, each(lambda x, y: grad(loss)(W, x, y), X, y), rtol=1e-11)
    values, grads = vmap(value_and_grad(loss), in_axes=(None, 0, 0))(W, X, y)
    close(values, each(lambda x, y: loss(W, x, y), X, y))
    close(grads, got)


def test_gradient_of_a_batch():
    y = Y[:, :2]
    total = lambda w: np.mean(vmap(loss, in_axes=(None, 0, 0))(w, X, y))
    close(grad(total)(W), onp.mean(each(lambda x, y: grad(loss)(W, x, y), X, y), axis=0), rtol=1e-11)
    close(jvp(total, (W,), (W,))[1], onp.sum(grad(total)(W) * W), rtol=1e-11)
    close(
        hessian(total)(W),
        jacobian(grad(lambda w: np.mean(np.stack([loss(w, a, b) for a, b in zip(X, y, strict=True)]))))(W),
        rtol=1e-10,
    )


def scalar(x):
    return np.sum(np.sin(x) ** 3) * x[0] + np.max(x)


@pytest.mark.parametrize("transform", [grad, jacobian, jacrev, jacfwd, hessian, elementwise_grad])
def test_derivatives_inside(transform):
    f = scalar if transform is not jacfwd else (lambda x: np.outer(x, np.cos(x)))
    close(vmap(transform(f))(X), each(transform(f), X), rtol=1e-10)


def test_products_inside():
    close(
        vmap(lambda x, v: jvp(scalar, (x,), (v,))[1])(X, Y),
        each(lambda x, v: jvp(scalar, (x,), (v,))[1], X, Y),
        rtol=1e-11,
    )
    close(
        vmap(lambda x, v: hvp(scalar, (x,), (v,)))(X, Y),
        each(lambda x, v: hvp(scalar, (x,), (v,)), X, Y),
        rtol=1e-10,
    )
    close(vmap(lambda v: jvp(scalar, (X[0],), (v,))[1])(Y), Y @ grad(scalar)(X[0]), rtol=1e-11)
    _, pull = vjp(lambda x: np.outer(x, x), X[0])
    units = onp.eye(9).reshape(9, 3, 3)
    close(vmap(lambda g: pull(g)[0])(units), jacobian(lambda x: np.outer(x, x))(X[0]).reshape(9, 3))


@pytest.mark.parametrize("outer", [grad, hessian])
def test_derivatives_outside_of_derivatives_inside(outer):
    """grad of vmap of grad, with the outer variable closed over and as the batch."""

    def closed(w):
        return np.sum(vmap(grad(lambda x: np.sum(np.tanh(w * x) ** 2)))(X) ** 2)

    def looped(w):
        return sum(np.sum(grad(lambda x: np.sum(np.tanh(w * x) ** 2))(row) ** 2) for row in X)

    close(outer(closed)(W[0]), outer(looped)(W[0]), rtol=1e-9)

    def mapped(x):
        return np.sum(vmap(grad(scalar))(x) ** 2)

    def by_rows(x):
        return sum(np.sum(grad(scalar)(x[i]) ** 2) for i in range(4))

    close(outer(mapped)(X), outer(by_rows)(X), rtol=1e-9)


def test_inside_a_jacobian_inside_a_vmap():
    f = lambda x: vmap(lambda a: a * x)(x)
    close(vmap(jacobian(f))(X), each(jacobian(lambda x: np.outer(x, x)), X))


def test_three_deep():
    A = RNG.normal(size=(2, 4, 3))
    f = lambda x: np.sum(np.exp(x) * x[::-1])
    got = vmap(vmap(grad(f)))(A)
    close(got, onp.stack([each(grad(f), rows) for rows in A]), rtol=1e-11)
    close(
        vmap(lambda rows: vmap(lambda x: np.sum(rows @ x))(rows))(A),
        onp.einsum("bij,bkj->bk", A, A),
        rtol=1e-11,
    )


# ---- what differs between examples -----------------------------------------------------------------------------------


def test_where_instead_of_a_branch():
    f = lambda x: np.where(x > 0, np.exp(x), -x) + np.where(np.sum(x) > 0, 1.0, 2.0)
    close(vmap(f)(X), each(f, X))
    g = lambda x: np.sum(f(x) ** 2)
    close(vmap(grad(g))(X), each(grad(g), X), rtol=1e-11)


def test_a_plain_array_at_positions_of_a_batch():
    table, positions = onp.arange(5.0) ** 2, onp.array([[0, 4, 1], [2, 2, 3]])
    for f in (lambda i: np.take_along_axis(table, i, 0), lambda i: np.take_along_axis(table, i, None), lambda i: np.take(table, i)):
        close(vmap(f)(positions), table[positions])


def test_masks():
    f = lambda x: np.sum(x, where=(x > 0) & ~(x > 1) | (x < -1)) + np.mean(np.maximum(x, 0.1), where=x > -5)
    close(vmap(f)(X), each(f, X))
    g = lambda x: np.sum(x**2, where=x > 0)
    close(vmap(grad(g))(X), onp.where(X > 0, 2 * X, 0))
    close(vmap(lambda x, m: np.sum(x**2, where=m))(X, Y > 0), onp.sum(X**2, axis=1, where=Y > 0))
    close(vmap(lambda m: np.sum(X[0] ** 2, where=m))(Y > 0), onp.sum(X[0] ** 2 * (Y > 0), axis=1))
    close(vmap(lambda m: grad(lambda x: np.sum(x**2, where=m))(X[0]))(Y > 0), 2 * X[0] * (Y > 0))
    close(vmap(np.nanmean)(onp.where(X > 0, X, onp.nan)), onp.nanmean(onp.where(X > 0, X, onp.nan), axis=1))


def test_labels_as_positions():
    f = lambda x, i: x[i] * 2
    close(vmap(f)(X, LABELS), X[onp.arange(4), LABELS] * 2)
    xent = lambda w, x, i: np.log(np.sum(np.exp(w @ x))) - (w @ x)[i]
    labels = LABELS % 2
    got = vmap(grad(xent), in_axes=(None, 0, 0))(W, X, labels)
    close(got, each(lambda x, i: grad(xent)(W, x, i), X, labels), rtol=1e-11)
    total = lambda w: np.sum(vmap(xent, in_axes=(None, 0, 0))(w, X, labels))
    close(grad(total)(W), onp.sum(got, axis=0), rtol=1e-11)


A3 = RNG.normal(size=(4, 2, 3, 5))
I = onp.array([[0, 2], [1, 1], [2, 0], [0, 0]])
J = onp.array([3, 0, 4, 1])
INDICES = {
    "first": lambda x, i, j: x[:, i],
    "second": lambda x, i, j: x[..., j],
    "two side by side": lambda x, i, j: x[:, i, j],
    "apart": lambda x, i, j: x[j % 2, :, i],
    "with a number": lambda x, i, j: x[1, i],
    "with a number apart": lambda x, i, j: x[1, :, i],
    "with a slice": lambda x, i, j: x[:, i, ::2],
    "with an array": lambda x, i, j: x[onp.array([[1], [0]]), i],
    "with a mask": lambda x, i, j: x[onp.array([True, True]), i],
    "with a new axis": lambda x, i, j: x[None, j % 2, None, i],
    "a list": lambda x, i, j: x[:, [0, j % 3]],
    "negative": lambda x, i, j: x[:, -1 - i],
    "take": lambda x, i, j: np.take(x, i, axis=1),
    "take flat": lambda x, i, j: np.take(x, j),
    "take wrapped": lambda x, i, j: np.take(x, i + 7, axis=1, mode="wrap"),
    "take along": lambda x, i, j: np.take_along_axis(x, np.broadcast_to(i[None, :, None], (2, 2, 1)), axis=1),
    "largest": lambda x, i, j: x[0, np.argmax(x[0], axis=0), onp.arange(5)],
    "sorted": lambda x, i, j: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    "choose": lambda x, i, j: np.choose(i, [x[0, 0, :2], x[1, 1, :2], x[1, 2, 3:]]),
    "select": lambda x, i, j: np.select([x > 1, x > 0], [x**2, x**3], x),
}


@pytest.mark.parametrize("name", INDICES)
def test_positions(name):
    f = INDICES[name]
    plain = lambda x, i, j: onp.asarray(f(x, i, j))
    g = lambda x, i, j: np.sum(np.sin(f(x, i, j)) * f(x, i, j))
    want = each(plain, A3, I, J)
    close(vmap(f)(A3, I, J), want)
    of_traced = lambda x, i, j: grad(lambda x: np.sum(x) + 0 * np.sum(f(x, i, j)))(
        x
    )  # a plain array cannot be asked
    close(vmap(of_traced, in_axes=(None, 0, 0))(A3[0], I, J), onp.ones(A3.shape))
    close(
        vmap(f, in_axes=(0, None, None))(A3, I[1], int(J[1])), each(lambda x: plain(x, I[1], int(J[1])), A3)
    )
    grads = each(lambda x, i, j: grad(g)(x, i, int(j)), A3, I, J)
    close(vmap(grad(g))(A3, I, J), grads, rtol=1e-11)
    close(
        vmap(grad(g), in_axes=(None, 0, 0))(A3[0], I, J),
        each(lambda i, j: grad(g)(A3[0], i, int(j)), I, J),
        rtol=1e-11,
    )
    close(grad(lambda x: np.sum(vmap(g)(x, I, J)))(A3), grads, rtol=1e-11)
    t = RNG.normal(size=A3.shape)
    close(
        vmap(lambda x, i, j, t: jvp(lambda x: g(x, i, j), (x,), (t,))[1])(A3, I, J, t),
        onp.sum(grads * t, axis=(1, 2, 3)),
        rtol=1e-10,
    )
    close(
        vmap(hessian(lambda x, i, j: g(x, i, j)))(A3[:2], I[:2], J[:2]),
        each(lambda x, i, j: hessian(g)(x, i, int(j)), A3[:2], I[:2], J[:2]),
        rtol=1e-10,
    )


def test_positions_of_two_batches():
    f = lambda x, i, j: x[i, j] ** 2
    x = X[:, :3]
    i, j = onp.array([0, 2, 1]), onp.array([1, 2])
    got = vmap(
        vmap(lambda x, i, j: np.take(np.take(x, i, axis=0), j) ** 2, in_axes=(None, None, 0)),
        in_axes=(None, 0, None),
    )(x, i, j)
    close(got, x[onp.ix_(i, j)] ** 2)
    grads = vmap(vmap(grad(f), in_axes=(None, None, 0)), in_axes=(None, 0, None))(x, i, j)
    close(grads, onp.stack([[grad(f)(x, int(a), int(b)) for b in j] for a in i]))


def test_a_plain_table_is_read_by_take():
    table = RNG.normal(size=(3, 2))
    close(vmap(lambda i: np.take(table, i, axis=0))(LABELS), table[LABELS])
    with pytest.raises(BatchedValueError, match="take"):
        vmap(lambda i: table[i])(LABELS)


def test_integers_are_arrays_too():
    close(vmap(lambda i: i * 2 + 1)(LABELS), LABELS * 2 + 1)
    close(vmap(lambda i: np.eye(3)[0] * i)(LABELS), onp.eye(3)[0] * LABELS[:, None])
    close(vmap(lambda x: np.argmax(x))(X), onp.argmax(X, axis=1))
    close(vmap(lambda x: x > 0)(X), X > 0)
    close(
        vmap(lambda x: np.isnan(x) | np.any(x > 0))(X),
        onp.broadcast_to(onp.any(X > 0, axis=1)[:, None], X.shape),
    )
    close(vmap(lambda x: np.floor(x) + np.sign(x) + (x // 1))(X), onp.floor(X) * 2 + onp.sign(X))
    close(vmap(grad(lambda x: np.sum(np.floor(x) * x)))(X), onp.floor(X))
    close(vmap(grad(lambda i: i * 1.5))(LABELS), onp.full(4, 1.5))
    close(vmap(lambda x: x.astype(int))(X), X.astype(int))
    close(vmap(lambda x: np.round(x, 1))(X), onp.round(X, 1))


# ---- what cannot differ ----------------------------------------------------------------------------------------------


BRANCHES = {
    "if": lambda x: 1.0 if x[0] > 0 else 2.0,
    "and": lambda x: x[0] > 0 and x[1] > 0,
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]),
    "range": lambda x: sum(range(np.argmax(x))),
    "list": lambda x: [1.0, 2.0, 3.0][np.argmax(x)],
    "while": lambda x: [None for _ in iter(lambda: bool(np.sum(x) < 0), False)],
    "max": lambda x: max(x),
    "plain array": lambda x: onp.array(x),
    "slice": lambda x: x[: np.argmax(x)],
    "any": lambda x: 1.0 if np.any(x > 0) else 2.0,
    "in grad": lambda x: grad(lambda x: x[0] if x[0] > 0 else x[1])(x),
    "math": lambda x: __import__("math").sin(x[0]),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_decisions_by_value(name):
    with pytest.raises(BatchedValueError, match=r"np\.where"):
        vmap(BRANCHES[name])(X)


def test_shapes_by_value():
    with pytest.raises(BatchedValueError, match=r"np\.where"):
        vmap(lambda x: x[x > 0])(X)
    with pytest.raises(BatchedValueError, match="shape"):
        vmap(lambda x: np.unique(np.floor(x)))(onp.array([[1.0, 1.0], [1.0, 2.0]]))
    close(vmap(np.unique)(onp.array([[2.0, 1.0], [1.0, 2.0]])), onp.array([[1.0, 2.0], [1.0, 2.0]]))


def test_a_value_that_is_the_same_for_all_may_decide():
    close(vmap(lambda x: np.linalg.lstsq(onp.eye(3) * 2.0, x)[0])(X), X / 2)
    close(vmap(lambda x: np.polymul(x, x))(onp.abs(X)), each(lambda x: onp.polymul(x, x), onp.abs(X)))


# ---- functions of the user's own ---------------------------------------------------------------------------------------


def _cube():
    def cube(x):
        out = onp.empty_like(onp.asarray(x))  # nothing traced can stand here
        for i in range(out.size):
            out[i] = float(x[i]) ** 3
        return out

    cube = primitive(cube)
    defvjp(
        cube,
        lambda ans, x: lambda g: onp.array([float(a) * 3 * float(b) ** 2 for a, b in zip(g, x, strict=True)]),
    )
    defjvp(
        cube, lambda t, ans, x: onp.array([float(a) * 3 * float(b) ** 2 for a, b in zip(t, x, strict=True)])
    )
    return cube


def test_users_primitives_are_taken_one_by_one_and_reported():
    cube = _cube()
    before = fallbacks().get("cube", 0)
    close(vmap(cube)(X), X**3)
    assert fallbacks()["cube"] == before + 1
    close(vmap(grad(lambda x: np.sum(cube(x))))(X), 3 * X**2)
    close(grad(lambda x: np.sum(vmap(cube)(x)))(X), 3 * X**2)
    close(vmap(lambda x, t: jvp(cube, (x,), (t,))[1])(X, Y), 3 * X**2 * Y)
    close(vmap(jacobian(cube))(X), each(onp.diag, 3 * X**2))
    close(vmap(jacfwd(cube))(X), each(onp.diag, 3 * X**2))
    close(vmap(vmap(cube))(onp.stack([X, Y])), onp.stack([X, Y]) ** 3)
    close(vmap(vmap(grad(lambda x: np.sum(cube(x)))))(onp.stack([X, Y])), 3 * onp.stack([X, Y]) ** 2)


def test_primitives_of_several_arguments_and_results():
    @primitive
    def both(x, p, scale=1.0):
        return {"sum": (x + p["y"]) * scale, "product": [x * p["y"]]}

    defvjp(
        both,
        lambda ans, x, p, scale=1.0: lambda g: g["sum"] * scale + g["product"][0] * p["y"],
        lambda ans, x, p, scale=1.0: lambda g: {"y": g["sum"] * scale + g["product"][0] * x},
    )

    def f(x, y):
        out = both(x, {"y": y}, scale=2.0)
        return np.sum(out["sum"] * out["product"][0])

    def by_hand(x, y):
        return np.sum((x + y) * 2.0 * x * y)

    for argnum in (0, 1):
        close(vmap(grad(f, argnum))(X, Y), vmap(grad(by_hand, argnum))(X, Y))
        close(
            vmap(grad(f, argnum), in_axes=(0, None))(X, Y[0]),
            vmap(grad(by_hand, argnum), in_axes=(0, None))(X, Y[0]),
        )
    close(vmap(lambda x, c: both(x, {"y": Y[0]}, scale=c)["sum"])(X, X[:, 0]), (X + Y[0]) * X[:, :1])


def test_custom_rules():
    @custom_vjp
    def clipped(x):
        return x * 1.0

    clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (max(-0.5, min(g, 0.5)),))
    close(vmap(grad(lambda x: 3 * clipped(x)))(X[0]), onp.full(3, 0.5))
    close(grad(lambda x: np.sum(3 * vmap(clipped)(x)))(X[0]), onp.full(3, 0.5))

    @custom_jvp
    def cubed(x):
        return x**3

    cubed.defjvp(lambda primals, tangents: (cubed(*primals), tangents[0] * 3 * float(primals[0]) ** 2))
    close(vmap(grad(cubed))(X[0]), 3 * X[0] ** 2)
    close(vmap(lambda x: jvp(cubed, (x,), (1.0,))[1])(X[0]), 3 * X[0] ** 2)


def test_checkpoint_stays_one_pass():
    calls = []

    @checkpoint
    def f(w, x):
        calls.append(1)
        return np.sum(np.tanh(w @ x))

    before = FALLBACKS.copy()
    got = grad(lambda w: np.sum(vmap(f, in_axes=(None, 0))(w, X)))(W)
    assert len(calls) == 2
    assert FALLBACKS == before
    close(got, grad(lambda w: np.sum(np.tanh(X @ w.T)))(W))
    close(
        vmap(grad(f), in_axes=(None, 0))(W, X),
        vmap(grad(lambda w, x: np.sum(np.tanh(w @ x))), in_axes=(None, 0))(W, X),
    )


def test_constants_of_the_user():
    seen = []

    @notrace_primitive
    def rounded(x):
        seen.append(type(x))
        return float(round(x))

    close(vmap(grad(lambda x: x * rounded(x)))(X[:, 0]), onp.round(X[:, 0]))
    assert set(seen) == {onp.float64}


def test_stop_gradient():
    close(vmap(grad(lambda x: np.sum(x * stop_gradient(x))))(X), X)
    close(grad(lambda x: np.sum(vmap(lambda x: x * stop_gradient(x))(x)))(X), X)


# ---- linear algebra: one factorisation or product for all ---------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes",
    [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 2)),
        ((5, 2, 3), (3,)),
        ((2, 3), (5, 3, 2)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3, 4)),
    ],
)
@pytest.mark.parametrize(
    "product", [np.matmul, np.dot, lambda a, b: np.inner(a, np.moveaxis(b, -2, -1) if b.ndim > 1 else b)]
)
def test_products_with_either_operand_batched(shapes, product):
    a, b = (RNG.normal(size=(4, *s)) for s in shapes)
    close(vmap(product)(a, b), each(product, a, b), rtol=1e-11)
    close(vmap(product, in_axes=(0, None))(a, b[0]), each(lambda a: product(a, b[0]), a), rtol=1e-11)
    close(vmap(product, in_axes=(None, 0))(a[0], b), each(lambda b: product(a[0], b), b), rtol=1e-11)


def test_solve_with_either_operand_batched():
    a = RNG.normal(size=(4, 3, 3)) + 3 * onp.eye(3)
    for b in (X, RNG.normal(size=(4, 3, 2))):
        close(vmap(np.linalg.solve)(a, b), each(onp.linalg.solve, a, b), rtol=1e-11)
        close(
            vmap(np.linalg.solve, in_axes=(None, 0))(a[0], b),
            each(lambda b: onp.linalg.solve(a[0], b), b),
            rtol=1e-11,
        )
        close(
            vmap(np.linalg.solve, in_axes=(0, None))(a, b[0]),
            each(lambda a, b=b: onp.linalg.solve(a, b[0]), a),
            rtol=1e-11,
        )


def test_numbers_and_arrays_of_the_program():
    f = lambda x: 2 * x + onp.arange(3.0) - 1 / (x**2 + 1) + onp.float64(0.5) * x - onp.ones((2, 3))
    close(vmap(f)(X), each(f, X))
    close(
        vmap(lambda x: onp.ones((2, 3)) @ x + x @ onp.ones(3))(X),
        each(lambda x: onp.ones((2, 3)) @ x + x @ onp.ones(3), X),
    )


def test_assembled_and_split_arrays():
    f = lambda x: np.array([[x[0], 1.0], [np.sum(x), x[1]]])
    close(vmap(f)(X), each(f, X))
    g = lambda x: np.concatenate([x, onp.zeros(2), np.stack([x[0], x[0]])])
    close(vmap(g)(X), each(g, X))
    h = lambda x: [a * 2 for a in np.split(x, [1])]
    a, b = vmap(h)(X)
    close(a, X[:, :1] * 2)
    close(b, X[:, 1:] * 2)
    i = lambda x: np.r_[x, 1.0]
    close(vmap(i)(X), onp.column_stack([X, onp.ones(4)]))


def test_printing_inside():
    """A number is printed as one for each example, whatever the format."""
    lines = []

    def f(x):
        lines.append(f"{x:.2f}|{x}|{x!s}")
        return x**2

    xs = onp.array([0.125, 2.0])
    for g in (vmap(f), vmap(grad(f)), lambda x: grad(lambda x: np.sum(vmap(f)(x)))(x)):
        lines.clear()
        g(xs)
        assert lines == ["[0.12 2.00]|[0.125 2.   ]|[0.125 2.   ]"]
    with pytest.raises(TypeError, match="format"):
        vmap(lambda v: f"{v:.2f}")(onp.ones((2, 3)))


def test_a_batch_is_compared_with_a_string():
    seen = []

    def f(x):
        seen.extend([x == "valid", x != "valid"])
        return x * 2

    vmap(f)(onp.ones((2, 3)))
    assert not seen[0].any()
    assert seen[1].all()


@pytest.mark.parametrize(
    "f",
    [np.linalg.eigh, np.linalg.eigvalsh, np.linalg.pinv, np.fft.fftshift, lambda x: np.matvec(x, x) if hasattr(np, "matvec") else np.diag(x[0])],
)
def test_examples_of_too_few_axes_are_refused(f):
    with pytest.raises((ValueError, TypeError)):
        vmap(lambda x: f(x if f is not np.fft.fftshift else x[0]))(onp.ones((2, 2)))


def test_memory_order_of_examples():
    x = onp.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1)
    for order in ("K", "A", "F", "C"):
        want = [onp.ravel(e, order) for e in x]
        onp.testing.assert_array_equal(vmap(lambda e, order=order: np.ravel(e, order))(x), want)


def test_a_mask_of_more_axes_than_an_example_is_refused():
    mask = onp.array([[True], [False]])  # as many rows as there are examples
    for f in (np.sum, np.mean, lambda x, where: np.max(x, initial=0.0, where=where)):
        with pytest.raises(ValueError):
            vmap(lambda x, f=f: f(x, where=mask))(onp.ones((2, 3)))
