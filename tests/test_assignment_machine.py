"""Random programs of arrays, views and writes, run by plain NumPy and under a trace side by side.

A program is a list of operations on named arrays. Each is carried out as soon as it is drawn, by NumPy and under open traces of
several kinds, and then all arrays must be equal: a view that has missed a write shows. At the end the whole program is
differentiated, to second order and in both modes, and compared with complex steps through NumPy's run of it.

``ASSIGNMENT_STEPS=20000 pytest tests/test_assignment_machine.py`` runs so many operations of each kind of trace.
"""

import math
import os
import warnings

import numpy as onp
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import autograd_clone.numpy as anp
from autograd_clone import grad, jvp
from autograd_clone.array.box import ArrayBox
from autograd_clone.array.memory import made
from autograd_clone.array.written import Written
from autograd_clone.engine.batch import BatchTrace
from autograd_clone.engine.box import Box, all_values
from autograd_clone.engine.forward import ForwardTrace
from autograd_clone.engine.reverse import ReverseTrace, root

STEPS = int(os.environ.get("ASSIGNMENT_STEPS", "0"))
PER_RUN = int(os.environ.get("PER_RUN", "40"))
LARGEST = 30.0
X = onp.array([[0.31, -0.72, 1.13, 0.94], [-0.25, 0.66, -1.37, 0.88], [0.59, 1.22, -0.43, -1.01]])
U = onp.array([0.77, -0.53, 0.21, 1.41])
V = [onp.random.default_rng(3).normal(size=a.shape) for a in (X, U)]
W = [onp.random.default_rng(4).normal(size=a.shape) for a in (X, U)]

# ---- operations: functions of the namespace and of the arrays by name ------------------------------------------------------

SHAPES = [(4,), (3, 4), (2, 3), (3,), (2, 2, 3), (4, 4), (1,), (1, 3), (), (12,)]
CREATE = {
    "zeros": lambda np, shape: np.zeros(shape),
    "ones": lambda np, shape: np.ones(shape),
    "empty": lambda np, shape: _filled(np.empty(shape), 0.25),
    "full": lambda np, shape: np.full(shape, 0.5),
    "full_like": lambda np, shape: np.full_like(np.zeros(shape), -0.5),
    "zeros_like": lambda np, shape: np.zeros_like(np.ones(shape)),
    "array": lambda np, shape: np.array(onp.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape)),
    "copy": lambda np, shape: np.copy(onp.full(shape, 0.75)),
    "eye": lambda np, shape: np.eye(3, 4),
    "identity": lambda np, shape: np.identity(3),
    "arange": lambda np, shape: np.arange(4.0) / 4.0,
    "twice ones": lambda np, shape: 2.0 * np.ones(shape),
    "fortran": lambda np, shape: np.zeros(shape, order="F"),
}


def _filled(a, value):
    a.fill(value)
    return a


def _last(a):
    """A number of the array's kind."""
    return a.ravel()[-1] if a.size else a.sum() + 0.5


