"""Measured values at a fixed age, and the fallbacks, compared with a slow search and with what `pack` stores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_frames
from hindcast.pipeline.serve.measured_rows import ForecastKeys, measure
from hindcast.pipeline.settings.params import Params
from tests.mock_data import mock_params
from tests.serve.input_rows import DAY, HOUR, START, measured

MOMENT = START + 30 * DAY


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Every step twice revised: after a day and after ten days; some steps are not."""
    first = measured(40)
    random = np.random.default_rng(2)
    parts = [first]
    for number, delay in enumerate((DAY, 10 * DAY), start=1):
        again = first[random.random(len(first)) < 0.7].copy()
        again["known_time"] += delay
        again["usage"] += 100 * number
        parts.append(again)
    both = pd.concat(parts).sort_values(["series", "valid_time", "known_time"], ignore_index=True)
    both["series"] = both["series"].astype("category")
    return both


def settings(**evaluate: Any) -> Params:
    features = {"forecast": [], "lags": {"usage": ["48h"]}}
    return mock_params(evaluate=evaluate, raw={"zone": "UTC"}, align={"features": features})


def keys(days: range) -> ForecastKeys:
    valid = np.concatenate([START + day * DAY + np.arange(24) * HOUR for day in days])
    return ForecastKeys(
        series=np.repeat(np.array(["a", "b", "unknown"]), len(valid)),
        target=np.full(3 * len(valid), "usage"),
        valid=np.tile(valid, 3),
        origin=np.tile(valid - DAY, 3),
    )


@pytest.mark.parametrize("truth", ["first", "last", {"after": "36h"}, {"after": "12d"}])
def test_the_value_is_the_revision_of_the_age(truth: Any, rows: pd.DataFrame) -> None:
    wanted = keys(range(10, 31))
    found = measure({"usage": rows}, settings(truth=truth), "g", wanted, MOMENT).actual
    known = rows[rows["known_time"] <= MOMENT]
    by_step = dict(iter(known.groupby(["series", "valid_time"], observed=True)))
    age = {"36h": 36 * HOUR, "12d": 12 * DAY}.get(truth["after"]) if isinstance(truth, dict) else None
    for series, valid, value in zip(wanted.series, wanted.valid, found, strict=True):
        part = by_step.get((series, valid))
        slow = np.nan
        if part is not None and age is None:
            slow = part["usage"].iloc[0 if truth == "first" else -1]
        elif part is not None and age is not None and valid + HOUR + age <= MOMENT:
            in_time = part[part["known_time"] <= valid + HOUR + age]
            slow = in_time["usage"].iloc[-1] if len(in_time) else np.nan
        np.testing.assert_equal(value, slow)
    assert np.isfinite(found).any()


def test_fallbacks_are_those_that_pack_stores(rows: pd.DataFrame) -> None:
    params = settings()
    packed = align_frames({"usage": rows}, params, "g")
    wanted = keys(range(14, 28))
    found = measure({"usage": rows}, params, "g", wanted, MOMENT).baseline
    stored = {
        (sequence.series, int(time)): sequence.baseline[step, 0]
        for sequence in packed.sequences
        for step, time in enumerate(sequence.times)
    }
    compared = 0
    for series, valid, values in zip(wanted.series, wanted.valid, found, strict=True):
        if (key := (str(series), int(valid))) in stored:
            np.testing.assert_array_equal(values[:3].astype(np.float32), stored[key][:3])
            compared += 1
    assert compared > 500


def test_an_unknown_series_and_a_step_without_rows_have_no_value(rows: pd.DataFrame) -> None:
    wanted = keys(range(39, 45))
    found = measure({"usage": rows}, settings(), "g", wanted, MOMENT)
    assert np.isnan(found.actual).all()
    assert np.isnan(measure({}, settings(), "g", wanted, MOMENT).actual).all()


def test_steps_of_local_days_west_of_greenwich_are_found_by_their_labels() -> None:
    zone = "America/New_York"
    days = pd.date_range("2024-03-01", periods=30, freq="D", tz=zone).tz_convert("UTC").as_unit("ns")
    frame = pd.DataFrame(
        {
            "series": "a",
            "valid_time": days.astype("int64"),
            "known_time": days.astype("int64") + 26 * HOUR,
            "usage": np.arange(30.0),
        }
    ).astype({"series": "category"})
    features: dict[str, Any] = {"forecast": [], "lags": {}}
    params = mock_params(
        raw={"zone": zone, "frequency": "1d"}, align={"features": features, "origin": {"before": "1d"}}
    )
    labels = np.array([np.datetime64(f"2024-03-{day}", "ns").astype(np.int64) for day in range(10, 21)])
    names = np.full(len(labels), "a")
    wanted = ForecastKeys(names, np.full(len(labels), "usage"), labels, labels - DAY)
    found = measure({"usage": frame}, params, "g", wanted, int(days[-1].value) + 2 * DAY)
    assert found.actual.tolist() == list(np.arange(9.0, 20.0))
