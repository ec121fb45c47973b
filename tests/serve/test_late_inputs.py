"""Rows as they would be: what is known at each origin, compared with the definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.serve.late_inputs import Scenario, scenarios
from hindcast.pipeline.settings.base import Duration
from tests.align.mock import HOUR, START, mock_params


def runs(seed: int) -> pd.DataFrame:
    """Runs at irregular issue times, known three hours later, of different lengths."""
    rng = np.random.default_rng(seed)
    issues = START + np.unique(rng.integers(0, 200, 12)) * HOUR
    rows = [
        {"series": series, "issue_time": issue, "valid_time": issue + lead * HOUR, "known_time": issue + 3 * HOUR, "temp": rng.normal()}
        for issue in issues.tolist()
        for series in ("a", "b")
        for lead in range(int(rng.integers(1, 20)))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def known_at(frame: pd.DataFrame, origin: int) -> set[tuple[object, ...]]:
    rows = frame[frame["known_time"] <= origin]
    return set(rows[["series", "issue_time", "valid_time", "temp"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 30])
def test_missed_runs_are_the_newest_ones_at_each_origin(seed: int, count: int) -> None:
    frame = runs(seed)
    made = Scenario("missed", "weather", "", count).change({"weather": frame, "meter": frame})
    assert made["meter"] is frame
    for origin in (START + np.arange(0, 260, 7) * HOUR).tolist():
        known = frame[frame["known_time"] <= origin]
        newest = sorted(known["issue_time"].unique())[-count:]
        assert known_at(made["weather"], origin) == known_at(known[~known["issue_time"].isin(newest)], origin)


def test_a_late_source_is_known_later_and_a_missing_one_never() -> None:
    frame = runs(1)
    last = int(frame["known_time"].max())
    late = Scenario("late", "weather", "6h", 6 * HOUR).change({"weather": frame})["weather"]
    for origin in (START + np.arange(0, 260, 7) * HOUR).tolist():
        assert known_at(late, origin) == known_at(frame, origin - 6 * HOUR)
    missing = Scenario("missing", "weather").change({"weather": frame})["weather"]
    assert not known_at(missing, last + 10_000 * 24 * HOUR)
    assert len(known_at(frame, last)) == len(frame)


def test_scenarios_are_those_of_each_source_and_have_names() -> None:
    chosen = mock_params(sources=("weather", "meter", "site"))
    names = [each.name for each in scenarios(chosen, [Duration.parse("6h")], [1, 2])]
    assert names == [
        "as recorded", "weather 6h later", "weather: 1 run missed", "weather: 2 runs missed", "weather missing",
        "meter 6h later", "meter missing",
    ]  # fmt: skip
    frames = {"weather": runs(2)}
    assert Scenario("recorded").change(frames) is frames
    assert Scenario("missing", "absent").change(frames) is frames
