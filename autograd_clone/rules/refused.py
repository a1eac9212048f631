"""Functions that have no derivative by their nature: dates, bits, strings, records; and printing and saving.

Text and records are found by module when first used, so that importing this package does not import theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.define import refuse, zero
from ..engine.primitive import LOADERS

_f: Any

for _f in (np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string):
    refuse(_f, "it takes dates, which cannot be traced")
for _f in (np.packbits, np.unpackbits):
    refuse(_f, "it takes bits, which cannot be traced")

# Printing and saving take the plain value.
for _f in (np.array2string, np.array_repr, np.array_str, np.save, np.savez, np.savez_compressed, np.savetxt):
    zero(_f)

_BY_MODULE = {
    "numpy.strings": "it takes strings, which cannot be traced",
    "numpy.char": "it takes strings, which cannot be traced",
    "numpy.lib.recfunctions": "it takes structured arrays, which cannot be traced",
}


def _refuse_by_module(fun: Callable) -> bool:
    reason = _BY_MODULE.get(getattr(fun, "__module__", ""))
    if reason is None:
        return False
    refuse(fun, reason)
    return True


LOADERS.append(_refuse_by_module)
