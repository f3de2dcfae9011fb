"""The one place that warns: one summarising warning per call, attributed to the caller's line."""

from __future__ import annotations

import os
import warnings

_PACKAGE_DIR = os.path.dirname(os.path.abspath(__file__)) + os.sep


class CountglmWarning(UserWarning):
    """A condition that the caller should know of and that did not stop the work."""


def warn(message: str, category: type[Warning] = CountglmWarning) -> None:
    """Warn once with the stack level of the first frame outside this package."""
    import sys

    level = 2
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE_DIR):
        level += 1
        if frame.f_back is None:
            break
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=level)
