"""Piecewise linear interpolation, and histograms."""

from __future__ import annotations

import numpy as np

from ..array.complaints import asked
from ..engine.batch import values_only
from ..engine.box import all_values, getval
from ..engine.cotangent import dtype_of
from ..engine.define import composite
from .creation import as_array, cast_to
from .differences import DIFFERENCE
from .gathering import read_at
from .tools import anywhere, in_dtype

# ---- interp --------------------------------------------------------------------------------------------


@composite(
    np.interp,
    operands=("x", "xp", "fp"),
    samples=lambda s: [
        s(s.real(3, 4), np.arange(-4.0, 5.0), s.array(9)),
        s(s.real(4), np.arange(-1.0, 2.0) + 0.2 * s.unit(3).real, s.array(3)),
        s(s.real(6), np.arange(-0.5, 1.0, 0.5), s.array(3), left=0.5, right=-2.0),
        s(3 * s.real(6), np.array([0.5, -1.0, 1.7]), s.array(3), period=3.3),
        s(s.real(), np.arange(-4.0, 5.0), s.array(9), -1.0, 1.0),
        s(s.real(3), np.array([0.3]), s.array(1)),
        s(s.real(0), np.arange(3.0), s.array(3)),
    ],
)
@asked(np.interp)
def _interp(x, xp, fp, left=None, right=None, period=None):
    """At a point of `xp` the derivative is that of the interval to its right (to its left, at the last)."""
    x, xp, fp = in_dtype(as_array(x), np.float64), in_dtype(as_array(xp), np.float64), as_array(fp)
    fp = in_dtype(fp, np.complex128 if dtype_of(fp).kind == "c" else np.float64)
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    if xp.shape[0] == 0:
        if x.size:
            raise ValueError("array of sample points is empty")
        return cast_to(x, dtype_of(fp))  # nowhere; NumPy refuses before 2.5, and has been asked
    if period is not None:
        x, xp, fp = _wrapped(x, xp, fp, period)
        left = right = None
    left = fp[0] if left is None else left
    right = fp[-1] if right is None else right
    inside = _on_segment(x, xp, fp) if xp.shape[0] > 1 else fp[0] + 0.0 * x
    return np.where(x < xp[0], left, np.where(x > xp[-1], right, inside))


def _wrapped(x, xp, fp, period):
    """Points moved into one period, with the last point before the first and the first after the last."""
    if anywhere(np.equal(period, 0), unknown=False):
        raise ValueError("period must be a non-zero value")
    period = np.abs(period)
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = read_at(xp, order), read_at(fp, order)
    return x, np.concatenate([xp[-1:] - period, xp, xp[:1] + period]), np.concatenate([fp[-1:], fp, fp[:1]])


def _on_segment(x, xp, fp):
    k = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.shape[0] - 2)
    width = DIFFERENCE(xp, axis=0)
    slopes = DIFFERENCE(fp, axis=0) / (width + (width == 0))
    return read_at(slopes, k) * (x - read_at(xp, k)) + read_at(fp, k)


# ---- histogram -----------------------------------------------------------------------------------------


def _bin_edges(a, bins, range, several=False):
    """The edges, which depend on the least and the largest element unless they are given."""
    if not isinstance(bins, (str, int, np.integer)):
        return as_array(bins)
    if isinstance(bins, str):
        limits = None if range is None else tuple(map(getval, range))
        bins = len(_edges(getval(a), bins, limits)) - 1
    if range is not None:
        low, high = range
    elif a.size == 0:
        low, high = 0.0, 1.0
    else:
        low, high = np.min(a), np.max(a)
    if anywhere(np.equal(low, high), unknown=False):
        low, high = low - 0.5, high + 0.5
    dtype = None if several else np.result_type(low, high, a.dtype)  # in several dimensions limits that are given widen it
    return np.linspace(low, high, int(bins) + 1, dtype=dtype)


_edges = values_only(np.histogram_bin_edges)
_counts = values_only(lambda a, edges: np.histogram(a, edges)[0])


@composite(
    np.histogram_bin_edges,
    operands=("a", "bins"),
    complex=False,
    samples=lambda s: [
        s(s.distinct(12)),
        s(s.distinct(12), bins=3, weights=None),
        s(s.distinct(12), 4, range=(-2.0, 7.5)),
        s(s.distinct(12), np.arange(4.0)),
        s(s.distinct(30), "sturges"),
    ],
)
@asked(np.histogram_bin_edges)
def _histogram_bin_edges(a, bins=10, range=None, weights=None):
    return _bin_edges(as_array(a).reshape(-1), bins, range)


