"""asv: time and peak of memory of every workload, cost per operation, growth with their number."""

import os

from benchmarks import measure, packages
from benchmarks.workloads import OPERATIONS, WORKLOADS, chain_workload, memory_workloads

PACKAGE = packages.load(os.environ.get("BENCHMARK_PACKAGE", "autograd_clone"))


def _checked(workload):
    """The workload's call; refused where its derivative is wrong."""
    call = PACKAGE.call(workload)
    problem = measure.disagreement(call(), workload.expected())
    if problem:
        raise ValueError(f"{workload.name}: {problem}")
    return call


class _OneWorkload:
    """Sets up one row of `table`."""

    table = ()
    param_names = ("workload",)

    def setup(self, name):
        self.call = _checked(next(w for w in self.table if w.name == name))


class Derivatives(_OneWorkload):
    table = WORKLOADS
    params = tuple(w.name for w in WORKLOADS)

    def time_derivative(self, name):
        self.call()


class Operations(_OneWorkload):
    """Of 200 operations each."""

    table = OPERATIONS
    params = tuple(w.name for w in OPERATIONS)

    def time_operations(self, name):
        self.call()


class Growth:
    params = (1_000, 10_000, 50_000, 200_000)
    param_names = ("operations",)
    timeout = 300
    unit = "microseconds per operation"

    def setup(self, operations):
        self.call = _checked(chain_workload(operations // 5, 10))

    def track_time_per_operation(self, operations):
        return measure.seconds({"": self.call}, rounds=5)[""] / operations * 1e6


class Memory(_OneWorkload):
    table = tuple(w for w, _ in memory_workloads(PACKAGE, 1_000_000))
    params = tuple(w.name for w in table)
    unit = "bytes"

    def track_peak(self, name):
        return measure.peak_bytes(self.call)
