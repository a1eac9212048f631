"""Set functions, as selections: a value that occurs several times is the one that stands first."""

from __future__ import annotations

import numpy as np

from ..engine.box import getval
from ..engine.define import composite
from .creation import as_array


def _set_samples(*arguments):
    """Samples with two arrays that share some elements."""
    return lambda s: [
        s(s.distinct(4), s.distinct(3), via=lambda f, x, y, **kw: f(x, np.concatenate((y, x[1:3])), **kw), **kw) for kw in arguments
    ]


def _repeated(f, x, *args, **kwargs):
    """A sample in which elements occur twice, on purpose not beside each other."""
    return f(np.concatenate((x, x[::-1])), *args, **kwargs)


@composite(np.unique, complex=False, samples=lambda s: [
    s(s.distinct(5)),
    s(s.distinct(2, 3), True, True, True),
    s(s.distinct(3), via=_repeated),
    s(s.distinct(3, 2), axis=0, return_counts=True, equal_nan=False, via=_repeated),
])  # fmt: skip
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **options):
    ar = as_array(ar)
    options.pop("sorted", None)  # sorted is one of the orders that sorted=False allows
    found = np.unique(getval(ar), True, return_inverse, return_counts, axis, **options)
    values = np.take(ar, found[1], axis)
    rest = found[1:] if return_index else found[2:]
    return (values, *rest) if rest else values


def _unique_values(ar):
    """The distinct values in the order in which `numpy.unique_values` gives them, which is its own affair."""
    order = np.argsort(np.unique_values(getval(ar)))
    first = np.unique(getval(ar), return_index=True, equal_nan=False)[1]
    return np.ravel(ar)[first[np.argsort(order)]]


def _unique_tuple(function, return_index):
    def implementation(x):
        found = function(getval(x))
        first = found.indices if return_index else np.unique(getval(x), return_index=True, equal_nan=False)[1]
        return found._replace(values=np.ravel(x)[first])

    return implementation


def _distinct(s):
    return [s(s.distinct(5)), s(s.distinct(2, 3)), s(s.distinct(3), via=_repeated)]


if hasattr(np, "unique_values"):  # NumPy 2
    composite(np.unique_values, _unique_values, complex=False, samples=_distinct)
    composite(np.unique_all, _unique_tuple(np.unique_all, True), complex=False, samples=_distinct)
    composite(np.unique_counts, _unique_tuple(np.unique_counts, False), complex=False, samples=_distinct)
    composite(np.unique_inverse, _unique_tuple(np.unique_inverse, False), complex=False, samples=_distinct)


@composite(np.union1d, complex=False, samples=_set_samples({}))
def union1d(ar1, ar2):
    return np.unique(np.concatenate((as_array(ar1), as_array(ar2)), axis=None))


@composite(np.intersect1d, complex=False, samples=_set_samples({}, {"assume_unique": True, "return_indices": True}))
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    ar1, ar2 = as_array(ar1), as_array(ar2)
    _, first, second = np.intersect1d(getval(ar1), getval(ar2), assume_unique, True)
    values = np.ravel(ar1)[first]
    return (values, first, second) if return_indices else values


@composite(np.setdiff1d, complex=False, samples=_set_samples({}, {"assume_unique": True}))
def setdiff1d(ar1, ar2, assume_unique=False):
    ar1 = np.ravel(as_array(ar1)) if assume_unique else np.unique(as_array(ar1))
    return ar1[np.isin(getval(ar1), getval(as_array(ar2)), assume_unique=True, invert=True)]


@composite(np.setxor1d, complex=False, samples=_set_samples({}, {"assume_unique": True}))
def setxor1d(ar1, ar2, assume_unique=False):
    ar1, ar2 = as_array(ar1), as_array(ar2)
    if not assume_unique:
        ar1, ar2 = np.unique(ar1), np.unique(ar2)
    both = np.concatenate((ar1, ar2), axis=None)
    plain = getval(both)
    order = np.argsort(plain, kind="stable")
    edges = np.concatenate(([True], plain[order][1:] != plain[order][:-1], [True]))
    return both[order[edges[1:] & edges[:-1]]]
