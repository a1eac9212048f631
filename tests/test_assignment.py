"""Writing into arrays: every form of it, in every mode, against plain NumPy; aliasing; arrays made inside a transform."""

import array
import contextlib
import copy
import gc
import threading
import warnings

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    deriv,
    elementwise_grad,
    extend,
    grad,
    grad_and_aux,
    hessian,
    jacobian,
    jacrev,
    jvp,
    protect_constants,
    trace_graph,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_clone.array import memory, written
from autograd_clone.array.written import Written
from autograd_clone.engine import protection
from autograd_clone.engine.box import Box, getval
from autograd_clone.engine.errors import (
    AutogradError,
    BatchedValueError,
    LeakedBoxError,
    NotDifferentiableError,
    ReadOnlyError,
    TracedConversionError,
)
from autograd_clone.engine.reverse import ReverseTrace, root
from autograd_clone.rules import assignment

from . import oracle
from .cases import RECORDS, cases

X = onp.array([[0.5, -1.5, 2.5], [1.7, 0.3, -0.9]])
MASK = onp.array([[True, False, True], [False, False, True]])
WEIGHTS = onp.array([[0.3, -1.1, 0.7], [0.9, 1.3, -0.4]])

# ---- one table of the forms ------------------------------------------------------------------------------------------------

#: name -> ``f(np, x)``, which writes into the array `x` (or into one that it makes) and returns an array.
FORMS = {}


def form(name):
    def add(f):
        FORMS[name] = f
        return f

    return add


def writes(name, write):
    """A form that writes into `x` and returns it."""

    def f(np, x):
        write(np, x)
        return x

    FORMS[name] = f


def assigns(name, index, value):
    writes(name, lambda np, x: x.__setitem__(index, value(np, x)))


number = lambda np, x: 7.0
element = lambda np, x: x[0, 1] * x[1, 0]
row = lambda np, x: np.sin(x[0]) * x[1]

assigns("an element, a number", (0, 1), number)
assigns("an element, traced", (0, 1), element)
assigns("an element, an integer", (1, -1), lambda np, x: 3)
assigns("a row by its number", 1, row)
assigns("a row from a row", 0, lambda np, x: x[1])
assigns("a row from a list", 0, lambda np, x: [1.0, x[1, 1], x[1, 2] ** 2])
assigns("a column", (slice(None), 1), lambda np, x: x[:, 0] * x[:, 2])
assigns("a slice, broadcast number", (slice(None), slice(1, None)), element)
assigns("a slice, broadcast row", slice(None), row)
assigns("a slice, broadcast column", slice(None), lambda np, x: x[:, :1] ** 2)
assigns("a slice, an axis too many", (0, slice(None)), lambda np, x: np.reshape(x[1] * x[0], (1, 3)))
assigns("negative steps", (slice(None, None, -1), slice(None, None, -2)), lambda np, x: x[:, :2] * x[1, 2])
assigns("overlapping parts", (slice(None), slice(1, None)), lambda np, x: x[:, :-1])
assigns("reversed onto itself", (slice(None), slice(None, None, -1)), lambda np, x: x)
assigns("an ellipsis", (Ellipsis, 0), lambda np, x: x[:, 1] * x[:, 2])
assigns("everything by an ellipsis", Ellipsis, lambda np, x: x * x[::-1])
assigns("everything by an empty tuple", (), lambda np, x: x**2)
assigns("a new axis", (slice(None), None, slice(1, 3)), lambda np, x: (x[:, None, :2] * x[0, 0]))
assigns("positions", (slice(None), [2, 0]), lambda np, x: x[:, 1:] ** 2)
assigns("positions, the last one counts", (0, [1, 1, 2]), lambda np, x: x[1] * x[0])
assigns("pairs of positions", ([0, 1, 0], [2, 2, 1]), lambda np, x: x[1] * x[0])
assigns("positions apart", (onp.array([[0], [1]]), [0, 2]), lambda np, x: x[:, 1:] * x[:, :1])
assigns("a mask, a number", MASK, element)
assigns("a mask, an array", MASK, lambda np, x: x[1] * x[0])
assigns("a mask of rows", onp.array([False, True]), row)
assigns("a mask of columns", (slice(None), onp.array([True, False, True])), lambda np, x: x[:, :2] ** 2)
assigns("nothing at all", onp.zeros((2, 3), bool), number)
writes("a mask made of values", lambda np, x: x.__setitem__(x > 0.4, x[0, 0]))
writes("a value clipped by a mask", lambda np, x: x.__setitem__(x < 0, x[x < 0] * 0.1))
writes("an index that is traced", lambda np, x: x.__setitem__((0, np.argmax(x[0])), x[1, 1] ** 2))


@form("an element +=")
def _(np, x):
    x[0, 1] += x[1, 1]
    x[0, 1] *= x[0, 1]
    return x


@form("a slice +=")
def _(np, x):
    x[:, 1:] += x[:, :-1] ** 2
    x[0] -= x[1]
    x[:, 0] *= x[:, 1]
    x[1, ::-1] /= 3.0 + x[0] ** 2
    x[..., 2] **= 2
    return x


@form("positions +=")
def _(np, x):
    x[:, [0, 2]] += x[:, :2] ** 2
    x[0, [1, 1]] += x[1, :2]
    x[MASK] *= x[0, 0]
    return x


@form("in-place operators")
def _(np, x):
    x += 1.0
    x += x[1]
    x -= x[:, :1] ** 2
    x *= x
    x /= 3.0 + x**2
    x **= 2
    return x


@form("in-place operators without derivative")
def _(np, x):
    y = x * 1.0
    y //= 0.7
    z = x * 2.0
    z %= 0.8
    return y * x + z


@form("in-place matrix product")
def _(np, x):
    y = x @ x.T
    y @= y
    return y


@form("another name")
def _(np, x):
    y = x
    y += 1.0
    y[0] *= y[1]
    return x


@form("numbers are replaced")
def _(np, x):
    total = x[0, 0]
    first = total
    for row in x:
        for e in row:
            total += e * e
    return total * first * x


@form("a view sees the base")
def _(np, x):
    view, part = x[:, 1:], x[0]
    x[0, 1] = x[1, 1] ** 2
    x *= x[0, 0]
    return view * part[1] + part[2]


@form("the base sees a view")
def _(np, x):
    view = x[:, 1:]
    view[0] = view[1] * x[0, 0]
    view += 2.0
    view *= view
    return x


@form("views of views")
def _(np, x):
    a = x.T
    b = a[::-1]
    c = b[1:, 0]
    c[0] = x[1, 2] ** 2
    b[0] *= x[0, 1]
    x[0] = np.sin(x[0])
    return c * b[0, 1] + a[2, 0]


@form("a view of what is gone")
def _(np, x):
    rows = list(x * 2.0)
    both = (x * 3.0).reshape(3, 2)
    one, two = both[0], both.T[0]
    one *= rows[0][0]
    rows[1][:] = rows[0] * 2
    return two * rows[1] + both[1, 1]


@form("transposed")
def _(np, x):
    x.T[...] = x.T[::-1] ** 2
    x.T[1] *= 3.0
    return x


@form("transpose, swapaxes, moveaxis")
def _(np, x):
    np.transpose(x)[0] = x[:, 1] * 2
    x.swapaxes(0, 1)[1] += x[:, 2]
    np.moveaxis(x, 0, 1)[2, 1] = x[0, 0] ** 2
    np.swapaxes(x, -1, -2)[0, 0] *= x[1, 1]
    return x


