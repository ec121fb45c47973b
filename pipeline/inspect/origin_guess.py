"""Guesses when values are known, the origin that fits the issue times, and the lags that this origin allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.step_guess import Steps, in_days, label_of_dates
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, minute_text, step_text, usual_step
from hindcast.pipeline.inspect.vocabulary import is_day_ahead
from hindcast.pipeline.settings.anchor import WEEKDAYS
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS
from hindcast.pipeline.settings.clock import wall_of

_WEEK, _THURSDAY = 7, 3  # 1970-01-01
_PREVIOUS_DAY = re.compile(r"(?i)previous[_ ]?day[_ ]?(\d)")
_MOST_TRACKS = 8
_GATE = "18:00"  # a late gate, so that few forecasts count as known before they were
_LAGS = ("24h", "48h", "72h", "96h", "168h", "336h")
_DAYS = (1, 2, 3, 4, 7, 14, 21, 28, 35, 42)  # lags of steps of days and weeks


Origin = tuple[dict[str, Any], list[str]]
"""The origin as written in the settings, and the questions about it."""


def guess_known(draft: SourceDraft, steps: Steps) -> tuple[dict[str, Any], str | None]:
    """Return when values of a draft are known, and the question about it."""
    frequency = steps.length
    times = draft.analysis.times
    if times.published is not None:
        return _known_when_published(times.published, zone_of(draft, steps))
    if draft.analysis.has_vintages:
        asked = "how long after its issue time can a forecast be used?"
        delay = issue_delay(draft, frequency)
        late = f" Only its day is known, so the latest time of that day is proposed; {asked}"
        return {"at_issue_plus": _in_hours(delay)}, late.strip() if delay else asked
    if draft.role == "realized":
        late = "nothing in the files shows how long after its step a measurement arrives, so a late time is proposed"
        return {"after_step": _in_hours(max(DAY, frequency))}, f"{late}: does it arrive earlier?"
    return _known_without_issue(draft, steps)


def _known_without_issue(draft: SourceDraft, steps: Steps) -> tuple[dict[str, Any], str | None]:
    """Return when forecasts without an issue time are known: by a column with wrong ones, by their headings, or a default."""
    times = draft.analysis.times
    if times.late_issue is not None and times.valid is not None:
        setting = {"column": times.late_issue.name, "format": times.late_issue.form.text}
        zone = "UTC" if times.late_issue.exact else zone_of(draft, steps)
        return {**setting, "zone": zone}, _about_late_issue(times.late_issue, times.valid)
    without = "no issue time in the files"
    days = _days_before(draft)
    if days:
        return {
            "before_step": f"{24 * days}h"
        }, f"according to the headings, the forecast is published {days} d before the step: is that correct?"
    if says_day_ahead(draft):
        known = {"day": -1, "at": _GATE, "zone": "group"}
        return known, f"{without}: at what time of the previous day is the forecast published?"
    return {"before_step": _in_hours(steps.length)}, f"{without}: when does the forecast become known?"


def _about_late_issue(issue: TimestampColumn, valid: TimestampColumn) -> str:
    """Ask about forecasts whose issue time is after the time that they are for, with the number of rows and an example."""
    both = issue.ok & valid.ok
    late = both & (issue.wall > valid.wall)
    row = int(np.flatnonzero(late)[0])
    return (
        f"{issue.name} is later than {valid.name} in {int(late.sum()):,} of {int(both.sum()):,} rows (such as {minute_text(issue.wall[row])} "
        f"for {minute_text(valid.wall[row])}), so these rows are not forecasts, or one of the two columns or its zone is wrong: which is it? "
        f"Until you answer, a row is known at its {issue.name} and not before; if the later rows are measurements or corrections, leave "
        "them out (`where`) and write `issue_time`"
    )


def _known_when_published(published: TimestampColumn, zone: str) -> tuple[dict[str, Any], str | None]:
    """Return the time of publication in a column, or in the names of files with a question about it."""
    if published.path is None:
        zone = "UTC" if published.exact else zone
        return {"column": published.name, "format": published.form.text, "zone": zone}, None
    setting = {"path": published.path, "format": published.form.text, "zone": zone}
    question = (
        "the files overlap, and the times in their names are not before their rows, so later files are read as revisions that "
        "become known at these times: is it so, and in this zone?"
    )
    if published.form.has_clock:
        return setting, question
    late = (
        " Only the day is known, so its end is proposed: at what time is a file published? Write that time with `shift` "
        "(9h is 09:00)"
    )
    return {**setting, "shift": "24h"}, question + late


def issue_delay(draft: SourceDraft, frequency: int) -> int:
    """Return the longest time in ns from the issue time as read to the publication: a day if only its day is known.

    It is 0 if the forecasts end too early to be used after such a delay.
    """
    times = draft.analysis.times
    if times.issue is None or times.issue.has_clock or not (times.issue.columns or times.issue.path):
        return 0
    return DAY if len(times.leads) and int(times.leads.max()) + frequency > DAY else 0


def says_day_ahead(draft: SourceDraft) -> bool:
    """Return whether headings or file names contain "day ahead"."""
    names = [*draft.paths, *(name for value in draft.values for name in value.splits)]
    return any(is_day_ahead(name.rsplit("/", 1)[-1]) for name in names)


def _days_before(draft: SourceDraft) -> int:
    """Return the fewest days in headings such as `previous_day1`; 0 if a value has another heading."""
    names = [name for value in draft.values for name in value.splits]
    found = [match for name in names if (match := _PREVIOUS_DAY.search(name))]
    return min(int(match[1]) for match in found) if found and len(found) == len(names) else 0


def guess_origin(drafts: Sequence[SourceDraft], steps: Steps) -> Origin:
    """Return the origin: the cycle of the issue times if the files have one, else a default with a question."""
    forecasts = [draft for draft in drafts if draft.role == "forecast"]
    issued = [draft for draft in forecasts if draft.analysis.has_vintages]
    cycle = next((found for draft in issued if (found := _issue_cycle(draft, steps))), None)
    if cycle is not None:
        return cycle
    if issued:
        least = min(int(draft.analysis.times.leads.min()) for draft in issued)
        question = "issue times are not regular; how long before a step is its forecast made?"
        return {"before": step_text(max(least, 0))}, [question]
    question = "when is the forecast made? Values that become known later are not used"
    days = max((_days_before(draft) for draft in forecasts), default=0)
    if days:
        return {"before": f"{24 * days}h"}, [question]
    if any(says_day_ahead(draft) for draft in forecasts):
        return {"at": _GATE, "zone": "group", "covers": "next_day"}, [question]
    return {"before": _in_hours(steps.length) if forecasts else "24h"}, [question]


def choose_lags(is_allowed: Callable[[str], bool], steps: Steps) -> list[str]:
    """Return the shortest usual lag that is allowed, and a week if that is allowed too."""
    if steps.days:
        lags = [f"{days}d" for days in _DAYS if days % steps.days == 0]
    else:
        lags = [lag for lag in _LAGS if int(lag[:-1]) * HOUR % steps.length == 0]
    allowed = [lag for lag in lags if is_allowed(lag)]
    return list(dict.fromkeys([*allowed[:1], *(lag for lag in ("168h", "7d") if lag in allowed)]))


def zone_of(draft: SourceDraft, steps: Steps) -> str:
    """Return the zone of timestamps without offset: that of the group for dates of local days."""
    return "group" if in_days(draft, steps) else draft.analysis.zone.zone


def _issue_cycle(draft: SourceDraft, steps: Steps) -> Origin | None:
    """Return `every`, `at`, `from` and `for` of issue times at regular intervals, with questions about the leads."""
    times, zone = draft.analysis.times, zone_of(draft, steps)
    issues = np.unique(times.stamps[times.ok])
    if len(issues) < 2:
        return None
    if times.main.exact and zone not in ("UTC", "group"):
        issues = wall_of(issues, zone)
    every = usual_step(issues)
    phase, cycle = int(issues[0] % min(every, DAY)), int(issues[0] % every)
    regular = float((issues % every == cycle).mean())
    minute = TIME_UNITS["min"]
    if regular < 0.95 or (DAY % every and every % DAY) or phase % minute:
        return None
    delay = issue_delay(draft, steps.length)
    leads = times.leads - _to_start(draft, steps) - delay
    if steps.days == _WEEK and every == _WEEK * DAY:
        return _weekly_gate(issues + delay, leads, steps)
    if cycle >= DAY:
        return None
    first = max(0, int(leads.min()))
    length = int(leads.max()) + steps.length - first
    if length <= 0:
        return None
    questions = ["is a forecast made at each issue time, as soon as the issue is available?"]
    if length > _MOST_TRACKS * every:
        reach = step_text(length + first)
        questions.append(
            f"leads extend to {reach}, but only the first {step_text(every)} are used; is it correct?"
        )
        length = every
    origin = {
        "every": _in_hours(every),
        "at": f"{phase // HOUR:02d}:{phase % HOUR // minute:02d}",
        "zone": zone,
        "from": _in_hours(first),
        "for": _in_hours(length),
    }
    return origin, questions


def _to_start(draft: SourceDraft, steps: Steps) -> int:
    """Return how far timestamps are behind the start of their step, in ns."""
    if not in_days(draft, steps):
        return steps.length if draft.analysis.times.ends_step or draft.accumulated else 0
    label, _ = label_of_dates(draft, steps)
    return {"start": 0, "last_day": steps.length - DAY, "end": steps.length}[label]


def _weekly_gate(gates: Times, leads: Ints, steps: Steps) -> Origin:
    """Return a gate each week, from the times at which issues are available and the leads of week starts in ns."""
    gate = int(gates[0])
    weeks = -(-int(leads.max()) // steps.length) + (leads.min() < 0)
    origin = {
        "on": WEEKDAYS[(gate // DAY + _THURSDAY) % _WEEK],
        "at": f"{gate % DAY // HOUR:02d}:{gate % HOUR // TIME_UNITS['min']:02d}",
        "covers": "this_week" if leads.min() < 0 else "next_week",
        "starts": steps.anchor,
        "for": f"{_WEEK * max(weeks, 1)}d",
    }
    return origin, ["is a forecast made each week at the issue time, as soon as the issue is available?"]


def _in_hours(length: int) -> str:
    """Write a duration in hours, even if it is in whole days: 48h, to match 12h."""
    return f"{length // HOUR}h" if length % HOUR == 0 else step_text(length)
