from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.raw.count_formats import find_count_base
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from tests.raw.mock import moment

SECOND = 10**9
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(form: str, *texts: str, decimal: str = ".") -> list[int | None]:
    parsed = parse_stamps(pa.array(texts, pa.string()), compile_format(form, decimal=decimal))
    return [time if ok else None for time, ok in zip(parsed.wall.tolist(), parsed.ok.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("form", "texts", "times"),
    [
        ("excel", ["61", "45000", " 45000.5 ", "45000.25000"],
         ["1900-03-01T00:00", "2023-03-15T00:00", "2023-03-15T12:00", "2023-03-15T06:00"]),
        ("excel", ["45000.0416666667", "45000.041666666664", "45000.541667", "45000.0417", "45000.52079861"],
         ["2023-03-15T01:00", "2023-03-15T01:00", "2023-03-15T13:00", "2023-03-15T01:00", "2023-03-15T12:29:57"]),
        ("excel", ["45000.042", "45000.034"], ["2023-03-15T01:00:29", "2023-03-15T00:49"]),
        ("1d since 1904-01-01", ["43538"], ["2023-03-15T00:00"]),
        ("hours since 1900-01-01 00:00", ["1048536", "1048536.5", "1048537.33"],
         ["2019-08-14T00:00", "2019-08-14T00:30", "2019-08-14T01:20"]),
        ("30min since 2013-01-01", ["0", "47", "48"], ["2013-01-01T00:00", "2013-01-01T23:30", "2013-01-02T00:00"]),
        ("minutes since 2013-01-01T01:00+01:00", ["90"], ["2013-01-01T01:30"]),
        ("Days Since 0001-01-01", ["735000.25"], ["2013-05-13T06:00"]),
        ("seconds since 2001-01-01", ["-5.5"], ["2000-12-31T23:59:54.500"]),
    ],
)  # fmt: skip
def test_counts_from_a_base(form: str, texts: list[str], times: list[str]) -> None:
    assert read(form, *texts) == [moment(time) for time in times]


@pytest.mark.parametrize(
    "text",
    ["", "x", "60", "60.99", "-45000", "1e4", "45,000", "45000,5", "110000", "9" * 15, "9" * 16, "45000."],
)
def test_texts_that_are_no_days_of_excel(text: str) -> None:
    assert read("excel", text) == [None]


def test_the_fraction_of_a_count_has_the_decimal_sign_of_the_source() -> None:
    assert read("excel", "45000,5", "45000.5", decimal=",") == [moment("2023-03-15T12:00"), None]


@pytest.mark.parametrize(
    "form",
    [
        "hours since",
        "hours since yesterday",
        "0h since 2020-01-01",
        "367d since 2020-01-01",
        "h since 2020-01-01 00:00:00.5",
    ],
)
def test_a_base_that_is_no_time_is_refused(form: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compile_format(form)
    assert "hours since 1900-01-01" in str(caught.value)


times = st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001


@given(times, st.sampled_from(["min", "h", "d"]), st.integers(1, 48), times, st.integers(0, 18))
def test_a_time_written_with_enough_digits_is_read_exactly(
    time: datetime, unit: str, number: int, base: datetime, digits: int
) -> None:
    time, base = time.replace(microsecond=0), base.replace(microsecond=0)
    size = UNITS[unit] * number
    is_minute = size / (2 * 10**digits) >= 0.5
    if is_minute:
        time = time.replace(second=0)
        base = base.replace(second=0)
    if size / (2 * 10**digits) >= 30:
        return  # the digits cannot tell minutes
    count = round(Fraction((time - base) // timedelta(seconds=1), size) * 10**digits)
    text = f"{'-' * (count < 0)}{abs(count) // 10**digits}" + (
        f".{abs(count) % 10**digits:0{digits}}" if digits else ""
    )
    form = f"{number}{unit} since {base.isoformat()}"
    parsed = parse_stamps(pa.array([text]), compile_format(form))
    assert parsed.ok.all()
    assert parsed.exact.all()
    assert parsed.wall.tolist() == [(time - EPOCH) // timedelta(seconds=1) * SECOND]
    assert parsed.moved is not None
    written = (base - EPOCH) // timedelta(seconds=1) * SECOND + Fraction(count, 10**digits) * size * SECOND
    assert abs(int(parsed.moved[0]) - abs(int(parsed.wall[0]) - written)) <= 1000  # a microsecond


@given(
    st.lists(st.from_regex(r"-?[0-9]{1,6}([.][0-9]{1,17})?", fullmatch=True), min_size=1, max_size=3),
    st.sampled_from(list(UNITS)),
)
def test_no_count_is_moved_farther_than_its_digits_allow(texts: list[str], unit: str) -> None:
    form = f"{unit} since 2000-01-01"
    parsed = parse_stamps(pa.array(texts), compile_format(form))
    for text, time, ok in zip(texts, parsed.wall.tolist(), parsed.ok.tolist(), strict=True):
        exact = moment("2000-01-01T00:00") + Fraction(text) * UNITS[unit] * SECOND
        assert ok == (moment("1900-01-01T00:00") <= exact < moment("2199-12-31T23:59"))
        half = Fraction(UNITS[unit] * SECOND, 2 * 10 ** len(text.partition(".")[2]))
        allowed = max(min(half, Fraction(30 * SECOND)), Fraction(SECOND, 2))
        if unit == "s" or "." not in text:
            allowed = Fraction(1)
        if ok:
            assert abs(time - exact) <= allowed + 1


def test_the_base_of_a_format() -> None:
    assert find_count_base("%Y-%m-%d") is None
    assert find_count_base("iso") is None
    base = find_count_base("excel")
    assert base is not None
    assert (base.exact, base.least) == (False, 61)
