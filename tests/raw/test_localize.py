from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.raw.localize import find_occurrences, latest_utc, localize
from hindcast.pipeline.raw.reject_rules import GOOD, RULES
from hindcast.pipeline.raw.timestamps import ParsedStamps
from hindcast.pipeline.settings.fields import StampField
from tests.examples import examples

ZONES = (
    "UTC",
    "Europe/Madrid",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(stamp: datetime) -> int:
    return (stamp.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


@examples(300)
@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 (wall time)
def test_a_wall_time_occurs_when_the_clocks_show_it(zone: str, wall: datetime) -> None:
    _check_occurrences(zone, wall)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [1996, 2015, 2024])
def test_every_quarter_hour_near_a_clock_change_occurs_as_the_clocks_say(zone: str, year: int) -> None:
    start = datetime(year, 1, 1)  # noqa: DTZ001 (wall time)
    offsets = [(start + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone)).utcoffset() for day in range(366)]
    for day in range(365):
        if offsets[day] != offsets[day + 1]:
            for quarter in range(-8, 104):
                _check_occurrences(zone, start + timedelta(days=day, minutes=15 * quarter))


def _check_occurrences(zone: str, wall: datetime) -> None:
    both = {wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = sorted(
        moment for moment in both if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
    )
    first, second, count = find_occurrences(np.array([nanoseconds(wall)]), zone)
    assert int(count[0]) == len(shown)
    if shown:
        assert (int(first[0]), int(second[0])) == (nanoseconds(shown[0]), nanoseconds(shown[-1]))


def parsed(*texts: str, exact: bool = False) -> ParsedStamps:
    wall = np.array(texts, "datetime64[ns]").astype(np.int64)
    return ParsedStamps(wall, np.full(len(wall), exact), np.ones(len(wall), np.bool_))


@pytest.mark.parametrize(
    ("rules", "rule", "ambiguous", "hour"),
    [
        ({"ambiguous": "in_order"}, "good", True, 0),
        ({"ambiguous": "earlier"}, "good", False, 0),
        ({"ambiguous": "later"}, "good", False, 1),
        ({}, "ambiguous", False, 0),
    ],
)
def test_the_hour_that_occurs_twice_follows_its_rule(
    rules: dict[str, str], rule: str, ambiguous: bool, hour: int
) -> None:
    found = localize(
        parsed("2024-10-27T02:30"), "Europe/Madrid", StampField.model_validate({"column": "t", **rules})
    )
    assert [RULES[code] for code in found.rule] == [rule]
    assert found.ambiguous.tolist() == [ambiguous]
    assert found.utc[0] == np.datetime64(f"2024-10-27T0{hour}:30", "ns").astype(np.int64)
    assert found.later[0] == np.datetime64("2024-10-27T01:30", "ns").astype(np.int64)


@pytest.mark.parametrize(("rule", "name"), [("drop", "nonexistent_dropped"), ("quarantine", "nonexistent")])
def test_the_hour_that_does_not_exist_follows_its_rule(rule: str, name: str) -> None:
    field = StampField.model_validate({"column": "t", "nonexistent": rule})
    found = localize(
        parsed("2024-03-31T01:59", "2024-03-31T02:30", "2024-03-31T03:00"), "Europe/Madrid", field
    )
    assert [RULES[code] for code in found.rule] == ["good", name, "good"]


def test_a_stamp_with_an_offset_needs_no_zone() -> None:
    found = localize(parsed("2024-03-31T02:30", exact=True), "Europe/Madrid", StampField(column="t"))
    assert found.utc[0] == np.datetime64("2024-03-31T02:30", "ns").astype(np.int64)
    assert RULES[found.rule[0]] == "good"


def test_an_ambiguous_publication_time_is_the_later_one() -> None:
    assert latest_utc(parsed("2024-10-27T02:30"), "Europe/Madrid")[0] == np.datetime64(
        "2024-10-27T01:30", "ns"
    ).astype(np.int64)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),  # clocks went from 00:00 to 01:00
        ("America/Havana", "2024-11-03", "2024-11-03T04:00"),  # 00:00 came twice
        ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_a_date_is_the_first_moment_of_its_day_whatever_clocks_do_at_midnight(
    zone: str, day: str, expected: str
) -> None:
    wall = np.array([np.datetime64(day, "ns").astype(np.int64)])
    parsed = ParsedStamps(wall, exact=np.array([False]), ok=np.array([True]))
    found = localize(parsed, zone, StampField(column="t"), are_dates=True)
    assert found.rule[0] == GOOD
    assert np.datetime64(int(found.utc[0]), "ns") == np.datetime64(expected)
    assert np.datetime64(int(found.later[0]), "ns") == np.datetime64(expected)


def test_a_date_that_a_zone_skipped_does_not_exist() -> None:
    wall = np.array([np.datetime64("2011-12-30", "ns").astype(np.int64)])
    parsed = ParsedStamps(wall, exact=np.array([False]), ok=np.array([True]))
    found = localize(parsed, "Pacific/Apia", StampField(column="t"), are_dates=True)
    assert RULES[found.rule[0]] == "nonexistent"
