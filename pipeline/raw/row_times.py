"""The times of lines in UTC: issue, valid and publication times from columns, paths, headings and leads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.errors import RawDataError, SettingsError
from hindcast.pipeline.raw.csv_cells import Cells, match_any
from hindcast.pipeline.raw.csv_layout import Layout
from hindcast.pipeline.raw.localize import UtcStamps, latest_utc, localize, number_steps, shift_days
from hindcast.pipeline.raw.numbers import NumberStyle, blank_markers, numeric_markers, read_numbers
from hindcast.pipeline.raw.reject_rules import ISSUE_TIME, KNOWN_TIME, LEAD, VALID_TIME, RowFaults
from hindcast.pipeline.raw.source_files import search_path
from hindcast.pipeline.raw.timestamp_formats import TimestampFormat, compile_format
from hindcast.pipeline.raw.timestamps import ParsedStamps, parse_stamps
from hindcast.pipeline.settings.base import DAY, zone_for
from hindcast.pipeline.settings.clock import utc_of, wall_of
from hindcast.pipeline.settings.coarser import lengths_before
from hindcast.pipeline.settings.fields import LaterField, StampField, StampText
from hindcast.pipeline.settings.known import ALWAYS
from hindcast.pipeline.settings.raw import RawSettings, Source

Rows = slice | Ints  # all lines of a block, or the indices of some lines

_MOST_PERIODS = 100_000  # limit of the steps in a day: higher than the number of seconds
_NO_PERIOD = -_MOST_PERIODS
_FIELDS = ("issue_time", "valid_time", "known")
_NOTED_MOVE = 1_000_000  # ns: less is the inexactness of a fraction, not of the time
_LONGEST_LEAD = 3660 * DAY  # a lead of more than ten years is not a lead


@dataclass(frozen=True)
class RowTimes:
    """Times of lines in UTC and their faults; for `later` and `ambiguous` see `localize.UtcStamps`."""

    valid: Times
    later: Times
    ambiguous: Flags
    issue: Times | None
    known: Times | None
    faults: RowFaults

    @property
    def fields(self) -> tuple[Times, ...]:
        """Return the valid times, then the issue and publication times if there are any."""
        return tuple(stamps for stamps in (self.valid, self.issue, self.known) if stamps is not None)

    def copy(self) -> RowTimes:
        """Return an independent copy."""
        issue, known = (None if stamps is None else stamps.copy() for stamps in (self.issue, self.known))
        return RowTimes(
            self.valid.copy(), self.later.copy(), self.ambiguous.copy(), issue, known, self.faults.copy()
        )

    def overwrite(self, rows: Ints, other: RowTimes) -> None:
        """Replace some rows by the rows of `other`, which has the same fields."""
        for target, stamps in zip(self.fields, other.fields, strict=True):
            target[rows] = stamps
        self.later[rows], self.ambiguous[rows] = other.later, other.ambiguous
        self.faults.rule[rows], self.faults.column[rows] = other.faults.rule, other.faults.column


class TimesReader:
    """Reads the times of one file's blocks.

    Raises SettingsError for a format that is not supported, RawDataError for a path without a timestamp.
    """

    def __init__(self, raw: RawSettings, name: str, source: Source, layout: Layout) -> None:
        self.raw, self.source, self.layout = raw, source, layout
        readers = {
            field: _StampReader(field, stamp, layout, source.decimal, f"raw.sources.{name}.{field}")
            for field, stamp in source.stamp_texts.items()
        }
        self.issue, self.valid, self.known = map(readers.get, _FIELDS)
        self.markers = numeric_markers(source.missing, source.decimal)
        self.wall: set[str] = set()  # fields with a timestamp that has no offset
        # (field, first line of the block, heading): timestamps that rounding moved, and the longest way in ns
        self.rounded: dict[tuple[str, int, str], tuple[int, int]] = {}
        self.by_group = any(field.zone == "group" for field in source.stamp_texts.values())

    def note(self, field: str, stamps: ParsedStamps | None, cells: Cells, heading: str = "") -> None:
        """Remember what is assumed of a field's timestamps: no offset, and times that a count gives only roughly."""
        if stamps is None:
            return
        if (stamps.ok & ~stamps.exact).any():
            self.wall.add(field)
        if stamps.moved is not None and (moved := stamps.moved >= _NOTED_MOVE).any():
            self.rounded[field, int(cells.lines[0]), heading] = (int(moved.sum()), int(stamps.moved.max()))

    def parse_block(self, cells: Cells) -> BlockTimes:
        """Parse the timestamps of a block; zones are applied later, group by group."""
        issue = self.issue.parse(cells) if self.issue else None
        valid = self.valid.parse(cells) if self.valid and not self.layout.header_time else None
        known = self.known.parse(cells) if self.known else None
        for name, stamps in zip(_FIELDS, (issue, valid, known), strict=True):
            self.note(name, stamps, cells)
        return BlockTimes(self, cells, issue, valid, known)


