"""Guesses how timestamps lie on the grid of steps: beside it by a minute, or at a constant distance from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.inspect.column_types import most_frequent
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.timestamp_columns import step_text
from hindcast.pipeline.settings.base import DAY, TIME_UNITS
from hindcast.pipeline.settings.clock import utc_of

_MINUTE = TIME_UNITS["min"]
_MOST = 0.9  # share of timestamps that must have the same distance from the grid
_EXAMINED = 20_000  # timestamps


def guess_rounding(draft: SourceDraft, frequency: int) -> tuple[dict[str, str], str] | None:
    """Return `off_grid` for timestamps a minute off the grid (:59, :01), with a question; None if there are none."""
    if draft.analysis.times.valid is None or frequency <= 2 * _MINUTE:
        return None
    wall = np.concatenate([each.times.wall[each.times.ok][:_EXAMINED] for each in draft.analyses])
    beside = (wall + _MINUTE) % frequency - _MINUTE
    if not len(wall) or not beside.any() or (np.abs(beside) > _MINUTE).any() or (beside % _MINUTE).any():
        return None
    place = int(np.flatnonzero(beside)[0])
    text = str(np.datetime64(int(wall[place]), "ns").astype("datetime64[m]")).replace("T", " ")
    count = int((beside != 0).sum())
    return {
        "round": "1min"
    }, f"{count} timestamps, such as {text}, are a minute off the grid: do they mean the time on the grid?"


def guess_grid_offset(drafts: Sequence[SourceDraft], frequency: int) -> str | None:
    """Return the distance of the measurements from the grid in UTC, such as 30min in Adelaide; None if it is zero."""
    if frequency > DAY // 2:
        return None
    offsets = []
    for draft in [draft for draft in drafts if draft.role == "realized"] or drafts:
        stamps = _in_utc(draft)
        if len(stamps):
            offset, share = most_frequent(stamps % frequency)
            if share < _MOST:
                return None
            offsets.append(int(offset))
    same = len(set(offsets)) == 1 and offsets[0] and offsets[0] % _MINUTE == 0
    return step_text(offsets[0]) if same else None


def _in_utc(draft: SourceDraft) -> Times:
    times, zone = draft.analysis.times, draft.analysis.zone.zone
    wall = times.wall[times.ok][:_EXAMINED]
    if times.valid is not None and times.valid.period is not None:
        return wall[:0]
    return wall if times.exact or zone == "UTC" else utc_of(wall, zone)
