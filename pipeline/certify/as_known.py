"""Look up what the tables contained about a step at a given time: the point-in-time rules, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from heapq import merge
from itertools import groupby

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN
from hindcast.pipeline.certify.coarse_records import pieces_between, stamps_of_pieces
from hindcast.pipeline.certify.fold_rows import fold, interpolate
from hindcast.pipeline.certify.lead_amounts import amount, distance, end_of_amount, longest_distance
from hindcast.pipeline.certify.member_statistics import over_members
from hindcast.pipeline.certify.raw_records import Record, Records
from hindcast.pipeline.certify.slow_clock import origin_of, wall_label
from hindcast.pipeline.certify.step_clock import StepClock, step_clock
from hindcast.pipeline.settings.fields import Resample
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source

_HOUR = 3600 * 1_000_000_000
_REMEMBERED = 1 << 12  # lookups of rows
_NEARBY = 1 << 6  # steps around the last one, whose rows are kept: an ensemble has many

SHARED = ""
"""The series name of rows that are shared by every series of their group."""


@dataclass(frozen=True)
class KnownValue:
    """A value (NaN: none), with the newest issue time and the latest known time of the rows that it was computed from.

    For a difference, `size` is its larger operand: rounding errors are relative to that, not to the value. `steps` are the
    first and the last step whose realized values were used.
    """

    value: float
    issue: int | None = None
    known: int | None = None
    size: float = 0.0
    steps: tuple[int, int] | None = None

    @property
    def is_missing(self) -> bool:
        """Return whether there is no value."""
        return math.isnan(self.value)


NO_VALUE = KnownValue(math.nan)


@dataclass(frozen=True)
class GroupTables:
    """The rows of one group, with the settings that define how to read them.

    `as_stored`: flagged values are read as all others are; else they count as missing, from the moment of their flag.
    """

    params: Params
    zone: str
    records: Mapping[str, Records]
    group: str = ""
    as_stored: bool = False

    @cached_property
    def clock(self) -> StepClock:
        """The steps of the group."""
        return step_clock(self.params, self.group)

    @property
    def calendar_zone(self) -> str:
        """The zone in which the name of a step shows its local date: names of steps of days show it already."""
        return "UTC" if self.clock.zone else self.zone

    @property
    def frequency(self) -> int:
        """The length of a step in ns."""
        return self.params.raw.frequency.ns

    def forecast(  # noqa: PLR0917 - a lookup needs all of these
        self, sources: Iterable[str], value: str, series: str, step: int, origin: int, older: int = 0
    ) -> KnownValue:
        """Return a forecast or known value of a step as known at an origin, from the first source that has one."""
        for source in sources:
            found = self.vintage(source, value, series, step, origin, older)
            if not found.is_missing:
                return found
        return NO_VALUE

    def vintage(  # noqa: PLR0917 - a lookup needs all of these
        self, source: str, value: str, series: str, step: int, origin: int, older: int = 0
    ) -> KnownValue:
        """Return the value of one source for a step: from the series' own rows if any was known, else from shared rows.

        `older` selects the vintage that is that many issue times older than the newest.
        """
        for owner in dict.fromkeys((series, SHARED)):
            if newest := self._newest_rows(source, owner, step, origin, older):
                folded = self._fold(newest, source, value)
                return KnownValue(folded, max(row.issue for row in newest), max(row.known for row in newest))
        return NO_VALUE

    @cached_property
    def _newest_rows(self) -> Callable[[str, str, int, int, int], list[Record]]:
        """Find the newest row of each timestamp of a step; remembered, because a source has several values."""

        def find(source: str, owner: str, step: int, origin: int, older: int) -> list[Record]:
            known = (
                [row for row in rows if row.known <= origin] for rows in self._stamps(source, owner, step)
            )
            newest = [self._newest(source, rows, origin, older) for rows in known]
            rows = [row for row in newest if row]
            return (
                rows
                if self.params.raw.sources[source].has_members
                else self._with_amounts(source, owner, rows)
            )

        return lru_cache(_REMEMBERED)(find)

    def static(self, sources: Iterable[str], value: str, series: str) -> KnownValue:
        """Return an attribute of a series from the first source that has it: the series' own row, else the group's."""
        for source in sources:
            for owner in dict.fromkeys((series, SHARED)):
                rows = (
                    self.records[source].of_step(owner, TIME_MIN, TIME_MAX) if source in self.records else []
                )
                rows = [self._as_of(row, row.known) for row in rows]
                present = [row for row in rows if not math.isnan(row.values[value])]
                if present:
                    return KnownValue(present[-1].values[value], None, present[-1].known)
        return NO_VALUE

    def realized(self, value: str, series: str, step: int, moment: int) -> KnownValue:
        """Return a realized value as known at a time: its last revision by then, from the first source that has one."""
        for source in self._sources_of(value):
            for owner in dict.fromkeys((series, SHARED)):
                stamps = self._stamps(source, owner, step)
                every = [row for rows in stamps for row in rows if row.known <= moment]
                taken_back = set[int]() if self.as_stored else self._taken_back(every, value, moment)
                for known in sorted({row.known for row in every} | taken_back, reverse=True):
                    folded = self._fold(self._revisions(stamps, value, known), source, value)
                    if not math.isnan(folded):
                        return KnownValue(folded, None, known, steps=(step, step))
                    if known in taken_back:
                        break
        return NO_VALUE

    def is_flagged(self, value: str, series: str, step: int) -> bool:
        """Return whether a row is flagged, at any time, of those that the last revision of a realized value is made of."""
        for source in self._sources_of(value):
            for owner in dict.fromkeys((series, SHARED)):
                stamps = self._stamps(source, owner, step)
                for known in sorted({row.known for rows in stamps for row in rows}, reverse=True):
                    rows = [_last_revision(rows, value, known) for rows in stamps]
                    used = [row for row in rows if row]
                    if not math.isnan(self._fold(used, source, value)):
                        return any(value in row.flagged and not math.isnan(row.values[value]) for row in used)
        return False

    def _with_amounts(self, source: str, owner: str, rows: list[Record]) -> list[Record]:
        """Return rows of a forecast with the amounts of their steps in place of accumulated values."""
        settings = self.params.raw.sources[source]
        names = [name for name, field in settings.values.items() if field.accumulated]
        if not names or not rows:
            return rows
        longest = {
            name: [
                longest_distance(settings, self.frequency, row.nearest.get(name, TIME_MAX)) for row in rows
            ]
            for name in names
        }
        reach = max(map(max, longest.values())) + 3 * _HOUR  # days may have an hour more
        first, last = (self.clock.begin(moment) for moment in (rows[0].valid - reach, rows[-1].valid))
        vintages: dict[tuple[str, int, int], list[Record]] = {}
        for step in range(first, last + 1, self.frequency):
            for row in self._filled_rows(source, owner, step):
                vintages.setdefault((row.member, row.issue, row.known), []).append(row)
        made = []
        for place, row in enumerate(rows):
            vintage, values = vintages[row.member, row.issue, row.known], dict(row.values)
            for name in names:
                values[name] = self._amount(settings, name, row, vintage, longest[name][place])
            made.append(replace(row, values=values))
        return made

    def _amount(self, source: Source, name: str, row: Record, vintage: list[Record], longest: int) -> float:
        earlier = [each for each in vintage if each.valid < row.valid and not math.isnan(each.values[name])]
        last, before = max(earlier, key=lambda each: each.valid, default=None), math.nan
        if last is not None and distance(self.clock, last.valid, row.valid) <= longest:
            before = last.values[name]
        end = end_of_amount(source, self.clock, row.valid, longest)
        return amount(row.values[name], before, distance(self.clock, row.issue, end), longest)

    def _as_of(self, row: Record, moment: int) -> Record:
        return row if self.as_stored else row.without_flagged(moment)

    def _revisions(self, stamps: list[list[Record]], value: str, moment: int) -> list[Record]:
        """Return the row of each timestamp whose value holds at a given time."""
        found = [_last_revision([self._as_of(row, moment) for row in rows], value, moment) for rows in stamps]
        return [row for row in found if row]

    @staticmethod
    def _taken_back(rows: list[Record], value: str, moment: int) -> set[int]:
        """Return the times until `moment` at which one of these rows was flagged after it became known."""
        since = {(row.known, row.flagged[value]) for row in rows if value in row.flagged}
        return {flagged for known, flagged in since if known < flagged <= moment}

    def newest_step(self, value: str, series: str, moment: int) -> int | None:
        """Return the newest step with a realized value that was known at a given time, or None."""
        newest_first = merge(
            *(
                self._stamps_known(source, owner, moment)
                for source in self._sources_of(value)
                for owner in dict.fromkeys((series, SHARED))
            ),
            reverse=True,
        )
        steps = (step for step, _ in groupby(newest_first, self.clock.begin))
        return next(
            (step for step in steps if not self.realized(value, series, step, moment).is_missing), None
        )

    def _stamps_known(self, source: str, owner: str, moment: int) -> Iterator[int]:
        stamps, settings = self.records[source].stamps_known(owner, moment), self.params.raw.sources[source]
        if not settings.coarser:
            return stamps
        return stamps_of_pieces(stamps, settings, step_clock(self.params, self.group, source).distance)

    def origin(self, step: int, track: int) -> int | None:
        """Return the origin that the rule gives for a step; None if no origin covers it."""
        return origin_of(self.params.align.origin, self.clock.opens(step), track, self.zone)

    def first_step(self, series: str) -> int:
        """Return the first step that the group has for a series."""
        roles = ("realized", "forecast")
        stamps = [
            stamp
            for source, records in self.records.items()
            if self.params.raw.sources[source].role in roles
            and (stamp := records.first_valid(series)) is not None
        ]
        begin = self.clock.begin(min(stamps, default=TIME_MAX))
        return begin if self.params.align.from_ is None else max(begin, self.params.align.from_)

    def _fold(self, rows: list[Record], source: str, value: str) -> float:
        stamps = [(row.valid, row.values[value]) for row in rows]
        spacing = self.params.raw.sources[source].spacing
        length, due = self.frequency, None
        if self.clock.zone and rows:
            step = self.clock.begin(rows[0].valid)
            length = self.clock.opens(step + self.frequency) - self.clock.opens(step)
        if spacing is not None and spacing.ns < self.frequency:
            due = length / spacing.ns if self.clock.zone is None else float(round(length / spacing.ns))
        elif self.clock.zone and len(rows) > 1:
            due = self._due_of_days(rows, length)
        least = self.params.align.least_observed
        rule, is_declared = self._rules[source, value], spacing is not None and spacing.ns < self.frequency
        return fold(stamps, rule, length, (least, due), is_declared=is_declared)

    def _due_of_days(self, rows: list[Record], length: int) -> float:
        """Return the number of timestamps of a step of days, if they are regular in elapsed time or on the local clock."""
        assert self.clock.zone
        first, last = rows[0].valid, rows[-1].valid
        shown = wall_label(last, self.clock.zone) - wall_label(first, self.clock.zone)
        distances = len(rows) - 1
        return min(length * distances / (last - first), self.frequency * distances / max(shown, 1))

    def _sources_of(self, value: str) -> list[str]:
        sources = self.params.raw.sources_of("realized")
        return [name for name in sources if name in self.records and (name, value) in self._rules]

    @cached_property
    def _rules(self) -> dict[tuple[str, str], Resample]:
        """How the rows of a step are folded, by source and value."""
        return {
            (source, column): field.resample
            for source, fields in self.params.raw.sources.items()
            for name, field in fields.values.items()
            for column in column_names(fields, name)
        }

    def _stamps(self, source: str, series: str, step: int) -> list[list[Record]]:
        """Return the rows of a step, one list per raw timestamp."""
        if source not in self.records:
            return []
        stamps: dict[int, list[Record]] = {}
        for row in self._rows(source, series, step):
            stamps.setdefault(row.valid, []).append(row)
        return list(stamps.values())

    def _rows(self, source: str, series: str, step: int) -> list[Record]:
        """Return the rows of a step, of an ensemble with the statistics over its members."""
        rows, settings = self._filled_rows(source, series, step), self.params.raw.sources[source]
        if not self._sums_members(settings):
            return rows
        wanted = {name: value.members for name, value in settings.values.items()}
        return over_members(self._with_amounts(source, series, rows), wanted)

    @staticmethod
    def _sums_members(source: Source) -> bool:
        return source.has_members and any(value.accumulated for value in source.values.values())

    @cached_property
    def _filled_rows(self) -> Callable[[str, str, int], list[Record]]:
        """Find the rows of a step, plus the rows interpolated between a vintage's rows before and after the step."""
        return lru_cache(_NEARBY)(self._find_filled_rows)

    def _find_filled_rows(self, source: str, series: str, step: int) -> list[Record]:
        begin, end = self.clock.opens(step), self.clock.opens(step + self.frequency)
        settings = self.params.raw.sources[source]
        rows = self._of_step(source, series, begin, end)
        if settings.role != "realized":
            rows = [self._as_of(row, row.known) for row in rows]
        if settings.interpolate is None or begin == end:  # a date that the zone skipped
            return rows
        reach = settings.interpolate.ns + (3 * _HOUR if self.clock.zone else 0)
        around = [
            self._as_of(row, row.known) for row in self._of_step(source, series, begin - reach, end + reach)
        ]
        if self.params.align.vintage.take == "newest_filled" and not self._sums_members(settings):
            around = [row for row in around if not row.is_empty]
        vintages: dict[tuple[int, int, str], list[Record]] = {}
        for row in around:
            vintages.setdefault((row.issue, row.known, row.member), []).append(row)
        near = partial(distance, self.clock)
        interpolated = [
            interpolate(vintage, begin, end, settings.interpolate.ns, near) for vintage in vintages.values()
        ]
        return rows + [row for row in interpolated if row]

    def _of_step(self, source: str, series: str, begin: int, end: int) -> list[Record]:
        """Return the rows in [begin, end), of an ensemble with the statistics over its members, unless these are accumulated."""
        settings = self.params.raw.sources[source]
        is_read = not settings.has_members or self._sums_members(settings)
        read = self.records[source].of_step if is_read else partial(self._over_members, source)
        if settings.coarser:
            fine = step_clock(self.params, self.group, source).distance
            return pieces_between(partial(read, series), settings, fine, (begin, end))
        return read(series, begin, end)

    @cached_property
    def _over_members(self) -> Callable[[str, str, int, int], list[Record]]:
        """Compute the statistics over the members of a source; remembered, because neighbouring steps need the same rows."""

        def find(source: str, series: str, begin: int, end: int) -> list[Record]:
            values = self.params.raw.sources[source].values
            wanted = {name: value.members for name, value in values.items()}
            return over_members(self.records[source].of_step(series, begin, end), wanted)

        return lru_cache(_REMEMBERED)(find)

    def _newest(self, source: str, known: list[Record], origin: int, older: int) -> Record | None:
        rule = self.params.align.vintage
        is_forecast = self.params.raw.sources[source].role == "forecast"
        if is_forecast and rule.take == "newest_filled":
            known = [row for row in known if not row.is_empty]
        issues = sorted({row.issue for row in known}, reverse=True)
        if len(issues) <= older:
            return None
        newest = max(
            [row for row in known if row.issue == issues[older]],
            key=lambda row: (row.issue, row.known, row.place),
        )
        is_old = is_forecast and rule.max_age is not None and newest.issue < origin - rule.max_age.ns
        return None if is_old else newest


def column_names(source: Source, value: str) -> tuple[str, ...]:
    """Return the names of the columns of X that contain a value of a source."""
    if source.values[value].members:
        return tuple(f"{value}_{statistic}" for statistic in source.values[value].members)
    return (f"{value}_sin", f"{value}_cos") if source.values[value].angle else (value,)


def _last_revision(rows: list[Record], value: str, moment: int) -> Record | None:
    known = [row for row in rows if row.known <= moment]
    return max(known, key=lambda row: (not math.isnan(row.values[value]), row.known, row.place), default=None)
