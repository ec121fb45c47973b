"""The local calendar as sines and cosines, and public holidays by the library, on the zone's clocks."""

from __future__ import annotations

import math
from calendar import isleap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.features.calendar_features import CALENDAR, on_holidays
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.features import HolidayKind, Holidays
from tests.align.mock import HOUR, frame, mock_params, moment
from tests.settings.slow_clock import local, stamps, zones

GERMANY = Holidays(country="DE")


def hours(first: str, count: int) -> np.ndarray:
    return moment(first) + np.arange(count) * HOUR


def test_a_holiday_begins_and_ends_at_local_midnight() -> None:
    # 1 May lasts from 22:00 UTC on the eve to 22:00 UTC in summer's Berlin
    flags = on_holidays(wall_of(hours("2024-04-30T20:00", 30), "Europe/Berlin"), GERMANY)
    assert np.flatnonzero(flags).tolist() == list(range(2, 26))


def test_a_holiday_on_which_clocks_change_has_all_its_hours() -> None:
    easter = Holidays(
        country="DE", subdivision="BB"
    )  # Easter Sunday is one in Brandenburg; clocks change on it
    flags = on_holidays(wall_of(hours("2024-03-30T21:00", 25), "Europe/Berlin"), easter)
    assert flags.tolist() == [0, 0] + [1] * 23  # it begins at 23:00 UTC and ends at 22:00


def test_a_part_of_a_country_has_its_own_days() -> None:
    epiphany = hours("2025-01-06T00:00", 1)
    assert on_holidays(epiphany, Holidays(country="DE", subdivision="BY")).tolist() == [1]
    assert on_holidays(epiphany, GERMANY).tolist() == [0]


def test_a_day_has_one_flag_whatever_else_is_asked() -> None:
    times = hours("2023-12-20T00:00", 24 * 40)
    together = on_holidays(wall_of(times, "Europe/Paris"), Holidays(country="FR"))
    alone = [
        on_holidays(wall_of(times[at : at + 1], "Europe/Paris"), Holidays(country="FR"))[0]
        for at in range(0, 960, 7)
    ]
    assert together[::7][: len(alone)].tolist() == alone
    assert 0 < together.sum() < len(times)


def test_no_steps_have_no_flags() -> None:
    assert on_holidays(wall_of(hours("2024-01-01", 0), "UTC"), GERMANY).tolist() == []


@pytest.mark.parametrize("chosen", [Holidays(country="XX"), Holidays(country="DE", subdivision="ZZ")])
def test_an_unknown_country_or_part_is_refused_by_name(chosen: Holidays) -> None:
    with pytest.raises(SettingsError, match=r"align.features.holidays: .*(XX|ZZ)"):
        on_holidays(wall_of(hours("2024-01-01", 1), "UTC"), chosen)


def test_the_flag_is_a_feature_of_every_step() -> None:
    rows = [
        {"series": name, "valid": time, "known": time + HOUR, "usage": 1.0}
        for name in ("a", "b")
        for time in hours("2024-12-24T12:00", 48).tolist()
    ]
    chosen = mock_params(sources=("meter",), features={"holidays": {"here": {"country": "DE"}}})
    made = align_frames({"meter": frame(rows, ("usage", "flow"))}, chosen, "here")
    (column,) = [at for at, feature in enumerate(made.features) if feature.name == "holiday"]
    for one in made.sequences:
        assert one.X[:, column].tolist() == [0.0] * 11 + [1.0] * 37


def _waves(times: np.ndarray, zone: str) -> dict[str, np.ndarray]:
    """The calendar's columns of steps that start at `times`."""
    view: Any = SimpleNamespace(group=SimpleNamespace(wall=wall_of(times, zone)))
    params = mock_params(features={"calendar": ["hour", "weekday", "yearday"]})
    filled = {column.feature.name: column.fill(view) for column in CALENDAR.columns(params)}
    return {name: value.values for name, value in filled.items() if isinstance(value, SharedValues)}