@composite(
    np.histogram,
    operands=("a", "bins", "weights"),
    complex=False,  # the elements; weights may be
    samples=lambda s: [
        s(s.distinct(12)),
        s(s.distinct(3, 4), bins=3, density=True),
        s(s.distinct(6), 2, weights=s.array(6) + 1j),
        s(s.distinct(12), 4, range=(-2.0, 2.1), weights=s.array(12)),
        s(s.distinct(12), np.array([-2.22, -1.11, 0.03, 2.77]), weights=s.array(12), density=True),
    ],
)
@asked(np.histogram)
def _histogram(a, bins=10, range=None, density=None, weights=None):
    """Counts are constant; weighted counts are linear in the weights; edges follow the extreme elements."""
    a = as_array(a).reshape(-1)
    if a.dtype.kind == "c":
        raise TypeError("complex numbers have no order")
    edges = _bin_edges(a, bins, range)
    if weights is None:
        counts = _counts(getval(a), getval(edges))
    else:
        weights = as_array(weights).reshape(-1)
        if np.ndim(bins) and not np.all(np.isfinite(all_values(weights))):  # which NumPy adds up before it takes differences
            raise ValueError("weights are finite")
        counts = _weighted_counts(a, edges, weights)
    if density:
        return counts / in_dtype(np.diff(edges), np.float64) / np.sum(counts), edges
    return counts, edges


def _weighted_counts(a, edges, weights):
    n = edges.shape[0] - 1
    if n < 1 or a.size == 0:
        return np.zeros(max(n, 0), dtype_of(weights))
    k = np.where(a == edges[-1], n - 1, np.searchsorted(edges, a, side="right") - 1)
    k = np.where(np.logical_and(a >= edges[0], a <= edges[-1]), k, n)

    def total(w):
        return np.bincount(k, in_dtype(w, np.float64), n + 1)[:n]

    if dtype_of(weights).kind == "c":
        counts = total(np.real(weights)) + 1j * total(np.imag(weights))
    else:
        counts = total(weights)
    return in_dtype(counts, dtype_of(weights))


def _places(sample, edges):
    """The bin of each point along one axis; the number of bins for a point that is in none."""
    n = edges.shape[0] - 1
    k = np.where(sample == edges[-1], n - 1, np.searchsorted(edges, sample, side="right") - 1)
    return np.where(np.logical_and(sample >= edges[0], sample <= edges[-1]), k, n)


@composite(
    np.histogramdd,
    operands=("sample", "bins", "weights"),
    complex=False,
    samples=lambda s: [
        s(s.distinct(7, 2), bins=3),
        s(s.distinct(9, 3), (2, 3, 2), ((-3.0, 3.0), None, None), weights=s.array(9)),
        s([s.distinct(6), s.distinct(6)], bins=[np.arange(-4.0, 5.0), 2], density=True, weights=s.positive(6)),
        s(s.distinct(8), 2, density=True),
    ],
)
@asked(np.histogramdd)
def _histogramdd(sample, bins=10, range=None, density=None, weights=None):
    """Counts are constant; weighted counts are linear in the weights; edges follow the extreme elements."""
    if not hasattr(sample, "ndim"):
        sample = np.transpose(np.atleast_2d(as_array(sample)))
    elif sample.ndim != 2:
        sample = np.transpose(np.atleast_2d(sample))
    count, d = sample.shape
    bins = [bins] * d if isinstance(bins, (int, np.integer)) else list(bins)
    ranges = [None] * d if range is None else list(range)
    if len(bins) != d:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if len(ranges) != d:
        raise ValueError("range argument must have one entry per dimension")
    columns = [sample[:, i] for i in np.arange(d)]
    edges = [_bin_edges(x, b, r, several=True) for x, b, r in zip(columns, bins, ranges, strict=True)]
    shape = [e.shape[0] - 1 for e in edges]
    place = np.zeros(count, int)
    for x, e, n in zip(columns, edges, shape, strict=True):
        place = place * (n + 1) + _places(getval(x), getval(e))
    size = int(np.prod([n + 1 for n in shape]))
    weights = None if weights is None else in_dtype(as_array(weights), np.float64)
    counts = np.reshape(np.bincount(place, weights, size).astype(np.float64), [n + 1 for n in shape])
    counts = counts[tuple(slice(n) for n in shape)]
    if density:
        total = np.sum(counts)
        for i, e in enumerate(edges):
            width = [1] * d
            width[i] = shape[i]
            counts = counts / np.reshape(np.diff(e), width)
        counts = counts / total
    return counts, tuple(edges)


@composite(
    np.histogram2d,
    operands=("x", "y", "bins", "weights"),
    complex=False,
    samples=lambda s: [
        s(s.distinct(7), s.distinct(7), bins=3),
        s(s.distinct(7), s.distinct(7), [2, 3], [[-3.0, 3.0], [-3.0, 3.0]], weights=s.array(7)),
        s(s.distinct(7), s.distinct(7), np.arange(-4.0, 5.0), density=True, weights=s.positive(7)),
    ],
)
def _histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    x, y = as_array(x), as_array(y)
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if not isinstance(bins, (int, np.integer)) and len(bins) > 2:
        bins = [as_array(bins)] * 2
    counts, (x_edges, y_edges) = _histogramdd(np.stack([x, y], axis=1), bins, range, density, weights)
    return counts, x_edges, y_edges
