"""Counts, with an example each, of timestamps off the grid, of measured values known before their step ends, and of forecasts
issued after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.raw.file_layout import place_words, row_place
from hindcast.pipeline.raw.off_grid import StampKinds
from hindcast.pipeline.raw.source_files import RawFile
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.known import DayAt, PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.wording import counted, duration_text, listed, time_text

KINDS = (
    "quarantined",
    "kept",
    "rounded",
    "irregular",
    "finer",
)  # the first that a group has gives its example
Places = NDArray[np.int32]

_MOST_GROUPS = 5  # named in a message about a source
_SECOND = 1_000_000_000


@dataclass
class StampCounts:
    """What became of the timestamps of one group and source.

    `kinds` counts rows off the grid; `example` is the first row of the first kind of KINDS, as (file, line, timestamp).
    `phase` is the distance of strays from the start of their step if it is the same for all, else -1; `farthest` their
    longest distance from a time on the grid. `early` counts measured rows known before their step ends, of `measured`;
    `late` counts forecast rows issued at or after the end of their step, `unissued` those known before they were issued.
    """

    rows: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    example: tuple[int, int, int] | None = None
    example_kind: str = ""
    phase: int | None = None
    farthest: int = 0
    measured: int = 0
    early: int = 0
    early_example: tuple[int, int, int, int] | None = None  # file, line, timestamp, known time
    late: int = 0
    late_example: tuple[int, int, int, int] | None = None  # file, line, timestamp, issue time
    unissued: int = 0
    unissued_example: tuple[int, int, int, int] | None = None  # file, line, issue time, known time

    def add_kinds(
        self, kinds: StampKinds, stamps: Times, places: tuple[Places, Ints], grid: StampGrid
    ) -> None:
        """Count rows; `places` are each row's file and line."""
        flags = (kinds.stray, kinds.kept, kinds.rounded, kinds.irregular, kinds.finer)
        for name, rows in zip(KINDS, map(np.flatnonzero, flags), strict=True):
            if not len(rows):
                continue
            self.kinds[name] = self.kinds.get(name, 0) + len(rows)
            if not self.example_kind or KINDS.index(name) < KINDS.index(self.example_kind):
                file, line = (int(place[rows[0]]) for place in places)
                self.example, self.example_kind = (file, line, int(stamps[rows[0]])), name
        self._add_phases(stamps[kinds.stray], grid)

    def _add_phases(self, stamps: Times, grid: StampGrid) -> None:
        if len(stamps):
            phases = (grid.labels(stamps) - grid.offset) % grid.pitch
            first = int(phases[0]) if self.phase is None else self.phase
            self.phase = first if (phases == first).all() else -1
            self.farthest = max(self.farthest, int(np.minimum(phases, grid.pitch - phases).max()))

    def add_measured(self, stamps: Times, known: Times, length: Ints, places: tuple[Places, Ints]) -> None:
        """Count measured rows, and those known before their value was over: `length` ns after their timestamp."""
        self.measured += len(stamps)
        early = np.flatnonzero(known < stamps + length)
        self.early += len(early)
        if len(early) and self.early_example is None:
            at = early[0]
            file, line = (int(place[at]) for place in places)
            self.early_example = (file, line, int(stamps[at]), int(known[at]))

    def add_issued(self, times: Sequence[Times], grid: StampGrid, places: tuple[Places, Ints]) -> None:
        """Count forecast rows issued at or after the end of their step, one pitch after their timestamp, and rows known before
        they were issued: `times` are timestamps, issue times and the known times that the files contain, if they do.
        """
        stamps, issued, *known = times
        if known:
            self._add_published(issued, known[0], places)
        late = np.flatnonzero(issued >= stamps + grid.elapsed(stamps, np.full(len(stamps), grid.pitch)))
        self.late += len(late)
        if len(late) and self.late_example is None:
            at = late[0]
            file, line = (int(place[at]) for place in places)
            self.late_example = (file, line, int(stamps[at]), int(issued[at]))

    def _add_published(self, issued: Times, known: Times, places: tuple[Places, Ints]) -> None:
        early = np.flatnonzero(known < issued)
        self.unissued += len(early)
        if len(early) and self.unissued_example is None:
            at = early[0]
            file, line = (int(place[at]) for place in places)
            self.unissued_example = (file, line, int(issued[at]), int(known[at]))

    def as_json(self) -> dict[str, Any]:
        """Return the counts for the cache."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StampCounts:
        """Return the counts that `as_json` returned."""
        pairs: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in value.items()
        }
        return cls(**pairs)


class SourceStamps:
    """The counts of all groups of one source, with its files."""

    def __init__(self, name: str, source: Source, raw: RawSettings, files: Sequence[RawFile]) -> None:
        self._name, self._source, self._raw, self._files = name, source, raw, files
        self._groups: dict[str, tuple[StampCounts, list[int]]] = {}

    def add(self, group: str, counts: StampCounts, places: list[int]) -> None:
        """Add a group, whose rows come from the files at `places`."""
        if counts.kinds or counts.early or counts.late or counts.unissued:
            self._groups[group] = counts, places

    def _place(self, group: str, file: int, line: int) -> dict[str, Any]:
        """Return the file and the place in it of a line of the group's file number `file`."""
        found = self._files[self._groups[group][1][file]]
        return {"file": found.name, **row_place(found.path, line)}

    def report(self) -> dict[str, Any]:
        """Return the entry `off_grid` of the report: rows off the grid by kind, in total and by group."""
        groups = {}
        for group, (counts, _) in self._groups.items():
            if counts.example is not None:
                file, line, stamp = counts.example
                example = self._place(group, file, line)
                example |= {"time": time_text(stamp), "kind": counts.example_kind}
                groups[group] = {
                    "rows": sum(counts.kinds.values()),
                    **_in_order(counts.kinds),
                    "example": example,
                }
        return {**self._totals(), "groups": groups}

    def late_report(self) -> dict[str, Any]:
        """Return the entry `issued_late` of the report: rows in total, and an example; empty if there are none."""
        of_groups = {group: (of.late, of.late_example) for group, (of, _) in self._groups.items()}
        return self._worst(of_groups, ("time", "issued"))

    def unissued_report(self) -> dict[str, Any]:
        """Return the entry `known_before_issue` of the report: rows in total, and an example; empty if there are none."""
        of_groups = {group: (of.unissued, of.unissued_example) for group, (of, _) in self._groups.items()}
        return self._worst(of_groups, ("issued", "known"))

    def _worst(
        self,
        of_groups: Mapping[str, tuple[int, tuple[int, int, int, int] | None]],
        names: tuple[str, str],
    ) -> dict[str, Any]:
        """Return the number of rows of all groups, and the example of the group that has most of them."""
        group = min(of_groups, key=lambda group: (-of_groups[group][0], group), default="")
        place = of_groups[group][1] if group in of_groups else None
        if place is None:
            return {}
        file, line, *times = place
        example: dict[str, Any] = {"group": group, **self._place(group, file, line)}
        example |= dict(zip(names, map(time_text, times), strict=True))
        return {"rows": sum(count for count, _ in of_groups.values()), "example": example}

    def _totals(self) -> dict[str, int]:
        kinds = {
            name: sum(counts.kinds.get(name, 0) for counts, _ in self._groups.values()) for name in KINDS
        }
        return {"rows": sum(kinds.values()), **_in_order(kinds)}

    def quarantine_lines(self) -> list[str]:
        """Return lines for a message: the groups with the most strays, an example each, and the settings to choose from."""
        strays = {
            group: of.kinds["quarantined"]
            for group, (of, _) in self._groups.items()
            if "quarantined" in of.kinds
        }
        worst = sorted(strays, key=lambda group: (-strays[group], group))
        lines = []
        for group in worst[:_MOST_GROUPS]:
            counts, _ = self._groups[group]
            assert counts.example is not None  # every kind that is counted has one
            file, line, stamp = counts.example
            lines.append(
                f"group {group!r}: {strays[group]} of {counted(counts.rows, 'row')}, e.g. {time_text(stamp)} "
                f"({place_words(self._place(group, file, line))})"
            )
        if len(worst) > _MOST_GROUPS:
            lines.append(f"and {len(worst) - _MOST_GROUPS} more groups")
        return [*lines, *self._choices(worst)] if worst else []

    def _choices(self, groups: list[str]) -> Iterator[str]:
        """Yield the settings that fit the strays of the worst group."""
        counts, _ = self._groups[groups[0]]
        pitch = self._raw.stamp_grid(self._source, groups[0]).pitch
        place, frequency = f"raw.sources.{self._name}", self._raw.frequency
        strays = counts.kinds["quarantined"]
        shared = counts.phase is not None and counts.phase > 0 and 2 * strays > counts.rows
        if self._raw.has_local_days and 2 * strays > counts.rows:
            yield from self._choices_of_days(groups[0], counts.phase)
        elif shared:
            assert counts.phase is not None
            offset = (self._raw.offset_of(groups[0]) + counts.phase) % self._raw.frequency.ns
            yield (
                f"choose: raw.grid_offset: {{{groups[0]}: {duration_text(offset)}}} if the steps of the group start there, or"
            )
        near = -(-counts.farthest // _SECOND) * _SECOND
        if 4 * near <= pitch:
            yield f"choose: {place}.off_grid: {{round: {duration_text(near)}}} if each means the nearest time on the grid, or"
        yield (
            f"choose: a raw.frequency finer than {frequency}, {place}.spacing if they are finer data with gaps, or "
            f"{place}.off_grid: {{rest: keep}} for readings at irregular times"
        )

    def _choices_of_days(self, group: str, phase: int | None) -> Iterator[str]:
        """Yield the settings that fit timestamps which lie `phase` ns after the start of a step of local days (-1: it varies)."""
        place, field = f"raw.sources.{self._name}.valid_time", self._source.valid_time
        if field is None or phase is None:
            return
        if phase % DAY and field.zone != "group" and self._raw.zone_of(group) != "UTC":
            yield f"choose: {place}.zone: group if they are dates or local times of the group, or"
        elif phase == self._raw.frequency.ns - DAY and field.label == "start":
            yield f"choose: {place}.label: last_day if they are the last dates of their steps, or"
        if phase >= DAY and phase % DAY == 0:
            yield f"choose: a raw.anchor {counted(phase // DAY, 'day')} later if steps start on that day, or"
        elif 0 < phase < DAY:
            yield f"choose: raw.grid_offset: {{{group}: {duration_text(phase)}}} if days start at that local time, or"

    def early_faults(self) -> Iterator[str]:
        """Yield a fault for each group with measured values that are known before their step ends."""
        known = self._source.known
        if isinstance(known, PublishedAt):
            what = f"known: {{{known}}}"
            remedy = "correct the column or path, its format, zone or shift; for values that are published before their step, as prices and plans are, add `before_step: allowed`"
        elif isinstance(known, DayAt):
            what = f"known: {{day: {known.day}, at: {known.at}}}"
            remedy = f"set day: {known.day + 1}; for values that are published before their step, as prices and plans are, use a day before 0 or before_step"
        else:
            what, remedy = "known", "see `known`"
        for group, (counts, _) in self._groups.items():
            if counts.early_example is None:
                continue
            file, line, stamp, moment = counts.early_example
            yield (
                f"raw.sources.{self._name}, {what}: {counts.early} of {counted(counts.measured, 'row')} of {group} are known before "
                f"their step ends, e.g. {time_text(stamp)} at {time_text(moment)} "
                f"({place_words(self._place(group, file, line))}); {remedy}"
            )


def source_notes(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences about what ingest assumed of a source: timestamps off the grid, the zone UTC, whole last lines."""
    note = off_grid_note(name, entry.get("off_grid", {}))
    if note is not None:
        yield note
    yield from _notes_on_issues(name, entry)
    yield from _notes_on_assumptions(name, entry)
    ends = entry.get("open_ends", [])
    if ends:
        yield (
            f"{name}: {counted(len(ends), 'file')} without a line break at the end: the last line, and a number in it, may be "
            f"cut off: {listed(ends, 3)}; compare it with the origin of the file, and end it with a line break if it is whole"
        )


def _notes_on_issues(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    late = entry.get("issued_late")
    if late:
        example = late["example"]
        yield (
            f"{name}: {late['rows']} of {counted(entry['rows_stored'], 'row')} are issued after their step ended and cannot "
            f"forecast it, e.g. {example['time']}, issued {example['issued']} ({place_words(example)}); are issue_time "
            "and valid_time exchanged, or is a zone wrong?"
        )
    early = entry.get("known_before_issue")
    if early:
        example = early["example"]
        yield (
            f"{name}: {early['rows']} of {counted(entry['rows_stored'], 'row')} are known before they were issued, e.g. at "
            f"{example['known']}, issued {example['issued']} ({place_words(example)}); is a zone, a shift or a format of "
            "issue_time or known wrong?"
        )


def _notes_on_assumptions(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    for name_of_field, of in entry.get("assumed_utc", {}).items():
        yield (
            f"{name}: timestamps without an offset are read as UTC, since raw.sources.{name}.{name_of_field} has no `zone` "
            f"({counted(of['files'], 'file')}, first {of['first']}); set zone: UTC if that is right, else the zone of the files"
        )
    of_files = entry.get("encodings", {})
    if of_files:
        parts = [
            f"{counted(of['files'], 'file')} as {encoding} (first {of['first']})"
            for encoding, of in of_files.items()
        ]
        yield f"{name}: read {', '.join(parts)}"
    for name_of_field, of in entry.get("rounded_counts", {}).items():
        yield (
            f"{name}: {counted(of['timestamps'], 'timestamp')} of raw.sources.{name}.{name_of_field} were rounded by up to "
            f"{of['most_ns'] / _SECOND:.3g} s, since their counts are written with few digits (first {of['first']})"
        )


def off_grid_note(name: str, entry: Mapping[str, Any]) -> str | None:
    """Return a line about a source's entry `off_grid` in the report; None if it has nothing but finer data."""
    worth = [kind for kind in KINDS[:-1] if kind in entry]
    if not worth:
        return None
    of_kind = [
        (group, of["example"]) for group, of in entry["groups"].items() if of["example"]["kind"] == worth[0]
    ]
    group, example = of_kind[0]
    counts = ", ".join(f"{kind} {entry[kind]}" for kind in worth)
    return (
        f"{name}: {sum(entry[kind] for kind in worth)} timestamps off the grid ({counts}), e.g. {example['time']} of "
        f"group {group!r} ({place_words(example)})"
    )


def _in_order(kinds: Mapping[str, int]) -> dict[str, int]:
    return {name: kinds[name] for name in KINDS if kinds.get(name)}
