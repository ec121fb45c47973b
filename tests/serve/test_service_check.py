"""Past origins are rebuilt and equal what was evaluated; each kind of skew that a test can plant is found and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.features import calendar_features
from hindcast.pipeline.errors import FormatError, LeakError, MissingInputError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.serve import drawn_origins, rebuilt_files
from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.serve.service_check import REPORT, check_service, summary_lines, write_service_report
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, load_params
from hindcast.pipeline.tables import FORMAT, MANIFEST, read_manifest
from hindcast.stages import certify
from tests.serve.conftest import settings_of

Alter = Callable[[pd.DataFrame, int], pd.DataFrame]


def params_of(mode: str) -> Params:
    return load_params("params.yaml", settings_of(mode)[1::2])


@pytest.mark.parametrize("mode", ["stateful", "windows"])
def test_past_origins_equal_what_was_evaluated(
    mode: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = request.getfixturevalue(mode)
    monkeypatch.chdir(folder)
    assert certify.main([*settings_of(mode), "--service", "--origins", "4"]) == 0
    out = capsys.readouterr().out
    assert "no skew if the declared times hold" in out
    assert "known times of meters are declared" in out
    assert "files of meters hold final revisions only" in " ".join(out.split())
    report = read_json(REPORT)
    assert report["passed"] is True
    assert len(report["origins"]) == 4
    compared = {check["name"]: check["compared"] for check in report["checks"]}
    shards = 4 * 2 * 3  # a step of each of three customers in two games
    assert compared["steps"] == compared["delivered"] == shards
    assert compared["rebuild"] == 4
    history = 240 if mode == "stateful" else 11
    assert compared["X"] >= shards * history * 12
    assert compared["predictions"] == shards
    for entry in report["origins"]:
        assert entry["files"]["lines_left_out"] > 0
        for group in entry["groups"]:
            assert group["steps"] == 3
            assert group["from_evaluation_start"]["largest"] <= 1e-5
    before = REPORT.read_bytes()
    assert str(folder) not in before.decode()
    if mode == "stateful":
        assert certify.main([*settings_of(mode), "--service", "--origins", "4"]) == 0
        assert REPORT.read_bytes() == before
    assert not list(Path(".hindcast").glob("service-check-*")), "nothing is left behind"


def rewrite(tables: Path, source: str, alter: Alter, origin: int) -> None:
    """Change the rows of a source in a folder of tables, in its format."""
    sources = read_manifest(tables)["sources"]
    for entry in sources[source]["groups"].values():
        frame = pd.read_parquet(tables / entry["file"])
        alter(frame, origin).to_parquet(tables / entry["file"], index=False)
        entry["digest"] = digest_of_file(tables / entry["file"])
    write_json(tables / MANIFEST, {"format": FORMAT, "sources": sources})


def short_history(frame: pd.DataFrame, origin: int) -> pd.DataFrame:
    return frame[frame["valid_time"] > pd.Timestamp(origin - 20 * HOUR, tz="UTC")]


def without_later_steps(frame: pd.DataFrame, origin: int) -> pd.DataFrame:
    return frame[frame["valid_time"] <= pd.Timestamp(origin, tz="UTC")]


def first_vintage(frame: pd.DataFrame, _origin: int) -> pd.DataFrame:
    return frame.drop_duplicates(["series", "valid_time"], keep="first")


def filled_from_later(frame: pd.DataFrame, _origin: int) -> pd.DataFrame:
    values = [str(name) for name in frame if frame[name].dtype == float]
    assert frame[values].isna().any().any(), "there is a gap to fill"
    filled = frame.sort_values(["issue_time", "valid_time"]).groupby("issue_time")[values].bfill()
    frame = frame.copy()
    frame[values] = filled.reindex(frame.index)
    return frame


@pytest.mark.parametrize(
    ("source", "alter", "named"),
    [
        ("meters", short_history, {"X": "usage_lag_48h", "baselines": "seasonal_168h"}),
        ("weather", without_later_steps, {"steps": "temperature", "delivered": "method"}),
        ("weather", first_vintage, {"vintages": "weather", "X": "temperature"}),
        ("weather", filled_from_later, {"X": ""}),
    ],
)
def test_a_planted_skew_of_the_tables_is_named(
    source: str, alter: Alter, named: dict[str, str], stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(tables: Path, moment: int, into: Path) -> None:
        cut_tables(tables, moment, into)
        rewrite(into, source, alter, moment)

    monkeypatch.chdir(stateful)
    monkeypatch.setattr(rebuilt_files, "cut_tables", cut)
    found = failing(check_service(params_of("stateful"), Path(), 3))
    for check, what in named.items():
        assert any(name.startswith(what) for name in found[check]["differing"]), (check, found)
        assert found[check]["examples"]


def test_the_holidays_of_another_year_are_named(stateful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = calendar_features._OF_KIND["public"]

    def of_last_year(dates: Any, chosen: Any, years: Any) -> Any:
        earlier = [day - timedelta(days=366) for day in dates]
        return public(earlier, chosen, range(years.start - 1, years.stop))

    monkeypatch.chdir(stateful)
    monkeypatch.setitem(calendar_features._OF_KIND, "public", of_last_year)
    found = failing(check_service(params_of("stateful"), Path(), 3))
    assert set(found["X"]["differing"]) == {"holiday"}


def test_a_refitted_scaler_is_named(stateful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hindcast.pipeline.learn import saving

    load = saving.load_network

    def refitted(path: Path) -> Any:
        network = load(path)
        layer = network.get_layer("shrink")
        layer.scale = (np.array(layer.scale) * 1.05).tolist()
        return network

    monkeypatch.chdir(stateful)
    monkeypatch.setattr(saving, "load_network", refitted)
    found = failing(check_service(params_of("stateful"), Path(), 3))
    assert found["scaling"]["differing"] == {"shrink": 1}
    assert set(found) == {"scaling", "predictions"}


def test_a_skew_is_an_error_with_its_examples_and_the_report_is_written(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shutil.copytree(stateful, tmp_path / "project"))

    def cut(tables: Path, moment: int, into: Path) -> None:
        cut_tables(tables, moment - 6 * HOUR, into)

    monkeypatch.setattr(rebuilt_files, "cut_tables", cut)
    assert certify.main([*settings_of("stateful"), "--service", "--origins", "2"]) == 1
    err = " ".join(capsys.readouterr().err.split())
    assert "not proven to be those that were evaluated: skew: " in err
    assert "in service, and" in err
    assert read_json(REPORT)["passed"] is False


def test_raw_files_that_changed_since_ingest_are_named(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(stateful, tmp_path / "project"))
    path = Path("data/simulated/game_01/forecast_market.csv")
    table = pd.read_csv(path)
    table["price"] = pd.to_numeric(table["price"], errors="coerce") + 1
    table.to_csv(path, index=False)
    with pytest.raises(FormatError, match=r"changed since the stage `ingest`, in market, group 'game_01'"):
        check_service(params_of("stateful"), Path(), 2)


def test_without_an_evaluation_nothing_is_proven(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(stateful, tmp_path / "project"))
    Path("reports/predictions.parquet").unlink()
    with pytest.raises(MissingInputError, match="run the stage `evaluate` first"):
        check_service(params_of("stateful"), Path(), 2)


def test_nothing_compared_is_no_proof(
    stateful: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hindcast.pipeline.serve import service_check

    monkeypatch.chdir(stateful)
    monkeypatch.setattr(service_check, "draw_origins", lambda *_: [])
    report = check_service(params_of("stateful"), Path(), 2)
    assert report["passed"] is False
    assert list(summary_lines(report))
    with pytest.raises(LeakError, match=r"X \(nothing was compared\)"):
        write_service_report(tmp_path / "service.json", report)


def failing(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The checks that did not pass, by name."""
    return {check["name"]: check for check in report["checks"] if not check["passed"]}


def test_of_large_data_some_groups_series_and_files_are_proven_at_each_origin(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    monkeypatch.setattr(drawn_origins, "MOST_GROUPS", 1)
    monkeypatch.setattr(drawn_origins, "MOST_SERIES", 2)
    monkeypatch.setattr(rebuilt_files, "_MOST_BYTES", 1 << 20)
    report = check_service(params_of("stateful"), Path(), 4)
    assert report["passed"] is True, report["failures"]
    assert [len(entry["groups"]) for entry in report["origins"]] == [1] * 4
    assert {entry["groups"][0]["group"] for entry in report["origins"]} == {"game_01", "game_02"}
    assert {entry["groups"][0]["steps"] for entry in report["origins"]} == {1, 2}
    cut = [entry["files"] is not None for entry in report["origins"]]
    assert 0 < sum(cut) < 4
    assert any("raw files are large" in line for line in report["assumptions"])
    assert report["series"] == {"all": 6, "proven": 6, "at_an_origin": 2}
    assert "6 of 6 series, about 2 of them at each origin" in " ".join(summary_lines(report))
