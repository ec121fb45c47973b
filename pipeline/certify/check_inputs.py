"""Kinds `inputs`, `targets`, `published` and `targets_as_inputs`: rows made anew from the tables, value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hindcast.pipeline.certify.as_known import GroupTables, Said
from hindcast.pipeline.certify.expected_columns import Step, columns_of
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import Stretch, is_of_time, stretches_of
from hindcast.pipeline.certify.raw_records import read_records
from hindcast.pipeline.certify.sampled_rows import chosen_rows
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Blocked
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

LOOKUPS = 60_000


"""Values looked up in the tables for rows spread over groups, series and tracks: some seconds."""


LEAST_ROWS, MOST_ROWS = 300, 2000


"""Bounds of those rows; beside them come rows at the ends of sequences and around changes of the clocks."""


TOLERANCE = 1e-6


"""Of the value: float32 keeps 6e-8, and sums may be taken in another order."""


_ROUNDING = 1e-12


"""Of the numbers that a value is the difference of: they may be added up in another order."""


_FOREVER = int(np.iinfo(np.int64).max)


@dataclass
class Remade:
    """The findings of the rows made anew."""

    inputs: Findings
    targets: Findings
    published: Findings
    held_out: Findings

    def all(self) -> list[Findings]:
        """In the order of the certificate."""
        return [self.inputs, self.targets, self.published, self.held_out]


@dataclass(frozen=True)
class Stored:
    """A value of X, and whether its mask feature says that it is missing."""

    value: float
    is_masked: bool


def check_rows(dataset: Dataset, tables: Path, params: Params) -> list[Findings]:
    """Every kind of column of X, and Y, W, `known`, `published` and `issued`, of rows spread over the data set, made anew
    from rows of the tables known at the origin.
    """
    found = Remade(
        Findings("inputs", f"X is what the tables held at the origin, within {TOLERANCE:g} of the value"),
        Findings("targets", "Y is the last revision, `known` its moment, and W 0 where there is none"),
        Findings("published", "published forecasts and issue times are those known at the origin"),
        Findings("targets_as_inputs", "no input of a training row is a target of validation or test"),
    )
    held_out = HeldOutInputs(dataset, params)
    chosen = chosen_rows(dataset, params, _rows(dataset, params))
    groups = [str(group) for group in dataset.sequences.group[list(chosen)]]
    for group in sorted(set(groups)):
        zone = params.raw.zone_of(group)
        assert zone is not None  # align refuses a group without zone
        of_group = GroupTables(params, zone, read_records(tables, group, params), group)
        rows = [row for row, name in zip(chosen, groups, strict=True) if name == group]
        _check_group(found, dataset, of_group, {row: chosen[row] for row in rows}, held_out)
    return found.all()


def _rows(dataset: Dataset, params: Params) -> int:
    """How many rows are spread: fewer where each asks for many values, as the windows of statistics do."""
    chosen, frequency = params.align.features, params.raw.frequency.ns
    windows = [window for rolling in chosen.rolling.values() for window in rolling.windows]
    windows += chosen.published_error
    a_row = len(dataset.features) + sum(window.ns // frequency for window in windows)
    return max(LEAST_ROWS, min(MOST_ROWS, LOOKUPS // a_row))


def _check_group(
    found: Remade,
    dataset: Dataset,
    tables: GroupTables,
    chosen: dict[int, list[int]],
    held_out: HeldOutInputs,
) -> None:
    made = columns_of(tables)
    masks = {dataset.features[mask] for mask in dataset.feature_masks if mask >= 0}
    for name in dataset.features:
        if name not in made and name not in masks:
            found.inputs.blame(f"{name}: no setting asks for this feature")
    for row, places in chosen.items():
        for stretch, here in _by_stretch(dataset, row, places):
            inputs, origin = stretch.read("X"), stretch.read("origin")
            for place in here:
                step = Step(stretch.series, stretch.track, int(stretch.times[place]), int(origin[place]))
                found.inputs.looked_at()
                for column, name in enumerate(dataset.features):
                    if name in made:
                        mask = int(dataset.feature_masks[column])
                        is_masked = mask >= 0 and bool(inputs[place, mask] != 0)
                        stored = Stored(float(inputs[place, column]), is_masked)
                        said = made[name](step)
                        if said.known is not None:
                            found.inputs.note_margin(step.origin - said.known)
                        held_out.check(found.held_out, step, f"{stretch.step(place)}: {name}", said)
                        for fault in _faults_of_input(said, stored):
                            found.inputs.blame(f"{stretch.step(place)}: {name} is {fault}")
            _check_targets(found.targets, stretch, here, tables)
            check_published(found.published, stretch, here, tables)


def _by_stretch(dataset: Dataset, row: int, places: list[int]) -> Iterator[tuple[Stretch, list[int]]]:
    begin = int(dataset.sequences.start_time[row])
    for stretch in stretches_of(dataset, row):
        skipped = (int(stretch.times[0]) - begin) // dataset.frequency
        here = [place - skipped for place in places if 0 <= place - skipped < len(stretch.times)]
        if here:
            yield stretch, here


def _faults_of_input(said: Said, stored: Stored) -> Iterator[str]:
    if said.is_missing:
        if stored.value != 0 or not stored.is_masked:
            yield f"{stored.value!r}, yet nothing was known at the origin"
    elif stored.is_masked or not _equal(stored.value, said.value, said.size):
        stands = "marked as missing" if stored.is_masked else repr(stored.value)
        yield f"{stands}, known at the origin was {said.value!r}"


def _check_targets(found: Findings, stretch: Stretch, places: list[int], tables: GroupTables) -> None:
    stored = {name: stretch.read(name) for name in ("Y", "W", "known")}
    for place in places:
        found.looked_at()
        for column, target in enumerate(stretch.dataset.targets):
            said = tables.realized(target, stretch.series, int(stretch.times[place]), _FOREVER)
            value, weight, known = (stored[name][place, column].item() for name in ("Y", "W", "known"))
            due = (0.0, False, _FOREVER) if said.known is None else (said.value, True, said.known)
            if not (_equal(value, due[0]) and (weight > 0) == due[1] and known == due[2]):
                found.blame(
                    f"{stretch.step(place)}: {target} is {value!r} (W {weight}, known {known}); the tables say "
                    f"{due[0]!r} (known {due[2]})"
                )


def _equal(stored: float, due: float, size: float = 0.0) -> bool:
    return abs(stored - due) <= TOLERANCE * max(abs(stored), abs(due)) + _ROUNDING * size


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
                words = [time_text(one) if one != _NOT_ISSUED else "none" for one in (stands, moment)]
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
                    f"{words} takes what was measured from {time_text(first)} on; [{time_text(start)}, {time_text(stop)}) is held "
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
