"""Elementwise functions: each partial derivative stated once."""

from __future__ import annotations

import numpy as np

from ..engine.define import custom, elementwise, zero

LOG2, LOG10 = np.log(2.0), np.log(10.0)


def _power_base(g, x1, x2):  # type: ignore[no-untyped-def]
    if type(x2) is int or type(x2) is float:
        if x2 == 2:
            return g * (2 * x1)
        return g * (x2 * x1 ** (x2 - 1)) if x2 != 0 else g * 0.0
    return g * (x2 * x1 ** np.where(x2 == 0, 1.0, x2 - 1))


def _power_exponent(g, x1, x2, ans):  # type: ignore[no-untyped-def]
    return g * (ans * np.log(np.where(x1 == 0, 1.0, x1)))


elementwise(np.add, x1=1, x2=1)
elementwise(np.subtract, x1=1, x2=-1)
elementwise(np.multiply, x1="x2", x2="x1")
elementwise(np.true_divide, x1=lambda g, x2: g / x2, x2=lambda g, x2, ans: -g * ans / x2, options={"domain": "nonzero"})
elementwise(np.power, x1=_power_base, x2=_power_exponent, options={"domain": "positive"})
elementwise(np.negative, x=-1)
elementwise(np.positive, x=1)
elementwise(np.exp, x="ans")
elementwise(np.log, x=lambda g, x: g / x, options={"domain": "positive"})
elementwise(np.sin, x=lambda x: np.cos(x))
elementwise(np.cos, x=lambda x: -np.sin(x))
elementwise(np.tanh, x=lambda ans: 1 - ans * ans)
elementwise(np.sqrt, x=lambda g, ans: g / (2 * ans), options={"domain": "positive"})
elementwise(np.square, x=lambda x: 2 * x)
elementwise(np.remainder, x1=1, x2=lambda g, x1, x2: -g * np.floor(x1 / x2))

custom(
    np.absolute,
    vjp={"x": lambda g, x: np.real(g) * np.conj(np.sign(x))},
    jvp={"x": lambda t, x: np.real(t * np.conj(np.sign(x)))},
)
custom(np.conjugate, vjp={"x": lambda g: np.conj(g)}, jvp={"x": lambda t: np.conj(t)})

for _f in (np.sign, np.floor, np.floor_divide, np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isfinite, np.isnan):
    zero(_f)
