"""Test samples: how a record says on which arguments its rules should be checked.

A record's ``samples`` is a function of a `Sampler`; it is called only by tests, benchmarks and the coverage table::

    linear(np.cumsum, a=..., options={"samples": lambda s: [s(s.array(3, 4)), s(s.array(3, 4), axis=1)]})

What is differentiated are the floating-point *arrays* among the arguments (also inside lists and tuples) that stand
where the record has an operand; Python numbers, integer and boolean arrays are constants. A composite without
declared operands is differentiated with respect to all its floating-point arrays.

A function that only makes sense on a subspace, or whose result is defined up to a phase, says with ``via`` how it
is to be called: ``s(s.spd(3), via=s.hermitian)`` checks the derivative along Hermitian directions, and
``s(x, via=lambda f, x: np.abs(f(x)))`` looks at the modulus of the result only. A sample may look at ``s.dtype``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One call of a function: ``function(*args, **kwargs)``, or ``via(function, *args, **kwargs)`` where given."""

    args: tuple
    kwargs: dict
    via: Callable | None = None


class Sampler:
    """A source of random arguments of one dtype.

    Parameters
    ----------
    dtype : dtype
        ``float64``, ``float32``, ``longdouble`` or a complex type; what `array` and its kin return.
    seed : int
        Equal seeds give equal samples.
    """

    def __init__(self, dtype: Any = np.float64, seed: int = 0) -> None:
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(seed)

    def __call__(self, *args: Any, via: Callable | None = None, **kwargs: Any) -> Sample:
        return Sample(args, kwargs, via)

    @staticmethod
    def hermitian(f: Callable, a: Any, *args: Any, **kwargs: Any) -> Any:
        """``via=s.hermitian`` calls `f` on the Hermitian part of its first argument."""
        return f(0.5 * (a + np.conj(np.swapaxes(a, -1, -2))), *args, **kwargs)

    def _make(self, real: np.ndarray, imag: np.ndarray) -> np.ndarray:
        return np.asarray(real + 1j * imag if self.dtype.kind == "c" else real).astype(self.dtype)

    def array(self, *shape: int) -> np.ndarray:
        """Standard normal entries."""
        return self._make(self.rng.normal(size=shape), self.rng.normal(size=shape))

    def real(self, *shape: int) -> np.ndarray:
        """Standard normal entries, real whatever the dtype."""
        return self.rng.normal(size=shape).astype(np.zeros(0, self.dtype).real.dtype)

    def positive(self, *shape: int) -> np.ndarray:
        """Entries whose real part lies in (0.4, 2.4)."""
        return self._make(0.4 + 2 * self.rng.random(shape), self.rng.normal(size=shape))

    def unit(self, *shape: int) -> np.ndarray:
        """Entries inside (-0.9, 0.9)."""
        return self._make(1.8 * self.rng.random(shape) - 0.9, 0.5 * self.rng.normal(size=shape))

    def above_one(self, *shape: int) -> np.ndarray:
        """Entries whose real part lies in (1.2, 3.2)."""
        return self._make(1.2 + 2 * self.rng.random(shape), self.rng.normal(size=shape))

    def nonzero(self, *shape: int) -> np.ndarray:
        """Entries of either sign, at least 0.4 away from zero."""
        sign = np.where(self.rng.random(shape) < 0.5, -1.0, 1.0)
        return self._make(sign * (0.4 + 2 * self.rng.random(shape)), self.rng.normal(size=shape))

    def distinct(self, *shape: int) -> np.ndarray:
        """Real entries at least 0.3 apart, shuffled: for functions that depend on the order."""
        n = int(np.prod(shape))
        values = 0.5 * (self.rng.permutation(n) - n / 2) + 0.1 * self.rng.random(n)
        return self._make(values.reshape(shape), self.rng.normal(size=shape))

    def spd(self, n: int, *batch: int) -> np.ndarray:
        """Hermitian positive definite matrices of shape ``batch + (n, n)``."""
        a = self.array(*batch, n, n)
        return (a @ np.conj(np.swapaxes(a, -1, -2)) + n * np.eye(n)).astype(self.dtype)

    def matrix(self, n: int, *batch: int) -> np.ndarray:
        """Well-conditioned square matrices of shape ``batch + (n, n)`` with distinct eigenvalues."""
        return (0.3 * self.array(*batch, n, n) + np.diag(1.0 + np.arange(n))).astype(self.dtype)

    def mask(self, *shape: int) -> np.ndarray:
        """Booleans, at least one of each kind where there is room."""
        m = self.rng.random(shape) < 0.6
        if m.size > 1:
            m.flat[0], m.flat[-1] = True, False
        return m

    def ints(self, high: int, *shape: int) -> np.ndarray:
        """Integers in ``[0, high)``."""
        return self.rng.integers(high, size=shape)
