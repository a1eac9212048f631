"""Arguments of functions of linear algebra at the edge of what NumPy and SciPy take: their dtype, their shape, or their refusal."""

import numpy as np
import pytest
import scipy.linalg

from autograd_clone import grad, vjp, vmap
from autograd_clone.engine.errors import MissingRuleError, UnsupportedKeywordError
from autograd_clone.scipy import linalg, special

D, E = np.array([-0.43, 0.03, 0.5, -0.9]), np.array([1.9, -0.27, -0.24])
STRINGS = np.array([["1", "0"], ["0", "1"]])


def takes(function, *args):
    try:
        function(*args)
    except TypeError:
        return False
    return True


@pytest.mark.filterwarnings("ignore:Calling .* with arguments of dtype:DeprecationWarning")  # SciPy 1.18
@pytest.mark.parametrize("dtype", ["g", "G"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)])
def test_qr_and_lu_of_long_doubles_are_of_doubles(dtype, shape):
    a = np.random.default_rng(0).normal(size=shape).astype(dtype)
    takes_lu = shape == (3, 3) and takes(scipy.linalg.lu, a)  # old versions do not
    for f, own in ((linalg.qr, scipy.linalg.qr), (linalg.lu, scipy.linalg.lu))[: 1 + takes_lu]:
        ans, pull = vjp(f, a)
        for got, want, of_batch in zip(ans, own(a), vmap(f)(np.stack([a, a])), strict=True):
            assert got.dtype == of_batch.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
        if f is linalg.lu or shape != (4, 2):
            assert pull(tuple(map(np.ones_like, ans)))[0].dtype == a.dtype


@pytest.mark.parametrize("bounds", [(0, -1), (2, 0), (-2, 1), (0, 4), (0.0, 1.0), (0, 1, 2), None], ids=str)
def test_eigenvalues_that_there_are_not(bounds):
    for f, own in (
        (linalg.eigvalsh_tridiagonal, scipy.linalg.eigvalsh_tridiagonal), (linalg.eigh_tridiagonal, scipy.linalg.eigh_tridiagonal),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="select_range"):
            own(D, E, select="i", select_range=bounds)
        with pytest.raises(ValueError, match="select_range"):
            vjp(lambda d, f=f: f(d, E, select="i", select_range=bounds), D)


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("name", ["solve_continuous_are", "solve_discrete_are", "solve_sylvester"])
def test_strings_are_not_read_as_numbers(name, place):
    args = [np.eye(2)] * (3 if name == "solve_sylvester" else 4)
    if place < len(args):
        args[place] = STRINGS
        refusals = (TypeError, ValueError, DeprecationWarning)  # of which NumPy 2.0 gives the last: strings have no conjugate
        with pytest.raises(refusals):
            getattr(scipy.linalg, name)(*args)
        with pytest.raises(refusals):
            vjp(lambda a: getattr(linalg, name)(a, *args[1:]), np.eye(2))


def test_a_second_matrix_that_is_false():
    for f in (linalg.eigvals, linalg.eig):
        with pytest.raises(UnsupportedKeywordError, match="b=False"):
            vjp(lambda a, f=f: f(a, False), np.eye(2))


def test_a_system_of_as_many_axes_as_the_result_has():
    a, b = np.array([[-0.5]]), np.array([[1.1]])
    for x, y in ((a, b), (a[0], b[0]), (a, b[0]), (a, b[0, 0])):
        try:
            want = np.linalg.tensorsolve(x, y)
        except Exception as error:  # noqa: BLE001 - whatever it is
            with pytest.raises(type(error)):
                vjp(np.linalg.tensorsolve, x, y)
            continue
        ans, pull = vjp(np.linalg.tensorsolve, x, y)
        np.testing.assert_allclose(ans, want, strict=True)
        np.testing.assert_allclose(pull(np.ones_like(ans))[1], np.full_like(y, 1 / x.item()))


def test_the_pseudo_inverse_of_no_hermitian_matrices():
    for shape in ((0, 3, 1), (0, 3, 3), (2, 0, 3), (0, 0)):
        a = np.zeros(shape)
        try:
            want = np.linalg.pinv(a, hermitian=True)
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                vjp(lambda a: np.linalg.pinv(a, hermitian=True), a)
        else:
            assert vjp(lambda a: np.linalg.pinv(a, hermitian=True), a)[0].shape == want.shape


def test_a_mean_of_doubles_does_not_widen_the_deviation_of_single_precision():
    x = np.linspace(0.5, 2.0, 12, dtype=np.float32).reshape(3, 4)
    for f in (np.nanstd, np.nanvar):
        for mean in (np.float64(0.25), np.full((3, 1), 0.25), 0.25):
            want = f(x, axis=1, mean=mean)
            ans, pull = vjp(lambda x, m, f=f: f(x, axis=1, mean=m), x, mean)
            np.testing.assert_allclose(ans, want, rtol=1e-6, strict=True)
            of_x, of_mean = pull(np.ones_like(ans))
            assert of_x.dtype == np.float32
            np.testing.assert_allclose(np.sum(of_mean), -np.sum(of_x, dtype=float), rtol=1e-5)


def test_a_mean_of_more_axes_than_the_deviation_of_what_has():
    x, mean = np.array([0.7, 2.3]), np.ones((2, 1))
    for f in (np.nanstd, np.nanvar):
        with pytest.raises(ValueError, match="shape"):
            f(x, mean=mean)
        with pytest.raises(ValueError, match="shape"):
            grad(lambda x, f=f: f(x, mean=mean))(x)


def test_tolerances_that_are_no_numbers():
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
    for tolerances in ({"atol": np.zeros(0), "rtol": 1e-9}, {"atol": np.zeros(2)}, {"rtol": np.zeros(0)}):
        refusals = (ValueError, DeprecationWarning)  # of which NumPy 2.0 gives the last for the truth of nothing
        with pytest.raises(refusals):
            scipy.linalg.pinv(a, **tolerances)
        with pytest.raises(refusals):
            vjp(lambda a, t=tolerances: linalg.pinv(a, **t), a)


def test_an_output_that_is_no_array_beside_operands_that_do_not_go_together():
    x, y = np.ones(2), np.ones(3)
    with pytest.raises(TypeError, match="ArrayType"):
        np.add(x, y, out=[1.0, 2.0])
    with pytest.raises(TypeError, match="ArrayType"):
        grad(lambda x: np.sum(np.add(x, y, out=[x[0], 2.0])))(x)
    with pytest.raises(TypeError, match="ArrayType"):
        grad(lambda x: np.sum(special.gdtr(x, 0.5, 1.0, [x[0], 2.0])))(x)


def test_structure_of_a_traced_matrix_is_asked_for_by_name():
    for f in (linalg.bandwidth, linalg.issymmetric, linalg.ishermitian):
        with pytest.raises(MissingRuleError, match=f.__name__):
            grad(lambda a, f=f: f(a) and np.sum(a))(np.eye(2))


def test_a_value_that_is_no_number_where_no_condition_holds():
    with pytest.raises(TypeError):
        grad(lambda x: np.piecewise(x, [False, False], [np.sin, slice(1, 3)]))(0.7)


def test_whether_a_traced_array_can_be_cast():
    import autograd_clone.numpy as anp

    seen = []
    grad(lambda x: seen.append((anp.can_cast(from_=x, to=np.float64(1.5)), anp.can_cast(x, "f4"))) or np.sum(x))(np.ones(2))
    assert seen == [(np.can_cast(np.ones(2), np.float64(1.5)), np.can_cast(np.ones(2), "f4"))]
