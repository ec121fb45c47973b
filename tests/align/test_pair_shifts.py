"""A published forecast that fits another step, or nothing, is found; one that fits is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hindcast.pipeline.align import pair_shifts
from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import read_table
from tests.align.mock import HOUR, START, frame, mock_params

HOURS = 24 * 20


def rows(shift: int = 0, factor: float = 1.0, hours: int = HOURS) -> dict[str, pd.DataFrame]:
    """Two series; the forecast of `a` describes the measurement `shift` hours later, times a factor."""
    random = np.random.default_rng(3)
    load = 100 + 20 * np.sin(np.arange(-48, hours + 48) * np.pi / 12) + random.normal(0, 10, hours + 96)
    weather, meter = [], []
    for series in "ab":
        for hour in range(hours):
            valid = START + hour * HOUR
            meter.append(
                {
                    "series": series,
                    "valid": valid,
                    "known": valid + 2 * HOUR,
                    "usage": load[hour + 48],
                    "flow": 1.0,
                }
            )
            at = hour + 48 + (shift if series == "a" else 0)
            value = load[at] * (factor if series == "a" else 1.0) + random.normal(0, 1)
            issue = valid - 24 * HOUR
            weather.append(
                {"series": series, "valid": valid, "issue": issue, "known": issue, "temp": value, "rain": 0.0}
            )
    return {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}


def misfits(frames: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    params = mock_params(
        origin={"before": "12h"}, published={"usage": "temp"}, features={}, sources=("weather", "meter")
    )
    return align_frames(frames, params, "here").pairs["misfits"]


@pytest.mark.parametrize("shift", [-24, -6, -1, 1, 2, 5, 9, 24])
def test_a_forecast_of_another_step_is_found_with_its_shift(shift: int) -> None:
    (found,) = misfits(rows(shift))
    assert (found["series"], found["shift_ns"]) == ("a", shift * HOUR)
    assert found["mae_other"] < 2
    assert found["mae"] > 8
    assert found["pairs"] > 300


def test_a_forecast_in_another_unit_is_far_worse_than_persistence() -> None:
    (found,) = misfits(rows(factor=1000))
    assert (found["series"], found["shift_ns"]) == ("a", 0)
    assert found["mae"] > 10_000 > found["mae_other"]


def test_a_week_of_measurements_in_another_unit_is_found() -> None:
    frames = rows()
    meter, weather = frames["meter"], frames["weather"]
    meter["usage"], weather["temp"] = meter["usage"] + 1000, weather["temp"] + 1000
    wrong = ((meter["series"] == "a") & (meter.groupby("series").cumcount() < 24 * 7)).to_numpy()
    meter.loc[wrong, "usage"] *= 1000
    (found,) = misfits(frames)
    assert (found["series"], found["shift_ns"]) == ("a", 0)


def test_a_forecast_that_is_the_measurement_is_found() -> None:
    frames = rows()
    meter, weather = frames["meter"], frames["weather"]
    copied = (weather["series"] == "a").to_numpy()
    weather.loc[copied, "temp"] = meter.loc[(meter["series"] == "a").to_numpy(), "usage"].to_numpy()
    params = mock_params(
        origin={"before": "12h"}, published={"usage": "temp"}, features={}, sources=("weather", "meter")
    )
    (found,) = align_frames(frames, params, "here").pairs["copies"]
    assert (found["series"], found["target"]) == ("a", "usage")
    assert found["equal"] == found["pairs"] > 300
    assert align_frames(rows(), params, "here").pairs["copies"] == []


def test_good_forecasts_and_few_pairs_raise_no_warning() -> None:
    assert misfits(rows()) == []
    assert misfits(rows(1, hours=72)) == []


def mixed_rows(seed: int) -> dict[str, pd.DataFrame]:
    """Forecasts of 24 series of several lengths with gaps: good, noisy, shifted, scaled, constant and near the limits of a warning."""
    random = np.random.default_rng(seed)
    weather, meter = [], []
    for number in range(24):
        hours = int(random.choice([20, 160, 240, 400]))
        load = 100 + 20 * np.sin(np.arange(hours + 48) * np.pi / 12) + random.normal(0, 5, hours + 48)
        if number % 6 == 5:
            load[:] = 7.0
        shift, factor = int(random.choice([0, 0, -1, 3, 24])), float(random.choice([1, 1, 1, 1.5, 1.7, 100]))
        share = random.choice([0, 0.5, 0.57, 0.6, 1])  # of the forecast that describes the other step
        gaps = random.random(hours) < random.choice([0, 0.02, 0.3])
        for hour in np.flatnonzero(~gaps).tolist():
            valid, at = START + hour * HOUR, hour + 24
            stamps = {"series": f"s{number:02}", "valid": valid}
            meter.append(stamps | {"known": valid + 2 * HOUR, "usage": load[at], "flow": 1.0})
            issue = valid - 24 * HOUR
            value = factor * (load[at] + share * (load[at + shift] - load[at]))
            weather.append(stamps | {"issue": issue, "known": issue, "temp": value, "rain": 0.0})
    return {"weather": frame(weather, ("temp", "rain")), "meter": frame(meter, ("usage", "flow"))}


@pytest.mark.parametrize("seed", range(4))
def test_only_series_that_cannot_be_found_are_left_out_of_the_comparison_pair_by_pair(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, flags = mixed_rows(seed), list[NDArray[np.bool_]]()
    may_be_misfit = pair_shifts._may_be_misfit

    def noted(*given: Any) -> NDArray[np.bool_]:
        flags.append(may_be_misfit(*given))
        return flags[-1]

    def every(group: GroupInputs, *_: Any) -> NDArray[np.bool_]:
        return np.ones(len(group.grid.names), np.bool_)

    monkeypatch.setattr(pair_shifts, "_may_be_misfit", noted)
    found = misfits(frames)
    monkeypatch.setattr(pair_shifts, "_may_be_misfit", every)
    assert found == misfits(frames)
    assert found
    assert not flags[0].all()


@pytest.mark.parametrize(("shift", "fewest"), [(0, 0), (1, 3), (-1, 3), (5, 8), (-8, 8)])
def test_measurements_of_a_real_set_that_are_moved_by_an_hour_are_found(
    shift: int, fewest: int, shared_data: Callable[[str], Path], compose: Callable[..., Any], tmp_path: Path
) -> None:
    params = check_params(compose("dataset=ercot", f"raw.path={shared_data('ercot_load')}"), "test")
    ingest(params, tmp_path)
    frames = {}
    for source, settings in params.raw.table_sources.items():
        table = read_table(tmp_path / "data/tables", source, "ERCOT")
        assert table is not None
        if settings.role == "realized":
            table = table.assign(
                **{name: table[name] + shift * HOUR for name in ("valid_time", "known_time")}
            )
        frames[source] = table
    found = align_frames(frames, params, "ERCOT").pairs["misfits"]
    assert len(found) >= fewest
    assert {entry["shift_ns"] for entry in found} == ({shift * HOUR} if shift else set())
