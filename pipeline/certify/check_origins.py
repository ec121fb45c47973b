"""Kinds `issued` and `origin_rule`: vintages were known at the origin, and the origin is the rule's, to the hour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import Stretch, stretches
from hindcast.pipeline.certify.slow_clock import origins_of
from hindcast.pipeline.settings.known import AtIssuePlus
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

_NONE = int(np.iinfo(np.int64).min)
_PAGE = 1 << 12  # steps whose origins are computed together


def check_issued(dataset: Dataset, params: Params) -> Findings:
    """The issue time of every vintage used, with the declared delay, against the origin of its step; all steps."""
    found = Findings(
        "issued", "issue time of the vintage used, plus the declared delay, is at or before the origin"
    )
    for stretch in stretches(dataset):
        origin, issued = stretch.read("origin"), stretch.read("issued")
        for column, source in enumerate(dataset.sources):
            rule = params.raw.sources[source].known
            delay = rule.at_issue_plus.ns if isinstance(rule, AtIssuePlus) else 0
            used = np.flatnonzero(issued[:, column] != _NONE)
            margins = origin[used] - issued[used, column] - delay
            for bad in found.keep_margins(margins).tolist():
                place = int(used[bad])
                found.blame(
                    f"{stretch.step(place)} (sample {stretch.sample_of(place)}): the vintage of {source} issued at "
                    f"{time_text(int(issued[place, column]))} was known after the origin "
                    f"{time_text(int(origin[place]))}"
                )
    return found


def check_origins(dataset: Dataset, params: Params) -> Findings:
    """The origin of every step against the rule by `datetime`: a later one would let in what was not yet known, an earlier
    one would hide that it did.
    """
    found = Findings(
        "origin_rule", "the origin of a step is the one that align.origin says, to the nanosecond"
    )
    due = _Due(dataset, params)
    for stretch in stretches(dataset):
        zone = params.raw.zone_of(stretch.group)
        assert zone is not None  # align refuses a group without zone
        limits, origin = due.of(stretch, zone), stretch.read("origin")
        found.looked_at(len(origin))
        wrong = np.flatnonzero(limits != origin)
        if len(wrong):
            found.note_margin(int((limits - origin)[wrong].min()))
        for place in wrong.tolist():
            said = (
                "no origin covers it"
                if limits[place] == _NONE
                else f"the rule says {time_text(int(limits[place]))}"
            )
            found.blame(
                f"{stretch.step(place)} (sample {stretch.sample_of(place)}) has the origin "
                f"{time_text(int(origin[place]))}, {said}"
            )
    return found


class _Due:
    """The origins of all steps that a data set can hold, computed once a zone and track, as far as they are asked for."""

    def __init__(self, dataset: Dataset, params: Params) -> None:
        self._rule, self._step = params.align.origin, dataset.frequency
        self._made: dict[tuple[str, int, int], npt.NDArray[np.int64]] = {}

    def of(self, stretch: Stretch, zone: str) -> npt.NDArray[np.int64]:
        """The due origins of a stretch, _NONE where there is none."""
        numbers = stretch.times // self._step
        return np.concatenate(
            [
                self._page(zone, stretch.track, page)[numbers[numbers // _PAGE == page] % _PAGE]
                for page in range(int(numbers[0] // _PAGE), int(numbers[-1] // _PAGE) + 1)
            ]
        )

    def _page(self, zone: str, track: int, page: int) -> npt.NDArray[np.int64]:
        if (zone, track, page) not in self._made:
            steps = [(page * _PAGE + place) * self._step for place in range(_PAGE)]
            made = origins_of(self._rule, steps, track, zone)
            self._made[zone, track, page] = np.array(
                [_NONE if one is None else one for one in made], np.int64
            )
        return self._made[zone, track, page]
