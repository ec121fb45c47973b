"""The slow, obvious ingest: line by line and cell by cell, with csv, datetime and zoneinfo."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hindcast.pipeline.settings.fields import LaterField, StampField
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.raw.off_grid_oracle import Reading, find_strays

Values = tuple[float | None, ...]
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bad(Exception):  # noqa: N818
    """A row breaks a rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Oracle:
    """The rows of one source: `stored` by (group, series, times), `rejected` as (file, line, group, series, rule)."""

    def __init__(self, raw: RawSettings, name: str, files: dict[str, bytes]) -> None:
        self.raw, self.source = raw, raw.sources[name]
        self.read = self.folded = 0
        self.rejected: Counter[tuple[str, int, str, str, str]] = Counter()
        self.stored: dict[tuple[Any, ...], Values] = {}
        self._rows: dict[tuple[Any, ...], list[tuple[str, int, Values]]] = defaultdict(list)
        for file, content in files.items():
            self._read_file(file, content)
        self._settle()

    def _read_file(self, file: str, content: bytes) -> None:
        source = self.source
        lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
        header_at, header = self._header(lines)
        seen: Counter[tuple[Any, ...]] = Counter()
        header_line = lines[header_at] if source.names is None else b""
        for number, line in enumerate(lines[header_at + 1 :], header_at + 2):
            if not line or self._belongs_to_others(line, header_line, header):
                continue
            for slot in self._slots(header):
                self.read += 1
                group, series = self._names(slot, {}, file)
                try:
                    self._check_line(line, header_line, header)
                    cells = dict(zip(header, self._checked_cells(line, len(header)), strict=True))
                    group, series = self._names(slot, cells, file)
                    key, values = self._row(slot, {**cells, "": file}, group, series, seen)
                except Bad as fault:
                    self.rejected[file, number, group, series, fault.rule] += 1
                else:
                    self._rows[key].append((file, number, values))

    def _header(self, lines: list[bytes]) -> tuple[int, list[str]]:
        """The place of the line above the rows, and the names of the columns."""
        source = self.source
        if source.names is not None:
            return source.skip_lines - 1, list(source.names[0])
        place = next(
            place
            for place, line in enumerate(lines)
            if (
                re.search(source.skip_until, self._text(line))
                if source.skip_until
                else line and place >= source.skip_lines
            )
            and not self._is_ignored(line)
        )
        return place, [cell.strip() for cell in self._cells(lines[place].decode(source.encoding))]

    def _text(self, line: bytes) -> str:
        return line.decode(self.source.encoding, "replace")

    def _is_ignored(self, line: bytes) -> bool:
        return any(re.search(pattern, self._text(line)) for pattern in self.source.ignore_lines)

    def _belongs_to_others(self, line: bytes, header_line: bytes, header: list[str]) -> bool:
        try:
            self._check_line(line, header_line, header)
            cells = dict(zip(header, self._checked_cells(line, len(header)), strict=True))
        except Bad:
            return False
        return any(cells[column].strip() not in texts for column, texts in self.source.where.items())

    def _check_line(self, line: bytes, header_line: bytes, header: list[str]) -> None:
        if self._is_ignored(line):
            raise Bad("ignored")
        if line == header_line:
            numbers = [slot["columns"] for slot in self._slots(header)]
            numbers.append([self.source.lead.column] if self.source.lead else [])
            names = [name for columns in numbers for name in columns if name is not None]
            if any(math.isnan(self._number(name) or 0.0) for name in names):
                raise Bad("header")

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
        slots: dict[tuple[Any, ...], dict[str, Any]] = {}
        for place, value in enumerate(self.source.values.values()):
            for column in header:
                match = re.search(str(value.header), column)
                if match:
                    names = match.groupdict()
                    when = names.get("time") or names.get("period") or names.get("lead") or ""
                    key = (names.get("group"), names.get("series", ""), when)
                    slot = slots.setdefault(
                        key, {**names, "when": when, "columns": [None] * len(self.source.values)}
                    )
                    slot["columns"][place] = column
        return list(slots.values())

    def _names(self, slot: dict[str, Any], cells: dict[str, str], file: str) -> tuple[str, str]:
        group, series = slot.get("group"), slot.get("series")
        if group is None:
            group = self._name(self.source.group, cells, file)
        elif self.source.group is not None:
            group = self._renamed(self.source.group, group)
        if series is not None:
            series = self._renamed(self.source.series, series) if self.source.series is not None else series
        elif self.source.series is not None:
            series = self._name(self.source.series, cells, file)
        return group, series or ""

    def _name(self, field: Any, cells: dict[str, str], file: str) -> str:
        if field.constant is not None:
            text = field.constant
        elif field.path is not None:
            match = re.search(field.path, file)
            assert match is not None
            text = match[1]
        else:
            text = cells.get(field.column, "").strip()
        return self._renamed(field, text)

    def _renamed(self, field: Any, text: str) -> str:
        for key, value in (field.map or {}).items():
            if key == text or (field.case != "keep" and key.lower() == text.lower()):
                return str(value)
        return {"keep": text, "upper": text.upper(), "lower": text.lower()}[field.case]

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
        issue, valid, second = self._times(slot, cells, group)
        count = 0
        if second is not None and second != valid:  # by order: the row counts, whatever its values are
            seen[group, series, issue, valid] += 1
            count = seen[group, series, issue, valid]
        known = None
        if isinstance(source.known, PublishedAt):
            known, _ = self._stamp(
                StampField(**source.known.model_dump(exclude={"before_step"}), ambiguous="later"),
                cells,
                group,
                "known_time",
            )
        values = tuple(
            self._value(value, None if column is None else cells[column])
            for value, column in zip(source.values.values(), slot["columns"], strict=True)
        )
        if count > 2:
            raise Bad("ambiguous")
        if second is not None and second != valid and (count == 2) != self._newest_first:
            valid = second
        return (group, series, valid, issue, known), values

    @property
    def _newest_first(self) -> bool:
        field = self.source.valid_time
        return field is not None and field.ambiguous == "in_reverse_order"

    def _times(
        self, slot: dict[str, Any], cells: dict[str, str], group: str
    ) -> tuple[datetime | None, datetime, datetime | None]:
        """Issue time, valid time, and the later occurrence of the valid time."""
        source = self.source
        issue = valid = second = None
        if source.issue_time is not None:
            issue, _ = self._stamp(source.issue_time, cells, group, "issue_time")
        if source.valid_time is not None:
            valid, second = self._stamp(source.valid_time, cells, group, "valid_time", slot.get("when", ""))
        if source.lead is not None:
            text = slot["when"] if source.lead.column is None else cells[source.lead.column]
            lead = self._number(text)
            if lead is None or math.isnan(lead) or abs(lead) > 80000:
                raise Bad("lead")
            if valid is None:
                assert issue is not None
                valid = issue + timedelta(hours=lead)
            else:
                issue, second = valid - timedelta(hours=lead), None
        assert valid is not None
        return issue, valid, second

    def _stamp(
        self, field: StampField, cells: dict[str, str], group: str, rule: str, when: str = ""
    ) -> tuple[datetime, datetime]:
        """The stamp in UTC, and its later occurrence where the order of rows decides."""
        texts = [cells[name] for name in field.column_names]
        if field.path is not None:
            match = re.search(field.path, cells[""])
            assert match is not None
            texts = [*match.groups(), *texts]
        text = " ".join(
            [*texts, when] if when and field.period is None and self.source.lead is None else texts
        )
        if field.part:
            start, dash, end = text.partition(" - ") if field.part == "start" else text.rpartition(" - ")
            text, other = (start, end) if field.part == "start" else (end, start)
            if not dash or not other.strip():
                raise Bad(rule)
        wall = _by_first(text.strip(), field.formats, rule)
        zone = ZoneInfo(str(self.raw.zone_of(group) if field.zone == "group" else field.zone))
        if field.shift is not None and field.shift.days is not None:
            wall = _days_later(wall, field.shift.days, zone)
        early, late = self._utc_of(field, wall, zone, cells, rule, when)
        exact = field.shift.ns if field.shift is not None and field.shift.days is None else 0
        return early + timedelta(microseconds=exact // 1000), late + timedelta(microseconds=exact // 1000)

    def _utc_of(
        self, field: StampField, wall: datetime, zone: ZoneInfo, cells: dict[str, str], rule: str, when: str
    ) -> tuple[datetime, datetime]:  # fmt: skip
        if field.period is not None:
            return self._counted(field, wall, zone, when or cells[str(field.period.column)])
        step = (
            timedelta(microseconds=(field.step or self.raw.frequency).ns // 1000)
            if field.label != "start"
            else timedelta(0)
        )
        if field.label == "hour_ending":
            wall, step = wall - step, timedelta(0)
        if wall.tzinfo is not None:
            utc = wall.astimezone(UTC) - step
            return utc, utc
        return self._of_clock(field, wall, zone, step, cells, rule)

    def _of_clock(
        self, field: StampField, wall: datetime, zone: ZoneInfo, step: timedelta, cells: dict[str, str], rule: str
    ) -> tuple[datetime, datetime]:  # fmt: skip
        early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if early.astimezone(zone).replace(tzinfo=None) != wall:
            if rule == "known_time":
                return early, early
            raise Bad("nonexistent_dropped" if field.nonexistent == "drop" else "nonexistent")
        if early != late and field.ambiguous == "quarantine":
            raise Bad("ambiguous")
        if field.ambiguous in {"in_order", "in_reverse_order"}:
            return early - step, late - step
        is_later = field.ambiguous == "later"
        if isinstance(field.ambiguous, LaterField):
            is_later = cells[field.ambiguous.column].strip() in field.ambiguous.later
        chosen = late if is_later else early
        return chosen - step, chosen - step

    def _counted(
        self, field: StampField, day: datetime, zone: ZoneInfo, text: str
    ) -> tuple[datetime, datetime]:
        """Step number `text` of a day; steps after the end of the day do not exist."""
        assert field.period is not None
        if not re.fullmatch(r"\s*[+-]?[0-9]+(\.0*)?\s*", text) or float(text) < field.period.first:
            raise Bad("valid_time")
        start, end = (
            (day + timedelta(days=days)).replace(tzinfo=day.tzinfo or zone).astimezone(UTC) for days in (0, 1)
        )
        length = timedelta(microseconds=field.period.length.ns // 1000)
        found = start + (int(float(text)) - field.period.first) * length
        if found >= end:
            raise Bad("nonexistent_dropped" if field.nonexistent == "drop" else "nonexistent")
        return found, found

    def _number(self, cell: str) -> float | None:
        """None where missing, NaN where it is not a number."""
        text = cell.strip()
        if text in {marker.strip() for marker in self.source.missing}:
            return None
        text = self._without_signs(self._negated(text.replace("\u2212", "-")))
        if self.source.decimal != ".":
            text = text.replace(".", "?").replace(self.source.decimal, ".")
        number = float(text) if NUMBER.fullmatch(text) else float("nan")
        if number in (float("inf"), float("-inf")):
            return float("nan")
        markers = [float(marker) for marker in self.source.missing if NUMBER.fullmatch(marker)]
        return None if number in markers else number

    def _negated(self, text: str) -> str:
        """With its minus in front, where it is trailing or written as brackets."""
        inner = text[1:-1] if (text[:1], text[-1:]) == ("(", ")") else ""
        if self.source.negatives == "trailing":
            inner = text[:-1] if text[-1:] == "-" else ""
        odd = any(sign in inner for sign in "-+()")
        negative = self.source.negatives is not None and re.search("[0-9]", inner) and not odd
        return f"-{inner.strip()}" if negative else text

    def _without_signs(self, text: str) -> str:
        """Without the texts around the number and the separators of its thousands."""
        for word in self.source.around:
            inner = re.fullmatch(rf"(.*[0-9.,])\s*{re.escape(word)}", text)
            text = inner[1] if inner else text
        if self.source.thousands is None:
            return text
        signs = {" ": " \u00a0\u202f", "'": "'\u2019"}.get(self.source.thousands, self.source.thousands)
        whole, point, fraction = text.partition(self.source.decimal)
        sign, digits = (whole[:1], whole[1:]) if whole[:1] in ("+", "-") else ("", whole)
        pieces = re.split(f"[{re.escape(signs)}]", digits)
        good = len(pieces) > 1 and 1 <= len(pieces[0]) <= 3 and all(len(piece) == 3 for piece in pieces[1:])
        if good and re.fullmatch("[0-9]+", "".join(pieces)) and re.fullmatch("[0-9]*", fraction):
            return sign + "".join(pieces) + point + fraction
        return text

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
                    self.rejected[file, number, key[0], key[1], "conflict"] += 1
                continue
            self.stored[key] = chosen[2]
            for file, number, values in others:
                if values == chosen[2]:
                    self.folded += 1
                else:
                    self.rejected[file, number, key[0], key[1], "superseded"] += 1
        self._drop_strays()

    def _drop_strays(self) -> None:
        """Reject the stored rows off the grid that are not finer data."""
        keys = [key for key in self.stored if key[2] is not None]
        grid = self.raw.stamp_grid(self.source, keys[0][0]) if keys else StampGrid(1)
        readings = [
            Reading(
                (key[:2], key[3]), nanoseconds(key[2]), any(each is not None for each in self.stored[key])
            )
            for key in keys
        ]
        for place in find_strays(readings, grid):
            key = keys[place]
            rows = self._rows[key]
            file, number, _ = rows[-1] if self.source.duplicates == "last" else rows[0]
            self.rejected[file, number, key[0], key[1], "off_grid"] += 1
            del self.stored[key]


def nanoseconds(stamp: datetime) -> int:
    """A UTC stamp as int64 nanoseconds."""
    return (stamp - EPOCH) // timedelta(microseconds=1) * 1000


def source_of(raw: RawSettings) -> Source:
    """The only source."""
    (source,) = raw.sources.values()
    return source


def _days_later(wall: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time on the local clock some days later; with an offset if `wall` has one."""
    if wall.tzinfo is None:
        return wall + timedelta(days=days)
    local = wall.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=zone).astimezone(UTC)


def _by_first(text: str, forms: tuple[str, ...], rule: str) -> datetime:
    for form in forms:
        try:
            found = _parsed(text, form)
        except (ValueError, OverflowError):
            continue
        if 1900 <= found.year <= 2199:
            return found
    raise Bad(rule)


def _parsed(text: str, form: str) -> datetime:
    if form.startswith("epoch"):
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            raise ValueError(text)
        return EPOCH + timedelta(
            seconds=float(text) / {"epoch_s": 1, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}[form]
        )
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
