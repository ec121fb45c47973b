"""Two people and a remote: what one ran, the other need not run, and nobody's outputs differ."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.project.own_data_set import DATASET
from tests.project_copy import ProjectCopy, clone, git, output_digests, run_in

pytestmark = pytest.mark.workflow

SMALL = ("simulate.games=2", "simulate.customers=2", "simulate.days=50", "train.units=[4]", "train.epochs=1")


def succeed(folder: Path, *words: str) -> str:
    """Run a command in a clone; its standard output. An error shows all that it printed."""
    done = run_in(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_second_clone_pulls_what_the_first_pushed_and_runs_the_check_only(
    tmp_path: Path, root: Path, compose_text
) -> None:
    first = ProjectCopy(tmp_path / "one's project", root).folder
    (first / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    succeed(first, "dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    succeed(first, "dvc", "repro")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "A run, with its lock file")
    succeed(first, "dvc", "push")

    second = clone(first, tmp_path / "other's project")
    assert not output_digests(second).keys() & {"data/dataset.h5", "models/model.keras"}
    succeed(second, "dvc", "pull")
    assert output_digests(second) == output_digests(first)
    assert re.findall(r"Running stage '([\w@]+)'", succeed(second, "dvc", "repro")) == ["check"]

    # without the remote: everything is made again, with the same bytes
    for name in (
        "data/simulated",
        "data/notes",
        "data/tables",
        "data/packed",
        "models",
        "reports",
        ".dvc/cache",
        ".hindcast",
    ):
        shutil.rmtree(second / name, ignore_errors=True)
    (second / "data/dataset.h5").unlink()
    succeed(second, "dvc", "repro", "--force")
    assert output_digests(second) == output_digests(first)


OWN = DATASET.replace('files: "*.csv"', 'files: "*/*.csv"').replace(
    "{constant: g}", """{path: "^([^/]+)/"}"""
)


RECORDED = """
from hindcast.pipeline.raw import source_ingest
from hindcast.pipeline.store import pack
from hindcast.stages import ingest as ingest_stage, pack as pack_stage

merged, packed = [], []
make_table, pack_group = source_ingest.make_table, pack.pack_group
source_ingest.make_table = lambda context, rows: merged.append(rows.group) or make_table(context, rows)
pack.pack_group = lambda *given: packed.append(given[-1][0]) or pack_group(*given)
assert ingest_stage.main([]) == pack_stage.main([]) == 0
print(f"merged {', '.join(merged)}, packed {', '.join(packed)}")
"""


def test_after_a_pull_a_changed_cell_remakes_its_group_only(tmp_path: Path, root: Path) -> None:
    first = ProjectCopy(tmp_path / "one", root).folder
    for group in ("A", "B"):
        rows = [f"2024-01-{day:02}T{hour:02}:00Z,{day + hour}" for day in range(1, 30) for hour in range(24)]
        path = first / f"data/raw/mine/{group}/a.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(["time,mw", *rows, ""]), encoding="utf-8")
    (first / "conf/dataset/mine.yaml").write_text(OWN, encoding="utf-8")
    succeed(first, "hindcast.stages.cli", "use", "mine")
    succeed(first, "dvc", "add", "data/raw/mine")
    succeed(first, "dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    succeed(first, "dvc", "repro", "pack")
    git(first, "add", "--all")
    git(first, "commit", "--quiet", "--message", "A run, with its lock file")
    succeed(first, "dvc", "push")

    second = clone(first, tmp_path / "other")
    run_in(second, "dvc", "pull")  # fails at outputs that nobody made yet, after it has fetched the others
    assert output_digests(second) == output_digests(first)
    raw = second / "data/raw/mine/A/a.csv"
    text = raw.read_text(encoding="utf-8")
    raw.unlink()  # it may be a link into DVC's cache
    raw.write_text(text.replace("2024-01-09T05:00Z,14", "2024-01-09T05:00Z,15"), encoding="utf-8")
    (second / "recorded.py").write_text(RECORDED, encoding="utf-8")
    assert succeed(second, "recorded").splitlines()[-1] == "merged A, packed A"
    ran = re.findall(r"Running stage '([\w@]+)'", succeed(second, "dvc", "repro", "pack"))
    assert ran == ["check", "ingest", "pack"]
    assert succeed(second, "recorded").splitlines()[-1] == "merged , packed "
