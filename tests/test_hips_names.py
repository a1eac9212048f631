"""The public names of HIPS autograd 1.9: that each exists under its module, and that it means the same."""

import importlib
import math
import types

import numpy as onp
import pytest

import autograd_clone
import autograd_clone.numpy as np
from autograd_clone import core, deriv, elementwise_grad, grad, jacobian
from autograd_clone.numpy import numpy_jvps, numpy_vjps, numpy_wrapper
from autograd_clone.test_util import check_grads

#: Module below the package -> names that programs written for HIPS autograd take from it.
NAMES = {
    "": (
        "checkpoint deriv dict elementwise_grad grad grad_and_aux grad_named hessian hessian_tensor_product "
        "hessian_vector_product holomorphic_grad isinstance jacobian list make_ggnvp make_hvp make_jvp "
        "make_jvp_reversemode make_vjp multigrad_dict primitive tensor_jacobian_product tuple value_and_grad "
        "vector_jacobian_product"
    ),
    "builtins": (
        "DictBox DictVSpace ListVSpace NamedTupleVSpace SequenceBox SequenceVSpace TupleVSpace container_take "
        "container_untake dict isinstance list make_sequence tuple type"
    ),
    "core": (
        "JVPNode SparseBox SparseObject VJPNode VSpace add_outgrads backward_pass def_linear defjvp "
        "defjvp_argnum defjvp_argnums defvjp defvjp_argnum defvjp_argnums getval make_jvp make_vjp primitive "
        "primitive_jvps primitive_vjps sparse_add sum_outgrads vspace"
    ),
    "differential_operators": (
        "_make_vjp elementwise_grad hessian jacobian make_hvp make_jvp make_jvp_reversemode make_vjp "
        "tensor_jacobian_product unary_to_nary vspace"
    ),
    "extend": (
        "Box JVPNode SparseObject VJPNode VSpace def_linear defjvp defjvp_argnum defjvp_argnums defvjp "
        "defvjp_argnum defvjp_argnums notrace_primitive primitive register_notrace vspace"
    ),
    "misc": "const_graph flatten",
    "misc.fixed_points": "fixed_point",
    "misc.flatten": "flatten flatten_func",
    "misc.optimizers": "adam rmsprop sgd unflatten_optimizer",
    "misc.tracers": "const_graph const_graph_unary full_graph",
    "numpy": (
        "abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh arctan "
        "arctan2 arctanh argmax argmin argsort argwhere array array2string array_equal array_split asarray "
        "ascontiguousarray astype atleast_1d atleast_2d atleast_3d average bincount broadcast "
        "broadcast_arrays broadcast_shapes broadcast_to c_ ceil clip clongdouble column_stack complex128 "
        "complex64 complexfloating concatenate conj conjugate copy cos cosh count_nonzero cov cross cumprod "
        "cumsum deg2rad degrees delete diag diag_indices diagonal diff divide dot dsplit dtype e einsum empty "
        "empty_like equal errstate exp exp2 expand_dims expm1 eye fabs fill_diagonal finfo flatnonzero flip "
        "fliplr flipud float16 float32 float64 floating floor fmax fmin full full_like gradient greater "
        "greater_equal hsplit hstack hypot identity imag inf inner insert int16 int32 int64 int8 integer "
        "interp isclose iscomplex iscomplexobj isfinite isin isinf isnan isneginf isposinf isreal isrealobj "
        "isscalar issubdtype ix_ kron less less_equal lexsort linspace load log log10 log1p log2 logaddexp "
        "logaddexp2 logical_and logical_not logical_or logical_xor logspace longdouble make_diagonal matmul "
        "max maximum mean median meshgrid min minimum mod moveaxis multiply nan nan_to_num nanmax nanmean "
        "nanmedian nanstd ndarray ndenumerate ndim ndindex negative nextafter nonzero not_equal ones "
        "ones_like outer pad partition percentile permute_dims pi polyfit power prod ptp quantile r_ rad2deg "
        "radians ravel ravel_multi_index real real_if_close reciprocal remainder repeat reshape roll rollaxis "
        "rot90 round row_stack savez searchsorted select setdiff1d seterr shape sign sin sinc sinh size sort "
        "split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot "
        "tile trace transpose trapezoid tril tril_indices trim_zeros triu triu_indices true_divide uint8 "
        "unique unravel_index unwrap var vectorize vsplit vstack where zeros zeros_like"
    ),
    "numpy.fft": "fft fft2 fftn fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn rfft rfft2 rfftn",
    "numpy.linalg": (
        "LinAlgError T _dot cholesky det eig eigh eigvals eigvalsh inv lstsq matrix_power matrix_rank norm "
        "pinv qr slogdet solve svd"
    ),
    "numpy.numpy_boxes": "ArrayBox",
    "numpy.numpy_jvps": "broadcast",
    "numpy.numpy_vjps": (
        "balanced_eq dot_adjoint_0 dot_adjoint_1 match_complex repeat_to_match_shape replace_zero unbroadcast "
        "unbroadcast_f untake"
    ),
    "numpy.numpy_vspaces": "ArrayVSpace ComplexArrayVSpace",
    "numpy.numpy_wrapper": (
        "_astype array_from_args concatenate_args make_diagonal metadata notrace_functions wrap_intdtype "
        "wrap_namespace"
    ),
    "numpy.random": (
        "Generator RandomState choice default_rng exponential gamma multivariate_normal normal permutation "
        "poisson rand randint randn random seed uniform vonmises"
    ),
    "scipy.integrate": "odeint",
    "scipy.linalg": (
        "block_diag cholesky_banded expm fractional_matrix_power logm polar solve_banded solve_sylvester "
        "solve_triangular solveh_banded sqrtm"
    ),
    "scipy.signal": "convolve",
    "scipy.special": (
        "beta betainc betaln digamma erf erfc erfcinv erfinv expit gamma gammainc gammaincc gammaln gammasgn "
        "i0 i1 iv ive j0 j1 jn logit logsumexp multigammaln polygamma psi rgamma y0 y1 yn"
    ),
    "scipy.stats": "beta chi2 dirichlet gamma multivariate_normal norm poisson t",
    "scipy.stats.beta": "cdf logpdf pdf",
    "scipy.stats.chi2": "cdf logpdf pdf",
    "scipy.stats.dirichlet": "logpdf pdf rvs",
    "scipy.stats.gamma": "cdf logpdf pdf",
    "scipy.stats.multivariate_normal": "entropy logpdf pdf",
    "scipy.stats.norm": "cdf logcdf logpdf logsf pdf sf",
    "scipy.stats.poisson": "cdf logpmf pmf",
    "scipy.stats.t": "cdf logcdf logpdf pdf",
    "test_util": (
        "check_equivalent check_grads check_jvp check_vjp combo_check make_numerical_jvp scalar_close"
    ),
    "tracer": (
        "Box Node TraceStack box_types find_top_boxed_args getval isbox new_box notrace_primitive "
        "notrace_primitives primitive register_notrace toposort trace trace_primitives_map trace_stack"
    ),
    "util": "func quick_grad_check subval subvals toposort",
    "wrap_util": "get_doc get_name unary_to_nary wrap_nary_f wraps",
}


