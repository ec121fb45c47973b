"""A simulated year of daily looks: what goes wrong is noticed within a week, and a clean year has at most one false alarm."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.settings.base import DAY, HOUR
from tests.serve.service_year import Fault, ServiceYear, make_year

YEAR = 365
WEEK = 7
WINDOW = 28

Seen = dict[tuple[str, str, str], list[int]]


def _overwrite(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(usage=rows["usage"] * 1.05)


def _revise(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.assign(usage=rows["usage"] * 1.02, known_time=rows["known_time"] + DAY)])


def _freeze(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(temperature=11.0)


def _remove(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[:0]


FAULTS = (
    Fault("late file", "operator", (20, 34), frozenset({"arrived_late"}), delay=30 * HOUR),
    Fault("later than declared", "meters", (75, 89), frozenset({"arrived_late"}), delay=14 * HOUR),
    Fault("overwritten", "meters", (130, 144), frozenset({"overwritten"}), after=2, change=_overwrite),
    Fault("revised", "meters", (185, 199), frozenset({"revised"}), after=1, change=_revise),
    Fault("frozen", "weather", (240, 254), frozenset({"frozen"}), after=0, change=_freeze),
    Fault("removed", "market", (295, 309), frozenset({"removed"}), after=2, change=_remove),
)


def watch(year: ServiceYear, days: int) -> Seen:
    """Serve and look every day; return the days with an alarm by check, source and value."""
    seen: Seen = {}
    for day in range(days):
        year.serve(day)
        for alarm in year.look(day).report["alarms"]:
            seen.setdefault((alarm["check"], alarm["source"], alarm["value"]), []).append(day)
    return seen


def onsets(seen: Seen) -> list[tuple[int, str]]:
    """Return when each alarm begins, with its name."""
    return sorted((day, " ".join(key)) for key, days in seen.items() for day in days if day - 1 not in days)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_clean_year_has_at_most_one_false_alarm(tmp_path: Path) -> None:
    seen = watch(make_year(tmp_path, YEAR), YEAR)
    assert len(onsets(seen)) <= 1, onsets(seen)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_goes_wrong_in_a_year_is_noticed_within_a_week(tmp_path: Path) -> None:
    seen = watch(make_year(tmp_path, YEAR, FAULTS), YEAR)
    explained: set[tuple[int, str]] = set()
    for fault in FAULTS:
        first, last = fault.days[0] + fault.after * (fault.change is not None), fault.days[1] + fault.after
        named = [
            day
            for (check, source, _), days in seen.items()
            for day in days
            if check in fault.expected and source == fault.source and day >= first
        ]
        assert named, f"{fault.name} was not noticed: {onsets(seen)}"
        assert min(named) <= first + WEEK, f"{fault.name} was noticed after {min(named) - first} days"
        explained |= {(day, name) for day, name in onsets(seen) if first <= day <= last + WINDOW + WEEK}
    false = [each for each in onsets(seen) if each not in explained]
    assert len(false) <= 1, false


def test_a_month_with_a_late_file_is_noticed_and_one_without_is_not(tmp_path: Path) -> None:
    fault = Fault("late file", "operator", (8, 20), frozenset({"arrived_late"}), delay=30 * HOUR)
    (tmp_path / "clean").mkdir()
    (tmp_path / "late").mkdir()
    clean, late = make_year(tmp_path / "clean", 16), make_year(tmp_path / "late", 16, (fault,))
    for day in range(15):
        clean.serve(day)
        late.serve(day)
    assert clean.look(14).report["alarms"] == []
    found = late.look(14).report["alarms"]
    assert {(alarm["check"], alarm["source"]) for alarm in found} >= {("arrived_late", "operator")}
    assert late.look(14).report == late.look(14).report, "a look is a function of what it reads"