@form("reshape, ravel")
def _(np, x):
    x.reshape(3, 2)[1] = x[1, :2] ** 2
    x.ravel()[-1] *= x[0, 0]
    x.reshape(-1)[::2] += x[0]
    np.reshape(x, 6)[3] = x[0, 2] * 2
    return x


@form("a reshape that copies")
def _(np, x):
    y = x.T.reshape(-1)
    y[0] = x[1, 1] ** 2
    z = x.flatten()
    z *= 3.0
    return x * y.sum() + z[1]


@form("squeeze, expand_dims, newaxis")
def _(np, x):
    np.expand_dims(x, 0)[0, 1] *= x[0]
    x[:, None, :][0, 0, 1] = x[1, 2] ** 2
    np.squeeze(x[None])[1, 0] += x[0, 0] * x[0, 1]
    return x


@form("flip, rot90")
def _(np, x):
    np.flip(x)[0] = x[0] ** 2
    np.fliplr(x)[0] *= x[1, 1]
    np.rot90(x)[0] += x[:, 0]
    return x


@form("split, rows, unpacking")
def _(np, x):
    left, right = np.split(x, [1], axis=1)
    left *= right[:, :1]
    first, second = x
    first += second**2
    for r in x:
        r[0] = r[1] * r[2]
    return x


@form("einsum")
def _(np, x):
    np.einsum("ij->ji", x)[0] *= 2.0
    square = x @ x.T
    np.einsum("ii->i", square)[...] = x[:, 0] ** 2
    return square @ x


@form("a diagonal is seen")
def _(np, x):
    square = x @ x.T
    d = np.diagonal(square)
    square[0, 0] = x[0, 1] ** 2
    return d * x[:, 0]


@form("broadcast_to is seen")
def _(np, x):
    y = np.broadcast_to(x[0], (2, 3))
    x[0] *= x[1]
    return y * x[1]


@form("flat")
def _(np, x):
    x.flat[3] = x[0, 0] * x[0, 1]
    x.flat[[0, 5]] = x[1, :2] ** 2
    x.flat[1:4:2] *= x[1, 1]
    x.T.flat[2] = x[0, 2] ** 2
    return x * x.flat[1]


@form("flat, everything")
def _(np, x):
    y = x * 1.0
    y.flat = x[0] ** 2
    x.flat[...] = x[0, 0] * x[1, 1]
    return x * y


@form("fill")
def _(np, x):
    x[:, 1].fill(x[0, 0] * x[1, 0])
    y = x * 1.0
    y.fill(x[0, 1])
    return x * y


@form("sort")
def _(np, x):
    x[0].sort()
    y = x * x[0, 0]
    y.sort(axis=0)
    z = x.T * 1.0
    z.sort()
    return x * y + z.T


@form("partition")
def _(np, x):
    x.partition(0)
    return x[:, 0] * x[:, 1:].sum(axis=1)


@form("put")
def _(np, x):
    x.put([0, 5], x[1, :2] ** 2)
    np.put(x, [1, 7], x[0, 0], mode="wrap")
    np.put(x, [2, -2], [x[0, 0], 2.0])
    return x


@form("place, putmask")
def _(np, x):
    np.place(x, MASK, x[1, :2] ** 2)
    np.putmask(x, ~MASK, x[0] * x[1])
    return x


@form("put_along_axis")
def _(np, x):
    np.put_along_axis(x, onp.array([[2], [0]]), x[:, 1:2] ** 2, axis=1)
    return x


@form("copyto")
def _(np, x):
    np.copyto(x[0], x[1] ** 2)
    np.copyto(x, x[:, :1] * 2, where=MASK)
    return x


@form("fill_diagonal")
def _(np, x):
    square = x.T @ x
    np.fill_diagonal(square, x[0])
    np.fill_diagonal(x, x[1, 1] ** 2)
    return square * x[0]


@form("out=")
def _(np, x):
    np.multiply(x[0], x[1], out=x[0])
    np.add(x, 1.0, out=x)
    np.sin(x, out=x, where=MASK)
    y = np.zeros((2, 3))
    np.exp(x, y)
    np.sum(x, axis=0, out=y[1])
    z = np.empty(2)
    x.mean(axis=1, out=z)
    return y * z[0] + np.cumsum(x, axis=1, out=np.empty((2, 3)))


@form("divmod into two arrays")
def _(np, x):
    fraction, whole = np.empty((2, 3)), np.empty((2, 3))
    np.modf(x, fraction, whole)
    return fraction * x


@form("ufunc.at")
def _(np, x):
    np.add.at(x, ([0, 0, 1], [1, 1, 2]), x[1] ** 2)
    np.subtract.at(x, 0, x[1])
    np.multiply.at(x[:, 0], [0, 1, 1], x[0])
    np.negative.at(x, (1, [0, 2]))
    return x


@form("add.at with one number")
def _(np, x):
    counts = np.zeros(4)
    np.add.at(counts, [0, 2, 2, 3], x[0, 1])
    return counts * x[0, 0]


@form("an empty part")
def _(np, x):
    x[2:] = x[:0] * 3.0
    x[:, 3:] = 1.0
    x[[]] = x[0]
    return x * 2.0


@form("a scalar array")
def _(np, x):
    y = np.zeros(())
    y[()] = x[0, 0] * x[0, 1]
    y[...] += x[1, 0]
    z = y
    z *= y
    return y * x


