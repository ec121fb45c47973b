"""Local time the slow way: one `datetime` at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",  # its winter time is the "daylight" one
    "America/New_York",
    "America/St_Johns",  # half an hour off, and once changed at a minute past midnight
    "Australia/Lord_Howe",  # the clock changes by half an hour
    "Asia/Kathmandu",
    "Africa/Casablanca",  # changes around Ramadan
    "Pacific/Apia",  # left out a whole day
    "Pacific/Kwajalein",  # left out a day as well, long before
    "Antarctica/Troll",  # changes by two hours
    "America/Sao_Paulo",  # its clocks changed at midnight
)

SKIPPED = {"Pacific/Apia": datetime(2011, 12, 30), "Pacific/Kwajalein": datetime(1993, 8, 21)}  # noqa: DTZ001
"""The day that a zone left out."""


def aware(stamp: int, zone: str) -> datetime:
    """A UTC stamp as local time, exact to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=stamp // SECOND)).astimezone(ZoneInfo(zone))


def stamp_of(wall: datetime, zone: str) -> int:
    """A wall time without zone as a UTC stamp: the first of two, moved on where there is none."""
    assert wall.tzinfo is None
    since = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * SECOND


def stamp_of_calendar(wall: datetime, zone: str) -> int:
    """The same in a calendar without the day that the zone left out: the dates before it are one day later."""
    if zone in SKIPPED and wall < SKIPPED[zone] + timedelta(days=1):
        wall -= timedelta(days=1)
    return stamp_of(wall, zone)


def wall_stamp(wall: datetime) -> int:
    """A wall time without zone as the nanoseconds that a wall clock shows."""
    assert wall.tzinfo is None
    since = wall.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * SECOND


def local(stamp: int, zone: str) -> datetime:
    """A UTC stamp as wall time without zone."""
    return aware(stamp, zone).replace(tzinfo=None)


zones = st.sampled_from(ZONES)

_changes = [
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia
    datetime(1993, 8, 21, 12, tzinfo=UTC),  # Kwajalein
    datetime(2018, 11, 4, 3, tzinfo=UTC),  # Sao Paulo
    datetime(2024, 3, 10, 7, tzinfo=UTC),
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 11, 3, 6, tzinfo=UTC),
]

near_a_change = st.tuples(st.sampled_from(_changes), st.integers(-3 * 96, 3 * 96)).map(
    lambda pair: (int(pair[0].timestamp()) + pair[1] * 900) * SECOND
)
anywhere = st.integers(0, 4_000_000_000).map(lambda second: second * SECOND)
stamps = st.lists(st.one_of(near_a_change, anywhere), min_size=1, max_size=30)
"""UTC stamps between 1970 and 2096, many of them within days of a clock change."""
