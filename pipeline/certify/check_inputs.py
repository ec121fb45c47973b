"""Checks `inputs`, `targets`, `published` and `targets_as_inputs`: rebuild rows from the tables, value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import PUBLISHED_FLAGGED, TARGET_FLAGGED, TARGET_UNUSABLE, TIME_MAX, TIME_MIN
from hindcast.pipeline.certify.as_known import NO_VALUE, GroupTables, KnownValue, column_names
from hindcast.pipeline.certify.expected_columns import Step, expected_columns, sources_and_value
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.certify.findings import CheckResult, Findings
from hindcast.pipeline.certify.iterate import StepBlock
from hindcast.pipeline.certify.slow_clock import days_of_change, moment_of_midnight
from hindcast.pipeline.certify.unusable_targets import UnusableTargets
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

LOOKUPS = 60_000
"""The number of values looked up in the tables, for rows spread over groups, series and tracks: a few seconds."""

LEAST_ROWS, MOST_ROWS = 300, 2000
"""Bounds of the number of these rows; rows at the ends of sequences and around clock changes are added."""

TOLERANCE = 1e-6
"""Relative to the value: float32 resolves 6e-8, and sums may be computed in another order."""

_ARRAYS = ("X", "Y", "W", "origin", "known", "published", "issued")

_MISSED = ("X_missed", "published_missed")

_GOLDEN = (
    0.6180339887498949  # the fractional parts of its multiples are evenly spread for any number of multiples
)
_AT_A_CHANGE = 1  # sequences per clock change whose rows on these days are rebuilt

_ROUNDING = 1e-12
"""Relative to the operands of a difference: they may be summed in another order."""


INPUTS = (
    f"X contains the values known at the origin according to the tables, within {TOLERANCE:g} of the value"
)
TARGETS = "Y is the last revision, `known` is its known time, W is 0 if there is no value, and flags follow the limits"
PUBLISHED = "published forecasts and issue times are the values known at the origin"
TARGETS_AS_INPUTS = "no input of a training row is a target of validation or test"


def row_count(dataset: Dataset, params: Params) -> int:
    """Return how many rows to rebuild: fewer if each row needs many values, as statistics over windows do."""
    chosen, frequency = params.align.features, params.raw.frequency.ns
    windows = [window for rolling in chosen.rolling.values() for window in rolling.windows]
    windows += chosen.published_error
    lookups_per_row = len(dataset.features) + sum(window.ns // frequency for window in windows)
    return max(LEAST_ROWS, min(MOST_ROWS, LOOKUPS // lookups_per_row))


def sample_rows(dataset: Dataset, params: Params, count: int) -> dict[int, list[int]]:
    """Choose the rows to rebuild: row of the table of sequences -> positions of steps. Always the same for a data set.

    - About `count` rows spread over groups, series and tracks (all rows, if there are no more).
    - The first and last row of each of these sequences.
    - Where a mistake is most likely, in one sequence: the day of each clock change, the day after it, and the days whose
      lags in days lead there.
    """
    table = dataset.sequences
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), count)).astype(int)).tolist()
    share = max(1, count // max(1, len(rows)))
    chosen: dict[int, set[int]] = {}
    for number, row in enumerate(rows):
        steps = int(table.step_count[row])
        places = {int((number * share + draw) * _GOLDEN % 1 * steps) for draw in range(share)}
        chosen[row] = set(range(steps)) if steps <= share else places | {0, steps - 1}
    for row, place in _around_changes(dataset, params):
        chosen.setdefault(row, set()).add(place)
    return {row: sorted(places) for row, places in sorted(chosen.items())}


def _around_changes(dataset: Dataset, params: Params) -> Iterator[tuple[int, int]]:
    table, step = dataset.sequences, dataset.frequency
    ends = table.start_time + table.step_count * step
    lags = {lag.days for lags in params.align.features.lags.values() for lag in lags if lag.days}
    for zone in sorted({str(params.raw.zone_of(str(group))) for group in set(table.group)}):
        in_zone = np.array([params.raw.zone_of(str(group)) == zone for group in table.group])
        for day in days_of_change(int(table.start_time.min()) - DAY, int(ends.max()) + DAY, zone):
            for first, stop in [(0, 2), *((lag, lag + 1) for lag in sorted(lags))]:
                # the names of steps of days are dates in UTC
                shown = "UTC" if params.raw.frequency.days else zone
                begin, end = (moment_of_midnight(day + timedelta(days=days), shown) for days in (first, stop))
                rows = np.flatnonzero(in_zone & (table.start_time < end) & (ends > begin))
                some = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _AT_A_CHANGE)).astype(int))
                for row in rows[some].tolist():
                    low = max(0, -(-(begin - int(table.start_time[row])) // step))
                    high = min(int(table.step_count[row]), (end - int(table.start_time[row])) // step)
                    yield from ((row, place) for place in range(low, high))


StoredRow = dict[str, Any]
"""By array: its values at one step."""


class RowsToRebuild:
    """Chosen steps of some sequences, with their values in the data set, which are taken from blocks as they are read."""

    def __init__(self, dataset: Dataset, chosen: Mapping[int, Iterable[int]]) -> None:
        pairs = [(row, place) for row in sorted(chosen) for place in sorted(set(chosen[row]))]
        row, place = np.array(pairs, np.int64).reshape(-1, 2).T
        self._sample, self._step = np.divmod(place, dataset.segment_length)
        self._sample += dataset.sequences.first_sample[row]
        flagged = ("flagged",) if dataset.has_flagged else ()
        self._arrays = (*_ARRAYS, *flagged, *(_MISSED if dataset.has_missed else ()))
        self._stored: list[tuple[Step, str, StoredRow]] = []

    def take(self, block: StepBlock) -> None:
        """Take the values of the chosen steps in a block; blocks must ascend."""
        first, stop = np.searchsorted(self._sample, [block.samples[0], block.samples[-1] + 1])
        if first == stop:
            return
        counts = block.real.sum(axis=1)
        sample = np.searchsorted(block.samples, self._sample[first:stop])
        at = (np.cumsum(counts) - counts)[sample] + self._step[first:stop]
        arrays = {name: block.read(name)[at] for name in self._arrays}
        table = block.dataset.sequences
        for number, place in enumerate(at.tolist()):
            row = int(block.row[place])
            stored = {name: values[number] for name, values in arrays.items()}
            step = Step(
                str(table.series[row]), int(table.track[row]), int(block.times[place]), int(stored["origin"])
            )
            self._stored.append((step, block.label(place), stored))

    def __iter__(self) -> Iterator[tuple[Step, str, StoredRow]]:
        """Yield each step taken, its label for messages, and its values in the data set."""
        return iter(self._stored)


def check_columns(result: CheckResult, dataset: Dataset, tables: GroupTables) -> None:
    """Check that the settings request every column of X."""
    columns = expected_columns(tables)
    masks = {dataset.features[mask] for mask in dataset.feature_masks if mask >= 0}
    for name in dataset.features:
        if name not in columns and name not in masks:
            result.add_violation(f"{name}: no setting requests this feature; run the stage `pack` again")


def check_inputs(
    findings: Findings, dataset: Dataset, tables: GroupTables, rows: RowsToRebuild, held_out: HeldOutInputs
) -> None:
    """Rebuild rows of a group from the table rows that were known at the origin, and compare every kind of column of X, and
    Y, W, `known`, `published` and `issued`.
    """
    in_inputs, in_targets, in_published = (findings[name] for name in ("inputs", "targets", "published"))
    columns, stored_tables = expected_columns(tables), replace(tables, as_stored=True)
    unusable = {target: UnusableTargets(tables, target) for target in dataset.targets}
    for step, label, stored in rows:
        for result in (in_inputs, in_targets, in_published):
            result.count_checked()
        for column, name in enumerate(dataset.features):
            if name in columns:
                mask, expected = int(dataset.feature_masks[column]), columns[name](step)
                is_masked = mask >= 0 and bool(stored["X"][mask] != 0)
                if expected.known is not None:
                    in_inputs.note_margin(step.origin - expected.known)
                held_out.check(findings["targets_as_inputs"], step, f"{label}: {name}", expected)
                faults = faults_of_input(expected, float(stored["X"][column]), is_masked=is_masked)
                in_inputs.add_violations(faults, f"{label}: {name} is ")
        in_targets.add_violations(_faults_of_targets(dataset, stored_tables, step, stored), f"{label}: ")
        in_targets.add_violations(_faults_of_unusable(dataset, unusable, step, stored), f"{label}: ")
        in_published.add_violations(
            _faults_of_published(dataset, stored_tables, tables, step, stored), f"{label}: "
        )


def faults_of_input(expected: KnownValue, stored: float, *, is_masked: bool) -> Iterator[str]:
    """Yield what is wrong with a value of X."""
    if expected.is_missing:
        if stored != 0 or not is_masked:
            yield f"{stored!r}, but no value was known at the origin"
    elif is_masked or not is_equal(stored, expected.value, expected.size):
        words = "marked as missing" if is_masked else repr(stored)
        yield f"{words}, but the value known at the origin was {expected.value!r}"


def _faults_of_targets(dataset: Dataset, tables: GroupTables, step: Step, stored: StoredRow) -> Iterator[str]:
    for column, target in enumerate(dataset.targets):
        expected = tables.realized(target, step.series, step.time, TIME_MAX)
        value, weight, known = (stored[name][column].item() for name in ("Y", "W", "known"))
        due = (0.0, False, TIME_MAX) if expected.known is None else (expected.value, True, expected.known)
        if not (is_equal(value, due[0]) and (weight > 0) == due[1] and known == due[2]):
            yield (
                f"{target} is {value!r} (W {weight}, known {known}); the tables give {due[0]!r} (known {due[2]})"
            )
        if dataset.has_flagged:
            found = int(stored["flagged"][column]) & TARGET_FLAGGED
            flag = int(tables.is_flagged(target, step.series, step.time))
            if found != flag:
                yield f"{target} has the flag {found}, but the limits in the settings give {flag}"


def _faults_of_unusable(
    dataset: Dataset, unusable: Mapping[str, UnusableTargets], step: Step, stored: StoredRow
) -> Iterator[str]:
    for column, target in enumerate(dataset.targets):
        due = unusable[target].holds(step.series, step.time)
        found = dataset.has_flagged and int(stored["flagged"][column]) & TARGET_UNUSABLE > 0
        if found != due:
            words = ("usable", "unusable")
            yield f"{target} is stored as {words[found]}, but by align.usable and the tables it is {words[due]}"


def is_equal(stored: float, due: float, size: float = 0.0) -> bool:
    """Return whether a stored value is the due one, up to rounding; `size` as in KnownValue."""
    return abs(stored - due) <= TOLERANCE * max(abs(stored), abs(due)) + _ROUNDING * size


def _faults_of_published(
    dataset: Dataset, as_stored: GroupTables, tables: GroupTables, step: Step, stored: StoredRow
) -> Iterator[str]:
    """Compare the published forecast (as it was published, flagged or not), and the issue time of each source's vintage, with what was known at the origin."""
    for column, target in enumerate(dataset.targets):
        due, value = published_value(as_stored, target, step).value, float(stored["published"][column])
        if not (is_equal(value, due) or (math.isnan(value) and math.isnan(due))):
            yield f"the published forecast of {target} is {value!r}, but the value known at the origin was {due!r}"
        if dataset.has_flagged:
            found = int(stored["flagged"][column]) & PUBLISHED_FLAGGED > 0
            flag = not (math.isnan(due) or is_equal(due, published_value(tables, target, step).value))
            if found != flag:
                yield (
                    f"the published forecast of {target} has the flag {found:d}, but the limits in the settings give {flag:d}"
                )
    for column, source in enumerate(dataset.sources):
        times = int(stored["issued"][column]), _issue(tables, source, step)
        if times[0] != times[1]:
            words = [time_text(time) if time != TIME_MIN else "none" for time in times]
            yield (
                f"the issue time of the vintage of {source} is {words[0]}, but the newest vintage known at the origin has "
                f"{words[1]}"
            )


