"""The command `inspect` prints what it finds, writes the proposal, and rejects garbage in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.settings.params import check_params
from hindcast.stages import cli, inspect


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file of measurements, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    path = Path("mine") / "load_actual.csv"
    path.parent.mkdir()
    rows = [f"2022-01-{1 + hour // 24:02d}T{hour % 24:02d}:00Z,{hour % 24}.5" for hour in range(240)]
    path.write_text("\n".join(["time,load", *rows]) + "\n", encoding="utf-8")
    return path


def test_it_prints_tables_and_a_proposal_that_is_sound(
    load: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", str(load)]) == 0
    out = capsys.readouterr().out
    assert "load_actual.csv" in out
    assert "Open questions" in out
    proposal, trial = out[out.index("# @package _global_") :].split("Trial of the proposal")
    assert "rows" in trial
    params = check_params(yaml.safe_load(proposal), "printed")
    assert params.raw.path == "mine"
    assert "# ?" in proposal


def test_it_writes_once_and_overwrites_only_when_forced(
    load: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(load), "--write", "conf/dataset/mine.yaml"]
    assert inspect.main(words) == 0
    written = Path("conf/dataset/mine.yaml").read_text(encoding="utf-8")
    assert written.startswith("# @package _global_\n")
    assert inspect.main(words) == 1
    assert "--force" in capsys.readouterr().err
    assert inspect.main([*words, "--force"]) == 0
    assert Path("conf/dataset/mine.yaml").read_text(encoding="utf-8") == written
    assert not Path("params.yaml").exists()


@pytest.mark.parametrize("content", [b"", b"time,load\n", bytes(range(256))])
def test_garbage_exits_1_in_a_few_lines(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert inspect.main([str(path)]) == 1
    err = capsys.readouterr().err
    assert "bad.csv" in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 3


def test_wrong_usage_exits_2() -> None:
    assert inspect.main([]) == 2


def test_the_rest_is_inspected_where_one_file_is_garbage(
    load: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (load.parent / "bad.csv").write_bytes(b"\x00\x01")
    assert inspect.main([str(load.parent)]) == 0
    assert "Not read" in capsys.readouterr().out


def test_a_name_cannot_steer_the_terminal(load: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load.rename(load.with_name("a\x1b[31m.csv"))
    assert inspect.main(["mine"]) == 0
    assert "\x1b" not in capsys.readouterr().out
