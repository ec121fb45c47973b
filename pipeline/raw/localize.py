"""From wall time to UTC, with the hour that occurs twice in autumn and the one that spring skips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.raw.reject_rules import AMBIGUOUS, GOOD, NONEXISTENT, NONEXISTENT_DROPPED, Rules
from hindcast.pipeline.raw.timestamps import ParsedStamps
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import utc_of, wall_of
from hindcast.pipeline.settings.fields import LaterField, PeriodField, StampField


@dataclass(frozen=True)
class UtcStamps:
    """UTC stamps in ns: `utc` is the first occurrence of a wall time that occurs twice, `later` the second one.

    `ambiguous` marks the rows for which the order of rows decides (`ambiguous: in_order` or `in_reverse_order`);
    `rule` is GOOD or the reason why a stamp cannot be used.
    """

    utc: Times
    later: Times
    ambiguous: Flags
    rule: Rules

    @classmethod
    def unambiguous(cls, utc: Times) -> UtcStamps:
        """Stamps without faults."""
        return cls(utc, utc, np.zeros(len(utc), np.bool_), np.full(len(utc), GOOD, np.uint8))


def localize(parsed: ParsedStamps, zone: str, field: StampField) -> UtcStamps:
    """Apply the zone and the field's rules; stamps with an offset are UTC already."""
    stamps = UtcStamps.unambiguous(parsed.wall)
    if zone == "UTC" or parsed.exact.all():
        return stamps
    rule, ambiguous = stamps.rule, stamps.ambiguous
    first, later, count = find_occurrences(parsed.wall, zone)
    local = parsed.ok & ~parsed.exact
    absent, twice = local & (count == 0), local & (count == 2)
    rule[absent] = _nonexistent_rule(field)
    if field.ambiguous == "quarantine":
        rule[twice] = AMBIGUOUS
    elif field.goes_by_order:
        ambiguous = twice
    if isinstance(field.ambiguous, LaterField):
        assert parsed.is_later is not None  # the layout has the column
        first = np.where(parsed.is_later, later, first)
    utc = later if field.ambiguous == "later" else first
    return UtcStamps(
        np.where(parsed.exact, parsed.wall, utc), np.where(parsed.exact, parsed.wall, later), ambiguous, rule
    )


def number_steps(
    parsed: ParsedStamps, number: Ints, zone: str, field: StampField, period: PeriodField
) -> UtcStamps:
    """The starts of numbered steps of local days; `parsed` holds the days. Steps after the end of their day do not exist."""
    start = np.where(parsed.exact, parsed.wall, utc_of(parsed.wall, zone))
    end = np.where(parsed.exact, parsed.wall + DAY, utc_of(parsed.wall + DAY, zone))
    utc = start + (number - period.first) * period.length.ns
    beyond = parsed.ok & (number >= period.first) & (utc >= end)
    rule = np.where(beyond, np.uint8(_nonexistent_rule(field)), np.uint8(GOOD))
    return replace(UtcStamps.unambiguous(utc), rule=rule)


def latest_utc(parsed: ParsedStamps, zone: str) -> Times:
    """UTC stamps of publication: the later one where ambiguous, so that nothing counts as known too early."""
    if zone == "UTC" or parsed.exact.all():
        return parsed.wall
    _, later, _ = find_occurrences(parsed.wall, zone)
    return np.where(parsed.exact, parsed.wall, later)


def find_occurrences(wall: Times, zone: str) -> tuple[Times, Times, Times]:
    """First and last UTC stamp at which clocks of `zone` show each wall time, and how often they do (0, 1 or 2).

    Where they never do, both stamps are the wall time with the offset before the clock change.
    """
    early = wall - (wall_of(wall - DAY, zone) - (wall - DAY))  # the offset of the day before
    late = wall - (wall_of(wall + DAY, zone) - (wall + DAY))
    early_holds, late_holds = wall_of(early, zone) == wall, wall_of(late, zone) == wall
    first = np.where(early_holds | ~late_holds, early, late)
    last = np.where(late_holds, late, early)
    count = early_holds.astype(np.int64) + (late_holds & (early != late))
    return first, last, count


def _nonexistent_rule(field: StampField) -> int:
    return NONEXISTENT_DROPPED if field.nonexistent == "drop" else NONEXISTENT
