"""Products of series in bases that obey a three-term recurrence: those of Legendre, Laguerre and Hermite.

With ``x p[i] = up[i] p[i + 1] + here[i] p[i] + down[i] p[i - 1]``, multiplication by the variable is a tridiagonal matrix X of the
coefficients, and the product of the series `a` and `b` is ``sum(a[i] * p[i](X)) b``, where the vectors ``p[i](X) b`` follow from each
other by the same recurrence (Clenshaw 1955 has the sum in another order). So a product takes as many steps as the shorter series has
coefficients, and memory for a few of the longer ones. Its transpose with respect to one factor is the same sum with X transposed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..engine.define import multilinear
from ..engine.primitive import Primitive

#: Number of coefficients up to which a product with all of X takes less time than with its three bands.
_DENSE = 100


class Recurrence(NamedTuple):
    """How the product of the variable and a function of the basis is made of its neighbours and itself."""

    up: np.ndarray
    here: np.ndarray
    down: np.ndarray
    dense: np.ndarray | None

    def times_x(self, c: np.ndarray, transposed: bool) -> np.ndarray:
        """X, or its transpose, of coefficients along the last axis; what is beyond the last one is dropped."""
        if self.dense is not None:
            return c @ (self.dense if transposed else self.dense.T)
        to_right, to_left = (self.down[1:], self.up[:-1]) if transposed else (self.up[:-1], self.down[1:])
        out = self.here * c
        out[..., 1:] += to_right * c[..., :-1]
        out[..., :-1] += to_left * c[..., 1:]
        return out

    def basis_of_x(self, c: np.ndarray, n: int, transposed: bool = False) -> Iterator[np.ndarray]:
        """``p[i](X) c`` for i < n."""
        before, last = c, c
        yield c
        skewed = self.here[: n - 1].any()
        for i in range(n - 1):
            following = self.times_x(last, transposed)
            if skewed:
                following -= self.here[i] * last
            if i:
                following -= self.down[i] * before
            following /= self.up[i]
            before, last = last, following
            yield last


@functools.lru_cache(maxsize=64)
def recurrence_of(module: ModuleType, prefix: str, n: int, dtype: Any) -> Recurrence:
    """The recurrence for the first `n` functions, from what NumPy's multiplication by the variable makes of every third of them."""
    up, here, down = np.zeros((3, n))
    for k in range(min(3, n)):
        comb = np.zeros(n)
        comb[k::3] = 1
        product = np.zeros(n + 1)
        found = getattr(module, f"{prefix}mulx")(comb)
        product[: len(found)] = found
        up[k::3], here[k::3] = product[k + 1 :: 3], product[k:n:3]
        first = k or 3
        down[first::3] = product[first - 1 : n - 1 : 3]
    up, here, down = (band.astype(dtype) for band in (up, here, down))
    return Recurrence(up, here, down, np.diag(here) + np.diag(up[:-1], -1) + np.diag(down[1:], 1) if n <= _DENSE else None)


def products_by(module: ModuleType, prefix: str) -> tuple[Primitive, Primitive]:
    """The product of two series, and its transpose with respect to one of them; of coefficients along the last axis."""

    def recurrence(n: int, *operands: Any) -> Recurrence:
        return recurrence_of(module, prefix, n, np.result_type(*operands).type(0).real.dtype)

    def product(a, b):
        if a.shape[-1] > b.shape[-1]:
            a, b = b, a
        n, m = a.shape[-1], b.shape[-1]
        padded = np.zeros((*b.shape[:-1], n + m - 1), np.result_type(a, b))
        padded[..., :m] = b
        terms = recurrence(n + m - 1, a, b).basis_of_x(padded, n)
        return functools.reduce(np.add, [a[..., i : i + 1] * term for i, term in enumerate(terms)])

    def transposed(c, b):
        """What `product` with `b` makes `c` of, pulled back: as many coefficients as the other factor has."""
        m = b.shape[-1]
        n = c.shape[-1] - m + 1
        rules = recurrence(n + m - 1, c, b)
        c = c.astype(np.result_type(c, b))
        if m <= n:
            terms = rules.basis_of_x(c, m, transposed=True)
            return functools.reduce(np.add, [b[..., j : j + 1] * term[..., :n] for j, term in enumerate(terms)])
        terms = rules.basis_of_x(c, n, transposed=True)
        return np.stack([np.sum(b * term[..., :m], axis=-1) for term in terms], axis=-1)

    def batched(trace: Any, prim: Any, operands: tuple, params: dict) -> Any:
        """Examples along the axes before the last."""
        values = [x._value if trace.owns(x) else np.broadcast_to(x, (trace.size, *x.shape)) for x in operands]
        return trace.box(prim(*values))

    product.__name__, transposed.__name__ = f"{prefix}_product", f"{prefix}_product_transposed"
    product.__qualname__, transposed.__qualname__ = product.__name__, transposed.__name__
    PRODUCT: Primitive = multilinear(
        product,
        a=lambda g, b: TRANSPOSED(g, b),
        b=lambda g, a: TRANSPOSED(g, a),
        options={"samples": lambda s: [s(s.array(3), s.array(4)), s(s.array(5), s.array(2)), s(s.array(1), s.array(3))], "batch": batched},
    )
    TRANSPOSED: Primitive = multilinear(
        transposed,
        c=lambda g, b: PRODUCT(g, b),
        b=lambda g, c: TRANSPOSED(c, g),
        options={"samples": lambda s: [s(s.array(6), s.array(4)), s(s.array(6), s.array(2)), s(s.array(3), s.array(3))], "batch": batched},
    )
    return PRODUCT, TRANSPOSED
