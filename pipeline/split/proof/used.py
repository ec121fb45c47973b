"""Kinds `published` and `targets_as_inputs`: what else of a row must have been known, and must not be held out."""

from __future__ import annotations

import math

import numpy as np

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Blocked
from hindcast.pipeline.split.moments import text_of
from hindcast.pipeline.split.proof.findings import Findings
from hindcast.pipeline.split.proof.trios import is_of_time
from hindcast.pipeline.split.proof.values import GroupTables, Said
from hindcast.pipeline.split.proof.walk import Stretch
from hindcast.pipeline.split.proof.window import Step
from hindcast.pipeline.store.reader import Dataset

_NOT_ISSUED = int(np.iinfo(np.int64).min)


def check_published(found: Findings, stretch: Stretch, places: list[int], tables: GroupTables) -> None:
    """The published forecast, and the issue time of each source's vintage, of some rows against what was known at their
    origins.
    """
    origins, published, issued = (stretch.read(name) for name in ("origin", "published", "issued"))
    for place in places:
        found.looked_at()
        step = Step(stretch.series, stretch.track, int(stretch.times[place]), int(origins[place]))
        for column, target in enumerate(stretch.dataset.targets):
            due, value = _published(tables, target, step).value, float(published[place, column])
            same = math.isnan(due) == math.isnan(value) and not abs(due - value) > 1e-6 * max(
                abs(due), abs(value)
            )
            if not same:
                found.blame(
                    f"{stretch.step(place)}: the published forecast of {target} is {value!r}, known at the origin was {due!r}"
                )
        for column, source in enumerate(stretch.dataset.sources):
            moment, stands = _issue(tables, source, step), int(issued[place, column])
            if stands != moment:
                words = [text_of(one) if one != _NOT_ISSUED else "none" for one in (stands, moment)]
                found.blame(
                    f"{stretch.step(place)}: the vintage of {source} is said to be issued {words[0]}, the newest known at "
                    f"the origin was issued {words[1]}"
                )


class HeldOutInputs:
    """Looks whether a realized value that a training row's input comes from is a held-out target, where time is split."""

    def __init__(self, dataset: Dataset, params: Params) -> None:
        self._is_of_time, self._frequency = is_of_time(params.split), dataset.frequency
        # windows of blocked training begin up to `lookback` rows before what is scored; elsewhere nothing is held out there
        back = (params.train.lookback - 1) * dataset.frequency if isinstance(params.split, Blocked) else 0
        self._trained = [(start - back, stop) for start, stop in dataset.split("train").spans]
        self._held_out = [span for name in ("validation", "test") for span in dataset.split(name).spans]

    def check(self, found: Findings, step: Step, words: str, said: Said) -> None:
        """Blame an input (its name and row in `words`) whose values are held out."""
        if said.steps is None or not self._is_of_time:
            return
        if not any(start <= step.time < stop for start, stop in self._trained):
            return
        found.looked_at()
        first, last = said.steps
        for start, stop in self._held_out:
            if first < stop and last + self._frequency > start:
                found.blame(
                    f"{words} takes what was measured from {text_of(first)} on; [{text_of(start)}, {text_of(stop)}) is held "
                    "out: give a longer split.distance"
                )


def _published(tables: GroupTables, target: str, step: Step) -> Said:
    name = tables.params.align.published.get(target)
    if name is None:
        return Said(math.nan)
    source, _, value = name.rpartition(".")
    forecasts = tables.params.raw.sources_of("forecast")
    makers = [source] if source else [one for one, settings in forecasts.items() if value in settings.values]
    return tables.forecast(makers, value, step.series, step.time, step.origin)


def _issue(tables: GroupTables, source: str, step: Step) -> int:
    value = next(iter(tables.records[source].names), None) if source in tables.records else None
    if value is None:
        return _NOT_ISSUED
    said = tables.vintage(source, value, step.series, step.time, step.origin)
    return _NOT_ISSUED if said.issue is None else said.issue
