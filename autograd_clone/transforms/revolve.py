"""The binomial schedule: where to keep states of a long loop, so that going through it backwards recomputes the least.

Griewank and Walther, Algorithm 799: revolve, ACM Transactions on Mathematical Software 26 (2000). With room for `c` states, a
loop of up to ``binomial(c + r, c)`` steps can be reversed with no step being run more than `r` times beforehand; `r` is called
the number of repetitions.
"""

from __future__ import annotations

from math import comb


def longest(c: int, r: int) -> int:
    """How many steps can be reversed with room for `c` states and `r` repetitions."""
    return comb(c + r, c) if r >= 0 else 0


def repetitions(n: int, c: int) -> int:
    """The least number of repetitions for `n` steps with room for `c` states."""
    r = 0
    while longest(c, r) < n:
        r += 1
    return r


def advances(n: int, c: int) -> int:
    """How many steps are run beside the `n` that are recorded, at the least, to reverse `n` steps with room for `c` states.

    Examples
    --------
    >>> advances(10_000, 100) / 10_000
    2.4747
    """
    r = repetitions(n, c)
    return r * n - longest(c + 1, r - 1)


def stride(n: int, c: int) -> int:
    """How many steps to run before the next state is kept, on the way to the last of `n` steps with room for `c` more states.

    The largest that is best. The state at the beginning is kept and does not count among the `c`.
    """
    if c == 0 or n <= 1:
        return n - 1
    r = repetitions(n, c + 1)
    return min(longest(c + 1, r - 1), n - longest(c, r - 1))


def room_for(n: int, repetitions: int) -> int:
    """The least number of states with which `n` steps can be reversed with so many repetitions."""
    c = 1
    while longest(c, repetitions) < n:
        c += 1
    return c
