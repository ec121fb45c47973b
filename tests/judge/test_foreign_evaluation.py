"""`evaluate --forecasts` on a finished workspace: the network's own forecasts give its scores; faults write nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import hindcast
from hindcast.pipeline.files import digest_of_file
from hindcast.stages.evaluate import main
from hindcast.stages.export import main as export

BASELINES = ["--set", "evaluate.baselines=[published, persistence, trees]"]


@pytest.fixture
def workspace(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("simulated", ".hindcast"))
    monkeypatch.chdir(folder)
    return folder


def own_forecasts() -> pd.DataFrame:
    rows = hindcast.open().predictions(columns=["group", "series", "origin", "valid_time", "model"])
    return rows.rename(columns={"model": "value"})


def files(folder: Path) -> dict[str, str]:
    return {str(path): digest_of_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_networks_own_forecasts_get_the_networks_scores(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(workspace / "reports")
    own_forecasts().to_parquet("mine.parquet", index=False)
    assert main(["--forecasts", "mine.parquet", *BASELINES]) == 0
    printed = capsys.readouterr().out
    assert "the baseline trees, because models/ has none" in printed
    own, theirs = (
        json.loads(Path("reports", name, "metrics.json").read_text()) for name in ("", "forecasts/mine")
    )
    assert theirs == own
    for name in ("by_series.csv", "plots/error_by_lead.csv", "plots/usage-skill.svg"):
        assert Path("reports/forecasts/mine", name).read_bytes() == Path("reports", name).read_bytes()
    after = files(workspace / "reports")
    assert {name: after[name] for name in before} == before
    first = files(workspace / "reports/forecasts")
    assert main(["--forecasts", "mine.parquet", *BASELINES]) == 0
    assert files(workspace / "reports/forecasts") == first


def test_half_of_the_rows_are_judged_on_the_intersection(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = own_forecasts()
    given.iloc[::2].to_csv("half.csv", index=False)
    assert main(["--forecasts", "half.csv", *BASELINES]) == 0
    found = json.loads((workspace / "reports/forecasts/half/metrics.json").read_text())["test"]["usage"]
    rows = hindcast.open().predictions().iloc[::2]
    rows = rows[(rows["split"] == "test") & rows["published"].notna() & rows["persistence"].notna()]
    for name in ("model", "published", "persistence"):
        assert found[name]["n"] == len(rows)
        error = (rows[name].astype(float) - rows["actual"]).abs().mean()
        assert found[name]["mae"] == pytest.approx(error, rel=1e-6)
    assert f"test, usage: {len(rows):,} of" in capsys.readouterr().out


def test_faults_write_nothing_and_are_no_traceback(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = own_forecasts().astype(object)
    given.loc[0, "series"], given.loc[1, "origin"] = "nobody", "2031-01-01"
    given.to_csv("bad.csv", index=False)
    before = files(workspace / "reports")
    assert main(["--forecasts", "bad.csv", *BASELINES]) == 1
    printed = capsys.readouterr().err
    assert "unknown series" in printed
    assert "origin after the valid_time" in printed
    assert "Traceback" not in printed
    assert files(workspace / "reports") == before
    (workspace / "reports/leaks.json").unlink()
    own_forecasts().to_csv("good.csv", index=False)
    assert main(["--forecasts", "good.csv", *BASELINES]) == 1
    assert "run the stage `certify` first" in capsys.readouterr().err
    assert not (workspace / "reports/forecasts").exists()


def test_the_worked_example_of_the_docs_is_judged(
    workspace: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs/export.md").read_text(encoding="utf-8")
    code = text.rpartition("```python\n")[2].partition("```")[0]
    assert export(["--to", "parquet"]) == 0
    exec(compile(code, "docs/export.md", "exec"), {})
    assert main(["--forecasts", "forecasts.csv", *BASELINES]) == 0
    assert "test, usage" in capsys.readouterr().out
    assert (workspace / "reports/forecasts/forecasts/report.html").is_file()
