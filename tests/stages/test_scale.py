"""The stage `scale` from its command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.files import digest_of_file
from hindcast.stages import scale


def test_the_stage_writes_the_scaler_and_prints_the_scale_of_each_target(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = digest_of_file(packed_workspace / "data/scaler.json")
    assert scale.main([]) == 0
    assert "usage (mean 1, std 1)" in capsys.readouterr().out
    assert digest_of_file(packed_workspace / "data/scaler.json") == before


def test_an_absent_data_set_is_named(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packed_workspace / "data/dataset.h5").unlink()
    assert scale.main([]) == 1
    assert "data/dataset.h5 is missing" in capsys.readouterr().err
