"""Finds the zone of timestamps without offset, from headings and from clock changes that the timestamps contain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.inspect.clock_changes import (
    ClockChanges,
    FileStamps,
    best_zone,
    distinct_stamps,
    find_changes,
)
from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.time_roles import TimeColumns
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn
from hindcast.pipeline.inspect.vocabulary import (
    ABBREVIATED_ZONES,
    CLOCK_CHANGE_ZONES,
    city_zones,
    country_zones,
    find_countries,
    other_main_zones,
    words_in,
)
from hindcast.pipeline.inspect.zone_columns import ZoneColumn, find_zone_column
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import utc_of

_ONCE = "the repeated autumn hour occurs only once, so it is read as the earlier of the two"
_OFFSETS = {"+3:30": "Asia/Tehran", "+5:30": "Asia/Kolkata", "+5:45": "Asia/Kathmandu", "+6:30": "Asia/Yangon",
            "+9:30": "Australia/Darwin"}  # fmt: skip
_LEAST_ABSENT = 2  # spring hours that are missing, to doubt a Z


@dataclass(frozen=True)
class ZoneGuess:
    """The zone in which to read timestamps, and the question about it.

    `wall` is True if the timestamps themselves prove wall time with clock changes.
    """

    zone: str
    question: str | None = None
    ambiguous: str | None = None
    nonexistent: str | None = None
    wall: bool = False
    label: str | None = None  # `hour_ending`, if clock changes show it
    column: ZoneColumn | None = None
    """The column that distinguishes the two repeated hours."""


def guess_zone(fmt: FileFormat, times: TimeColumns, values: Sequence[Column]) -> ZoneGuess:
    """Guess the zone of the timestamps of one file format; `values` are its value columns."""
    if times.exact:
        return _check_utc(fmt, times, values)
    column = find_zone_column(fmt.columns)
    guess = _guess_zone(fmt, times, values, column.zone if column else None)
    return guess if column is None else _with_column(guess, column)


def _with_column(guess: ZoneGuess, column: ZoneColumn) -> ZoneGuess:
    """Return a guess with what a column says: abbreviations of summer and winter time prove wall time."""
    if column.zone is None:
        return replace(guess, column=column) if guess.wall else guess
    zone = guess.zone if guess.wall else column.zone
    question = None if zone == column.zone else guess.question
    return replace(guess, zone=zone, question=question, wall=True, column=column)


def _check_utc(fmt: FileFormat, times: TimeColumns, values: Sequence[Column]) -> ZoneGuess:
    """Return UTC for timestamps with an offset or a Z, and ask if those with a Z show the clock changes of a zone."""
    first = next(iter(times.main.columns[0].texts[:1].to_pylist()), "") if times.main.columns else ""
    if not first.endswith("Z") or times.issue is not None:
        return ZoneGuess("UTC")
    filled = ~np.logical_and.reduce([column.missing for column in values]) if values else times.ok
    zone, changes = best_zone(distinct_stamps(fmt, times, filled), _zone_hints(fmt, times, frozenset()))
    if not changes.doubled and changes.absent < _LEAST_ABSENT:
        return ZoneGuess("UTC")
    question = (
        f"the timestamps end with Z, which means UTC, but show wall time of {zone} ({changes.example}): is the Z wrong? "
        f"If so, write the Z as a letter in `format`, and set `zone: {zone}`"
    )
    return ZoneGuess("UTC", question)


def _guess_zone(
    fmt: FileFormat, times: TimeColumns, values: Sequence[Column], named: str | None
) -> ZoneGuess:
    """Guess the zone of timestamps without offset; `named` is the zone that a column names."""
    words = times.main.words | words_in(times.main.form.text.replace("%", " ")) | _zone_column_words(fmt)
    said = _named_zone(times.main.name)
    first = [zone for zone in (said, named) if zone]
    hints = list(dict.fromkeys([*first, *_zone_hints(fmt, times, words)]))
    missing = [column.missing for column in values]
    has_value = ~np.logical_and.reduce(missing) if missing else times.ok
    if times.valid is not None and times.valid.period is not None:
        return _guess_from_periods(times.valid, times.ok & has_value, hints, first)
    files = distinct_stamps(fmt, times, has_value) if times.issue is None else []
    best, changes = best_zone(files, hints)
    label = None
    if times.issue is None and times.ends_step:
        # if timestamps are the start in wall time plus one step, clock changes appear one step later
        earlier = [replace(file, stamps=file.stamps - file.step) for file in files]
        other, other_changes = best_zone(earlier, hints)
        if times.main.hours_to_24 or other_changes.support > changes.support:
            best, changes, label, files = other, other_changes, "hour_ending", earlier
    decided = _decide_named(said, times.main.name, changes, files) or _decide(
        best, changes, files, hints, words
    )
    guess = replace(decided, label=label)
    if guess.question and fmt.hour_columns is not None and fmt.hour_columns.second:
        separate = "the second of the two autumn hours is in its own column"
        guess = replace(guess, question=guess.question.replace(_ONCE, separate))
    steps = np.diff(times.wall)[fmt.neighbours(times.ok)]
    newest_first = bool((steps < 0).sum() > (steps > 0).sum())
    if guess.ambiguous == "in_order" and newest_first:
        return replace(guess, ambiguous="in_reverse_order")
    return guess


def contradicts_zone(fmt: FileFormat, times: TimeColumns, zone: str) -> bool:
    """Return whether timestamps do not follow the clock changes of a zone, such as rows in a skipped hour."""
    missing = np.zeros(len(times.ok), np.bool_)
    changes = find_changes(distinct_stamps(fmt, times, ~missing), zone)
    return bool(changes.filled) if times.issue is not None else changes.contradicts


def _guess_from_periods(
    times: TimestampColumn, rows: Flags, hints: Sequence[str], named: Sequence[str]
) -> ZoneGuess:
    """Return the zone whose clocks change on the days that have more or fewer steps than other days.

    Zones with equal days, such as those of Berlin and London, differ in the instants; so unless the files name the zone
    (`named`), the proposal asks.
    """
    assert times.period is not None
    numbers = times.period.column.numbers[rows] + 1 - times.period.first
    days = times.wall[rows] - (numbers - 1).astype(np.int64) * times.period.length
    starts, places = np.unique(days, return_inverse=True)
    counts = np.zeros(len(starts), np.int64)
    np.maximum.at(counts, places, numbers.astype(np.int64))
    inner = slice(0 if numbers[places == 0].min() == 1 else 1, -1)  # others may be incomplete
    starts, counts = starts[inner], counts[inner]
    odd = int((counts != DAY // times.period.length).sum())
    question = "the steps of each day are numbered in this zone: is it correct?"
    for zone in dict.fromkeys([*hints, *CLOCK_CHANGE_ZONES]):
        lengths = _day_lengths(starts, zone) // times.period.length
        if odd and (lengths == counts).all():
            asked = None if zone in named else f"the days of 23 and 25 hours match {zone}; {question}"
            return ZoneGuess(zone, asked, None, "drop", wall=True)
    why = f"{odd} days are incomplete or belong to another zone" if odd else "no day has 23 or 25 hours"
    steady = hints and bool((_day_lengths(starts, hints[0]) == DAY).all())
    return ZoneGuess(hints[0] if steady else "UTC", f"{why}; {question}", None, "drop")


def _day_lengths(starts: Times, zone: str) -> Ints:
    return utc_of(starts + DAY, zone) - utc_of(starts, zone)


def _named_zone(heading: str) -> str | None:
    """Return the zone that a heading names by a name of the IANA database or an offset such as UTC+1.

    An offset with minutes has no name there; a zone that has it at all times stands for it.
    """
    for name in re.findall(r"[A-Za-z]+/[A-Za-z_/]+", heading):
        if name in available_timezones():
            return str(name)
    offset = re.search(r"(?i)\b(?:utc|gmt)\s*([+\u2212-])\s*0?(\d{1,2})(?::?(\d{2}))?\b", heading)
    if offset is None:
        return None
    if int(offset[3] or 0):
        return _OFFSETS.get(f"{offset[1]}{offset[2]}:{offset[3]}")
    hours = int(offset[2]) * (1 if offset[1] == "+" else -1)
    return "UTC" if not hours else f"Etc/GMT{-hours:+d}" if -12 <= hours <= 14 else None


def _decide_named(
    named: str | None, heading: str, changes: ClockChanges, files: Sequence[FileStamps]
) -> ZoneGuess | None:
    """Return the zone that the heading names, with a question if the timestamps contradict it; None without a name."""
    if named is None or changes.doubled:
        return None  # a repeated hour proves a zone, whose first candidate is the named one
    if find_changes(files, named).contradicts:
        return ZoneGuess(
            named,
            f"the heading {heading!r} names {named}, but the timestamps have no clock change: are they at a fixed offset?",
        )
    fixed = named == "UTC" or named.startswith("Etc/") or named in _OFFSETS.values()
    return ZoneGuess(named, None, None if fixed else "in_order", None if fixed else "drop")


def _decide(
    best: str,
    changes: ClockChanges,
    files: Sequence[FileStamps],
    hints: Sequence[str],
    words: frozenset[str],
) -> ZoneGuess:
    """Return the zone that clock changes prove, else the zone that words name, else UTC with a question."""
    abbreviation = next((word for word in ABBREVIATED_ZONES if word in words), None)
    utc = bool(words & {"utc", "gmt"})
    if (utc or "zulu" in words) and not changes.doubled:
        return ZoneGuess("UTC")
    if changes.support:
        said = abbreviation.upper() if abbreviation else "UTC" if utc else None
        return _proven_zone(best, changes, hints, said)
    tried = [*hints, *CLOCK_CHANGE_ZONES][:4]
    steady = any(find_changes(files, zone).contradicts for zone in tried)
    if abbreviation:
        return _abbreviated_zone(abbreviation, hints, words, steady=steady)
    if steady:
        return ZoneGuess(
            "UTC", "the timestamps have no clock change: are they in UTC, or at another fixed offset?"
        )
    if words & {"local", "lokal", "ortszeit"} and hints:
        return ZoneGuess(
            hints[0], "the heading says local time: is it the time of this zone?", "in_order", "drop"
        )
    wall = f"wall time ({hints[0]})" if hints else "local wall time"
    return ZoneGuess("UTC", f"the files do not name the zone of the timestamps: are they in UTC or {wall}?")


def _proven_zone(best: str, changes: ClockChanges, hints: Sequence[str], said: str | None) -> ZoneGuess:
    header = f"the heading says {said}, but the" if said else "the"
    others = (
        "" if best in hints else ". Other zones with the same clock changes fit too: is this one correct?"
    )
    alike = other_main_zones(best)
    if best in hints and alike:
        others = f". The country has other zones ({', '.join(alike[:4])}): is this one correct?"
    question = f"{header} timestamps show wall time ({changes.example}), so they are read as {best}{others}"
    once = bool(changes.single and not changes.doubled)
    if once:
        question += f"{'' if question.endswith('?') else '.'} Note: {_ONCE}"
    elif not changes.doubled:
        expected = "its repeated hour is expected to occur twice, the earlier one first"
        question += f". The files contain no autumn change; {expected}"
    ambiguous = "earlier" if once else "in_order"
    return ZoneGuess(best, question, ambiguous, "drop" if changes.empty else None, wall=True)


def _abbreviated_zone(said: str, hints: Sequence[str], words: frozenset[str], *, steady: bool) -> ZoneGuess:
    """Guess from an abbreviation without a clock change that proves it; two of one zone (CET/CEST) mean wall time."""
    fixed, wall = ABBREVIATED_ZONES[said]
    place = hints[0] if hints else wall
    if fixed == wall:
        return ZoneGuess(fixed)
    both = [word.upper() for word, (_, zone) in ABBREVIATED_ZONES.items() if word in words and zone == wall]
    heading = f"the heading says {'/'.join(both)}"
    if steady:
        return ZoneGuess(
            fixed, f"{heading}, but the timestamps have no clock change: are they at a fixed offset?"
        )
    if len(both) > 1:
        return ZoneGuess(place, f"{heading}: are the timestamps wall time of this zone?", "in_order", "drop")
    return ZoneGuess(fixed, f"{heading}: is this a fixed offset all year ({fixed}), or wall time ({place})?")


def _zone_hints(fmt: FileFormat, times: TimeColumns, words: frozenset[str]) -> list[str]:
    """Return the zones that paths, headings, cells and abbreviations suggest, each once."""
    # names of series may begin with country codes; AM and PM in timestamps are country codes too
    columns = [column for column in fmt.columns if column.kind == "text" and column.place not in times.places]
    texts = [text for column in columns for text in column.texts.slice(0, 50).to_pylist()]
    # HR means hour and ID means identifier, not countries
    names = [column.name for column in fmt.columns if column.place in times.places]
    headings = [name for name in fmt.dialect.header[:50] if name not in names and not name.endswith("ID")]
    countries = find_countries([*fmt.paths[:50], *headings, *texts])
    places = [zone for country in countries[:3] for zone in country_zones(country)[:3]]
    named = [ABBREVIATED_ZONES[word][1] for word in sorted(words) if word in ABBREVIATED_ZONES]
    cities = city_zones([*fmt.paths[:50], *headings, *names])
    return list(dict.fromkeys([*cities, *places, *named]))


def _zone_column_words(fmt: FileFormat) -> frozenset[str]:
    """Return the text of columns with the heading "time zone", if all their cells are equal."""
    columns = [c for c in fmt.columns if c.kind == "text" and words_in(c.name) & {"zone", "timezone", "tz"}]
    texts = [column.texts.unique().to_pylist() for column in columns]
    return frozenset(distinct[0].lower() for distinct in texts if len(distinct) == 1)