def _found(module_name, name):
    module = importlib.import_module(module_name)
    return getattr(module, name) if hasattr(module, name) else importlib.import_module(f"{module_name}.{name}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", NAMES)
def test_every_name_of_the_contract_exists(module):
    full = f"autograd_clone.{module}" if module else "autograd_clone"
    missing = [name for name in NAMES[module].split() if _found(full, name) is None]
    assert not missing


# ---- the NumPy namespace ------------------------------------------------------------------------------------


def test_star_import_brings_the_namespace():
    space = {}
    exec("from autograd_clone.numpy import *", space)
    for name in ("sin", "array", "float64", "newaxis", "pi", "linalg", "fft", "random", "sum", "make_diagonal"):
        assert space[name] is getattr(np, name)


def test_types_are_numpys_own():
    for name in ("ndarray", "float64", "float32", "complex128", "dtype", "generic", "bool_", "uint8"):
        assert getattr(np, name) is getattr(onp, name)
    assert np.__version__ == onp.__version__
    assert issubclass(np.ndarray, onp.ndarray)
    assert np.linalg.LinAlgError is onp.linalg.LinAlgError
    assert np.testing is onp.testing


def test_the_namespaces_can_be_iterated():
    for module in (np, np.linalg, np.fft, np.random):
        functions = [n for n, f in module.__dict__.items() if callable(f) and not isinstance(f, type)]
        assert len(functions) > 10
    assert {"numpy_boxes", "numpy_vjps", "numpy_jvps", "numpy_vspaces", "numpy_wrapper"} <= set(dir(np))
    assert isinstance(np.numpy_vjps, types.ModuleType)


