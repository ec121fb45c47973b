"""The command `verify` prints what it checked, and exits with 1 if anything is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.stages import cli
from tests.mock_data import mock_dataset


def test_the_exit_code_is_0_for_an_intact_data_set_and_1_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify"]) == 0
    out = capsys.readouterr().out
    assert "data is whole: 2 shards" in out
    shard = tmp_path / "data/packed/north.h5"
    shard.write_bytes(shard.read_bytes()[:-300])
    assert cli.main(["verify", str(tmp_path / "data")]) == 1
    err = capsys.readouterr().err
    assert "north.h5 is damaged" in err
    assert "Traceback" not in err
    assert cli.main(["verify", "nowhere"]) == 1
    assert "has no dataset.h5 and no packed" in capsys.readouterr().err
