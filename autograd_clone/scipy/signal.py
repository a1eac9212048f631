"""`scipy.signal`: convolution and correlation, differentiable with respect to both arrays."""

from __future__ import annotations

from typing import Any

import numpy as _np

from ..array.box import as_array as _as_array
from ..engine.errors import UnsupportedKeywordError as _UnsupportedKeywordError
from ..rules import signal as _rules

__all__ = ["convolve", "convolve2d", "correlate", "fftconvolve"]


def convolve(
    A: Any, B: Any, axes: Any = None, dot_axes: Any = ((), ()), mode: str = "full", method: str = "auto"
) -> Any:
    """Convolve two arrays of any number of dimensions, along some axes, and sum over others.

    Called as ``convolve(A, B, mode)`` it is `scipy.signal.convolve`.

    Parameters
    ----------
    A, B : array_like
        The arrays.
    axes : pair of sequences of ints, optional
        Axes of `A` and of `B` to convolve along; by default all of both, which then have equally many. A string in this
        place is `mode`.
    dot_axes : pair of sequences of ints, optional
        Axes of `A` and of `B` to sum over, as in a dot product; none by default.
    mode : {'full', 'valid', 'same'}, optional
        The whole convolution; the part without padding, for which one array must be at least as long as the other in all
        axes; or the middle part, of the lengths of `A`.
    method : {'auto', 'direct', 'fft'}, optional
        For convolutions along all axes, how `scipy.signal.convolve` computes it.

    Returns
    -------
    ndarray
        Its axes are those of `A` that are neither convolved nor summed, then those of `B`, then the convolved ones.

    Raises
    ------
    ValueError
        If the shapes, axes and mode do not go together.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda x: convolve(x, np.array([1.0, 2.0]))[1])(np.zeros(3))
    array([2., 1., 0.])
    >>> images, filters = np.ones((5, 3, 8, 8)), np.ones((3, 2, 4, 4))
    >>> convolve(images, filters, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid").shape
    (5, 2, 5, 5)
    """
    return _rules.convolve(A, B, axes, dot_axes, mode, method)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Cross-correlation: convolution with the reversed, conjugated second array.

    Parameters
    ----------
    in1, in2 : array_like
        Of equal number of dimensions.
    mode : {'full', 'valid', 'same'}, optional
        As for `convolve`.
    method : {'auto', 'direct', 'fft'}, optional
        As for `convolve`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import grad
    >>> grad(lambda x: correlate(x, np.array([1.0, 2.0]), "valid")[0])(np.zeros(3))
    array([1., 2., 0.])
    """
    in2 = _as_array(in2)
    return _rules.convolve(in1, _np.conj(in2[(slice(None, None, -1),) * in2.ndim]), mode=mode, method=method)


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """Convolution of two matrices, with zeros around the first.

    Parameters
    ----------
    in1, in2 : array_like
        Matrices.
    mode : {'full', 'valid', 'same'}, optional
        As for `convolve`.
    boundary : {'fill'}, optional
        What surrounds the first array. Others can be had by `numpy.pad` and ``mode="valid"``.
    fillvalue : 0, optional
        Likewise.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> convolve2d(np.eye(2), np.ones((1, 2)), mode="same")
    array([[1., 1.],
           [0., 1.]])
    """
    if boundary != "fill" or fillvalue != 0:
        raise _UnsupportedKeywordError("convolve2d: pad the array with np.pad, and use mode='valid'")
    in1, in2 = _as_array(in1), _as_array(in2)
    if in1.ndim != 2 or in2.ndim != 2:
        raise ValueError(f"convolve2d: inputs must both be 2-D arrays, got {in1.ndim}-D and {in2.ndim}-D")
    return _rules.convolve(in1, in2, mode=mode)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolution by the fast Fourier transform.

    Parameters
    ----------
    in1, in2 : array_like
        Of equal number of dimensions.
    mode : {'full', 'valid', 'same'}, optional
        As for `convolve`.
    axes : None
        Only convolution along all axes is supported; see `convolve` for others.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> np.round(fftconvolve(np.ones(3), np.ones(2)), 9)
    array([1., 2., 2., 1.])
    """
    if axes is not None:
        raise _UnsupportedKeywordError("fftconvolve: axes= is not supported; convolve(A, B, axes=...) is")
    return _rules.convolve(in1, in2, mode=mode, method="fft")
