"""Which origins are forecast: those of ranges of moments, those of a local day, or the newest that the rows allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.group_inputs import zone_of_group
from hindcast.pipeline.align.inputs import inputs, is_forecast
from hindcast.pipeline.align.origin_steps import complete_origins, origins_between, origins_of_day, read_since
from hindcast.pipeline.align.recent_rows import service_reach
from hindcast.pipeline.arrays import TIME_MAX, Times
from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.serve.future_stamps import CLOCKS, Ahead, refuse_rows_ahead, rows_ahead
from hindcast.pipeline.serve.group_rows import GroupRows
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.gates import Gate
from hindcast.pipeline.settings.origin import rules_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import known_with_values
from hindcast.pipeline.wording import time_text

_MOST_GROUPS = 100  # that are read to say when the values end
_SEARCHED = 8 * DAY  # how far before the newest known value the newest origin is searched for


@dataclass(frozen=True)
class Wanted:
    """An origin (ns UTC), and the groups that have it."""

    origin: int
    groups: tuple[str, ...]


def deadline_of(params: Params, origin: int) -> int | None:
    """Return when the forecast of an origin must be there: `ready` after it, if all rules of `align.origin` have the same; else None."""
    rules = rules_of(params.align.origin)
    ready = {rule.ready.ns for rule in rules if isinstance(rule, Gate) and rule.ready is not None}
    has_all = all(isinstance(rule, Gate) and rule.ready is not None for rule in rules)
    return origin + ready.pop() if has_all and len(ready) == 1 else None


def origins_in_ranges(
    params: Params, groups: Sequence[str], ranges: Sequence[tuple[int, int]]
) -> list[Wanted]:
    """Return the origins in closed ranges of moments (ns UTC), ascending, each with the groups that have it.

    Raises SettingsError, with the origins next to it, for a range without an origin.
    """
    found: dict[int, dict[str, None]] = {}
    faults = []
    for first, last in ranges:
        of_range = _origins_of(params, groups, lambda group: origins_between(params, group, first, last))  # noqa: B023 - called at once
        for origin, own in of_range.items():
            found.setdefault(origin, {}).update(own)
        if not of_range:
            faults.append(_no_origin_text(params, groups, first, last))
    if faults:
        raise SettingsError("origin: no step is forecast then, by align.origin.", faults)
    return _wanted(found)


def origins_on_day(params: Params, groups: Sequence[str], day: np.datetime64) -> list[Wanted]:
    """Return the origins at which the steps of a local day are forecast, each with the groups that have it, ascending.

    Each group has days of its own zone. Raises SettingsError if no group has a step that starts on that day and has an origin.
    """
    number = int(day.astype("datetime64[D]").astype(np.int64))
    found = _origins_of(params, groups, lambda group: origins_of_day(params, group, number))
    if not found:
        raise SettingsError(
            f"--day {day}: no step that starts on this day has an origin, by raw.frequency and align.origin."
        )
    return _wanted(found)


def _origins_of(
    params: Params, groups: Sequence[str], origins: Callable[[str], Times]
) -> dict[int, dict[str, None]]:
    """Return the groups of each origin; origins are computed once for all groups with the same zone and steps."""
    of_clock: dict[tuple[str, int], list[int]] = {}
    found: dict[int, dict[str, None]] = {}
    for group in groups:
        clock = zone_of_group(params, group), params.raw.offset_of(group)
        if clock not in of_clock:
            of_clock[clock] = origins(group).tolist()
        for origin in of_clock[clock]:
            found.setdefault(origin, {})[group] = None
    return found


def _wanted(found: dict[int, dict[str, None]]) -> list[Wanted]:
    return [Wanted(origin, tuple(groups)) for origin, groups in sorted(found.items())]


def _no_origin_text(params: Params, groups: Sequence[str], first: int, last: int) -> str:
    near = [origins_between(params, group, first - 8 * DAY, last + 8 * DAY) for group in groups[:100]]
    origins = np.unique(np.concatenate(near))
    at = int(np.searchsorted(origins, first))
    texts = [time_text(int(each)) for each in origins[max(0, at - 1) : at + 1]]
    span = time_text(first) if first == last else f"{time_text(first)} to {time_text(last)}"
    return f"{span}: the origins next to it are {' and '.join(texts) or 'more than eight days away'}"


def newest_origins(
    params: Params,
    groups: Sequence[str],
    rows: GroupRows,
    root: Path | None = None,
    now: int | None = None,
    *,
    history: int = 0,
) -> list[Wanted]:
    """Return the newest origin of each group for which the rows have what the network needs, and at most a day older ones.

    With `now` (ns UTC), none is later than that, with an hour of tolerance. Raises MissingInputError if no group has one, and RawDataError for
    rows that were issued or published later than `now`, by their own stamps; an example comes from the raw files of the project at `root`.
    `history` is the number of steps before an origin that the forecast reads, so that rows are read once for both.
    """
    limit = TIME_MAX if now is None else now + CLOCKS
    search = _Search(params, rows, limit, history)
    found = {group: search.newest(group) for group in groups}
    refuse_rows_ahead(search.ahead, params, root, limit)
    complete = [each.complete for each in found.values() if each.complete is not None]
    if not complete:
        raise MissingInputError(
            "No origin of the last eight days in the files has all inputs of the network for any series. Look which are missing: "
            f"name an origin with --origin. {_ends_text(rows, groups)}"
        )
    newest = max(complete)
    chosen: dict[int, dict[str, None]] = {}
    for group, own in found.items():
        if own.complete is not None and own.complete > newest - DAY:
            chosen.setdefault(own.complete, {})[group] = None
            continue
        recent = origins_between(params, group, max(own.first, newest - DAY + 1), min(own.last, newest))
        if len(recent):
            chosen.setdefault(int(recent[-1]), {})[group] = None
    return _wanted(chosen)


def _ends_text(rows: GroupRows, groups: Sequence[str]) -> str:
    """Say when the newest value of each source became known, in the first groups that have some."""
    ends: dict[str, int] = {}
    for group in groups[:_MOST_GROUPS]:
        for name, frame in rows.read(group).items():
            known = known_with_values(frame)
            if len(known):
                ends[name] = max(ends.get(name, 0), int(known.max()))
    texts = [f"{name} {time_text(end)}" for name, end in sorted(ends.items())]
    return f"The newest values became known at: {', '.join(texts) or 'no source has a value'}."


@dataclass(frozen=True)
class _Searched:
    """The newest origin of a group in [first, last] with all inputs of a series; None if there is none."""

    complete: int | None
    first: int
    last: int


class _Search:
    """Searches for the newest complete origin of a group after another, in the rows that forecasts with `history` steps read."""

    def __init__(self, params: Params, rows: GroupRows, limit: int, history: int) -> None:
        self._params, self._rows, self._limit, self._history = params, rows, limit, history
        self.ahead: list[Ahead] = []
        self._needs_forecasts = any(is_forecast(params, input_) for input_ in inputs(params))
        self._reaches: dict[int, int] = {}
        self._sinces: dict[tuple[str, int, int], int | None] = {}
        self._newest: int | None = None  # the newest known time of the groups so far

    def newest(self, group: str) -> _Searched:
        """Search the last day before the newest known row that has a value, then eight days; nearly always the last day has one.

        Rows without any value do not count: files of a whole year hold such rows for the days to come.
        """
        params = self._params
        frames, known = self._read(group, DAY)
        self.ahead += rows_ahead(frames, params, group, self._limit)
        last = known + params.raw.frequency.ns
        if self._needs_forecasts:  # then the rows say whether a later origin can be served
            after = origins_between(params, group, known, known + _SEARCHED)
            last = int(after[0]) if len(after) else last
        last = min(last, self._limit)
        for length in (DAY, _SEARCHED):
            if length > DAY:
                frames, _ = self._read(group, length)
            origins, is_complete = complete_origins(
                frames, params, group, known - length, last, self._reach(known)
            )
            if is_complete.any():
                return _Searched(int(origins[is_complete][-1]), known - _SEARCHED, last)
        return _Searched(None, known - _SEARCHED, last)

    def _read(self, group: str, length: int) -> tuple[Mapping[str, Any], int]:
        """Return the rows that the origins from `length` before the newest known row on read, and when that row became known.

        Groups usually end at the same time: what the others have says which rows to read, and then whether these are enough.
        """
        if self._newest is not None:
            frames = self._rows.read(group, self._since(group, self._newest - length - DAY))
            known = self._known(frames)
        if self._newest is None or known < self._newest - DAY:
            frames = self._rows.read(group)
            known = self._known(frames)
        self._newest = max(known, self._newest or 0)
        return frames, known

    def _known(self, frames: Mapping[str, Any]) -> int:
        known = [
            known_with_values(frame)
            for name, frame in frames.items()
            if self._params.raw.sources[name].role in ("realized", "forecast")
        ]
        return max((int(times[times <= self._limit].max(initial=0)) for times in known), default=0)

    def _since(self, group: str, moment: int) -> int | None:
        """Return the earliest time of a row that an origin at `moment` or later reads, computed once for many groups; None: any time."""
        params, day = self._params, moment // DAY
        clock = zone_of_group(params, group), params.raw.offset_of(group), day
        if clock not in self._sinces:
            origins = origins_between(params, group, day * DAY, day * DAY + _SEARCHED)
            first = int(origins[0]) if len(origins) else None
            self._sinces[clock] = None if first is None else read_since(params, group, first, self._history)
        return self._sinces[clock]

    def _reach(self, known: int) -> int:
        """Return the reach of steps around the newest known row, computed once for many groups."""
        number = known // _SEARCHED
        if number not in self._reaches:
            begin = number * _SEARCHED
            self._reaches[number] = service_reach(self._params, begin - 2 * _SEARCHED, begin + 3 * _SEARCHED)
        return self._reaches[number]
