"""An evaluation as a few plain lines: what was left out, a small table of scores, the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hindcast.pipeline.judge.answer import some
from hindcast.pipeline.judge.evaluation import Evaluation
from hindcast.pipeline.judge.metrics import Score, alike
from hindcast.pipeline.judge.scores import Judgement

_WIDTH = 11


def kept_lines(evaluation: Evaluation) -> Iterator[str]:
    """How many of the scored rows of each split and target are compared."""
    for judgement in evaluation.judgements:
        rows = judgement.comparison
        yield f"{_name(judgement)}: {rows.compared} of {rows.scored} scored rows compared"


def aside_lines(evaluation: Evaluation) -> Iterator[str]:
    """Rows left out because of each forecaster, and forecasters left out for want of any value."""
    for judgement in evaluation.judgements:
        for name, rows in judgement.comparison.without.items():
            yield f"{_name(judgement)}: {rows} rows on which {name} has no value"
        for name in judgement.comparison.absent:
            yield f"{_name(judgement)}: {name} has no value at all and is not compared"
        unjudged = judgement.unjudged
        if unjudged:
            count = f"{len(unjudged)} of {len(judgement.names.series)} series"
            yield f"{_name(judgement)}: {count} without a compared row: {some(unjudged)}"


def score_lines(evaluation: Evaluation) -> Iterator[str]:
    """A table of scores and the answer for each target of the test split (validation, if it is empty)."""
    for judgement, answer in evaluation.answers:
        yield ""
        title = f"{_name(judgement)} ({judgement.unit})" if judgement.unit else _name(judgement)
        width = max(24, len(title))
        heads = "".join(f"{head:>{_WIDTH}}" for head in ("MAE", "RMSE", "bias", "n"))
        yield f"  {title:<{width}}{heads}"
        number = alike(error for score in judgement.scores.values() for error in (score.mae, score.rmse))
        for name, score in judgement.scores.items():
            yield f"  {name:<{width}}{_cells(score, number)}"
        if judgement.quantiles is not None:
            yield f"  {judgement.quantiles}"
        yield f"  {answer}"


def _name(judgement: Judgement) -> str:
    return f"{judgement.split}, {judgement.target}"


def _cells(score: Score, number: Callable[[float | None], str]) -> str:
    means = (score.mae, score.rmse, score.bias)
    return "".join(f" {word:>{_WIDTH - 1}}" for word in [*map(number, means), str(score.n)])
