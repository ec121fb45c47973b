"""The times of lines: issue, valid and published stamps in UTC, from columns, paths and leads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.errors import RawDataError, SettingsError
from hindcast.pipeline.raw.csv_cells import Cells
from hindcast.pipeline.raw.csv_layout import Layout, StampColumns
from hindcast.pipeline.raw.localize import Localised, count_on, latest, localise
from hindcast.pipeline.raw.numbers import Numbers, Style, markers_among_numbers, numbers_of, without_markers
from hindcast.pipeline.raw.reject_rules import GOOD, ISSUE_TIME, KNOWN_TIME, LEAD, RULES, VALID_TIME, Findings
from hindcast.pipeline.raw.source_files import searched
from hindcast.pipeline.raw.timestamp_formats import Format, compile_format
from hindcast.pipeline.raw.timestamps import Flags, Parsed, parse_stamp, parse_stamps
from hindcast.pipeline.settings.base import DAY, TIME_UNITS, zone_for
from hindcast.pipeline.settings.clock import Stamps
from hindcast.pipeline.settings.fields import LaterField, StampField
from hindcast.pipeline.settings.known import ALWAYS, PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source

Rows = slice | NDArray[np.int64]  # all lines of a block, or the places of some

_MOST_PERIODS = 100_000  # steps of a day: seconds and more
_NO_PERIOD = -_MOST_PERIODS
_LONGEST_LEAD = 3660 * DAY  # a lead of more than ten years is a number of something else


@dataclass(frozen=True)
class Times:
    """Stamps of lines in UTC and what is wrong with them; see `zones.Localised` for second and doubled."""

    valid: Stamps
    second: Stamps
    doubled: Flags
    issue: Stamps | None
    known: Stamps | None
    findings: Findings


class TimesReader:
    """Reads the times of one file's blocks.

    Raises SettingsError for a format that is not supported, RawDataError for a path without a stamp.
    """

    def __init__(self, raw: RawSettings, name: str, source: Source, layout: Layout) -> None:
        place = f"raw.sources.{name}"
        self.raw, self.source, self.layout = raw, source, layout
        self.issue = _stamp_reader(source.issue_time, layout.issue, layout, ISSUE_TIME, place)
        self.valid = _stamp_reader(source.valid_time, layout.valid, layout, VALID_TIME, place)
        self.known: Format | None = None
        if isinstance(source.known, PublishedAt):
            self.known = _compiled(source.known.format, None, f"{place}.known")
        self.markers = markers_among_numbers(source.missing, source.decimal)
        fields = (source.issue_time, source.valid_time, source.known if self.known else None)
        self.by_group = any(getattr(field, "zone", None) == "group" for field in fields)

    def of_block(self, cells: Cells) -> BlockTimes:
        """Read the stamps of a block as text says; their zones are applied group by group."""
        issue = self.issue.read(cells) if self.issue else None
        valid = self.valid.read(cells, "") if self.valid and not self.layout.header_time else None
        texts = cells.texts.get(self.layout.published_column)
        known = parse_stamps(texts, self.known) if self.known else None
        return BlockTimes(self, cells, _Texts(issue, valid, known))


class BlockTimes:
    """The stamps of a block, to be made UTC for each zone that its groups have."""

    def __init__(self, reader: TimesReader, cells: Cells, texts: _Texts, when: str = "") -> None:
        self._reader, self._cells, self._texts, self._when = reader, cells, texts, when
        self._whole: dict[str, Times] = {}

    def at(self, when: str) -> BlockTimes:
        """The times of the columns whose headings carry this part of the time."""
        if not self._reader.layout.header_time:
            return self
        valid = self._reader.valid.read(self._cells, when) if self._reader.valid else None
        return BlockTimes(self._reader, self._cells, replace(self._texts, valid=valid), when)

    def in_zone(self, zone: str) -> Times:
        """All lines of the block, for groups of one zone."""
        zone = zone if self._reader.by_group else "UTC"
        if zone not in self._whole:
            self._whole[zone] = self._of_rows(slice(None), zone)
        return self._whole[zone]

    def in_zones(self, zones: list[str], codes: NDArray[np.int64]) -> Times:
        """All lines of the block, line i for a group of zone `zones[codes[i]]`."""
        distinct = sorted(set(zones))
        if len(distinct) <= 1 or not self._reader.by_group:
            return self.in_zone(distinct[0] if distinct else "UTC")
        whole = self.in_zone(distinct[0])
        whole = Times(
            whole.valid.copy(), whole.second.copy(), whole.doubled.copy(), _copy(whole.issue), _copy(whole.known),
            whole.findings.copy(),
        )  # fmt: skip
        for zone in distinct[1:]:
            rows = np.flatnonzero(np.array([name == zone for name in zones])[codes])
            _put(whole, self._of_rows(rows, zone), rows)
        return whole

    def _of_rows(self, rows: Rows, zone: str) -> Times:
        findings = Findings(len(self._cells.lines[rows]))
        issue = self._stamps(self._texts.issue, rows, zone, findings)
        valid = self._stamps(self._texts.valid, rows, zone, findings)
        if self._reader.source.lead is not None:
            lead = self._lead(rows, findings)
            if valid is None:
                assert issue is not None  # settings: a lead has a time to count from
                valid = _moved(issue, lead)
            else:
                issue = _moved(valid, -lead)
        if valid is None:  # settings: static attributes
            always = np.full(len(self._cells.lines[rows]), ALWAYS)
            valid = Localised(always, always, always < 0, np.full(len(always), GOOD, np.uint8))
        known = self._published(rows, zone, findings)
        return Times(
            valid.utc, valid.second, valid.doubled, None if issue is None else issue.utc, known, findings
        )

    def _stamps(self, read: _Read | None, rows: Rows, zone: str, findings: Findings) -> Localised | None:
        if read is None:
            return None
        field, part = read.field, read.parsed.take(rows)
        findings.mark(~part.ok, read.rule, read.column)
        zone = zone_for(field.zone, zone)
        if field.period is not None:
            assert read.number is not None  # from its column or heading
            number = read.number[rows]
            findings.mark(number < field.period.first, read.rule, read.number_column)
            counted = count_on(part, number, zone, field, field.period)
            findings.mark_rules(counted.rule, read.number_column)
            return counted
        step = self._reader.raw.frequency.ns if field.step is None else field.step.ns
        if field.label == "hour_ending":  # the start on the clock, one step on
            part = Parsed(part.wall - step, part.exact, part.ok)
        local = localise(part, zone, field, None if read.later is None else read.later[rows])
        findings.mark_rules(local.rule, read.column)
        if field.label != "end":
            return local
        return Localised(local.utc - step, local.second - step, local.doubled, local.rule)

    def _lead(self, rows: Rows, findings: Findings) -> Stamps:
        reader = self._reader
        column = reader.layout.lead_column
        assert reader.source.lead is not None  # asked for only then
        if column >= 0:
            lead = without_markers(self._cells.numbers[column][rows], reader.markers)
        else:
            lead = np.full(len(self._cells.lines[rows]), _number(self._when))
        lead = lead * TIME_UNITS[reader.source.lead.unit]
        bad = ~(np.abs(lead) <= _LONGEST_LEAD)  # NaN is bad
        findings.mark(bad, LEAD, column)
        return np.rint(np.where(bad, 0, lead)).astype(np.int64)

    def _published(self, rows: Rows, zone: str, findings: Findings) -> Stamps | None:
        rule = self._reader.source.known
        if self._texts.known is None or not isinstance(rule, PublishedAt):
            return None
        part = self._texts.known.take(rows)
        findings.mark(~part.ok, KNOWN_TIME, self._reader.layout.published_column)
        return latest(part, zone_for(rule.zone, zone))


@dataclass(frozen=True)
class _Read:
    """The stamps of one field as text says, and how faults in them are called.

    `later` flags the later ones of doubled wall times, where a column tells them; `number` counts the steps of
    a day, below the first where unreadable.
    """

    parsed: Parsed
    field: StampField
    rule: int
    column: int
    later: Flags | None = None
    number: NDArray[np.int64] | None = None
    number_column: int = -1


@dataclass(frozen=True)
class _Texts:
    """The stamps of a block as its texts say."""

    issue: _Read | None
    valid: _Read | None
    known: Parsed | None


class _StampReader:
    """One stamp field of a file: from columns, or the same for all lines from the path."""

    def __init__(
        self, field: StampField, columns: StampColumns, layout: Layout, rule: int, place: str
    ) -> None:
        self._field, self._columns, self._rule = field, columns, rule
        self._joins = layout.header_time == "time" and rule == VALID_TIME
        place = f"{place}.{RULES[rule]}"
        self._forms = [_compiled(form, field.part, place) for form in field.formats]
        self._fixed: Parsed | None = None
        if field.path is not None:
            text = searched(field.path, layout.file.name)
            self._fixed = parse_stamp(text, *self._forms)
            if not self._fixed.ok.all():
                forms = " or ".join(field.formats)
                raise RawDataError(
                    f"{layout.file.name}: {text!r} in its path is no stamp of format {forms} ({place})"
                )

    def read(self, cells: Cells, when: str = "") -> _Read:
        """The stamps of a block's lines, for headings that carry `when` of the time."""
        if self._fixed is not None:
            parsed, column = self._fixed.take(np.zeros(len(cells.lines), np.int64)), -1
        else:
            texts = [cells.texts[column] for column in self._columns.texts]
            parts = [*texts, pa.scalar(when)] if self._joins else texts
            joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, pa.scalar(" "))
            parsed, column = parse_stamps(joined, *self._forms), self._columns.texts[0]
        number = self._numbers(cells, when) if self._field.period else None
        return _Read(
            parsed, self._field, self._rule, column, self._later(cells), number, self._columns.period
        )

    def _later(self, cells: Cells) -> Flags | None:
        rule = self._field.ambiguous
        if not isinstance(rule, LaterField):
            return None
        texts = pc.utf8_trim_whitespace(cells.texts[self._columns.later])
        found: Flags = pc.is_in(
            texts, value_set=pa.array([text.strip() for text in rule.later], pa.string())
        ).to_numpy(zero_copy_only=False)
        return found

    def _numbers(self, cells: Cells, when: str) -> NDArray[np.int64]:
        if self._columns.period < 0:
            numbers: Numbers = np.full(len(cells.lines), _number(when))
        else:
            numbers, _ = numbers_of(cells.texts[self._columns.period], (), Style())
        whole = (numbers == np.rint(numbers)) & (np.abs(numbers) < _MOST_PERIODS)
        return np.where(whole, numbers, _NO_PERIOD).astype(np.int64)


