"""The times of lines: issue, valid and published stamps in UTC, from columns, paths and leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import RawDataError, SettingsError
from pipeline.raw.cells import Cells
from pipeline.raw.faults import GOOD, ISSUE_TIME, KNOWN_TIME, LEAD, RULES, VALID_TIME, Findings
from pipeline.raw.header import Layout
from pipeline.raw.numbers import markers_among_numbers, without_markers
from pipeline.raw.sources import searched
from pipeline.raw.stamps import Flags, Format, Parsed, compile_format, parse_stamp, parse_stamps
from pipeline.raw.zones import Localised, latest, localise
from pipeline.settings.base import DAY, HOUR, zone_for
from pipeline.settings.clock import Stamps
from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import RawSettings, Source, StampField

Rows = slice | NDArray[np.int64]  # all lines of a block, or the places of some

_LEAD_UNITS = {"min": HOUR // 60, "h": HOUR, "d": DAY}
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
        self.issue = _stamp_reader(source.issue_time, layout.issue_columns, layout, ISSUE_TIME, place)
        self.valid = _stamp_reader(source.valid_time, layout.valid_columns, layout, VALID_TIME, place)
        self.known: Format | None = None
        if isinstance(source.known, PublishedAt):
            self.known = _compiled(source.known.format, None, f"{place}.known")
        self.markers = markers_among_numbers(source.missing, source.decimal)
        fields = (source.issue_time, source.valid_time, source.known if self.known else None)
        self.by_group = any(getattr(field, "zone", None) == "group" for field in fields)

    def of_block(self, cells: Cells) -> BlockTimes:
        """Read the stamps of a block as text says; their zones are applied group by group."""
        return BlockTimes(self, cells)


class BlockTimes:
    """The stamps of a block, to be made UTC for each zone that its groups have."""

    def __init__(self, reader: TimesReader, cells: Cells) -> None:
        self._reader, self._cells = reader, cells
        self._issue = reader.issue.read(cells) if reader.issue else None
        self._valid = reader.valid.read(cells) if reader.valid else None
        texts = cells.texts.get(reader.layout.published_column)
        self._known = parse_stamps(texts, reader.known) if reader.known else None
        self._whole: dict[str, Times] = {}

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
        issue = self._stamps(self._issue, rows, zone, findings)
        valid = self._stamps(self._valid, rows, zone, findings)
        if valid is None:
            assert issue is not None  # settings: a lead has an issue time to count from
            valid = self._after_lead(issue, rows, findings)
        known = self._published(rows, zone, findings)
        return Times(
            valid.utc, valid.second, valid.doubled, None if issue is None else issue.utc, known, findings
        )

    def _stamps(self, read: _Read | None, rows: Rows, zone: str, findings: Findings) -> Localised | None:
        if read is None:
            return None
        part = read.parsed.take(rows)
        local = localise(part, zone_for(read.field.zone, zone), read.field)
        findings.mark(~part.ok, read.rule, read.column)
        findings.mark_rules(local.rule, read.column)
        if read.field.label == "start":
            return local
        step = self._reader.raw.frequency.ns
        return Localised(local.utc - step, local.second - step, local.doubled, local.rule)

    def _after_lead(self, issue: Localised, rows: Rows, findings: Findings) -> Localised:
        reader = self._reader
        column = reader.layout.lead_column
        assert reader.source.lead is not None  # settings: exactly one of valid_time and lead
        lead = without_markers(self._cells.numbers[column][rows], reader.markers)
        lead = lead * _LEAD_UNITS[reader.source.lead.unit]
        bad = ~(np.abs(lead) <= _LONGEST_LEAD)  # NaN is bad
        findings.mark(bad, LEAD, column)
        valid = issue.utc + np.rint(np.where(bad, 0, lead)).astype(np.int64)
        return Localised(valid, valid, np.zeros(len(valid), np.bool_), np.full(len(valid), GOOD, np.uint8))

    def _published(self, rows: Rows, zone: str, findings: Findings) -> Stamps | None:
        rule = self._reader.source.known
        if self._known is None or not isinstance(rule, PublishedAt):
            return None
        part = self._known.take(rows)
        findings.mark(~part.ok, KNOWN_TIME, self._reader.layout.published_column)
        return latest(part, zone_for(rule.zone, zone))


@dataclass(frozen=True)
class _Read:
    """The stamps of one field as text says, and how faults in them are called."""

    parsed: Parsed
    field: StampField
    rule: int
    column: int


class _StampReader:
    """One stamp field of a file: from columns, or the same for all lines from the path."""

    def __init__(
        self, field: StampField, columns: tuple[int, ...], layout: Layout, rule: int, place: str
    ) -> None:
        self._field, self._columns, self._rule = field, columns, rule
        self._format = _compiled(field.format, field.part, f"{place}.{RULES[rule]}")
        self._fixed: Parsed | None = None
        if field.path is not None:
            text = searched(field.path, layout.file.name)
            self._fixed = parse_stamp(text, self._format)
            if not self._fixed.ok.all():
                raise RawDataError(
                    f"{layout.file.name}: {text!r} in its path is no stamp of format {field.format} ({place}.{RULES[rule]})"
                )

    def read(self, cells: Cells) -> _Read:
        """The stamps of a block's lines."""
        if self._fixed is not None:
            return _Read(self._fixed.take(np.zeros(len(cells.lines), np.int64)), self._field, self._rule, -1)
        texts = [cells.texts[column] for column in self._columns]
        joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, pa.scalar(" "))
        return _Read(parse_stamps(joined, self._format), self._field, self._rule, self._columns[0])


def _stamp_reader(
    field: StampField | None, columns: tuple[int, ...], layout: Layout, rule: int, place: str
) -> _StampReader | None:
    return None if field is None else _StampReader(field, columns, layout, rule, place)


def _compiled(text: str, part: str | None, place: str) -> Format:
    try:
        return compile_format(text, part)
    except SettingsError as fault:
        raise SettingsError(f"{place}.format: {fault.summary}") from None


def _copy(stamps: Stamps | None) -> Stamps | None:
    return None if stamps is None else stamps.copy()


def _put(whole: Times, part: Times, rows: NDArray[np.int64]) -> None:
    whole.valid[rows], whole.second[rows], whole.doubled[rows] = part.valid, part.second, part.doubled
    for target, stamps in ((whole.issue, part.issue), (whole.known, part.known)):
        if target is not None and stamps is not None:
            target[rows] = stamps
    whole.findings.rule[rows], whole.findings.column[rows] = part.findings.rule, part.findings.column