ONE = {
    "sin": lambda np, a: np.sin(a),
    "tanh": lambda np, a: np.tanh(a),
    "square": lambda np, a: a * a,
    "half": lambda np, a: a * 0.5,
    "negative": lambda np, a: -a,
    "plus": lambda np, a: 1.0 + a,
    "power": lambda np, a: a**2 / 4.0,
    "copy": lambda np, a: a.copy(),
    "np.copy": lambda np, a: np.copy(a),
    "array": lambda np, a: np.array(a),
    "array of a number": lambda np, a: np.array(_last(a)),
    "asarray of a number": lambda np, a: np.asarray(_last(a)),
    "copy of a number": lambda np, a: np.copy(_last(a)),
    "full of a number": lambda np, a: np.full((), _last(a)),
    "flatten": lambda np, a: a.flatten(),
    "flatten F": lambda np, a: a.flatten("F"),
    "sum": lambda np, a: np.sum(a, axis=0) if a.ndim else np.sum(a),
    "mean": lambda np, a: a.mean() if a.size else np.sum(a),
    "cumsum": lambda np, a: np.cumsum(a, axis=-1) / 4.0 if a.ndim else a * 1.0,
    "concatenate": lambda np, a: np.concatenate([a, a * 0.5]) if a.ndim else a * 1.0,
    "sorted": lambda np, a: np.sort(a, axis=-1) if a.ndim else a * 1.0,
    "outer": lambda np, a: np.multiply.outer(a, U[:2]) if a.ndim < 3 else a * 1.0,
    "where": lambda np, a: np.where(onp.arange(a.size).reshape(a.shape) % 2 == 0, a, 0.1),
}
TWO = {
    "add": lambda np, a, b: a + b,
    "subtract": lambda np, a, b: a - b,
    "multiply": lambda np, a, b: a * b,
    "divide": lambda np, a, b: a / (4.0 + b * b),
    "maximum of real parts": lambda np, a, b: np.where(np.real(a) > np.real(b), a, b),
}
VIEW = {
    "T": lambda np, a: a.T,
    "transpose": lambda np, a: np.transpose(a, (*range(1, a.ndim), 0)) if a.ndim else a,
    "method": lambda np, a: a.transpose(),
    "ravel": lambda np, a: a.ravel(),
    "np.ravel F": lambda np, a: np.ravel(a, "F"),
    "reshape": lambda np, a: a.reshape(-1),
    "reshape 2": lambda np, a: a.reshape((2, -1)) if a.size % 2 == 0 and a.size else a,
    "reshape 3": lambda np, a: np.reshape(a, (-1, 3)) if a.size % 3 == 0 and a.size else a,
    "reshape F": lambda np, a: a.reshape((a.size, 1), order="F"),
    "swapaxes": lambda np, a: a.swapaxes(0, -1) if a.ndim else a,
    "moveaxis": lambda np, a: np.moveaxis(a, 0, -1) if a.ndim else a,
    "squeeze": lambda np, a: np.squeeze(a),
    "expand_dims": lambda np, a: np.expand_dims(a, 0) if a.ndim < 3 else a,
    "flip": lambda np, a: np.flip(a),
    "flipud": lambda np, a: np.flipud(a) if a.ndim else a,
    "rot90": lambda np, a: np.rot90(a) if a.ndim == 2 else a,
    "asarray": lambda np, a: np.asarray(a),
    "atleast_2d": lambda np, a: np.atleast_2d(a),
    "real": lambda np, a: a.view() if a.dtype.kind == "c" else a.real,
    "view": lambda np, a: a.view(),
    "rows": lambda np, a: list(a)[-1] if a.ndim > 1 and len(a) else a,
    "split": lambda np, a: np.array_split(a, 2)[0] if a.ndim and len(a) else a,
    "diagonal": lambda np, a: np.diagonal(a) if a.ndim == 2 else a,
    "broadcast_to": lambda np, a: np.broadcast_to(a, (2, *a.shape)) if a.ndim < 3 else a,
    "diag": lambda np, a: np.diag(a) if a.ndim == 2 else a,
    "all": lambda np, a: a[...],
}


@st.composite
def basic_indices(draw, shape):
    """An index of integers, slices, new axes and an ellipsis."""
    items = []
    rest = list(shape)
    while rest and draw(st.integers(0, 3)):
        n = rest[0]
        kind = draw(st.sampled_from(["slice", "slice", "integer", "newaxis"]))
        if kind == "newaxis" and len(items) < 4:
            items.append(None)
            continue
        rest.pop(0)
        if kind == "integer" and n:
            items.append(draw(st.integers(-n, n - 1)))
        else:
            ends = st.one_of(st.none(), st.integers(-n - 1, n + 1))
            items.append(slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, -1, -2]))))
    if draw(st.integers(0, 4)) == 0:
        items.insert(draw(st.integers(0, len(items))) if not rest else len(items), Ellipsis)
    if len(items) == 1 and draw(st.booleans()):
        return items[0]
    return tuple(items)


