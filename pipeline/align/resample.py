"""Aggregate the raw timestamps of a step to one value, by the rule of each value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import Versions, newest_known
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.fields import Resample
from hindcast.pipeline.settings.stamp_grid import StampGrid

_ROUNDING = 1e-9  # tolerance of the comparison of counts: shares such as 0.7 are not exact in binary

_FOLD: dict[str, Callable[[Floats, Floats], Floats]] = {
    "mean": lambda so_far, value: so_far + np.where(np.isnan(value), 0.0, value),
    "sum": lambda so_far, value: so_far + np.where(np.isnan(value), 0.0, value),
    "last": lambda so_far, value: np.where(np.isnan(value), so_far, value),
    "min": np.fmin,
    "max": np.fmax,
}


@dataclass(frozen=True)
class Resampling:
    """How the raw timestamps of a step are aggregated: a rule per value, and the steps.

    A step has a value only if the share `least` of its raw timestamps has one. `spacing` (ns) is the distance of
    timestamps if it is fixed.
    """

    rules: tuple[Resample, ...]
    steps: StampGrid
    least: float
    max_age: int | None = None
    spacing: int | None = None

    @property
    def holds_one(self) -> bool:
        """Whether one timestamp makes a step complete."""
        return self.spacing is None or self.spacing >= self.steps.frequency


def resample_known(
    rows: Versions, slots: Ints, origins: Times, how: Resampling, older: int = 0
) -> tuple[Floats, Times]:
    """Return the values (n, V) of the steps at `slots` as known at `origins`, and the newest issue time used (n,).

    `older` is the number of issue times by which the version used of each timestamp is older than its newest one.

    The value of a step with one raw timestamp is returned unchanged. If a step has several, the timestamps known at the
    origin are aggregated by the rules in the order of time. The number of timestamps expected is computed from
    `how.spacing`, or else from their mean distance; a value present in less than `how.least` of them is missing. A sum
    counts a missing timestamp as the mean of the others. Returns NaN and NOT_ISSUED if nothing is known.
    """
    if rows.stamps_at_most <= 1 and how.holds_one:
        taken = newest_known(rows, slots, origins, 0, how.max_age, older)
        return _gather(rows, taken), _issued(rows, taken)
    fold = _Fold(len(slots), how.rules)
    issued = np.full(len(slots), NOT_ISSUED, np.int64)
    for nth in range(rows.stamps_at_most):
        taken = newest_known(rows, slots, origins, nth, how.max_age, older)
        fold.add(_gather(rows, taken), rows.valid, taken)
        issued = np.maximum(issued, _issued(rows, taken))
    return fold.result(how), issued


class _Fold:
    """Aggregate the timestamps of many steps, one timestamp of each step at a time."""

    def __init__(self, steps: int, rules: Sequence[str]) -> None:
        self.by_rule = {
            rule: [at for at, of_value in enumerate(rules) if of_value == rule]
            for rule in dict.fromkeys(rules)
        }
        start = [0.0 if rule in ("mean", "sum") else np.nan for rule in rules]
        self.folded: Floats = np.tile(np.array(start, np.float64), (steps, 1))
        self.count = np.zeros((steps, len(rules)), np.int64)
        self.stamps = np.zeros(steps, np.int64)
        self.first = np.zeros(steps, np.int64)
        self.last = np.zeros(steps, np.int64)

    def add(self, values: Floats, valid: Times, taken: Ints) -> None:
        for rule, at in self.by_rule.items():
            self.folded[:, at] = _FOLD[rule](self.folded[:, at], values[:, at])
        self.count += ~np.isnan(values)
        here = taken >= 0
        stamp = valid.take(taken, mode="clip") if len(valid) else self.last
        self.first = np.where(here & (self.stamps == 0), stamp, self.first)
        self.last = np.where(here, stamp, self.last)
        self.stamps += here

    def result(self, how: Resampling) -> Floats:
        enough = (self.count > 0) & (self.count >= (how.least * self._expected(how) - _ROUNDING)[:, None])
        count = np.maximum(self.count, 1)
        if mean := self.by_rule.get("mean"):
            self.folded[:, mean] /= count[:, mean]
        if total := self.by_rule.get("sum"):
            self.folded[:, total] *= self._stamps_of_sum(how)[:, None] / count[:, total]
        return np.where(enough, self.folded, np.nan)

    def _expected(self, how: Resampling) -> Floats:
        """Return the number of timestamps expected per step: its length over their mean distance, 0 if there is only one."""
        steps = how.steps
        if steps.zone:
            return self._expected_in_days(how)
        if not how.holds_one and how.spacing:
            return np.full(len(self.stamps), steps.frequency / how.spacing)
        span = np.maximum(self.last - self.first, 1)
        expected: Floats = steps.frequency * np.maximum(self.stamps - 1, 0) / span
        return expected

    def _expected_in_days(self, how: Resampling) -> Floats:
        """Return the same for steps of local days: timestamps may be regular in elapsed time or on the local clock."""
        steps, distances = how.steps, np.maximum(self.stamps - 1, 0)
        lengths = steps.lengths(self.first)
        if not how.holds_one and how.spacing:
            declared: Floats = np.rint(lengths / how.spacing)
            return declared
        elapsed = lengths * distances / np.maximum(self.last - self.first, 1)
        shown = np.maximum(steps.labels(self.last) - steps.labels(self.first), 1)
        expected: Floats = np.minimum(elapsed, steps.frequency * distances / shown)
        return expected

    def _stamps_of_sum(self, how: Resampling) -> Floats:
        """Return the number of timestamps to which a sum is scaled."""
        stamps = np.maximum(self.stamps, 1).astype(np.float64)
        return stamps if how.holds_one else np.maximum(stamps, self._expected(how))


def _gather(rows: Versions, taken: Ints) -> Floats:
    if not len(rows.values):
        return np.full((len(taken), rows.values.shape[1]), np.nan)
    values = rows.values.take(taken, axis=0, mode="clip")
    none = taken < 0
    if none.any():
        values[none] = np.nan
    return values


def _issued(rows: Versions, taken: Ints) -> Ints:
    if not len(rows.issue):
        return np.full(len(taken), NOT_ISSUED, np.int64)
    return np.where(taken >= 0, rows.issue.take(taken, mode="clip"), NOT_ISSUED)
