"""``numpy.fft``: all of it. Every transform is linear, so what is stated is its adjoint.

The discrete Fourier transform is a symmetric matrix: the adjoint of `fft` (with no conjugate, as the complex
convention wants) is `fft` itself, with the same normalisation. Real transforms leave out the half of the
spectrum that is the conjugate of the other; their adjoints count the frequencies that stand for two of them
twice (or, the other way round, by half). That leaves frequency zero and, for an even length only, the
highest, as they are.

A length ``n`` that differs from the array's cuts it or appends zeros; the adjoint appends zeros or cuts.
Transforms over several axes are chains of transforms over one, as in NumPy, so a repeated axis is no special
case.
"""

from __future__ import annotations

from operator import index as as_int

import numpy as np

from ..array.box import as_array
from ..engine.cotangent import shape_of
from ..engine.define import composite, linear
from .creation import cast_to
from .matrices import conj, real_dtype
from .tools import refuse_out

_OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _fit(g, n, axis):
    """`g` cut or continued by zeros to length `n` along an axis."""
    shape = shape_of(g)
    if shape[axis] > n:
        return g[(slice(None),) * (axis % len(shape)) + (slice(n),)]
    if shape[axis] < n:
        missing = list(shape)
        missing[axis] = n - shape[axis]
        return np.concatenate([g, np.zeros(missing, g.dtype)], axis=axis)
    return g


def _along(values, axis, ndim):
    """A vector as an array that broadcasts along one axis."""
    return values.reshape((-1,) + (1,) * (ndim - 1 - axis % ndim))


def _multiplicity(m, n, axis, ndim, dtype):
    """How many of `n` frequencies each of the first `m` stands for in a real transform."""
    twice = np.full(m, 2, dtype=dtype)
    twice[0] = 1
    if n % 2 == 0 and m == n // 2 + 1:
        twice[-1] = 1
    return _along(twice, axis, ndim)


def _rfft_adjoint(g, a_shape, n, axis, norm):
    n = a_shape[axis] if n is None else int(n)
    weights = _multiplicity(shape_of(g)[axis], n, axis, g.ndim, real_dtype(g))
    return _fit(np.fft.irfft(conj(g) / weights, n, axis, _OPPOSITE[norm]), a_shape[axis], axis)


