"""Ingest as one would write it for a thousand lines: line by line, cell by cell, by csv, datetime and zoneinfo."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.settings.fields import StampField
from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import RawSettings, Source

Values = tuple[float | None, ...]
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bad(Exception):  # noqa: N818
    """A row breaks a rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Oracle:
    """The rows of one source: `stored` by (group, series, times), `aside` as (file, line, group, series, rule)."""

    def __init__(self, raw: RawSettings, name: str, files: dict[str, bytes]) -> None:
        self.raw, self.source = raw, raw.sources[name]
        self.read = self.folded = 0
        self.aside: Counter[tuple[str, int, str, str, str]] = Counter()
        self.stored: dict[tuple[Any, ...], Values] = {}
        self._rows: dict[tuple[Any, ...], list[tuple[str, int, Values]]] = defaultdict(list)
        for file, content in files.items():
            self._read_file(file, content)
        self._settle()

    def _read_file(self, file: str, content: bytes) -> None:
        source = self.source
        lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
        header_at = next(place for place, line in enumerate(lines) if line and place >= source.skip_lines)
        header = [cell.strip() for cell in self._cells(lines[header_at].decode(source.encoding))]
        seen: Counter[tuple[Any, ...]] = Counter()
        for number, line in enumerate(lines[header_at + 1 :], header_at + 2):
            if not line:
                continue
            for slot in self._slots(header):
                self.read += 1
                group, series = self._names(slot, {}, file)
                try:
                    cells = dict(zip(header, self._checked_cells(line, len(header)), strict=True))
                    group, series = self._names(slot, cells, file)
                    key, values = self._row(slot, cells, group, series, seen)
                except Bad as fault:
                    self.aside[file, number, group, series, fault.rule] += 1
                else:
                    self._rows[key].append((file, number, values))

    def _checked_cells(self, line: bytes, count: int) -> list[str]:
        try:
            text = line.decode(self.source.encoding)
        except UnicodeDecodeError:
            raise Bad("encoding") from None
        if "\0" in text:
            raise Bad("encoding")
        cells = csv.reader([text, "closed"], delimiter=self.source.separator, quotechar=self.source.quote)
        found = next(cells)
        if cells.line_num != 1:
            raise Bad("quotes")
        if len(found) < count or any(cell.strip() for cell in found[count:]):
            raise Bad("columns")
        return found[:count]

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self.source.separator, quotechar=self.source.quote))

    def _slots(self, header: list[str]) -> list[dict[str, Any]]:
        if not self.source.is_wide:
            return [{"columns": [value.column for value in self.source.values.values()]}]
        slots: dict[tuple[Any, Any], dict[str, Any]] = {}
        for place, value in enumerate(self.source.values.values()):
            for column in header:
                match = re.search(str(value.header), column)
                if match:
                    names = match.groupdict()
                    key = (names.get("group"), names.get("series", ""))
                    slot = slots.setdefault(key, {**names, "columns": [None] * len(self.source.values)})
                    slot["columns"][place] = column
        return list(slots.values())

    def _names(self, slot: dict[str, Any], cells: dict[str, str], file: str) -> tuple[str, str]:
        group, series = slot.get("group"), slot.get("series", "")
        if group is None:
            group = self._name(self.source.group, cells, file)
        if self.source.series is not None:
            series = self._name(self.source.series, cells, file)
        return group, series

    def _name(self, field: Any, cells: dict[str, str], file: str) -> str:
        if field.constant is not None:
            text = field.constant
        elif field.path is not None:
            match = re.search(field.path, file)
            assert match is not None
            text = match[1]
        else:
            text = cells.get(field.column, "").strip()
        return str((field.map or {}).get(text, text))

    def _row(
        self,
        slot: dict[str, Any],
        cells: dict[str, str],
        group: str,
        series: str,
        seen: Counter[tuple[Any, ...]],
    ) -> tuple[tuple[Any, ...], Values]:
        source = self.source
        if source.group is not None and source.group.column is not None and not group:
            raise Bad("group")
        if source.series is not None and source.series.column is not None and not series:
            raise Bad("series")
        issue = None
        if source.issue_time is not None:
            issue, _ = self._stamp(source.issue_time, cells, group, "issue_time")
        second = None
        if source.valid_time is not None:
            valid, second = self._stamp(source.valid_time, cells, group, "valid_time")
        else:
            assert source.lead is not None
            assert issue is not None
            lead = self._number(cells[str(source.lead.column)])
            if lead is None or math.isnan(lead) or abs(lead) > 80000:
                raise Bad("lead")
            valid = issue + timedelta(hours=lead)
        known = None
        if isinstance(source.known, PublishedAt):
            field = StampField(
                column=source.known.column,
                format=source.known.format,
                zone=source.known.zone,
                ambiguous="later",
            )
            known, _ = self._stamp(field, cells, group, "known_time")
        values = tuple(
            self._value(value, None if column is None else cells[column])
            for value, column in zip(source.values.values(), slot["columns"], strict=True)
        )
        if second is not None and second != valid:  # in_order
            seen[group, series, issue, valid] += 1
            count = seen[group, series, issue, valid]
            if count > 2:
                raise Bad("ambiguous")
            valid = second if count == 2 else valid
        return (group, series, valid, issue, known), values

    def _stamp(
        self, field: StampField, cells: dict[str, str], group: str, rule: str
    ) -> tuple[datetime, datetime]:
        """The stamp in UTC, and its later occurrence where the order of rows decides."""
        text = " ".join(cells[name] for name in (field.columns or (field.column or "",)))
        if field.part:
            start, dash, end = text.partition(" - ") if field.part == "start" else text.rpartition(" - ")
            text, other = (start, end) if field.part == "start" else (end, start)
            if not dash or not other.strip():
                raise Bad(rule)
        try:
            wall = _parsed(text.strip(), field.format)
        except ValueError:
            raise Bad(rule) from None
        zone = self.raw.zone_of(group) if field.zone == "group" else field.zone
        step = timedelta(hours=1) if field.label == "end" else timedelta(0)
        if wall.tzinfo is not None:
            utc = wall.astimezone(UTC) - step
            return utc, utc
        early, late = (wall.replace(tzinfo=ZoneInfo(str(zone)), fold=fold).astimezone(UTC) for fold in (0, 1))
        if early.astimezone(ZoneInfo(str(zone))).replace(tzinfo=None) != wall:
            if rule == "known_time":
                return early, early
            raise Bad("nonexistent_dropped" if field.nonexistent == "drop" else "nonexistent")
        if early != late and field.ambiguous == "quarantine":
            raise Bad("ambiguous")
        if field.ambiguous == "in_order":
            return early - step, late - step
        chosen = late if field.ambiguous == "later" else early
        return chosen - step, chosen - step

    def _number(self, cell: str) -> float | None:
        """None where missing, NaN where it is no number."""
        text = cell.strip()
        if text in {marker.strip() for marker in self.source.missing}:
            return None
        if self.source.decimal != ".":
            text = text.replace(".", "?").replace(self.source.decimal, ".")
        number = float(text) if NUMBER.fullmatch(text) else float("nan")
        if number in (float("inf"), float("-inf")):
            return float("nan")
        markers = [float(marker) for marker in self.source.missing if NUMBER.fullmatch(marker)]
        return None if number in markers else number

    def _value(self, field: Any, cell: str | None) -> float | None:
        if cell is None:
            return None
        number = self._number(cell)
        if number is None:
            return None
        if math.isnan(number):
            raise Bad("number")
        if field.min is not None and number < field.min:
            raise Bad("min")
        if field.max is not None and number > field.max:
            raise Bad("max")
        if field.allowed is not None and number not in field.allowed:
            raise Bad("allowed")
        return number

    def _settle(self) -> None:
        for key, rows in self._rows.items():
            chosen = rows[-1] if self.source.duplicates == "last" else rows[0]
            others = [row for row in rows if row is not chosen]
            if self.source.duplicates == "quarantine" and any(row[2] != chosen[2] for row in others):
                for file, number, _ in rows:
                    self.aside[file, number, key[0], key[1], "conflict"] += 1
                continue
            self.stored[key] = chosen[2]
            for file, number, values in others:
                if values == chosen[2]:
                    self.folded += 1
                else:
                    self.aside[file, number, key[0], key[1], "superseded"] += 1


def nanoseconds(stamp: datetime) -> int:
    """A UTC stamp as int64 nanoseconds."""
    return (stamp - EPOCH) // timedelta(microseconds=1) * 1000


def source_of(raw: RawSettings) -> Source:
    """The only source."""
    (source,) = raw.sources.values()
    return source


def _parsed(text: str, form: str) -> datetime:
    if form in ("epoch_s", "epoch_ms"):
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            raise ValueError(text)
        return EPOCH + timedelta(**{"seconds" if form == "epoch_s" else "milliseconds": float(text)})
    if form == "iso":
        if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}($|[ T][0-9]{2})", text):
            raise ValueError(text)
        if "T24:00" in text or " 24:00" in text:
            midnight = datetime.fromisoformat(text.replace("24:00", "00:00"))
            if midnight.time() != time(0):
                raise ValueError(text)
            return midnight + timedelta(days=1)
        return datetime.fromisoformat(text)
    late = re.fullmatch(r"(.*[ T]|[0-9]{8})24(:00)?", text)
    if late and "%H" in form:
        return _strptime(f"{late[1]}00{late[2] or ''}", form) + timedelta(days=1)
    return _strptime(text, form)


def _strptime(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007 (a wall time has no zone yet)
