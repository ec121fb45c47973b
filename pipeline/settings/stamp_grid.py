"""The regular steps of a group, and how the raw timestamps of one source fall into them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Times


@dataclass(frozen=True)
class StampGrid:
    """Steps start at the multiples of `frequency` since 1970, plus `offset`; all in ns.

    Timestamps are on the grid at the multiples of `pitch` plus `offset`. One within `rounding` of such a time counts as that
    time. `keeps` is whether other timestamps off the grid are used in the step that contains them.
    """

    frequency: int
    offset: int = 0
    spacing: int | None = None  # the declared distance of timestamps
    rounding: int = 0
    keeps: bool = False

    @property
    def pitch(self) -> int:
        """The distance of timestamps on the grid: `spacing` if it divides a step, else one step."""
        return self.spacing if self.spacing and self.frequency % self.spacing == 0 else self.frequency

    def start_of(self, times: Times) -> Times:
        """Return the start of the step that contains each time."""
        return np.floor_divide(times - self.offset, self.frequency) * self.frequency + self.offset

    def is_on(self, stamps: Times) -> Flags:
        """Return whether each timestamp is on the grid."""
        flags: Flags = (stamps - self.offset) % self.pitch == 0
        return flags

    def settle(self, stamps: Times) -> Times:
        """Return the time as which each timestamp counts: a time on the grid within `rounding`, else the timestamp itself."""
        if not self.rounding:
            return stamps
        past = (stamps - self.offset) % self.pitch
        later = np.where(self.pitch - past <= self.rounding, stamps + self.pitch - past, stamps)
        return np.where(past <= self.rounding, stamps - past, later)

    def ends(self, stamps: Times) -> Times:
        """Return when the step of each timestamp ends; for a rounded or kept one, at least one pitch after the timestamp."""
        counted = self.settle(stamps)
        end = self.start_of(counted) + self.frequency
        return np.where(self._moves(stamps, counted), np.maximum(end, stamps + self.pitch), end)

    def starts(self, stamps: Times) -> Times:
        """Return when the step of each timestamp starts, plus the time by which rounding or flooring moved the timestamp back."""
        counted = self.settle(stamps)
        start = self.start_of(counted)
        on_grid = np.where(self.is_on(counted), counted, start)
        return np.where(self._moves(stamps, counted), start + np.maximum(stamps - on_grid, 0), start)

    def _moves(self, stamps: Times, counted: Times) -> Flags:
        """Return whether each timestamp was rounded, or is used off the grid because the settings keep it."""
        moved: Flags = stamps != counted
        return moved | ~self.is_on(counted) if self.keeps else moved
