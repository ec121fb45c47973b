"""The regular steps of a group, and how the raw timestamps of one source fall into them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.settings.base import DAY, SECOND
from hindcast.pipeline.settings.clock import utc_of, wall_of


@dataclass(frozen=True)
class StampGrid:
    """Steps start at the multiples of `frequency` since 1970, plus `offset`; all in ns.

    Timestamps are on the grid at the multiples of `pitch` plus `offset`. One within `rounding` of such a time counts as that
    time. `keeps` is whether other timestamps off the grid are used in the step that contains them.

    With `zone`, steps are whole days of its calendar. The label of a step is the wall timestamp at which it starts, read as
    UTC: 00:00 UTC of its first local date, plus `offset`. It lasts until the clocks first show the label of the next step, so
    the day of a clock change has 23 or 25 hours. Without `zone`, labels are times.
    """

    frequency: int
    offset: int = 0
    spacing: int | None = None  # the declared distance of timestamps
    rounding: int = 0
    keeps: bool = False
    zone: str | None = None

    @property
    def pitch(self) -> int:
        """The distance of timestamps on the grid: `spacing` if it divides a step, else one step."""
        return self.spacing if self.spacing and self.frequency % self.spacing == 0 else self.frequency

    def labels(self, times: Times) -> Times:
        """Convert times (UTC) to the time that labels count in: wall timestamps of the zone, if there is one."""
        return times if self.zone is None else wall_of(times, self.zone)

    def instants(self, labels: Times) -> Times:
        """Return when the clocks first show each label, the inverse of `labels`; of a skipped time, when they have passed it."""
        return labels if self.zone is None else utc_of(labels, self.zone)

    def spread(self, times: Times) -> Times:
        """Convert times to labels in ns by stretching days of 23 or 25 hours to 24: this keeps their order."""
        day = np.floor_divide(self.labels(times), DAY) * DAY
        begin = self.instants(day)
        length = self.instants(day + DAY) - begin
        share = (times - begin) // SECOND * (DAY // SECOND) // np.maximum(length // SECOND, 1)
        spread: Times = day + share * SECOND
        return spread

    def start_of(self, times: Times) -> Times:
        """Return the label of the step that contains each time."""
        label = (
            np.floor_divide(self.labels(times) - self.offset, self.frequency) * self.frequency + self.offset
        )
        if self.zone is None:
            return label
        # clocks that go back over midnight show the end of a day again after the next day has begun
        later: Times = label + self.frequency * (times >= self.instants(label + self.frequency))
        return later

    def is_on(self, stamps: Times) -> Flags:
        """Return whether each timestamp is on the grid."""
        flags: Flags = (self.labels(stamps) - self.offset) % self.pitch == 0
        return flags

    def settle(self, stamps: Times) -> Times:
        """Return the time as which each timestamp counts: a time on the grid within `rounding`, else the timestamp itself."""
        if not self.rounding:
            return stamps
        past = (self.labels(stamps) - self.offset) % self.pitch
        later = np.where(self.pitch - past <= self.rounding, stamps + self.pitch - past, stamps)
        return np.where(past <= self.rounding, stamps - past, later)

    def ends(self, stamps: Times) -> Times:
        """Return when the step of each timestamp ends; for a rounded or kept one, at least one pitch after the timestamp."""
        counted = self.settle(stamps)
        end = self.instants(self.start_of(counted) + self.frequency)
        return np.where(self._moves(stamps, counted), np.maximum(end, stamps + self.pitch), end)

    def starts(self, stamps: Times) -> Times:
        """Return when the step of each timestamp starts, plus the time by which rounding or flooring moved the timestamp back."""
        counted = self.settle(stamps)
        start = self.instants(self.start_of(counted))
        on_grid = np.where(self.is_on(counted), counted, start)
        return np.where(self._moves(stamps, counted), start + np.maximum(stamps - on_grid, 0), start)

    def elapsed(self, stamps: Times, lengths: Times) -> Times:
        """Return how long intervals of `lengths` (ns) that begin at timestamps last: whole days as local days, others exactly."""
        if self.zone is None:
            return lengths
        return np.where(lengths % DAY == 0, self.instants(self.labels(stamps) + lengths) - stamps, lengths)

    def apart(self, earlier: Times, later: Times) -> Times:
        """Return how far apart two times are in ns: whole local days as days of 24 hours, others in elapsed time."""
        if self.zone is None:
            return later - earlier
        shown = self.labels(later) - self.labels(earlier)
        return np.where((shown > 0) & (shown % DAY == 0), shown, later - earlier)

    def lengths(self, stamps: Times) -> Times | int:
        """Return how long the step of each timestamp lasts in ns: the frequency, except for days of a clock change."""
        if self.zone is None:
            return self.frequency
        label = self.start_of(stamps)
        return self.instants(label + self.frequency) - self.instants(label)

    def _moves(self, stamps: Times, counted: Times) -> Flags:
        """Return whether each timestamp was rounded, or is used off the grid because the settings keep it."""
        moved: Flags = stamps != counted
        return moved | ~self.is_on(counted) if self.keeps else moved
