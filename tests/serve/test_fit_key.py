"""The key of a fit changes with all that decides its result, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.serve.fit_key import fit_key
from hindcast.pipeline.settings.params import load_params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/tables.json").write_text("one", encoding="utf-8")
    return tmp_path / "tables"


def key(tables: Path, *changes: str, known: int = 1) -> str:
    return fit_key(load_params(ROOT / "params.yaml", list(changes)), tables.parent, tables, {"known": known})


@pytest.mark.parametrize(
    "change", ["raw.path=elsewhere", "raw.name=x", "evaluate.sums=[all]", "refit.holdout=9d"]
)
def test_it_does_not_depend_on_what_decides_nothing(tables: Path, change: str) -> None:
    assert key(tables, change) == key(tables)


@pytest.mark.parametrize(
    "change", ["train.units=[3]", "seed=8", "align.features.lead=true", "split.validation=0.2"]
)
def test_it_depends_on_the_settings(tables: Path, change: str) -> None:
    assert key(tables, change) != key(tables)


def test_it_depends_on_the_tables_the_moment_and_the_own_network(tables: Path) -> None:
    assert key(tables, known=2) != key(tables)
    shutil.copytree(ROOT / "networks", tables.parent / "networks")
    own = "train.model=networks.example:two_branches"
    first = key(tables, own)
    with (tables.parent / "networks/example.py").open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    assert key(tables, own) != first
    before = key(tables)
    (tables / "tables.json").write_text("two", encoding="utf-8")
    assert key(tables) != before
