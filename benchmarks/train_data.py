"""The data for benchmarks of training: synthetic data sets as long as a pass, and the default input. Each is made once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERIES, STEPS, FEATURES, SEGMENT = 256, 7_840, 17, 24
COUNTS, MANY_STEPS, LEAST_STEPS = (40, 20_000), 2_000_000, 240
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def prepare(folder: Path, part: str, series: int = SERIES) -> None:
    """Make what a part of the benchmark needs below `folder`, unless it exists.

    bare: data sets with each number of COUNTS of series, in all at least MANY_STEPS steps. error: the default input up to
    its certificate. memory: 20 series of STEPS steps, a fifth of them for validation. The others: `series` series of STEPS
    steps, all of them training data.
    """
    if part == "error":
        _prepare_default(default_of(folder))
    elif part == "bare":
        for count in COUNTS:
            _synthesize(many_of(folder, count), count, max(LEAST_STEPS, MANY_STEPS // count))
    elif part == "memory":
        _synthesize(small_of(folder), 20, STEPS, held_out=0.2)
    else:
        _synthesize(large_of(folder), series, STEPS)


def _prepare_default(default: Path) -> None:
    if (default / "reports/leaks.json").exists():
        return
    default.mkdir(parents=True, exist_ok=True)
    (default / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for stage in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}"]
        subprocess.run(command, cwd=default, env=environment, check=True, stdout=subprocess.DEVNULL)


def _synthesize(path: Path, series: int, steps: int, held_out: float = 0) -> None:
    from tests.mock_data import mock_dataset, mock_group, mock_params

    if path.exists():
        return
    params = mock_params(pack={"segment_length": SEGMENT, "codec": "zstd"})
    names = [f"s{number:05}" for number in range(series)]
    group = mock_group("g", series=names, steps=(steps,), features=FEATURES)
    mock_dataset(path.parent, [group], params, validation=held_out, test=0)


def large_of(folder: Path) -> Path:
    return folder / "large/dataset.h5"


def small_of(folder: Path) -> Path:
    return folder / "small/dataset.h5"


def many_of(folder: Path, series: int) -> Path:
    return folder / f"many-{series}/dataset.h5"


def default_of(folder: Path) -> Path:
    return folder / "default"


def steps_of(folder: Path) -> int:
    """Return the number of steps of a pass over the synthetic data set."""
    from hindcast.pipeline.store.reader import Dataset

    with Dataset(large_of(folder)) as dataset:
        return int(dataset.step_count)
