"""The past replayed as it would have happened: networks retrained at regular moments, each forecasting until the next one.

A fold is the time between two retrainings. Its network is trained with what was known when the fold begins, its forecasts are made by the
code of `predict`, and the forecasts of all folds together are judged as those of an evaluation are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import canonical_json, remove_path, replace_folders
from hindcast.pipeline.judge.evaluation import SPLITS, Evaluation, evaluate
from hindcast.pipeline.judge.foreign_forecasts import read_forecasts
from hindcast.pipeline.judge.quality_check import read_quality_check
from hindcast.pipeline.judge.span_skill import (
    SpanSkill,
    Spread,
    draw_spans,
    facts_of,
    skills_of_spans,
    spread_of,
    write_spans,
)
from hindcast.pipeline.serve.fit_key import fit_key
from hindcast.pipeline.serve.fresh_tables import FOLDER, fresh_tables
from hindcast.pipeline.serve.known_digests import digests_of_known
from hindcast.pipeline.serve.observed_range import ObservedRange, groups_of, observed_range
from hindcast.pipeline.serve.past_fit import PastFit, run_fits
from hindcast.pipeline.serve.past_settings import check_policy, settings_at
from hindcast.pipeline.serve.span_forecasts import joined_forecasts
from hindcast.pipeline.settings.base import DAY, SECOND
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import read_table
from hindcast.pipeline.wording import duration_text, time_text

WORK = Path(".hindcast/backtest")
REPORT = Path("reports/backtest")
FORMAT = "hindcast-backtest/1"
_MOST_FOLDS = 1000


@dataclass(frozen=True)
class Replay:
    """What is replayed: origins in [begin, end) (ns UTC); `end` None: up to the newest measured value.

    `retrain` is the time between two trainings (ns), None: one training; `window` the length of the past that each sees, None: all.
    """

    begin: int
    end: int | None = None
    retrain: int | None = 30 * DAY
    window: int | None = None


@dataclass(frozen=True)
class Backtest:
    """The skill in each fold and its spread, by target; the evaluation of all forecasts together; forecasts by method."""

    skills: dict[str, list[SpanSkill]]
    spreads: dict[str, Spread]
    evaluation: Evaluation
    methods: dict[str, int]
    fits: tuple[PastFit, ...]


def backtest(params: Params, root: Path, replay: Replay) -> Backtest:
    """Replay the past of the raw files below `root`, and write `reports/backtest/`.

    Folds that are complete are not made again, unless rows known by their end, settings or code that they use have changed; those that were
    stopped go on. Raises SettingsError if the range has no origin or the split
    policy does not hold out the newest part, LeakError if a fold would be trained with what was known later, and the errors of the stages.
    """
    check_policy(params)
    tables = fresh_tables(params, root).resolve()
    begins = fold_begins(replay, newest_measured(params, tables))
    spans, rows = pairwise(begins), digests_of_known(tables, params, begins[1:])
    fits = [
        _fit(params, root.resolve(), tables, replay, span, of_span)
        for span, of_span in zip(spans, rows, strict=True)
    ]
    run_fits(fits, root.resolve(), "backtest")
    work = root / WORK / "judged"
    remove_path(work)
    try:
        return _judge(
            params, root, tables, replay, fits, observed_range(params, tables, work, (begins[0], begins[-1]))
        )
    finally:
        remove_path(work)


def fold_begins(replay: Replay, newest: int) -> list[int]:
    """Return the moments of training, and the end of the last fold, which is at most `newest` (ns UTC).

    Raises SettingsError if the range is empty or has too many folds.
    """
    end = newest if replay.end is None else min(replay.end, newest)
    if replay.begin >= end:
        raise SettingsError(
            f"The range of a backtest must begin before it ends and before the newest measured value, known at {time_text(newest)}, "
            f"found {time_text(replay.begin)} to {time_text(end)}: set --from and --to."
        )
    step = end - replay.begin if replay.retrain is None else replay.retrain
    count = -(-(end - replay.begin) // step)
    if count > _MOST_FOLDS:
        raise SettingsError(
            f"A backtest has at most {_MOST_FOLDS:,} trainings, found {count:,}: set --retrain to a longer time."
        )
    return [*range(replay.begin, end, step), end]


def newest_measured(params: Params, tables: Path) -> int:
    """Return when the newest measured value of a target became known (ns UTC, on a full second). Raises SettingsError if there is none."""
    newest = 0
    for name, source in params.raw.sources_of("realized").items():
        if not set(params.align.target) & source.values.keys():
            continue
        for group in groups_of(params, tables):
            frame = read_table(tables, name, group)
            if frame is not None and len(frame):
                newest = max(newest, int(frame["known_time"].to_numpy().max()))
    if not newest:
        raise SettingsError("The raw files have no measured value of align.target: check raw.sources.")
    return -(-newest // SECOND) * SECOND


def _fit(  # noqa: PLR0917 - what is fitted to which rows
    params: Params, project: Path, tables: Path, replay: Replay, span: tuple[int, int], rows: str
) -> PastFit:
    known, end = span
    own = settings_at(params, known, replay.window)
    key = fit_key(own, project, rows, {"known": known, "end": end})
    return PastFit(project / WORK / key, project, tables, own, known, (known, end))


def _judge(  # noqa: PLR0917 - what is judged, and on what
    params: Params,
    root: Path,
    tables: Path,
    replay: Replay,
    fits: Sequence[PastFit],
    observed: ObservedRange,
) -> Backtest:
    """Judge the forecasts of all folds together and fold by fold; write the report."""
    joined = observed.dataset.with_name("forecasts.parquet")
    ends = [fit.origins[1] for fit in fits if fit.origins is not None]
    begins = (fits[0].known, *ends)
    with Dataset(observed.dataset, check_shards=False) as dataset, replace_folders(root / REPORT) as (out,):
        test = dataset.split("test")
        times = (test.from_time, test.until_time)
        methods = joined_forecasts([fit.forecasts() for fit in fits], times, joined)
        forecasts = read_forecasts(joined, dataset, SPLITS, params.raw)
        train = params.train.model_copy(update={"quantiles": forecasts.levels})
        chosen = observed.params.model_copy(update={"train": train})
        facts = _facts(replay, fits, methods)
        evaluation = evaluate(
            dataset,
            forecasts.predict,
            chosen,
            root,
            {"Backtest": facts},
            quality=read_quality_check(root / FOLDER),
            reports=out,
            typed=tables,
        )
        judged = {each.target: each for each in evaluation.judgements if each.split == "test" and each.rival}
        rivals = {target: str(each.rival) for target, each in judged.items() if target in dataset.targets}
        skills = skills_of_spans(out / "predictions.parquet", begins, times, rivals, params.seed)
        write_spans(out / "folds.csv", skills)
        for target, of_target in skills.items():
            draw_spans(out / "plots", target, of_target)
        spreads = {target: spread_of(of_target) for target, of_target in skills.items()}
        content = {"format": FORMAT, **facts, "targets": _by_target(skills, spreads)}
        (out / "backtest.json").write_text(canonical_json(content), encoding="utf-8")
    return Backtest(skills, spreads, evaluation, methods, tuple(fits))


def _facts(replay: Replay, fits: Sequence[PastFit], methods: dict[str, int]) -> dict[str, Any]:
    return {
        "retrained every": "never" if replay.retrain is None else duration_text(replay.retrain),
        "trained on": "all that was known"
        if replay.window is None
        else f"the newest {duration_text(replay.window)} of what was known",
        "values by method": methods,
        "folds": [
            {
                "known": time_text(fit.known),
                "until": time_text(fit.origins[1] if fit.origins else fit.known),
                "epochs": fit.facts()["epochs"],
                "best_epoch": fit.facts()["best_epoch"],
            }
            for fit in fits
        ],
    }


def _by_target(skills: dict[str, list[SpanSkill]], spreads: dict[str, Spread]) -> dict[str, Any]:
    return {
        target: {
            "mae_skill": asdict(spreads[target]),
            "folds": [facts_of(each) for each in of_target],
        }
        for target, of_target in skills.items()
    }
