"""Made-up runs: predictions, scores and records as `evaluate` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.files import canonical_json, digest_of_file, write_json

STAMP = pa.timestamp("ns", tz="UTC")
SCHEMA = pa.schema(
    [("split", pa.string()), ("group", pa.string()), ("series", pa.string()), ("track", pa.int32()), ("valid_time", STAMP),
     ("origin", STAMP), ("target", pa.string()), ("actual", pa.float32()), ("model", pa.float32()), ("compared", pa.bool_())]
)  # fmt: skip
HOUR = 3_600_000_000_000


def some_rows(
    series: Sequence[str], hours: int, *, seed: int = 0, split: str = "test", error: float = 1.0
) -> pd.DataFrame:
    """Hourly rows of some series of group `g`; the actual values depend on series and time only, the forecasts on the seed too."""
    frames = []
    for name in series:
        actual = np.random.default_rng(sum(map(ord, name))).normal(10, 3, hours).astype(np.float32)
        noise = np.random.default_rng([seed, sum(map(ord, name))]).normal(0, error, hours).astype(np.float32)
        time = np.arange(hours) * HOUR
        columns: dict[str, Any] = {
            "split": split,
            "group": "g",
            "series": name,
            "track": 0,
            "valid_time": time,
        }
        columns |= {
            "origin": time - HOUR,
            "target": "load",
            "actual": actual,
            "model": actual + noise,
            "compared": True,
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def write_rows(path: Path, frame: pd.DataFrame, row_group: int = 1000) -> Path:
    """Write rows as predictions.parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [
        pa.array(frame[field.name].to_numpy(), from_pandas=True).cast(field.type)
        if field.type != pa.string()
        else pa.array(frame[field.name].tolist(), pa.string())
        for field in SCHEMA
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), path, row_group_size=row_group)
    return path


def make_run(folder: Path, frame: pd.DataFrame, **changes: Any) -> Path:
    """Write scores, predictions and a record of a run into a folder; `changes` replace parts of the record."""
    reports = folder / "reports"
    predictions = write_rows(reports / "predictions.parquet", frame)
    metrics: dict[str, Any] = {}
    for (split, target), rows in frame.groupby(["split", "target"]):
        error = (rows["model"].astype(float) - rows["actual"].astype(float)).dropna()
        score = {
            "mae": error.abs().mean(),
            "rmse": float(np.sqrt((error**2).mean())),
            "bias": error.mean(),
            "n": len(error),
        }
        metrics.setdefault(str(split), {})[str(target)] = {"model": score}
    (reports / "metrics.json").write_text(canonical_json(metrics), encoding="utf-8")
    outputs = {
        "reports/metrics.json": {".": digest_of_file(reports / "metrics.json")},
        "reports/predictions.parquet": {".": digest_of_file(predictions)},
    }
    record: dict[str, Any] = {
        "format": "hindcast-run/1",
        "data_set": "made_up",
        "raw": {},
        "settings": {"values": {"seed": 7, "train": {"units": [64]}}},
        "code": {"version": "0.2.0", "stages": {"ingest": "aa-11", "train": "bb-11"}, "networks": {}},
        "libraries": {"numpy": "2.1"},
        "certificate": {"passed": True},
        "cost": {"parameters": 1000, "training_values": 20_000, "epochs": 5, "best_epoch": 3},
        "outputs": {name: {"files": 1, "digest": files["."]} for name, files in outputs.items()},
        "files": {"raw": {"load": {"a.csv": "1", "b.csv": "2"}}, "outputs": outputs},
    }
    write_json(reports / "run.json", {**record, **changes})
    return folder
