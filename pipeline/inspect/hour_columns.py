"""Reshapes columns whose headings hold the time (h1 to h24, 00:00 to 23:30, t+1 to t+48) to one row per value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.inspect.column_types import Column, classify_columns
from hindcast.pipeline.inspect.file_kinds import FileFormat, HourColumns
from hindcast.pipeline.inspect.format_guess import TimestampFormat, guess_formats
from hindcast.pipeline.inspect.heading_patterns import escape_pattern
from hindcast.pipeline.inspect.path_dates import find_days_in_paths, find_stamps
from hindcast.pipeline.inspect.timestamp_columns import PERIODS, TimestampColumn
from hindcast.pipeline.inspect.vocabulary import (
    HOUR_COLUMN,
    ISSUE,
    LEAD,
    LEAD_UNITS,
    parse_heading,
    quantity_from_paths,
    words_in,
)

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d{1,4})(?P<after>\D*)")
_CLOCK = re.compile(
    r"(?P<before>\D*)(?P<number>\d{1,2}:\d{2}(?::\d{2})?)(?P<after>(?:\s*[-\u2013]\s*\d{1,2}:\d{2}(?::\d{2})?)?\D*)"
)
_LEAST_COLUMNS = 3


@dataclass(frozen=True)
class _Family:
    """Columns whose headings differ only in a number or a time of day."""

    columns: tuple[Column, ...]
    numbers: tuple[str, ...]
    before: str
    after: str
    clock: bool
    whole: bool = False  # the headings are whole timestamps


def melt_hour_columns(fmt: FileFormat) -> FileFormat:
    """Return the format with one row per value if headings hold the time; else unchanged."""
    if fmt.hour_columns is not None:
        return fmt
    times = find_stamps(fmt)
    if not times:
        dates = _find_date_headings(fmt.columns)
        if dates is not None:
            return _melt(fmt, dates, "time")
        times = find_days_in_paths(fmt)
    if not times:
        return fmt
    used = {column.place for found in times for column in found.columns}
    columns = [column for column in fmt.columns if column.place not in used]
    family = _find_family(columns, _CLOCK) or _find_family(columns, _NUMBERED)
    carries = _time_in_headings(family, times) if family else None
    return fmt if family is None or carries is None else _melt(fmt, family, carries)


def count_steps(fmt: FileFormat) -> object:
    """Return what files have in common whose headings number the steps of days of 23, 24 or 25 hours from 1; else None."""
    family = _find_family(fmt.columns, _NUMBERED) if fmt.hour_columns is None else None
    if family is None or len(family.columns) not in PERIODS:
        return None
    if sorted(map(int, family.numbers)) != list(range(1, len(family.columns) + 1)):
        return None
    places = {column.place for column in family.columns}
    others = tuple(column.name for column in fmt.columns if column.place not in places)
    return family.before, family.after, PERIODS[len(family.columns)], others


def melt_steps(fmt: FileFormat) -> FileFormat:
    """Return a format whose headings number the steps of days with one row per value."""
    family = _find_family(fmt.columns, _NUMBERED)
    assert family is not None  # count_steps has found it
    return _melt(fmt, family, "period")


def _find_family(columns: Sequence[Column], pattern: re.Pattern[str]) -> _Family | None:
    """Return the only family of three columns or more; None if there are several or none."""
    found: dict[tuple[str, str], list[tuple[Column, str]]] = {}
    for column in columns:
        match = pattern.fullmatch(column.name)
        if match and column.kind != "text":
            after = "" if pattern is _CLOCK else match["after"]
            found.setdefault((match["before"], after), []).append((column, match["number"]))
    large = [(names, members) for names, members in found.items() if len(members) >= _LEAST_COLUMNS]
    if len(large) != 1:
        return None
    (before, after), members = large[0]
    numbers = tuple(number for _, number in members)
    if len(set(numbers)) < len(numbers):
        return None
    return _Family(tuple(column for column, _ in members), numbers, before, after, pattern is _CLOCK)


def _find_date_headings(columns: Sequence[Column]) -> _Family | None:
    """Return the columns whose headings are dates or timestamps in one format; None if there are fewer than three."""
    found: dict[TimestampFormat, list[Column]] = {}
    for column in columns:
        for form in guess_formats(column.name) if column.kind != "text" else ():
            found.setdefault(form, []).append(column)
    dated = max(found.values(), key=len, default=[])
    if len(dated) < _LEAST_COLUMNS:
        return None
    return _Family(tuple(dated), tuple(column.name for column in dated), "", "", clock=False, whole=True)


def _shape_of(texts: Sequence[str]) -> str:
    """Return an expression for texts of the shape of the first: digits, letters and signs in the same places."""
    pieces = re.findall(r"\d+|[^\W\d_]+|[\W_]", texts[0])
    return "".join(
        r"\d+" if piece[0].isdigit() else "[^\\W\\d_]+" if piece[0].isalpha() else escape_pattern(piece)
        for piece in pieces
    )


def _time_in_headings(family: _Family, times: Sequence[TimestampColumn]) -> str | None:
    """Return what the numbers in the headings mean: `lead`, `time`, `period`, or none of these."""
    daily = all(found.daily for found in times)
    if family.clock:
        return "time" if daily else None
    words = words_in(" ".join(parse_heading(f"{family.before} {family.after}").core))  # without `day ahead`
    numbers = sorted(map(int, family.numbers))
    regular = len(np.unique(np.diff(numbers))) == 1
    issued = any(found.words & ISSUE for found in times)
    if (words & LEAD or family.before.endswith("+") or (issued and words & HOUR_COLUMN)) and regular:
        return "lead"
    if not daily or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    if len(numbers) == 24 and numbers[0] in (0, 1):
        return "time"
    return "period" if numbers[0] == 1 and len(numbers) in PERIODS else None


def _melt(fmt: FileFormat, family: _Family, carries: str) -> FileFormat:
    """Reshape to one row per value, in the order of lines and, within a line, of columns."""
    second = _second_hours(fmt, family)
    places = {column.place for column in (*family.columns, *second)}
    lines, width = len(fmt.file), len(family.columns)
    row_of = pa.array(np.repeat(np.arange(lines), width))
    across = pa.array((np.arange(lines)[:, None] + np.arange(width) * lines).ravel())
    kept = [(column.name, column.texts.take(row_of)) for column in fmt.columns if column.place not in places]
    numbers = pa.array(list(family.numbers), pa.string()).take(pa.array(np.tile(np.arange(width), lines)))
    values = pa.concat_arrays([column.texts for column in family.columns]).take(across)
    units = words_in(f"{family.before} {family.after}")
    unit = next((unit for unit, names in LEAD_UNITS.items() if units & names), "")
    time_name = {"time": "hour", "lead": f"lead {unit}".rstrip()}.get(carries, carries)
    texts = [*kept, (time_name, numbers), (_value_name(family, fmt.paths), values)]
    columns = classify_columns(texts, fmt.dialect.style)
    inner = r"\d+:\d+(?::\d+)?" if family.clock else r"\d+"
    inner = _shape_of(family.numbers) if family.whole else inner
    behind = ".*" if family.clock else escape_pattern(family.after)
    pattern = f"^{escape_pattern(family.before)}(?P<{carries}>{inner}){behind}$"
    notes = tuple(
        f"{column.name!r} looks like the second of a repeated hour; no setting reads it together with the others, so "
        "its values are not read: put each hour in its own row, or number the hours 1 to 25"
        for column in second
    )
    return FileFormat(
        fmt.files, replace(fmt.dialect, notes=(*fmt.dialect.notes, *notes)), columns, np.repeat(fmt.file, width),
        np.repeat(fmt.piece, width), HourColumns(carries, pattern, len(kept), tuple(column.name for column in second)), fmt.refused,
    )  # fmt: skip


def _second_hours(fmt: FileFormat, family: _Family) -> list[Column]:
    """Find columns with a heading of the family plus a letter or a star after the number: Hour 3B, HE02*."""
    number = "|".join(escape_pattern(number) for number in family.numbers)
    mark = r"[ _]?\(?(?:[A-Za-z*'x]|bis|dst)\)?"
    pattern = f"{escape_pattern(family.before)}(?:{number}){mark}{escape_pattern(family.after)}"
    own = set(family.columns)
    others = [column for column in fmt.columns if column not in own]
    return [column for column in others if re.fullmatch(pattern, column.name, re.IGNORECASE)]


def _value_name(family: _Family, paths: Sequence[str]) -> str:
    """Return the headings without their times, else the quantity that all file names mention, else `value`."""
    words = [token.text for token in parse_heading(f"{family.before} {family.after}").tokens]
    left = [word for word in words if word.lower() not in HOUR_COLUMN | LEAD]
    return " ".join(left) or quantity_from_paths(paths) or "value"
