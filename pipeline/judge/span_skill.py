"""The skill of the model in spans of origins, such as the folds of a backtest, and its spread over them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hindcast.pipeline.files import file_name
from hindcast.pipeline.forecasters import FORECASTERS
from hindcast.pipeline.judge.metrics import ErrorSums, Score, add_errors
from hindcast.pipeline.judge.plot_style import COLOURS, INK, MARKERS, figure, save_svg
from hindcast.pipeline.judge.skill import Skill, compute_skills
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.wording import time_text

MODEL = "model"


@dataclass(frozen=True)
class SpanSkill:
    """The scores of the model and of its rival at the origins in [begin, end) (ns UTC), and the skill with its interval."""

    begin: int
    end: int
    model: Score
    other: Score
    skill: Skill


@dataclass(frozen=True)
class Spread:
    """The mean, the standard deviation (of a sample) and the worst of the skill in MAE over spans; None if it has no value.

    `worst_span` is the index of the worst one.
    """

    mean: float | None
    std: float | None
    worst: float | None
    worst_span: int | None


def skills_of_spans(
    predictions: Path, begins: Sequence[int], times: tuple[int, int], rivals: Mapping[str, str], seed: int
) -> dict[str, list[SpanSkill]]:
    """Return for each target in `rivals` the skill over its rival in each span of origins, on the compared rows of the split `test`.

    `begins` are the first moments of the spans, ascending, and the end of the last one; all valid times lie in [times). The file is read in
    row groups, and errors are added up row by row.
    """
    first, days = times[0] // DAY, (times[1] - 1) // DAY - times[0] // DAY + 1
    spans = len(begins) - 1
    sums = {
        target: {name: np.zeros((4, spans * days)) for name in (MODEL, rival)}
        for target, rival in rivals.items()
    }
    columns = [
        "split",
        "target",
        "valid_time",
        "origin",
        "actual",
        "compared",
        MODEL,
        *sorted(set(rivals.values())),
    ]
    with pq.ParquetFile(predictions) as file:
        for batch in file.iter_batches(columns=columns):
            _add_batch(batch, sums, np.asarray(begins), (first, days))
    return {
        target: _of_target(by_name, rivals[target], begins, days, seed) for target, by_name in sums.items()
    }


def spread_of(skills: Sequence[SpanSkill]) -> Spread:
    """Return the spread of the skill in MAE over spans."""
    values = [each.skill.mae.value for each in skills]
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, None, None)
    worst = min(known)
    std = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Spread(float(np.mean(known)), std, worst, values.index(worst))


def write_spans(path: Path, skills: Mapping[str, Sequence[SpanSkill]]) -> None:
    """Write a CSV file with a row per target and span: scores of the model and its rival, skill and interval."""
    score, estimate = ("mae", "rmse", "bias"), ("value", "low", "high")
    head = ["target", "fold", "from", "until", "days", "n", "rival"]
    head += [f"{who}_{name}" for who in ("model", "rival") for name in score]
    head += [
        f"{measure}_skill{'' if name == 'value' else f'_{name}'}"
        for measure in ("mae", "rmse")
        for name in estimate
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        for target, of_target in skills.items():
            for number, each in enumerate(of_target):
                row: list[Any] = [target, number, time_text(each.begin), time_text(each.end)]
                row += [each.skill.days, each.skill.n, each.skill.other]
                row += [getattr(who, name) for who in (each.model, each.other) for name in score]
                row += [getattr(of, name) for of in (each.skill.mae, each.skill.rmse) for name in estimate]
                writer.writerow(row)


def facts_of(each: SpanSkill) -> dict[str, Any]:
    """Return the skill of a span as JSON-like values."""
    return {
        "from": time_text(each.begin),
        "until": time_text(each.end),
        "days": each.skill.days,
        "model": each.model.as_dict(),
        each.skill.other: each.other.as_dict(),
        "mae_skill": asdict(each.skill.mae),
        "rmse_skill": asdict(each.skill.rmse),
    }


def draw_spans(folder: Path, target: str, skills: Sequence[SpanSkill]) -> Path:
    """Draw the skill of each span with its interval, and the mean of all with the standard deviation; return the file."""
    path = folder / f"skill_by_fold_{file_name(target)}.svg"
    spread = spread_of(skills)
    rival = FORECASTERS[skills[0].skill.other].label
    with figure(height=1.4 + 0.32 * len(skills)) as drawn:
        axes = drawn.add_subplot()
        for row, each in enumerate(skills):
            estimate = each.skill.mae
            if estimate.value is None:
                continue
            low, high = (estimate.value if end is None else end for end in (estimate.low, estimate.high))
            reach = [[100 * (estimate.value - low)], [100 * (high - estimate.value)]]
            axes.errorbar(
                100 * estimate.value,
                row,
                xerr=np.abs(reach),
                fmt=MARKERS[MODEL],
                color=COLOURS[MODEL],
                capsize=3,
            )
        if spread.mean is not None:
            axes.axvline(100 * spread.mean, color=COLOURS[MODEL], linewidth=1, linestyle="--")
            std = spread.std or 0.0
            axes.axvspan(
                100 * (spread.mean - std), 100 * (spread.mean + std), color=COLOURS[MODEL], alpha=0.12
            )
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(skills)), [f"{time_text(each.begin)[:10]}" for each in skills])
        axes.invert_yaxis()
        axes.set_xlabel(f"skill over {rival} in MAE, in % (right of 0: the model is better)")
        axes.set_ylabel("retrained at")
        save_svg(drawn, path)
    return path


def _add_batch(
    batch: pa.RecordBatch, sums: dict[str, dict[str, Any]], begins: Any, days: tuple[int, int]
) -> None:
    target, split = (np.asarray(batch[name]) for name in ("target", "split"))
    kept = np.asarray(batch["compared"]) & (split == "test")
    valid, origin = (batch[name].cast(pa.int64()).to_numpy() for name in ("valid_time", "origin"))
    span = np.searchsorted(begins, origin, side="right") - 1
    kept &= (span >= 0) & (span < len(begins) - 1)
    place = span * days[1] + valid // DAY - days[0]
    actual = batch["actual"].to_numpy().astype(np.float64)
    for name, by_name in sums.items():
        rows = np.flatnonzero(kept & (target == name))
        for forecaster, values in by_name.items():
            forecast = batch[forecaster].to_numpy(zero_copy_only=False)[rows].astype(np.float64)
            error = forecast - actual[rows]
            add_errors(values, place[rows], (np.abs(error), error * error, error))


def _of_target(
    sums: dict[str, Any], rival: str, begins: Sequence[int], days: int, seed: int
) -> list[SpanSkill]:
    spans = [
        tuple(ErrorSums(sums[name][:, at * days : (at + 1) * days]) for name in (MODEL, rival))
        for at in range(len(begins) - 1)
    ]
    skills = compute_skills([(ours, theirs) for ours, theirs in spans], rival, seed)
    return [
        SpanSkill(begins[at], begins[at + 1], ours.total(), theirs.total(), skill)
        for at, ((ours, theirs), skill) in enumerate(zip(spans, skills, strict=True))
    ]
