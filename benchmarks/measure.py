"""Agreement, time and memory of argument-less calls."""

import gc
import statistics
import time
import tracemalloc
from itertools import repeat

import numpy as np

SECONDS_PER_SAMPLE = 0.01
SECONDS_PER_CALL = 3.0  # after so long, no further samples of a call are taken


def leaves(result):
    """The arrays of a result as a list of NumPy arrays."""
    return [np.asarray(r) for r in (result if isinstance(result, list | tuple) else [result])]


def disagreement(result, expected, rtol=1e-9):
    """What is wrong with a derivative, or an empty string.

    Each array is compared in shape, in type and, against its own largest element, in value.
    """
    result, expected = leaves(result), leaves(expected)
    if len(result) != len(expected):
        return f"{len(result)} arrays instead of {len(expected)}"
    for got, want in zip(result, expected, strict=True):
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"{got.dtype}{got.shape} instead of {want.dtype}{want.shape}"
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        if not error <= rtol:
            return f"differs by {error:.1e}"
    return ""


def seconds(calls, *, rounds=25, statistic=min):
    """Seconds per call of each of a dictionary of calls.

    The calls take turns, a sample of each per round, so that a noisy machine is noisy for all of them. The
    garbage collector stays on; what exists beforehand is put out of its sight, so that no package pays for
    the size of another. The calls should be warm: `disagreement` has run them before.
    """
    gc.collect()
    gc.freeze()
    samples = {name: [_sample(call, 1)] for name, call in calls.items()}
    lengths = {name: max(1, int(SECONDS_PER_SAMPLE / first)) for name, (first,) in samples.items()}
    for _ in range(rounds):
        for name, call in calls.items():
            if sum(samples[name]) * lengths[name] < SECONDS_PER_CALL:
                samples[name].append(_sample(call, lengths[name]))
    return {name: statistic(values) for name, values in samples.items()}


def _sample(call, length):
    start = time.perf_counter()
    for _ in repeat(None, length):
        call()
    return (time.perf_counter() - start) / length


def peak_bytes(call):
    """The most that a call holds at once, beyond what existed before it."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def geometric_mean(values):
    """Geometric mean of an iterable, nan where it is empty."""
    values = list(values)
    return statistics.geometric_mean(values) if values else float("nan")