class HeldOutInputs:
    """If the policy splits time, checks whether a realized value in a training row's input is a held-out target."""

    def __init__(self, dataset: Dataset, params: Params) -> None:
        expectation = EXPECTATIONS[params.split.policy]
        self._is_of_time, self._frequency = expectation.is_of_time, dataset.frequency
        # windows of training begin up to `lookback` rows before scored rows; with `needs_reach`, held-out rows may lie there
        back = (params.train.lookback - 1) * dataset.frequency if expectation.needs_reach else 0
        self._trained = [(start - back, stop) for start, stop in dataset.split("train").spans]
        self._held_out = [span for name in ("validation", "test") for span in dataset.split(name).spans]

    def check(self, result: CheckResult, step: Step, label: str, value: KnownValue) -> None:
        """Add a violation if the values used by an input (`label`: its row and name) are held out."""
        if value.steps is None or not self._is_of_time:
            return
        if not any(start <= step.time < stop for start, stop in self._trained):
            return
        result.count_checked()
        first, last = value.steps
        for start, stop in self._held_out:
            if first < stop and last + self._frequency > start:
                result.add_violation(
                    f"{label} uses values measured from {time_text(first)} on, but [{time_text(start)}, {time_text(stop)}) is "
                    "held out: set a longer split.distance"
                )


def published_value(tables: GroupTables, target: str, step: Step) -> KnownValue:
    """Return the published forecast of a target as known at the origin of a step."""
    published = tables.params.align.published.get(target)
    if published is None:
        return NO_VALUE
    sources, value = sources_and_value(tables.params, "forecast", published)
    return tables.forecast(sources, value, step.series, step.time, step.origin)


def _issue(tables: GroupTables, source: str, step: Step) -> int:
    settings = tables.params.raw.sources[source]
    value = next((part for name in settings.values for part in column_names(settings, name)), None)
    if value is None:
        return TIME_MIN
    vintage = tables.vintage(source, value, step.series, step.time, step.origin)
    return TIME_MIN if vintage.issue is None else vintage.issue
