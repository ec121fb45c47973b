"""The key of a fit changes with all that decides its result, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hindcast.pipeline.project import code_keys
from hindcast.pipeline.project.code_keys import INSTALLED
from hindcast.pipeline.project.import_graph import ImportGraph
from hindcast.pipeline.serve.fit_key import fit_key
from hindcast.pipeline.settings.params import load_params

ROOT = Path(__file__).parents[2]


def key(
    project: Path, *changes: str, known: int = 1, rows: str = "one", package: ImportGraph = INSTALLED
) -> str:
    return fit_key(load_params(ROOT / "params.yaml", list(changes)), project, rows, {"known": known}, package)


@pytest.mark.parametrize(
    "change",
    ["raw.path=elsewhere", "raw.name=x", "evaluate.sums=[all]", "refit.holdout=9d", "monitor.window=9d"],
)
def test_it_does_not_depend_on_what_decides_nothing(tmp_path: Path, change: str) -> None:
    assert key(tmp_path, change) == key(tmp_path)


@pytest.mark.parametrize(
    "change", ["train.units=[3]", "seed=8", "align.features.lead=true", "split.validation=0.2"]
)
def test_it_depends_on_the_settings(tmp_path: Path, change: str) -> None:
    assert key(tmp_path, change) != key(tmp_path)


def test_it_depends_on_the_tables_the_moment_and_the_own_network(tmp_path: Path) -> None:
    assert key(tmp_path, known=2) != key(tmp_path)
    shutil.copytree(ROOT / "networks", tmp_path / "networks")
    own = "train.model=networks.example:two_branches"
    first = key(tmp_path, own)
    with (tmp_path / "networks/example.py").open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    assert key(tmp_path, own) != first
    assert key(tmp_path, rows="two") != key(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to be changed."""
    for folder in ("pipeline", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def append(path: Path) -> None:
    assert path.is_file()
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n")


@pytest.mark.parametrize(
    "file",
    ["judge/report.py", "judge/scores.py", "judge/report.html.j2", "serve/backtest.py", "serve/monitor.py",
     "inspect/inspect_files.py", "experiments/replay.py", "../stages/backtest.py"],
)  # fmt: skip
def test_code_that_a_fit_does_not_use_changes_no_key(package: Path, file: str) -> None:
    before = key(package, package=ImportGraph(package))
    assert before == key(package)
    append(package / "pipeline" / file)
    assert key(package, package=ImportGraph(package)) == before


@pytest.mark.parametrize(
    "file",
    ["serve/fit_program.py", "serve/past_fit.py", "serve/forecaster.py", "serve/cut_tables.py", "learn/network.py",
     "learn/fitting.py", "align/asof.py", "store/pack.py", "split/write_splits.py", "certify/certificate.py", "settings/train.py",
     "feed/batches.py", "tables.py", "split/policies/chronological.py"],
)  # fmt: skip
def test_code_that_a_fit_uses_changes_every_key(package: Path, file: str) -> None:
    append(package / "pipeline" / file)
    assert key(package, package=ImportGraph(package)) != key(package)


def test_the_version_of_a_library_that_a_fit_imports_is_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, version_of = key(tmp_path), code_keys._version_of
    monkeypatch.setattr(
        code_keys, "_version_of", lambda name: "0" if name == "matplotlib" else version_of(name)
    )
    assert key(tmp_path) == before
    monkeypatch.setattr(code_keys, "_version_of", lambda name: "0" if name == "keras" else version_of(name))
    assert key(tmp_path) != before
