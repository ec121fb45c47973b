"""The quantiles of a fallback come from its own errors, in the smallest cell that has enough of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve.fallback_intervals import PREDICTIONS, FallbackIntervals
from hindcast.pipeline.serve.forecast_rows import ForecastRows

HOUR = 3600 * 10**9
ORIGIN = 1_700_000_000 * 10**9 // HOUR * HOUR
LEVELS = (0.1, 0.5, 0.9)


def _rows(group: str, series: list[str], leads: list[int], method: list[str]) -> ForecastRows:
    count = len(series)
    begins = ORIGIN + np.array(leads) * HOUR
    return ForecastRows(
        group=group,
        series=np.array(series, object),
        target="usage",
        track=0,
        times=begins,
        begins=begins,
        value=np.full(count, 50, np.float32),
        quantiles=np.full((count, 3), np.nan, np.float32),
        published=np.full(count, np.nan, np.float32),
        method=np.array(method, object),
        note=np.full(count, "", object),
    )


@pytest.fixture
def errors(tmp_path: Path) -> pd.DataFrame:
    """Series `long` has 150 errors at lead 1 and 30 at lead 2, `short` 60 at lead 1; `other` belongs to another group."""
    random, parts = np.random.default_rng(5), []
    for group, series, lead, count, size in (
        ("g", "long", 1, 150, 100.0), ("g", "long", 2, 30, 100.0), ("g", "short", 1, 60, 10.0), ("h", "other", 1, 30, 1.0)
    ):  # fmt: skip
        origin = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), "h")
        actual = size * random.uniform(0.5, 1.5, count)
        parts.append(
            pd.DataFrame(
                {
                    "split": "validation", "group": group, "series": series, "valid_time": origin + pd.Timedelta(lead, "h"),
                    "origin": origin, "target": "usage", "actual": actual.astype(np.float32),
                    "persistence": (actual * random.uniform(0.8, 1.3, count)).astype(np.float32),
                }
            )
        )  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    test = frame.assign(split="test", persistence=0.0)
    missing = frame[:5].assign(persistence=np.nan)
    path = tmp_path / PREDICTIONS
    path.parent.mkdir()
    pd.concat([frame, test, missing, frame.assign(target="price", persistence=1e6)]).to_parquet(path)
    return frame.assign(error=frame["actual"].astype(float) - frame["persistence"].astype(float))


def test_quantiles_come_from_the_smallest_cell_with_enough_errors(
    tmp_path: Path, errors: pd.DataFrame
) -> None:
    part = _rows(
        "g",
        ["long", "long", "short", "new", "long"],
        [1, 2, 1, 5, 1],
        ["persistence", "persistence", "persistence", "persistence", "network"],
    )
    (filled,) = FallbackIntervals(tmp_path, LEVELS).fill([part], ORIGIN)
    long = errors.query("series == 'long'")
    of_group = errors.query("group == 'g'")
    mean = of_group.groupby("series")["actual"].transform("mean")
    due = [
        50 + long[long["valid_time"] - long["origin"] == pd.Timedelta("1h")]["error"].quantile(list(LEVELS)),
        50 + long["error"].quantile(list(LEVELS)),
        50 + 50 * (of_group["error"] / mean).quantile(list(LEVELS)),
        50 + 50 * (of_group["error"] / mean).quantile(list(LEVELS)),
        np.full(3, np.nan),
    ]
    np.testing.assert_allclose(filled.quantiles, np.array(due), rtol=1e-5)


def test_without_enough_errors_or_without_their_forecaster_there_are_none(
    tmp_path: Path, errors: pd.DataFrame
) -> None:
    intervals = FallbackIntervals(tmp_path, LEVELS)
    parts = [_rows("h", ["other"], [1], ["persistence"]), _rows("g", ["long"], [1], ["seasonal_24h"])]
    assert len(errors)
    assert all(np.isnan(part.quantiles).all() for part in intervals.fill(parts, ORIGIN))
    (untouched,) = FallbackIntervals(tmp_path / "nowhere", LEVELS).fill(parts[1:], ORIGIN)
    assert np.isnan(untouched.quantiles).all()


def test_a_network_without_quantiles_needs_no_errors(tmp_path: Path) -> None:
    part = _rows("g", ["long"], [1], ["persistence"])
    assert FallbackIntervals(tmp_path, ()).fill([part], ORIGIN) == [part]