def test_integer_dtypes_make_plain_integers():
    seen = []

    def f(x):
        seen.append(np.int64(x))
        seen.append(np.int32(x[0]))
        return np.sum(onp.ones(4)[np.int64(x)] * x)

    assert list(grad(f)(onp.array([1.5, 2.5]))) == [1.0, 1.0]
    assert seen[0].dtype == np.int64
    assert type(seen[0]) is onp.ndarray
    assert seen[1] == 1
    assert onp.zeros(1, np.int64).dtype == onp.int64
    assert isinstance(onp.int64(1), np.int64)
    assert issubclass(np.int64, onp.integer)
    assert onp.dtype(np.int64) is onp.dtype(onp.int64)
    assert {onp.int64: "same"}[np.int64] == "same"


@pytest.mark.parametrize(
    ("args", "kind", "value"),
    [
        ((True, 1, 2), int, 1), ((True, 3.0, 4.0), float, 3.0), ((False, 1, 2.0), float, 2.0),
        ((True, [1, 2], [3, 4]), list, [1, 2]), ((False, "a", "b"), str, "b"),
    ],
)  # fmt: skip
def test_where_of_python_values_stays_python(args, kind, value):
    assert type(np.where(*args)) is kind
    assert np.where(*args) == value


def test_where_in_all_its_forms():
    x = onp.array([1.0, -2.0])
    onp.testing.assert_array_equal(np.where(x > 0)[0], [0])
    onp.testing.assert_array_equal(np.where(condition=x > 0, x=x, y=0.0), [1.0, 0.0])
    onp.testing.assert_array_equal(np.where([True, False], x, 0.0), [1.0, 0.0])
    assert np.where(True, onp.float32(1), onp.float64(2)).dtype == onp.float64
    for given in ({"x": x}, {"y": x}):
        with pytest.raises(ValueError, match="either both or neither of x and y should be given"):
            np.where(x > 0, **given)
    onp.testing.assert_array_equal(grad(lambda x: np.sum(np.where(condition=x > 0, x=x * x, y=0.0)))(x), [2.0, 0.0])
    assert grad(lambda t: np.where(True, t, 2.0))(3.0) == 1.0
    assert grad(lambda t: np.where(False, t, t * t))(3.0) == 6.0


def test_joins_take_iterators():
    x = onp.array([1.0, 2.0])
    onp.testing.assert_array_equal(np.stack(v * 2 for v in x), [2.0, 4.0])
    onp.testing.assert_array_equal(np.concatenate(iter([x, x]), 0), [1.0, 2.0, 1.0, 2.0])
    onp.testing.assert_array_equal(jacobian(lambda x: np.stack(map(np.sin, x)))(x), onp.diag(onp.cos(x)))
    onp.testing.assert_array_equal(jacobian(lambda x: np.concatenate(v[None] * 3 for v in x))(x), 3 * onp.eye(2))
    onp.testing.assert_array_equal(np.row_stack([x, x]), [[1.0, 2.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="need at least one array"):
        np.stack([])


def test_joins_take_one_traced_array():
    x = onp.arange(6.0).reshape(3, 2)
    for join in (np.vstack, np.hstack, np.column_stack, np.row_stack):
        assert elementwise_grad(lambda x, join=join: join(x) ** 2)(x).tolist() == (2 * x).tolist()


# ---- helpers of rule writers --------------------------------------------------------------------------------


def test_metadata():
    assert numpy_wrapper.metadata(onp.ones((2, 3))) == ((2, 3), 2, onp.float64, False)
    assert numpy_wrapper.metadata(1j) == ((), 0, onp.complex128, True)
    seen = []
    grad(lambda x: seen.append(numpy_wrapper.metadata(x)) or np.sum(x))(onp.ones(3))
    assert seen == [((3,), 1, onp.float64, False)]


def test_unbroadcast():
    meta = numpy_wrapper.metadata
    g = onp.arange(6.0).reshape(2, 3)
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast(g, meta(onp.ones(3))), [3.0, 5.0, 7.0])
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast(g, meta(onp.ones((2, 1)))), [[3.0], [12.0]])
    assert numpy_vjps.unbroadcast(g, meta(2.0)) == 15.0
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast(g, meta(onp.ones(2)), -1), [3.0, 12.0])
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast(g + 1j, meta(g)), g)
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast(g, meta(g + 1j)), g)
    onp.testing.assert_array_equal(numpy_vjps.unbroadcast_f(onp.ones(3), lambda g: 2 * g)(g), [6.0, 10.0, 14.0])
    check_grads(lambda g: numpy_vjps.unbroadcast(g, meta(onp.ones((2, 1)))))(g)


