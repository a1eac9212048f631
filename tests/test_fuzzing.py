"""Random calls of every public function, right and wrong ones: NumPy's answer or an error, never a wrong number (see `fuzzing`).

``FUZZ_CALLS=100000 pytest tests/test_fuzzing.py`` judges so many calls; ``FUZZ_FROM`` is the seed of the first of them.
"""

import os

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import grad, jvp
from autograd_clone.engine import protection

from .fuzzing import Call, _quiet, every_target, judge

CALLS = int(os.environ.get("FUZZ_CALLS", "3000"))
FIRST = int(os.environ.get("FUZZ_FROM", "0"))
SLICES = 10
X = onp.linspace(-1.3, 1.7, 2000)  # large enough to be made read-only while it is traced
C = onp.linspace(0.4, 2.0, 2000)


def known(x):
    y = np.tanh(x * C) * np.exp(-x[::-1])
    y[3:5] = np.sum(x) * C[:2]
    return np.sum(y) + np.dot(x, C) / (1.0 + x[0] ** 2)


GRADIENT = grad(known)(X)


def wrong(seed):
    """What is wrong with a call and what it leaves behind, as a line of text; ``None`` if nothing is."""
    try:
        call = Call(seed)
        with _quiet():
            verdict = judge(call).wrong
    except Exception as error:  # noqa: BLE001 - of the judge
        return f"{seed}: the judge fails with {error!r}"
    if verdict is None and protection._locked:
        verdict = f"arrays stay read-only: {[entry[0]() for entry in protection._locked.values()]}"
    return verdict and f"{verdict} | {call}"


def report(seeds):
    found = [line for seed in seeds if (line := wrong(seed))]
    assert not found, "\n".join(
        [f"{len(found)} of {len(seeds)} calls. To repeat one: judge(Call(seed)) in tests/fuzzing.py, with the seed that is shown", *found[:50]]
    )
    assert not protection._locked
    assert X.flags.writeable
    assert C.flags.writeable
    assert onp.array_equal(grad(known)(X), GRADIENT), f"a later result is another after the calls {seeds[0]} to {seeds[-1]}"
    assert abs(jvp(known, (X,), (C,))[1] - C @ GRADIENT) < 1e-9 * abs(C @ GRADIENT)


@pytest.mark.parametrize("part", range(SLICES))
def test_random_calls(part):
    n = -(-CALLS // SLICES)
    report([(FIRST + k,) for k in range(part * n, min((part + 1) * n, CALLS))])


@pytest.mark.parametrize("part", range(SLICES))
def test_random_calls_of_each_function(part):
    per_function = -(-CALLS // 2000)
    which = range(part, len(every_target()), SLICES)
    report([(FIRST + k, i) for i in which for k in range(per_function)])
