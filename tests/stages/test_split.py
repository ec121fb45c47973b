"""The stage `split` from its command line: what it prints, and what an empty split leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.files import digest_of_file
from hindcast.stages import split


def test_the_stage_prints_the_splits_and_the_excluded_samples(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest_of_file(packed_workspace / "data/dataset.h5")
    assert split.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in ("train", "validation", "test"))
    assert "excluded" in out
    assert digest_of_file(packed_workspace / "data/dataset.h5") == before


def test_an_empty_split_is_an_error_with_the_spans_and_keeps_the_last_data_set(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest_of_file(packed_workspace / "data/dataset.h5")
    assert split.main(["--set", "split.test=2031-01-01"]) == 1
    err = capsys.readouterr().err
    assert "group here has steps in [2024-03-0" in err
    assert "an earlier date" in err
    assert digest_of_file(packed_workspace / "data/dataset.h5") == before