@dataclass(frozen=True)
class BlockTimes:
    """The parsed timestamps of a block, converted to UTC for each zone of its groups."""

    _reader: TimesReader
    _cells: Cells
    _issue: ParsedStamps | None
    _valid: ParsedStamps | None
    _known: ParsedStamps | None
    _time_text: str = ""  # the part of the time in the headings
    _whole: dict[str, RowTimes] = field(default_factory=dict)  # all lines, by zone

    def for_heading(self, time_text: str) -> BlockTimes:
        """Return the times of the columns whose headings contain this part of the time."""
        if not self._reader.layout.header_time:
            return self
        valid = self._reader.valid.parse(self._cells, time_text) if self._reader.valid else None
        self._reader.note("valid_time", valid, self._cells, time_text)
        return BlockTimes(self._reader, self._cells, self._issue, valid, self._known, time_text)

    def in_zones(self, zones: list[str], codes: Ints) -> RowTimes:
        """Return the times of all lines; line i belongs to a group with the zone `zones[codes[i]]`."""
        distinct = sorted(set(zones))
        if len(distinct) <= 1 or not self._reader.by_group:
            return self._in_zone(distinct[0] if distinct else "UTC")
        whole = self._in_zone(distinct[0]).copy()
        for zone in distinct[1:]:
            rows = np.flatnonzero(np.array([name == zone for name in zones])[codes])
            whole.overwrite(rows, self._localize_rows(rows, zone))
        return whole

    def _in_zone(self, zone: str) -> RowTimes:
        zone = zone if self._reader.by_group else "UTC"
        if zone not in self._whole:
            self._whole[zone] = self._localize_rows(slice(None), zone)
        return self._whole[zone]

    def _localize_rows(self, rows: Rows, zone: str) -> RowTimes:
        faults = RowFaults(len(self._cells.lines[rows]))
        issue = self._localize(self._reader.issue, self._issue, rows, zone, faults)
        valid = self._localize(self._reader.valid, self._valid, rows, zone, faults)
        if self._reader.source.lead is not None:
            lead = self._lead(rows, faults)
            if valid is None:
                assert issue is not None  # the settings require an issue time for a lead
                valid = UtcStamps.unambiguous(self._later(issue.utc, lead, self._reader.issue, zone))
            else:
                issue = UtcStamps.unambiguous(self._later(valid.utc, -lead, self._reader.valid, zone))
        if valid is None:  # settings: static attributes
            valid = UtcStamps.unambiguous(np.full(len(self._cells.lines[rows]), ALWAYS))
        known = self._localize(self._reader.known, self._known, rows, zone, faults)
        issued, published = (None if stamps is None else stamps.utc for stamps in (issue, known))
        return RowTimes(valid.utc, valid.later, valid.ambiguous, issued, published, faults)

    def _localize(
        self,
        reader: _StampReader | None,
        stamps: ParsedStamps | None,
        rows: Rows,
        zone: str,
        faults: RowFaults,
    ) -> UtcStamps | None:
        if reader is None or stamps is None:
            return None
        part, zone = stamps.take(rows), zone_for(reader.field.zone, zone)
        faults.mark(~part.ok, reader.rule, reader.column)
        shift = reader.field.shift
        if shift is None:
            return self._to_utc(reader, part, zone, faults)
        if shift.days is not None:
            return self._to_utc(reader, shift_days(part, shift.days, zone), zone, faults)
        return self._to_utc(reader, part, zone, faults).shifted(shift.ns)

    def _to_utc(self, reader: _StampReader, part: ParsedStamps, zone: str, faults: RowFaults) -> UtcStamps:
        field = reader.field
        if not isinstance(field, StampField):
            return UtcStamps.unambiguous(latest_utc(part, zone))
        if field.period is not None:
            assert part.number is not None  # read from its column or heading
            faults.mark(part.number < field.period.first, reader.rule, reader.columns.period)
            numbered = number_steps(part, part.number, zone, field, field.period)
            faults.mark_rules(numbered.rule, reader.columns.period)
            return numbered
        step = self._reader.raw.frequency.ns if field.step is None else field.step.ns
        if field.label == "hour_ending":  # the clock shows the start plus one step
            part = replace(part, wall=part.wall - step)
        back = {"end": step, "last_day": step - DAY}.get(field.label, 0)
        in_days = self._reader.raw.has_local_days and back % DAY == 0
        if in_days and back:
            part = shift_days(part, -back // DAY, zone)
        local = localize(part, zone, field, are_dates=self._has_dates(field))
        faults.mark_rules(local.rule, reader.column)
        if not back or in_days:
            return local
        parts = self._reader.source.coarser if field is self._reader.source.valid_time else ()
        return local.shifted(-lengths_before(parts, local.utc, back) if parts else -back)

    def _has_dates(self, field: StampField) -> bool:
        """Return whether midnights of a field stand for dates: steps are days, and nothing declares finer timestamps."""
        spacing = self._reader.source.declared_spacing or DAY
        clocks = ("%H", "%I", "%T", "%s")
        is_finer = spacing < DAY or any(clock in form for form in field.formats for clock in clocks)
        return self._reader.raw.has_local_days and not is_finer

    def _later(self, times: Times, lead: Times, reader: _StampReader | None, zone: str) -> Times:
        """Return the times a lead later; a lead in days counts local days if steps are days."""
        source = self._reader.source
        if (
            reader is None
            or source.lead is None
            or source.lead.unit not in ("d", "w")
            or not self._reader.raw.has_local_days
        ):
            return times + lead
        zone = zone_for(reader.field.zone, zone)
        return utc_of(wall_of(times, zone) + lead, zone)

    def _lead(self, rows: Rows, faults: RowFaults) -> Times:
        reader = self._reader
        column = reader.layout.lead_column
        assert reader.source.lead is not None  # called only for sources with a lead
        if column >= 0:
            lead = blank_markers(self._cells.numbers[column][rows], reader.markers)
        else:
            lead = np.full(len(self._cells.lines[rows]), _parse_number(self._time_text))
        lead = lead * reader.source.lead.unit_ns
        bad = ~(np.abs(lead) <= _LONGEST_LEAD)  # NaN is bad
        faults.mark(bad, LEAD, column)
        return np.rint(np.where(bad, 0, lead)).astype(np.int64)


class _StampReader:
    """One timestamp field of a file: the parts of its text in the path, in columns and in headings.

    `rule` and `column` are recorded for faults in its timestamps.
    """

    def __init__(self, name: str, field: StampText, layout: Layout, decimal: str, place: str) -> None:
        self.field = field
        self.rule, self.columns = {
            "issue_time": (ISSUE_TIME, layout.issue),
            "valid_time": (VALID_TIME, layout.valid),
            "known": (KNOWN_TIME, layout.published),
        }[name]
        self.column = self.columns.texts[0] if self.columns.texts else -1
        self._joins = layout.header_time == "time" and name == "valid_time"
        part = field.part if isinstance(field, StampField) else None
        self._forms = [_compile(form, part, decimal, place) for form in field.formats]
        self._path = [] if field.path is None else [search_path(field.path, layout.file.name)]
        if not self.columns.texts and not self._joins and not self._parse_text(*self._path).ok.all():
            raise RawDataError(
                f"{layout.file.name}: {self._path[0]!r} in its path does not match the format "
                f"{' or '.join(field.formats)} ({place})"
            )

    def parse(self, cells: Cells, time_text: str = "") -> ParsedStamps:
        """Return the timestamps of a block's lines, for headings that contain `time_text`."""
        is_whole = len(self.columns.texts) == 1 and not self._path and not self._joins
        if is_whole and self.column in cells.stamps:
            parsed = cells.stamps[self.column]
        else:
            parsed = self._parse_texts(cells, [time_text] if self._joins else [])
        if not isinstance(self.field, StampField):
            return parsed
        rule = self.field.ambiguous
        later = (
            match_any(cells.texts[self.columns.later], rule.later) if isinstance(rule, LaterField) else None
        )
        number = self._numbers(cells, time_text) if self.field.period else None
        return replace(parsed, is_later=later, number=number)

    def _parse_texts(self, cells: Cells, heading: list[str]) -> ParsedStamps:
        texts = [cells.texts[column] for column in self.columns.texts]
        if not texts:
            return self._parse_text(*self._path, *heading).take(np.zeros(len(cells.lines), np.int64))
        if len(texts) == 1 and not self._path and not heading:
            return parse_stamps(texts[0], *self._forms)
        parts = [*map(pa.scalar, self._path), *texts, *map(pa.scalar, heading)]
        return parse_stamps(pc.binary_join_element_wise(*parts, " "), *self._forms)

    def _parse_text(self, *texts: str) -> ParsedStamps:
        return parse_stamps(pa.array([" ".join(texts)], pa.string()), *self._forms)

    def _numbers(self, cells: Cells, time_text: str) -> Ints:
        if self.columns.period < 0:
            numbers: Floats = np.full(len(cells.lines), _parse_number(time_text))
        else:
            numbers, _ = read_numbers(cells.texts[self.columns.period], (), NumberStyle())
        whole = (numbers == np.rint(numbers)) & (np.abs(numbers) < _MOST_PERIODS)
        return np.where(whole, numbers, _NO_PERIOD).astype(np.int64)


def _compile(text: str, part: str | None, decimal: str, place: str) -> TimestampFormat:
    try:
        return compile_format(text, part, decimal)
    except SettingsError as fault:
        raise SettingsError(f"{place}.format: {fault.summary}") from None


def _parse_number(text: str) -> float:
    """Convert the text of a heading to a number; NaN if it is not a number."""
    return float(read_numbers(pa.array([text], pa.string()), (), NumberStyle())[0][0])
