"""Formats are guessed from one timestamp, and read it back as what was written."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.inspect.format_guess import TimestampFormat, guess_digit_formats, guess_formats
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from tests.examples import examples

DATES = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%b-%Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%d %m %Y",
    "%d.%m.%y",
    "%Y%m%d",
]
CLOCKS = ["", " %H:%M", " %H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f", " %H:%M UTC"]


@pytest.mark.parametrize(("date", "clock"), list(product(DATES, CLOCKS)))
@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)))  # noqa: DTZ001
@examples(15)
def test_a_format_that_wrote_a_timestamp_is_among_those_that_may_have(
    date: str, clock: str, moment: datetime
) -> None:
    text = moment.strftime(date + clock)
    written = datetime.strptime(text, date + clock) - datetime(1970, 1, 1)  # noqa: DTZ001, DTZ007
    read = [
        parse_stamps(pa.array([text]), compile_format(form.text, form.part)) for form in guess_formats(text)
    ]
    nanoseconds = written // timedelta(microseconds=1) * 1000
    assert nanoseconds in [int(parsed.wall[0]) for parsed in read if parsed.ok[0]]


def test_intervals_are_recognised() -> None:
    assert guess_formats("01.01.2015 00:00 - 01.01.2015 01:00")[0] == TimestampFormat(
        "%d.%m.%Y %H:%M", "start"
    )
    assert guess_formats("2015-01-01 00:00 - 2015-01-01 01:00")[0] == TimestampFormat("iso", "start")


@pytest.mark.parametrize(
    "text", ["", "x", "12", "1.5", "a - b", "2015", "Monday", "01.01.2015 noon and later still"]
)
def test_other_texts_are_not_timestamps(text: str) -> None:
    assert guess_formats(text) == ()


@pytest.mark.parametrize(
    ("length", "first"),
    [(8, "%Y%m%d"), (10, "%Y%m%d%H"), (12, "%Y%m%d%H%M"), (13, "epoch_ms"), (9, "epoch_s")],
)
def test_digits_alone_are_calendars_before_they_are_counts(length: int, first: str) -> None:
    assert guess_digit_formats(length)[0].text == first
