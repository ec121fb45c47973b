"""Finds whether timestamps are the start or the end of their step, and sources whose files differ in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hindcast.pipeline.inspect.source_drafts import DraftFile, SourceDraft
from hindcast.pipeline.inspect.time_roles import STEP_ENDS
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, minute_text
from hindcast.pipeline.inspect.vocabulary import END, START, words_in
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY, HOUR

_READ_AS_START = "a timestamp is read as the start of its step"
_IF_END = "; write `label: end` if it is the end"


def split_labels(drafts: Sequence[SourceDraft]) -> list[SourceDraft]:
    """Return the drafts; files that begin and end one step later than others of their source have a draft of their own.

    That draft is a part of the other one. Timestamps with an offset from UTC stay together, since a zone may explain it.
    """
    return [part for draft in drafts for part in _split(draft)]


def find_label(draft: SourceDraft, valid: TimestampColumn) -> tuple[bool, str | None]:
    """Return whether timestamps mark the end of their step, and a question unless an interval or a period shows it."""
    if valid.form.part or valid.period:
        return False, None
    if draft.accumulated:
        return True, "a sum since the issue ends at its timestamp (`label: end`)"
    if draft.analysis.times.ends_step:
        # wall time may be the start plus one step (`hour_ending`)
        return True, None if valid.exact else _about_ends(draft, valid)
    if draft.label is not None:
        return draft.label == "end", draft.about_label
    at_end, question = _guess_label(draft, valid)
    return at_end, "; ".join(text for text in (question, draft.about_label) if text) or None


def end_label(draft: SourceDraft, valid: TimestampColumn) -> str:
    """Return the label of timestamps that mark the end of their step."""
    return draft.analysis.zone.label or ("hour_ending" if valid.hours_to_24 else "end")


def _about_ends(draft: SourceDraft, valid: TimestampColumn) -> str:
    shown = "hours run from 1 to 24" if valid.hours_to_24 else f"the heading is {valid.name!r}"
    return (
        f"{shown}, so a timestamp is read as the end of its step, `label: {end_label(draft, valid)}`. When clocks change, "
        "`end` (the end as clocks show it) and `hour_ending` (the start as clocks show it, plus one step) differ: is it the "
        "right one?"
    ) + _about_numbered_steps(valid)


def _about_numbered_steps(valid: TimestampColumn) -> str:
    """Return a hint at a first or last day with another number of hours than 24: on a day of a clock change, they number its steps."""
    hours = valid.columns[-1]
    if not valid.hours_to_24 or hours.kind != "number":
        return ""
    ok = valid.ok & ~np.isnan(hours.numbers)
    days = (valid.wall[ok] - (hours.numbers[ok] * HOUR).astype(np.int64)) // DAY
    for day in (days.min(), days.max()):
        found = np.unique(hours.numbers[ok][days == day])
        if len(found) in (23, 25) and found[0] == 1 and found[-1] == len(found):
            return (
                f" If clocks change on {np.datetime64(int(day), 'D')}, which has the numbers 1 to {len(found)}, they number the steps of "
                f"each day: then write `period: {{column: {hours.name}, length: 1h}}`, without this column under `columns` and in "
                "`format`, and without `label`"
            )
    return ""


def _guess_label(draft: SourceDraft, valid: TimestampColumn) -> tuple[bool, str | None]:
    """Guess from the first file: if it begins one step past midnight, timestamps of quarter hours are ends.

    Hours may also have an offset from UTC.
    """
    shown = _shows_start(draft, valid)
    file, zone = draft.files[0], draft.analysis.zone
    if draft.analysis.has_vintages or not file.step or file.span[0] % DAY != file.step:
        return False, None if shown else f"{_READ_AS_START}{_IF_END}"
    begins = f"the first timestamp is one step past midnight ({minute_text(file.span[0])})"
    utc_midnight = zone.wall and find_occurrences(np.array([file.span[0]]), zone.zone)[0][0] % DAY == 0
    if file.step < HOUR or (zone.wall and not utc_midnight and file.span[1] % DAY == 0):
        return (
            True,
            f"{begins}, so a timestamp is read as the end of its step; remove `label` if it is the start",
        )
    return False, None if shown else f"{_READ_AS_START}, but {begins}{_IF_END}"


def _shows_start(draft: SourceDraft, valid: TimestampColumn) -> bool:
    """Return whether a heading or a column of ends shows that timestamps begin their steps."""
    words = frozenset().union(*(words_in(column.name) for column in valid.columns))
    ends = any(why.startswith(STEP_ENDS) for why in draft.analysis.times.excluded.values())
    return ends or bool(words & START and not words & END)


def _split(draft: SourceDraft) -> list[SourceDraft]:
    times = draft.analysis.times
    given = times.ends_step or times.valid is None or times.valid.form.part or times.valid.period
    if draft.analysis.has_vintages or given or len(draft.files) < 2:
        return [draft]
    labels = [_label_of(file) for file in draft.files]
    if not {"start", "end"} <= set(labels):
        return [draft]
    starts, ends = (draft.files[labels.index(label)] for label in ("start", "end"))
    evidence = (
        f"{starts.path} has timestamps from {minute_text(starts.span[0])} to {minute_text(starts.span[1])}, and {ends.path} from "
        f"{minute_text(ends.span[0])} to {minute_text(ends.span[1])}"
    )
    if times.exact:
        return [replace(draft, about_label=f"{evidence}: do some files mark the end of their step?")]
    asked = f"{evidence}: do timestamps mark the start of their step in files such as the first, and its end in the others?"
    files: dict[str, list[DraftFile]] = {"start": [], "end": []}
    last = next(label for label in labels if label)
    for file, label in zip(draft.files, labels, strict=True):
        last = label or last  # a file with a gap at its ends is labelled as the file before it
        files[last].append(file)
    first = replace(draft, files=tuple(files["start"]), label="start", about_label=asked)
    return [first, replace(draft, files=tuple(files["end"]), label="end", about_label=asked, part_of=first)]


def _label_of(file: DraftFile) -> str | None:
    """Return `start` for a file from midnight to a step before midnight, `end` for one that is a step later; else None."""
    if not 0 < file.step < DAY:
        return None
    first, last = file.span[0] % DAY, file.span[1] % DAY
    if (first, last) == (0, DAY - file.step):
        return "start"
    return "end" if (first, last) == (file.step, 0) else None
