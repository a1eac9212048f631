"""Products of series in bases that obey a three-term recurrence: those of Legendre, Laguerre and Hermite.

With ``x p[i] = up[i] p[i + 1] + here[i] p[i] + down[i] p[i - 1]``, multiplication by the variable is a tridiagonal matrix X of the
coefficients, and the product of the series `a` and `b` is ``sum(a[i] * p[i](X)) b``. The sum is taken from the last term (Clenshaw
1955), as NumPy does it: in the other order, Hermite series of 20 coefficients would lose ten digits. So a product takes as many steps
as the shorter series has coefficients. The matrix of the product with one factor, the transpose of which takes cotangents to the
other, has the products with basis functions for its columns; they are found together.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..engine.define import multilinear
from ..engine.primitive import Primitive

#: Numbers of coefficients and of elements up to which a product with all of X takes less time than with its three bands.
_DENSE, _SMALL = 100, 2000


class Recurrence(NamedTuple):
    """How the product of the variable and a function of the basis is made of its neighbours and itself."""

    up: np.ndarray
    here: np.ndarray
    down: np.ndarray
    dense: np.ndarray | None

    def times_x(self, c: np.ndarray) -> np.ndarray:
        """X of coefficients along the last axis; what is beyond the last one is dropped."""
        if self.dense is not None and c.size < _SMALL:
            return c @ self.dense
        out = self.here * c
        out[..., 1:] += self.up[:-1] * c[..., :-1]
        out[..., :-1] += self.down[1:] * c[..., 1:]
        return out

    def sum_of_terms(self, a: np.ndarray, c: np.ndarray) -> np.ndarray:
        """``sum(a[i] * p[i](X)) c``; the elements of `a` may be arrays that broadcast with `c`."""
        last = a[-1] * c
        above = None
        for i in range(len(a) - 2, -1, -1):
            following = self.times_x(last)
            if self.here[i]:
                following -= self.here[i] * last
            following /= self.up[i]
            following += a[i] * c
            if above is not None:
                following -= self.down[i + 1] / self.up[i + 1] * above
            above, last = last, following
        return last


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
    return Recurrence(up, here, down, np.diag(here) + np.diag(up[:-1], 1) + np.diag(down[1:], -1) if n <= _DENSE else None)


def products_by(module: ModuleType, prefix: str) -> tuple[Primitive, Primitive]:
    """The product of two series, and its transpose with respect to one of them; of coefficients along the last axis."""

    def recurrence(n: int, *operands: Any) -> Recurrence:
        return recurrence_of(module, prefix, n, np.result_type(*operands).type(0).real.dtype)

    def padded(c, size):
        out = np.zeros((*c.shape[:-1], size), c.dtype)
        out[..., : c.shape[-1]] = c
        return out

    def product(a, b):
        if a.shape[-1] > b.shape[-1]:
            a, b = b, a
        size = a.shape[-1] + b.shape[-1] - 1
        return recurrence(size, a, b).sum_of_terms(np.moveaxis(a, -1, 0)[..., None], padded(b, size).astype(np.result_type(a, b)))

    def transposed(c, b):
        """What the product with `b` makes of the other factor, pulled back from `c`."""
        size, m = c.shape[-1], b.shape[-1]
        n = size - m + 1
        terms, k = recurrence(size, c, b), min(n, m)
        b = b[..., None, :]
        matrix = terms.sum_of_terms(np.eye(k, dtype=b.dtype)[:, :, None], padded(b, size))
        if n > m:
            of_longer = terms.sum_of_terms(np.moveaxis(b, -1, 0)[..., None], np.eye(n, size, dtype=b.dtype)[m:])
            matrix = np.concatenate([matrix, of_longer], axis=-2)
        return np.matmul(matrix, c[..., None])[..., 0]

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
