"""Lines of the user's program, for messages and listings."""

from __future__ import annotations

import linecache
import sys
from pathlib import PurePath
from types import FrameType


def user_frame() -> FrameType:
    """The innermost running frame of code outside this package, NumPy and SciPy."""
    frame = sys._getframe(1)
    ours = (__name__.split(".")[0], "numpy", "scipy")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in ours:
        frame = frame.f_back
    return frame


class Site:
    """A line of the user's program, by default the one that is running."""

    __slots__ = ("filename", "function", "line")

    def __init__(self, frame: FrameType | None = None) -> None:
        if frame is None:
            frame = user_frame()
        self.filename, self.line, self.function = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name

    def __str__(self) -> str:
        return f"{self.filename}:{self.line} in {self.function}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Site) and (self.filename, self.line) == (other.filename, other.line)

    def __hash__(self) -> int:
        return hash((self.filename, self.line))

    @property
    def short(self) -> str:
        """File and line, without the folder."""
        return f"{PurePath(self.filename).name}:{self.line}"

    @property
    def text(self) -> str:
        """The line itself, if it can be read."""
        return linecache.getline(self.filename, self.line).strip()
