"""Converts wall time to UTC, including the hour that occurs twice in autumn and the hour that is skipped in spring."""

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
    """UTC timestamps in ns: for a wall time that occurs twice, `utc` is the first occurrence and `later` the second.

    `ambiguous` marks the rows that are resolved by the order of rows (`ambiguous: in_order` or `in_reverse_order`);
    `rule` is GOOD or the reason why a timestamp cannot be used.
    """

    utc: Times
    later: Times
    ambiguous: Flags
    rule: Rules

    @classmethod
    def unambiguous(cls, utc: Times) -> UtcStamps:
        """Return timestamps without faults."""
        return cls(utc, utc, np.zeros(len(utc), np.bool_), np.full(len(utc), GOOD, np.uint8))

    def shifted(self, ns: int | Ints) -> UtcStamps:
        """Return the timestamps moved by `ns` nanoseconds of elapsed time."""
        return replace(self, utc=self.utc + ns, later=self.later + ns)


def localize(parsed: ParsedStamps, zone: str, field: StampField, *, are_dates: bool = False) -> UtcStamps:
    """Apply the zone and the field's rules; timestamps with an offset are UTC already.

    With `are_dates`, a midnight stands for its date: it is the first moment of that day even if clocks show it twice or
    skip it.
    """
    stamps = UtcStamps.unambiguous(parsed.wall)
    if zone == "UTC" or parsed.exact.all():
        return stamps
    rule, ambiguous = stamps.rule, stamps.ambiguous
    first, later, count = find_occurrences(parsed.wall, zone)
    local = parsed.ok & ~parsed.exact
    if are_dates:
        start = utc_of(parsed.wall, zone)
        exists = wall_of(start, zone) // DAY == parsed.wall // DAY  # Samoa had no 30 December 2011
        is_date = (parsed.wall % DAY == 0) & exists
        local &= ~is_date
        first, later = np.where(is_date, start, first), np.where(is_date, start, later)
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
    """Return the starts of numbered steps of local days (`parsed`); steps after the end of their day do not exist."""
    start = np.where(parsed.exact, parsed.wall, utc_of(parsed.wall, zone))
    end = np.where(parsed.exact, parsed.wall + DAY, utc_of(parsed.wall + DAY, zone))
    utc = start + (number - period.first) * period.length.ns
    beyond = parsed.ok & (number >= period.first) & (utc >= end)
    rule = np.where(beyond, np.uint8(_nonexistent_rule(field)), np.uint8(GOOD))
    return replace(UtcStamps.unambiguous(utc), rule=rule)


def shift_days(parsed: ParsedStamps, days: int, zone: str) -> ParsedStamps:
    """Return the timestamps moved by a number of local days."""
    wall = parsed.wall + days * DAY
    if parsed.exact.any():
        wall = np.where(parsed.exact, utc_of(wall_of(parsed.wall, zone) + days * DAY, zone), wall)
    return replace(parsed, wall=wall)


def latest_utc(parsed: ParsedStamps, zone: str) -> Times:
    """Return publication times in UTC: the later one if ambiguous, so that nothing counts as known too early."""
    if zone == "UTC" or parsed.exact.all():
        return parsed.wall
    _, later, _ = find_occurrences(parsed.wall, zone)
    return np.where(parsed.exact, parsed.wall, later)


def find_occurrences(wall: Times, zone: str) -> tuple[Times, Times, Times]:
    """Return the first and last UTC time at which clocks of `zone` show each wall time, and how often they show it.

    The count is 0, 1 or 2.  If it is 0, both times use the offset before the clock change.
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
