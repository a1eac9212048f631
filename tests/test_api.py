"""The names that programs written for HIPS autograd import, module by module."""

import importlib
import subprocess
import sys

import numpy as onp
import pytest

NAMES = {
    "autograd_clone": """
        checkpoint deriv dict elementwise_grad grad grad_and_aux grad_named hessian hessian_tensor_product
        hessian_vector_product holomorphic_grad isinstance jacobian list make_ggnvp make_hvp make_jvp
        make_jvp_reversemode make_vjp multigrad_dict primitive tensor_jacobian_product tuple
        value_and_grad vector_jacobian_product
    """,
    "autograd_clone.builtins": """
        DictBox DictVSpace ListVSpace NamedTupleVSpace SequenceBox SequenceVSpace TupleVSpace
        container_take container_untake dict isinstance list make_sequence tuple type
    """,
    "autograd_clone.core": """
        JVPNode SparseBox SparseObject VJPNode VSpace add_outgrads backward_pass def_linear defjvp
        defjvp_argnum defjvp_argnums defvjp defvjp_argnum defvjp_argnums getval make_jvp make_vjp
        primitive primitive_jvps primitive_vjps sparse_add sum_outgrads vspace
    """,
    "autograd_clone.differential_operators": """
        _make_vjp elementwise_grad hessian jacobian make_hvp make_jvp make_jvp_reversemode make_vjp
        tensor_jacobian_product unary_to_nary vspace
    """,
    "autograd_clone.extend": """
        Box JVPNode SparseObject VJPNode VSpace def_linear defjvp defjvp_argnum defjvp_argnums defvjp
        defvjp_argnum defvjp_argnums notrace_primitive primitive register_notrace vspace
    """,
    "autograd_clone.misc": """
        const_graph flatten
    """,
    "autograd_clone.misc.fixed_points": """
        fixed_point
    """,
    "autograd_clone.misc.flatten": """
        flatten flatten_func
    """,
    "autograd_clone.misc.optimizers": """
        adam rmsprop sgd unflatten_optimizer
    """,
    "autograd_clone.misc.tracers": """
        const_graph const_graph_unary full_graph
    """,
    "autograd_clone.numpy": """
        abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh
        arctan arctan2 arctanh argmax argmin argsort argwhere array array2string array_equal array_split
        asarray ascontiguousarray astype atleast_1d atleast_2d atleast_3d average bincount broadcast
        broadcast_arrays broadcast_shapes broadcast_to c_ ceil clip clongdouble column_stack complex128
        complex64 complexfloating concatenate conj conjugate copy cos cosh count_nonzero cov cross cumprod
        cumsum deg2rad degrees delete diag diag_indices diagonal diff divide dot dsplit dtype e einsum
        empty empty_like equal errstate exp exp2 expand_dims expm1 eye fabs fill_diagonal finfo
        flatnonzero flip fliplr flipud float16 float32 float64 floating floor fmax fmin full full_like
        gradient greater greater_equal hsplit hstack hypot identity imag inf inner insert int16 int32
        int64 int8 integer interp isclose iscomplex iscomplexobj isfinite isin isinf isnan isneginf
        isposinf isreal isrealobj isscalar issubdtype ix_ kron less less_equal lexsort linspace load log
        log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace
        longdouble make_diagonal matmul max maximum mean median meshgrid min minimum mod moveaxis multiply
        nan nan_to_num nanmax nanmean nanmedian nanstd ndarray ndenumerate ndim ndindex negative nextafter
        nonzero not_equal ones ones_like outer pad partition percentile permute_dims pi polyfit power prod
        ptp quantile r_ rad2deg radians ravel ravel_multi_index real real_if_close reciprocal remainder
        repeat reshape roll rollaxis rot90 round row_stack savez searchsorted select setdiff1d seterr
        shape sign sin sinc sinh size sort split sqrt square squeeze stack std subtract sum swapaxes take
        take_along_axis tan tanh tensordot tile trace transpose trapezoid tril tril_indices trim_zeros
        triu triu_indices true_divide uint8 unique unravel_index unwrap var vectorize vsplit vstack where
        zeros zeros_like
    """,
    "autograd_clone.numpy.fft": """
        fft fft2 fftn fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn rfft rfft2 rfftn
    """,
    "autograd_clone.numpy.linalg": """
        LinAlgError T _dot cholesky det eig eigh eigvals eigvalsh inv lstsq matrix_power matrix_rank norm
        pinv qr slogdet solve svd
    """,
    "autograd_clone.numpy.numpy_boxes": """
        ArrayBox
    """,
    "autograd_clone.numpy.numpy_jvps": """
        broadcast
    """,
    "autograd_clone.numpy.numpy_vjps": """
        balanced_eq dot_adjoint_0 dot_adjoint_1 match_complex repeat_to_match_shape replace_zero
        unbroadcast unbroadcast_f untake
    """,
    "autograd_clone.numpy.numpy_vspaces": """
        ArrayVSpace ComplexArrayVSpace
    """,
    "autograd_clone.numpy.numpy_wrapper": """
        _astype array_from_args concatenate_args make_diagonal metadata notrace_functions wrap_intdtype
        wrap_namespace
    """,
    "autograd_clone.numpy.random": """
        Generator RandomState choice default_rng exponential gamma multivariate_normal normal permutation
        poisson rand randint randn random seed uniform vonmises
    """,
    "autograd_clone.scipy.integrate": """
        odeint
    """,
    "autograd_clone.scipy.linalg": """
        block_diag cholesky_banded expm fractional_matrix_power logm polar solve_banded solve_sylvester
        solve_triangular solveh_banded sqrtm
    """,
    "autograd_clone.scipy.signal": """
        convolve
    """,
    "autograd_clone.scipy.special": """
        beta betainc betaln digamma erf erfc erfcinv erfinv expit gamma gammainc gammaincc gammaln
        gammasgn i0 i1 iv ive j0 j1 jn logit logsumexp multigammaln polygamma psi rgamma y0 y1 yn
    """,
    "autograd_clone.scipy.stats": """
        beta chi2 dirichlet gamma multivariate_normal norm poisson t
    """,
    "autograd_clone.scipy.stats.beta": """
        cdf logpdf pdf
    """,
    "autograd_clone.scipy.stats.chi2": """
        cdf logpdf pdf
    """,
    "autograd_clone.scipy.stats.dirichlet": """
        logpdf pdf rvs
    """,
    "autograd_clone.scipy.stats.gamma": """
        cdf logpdf pdf
    """,
    "autograd_clone.scipy.stats.multivariate_normal": """
        entropy logpdf pdf
    """,
    "autograd_clone.scipy.stats.norm": """
        cdf logcdf logpdf logsf pdf sf
    """,
    "autograd_clone.scipy.stats.poisson": """
        cdf logpmf pmf
    """,
    "autograd_clone.scipy.stats.t": """
        cdf logcdf logpdf pdf
    """,
    "autograd_clone.test_util": """
        check_equivalent check_grads check_jvp check_vjp combo_check make_numerical_jvp scalar_close
    """,
    "autograd_clone.tracer": """
        Box Node TraceStack box_types find_top_boxed_args getval isbox new_box notrace_primitive
        notrace_primitives primitive register_notrace toposort trace trace_primitives_map trace_stack
    """,
    "autograd_clone.util": """
        func quick_grad_check subval subvals toposort
    """,
    "autograd_clone.wrap_util": """
        get_doc get_name unary_to_nary wrap_nary_f wraps
    """,
}