@given(stamps, zones)
def test_waves_are_sine_and_cosine_of_the_local_clock_and_calendar(times: list[int], zone: str) -> None:
    found = _waves(np.array(times), zone)
    assert list(found) == [
        f"{part}_{wave}" for part in ("hour", "weekday", "yearday") for wave in ("sin", "cos")
    ]
    for at, time in enumerate(times):
        wall = local(time, zone)
        turns = (
            (wall.hour * 3600 + wall.minute * 60 + wall.second) / 86400,
            wall.weekday() / 7,
            (wall.timetuple().tm_yday - 1) / (366 if isleap(wall.year) else 365),
        )
        expected = [wave(2 * math.pi * turn) for turn in turns for wave in (math.sin, math.cos)]
        np.testing.assert_allclose([column[at] for column in found.values()], expected, atol=2e-7)


def test_quarters_of_a_turn_are_exact() -> None:
    found = _waves(np.array([0, 6, 12, 18]) * HOUR, "UTC")
    assert found["hour_sin"].tolist() == [0, 1, 0, -1]
    assert found["hour_cos"].tolist() == [1, 0, -1, 0]
    assert not np.signbit(found["hour_sin"][[0, 2]]).any()


def flags_of(days: list[str], kind: HolidayKind, **chosen: Any) -> list[float]:
    wall = np.array(days, "datetime64[ns]").astype(np.int64) + HOUR
    return list(on_holidays(wall, Holidays(**{"country": "DE", **chosen}), kind))


def test_kinds_of_holidays_on_days_that_everybody_knows() -> None:
    # in 2024 Labour Day was a Wednesday, Ascension a Thursday (9 May), Unity Day a Thursday (3 October)
    assert flags_of(["2024-05-09", "2024-05-10", "2024-05-13", "2024-10-04"], "bridge") == [0, 1, 0, 1]
    assert flags_of(["2023-10-02", "2023-12-31", "2024-12-31"], "bridge") == [1, 0, 0]
    assert flags_of(["2024-04-30", "2024-12-24", "2024-12-25", "2023-12-31"], "eve") == [1, 1, 0, 1]
    assert flags_of(["2024-08-05", "2024-10-01"], "school", subdivision="BY") == [1, 0]
    shares = flags_of(["2024-01-06", "2024-05-01", "2024-05-02"], "regional")
    assert 0 < shares[0] < 0.3
    assert shares[1:] == [0, 0], "a holiday of the whole country is none of a region"


def test_the_week_of_a_country_decides_what_a_bridge_is() -> None:
    # 22 February 2023, Founding Day, was a Wednesday: Saudi Arabia works from Sunday to Thursday
    assert flags_of(["2023-02-23", "2023-02-24"], "bridge", country="SA")[0] == 1


@pytest.mark.parametrize(("kind", "country"), [("school", "US"), ("school", "DE"), ("regional", "SG")])
def test_a_kind_that_the_library_does_not_have_is_refused(kind: HolidayKind, country: str) -> None:
    with pytest.raises(SettingsError, match=f"remove the kind {kind}"):
        flags_of(["2024-01-01"], kind, country=country)


def test_every_kind_is_a_column() -> None:
    kinds = ["public", "eve", "bridge", "school", "regional"]
    params = mock_params(features={"holidays": {"country": "DE", "kinds": kinds}})
    names = [feature.name for feature in feature_list(params)]
    assert [name for name in names if name.startswith("holiday")] == [
        "holiday",
        *(f"holiday_{kind}" for kind in kinds[1:]),
    ]
    plain = mock_params(features={"holidays": {"country": "DE"}}).align.model_dump(mode="json")
    assert plain["features"]["holidays"] == {"country": "DE", "subdivision": None}, (
        "digests of older settings stay"
    )


def test_groups_have_the_same_kinds() -> None:
    with pytest.raises(SettingsError, match="all groups must have the same kinds"):
        mock_params(
            features={"holidays": {"here": {"country": "DE"}, "there": {"country": "FR", "kinds": ["eve"]}}}
        )
