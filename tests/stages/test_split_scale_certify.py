"""The three stages through their commands, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.files import digest_of_file, read_json
from hindcast.stages import certify, scale, split
from tests.split.test_write_splits import frames, settings
from tests.split.workplace import edit, make_data, set_split


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with tables and shards, split and scaled once."""
    monkeypatch.chdir(tmp_path)
    params = settings()
    make_data(tmp_path / "data", frames(), params)
    text = yaml.safe_dump(params.model_dump(mode="json", by_alias=True, exclude_none=True))
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_stages_run_one_after_another_and_tell_what_they_did(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert split.main([]) == 0
    told = capsys.readouterr().out
    assert "train: " in told
    assert "excluded" in told
    assert scale.main([]) == 0
    assert "usage (mean 1, std 1)" in capsys.readouterr().out
    assert certify.main([]) == 0
    told = capsys.readouterr().out
    assert "known moments of weather are stamped" in told
    assert read_json(folder / "reports/leaks.json")["passed"] is True


def test_a_leak_ends_certify_with_its_rows_and_no_certificate_that_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main([]) == 0
    edit(folder / "data/dataset.h5", lambda file: set_split(file, "train", [0, 107]))
    assert certify.main([]) == 1
    told = capsys.readouterr().err
    assert "is in no list, expected in train" in told
    assert "Traceback" not in told
    assert read_json(folder / "reports/leaks.json")["passed"] is False


def test_an_empty_split_ends_with_spans_and_leaves_the_last_data_set(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest_of_file(folder / "data/dataset.h5")
    assert split.main(["--set", "split.test=2031-01-01"]) == 1
    told = capsys.readouterr().err
    assert "group here has steps in [2024-03-0" in told
    assert "an earlier date" in told
    assert digest_of_file(folder / "data/dataset.h5") == before


@pytest.mark.parametrize("stage", [scale, certify])
def test_an_absent_data_set_is_named(stage: object, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/dataset.h5").unlink()
    assert stage.main([]) == 1  # type: ignore[attr-defined]
    assert "data/dataset.h5 is absent" in capsys.readouterr().err
