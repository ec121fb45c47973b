"""The stage `pack` from its command line, over tables of two synthetic series."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.files import read_json
from hindcast.stages import pack


def test_the_stage_packs_the_tables_and_prints_its_counts(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(packed_workspace / "data/packed")
    assert pack.main([]) == 0
    out = capsys.readouterr().out
    report = read_json(packed_workspace / "reports/pack.json")
    assert f"{report['samples']:,} samples" in out
    assert "of the steps have a vintage known at their origin" in out
    assert "data/packed/: 1 shard\n" in out
    assert [path.name for path in (packed_workspace / "data/packed").glob("*.h5")] == ["here.h5"]


def test_absent_tables_are_named(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(packed_workspace / "data/tables")
    assert pack.main([]) == 1
    err = capsys.readouterr().err
    assert "data/tables" in err
    assert "Traceback" not in err
