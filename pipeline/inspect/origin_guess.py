"""Forecasts -> the origin that fits them, and lags that this origin allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.inspect.source_drafts import Draft
from hindcast.pipeline.inspect.timestamp_columns import in_words
from hindcast.pipeline.inspect.vocabulary import is_day_ahead
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.clock import wall_of

_MOST_TRACKS = 8
_MINUTE = 60 * 10**9
_GATE = "18:00"  # the later, the fewer forecasts are taken for known that were not
_LAGS = ("24h", "48h", "72h", "96h", "168h", "336h")


@dataclass(frozen=True)
class Origin:
    """The origin as settings write it, and what to ask of it."""

    setting: dict[str, Any]
    questions: tuple[str, ...]


def known_of(draft: Draft, frequency: int) -> tuple[dict[str, Any], str | None]:
    """When values of a draft are known, and the question about it."""
    times = draft.part.times
    if times.published is not None:
        zone = "UTC" if times.published.exact else draft.part.zone.zone
        return {"column": times.published.name, "format": times.published.form.text, "zone": zone}, None
    if draft.part.has_vintages:
        return {"at_issue_plus": "0h"}, "how long after its issue time can a forecast be used?"
    if draft.role == "realized":
        return {"after_step": "1h"}, "how long after its step does a measurement arrive?"
    if says_day_ahead(draft):
        return {
            "day": -1,
            "at": _GATE,
            "zone": "group",
        }, "no issue time in the files: when on the day before is it published?"
    return {
        "before_step": in_words(frequency)
    }, "no issue time in the files: since when is the forecast known?"


def says_day_ahead(draft: Draft) -> bool:
    """Whether headings or file names say so."""
    names = [*draft.paths, *(name for value in draft.values for name in value.cuts)]
    return any(is_day_ahead(name.rsplit("/", 1)[-1]) for name in names)


def origin_of(drafts: Sequence[Draft], frequency: int) -> Origin:
    """The origin: the cycle of issues where files tell it, else a default with a question."""
    for draft in drafts:
        if draft.role == "forecast" and draft.part.has_vintages and (cycle := _cycle(draft, frequency)):
            return cycle
    forecasts = [draft for draft in drafts if draft.role == "forecast"]
    question = "when is the forecast made? Nothing known later is used"
    if any(draft.part.has_vintages for draft in forecasts):
        leads = min(_least_lead(draft) for draft in forecasts if draft.part.has_vintages)
        return Origin(
            {"before": in_words(max(leads, 0))},
            ("issues follow no regular cycle; how long before a step is it forecast?",),
        )
    if any(says_day_ahead(draft) for draft in forecasts):
        return Origin({"at": _GATE, "zone": "group", "covers": "next_day"}, (question,))
    return Origin({"before": in_words(frequency) if forecasts else "24h"}, (question,))


def lags_of(allowed: Callable[[str], bool], frequency: int) -> list[str]:
    """The two shortest of the usual lags that are allowed, and a week if it is."""
    found = [lag for lag in _LAGS if int(lag[:-1]) * HOUR % frequency == 0 and allowed(lag)]
    return list(dict.fromkeys([*found[:1], *(lag for lag in ("168h",) if lag in found)]))


def _least_lead(draft: Draft) -> int:
    times = draft.part.times
    return int((times.wall - times.issue_wall())[times.ok].min())


def _cycle(draft: Draft, frequency: int) -> Origin | None:
    """`every`, `at`, `from`, `for` from issue times that are a multiple apart, and the leads that most issues have."""
    times, zone = draft.part.times, draft.part.zone.zone
    issues = np.unique(times.issue_wall()[times.ok])
    if len(issues) < 2:
        return None
    if times.main.exact and zone != "UTC":
        issues = wall_of(issues, zone)
    values, counts = np.unique(np.diff(issues), return_counts=True)
    every = int(values[np.argmax(counts)])
    phase = int(issues[0] % every)
    regular = float((issues % every == phase).mean())
    if regular < 0.95 or (DAY % every and every % DAY) or phase % _MINUTE or phase >= DAY:
        return None
    leads = (times.wall - times.issue_wall())[times.ok] - (frequency if times.ends_step else 0)
    first = max(0, int(leads.min()))
    length = int(leads.max()) + frequency - first
    if length <= 0:
        return None
    questions = ["is a forecast made at each issue, as soon as it is there?"]
    if length > _MOST_TRACKS * every:
        questions.append(
            f"leads reach {in_words(length + first)}; the first {in_words(every)} of them are taken"
        )
        length = every
    at = f"{phase // HOUR:02d}:{phase % HOUR // _MINUTE:02d}"
    setting = {
        "every": _hours(every),
        "at": at,
        "zone": zone,
        "from": _hours(first),
        "for": _hours(length),
    }
    return Origin(setting, tuple(questions))


def _hours(length: int) -> str:
    """A length in hours, also where it is whole days: 48h beside 12h."""
    return f"{length // HOUR}h" if length % HOUR == 0 else in_words(length)
