"""Checks `issued` and `origin_rule`: vintages were known at the origin, and the origin is that of the rule."""

from __future__ import annotations

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
    """Compare the issue time of every vintage used, plus the declared delay, with the origin of its step; all steps."""
    result = CheckResult(
        "issued", "issue time of the vintage used, plus the declared delay, is at or before the origin"
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
    """Compare the origin of every step with the rule by `datetime`: a later one would admit values that were not yet known,
    an earlier one would hide that.
    """
    result = CheckResult(
        "origin_rule", "the origin of a step is the one that align.origin gives, to the nanosecond"
    )
    expected_origins = _ExpectedOrigins(dataset, params)
    for piece in iter_sequences(dataset):
        zone = params.raw.zone_of(piece.group)
        assert zone is not None  # align refuses a group without zone
        expected, origin = expected_origins.of(piece, zone), piece.read("origin")
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


class _ExpectedOrigins:
    """The origins of all steps that a data set can hold, computed once per zone and track, when first needed."""

    def __init__(self, dataset: Dataset, params: Params) -> None:
        self._rule, self._step = params.align.origin, dataset.frequency
        self._pages: dict[tuple[str, int, int], Times] = {}

    def of(self, piece: SequenceSlice, zone: str) -> Times:
        """The expected origins of a slice, TIME_MIN where there is none."""
        numbers = piece.times // self._step
        return np.concatenate(
            [
                self._page(zone, piece.track, page)[numbers[numbers // _PAGE == page] % _PAGE]
                for page in range(int(numbers[0] // _PAGE), int(numbers[-1] // _PAGE) + 1)
            ]
        )

    def _page(self, zone: str, track: int, page: int) -> Times:
        if (zone, track, page) not in self._pages:
            steps = [(page * _PAGE + place) * self._step for place in range(_PAGE)]
            origins = origins_of(self._rule, steps, track, zone)
            self._pages[zone, track, page] = np.array(
                [TIME_MIN if origin is None else origin for origin in origins], np.int64
            )
        return self._pages[zone, track, page]
