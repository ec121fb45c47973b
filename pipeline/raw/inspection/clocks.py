"""A column beside a date -> the formats of the time of day that it may hold: 14:00, 1 to 24, H1, `00 - 01`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.raw.inspection.columns import Column
from hindcast.pipeline.raw.inspection.words import LEAD, TIME

_RANGE = re.compile(r"\d{1,2}(?P<minutes>:\d{2})?\s*[-\u2013\u2014]\s*\d{1,2}(:\d{2})?")
_NUMBERED = re.compile(r"(?P<before>\D*)(?P<hour>\d{1,2})(?P<after>\D*)")
_MOST_TEXTS = 300  # different ones that are looked at; a day has as many steps of five minutes
_ENOUGH = 0.98  # share of texts that must be intervals; the others are damaged


@dataclass(frozen=True)
class Clock:
    """The format of a time of day; `part` as in a stamp's settings, `to_24` where hours run from 1 to 24."""

    text: str
    part: str | None = None
    to_24: bool = False


def clock_forms(column: Column) -> tuple[Clock, ...]:
    """The formats to be tried, the likeliest first; none if the column holds no time of day."""
    if column.kind == "text":
        return _of_texts(column)
    return _of_numbers(column) if column.is_whole else ()


def _of_texts(column: Column) -> tuple[Clock, ...]:
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    ranges = [match for text in texts[:_MOST_TEXTS] if (match := _RANGE.fullmatch(text))]
    if len(ranges) >= _ENOUGH * min(len(texts), _MOST_TEXTS) > 0:
        return (Clock("%H:%M" if ranges[0]["minutes"] else "%H", "start"),)
    if texts and all(":" in text for text in texts[:3]):
        return (Clock("%H:%M"), Clock("%H:%M:%S"), Clock("%I:%M %p"))
    return _of_numbered(texts) if len(texts) <= _MOST_TEXTS and not column.heading.has(LEAD) else ()


def _of_numbered(texts: Sequence[str]) -> tuple[Clock, ...]:
    """Hours with one and the same word before or behind them: H1 to H24, 0h to 23h."""
    found = [match for text in texts if (match := _NUMBERED.fullmatch(text))]
    around = Counter((match["before"], match["after"]) for match in found)
    if not around:
        return ()
    (before, after), _ = around.most_common(1)[0]
    hours = {int(match["hour"]) for match in found if (match["before"], match["after"]) == (before, after)}
    text = f"{before}%H{after}"
    return (Clock(text, to_24=max(hours) == 24),) if text.count("%") == 1 and _are_of_a_day(hours) else ()


def _of_numbers(column: Column) -> tuple[Clock, ...]:
    numbers = column.numbers[~np.isnan(column.numbers)]
    texts = pc.unique(column.texts.filter(pa.array(~column.missing))).to_pylist()
    if len(texts) <= _MOST_TEXTS and any(text[-1:].isalpha() for text in texts):
        return () if column.heading.has(LEAD) else _of_numbered(texts)  # 0h to 23h: a unit behind each
    if not column.heading.has(LEAD) and _are_of_a_day(set(np.unique(numbers).tolist())):
        return (Clock("%H", to_24=float(numbers.max()) == 24),)
    hhmm = numbers.max() <= 2400 and numbers.max() > 24 and bool((numbers % 100 < 60).all())
    named = column.heading.has(TIME)
    return (Clock("%H%M"),) if hhmm and named and len(pc.unique(pc.utf8_length(column.texts))) == 1 else ()


def _are_of_a_day(hours: set[int] | set[float]) -> bool:
    return min(hours) in (0, 1) and max(hours) in (23, 24) and len(hours) >= 23
