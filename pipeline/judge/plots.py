"""What is drawn: skill with its interval, errors by lead and by hour, two weeks, pairs, the training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.files import file_name
from hindcast.pipeline.forecasters import REFERENCES
from hindcast.pipeline.judge.answer import named
from hindcast.pipeline.judge.examples import Examples, Week
from hindcast.pipeline.judge.plot_style import COLOURS, INK, MARKERS, figure, legend, line_style, save
from hindcast.pipeline.judge.scores import Breakdown, Judgement, scope_name, track_name
from hindcast.pipeline.wording import printable

_MOST_SCOPES = 24  # rows of the skill figure; the report's table and by_series.csv hold all


@dataclass(frozen=True)
class Plot:
    """A drawn file with the words that stand for it: `alt` says what is seen, `caption` what it means."""

    file: str
    alt: str
    caption: str
    size: tuple[int, int]  # CSS pixels


def draw_all(
    folder: Path, judgements: list[Judgement], examples: dict[str, Examples | None], history: dict[str, Any]
) -> list[Plot]:
    """Draw everything about the judgements (one a target, of one split) into `folder`."""
    plots = []
    for judgement in judgements:
        if judgement.skills:
            plots.append(_skill(folder, judgement))
        if len(judgement.by_lead.hours) > 1:
            plots.append(_errors(folder, judgement, "lead", judgement.by_lead))
        if len(judgement.by_hour.hours) > 1:
            plots.append(_errors(folder, judgement, "hour", judgement.by_hour))
        found = examples.get(judgement.target)
        if found is not None:
            plots += [_week(folder, judgement, week) for week in found.weeks]
            plots.append(_pairs(folder, judgement, found))
    if history.get("epochs"):
        plots.append(_history(folder, history))
    return plots


def _skill(folder: Path, judgement: Judgement) -> Plot:
    shown = judgement.skills[:_MOST_SCOPES]
    rival = named(judgement.against or "")
    with figure(height=1.2 + 0.32 * len(shown)) as drawn:
        axes = drawn.add_subplot()
        for row, scoped in enumerate(shown):
            for shift, which, name in ((-0.12, "mae", "model"), (0.12, "rmse", "published")):
                gain = getattr(scoped.skill, which)
                if gain.value is None:
                    continue
                reach = [[100 * (gain.value - (gain.value if gain.low is None else gain.low))],
                         [100 * ((gain.value if gain.high is None else gain.high) - gain.value)]]  # fmt: skip
                axes.errorbar(
                    100 * gain.value, row + shift, xerr=np.abs(reach), fmt=MARKERS[name], color=COLOURS[name],
                    label=f"by {which.upper()}" if row == 0 else None, capsize=3,
                )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(shown)), [printable(scope_name(judgement, scoped)) for scoped in shown])
        axes.invert_yaxis()
        axes.set_xlabel(f"skill over {rival} in % (right of 0: the model is better)")
        legend(axes)
        return _saved(
            folder, judgement, drawn, "skill",
            f"Skill of the model over {rival} for all rows"
            f"{' and by track or group' if len(shown) > 1 else ''}, by MAE and RMSE, with 95 % intervals.",
            f"Skill of the model over {rival}, {_of(judgement)}. An interval that holds 0 proves nothing."
            + (f" The first {len(shown)} of {len(judgement.skills)} are drawn." if len(shown) < len(judgement.skills) else ""),
        )  # fmt: skip


def _errors(folder: Path, judgement: Judgement, kind: str, breakdown: Breakdown) -> Plot:
    words = {"lead": "prediction lead", "hour": "hour of the day (UTC)"}[kind]
    names = [name for name in breakdown.sums if name not in REFERENCES]
    with figure() as drawn:
        axes = drawn.add_subplot()
        for name in names:
            axes.plot(
                breakdown.hours, breakdown.sums[name].mean_absolute(), marker=MARKERS[name], markersize=3.5,
                **line_style(name),
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{words}{', h' if kind == 'lead' else ''}")
        axes.set_ylabel(_with_unit("mean absolute error", judgement))
        legend(axes)
        first, last = breakdown.hours[0], breakdown.hours[-1]
        return _saved(
            folder, judgement, drawn, kind,
            f"Mean absolute error by {words} from {first:g} to {last:g} h, a line each for {', '.join(names)}.",
            f"Mean absolute error by {words}, {_of(judgement)}.",
        )  # fmt: skip


def _week(folder: Path, judgement: Judgement, week: Week) -> Plot:
    moments = week.time.astype("datetime64[ns]").astype("datetime64[s]")
    with figure() as drawn:
        axes = drawn.add_subplot()
        for name, values in week.columns.items():
            axes.plot(moments, values, linewidth=1.6, **line_style(name))
        between = ""
        if week.band is not None and judgement.quantiles is not None:
            low, high = (
                f"{level:g}" for level in (judgement.quantiles.levels[0], judgement.quantiles.levels[-1])
            )
            between = f" The band lies between the model's quantiles {low} and {high}."
            axes.fill_between(
                moments,
                *week.band,
                color=COLOURS["model"],
                alpha=0.2,
                linewidth=0,
                label=f"quantiles {low} to {high}",
            )
        axes.set_ylabel(_with_unit(printable(judgement.target), judgement))
        axes.set_xlabel("time (UTC)")
        axes.tick_params(axis="x", rotation=20)
        legend(axes)
        track = f"{track_name(judgement, week.track)}, " if judgement.tracks > 1 else ""
        which = {"typical": "whose error is the median", "hardest": "with the largest error"}[week.kind]
        return _saved(
            folder, judgement, drawn, f"week-{week.kind}",
            f"A week of one series from {moments[0]} UTC: {', '.join(week.columns)} over time.",
            f"A week of the series {which}: {week.series or 'the whole'} of {week.group}, {track}{_of(judgement)}.{between}",
        )  # fmt: skip


def _pairs(folder: Path, judgement: Judgement, examples: Examples) -> Plot:
    residual = examples.model.astype(np.float64) - examples.actual
    with figure() as drawn:
        left, right = drawn.subplots(1, 2)
        left.scatter(examples.actual, examples.model, s=6, alpha=0.5, color=COLOURS["model"], linewidths=0)
        left.axline((float(examples.actual[0]), float(examples.actual[0])), slope=1, color=INK, linewidth=1)
        left.set_xlabel(_with_unit("actual", judgement))
        left.set_ylabel(_with_unit("model", judgement))
        right.hist(residual, bins=40, color=COLOURS["model"])
        right.axvline(0, color=INK, linewidth=1)
        right.set_xlabel(_with_unit("model - actual", judgement))
        right.set_ylabel("rows")
        for axes in (left, right):  # half a figure is too narrow for the many long numbers of large units
            axes.locator_params(axis="x", nbins=4)
        return _saved(
            folder, judgement, drawn, "pairs",
            f"Left: {len(residual)} rows as points, actual against model, with the line of equality. Right: how "
            f"often each difference occurs; half of them lie between {np.quantile(residual, 0.25):.4g} and "
            f"{np.quantile(residual, 0.75):.4g}.",
            f"The model against the actual value and its residuals, {_of(judgement)}; rows at even distances.",
        )  # fmt: skip


def _history(folder: Path, history: dict[str, Any]) -> Plot:
    epochs = range(1, len(history["epochs"]) + 1)
    with figure(height=3.0) as drawn:
        axes = drawn.add_subplot()
        for key, name, words in (("loss", "model", "training"), ("val_loss", "published", "validation")):
            losses = [np.nan if epoch.get(key) is None else epoch[key] for epoch in history["epochs"]]
            axes.plot(epochs, losses, marker=MARKERS[name], **{**line_style(name), "label": words})
        best = history.get("best_epoch")
        if best is not None:
            axes.axvline(best + 1, color=INK, linewidth=1, alpha=0.5)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (scaled units)")
        legend(axes)
        save(drawn, folder / "history.svg")
        size = _size(drawn)
    return Plot(
        "history.svg",
        f"Training and validation loss over {len(epochs)} epochs.",
        f"Loss by epoch{f'; the weights are those of epoch {best + 1}, at the line' if best is not None else ''}.",
        size,
    )


def _saved(folder: Path, judgement: Judgement, drawn: Any, kind: str, *words: str) -> Plot:
    file = f"{file_name(judgement.target)}-{kind}.svg"
    save(drawn, folder / file)
    alt, caption = words
    return Plot(file, alt, caption, _size(drawn))


def _size(drawn: Any) -> tuple[int, int]:
    width, height = drawn.get_size_inches()
    return round(96 * width), round(96 * height)


def _of(judgement: Judgement) -> str:
    return f"{judgement.target} on {judgement.split}"


def _with_unit(words: str, judgement: Judgement) -> str:
    return f"{words} ({printable(judgement.unit)})" if judgement.unit else words
