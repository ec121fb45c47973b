"""From evidence to alarms: thresholds, which series, since when, and the sentence that says what is unusual."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.serve.input_checks import (
    DELAYED,
    DRIFTED,
    FROZEN,
    LATE,
    MISSING,
    OUTSIDE,
    REVISED,
)
from hindcast.pipeline.serve.sequential import Evidence, threshold_of
from hindcast.pipeline.serve.served_skill import SHIFTED, WORSE
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.wording import counted, listed, time_text

MOST_SERIES = 20
"""Names of series in one alarm; their number is always given."""


@dataclass(frozen=True)
class Alarm:
    """One unusual thing: a check of a source or target, in a group; `since` is the end of the first day beyond the threshold (ns UTC)."""

    check: str
    source: str
    value: str
    group: str
    series: tuple[str, ...]
    since: int
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the alarm as written to monitor.json."""
        return {
            "check": self.check,
            "source": self.source,
            "value": self.value,
            "group": self.group,
            "series_count": len(self.series),
            "series": list(self.series[:MOST_SERIES]),
            "since": time_text(self.since),
            "text": self.text,
        }


@dataclass(frozen=True)
class CheckSummary:
    """How a check was judged: its units, those with a reference, the threshold of the evidence, and the units with an alarm."""

    check: str
    units: int
    judged: int
    threshold: float
    alarms: int

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as written to monitor.json."""
        return {
            "units": self.units,
            "judged": self.judged,
            "threshold": self.threshold,
            "alarms": self.alarms,
        }


def raise_alarms(
    found: Sequence[Evidence], false_alarms: float, moment: int
) -> tuple[list[Alarm], list[CheckSummary]]:
    """Return the alarms of all evidence, whose expected number a year is at most `false_alarms` if nothing is wrong."""
    by_check: dict[str, list[Evidence]] = {}
    for evidence in found:
        by_check.setdefault(evidence.check, []).append(evidence)
    judged = {check: sum(int(each.judged.sum()) for each in group) for check, group in by_check.items()}
    checks = sum(count > 0 for count in judged.values())
    alarms, summaries = [], []
    for check, group in by_check.items():
        threshold = threshold_of(judged[check], checks, false_alarms)
        own = [alarm for each in group for alarm in _alarms(each, threshold, moment)]
        count = sum(len(alarm.series) for alarm in own)
        units = sum(len(each.series) for each in group)
        summaries.append(CheckSummary(check, units, judged[check], threshold, count))
        alarms += own
    return alarms, summaries


def _alarms(evidence: Evidence, threshold: float, moment: int) -> Iterable[Alarm]:
    units, days = evidence.alarms(threshold)
    if not len(units):
        return
    names = tuple(evidence.series[unit] for unit in units)
    scores, usual = evidence.score[units], evidence.usual[units]
    yield Alarm(
        check=evidence.check,
        source=evidence.source,
        value=evidence.value,
        group=evidence.group,
        series=names,
        since=moment - (int(days.max()) - 1) * DAY,
        text=_text(evidence, names, float(np.nanmax(scores, initial=-math.inf)), float(usual.max())),
    )


def _text(evidence: Evidence, names: tuple[str, ...], score: float, usual: float) -> str:
    of_value = f"{evidence.source}.{evidence.value}" if evidence.value else evidence.source
    place = f"{of_value}, {evidence.group}"
    if any(names):
        place += f", {counted(len(names), 'series')} ({listed(names, 3)})"
    share, before = f"{100 * score:.0f} %", f"{100 * usual:.0f} %"
    return {
        LATE: f"{place}: no row for {counted(round(score), 'day')}; at most {counted(round(usual), 'day')} in the reference.",
        DELAYED: f"{place}: rows became known {score:.1f} h after their time; at most {usual:.1f} h in the reference.",
        REVISED: f"{place}: {share} of the rows of the last day revise earlier ones; at most {before} in the reference.",
        MISSING: f"{place}: {share} of the usual values of the last day are missing; at most {before} in the reference.",
        FROZEN: f"{place}: all values of each day are equal.",
        OUTSIDE: f"{place}: values lie outside the range of the reference by {share} of it.",
        DRIFTED: f"{place}: the daily means differ from those of the same season of earlier years by {score:+.1f} deviations.",
        WORSE: f"{evidence.value}, {evidence.group}: the errors are larger than those of {evidence.source}: "
        f"the mean relative difference of the days is {score:+.3f}.",
        SHIFTED: f"{evidence.value}, {evidence.group}: against {evidence.source} the errors are larger than in the test split: "
        f"the mean relative difference of the days is {score:+.3f}; up to {usual:+.3f} was expected.",
    }[evidence.check]
