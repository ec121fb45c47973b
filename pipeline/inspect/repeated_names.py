"""Finds forecasts whose names hold issue times on a clock that shows an hour twice: `F-202511020100.csv` and `F-202511020100d.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.inspect.column_types import most_frequent
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.source_drafts import NamedClock, SourceDraft
from hindcast.pipeline.inspect.timestamp_columns import minute_text, step_text
from hindcast.pipeline.inspect.vocabulary import CLOCK_CHANGE_ZONES, other_main_zones
from hindcast.pipeline.raw.localize import find_occurrences

_MOST = 0.95  # share of files whose first row is equally far from their issue time


@dataclass(frozen=True, eq=False)
class _Names:
    """The time in the name of each file, its first valid time, and whether an earlier file has the same time in its name."""

    shown: Times
    first: Times
    second: Flags


def split_repeated(drafts: Sequence[SourceDraft]) -> list[SourceDraft]:
    """Return the drafts; files of the second of two repeated hours have a draft of their own, a part of the other one."""
    return [part for draft in drafts for part in _split(draft)]


def _split(draft: SourceDraft) -> list[SourceDraft]:
    issue = draft.analysis.times.issue
    if draft.role != "forecast" or len(draft.analyses) > 1 or issue is None or issue.path is None:
        return [draft]
    names = _read_names(draft.analysis, issue.wall)
    found = None if names is None else _find_zone(draft, names)
    if names is None or found is None:
        return [draft]
    zone, question = found
    analysis = _in_utc(draft.analysis, names, zone) if _is_in_utc(draft.analysis) else draft.analysis
    parts = [
        [file for file, each in zip(draft.files, names.second, strict=True) if each == later]
        for later in (False, True)
    ]
    clock = NamedClock(zone, "earlier", question)
    whole = replace(draft, analyses=(analysis,), files=tuple(parts[0]), named_clock=clock)
    clock = replace(clock, ambiguous="later")
    return [whole, replace(whole, files=tuple(parts[1]), named_clock=clock, part_of=whole)]


def _read_names(analysis: AnalysedFiles, issues: Times) -> _Names | None:
    """Return the times in names; None unless some occur twice, with rows that begin later in one of the two files."""
    fmt, times = analysis.format, analysis.times
    rows = [fmt.rows_of(number) for number in range(len(fmt.files))]
    if not all(times.ok[each].any() for each in rows):
        return None
    shown = np.array([issues[each.start] for each in rows])
    first = np.array([times.wall[each][times.ok[each]].min() for each in rows])
    order = np.lexsort((first, shown))
    again = np.diff(shown[order], prepend=shown[order][0] - 1) == 0
    if not again.any() or (again[1:] & again[:-1]).any() or (np.diff(first[order])[again[1:]] <= 0).any():
        return None
    second = np.zeros(len(rows), np.bool_)
    second[order[again]] = True
    return _Names(shown, first, second)


def _is_in_utc(analysis: AnalysedFiles) -> bool:
    return analysis.times.exact or analysis.zone.zone == "UTC"


def _find_zone(draft: SourceDraft, names: _Names) -> tuple[str, str] | None:
    """Return the zone whose clocks show all repeated times twice and in which forecasts begin alike, and the question about it."""
    analysis = draft.analysis
    tried = CLOCK_CHANGE_ZONES if _is_in_utc(analysis) else (analysis.zone.zone,)
    base = next((zone for zone in tried if _begins(names, zone, analysis) is not None), None)
    if base is None:
        return None
    zones = [base, *(other_main_zones(base) if _is_in_utc(analysis) else ())]
    begins = {zone: begin for zone in zones if (begin := _begins(names, zone, analysis)) is not None}
    step = next((file.step for file in draft.files if file.step), 0)
    chosen = min(begins, key=lambda zone: (begins[zone] < 0, abs(begins[zone] - step)))
    one, two = (draft.paths[int(np.flatnonzero(flags)[0])] for flags in (_firsts(names), names.second))
    others = ", ".join(
        f"{step_text(begin)} after it in {zone}"
        for zone, begin in begins.items()
        if zone != chosen and begin >= 0
    )
    return chosen, (
        f"{one} and {two} have the same time in their names ({minute_text(int(names.shown[names.second][0]))}), and the rows of one begin "
        f"later, so they are read as the two hours that clocks of {chosen} show alike: is it this zone? In it, forecasts begin "
        f"{step_text(begins[chosen])} after their issue time{f' ({others})' if others else ''}"
    )


def _firsts(names: _Names) -> Flags:
    """Return the files whose time another file has too, and that begin earlier."""
    return np.isin(names.shown, names.shown[names.second]) & ~names.second


def _begins(names: _Names, zone: str, analysis: AnalysedFiles) -> int | None:
    """Return how long after its issue time a forecast begins; None if clocks of the zone do not show the repeated times twice."""
    if (find_occurrences(names.shown[names.second], zone)[2] != 2).any():
        return None
    issued = _issues(names, zone) if _is_in_utc(analysis) else names.shown
    begin, share = most_frequent(names.first - issued)
    return int(begin) if share >= _MOST else None


def _issues(names: _Names, zone: str) -> Times:
    earlier, later, _ = find_occurrences(names.shown, zone)
    return np.where(names.second, later, earlier)


def _in_utc(analysis: AnalysedFiles, names: _Names, zone: str) -> AnalysedFiles:
    """Return the analysis with issue times in UTC, as its valid times are."""
    assert analysis.times.issue is not None
    issue = replace(analysis.times.issue, wall=_issues(names, zone)[analysis.format.file])
    return replace(analysis, times=replace(analysis.times, issue=issue))
