"""Compare packages on the same programs, in one run.

    python benchmarks/compare.py [--quick] [--only TEXT ...] [--packages NAME ...]

The first package named is the one under test; the columns of the others say how many times as long they
take. Each derivative is checked against one written by hand before anything is timed. The exit status is 1
if a derivative was wrong or could not be computed.
"""

import argparse
import gc
import platform
import statistics
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import measure, packages
from benchmarks.workloads import JACOBIANS, OPERATIONS, WORKLOADS, chain_workload, memory_workloads

PACKAGES = ["autograd_clone", "autograd", "torch", "jax", "jax-jit", "mygrad", "hand"]
TABLES = ["workloads", "jacobians", "operations", "growth", "memory"]


def main(arguments=None):
    options = _options(arguments)
    available = _load(options.packages)
    print(_environment(available))
    comparison = Comparison(available, options)
    for table in options.tables:
        getattr(comparison, table)()
    comparison.summary()
    return 1 if comparison.failures else 0


def _options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--packages", nargs="+", default=PACKAGES, metavar="NAME", help="the first is under test")
    add("--only", nargs="+", default=[""], metavar="TEXT", help="rows with one of these in the name")
    add("--tables", nargs="+", default=TABLES, choices=TABLES)
    add("--quick", action="store_true", help="fewer rounds and smaller extremes")
    add("--median", action="store_true", help="median of the rounds, not their minimum")
    return parser.parse_args(arguments)


def _load(names):
    loaded = {name: packages.load(name) for name in names}
    missing = [name for name, package in loaded.items() if package is None]
    if missing:
        print("Not installed, left out:", ", ".join(missing))
    return {name: package for name, package in loaded.items() if package}


def _environment(available):
    versions = [f"Python {platform.python_version()}"]
    for name in ["numpy", *available]:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"{', '.join(versions)}; one thread, garbage collector on"


