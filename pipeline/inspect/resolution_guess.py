"""Finds sources whose rows become finer at some time, such as hours before quarters, and writes `coarser` for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.align.coarse_rows import change_of
from hindcast.pipeline.inspect.column_types import most_frequent
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.timestamp_columns import minute_text, step_text
from hindcast.pipeline.settings.clock import utc_of
from hindcast.pipeline.wording import time_text

_LAST = 100  # distances at the end that show how far apart the later rows are

CoarserSetting = list[dict[str, str]]
"""`coarser` as written in the settings."""


@dataclass(frozen=True)
class Change:
    """Rows are `length` ns apart until the time `until` (UTC) and `fine` ns from then on; the row before is at `before`."""

    until: int
    length: int
    fine: int
    before: int

    @property
    def text(self) -> str:
        """The distances and the time of the change."""
        found = (
            f"timestamps are {step_text(self.length)} apart until {minute_text(self.until)} UTC, and {step_text(self.fine)} "
            "from then on"
        )
        if self.until - self.before == self.length:
            return found
        return (
            f"{found} (no row was read from {minute_text(self.before)} to then, so the change may be earlier)"
        )

    @property
    def setting(self) -> CoarserSetting:
        """`coarser` for the earlier rows."""
        return [{"until": time_text(self.until), "spacing": step_text(self.length)}]


def find_change(draft: SourceDraft) -> Change | None:
    """Return when the rows of a draft become finer; None if that does not happen exactly once, or if a row names a period."""
    valid = draft.analysis.times.valid
    if valid is not None and valid.period is not None:
        return None
    stamps = []
    for each in draft.analyses:
        wall = each.times.wall[each.times.ok]
        in_utc = each.times.exact or each.zone.zone == "UTC"
        stamps.append(wall if in_utc else utc_of(np.unique(wall), each.zone.zone))
    times = np.unique(np.concatenate(stamps))
    if len(times) < 2:
        return None
    fine = int(most_frequent(np.diff(times)[-_LAST:])[0])
    change = change_of(times, fine)
    if change is None:
        return None
    until, length = change
    return Change(until, length, fine, int(times[np.searchsorted(times, until) - 1]))


def guess_coarser(draft: SourceDraft, step: int, *, hour_ending: bool) -> tuple[CoarserSetting, str] | None:
    """Return `coarser` of a draft whose earlier rows are longer than a step of `step` ns, with a question; else None."""
    change = None if draft.accumulated or hour_ending else find_change(draft)
    if change is None or change.fine != step:
        return None
    spacing = step_text(change.length)
    other = f", or do values in between lie on a line (`interpolate: {spacing}` instead)"
    question = (
        f"{change.text}: does each earlier row hold for its whole {spacing}{other if draft.analysis.has_vintages else ''}? "
        "Without `coarser`, the steps between earlier rows have no value"
    )
    return change.setting, question


def ask_about_finer_rows(drafts: Sequence[SourceDraft], step: int) -> list[str]:
    """Return a question for each different change to rows finer than a step of `step` ns, which are resampled to it."""
    changes = (find_change(draft) for draft in drafts)
    finer = (change for change in changes if change is not None and change.fine < step == change.length)
    return list(
        dict.fromkeys(
            f"{change.text}; finer rows are resampled to {step_text(step)}. For steps of {step_text(change.fine)}, write "
            f"`frequency: {step_text(change.fine)}` and, in the sources, `coarser: "
            f'[{{until: "{time_text(change.until)}", spacing: {step_text(change.length)}}}]`: which steps do you need?'
            for change in finer
        )
    )