def _irfft_adjoint(g, a_shape, a_dtype, axis, norm):
    n = shape_of(g)[axis]
    spectrum = np.fft.rfft(g, None, axis, _OPPOSITE[norm])
    spectrum = np.conj(spectrum) if a_dtype.kind == "c" else np.real(spectrum)
    weights = _multiplicity(n // 2 + 1, n, axis, g.ndim, g.dtype)
    spectrum = _fit(spectrum * weights, a_shape[axis], axis)
    return spectrum if a_dtype.kind == "c" else cast_to(spectrum, a_dtype)  # NumPy has no transform in half precision


def _samples(*shapes):
    def samples(s):
        a = s.array
        plain = [s(a(*shape)) for shape in shapes]
        keywords = [
            s(a(5), 3), s(a(5), n=8), s(a(4), 4), s(a(2, 5), axis=0), s(a(3, 4), 5, 0),
            s(a(2, 3, 4), n=2, axis=-2, norm="ortho"), s(a(5), norm="forward"),
            s(a(4), norm="ortho"), s(a(4), norm="backward"), s(a(3, 4), 7, 1, "forward"),
        ]  # fmt: skip
        return plain + keywords

    return samples


def _self_adjoint(transform):
    return lambda g, a_shape, axis, norm: _fit(transform(g, None, axis, norm), a_shape[axis], axis)


for _f in (np.fft.fft, np.fft.ifft):
    linear(
        _f, a=_self_adjoint(_f), options={"harmless": ("n",), "samples": _samples((4,), (5,), (1,), (2, 3))}
    )
linear(
    np.fft.rfft, a=_rfft_adjoint, options={"complex": False, "samples": _samples((4,), (5,), (1,), (2, 3))}
)
linear(
    np.fft.irfft,
    a=_irfft_adjoint,
    options={"harmless": ("n",), "samples": _samples((4,), (5,), (2,), (2, 3))},
)


@composite(np.fft.hfft, samples=_samples((4,), (5,), (2, 3)))
def _hfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out(np.fft.hfft, out)
    return np.fft.irfft(np.conj(as_array(a)), n, axis, _OPPOSITE[norm])


@composite(np.fft.ihfft, complex=False, samples=_samples((4,), (5,), (1,), (2, 3)))
def _ihfft(a, n=None, axis=-1, norm=None, out=None):
    refuse_out(np.fft.ihfft, out)
    return np.conj(np.fft.rfft(as_array(a), n, axis, _OPPOSITE[norm]))


# ---- several axes ------------------------------------------------------------------------------------------


def _lengths(a, s, axes):
    """Lengths and axes, in order, as NumPy reads them."""
    if s is None:
        axes = range(-a.ndim, 0) if axes is None else axes
        return [a.shape[axis] for axis in axes], list(axes)
    axes = list(range(-len(s), 0) if axes is None else axes)
    if len(s) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    return [a.shape[axis] if n == -1 else None if n is None else as_int(n) for n, axis in zip(s, axes, strict=True)], axes


def _over_axes(a, transform, s, axes, norm):
    for n, axis in reversed(list(zip(s, axes, strict=True))):
        a = transform(a, n, axis, norm)
    return a


def _many(fun, transform):
    def implementation(a, s=None, axes=None, norm=None, out=None):
        refuse_out(fun, out)
        a = as_array(a)
        return _over_axes(a, transform, *_lengths(a, s, axes), norm)

    return _with_default_axes(fun, implementation)


def _real_many(fun):
    def implementation(a, s=None, axes=None, norm=None, out=None):
        refuse_out(fun, out)
        a = as_array(a)
        s, axes = _lengths(a, s, axes)
        return _over_axes(np.fft.rfft(a, s[-1], axes[-1], norm), np.fft.fft, s[:-1], axes[:-1], norm)

    return _with_default_axes(fun, implementation)


def _inverse_real_many(fun):
    def implementation(a, s=None, axes=None, norm=None, out=None):
        refuse_out(fun, out)
        a = as_array(a)
        lengths, axes = _lengths(a, s, axes)
        for n, axis in zip(lengths[:-1], axes[:-1], strict=True):
            a = np.fft.ifft(a, n, axis, norm)
        return np.fft.irfft(a, None if s is None else lengths[-1], axes[-1], norm)

    return _with_default_axes(fun, implementation)


def _with_default_axes(fun, implementation):
    """`implementation` for `fun`, whose ``axes`` are the last two by default if its name ends in 2."""
    if not fun.__name__.endswith("2"):
        return implementation

    def over_two(a, s=None, axes=(-2, -1), norm=None, out=None):
        return implementation(a, s, axes, norm, out)

    return over_two


def _many_samples(s):
    a = s.array
    return [
        s(a(3, 4)), s(a(4, 3)), s(a(2, 3, 4)), s(a(3, 4), axes=(1, 0)), s(a(2, 3, 4), axes=(0, -1)),
        s(a(3, 4), s=(4, 5), axes=(0, 1)), s(a(3, 4), (2, 3), (1, 0), "ortho"),
        s(a(4, 4), norm="forward"), s(a(3, 4), s=(-1, 3), axes=(0, 1)), s(a(3, 4), None, (-1,)),
        s(a(3, 4), axes=(0, 0)), s(a(3, 4), norm="backward"),
    ]  # fmt: skip


for _f in (np.fft.fftn, np.fft.fft2):
    composite(_f, _many(_f, np.fft.fft), samples=_many_samples)
for _f in (np.fft.ifftn, np.fft.ifft2):
    composite(_f, _many(_f, np.fft.ifft), samples=_many_samples)
for _f in (np.fft.rfftn, np.fft.rfft2):
    composite(_f, _real_many(_f), complex=False, samples=_many_samples)
for _f in (np.fft.irfftn, np.fft.irfft2):
    composite(_f, _inverse_real_many(_f), samples=_many_samples)

# ---- shifts and frequencies --------------------------------------------------------------------------------


def _shift_samples(s):
    return [
        s(s.array(4)),
        s(s.array(5)),
        s(s.array(3, 4)),
        s(s.array(3, 4), axes=0),
        s(s.array(3, 5), (0, 1)),
        s(s.array(2, 3, 5), axes=(2,)),
    ]


linear(np.fft.fftshift, x=lambda g, axes: np.fft.ifftshift(g, axes=axes), options={"samples": _shift_samples})
linear(np.fft.ifftshift, x=lambda g, axes: np.fft.fftshift(g, axes=axes), options={"samples": _shift_samples})
