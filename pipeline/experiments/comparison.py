"""The comparison of runs: their scores, which differences between them are real, what they cost, and what they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from hindcast.pipeline.experiments.compared_runs import Run
from hindcast.pipeline.experiments.paired_errors import MODEL, Part, PredictionRows, pair_errors
from hindcast.pipeline.experiments.run_differences import Differences, find_differences
from hindcast.pipeline.judge.skill import Estimate, compute_skill, verdict
from hindcast.pipeline.progress import progress

_SPLITS = ("validation", "test")
_SEED = 7  # of the bootstrap: the same for all runs, whatever their own seeds


@dataclass(frozen=True)
class Measure:
    """An error of two runs on the same rows, and by how much that of the second is lower: `change` is 1 - second / first, with its
    95 % interval (None where there is none). `verdict` is that on the second run: better, worse, or open if the interval includes 0.
    """

    first: float | None
    second: float | None
    change: float | None
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class Pair:
    """A run against the first one, on the rows of a split and target that both predicted; see `PairedErrors` for the numbers of rows."""

    run: str
    against: str
    split: str
    target: str
    rows: int
    days: int
    of_first: int
    of_second: int
    other_actual: int
    other_origin: int
    mae: Measure
    rmse: Measure


@dataclass(frozen=True)
class Compared:
    """A run with what it is, its own scores {split: {target: {mae, rmse, bias, n}}}, its cost, and how it differs from the first one."""

    name: str
    what: str
    data_set: str | None
    scores: Mapping[str, Any]
    cost: Mapping[str, Any] | None
    differences: Differences | None  # None for the first run


@dataclass(frozen=True)
class Comparison:
    """All runs, each but the first one with its pairs; `left_out` says why others could not be compared."""

    runs: list[Compared]
    pairs: list[Pair]
    left_out: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-like values."""
        return asdict(self)


def compare_runs(runs: Sequence[Run], left_out: Sequence[str] = ()) -> Comparison:
    """Compare runs with the first one. Raises FormatError if predictions are damaged."""
    first, *others = runs
    pairs: list[Pair] = []
    with progress("Comparing", len(others), "run") as advance, ExitStack() as opened:
        reference = opened.enter_context(PredictionRows(first.predictions)) if others else None
        for run in others:
            with PredictionRows(run.predictions) as rows:
                assert reference is not None
                pairs += [
                    _pair(first.name, run.name, reference, rows, part)
                    for part in _common_parts(reference, rows)
                ]
            advance(1)
    return Comparison(
        [_compared(run, None if run is first else first) for run in runs], pairs, list(left_out)
    )


def _compared(run: Run, first: Run | None) -> Compared:
    scores = {
        split: {
            target: of_target[MODEL] for target, of_target in run.metrics[split].items() if MODEL in of_target
        }
        for split in _SPLITS
        if split in run.metrics
    }
    return Compared(
        run.name,
        run.what,
        run.record["data_set"] if run.record else None,
        scores,
        run.record["cost"] if run.record else None,
        None if first is None else find_differences(first, run),
    )


def _common_parts(first: PredictionRows, second: PredictionRows) -> Iterator[Part]:
    yield from (part for part in first.parts if part in second.parts)


def _pair(first: str, second: str, left: PredictionRows, right: PredictionRows, part: Part) -> Pair:
    errors = pair_errors(left, right, part)
    skill = compute_skill(errors.second, first, errors.first, _SEED)
    before, now = errors.first.total(), errors.second.total()
    return Pair(
        second,
        first,
        *part,
        errors.rows,
        skill.days,
        errors.of_first,
        errors.of_second,
        errors.other_actual,
        errors.other_origin,
        _measure(before.mae, now.mae, skill.mae),
        _measure(before.rmse, now.rmse, skill.rmse),
    )


def _measure(before: float | None, now: float | None, estimate: Estimate) -> Measure:
    return Measure(before, now, estimate.value, estimate.low, estimate.high, verdict(estimate))
