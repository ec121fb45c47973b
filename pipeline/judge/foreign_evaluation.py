"""The work of `evaluate --forecasts`: somebody's forecasts in the place of the network, on the same rows, with the same intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.certify.covered_files import check_certificate
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.files import digest_of_file, file_name
from hindcast.pipeline.judge.evaluation import SPLITS, Evaluation, dataset_facts, evaluate
from hindcast.pipeline.judge.foreign_forecasts import ForeignForecasts, read_forecasts
from hindcast.pipeline.judge.quality_check import read_quality_check
from hindcast.pipeline.learn.tree_files import open_trees
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings


@dataclass(frozen=True)
class ForeignEvaluation:
    """The results, the forecasts that were judged, and the folder of the outputs."""

    evaluation: Evaluation
    forecasts: ForeignForecasts
    folder: Path
    without_trees: bool


def evaluate_forecasts(params: Params, root: Path, path: Path) -> ForeignEvaluation:
    """Evaluate the forecasts in a file on the data set below `root`; write to `root`/reports/forecasts/<name of the file>.

    In all outputs they stand where else the network stands, as `model`. Without a trained network, `trees` of
    `evaluate.baselines` are left out. Raises LeakError unless the certificate covers the files, and FormatError with all
    faults of the forecasts; then nothing is written.
    """
    with Dataset(root / "data" / "dataset.h5", check_shards=False) as dataset:
        check_recorded_settings(dataset, params, scaler=root / "data" / "scaler.json")
        forecasts = read_forecasts(path, dataset, SPLITS, params.raw)
        digests = FileDigests.of_workspace(root)
        check_certificate(
            root / "reports/leaks.json", root / "data", dataset.fingerprint, digests, from_bytes=True
        )
        digests.save()
        baselines, trees = params.evaluate.baselines, None
        without_trees = "trees" in baselines and not (root / "models" / "trees").is_dir()
        if without_trees:
            baselines = tuple(name for name in baselines if name != "trees")
        elif "trees" in baselines:
            trees, _ = open_trees(root / "models", root / "data" / "scaler.json", dataset)
        chosen = params.model_copy(
            update={
                "evaluate": params.evaluate.model_copy(update={"baselines": baselines}),
                "train": params.train.model_copy(update={"quantiles": forecasts.levels}),
            }
        )
        facts = {"Forecasts": _facts(path, forecasts), "Data set": dataset_facts(dataset)}
        folder = root / "reports" / "forecasts" / file_name(path.stem)
        evaluation = evaluate(
            dataset,
            forecasts.predict,
            chosen,
            root,
            facts,
            trees=trees,
            quality=read_quality_check(root),
            reports=folder,
        )
        return ForeignEvaluation(evaluation, forecasts, folder, without_trees)


def _facts(path: Path, forecasts: ForeignForecasts) -> dict[str, Any]:
    return {
        "file": path.name,
        "digest": digest_of_file(path),
        "rows": forecasts.read,
        "at a scored row": forecasts.used,
    }
