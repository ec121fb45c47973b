"""What a user writes for origins and days, as moments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import DAY, Duration
from hindcast.pipeline.settings.moments import to_moment

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_ranges(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Convert `A` and `A..B` to the first and the last moment (ns UTC); raises SettingsError with all faults.

    A date without a time is its midnight in UTC; at the end of a range it is the whole day.
    """
    ranges: list[tuple[int, int]] = []
    faults = []
    for text in texts:
        begin, _, end = text.partition("..")
        try:
            first, last = to_moment(begin), to_moment(end or begin)
            if last is not None and _DATE.fullmatch(end):
                last += DAY - 1
        except ValueError as fault:
            faults.append(f"--origin {text}: {fault}")
            continue
        if first is None or last is None or last < first:
            faults.append(f"--origin {text}: the first origin must not be later than the last one")
        else:
            ranges.append((first, last))
    if faults:
        raise SettingsError(
            "An origin is a date and a time, such as 2026-11-29T18:00Z, or a range of them, such as 2026-11-01..2026-11-30.",
            faults,
        )
    return ranges


def read_day(text: str) -> np.datetime64:
    """Convert a text to a date; raises SettingsError if it is none."""
    try:
        return np.datetime64(date.fromisoformat(text), "D")
    except ValueError:
        raise SettingsError(f"--day must be a date such as 2026-11-30, found {text!r}.") from None


def read_settle(text: str) -> int:
    """Convert the text of `--settle`, a duration, to ns; raises SettingsError."""
    try:
        return Duration.parse(text).ns
    except ValueError as fault:
        raise SettingsError(f"--settle {text}: {fault}") from None
