"""Everything `evaluate` does: forecasts of the model and of the trees, judgements, and all outputs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.feed.scored_rows import Rows, scored_rows
from hindcast.pipeline.files import canonical_json, read_json, replace_file, replace_folders
from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.answer import Answer, answer_of
from hindcast.pipeline.judge.examples import Examples, examples_of
from hindcast.pipeline.judge.load import Judged, names_of, tables_of
from hindcast.pipeline.judge.outputs import (
    PredictionsFile,
    metrics_of,
    predictions_file,
    write_breakdown,
    write_by_series,
)
from hindcast.pipeline.judge.plots import draw_all
from hindcast.pipeline.judge.report import Contents, write_report
from hindcast.pipeline.judge.scores import Judgement, judged
from hindcast.pipeline.judge.stage_facts import cautions, earlier
from hindcast.pipeline.judge.summed_series import summed
from hindcast.pipeline.judge.table import Floats, Table
from hindcast.pipeline.judge.trees import Trees, fit_trees
from hindcast.pipeline.progress import progress
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

SPLITS = ("validation", "test")


SETTINGS_SHOWN = ("seed", "align", "pack", "split", "scale", "train", "evaluate")


"""Those that evaluate's entry in dvc.yaml names too."""


Predict = Callable[[str, Rows], Floats]


"""(split, its scored rows) -> float32 in physical units: the model.

(row, target), or (row, target, quantile) of a model with `train.quantiles`.
"""


@dataclass(frozen=True)
class Evaluation:
    """The judgements in order (split, target) and the answers about the test split (validation, if it is empty)."""

    judgements: list[Judgement]
    answers: list[tuple[Judgement, Answer]]


def evaluate(
    dataset: Judged, predict: Predict, params: Params, root: Path, facts: dict[str, Any]
) -> Evaluation:
    """Judge the model on validation and test; write everything below `root`/reports or nothing.

    `facts` are JSON-like values by title, shown in the report.
    """
    listed = params.evaluate.baselines
    columns = [name for name in FORECASTERS if name == "model" or name in listed or name in REFERENCES]
    history = read_json(root / "models" / "history.json")
    judge = _Judge(dataset, predict, params, columns)
    with _outputs(root / "reports") as out:
        with predictions_file(out.predictions, columns, params.train.quantiles) as predictions:
            for split in SPLITS:
                judge.split(split, predictions)
        evaluation = Evaluation(judge.judgements, _answers(judge.judgements))
        out.metrics.write_text(canonical_json(metrics_of(judge.judgements)), encoding="utf-8")
        of_series = [each for each in judge.judgements if each.target in dataset.targets]
        write_by_series(out.by_series, of_series)
        write_breakdown(out.plots / "error_by_lead.csv", "lead_hours", of_series, "by_lead")
        write_breakdown(out.plots / "error_by_hour.csv", "hour", of_series, "by_hour")
        shown = [judgement for judgement, _ in evaluation.answers]
        examples = {
            judgement.target: judge.examples.get((judgement.split, judgement.target)) for judgement in shown
        }
        plots = draw_all(out.plots, shown, examples, history)
        settings = params.model_dump(mode="json", by_alias=True, include=set(SETTINGS_SHOWN))
        write_report(
            out.report, Contents(evaluation.answers, judge.judgements, plots, out.plots, facts, settings)
        )
    return evaluation


