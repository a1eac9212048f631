"""The vector spaces of real and complex arrays and scalars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of, shape_of
from ..engine.vspace import VSpace
from .box import ArrayBox


def _normal(shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers from NumPy's global generator, which test suites seed."""
    return np.array(np.random.standard_normal(shape))  # noqa: NPY002


class ArrayVSpace(VSpace):
    """Real arrays of one shape and dtype."""

    def __init__(self, value: Any) -> None:
        self.shape = shape_of(value)
        self.dtype = dtype_of(value)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def zeros(self) -> np.ndarray:
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> np.ndarray:
        return np.ones(self.shape, self.dtype)

    def standard_basis(self) -> Iterator[np.ndarray]:
        for index in np.ndindex(*self.shape):
            e = np.zeros(self.shape, self.dtype)
            e[index] = 1
            yield e

    def randn(self) -> np.ndarray:
        return _normal(self.shape).astype(self.dtype)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return np.dot(np.ravel(x), np.ravel(y))


class ComplexArrayVSpace(ArrayVSpace):
    """Complex arrays, as a real space of twice the dimension."""

    iscomplex = True

    @property
    def size(self) -> int:
        return 2 * int(np.prod(self.shape))

    def ones(self) -> np.ndarray:
        return np.ones(self.shape, self.dtype) + 1j * np.ones(self.shape, self.dtype)

    def standard_basis(self) -> Iterator[np.ndarray]:
        for index in np.ndindex(*self.shape):
            for unit in (1, 1j):
                e = np.zeros(self.shape, self.dtype)
                e[index] = unit
                yield e

    def randn(self) -> np.ndarray:
        return (_normal(self.shape) + 1j * _normal(self.shape)).astype(self.dtype)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return np.real(np.dot(np.conj(np.ravel(x)), np.ravel(y)))

    def _covector(self, x: Any) -> Any:
        return np.conj(x)


def _array_space(value: Any) -> ArrayVSpace:
    return ComplexArrayVSpace(value) if dtype_of(value).kind == "c" else ArrayVSpace(value)


for _type in (
    np.ndarray, np.float64, np.float32, np.float16, np.longdouble, np.complex64, np.complex128, np.clongdouble,
    float, complex, ArrayBox,
):  # fmt: skip
    VSpace.register(_type, _array_space)
