"""Each script runs and reaches the answer of its textbook."""

import runpy
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
SCRIPTS = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("test_"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run ``main`` of a script in an empty folder, where its plot may land; return what it returns."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        return runpy.run_path(str(HERE / f"{name}.py"))["main"]()

    return run


def test_every_script_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert tested >= set(SCRIPTS)


def test_fit_model(run, capsys):
    estimate, errors = run("fit_model")
    # Published for these 23 flights: 15.0429 (7.3786) and -0.2322 (0.1082).
    np.testing.assert_allclose(estimate, [15.0429, -0.2322], atol=6e-5)
    np.testing.assert_allclose(errors, [7.3786, 0.1082], atol=6e-5)
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split()[3]) for line in lines if line.startswith("step")]
    assert losses[0] == pytest.approx(23 * np.log(2))
    assert losses == sorted(losses, reverse=True)


def test_linear_regression(run):
    slope, intercept = run("linear_regression")
    assert slope == pytest.approx(1.00211681802045, rel=1e-12)
    assert intercept == pytest.approx(-0.262323073774029, rel=1e-9)


def test_nonlinear_fit(run):
    b, squares = run("nonlinear_fit")
    np.testing.assert_allclose(b, [2.3894212918e02, 5.5015643181e-04], rtol=1e-9)
    assert squares == pytest.approx(1.2455138894e-01, rel=1e-9)


def test_logistic_regression(run):
    before, after = run("logistic_regression")
    assert before == pytest.approx(2.772588722239781, rel=1e-14)
    assert after == pytest.approx(1.067270675787016, rel=1e-13)


def test_tanh_derivatives(run):
    x, curves = run("tanh_derivatives")
    t = np.tanh(x)
    s = 1 - t**2
    exact = [t, s, -2 * t * s, s * (6 * t**2 - 2), s * t * (16 - 24 * t**2)]
    for curve, expected in zip(curves, exact, strict=True):
        np.testing.assert_allclose(curve, expected, atol=1e-12)


def test_piecewise(run):
    np.testing.assert_array_equal(run("piecewise"), np.clip(np.linspace(-2.0, 2.0, 9), -1.0, 1.0))


def test_custom_logsumexp(run):
    gradient, curvature, p = run("custom_logsumexp")
    np.testing.assert_allclose(gradient, p, rtol=1e-12)
    np.testing.assert_allclose(curvature, np.diag(p) - np.outer(p, p), atol=1e-13)


def test_fourier(run):
    error, before, after = run("fourier")
    assert error < 1e-14
    assert after < 1e-5 * before


def test_complex_numbers(run):
    np.testing.assert_allclose(run("complex_numbers"), [1 + 2j, -0.5 + 0.25j, 3 - 1j], atol=1e-12)


def test_slogdet(run):
    gradient, expected, at_optimum = run("slogdet")
    np.testing.assert_allclose(gradient, expected, atol=1e-13)
    np.testing.assert_allclose(at_optimum, 0.0, atol=1e-13)


def test_convolution(run):
    error, kernel = run("convolution")
    assert error < 1e-8
    np.testing.assert_allclose(kernel, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], atol=1e-3)
