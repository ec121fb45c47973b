"""The command `compare`: tables, JSON, files, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hindcast.stages import compare
from tests.experiments.made_runs import make_run, some_rows


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "one", some_rows(["a"], 24 * 20))
    make_run(tmp_path / "two", some_rows(["a"], 24 * 20, error=0.5))


def test_its_help_names_what_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "DVC experiments" in shown
    assert "hindcast compare HEAD" in shown


def test_a_table_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["one", "two", "--to", "out/comparison.html"]) == 0
    shown = capsys.readouterr().out
    assert "load on test" in shown
    assert "better" in shown
    assert "better" in (tmp_path / "out/comparison.html").read_text(encoding="utf-8")
    assert compare.main(["one", "two", "--to", "comparison.md"]) == 0
    assert "| two |" in (tmp_path / "comparison.md").read_text(encoding="utf-8")


def test_json_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["one", "two", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in content["runs"]] == ["one", "two"]
    assert content["pairs"][0]["mae"]["verdict"] == "better"


def test_a_run_that_cannot_be_compared_is_named_beside_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "three", some_rows(["a"], 24 * 20))
    (tmp_path / "three/reports/predictions.parquet").unlink()
    assert compare.main(["one", "two", "three"]) == 1
    shown = capsys.readouterr().out
    assert "load on test" in shown
    assert "three has no predictions.parquet" in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["one"], "needs two runs or more, found one alone"),
        (["one", "one"], "needs two runs or more"),
        (["one", "nowhere"], "Fewer than two of these runs can be compared"),
        ([], "Fewer than two of these runs can be compared"),
        (["one", "two", "--to", "a.pdf"], "must end in .md or .html, found a.pdf"),
    ],
)
def test_mistakes_are_named(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(words) == 1
    err = capsys.readouterr().err
    assert text in err
    assert "Traceback" not in err
