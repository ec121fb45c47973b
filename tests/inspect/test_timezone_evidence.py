"""The zone of timestamps is named by headings and proven by the hours of clock changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.inspect import mock


def stamp(
    folder: Path, heading: str, zone: str, *, name: str = "x", drop_doubled: bool = False
) -> tuple[dict[str, Any], str]:
    """The stamp proposed for a year on the clock of `zone`, and what is asked about it."""
    times = mock.hours(count=365 * 24, zone=zone)
    texts = [f"{t:%Y-%m-%d %H:%M}" for t in times]
    rows = list(zip(dict.fromkeys(texts) if drop_doubled else texts, mock.values(len(texts)), strict=False))
    seen = mock.seen(folder, **{f"{name}_csv": mock.lines(f"{heading},load", *rows)})
    questions = [asked for asked in seen.require_proposal().questions if asked.setting.endswith("valid_time")]
    return mock.only_source(seen)["valid_time"], " ".join(asked.question for asked in questions)


@pytest.mark.parametrize(
    ("heading", "zone", "name", "found"),
    [
        ("time", "Europe/Berlin", "x", "Europe/Berlin"),
        ("time", "Europe/London", "x", "Europe/London"),
        ("time", "Europe/Athens", "x", "Europe/Athens"),
        ("time", "Europe/Paris", "FR_load", "Europe/Paris"),
        ("time", "Australia/Sydney", "x", "Australia/Sydney"),
        ("time (CPT)", "America/Chicago", "x", "America/Chicago"),
        ("time (UTC)", "UTC", "x", "UTC"),
        ("time (CET)", "Etc/GMT-1", "x", "Etc/GMT-1"),
        ("time (JST)", "Asia/Tokyo", "x", "Asia/Tokyo"),
        ("time", "UTC", "x", "UTC"),
    ],
)
def test_a_year_of_timestamps_shows_its_zone(
    heading: str, zone: str, name: str, found: str, tmp_path: Path
) -> None:
    setting, question = stamp(tmp_path, heading, zone, name=name)
    assert setting["zone"] == found
    changes = zone not in ("UTC", "Etc/GMT-1", "Asia/Tokyo")
    assert ("occurs twice" in question) == changes
    assert setting.get("ambiguous") == ("in_order" if changes else None)


def test_an_autumn_hour_that_occurs_once_is_asked_about(tmp_path: Path) -> None:
    setting, question = stamp(tmp_path, "time", "Europe/Berlin", drop_doubled=True)
    assert setting["zone"] == "Europe/Berlin"
    assert setting["ambiguous"] == "earlier"
    assert "the repeated autumn hour occurs only once" in question


def test_offsets_in_the_stamps_need_no_zone(tmp_path: Path) -> None:
    times = mock.hours(zone="Europe/Berlin")
    rows = [(f"{t:%Y-%m-%dT%H:%M:%S%z}", 1.5) for t in times]
    setting = mock.only_source(mock.seen(tmp_path, x_csv=mock.lines("time,actual", *rows)))["valid_time"]
    assert setting == {"column": "time", "format": "iso"}


def test_two_abbreviations_of_one_place_mean_wall_time(tmp_path: Path) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", 1.5) for t in mock.hours(count=48)]
    setting = mock.only_source(mock.seen(tmp_path, x_csv=mock.lines("MTU (CET/CEST),actual", *rows)))[
        "valid_time"
    ]
    assert setting["zone"] == "Europe/Berlin"
    assert setting["ambiguous"] == "in_order"


@pytest.mark.parametrize("head", ["OPR_DT,OPR_HR,LMP", "day,hour,Load (MW)", "day,hour,NODE_ID"])
def test_letters_that_are_an_hour_a_unit_or_a_number_are_not_a_country(tmp_path: Path, head: str) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines(head, *zip(times.strftime("%m/%d/%Y"), times.hour + 1, load, strict=True)),
    )
    assert not any(word in "; ".join(mock.questions(seen)) for word in ("Zagreb", "Blantyre", "Jakarta"))


@pytest.mark.parametrize(
    ("heading", "zone"),
    [("time (UTC+1)", "Etc/GMT-1"), ("time GMT-03:00", "Etc/GMT+3"), ("time (UTC+5:30)", "Asia/Kolkata"),
     ("time [Asia/Tokyo]", "Asia/Tokyo"), ("time (UTC)", "UTC")],
)  # fmt: skip
def test_an_offset_or_a_zone_in_the_heading_is_the_zone(tmp_path: Path, heading: str, zone: str) -> None:
    rows = [(f"{t:%Y-%m-%d %H:%M}", 1.5) for t in mock.hours(count=48)]
    seen = mock.seen(tmp_path, x_csv=mock.lines(f"{heading},actual", *rows))
    assert mock.only_source(seen)["valid_time"]["zone"] == zone


def test_a_zone_in_the_heading_that_the_timestamps_contradict_is_asked_about(tmp_path: Path) -> None:
    setting, question = stamp(tmp_path, "time (Europe/Berlin)", "UTC")
    assert setting["zone"] == "Europe/Berlin"
    assert "no clock change" in question


def test_the_zone_of_a_country_is_asked_for_if_days_of_25_hours_fit_others_too(tmp_path: Path) -> None:
    times = mock.hours("2022-10-14 22:00", 24 * 30, "Europe/Berlin")
    days = pd.Series(range(len(times))).groupby(times.date)
    rows = [
        (day, number + 1, *[float(50 + row % 24)] * 3)
        for day, part in days
        for number, row in enumerate(part)
    ]
    seen = mock.seen(tmp_path, load_csv=mock.lines("Date,SP,DE_load,FR_load,ES_load", *rows))
    assert any(
        "the days of 23 and 25 hours match Europe/Berlin" in question for question in mock.questions(seen)
    )
