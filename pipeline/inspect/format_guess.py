"""One stamp as text -> the formats that could have written it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.vocabulary import LEAD, TIME
from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS, INTERVAL_SEPARATOR, compile_format

_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", ("%Y.%m.%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y", "%m.%d.%Y")),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2}\.\d{1,2}\.\d{2}(?!\d)", ("%d.%m.%y",)),
    (r"\d{1,2}/\d{1,2}/\d{2}(?!\d)", ("%d/%m/%y", "%m/%d/%y")),
    (r"\d{1,2} \d{1,2} \d{4}", ("%d %m %Y", "%m %d %Y")),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", ("%d-%b-%Y",)),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)", ("%d-%b-%y",)),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", ("%d %b %Y",)),
    (r"\d{1,2} [A-Za-z]{4,} \d{4}", ("%d %B %Y",)),
    (r"\d{1,2}[A-Za-z]{3}\d{4}", ("%d%b%Y",)),
    (r"[A-Za-z]{3} \d{1,2},? \d{4}", ("%b %d, %Y", "%b %d %Y")),
    (r"[A-Za-z]{4,} \d{1,2},? \d{4}", ("%B %d, %Y", "%B %d %Y")),
    (r"\d{8}(?!\d)", ("%Y%m%d", "%d%m%Y")),
)


_COMPACT = {8: ("%Y%m%d",), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}


_LENGTH = re.compile(r"P(?=.)(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?")


_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


_TIME = re.compile(
    r"(?P<gap>[ T_,;:-]+)(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?P<f>[.,]\d+)?)?)?(?P<p> ?[AaPp][Mm]\b)?"
    r"(?P<z> ?(?:[+-]\d{2}:?\d{2}|Z))?(?P<rest>\D{0,12})"
)


@dataclass(frozen=True)
class Form:
    """A stamp format as settings take it: `part` is set where the texts are intervals `a - b`.

    `also` are formats for the texts that the first one does not read.
    """

    text: str
    part: str | None = None
    also: tuple[str, ...] = ()

    @property
    def has_clock(self) -> bool:
        """Whether it may tell a time of day (`iso` may)."""
        return self.text in ("iso", "epoch_s", "epoch_ms") or bool(re.search(r"%[HIMp]", self.text))


def forms_of(text: str) -> tuple[Form, ...]:
    """All formats that fit one text, the likeliest first; none if it is no stamp."""
    for match in re.finditer(INTERVAL_SEPARATOR, text):
        left, right = text[: match.start()], text[match.end() :]
        if (forms := _plain_forms(left)) and (
            _plain_forms(right) or _LENGTH.fullmatch(right) or _CLOCK.fullmatch(right)
        ):
            return tuple(Form(form, "start") for form in forms)
    return tuple(Form(form) for form in _plain_forms(text))


def with_abbreviation(form: Form) -> Form:
    """The form with `%Z` for a zone's abbreviation that stands in it."""
    words = "|".join(sorted(ABBREVIATIONS, key=len, reverse=True))
    return replace(form, text=re.sub(rf"(?i)(?<![%A-Za-z])(?:{words})(?![A-Za-z])", "%Z", form.text))


def digit_forms(length: int) -> tuple[Form, ...]:
    """Formats for numbers of so many digits: compact calendars first, then counts since 1970."""
    epochs = {9: ("epoch_s",), 10: ("epoch_s",), 12: ("epoch_ms",), 13: ("epoch_ms",)}
    return tuple(Form(form) for form in (*_COMPACT.get(length, ()), *epochs.get(length, ())))


def _plain_forms(text: str) -> tuple[str, ...]:
    if compile_format("iso").pattern.fullmatch(text):
        return ("iso",)
    if text.isdigit():
        return tuple(form.text for form in digit_forms(len(text)) if not form.text.startswith("epoch"))
    found = []
    for pattern, forms in _DATES:
        match = re.match(pattern, text)
        if match:
            clock = _clock_form(text[match.end() :])
            if clock is not None:
                comma = "," in match[0]
                found += [form + clock for form in forms if ("," in form) == comma]
    return tuple(found)


def _clock_form(text: str) -> str | None:
    """The format of what follows a date: nothing, or a time of day with what stands behind it."""
    if not text:
        return ""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    span = text[: match.start("rest")]
    form = match["gap"] + ("%I" if match["p"] else "%H")
    colon = ":" if ":" in span[len(match["gap"]) :] else ""
    form += f"{colon}%M" if match["M"] else ""
    form += f"{colon}%S" if match["S"] else ""
    form += f"{match['f'][0]}%f" if match["f"] else ""
    form += match["p"].replace(match["p"].strip(), "%p") if match["p"] else ""
    form += match["z"].replace(match["z"].strip(), "%z") if match["z"] else ""
    return form + match["rest"].replace("%", "%%")


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
