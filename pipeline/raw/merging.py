"""Sorted rows of one series -> what is stored: repeats folded, contradictions put aside, known moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.raw.faults import CONFLICT, SUPERSEDED
from pipeline.raw.records import Records, same_as_before
from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import Source


@dataclass(frozen=True)
class Merged:
    """Records to store, in order; records put aside by `rule`; and those folded into an equal one."""

    stored: Records
    aside: Records
    rule: int
    folded: Records


def merge(records: Records, duplicates: str) -> Merged:
    """Settle rows with the same series and times among records sorted by `records.in_order`.

    Rows with equal values (missing equals missing) are repeats: one is kept.  Rows with other values
    contradict: `quarantine` puts all rows of these times aside, `first` and `last` keep that one in the
    order of files and lines and put the others aside as superseded.
    """
    same = same_as_before(records)
    none = records[:0]
    if not same.any():
        return Merged(records, none, CONFLICT, none)
    starts = np.flatnonzero(~same)
    lengths = np.diff([*starts, len(records)])
    chosen = starts + lengths - 1 if duplicates == "last" else starts
    alike = _equal(records["values"], records["values"][np.repeat(chosen, lengths)])
    kept = np.zeros(len(records), np.bool_)
    kept[chosen] = True
    if duplicates != "quarantine":
        return Merged(records[kept], records[~alike], SUPERSEDED, records[alike & ~kept])
    at_odds = np.repeat(~np.logical_and.reduceat(alike, starts), lengths)
    return Merged(records[kept & ~at_odds], records[at_odds], CONFLICT, records[~kept & ~at_odds])


def known_moments(records: Records, source: Source, frequency: int, zone: str) -> NDArray[np.int64]:
    """When each row became known: by the source's rule, or as its column says."""
    if isinstance(source.known, PublishedAt):
        return np.ascontiguousarray(records["known"])
    issue = np.ascontiguousarray(records["issue"]) if source.issue_time is not None else None
    return source.known.moments(np.ascontiguousarray(records["valid"]), issue, frequency, zone)


def _equal(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = ((values == others) | (np.isnan(values) & np.isnan(others))).all(axis=1)
    return equal
