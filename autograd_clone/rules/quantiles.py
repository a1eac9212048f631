"""Medians, quantiles and percentiles: elements of the sorted array, or points between two of them.

Everything is made of `order_statistics`. Which elements are taken is constant; where a quantile lies between
two of them depends on ``q``, so ``q`` may be traced too. Elements that are equal share the derivative.
"""

from __future__ import annotations

import numpy as np

from ..array.box import call
from ..engine.box import getval
from ..engine.cotangent import dtype_of, shape_of
from ..engine.define import composite, custom, zero
from ..engine.trace import apply
from ..engine.transpose import transpose
from .creation import as_array
from .reductions import to_last
from .sorting import AVERAGE_TIES
from .tools import NOT_GIVEN, anywhere, axes_of, in_dtype, kept_shape, refuse_out

# ---- order statistics ----------------------------------------------------------------------------------


def order_statistics(x, *, ranks):
    """The elements of given ranks along the last axis; `ranks` has one axis, or one row per row of `x`."""
    if ranks.ndim == 1:
        return np.partition(x, ranks, axis=-1)[..., ranks]
    return np.take_along_axis(np.sort(x, axis=-1), ranks, axis=-1)


#: Up to so many ranks are compared with all elements one by one, which is cheaper than to sort.
_FEW = 8


def _shares(x, ans, k):
    """For statistic `k`, which elements are equal to it, and the share of each."""
    if type(x) is np.ndarray and x.ndim == 1:
        hit = x == ans[k]
        return hit, 1 / max(int(np.count_nonzero(hit)), 1)
    hit = x == ans[..., k : k + 1]
    n = np.maximum(np.count_nonzero(hit, axis=-1, keepdims=True), 1)
    return hit, 1 / n.astype(dtype_of(np.real(ans)))


def _statistics_vjp(g, x, ans, ranks):
    k = shape_of(ans)[-1]
    if k > _FEW:
        return transpose(lambda t: [_by_sorting(t, x, ranks)], [x])([g])[0]
    total = 0.0 * x if k == 0 else None
    for i in range(k):
        hit, share = _shares(x, ans, i)
        term = (g[..., i : i + 1] * share) * hit
        total = term if total is None else total + term
    return total


def _statistics_jvp(t, x, ans, ranks):
    k = shape_of(ans)[-1]
    if k > _FEW or k == 0:
        return _by_sorting(t, x, ranks)
    terms = []
    for i in range(k):
        hit, share = _shares(x, ans, i)
        terms.append(np.sum(t * hit, axis=-1, keepdims=True) * share)
    return np.concatenate(terms, axis=-1)


def _by_sorting(t, x, ranks):
    """The tangent of the sorted array, read at the ranks."""
    order = np.argsort(x, axis=-1, kind="stable")
    t = AVERAGE_TIES(np.take_along_axis(t, order, -1), np.sort(x, axis=-1), axis=-1)
    return t[..., ranks] if np.ndim(ranks) == 1 else np.take_along_axis(t, ranks, -1)


def _batched(trace, prim, operands, params):
    ranks = params["ranks"]
    rows = ranks if np.ndim(ranks) == 1 else ranks[None]
    return trace.box(apply(prim, (trace.all_of(operands[0]),), {"ranks": rows}))


ORDER_STATISTICS = custom(
    order_statistics,
    batch=_batched,
    vjp={"x": _statistics_vjp},
    jvp={"x": _statistics_jvp},
    samples=lambda s: [
        s(s.distinct(6), ranks=np.array([2, 0, 2])),
        s(s.distinct(3, 4), ranks=np.array([1])),
        s(s.distinct(3, 4), ranks=np.array([[1, 0], [3, 3], [2, 1]])),
        s(s.distinct(2, 5), ranks=np.arange(10) % 5),
    ],
)


# ---- where a quantile lies -----------------------------------------------------------------------------

