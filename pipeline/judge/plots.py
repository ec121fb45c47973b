"""Draw the plots: skill with interval, errors by lead and hour, two weeks, pairs of actual and model, training losses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags
from hindcast.pipeline.files import file_name
from hindcast.pipeline.forecasters import FORECASTERS, REFERENCES
from hindcast.pipeline.judge.examples import Examples, Week
from hindcast.pipeline.judge.plot_style import COLOURS, INK, MARKERS, add_legend, figure, line_style, save_svg
from hindcast.pipeline.judge.scores import Breakdown, Judgement, scope_name, track_name
from hindcast.pipeline.wording import printable

_MOST_SCOPES = 24  # rows of the skill plot; the report's table has more rows, by_series.csv has all


@dataclass(frozen=True)
class Plot:
    """A plot file with its texts: `alt` describes the picture, `caption` explains it."""

    file: str
    alt: str
    caption: str
    size: tuple[int, int]  # CSS pixels


def draw_all(
    folder: Path, judgements: list[Judgement], examples: dict[str, Examples | None], history: dict[str, Any]
) -> list[Plot]:
    """Draw all plots of the judgements (one per target, of one split) and of the training into `folder`."""
    plots = []
    for judgement in judgements:
        if judgement.skills:
            plots.append(_skill(folder, judgement))
        if len(judgement.by_lead.hours) > 1:
            plots.append(_errors(folder, judgement, "lead", judgement.by_lead))
        if len(judgement.by_hour.hours) > 1:
            plots.append(_errors(folder, judgement, "hour", judgement.by_hour))
        rows = examples.get(judgement.target)
        if rows is not None:
            plots += [_week(folder, judgement, week) for week in rows.weeks]
            plots.append(_pairs(folder, judgement, rows))
    if history.get("epochs"):
        plots.append(_history(folder, history))
    return plots


def _skill(folder: Path, judgement: Judgement) -> Plot:
    shown = judgement.skills[:_MOST_SCOPES]
    rival = FORECASTERS[shown[0].skill.other].label
    with figure(height=1.2 + 0.32 * len(shown)) as drawn:
        axes = drawn.add_subplot()
        for row, scoped in enumerate(shown):
            for shift, which, name in ((-0.12, "mae", "model"), (0.12, "rmse", "published")):
                skill = getattr(scoped.skill, which)
                if skill.value is None:
                    continue
                reach = [[100 * (skill.value - (skill.value if skill.low is None else skill.low))],
                         [100 * ((skill.value if skill.high is None else skill.high) - skill.value)]]  # fmt: skip
                axes.errorbar(
                    100 * skill.value, row + shift, xerr=np.abs(reach), fmt=MARKERS[name], color=COLOURS[name],
                    label=f"by {which.upper()}" if row == 0 else None, capsize=3,
                )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(shown)), [printable(scope_name(judgement, scoped)) for scoped in shown])
        axes.invert_yaxis()
        axes.set_xlabel(f"skill over {rival} in % (right of 0: the model is better)")
        add_legend(axes)
        return _save_plot(
            _path(folder, judgement, "skill"), drawn,
            alt=f"Skill of the model over {rival} for all rows"
            f"{' and by track or group' if len(shown) > 1 else ''}, by MAE and RMSE, with 95 % intervals.",
            caption=f"Skill of the model over {rival}, {_of(judgement)}. If an interval contains 0, it is not proven which of the two is better."
            + (f" Only the first {len(shown)} of {len(judgement.skills)} rows are shown." if len(shown) < len(judgement.skills) else ""),
        )  # fmt: skip


def _errors(folder: Path, judgement: Judgement, kind: str, breakdown: Breakdown) -> Plot:
    axis = {"lead": "prediction lead", "hour": "hour of the day (UTC)"}[kind]
    names = [name for name in breakdown.sums if name not in REFERENCES]
    with figure() as drawn:
        axes = drawn.add_subplot()
        for name in names:
            axes.plot(
                breakdown.hours, breakdown.sums[name].mean_absolute(), marker=MARKERS[name], markersize=3.5,
                **line_style(name),
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{axis}{', h' if kind == 'lead' else ''}")
        axes.set_ylabel(_with_unit("mean absolute error", judgement))
        add_legend(axes)
        first, last = breakdown.hours[0], breakdown.hours[-1]
        return _save_plot(
            _path(folder, judgement, kind), drawn,
            alt=f"Mean absolute error by {axis} from {first:g} to {last:g} h, one line for each of {', '.join(names)}.",
            caption=f"Mean absolute error by {axis}, {_of(judgement)}.",
        )  # fmt: skip


def _week(folder: Path, judgement: Judgement, week: Week) -> Plot:
    moments = week.time.astype("datetime64[ns]").astype("datetime64[s]")
    step = moments[-1] - moments[-2] if len(moments) > 1 else np.timedelta64(0, "s")
    with figure() as drawn:
        axes = drawn.add_subplot()
        for name, values in week.columns.items():
            axes.plot(moments, values, linewidth=1.6, **line_style(name))
        between = ""
        if week.band is not None and judgement.quantiles is not None:
            levels = judgement.quantiles.levels
            low, high = f"{levels[0]:g}", f"{levels[-1]:g}"
            between = f" The band lies between the model's quantiles {low} and {high}."
            axes.fill_between(
                moments, *week.band, color=COLOURS["model"], alpha=0.2, linewidth=0,
                label=f"quantiles {low} to {high}",
            )  # fmt: skip
        if week.flagged is not None:
            between += " The quality check flagged the values in the grey spans."
            _shade(axes, np.append(moments, moments[-1] + step), week.flagged)
        axes.set_ylabel(_with_unit(printable(judgement.target), judgement))
        axes.set_xlabel("time (UTC)")
        axes.tick_params(axis="x", rotation=20)
        add_legend(axes)
        track = f"{track_name(judgement, week.track)}, " if judgement.tracks > 1 else ""
        which = {"typical": "with the median error", "hardest": "with the largest error"}[week.kind]
        return _save_plot(
            _path(folder, judgement, f"week-{week.kind}"), drawn,
            alt=f"A week of one series from {moments[0]} UTC: {', '.join(week.columns)} over time.",
            caption=f"A week of the series {which}: {week.series or 'the total'} of {week.group}, {track}{_of(judgement)}.{between}",
        )  # fmt: skip


def _shade(axes: Any, edges: Any, flagged: Flags) -> None:
    """Shade each stretch of flagged steps; `edges` are the starts of the steps and the end of the last step."""
    for start, stop in np.flatnonzero(np.diff(flagged, prepend=False, append=False)).reshape(-1, 2):
        axes.axvspan(edges[start], edges[stop], color=INK, alpha=0.15, linewidth=0)


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
        for axes in (left, right):  # half a figure is too narrow for many long numbers
            axes.locator_params(axis="x", nbins=4)
        return _save_plot(
            _path(folder, judgement, "pairs"), drawn,
            alt=f"Left: {len(residual)} rows as points, actual against model, with the line of equality. Right: "
            f"a histogram of the differences; half of them lie between {np.quantile(residual, 0.25):.4g} and "
            f"{np.quantile(residual, 0.75):.4g}.",
            caption=f"The model against the actual value and its residuals, {_of(judgement)}; rows at regular intervals.",
        )  # fmt: skip


def _history(folder: Path, history: dict[str, Any]) -> Plot:
    epochs = range(1, len(history["epochs"]) + 1)
    with figure(height=3.0) as drawn:
        axes = drawn.add_subplot()
        for key, name, label in (("loss", "model", "training"), ("val_loss", "published", "validation")):
            losses = [np.nan if epoch.get(key) is None else epoch[key] for epoch in history["epochs"]]
            axes.plot(epochs, losses, marker=MARKERS[name], **{**line_style(name), "label": label})
        best = history.get("best_epoch")
        if best is not None:
            axes.axvline(best + 1, color=INK, linewidth=1, alpha=0.5)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (scaled units)")
        add_legend(axes)
        mark = "" if best is None else f"; the line marks epoch {best + 1}, whose weights are used"
        return _save_plot(
            folder / "history.svg", drawn,
            alt=f"Training and validation loss over {len(epochs)} epochs.", caption=f"Loss by epoch{mark}.",
        )  # fmt: skip


def _path(folder: Path, judgement: Judgement, kind: str) -> Path:
    return folder / f"{file_name(judgement.target)}-{kind}.svg"


def _save_plot(path: Path, drawn: Any, *, alt: str, caption: str) -> Plot:
    save_svg(drawn, path)
    width, height = drawn.get_size_inches()
    return Plot(path.name, alt, caption, (round(96 * width), round(96 * height)))


def _of(judgement: Judgement) -> str:
    return f"{judgement.target} on {judgement.split}"


def _with_unit(label: str, judgement: Judgement) -> str:
    return f"{label} ({printable(judgement.unit)})" if judgement.unit else label
