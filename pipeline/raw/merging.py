"""Sorted rows of some series -> what is stored: repeats folded, contradictions put aside, known moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.raw.faults import CONFLICT, SUPERSEDED
from hindcast.pipeline.raw.records import Places, Records, same_as_before
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source


@dataclass(frozen=True)
class Merged:
    """Places among sorted rows: of those to store (None: all), put aside by `rule`, and folded into an equal one."""

    kept: Places | None
    aside: Places
    rule: int
    folded: Places


def merge(records: Records, duplicates: str) -> Merged:
    """Settle rows with the same key and times among sorted records (`records.order_of`).

    Rows with equal values (missing equals missing) are repeats: one is kept.  Rows with other values
    contradict: `quarantine` puts all rows of these times aside, `first` and `last` keep that one in the
    order of files and lines and put the others aside as superseded.
    """
    none = np.empty(0, np.int64)
    same = same_as_before(records.key, records.times)
    if not same.any():
        return Merged(None, none, CONFLICT, none)
    shared = same.copy()  # rows that share key and times with another
    shared[:-1] |= same[1:]
    rows = np.flatnonzero(shared)
    starts = np.flatnonzero(~same[rows])
    lengths = np.diff([*starts, len(rows)])
    chosen = starts + lengths - 1 if duplicates == "last" else starts
    alike = _equal(records, rows, rows[np.repeat(chosen, lengths)])
    kept = np.zeros(len(rows), np.bool_)
    kept[chosen] = True
    aside, rule = ~alike, SUPERSEDED
    if duplicates == "quarantine":
        aside, rule = np.repeat(~np.logical_and.reduceat(alike, starts), lengths), CONFLICT
    stored = ~shared
    stored[rows[kept & ~aside]] = True
    return Merged(np.flatnonzero(stored), rows[aside], rule, rows[~kept & ~aside])


def known_moments(records: Records, source: Source, frequency: int, zone: str) -> NDArray[np.int64]:
    """When each row became known: by the source's rule, or as its column says."""
    if isinstance(source.known, PublishedAt):
        return records.times[-1]
    issue = records.times[1] if source.has_issue else None
    return source.known.moments(records.times[0], issue, frequency, zone)


def _equal(records: Records, rows: Places, others: Places) -> NDArray[np.bool_]:
    alike = np.ones(len(rows), np.bool_)
    for column in records.values:
        here, there = column[rows], column[others]
        alike &= (here == there) | (np.isnan(here) & np.isnan(there))
    return alike
