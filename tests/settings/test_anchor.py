from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.anchor import WEEKDAYS, phase_of
from hindcast.pipeline.settings.base import DAY, Duration
from hindcast.pipeline.settings.raw import RawSettings
from tests.settings.test_raw import source


def raw(**settings: Any) -> RawSettings:
    return RawSettings.model_validate({"path": "raw", "sources": {"m": source()}, **settings})


@given(st.integers(2, 60), st.dates(date(1900, 1, 1), date(2199, 1, 1)))
def test_steps_start_on_the_date_of_the_anchor(days: int, anchor: date) -> None:
    phase = phase_of(anchor.isoformat(), Duration.parse(f"{days}d"))
    assert phase % DAY == 0
    assert 0 <= phase < days * DAY
    assert ((anchor - date(1970, 1, 1)).days * DAY - phase) % (days * DAY) == 0


@pytest.mark.parametrize("weekday", WEEKDAYS)
def test_weeks_start_on_the_weekday_of_the_anchor(weekday: str) -> None:
    day = date(1970, 1, 1) + timedelta(days=phase_of(weekday, Duration.parse("7d")) // DAY)
    assert f"{day:%A}".lower() == weekday


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"frequency": "7d"}, "anchor: required with frequency 7d: write the weekday on which a week starts"),
        ({"frequency": "14d"}, "anchor: required with frequency 14d: write a date on which a step starts"),
        ({"frequency": "14d", "anchor": "sunday"}, "anchor: must be a date on which a step starts"),
        ({"frequency": "1h", "anchor": "sunday"}, "anchor: is only for steps of several days"),
        ({"frequency": "1d", "anchor": "2024-01-07"}, "anchor: is only for steps of several days"),
        ({"frequency": "7d", "anchor": "sundays"}, "must be a weekday"),
        ({"frequency": "7d", "anchor": {"a": "2024-13-01"}}, "must be a weekday .* or a date"),
        (
            {"frequency": "7d", "anchor": "sunday", "grid_offset": "24h"},
            "grid_offset must be shorter than 1d",
        ),
        ({"frequency": "168h"}, "frequency must divide a day, or be whole local days written with d"),
        (
            {"frequency": "7d", "anchor": {"b": "sunday"}, "zone": {"a": "UTC"}},
            "anchor.b names a group without a zone",
        ),
    ],
)
def test_an_anchor_that_does_not_fit_the_steps_is_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        raw(**settings)


@pytest.mark.parametrize(
    "fields",
    [
        {"interpolate": "2d"},
        {"values": {"rain": {"column": "r", "accumulated": "since_issue"}}},
    ],
)
def test_steps_of_local_days_may_be_interpolated_and_accumulated(fields: dict[str, Any]) -> None:
    forecast = {"role": "forecast", "files": "*", "group": {"column": "g"}, "known": {"at_issue_plus": "0h"}}
    forecast |= {
        "issue_time": {"column": "i"},
        "valid_time": {"column": "t"},
        "values": {"v": {"column": "v"}},
    }
    for frequency in ("1d", "24h"):
        settings = {"path": "raw", "frequency": frequency, "sources": {"f": forecast | fields}}
        assert RawSettings.model_validate(settings).frequency.text == frequency


def test_groups_may_have_other_weeks_and_a_group_without_one_is_named() -> None:
    made = raw(frequency="7d", anchor={"us": "Sunday", "uk": date(2024, 1, 1)}, grid_offset="6h")
    assert made.offset_of("us") == 3 * DAY + DAY // 4
    assert made.offset_of("uk") == 4 * DAY + DAY // 4
    assert made.clocks == (("UTC", 3 * DAY + DAY // 4), ("UTC", 4 * DAY + DAY // 4))
    with pytest.raises(SettingsError, match=r"raw\.anchor has no entry for the group 'fr'"):
        made.offset_of("fr")
