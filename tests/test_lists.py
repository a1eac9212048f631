"""Lists that hold traced values, in every function that takes lists: the samples of the registry, with lists in place of arrays."""

import numpy as onp
import pytest

from autograd_clone import vjp

from . import fuzzing
from .fuzzing import _WRITERS, Target

#: Where a list is not the array that it would make: of points to `histogramdd` it is one of coordinates.
OTHER_MEANING = {"numpy.histogramdd"}
TARGETS = [
    t
    for t in fuzzing.every_target()
    if t.prim is not None
    and t.prim.kind != "refused"
    and t.name.startswith(("numpy.", "scipy."))
    and "(ufunc)" not in t.name
    and t.name not in _WRITERS | OTHER_MEANING
]


def samples_with_arrays(t: Target):
    """The samples called as they are, and the place of an array in each."""
    for sample in fuzzing._samples(t.prim, "f8"):
        if sample.via is None or getattr(sample.via, "__name__", "") == "called_here":
            for i, a in enumerate(sample.args):
                if isinstance(a, onp.ndarray) and a.dtype.kind == "f" and a.ndim and a.size:
                    yield sample, i


def call(fun, sample, i, x):
    args = [x if k == i else fuzzing._copied(a) for k, a in enumerate(sample.args)]
    with fuzzing._quiet():
        return fun(*args, **{k: fuzzing._copied(v) for k, v in sample.kwargs.items()})


def value_and_cotangent(t, sample, i, form):
    """The numbers in the result, and the gradient of their sum with respect to the array."""
    ys, pull = vjp(lambda x: tuple(fuzzing.numbers_in(call(t.traced, sample, i, form(x)))), sample.args[i].copy())
    with fuzzing._quiet():
        return ys, pull(tuple(onp.ones_like(y)[()] if not isinstance(y, onp.ndarray) else onp.ones_like(y) for y in ys))[0] if ys else None


@pytest.mark.parametrize("t", TARGETS, ids=lambda t: t.name)
def test_lists_of_traced_values(t):
    for sample, i in list(samples_with_arrays(t))[:6]:
        try:
            call(t.plain, sample, i, sample.args[i].tolist())
            want, gradient = value_and_cotangent(t, sample, i, lambda x: x)
        except Exception:  # noqa: BLE001 - NumPy takes no list there, or there is no derivative
            continue
        for form in (lambda x: x.tolist(), list):  # traced numbers, and traced rows
            ys, g = value_and_cotangent(t, sample, i, form)
            assert fuzzing.unlike(list(ys), list(want), 1e-10) is None
            assert gradient is None or fuzzing.unlike(g, gradient, 1e-9) is None
