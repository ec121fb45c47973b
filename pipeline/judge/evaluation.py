"""The work of `evaluate`: predict with the model and the trees, evaluate their forecasts, write all outputs at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.certify.covered_files import check_certificate
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.feed.scored_rows import Spans
from hindcast.pipeline.feed.trained_series import unknown_series_text
from hindcast.pipeline.files import canonical_json, read_json, replace_file, replace_folders
from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.answer import Answer, derive_answer
from hindcast.pipeline.judge.blended import blend_of_table, blended_rows
from hindcast.pipeline.judge.corrected_column import CorrectedColumn, derived_names
from hindcast.pipeline.judge.costs import CollectedCosts
from hindcast.pipeline.judge.examples import Examples, choose_examples
from hindcast.pipeline.judge.interval_columns import IntervalColumns
from hindcast.pipeline.judge.load import EvaluationSource, index_series, with_begins
from hindcast.pipeline.judge.outputs import (
    PredictionsFile,
    collect_metrics,
    open_predictions,
    write_breakdown,
    write_by_series,
)
from hindcast.pipeline.judge.plots import draw_all
from hindcast.pipeline.judge.quality_check import QualityCheck, read_quality_check
from hindcast.pipeline.judge.report import Contents, write_report
from hindcast.pipeline.judge.scores import Judgement, judge_marked, judge_table, mark_table
from hindcast.pipeline.judge.split_tables import Predict, PredictTrees, SplitTables
from hindcast.pipeline.judge.stage_facts import policy_warning, read_stage_facts
from hindcast.pipeline.judge.statistics import CollectedStatistics
from hindcast.pipeline.judge.summed_series import sum_series
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.judge.unflagged_rows import FlaggedIntervals, flag_rows
from hindcast.pipeline.judge.values_at_age import AgeCounts, ValuesAtAge, truth_text
from hindcast.pipeline.learn.backend import check_libraries, leave_core, start_framework
from hindcast.pipeline.learn.blend_file import Blend, open_blend
from hindcast.pipeline.learn.model_card import check_network, read_model_card
from hindcast.pipeline.learn.tree_files import open_trees
from hindcast.pipeline.settings.base import SECOND, TIME_UNITS
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings
from hindcast.pipeline.store.scaler_file import constant_lines
from hindcast.pipeline.wording import time_text

SPLITS = ("validation", "test")

# The sections in evaluate's entry of dvc.yaml; `raw` is left out, because its path differs between machines.
_REPORTED_SETTINGS = ("seed", "align", "pack", "split", "scale", "train", "evaluate")

_NO_CHECK = QualityCheck()


@dataclass(frozen=True)
class Evaluation:
    """The results in order (split, target), and the answers for the test split (validation if test is empty).

    `unknown` is a line on the series that the network never learned, empty if there are none; `constant` are lines on
    targets that do not vary in training. `ages` are empty if `evaluate.truth` is the last revision, which `revision` describes.
    """

    judgements: list[Judgement]
    answers: list[tuple[Judgement, Answer]]
    quality: QualityCheck = _NO_CHECK
    unknown: str = ""
    constant: tuple[str, ...] = ()
    ages: tuple[AgeCounts, ...] = ()
    revision: str = ""


def evaluate_workspace(params: Params, root: Path) -> Evaluation:
    """Evaluate `models/` below `root` on `data/dataset.h5`; write metrics, predictions, plots and report to `reports/`.

    Raises LeakError unless the files are, byte for byte, those that the certificate covers, and MissingInputError or
    FormatError if the data set or the network is missing or damaged, or if the network was trained on another data set.
    """
    # what is cheap is checked first, and all before the slow import of the framework
    check_libraries()
    models = root / "models"
    # both parts need a few samples of nearly every chunk, and so do the trees
    copy_to = root / ".hindcast" if params.train.mode == "stateful" else None
    with Dataset(root / "data" / "dataset.h5", check_shards=False, copy_to=copy_to) as dataset:
        check_network(models, dataset, params.train)
        check_recorded_settings(dataset, params, scaler=root / "data" / "scaler.json")
        trees, facts = None, _facts(params, dataset, root)
        known = [(group, series) for group, series in read_model_card(models)["series"]]
        unknown = unknown_series_text(dataset, known)
        if unknown:
            facts["Data set"]["unknown series"] = unknown
        constant = tuple(constant_lines(read_json(root / "data" / "scaler.json")))
        if constant:
            facts["Data set"]["targets that do not vary in training"] = "; ".join(constant)
        blend = open_blend(models)
        if "trees" in params.evaluate.baselines:
            trees, facts["Boosted trees"] = open_trees(
                root / "models", root / "data" / "scaler.json", dataset
            )
        read_json(models / "history.json")
        quality = read_quality_check(root)
        digests = FileDigests.of_workspace(root)
        check_certificate(
            root / "reports/leaks.json", root / "data", dataset.fingerprint, digests, from_bytes=True
        )
        digests.save()
        if trees is not None and params.train.is_small:
            # with 1,024 lanes one thread takes a third less CPU time than two, and the trees use the other core
            leave_core()

        def model(split: str, spans: Spans) -> Values:
            start_framework()  # before anything imports it; meanwhile the trees predict
            from hindcast.pipeline.learn.prediction import predict_spans

            return predict_spans(dataset, models, split, spans)

        evaluation = evaluate(dataset, model, params, root, facts, trees=trees, quality=quality, blend=blend)
        return replace(evaluation, unknown=unknown, constant=constant)


def evaluate(  # noqa: PLR0913 - what is evaluated, on what, as what, and where to
    dataset: EvaluationSource,
    predict: Predict,
    params: Params,
    root: Path,
    facts: dict[str, Any],
    *,
    trees: PredictTrees | None = None,
    quality: QualityCheck = _NO_CHECK,
    reports: Path | None = None,
    typed: Path | None = None,
    blend: Blend | None = None,
) -> Evaluation:
    """Evaluate the model on validation and test; write all outputs to `root`/reports, or none.

    `reports`: another folder, for forecasts that are not those of the network in `models/`; `typed`: the folder of the typed tables, if it is
    not data/tables. `facts` are JSON-like values by title, shown in the report. `trees` is needed if `evaluate.baselines` lists them. With
    `blend`, it is judged in the place of the network. Rows that `quality` flagged are scored like all others, and left out in a second set of scores.
    """
    columns = _columns(params, blend)
    history = {} if reports else read_json(root / "models" / "history.json")
    typed = typed or root / "data" / "tables"
    at_age = ValuesAtAge(params, typed)
    intervals = IntervalColumns(params, typed, blend.parts if blend else None)
    added = (CorrectedColumn(dataset, params, typed), intervals)
    statistics, costs = CollectedStatistics(dataset, params), CollectedCosts(params, typed)
    evaluator = _Evaluator(params, quality.intervals, added, at_age, (statistics, costs), blend)
    in_table = None if blend is None else partial(blend_of_table, blend, params)
    tables = SplitTables(dataset, params.train, columns, predict, trees, in_table)
    with _open_outputs(reports or root / "reports") as out:
        with open_predictions(
            out["predictions.parquet"], columns, params.train.quantiles, params.evaluate.intervals
        ) as predictions:
            tables.evaluate(SPLITS, lambda table: evaluator.evaluate_table(table, predictions))
        judgements = evaluator.judgements
        ages = tuple(at_age.counts)
        answers = _derive_answers(judgements)
        evaluation = Evaluation(judgements, answers, quality, ages=ages, revision=truth_text(at_age.truth))
        at_ages, plots_folder = at_age.metrics(), out["plots"]
        _write_numbers(out, judgements, at_ages | costs.metrics() | statistics.metrics(), dataset.targets)
        shown = [judgement for judgement, _ in evaluation.answers]
        examples = {each.target: evaluator.examples.get((each.split, each.target)) for each in shown}
        plots = draw_all(plots_folder, shown, examples, history)
        settings = params.model_dump(mode="json", by_alias=True, include=set(_REPORTED_SETTINGS))
        raw = params.raw
        contents = Contents(
            raw.data_set,
            raw.shown_path,
            evaluation.answers,
            judgements,
            plots,
            plots_folder,
            quality,
            {**facts, **at_ages},
            settings,
            *(tuple(statistics.found), tuple(costs.found), params.evaluate.cost),
        )
        write_report(out["report.html"], contents)
    return evaluation


def _write_numbers(
    out: dict[str, Path], judgements: list[Judgement], further: dict[str, Any], targets: Sequence[str]
) -> None:
    """Write metrics.json and the CSV files."""
    metrics = collect_metrics(judgements) | further
    out["metrics.json"].write_text(canonical_json(metrics), encoding="utf-8")
    single = [each for each in judgements if each.target in targets]  # no sums over series
    write_by_series(out["by_series.csv"], single)
    write_breakdown(out["plots"] / "error_by_lead.csv", "lead_hours", single, "by_lead")
    write_breakdown(out["plots"] / "error_by_hour.csv", "hour", single, "by_hour")


def _columns(params: Params, blend: Blend | None) -> list[str]:
    """Return the forecasters of the tables: those listed, the references, and the members of the blend that are not listed."""
    wanted = {"model", *params.evaluate.baselines, *derived_names(params), *REFERENCES}
    if blend is not None:
        wanted |= {
            "blend",
            *(name for name in blend.members if FORECASTERS[name].made in ("published", "stored")),
        }
    return [name for name in FORECASTERS if name in wanted]


class _Evaluator:
    """Evaluates one table after another; keeps the small results."""

    def __init__(  # noqa: PLR0917 - what is added to tables, and what is computed from them
        self,
        params: Params,
        flagged: FlaggedIntervals | None,
        added: tuple[CorrectedColumn, IntervalColumns],
        at_age: ValuesAtAge,
        further: tuple[CollectedStatistics, CollectedCosts],
        blend: Blend | None = None,
    ) -> None:
        self._params, self._flagged, self._added, self._at_age = params, flagged, added, at_age
        self._further, self._blend = further, blend
        self.judgements: list[Judgement] = []
        self.examples: dict[tuple[str, str], Examples] = {}

    def evaluate_table(self, table: Table, predictions: PredictionsFile) -> None:
        """Evaluate a target of a split, and the sums in `evaluate.sums`."""
        settings, table = self._params.evaluate, with_begins(table, self._params.raw)
        if self._flagged is not None:
            table = flag_rows(table, self._flagged, self._params)
        for columns in self._added:  # errors are those of all values known by then
            table = columns.add(table)
        table = self._at_age.apply(table)
        forecasters = [*settings.baselines, *(["blend"] if self._blend else [])]
        marked, comparison = mark_table(table, forecasters)
        with ThreadPoolExecutor(1) as other:  # compressing takes as long as scoring
            written = other.submit(predictions.add, marked)
            judgement = judge_marked(marked, comparison, self._params.seed)
            if self._blend is not None:
                judgement = replace(judgement, blend=blended_rows(self._blend, marked))
            for figures in self._further:
                figures.add(marked, judgement)
            written.result()
        self.judgements.append(judgement)
        examples = choose_examples(marked, judgement)
        if examples is not None:
            self.examples[table.split, table.target] = examples
        for over in settings.sums:
            _, total = judge_table(sum_series(marked, over), forecasters, self._params.seed)
            self.judgements.append(total)


@contextmanager
def _open_outputs(reports: Path) -> Iterator[dict[str, Path]]:
    """Yield temporary paths of all outputs by name; they replace the previous outputs only if everything succeeds."""
    with ExitStack() as stack:
        files = ("metrics.json", "by_series.csv", "predictions.parquet", "report.html")
        paths = {file: stack.enter_context(replace_file(reports / file)) for file in files}
        (paths["plots"],) = stack.enter_context(replace_folders(reports / "plots"))
        yield paths


def _derive_answers(judgements: list[Judgement]) -> list[tuple[Judgement, Answer]]:
    for split in ("test", "validation"):
        of_split = [judgement for judgement in judgements if judgement.split == split]
        if any(judgement.comparison.compared for judgement in of_split):
            return [(judgement, derive_answer(judgement)) for judgement in of_split]
    return []


def _facts(params: Params, dataset: Dataset, root: Path) -> dict[str, Any]:
    warning = policy_warning(params.split.policy)
    facts = {**({"warning": warning} if warning else {}), **dataset_facts(dataset)}
    return {"Data set": facts, **read_stage_facts(root / "reports")}


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Return what the report says about the data set: sizes, names, ranges of the splits."""
    names, _ = index_series(dataset.sequences)
    return {
        "groups": len(names.groups),
        "series": len(names.series),
        "sequences": len(dataset.sequences),
        "samples": dataset.sample_count,
        "steps per sample": dataset.segment_length,
        "length of a step": _step_text(dataset.frequency),
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        **{
            f"{part.name} [from, until)": f"{time_text(part.from_time)} to {time_text(part.until_time)}"
            for part in map(dataset.split, dataset.splits)
        },
        "fingerprint": dataset.fingerprint,
    }


def _step_text(length: int) -> str:
    """Format a duration in ns in the largest unit that gives a whole number."""
    for unit, size in reversed(TIME_UNITS.items()):
        if length % size == 0:
            return f"{length // size} {unit}"
    return f"{length / SECOND:g} s"
