"""Members of ensemble forecasts in columns, headings and names of files are no series, and their statistics are asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.inspect.member_guess import pattern_names_members
from tests.inspect import mock

ISSUES = pd.date_range("2024-01-01", periods=30, freq="12h")
COUNT = 12
KEYS = [
    (f"{issue:%Y-%m-%dT%H:%MZ}", f"{issue + pd.Timedelta(lead, 'h'):%Y-%m-%dT%H:%MZ}")
    for issue in ISSUES
    for lead in range(1, 13)
]
VALUES = mock.values(len(KEYS))[:, None] + np.round(
    np.random.default_rng(5).normal(0, 1, (len(KEYS), COUNT)), 2
)
MEASURED = mock.lines(
    "time,wind",
    *zip(mock.hours("2024-01-01").strftime("%Y-%m-%d %H:%M"), mock.values(720).tolist(), strict=True),
)


def long(heading: str, name: Callable[[int], object]) -> str:
    rows = (
        (*key, name(member), float(round(row[member], 2)))
        for key, row in zip(KEYS, VALUES, strict=True)
        for member in range(COUNT)
    )
    return mock.lines(f"issue_time,valid_time,{heading},wind", *rows)


def wide(form: str) -> str:
    head = ",".join(form.format(member) for member in range(1, COUNT + 1))
    rows = ((*key, *np.round(row, 2).tolist()) for key, row in zip(KEYS, VALUES, strict=True))
    return mock.lines(f"issue_time,valid_time,{head}", *rows)


def check(folder: Path, **files: str) -> dict[str, Any]:
    """Inspect, ingest, and compare the members that are stored with those written; returns the source."""
    seen = mock.seen(folder, measured_csv=MEASURED, **files)
    sources: dict[str, dict[str, Any]] = mock.settings(seen)["raw"]["sources"]
    (name, source), *_ = sources.items()
    (value, described), *_ = source["values"].items()
    assert described["members"] == ["mean", "spread", "q10", "q90"]
    assert any(f"{COUNT} members" in question for question in mock.questions(seen))
    table = mock.read_back(seen, folder)[name]
    means = table.groupby(["issue_time", "valid_time"])[value].mean()
    assert len(table) == VALUES.size
    np.testing.assert_allclose(means.to_numpy(), np.round(VALUES, 2).mean(axis=1))
    assert mock.settings(seen)["align"]["published"] == {"wind": f"{value}_mean"}
    assert any(what == f"{value}_mean and wind" for what, _ in seen.trial.findings)
    assert any(what == "pack" for what, _ in seen.trial.findings)
    return source


@pytest.mark.parametrize(
    ("heading", "name"),
    [("member", lambda m: m), ("number", lambda m: m), ("ens", "ens{:02d}".format), ("perturbation", "p{}".format),
     ("run_name", "gep{:02d}".format)],
)  # fmt: skip
def test_a_column_of_members_is_no_series(
    heading: str, name: Callable[[int], object], tmp_path: Path
) -> None:
    source = check(tmp_path, eps_csv=long(heading, name))
    assert source["member"] == {"column": heading}
    assert "column" not in source["series"]


@pytest.mark.parametrize(
    "form", ["ens_{:02d}", "m{:02d}", "wind_m{:02d}", "wind member {}", "wind_ens{}", "wind_{}", "ws_{:02d}"]
)
def test_headings_that_number_members_are_no_series(form: str, tmp_path: Path) -> None:
    source = check(tmp_path, eps_csv=wide(form))
    ((_, value),) = source["values"].items()
    assert "(?P<member>" in value["header"]


def test_numbered_forecasts_of_unlike_series_are_no_members(tmp_path: Path) -> None:
    head = ",".join(f"wind_{number}" for number in range(1, COUNT + 1))
    unlike = np.round(np.random.default_rng(8).uniform(0, 20, (len(KEYS), COUNT)), 2)
    rows = ((*key, *row.tolist()) for key, row in zip(KEYS, unlike, strict=True))
    seen = mock.seen(tmp_path, fc_csv=mock.lines(f"issue_time,valid_time,{head}", *rows))
    (value,) = mock.only_source(seen)["values"].values()
    assert "(?P<series>" in value["header"]


def test_a_file_for_each_member_is_read_as_one_ensemble(tmp_path: Path) -> None:
    files = {
        f"wind_forecast_m{member:02d}_csv": mock.lines(
            "issue_time,valid_time,wind",
            *((*key, float(round(row[member], 2))) for key, row in zip(KEYS, VALUES, strict=True)),
        )
        for member in range(COUNT)
    }
    source = check(tmp_path, **files)
    assert list(source["member"]) == ["path"]


def test_members_beside_a_column_of_sites(tmp_path: Path) -> None:
    head = ",".join(f"wind_m{member:02d}" for member in range(1, COUNT + 1))
    rows = [
        (*key, site, *np.round(row, 2).tolist())
        for key, row in zip(KEYS, VALUES, strict=True)
        for site in "AB"
    ]
    measured = mock.lines("time,site,wind", *((time, site, 5.5 + place % 24) for site in "AB" for place, time in
                          enumerate(mock.hours("2024-01-01").strftime("%Y-%m-%d %H:%M"))))  # fmt: skip
    seen = mock.seen(
        tmp_path, eps_csv=mock.lines(f"issue_time,valid_time,site,{head}", *rows), measured_csv=measured
    )
    source = mock.settings(seen)["raw"]["sources"]["forecast"]
    assert source["series"] == {"column": "site"}
    assert "(?P<member>" in source["values"]["wind_forecast"]["header"]
    assert sorted(mock.read_back(seen, tmp_path)["forecast"]["series"].unique()) == ["A", "B"]


@pytest.mark.parametrize("heading", ["meter", "site"])
def test_numbers_of_measured_series_are_no_members(heading: str, tmp_path: Path) -> None:
    rows = [(f"{time:%Y-%m-%d %H:%M}", name, 1.5 + place % 7) for place, time in enumerate(mock.hours(count=200))
            for name in ("m01", "m02", "m03")]  # fmt: skip
    seen = mock.seen(tmp_path, load_csv=mock.lines(f"time,{heading},load", *rows))
    source = mock.only_source(seen)
    assert "member" not in source
    assert source["series"] == {"column": heading}


def test_headings_of_measured_series_are_no_members(tmp_path: Path) -> None:
    rows = [(f"{time:%Y-%m-%d %H:%M}", *(float(number + place % 24) for number in range(5)))
            for place, time in enumerate(mock.hours(count=200))]  # fmt: skip
    seen = mock.seen(tmp_path, load_csv=mock.lines("time,m01,m02,m03,m04,m05", *rows))
    assert "member" not in seen.require_proposal().text.replace("members", "")


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [(r"^ens_(\d+)\.csv$", ["1", "2"], True), (r"^site(\d+)\.csv$", ["1", "2"], False),
     (r"^([^/]+)/f\.csv$", ["m01", "m02"], True), (r"^([^/]+)/f\.csv$", ["north", "m02"], False)],
)  # fmt: skip
def test_names_of_files_that_number_members(pattern: str, names: list[str], expected: bool) -> None:
    assert pattern_names_members(pattern, names) is expected
