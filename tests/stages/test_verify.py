"""The command verify says what it looked at, and exits 1 where something is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.stages import cli
from tests.mock_data import mock_dataset


def test_a_whole_data_set_exits_0_and_a_damaged_one_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify"]) == 0
    told = capsys.readouterr().out
    assert "data is whole: 2 shards" in told
    shard = tmp_path / "data/packed/north.h5"
    shard.write_bytes(shard.read_bytes()[:-300])
    assert cli.main(["verify", str(tmp_path / "data")]) == 1
    told = capsys.readouterr().err
    assert "north.h5 is damaged" in told
    assert "Traceback" not in told
    assert cli.main(["verify", "nowhere"]) == 1
    assert "holds neither dataset.h5 nor packed" in capsys.readouterr().err
