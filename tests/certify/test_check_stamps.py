"""Planted faults of raw timestamps are found, and right data across odd clocks and grids passes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_stamps import check_stamps
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.step_clock import StepClock
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, frame, mock_params
from tests.raw.off_grid_oracle import Reading, find_strays, is_off, rounded
from tests.raw.test_off_grid import series_of_readings
from tests.split.workplace import kinds, make_data

MINUTE = HOUR // 60
FEATURES = {"lags": {"usage": ["3d", "72h"]}, "recent": {"usage": 1}, "calendar": ["hour"], "lead": True}


def asked(raw: dict[str, Any] | None = None, source: dict[str, Any] | None = None, **align: Any) -> Params:
    """Settings of one measured source, with changed fields of `raw` and of the source."""
    params = mock_params(sources=("meter",), **{"features": FEATURES, "origin": {"before": "24h"}, **align})
    meter = (
        params.raw.sources["meter"].model_dump(by_alias=True)
        | {"known": {"after_step": "0h"}}
        | (source or {})
    )
    settings = params.raw.model_dump(by_alias=True) | (raw or {}) | {"sources": {"meter": meter}}
    return params.model_copy(
        update={
            "raw": type(params.raw).model_validate(settings),
            "split": params.split.model_copy(update={"validation": 0.2, "test": 0.2}),
        }
    )


def measured(start: str, hours: int, params: Params, shift: int = 0) -> pd.DataFrame:
    """Hours of one series as ingest stores them; timestamps are `shift` ns late."""
    stamps = np.datetime64(start, "ns").astype(np.int64) + np.arange(hours) * HOUR + shift
    grid, rule = params.raw.stamp_grid(params.raw.sources["meter"], "here"), params.raw.sources["meter"].known
    known = rule.moments(stamps, None, grid, "UTC")  # type: ignore[union-attr]
    rows = [
        {"series": "a", "valid": int(stamp), "known": int(moment), "usage": float(at), "flow": 1.0}
        for at, (stamp, moment) in enumerate(zip(stamps, known, strict=True))
    ]
    return frame(rows, ("usage", "flow"))


def earlier(table: pd.DataFrame, row: int, column: str, length: int) -> None:
    """Move a time of one row."""
    times = table[column].to_numpy(np.int64).copy()
    times[row] -= length
    table[column] = times


def test_a_stamp_off_the_grid_that_is_floored_and_known_early_is_a_leak(tmp_path: Path) -> None:
    """An hour from 17:59 on, stored in the step of 17:00 and known from 18:00."""
    params = asked()
    table = measured("2024-03-01", 24 * 12, params)
    data = make_data(tmp_path / "right", {"meter": table}, params)
    assert not kinds(certify(data, params))
    earlier(table, 100, "valid_time", MINUTE)
    earlier(table, 100, "known_time", HOUR)
    table = table.drop(index=99)
    found = kinds(certify(make_data(tmp_path / "wrong", {"meter": table}, params), params))
    assert "off_grid" in found


def test_a_rounded_stamp_known_before_it_is_over_is_found(tmp_path: Path) -> None:
    params = asked(source={"off_grid": {"round": "5min"}})
    table = measured("2024-03-01", 24 * 12, params, shift=2 * MINUTE)
    assert not kinds(certify(make_data(tmp_path / "right", {"meter": table}, params), params))
    table["known_time"] -= 2 * MINUTE
    found = kinds(certify(make_data(tmp_path / "wrong", {"meter": table}, params), params))
    assert "known_rule" in found


@pytest.mark.parametrize("allowed", [None, "allowed"])
@pytest.mark.parametrize("place", [{"column": "k"}, {"path": "(.)", "shift": "-1d"}])
def test_a_measurement_known_before_its_step_is_found_unless_the_rule_allows_it(
    place: dict[str, str], allowed: str | None, tmp_path: Path
) -> None:
    params = asked(source={"known": {**place, "before_step": allowed}})
    table = measured("2024-03-01", 24 * 12, asked())
    earlier(table, 50, "known_time", 30 * HOUR)
    found = kinds(certify(make_data(tmp_path, {"meter": table}, params), params))
    assert ("known_early" in found) == (allowed is None)


@pytest.mark.parametrize("shift", [-2, 0, 3])
@pytest.mark.parametrize(
    "origin", [{"before": "24h"}, {"at": "10:30", "zone": "group", "covers": "next_day"}]
)
def test_steps_at_half_past_pass_as_packed(origin: dict[str, Any], shift: int, tmp_path: Path) -> None:
    params = asked(
        {"grid_offset": {"here": "30min"}, "zone": "Australia/Adelaide"},
        {"off_grid": {"round": "5min"}},
        origin=origin,
    )
    table = measured("2024-03-28T14:30", 24 * 14, params, shift * MINUTE)  # clocks change on 7 April
    data = make_data(tmp_path, {"meter": table}, params)
    assert not kinds(certify(data, params))
    with h5py.File(data / "packed" / "here.h5") as file:
        starts = file["sequences"]["start_time"][()]
    assert len(starts)
    assert (starts % HOUR == 30 * MINUTE).all()
    table["known_time"] -= HOUR
    assert kinds(certify(make_data(tmp_path / "early", {"meter": table}, params), params)) == {"known_rule"}


def test_the_day_that_samoa_skipped_passes_as_packed(tmp_path: Path) -> None:
    zone = ZoneInfo("Pacific/Apia")
    params = asked({"zone": "Pacific/Apia"}, origin={"at": "10:00", "zone": "group", "covers": "next_day"})
    data = make_data(tmp_path, {"meter": measured("2011-12-20", 24 * 20, params)}, params)
    assert not kinds(certify(data, params))
    found = {}
    with h5py.File(data / "packed" / "here.h5") as file:
        length = int(file.attrs["segment_length"])
        times = (file["time"][()][:, None] + np.arange(length) * HOUR).reshape(-1)
        for step, origin in zip(times.tolist(), file["origin"][()].reshape(-1).tolist(), strict=True):
            local = [datetime.fromtimestamp(each / 1e9, UTC).astimezone(zone) for each in (step, origin)]
            found[local[0].date()] = local[1]
    for day, origin in found.items():
        eve = date(2011, 12, 29) if day == date(2011, 12, 31) else day - timedelta(days=1)
        if date(2011, 12, 24) < day < date(2012, 1, 6):
            assert origin.replace(tzinfo=None) == datetime.combine(eve, time(10))
    assert date(2011, 12, 31) in found
    assert date(2011, 12, 30) not in found


@given(series_of_readings())
def test_strays_are_those_of_the_slow_rule(case: tuple[list[Reading], StampGrid]) -> None:
    """As ingest finds them, by other arithmetic; rows that lose against a nearer one are never in a table."""
    readings, grid = case
    strays = find_strays(readings, grid)
    lost = {place for place in strays if not is_off(rounded(readings[place].stamp, grid), grid)}
    left = [reading for place, reading in enumerate(readings) if place not in lost]
    due = sorted(reading.stamp for place, reading in enumerate(readings) if place in strays - lost)
    source = Source.model_validate(
        {
            "role": "forecast", "files": "*", "group": {"constant": "g"}, "issue_time": {"column": "i"},
            "valid_time": {"column": "t"}, "known": {"at_issue_plus": "0h"}, "values": {"u": {"column": "u"}},
        }
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "series": [str(reading.owner[0]) for reading in left],
            "issue_time": np.array([reading.owner[1] for reading in left], np.int64),
            "valid_time": np.array([reading.stamp for reading in left], np.int64),
            "u": np.where([reading.has_value for reading in left], 1.0, np.nan) if left else np.zeros(0),
        }
    )
    for keeps, count in ((False, len(due)), (True, 0)):
        found = Findings()
        clock = StepClock(grid.frequency, grid.offset, grid.pitch, grid.rounding, keeps=keeps)
        check_stamps(found, table, source, clock, "t")
        assert found["off_grid"].violations == count
