"""Log-sum-exp, softmax and log-softmax: reductions written for NumPy arrays, safe against overflow and
infinities.

SciPy's own versions of these are plain Python and cannot see a traced array, so
`autograd_clone.scipy.special` has these instead. An operand of minus infinity has weight zero, whatever the
others; of several that are plus infinity each has an equal share.
"""

from __future__ import annotations

import numpy as np

from ..array.box import call
from ..engine.batch import RULES
from ..engine.cotangent import dtype_of, shape_of, unbroadcast
from ..engine.define import custom, zero
from .batching import one_operand, reduced
from .tools import anywhere, axes_of, expand


def _top(a, axis):
    """The largest real part along `axis`, which is kept; zero where it is infinite."""
    real = a.real if a.dtype.kind == "c" else a
    top = np.maximum.reduce(real, axis=axis, keepdims=True, initial=None if real.size else -np.inf)
    finite = np.isfinite(top)
    return top if finite.all() else np.where(finite, top, top.dtype.type(0))


def _floating(a):
    """`a` as a floating-point array."""
    a = np.asarray(a)
    return a if a.dtype.kind in "fc" else a.astype(np.float64)


def _scaled_sum(a, b, axis):
    """The sum of ``b exp(a - top)``, and ``top``."""
    a = _floating(a)
    if b is not None:
        a, b = np.broadcast_arrays(a, _floating(b))
        a = np.where(b == 0, -np.inf, a)
    top = _top(a, axis)
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(a - top)
        return np.add.reduce(e if b is None else e * b, axis=axis, keepdims=True), top


def _without_axes(x, shape, axis, keepdims):
    if keepdims:
        return x
    return x.reshape(() if axis is None else _reduced_shape(shape, axis))[()]


def _reduced_shape(shape, axis):
    reduced = axes_of(axis, len(shape))
    return tuple(n for i, n in enumerate(shape) if i not in reduced)


