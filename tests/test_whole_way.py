"""The whole way under DVC, from the embedded raw files to the report, in a copy of the project."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers the codec for the plain reader below
import numpy as np
import pytest

SMALL = (
    "simulate.games=2",
    "simulate.customers=3",
    "simulate.days=60",
    "train.units=[8]",
    "train.epochs=2",
    "train.lanes=8",
    "train.context=24",
)


class Copy:
    """A copy of the project in which commands are run as a user would run them."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        for words in (
            ("init", "--quiet"),
            ("config", "user.name", "A Tester"),
            ("config", "user.email", "tester@example.invalid"),
            ("add", "--all"),
            ("commit", "--quiet", "--message", "The project under test"),
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=540,
        )

    def digests(self) -> dict[str, str]:
        files = [
            path
            for top in ("data", "reports", "models")
            for path in (self.folder / top).rglob("*")
            if path.is_file()
        ]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    def stages_to_run(self, old: str = "", new: str = "") -> set[str]:
        """The stages that `dvc repro` would run if `old` stood as `new` in params.yaml."""
        params = self.folder / "params.yaml"
        before = params.read_text(encoding="utf-8")
        assert old in before
        params.write_text(before.replace(old, new) if old else before, encoding="utf-8")
        try:
            told = self.run("dvc", "repro", "--dry")
        finally:
            params.write_text(before, encoding="utf-8")
        assert told.returncode == 0, told.stderr
        return set(re.findall(r"Running stage '(\w+)'", told.stdout))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, root: Path, compose_text) -> Copy:
    made = Copy(tmp_path_factory.mktemp("whole") / "a project", root)
    (made.folder / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    told = made.run("dvc", "repro")
    assert told.returncode == 0, told.stdout + told.stderr
    return made


def test_one_command_goes_from_raw_files_to_the_report(copy: Copy) -> None:
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


def test_the_textbook_loop_walks_a_shard_and_the_data_set(copy: Copy) -> None:
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


def test_a_second_run_runs_nothing(copy: Copy) -> None:
    assert copy.stages_to_run() == set()


def test_a_changed_network_reruns_train_and_evaluate_only(copy: Copy) -> None:
    assert copy.stages_to_run("units:\n  - 8\n", "units:\n  - 9\n") == {"train", "evaluate"}


def test_a_changed_segment_length_does_not_rerun_ingest(copy: Copy) -> None:
    stages = copy.stages_to_run("segment_length: 24\n", "segment_length: 25\n")
    assert "pack" in stages
    assert not stages & {"simulate", "ingest"}


def test_a_failed_stage_leaves_the_last_good_run_in_place(copy: Copy) -> None:
    before = copy.digests()
    params = copy.folder / "params.yaml"
    good = params.read_text(encoding="utf-8")
    assert "  test: 0.2\n" in good
    params.write_text(good.replace("  test: 0.2\n", "  test: '2035-01-01'\n"), encoding="utf-8")
    told = copy.run("dvc", "repro")
    params.write_text(good, encoding="utf-8")
    assert told.returncode != 0
    assert "split" in told.stderr
    assert "Traceback" not in told.stdout + told.stderr
    assert copy.digests() == before
    assert copy.stages_to_run() == set()


def test_a_second_build_elsewhere_has_the_same_bytes(
    copy: Copy, tmp_path: Path, root: Path, compose_text
) -> None:
    other = Copy(tmp_path / "elsewhere", root)
    (other.folder / "params.yaml").write_text(compose_text(*SMALL), encoding="utf-8")
    told = other.run("dvc", "repro")
    assert told.returncode == 0, told.stdout + told.stderr
    assert other.digests() == copy.digests()