def test_ties_zeros_and_realness():
    x = onp.array([1.0, 2.0, 0.0])
    onp.testing.assert_array_equal(numpy_vjps.balanced_eq(x, onp.maximum(x, 1.0), 1.0), [0.5, 1.0, 0.0])
    onp.testing.assert_array_equal(numpy_vjps.replace_zero(x, 7.0), [1.0, 2.0, 7.0])
    assert numpy_vjps.match_complex(1j, x).dtype == onp.complex128
    assert numpy_vjps.match_complex(x, x + 1j).dtype == onp.float64
    assert numpy_vjps.match_complex(x, x) is x


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_repeat_to_match_shape(axis, keepdims):
    x = onp.ones((2, 3, 4))
    g = onp.sum(x, axis=axis, keepdims=keepdims)
    out, n = numpy_vjps.repeat_to_match_shape(g, x.shape, x.dtype, axis, keepdims)
    assert out.shape == x.shape
    assert n == x.size / g.size
    assert onp.all(out == n)


SHAPES = [((), ()), ((), (3,)), ((3,), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((4, 2, 3), (3, 2))]
SHAPES += [((2, 3), (5, 3, 2)), ((4, 2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((4, 2, 3), (3,)), ((2, 3), ()), ((), (2, 3))]


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_adjoints_of_dot(a_shape, b_shape, kind):
    rng = onp.random.default_rng(0)
    draw = lambda shape: (rng.normal(size=shape) + (1j * rng.normal(size=shape) if kind is complex else 0.0)).astype(kind)
    a, b = draw(a_shape), draw(b_shape)
    g = draw(onp.dot(a, b).shape)
    metas = numpy_wrapper.metadata(a), numpy_wrapper.metadata(b)
    for got, like, term in (
        (numpy_vjps.dot_adjoint_0(b, g, *metas), a, lambda t: onp.dot(t, b)),
        (numpy_vjps.dot_adjoint_1(a, g, *metas), b, lambda t: onp.dot(a, t)),
    ):
        assert onp.shape(got) == like.shape
        t = draw(like.shape)
        onp.testing.assert_allclose(onp.sum(got * t), onp.sum(g * term(t)), rtol=1e-12)


def test_untake_is_sparse_and_differentiable():
    space = core.vspace(onp.zeros((2, 3)))
    made = numpy_vjps.untake(onp.array([5.0, 6.0]), (onp.array([0, 0]), onp.array([1, 1])), space)
    assert isinstance(made, core.SparseObject)
    onp.testing.assert_array_equal(core.sparse_add(space, None, made), [[0, 11.0, 0], [0, 0, 0]])
    check_grads(lambda g: core.sparse_add(space, None, numpy_vjps.untake(g, (0, slice(None)), space)))(onp.ones(3))


def test_broadcast_of_tangents():
    onp.testing.assert_array_equal(numpy_jvps.broadcast(2.0, onp.ones(3)), [2.0, 2.0, 2.0])
    assert numpy_jvps.broadcast(2.0, onp.ones(3, complex)).dtype == onp.complex128


def test_arrays_from_arguments():
    onp.testing.assert_array_equal(numpy_wrapper.array_from_args((onp.float32,), {"ndmin": 2}, 1, 2), [[1.0, 2.0]])
    assert grad(lambda x: np.sum(numpy_wrapper.array_from_args((), {}, x, x * x)))(3.0) == 7.0
    assert grad(lambda x: np.sum(numpy_wrapper.concatenate_args(0, x, x) ** 2))(onp.ones(2)).tolist() == [4.0, 4.0]
    assert grad(lambda x: numpy_wrapper._astype(x, onp.float32) * 2.0)(3.0) == 2.0
    onp.testing.assert_array_equal(numpy_wrapper.make_diagonal(onp.ones(2), offset=0, axis1=-1, axis2=-2), onp.eye(2))
    assert onp.ndim in numpy_wrapper.notrace_functions


def test_wrapping_a_namespace():
    def square(x):
        return x**2

    old = {"square": square, "also": square, "sine": onp.sin, "total": onp.sum, "pi": 3.0, "n": 3, "nothing": None,
           "cls": dict, "__name__": "old", "table": {}, "int64": onp.int64, "log": math.log}  # fmt: skip
    space = {"__name__": "new"}
    numpy_wrapper.wrap_namespace(old, space)
    assert space["square"] is space["also"]
    assert space["square"] is not square
    assert space["square"].fun is square
    assert (space["pi"], space["n"], space["nothing"], space["cls"]) == (3.0, 3, None, dict)
    assert space["__name__"] == "new"
    assert "table" not in space
    assert space["int64"](2.5) == 2
    assert space["log"](1.0) == 0.0
    core.defvjp(space["square"], lambda ans, x: lambda g: g * 2 * x)
    assert grad(space["square"])(3.0) == 6.0
    assert grad(space["sine"])(0.0) == 1.0
    assert grad(lambda x: space["total"]([x, x]))(0.0) == 2.0


# ---- other modules ------------------------------------------------------------------------------------------


def test_names_of_one_thing_are_one_thing():
    from autograd_clone import builtins, differential_operators, extend, misc, tracer, util, wrap_util
    from autograd_clone.numpy.numpy_boxes import ArrayBox

    assert differential_operators._make_vjp is core.make_vjp
    assert core.primitive_vjps is not core.primitive_jvps
    assert extend.defvjp is core.defvjp
    assert extend.VJPNode is core.VJPNode
    assert extend.Box is tracer.Box
    assert util.toposort is tracer.toposort
    assert util.func(len) is len
    assert tracer.box_types is tracer.Box.types
    assert issubclass(ArrayBox, tracer.Box)
    assert misc.flatten({"a": 1.0})[0].tolist() == [1.0]
    assert importlib.import_module("autograd_clone.misc.flatten").flatten is misc.flatten
    assert wrap_util.get_name(lambda x: x) == "<lambda>"
    assert wrap_util.get_name(types.SimpleNamespace()) == "[unknown name]"
    assert builtins.dict([("a", 1)], b=2) == autograd_clone.dict({"a": 1}, b=2)
    assert builtins.isinstance((1,), builtins.tuple)
    assert type(builtins.list((1, 2))) is list


def test_checks_of_type_look_into_boxes():
    from autograd_clone.builtins import isinstance as ag_isinstance
    from autograd_clone.builtins import type as ag_type

    def f(x):
        assert ag_isinstance(x["a"], onp.ndarray)
        assert ag_isinstance(x, (dict, list))
        assert ag_type(x) is dict
        assert ag_type(x["b"]) in (float, onp.float64)
        return np.sum(x["a"]) * x["b"]

    assert grad(f)({"a": onp.ones(2), "b": 3.0})["b"] == 2.0


def test_names_and_docstrings_of_transforms():
    def foo(x):
        """Of foo."""
        return x

    assert grad(foo, 1).__name__ == "grad_of_foo_wrt_argnum_1"
    assert autograd_clone.value_and_grad(foo, (0,)).__name__ == "value_and_grad_of_foo_wrt_argnum_(0,)"
    assert grad(foo).__doc__.startswith("    grad of function foo with")
    assert grad.__name__ == "grad"
    assert grad.__doc__.strip().startswith("Returns a function which")
    assert deriv(lambda x: x * x)(3.0) == 6.0
