"""A derivative oracle that knows nothing of the package: extrapolated differences of plain NumPy functions.

Every function here takes plain functions of plain arrays. Central differences at a falling sequence of steps
are extrapolated to step zero (Richardson), which yields nearly full precision and an estimate of the error;
the caller compares only where that estimate is small. All derivatives are directional and along *real*
multiples of the direction, so for complex arrays they are the derivatives over the reals. `complex_step`
has no truncation and no rounding error, for analytic functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = Sequence[np.ndarray]


class Estimate(NamedTuple):
    """A numerical derivative and a bound on its error, elementwise."""

    value: np.ndarray
    error: np.ndarray


def leaves(result: Any) -> list[np.ndarray]:
    """The floating-point and complex arrays in what a function returned, in order."""
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    if isinstance(result, dict):
        return [leaf for item in result.values() for leaf in leaves(item)]
    return [np.asarray(result)] if np.asarray(result).dtype.kind in "fc" else []


def exact(x: Any) -> Any:
    """`x` in the precision that differences are taken in: single precision is raised to double."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc":
        return x.astype(np.result_type(x.dtype, np.float64))
    return x


def direction(rng: np.random.Generator, x: Any, scale: float = 1.0) -> np.ndarray:
    """A random direction of the shape, dtype and realness of `x`, no entry larger than `scale`."""
    x = np.asarray(x)
    v = rng.uniform(-1, 1, x.shape)
    if x.dtype.kind == "c":
        v = (v + 1j * rng.uniform(-1, 1, x.shape)) / np.sqrt(2)
    return np.asarray(scale * v).astype(x.dtype)


def directional(
    f: Callable, xs: Arrays, vs: Arrays, *, step: float = 0.05, levels: int = 0
) -> list[Estimate]:
    """d/dh of each output of ``f(*(xs + h * vs))`` at zero."""
    phi, real, split, noise = _along(f, xs)

    def difference(h: Any) -> np.ndarray:
        return (phi(h, vs) - phi(-h, vs)) / (2 * h)

    value, error = _extrapolate(difference, real(step), levels or _levels(real, 7, 9))
    return split(Estimate(value, np.maximum(error, noise / step)))


def second_directional(
    f: Callable, xs: Arrays, vs: Arrays, ws: Arrays, *, step: float = 0.05, levels: int = 0
) -> list[Estimate]:
    """The mixed derivative d2/dh dk of each output of ``f(*(xs + h * vs + k * ws))`` at zero."""
    phi, real, split, noise = _along(f, xs)
    plus = [v + w for v, w in zip(vs, ws, strict=True)]
    minus = [v - w for v, w in zip(vs, ws, strict=True)]

    def difference(h: Any) -> np.ndarray:
        return (phi(h, plus) - phi(h, minus) - phi(-h, minus) + phi(-h, plus)) / (4 * h * h)

    value, error = _extrapolate(difference, real(step), levels or _levels(real, 5, 7))
    return split(Estimate(value, np.maximum(error, noise / step**2)))


def complex_step(f: Callable, xs: Arrays, vs: Arrays) -> list[np.ndarray]:
    """Directional derivatives of functions that are analytic near the real point `xs`, to full precision."""
    tiny = 1e-30
    result = f(*(np.asarray(x) + 1j * tiny * np.asarray(v) for x, v in zip(xs, vs, strict=True)))
    return [np.imag(y) / tiny for y in leaves(result)]


def gradient(f: Callable, x: Any, **options: Any) -> np.ndarray:
    """Gradient of a real scalar function of one array; du/dx - i du/dy where the array is complex."""
    x = exact(np.asarray(x))
    out = np.zeros(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            e = np.zeros_like(x)
            e[index] = unit
            out[index] += np.conj(unit) * directional(f, [x], [e], **options)[0].value
    return out


def jacobian(f: Callable, x: Any, **options: Any) -> np.ndarray:
    """Jacobian of a real function of one real array, ``output.shape + x.shape``."""
    x = exact(np.asarray(x))
    columns = [directional(f, [x], [e], **options)[0].value for e in _basis(x)]
    return np.moveaxis(np.reshape(columns, (*x.shape, *np.shape(f(x)))), range(x.ndim), range(-x.ndim, 0))


def hessian(f: Callable, x: Any, **options: Any) -> np.ndarray:
    """Hessian of a real scalar function of one real array, ``x.shape + x.shape``."""
    x = exact(np.asarray(x))
    basis = _basis(x)
    entries = [[second_directional(f, [x], [v], [w], **options)[0].value for w in basis] for v in basis]
    return np.reshape(entries, x.shape + x.shape)


def _basis(x: np.ndarray) -> list[np.ndarray]:
    return [e.reshape(x.shape) for e in np.eye(x.size)]


def _along(f: Callable, xs: Arrays) -> tuple[Callable, Callable, Callable, np.ndarray]:
    """``phi(h, vs)``, the outputs at ``xs + h * vs`` as one vector; the type of steps; the way back; the rounding."""
    xs = [exact(np.asarray(x)) for x in xs]
    real = np.result_type(np.float64, *(x.real.dtype for x in xs)).type
    ys = leaves(f(*xs))
    noise = [np.abs(np.ravel(y)) * float(np.finfo(y.dtype).eps) for y in ys]

    def phi(h: Any, vs: Arrays) -> np.ndarray:
        points = [np.asarray(x + h * np.asarray(v), x.dtype) for x, v in zip(xs, vs, strict=True)]  # old versions ask for arrays
        return _joined([np.ravel(y) for y in leaves(f(*points))])

    def split(estimate: Estimate) -> list[Estimate]:
        ends = np.cumsum([y.size for y in ys])[:-1]
        pieces = zip(np.split(estimate.value, ends), np.split(estimate.error, ends), ys, strict=True)
        return [Estimate(v.reshape(y.shape), e.reshape(y.shape)) for v, e, y in pieces]

    return phi, real, split if ys else lambda estimate: [], _joined(noise)


def _joined(vectors: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *vectors])


def _levels(real: Callable, double: int, long: int) -> int:
    return double if real is np.float64 else long


def _extrapolate(difference: Callable, step: Any, levels: int) -> Estimate:
    """Neville's scheme in the squared step: elementwise, its entry with the least estimated error.

    Coarse steps that agree by accident, on the two sides of a jump, are found out by the finest ones.
    """
    row: list[np.ndarray] = []
    best, error = None, None
    for k in range(levels):
        previous, row = row, [difference(step / 2**k)]
        for m in range(1, k + 1):
            row.append(row[-1] + (row[-1] - previous[m - 1]) / (4**m - 1))
            change = np.maximum(abs(row[m] - row[m - 1]), abs(row[m] - previous[m - 1]))
            if best is None:
                best, error = row[m], change
            else:
                better = change < error
                best, error = np.where(better, row[m], best), np.where(better, change, error)
    return Estimate(best, np.maximum(error, 1e-3 * abs(best - row[2])))
