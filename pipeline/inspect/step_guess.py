"""Guesses the steps of a data set: a fraction of a day, or whole local days and weeks, and what their dates name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.inspect.column_types import most_frequent
from hindcast.pipeline.inspect.resolution_guess import ask_about_finer_rows
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.timestamp_columns import step_text, usual_step
from hindcast.pipeline.inspect.vocabulary import END, START
from hindcast.pipeline.settings.anchor import WEEKDAYS
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS
from hindcast.pipeline.settings.clock import wall_of

_WEEK = 7
_THURSDAY = 3  # 1970-01-01
_MOST = 0.9  # share of dates that must be a whole number of steps apart
_USUAL_MINUTES = (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
_LAST_DAYS = ("friday", "saturday")  # on which weeks end, more often than they start


@dataclass(frozen=True)
class Steps:
    """The steps of a data set: `length` in ns, and as `raw.frequency` and `raw.anchor` have them.

    `local_days` is True for whole days of the group's zone. `label` is what dates of weeks name where no heading says
    it: `start` or `last_day`.
    """

    length: int
    local_days: bool = False
    anchor: str | None = None
    label: str = "start"

    @property
    def text(self) -> str:
        """The frequency as written."""
        return f"{self.length // DAY}d" if self.local_days else step_text(self.length)

    @property
    def days(self) -> int:
        """The number of local days of a step; 0 for other steps."""
        return self.length // DAY if self.local_days else 0


def guess_steps(drafts: Sequence[SourceDraft], zone: object) -> tuple[Steps, list[str]]:
    """Return the coarsest step of the measurements: finer steps can be resampled to it, but not the reverse.

    `zone` is `raw.zone`, in which timestamps with an offset may be local midnights.
    """
    measured = [draft for draft in drafts if draft.role == "realized"] or list(drafts)
    forecasts = [draft for draft in drafts if draft.role == "forecast" and not draft.analysis.has_vintages]
    steps = sorted({file.step for draft in measured for file in draft.files if file.step})
    if not steps:  # a row in each file
        walls = ([part.times.wall[part.times.ok] for part in draft.analyses] for draft in measured)
        steps = sorted({step for wall in walls if (step := usual_step(np.concatenate(wall)))})
    if not steps:
        return Steps(HOUR), ["no file contains two timestamps, so the step is unknown: what is it?"]
    step, ask = steps[-1], list[str]()
    coarse = max((file.step for draft in forecasts for file in draft.files), default=0)
    if coarse > step:
        ask.append(f"forecasts have steps of {step_text(coarse)}: the steps between them have no forecast")
    if len(steps) > 1:
        found = " and ".join(map(step_text, steps))
        ask.append(f"steps of {found} occur; finer steps are resampled to the coarsest (`resample`)")
    ask += ask_about_finer_rows(measured, step)
    coarsest = next(
        (draft for draft in measured if any(file.step == step for file in draft.files)), measured[0]
    )
    if step % DAY == 0 and holds_dates(coarsest, zone):
        return _whole_days(coarsest, step, ask)
    if step > DAY:
        ask.append(
            f"the files have steps of {step_text(step)}, but only whole local days may be longer than a day"
        )
        return Steps(DAY), ask
    minute = TIME_UNITS["min"]
    if DAY % step or step % minute:
        ask.append(f"timestamps are mostly {step_text(step)} apart, which does not divide a day")
        return Steps(min(each * minute for each in _USUAL_MINUTES if each * minute >= step)), ask
    return Steps(step), ask


def in_days(draft: SourceDraft, steps: Steps) -> bool:
    """Return whether the timestamps of a draft without offset are dates of local days."""
    times = draft.analysis.times
    return steps.local_days and not times.exact and holds_dates(draft, None)


def holds_dates(draft: SourceDraft, zone: object) -> bool:
    """Return whether all valid times of a draft are local midnights, which stand for local days."""
    times, guess = draft.analysis.times, draft.analysis.zone
    if times.valid is not None and times.valid.period is not None:
        return False
    walls = [each.times.wall[each.times.ok] for each in draft.analyses]
    if not times.exact:
        in_utc = guess.zone == "UTC" and guess.question is None
        return not in_utc and all((wall % DAY == 0).all() for wall in walls)
    if not isinstance(zone, str) or zone == "UTC":
        return False
    local = [wall_of(wall, zone) for wall in walls]
    in_utc = all((wall % DAY == 0).all() for wall in walls)
    return not in_utc and all((wall % DAY == 0).all() for wall in local)


def label_of_dates(draft: SourceDraft, steps: Steps) -> tuple[str, str | None]:
    """Return what the dates of a draft name in steps of local days (`start`, `last_day`, `end`), and a question."""
    valid = draft.analysis.times.valid
    words = valid.words if valid is not None else frozenset()
    if steps.days == 1:
        if valid is not None and valid.form.has_clock and draft.analysis.times.ends_step:
            return "end", "the heading shows that timestamps mark the end of their day: is it so?"
        if words & START and not words & END:
            return "start", None
        return "start", "each date is read as the day of its values: or is it the day after (`label: end`)?"
    weekdays = _weekdays(draft)
    found, _ = most_frequent(weekdays) if len(weekdays) else (0, 0.0)
    named = WEEKDAYS[int(found)]
    if words & START and not words & END:
        return "start", None
    if words & END and not words & START:
        return "last_day", (
            f"the heading {valid.name if valid else ''!r} says that a date ({named}) ends its step: is it the last day, or the day after "
            "(`label: end`)?"
        )
    label = steps.label
    if steps.days == _WEEK and steps.anchor in WEEKDAYS:
        offset = (int(found) - WEEKDAYS.index(steps.anchor)) % _WEEK
        label = {0: "start", _WEEK - 1: "last_day"}.get(offset, label)
    other = "its last day (`label: last_day`)" if label == "start" else "its first day (`label: start`)"
    what = "first" if label == "start" else "last"
    dates = f"all dates are {named}s" if steps.days == _WEEK else f"dates are {steps.days} days apart"
    return (
        label,
        f"{dates} and are read as the {what} day of their step: or is each {other}? `raw.anchor` depends on it",
    )


def _whole_days(draft: SourceDraft, step: int, ask: list[str]) -> tuple[Steps, list[str]]:
    """Return steps of local days with their anchor; of one day if dates are not a whole number of steps apart."""
    if step == DAY:
        return Steps(DAY, local_days=True), ask
    dates = _dates(draft)
    phase, share = most_frequent(dates % (step // DAY))
    if share < _MOST:
        ask.append(
            f"dates are mostly {step // DAY} days apart, but not always: steps of months or of changing length are not "
            "possible. Is there one row per month? If so, spread it over days, or use coarser files for features only"
        )
        return Steps(DAY, local_days=True), ask
    first = int(dates[dates % (step // DAY) == phase].min())
    steps = Steps(step, local_days=True, label=_usual_label(first))
    label, _ = label_of_dates(draft, steps)
    start = first - (step // DAY - 1 if label == "last_day" else 0)
    if step == _WEEK * DAY:
        return Steps(step, local_days=True, anchor=WEEKDAYS[(start + _THURSDAY) % _WEEK], label=label), ask
    anchor = str(np.datetime64(start, "D"))
    return Steps(step, local_days=True, anchor=anchor, label=label), ask


def _usual_label(first: int) -> str:
    """Return what a date names if nothing else shows it, by its weekday: weeks end on Fridays and Saturdays."""
    return "last_day" if WEEKDAYS[(first + _THURSDAY) % _WEEK] in _LAST_DAYS else "start"


def _dates(draft: SourceDraft) -> Times:
    """Return the valid dates of a draft in days since 1970."""
    walls = [each.times.wall[each.times.ok] for each in draft.analyses]
    return np.unique(np.concatenate(walls)) // DAY


def _weekdays(draft: SourceDraft) -> Times:
    """Return the weekdays of the valid dates of a draft, Monday as 0."""
    return (_dates(draft) + _THURSDAY) % _WEEK