def _stamp_reader(
    field: StampField | None, columns: StampColumns, layout: Layout, rule: int, place: str
) -> _StampReader | None:
    return None if field is None else _StampReader(field, columns, layout, rule, place)


def _compiled(text: str, part: str | None, place: str) -> Format:
    try:
        return compile_format(text, part)
    except SettingsError as fault:
        raise SettingsError(f"{place}.format: {fault.summary}") from None


def _number(text: str) -> float:
    """What a heading carries as a number; NaN if it is none."""
    return float(numbers_of(pa.array([text], pa.string()), (), Style())[0][0])


def _moved(stamps: Localised, by: Stamps) -> Localised:
    utc = stamps.utc + by
    return Localised(utc, utc, np.zeros(len(utc), np.bool_), np.full(len(utc), GOOD, np.uint8))


def _copy(stamps: Stamps | None) -> Stamps | None:
    return None if stamps is None else stamps.copy()


def _put(whole: Times, part: Times, rows: NDArray[np.int64]) -> None:
    whole.valid[rows], whole.second[rows], whole.doubled[rows] = part.valid, part.second, part.doubled
    for target, stamps in ((whole.issue, part.issue), (whole.known, part.known)):
        if target is not None and stamps is not None:
            target[rows] = stamps
    whole.findings.rule[rows], whole.findings.column[rows] = part.findings.rule, part.findings.column
