"""Every rule in the registry under a pattern trace: no entry of the Jacobian, nor of the second derivatives, is missed.

What is found at one point has to cover what is other than zero there and, since the same branches are taken, at another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import grad, jacrev
from autograd_clone.engine.cotangent import dtype_of, shape_of
from autograd_clone.engine.primitive import Primitive
from autograd_clone.engine.pytree import flatten
from autograd_clone.sparse import SparsityPattern, jacobian_sparsity

from .cases import DIFFERENTIABLE, Case, cases, has_samples
from .checks import check, per_record

TESTED = [p for p in DIFFERENTIABLE if has_samples(p)]

#: Functions that look at plain values to decide in which order they go on: another order is another branch.
PIVOTED = frozenset({"scipy.linalg.lu", "scipy.linalg.lu_factor"})
#: Primitives that are taken to be dense, and those of their kin that read at positions which depend on values.
DENSE = frozenset({
    "banded_system", "cofactors", "cofactors_push", "convolve_channels", "exponential_derivative", "fractional_power", "frames",
    "gathered", "logarithm", "numpy.bincount", "numpy.vecdot", "pseudo_inverse", "riccati", "sign", "spread_out",
    "square_root", "sylvester",
})  # fmt: skip


class Flat:
    """A case as a function from a tuple of its leaves to one real vector."""

    def __init__(self, case: Case) -> None:
        self.case, self.ruled = case, case.ruled()

    def __repr__(self) -> str:
        return repr(self.case)

    def arguments(self, case: Case) -> tuple:
        """The leaves of a case that are differentiated."""
        return tuple(case.values[k] for k in self.ruled)

    def __call__(self, xs: Sequence[Any]) -> Any:
        values = list(self.case.values)
        for k, x in zip(self.ruled, xs, strict=True):
            values[k] = x
        parts: list[Any] = []
        for y in flatten(self.case.traced(*values))[0]:
            kind = dtype_of(y).kind
            parts += [np.ravel(np.real(y)), np.ravel(np.imag(y))] if kind == "c" else [np.ravel(y)] if kind == "f" else []
        return np.concatenate(parts) if parts else onp.zeros(0)


def dense(f: Callable, xs: tuple) -> onp.ndarray:
    """The Jacobian as one matrix."""
    blocks = jacrev(f)(xs)
    return onp.concatenate([onp.reshape(b, (b.shape[0], int(onp.prod(b.shape[1:])))) for b in blocks], axis=1)


def covers(pattern: SparsityPattern, matrix: onp.ndarray, where: str) -> None:
    assert pattern.shape == matrix.shape
    missed = onp.argwhere((matrix != 0) & ~pattern.toarray())
    assert not len(missed), f"{len(missed)} entries missed {where}, the first at {missed[0]}"


def _pairs(prim: Primitive) -> list[tuple[Flat, Case]]:
    drawn = zip(cases(prim), cases(prim, seed=1), strict=False)
    flats = [(Flat(case), other) for case, other in drawn]
    return [(f, other) for f, other in flats if f.ruled and not any(onp.iscomplexobj(v) for v in f.case.values)]


def _first(item: tuple[Flat, Case]) -> None:
    f, other = item
    xs, ys = f.arguments(f.case), f.arguments(other)
    pattern = jacobian_sparsity(f)(xs)
    matrix = dense(f, xs)
    covers(pattern, matrix, "at the point itself")
    if [shape_of(v) for v in f.case.values] == [shape_of(v) for v in other.values] and f.case.prim.name not in PIVOTED:
        elsewhere = dense(f, ys)
        if elsewhere.shape == matrix.shape:
            covers(pattern, elsewhere, "at another point")
    met = {name.partition(" (")[0] for name in pattern.dense if not name.endswith("roots")}
    assert met <= DENSE | {"getitem", "taken"}, f"taken to be dense: {met}"


def _second(item: tuple[Flat, Case]) -> None:
    f, _ = item
    xs = f.arguments(f.case)
    weights = onp.random.default_rng(0).normal(size=jacobian_sparsity(f)(xs).shape[0])

    def gradient(xs: tuple) -> Any:
        gs = grad(lambda xs: np.sum(weights * f(xs)) + 0 * np.sum(xs[0]))(xs)
        return np.concatenate([np.ravel(g) for g in gs])

    covers(jacobian_sparsity(gradient)(xs), dense(gradient, xs), "at the point itself")


class _Item(tuple):
    """A pair that is shown as its case."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self[0])


@per_record(TESTED)
@pytest.mark.filterwarnings("ignore:.*")
def test_no_entry_of_a_jacobian_is_missed(prim):
    check([_Item((f.case, f, other)) for f, other in _pairs(prim)], lambda item: _first(item[1:]))


@per_record(TESTED)
@pytest.mark.filterwarnings("ignore:.*")
def test_no_entry_of_a_second_derivative_is_missed(prim):
    check([_Item((f.case, f, other)) for f, other in _pairs(prim)], lambda item: _second(item[1:]))
