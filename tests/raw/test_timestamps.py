from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw import timestamps
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from tests.examples import examples

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (wall time)
WALLS = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31, 23, 59, 59))  # noqa: DTZ001 (wall time)
FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%d%H", "%Y%m%dT%H%M%S.%f", "%j/%Y %H", "%d %b %Y, %I:%M:%S %p",
    "%B %d %Y %H:%M", "100%%-%y-%m-%d",
)  # fmt: skip


def wall_ns(stamp: datetime) -> int:
    return (stamp - EPOCH) // timedelta(microseconds=1) * 1000


def parsed(texts: list[str], form: str, part: str | None = None) -> list[int | None]:
    """The stamps as nanoseconds, None where unreadable."""
    found = parse_stamps(pa.array(texts, pa.string()), compile_format(form, part))
    return [int(wall) if ok else None for wall, ok in zip(found.wall, found.ok, strict=True)]


@examples(200)
@given(st.sampled_from(FORMATS), st.lists(WALLS, min_size=1, max_size=8))
def test_formats_are_read_as_strptime_reads_them(form: str, walls: list[datetime]) -> None:
    if "%y" in form:
        walls = [wall.replace(year=1969 + wall.year % 100, day=min(wall.day, 28)) for wall in walls]
    texts = [wall.strftime(form) if wall.year >= 1000 else "" for wall in walls]
    expected = [wall_ns(datetime.strptime(text, form)) for text in texts]  # noqa: DTZ007 (wall time)
    assert parsed(texts, form) == expected
    assert parsed([text.replace(" 0", " ") for text in texts], form) == expected


@examples(200)
@given(st.lists(st.tuples(WALLS, st.sampled_from(["hours", "minutes", "seconds", "milliseconds"])), min_size=1, max_size=8),
       st.sampled_from(["T", " "]), st.sampled_from(["", "Z", "+00:00", "-03:30", "+0545"]))  # fmt: skip
def test_iso_is_read_as_datetime_reads_it(
    walls: list[tuple[datetime, str]], letter: str, offset: str
) -> None:
    texts = [wall.isoformat(letter, precision) + offset for wall, precision in walls]
    found = parse_stamps(pa.array(texts, pa.string()), compile_format("iso"))
    assert found.ok.all()
    assert found.exact.all() == bool(offset)
    for text, wall in zip(texts, found.wall.tolist(), strict=True):
        stamp = datetime.fromisoformat(text)
        utc = stamp.astimezone(UTC).replace(tzinfo=None) if stamp.tzinfo else stamp
        assert wall == wall_ns(utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", "2024-03-01T00:00"),
        ("2024-02-29T24:00", "2024-03-01T00:00"),
        ("  2024-02-29 10:00 ", "2024-02-29T10:00"),
        ("2024-02-29T10:00:00.123456789Z", "2024-02-29T10:00:00.123456789"),
        ("2024-02-29t10:00z", "2024-02-29T10:00"),
        ("2024-02-29T24:01", None),
        ("2024-02-30", None),
        ("2023-02-29", None),
        ("2024-00-10", None),
        ("2024-13-01", None),
        ("2024-01-01T25:00", None),
        ("2024-01-01T10:60", None),
        ("2024-01-01T10:00:60", None),
        ("2024-01-01T10:00+24:00", None),
        ("1899-12-31", None),
        ("2200-01-01", None),
        ("2024-01-01T10:00 UTC", None),
        ("20240101", None),
        ("٢٠٢٤-01-01", None),
        ("", None),
    ],
)
def test_an_iso_stamp_is_a_real_moment_or_unreadable(text: str, expected: str | None) -> None:
    assert parsed([text], "iso") == [
        None if expected is None else int(np.datetime64(expected, "ns").astype(np.int64))
    ]


@given(st.lists(st.sampled_from(["2024-01-01", "2024-01-01T10:00", "x", "", "2024-1-1", "2024-01-01T10:00Z", " 2024-01-01"]),
                max_size=12))  # fmt: skip
def test_a_stamp_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    assert parsed(texts, "iso") == [parsed([text], "iso")[0] for text in texts]


@pytest.mark.parametrize("series", [3, 4, 9])
def test_texts_that_series_repeat_far_apart_are_read_as_if_each_stood_alone(
    series: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = [
        f"{EPOCH + timedelta(hours=hour):%Y-%m-%d %H:%M}" if hour % 50 else "?" for hour in range(1, 1100)
    ]
    counts: list[int] = []

    def count(texts: pa.StringArray, *rest: Any) -> object:
        counts.append(len(texts))
        return parse_each(texts, *rest)

    parse_each = timestamps._parse_by_first
    monkeypatch.setattr(timestamps, "_parse_by_first", count)
    found = parsed(each * series, "iso")
    assert found == [parsed([text], "iso")[0] for text in each] * series
    assert counts[0] == (len(set(each)) if series > 3 else len(each) * series)


def test_an_array_that_is_a_slice_is_read_from_its_own_place() -> None:
    whole = pa.array(["2024-01-01", "x", "2024-01-02", "2024-01-03"], pa.string())
    found = parse_stamps(whole.slice(2), compile_format("iso"))
    assert np.diff(found.wall).tolist() == [86400 * 10**9]


@pytest.mark.parametrize(
    ("part", "text", "expected"),
    [
        ("start", "01.01.2024 10:00 - 01.01.2024 11:00", 10),
        ("end", "01.01.2024 10:00 - 01.01.2024 11:00", 11),
        ("start", "01.01.2024 10:00", None),
        ("end", "01.01.2024 10:00", None),
        ("start", "01.01.2024 10:00 - ", None),
    ],
)
def test_a_part_is_one_side_of_an_interval(part: str, text: str, expected: int | None) -> None:
    start = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
    found = parsed([text], "%d.%m.%Y %H:%M", part)
    assert found == [None if expected is None else start + expected * 3600 * 10**9]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("epoch_s", "1704067200", 1704067200 * 10**9),
        ("epoch_s", "1704067200.25", 170406720025 * 10**7),
        ("epoch_s", "-0.5", -5 * 10**8),
        ("epoch_ms", "1704067200123", 1704067200123 * 10**6),
        ("epoch_ms", "1704067200123.5", 17040672001235 * 10**5),
        ("epoch_s", "1704067200000", None),  # milliseconds by mistake
        ("epoch_s", "1e9", None),
    ],
)
def test_epoch_seconds_and_milliseconds_are_utc(form: str, text: str, expected: int | None) -> None:
    assert parsed([text], form) == [expected]
    assert parse_stamps(pa.array([text]), compile_format(form)).exact.all()


def test_many_shapes_in_one_array_are_all_read() -> None:
    start = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    stamps = [start + timedelta(hours=997 * step) for step in range(300)]
    texts = [f"{stamp.day}.{stamp:%B}.{stamp.year} {stamp.hour}:{stamp:%M}" for stamp in stamps]
    assert parsed(texts, "%d.%B.%Y %H:%M") == [wall_ns(stamp.replace(tzinfo=None)) for stamp in stamps]
