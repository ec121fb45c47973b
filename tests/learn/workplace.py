"""A folder as the stages before training leave it: a synthetic data set, its scaler and its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hindcast.pipeline.files import write_json
from hindcast.pipeline.learn.preconditions import open_certified
from hindcast.pipeline.learn.training import TrainingResult, train
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import mock_dataset, mock_group, mock_params
from tests.split.workplace import issue_certificate

TRAIN = {
    "lanes": 3, "context": 10, "units": [4], "epochs": 2, "run_length": "20h", "lookback": 9, "batch_size": 32,
}  # fmt: skip


def workplace(
    folder: Path, segment_length: int = 8, targets: int = 1, scale: str = "feature", **train: Any
) -> Params:
    """Make `data/` and `reports/` below `folder`; return settings that train on them, also in params.yaml."""
    pack = {"segment_length": segment_length, "codec": "gzip"}
    params = mock_params(pack=pack, scale={"by": scale}, train={**TRAIN, **train})
    late = mock_group("south", series=("cid",), steps=(30,), targets=targets, start=START_LATE)
    mock_dataset(folder / "data", [mock_group("north", steps=(60, 60), targets=targets), late], params)
    with Dataset(folder / "data" / "dataset.h5") as dataset:
        write_json(folder / "data" / "scaler.json", scaler_of(dataset, scale))
    issue_certificate(folder)
    text = yaml.safe_dump(params.model_dump(mode="json", by_alias=True, exclude_none=True))
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return params


def train_in(params: Params, folder: Path) -> TrainingResult:
    """Train on what lies below `folder`, as the stage does."""
    with open_certified(params, folder) as data:
        return train(params, folder, data)


def scaler_of(dataset: Dataset, by: str = "feature") -> dict[str, Any]:
    """The scaler's file for a data set of numbers around 0; by series, ann and the groups have scales of their own."""

    def entries(names: tuple[str, ...], spread: float) -> list[dict[str, Any]]:
        return [
            {"name": name, "mean": 0.1 * place, "std": spread + place, "count": 9}
            for place, name in enumerate(names)
        ]

    def own(shift: float) -> dict[str, Any]:
        columns = {"features": dataset.features, "targets": dataset.targets}
        return {
            kind: {
                "mean": [shift + place for place in range(len(names))],
                "std": [abs(shift) + 1.0 + place for place in range(len(names))],
                "count": [9] * len(names),
            }
            for kind, names in columns.items()
        }

    return {
        "format": "hindcast-scaler/2",
        "by": by,
        "target": by,
        "min_rows": 100,
        "groups": [{"group": "north", **own(0.3)}, {"group": "south", **own(0.5)}] if by == "series" else [],
        "series": [{"group": "north", "series": "ann", **own(-0.4)}] if by == "series" else [],
        "fingerprint": dataset.fingerprint,
        "features": entries(dataset.features, 1.5),
        "targets": entries(dataset.targets, 0.7),
    }


def plain_outputs(
    network: Any, dataset: Dataset, numbers: Any, row: int, first: int, last: int
) -> np.ndarray:
    """The twin on the steps [first, last) of one sequence, from a state of zero: (step, target)."""
    table = dataset.sequences
    samples = table.first_sample[row] + np.arange(table.sample_count[row])
    steps = dataset.read("X", samples).reshape(-1, len(dataset.features))[None, first:last]
    series = np.full((1, last - first), numbers[row], np.int32)
    inputs = {"inputs": steps, "series": series}
    if "published" in {variable.name for variable in network.inputs}:
        published = dataset.read("published", samples).reshape(-1, len(dataset.targets))[None, first:last]
        inputs |= {
            "published": np.nan_to_num(published),
            "has_published": np.isfinite(published).astype(np.float32),
        }
    outputs: np.ndarray = network.predict_on_batch(inputs)[0]
    return outputs


START_LATE = 473_352 * 3_600_000_000_000 + 90 * 3_600_000_000_000