@form("zeros in a loop")
def _(np, x):
    out = np.zeros(6)
    for i in range(6):
        out[i] = x[i // 3, i % 3] * (out[i - 1] if i else 1.0)
    return out


@form("two dimensions by blocks")
def _(np, x):
    A = np.empty((4, 5))
    A[:2, :3] = x
    A[2:, :3] = -x
    A[:, 3:] = 1.0
    A[1, 3:] = x[0, :2]
    return np.linalg.solve(A @ A.T + np.eye(4), A[:, 0])


@form("steps in time")
def _(np, x):
    u = np.zeros((5, 3))
    u[0] = x[0]
    for t in range(4):
        u[t + 1] = u[t] + 0.1 * (u[t] * x[1] - u[t] ** 2)
        u[t + 1, 0] = x[0, 0]
    return u[1:].T


@form("a stencil in place")
def _(np, x):
    u = np.concatenate([x[0], x[1]])
    for _ in range(3):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


@form("every maker")
def _(np, x):
    total = 0.0
    for made in (
        np.zeros(3), np.ones(3), np.empty(3), np.full(3, 2.0), np.zeros_like(x[0]), np.ones_like(WEIGHTS[0]), np.empty_like(x[0]),
        np.full_like(x[0], 0.5), np.array([1.0, 2.0, 3.0]), np.array(WEIGHTS[0]), np.copy(WEIGHTS[0]), np.eye(3)[0],
        np.identity(3)[1], np.arange(3.0), np.linspace(0.0, 1.0, 3), np.tri(3)[2], np.logspace(0, 1, 3), 2.0 * np.ones(3), -np.ones(3),
        np.sqrt(np.ones(3)), np.ones(3).copy(), np.ones((3, 2)).T[0], np.ones(3).reshape(3),
        np.concatenate([np.zeros(1), np.ones(2)]), np.ones(3).astype(float),
    ):  # fmt: skip
        made[0] = x[0, 0] ** 2
        made[1:] = x[1, 1:]
        made *= x[0]
        total = total + made
    return total


@form("plain until it is traced")
def _(np, x):
    w = np.array([1.0, 2.0, 3.0])
    w[0] = 5.0
    y = x * w
    w[1] = 7.0
    y = y + x * w
    w[2] = x[0, 0]
    return y * w


@form("views of an array made here")
def _(np, x):
    A = np.zeros((2, 3))
    r, c, t = A[1], A[:, 2], A.T
    A[0, 0] = 3.0
    r[1] = x[0, 1] ** 2
    c[:] = x[:, 0]
    t[0] += x[:, 1]
    B = A.reshape(3, 2)
    B[0] *= x[1, :2]
    return A * r * x


@form("a copy is another array")
def _(np, x):
    y, z, w = x.copy(), np.array(x), copy.copy(x)
    v = copy.deepcopy([x])[0]
    for k, a in enumerate((y, z, w, v)):
        a[0] *= k + 2.0
    x[1] = 0.0
    return y + z * w - v * x


@form("residuals stay")
def _(np, x):
    y = x * x
    z = np.sin(x) * y
    x[0] = 0.0
    y[...] = 1.0
    z *= x[1, 1]
    x *= 2.0
    return z + x


FLOATS = {
    "a complex part, real": lambda np, z: setattr(z, "real", np.imag(z) ** 2),
    "a complex part, imaginary": lambda np, z: setattr(z, "imag", np.real(z)[::-1] ** 2),
    "the parts as views": lambda np, z: (z.real.__setitem__(0, z.imag[1] ** 2), z.imag.__imul__(2.0), z.real.__iadd__(z.imag))[0],
    "an element": lambda np, z: z.__setitem__(1, z[0] * z[2]),
    "a real number": lambda np, z: z.__setitem__(slice(1), 2.5),
    "a real value": lambda np, z: z.__setitem__(1, np.abs(z[0])),
    "in place": lambda np, z: z.__imul__(z),
    "a conjugate": lambda np, z: z.__setitem__(slice(None), np.conj(z)[::-1]),
}


def plainly(f, x):
    """The function by plain NumPy, which may write into its argument."""
    return f(onp, onp.array(x))


def loss(f, module):
    def value(x):
        y = f(module, x)
        return (module.sum(y * module.cos(1.0 + onp.arange(onp.size(getval(y))).reshape(onp.shape(y)))) + 0.1 * module.sum(y * y)).real

    return value


def batched(f):
    """Whether a form can do without the values of single examples."""
    return f not in (FORMS["a mask made of values"], FORMS["a value clipped by a mask"])


@pytest.mark.parametrize("name", FORMS)
def test_every_form(name):
    f = FORMS[name]
    before = X.copy()
    plain, traced = loss(f, onp), loss(f, np)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = oracle.gradient(lambda x: plain(onp.array(x)), X)
        second = oracle.hessian(lambda x: plain(onp.array(x)), X)
    value, g = value_and_grad(traced)(X)
    assert value == pytest.approx(plain(X.copy()), rel=1e-13)
    np.testing.assert_allclose(g, want, rtol=1e-7, atol=1e-8, err_msg="reverse")
    value, tangent = jvp(traced, (X,), (WEIGHTS,))
    np.testing.assert_allclose(tangent, onp.sum(want * WEIGHTS), rtol=1e-7, atol=1e-8, err_msg="forward")
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(jacrev(grad(traced))(X), second, **close, err_msg="reverse over reverse, rows at once")
    if batched(f):
        np.testing.assert_allclose(hessian(traced)(X), second, **close, err_msg="forward over reverse, columns at once")
        np.testing.assert_allclose(vmap(grad(traced))(onp.stack([X, X])), [want, want], rtol=1e-7, atol=1e-8, err_msg="batch")
    along = lambda x: jvp(traced, (x,), (WEIGHTS,))[1]
    want = onp.tensordot(second, WEIGHTS, 2)
    np.testing.assert_allclose(grad(along)(X), want, **close, err_msg="reverse over forward")
    np.testing.assert_allclose(jvp(grad(traced), (X,), (WEIGHTS,))[1], want, **close, err_msg="forward over reverse")
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_in_single_precision(name):
    x = X.astype(onp.float32)
    g = grad(loss(FORMS[name], np))(x)
    assert g.dtype == onp.float32
    np.testing.assert_allclose(g, grad(loss(FORMS[name], np))(X), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", FLOATS)
def test_complex_arrays(name):
    z = onp.array([0.5 + 1.0j, -0.7 + 0.2j, 1.1 - 0.6j])

    def of(module):
        def f(z):
            z = z * 1.0
            FLOATS[name](module, z)
            return module.sum(module.real(z * z * (1.0 - 0.5j)) + module.abs(z))

        return f

    np.testing.assert_allclose(grad(of(np))(z), oracle.gradient(of(onp), z), rtol=1e-7, atol=1e-8)
    v = onp.array([0.3 - 0.2j, 1.0j, 0.4])
    (want,) = oracle.directional(of(onp), [z], [v])
    np.testing.assert_allclose(jvp(of(np), (z,), (v,))[1], want.value, rtol=1e-7)
    step = lambda t: grad(of(np))(z + t * v)
    second = (8 * (step(1e-3) - step(-1e-3)) - (step(2e-3) - step(-2e-3))) / 12e-3
    np.testing.assert_allclose(jvp(grad(of(np)), (z,), (v,))[1], second, rtol=1e-6, atol=1e-7)


# ---- where aliasing ends, and where it does not -----------------------------------------------------------------------------

SHARING = [
    (prim, case)
    for prim in RECORDS
    if prim.name not in ("getitem", "reshaped", "assigned") and prim.kind not in ("zero", "refused")
    for case in cases(prim)
    if case.sample.via is None and case.values
]


def _arrays(result):
    return [a for part in result for a in _arrays(part)] if isinstance(result, (tuple, list)) else [result]


def _run(case, call):
    try:
        with onp.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _arrays(call(case))
    except Exception:  # noqa: BLE001 - what fails is tested elsewhere
        return None


@pytest.mark.filterwarnings("ignore:Numpy has detected that you .may be. writing:DeprecationWarning")  # NumPy 2.0: broadcast_arrays
@pytest.mark.parametrize("prim", {p: None for p, _ in SHARING}, ids=lambda p: p.name)
def test_results_share_memory_where_those_of_numpy_do(prim):
    """A result changes with the argument if NumPy's does, and only then; and the other way round."""
    for case in [c for p, c in SHARING if p is prim]:
        values = [onp.array(v) for v in case.values]
        want = _run(case, lambda c, values=values: prim.fun(*c.arguments(values)[0], **c.arguments(values)[1]))
        if want is None:
            continue
        shared = [isinstance(y, onp.ndarray) and any(y.size and onp.shares_memory(y, v) for v in values) for y in want]
        with ReverseTrace() as trace:
            boxes = [memory.made(memory.ArrayBox, onp.array(v), trace, root()) for v in case.values]
            got = _run(case, lambda c, boxes=boxes: c.public(*c.arguments(boxes)[0], **c.arguments(boxes)[1]))
            if got is None:
                continue
            before = [onp.array(getval(y)) if isinstance(y, Box) else None for y in got]
            for v, b in zip(values, boxes, strict=True):
                if v.ndim:
                    v[...] = v * 2 + 1
                    b[...] = b * 2 + 1
            for y, mine, old, is_view in zip(want, got, before, shared, strict=False):
                if old is not None:
                    np.testing.assert_allclose(getval(mine), y if is_view else old, err_msg=f"{case}: result")
            after = [onp.array(getval(b)) for b in boxes]
            for y, mine, is_view in zip(want, got, shared, strict=False):
                if isinstance(mine, Box) and onp.size(y) and mine.ndim:
                    try:
                        mine[...] = 0.5
                    except ReadOnlyError:
                        assert is_view, f"{case}: refused"
                        continue
                    if is_view:
                        y[...] = 0.5
            for v, old, b in zip(values, after, boxes, strict=True):
                np.testing.assert_allclose(getval(b), v if any(shared) else old, err_msg=f"{case}: argument")


def test_what_the_caller_passed_is_never_modified():
    def f(x, y):
        x += y
        y[0] = x[1] * 2
        x[...] = x * y
        return np.sum(x)

    x, y = onp.array([1.0, 2.0, 3.0]), onp.array([4.0, 5.0, 6.0])
    both = (0, 1)
    for transform in (grad, value_and_grad, jacobian, hessian):
        transform(f, both)(x, y)
        np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])
    vjp(f, x, y)[1](1.0)
    jvp(f, (x, y), (x, y))
    vmap(f)(onp.stack([x, x]), onp.stack([y, y]))
    np.testing.assert_array_equal(x, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(y, [4.0, 5.0, 6.0])


def test_an_argument_that_is_traced_by_an_outer_derivative_is_not_modified_either():
    def outer(x):
        def inner(y):
            y *= y
            return np.sum(y)

        before = x * 1.0
        g = grad(inner)(x)
        g += 1.0
        _, tangent = jvp(inner, (x,), (before,))
        tangent += 0.0
        return np.sum(g * x) + np.sum(before - x) + tangent

    x = onp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(outer)(x), 4 * x + 1 + 4 * x)


