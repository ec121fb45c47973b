"""Kinds `issued` and `origin_rule`: vintages were known at the origin, and the origin is the rule's, to the hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache, partial

import numpy as np

from pipeline.settings.known import AtIssuePlus
from pipeline.settings.params import Params
from pipeline.split.moments import text_of
from pipeline.split.proof.clocks import days_of_change, moment_of, origin_of
from pipeline.split.proof.findings import Findings
from pipeline.split.proof.walk import Stretch, stretches
from pipeline.store.reader import Dataset

_NONE = np.iinfo(np.int64).min
_ORIGINS_A_STRETCH = 24  # evenly spread, beside all steps around a change of the clocks
_DAY = 86400 * 1_000_000_000


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
                    f"{text_of(int(issued[place, column]))} was known after the origin "
                    f"{text_of(int(origin[place]))}"
                )
    return found


def check_origins(dataset: Dataset, params: Params) -> Findings:
    """The origin of steps spread over every sequence, and of all steps around a change of the clocks, against the
    rule by `datetime`: a later origin would let in what was not yet known.
    """
    found = Findings("origin_rule", "the origin of a step is not later than align.origin says")
    rule = params.align.origin
    changes = cache(lambda zone: _around_changes(dataset, {zone, getattr(rule, "zone", zone)} - {"group"}))
    due = cache(partial(origin_of, rule))
    for stretch in stretches(dataset):
        zone = params.raw.zone_of(stretch.group)
        assert zone is not None  # align refuses a group without zone
        places = sorted(set(_places(stretch, changes(zone))))
        limits = [due(int(stretch.times[place]), stretch.track, zone) for place in places]
        _compare(found, stretch, places, [_NONE if limit is None else limit for limit in limits])
    return found


def _compare(found: Findings, stretch: Stretch, places: list[int], due: list[int]) -> None:
    origin = stretch.read("origin")[places]
    limits = np.array(due, np.int64)
    margins = np.where(limits == _NONE, -1, limits - origin)
    for bad in found.keep_margins(margins).tolist():
        said = "no origin covers it" if due[bad] == _NONE else f"the rule says {text_of(due[bad])}"
        found.blame(
            f"{stretch.step(places[bad])} (sample {stretch.sample_of(places[bad])}) has the origin "
            f"{text_of(int(origin[bad]))}, {said}"
        )


def _places(stretch: Stretch, around_changes: list[tuple[int, int]]) -> Iterator[int]:
    """Places of a stretch whose origin is recomputed."""
    count = len(stretch.times)
    yield from np.linspace(0, count - 1, min(count, _ORIGINS_A_STRETCH)).astype(int).tolist()
    for begin, end in around_changes:
        yield from range(*np.searchsorted(stretch.times, [begin, end]).tolist())


def _around_changes(dataset: Dataset, zones: set[str]) -> list[tuple[int, int]]:
    """The local days on which clocks are moved, each with the days before and after, as [begin, end)."""
    table = dataset.sequences
    first = int(table.start_time.min())
    last = int((table.start_time + table.step_count * dataset.frequency).max())
    return [
        (_midnight(day - timedelta(days=1), zone), _midnight(day + timedelta(days=2), zone))
        for zone in sorted(zones)
        for day in days_of_change(first - _DAY, last + _DAY, zone)
    ]


def _midnight(day: date, zone: str) -> int:
    return moment_of(datetime.combine(day, time()), zone)
