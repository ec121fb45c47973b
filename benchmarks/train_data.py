"""The data for benchmarks of training: a synthetic data set as long as a pass, and the default input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERIES, STEPS, FEATURES, SEGMENT = 256, 7_840, 17, 24
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def prepare(folder: Path, series: int = SERIES) -> None:
    """Make both below `folder`: series of STEPS steps, all of them training data, and the default up to its certificate."""
    from tests.mock_data import mock_dataset, mock_group, mock_params

    params = mock_params(pack={"segment_length": SEGMENT, "codec": "zstd"})
    names = [f"s{number:03}" for number in range(series)]
    group = mock_group("g", series=names, steps=(STEPS,), features=FEATURES)
    mock_dataset(folder / "large", [group], params, validation=0, test=0)
    default = default_of(folder)
    default.mkdir(parents=True, exist_ok=True)
    (default / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        subprocess.run(command, cwd=default, env=environment, check=True, stdout=subprocess.DEVNULL)


def large_of(folder: Path) -> Path:
    return folder / "large/dataset.h5"


def default_of(folder: Path) -> Path:
    return folder / "default"


def steps_of(folder: Path) -> int:
    """Return the number of steps of a pass over the synthetic data set."""
    from hindcast.pipeline.store.reader import Dataset

    with Dataset(large_of(folder)) as dataset:
        return int(dataset.step_count)
