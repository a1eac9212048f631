"""The functions of `autograd_clone.scipy.stats` as records: what they stand for in SciPy, and samples to
check them on.

Nothing else needs this module, which imports `scipy.stats`: it is for the tests, which compare values and
derivatives with those of SciPy, and for the table of what is covered.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.stats

from ...engine.define import composite

Draws = Callable[[Any], list]


def _register(
    name: str, methods: Iterable[str], samples: Draws, operands: tuple[str, ...] | None = None
) -> None:
    module = importlib.import_module(f".{name}", __package__)
    for method in methods:
        own, code = getattr(getattr(scipy.stats, name), method), getattr(module, method)
        options = {"samples": samples, "operands": operands, "complex": False}
        composite(own, code, name=f"scipy.stats.{name}.{method}", **options)


def _in_double(samples: Draws) -> Draws:
    """SciPy gives extended precision for extended precision, of which only double is right."""
    return lambda s: samples(s) if s.dtype.itemsize <= 8 else []


def _continuous(name: str, point: Callable, *shapes: Callable) -> None:
    """Records of a distribution; `point` draws points of the support, each of `shapes` a parameter."""

    def points(s: Any) -> list:
        loc, scale = s.array(), s.positive(3)
        return [
            s(loc + scale * point(s, 3), *(shape(s, 2, 1) for shape in shapes), loc, scale),
            s(point(s), *(shape(s) for shape in shapes)),
            s(loc + 2 * point(s, 2), *(shape(s) for shape in shapes), loc=loc, scale=2.0),
            s(point(s, 0), *(shape(s) for shape in shapes)),
        ]

    def probabilities(s: Any) -> list:
        return [
            s(_inner(s, 3), *(shape(s, 2, 1) for shape in shapes), s.array(), s.positive(3)),
            s(_inner(s), *(shape(s) for shape in shapes)),
            s(_inner(s, 0), *(shape(s) for shape in shapes), loc=s.array(), scale=2.0),
        ]

    _register(name, ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf"), _in_double(points))
    _register(name, ("ppf", "isf"), _in_double(probabilities))


def _discrete(name: str, values: list[int], *shapes: Callable) -> None:
    def samples(s: Any) -> list:
        return [
            s(np.array(values), *(shape(s, 2, 1) for shape in shapes)),
            s(values[-1], *(shape(s) for shape in shapes)),
            s(values[0] - 1.0, *(shape(s) for shape in shapes), loc=-1),
        ]

    _register(name, ("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"), _in_double(samples))


def _inner(s: Any, *shape: int) -> Any:
    return (0.5 + 0.3 * s.unit(*shape)).astype(s.dtype)


def _positive(s: Any, *shape: int) -> Any:
    return s.positive(*shape)


def _trials(s: Any, *shape: int) -> int:
    return 4


_continuous("norm", lambda s, *shape: s.array(*shape))
_continuous("beta", _inner, _positive, _positive)
_continuous("gamma", _positive, _positive)
_continuous("chi2", _positive, _positive)
_continuous("t", lambda s, *shape: s.array(*shape), _positive)
_continuous("expon", _positive)
_continuous("laplace", lambda s, *shape: s.nonzero(*shape))
_continuous("lognorm", _positive, _positive)
_continuous("cauchy", lambda s, *shape: s.array(*shape))
_continuous("logistic", lambda s, *shape: s.array(*shape))
_continuous("uniform", _inner)
_discrete("poisson", [0, 1, 3], _positive)
_discrete("binom", [0, 1, 3], _trials, _inner)
_discrete("nbinom", [0, 1, 3], _positive, _inner)
_discrete("bernoulli", [0], _inner)


def _simplex(f: Callable, x: Any, *rest: Any) -> Any:
    """`f` of a point of the simplex, made of any positive numbers."""
    return f(x / np.sum(x, axis=0), *rest)


def _covariance(f: Callable, x: Any, mean: Any, cov: Any, **kwargs: Any) -> Any:
    """`f` of a symmetric covariance."""
    return f(x, mean, 0.5 * (cov + np.swapaxes(cov, -1, -2)), **kwargs)


def _vectors(s: Any) -> list:
    return [
        s(s.array(4, 3), s.array(3), s.spd(3), via=_covariance),
        s(s.array(3), s.array(3), s.spd(3), allow_singular=True, via=_covariance),
        s(s.array(2), s.array(2), s.positive(2)),
        s(s.array(), s.array(), s.positive()),
        s(s.array(2, 3), np.zeros(3, s.dtype), s.positive()),
    ]


def _covariances(s: Any) -> list:
    def symmetric(f: Callable, mean: Any, cov: Any) -> Any:
        return f(mean, 0.5 * (cov + np.swapaxes(cov, -1, -2)))

    return [s(s.array(3), s.spd(3), via=symmetric), s(s.array(2), s.positive())]


def _concentrations(s: Any) -> list:
    points = s.positive(3), s.positive(3, 2)
    return [s(x, s.positive(3) + 1, via=_simplex) for x in points]


def _only_double(samples: Draws) -> Draws:
    """In single precision, SciPy's check of the simplex fails."""
    return lambda s: samples(s) if s.dtype == np.float64 else []


_register("multivariate_normal", ("pdf", "logpdf"), _in_double(_vectors), ("x", "mean", "cov"))
_register("multivariate_normal", ("entropy",), _in_double(_covariances), ("mean", "cov"))
_register("dirichlet", ("pdf", "logpdf"), _only_double(_concentrations), ("x", "alpha"))
_register("dirichlet", ("entropy",), _only_double(lambda s: [s(s.positive(3))]), ("alpha",))
