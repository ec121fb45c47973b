"""The stage `certify` from its command line: a certificate that passes, one that does not, and no data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.files import read_json
from hindcast.stages import certify
from tests.split.workplace import edit, set_split


def test_the_stage_writes_a_certificate_and_prints_how_values_became_known(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main([]) == 0
    assert "known times of weather are stamped" in capsys.readouterr().out
    assert read_json(packed_workspace / "reports/leaks.json")["passed"] is True


def test_a_leak_is_an_error_with_its_rows_and_the_certificate_does_not_pass(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main([]) == 0
    edit(packed_workspace / "data/dataset.h5", lambda file: set_split(file, "train", [0, 107]))
    assert certify.main([]) == 1
    err = capsys.readouterr().err
    assert "is in no list, expected in train" in err
    assert "Traceback" not in err
    assert read_json(packed_workspace / "reports/leaks.json")["passed"] is False


def test_an_absent_data_set_is_named(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packed_workspace / "data/dataset.h5").unlink()
    assert certify.main([]) == 1
    assert "data/dataset.h5 is missing" in capsys.readouterr().err
