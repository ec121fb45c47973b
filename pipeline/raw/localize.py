"""Wall stamps -> UTC, with the hour that stands twice in autumn and the one that never was in spring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.raw.reject_rules import AMBIGUOUS, GOOD, NONEXISTENT, NONEXISTENT_DROPPED, Rules
from hindcast.pipeline.raw.timestamps import Flags, Parsed
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import Stamps, utc_of, wall_of
from hindcast.pipeline.settings.fields import LaterField, PeriodField, StampField


@dataclass(frozen=True)
class Localised:
    """UTC stamps: `utc` (the first occurrence where a wall time comes twice), `second` its other occurrence.

    `doubled` marks the rows whose occurrence the order of rows decides (`ambiguous: in_order` or
    `in_reverse_order`);
    `rule` is GOOD or says why a stamp cannot be used.
    """

    utc: Stamps
    second: Stamps
    doubled: Flags
    rule: Rules


def localise(parsed: Parsed, zone: str, field: StampField, later: Flags | None = None) -> Localised:
    """Apply the zone and the field's rules; stamps that carry their offset are UTC already.

    `later` says of each row whether it is the later one of a doubled wall time, where a column tells it.
    """
    rule = np.full(len(parsed.wall), GOOD, np.uint8)
    doubled = np.zeros(len(rule), np.bool_)
    if zone == "UTC" or parsed.exact.all():
        return Localised(parsed.wall, parsed.wall, doubled, rule)
    first, second, count = occurrences(parsed.wall, zone)
    local = parsed.ok & ~parsed.exact
    absent, twice = local & (count == 0), local & (count == 2)
    rule[absent] = _absent(field)
    if field.ambiguous == "quarantine":
        rule[twice] = AMBIGUOUS
    elif field.goes_by_order:
        doubled = twice
    if isinstance(field.ambiguous, LaterField):
        assert later is not None  # the layout has the column
        first = np.where(later, second, first)
    utc = second if field.ambiguous == "later" else first
    return Localised(
        np.where(parsed.exact, parsed.wall, utc), np.where(parsed.exact, parsed.wall, second), doubled, rule
    )


def count_on(
    parsed: Parsed, number: NDArray[np.int64], zone: str, field: StampField, period: PeriodField
) -> Localised:
    """The starts of numbered steps of the local days that stamps begin; a step beyond the day's end never was."""
    start = np.where(parsed.exact, parsed.wall, utc_of(parsed.wall, zone))
    end = np.where(parsed.exact, parsed.wall + DAY, utc_of(parsed.wall + DAY, zone))
    utc = start + (number - period.first) * period.length.ns
    beyond = parsed.ok & (number >= period.first) & (utc >= end)
    rule = np.where(beyond, np.uint8(_absent(field)), np.uint8(GOOD))
    return Localised(utc, utc, np.zeros(len(utc), np.bool_), rule)


def _absent(field: StampField) -> int:
    return NONEXISTENT_DROPPED if field.nonexistent == "drop" else NONEXISTENT


def latest(parsed: Parsed, zone: str) -> Stamps:
    """UTC stamps for moments of publication: in doubt the later one, so that nothing counts as known too early."""
    if zone == "UTC" or parsed.exact.all():
        return parsed.wall
    _, second, _ = occurrences(parsed.wall, zone)
    return np.where(parsed.exact, parsed.wall, second)


def occurrences(wall: Stamps, zone: str) -> tuple[Stamps, Stamps, Stamps]:
    """First and last UTC stamp at which clocks of `zone` show each wall time, and how often they do (0, 1, 2).

    Where they never do, both stamps are the wall time read with the offset before the jump: as much after
    the jump as the wall time is after the last one shown.
    """
    early = wall - (wall_of(wall - DAY, zone) - (wall - DAY))  # the offset of the day before
    late = wall - (wall_of(wall + DAY, zone) - (wall + DAY))
    early_holds, late_holds = wall_of(early, zone) == wall, wall_of(late, zone) == wall
    first = np.where(early_holds | ~late_holds, early, late)
    second = np.where(late_holds, late, early)
    count = early_holds.astype(np.int64) + (late_holds & (early != late))
    return first, second, count
