"""The findings of a project: skill of its forecasts, alarms, verdict, and files that are a function of what is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.files import read_json
from hindcast.pipeline.serve.monitor import PAGE, REPORT, run_monitor
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.stages import monitor, predict
from tests.serve.conftest import settings_of

SETTINGS = [*settings_of("stateful"), "--set", "monitor.window=8d"]
AS_OF = "2024-11-12T12:00Z"
ORIGINS = [
    word
    for moment in pd.date_range("2024-11-04T00:00Z", "2024-11-12T12:00Z", freq="12h")
    for word in ("--origin", moment.isoformat())
]


@pytest.fixture(scope="module")
def served(stateful: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with forecasts of nine days, of which the last ones have no measured values yet."""
    folder = Path(shutil.copytree(stateful, tmp_path_factory.mktemp("served") / "project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert predict.main([*settings_of("stateful"), *ORIGINS]) == 0
    return folder


@pytest.fixture
def project(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(served, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder


def test_skill_is_that_of_the_delivered_values(project: Path) -> None:
    assert monitor.main([*SETTINGS, "--as-of", AS_OF]) == 0
    report = read_json(REPORT)
    moment = pd.Timestamp(AS_OF)
    forecasts = pd.concat([pd.read_parquet(path) for path in Path("forecasts").glob("*.parquet")])
    forecasts = forecasts[
        (forecasts["origin"] > moment - pd.Timedelta("8D")) & (forecasts["origin"] <= moment)
    ]
    assert report["forecasts"]["rows"] == len(forecasts)
    meters = pd.concat(
        [
            pd.read_parquet(path).assign(group=path.stem)
            for path in Path("data/tables/meters").glob("*.parquet")
        ]
    )
    meters = meters[meters["known_time"] <= moment]
    rows = forecasts.merge(meters, on=["group", "series", "valid_time"]).dropna(
        subset=["usage", "published", "value"]
    )
    assert len(rows) > 60
    usage = rows["usage"].to_numpy()
    ours, theirs = (np.abs(rows[name].to_numpy() - usage).sum() for name in ("value", "published"))
    whole = report["skill"]["usage"]["over"]["published"]["all"]
    assert whole["n"] == len(rows)
    assert whole["mae"]["value"] == pytest.approx(1 - ours / theirs, rel=1e-5)
    assert set(report["skill"]["usage"]["over"]) == {
        "published",
        "seasonal_168h",
        "seasonal_24h",
        "persistence",
    }
    assert {row["group"] for row in report["skill"]["usage"]["over"]["published"]["by_group"]} == {
        "game_01",
        "game_02",
    }
    assert set(report["inputs"]) == {"weather", "market", "operator", "meters"}


def test_a_second_look_gives_the_same_bytes_without_clock_or_place(project: Path) -> None:
    assert monitor.main([*SETTINGS, "--as-of", AS_OF]) == 0
    first = REPORT.read_bytes(), PAGE.read_bytes()
    moved = project.with_name("moved")
    shutil.copytree(project, moved)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moved)
        assert monitor.main([*SETTINGS, "--as-of", AS_OF]) == 0
        assert (REPORT.read_bytes(), PAGE.read_bytes()) == first
    assert str(project) not in first[0].decode() + first[1].decode()


def test_what_became_known_after_the_look_changes_nothing(project: Path) -> None:
    params = load_params("params.yaml", SETTINGS[1::2])
    moment = to_moment(AS_OF)
    whole = run_monitor(params, project, project / "data/tables", moment).report
    for path in Path("data/simulated").glob("*/usage_*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text(
            "\n".join(line for line in lines if line.split(",")[1] <= "2024-11-12 11:00" or line == lines[0])
            + "\n",
            encoding="utf-8",
        )
    assert monitor.main([*SETTINGS, "--as-of", AS_OF]) == 0
    assert read_json(REPORT) == json.loads(json.dumps(whole))


def test_the_default_moment_is_the_newest_known_time(project: Path) -> None:
    assert monitor.main(SETTINGS) == 0
    newest = max(
        pd.read_parquet(path, columns=["known_time"])["known_time"].max()
        for path in Path(".hindcast/service/data/tables").rglob("*.parquet")
    )
    assert read_json(REPORT)["as_of"] == newest.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("asked", "code"), [([], 0), (["unjudged"], 5), (["look"], 0), (["worse"], 0), (["worse", "unjudged"], 5)]
)
def test_exit_codes_say_what_was_asked_for(asked: list[str], code: int, project: Path) -> None:
    """A test split of twelve days is no reference for the skill."""
    words = [word for each in asked for word in ("--fail-on", each)]
    assert monitor.main([*SETTINGS, "--as-of", AS_OF, *words]) == code
    assert "unjudged" in read_json(REPORT)["conditions"]


def test_a_faulty_moment_is_an_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert monitor.main([*SETTINGS, "--as-of", "soon"]) == 1
    assert "--as-of soon: must be a date or a UTC timestamp" in capsys.readouterr().err


def test_the_page_needs_no_other_file_and_names_the_alarms(project: Path) -> None:
    assert monitor.main([*SETTINGS, "--as-of", AS_OF]) == 0
    page = PAGE.read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in page
    assert 'lang="en"' in page
    assert "<script" not in page
    assert "src=" not in page
