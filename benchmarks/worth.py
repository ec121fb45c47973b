"""What a recipe is worth on the real data sets: the error on test relative to the published forecast and to the other rivals.

    python benchmarks/worth.py --data FOLDER                                  # every data set of conf/ found there, model=default, three seeds
    python benchmarks/worth.py --data FOLDER --sets ercot --seeds 7
    python benchmarks/worth.py --data FOLDER --recipes "model=default" "model=default train.residual=false"

`FOLDER` holds a folder per data set, named as at the end of its `raw.path`. A recipe is a list of overrides as `dvc exp run -S` takes them;
several recipes are an ablation. All stages run in a project of their own below `--folder`, one training after another.

A ratio is the mean absolute error of what is delivered (the blend where there is one, else the network), divided by that of a rival, on the rows
on which both have a value. Of each run: the ratio by series (a track of a data set with several counts as a series), its median, the share of series
above 1.03, and the number proven worse than the published forecast (the whole 95 % interval lies on that side). Over seeds: the median.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from hindcast.pipeline.forecasters import delivered
from hindcast.pipeline.judge.metrics import ErrorSums, add_errors
from hindcast.pipeline.judge.skill import compute_skills, verdict
from hindcast.pipeline.project.composition import compose_text, data_sets

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "pack", "split", "scale", "certify", "train", "evaluate")
RIVALS = ("published", "published_corrected", "trees", "model")
NEVER_ABOVE = 1.03
SERIES = ["group", "series", "track", "target"]


def main() -> None:
    parser = argparse.ArgumentParser(description="What a recipe is worth on real data sets.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    parser.add_argument("--sets", nargs="+", help="names of data sets in conf/dataset (default: those found)")
    parser.add_argument("--recipes", nargs="+", default=["model=default"], help="overrides, one text each")
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--folder", type=Path, help="where the projects are made, and stay")
    parser.add_argument("--json", type=Path, help="append each run to this file, a line each")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="worth-"))
    for name in options.sets or data_sets(ROOT):
        source = options.data / Path(raw_path(name)).name
        if not source.is_dir():
            print(f"{name}: {source} was not found; left out")
            continue
        for recipe in options.recipes:
            runs = []
            for seed in options.seeds:
                runs.append(measure(folder / name, source, recipe, seed))
                if options.json is not None:
                    with options.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(runs[-1]) + "\n")
            print_summary(name, recipe, runs)


def raw_path(name: str) -> str:
    """Return `raw.path` of a data set."""
    return str(yaml.safe_load(compose_text(ROOT, [f"dataset={name}"]))["raw"].get("path", name))


def measure(project: Path, source: Path, recipe: str, seed: int) -> dict[str, Any]:
    """Run all stages in a folder named as the data set, with a recipe and a seed; return the figures of the split `test`."""
    project.mkdir(parents=True, exist_ok=True)
    overrides = [f"dataset={project.name}", *recipe.split(), f"raw.path='{source.resolve()}'", f"seed={seed}"]
    (project / "params.yaml").write_text(compose_text(ROOT, overrides), encoding="utf-8")
    seconds = {}
    for stage in STAGES:
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", f"hindcast.stages.{stage}"],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds[stage] = time.perf_counter() - begin
    found = {"set": project.name, "recipe": recipe, "seed": seed, "train_seconds": seconds["train"]}
    return found | figures(project / "reports/predictions.parquet", seed)


def figures(predictions: Path, seed: int) -> dict[str, Any]:
    """Return the figures of one run by rival, and the error of each forecaster by track."""
    rows = pd.read_parquet(predictions, filters=[("split", "==", "test"), ("compared", "==", True)])
    names = [name for name in ("blend", *RIVALS) if name in rows and rows[name].notna().any()]
    ours = delivered(names)
    error = {name: (rows[name] - rows["actual"]).astype(np.float64) for name in names}
    place, keys = pd.factorize(pd.MultiIndex.from_frame(rows[SERIES]))
    day, days = pd.factorize(rows["valid_time"].dt.floor("D"), sort=True)
    found: dict[str, Any] = {
        "mae": {name: float(each.abs().mean()) for name, each in error.items()},
        "rmse_by_track": {
            name: [float(np.sqrt(np.mean(part**2))) for _, part in each.groupby(rows["track"])]
            for name, each in error.items()
        },
    }
    for rival in (name for name in RIVALS if name in names and name != ours):
        both = (error[ours].notna() & error[rival].notna()).to_numpy()
        sums = [
            error_sums(
                error[name].to_numpy()[both], place[both] * len(days) + day[both], len(keys) * len(days)
            )
            for name in (ours, rival)
        ]
        found[rival] = compare(sums, len(keys), seed)
    return found


def error_sums(errors: Any, place: Any, places: int) -> Any:
    """Return the number of rows and the sums of errors at each place, (sum, place)."""
    values = np.zeros((4, places))
    add_errors(values, place, (np.abs(errors), errors * errors, errors))
    return values


def compare(sums: list[Any], series: int, seed: int) -> dict[str, Any]:
    """Return the ratios of the mean absolute errors over all rows and by series, and the verdicts by series."""
    ours, theirs = (each.reshape(4, series, -1) for each in sums)
    kept = np.flatnonzero(ours[0].sum(axis=1))
    by_series = ours[1, kept].sum(axis=1) / theirs[1, kept].sum(axis=1)
    pairs = [(ErrorSums(ours[:, at]), ErrorSums(theirs[:, at])) for at in kept]
    verdicts = [verdict(skill.mae) for skill in compute_skills(pairs, "rival", seed)]
    return {
        "all": float(ours[1].sum() / theirs[1].sum()),
        "median": float(np.median(by_series)),
        "worst": float(by_series.max()),
        "above": float(np.mean(by_series > NEVER_ABOVE)),
        "worse": verdicts.count("worse"),
        "better": verdicts.count("better"),
        "series": len(kept),
    }


def print_summary(name: str, recipe: str, runs: list[dict[str, Any]]) -> None:
    """Print the medians over seeds of each figure, with their range for the ratio."""
    longest = max(run["train_seconds"] for run in runs)
    print(
        f"\n{name}, {recipe or 'base settings'}, {len(runs)} seeds, training at most {longest:.0f} s",
        flush=True,
    )
    for rival in RIVALS:
        found = [run[rival] for run in runs if rival in run]
        if not found:
            continue
        medians = [each["median"] for each in found]
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        print(
            f"  relative to {rival:20} {middle['median']:.3f} ({min(medians):.3f} to {max(medians):.3f}) by series, all rows {middle['all']:.3f}, "
            f"worst series {middle['worst']:.3f}; above {NEVER_ABOVE}: {middle['above']:.0%}; of {middle['series']:.0f} series "
            f"{middle['better']:.0f} proven better, {middle['worse']:.0f} proven worse"
        )
    tracks = {
        forecaster: [
            statistics.median(each)
            for each in zip(*(run["rmse_by_track"][forecaster] for run in runs), strict=True)
        ]
        for forecaster in runs[0]["rmse_by_track"]
    }
    for forecaster, values in tracks.items():
        print(f"  RMSE of {forecaster:20} by track {', '.join(f'{value:.4g}' for value in values)}")


if __name__ == "__main__":
    main()
