"""From simulate to evaluate, neither workers, threads nor block sizes change a byte of an output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project_copy import output_digests

pytestmark = pytest.mark.workflow

SMALL = (
    "simulate.games=3",
    "simulate.customers=4",
    "simulate.days=60",
    "train.units=[8]",
    "train.epochs=1",
    "train.lanes=8",
    "train.context=24",
    "evaluate.trees_max_rows=3000",
)
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
# what is done in one process because it is small; and sizes of blocks and parts, by module
ALWAYS_IN_PROCESSES = {
    "simulate.games._FEW_DAYS": 0,
    "store.pack._FEW_ROWS": 0,
    "split.training_rows._FEW_VALUES": 0,
    "certify.check_groups._SMALL": 0,
}
OTHER_BLOCKS = {
    **ALWAYS_IN_PROCESSES,
    "split.training_rows._ROWS_PER_PART": 5000,
    "split.steps._STEPS_PER_BLOCK": 1000,
    "feed.scored_rows._BLOCK_VALUES": 1 << 14,
    "feed.scored_rows._BLOCK_STEPS": 1000,
    "judge.split_tables._TREE_ROWS": 700,
    "judge.table.BLOCK": 1000,
    "learn.tree_files._ROUNDS_TOGETHER": 16,
}
# a worker process has the sizes of its own import
RUN = """
import sys
from importlib import import_module

for word in sys.argv[2:]:
    path, value = word.split("=")
    module, _, name = path.rpartition(".")
    module = import_module(f"hindcast.pipeline.{module}")
    assert hasattr(module, name), path
    setattr(module, name, int(value))
sys.exit(import_module(f"hindcast.stages.{sys.argv[1]}").main([]))
"""


def digests_of(
    folder: Path, root: Path, params: str, environment: dict[str, str], sizes: dict[str, int]
) -> dict[str, str]:
    folder.mkdir()
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    words = [f"{path}={value}" for path, value in sizes.items()]
    for stage in STAGES:
        done = subprocess.run(
            [sys.executable, "-c", RUN, stage, *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=540,
        )
        assert done.returncode == 0, f"{stage}: {done.stdout}{done.stderr}"
    return output_digests(folder)


def threads(number: int) -> dict[str, str]:
    return {
        "DASK_NUM_WORKERS": str(number),
        "OMP_NUM_THREADS": str(number),
        "TF_NUM_INTRAOP_THREADS": str(number),
    }


def test_one_two_and_four_workers_and_other_blocks_write_the_same_bytes(
    tmp_path: Path, root: Path, compose_text: Callable[..., str]
) -> None:
    params = compose_text(*SMALL)
    first = digests_of(tmp_path / "one", root, params, threads(1), {})
    for name in (
        "data/dataset.h5",
        "data/scaler.json",
        "reports/metrics.json",
        "reports/predictions.parquet",
    ):
        assert name in first
    runs = {
        "two": (threads(2), ALWAYS_IN_PROCESSES),
        "four": (threads(4), OTHER_BLOCKS),
    }
    for name, (environment, sizes) in runs.items():
        found = digests_of(tmp_path / name, root, params, environment, sizes)
        assert {path: found.get(path) for path in first} == first
        assert found.keys() == first.keys()
