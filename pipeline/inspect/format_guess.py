"""Guesses the formats in which timestamps are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.vocabulary import DATE_FORMATS, LEAD, TIME
from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS, INTERVAL_SEPARATOR, compile_format

_COMPACT = {8: ("%Y%m%d",), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}
_EPOCHS = {9: ("epoch_s",), 10: ("epoch_s",), 12: ("epoch_ms",), 13: ("epoch_ms",), 15: ("epoch_us",), 16: ("epoch_us",),
           18: ("epoch_ns",), 19: ("epoch_ns",)}  # fmt: skip
_ISO_DURATION = re.compile(r"P(?=.)(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_TIME_BEHIND_DATE = re.compile(
    r"(?P<gap>[ T_,;:-]+)(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?P<f>[.,]\d+)?)?)?(?P<p> ?[AaPp][Mm]\b)?"
    r"(?P<z> ?(?:[+-]\d{2}:?\d{2}|Z))?(?P<rest>\D{0,12})"
)
_HOUR_RANGE = re.compile(r"\d{1,2}(?P<minutes>:\d{2})?\s*[-\u2013\u2014]\s*\d{1,2}(:\d{2})?")
_NUMBERED_HOUR = re.compile(r"(?P<before>\D*)(?P<hour>\d{1,2})(?P<after>\D*)")
_MOST_TEXTS = 300  # number of different texts that are examined; a day has 288 steps of five minutes
_ENOUGH = 0.98  # share of texts that must be intervals; the rest counts as damaged


@dataclass(frozen=True)
class TimestampFormat:
    """A timestamp format as in the settings; `part` is set if the texts are intervals `a - b`.

    `also` are formats for the texts that the first one does not read.
    """

    text: str
    part: str | None = None
    also: tuple[str, ...] = ()

    @property
    def has_clock(self) -> bool:
        """Return whether it may contain a time of day (`iso` and counts may)."""
        return "%" not in self.text or bool(re.search(r"%[HIMp]", self.text))


@dataclass(frozen=True)
class ClockFormat:
    """The format of a time of day; `part` as in a timestamp's settings, `to_24` if hours run from 1 to 24."""

    text: str
    part: str | None = None
    to_24: bool = False


def guess_formats(text: str) -> tuple[TimestampFormat, ...]:
    """Return all formats that fit one text, the likeliest first; none if it is not a timestamp."""
    for match in re.finditer(INTERVAL_SEPARATOR, text):
        right = text[match.end() :]
        formats = _single_formats(text[: match.start()])
        if formats and (_single_formats(right) or _ISO_DURATION.fullmatch(right) or _CLOCK.fullmatch(right)):
            return tuple(TimestampFormat(form, "start") for form in formats)
    return tuple(TimestampFormat(form) for form in _single_formats(text))


def guess_digit_formats(length: int) -> tuple[TimestampFormat, ...]:
    """Return formats for numbers of `length` digits: compact dates first, then counts since 1970."""
    return tuple(TimestampFormat(form) for form in (*_COMPACT.get(length, ()), *_EPOCHS.get(length, ())))


def with_abbreviation(form: TimestampFormat) -> TimestampFormat:
    """Replace the zone abbreviations in a format by `%Z`."""
    words = "|".join(sorted(ABBREVIATIONS, key=len, reverse=True))
    return replace(form, text=re.sub(rf"(?i)(?<![%A-Za-z])(?:{words})(?![A-Za-z])", "%Z", form.text))


def guess_clock_formats(column: Column) -> tuple[ClockFormat, ...]:
    """Return the formats to try, the likeliest first; none if the column does not contain times of day."""
    if column.kind == "text":
        return _formats_of_texts(column)
    return _formats_of_numbers(column) if column.is_whole else ()


