"""`detect_anomaly`: stop where the first NaN or infinity appears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..engine.anomaly import Detection, detecting


@contextmanager
def detect_anomaly(*, inf: bool = True, forward: bool = True) -> Iterator[None]:
    """Context (or decorator, ``@detect_anomaly()``) in which the first NaN or infinity raises an error that says where it arose.

    It concerns the functions that `grad` and the other transforms are applied to while it is on, and what is recorded of
    `Variable`. The error names the primitive and the line of the program, and shows what the operands were. A backward
    pass is watched if the forward pass was.

    Parameters
    ----------
    inf : bool
        Whether infinities count, beside NaN.
    forward : bool
        Whether values count, or derivatives alone. What `numpy.where` does not choose is computed all the same, and
        may be NaN without harm.

    Raises
    ------
    AnomalyError
        Where something is not finite. It is a `FloatingPointError`.

    Notes
    -----
    Every value is looked at, so a program takes several times as long. What is computed from constants alone is not traced
    and not looked at, until it meets a traced value.

    Examples
    --------
    >>> import autograd_clone.numpy as np
    >>> from autograd_clone import detect_anomaly, grad
    >>> with np.errstate(divide="ignore"), detect_anomaly():
    ...     grad(lambda x: np.sum(np.log(x)))(np.array([1.0, 0.0, 2.0]))
    Traceback (most recent call last):
    ...
    autograd_clone.engine.errors.AnomalyError: numpy.log gave -inf in 1 of 3 elements, the first at [1]
      ...
    """
    with detecting(Detection(inf, forward)):
        yield