class _Judge:
    """Judges split after split, so that only one split's rows are in memory; keeps what is small."""

    def __init__(self, dataset: Judged, predict: Predict, params: Params, columns: list[str]) -> None:
        self._dataset, self._predict, self._params, self._columns = dataset, predict, params, columns
        self._names, self._series_of = names_of(dataset.sequences)
        self.judgements: list[Judgement] = []
        self.examples: dict[tuple[str, str], Examples] = {}

    def split(self, split: str, predictions: PredictionsFile) -> None:
        """Judge every target of a split, and the sums asked for."""
        settings = self._params.evaluate
        for table in self._tables(split):
            marked, judgement = judged(table, settings.baselines, self._params.seed)
            predictions.add(marked)
            self.judgements.append(judgement)
            found = examples_of(marked, judgement)
            if found is not None:
                self.examples[split, table.target] = found
            for over in settings.sums:
                _, total = judged(summed(marked, over), settings.baselines, self._params.seed)
                self.judgements.append(total)

    @cached_property
    def _trees(self) -> Trees | None:
        if "trees" not in self._columns:
            return None
        rows = scored_rows(self._dataset, "train")
        with progress("fit the trees", len(self._dataset.targets), "targets") as advance:
            return fit_trees(
                self._dataset,
                rows,
                self._series_of,
                most_rows=self._params.evaluate.trees_max_rows,
                seed=self._params.seed,
                advance=advance,
            )

    def _tables(self, split: str) -> list[Table]:
        rows = scored_rows(self._dataset, split)
        values, settings = (
            self._predict(split, rows),
            self._params.train,
        )  # a network that cannot play is told first
        trees = self._trees
        with progress(f"read {split}", len(rows), "rows") as advance:
            tables = tables_of(
                self._dataset, split, rows, self._columns, self._names, self._series_of, advance
            )
        if settings.quantiles:
            tables = [
                replace(table, quantiles=np.ascontiguousarray(values[:, target]), levels=settings.quantiles)
                for target, table in enumerate(tables)
            ]
            values = values[:, :, settings.middle]
        added = {"model": values.T}
        if trees is not None:
            added["trees"] = trees.predict(self._dataset, rows, self._series_of)
        for target, table in enumerate(tables):
            for name, values in added.items():
                table.forecasts[name] = np.ascontiguousarray(values[target], np.float32)
        return tables


@dataclass(frozen=True)
class _Outputs:
    metrics: Path
    by_series: Path
    predictions: Path
    report: Path
    plots: Path


@contextmanager
def _outputs(reports: Path) -> Iterator[_Outputs]:
    """Temporary paths of all outputs; they take their places only if everything succeeded."""
    files = ("metrics.json", "by_series.csv", "predictions.parquet", "report.html")
    with ExitStack() as stack:
        metrics, by_series, predictions, report = (
            stack.enter_context(replace_file(reports / file)) for file in files
        )
        (plots,) = stack.enter_context(replace_folders(reports / "plots"))
        yield _Outputs(metrics, by_series, predictions, report, plots)


def _answers(judgements: list[Judgement]) -> list[tuple[Judgement, Answer]]:
    for split in ("test", "validation"):
        found = [judgement for judgement in judgements if judgement.split == split]
        if any(judgement.comparison.compared for judgement in found):
            return [(judgement, answer_of(judgement)) for judgement in found]
    return []


def evaluate_workspace(params: Params, root: Path) -> Evaluation:
    """Judge `models/` below `root` on `data/dataset.h5`; write metrics, predictions, plots and report to `reports/`.

    Raises MissingInputError or FormatError if the data set or the network is absent, damaged or foreign.
    """
    from hindcast.pipeline.learn.prediction import predict

    with Dataset(root / "data" / "dataset.h5") as dataset:

        def model(split: str, rows: Rows) -> Floats:
            found = predict(dataset, root / "models", split)
            assert np.array_equal(found.sample, rows.sample)
            assert np.array_equal(found.offset, rows.offset)
            return found.value if found.quantiles is None else found.quantiles

        beware = dict(zip(("beware",), cautions(params.split.policy), strict=False))
        facts = {"The data set": beware | _facts_of(dataset), **earlier(root / "reports")}
        return evaluate(dataset, model, params, root, facts)


def _facts_of(dataset: Dataset) -> dict[str, Any]:
    names, _ = names_of(dataset.sequences)
    return {
        "groups": len(names.groups),
        "series": len(names.series),
        "sequences": len(dataset.sequences),
        "samples": dataset.sample_count,
        "steps a sample": dataset.segment_length,
        "a step": _duration(dataset.frequency),
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        **{f"{name}, from and until": _range_of(dataset, name) for name in dataset.splits},
        "fingerprint": dataset.fingerprint,
    }


def _range_of(dataset: Dataset, split: str) -> str:
    part = dataset.split(split)
    begin, end = (
        str(np.datetime64(time, "ns").astype("datetime64[s]")).replace("T", " ")
        for time in (part.from_time, part.until_time)
    )
    return f"{begin} to {end} UTC"


def _duration(nanoseconds: int) -> str:
    """In the largest unit of which it is a whole number."""
    for unit, size in (("d", 86400 * 10**9), ("h", 3600 * 10**9), ("min", 60 * 10**9)):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds / 10**9:g} s"