def test_a_value_kept_for_the_way_back_does_not_change_in_an_outer_derivative():
    def f(x):
        w = x * 2.0

        def inner(y):
            z = y * w  # w is a constant here, and needed for the derivative
            w[0] = 100.0
            return np.sum(z)

        return np.sum(grad(inner)(np.ones(3)) * x)

    x = onp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(f)(x), 4 * x)


def test_results_that_the_program_goes_on_to_change():
    def f(x):
        value, pull = vjp(np.exp, x)
        value += 1.0  # what the pull back needs stays
        (g,) = pull(np.ones(2))
        g *= x
        return np.sum(g) + np.sum(value)

    x = onp.array([0.5, 1.5])
    np.testing.assert_allclose(grad(f)(x), onp.exp(x) * (2 + x))


def test_writes_of_an_inner_value_into_an_outer_array():
    def f(x):
        out = np.zeros(2)

        def inner(y):
            out[0] = y  # leaves with the inner derivative
            return y * y

        grad(inner)(x[0])
        return np.sum(out * x)

    with pytest.raises(LeakedBoxError):
        grad(f)(onp.ones(2))

    def g(x):
        out = np.zeros(2)

        def inner(y):
            out[1] = x[1] ** 2  # of the outer derivative alone
            return y * y * out[1]

        out[0] = grad(inner)(x[0])
        return np.sum(out * x)

    x = onp.array([0.5, 1.5])
    np.testing.assert_allclose(grad(g)(x), oracle.gradient(lambda x: 2 * x[0] ** 2 * x[1] ** 2 + x[1] ** 3, x), rtol=1e-8)


def test_numbers_cannot_be_assigned_to():
    with pytest.raises(TypeError, match="does not support item assignment"):
        grad(lambda x: x[0].__setitem__(..., 1.0))(onp.ones(2))
    with pytest.raises(NotDifferentiableError, match=r"np\.delete"):
        grad(lambda x: x.__delitem__(0))(onp.ones(2))


def test_read_only_views():
    for view in (np.diagonal, np.diag, lambda x: np.broadcast_to(x, (2, 3, 3)), lambda x: np.diagonal(x)[1:]):
        for write in (lambda a: a.__setitem__(0, 1.0), lambda a: a.__iadd__(1.0), lambda a: np.add(a, 1.0, out=a), lambda a: a.fill(0.0)):
            for make in (lambda x: x, lambda x: np.zeros((3, 3))):
                with pytest.raises(ReadOnlyError, match="read-only"):
                    grad(lambda x, make=make, view=view, write=write: write(view(make(x))))(onp.ones((3, 3)))


def test_shapes_and_casts_that_numpy_refuses():
    def refused(error, f, match=None):
        with pytest.raises(error, match=match):
            grad(lambda x: f(x * 1.0))(onp.ones(3))

    refused(ValueError, lambda x: x.__setitem__(slice(2), x))
    refused(IndexError, lambda x: x.__setitem__(3, 1.0))
    refused(ValueError, lambda x: x.__iadd__(onp.ones((2, 3))), "non-broadcastable output operand")
    refused(TypeError, lambda x: x.__iadd__(onp.ones(3) * 1j), "same_kind")
    refused(TypeError, lambda x: np.copyto(x, x * 1j), "same_kind")
    refused(ValueError, lambda x: np.sum(x, out=np.zeros(2)))
    refused(ValueError, lambda x: np.place(x, onp.ones(3, bool), []))
    refused(ValueError, lambda x: np.fill_diagonal(x, 1.0))
    refused(IndexError, lambda x: np.put(x, [5], 1.0))
    refused(TypeError, lambda x: x.__iadd__(object()))


def test_dtypes_are_those_of_the_array():
    seen = []

    def f(x):
        a = x.astype(onp.float32)
        a += x
        a[0] = x[1]
        b = np.zeros(3, onp.float32)
        b[:] = x
        seen.extend([a.dtype, b.dtype])
        return np.sum(a * b)

    x = onp.array([0.5, 1.5, -2.0])
    g = grad(f)(x)
    assert seen == [onp.float32] * 2
    assert g.dtype == onp.float64
    np.testing.assert_allclose(g, oracle.gradient(lambda x: (x[1]) * x[0] + 2 * x[1] ** 2 + 2 * x[2] ** 2, x), rtol=1e-6)


def test_values_that_are_not_numbers():
    with pytest.raises((TypeError, ValueError)):
        grad(lambda x: x.__setitem__(0, "text"))(onp.ones(2))
    with pytest.raises(TracedConversionError, match="int64"):
        grad(lambda x: written.constant(onp.arange(3)).__setitem__(0, x))(1.0)


# ---- arrays of plain NumPy ---------------------------------------------------------------------------------------------------



def into_element(a, x):
    a[0] = x[0]


def into_slice(a, x):
    a[:] = x


def into_mask(a, x):
    a[onp.array([True, False, True])] = x[:2]


INTO_PLAIN = {
    "an element": into_element,
    "a slice": into_slice,
    "a mask": into_mask,
    "+=": lambda a, x: a.__iadd__(x),
    "out=": lambda a, x: onp.add(x, 1.0, out=a),
    "copyto": lambda a, x: onp.copyto(a, x),
    "put": lambda a, x: onp.put(a, [0], x[0]),
    "putmask": lambda a, x: onp.putmask(a, a > 0, x),
    "place": lambda a, x: onp.place(a, a > 0, x),
    "add.at": lambda a, x: onp.add.at(a, [0, 1, 2], x),
    "sum": lambda a, x: onp.sum(x, out=a[:1].reshape(())),
}


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("name", INTO_PLAIN)
def test_into_an_array_of_plain_numpy(name, kind):
    """An error names the cure."""
    for transform in (grad, deriv, lambda f: lambda x: vmap(f)(onp.stack([x, x])), lambda f: grad(lambda x: np.sum(grad(f)(x)))):
        a = onp.ones(3, kind)
        with pytest.raises(AutogradError) as error:
            transform(lambda x, a=a: (INTO_PLAIN[name](a, x), np.sum(x))[1])(onp.array([1.5, 2.5, 3.5]))
        assert "autograd_clone.numpy" in str(error.value), error.value
        np.testing.assert_array_equal(a, 1)