@st.composite
def indices(draw, shape):
    """Any index into an array of a shape."""
    kind = draw(st.sampled_from(["basic", "basic", "basic", "fancy", "mask", "rows"]))
    if not shape or 0 in shape or kind == "basic":
        return draw(basic_indices(shape))
    if kind == "mask":
        mask = onp.array(draw(st.lists(st.booleans(), min_size=math.prod(shape), max_size=math.prod(shape)))).reshape(shape)
        return mask if draw(st.booleans()) else mask.any(axis=tuple(range(1, len(shape))))
    places = lambda n: onp.array(draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4)))
    if kind == "rows" or len(shape) == 1:
        axis = draw(st.integers(0, len(shape) - 1))
        return (*(slice(None),) * axis, places(shape[axis])) if axis else places(shape[0])
    first = places(shape[0])
    second = onp.array(draw(st.lists(st.integers(0, shape[1] - 1), min_size=len(first), max_size=len(first))))
    return first, second


def in_place(symbol):
    def update(a, v):
        if symbol == "+":
            a += v
        elif symbol == "-":
            a -= v
        elif symbol == "*":
            a *= v
        elif symbol == "/":
            a /= 4.0 + v * v
        else:
            a **= 2
        return a

    return update


def augmented(symbol):
    def update(a, index, v):
        if symbol == "+":
            a[index] += v
        elif symbol == "-":
            a[index] -= v
        elif symbol == "*":
            a[index] *= v
        elif symbol == "/":
            a[index] /= 4.0 + v * v
        else:
            a[index] **= 2

    return update


SYMBOLS = ["+", "-", "*", "/", "**"]


def broadcasts(shape, to):
    """Whether an array of a shape can be assigned to a part of another shape."""
    try:
        return onp.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


# ---- what the arrays are compared by ----------------------------------------------------------------------------------------


def seen(x):
    """The plain value of an array, without asking for it in a way that changes its state."""
    if type(x) is Written:
        x = x._seen()
    return all_values(x)


class World:
    """Arrays by name, under an open trace (or none), and how to compare them."""

    def __init__(self, kind):
        self.kind = kind
        self.np = onp if kind == "plain" else anp
        self.traces = []
        self.env = {"x": self.argument(X, 0), "u": self.argument(U, 1)}

    def argument(self, a, k):
        a = a.copy()
        kinds = {"plain": [], "reverse": [ReverseTrace], "forward": [ForwardTrace]}
        kinds |= {"nested": [ReverseTrace, ReverseTrace], "mixed": [ReverseTrace, ForwardTrace], "batch": [lambda: BatchTrace(2)]}
        for i, make in enumerate(kinds[self.kind]):
            if k == 0:
                self.traces.append(make().__enter__())
            trace = self.traces[i]
            if type(trace) is ReverseTrace:
                a = made(ArrayBox, a, trace, root())
            elif type(trace) is ForwardTrace:
                a = made(ArrayBox, a, trace, V[k].copy())
            else:
                a = trace.box(onp.stack([a, a]))
        return a

    def run(self, operation):
        """Carry out an operation; what it raises is returned."""
        try:
            operation(self.np, self.env)
        except Exception as error:  # noqa: BLE001 - compared with NumPy's
            return error
        return None

    def close(self):
        for trace in reversed(self.traces):
            trace.__exit__(None, None, None)


