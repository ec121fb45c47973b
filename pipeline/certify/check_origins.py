"""Checks `issued` and `origin_rule`: vintages were known at the origin, and the origin follows the rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from hindcast.pipeline.arrays import TIME_MIN, Times
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import SequenceSlice, iter_sequences
from hindcast.pipeline.certify.slow_clock import origins_of
from hindcast.pipeline.settings.known import AtIssuePlus
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

_PAGE = 1 << 12  # steps whose origins are computed together


def check_issued(dataset: Dataset, params: Params) -> CheckResult:
    """Compare, for all steps, the issue time of each vintage used, plus the declared delay, with the origin of the step."""
    result = CheckResult(
        "issued", "the issue time of the vintage used, plus the declared delay, is at or before the origin"
    )
    for piece in iter_sequences(dataset):
        origin, issued = piece.read("origin"), piece.read("issued")
        for column, source in enumerate(dataset.sources):
            rule = params.raw.sources[source].known
            delay = rule.at_issue_plus.ns if isinstance(rule, AtIssuePlus) else 0
            used = np.flatnonzero(issued[:, column] != TIME_MIN)
            margins = origin[used] - issued[used, column] - delay
            for bad in result.count_margins(margins).tolist():
                place = int(used[bad])
                result.add_violation(
                    f"{piece.label(place)} (sample {piece.sample_of(place)}): the vintage of {source} issued at "
                    f"{time_text(int(issued[place, column]))} was known after the origin "
                    f"{time_text(int(origin[place]))}"
                )
    return result


def check_origins(dataset: Dataset, params: Params) -> CheckResult:
    """Compare the origin of every step with the rule, computed with `datetime`. A later origin would admit values that were
    not yet known; an earlier origin would hide that.
    """
    result = CheckResult("origin_rule", "the origin of a step is exactly the time that align.origin gives")
    origins_in_zone = _expected_origins(dataset, params)
    for piece in iter_sequences(dataset):
        zone = params.raw.zone_of(piece.group)
        assert zone is not None  # align rejects a group without a zone
        expected, origin = origins_in_zone(piece, zone), piece.read("origin")
        result.count_checked(len(origin))
        wrong = np.flatnonzero(expected != origin)
        if len(wrong):
            result.note_margin(int((expected - origin)[wrong].min()))
        for place in wrong.tolist():
            due = int(expected[place])
            words = "no origin covers it" if due == TIME_MIN else f"expected {time_text(due)}"
            result.add_violation(
                f"{piece.label(place)} (sample {piece.sample_of(place)}) has the origin "
                f"{time_text(int(origin[place]))}, {words}"
            )
    return result


def _expected_origins(dataset: Dataset, params: Params) -> Callable[[SequenceSlice, str], Times]:
    """Return a function that returns the origins of a slice in a zone, TIME_MIN for steps without one. It computes them
    once per zone, track and grid offset.
    """
    frequency = dataset.frequency

    @cache
    def page(zone: str, track: int, phase: int, number: int) -> Times:
        steps = [(number * _PAGE + place) * frequency + phase for place in range(_PAGE)]
        origins = origins_of(params.align.origin, steps, track, zone)
        return np.array([TIME_MIN if origin is None else origin for origin in origins], np.int64)

    def of_slice(piece: SequenceSlice, zone: str) -> Times:
        steps, phase = piece.times // frequency, int(piece.times[0]) % frequency
        pages = range(int(steps[0] // _PAGE), int(steps[-1] // _PAGE) + 1)
        parts = [
            page(zone, piece.track, phase, number)[steps[steps // _PAGE == number] % _PAGE]
            for number in pages
        ]
        return np.concatenate(parts)

    return of_slice
