"""Names of functions that NumPy has had until lately, where it still has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.cotangent import dtype_of
from ..engine.define import composite, zero

_SAME_AS = {"cumproduct": np.cumprod, "product": np.prod}
_f: Any

for _name, _function in _SAME_AS.items():
    if _name in vars(np):
        composite(
            vars(np)[_name],
            lambda *args, _function=_function, **kwargs: _function(*args, **kwargs),
            samples=lambda s: [s(s.array(3, 4), axis=1)],
        )
if "msort" in vars(np):
    composite(vars(np)["msort"], lambda a: np.sort(a, axis=0), samples=lambda s: [s(s.distinct(3, 4))])
if "asfarray" in vars(np):
    composite(
        vars(np)["asfarray"],
        lambda a, dtype=np.float64: a if dtype_of(a) == dtype else a.astype(dtype) if hasattr(a, "astype") else np.array(a, dtype),
        samples=lambda s: [s(s.array(3), np.result_type(s.dtype, np.float64))],
    )
for _name in ("in1d", "round_", "sometrue", "alltrue"):
    if _name in vars(np):
        zero(vars(np)[_name])
