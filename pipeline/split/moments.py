"""Times as text in messages."""

from __future__ import annotations

import numpy as np


def text_of(time: int) -> str:
    """A time in ns as UTC text to the second, with nanoseconds only where there are some."""
    stamp = str(np.datetime64(time, "ns"))
    return stamp.removesuffix(".000000000") + "Z"


def hours_text(length: int) -> str:
    """A length of time in ns as hours, as short as it can be said."""
    return f"{length / 3.6e12:g} h"
