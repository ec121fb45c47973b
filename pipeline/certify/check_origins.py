"""Checks `issued` and `origin_rule`: vintages were known at the origin, and the origin follows the rule."""

from __future__ import annotations

from functools import cache

import numpy as np

from hindcast.pipeline.arrays import TIME_MIN, Times
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import StepBlock
from hindcast.pipeline.certify.slow_clock import moment_of_label, origins_of
from hindcast.pipeline.settings.known import AtIssuePlus
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text

ISSUED = "the issue time of the vintage used, plus the declared delay, is at or before the origin"
ORIGIN_RULE = "the origin of a step is exactly the time that align.origin gives"

_PAGE = 1 << 12  # steps whose origins are computed together
_LONGEST_PAGE = 10_000 * 86_400 * 1_000_000_000  # ns


def check_issued(result: CheckResult, block: StepBlock, params: Params) -> None:
    """Compare, for all steps, the issue time of each vintage used, plus the declared delay, with the origin of the step."""
    origin, issued, late = block.read("origin"), block.read("issued"), []
    for column, source in enumerate(block.dataset.sources):
        rule = params.raw.sources[source].known
        delay = rule.at_issue_plus.ns if isinstance(rule, AtIssuePlus) else 0
        used = np.flatnonzero(issued[:, column] != TIME_MIN)
        margins = origin[used] - issued[used, column] - delay
        for bad in result.count_margins(margins).tolist():
            late.append((int(used[bad]), column, source))
    for place, column, source in sorted(late):
        result.add_violation(
            f"{block.label(place)} (sample {block.sample[place]}): the vintage of {source} issued at "
            f"{time_text(int(issued[place, column]))} was known after the origin {time_text(int(origin[place]))}"
        )


def check_origins(result: CheckResult, block: StepBlock, zone: str, expected: ExpectedOrigins) -> None:
    """Compare the origin of every step of a group with the rule, computed with `datetime`. A later origin would admit values
    that were not yet known; an earlier origin would hide that.
    """
    due, origin = expected.of(block, zone), block.read("origin")
    result.count_checked(len(origin))
    wrong = np.flatnonzero(due != origin)
    if len(wrong):
        result.note_margin(int((due - origin)[wrong].min()))
    for place in wrong.tolist():
        words = (
            "no origin covers this step"
            if due[place] == TIME_MIN
            else f"the rule gives {time_text(int(due[place]))}"
        )
        result.add_violation(
            f"{block.label(place)} (sample {block.sample[place]}) has the origin "
            f"{time_text(int(origin[place]))}, but {words}"
        )


class ExpectedOrigins:
    """The origins that the rule gives, TIME_MIN for steps without one: computed once per zone, track and grid offset."""

    def __init__(self, params: Params) -> None:
        self._frequency = frequency = params.raw.frequency.ns
        self._count = count = max(1, min(_PAGE, _LONGEST_PAGE // frequency))
        has_days = params.raw.frequency.days is not None

        @cache
        def page(zone: str, track: int, phase: int, number: int) -> Times:
            steps = [(number * count + place) * frequency + phase for place in range(count)]
            if has_days:
                steps = [moment_of_label(step, zone) for step in steps]
            origins = origins_of(params.align.origin, steps, track, zone)
            return np.array([TIME_MIN if origin is None else origin for origin in origins], np.int64)

        self._page = page

    def of(self, block: StepBlock, zone: str) -> Times:
        """Return the origin of each step of a block."""
        steps, phases = np.divmod(block.times, self._frequency)
        pages, places = np.divmod(steps, self._count)
        keys = np.stack([block.dataset.sequences.track[block.row], phases, pages])
        # one key after another in long runs: only their ends are compared
        ends = np.flatnonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)) + 1
        made = np.empty(len(steps), np.int64)
        for start, stop in zip([0, *ends.tolist()], [*ends.tolist(), len(steps)], strict=True):
            track, phase, number = keys[:, start].tolist()
            made[start:stop] = self._page(zone, track, phase, number)[places[start:stop]]
        return made