def logsumexp(a, b=None, *, axis=None, keepdims=False):
    """``log(sum(b * exp(a)))``; NaN where the sum is negative."""
    total, top = _scaled_sum(a, b, axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _without_axes(np.log(total) + top, top.shape, axis, keepdims)


def signed_logsumexp(a, b=None, *, axis=None, keepdims=False):
    """``log(abs(s))`` and ``s / abs(s)`` of the sum ``s``."""
    total, top = _scaled_sum(a, b, axis)
    size = np.abs(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        sign = np.sign(total)
        log = np.log(size) + top
    return _without_axes(log, top.shape, axis, keepdims), _without_axes(sign, top.shape, axis, keepdims)


def _weights(a, b, ans, axis, use_b=True):
    """``b exp(a - ans)``: what each term adds to the sum, as a share of it."""
    shape = shape_of(a) if b is None else np.broadcast_shapes(shape_of(a), shape_of(b))
    out = expand(ans, shape, axis)
    infinite = np.isinf(out)
    w = _infinite_weights(a, out, infinite, shape, axis) if anywhere(infinite) else np.exp(a - out)
    return w if b is None or not use_b else np.where(b == 0, 0, w) * b


def _infinite_weights(a, out, infinite, shape, axis):
    ties = (a == np.inf) & (out == np.inf)
    share = ties / np.maximum(np.sum(np.broadcast_to(ties, shape), axis=axis, keepdims=True), 1)
    finite = np.exp(np.where(infinite, 0, a) - np.where(infinite, 0, out))
    return np.where(infinite, share.astype(dtype_of(out)), finite)


def _vjp_a(g, a, b, ans, axis):
    w = _weights(a, b, ans, axis)
    return unbroadcast(expand(g, shape_of(w), axis) * w, shape_of(a))


def _vjp_b(g, a, b, ans, axis):
    w = _weights(a, b, ans, axis, use_b=False)
    return unbroadcast(expand(g, shape_of(w), axis) * w, shape_of(b))


def _samples(s):
    a, b = s.array(3, 4), s.positive(3, 4)
    row = [
        s(a),
        s(a, axis=0),
        s(a, axis=-1, keepdims=True),
        s(s.array(2, 3, 2), axis=(0, 2)),
        s(s.array(), axis=None),
        s(s.array(2, 0), axis=0),
        s(a, b),
        s(a, s.positive(4), axis=1),
        s(s.array(4), s.positive(3, 1), axis=0, keepdims=True),
        s(50 * a, axis=1),
        s(a, b, axis=(0, 1)),
    ]
    return row + (
        [s(s.array(3), s.array(3) + np.array([4, 0, 0])), s(a, b=2.0)] if s.dtype.kind == "f" else []
    )


def _signed_samples(s):
    return [
        *_samples(s),
        s(s.array(3, 4), -s.positive(3, 4), axis=0),
        s(s.array(3), s.array(3), keepdims=True),
    ]


LOGSUMEXP = custom(
    logsumexp,
    operands=("a", "b"),
    vjp={"a": _vjp_a, "b": _vjp_b},
    jvp={
        "a": lambda t, a, b, ans, axis, keepdims: np.sum(
            t * _weights(a, b, ans, axis), axis=axis, keepdims=keepdims
        ),
        "b": lambda t, a, b, ans, axis, keepdims: np.sum(
            t * _weights(a, b, ans, axis, use_b=False), axis=axis, keepdims=keepdims
        ),
    },
    harmless=("keepdims",),
    name="scipy.special.logsumexp",
    samples=_samples,
)

# The sign of a real sum is constant; log(abs(s)) has the derivative of log(s).
SIGNED_LOGSUMEXP = custom(
    signed_logsumexp,
    operands=("a", "b"),
    vjp={
        "a": lambda g, a, b, ans, axis: _vjp_a(g[0] * ans[1], a, b, ans[0], axis),
        "b": lambda g, a, b, ans, axis: _vjp_b(g[0] * ans[1], a, b, ans[0], axis),
    },
    jvp={
        "a": lambda t, a, b, ans, axis, keepdims: _signed_jvp(
            t, ans, axis, keepdims, _weights(a, b, ans[0], axis)
        ),
        "b": lambda t, a, b, ans, axis, keepdims: _signed_jvp(
            t, ans, axis, keepdims, _weights(a, b, ans[0], axis, use_b=False)
        ),
    },
    outputs=2,
    harmless=("keepdims",),
    name="scipy.special.logsumexp (return_sign)",
    samples=_signed_samples,
    complex=False,
)


def _signed_jvp(t, ans, axis, keepdims, w):
    log, sign = ans
    return np.sum(t * w, axis=axis, keepdims=keepdims) * sign, np.zeros(shape_of(log), dtype_of(log))


def largest(a, *, axis=None):
    """The largest real part along `axis`, which is kept."""
    return np.max(a.real if a.dtype.kind == "c" else a, axis=axis, keepdims=True)


zero(largest, samples=lambda s: [s(s.array(2, 3)), s(s.array(2, 3), axis=1), s(s.array())])
RULES["largest"] = one_operand(lambda ndim, shape, p: {"axis": reduced(p["axis"], ndim)})


def traced_logsumexp(a, axis, keepdims):
    """`LOGSUMEXP` of a traced array: written out, so that the exponentials serve the backward pass too.

    They do not where there are infinities; the record has the rules for those.
    """
    top = call(largest, (a,), {"axis": axis}) if a.size else np.full((), -np.inf)
    if anywhere(~np.isfinite(top)):
        return LOGSUMEXP(a, axis=axis, keepdims=keepdims)
    total = np.sum(np.exp(a - top), axis=axis, keepdims=keepdims)
    return np.log(total) + top.reshape(total.shape)


# ---- softmax ----------------------------------------------------------------------------------------------


def softmax(x, *, axis=None):
    """``exp(x) / sum(exp(x))`` along `axis`."""
    x = _floating(x)
    e = np.asarray(x - largest(x, axis=axis) if x.size else x.copy())
    np.exp(e, out=e)
    e /= np.add.reduce(e, axis=axis, keepdims=True)
    return e[()]


def log_softmax(x, *, axis=None):
    """The logarithm of `softmax`."""
    x = _floating(x)
    shifted = np.asarray(x - _top(x, axis) if x.size else x.copy())
    with np.errstate(divide="ignore"):
        shifted -= np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))
    return shifted[()]


def _softmax_rule(g, ans, axis):
    h = g * ans
    return h - ans * np.sum(h, axis=axis, keepdims=True)


def _softmax_samples(s):
    return [
        s(s.array(3, 4)),
        s(s.array(3, 4), axis=1),
        s(s.array(2, 3, 2), axis=(0, -1)),
        s(s.array()),
        s(s.array(0)),
        s(s.array(2, 0), axis=0),
        s(40 * s.real(3), axis=0),
    ]


SOFTMAX = custom(
    softmax,
    vjp={"x": _softmax_rule},
    jvp={"x": lambda t, ans, axis: _softmax_rule(t, ans, axis)},
    name="scipy.special.softmax",
    samples=_softmax_samples,
)
LOG_SOFTMAX = custom(
    log_softmax,
    vjp={"x": lambda g, ans, axis: g - np.exp(ans) * np.sum(g, axis=axis, keepdims=True)},
    jvp={"x": lambda t, ans, axis: t - np.sum(np.exp(ans) * t, axis=axis, keepdims=True)},
    name="scipy.special.log_softmax",
    samples=_softmax_samples,
)
