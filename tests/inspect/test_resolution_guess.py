"""Files whose rows become finer: `coarser` is proposed with the time of the change, or the coarse steps are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from hindcast.pipeline.inspect.inspect_files import inspect_files
from tests.inspect import mock


def finer_from(change: str, *, days: int, later: int = 30, zone: str = "UTC", late: bool = False) -> str:
    """Hours until `change` and quarters from then on, as a clock in `zone` shows them; `late`: by the ends of steps."""
    at = pd.Timestamp(change, tz=zone)
    ends: Literal["right", "left"] = "right" if late else "left"
    coarse = pd.date_range(at - pd.Timedelta(days=days), at, freq="h", inclusive=ends)
    fine = pd.date_range(at, at + pd.Timedelta(days=later), freq="15min", inclusive=ends)
    times = pd.DatetimeIndex(coarse.append(fine))
    load = mock.values(len(times), 500.0)
    form = "%d.%m.%Y %H:%M" if zone != "UTC" else "%Y-%m-%dT%H:%MZ"
    name = "Ende" if late else "Beginn"
    return mock.lines(
        f"{name};load MW;load forecast MW",
        *zip(times.strftime(form), load.tolist(), (load + 1.5).tolist(), strict=True),
        separator=";",
    )


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("zone", "until"), [("UTC", "2023-10-01T00:00:00Z"), ("Europe/Berlin", "2023-09-30T22:00:00Z")]
)
def test_hours_before_quarters_are_declared_with_the_time_of_the_change(
    zone: str, until: str, late: bool, tmp_path: Path
) -> None:
    seen = mock.seen(tmp_path, DE_x_csv=finer_from("2023-10-01", days=100, zone=zone, late=late))
    raw = mock.settings(seen)["raw"]
    assert raw["frequency"] == "15min"
    for source in raw["sources"].values():
        assert source["coarser"] == [{"until": until, "spacing": "1h"}]
    asked = [
        question
        for question in mock.questions(seen)
        if "does each earlier row hold for its whole 1h" in question
    ]
    assert asked
    assert all(f"until {until[:10]} {until[11:16]} UTC" in question for question in asked)
    stored = mock.read_back(seen, tmp_path)["realized"]
    first = pd.Timestamp(int(stored["valid_time"].astype("int64").min()), tz="UTC")
    assert first == pd.Timestamp(until) - pd.Timedelta(days=100)
    assert not any("apart until" in found for what, found in seen.trial.findings if what == "pack")


def test_few_quarters_after_many_hours_are_asked_about_at_the_frequency(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, x_csv=finer_from("2023-10-01", days=300, later=20))
    raw = mock.settings(seen)["raw"]
    assert raw["frequency"] == "1h"
    assert not any("coarser" in source for source in raw["sources"].values())
    (asked,) = (question for question in mock.questions(seen) if "which steps do you need" in question)
    assert 'coarser: [{until: "2023-10-01T00:00:00Z", spacing: 1h}]' in asked
    mock.read_back(seen, tmp_path)


def test_a_change_beside_rows_that_are_missing_is_called_inexact(tmp_path: Path) -> None:
    lines = finer_from("2023-10-01", days=100).splitlines()
    del lines[1 + 24 * 98 : 1 + 24 * 100]
    seen = mock.seen(tmp_path, x_csv="\n".join(lines) + "\n")
    assert any(
        "no row was read from 2023-09-28 23:00 to then" in question for question in mock.questions(seen)
    )


def test_the_trial_shows_all_warnings_of_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/x.csv").write_text(finer_from("2023-10-01", days=40, later=40))
    monkeypatch.setattr("hindcast.pipeline.inspect.source_yaml.guess_coarser", lambda *_, **__: None)
    seen = inspect_files([tmp_path / "raw"])
    assert any(
        'coarser: [{until: "2023-10-01T00:00:00Z", spacing: 1h}]' in found
        for what, found in seen.trial.findings
        if what == "pack"
    )
