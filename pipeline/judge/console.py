"""Plain lines about an evaluation for the terminal: excluded rows, a small table of scores, the answer, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hindcast.pipeline.files import read_json
from hindcast.pipeline.judge.answer import MOST_NAMES, answers_without
from hindcast.pipeline.judge.evaluation import Evaluation
from hindcast.pipeline.judge.foreign_evaluation import ForeignEvaluation
from hindcast.pipeline.judge.metrics import common_format
from hindcast.pipeline.judge.scores import Judgement
from hindcast.pipeline.judge.stage_facts import policy_warning
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.wording import counted, listed

_WIDTH = 11


def summarize(evaluation: Evaluation) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the lines on kept rows, on excluded rows, and the notes with scores and answers."""
    notes = (*score_lines(evaluation), *quality_lines(evaluation))
    return tuple(kept_lines(evaluation)), tuple(excluded_lines(evaluation)), notes


def foreign_lines(done: ForeignEvaluation) -> Iterator[str]:
    """Yield what was not used of somebody's forecasts."""
    forecasts = done.forecasts
    if forecasts.read > forecasts.used:
        rest = counted(forecasts.read - forecasts.used, "row")
        yield f"{rest} of the forecasts at steps that no judged split scores, such as steps without a known target"
    if forecasts.unused:
        yield f"columns of the forecasts without a meaning here: {listed(forecasts.unused)}"
    if done.without_trees:
        yield "the baseline trees, because models/ has none: to compare with them, run the stage `train`"


def kept_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield, for each split and target, how many of the scored rows are compared, then the series that training never saw."""
    for judgement in evaluation.judgements:
        rows = judgement.comparison
        compared = (
            rows.compared if rows.judged in rows.forecasters else 0
        )  # others have values, but there is no answer
        yield f"{_title(judgement)}: {compared:,} of {counted(rows.scored, 'scored row')} compared"
    if evaluation.unknown:
        yield evaluation.unknown


def excluded_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the rows excluded by each forecaster, forecasters without any value, and series without a compared row."""
    for each in evaluation.ages:
        if each.without:
            yield (
                f"{each.split}, {each.target}: {each.without:,} of {counted(each.rows, 'row')} without a measured value "
                f"{evaluation.revision}"
            )
    for judgement in evaluation.judgements:
        title = _title(judgement)
        for name, rows in judgement.comparison.missing.items():
            yield f"{title}: {counted(rows, 'row')} on which {name} has no value"
        for name in judgement.comparison.absent:
            yield f"{title}: {name} has no value at all and is not compared"
        series = judgement.series_without_rows
        if series:
            count = f"{len(series)} of {len(judgement.names.series)} series"
            yield f"{title}: {count} without a compared row: {listed(series, MOST_NAMES)}"


def score_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield a table of scores and the answer for each target of the test split (validation if test is empty)."""
    for judgement, answer in evaluation.answers:
        yield ""
        title = f"{_title(judgement)} ({judgement.unit})" if judgement.unit else _title(judgement)
        width = max(24, len(title))
        heads = "".join(f"{head:>{_WIDTH}}" for head in ("MAE", "RMSE", "bias", "n"))
        yield f"  {title:<{width}}{heads}"
        number = common_format(judgement.scores.values())
        for name, score in judgement.scores.items():
            cells = [*map(number, (score.mae, score.rmse, score.bias)), str(score.n)]
            yield f"  {name:<{width}}{''.join(f' {cell:>{_WIDTH - 1}}' for cell in cells)}"
        if judgement.quantiles is not None:
            yield f"  {judgement.quantiles}"
        for intervals in judgement.intervals:
            yield f"  {intervals}"
        yield f"  {answer}"
        for without in answers_without(judgement):
            yield f"  {'Warning: ' if without.differs else ''}{without}"


def quality_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield warnings about targets that do not vary, then those of the quality check, or a note that there was none."""
    for line in evaluation.constant:
        yield f"  Warning: {line}."
    quality = evaluation.quality
    if quality.note:
        yield f"  Note: {quality.note}"
    for warning in quality.printed_warnings:
        yield f"  Warning: {warning}"


def warning_lines(models: Path, params: Params) -> Iterator[str]:
    """Yield warnings about the meaning of the scores: the split policy, and a network trained with other settings."""
    for warning in (policy_warning(params.split.policy), settings_drift(models, params.train)):
        if warning:
            yield f"  Warning: {warning}"


def settings_drift(models: Path, settings: TrainSettings) -> str:
    """Return a sentence if the network in `models` was trained with other settings, else an empty text."""
    card = read_json(models / "model.json")
    trained = TrainSettings().recipe() | card["train"]  # a setting newer than the card had its default
    now = settings.recipe() | {"identity": settings.identity_for(len(card["series"]))}  # as the card names it
    changed = [
        f"train.{key} was {trained.get(key)}, now {now.get(key)}"
        for key in {**now, **trained}
        if trained.get(key) != now.get(key)
    ]
    return (
        f"the network was trained with other settings: {'; '.join(changed)}. To use the current settings, run the stage "
        "`train` again."
        if changed
        else ""
    )


def _title(judgement: Judgement) -> str:
    return f"{judgement.split}, {judgement.target}"
