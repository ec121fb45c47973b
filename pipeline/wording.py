"""Names, times, lengths of time and sizes as text in messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MOST_LISTED = 8


def listed(names: Sequence[str], most: int = _MOST_LISTED) -> str:
    """List the first `most` names and the number of the others: `a, b and 3 more`; `none` if there are no names."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more or "none"


def counted(count: int, noun: str) -> str:
    """Write a number with its noun, which is given for one thing: `1 row`, `2,000 rows`, `3 series`, `2 batches`, `5 MB`."""
    ending = (
        "" if count == 1 or noun.endswith("s") or noun.isupper() else "es" if noun.endswith("ch") else "s"
    )
    return f"{count:,} {noun}{ending}"


def time_text(time: int) -> str:
    """Write a time in ns as UTC text to the second, with nanoseconds only if they are not 0."""
    return str(np.datetime64(time, "ns")).removesuffix(".000000000") + "Z"


def span_text(length: int) -> str:
    """Write a length of time in ns as hours, without trailing zeros."""
    return f"{length / 3.6e12:g} h"


def duration_text(length: int) -> str:
    """Write a length of time in ns as a setting: a whole number of hours, minutes or seconds, rounded up to seconds."""
    seconds = -(-length // 1_000_000_000)
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size_text(size: int) -> str:
    """Write a number of bytes with a binary unit: `512 B`, `1.5 MiB`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


def printable(text: str, keep: str = "") -> str:
    """Write control characters as escape sequences, except those in `keep`.

    A name in the data must not control a terminal, and SVG allows no control characters.
    """
    return "".join(char if char.isprintable() or char in keep else repr(char)[1:-1] for char in text)