INTO_PLAIN_BY_METHODS = {
    "fill": lambda a, x: a.fill(x[0]),
    "put": lambda a, x: a.put([0], x[0]),
    "__setitem__": lambda a, x: a.__setitem__(0, x[0]),
}


def as_statements(a, x):
    a.fill(x[0])


def of_python(a, x):
    array.array("d").append(x[0])


@pytest.mark.parametrize("write", [*INTO_PLAIN_BY_METHODS.values(), as_statements, of_python], ids=[*INTO_PLAIN_BY_METHODS, "a statement", "array.array"])
def test_methods_of_c_that_store_a_number(write):
    """Their results are dropped, but not the number."""
    for transform in (grad, deriv):
        a = onp.ones(3)
        with pytest.raises(AutogradError):
            transform(lambda x, a=a: (write(a, x), np.sum(x))[1])(onp.array([1.5, 2.5, 3.5]))
        np.testing.assert_array_equal(a, 1)


def test_outside_of_transforms_arrays_are_plain():
    for made in (
        np.zeros(2), np.ones(2), np.empty(2), np.full(2, 1.0), np.zeros_like(X), np.array([1.0]), np.copy(X), np.eye(2), np.identity(2),
        np.arange(2.0), np.linspace(0, 1, 3),
    ):  # fmt: skip
        assert type(made) is onp.ndarray
    kinds = []
    grad(lambda x: kinds.extend([type(np.zeros(2, int)), type(np.arange(3)), type(np.array(["a"])), type(np.zeros(2, bool))]) or x)(1.0)
    assert kinds == [onp.ndarray] * 4


def test_no_array_of_ours_leaves_a_transform():
    def f(x):
        out = np.zeros(3)
        part = out[1:]
        out[0] = 2.0
        return out, {"part": part, "more": [np.ones(2) * 2]}, x * 2.0

    results = [jvp(f, (1.0,), (1.0,))[0], vjp(f, 1.0)[0], vmap(f)(onp.ones(2)), grad_and_aux(lambda x: (x, f(x)))(1.0)[1]]
    for out, rest, _ in results:
        for a in (out, rest["part"], rest["more"][0]):
            assert type(a) is onp.ndarray
            a[...] = 0.0
    assert type(grad(lambda x: np.sum(np.zeros_like(x)))(X)) is onp.ndarray
    assert type(jacobian(lambda x: np.zeros(3))(X)) is onp.ndarray


def test_a_plain_array_of_the_namespace_is_one():
    """What is made in a transform, and no traced value is written to, is used like any other array."""
    texts = []

    def f(x):
        a = np.array([1.0, 2.0, 4.0])
        assert isinstance(a, onp.ndarray)
        assert not isinstance(a, list)
        assert (a.dtype, a.shape, a.ndim, a.size, a.nbytes, len(a)) == (onp.float64, (3,), 1, 3, 24, 3)
        assert a.tolist() == [1.0, 2.0, 4.0]
        assert list(a) == [1.0, 2.0, 4.0]
        assert type(a[0]) is onp.float64
        assert float(a[0]) == 1.0
        assert float(np.array([3.0])[0]) == 3.0
        assert int(np.zeros(())) == 0
        assert bool(np.ones(1))
        assert 4.0 in a
        assert max(a) == 4.0
        assert sum(a) == 7.0
        assert sorted(a) == sorted(a.tolist())
        assert onp.asarray(a).tolist() == a.tolist()
        assert (onp.asarray(a) == a).all()
        with pytest.raises(ValueError, match="read-only"):
            onp.asarray(a)[0] = 3.0
        assert onp.array(a, onp.float32).dtype == onp.float32
        assert onp.linalg.norm(a) == onp.sqrt(21.0)
        assert onp.interp(1.5, a, a) == 1.5
        assert onp.lib.stride_tricks.as_strided(onp.asarray(a), (2,), (8,)).tolist() == [1.0, 2.0]
        assert a.argmax() == 2
        assert a.searchsorted(3.0) == 2
        assert a.tobytes() == onp.array([1.0, 2.0, 4.0]).tobytes()
        assert a.flags.c_contiguous
        assert a.strides == (8,)
        assert copy.deepcopy([a])[0] is not a
        texts.extend([repr(a), str(a), f"{a}", f"{a[0]:.1f}"])
        b = a
        b += 1.0
        assert a.tolist() == [2.0, 3.0, 5.0]
        a[a > 2.5] = 0.0
        a[[0]] *= 2
        assert a.tolist() == [4.0, 0.0, 0.0]
        assert ((a - 1) * 2 / 4 + a**2 - a % 3 // 1 @ np.eye(3)).shape == (3,)
        assert (2 - a).tolist() == [-2.0, 2.0, 2.0]
        assert (a == b).all()
        assert (onp.ones(3) * a).tolist() == a.tolist()
        assert a.sum() == 4.0 == np.sum(a)
        assert a.mean(axis=0) == pytest.approx(4 / 3)
        assert np.sort(a).tolist() == [0.0, 0.0, 4.0]
        return x * a[0]

    assert grad(f)(2.0) == 4.0
    assert deriv(f)(2.0) == 4.0
    assert grad(grad(lambda x: f(x) * x))(2.0) == 8.0
    assert texts[:4] == ["array([1., 2., 4.])", "[1. 2. 4.]", "[1. 2. 4.]", "1.0"]
    np.testing.assert_array_equal(vmap(f)(onp.ones(2)), [4.0, 4.0])


def test_arrays_made_in_another_thread_are_plain():
    kinds = []

    def f(x):
        worker = threading.Thread(target=lambda: kinds.append(type(np.zeros(2))))
        worker.start()
        worker.join()
        kinds.append(type(np.zeros(2)))
        return x

    grad(f)(1.0)
    assert kinds == [onp.ndarray, Written]


def test_an_array_that_outlives_its_transform():
    kept = []
    grad(lambda x: kept.append(np.ones(3)) or x)(1.0)
    a = kept[0]
    a[0] = 5.0
    assert (a * 2).sum() == 14.0
    np.testing.assert_array_equal(grad(lambda a: np.sum(a * a))(a), [10.0, 2.0, 2.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * a))(onp.ones(3)), [5.0, 1.0, 1.0])
    out = []

    def f(x):
        out.append(np.zeros(2))
        out[0][0] = x
        return x

    grad(f)(1.0)
    with pytest.raises(LeakedBoxError):
        out[0] * 2.0


# ---- constants that change ------------------------------------------------------------------------------------------------


def loops(x, c):
    """Uses a constant and changes it."""
    y = x * 1.0
    for k in range(4):
        y = y * c
        c += k
    return np.sum(y)


def test_a_small_constant_that_changes_once():
    c = onp.array([2.0, 3.0])

    def f(x):
        y = x * c
        c[:] = 0.0
        return np.sum(y * x)

    np.testing.assert_array_equal(grad(f)(onp.ones(2)), [4.0, 6.0])


