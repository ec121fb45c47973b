"""How messages write names, times, lengths of time and sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MOST_LISTED = 8


def listed(names: Sequence[str], most: int = _MOST_LISTED) -> str:
    """The first `most` names, and how many follow: `a, b and 3 more`; `none` if there are no names."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more or "none"


def time_text(time: int) -> str:
    """A time in ns as UTC text to the second, with nanoseconds only where there are some."""
    return str(np.datetime64(time, "ns")).removesuffix(".000000000") + "Z"


def span_text(length: int) -> str:
    """A length of time in ns as hours, without trailing zeros."""
    return f"{length / 3.6e12:g} h"


def size_text(size: int) -> str:
    """A number of bytes with a binary unit: `512 B`, `1.5 MiB`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


def printable(text: str, keep: str = "") -> str:
    """The text with control characters spelled out, but for those in `keep`.

    A name in the data must not control a terminal, and SVG allows no control characters.
    """
    return "".join(sign if sign.isprintable() or sign in keep else repr(sign)[1:-1] for sign in text)
