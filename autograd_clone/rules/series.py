"""``numpy.polynomial``: series in six bases, by their coefficients, lowest degree first; and functions of domains.

The value of a series is a primitive of its own: in the point its derivative is the value of the derived series, in a coefficient
the basis function of that degree. Derived and integrated series and changes of basis are linear maps of the coefficients, found
by applying NumPy's function to unit vectors; products are bilinear ones. All else is composed of these.

As in NumPy, trailing zeros are dropped from the coefficients of operands and results of arithmetic.
"""

from __future__ import annotations

import functools
import inspect
import operator
import warnings
from types import ModuleType
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial, polyutils

from ..array.box import as_array
from ..engine.box import Box, all_values
from ..engine.cotangent import dtype_of, shape_of, unbroadcast
from ..engine.define import composite, custom, zero
from .creation import cast_to
from .series_calculus import derived, integrated
from .series_products import products_by, recurrence_of

#: Prefix of the names of functions -> module.
BASES = {"poly": polynomial, "cheb": chebyshev, "leg": legendre, "lag": laguerre, "herm": hermite, "herme": hermite_e}
#: Number of coefficients up to which a linear map of them is a product with its matrix.
_MATRIX = 100


# ---- coefficients ----------------------------------------------------------------------------------------------


def trimmed(c: Any) -> Any:
    """Coefficients without trailing zeros; of a batch, those that are zero in all examples."""
    n = len(c)
    if n == 0:
        return c
    nonzero = np.flatnonzero(np.any(all_values(c).reshape(-1, n) != 0, axis=0))
    return c[: max(nonzero[-1] + 1 if nonzero.size else 0, 1)]


def as_coefficients(c: Any, *, trim: bool = True) -> Any:
    """One vector of coefficients, as `numpy.polynomial.polyutils.as_series` takes it."""
    c = np.atleast_1d(as_array(c))
    if c.size == 0:
        raise ValueError("Coefficient array is empty")
    if c.ndim != 1:
        raise ValueError("Coefficient array is not 1-d")
    if c.dtype.kind not in "fc":
        c = c.astype(np.float64)
    return trimmed(c) if trim else c


@functools.lru_cache(maxsize=256)
def matrix_of(function: Any, n: int) -> np.ndarray:
    """The matrix of a linear map of `n` coefficients."""
    columns = [function(e) for e in np.eye(n)]
    out = np.zeros((max(map(len, columns), default=0), n))
    for i, column in enumerate(columns):
        out[: len(column), i] = column
    return out


def _mapped(matrix: np.ndarray, c: Any) -> Any:
    """A linear map of the coefficients along axis 0."""
    return np.tensordot(matrix.astype(_real(c)), c, (1, 0))


def _real(c: Any) -> np.dtype:
    return np.zeros(0, dtype_of(c)).real.dtype


def _padded(c: Any, n: int) -> Any:
    return c if len(c) == n else np.concatenate([c, np.zeros(n - len(c), c.dtype)])


def _both_sides(c: Any) -> Any:
    """The coefficients of ``sum(c[k] * cos(k * theta))`` for all powers of ``exp(i * theta)``, from the lowest."""
    half = c[1:] / 2
    return np.concatenate([half[::-1], c[:1], half])


def _sum(a: Any, b: Any, sign: int) -> Any:
    n = max(len(a), len(b))
    return trimmed(_padded(a, n) + sign * _padded(b, n))


#: Names of parameters that may be traced.
_ARRAYS = frozenset({"c", "c1", "c2", "k", "lbnd", "off", "pol", "roots", "scl", "w", "x", "y", "z"})

# ---- one basis -----------------------------------------------------------------------------------------------------