@pytest.mark.parametrize("n", [3, 2000])
def test_constants_that_change_are_an_error_or_right(n):
    c = onp.full(n, 2.0)
    with pytest.raises(ValueError, match="read-only") as error:
        grad(loops)(onp.ones(n), c)
    assert "protect_constants" in error.value.__notes__[0]
    assert c.flags.writeable
    assert not protection._locked
    with protect_constants("copy"):
        c = onp.full(n, 2.0)
        np.testing.assert_allclose(grad(loops)(onp.ones(n), c), 2.0 * 2.0 * 3.0 * 5.0)
    with protect_constants("none"):
        c = onp.full(n, 2.0)
        assert grad(loops)(onp.ones(n), c)[0] == 8.0**4  # as it was said
    c = onp.full(n, 2.0)
    np.testing.assert_allclose(grad(lambda x: loops(x, np.array(c)))(onp.ones(n)), 60.0)
    with pytest.raises(ValueError, match="protect_constants"), protect_constants("sometimes"):
        pass


@contextlib.contextmanager
def refused_or_right():
    """What is inside may be stopped by a read-only array, with a note about it."""
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error) or "protect_constants" not in error.__notes__[0]:
            raise


KEPT = {
    "a factor": lambda x, c: x * c,
    "a factor on the left": lambda x, c: c * x,
    "a divisor": lambda x, c: x / c,
    "a dividend": lambda x, c: c / (x + 1),
    "an exponent": lambda x, c: x**c,
    "a base": lambda x, c: c**x,
    "a matrix": lambda x, c: c.reshape(50, 40) @ x[:40],
    "np.dot": lambda x, c: np.dot(x, c),
    "np.where": lambda x, c: np.where(c > 0, x, 0.0),
    "einsum": lambda x, c: np.einsum("i,i->", x, c),
    "a mask": lambda x, c: np.sum(x, where=c > 0),
    "maximum": lambda x, c: np.maximum(x, c),
    "arctan2": lambda x, c: np.arctan2(x, c),
    "a filter": lambda x, c: np.convolve(x[:5], c[:2000]),
    "interp": lambda x, c: np.interp(x, onp.arange(2000.0), c),
}


@pytest.mark.parametrize("name", KEPT)
def test_whatever_keeps_a_constant(name):
    """The derivative is not that of the changed constant, whether the change is stopped or not."""
    x, f = onp.full(2000, 0.5), KEPT[name]

    def changing(x):
        y = f(x, c)
        c[:] = 7.0
        return np.sum(y)

    c = onp.linspace(0.5, 1.5, 2000)
    want = grad(lambda x: np.sum(f(x, onp.linspace(0.5, 1.5, 2000))))(x)
    with refused_or_right():
        np.testing.assert_array_equal(grad(changing)(x), want)
    assert c.flags.writeable
    with protect_constants("copy"):
        c = onp.linspace(0.5, 1.5, 2000)
        np.testing.assert_array_equal(grad(changing)(x), want)


def test_what_is_not_kept_may_change():
    buffer = onp.zeros(2000)

    def f(x):
        y = x
        for k in range(3):
            buffer[:] = k
            y = y + buffer
            y = np.concatenate([y, buffer])[:2000] - buffer
        return np.sum(y)

    np.testing.assert_array_equal(grad(f)(onp.ones(2000)), 1.0)


def test_rows_of_a_table_that_is_filled_on_the_way():
    table = onp.zeros((40, 5))

    def f(x):
        y = 0.0
        for t in range(40):
            table[t] = t
            y = y + np.sum(x * table[t])
        return y

    np.testing.assert_array_equal(grad(f)(onp.ones(5)), sum(range(40)))


def test_temporaries_are_neither_copied_nor_locked():
    held = []

    def f(x):
        for k in range(3):
            c = onp.full(2000, 2.0)
            y = x * (c + k)
        held.append(len(x._trace.held))
        return np.sum(y)

    grad(f)(onp.ones(2000))
    assert held[0] <= 1


