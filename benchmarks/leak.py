"""What a leak is worth: one network trained with what was known at the origin, and with what a table made afterwards holds.

    python benchmarks/leak.py                        # simulated data
    python benchmarks/leak.py --ercot data/raw/ercot # load of the eight ERCOT zones, public files
    python benchmarks/leak.py --set simulate.days=60 # changes a setting of both trainings

Both have the same columns: the newest two measured values, forecasts, lags and the calendar. In the honest data set they are as known at
the origin of the data set (24 hours before the step; for ERCOT 18:00 UTC for the next day). The leaky one is the table that results from
joining everything by the time for which it holds: "newest" means the hour before the step, and the forecast is the last one that was ever
issued. Splits, settings and seed are the same. Three errors on the rows that all have in common:

- honest: trained and scored on the honest data set. This is what the network reaches in use.
- leaky, as scored: trained and scored on the leaky one. This is what its own evaluation reports.
- leaky, served: the same network, given what is known at the origin. This is what it reaches in use.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.floors import record

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "pack", "split", "scale", "certify", "train")
KEYS = ["group", "series", "time"]
AFTERWARDS = "align.origin={before: 0h}"


@dataclass(frozen=True)
class Data:
    """A data set: its name in conf/, its unit, the settings of both trainings, and the settings of the leak."""

    name: str
    unit: str
    both: tuple[str, ...]
    leak: tuple[str, ...]


SIMULATED = Data(
    "simulated",
    "kWh",
    (
        "align.features.lags={usage: [48h]}",
        "align.features.recent={usage: 2}",
        "evaluate.baselines=[published]",
    ),
    (AFTERWARDS, "raw.sources.meters.known={after_step: 0h}"),
)
ERCOT = Data(
    "ercot",
    "MW",
    (
        "align.features.lags={load: [48h, 168h]}",
        "align.features.recent={load: 2}",
        "align.features.lead=false",  # it would tell the two tables apart
        "evaluate.baselines=[published]",
    ),
    (AFTERWARDS, "raw.sources.measured.known={after_step: 0h}"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="What a leak is worth.")
    parser.add_argument(
        "--ercot", type=Path, help="the folder of the files that conf/dataset/ercot.yaml describes"
    )
    parser.add_argument(
        "--set", action="append", default=[], help="a setting of both trainings, as for a stage"
    )
    options = parser.parse_args()
    data = ERCOT if options.ercot else SIMULATED
    path = [f"raw.path={options.ercot.resolve()}"] if options.ercot else []
    with tempfile.TemporaryDirectory(prefix="bench-leak-") as temporary:
        honest, leaky = Path(temporary, "honest"), Path(temporary, "leaky")
        run(honest, data, [*data.both, *path, *options.set])
        run(leaky, data, [*data.both, *data.leak, *path, *options.set])
        report(errors(honest, leaky), data)
    return 0


def run(folder: Path, data: Data, changes: list[str]) -> None:
    """Make a data set in a new folder and train the network on it."""
    from hindcast.pipeline.project.composition import compose_text

    folder.mkdir()
    (folder / "params.yaml").write_text(compose_text(ROOT, [f"dataset={data.name}"]), encoding="utf-8")
    words = [word for change in changes for word in ("--set", change)]
    for stage in ("simulate", *STAGES) if data is SIMULATED else STAGES:
        done = subprocess.run(
            [sys.executable, "-m", f"hindcast.stages.{stage}", *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{stage} failed in {folder.name}:\n{done.stderr}")
        print(f"{folder.name}: {stage}", flush=True)


def errors(honest: Path, leaky: Path) -> pd.DataFrame:
    """Return the absolute errors on the rows of the test split that both data sets have, a column for each forecaster."""
    serve(leaky / "models", honest, honest / "leaky_models")
    found = [
        scored(honest, honest / "models", "honest").rename(columns={"published": "published forecast"}),
        scored(leaky, leaky / "models", "leaky, as scored").drop(columns="published"),
        scored(honest, honest / "leaky_models", "leaky, served").drop(columns="published"),
    ]
    return pd.concat([frame.set_index(KEYS) for frame in found], axis=1, join="inner").dropna()


def serve(models: Path, workspace: Path, target: Path) -> None:
    """Copy a network so that it can play another data set with the same columns, as it would play live data."""
    import shutil

    from hindcast.pipeline.learn.model_card import read_model_card, write_model_card
    from hindcast.pipeline.store.reader import Dataset

    shutil.copytree(models, target)
    card = read_model_card(models)
    with Dataset(workspace / "data/dataset.h5") as dataset:
        assert card["features"] == list(dataset.features), "both data sets have the same columns"
        card.pop("format")
        write_model_card(target, card | {"fingerprint": dataset.fingerprint})


def scored(workspace: Path, models: Path, name: str) -> pd.DataFrame:
    """Return the absolute errors of a network and of the published forecast on the test split, with the keys of the rows."""
    from hindcast.pipeline.feed.scored_rows import rows_of, scored_spans
    from hindcast.pipeline.learn.backend import start_framework
    from hindcast.pipeline.learn.prediction import predict
    from hindcast.pipeline.store.reader import Dataset

    start_framework()
    with Dataset(workspace / "data/dataset.h5") as dataset:
        spans = scored_spans(dataset, "test")
        rows = rows_of(dataset, spans, np.arange(len(spans)))
        place = np.arange(len(rows)), rows.offset
        actual = dataset.read("Y", rows.sample)[place][:, 0]
        published = dataset.read("published", rows.sample)[place][:, 0]
        value = predict(dataset, models, "test").value[:, 0]
        return pd.DataFrame(
            {
                "group": np.asarray(dataset.sequences.group)[rows.sequence].astype(str),
                "series": np.asarray(dataset.sequences.series)[rows.sequence].astype(str),
                "time": rows.time,
                name: np.abs(value - actual),
                "published": np.abs(published - actual),
            }
        )


def report(found: pd.DataFrame, data: Data) -> None:
    """Print the mean absolute errors, and keep them for the summary."""
    series = len(found.reset_index()[["group", "series"]].drop_duplicates())
    print(
        f"\n{data.name}: mean absolute error on {len(found):,} rows of {series} series of the test split, {data.unit}"
    )
    base = float(found["honest"].mean())
    for name in ("published forecast", "honest", "leaky, as scored", "leaky, served"):
        error = float(found[name].mean())
        print(f"  {name:<20}{error:>10.3f}{error / base:>8.2f} x honest")
        record(f"leak, {data.name}: {name} / honest", error / base)


if __name__ == "__main__":
    sys.exit(main())
