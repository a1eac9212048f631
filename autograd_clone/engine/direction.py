"""Backward passes whose result may depend on a choice that a function made, of a basis for instance.

A rule that cannot tell says so (`doubt`). The pass is then run twice more, with two choices, and what the rule notes each time
is compared. If it differs, the derivative exists along single directions only, as far as backward passes can see, and is found
in forward mode, where a function knows the direction when it chooses.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from .box import all_values


class Doubts:
    """How many there have been; those of another thread cost a pass more, and do no harm."""

    def __init__(self) -> None:
        self.count = 0


DOUBTS = Doubts()


class Trial:
    """A pass with choice `number`. Rules append what must not depend on it to `notes`; `hopeless` says that one knows it does."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.notes: list[np.ndarray] = []
        self.hopeless = False


TRIAL: ContextVar[Trial | None] = ContextVar("TRIAL", default=None)


def without_choice(pull: Callable[[], Any], by_columns: Callable[[], Any]) -> Any:
    """What a backward pass was to find in which there were doubts.

    Parameters
    ----------
    pull : callable
        Records and runs the pass again.
    by_columns : callable
        Finds the same in forward mode.
    """
    first, second = Trial(0), Trial(1)
    result = _within(first, pull)
    if not first.hopeless:
        _within(second, pull)
        if _agree(first.notes, second.notes):
            return result
    return _within(None, by_columns)


def _within(trial: Trial | None, run: Callable[[], Any]) -> Any:
    token = TRIAL.set(trial)
    try:
        return run()
    finally:
        TRIAL.reset(token)


def _agree(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-6, atol=1e-6 * np.max(np.abs(x), initial=0), equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )


def doubt(note: Any, *, hopeless: bool = False) -> None:
    """Say that the result of this pass is right only if `note` does not depend on the choice; or that it does."""
    trial = TRIAL.get()
    if trial is None:
        DOUBTS.count += 1
    elif hopeless:
        trial.hopeless = True
    else:
        trial.notes.append(np.asarray(all_values(note)))


def number_of_trial() -> int:
    """Which choice to make: 0 is the ordinary one."""
    trial = TRIAL.get()
    return 0 if trial is None else trial.number