def test_locks_are_counted():
    """By nested traces, by traces of several threads, and for views and their owners."""
    c = onp.full(3000, 2.0)

    def inner(y):
        return np.sum(y * c * c)

    def outer(x):
        z = np.sum(grad(inner)(x) * x * c * c)
        assert not c.flags.writeable
        return z

    grad(outer)(onp.ones(3000))
    assert c.flags.writeable
    first, second = threading.Barrier(2, timeout=20), threading.Barrier(2, timeout=20)
    states = []

    def early(x):
        y = x * c * c
        first.wait()
        return np.sum(y)

    def late(x):
        y = x * c * c
        first.wait()
        second.wait()
        states.append(c.flags.writeable)
        return np.sum(y)

    threads = [threading.Thread(target=lambda: (grad(early)(onp.ones(3000)), second.wait())), threading.Thread(target=lambda: grad(late)(onp.ones(3000)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == [False]
    assert c.flags.writeable
    big = onp.ones((300, 1000))
    view = big[::2]
    with pytest.raises(ValueError, match="read-only"):
        grad(lambda x: np.sum(x * view) + big.__setitem__(0, 5.0))(onp.ones((150, 1000)))
    assert big.flags.writeable
    assert view.flags.writeable
    assert not protection._locked


@extend.primitive
def scaled(y, c):
    return y * c


extend.defvjp(scaled, lambda ans, y, c: lambda g: g * c, argnums=(0,))
INNER = {
    "an operator": lambda y, z, c: y * y * c * z,
    "of a view": lambda y, z, c: y * y * c[::-1] * z,
    "a rule of the program": lambda y, z, c: scaled(y * y, c) * z,
}


@pytest.mark.parametrize("n", [3, 3000])
@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_constants_of_an_inner_derivative_that_change_before_the_outer_one(inner, n):
    """The way back of the inner one is recorded by the outer one, with the constants of both."""
    x, c = onp.linspace(0.5, 1.5, n), onp.full(n, 2.0)

    def outer(z):
        g = grad(lambda y: np.sum(inner(y, z, c)))(x)
        c[:] = 0.0
        return np.sum(g * z)

    with refused_or_right():
        np.testing.assert_allclose(grad(outer)(x), 2 * 2.0 * 2 * x * x)
    assert c.flags.writeable
    assert not protection._locked


def test_arrays_that_are_read_only_stay_so():
    c = onp.full(3000, 2.0)
    c.flags.writeable = False
    grad(lambda x: np.sum(x * c * c))(onp.ones(3000))
    assert not c.flags.writeable
    x = onp.ones(3000)
    x.flags.writeable = False
    np.testing.assert_array_equal(grad(lambda x: np.sum(x.__iadd__(1.0) * x))(x), 4.0)
    assert not x.flags.writeable


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, ValueError("of another kind")])
def test_an_exception_in_the_middle_unlocks(error):
    c, x = onp.full(3000, 2.0), onp.ones(3000)

    def f(x):
        np.sum(x * c * c)
        raise error

    for transform in (grad, value_and_grad, jacobian, lambda f: lambda x: jvp(f, (x,), (x,)), lambda f: lambda x: vjp(f, x), grad_and_aux):
        with pytest.raises(type(error) if isinstance(error, Exception) else error):
            transform(f)(x)
        assert c.flags.writeable
        assert x.flags.writeable
        assert not protection._locked


def test_the_argument_changed_by_another_reference():
    for n in (3, 3000):
        x = onp.ones(n)

        def f(y, x=x):
            z = y * y
            x[0] = 7.0
            return np.sum(z)

        with refused_or_right():
            np.testing.assert_array_equal(grad(f)(x), 2.0)
        assert x.flags.writeable


def test_recordings_that_last():
    """`vjp` returns before the way back: its constants are its own."""
    for n in (3, 3000):
        c, x = onp.full(n, 2.0), onp.ones(n)
        _, pull = vjp(lambda x, c=c: np.sum(x * c * c * x), x)
        assert c.flags.writeable
        c[:], x[:] = 0.0, 0.0
        np.testing.assert_array_equal(pull(1.0)[0], 8.0)


def test_generators_in_the_middle_of_a_trace():
    c = onp.full(3000, 2.0)

    def pieces(x):
        for k in range(3):
            yield x * c * k

    def f(x):
        source = pieces(x)
        y = next(source)
        return np.sum(y + sum(source))

    np.testing.assert_array_equal(grad(f)(onp.ones(3000)), 6.0)
    assert c.flags.writeable


def test_constants_do_not_pile_up():
    """A trace does not keep what the program has dropped."""
    def f(x):
        for k in range(200):
            c = onp.full(2000, float(k))
            y = np.maximum(x, c) * c
            del c
        assert len(x._trace.held) < 20
        return np.sum(y)

    grad(f)(onp.ones(2000))


# ---- cost -----------------------------------------------------------------------------------------------------------------


class Copies:
    """Counts the elements of arrays that assignments copy, forward and backward."""

    def __init__(self, monkeypatch):
        self.elements = 0
        for module in (memory, assignment):
            monkeypatch.setattr(module, "copied_as_it_lies", self.counting(module.copied_as_it_lies))

    def counting(self, copied):
        def count(x):
            self.elements += x.size
            return copied(x)

        return count


def fill(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = x[i] * (out[i - 1] if i else 1.0)
    return np.sum(out)


def fill_rows(x):
    out = np.zeros((len(x), 3))
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = out[i - 1] * 0.5 + x[i]
        out[i, 1] *= x[i]
    return np.sum(out * out)


def fill_through_views(x):
    out = np.zeros((len(x), 2))
    columns = out.T
    for i in range(len(x)):
        row = out[i]
        row[0] = x[i] ** 2
        columns[1, i] = row[0] * 2
    return np.sum(columns[1])


def update(x):
    x = x * 1.0
    for i in range(1, len(x)):
        x[i] += 0.5 * x[i - 1]
    return x[-1]


@pytest.mark.parametrize("f", [fill, fill_rows, fill_through_views, update])
@pytest.mark.parametrize("mode", ["reverse", "forward", "second", "batch"])
def test_n_assignments_copy_no_more_than_a_few_arrays(f, mode, monkeypatch):
    run = {
        "reverse": lambda x: grad(f)(x),
        "forward": lambda x: jvp(f, (x,), (x,)),
        "second": lambda x: grad(lambda x: np.sum(grad(f)(x) * x))(x),
        "batch": lambda x: vmap(f)(onp.stack([x, x])),
    }[mode]
    counts = []
    for n in (20, 80):
        copies = Copies(monkeypatch)
        run(onp.linspace(0.1, 0.9, n))
        counts.append(copies.elements / n)
        monkeypatch.undo()
    assert counts[1] <= counts[0] * 1.1 + 1, counts
    assert counts[1] < 60


def test_cotangents_are_cleared_in_place(monkeypatch):
    made = []
    settle = assignment.cleared_back
    monkeypatch.setattr(memory.Memory, "cleared_back", staticmethod(lambda g, place: made.append(type(g).__name__) or settle(g, place)))
    assignment.TAKE_SCATTERS.add(memory.Memory.cleared_back)
    try:
        grad(fill)(onp.linspace(0.1, 0.9, 50))
    finally:
        assignment.TAKE_SCATTERS.discard(memory.Memory.cleared_back)
    assert made.count("Scatter") >= 48


def test_views_that_die_are_forgotten():
    def f(x):
        total = 0.0
        for _ in range(5000):
            total = total + np.sum(x[1:])
        assert len(x._trace.views) < 2000
        x[0] = 1.0
        assert len(x._trace.views) < 2000
        return total

    grad(f)(onp.ones(3))


def test_no_reference_cycles():
    def f(x):
        out = np.zeros((3, 3))
        view = out.T
        out[0] = x
        view[1] += x[0]
        y = x[1:]
        y *= 2.0
        return np.sum(out) + np.sum(y)

    grad(f)(onp.ones(3))
    gc.collect()
    gc.disable()
    try:
        for transform in (grad, deriv_along, hessian, lambda f: lambda x: vmap(f)(onp.stack([x, x]))):
            transform(f)(onp.ones(3))
            assert gc.collect() == 0
    finally:
        gc.enable()


def deriv_along(f):
    return lambda x: jvp(f, (x,), (x,))


# ---- batches, recordings, variables ----------------------------------------------------------------------------------------


def test_positions_and_masks_of_a_batch():
    x = onp.array([[0.5, -1.5, 2.5], [1.7, 0.3, -0.9]])

    def f(x):
        x[x < 0] = 0.0
        x[np.argmax(x)] = x[0] * 2
        i = np.argmin(x)
        x[i] += x[2] ** 2
        return x

    np.testing.assert_array_equal(vmap(f)(x), [f(x[0].copy()), f(x[1].copy())])
    g = lambda x: np.sum(f(x) ** 2)
    np.testing.assert_allclose(vmap(grad(g))(x), [grad(g)(x[0]), grad(g)(x[1])])
    with pytest.raises(BatchedValueError, match=r"np\.where"):
        vmap(lambda x: x.__setitem__(x < 0, x[:1]))(x)
    with pytest.raises(BatchedValueError):
        vmap(lambda x: x.__setitem__(np.argsort(x), x))(x)


def test_an_array_of_a_batch_in_one_that_is_not():
    def f(x, w):
        out = np.zeros((2, 3))
        out[0] = w
        out[1] = x
        out[:, 0] *= w[1]
        return out

    x, w = onp.arange(6.0).reshape(2, 3), onp.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(vmap(f, in_axes=(0, None))(x, w), [f(x[0], w), f(x[1], w)])
    got = jacobian(lambda w: vmap(f, in_axes=(0, None))(x, w))(w)
    np.testing.assert_allclose(got, oracle.jacobian(lambda w: onp.stack([f(x[0], w), f(x[1], w)]), w), atol=1e-9)


def test_a_graph_that_is_recorded():
    def f(x):
        out = np.zeros(3)
        out[0] = x[1] ** 2
        out[1:] = x[:2]
        x[0] = 5.0
        return np.sum(out * x)

    assert "with [1:] =" in str(trace_graph(f)(onp.array([1.0, 2.0, 3.0])))


def test_variables_have_rules_of_their_own():
    w = Variable([1.0, 2.0])
    with pytest.raises(AutogradError):
        w += w * 2.0
    y = grad(lambda x: np.sum(_filled_with(x, w)))(onp.ones(2))
    assert type(y) is onp.ndarray or isinstance(y, Variable)


def _filled_with(x, w):
    out = np.zeros(2)
    out[:] = x * w
    out[0] += w[1]
    return out


# ---- what it looks like ------------------------------------------------------------------------------------------------------


def test_isinstance():
    def f(x):
        y = x * 2.0
        y[0] = 1.0
        for a in (x, y, x[1:], np.zeros(3), np.ones(3)[1:]):
            assert isinstance(a, onp.ndarray)
            assert not isinstance(a, (list, tuple, float, onp.generic))
        for number in (x[0], np.sum(x), y[1]):
            assert isinstance(number, (float, onp.floating))
            assert not isinstance(number, onp.ndarray)
        assert not isinstance(x[0] * 1j, float)
        assert isinstance(x[0] * 1j, complex)
        return np.sum(y)

    for transform in (grad, jacobian, hessian, deriv_along, lambda f: lambda x: vmap(f)(onp.stack([x, x])), lambda f: grad(lambda x: np.sum(grad(f)(x)))):
        transform(f)(onp.ones(3))


def test_what_is_printed():
    texts = []

    def f(x):
        y = x * 2.0
        y[0] = x[1]
        texts.append([repr(x), repr(y), repr(x[0]), str(y), f"{x[1]:.3f}", f"{y}", format(x[0], "6.2f")])
        return np.sum(y)

    grad(f)(onp.array([1.5, 2.25]))
    for text in (texts[0][0], texts[0][1]):
        assert text.startswith("ArrayBox(array([")
        for part in ("float64", "(2,)", "trace"):
            assert part in text
    assert "1.5" in texts[0][2]
    assert texts[0][3:] == ["[2.25 4.5 ]", "2.250", "[2.25 4.5 ]", "  1.50"]
    grad(lambda x: np.sum(grad(f)(x)))(onp.array([1.5, 2.25]))
    assert texts[1][0].count("ReverseTrace") == 2


def test_whole_numbers_only_read():
    """The derivative of a number without its fraction is zero."""

    def f(x):
        made = np.zeros(2)
        made[0] = x
        cell, other = int(x), int(made[0])
        assert type(cell) is int
        assert cell == other == len(range(int(np.floor(made[0]))))
        return (x - cell) ** 2 + other

    x = 2.75
    np.testing.assert_allclose(grad(f)(x), 1.5)
    np.testing.assert_allclose(grad(grad(f))(x), 2.0)
    np.testing.assert_allclose(jvp(f, (x,), (1.0,))[1], 1.5)


def test_reading_only():
    def f(x):
        y = x * 1.0
        y[1] = 4.0
        assert len(y) == 3
        assert y[1] == 4.0
        assert 4.0 in y
        assert bool(y[1])
        a, b, c = y
        assert max(y) == 4.0
        assert [float(e > 2) for e in y] == [0.0, 1.0, 1.0]
        assert next(iter(zip(y, x, strict=True)))[0] == x[0]
        assert [float(e > 2) for e in sorted(y)] == [0.0, 1.0, 1.0]
        return sum(y) + a * b * c

    np.testing.assert_allclose(grad(f)(onp.array([1.5, 2.0, 3.5])), [1 + 4 * 3.5, 0.0, 1 + 4 * 1.5])


def test_attributes_that_cannot_be_set():
    for name, value in (("dtype", onp.float32), ("T", 1.0)):
        with pytest.raises(AttributeError):
            grad(lambda x, name=name, value=value: setattr(x, name, value))(X)


def test_elementwise_derivatives_of_functions_that_write():
    def relu(x):
        x = x * 1.0
        x[x < 0] = 0.0
        return x

    np.testing.assert_array_equal(elementwise_grad(relu)(onp.array([-1.0, 2.0])), [0.0, 1.0])


def test_shuffle():
    def f(module, x):
        module.random.seed(3)
        module.random.shuffle(x)
        return x[0] * x[1] + x[2]

    x = onp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(lambda x: f(np, x))(x), oracle.gradient(lambda x: f(onp, onp.array(x)), x), rtol=1e-8)


@pytest.mark.parametrize("make", [np.array, np.copy, np.asarray, np.asanyarray, np.require, lambda x: np.full((), x), lambda x: np.array(x).copy()])
def test_an_array_made_of_a_number_can_be_written_to(make):
    """NumPy makes an array of no axes, for which ``a += x`` is a write and no new name."""

    def f(x):
        a = make(x)
        b = a[...]
        a += x
        a[()] = a * x
        return b * x  # 2 x**3

    assert f(onp.float64(2.0)) == 16.0
    assert grad(f)(2.0) == 24.0
    assert grad(grad(f))(2.0) == 24.0
    assert jvp(f, (2.0,), (1.0,)) == (16.0, 24.0)
    assert onp.all(vmap(f)(onp.array([2.0, 3.0])) == [16.0, 54.0])
    assert onp.all(vmap(grad(f))(onp.array([2.0, 3.0])) == [24.0, 54.0])
    assert onp.all(grad(lambda x: np.sum(vmap(f)(x)))(onp.array([2.0, 3.0])) == [24.0, 54.0])
    grad(lambda x: [x, isinstance(make(x), onp.ndarray) or pytest.fail("no array")][0])(2.0)


def test_a_shape_that_is_set():
    def f(x, np=np):
        y = x * 2
        z, w = y[1:], y
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5
            y.shape = 2, 3
        y[:, 1] = x[:2]
        z[0] += 1
        assert w.shape == (2, 3)
        return np.sum(y**2) + np.sum(z) + np.sum(w)

    x = onp.linspace(1.0, 2.0, 6)
    onp.testing.assert_allclose(grad(f)(x), [16.0, 4.4, 15.2, 16.8, 0.0, 20.0])
    assert f(x) == f(x, onp)
    assert jvp(f, (x,), (x,))[1] == pytest.approx(grad(f)(x) @ x)
    onp.testing.assert_allclose(vmap(grad(f))(onp.stack([x, x]))[1], grad(f)(x))

    def not_in_one_piece(x):
        y = x.reshape(2, 3).T
        y.shape = 6
        return np.sum(y)

    with pytest.raises(AttributeError, match="without a copy"):
        grad(not_in_one_piece)(x)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize(
    "same",
    [np.squeeze, lambda x: np.squeeze(x, axis=()), lambda x: x.squeeze(), lambda x: x.conj(), lambda x: x.conjugate(), lambda x: x.real],
)
def test_the_array_itself_where_numpy_returns_it(same):
    """Its shape is that of the argument, also when it is set."""

    def f(x):
        y = same(x)
        y.shape = (2, 2)
        assert y is x
        return np.sum(x @ np.array([1.0, 2.0]))

    assert f(onp.ones(4)) == 6.0
    assert onp.array_equal(grad(f)(onp.ones(4)), [1, 2, 1, 2])


def test_examples_into_an_array_that_has_their_number_of_rows():
    """All examples of a result of shape (3,) together have the shape (2, 3) of the output array, and are not it."""

    def f(x, np=np):
        out = np.zeros((2, 3))
        view = out[None, ...]
        np.add(onp.arange(3.0), x, out=out)
        return view * 2

    xs = onp.array([1.0, 5.0])
    assert onp.array_equal(vmap(f)(xs), [f(x, onp) for x in xs])


@pytest.mark.parametrize("wrt", [lambda f: f, grad, deriv, lambda f: grad(lambda x: deriv(f)(x))])
def test_arrays_without_axes_in_a_batch_are_no_numbers(wrt):
    """Of 0-d arrays, too, ``np.where`` makes an array, into which one can write."""

    def f(x):
        y = np.where(x > 0, x * x, 0.0)
        z = y[...]
        y[...] = 3.0 * y
        return z * x

    xs = onp.array([0.5, 0.25])
    want = vmap(wrt(lambda x: 3.0 * x**3))(xs)
    onp.testing.assert_allclose(vmap(wrt(f))(xs), want)
