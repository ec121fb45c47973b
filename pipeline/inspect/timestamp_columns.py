"""Columns of texts -> columns of stamps: the format that reads them, and what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column, Flags
from hindcast.pipeline.inspect.format_guess import Form, clock_forms, digit_forms, forms_of, with_abbreviation
from hindcast.pipeline.inspect.vocabulary import ISSUE, LEAD, TIME, VALID, words_of
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.clock import Stamps

_HOURS = 24
_ENOUGH = 0.98  # share of texts that a format must read
_MOST_FORMS = 3
_TRIED = 50  # texts from which formats are guessed
_FIRST_NS = int(np.datetime64("1950-01-01", "ns").astype(np.int64))
_LAST_NS = int(np.datetime64("2100-01-01", "ns").astype(np.int64))


PERIODS = {
    23: HOUR, 24: HOUR, 25: HOUR, 46: HOUR // 2, 48: HOUR // 2, 50: HOUR // 2, 92: HOUR // 4, 96: HOUR // 4, 100: HOUR // 4,
    276: HOUR // 12, 288: HOUR // 12, 300: HOUR // 12,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Period:
    """A column that numbers the steps of each day from 1, and the length of a step in ns."""

    column: Column
    length: int


@dataclass(frozen=True, eq=False)
class Stamped:
    """Stamps read from one column, or from several joined by a space.

    `wall` is what the text says (UTC where `exact`); without meaning where not `ok`.  `rivals` are other
    formats that read the texts as well.  `path` finds the text in the files' paths where no column holds it.
    """

    columns: tuple[Column, ...]
    form: Form
    wall: Stamps
    exact: bool
    ok: Flags
    rivals: tuple[str, ...] = ()
    hours_to_24: bool = False
    period: Period | None = None
    path: str | None = None

    @property
    def name(self) -> str:
        """Its heading, or headings."""
        return " + ".join(column.name for column in self.columns)

    @property
    def daily(self) -> bool:
        """Whether all stamps stand at midnight."""
        return not self.form.has_clock or bool((self.wall[self.ok] % DAY == 0).all())


def read_stamps(columns: Sequence[Column]) -> list[Stamped]:
    """All stamp columns in the order of the file; a date and its hour are one."""
    single = [stamped for column in columns if (stamped := _of_column(column)) is not None]
    taken = {column.place for stamped in single for column in stamped.columns}
    joined = _calendar_columns(columns) if not single else None
    if joined:
        return [joined]
    return [_with_hour(stamped, [c for c in columns if c.place not in taken]) for stamped in single]


def _of_column(column: Column) -> Stamped | None:
    if column.kind == "empty":
        return None
    there = column.texts.filter(pa.array(~column.missing))
    if column.kind == "number":
        return _of_digits(column, there)
    firsts = pc.unique(there.slice(0, 5000)).to_pylist()[:_TRIED]
    forms = list(dict.fromkeys(form for text in firsts for form in forms_of(text)))
    return _best(column, forms)


def _of_digits(column: Column, there: pa.StringArray) -> Stamped | None:
    words = column.heading.has(TIME | ISSUE | VALID)
    if not column.is_whole or not len(there) or column.heading.has(LEAD):
        return None
    whole = pc.replace_substring_regex(there, r"[.]0*$", "")
    lengths = pc.unique(pc.utf8_length(whole)).to_pylist()
    if len(lengths) != 1:
        return None
    forms = digit_forms(lengths[0])
    found = _best(column, [form for form in forms if not form.text.startswith("epoch")])
    if found is not None and (words or found.columns[0].place == 0):
        return found
    epoch = _best(column, [form for form in forms if form.text.startswith("epoch")])
    if (
        epoch is not None
        and (words or column.place == 0)
        and bool((epoch.wall[epoch.ok] % (60 * 10**9) == 0).all())
    ):
        return epoch
    return None


def _best(column: Column, forms: Sequence[Form]) -> Stamped | None:
    """The format that reads enough; where several do, the one whose steps are the most regular."""
    found = [
        read for form in forms if (read := _read((column,), column.texts, column.missing, form)) is not None
    ]
    if not found:
        return _several(column, forms)
    best = max(found, key=lambda read: (round(float(read.ok.sum()) / len(read.ok), 2), _regularity(read)))
    if (
        not (best.ok | column.missing).all()
        and (whole := _several(column, [best.form]))
        and whole.ok.sum() > best.ok.sum()
    ):
        return whole  # a few stamps are written otherwise, as those of a doubled hour
    equal = [
        read.form.text
        for read in found
        if read is not best
        and read.ok.sum() == best.ok.sum()
        and _regularity(read) >= 0.9 * _regularity(best)
    ]
    return Stamped(best.columns, best.form, best.wall, best.exact, best.ok, tuple(equal))


def _several(column: Column, forms: Sequence[Form]) -> Stamped | None:
    """Formats that read the texts together, where no single one reads enough: the one that reads most first."""
    left, chosen = column.texts.filter(pa.array(~column.missing)), list[Form]()
    forms = list(dict.fromkeys(map(with_abbreviation, forms)))
    while len(left) and len(chosen) < _MOST_FORMS:
        reads = {form: parse_stamps(left, compile_format(form.text, form.part)).ok for form in forms}
        best = max(reads, key=lambda form: int(reads[form].sum()), default=None)
        if best is None or not reads[best].any() or (chosen and best.part != chosen[0].part):
            break
        chosen.append(best)
        left = left.filter(pa.array(~reads[best]))
        firsts = pc.unique(left.slice(0, 5000)).to_pylist()[:_TRIED]
        forms = list(dict.fromkeys(with_abbreviation(form) for text in firsts for form in forms_of(text)))
    if not chosen or (len(chosen) < 2 and "%Z" not in chosen[0].text):
        return None
    form = Form(chosen[0].text, chosen[0].part, tuple(one.text for one in chosen[1:]))
    return _read((column,), column.texts, column.missing, form)


def _read(columns: tuple[Column, ...], texts: pa.StringArray, missing: Flags, form: Form) -> Stamped | None:
    parsed = parse_stamps(texts, *(compile_format(one, form.part) for one in (form.text, *form.also)))
    ok = parsed.ok & ~missing & (parsed.wall >= _FIRST_NS) & (parsed.wall < _LAST_NS)
    there = len(ok) - int(missing.sum())
    if not there or ok.sum() < _ENOUGH * there:
        return None
    exact = bool(parsed.exact[ok].all())
    return Stamped(columns, form, parsed.wall, exact, ok)


def _regularity(read: Stamped) -> float:
    steps = np.diff(read.wall[read.ok])
    if not len(steps):
        return 0.0
    _, counts = np.unique(steps, return_counts=True)
    return float(counts.max() / len(steps))


def _with_hour(stamped: Stamped, others: Sequence[Column]) -> Stamped:
    """A column of dates and one of hours or times of day are one stamp."""
    if stamped.form.part or not stamped.daily or stamped.form.text.startswith("epoch"):
        return stamped
    repeats = len(np.unique(stamped.wall[stamped.ok])) * 2 <= int(stamped.ok.sum())
    if not repeats:
        return stamped
    # only dates without a clock can be joined to a time of day
    form = "%Y-%m-%d" if stamped.form.text == "iso" else stamped.form.text
    if "%H" in form:
        return stamped
    for column in others:
        period = _period_of(column, stamped)
        if period is not None:
            count = np.nan_to_num(column.numbers, nan=1.0) - 1
            wall = stamped.wall + (count * period.length).astype(np.int64)
            ok = stamped.ok & ~np.isnan(column.numbers)
            return replace(stamped, wall=wall, ok=ok, period=period)
        for clock in clock_forms(column):
            joined = pc.binary_join_element_wise(stamped.columns[0].texts, column.texts, pa.scalar(" "))
            missing = stamped.columns[0].missing | column.missing
            read = _read(
                (stamped.columns[0], column), joined, missing, Form(f"{form} {clock.text}", clock.part)
            )
            if read is not None:
                return replace(read, exact=False, hours_to_24=clock.to_24)
    return stamped


def _period_of(column: Column, days: Stamped) -> Period | None:
    """A column that counts the steps of every day from 1: half hours to 48, quarters to 96, hours to 25 where some day has them."""
    if column.kind != "number" or not column.is_whole or words_of(column.name) & LEAD:
        return None
    there = days.ok & ~np.isnan(column.numbers)
    frame = pd.DataFrame({"day": days.wall[there], "number": column.numbers[there]})
    lasts = frame.groupby("day")["number"].max()
    usual = int(lasts.mode().iloc[0]) if len(lasts) else 0
    length = PERIODS.get(usual)
    if length is None or frame["number"].min() != 1 or frame["number"].nunique() < lasts.max():
        return None
    changes = {int(last) for last in lasts} - {usual}
    if usual == _HOURS and not any(last == _HOURS + 1 for last in changes):
        return None  # hours 1 to 24 may be hours of the clock
    return Period(column, length)


def _calendar_columns(columns: Sequence[Column]) -> Stamped | None:
    """Year, month, day and perhaps hour and minute in columns of their own."""
    named: dict[str, Column] = {}
    for column in columns:
        for word, key in (("year", "%Y"), ("month", "%m"), ("day", "%d"), ("hour", "%H"), ("minute", "%M")):
            if (
                key not in named
                and column.kind == "number"
                and {t.low for t in column.heading.tokens} & {word}
            ):
                named[key] = column
    if not {"%Y", "%m", "%d"} <= named.keys():
        return None
    keys = [key for key in ("%Y", "%m", "%d", "%H", "%M") if key in named]
    chosen = tuple(named[key] for key in keys)
    texts = pc.binary_join_element_wise(*(column.texts for column in chosen), pa.scalar(" "))
    missing = np.logical_or.reduce([column.missing for column in chosen])
    return _read(chosen, texts, missing, Form(" ".join(keys)))


def usual_step(stamps: Stamps) -> int:
    """The most frequent step between neighbouring different stamps in ns; 0 if there are none."""
    steps = np.diff(np.unique(stamps))
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def in_words(step: int) -> str:
    """A step as settings write it: 15min, 1h, 1d."""
    if step and step % DAY == 0 and step > DAY:
        return f"{step // DAY}d"
    if step and step % HOUR == 0:
        return f"{step // HOUR}h"
    return f"{step // (60 * 10**9)}min" if step % (60 * 10**9) == 0 else f"{step // 10**9}s"


def moment(stamp: int) -> str:
    """A stamp for people, to the minute."""
    return str(np.datetime64(int(stamp), "ns").astype("datetime64[m]")).replace("T", " ")