class Comparison:
    """The tables, and what they mean for the package under test.

    Parameters
    ----------
    available : dict of Package
        By name; the first is the one under test.
    options : argparse.Namespace
        The command line.
    """

    def __init__(self, available, options):
        self.packages = available
        self.subject = next(iter(available))
        self.options = options
        self.failures = []
        self.targets = []

    # -- tables ------------------------------------------------------------------------------------------

    def workloads(self):
        times = self._times(WORKLOADS)
        self._print_ratios("Derivatives, microseconds", times)
        for peer, factor in (("autograd", 5), ("torch", 2)):
            ratios = self._ratios(times, peer)
            self._on_average(f"{peer} on the workloads", ratios, factor)
            self._on_each(f"{peer} on the workloads", ratios, 1, self._by_hand(times, peer))
        heavy = {w.name: times[w.name] for w in WORKLOADS if w.compute_bound and w.name in times}
        for name, ratio in self._ratios(heavy, "hand").items():
            self._at_most(f"{name}, over the gradient by hand", 1 / ratio, 1.15)

    def jacobians(self):
        times = self._times(JACOBIANS)
        self._print_ratios("Jacobians, Hessians and higher, microseconds", times)
        for peer in ("autograd", "torch"):
            self._on_each(f"{peer} on derivatives of many numbers", self._ratios(times, peer), 1)

    def operations(self):
        times = self._times(OPERATIONS)
        self._print_ratios("Forward and backward, microseconds per operation", times)
        for kind, factor in (("vector", 5), ("scalar", 10)):
            rows = {name: row for name, row in times.items() if name.endswith(kind)}
            ratios = self._ratios(rows, "autograd")
            self._on_average(f"autograd per {kind} operation", ratios, factor)
            # some operations are slow in NumPy itself: there not even the gradient by hand is so much faster
            over_hand = self._ratios(rows, "hand")
            reachable = {n: r for n, r in ratios.items() if r / over_hand.get(n, r / factor) >= factor}
            self._on_each(f"autograd per {kind} operation, where by hand it is so", reachable, factor)

    def growth(self):
        """Chains of all lengths take turns too: here the columns are compared, not the rows."""
        among = {name: p for name, p in self.packages.items() if not name.startswith("jax")}
        blocks = (200, 2_000, 4_000) if self.options.quick else (200, 2_000, 10_000, 40_000)
        chains = self._selected([chain_workload(n, 10) for n in blocks])
        calls = {(name, w.repeats): call for w in chains for name, call in self._checked(w, among).items()}
        times = {key: t / key[1] for key, t in measure.seconds(calls, rounds=5).items()}
        rows = []
        for name in among:
            series = [times[name, w.repeats] for w in chains if (name, w.repeats) in times]
            if len(series) == len(chains) > 0:
                rows.append([name, *map(_micro, series), f"{series[-1] / series[0]:.2f}"])
                if name == self.subject:
                    self._at_most("growth of the time per operation", max(series) / min(series), 1.2)
        header = ["operations", *(str(w.repeats) for w in chains), "last / first"]
        _print_table("Microseconds per operation in a chain on 10 numbers", header, rows)

    def memory(self):
        among = {name: p for name, p in self.packages.items() if p.uses_numpy_memory}
        size = 100_000 if self.options.quick else 1_000_000
        lines = {}
        for column, package in enumerate(among.values(), 2):
            for workload, needed in memory_workloads(package, size):
                if not self._is_selected(workload.name):
                    continue
                line = lines.setdefault(workload.name, [workload.name, _mega(needed), *("-" for _ in among)])
                for call in self._checked(workload, {package.name: package}).values():
                    peak = measure.peak_bytes(call)
                    line[column] = _mega(peak)
                    if needed and package.name == self.subject:
                        self._at_most(f"peak of {workload.name}, MB", peak / 1e6, needed / 1e6)
        title = "Peak of memory, MB; tracemalloc sees the arrays of NumPy only"
        _print_table(title, ["", "needed", *among], lines.values())

    # -- from a table of workloads to times --------------------------------------------------------------

    def _times(self, workloads):
        """Seconds per repeat, by workload and package."""
        rounds = 5 if self.options.quick else 25
        statistic = statistics.median if self.options.median else min
        times = {}
        for w in self._selected(workloads):
            measured = measure.seconds(self._checked(w, self.packages), rounds=rounds, statistic=statistic)
            times[w.name] = {name: t / w.repeats for name, t in measured.items()}
        return times

    def _selected(self, workloads):
        return [w for w in workloads if self._is_selected(w.name)]

    def _is_selected(self, name):
        return any(text in name for text in self.options.only)

    def _checked(self, workload, among):
        """The calls of those packages whose derivative agrees with the one by hand."""
        expected = workload.expected()
        calls = {}
        for name, package in among.items():
            try:
                call = package.call(workload)
                problem = measure.disagreement(call(), expected)
            except packages.UnsupportedError:
                continue
            except Exception as error:  # noqa: BLE001  a package may fail in any way, and that is a result
                problem = f"{type(error).__name__}: {error}".split("\n")[0][:150]
            if problem:
                self.failures.append(f"{name}, {workload.name}: {problem}")
            else:
                calls[name] = call
        gc.collect()
        return calls

    def _ratios(self, times, other):
        """How many times as long as the package under test another one takes, by workload."""
        if other == self.subject:
            return {}
        both = {other, self.subject}
        return {name: row[other] / row[self.subject] for name, row in times.items() if both <= row.keys()}

    # -- output ------------------------------------------------------------------------------------------

    def _print_ratios(self, title, times):
        others = [name for name in self.packages if name != self.subject]
        ratios = {other: self._ratios(times, other) for other in others}
        rows = []
        for name, row in times.items():
            relative = [_ratio(ratios[other].get(name), other) for other in others]
            rows.append([name, _micro(row.get(self.subject)), *relative])
        means = [_ratio(measure.geometric_mean(ratios[other].values()), other) for other in others]
        rows.append(["geometric mean", "", *means])
        columns = ["over hand" if other == "hand" else f"{other} takes" for other in others]
        _print_table(title, ["", self.subject, *columns], rows)

    def _on_average(self, what, ratios, bound):
        if ratios:
            mean = measure.geometric_mean(ratios.values())
            self._target(mean >= bound, f"{what}, geometric mean: {mean:.2f} times as long, at least {bound}")

    def _by_hand(self, times, other):
        """How many times as long as the derivative by hand another package takes: NumPy itself may be slower."""
        return {name: row[other] / row["hand"] for name, row in times.items() if {other, "hand"} <= row.keys()}

    def _on_each(self, what, ratios, bound, by_hand=None):
        if ratios:
            below = sorted((ratio, name) for name, ratio in ratios.items() if ratio < bound)
            hand = {name: f" (by hand {ratio:.2f})" for name, ratio in (by_hand or {}).items()}
            detail = ", ".join(f"{name} {ratio:.2f}{hand.get(name, '')}" for ratio, name in below) or "all"
            self._target(not below, f"{what}, each: at least {bound} times as long: {detail}")

    def _at_most(self, what, figure, bound):
        self._target(figure <= bound, f"{what}: {figure:.4g}, at most {bound:g}")

    def _target(self, met, text):
        self.targets.append(f"{'met' if met else 'MISSED':6}  {text}")

    def summary(self):
        print("\n".join([f"\nTargets of {self.subject}\n", *(self.targets or ["none measured"])]))
        if self.failures:
            print("\n".join(["\nFailed, and therefore not timed\n", *dict.fromkeys(self.failures)]))


def _micro(seconds):
    return "-" if seconds is None else f"{seconds * 1e6:.4g}"


def _mega(size):
    return "-" if size is None else f"{size / 1e6:.4g}"


def _ratio(theirs, other):
    if theirs is None or theirs != theirs:
        return "-"
    return f"{1 / theirs:.2f}" if other == "hand" else f"{theirs:.3g}"


def _print_table(title, header, rows):
    """A table that is also Markdown."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}\n")
    for first, *others in [header, ["-" * w for w in widths], *rows]:
        cells = [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
        print("|", " | ".join([first.ljust(widths[0]), *cells]), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