def _single_formats(text: str) -> tuple[str, ...]:
    if compile_format("iso").pattern.fullmatch(text):
        return ("iso",)
    if text.isdigit():
        return _COMPACT.get(len(text), ())
    found = []
    for pattern, formats in DATE_FORMATS.items():
        match = re.match(pattern, text)
        clock = _clock_behind_date(text[match.end() :]) if match else None
        if match and clock is not None:
            found += [form + clock for form in formats if ("," in form) == ("," in match[0])]
    return tuple(found)


def _clock_behind_date(text: str) -> str | None:
    """Return the format of the text after a date: nothing, or a time of day and its suffix; None for anything else."""
    if not text:
        return ""
    match = _TIME_BEHIND_DATE.fullmatch(text)
    if match is None:
        return None
    colon = ":" if ":" in text[len(match["gap"]) : match.start("rest")] else ""
    form = match["gap"] + ("%I" if match["p"] else "%H")
    form += f"{colon}%M" if match["M"] else ""
    form += f"{colon}%S" if match["S"] else ""
    form += f"{match['f'][0]}%f" if match["f"] else ""
    for name in "pz":
        form += match[name].replace(match[name].strip(), f"%{name}") if match[name] else ""
    return form + match["rest"].replace("%", "%%")


def _formats_of_texts(column: Column) -> tuple[ClockFormat, ...]:
    texts = _distinct_texts(column)
    ranges = [match for text in texts[:_MOST_TEXTS] if (match := _HOUR_RANGE.fullmatch(text))]
    if len(ranges) >= _ENOUGH * min(len(texts), _MOST_TEXTS) > 0:
        return (ClockFormat("%H:%M" if ranges[0]["minutes"] else "%H", "start"),)
    if texts and all(":" in text for text in texts[:3]):
        to_24 = any(text.startswith("24:") for text in texts) and not any(
            text.startswith("00:") for text in texts
        )
        forms = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
        return tuple(ClockFormat(form, to_24=to_24) for form in forms)
    return _numbered_hours(texts) if len(texts) <= _MOST_TEXTS and not column.heading.has(LEAD) else ()


def _formats_of_numbers(column: Column) -> tuple[ClockFormat, ...]:
    numbers = column.numbers[~np.isnan(column.numbers)]
    texts = _distinct_texts(column)
    if len(texts) <= _MOST_TEXTS and any(text[-1:].isalpha() for text in texts):
        return () if column.heading.has(LEAD) else _numbered_hours(texts)  # 0h to 23h: each has a unit
    if not column.heading.has(LEAD) and _are_hours_of_day(set(np.unique(numbers).tolist())):
        return (ClockFormat("%H", to_24=float(numbers.max()) == 24),)
    hhmm = numbers.max() <= 2400 and numbers.max() > 24 and bool((numbers % 100 < 60).all())
    lengths = pc.unique(pc.utf8_length(column.texts)).to_pylist()
    one_length = len(lengths) == 1 and lengths[0] >= len("000")
    return (ClockFormat("%H%M"),) if hhmm and column.heading.has(TIME) and one_length else ()


def _distinct_texts(column: Column) -> list[str]:
    texts: list[str] = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    return texts


def _numbered_hours(texts: Sequence[str]) -> tuple[ClockFormat, ...]:
    """Return formats for hours with the same word before or after each: H1 to H24, 0h to 23h."""
    found = [match for text in texts if (match := _NUMBERED_HOUR.fullmatch(text))]
    around = Counter((match["before"], match["after"]) for match in found)
    if not around:
        return ()
    (before, after), _ = around.most_common(1)[0]
    hours = {int(match["hour"]) for match in found if (match["before"], match["after"]) == (before, after)}
    text = f"{before}%H{after}"
    valid = text.count("%") == 1 and _are_hours_of_day(hours)
    return (ClockFormat(text, to_24=max(hours) == 24),) if valid else ()


def _are_hours_of_day(hours: set[int] | set[float]) -> bool:
    return min(hours) in (0, 1) and max(hours) in (23, 24) and len(hours) >= 23