class Basis:
    """The functions of one module, and the rules for them."""

    def __init__(self, prefix: str, module: ModuleType) -> None:
        self.prefix, self.module = prefix, module
        self.VAL = self._value()
        if prefix not in ("poly", "cheb"):
            self.PRODUCT, _ = products_by(module, prefix)
        self._arithmetic()
        self._calculus()
        self._points()
        self._roots()

    def function(self, name: str) -> Any:
        """NumPy's function."""
        return getattr(self.module, self.prefix + name)

    def define(self, name: str, implementation: Any, samples: Any) -> None:
        """Register the code of one of the functions."""
        names = [n for n in inspect.signature(implementation).parameters if n in _ARRAYS]
        composite(self.function(name), implementation, operands=tuple(names), samples=samples)

    # ---- values

    def _value(self) -> Any:
        def vjp_x(g: Any, x: Any, c: Any, tensor: Any) -> Any:
            return unbroadcast(g * self.VAL(x, self.derived(c), tensor), shape_of(x))

        def jvp_x(t: Any, x: Any, c: Any, tensor: Any) -> Any:
            return t * self.VAL(x, self.derived(c), tensor)

        def vjp_c(g: Any, x: Any, c_shape: Any, ans_ndim: int, tensor: Any) -> Any:
            n, *rest = c_shape or (1,)
            shape = shape_of(x)
            if isinstance(x, (np.ndarray, np.generic)) and not isinstance(x, Box):
                v = np.moveaxis(np.reshape(self.function("vander")(x, n - 1), (*shape, n)), -1, 0)
            else:
                v = self.VAL(x, np.eye(n, dtype=_real(x)), True)  # basis functions along the first axis
            d = len(shape)
            if tensor:  # every series at every point
                axes = tuple(range(1, d + 1)), tuple(range(ans_ndim - d, ans_ndim))
                return np.reshape(np.tensordot(v, g, axes), c_shape)
            v = np.reshape(v, (n,) + (1,) * (ans_ndim - d) + shape)
            kept = (*(1,) * (ans_ndim - len(rest)), *rest)
            return np.reshape(unbroadcast(v * g, (n, *kept)), c_shape)

        def batched(trace: Any, prim: Any, operands: tuple, params: dict) -> Any:
            """All examples as more points, with coefficients of their own."""
            x, c = (np.asarray(o) if not isinstance(o, Box) else o for o in operands)
            nx, nc = x.ndim, max(c.ndim - 1, 0)
            tensor = params.get("tensor", True)
            n = nx + nc if tensor else max(nx, nc)
            if trace.owns(x):
                x = np.reshape(x._value, (trace.size, *(1,) * (n - nx), *x.shape))
            shape = c.shape or (1,)
            shape = (shape[0], *(() if tensor else (1,) * (n - nc)), *shape[1:], *((1,) * nx if tensor else ()))
            if trace.owns(c):
                c = np.moveaxis(np.reshape(c._value, (trace.size, *shape)), 0, 1)
            else:
                c = np.reshape(c, shape)
            return trace.box(self.VAL(x, c, False))

        return custom(
            self.function("val"),
            operands=("x", "c"),
            vjp={"x": vjp_x, "c": vjp_c},
            jvp={"x": jvp_x, "c": lambda t, x, tensor: self.VAL(x, t, tensor)},
            batch=batched,
            samples=lambda s: [
                s(s.array(3), s.array(4)), s(s.array(2), s.array(3, 2)), s(s.array(2), s.array(3, 2), tensor=False),
                s(s.array(3, 2), s.array(3, 2), False), s(s.array(), s.array(1)),
            ],
        )  # fmt: skip

    def values(self, x: Any, c: Any, tensor: bool = True) -> Any:
        """The series `c` at the points `x`."""
        return self.VAL(as_array(x), as_array(c), tensor)

    def basis_at(self, x: Any, degree: Any) -> Any:
        """The basis functions up to a degree, along a new last axis."""
        x = np.atleast_1d(as_array(x)) + 0.0
        n = operator.index(degree)
        if n < 0:
            raise ValueError("deg must be non-negative")
        return np.moveaxis(self.values(x, np.eye(n + 1, dtype=_real(x))), 0, -1)

    def _points(self) -> None:
        def nd(*points: Any) -> list[Any]:
            arrays = [as_array(p) for p in points]
            if len({shape_of(a) for a in arrays}) > 1:
                raise ValueError("points are incompatible: their arrays differ in shape")
            return arrays

        def val(*points: Any, c: Any) -> Any:
            first, *others = nd(*points)
            c = self.values(first, c)
            for x in others:
                c = self.values(x, c, False)
            return c

        def grid(*points: Any, c: Any) -> Any:
            for x in points:
                c = self.values(x, c)
            return c

        def vander(*points: Any, deg: Any) -> Any:
            arrays = nd(*points)
            if len(deg) != len(arrays):
                raise ValueError(f"expected {len(arrays)} degrees, got {len(deg)}")
            k = len(deg)
            factors = [self.basis_at(x, n) for x, n in zip(arrays, deg, strict=True)]
            factors = [np.reshape(f, (*f.shape[:-1], *(f.shape[-1] if i == j else 1 for j in range(k)))) for i, f in enumerate(factors)]
            out = functools.reduce(operator.mul, factors)
            return np.reshape(out, (*shape_of(out)[:-k], -1))

        self.define("val2d", lambda x, y, c: val(x, y, c=c), lambda s: [s(s.array(3), s.array(3), s.array(2, 3))])
        self.define("val3d", lambda x, y, z, c: val(x, y, z, c=c), lambda s: [s(s.array(2), s.array(2), s.array(2), s.array(2, 3, 2))])
        composite(  # since NumPy 2.5
            getattr(self.module, self.prefix + "valnd", None),
            lambda pts, c: val(*pts, c=c),
            operands=("pts", "c"),
            samples=lambda s: [s([s.array(3), s.array(3)], s.array(2, 3)), s((s.array(2),), s.array(4, 2))],
        )
        self.define("grid2d", lambda x, y, c: grid(x, y, c=c), lambda s: [s(s.array(3), s.array(2), s.array(2, 3))])
        self.define("grid3d", lambda x, y, z, c: grid(x, y, z, c=c), lambda s: [s(s.array(2), s.array(), s.array(3), s.array(2, 3, 2))])
        self.define("vander", lambda x, deg: self.basis_at(x, deg), lambda s: [s(s.array(3), 3), s(s.array(), 0)])
        self.define("vander2d", lambda x, y, deg: vander(x, y, deg=deg), lambda s: [s(s.array(3), s.array(3), [1, 2])])
        self.define(
            "vander3d", lambda x, y, z, deg: vander(x, y, z, deg=deg), lambda s: [s(s.array(2), s.array(2), s.array(2), [1, 2, 1])]
        )

    # ---- arithmetic

    def product(self, a: Any, b: Any) -> Any:
        """The product of two series."""
        a, b = as_coefficients(a), as_coefficients(b)
        if self.prefix == "poly":
            return trimmed(np.convolve(a, b))
        if self.prefix == "cheb":  # the cosine series in powers of exp(i theta), whose product is a convolution
            product = np.convolve(_both_sides(a), _both_sides(b))[len(a) + len(b) - 2 :]
            return trimmed(np.concatenate([product[:1], 2 * product[1:]]))
        if 1 in (len(a), len(b)):  # as NumPy has it
            a = cast_to(a, np.result_type(a.dtype, np.float64))
        return trimmed(self.PRODUCT(a, b))

    def _arithmetic(self) -> None:
        pair = lambda s: [s(s.nonzero(3), s.nonzero(4)), s(s.nonzero(2), s.nonzero(2))]

        def power(c: Any, pow: Any, maxpower: Any = None if self.prefix == "poly" else 16) -> Any:
            c = as_coefficients(c)
            n = int(pow)
            if n != pow or n < 0:
                raise ValueError("Power must be a non-negative integer.")
            if maxpower is not None and n > maxpower:
                raise ValueError("Power is too large")
            return functools.reduce(self.product, [c] * n) if n else np.array([1], c.dtype)

        def line(off: Any, scl: Any) -> Any:
            (a, b), (_, d) = self.line()
            return trimmed(np.stack([a * off + b * scl, d * scl]) if b else np.stack([a * off, d * scl]))

        self.define("add", lambda c1, c2: _sum(as_coefficients(c1), as_coefficients(c2), 1), pair)
        self.define("sub", lambda c1, c2: _sum(as_coefficients(c1), as_coefficients(c2), -1), pair)
        self.define("mul", self.product_of_two, pair)
        self.define("div", self.quotient, lambda s: [s(s.nonzero(4), s.nonzero(2)), s(s.nonzero(2), s.nonzero(3)), s(s.nonzero(3), s.nonzero())])
        self.define("pow", power, lambda s: [s(s.nonzero(3), 3), s(s.nonzero(2), 0), s(s.nonzero(2), 2, maxpower=5)])
        self.define("line", line, lambda s: [s(s.nonzero(), s.nonzero())])
        self.define("mulx", lambda c: self.times_x(as_coefficients(c)), lambda s: [s(s.nonzero(3)), s(s.nonzero(1))])
        self.define("trim", _trimmed_by, _trim_samples)

    def line(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The matrix, whose first column is for the constant and second for the slope, that makes coefficients of a line."""
        line = self.function("line")
        columns = _padded(np.array(line(1.0, 0.0)), 2), _padded(np.array(line(0.0, 1.0)), 2)
        return tuple(tuple(map(float, row)) for row in zip(*columns, strict=True))  # type: ignore[return-value]

    def times_x(self, c: Any) -> Any:
        """The product with the variable."""
        up, here, down, _ = recurrence_of(self.module, self.prefix, len(c), _real(c))
        none = np.zeros(1, c.dtype)
        out = np.concatenate([none, up * c])
        if here.any():
            out = out + np.concatenate([here * c, none])
        if down.any():
            out = out + np.concatenate([(down * c)[1:], none, none])
        return out if np.any(all_values(c)) else out[:1]  # as NumPy has it

    def product_of_two(self, c1: Any, c2: Any) -> Any:
        """As `product`, with NumPy's names."""
        return self.product(c1, c2)

    def quotient(self, c1: Any, c2: Any) -> Any:
        """Quotient and remainder; a multiple of the divisor times a basis function is taken away for each degree."""
        c1, c2 = as_coefficients(c1), as_coefficients(c2)
        if all_values(c2)[..., -1].any() == 0:
            raise ZeroDivisionError(f"{self.prefix}div: the divisor is zero")
        n, m = len(c1), len(c2)
        if n < m:
            return 0 * c1[:1], c1
        if m == 1:
            return c1 / c2[-1], 0 * c1[:1]
        quotient, kept = [], np.result_type(c1.dtype, c2.dtype)
        dtype = _real(c2) if self.prefix in ("poly", "cheb") else np.float64  # NumPy divides in the other bases in double precision
        for degree in range(n - m, -1, -1):
            p = self.product(np.append(np.zeros(degree, dtype), np.ones(1, dtype)), c2)
            q = c1[-1] / p[-1]
            quotient.append(q)
            c1 = c1[:-1] - q * p[:-1]
        return cast_to(np.stack(quotient[::-1]), kept), trimmed(c1)

    # ---- calculus and changes of basis

    def derived(self, c: Any) -> Any:
        """The derivative, along axis 0; with as many coefficients as it needs."""
        c = np.atleast_1d(c)
        n = shape_of(c)[0]
        return _mapped(matrix_of(self.function("der"), n), c) if n <= _MATRIX else derived(self.prefix, c)

    def integrated(self, c: Any) -> Any:
        """An integral, along axis 0; with any constant."""
        n = shape_of(c)[0]
        return _mapped(matrix_of(self.function("int"), n), c) if n <= _MATRIX else integrated(self.prefix, c)

    def _calculus(self) -> None:
        def derivative(c: Any, m: Any = 1, scl: Any = 1, axis: Any = 0) -> Any:
            c = np.moveaxis(_floating(np.atleast_1d(as_array(c))), axis, 0)
            count = operator.index(m)
            if count < 0:
                raise ValueError("The order of derivation must be non-negative")
            for _ in range(count):
                c = self.derived(cast_to(c * scl, c.dtype))
            return np.moveaxis(c, 0, axis)

        def integral(c: Any, m: Any = 1, k: Any = [], lbnd: Any = 0, scl: Any = 1, axis: Any = 0) -> Any:  # noqa: B006 - NumPy's
            c = np.moveaxis(_floating(np.atleast_1d(as_array(c))), axis, 0)
            count = operator.index(m)
            k = as_array(k)
            k = np.reshape(k, -1)
            if count < 0 or len(k) > count:
                raise ValueError("The order of integration must be non-negative, and not less than the number of constants")
            if np.ndim(lbnd) or np.ndim(scl):
                raise ValueError("lbnd and scl must be scalars")
            for i in range(count):
                c = self.integrated(cast_to(c * scl, c.dtype))
                constant = (k[i] if i < len(k) else 0) - self.values(cast_to(as_array(lbnd), np.result_type(c.dtype, _narrow(lbnd))), c)
                c = np.concatenate([c[:1] + cast_to(constant, c.dtype), c[1:]])
            return np.moveaxis(c, 0, axis)

        self.define(
            "der", derivative,
            lambda s: [s(s.nonzero(4)), s(s.nonzero(4, 2), 2), s(s.nonzero(2, 4), m=1, scl=s.array(), axis=1), s(s.nonzero(2), 3), s(s.nonzero(2), 0)],
        )  # fmt: skip
        self.define(
            "int", integral,
            lambda s: [
                s(s.nonzero(3)), s(s.nonzero(3, 2), 2, [1.5]), s(s.nonzero(2, 3), m=2, k=s.array(2), lbnd=s.array(), scl=s.array(), axis=1),
                s(s.nonzero(2), 0),
            ],
        )  # fmt: skip
        if self.prefix != "poly":
            there, back = getattr(self.module, f"poly2{self.prefix}"), getattr(self.module, f"{self.prefix}2poly")

            def from_polynomial(pol: Any) -> Any:
                c = as_coefficients(pol)
                c = cast_to(c, np.result_type(c.dtype, np.float64))
                return _mapped(matrix_of(there, len(c)), c)

            def to_polynomial(c: Any) -> Any:
                c = as_coefficients(c)
                return _mapped(matrix_of(back, len(c)), c)

            composite(there, from_polynomial, samples=lambda s: [s(s.nonzero(4)), s(s.nonzero(1))])
            composite(back, to_polynomial, samples=lambda s: [s(s.nonzero(4)), s(s.nonzero(1))])

    # ---- roots and fits

    def _roots(self) -> None:
        from_roots, roots = self.function("fromroots"), self.function("roots")

        def slopes(c: Any, ans: Any) -> Any:
            """How each root moves with each coefficient, by the theorem of implicit functions."""
            c = np.atleast_1d(c)
            return -self.basis_at(ans, len(c) - 1) / self.values(ans, self.derived(c))[:, None]

        def samples(s: Any) -> list:
            complex_ones = [-1.1, 0.3 + 0.4j, 0.9] if s.dtype.kind == "c" else [-1.1, 0.3 + 0.4j, 0.3 - 0.4j]
            many = [from_roots(r) for r in ([-1.1, 0.3, 0.9], complex_ones)]
            many = [(c if s.dtype.kind == "c" else np.real(c)).astype(s.dtype) for c in many]
            return [*map(s, many), s(s.nonzero(2))]

        custom(
            roots,
            vjp={"c": lambda g, c, ans: np.reshape(g @ slopes(c, ans), shape_of(c))},
            jvp={"c": lambda t, c, ans: slopes(c, ans) @ np.reshape(t, -1)},
            samples=samples,
        )

        def companion(c: Any) -> Any:
            c = as_coefficients(c)
            n = len(c) - 1
            if n < 1:
                raise ValueError("Series must have maximum degree of at least 1.")
            e = np.zeros(n + 1)
            e[-1] = 1
            constant = self.function("companion")(e)
            factors = self.function("companion")(e + np.append(np.ones(n), 0)) - constant
            dtype = _real(c)
            return constant.astype(dtype) + factors.astype(dtype) * (c[:-1] / c[-1])[:, None]

        def product_of_lines(roots: Any) -> Any:
            r = np.atleast_1d(as_array(roots))
            if r.size == 0:
                return np.ones(1)
            r = cast_to(r, np.result_type(r.dtype, np.float64))
            (a, b), (_, d) = self.line()
            parts = [np.stack([b - a * x, 0 * x + d]) for x in r]
            while len(parts) > 1:
                half, odd = divmod(len(parts), 2)
                new = [self.product(parts[i], parts[i + half]) for i in range(half)]
                if odd:
                    new[0] = self.product(new[0], parts[-1])
                parts = new
            return parts[0]

        self.define("fromroots", product_of_lines, lambda s: [s(s.nonzero(3)), s(s.nonzero(1))])
        self.define("companion", companion, lambda s: [s(s.nonzero(4)), s(s.nonzero(2))])
        self.define(
            "fit", self.fit,
            lambda s: [
                s(np.linspace(-0.9, 0.8, 6).astype(s.dtype), s.array(6), 2), s(np.linspace(-0.9, 0.8, 6).astype(s.dtype), s.array(6, 2), [0, 2], None, w=s.positive(6).real),
                s(np.linspace(-0.9, 0.8, 5).astype(s.dtype), s.array(5), 1, rcond=1e-9, full=True, via=_coefficients_only),
            ],
        )  # fmt: skip

    def fit(self, x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None) -> Any:
        """Least squares, with columns of unit length."""
        x, y = _floating(as_array(x)), _floating(as_array(y))
        degrees = np.asarray(deg)
        if degrees.ndim > 1 or degrees.dtype.kind not in "iu" or degrees.size == 0:
            raise TypeError("deg must be an int or non-empty 1-D array of int")
        if x.ndim != 1 or x.size == 0 or y.ndim not in (1, 2) or len(x) != len(y):
            raise TypeError("x must be a vector with elements, and y a vector of the same length or a matrix of as many rows")
        degrees = np.sort(degrees) if degrees.ndim else np.arange(int(degrees) + 1)
        if degrees.min() < 0:
            raise ValueError("expected deg >= 0")
        a = self.basis_at(x, int(degrees[-1]))[:, degrees]
        if w is not None:
            w = _floating(as_array(w))
            if shape_of(w) != shape_of(x):
                raise TypeError("expected x and w to have same length")
            a, y = a * w[:, None], np.swapaxes(np.swapaxes(y, 0, -1) * w, 0, -1)
        if rcond is None:
            rcond = len(x) * np.finfo(x.dtype).eps
        size = np.sqrt(np.sum(np.square(np.real(a)) + np.square(np.imag(a)) if a.dtype.kind == "c" else np.square(a), axis=0))
        size = np.where(size == 0, 1, size)
        c, residuals, rank, s = np.linalg.lstsq(a / size, y, rcond)
        c = np.swapaxes(np.swapaxes(c, 0, -1) / size, 0, -1)
        if len(degrees) <= degrees[-1]:
            c = np.tensordot(np.eye(int(degrees[-1]) + 1, dtype=_real(c))[:, degrees], c, (1, 0))
        if full:
            return c, [residuals, rank, s, rcond]
        if rank != len(degrees):
            warnings.warn("The fit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
        return c


def _floating(x: Any) -> Any:
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _narrow(x: Any) -> np.dtype:
    """What a number asks of the dtype that it meets: only to be complex."""
    return np.dtype(np.complex64 if dtype_of(x).kind == "c" else np.float16)


def _trimmed_by(c: Any, tol: Any = 0) -> Any:
    if tol < 0:
        raise ValueError("tol must be non-negative")
    c = as_coefficients(c)
    large = np.flatnonzero(np.any(np.abs(all_values(c)).reshape(-1, len(c)) > tol, axis=0))
    return c[: large[-1] + 1] if large.size else 0 * c[:1]


def _ending_in_zero(f: Any, c: Any, **options: Any) -> Any:
    return f(c * np.array([1, 1, 0], c.dtype), **options)


def _trim_samples(s: Any) -> list:
    return [s(s.nonzero(3), via=_ending_in_zero), s(s.nonzero(3), tol=1e-5, via=_ending_in_zero), s(s.nonzero(2))]


def _coefficients_only(f: Any, *args: Any, **kwargs: Any) -> Any:
    return f(*args, **kwargs)[0]


SERIES = {prefix: Basis(prefix, module) for prefix, module in BASES.items()}

# ---- what one basis has and the others have not ---------------------------------------------------------------------------


@composite(
    polynomial.polyvalfromroots,
    operands=("x", "r"),
    samples=lambda s: [s(s.array(3), s.array(4)), s(s.array(2), s.array(3, 2)), s(s.array(2), s.array(3, 2), tensor=False)],
)
def _value_from_roots(x, r, tensor=True):
    x, r = _floating(as_array(x)), _floating(np.atleast_1d(as_array(r)))
    if tensor:
        r = np.reshape(r, shape_of(r) + (1,) * x.ndim)
    elif x.ndim >= r.ndim:
        raise ValueError("x.ndim must be < r.ndim when tensor == False")
    return np.prod(x - r, axis=0)


@composite(
    chebyshev.chebinterpolate,
    samples=lambda s: [s(lambda x, a: np.exp(a * x), 3, args=(s.array(),))],
)
def _chebyshev_interpolate(func, deg, args=()):
    n = operator.index(deg) + 1
    if n < 1:
        raise ValueError("expected deg >= 0")
    points = chebyshev.chebpts1(n)
    c = np.tensordot(chebyshev.chebvander(points, n - 1).T, as_array(func(points, *args)), 1)
    return c * np.where(np.arange(n) == 0, 1 / n, 2 / n)


_WEIGHTS = {
    "cheb": lambda x: 1.0 / (np.sqrt(1.0 + x) * np.sqrt(1.0 - x)),
    "leg": lambda x: x * 0.0 + 1.0,
    "lag": lambda x: np.exp(-x),
    "herm": lambda x: np.exp(-(x**2)),
    "herme": lambda x: np.exp(-0.5 * x**2),
}
for _prefix, _weight in _WEIGHTS.items():
    _module: Any = BASES[_prefix]
    composite(
        getattr(_module, f"{_prefix}weight"),
        lambda x, _weight=_weight: _weight(as_array(x)),
        samples=lambda s: [s(s.unit(3))],
    )
    zero(getattr(_module, f"{_prefix}gauss"))
zero(chebyshev.chebpts1)
zero(chebyshev.chebpts2)

# ---- lists of coefficients, and domains ------------------------------------------------------------------------------------


@composite(
    polyutils.as_series,
    samples=lambda s: [s([s.nonzero(3), s.nonzero()]), s([s.nonzero(2) * [1, 0]], trim=False)],
)
def _as_series(alist, trim=True):
    series = [as_coefficients(c, trim=trim) for c in (alist if isinstance(alist, (list, tuple)) else list(as_array(alist)))]
    dtype = np.result_type(*map(dtype_of, series))
    return [cast_to(c, dtype) for c in series]


composite(polyutils.trimseq, lambda seq: trimmed(as_array(seq)), samples=lambda s: [s(s.nonzero(3), via=_ending_in_zero)])
composite(polyutils.trimcoef, _trimmed_by, samples=_trim_samples)


@composite(polyutils.getdomain, samples=lambda s: [s(s.distinct(4))])
def _getdomain(x):
    x = as_coefficients(x, trim=False)
    if x.dtype.kind != "c":
        return np.stack([np.min(x), np.max(x)])
    x = cast_to(x, np.complex128)
    real, imag = np.real(x), np.imag(x)
    return np.stack([np.min(real) + 1j * np.min(imag), np.max(real) + 1j * np.max(imag)])


@composite(polyutils.mapparms, operands=("old", "new"), samples=lambda s: [s(s.distinct(2), s.array(2)), s([-1.0, 1.0], s.array(2))])
def _mapparms(old, new):
    length = old[1] - old[0]
    return (old[1] * new[0] - old[0] * new[1]) / length, (new[1] - new[0]) / length


@composite(polyutils.mapdomain, operands=("x", "old", "new"), samples=lambda s: [s(s.array(3), s.distinct(2), s.array(2))])
def _mapdomain(x, old, new):
    off, scl = _mapparms(old, new)
    return off + scl * as_array(x)


zero(polyutils.format_float)