class Programs(RuleBasedStateMachine):
    """The machine. The plain world decides what can be done; the others must follow."""

    kinds = ("reverse", "forward", "nested", "mixed", "batch")

    def __init__(self):
        super().__init__()
        self.program = []
        self.plain = World("plain")
        self.worlds = [World(k) for k in self.kinds]
        self.count = 0
        self.steps = 0
        self.failed = False

    # -- carrying out ------------------------------------------------------------------------------------------

    def do(self, operation, *, fails=False):
        """An operation in all worlds; with `fails`, it may raise, and then must everywhere."""
        self.failed = True  # until it has gone well
        probe = World("plain")
        probe.env = rebuilt(self.plain.env)
        error = probe.run(operation)
        if error is not None and not fails:
            raise error
        if error is None and any(onp.size(v) and onp.max(onp.abs(v)) > LARGEST for v in probe.env.values()):
            self.failed = False
            return  # too large for differences to be accurate
        assert type(self.plain.run(operation)) is type(error)
        for world in self.worlds:
            got = world.run(operation)
            assert (got is None) == (error is None), (world.kind, got, error)
            assert error is None or isinstance(got, type(error)), (world.kind, got, error)
        self.program.append((operation, error is not None))
        self.steps += 1

    def name(self, data, *, arrays=True):
        names = [k for k, v in self.plain.env.items() if not arrays or isinstance(v, onp.ndarray)]
        return data.draw(st.sampled_from(sorted(names)), "array")

    def new(self, data):
        """A name for a result: a new one, or one that is given up."""
        names = sorted(self.plain.env)
        if len(names) > 7 and data.draw(st.booleans()):
            name = data.draw(st.sampled_from([n for n in names if n not in "xu"]), "instead of")
        else:
            name = f"a{self.count}"
            self.count += 1
        return name

    def value_for(self, data, shape, *, overlapping=True):
        """What can be assigned to a part of some shape, as a function of the namespace and the arrays.

        It may look at the memory that is written to, except where NumPy itself does not look out for that.
        """
        fitting = sorted(k for k, v in self.plain.env.items() if broadcasts(onp.shape(v), shape))
        kinds = ["number", "constant", "element"] + (["array", "array", "expression"] if fitting else [])
        kind = data.draw(st.sampled_from(kinds), "value")
        if kind == "number":
            c = data.draw(st.sampled_from([0.0, 1.0, -0.5, 2]))
            return lambda np, env: c
        if kind == "constant":
            keep = data.draw(st.integers(0, len(shape)))
            part = tuple(n if data.draw(st.booleans()) else 1 for n in shape[len(shape) - keep :])
            c = onp.linspace(-0.8, 0.9, math.prod(part)).reshape(part)
            return lambda np, env: c
        if kind == "element":
            i = data.draw(st.integers(0, 3))
            return lambda np, env: env["u"][i] * env["x"][0, i]
        name = data.draw(st.sampled_from(fitting), "from")
        if kind == "array":
            return (lambda np, env: env[name]) if overlapping else (lambda np, env: env[name] * 1.0)
        return lambda np, env: np.sin(env[name])

    # -- rules ---------------------------------------------------------------------------------------------------

    @rule(data=st.data(), how=st.sampled_from(sorted(CREATE)), shape=st.sampled_from(SHAPES))
    def create(self, data, how, shape):
        new = self.new(data)
        self.do(lambda np, env: env.__setitem__(new, CREATE[how](Maker(np, env), shape)))

    @rule(data=st.data(), how=st.sampled_from(sorted(ONE)))
    def compute(self, data, how):
        a, new = self.name(data), self.new(data)
        if self.plain.env[a].size < 40 and (how != "sorted" or are_distinct(self.plain.env[a], -1)):
            self.do(lambda np, env: env.__setitem__(new, ONE[how](np, env[a])))

    @rule(data=st.data(), how=st.sampled_from(sorted(TWO)))
    def combine(self, data, how):
        a, b, new = self.name(data), self.name(data, arrays=False), self.new(data)
        try:
            shape = onp.broadcast_shapes(onp.shape(self.plain.env[a]), onp.shape(self.plain.env[b]))
        except ValueError:
            return
        if how.startswith("maximum") and onp.any(onp.abs(self.plain.env[a] - self.plain.env[b]) < 1e-3):
            return
        if math.prod(shape) < 60:
            self.do(lambda np, env: env.__setitem__(new, TWO[how](np, env[a], env[b])))

    @rule(data=st.data(), how=st.sampled_from(sorted(VIEW)))
    def view(self, data, how):
        a, new = self.name(data), self.new(data)
        self.do(lambda np, env: env.__setitem__(new, VIEW[how](np, env[a])))

    @rule(data=st.data())
    def part(self, data):
        a, new = self.name(data), self.new(data)
        index = data.draw(basic_indices(self.plain.env[a].shape), "index")
        self.do(lambda np, env: env.__setitem__(new, env[a][index]))

    @rule(data=st.data())
    def selection(self, data):
        a, new = self.name(data), self.new(data)
        index = data.draw(indices(self.plain.env[a].shape), "index")
        self.do(lambda np, env: env.__setitem__(new, env[a][index]))

    @rule(data=st.data())
    def same(self, data):
        a, new = self.name(data), self.new(data)
        self.do(lambda np, env: env.__setitem__(new, env[a]))

    @precondition(lambda self: len(self.plain.env) > 4)
    @rule(data=st.data())
    def forget(self, data):
        names = sorted(k for k in self.plain.env if k not in "xu")
        name = data.draw(st.sampled_from(names), "forgotten")
        self.do(lambda np, env: env.pop(name))

    @rule(data=st.data())
    def assign(self, data):
        a = self.name(data)
        index = data.draw(indices(self.plain.env[a].shape), "index")
        value = self.value_for(data, onp.shape(self.plain.env[a][index]))
        self.do(lambda np, env: env[a].__setitem__(index, value(np, env)), fails=True)

    @rule(data=st.data(), symbol=st.sampled_from(SYMBOLS))
    def assign_in_place(self, data, symbol):
        a = self.name(data)
        index = data.draw(indices(self.plain.env[a].shape), "index")
        value = self.value_for(data, onp.shape(self.plain.env[a][index]))
        self.do(lambda np, env: augmented(symbol)(env[a], index, value(np, env)), fails=True)

    @rule(data=st.data(), symbol=st.sampled_from(SYMBOLS))
    def update(self, data, symbol):
        a = self.name(data)
        value = self.value_for(data, self.plain.env[a].shape)
        self.do(lambda np, env: in_place(symbol)(env[a], value(np, env)), fails=True)

    @rule(data=st.data(), how=st.sampled_from(["add", "multiply", "subtract"]))
    def into(self, data, how):
        a = self.name(data)
        shape = self.plain.env[a].shape
        b, c = self.value_for(data, shape), self.value_for(data, shape)
        masked = data.draw(st.booleans())
        options = {"where": onp.arange(math.prod(shape)).reshape(shape) % 2 == 0} if masked else {}
        self.do(lambda np, env: getattr(np, how)(typed(env, b(np, env)), c(np, env), out=env[a], **options), fails=True)

    @rule(data=st.data(), how=st.sampled_from(["copyto", "copyto where", "fill", "T", "flat all", "flat part", "flat", "put", "place", "putmask"]))
    def overwrite(self, data, how):
        a = self.name(data)
        array = self.plain.env[a]
        shape, size = array.shape, array.size
        mask = onp.arange(size).reshape(shape) % 3 == 0
        if how in ("copyto", "copyto where"):
            value = self.value_for(data, shape, overlapping=array.flags.writeable)  # an array onto itself is not even looked at
            where = mask if how.endswith("where") else True
            self.do(lambda np, env: np.copyto(env[a], value(np, env), where=where), fails=True)
        elif how == "fill":
            value = self.value_for(data, ())
            self.do(lambda np, env: env[a].fill(value(np, env)), fails=True)
        elif how == "T":
            value = self.value_for(data, shape[::-1])
            self.do(lambda np, env: env[a].T.__setitem__(Ellipsis, value(np, env)), fails=True)
        elif how == "flat all":
            value = self.value_for(data, ())
            self.do(lambda np, env: env[a].flat.__setitem__(Ellipsis if size else slice(None), value(np, env)), fails=True)
        elif how == "flat":
            value = self.value_for(data, (2,), overlapping=False)
            self.do(lambda np, env: setattr(env[a], "flat", value(np, env)), fails=True)
        elif size:
            positions = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4, unique=True), "positions")
            value = self.value_for(data, (len(positions),), overlapping=False)
            if how == "flat part":
                self.do(lambda np, env: env[a].flat.__setitem__(positions, value(np, env)), fails=True)
            elif how == "put":
                self.do(lambda np, env: np.put(env[a], positions, value(np, env)), fails=True)
            else:
                self.do(lambda np, env: getattr(np, how)(env[a], mask, np.reshape(value(np, env), -1)), fails=True)

    @rule(data=st.data(), how=st.sampled_from(["sort", "shape", "partition", "fill_diagonal", "put_along_axis", "add.at", "multiply.at", "real"]))
    def rearrange(self, data, how):
        a = self.name(data)
        array = self.plain.env[a]
        shape, size = array.shape, array.size
        if how == "sort" and array.ndim:
            axis = data.draw(st.sampled_from([-1, 0]))
            if are_distinct(array, axis):
                self.do(lambda np, env: env[a].sort(axis), fails=True)
        elif how == "shape":
            new = data.draw(st.sampled_from([(-1,), (size,), (2, -1), (1, *shape)]), "new shape")
            self.do(lambda np, env: set_shape(env[a], new), fails=True)
        elif how == "partition" and array.ndim and shape[-1] and are_distinct(array, -1):
            self.do(lambda np, env: (env[a].partition(0), env[a].sort())[0], fails=True)
        elif how == "fill_diagonal" and array.ndim == 2:
            value = self.value_for(data, ())
            self.do(lambda np, env: np.fill_diagonal(env[a], value(np, env)), fails=True)
        elif how == "put_along_axis" and array.ndim == 2 and size:
            where = onp.argsort(array.real, axis=1)[:, :1]
            value = self.value_for(data, where.shape)
            self.do(lambda np, env: np.put_along_axis(env[a], where, value(np, env), 1), fails=True)
        elif how.endswith(".at") and array.ndim and len(array) and array.flags.writeable:  # NumPy does not look at that
            places = onp.array(data.draw(st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=4), "places"))
            value = self.value_for(data, (len(places), *shape[1:]))
            self.do(lambda np, env: getattr(np, how[:-3]).at(env[a], places, value(np, env)), fails=True)
        elif how == "real":
            value = self.value_for(data, shape)
            self.do(lambda np, env: set_all(env[a], value(np, env)), fails=True)

    # -- what must hold ------------------------------------------------------------------------------------------

    @invariant()
    def all_arrays_are_equal(self):
        self.failed = True
        for world in self.worlds:
            assert world.env.keys() == self.plain.env.keys()
            for name, want in self.plain.env.items():
                assert type(world.env[name]) is not onp.ndarray, (world.kind, name)  # whatever NumPy made can be assigned to
                got = seen(world.env[name])
                if world.kind == "batch" and isinstance(world.env[name], Box) and onp.ndim(got) > onp.ndim(want):
                    assert onp.shape(got) == (2, *onp.shape(want)), (world.kind, name)
                    got = got[1]
                assert onp.shape(got) == onp.shape(want), (world.kind, name, onp.shape(got))
                onp.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12, err_msg=f"{world.kind}: {name}")
        self.failed = False

    def teardown(self):
        for world in self.worlds:
            world.close()
        assert onp.array_equal(X, X0)
        assert onp.array_equal(U, U0)
        STATISTICS["programs"] += 1
        STATISTICS["steps"] += self.steps
        if self.steps and not self.failed:
            check_derivatives(self.program, sorted(self.plain.env))


