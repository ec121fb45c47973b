"""The whole way under DVC, from the embedded raw files to the report, in a copy of the project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers the codec for the plain reader below
import numpy as np
import pytest

from tests.project_copy import ProjectCopy

pytestmark = pytest.mark.workflow

SMALL = (
    "simulate.games=2",
    "simulate.customers=3",
    "simulate.days=60",
    "train.units=[8]",
    "train.epochs=2",
    "train.lanes=8",
    "train.context=24",
)


def stages_to_run(copy: ProjectCopy, old: str = "", new: str = "") -> set[str]:
    """The stages that `dvc repro` would run if params.yaml held `new` instead of `old`."""
    params = copy.folder / "params.yaml"
    before = params.read_text(encoding="utf-8")
    assert old in before
    params.write_text(before.replace(old, new) if old else before, encoding="utf-8")
    try:
        done = copy.run("dvc", "repro", "--dry")
    finally:
        params.write_text(before, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    ran = re.findall(r"Running stage '([\w@]+)'", done.stdout)
    assert ran[0] == "check"  # always, and first
    return set(ran[1:])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, root: Path, compose_text) -> ProjectCopy:
    made = ProjectCopy(tmp_path_factory.mktemp("whole") / "a project", root)
    (made.folder / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    done = made.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_one_command_goes_from_raw_files_to_the_report(copy: ProjectCopy) -> None:
    metrics = json.loads((copy.folder / "reports/metrics.json").read_text(encoding="utf-8"))
    scores = metrics["test"]["usage"]
    rivals = {"model", "published", "persistence", "seasonal_24h", "seasonal_168h", "trees"}
    assert rivals <= set(scores)
    assert len({scores[name]["n"] for name in rivals}) == 1  # the same rows for each
    for name in (
        "report.html",
        "by_series.csv",
        "predictions.parquet",
        "ingest.json",
        "pack.json",
        "features.md",
        "leaks.json",
    ):
        assert (copy.folder / "reports" / name).stat().st_size > 0
    assert json.loads((copy.folder / "reports/leaks.json").read_text(encoding="utf-8"))["passed"] is True
    assert (copy.folder / "models/model.keras").exists()


def test_the_textbook_loop_walks_a_shard_and_the_data_set(copy: ProjectCopy) -> None:
    files = [copy.folder / "data/dataset.h5", *sorted((copy.folder / "data/packed").glob("*.h5"))]
    assert len(files) == 3
    for path in files:
        with h5py.File(path) as file:
            count = int(file.attrs["sample_count"])
            assert count > 0
            order = np.random.default_rng(0).permutation(count)
            seen = 0
            for start in range(0, count, 32):
                rows = np.sort(order[start : start + 32])
                x, y = file["X"][rows], file["Y"][rows]
                assert x.shape[0] == y.shape[0] == len(rows)
                assert np.isfinite(x).all()
                assert np.isfinite(y).all()
                seen += len(rows)
            assert seen == count


def test_a_second_run_runs_the_check_only(copy: ProjectCopy) -> None:
    assert stages_to_run(copy) == set()


def test_a_changed_network_reruns_train_and_evaluate_only(copy: ProjectCopy) -> None:
    assert stages_to_run(copy, "units:\n  - 8\n", "units:\n  - 9\n") == {"train", "evaluate"}


def test_a_changed_segment_length_does_not_rerun_ingest(copy: ProjectCopy) -> None:
    stages = stages_to_run(copy, "segment_length: 24\n", "segment_length: 25\n")
    assert "pack" in stages
    assert not stages & {"simulate@games", "ingest"}


def test_a_failed_stage_leaves_the_last_good_run_in_place(copy: ProjectCopy) -> None:
    before = copy.digests()
    params = copy.folder / "params.yaml"
    good = params.read_text(encoding="utf-8")
    assert "  test: 0.2\n" in good
    params.write_text(good.replace("  test: 0.2\n", "  test: '2035-01-01'\n"), encoding="utf-8")
    done = copy.run("dvc", "repro")
    params.write_text(good, encoding="utf-8")
    assert done.returncode != 0
    assert "split" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert copy.digests() == before
    assert stages_to_run(copy) == set()


def test_a_second_build_elsewhere_has_the_same_bytes(
    copy: ProjectCopy, tmp_path: Path, root: Path, compose_text
) -> None:
    other = ProjectCopy(tmp_path / "elsewhere", root)
    (other.folder / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    done = other.run("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert other.digests() == copy.digests()


def test_an_edit_of_inspect_reruns_nothing_and_one_of_the_csv_reader_repacks_nothing(
    copy: ProjectCopy,
) -> None:
    """The reader's code decides the tables: where they come out the same, everything after them is up to date."""
    for path in ("pipeline/inspect/proposal.py", "pipeline/raw/csv_cells.py"):
        with (copy.folder / path).open("a", encoding="utf-8") as file:
            file.write("\n# another line\n")
        stages = stages_to_run(copy)
        assert stages <= {"ingest"}, path
        if "inspect" in path:
            assert not stages
    done = copy.run("dvc", "repro")
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"Running stage '([\w@]+)'", done.stdout)) == {"check", "ingest"}