#: The continuous methods of Hyndman and Fan (1996), by alpha and beta: the quantile `q` of `n` elements lies
#: at ``n * q + alpha + q * (1 - alpha - beta) - 1``.
_CONTINUOUS = {
    "interpolated_inverted_cdf": (0, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}


def _nearest_below(index, keep):
    """The next integer above `index`, or the one below where ``keep(fraction, that integer)``."""
    below = np.floor(index)
    return np.where(keep(index - below, below), below, below + 1)


_DISCRETE = {
    "inverted_cdf": lambda n, q: _nearest_below(n * q - 1, lambda gamma, _: gamma == 0),
    "closest_observation": lambda n, q: _nearest_below(
        n * q - 1.5, lambda gamma, below: np.logical_and(gamma == 0, below % 2 == 1)
    ),
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.around((n - 1) * q),
}


def _position(method, n, q):
    """Rank of the element below a quantile, and the fraction of the way to the next one (or ``None``)."""
    if method in _DISCRETE:
        return _DISCRETE[method](n, q), None
    if method in _CONTINUOUS:
        alpha, beta = _CONTINUOUS[method]
        index = n * q + (alpha + q * (1 - alpha - beta)) - 1
    elif method == "linear":
        index = (n - 1) * q
    elif method == "averaged_inverted_cdf":
        index = n * q - 1
        below = np.floor(index)
        return below, np.where(index == below, 0.5, 1.0)
    elif method == "midpoint":
        below, above = np.floor((n - 1) * q), np.ceil((n - 1) * q)
        return below, np.where(below == above, 0.0, 0.5)
    else:
        known = [*_DISCRETE, *_CONTINUOUS, *_REST]
        raise ValueError(f"{method!r} is not a valid method. Use one of: {known}")
    below = np.floor(index)
    return below, index - below


_REST = ("linear", "averaged_inverted_cdf", "midpoint")


def _between(x, method, n, q, weak):
    """Quantiles `q` of rows whose first `n` elements in order count; a weak `q` does not widen the dtype."""
    if isinstance(n, np.ndarray) and dtype_of(q).kind == "f":
        n = n.astype(dtype_of(q))  # counts of type int64 would widen single precision
    below, fraction = _position(method, n, q)
    first = np.clip(below, 0, np.maximum(n - 1, 0)).astype(np.intp)
    if fraction is None:
        return ORDER_STATISTICS(x, ranks=first)
    # Beyond either end the two neighbours are one.
    second = np.where(np.logical_or(below < 0, below >= n - 1), first, first + 1)
    k = first.shape[-1]
    both = ORDER_STATISTICS(x, ranks=np.concatenate([first, second], axis=-1))
    a, b = both[..., :k], both[..., k:]
    if weak:
        fraction = in_dtype(fraction, dtype_of(x))
    step = b - a
    return np.where(fraction >= 0.5, b - step * (1 - fraction), a + step * fraction)


# ---- quantile and percentile ---------------------------------------------------------------------------


def weighted_ranks(x, q, weights):
    """For each row and each `q` the rank of the first element at which the cumulated weights reach `q`."""
    order = np.argsort(x, axis=-1)
    cumulated = np.cumsum(np.take_along_axis(weights, order, -1), axis=-1, dtype=np.float64)
    cumulated /= cumulated[..., -1:]
    if np.isnan(cumulated[..., -1]).any():
        raise ValueError("Weights included NaN, inf or were all zero.")
    if q.dtype.kind == "f":
        cumulated = cumulated.astype(q.dtype)
    cumulated[cumulated == 0] = -1  # so that an element without weight is not taken for q = 0
    last = np.count_nonzero(~np.isnan(x), axis=-1, keepdims=True) - 1
    ranks = np.empty((*x.shape[:-1], q.size), np.intp)
    for row in np.ndindex(x.shape[:-1]):
        ranks[row] = np.searchsorted(cumulated[row], q, side="left")
    return np.clip(ranks, 0, np.maximum(last, 0))


zero(
    weighted_ranks,
    samples=lambda s: [s(s.distinct(3, 5), np.array([0.2, 0.7]), s.real(3, 5) ** 2)],
    complex=False,
)


def _rows(a, axis):
    """`a` with the reduced axes made the last one, and the shape of the result with and without them."""
    shape = shape_of(a)
    if not shape and axis is not None and axis != ():
        raise np.exceptions.AxisError(axis, 0)
    reduced = axes_of(axis, len(shape))
    rest = tuple(n for i, n in enumerate(shape) if i not in reduced)
    return to_last(a, axis), kept_shape(shape, axis), rest


def _aligned_weights(weights, a, axis):
    """Weights with a row for each row of `a`."""
    weights = as_array(weights)
    if weights.shape != a.shape:
        axes = axes_of(axis, a.ndim)
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        if weights.shape != tuple(a.shape[k] for k in axes):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        weights = np.transpose(weights, np.argsort(axes))
        weights = weights.reshape([n if k in axes else 1 for k, n in enumerate(a.shape)])
        weights = np.broadcast_to(weights, a.shape)
    if anywhere(weights < 0, unknown=False):
        raise ValueError("Weights must be non-negative.")
    return to_last(weights, axis)


def _quantile_of(a, q, weak, axis, method, keepdims, weights, skip_nans):
    a, q = as_array(a), as_array(q)
    if dtype_of(a).kind == "c":
        raise TypeError("a must be an array of real numbers")
    if q.ndim > 2:
        raise ValueError("q must be a scalar or 1d")
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    x, kept, rest = _rows(a, axis)
    undefined = np.isnan(x)
    n = np.count_nonzero(np.logical_not(undefined), axis=-1, keepdims=True) if skip_nans else x.shape[-1]
    points = q.reshape(-1)
    if weights is None:
        result = _between(x, method, n, points, weak)
    else:
        w = _aligned_weights(weights, a, axis)
        if skip_nans:
            w = np.where(undefined, 0, w)
        result = ORDER_STATISTICS(x, ranks=call(weighted_ranks, (x, points, w), {}))
    bad = n == 0 if skip_nans else np.any(undefined, axis=-1, keepdims=True)
    if anywhere(bad):
        result = np.where(bad, np.nan, result)
    result = np.moveaxis(result, -1, 0)
    return result.reshape((*q.shape, *(kept if keepdims is not NOT_GIVEN and keepdims else rest)))


def _checked(q, top):
    """`q` as a fraction, and whether it is a Python number, which does not widen the dtype."""
    weak = type(q) in (int, float)
    q = as_array(q)
    if anywhere(np.logical_not(np.logical_and(q >= 0, q <= top)), unknown=False):
        name = "Quantiles" if top == 1 else "Percentiles"
        raise ValueError(f"{name} must be in the range [0, {top}]")
    return (q if top == 1 else np.true_divide(q, top)), weak


def _quantile_like(function, top, skip_nans):
    def implementation(
        a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=NOT_GIVEN, *,
        weights=None, interpolation=None,
    ):  # fmt: skip
        refuse_out(function, out)
        bool(getval(overwrite_input))
        if interpolation is not None:  # the former name of `method`, until NumPy 2.4
            function(0.0, 0.0, method=method, interpolation=interpolation)  # warns, or raises
            method = interpolation
        q, weak = _checked(q, top)
        if skip_nans and 0 in shape_of(as_array(a)):
            return np.nanmean(a, axis, keepdims=keepdims)
        return _quantile_of(a, q, weak, axis, method, keepdims, weights, skip_nans)

    def samples(s):
        q = top * np.array([[0.1, 0.55], [0.62, 0.93]])
        x = s.distinct(5, 6)
        if skip_nans:
            x[1:4, 2] = np.nan
        return [
            s(x, 0.37 * top),
            s(x, q[0], axis=1),
            s(x, q, axis=0, keepdims=True),
            s(s.distinct(2, 3, 4), 0.37 * top, axis=(0, -1), keepdims=True, overwrite_input=False),
            s(x, np.linspace(0.1, 0.9, 12) * top, axis=-1),
            *(s(x, 0.37 * top, axis=1, method=m) for m in (*_DISCRETE, *_CONTINUOUS, *_REST)),
            s(x, [0, top], 1, method="weibull"),
            s(x, 0.37 * top, axis=1, method="inverted_cdf", weights=np.arange(30).reshape(5, 6) % 3),
            *(
                []
                if skip_nans  # NumPy itself fails
                else [s(x, 0.8 * top, axis=1, method="inverted_cdf", weights=np.array([1, 2, 0, 1, 1, 2]))]
            ),
        ]

    composite(function, implementation, complex=False, operands=("a", "q"), samples=samples)


_quantile_like(np.quantile, 1, False)
_quantile_like(np.percentile, 100, False)
_quantile_like(np.nanquantile, 1, True)
_quantile_like(np.nanpercentile, 100, True)


# ---- median --------------------------------------------------------------------------------------------


def _median_of(a, axis, keepdims, skip_nans):
    x, kept, rest = _rows(a, axis)
    shape = kept if keepdims is not NOT_GIVEN and keepdims else rest
    if x.shape[-1] == 0:
        return np.mean(x, axis=-1).reshape(shape)
    undefined = np.isnan(x)
    if skip_nans:
        n = np.count_nonzero(np.logical_not(undefined), axis=-1, keepdims=True)
        ranks = np.concatenate([np.maximum(n - 1, 0) // 2, n // 2], axis=-1)
        bad = n[..., 0] == 0
    else:
        n = x.shape[-1]
        ranks = np.array([(n - 1) // 2, n // 2] if n % 2 == 0 else [n // 2])
        bad = np.any(undefined, axis=-1)
    result = np.mean(ORDER_STATISTICS(x, ranks=ranks), axis=-1)
    if anywhere(bad):
        result = np.where(bad, np.nan, result)
    return result.reshape(shape)


def _median_samples(s):
    return [
        s(s.distinct(5)),
        s(s.distinct(3, 4)),
        s(s.distinct(3, 4), axis=1),
        s(s.distinct(2, 3, 4), axis=(0, 1), keepdims=True, overwrite_input=False),
        s(s.distinct(2, 3), axis=None, keepdims=True),
        s(s.array()),
    ]


@composite(np.median, samples=_median_samples)
def _median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    refuse_out(np.median, out)
    bool(getval(overwrite_input))  # raises, if it is no truth value
    return _median_of(as_array(a), axis, keepdims, False)


def _nanmedian_samples(s):
    x = s.distinct(5, 6)
    x[1:4, 2] = np.nan
    return [*_median_samples(s), s(x), s(x, axis=0), s(x, axis=1, keepdims=True)]


@composite(np.nanmedian, samples=_nanmedian_samples)
def _nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=NOT_GIVEN):
    refuse_out(np.nanmedian, out)
    bool(getval(overwrite_input))
    a = as_array(a)
    if 0 in shape_of(a):
        return np.nanmean(a, axis, keepdims=keepdims)
    return _median_of(a, axis, keepdims, True)
