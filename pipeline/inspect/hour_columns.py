"""Columns whose headings carry the time (h1 to h24, 00:00 to 23:30, t+1 to t+48) -> the same rows, one a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.inspect.column_types import Column, look_at
from hindcast.pipeline.inspect.file_kinds import Kind, Spread
from hindcast.pipeline.inspect.heading_patterns import escaped
from hindcast.pipeline.inspect.timestamp_columns import PERIODS, Stamped, read_stamps
from hindcast.pipeline.inspect.vocabulary import ISSUE, LEAD, heading, quantity_of, words_of

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d{1,3})(?P<after>\D*)")
_CLOCK = re.compile(
    r"(?P<before>\D*)(?P<number>\d{1,2}:\d{2}(?::\d{2})?)(?P<after>(?:\s*[-\u2013]\s*\d{1,2}:\d{2}(?::\d{2})?)?\D*)"
)
_OF_TIME = frozenset(
    [
        "h",
        "he",
        "hb",
        "hr",
        "hour",
        "hours",
        "hh",
        "sp",
        "period",
        "interval",
        "t",
        "stunde",
        "std",
        "hora",
        "v",
        "val",
        "value",
        "x",
        "time",
        "q",
        "min",
    ]
)
_HOURS = 24
_LEAST_LEADS = 3


def gathered(kind: Kind) -> Kind:
    """The kind with one row a value where headings carry the time; itself where they do not."""
    stamps = read_stamps(kind.columns)
    if not stamps:
        return kind
    used = {column.place for stamp in stamps for column in stamp.columns}
    columns = [column for column in kind.columns if column.place not in used]
    family = _family(columns, _CLOCK) or _family(columns, _NUMBERED)
    carries = _carried(family, stamps)
    return kind if family is None or carries is None else _one_below_another(kind, family, carries)


@dataclass(frozen=True)
class _Family:
    columns: tuple[Column, ...]
    numbers: tuple[str, ...]
    before: str
    after: str
    clock: bool


def _family(columns: Sequence[Column], pattern: re.Pattern[str]) -> _Family | None:
    """The only family of headings that differ in a number or a time of day, of three columns or more."""
    found: dict[tuple[str, str], list[tuple[Column, str]]] = {}
    for column in columns:
        match = pattern.fullmatch(column.name)
        if match and column.kind != "text":
            after = "" if pattern is _CLOCK else match["after"]
            found.setdefault((match["before"], after), []).append((column, match["number"]))
    large = [(names, members) for names, members in found.items() if len(members) >= _LEAST_LEADS]
    if len(large) != 1:
        return None
    (before, after), members = large[0]
    numbers = tuple(number for _, number in members)
    if len(set(numbers)) < len(numbers):
        return None
    return _Family(tuple(column for column, _ in members), numbers, before, after, pattern is _CLOCK)


def _carried(family: _Family | None, stamps: Sequence[Stamped]) -> str | None:
    if family is None:
        return None
    daily = all(stamp.daily for stamp in stamps)
    if family.clock:
        return "time" if daily else None
    words = words_of(f"{family.before} {family.after}")
    numbers = sorted(map(int, family.numbers))
    steps = np.unique(np.diff(numbers))
    issued = any(words_of(stamp.name) & ISSUE for stamp in stamps)
    if (words & LEAD or family.before.endswith("+") or (issued and words & _OF_TIME)) and len(steps) == 1:
        return "lead"
    if not daily or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    if len(numbers) == _HOURS and numbers[0] in (0, 1):
        return "time"
    return "period" if numbers[0] == 1 and len(numbers) in PERIODS else None


def _one_below_another(kind: Kind, family: _Family, carries: str) -> Kind:
    """Rows in the order of lines, of each line in the order of columns."""
    second = _second_of(kind, family)
    places = {column.place for column in (*family.columns, *second)}
    count, many = len(kind.file), len(family.columns)
    lines = pa.array(np.repeat(np.arange(count), many))
    across = pa.array((np.arange(count)[:, None] + np.arange(many) * count).ravel())
    kept = [(column.name, column.texts.take(lines)) for column in kind.columns if column.place not in places]
    told = pa.array(list(family.numbers), pa.string()).take(pa.array(np.tile(np.arange(many), count)))
    values = pa.concat_arrays([column.texts for column in family.columns]).take(across)
    name = {"lead": "lead", "time": "hour", "period": "period"}[carries]
    texts = [*kept, (name, told), (_name_of(family, kind.paths), values)]
    columns = tuple(
        look_at(place, name, cells, kind.dialect.style) for place, (name, cells) in enumerate(texts)
    )
    inner = r"\d+:\d+(?::\d+)?" if family.clock else r"\d+"
    behind = ".*" if family.clock else escaped(family.after)
    pattern = f"^{escaped(family.before)}(?P<{carries}>{inner}){behind}$"
    names = tuple(column.name for column in second)
    about = tuple(
        f"{name!r} looks like the second of a doubled hour; no setting reads it beside the others, so its values are left "
        "out: bring the hours below each other, a row an hour, or number them 1 to 25"
        for name in names
    )
    return Kind(
        kind.files, replace(kind.dialect, notes=(*kind.dialect.notes, *about)), columns, np.repeat(kind.file, many),
        np.repeat(kind.piece, many), Spread(carries, pattern, len(kept), names),
    )  # fmt: skip


def _second_of(kind: Kind, family: _Family) -> list[Column]:
    """Columns headed as one of the family with a letter or a star behind its number: Hour 3B, HE02*."""
    number = "|".join(escaped(number) for number in family.numbers)
    mark = r"[ _]?\(?(?:[A-Za-z*'x]|bis|dst)\)?"
    pattern = f"{escaped(family.before)}(?:{number}){mark}{escaped(family.after)}"
    return [
        column
        for column in kind.columns
        if column not in family.columns and re.fullmatch(pattern, column.name, re.IGNORECASE)
    ]


def _name_of(family: _Family, paths: Sequence[str]) -> str:
    """What is left of the headings without their times, else what the files' names speak of."""
    words = [token.text for token in heading(f"{family.before} {family.after}").tokens]
    left = [word for word in words if word.lower() not in _OF_TIME | LEAD]
    told = {quantity_of(token.low for token in heading(path.rsplit("/", 1)[-1]).tokens) for path in paths}
    return " ".join(left) or (told.pop() if len(told) == 1 else None) or "value"