@pytest.mark.parametrize("module", NAMES)
def test_names_exist(module):
    found = importlib.import_module(module)
    missing = [n for n in NAMES[module].split() if not hasattr(found, n) and not _is_module(f"{module}.{n}")]
    assert not missing, f"{module} lacks {missing}"


def _is_module(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("module", NAMES)
def test_names_of_functions_are_callable(module):
    found = importlib.import_module(module)
    for name in NAMES[module].split():
        thing = getattr(found, name, None)
        assert thing is not None or _is_module(f"{module}.{name}"), name


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )


def test_importing_the_package_does_not_import_scipy():
    code = (
        "import sys, autograd_clone, autograd_clone.numpy, autograd_clone.extend, autograd_clone.test_util; "
    )
    code += "autograd_clone.grad(autograd_clone.numpy.tanh)(1.0); assert 'scipy' not in sys.modules"
    assert run(code).stderr == ""


def test_star_import_of_the_namespace():
    code = "from autograd_clone.numpy import *; import autograd_clone as a; "
    code += "assert a.grad(lambda x: sum(sin(x) ** 2))(array([0.0, 1.0]))[0] == 0"
    assert run(code).stderr == ""


def test_the_namespace_is_numpys():
    import autograd_clone.numpy as np

    lacking = [n for n in onp.__all__ if not hasattr(np, n)]
    assert not lacking, f"autograd_clone.numpy lacks {lacking}"
    lacking = [n for n in onp.linalg.__all__ if not hasattr(np.linalg, n)]
    assert not lacking, f"autograd_clone.numpy.linalg lacks {lacking}"
    lacking = [n for n in onp.fft.__all__ if not hasattr(np.fft, n)]
    assert not lacking, f"autograd_clone.numpy.fft lacks {lacking}"
    assert np.float64 is onp.float64
    assert np.pi == onp.pi
    assert np.ndarray is onp.ndarray
    assert "sin" in np.__dict__
    assert "inv" in np.linalg.__dict__


def test_the_package_is_typed():
    from importlib.resources import files

    assert files("autograd_clone").joinpath("py.typed").is_file()