class Maker:
    """The namespace, which for complex steps makes complex arrays."""

    def __init__(self, np, env):
        self.np = np
        self.complex = onp.iscomplexobj(env["x"]) and np is onp

    def __getattr__(self, name):
        fun = getattr(self.np, name)
        if not self.complex:
            return fun
        return lambda *args, **options: fun(*args, **options).astype(complex)


def are_distinct(a, axis):
    """Whether no two elements along an axis are nearly equal: there sorting has no derivative."""
    return bool(onp.all(onp.diff(onp.sort(a, axis), axis=axis) > 1e-3)) if a.ndim else True


def typed(env, value):
    """A complex value for complex steps: NumPy casts the output array to the dtype of the operands where it leaves it as it was."""
    return onp.asarray(value, complex) if type(env["x"]) is onp.ndarray and onp.iscomplexobj(env["x"]) else value


def set_shape(a, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5
        a.shape = shape


def set_all(a, value):
    """``a.real = value`` of a real array; of a complex one, which stands for it in complex steps, the same for the whole."""
    if onp.iscomplexobj(a) and isinstance(a, onp.ndarray):
        a[...] = value
    else:
        a.real = value


def rebuilt(env):
    """The arrays by name with the same memory layout and sharing, in other memory."""
    memo, out = {}, {}
    for name, a in env.items():
        if not isinstance(a, onp.ndarray):
            out[name] = a
            continue
        owner = a
        while isinstance(owner.base, onp.ndarray):
            owner = owner.base
        if id(owner) not in memo:
            raw = onp.empty(owner.size, owner.dtype)
            copy = onp.ndarray(owner.shape, owner.dtype, raw, 0, owner.strides)
            copy[...] = owner
            memo[id(owner)] = copy, raw
        copy, raw = memo[id(owner)]
        offset = a.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        view = onp.ndarray(a.shape, a.dtype, raw, offset, a.strides)
        view.flags.writeable = a.flags.writeable
        out[name] = view
    return out


X0, U0 = X.copy(), U.copy()
STATISTICS = {"programs": 0, "steps": 0}

# ---- derivatives ------------------------------------------------------------------------------------------------------------


def loss_of(program, names):
    """The program as a function of its arguments that returns a number, and of the namespace."""

    def loss(np, x, u):
        env = {"x": x, "u": u}
        for operation, fails in program:
            try:
                operation(np, env)
            except Exception:
                if not fails:
                    raise
        total = 0.0
        for k, name in enumerate(names):
            a = env[name]
            weights = onp.cos(onp.arange(onp.size(a)).reshape(onp.shape(a)) + k)
            total = total + np.sum(a * weights) + 0.1 * np.sum(a * a)
        return total

    return loss


def derivative_along(loss, x, u, v):
    """d/dh of the loss along `v`, by a complex step through plain NumPy."""
    h = 1e-30
    return onp.imag(loss(onp, x + 1j * h * v[0], u + 1j * h * v[1])) / h


def check_derivatives(program, names):
    loss = loss_of(program, names)
    with onp.errstate(all="ignore"):
        want = derivative_along(loss, X, U, V)
        scale = max(1.0, abs(want))
        f = lambda xs: loss(anp, *xs)
        g = grad(f)((X, U))
        assert abs(sum(onp.sum(a * b) for a, b in zip(g, V, strict=True)) - want) < 1e-9 * scale, "reverse"
        value, tangent = jvp(f, ((X, U),), ((V[0], V[1]),))
        assert abs(tangent - want) < 1e-9 * scale, "forward"
        assert abs(value - loss(onp, X.copy(), U.copy())) < 1e-9 * max(1.0, abs(value))
        second, error = extrapolated(lambda h: derivative_along(loss, X + h * W[0], U + h * W[1], V))
        if error < 1e-6 * max(1.0, abs(second)):  # else a value-dependent choice is too near
            slope = lambda xs: sum(anp.sum(a * b) for a, b in zip(grad(f)(xs), V, strict=True))
            twice = grad(slope)((X, U))
            got = sum(onp.sum(a * b) for a, b in zip(twice, W, strict=True))
            assert abs(got - second) < 1e-5 * max(1.0, abs(second)), "reverse over reverse"
            got = jvp(slope, ((X, U),), ((W[0], W[1]),))[1]
            assert abs(got - second) < 1e-5 * max(1.0, abs(second)), "forward over reverse"
            along = lambda xs: jvp(f, (xs,), ((V[0], V[1]),))[1]
            got = sum(onp.sum(a * b) for a, b in zip(grad(along)((X, U)), W, strict=True))
            assert abs(got - second) < 1e-5 * max(1.0, abs(second)), "reverse over forward"
    assert onp.array_equal(X, X0)


def extrapolated(phi):
    """The derivative of `phi` at zero and the estimate of its error."""
    d = [(phi(h) - phi(-h)) / (2 * h) for h in (4e-3, 2e-3, 1e-3)]
    first = [(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3]
    best = (16 * first[1] - first[0]) / 15
    return best, abs(best - first[1])


# ---- running it -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_random_programs_of_views_and_writes():
    run_programs(max(1, STEPS // PER_RUN) if STEPS else 25)
    while STATISTICS["steps"] < STEPS:  # operations that would have made numbers too large were not counted
        run_programs(10)
    if STEPS:
        print(STATISTICS)  # noqa: T201


def run_programs(count):
    run_state_machine_as_test(
        Programs,
        settings=settings(
            max_examples=count,
            stateful_step_count=PER_RUN,
            deadline=None,
            derandomize=not STEPS,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, *([] if os.environ.get("NOSHRINK") else [Phase.shrink])],
            report_multiple_bugs=False,
        ),
    )
